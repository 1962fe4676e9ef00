//! `plan`: what differs, judged. Reads only; read-only credentials suffice.

use std::collections::BTreeSet;
use std::sync::Arc;

use bpctl_core::blueprint::lint::{Surroundings, lint};
use bpctl_core::blueprint::{Catalog, Environment, Workspace};
use bpctl_core::model::{Diagnostic, Name, Proposed, Severity, Trusted};
use bpctl_core::observe::Observation;
use bpctl_core::plan::{
    Causes, ConfigChanges, Plan, PlanInput, Scope, Selector, Shard, Target, as_called_now, touches,
};

use super::adopt::{self, AdoptRequest};
use super::observe::{Look, Observed, observe_on, try_exactly};
use super::{PipelineError, Session, Tree, connect_cluster, pulls, render, tree};
use crate::git::Repository;
use crate::runtime;

/// A plan and what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The tree that was planned.
    pub tree: Tree,
    /// Whether pauses and freezes were judged by a server's clock.
    pub server_clock: bool,
    /// What whoever asked may not expect, one sentence each.
    pub notes: Vec<String>,
    /// The errors that `lint` finds in the tree: a plan goes on over them, but not silently.
    pub faults: Vec<Diagnostic>,
    /// What it was made of: of ten thousand workloads it takes longer to free than to tell of the plan, and whoever ends with it need not.
    pub spent: Spent,
}

/// What a plan was made of.
#[derive(Debug)]
pub struct Spent {
    _observation: Observation,
    _rules: Trusted<Catalog>,
    _desired: Proposed<Catalog>,
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

/// The same of the base branch's workspace.
pub fn base_place<'w>(workspace: &'w Workspace, environment: &Name) -> Result<&'w Environment, PipelineError> {
    workspace.environments.get(environment).ok_or_else(|| {
        PipelineError::told(
            format!("the base branch's bpctl.yaml has no environment {environment}"),
            "where clusters are is read from the base branch only: merge it there first",
        )
    })
}

/// Refuses a catalog whose rules have parts missing: a plan by half of the rules would be a lie. A manifest that cannot be read is content:
/// what it may declare is unknown, and the rest is planned (R6).
pub fn whole(catalog: &Catalog) -> Result<(), PipelineError> {
    match catalog.diagnostics.first() {
        None => Ok(()),
        Some(first) => Err(PipelineError::Input(Box::new(first.clone()))),
    }
}

/// Which part of the desired state is planned, and against what.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// These blueprints only; empty: all.
    pub targets: Vec<Target>,
    /// Blueprints whose workload's manifest has these labels only.
    pub selector: Option<Selector>,
    /// Blueprints whose files differ from this commit's only: branch, tag or id.
    pub changed_since: Option<String>,
    /// One of several runs that share the work.
    pub shard: Option<Shard>,
    /// Also plan this commit's state against the same observation, to tell what the change causes: branch, tag or id.
    pub base: Option<String>,
    /// Ask the API server what it would store of what differs, by dry runs.
    pub exact: bool,
    /// What of the cluster would be taken into Git, instead of being brought back (X8).
    pub adopt: Vec<AdoptRequest>,
}

impl PlanOptions {
    /// As they were asked for; empty: all blueprints.
    fn asked(&self) -> Vec<String> {
        let mut asked: Vec<String> = self.targets.iter().map(|target| format!("--target {target}")).collect();
        asked.extend(self.selector.as_ref().map(|selector| format!("--selector {selector}")));
        asked.extend(self.changed_since.as_ref().map(|name| format!("--changed-since {name}")));
        asked.extend(self.shard.map(|shard| format!("--shard {shard}")));
        asked
    }

    /// The blueprints that are meant; `None`: all.
    fn select(
        &self,
        repository: &Repository,
        environment: &Name,
        tree: &Tree,
    ) -> Result<Option<(BTreeSet<Name>, Scope)>, PipelineError> {
        let asked = self.asked();
        if asked.is_empty() {
            return Ok(None);
        }
        let catalog = &tree.catalog;
        let is_none = |target: &&Target| !catalog.blueprints.keys().any(|name| target.matches(name));
        if let Some(unknown) = self.targets.iter().find(is_none) {
            let names: Vec<&str> = catalog.blueprints.keys().take(20).map(Name::as_str).collect();
            let hint = format!("it has: {}", names.join(", "));
            return Err(PipelineError::told(format!("there is no blueprint {unknown}"), hint));
        }
        let changed = match &self.changed_since {
            None => None,
            Some(name) => {
                let commit = tree::commit_of(repository, name)?;
                Some(repository.uncommitted_in(&tree.files, &commit, &tree.wanted)?)
            }
        };
        let mut names = BTreeSet::new();
        for (position, (name, blueprint)) in catalog.blueprints.iter().enumerate() {
            let target = self.targets.is_empty() || self.targets.iter().any(|target| target.matches(name));
            let labelled =
                self.selector.as_ref().is_none_or(|selector| selector.selects(catalog, environment, blueprint));
            let touched = changed
                .as_ref()
                .is_none_or(|paths| paths.iter().any(|path| touches(catalog, environment, blueprint, path)));
            if target && labelled && touched && self.shard.is_none_or(|shard| shard.holds(position)) {
                names.insert(name.clone());
            }
        }
        // A change may touch nothing and a shard may be empty; labels that nothing has are a slip of the pen.
        let labelled = |selector: &Selector| {
            catalog.blueprints.values().any(|blueprint| selector.selects(catalog, environment, blueprint))
        };
        if let Some(selector) = self.selector.as_ref().filter(|selector| !labelled(selector)) {
            return Err(PipelineError::told(
                format!("no blueprint's workload has the labels {selector}"),
                "labels of the workload's own manifest count (metadata.labels), not those of its pods",
            ));
        }
        Ok(Some((names, Scope { asked, of: catalog.blueprints.len() })))
    }
}

/// Plans the work tree.
pub async fn plan(session: &Session, named: Option<&str>, options: &PlanOptions) -> Result<Planned, PipelineError> {
    let repository = &session.repository;
    let half = tree::half_read(repository)?;
    let environment = choose_environment(half.workspace(), named)?;
    let forge = session.forge.reading();
    let tip = forge.base_tip().await?;
    // Where clusters and Prometheus are decides whom credentials are shown to: base says that, never a proposal.
    let base = tree::workspace_on_base(repository, &tip)?;
    let place = base_place(base.get(), &environment)?;
    let here = half.workspace().environments.get(&environment);
    let moved = here.is_some_and(|here| (&here.cluster, &here.prometheus) != (&place.cluster, &place.prometheus));
    let branch = tip.branch();
    let note = || {
        format!("the cluster that {branch} names was looked at; the work tree names another, which counts once merged")
    };
    let mut notes: Vec<String> = moved.then(note).into_iter().collect();
    if place.prometheus.is_none() && runtime::variable("BPCTL_PROMETHEUS_URL").is_some() {
        notes.push(format!(
            "BPCTL_PROMETHEUS_URL is not asked: it replaces the address of a Prometheus, and environment {environment} names none on {branch} \
             (prometheus: {{url: …}})"
        ));
    }
    let cluster = connect_cluster(place, repository.work_tree()).await.map(Arc::new);
    let look = cluster.as_ref().ok().map(|cluster| Look::begin(cluster, half.targets(&environment)));
    let (mut tree, mut desired) = tree::desired_tree(repository, half, &environment).await?;
    whole(&tree.catalog)?;
    let mut compared = None;
    if let Some(name) = &options.base {
        let left = tree::left(repository, name)?;
        let landing = tree::as_merged(repository, name, &left, (&tree, desired.commit()), &environment);
        let (landed, note) = Box::pin(landing).await?;
        notes.extend(note);
        compared = Some(left);
        if let Some((tip, landed)) = landed {
            whole(&landed.catalog)?;
            // It is still that commit's plan: what it is when it is merged.
            desired = Proposed::from_head(desired.commit().map(str::to_owned), landed.catalog.clone());
            (tree, compared) = (landed, Some(tip));
        }
    }
    let tree = tree;
    let rules = tree::rules_beside(repository, &tip, &tree, desired.commit(), &environment).await?;
    whole(rules.get())?;
    let only = options.select(repository, &environment, &tree)?;
    let before = match compared {
        None => None,
        Some(commit) => {
            let beside = tree::Beside { files: &[&tree.files], catalogs: &[&tree.catalog, rules.get()] };
            let mut tree = tree::commit_tree(repository, &commit, beside)?;
            whole(&tree.catalog)?;
            tree.render(std::slice::from_ref(&environment)).await;
            Some((Proposed::from_head(Some(commit), tree.catalog), tree.files))
        }
    };
    // What the change takes away from a workload is looked at as what it was.
    let earlier = before.as_ref().map_or_else(|| rules.get(), |(before, _)| before.get());
    if before.is_some() || desired.commit() != Some(tip.commit()) {
        let mut catalog = desired.get().clone();
        catalog.keep_companions(earlier, &environment);
        desired = Proposed::from_head(desired.commit().map(str::to_owned), catalog);
    }
    let desired = desired;
    let catalogs: Vec<&Catalog> =
        [Some(&desired), before.as_ref().map(|(before, _)| before)].into_iter().flatten().map(Proposed::get).collect();
    // While the cluster answers.
    let found = lint(&tree.catalog, &Surroundings::at(runtime::now())).found;
    let faults = found.into_iter().filter(|found| found.severity == Severity::Error).collect();
    let cluster = cluster?;
    let Observed { mut observation, server_clock } =
        observe_on(&environment, place, &catalogs, &cluster, (repository, forge), look).await?;
    adopt::is_known(desired.get(), &environment, &options.adopt)?;
    adopt::ask(&mut observation, &options.adopt);
    let scope = || only.as_ref().map(|(names, scope)| (names, scope.clone()));
    if options.exact {
        let input =
            PlanInput { rules: &rules, desired: &desired, environment: &environment, observation: &observation };
        let suspected = render::plan(input, &tree.files, scope()).await;
        try_exactly(&cluster, &suspected, desired.get(), &mut observation).await;
    }
    let input = PlanInput { rules: &rules, desired: &desired, environment: &environment, observation: &observation };
    let mut plan = render::plan(input, &tree.files, scope()).await;
    plan.exact = options.exact;
    // What `apply` does not propose again is no more to do; where the forge does not say, it is told as it stands.
    if desired.commit() == Some(tip.commit())
        && let Ok(declined) = pulls::all_declined(session.reading(), (&tip, &tree.files, &rules), &plan).await
    {
        plan = plan.without_declined(&declined);
    }
    adopt::is_planned(&plan, &options.adopt)?;
    if let Some((before, files)) = &before {
        // The same observation, so that nothing differs but the change.
        let stood = render::plan(PlanInput { desired: before, ..input }, files, scope()).await;
        let stood = as_called_now(stood, [before.get(), desired.get()]);
        let causes = Causes::of(&plan, &stood, before.commit().unwrap_or_default(), desired.get());
        let mut causes = causes.with_orphans(&plan, before.get(), desired.get(), &observation);
        let changes = ConfigChanges::of(&plan, before.get(), desired.get());
        let fields = changes.fields(desired.get(), &environment);
        let mut traced = desired.get().clone();
        render::trace(&mut traced, &tree.files, &environment, &fields, render::PLAN_SEARCH).await;
        causes.config = changes.placed(&traced, &tree.files, &environment);
        plan.causes = Some(causes);
    }
    let spent = Spent { _observation: observation, _rules: rules, _desired: desired };
    Ok(Planned { plan, tree, server_clock, notes, faults, spent })
}
