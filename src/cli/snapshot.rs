//! `bpctl snapshot`.

use std::path::PathBuf;

use bpctl_core::blueprint::ClusterSource;
use clap::Args;

use super::{CommandError, EnvironmentArgs, Global, Output, session};
use crate::pipeline::{PipelineError, connect_cluster, plan, snapshot, work_tree, workspace_on_base};
use crate::runtime::{self, Exit};

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The folder to write
    folder: PathBuf,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Record this kubeconfig context instead of the environment's cluster
    #[arg(long, value_name = "NAME", env = "BPCTL_CONTEXT")]
    context: Option<String>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &SnapshotArgs, output: &Output) -> Result<Exit, CommandError> {
    let session = session(global).await?;
    let repository = &session.repository;
    let mut tree = work_tree(repository)?;
    let catalog = &tree.catalog;
    let environment = plan::choose_environment(&catalog.workspace.value, args.environment.environment.as_deref())?;
    // Where clusters and Prometheus are decides whom credentials are shown to: base says that, or who calls, never a proposal (T3).
    let base = workspace_on_base(repository, &session.forge.reading().base_tip().await.map_err(PipelineError::from)?)?;
    let mut place = plan::base_place(base.get(), &environment)?.clone();
    // What belongs to a workload is read off its manifests, rendered ones too.
    tree.render(std::slice::from_ref(&environment)).await;
    if let Some(context) = &args.context {
        place.cluster = ClusterSource { context: Some(context.clone()), ..ClusterSource::default() };
    }
    let cluster = connect_cluster(&place, repository.work_tree()).await?;
    let recorded = snapshot::take(&tree.catalog, &environment, &place, &cluster, &args.folder, runtime::now()).await?;
    output.data(&format!("recorded {} into {}", recorded.namespaces.join(", "), args.folder.display()));
    for missing in &recorded.missing {
        output.talk(&format!("warning: not recorded, and unknown to whoever plans on it: {missing}"));
    }
    Ok(Exit::Fine)
}
