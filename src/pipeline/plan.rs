//! `plan`: what differs, judged. Reads only; read-only credentials suffice.

use std::sync::Arc;

use bpctl_core::blueprint::{Catalog, Environment, Workspace};
use bpctl_core::model::Name;
use bpctl_core::plan::{Plan, PlanInput, build};

use super::observe::{Look, observe_on};
use super::{PipelineError, Session, Tree, connect_cluster, tree};

/// A plan and what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The tree that was planned.
    pub tree: Tree,
}

/// The environment of this name, of a workspace; the only one, where none is named.
pub fn choose_environment(workspace: &Workspace, named: Option<&str>) -> Result<Name, PipelineError> {
    let environments = &workspace.environments;
    let names = || environments.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
    match named.filter(|text| !text.is_empty()) {
        Some(text) => environments.keys().find(|name| name.as_str() == text).cloned().ok_or_else(|| {
            PipelineError::told(format!("bpctl.yaml has no environment {text:?}"), format!("it has: {}", names()))
        }),
        None if environments.len() == 1 => environments
            .keys()
            .next()
            .cloned()
            .ok_or_else(|| PipelineError::told("bpctl.yaml has no environments", "add one under `environments:`")),
        None if environments.is_empty() => {
            Err(PipelineError::told("bpctl.yaml has no environments", "add one under `environments:`"))
        }
        None => Err(PipelineError::told("which environment?", format!("--env NAME, one of: {}", names()))),
    }
}

/// The place of an environment.
pub fn place<'c>(catalog: &'c Catalog, environment: &Name) -> Result<&'c Environment, PipelineError> {
    base_place(&catalog.workspace.value, environment)
}

fn base_place<'w>(workspace: &'w Workspace, environment: &Name) -> Result<&'w Environment, PipelineError> {
    workspace.environments.get(environment).ok_or_else(|| {
        PipelineError::told(
            format!("the base branch's bpctl.yaml has no environment {environment}"),
            "where clusters are is read from the base branch only: merge it there first",
        )
    })
}

/// Refuses a catalog with parts missing: a plan over half of the blueprints would be a lie.
pub fn whole(catalog: &Catalog) -> Result<(), PipelineError> {
    match catalog.diagnostics.first() {
        None => Ok(()),
        Some(first) => Err(PipelineError::Input(Box::new(first.clone()))),
    }
}

/// Plans the work tree.
pub async fn plan(session: &Session, named: Option<&str>) -> Result<Planned, PipelineError> {
    let repository = &session.repository;
    let half = tree::half_read(repository)?;
    let environment = choose_environment(half.workspace(), named)?;
    let forge = session.forge.reading();
    let tip = forge.base_tip().await?;
    // Where clusters and Prometheus are decides whom credentials are shown to: base says that, never a proposal.
    let base = tree::workspace_on_base(repository, &tip)?;
    let place = base_place(base.get(), &environment)?;
    let cluster = connect_cluster(place, repository.work_tree()).await.map(Arc::new);
    let look = cluster.as_ref().ok().map(|cluster| Look::begin(cluster, half.targets()));
    let (tree, desired) = tree::desired_tree(repository, half)?;
    whole(&tree.catalog)?;
    let rules = tree::rules_beside(repository, &tip, &tree, desired.commit())?;
    whole(rules.get())?;
    let observed = observe_on(&environment, place, &[desired.get()], &*cluster?, forge, look).await?;
    let input =
        PlanInput { rules: &rules, desired: &desired, environment: &environment, observation: &observed.observation };
    Ok(Planned { plan: build(&input), tree })
}
