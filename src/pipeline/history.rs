//! What was done before to each blueprint's workload, from server records and Git alone: merged proposals, the checks on their merge
//! commits, what those commits changed, and whether a person changed the blueprint since (B11, X6).

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::blueprint::Catalog;
use bpctl_core::model::{Name, ObjectRef, Period, RepoPath, Timestamp};
use bpctl_core::observe::{CheckConclusion, Known, PastChange, PastOperation, PullState, UnknownCode};
use bpctl_core::propose::{past_changes, past_rendered_changes};

use super::observe::forge_unknown;
use super::{PipelineError, render, verify};
use crate::forge::{BranchName, Forge, PullFilter};
use crate::git::Repository;

/// How far back operations are looked for: more than any cooldown that makes sense.
const HISTORY: Period = Period::from_secs(31 * 86_400);
/// Of how many of a blueprint's newest operations outcome and changes are looked up. It is more than a breaker waits for, and more steps
/// than add up to what needs a person.
const LOOKED_UP: usize = 10;
/// How many commits of the base branch are walked back to a failed operation.
const WALKED: usize = 2000;

/// Merged operations of this environment, by blueprint, oldest first.
pub(super) async fn history(
    environment: &Name,
    catalogs: &[&Catalog],
    repository: &Repository,
    forge: &dyn Forge,
    now: Timestamp,
) -> Known<BTreeMap<Name, Vec<PastOperation>>> {
    let pulls = match forge.pulls(PullFilter::UpdatedSince(HISTORY.before(now))).await {
        Ok(pulls) => pulls,
        Err(error) => return Known::Unknown(forge_unknown(&error)),
    };
    let mut all: BTreeMap<Name, Vec<PastOperation>> = BTreeMap::new();
    let mut landed = BTreeSet::new();
    for pull in pulls {
        let PullState::Merged { at, commit } = &pull.state else { continue };
        let branch = pull.head_branch.as_deref();
        if branch.is_some_and(|branch| branch.starts_with("bpctl/")) {
            landed.insert(commit.clone());
        }
        let Some((blueprint, operation)) = branch.and_then(|b| BranchName::parse_proposal(environment, b)) else {
            continue;
        };
        all.entry(blueprint).or_default().push(PastOperation {
            pull: pull.number,
            operation,
            merged_at: *at,
            commit: commit.clone(),
            outcome: None,
            changes: None,
            reset_by: None,
        });
    }
    for (name, operations) in &mut all {
        operations.sort_by_key(|operation| (operation.merged_at, operation.pull));
        let blueprint = catalogs.iter().find_map(|catalog| catalog.blueprint(name, environment, now));
        let Some(blueprint) = blueprint else { continue };
        let target = &blueprint.value.spec.target;
        let (workload, source) = (target.object(), &target.source);
        for operation in operations.iter_mut().rev().take(LOOKED_UP) {
            let made = catalogs.iter().any(|catalog| catalog.renders(environment, source));
            operation.changes = if made {
                rendered_changes(repository, catalogs, environment, &workload, &operation.commit).await
            } else {
                changes(repository, &workload, source, &operation.commit)
            };
        }
        let mut failed = None;
        for (position, operation) in operations.iter_mut().enumerate().rev().take(LOOKED_UP) {
            operation.outcome = match verify::outcome(forge, environment, &operation.commit).await {
                Ok(outcome) => outcome,
                Err(PipelineError::Forge(error)) => return Known::Unknown(forge_unknown(&error)),
                Err(error) => return Known::unknown(UnknownCode::Incomplete, error.to_string()),
            };
            match operation.outcome {
                // What lies before a success is over.
                Some(CheckConclusion::Success) => break,
                Some(CheckConclusion::Failure) if failed.is_none() => failed = Some(position),
                _ => {}
            }
        }
        if let Some(last) = failed.and_then(|position| operations.get_mut(position)) {
            let tip = match forge.base_tip().await {
                Ok(tip) => tip,
                Err(error) => return Known::Unknown(forge_unknown(&error)),
            };
            last.reset_by = reset(repository, tip.commit(), &last.commit, &blueprint.path, &landed);
        }
    }
    Known::Known(all)
}

/// What a merge commit changed of a workload's manifest. `None`: it cannot be read.
fn changes(repository: &Repository, workload: &ObjectRef, source: &RepoPath, commit: &str) -> Option<Vec<PastChange>> {
    let before = repository.commit_info(commit).ok()?.parents.first()?.clone();
    let paths = repository.diff_paths(&before, commit).ok()?;
    let mine: Vec<RepoPath> =
        paths.into_iter().filter_map(|changed| changed.path.ok()).filter(|path| path.is_within(source)).collect();
    let (old, new) = (repository.read_tree(&before, &mine).ok()?, repository.read_tree(commit, &mine).ok()?);
    let mut all = Vec::new();
    for path in &mine {
        all.extend(past_changes(workload, path, &old.blob(path)?.bytes, &new.blob(path)?.bytes)?);
    }
    Some(all)
}

/// The same of a workload that the environment renders, by today's entries: what an overlay's line made of it does not stand in the line.
async fn rendered_changes(
    repository: &Repository,
    catalogs: &[&Catalog],
    environment: &Name,
    workload: &ObjectRef,
    commit: &str,
) -> Option<Vec<PastChange>> {
    let mut workspace = catalogs.first()?.workspace_as_written().ok()?;
    workspace.environments.retain(|name, _| name == environment);
    let before = repository.commit_info(commit).ok()?.parents.first()?.clone();
    let paths = repository.diff_paths(&before, commit).ok()?;
    let mine: Vec<RepoPath> = paths.into_iter().filter_map(|changed| changed.path.ok()).collect();
    let (old, new) = render::sides(repository, &workspace, &mine, (&before, commit)).await.ok()?;
    past_rendered_changes(workload, &old, &new)
}

/// The newest commit of the base branch after this one that touches the blueprint's file and is no merge of bpctl's own: a person's. What
/// cannot be walked back to resets nothing.
fn reset(
    repository: &Repository,
    tip: &str,
    failed: &str,
    blueprint: &RepoPath,
    landed: &BTreeSet<String>,
) -> Option<String> {
    let log = repository.first_parent_log(tip, WALKED).ok()?;
    let since: Vec<_> = log.iter().take_while(|commit| commit.id != failed).collect();
    if since.len() == log.len() {
        return None;
    }
    let touches = |commit: &str, parent: &str| {
        let paths = repository.diff_paths(parent, commit).ok()?;
        Some(paths.iter().any(|changed| changed.path.as_ref().is_ok_and(|path| path == blueprint)))
    };
    let people = since.into_iter().filter(|commit| !landed.contains(&commit.id));
    let mut touching =
        people.filter(|commit| commit.parents.first().and_then(|parent| touches(&commit.id, parent)).unwrap_or(false));
    touching.next().map(|commit| commit.id.clone())
}
