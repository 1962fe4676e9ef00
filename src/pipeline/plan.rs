//! `plan`: what differs, judged. Reads only; read-only credentials suffice.

use bpctl_core::blueprint::{Catalog, Environment, Workspace};
use bpctl_core::model::{Name, Proposed, Trusted};
use bpctl_core::plan::{Plan, PlanInput, build};

use super::{ClusterEdge, PipelineError, Session, Tree, connect_cluster, observe, tree};

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
    catalog.workspace.value.environments.get(environment).ok_or_else(|| {
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
    let (tree, desired) = tree::desired_tree(&session.repository)?;
    whole(&tree.catalog)?;
    let environment = choose_environment(&tree.catalog.workspace.value, named)?;
    let tip = session.forge.reading().base_tip().await?;
    let rules = tree::rules_beside(&session.repository, &tip, &tree, desired.commit())?;
    whole(rules.get())?;
    // Where clusters and Prometheus are decides whom credentials are shown to: base says that, never a proposal.
    let place = place(rules.get(), &environment)?;
    let cluster = connect_cluster(place, session.repository.work_tree()).await?;
    let plan = plan_against(&rules, &desired, &environment, &cluster, session).await?;
    Ok(Planned { plan, tree })
}

/// Plans a desired state by these rules.
pub async fn plan_against(
    rules: &Trusted<Catalog>,
    desired: &Proposed<Catalog>,
    environment: &Name,
    cluster: &ClusterEdge,
    session: &Session,
) -> Result<Plan, PipelineError> {
    let place = place(rules.get(), environment)?;
    let observed = observe(environment, place, &[desired.get()], cluster, session.forge.reading()).await?;
    Ok(build(&PlanInput { rules, desired, environment, observation: &observed.observation }))
}
