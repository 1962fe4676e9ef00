//! Reads a ledger's branch commit by commit, and the forge beside it (T30).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::ledger::{
    Answers, ChangedFile, Event, Problem, PullRecord, Skipped, Written, check_growth, check_pulls, day_of,
};
use bpctl_core::model::{Name, Period, RepoPath, Timestamp, Untrusted};
use bpctl_core::observe::PullState;

use super::{PipelineError, Session, ledger, verify};
use crate::forge::{BranchName, PullFilter};
use crate::git::Repository;

/// How many commits are walked.
const WALKED: usize = 100_000;
/// Of how many of the newest proposals people's answers are asked: some calls each.
const ANSWERED: usize = 200;
/// How far back proposals are looked for.
const ASKED: Period = Period::from_secs(90 * 86_400);

/// What a ledger's branch shows.
#[derive(Debug)]
pub struct Trail {
    /// Its newest commit.
    pub commit: Option<String>,
    /// How many commits it has.
    pub commits: usize,
    /// How many entries.
    pub entries: usize,
    /// Old days that a person dropped, oldest first.
    pub dropped: Vec<RepoPath>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Looks at an environment's ledger. `known` is a commit that the branch had before.
pub async fn check(session: &Session, environment: &Name, known: Option<&str>) -> Result<Trail, PipelineError> {
    let (repository, forge) = (&session.repository, session.forge.reading());
    let now = forge.clock().await?.now;
    let loaded = ledger::load::<Skipped>(repository, forge, environment).await?;
    let mut problems = Vec::new();
    let mut dropped = Vec::new();
    let mut log = Vec::new();
    if let Some(tip) = &loaded.commit {
        log = repository.first_parent_log(tip, WALKED)?;
        let machine = ledger::signature(Timestamp::UNIX_EPOCH).email;
        let me = forge.identity().await?;
        // The address of bpctl's account where the forge made the commit. Like any author's it is what a commit says.
        let own = format!("{}+{}@users.noreply.", me.id, me.login.raw());
        let mut after = None;
        for commit in log.iter().rev() {
            let changed = changed(repository, &commit.id, commit.parents.first().map(String::as_str), &mut problems)?;
            let written = Written {
                commit: commit.id.clone(),
                by: Untrusted::new(&commit.author.email),
                at: commit.committer.at,
                after: after.replace(commit.committer.at),
                merges: commit.parents.len() > 1,
                changed,
            };
            let email = &commit.author.email;
            let mine = ledger::is_own(email) || email.starts_with(&own);
            let (found, old) = check_growth(&written, if mine { email } else { &machine });
            problems.extend(found);
            dropped.extend(old);
        }
    }
    if let Some(known) = known {
        let holds = match &loaded.commit {
            Some(tip) => repository.resolve(known)?.is_some() && repository.is_ancestor(known, tip)?,
            None => false,
        };
        if !holds {
            problems.push(Problem::new("rewritten", format!("the branch does not hold {known} any more")));
        }
    }
    if repository.is_shallow() && loaded.commit.is_some() {
        problems.push(Problem::new("shallow", "this clone does not hold all of the branch: git fetch --unshallow"));
    }

    // What is older than the first day that is left may have been dropped.
    let first = loaded.entries.first().map(|entry| entry.at);
    let since = match (first, dropped.is_empty()) {
        (Some(first), false) => first.max(ASKED.before(now)),
        _ => ASKED.before(now),
    };
    let me = forge.identity().await?;
    let mut pulls = Vec::new();
    for pull in forge.pulls(PullFilter::UpdatedSince(since)).await? {
        let branch = pull.head_branch.as_deref();
        if branch.and_then(|branch| BranchName::parse_proposal(environment, branch)).is_none() {
            continue;
        }
        let outcome = match &pull.state {
            PullState::Merged { commit, .. } => verify::outcome(forge, environment, commit).await?,
            _ => None,
        };
        let (number, mine) = (pull.number, pull.author.id == me.id);
        pulls.push(PullRecord { number, mine, opened_at: pull.opened_at, state: pull.state, outcome, answers: None });
    }
    // Only of those of which the ledger says what people answered.
    let ended = |event: &Event| matches!(event, Event::Merged { .. } | Event::Declined { .. });
    let named = loaded.entries.iter().filter(|entry| ended(&entry.event)).filter_map(|entry| entry.event.pull());
    let named: BTreeSet<u64> = named.collect();
    pulls.sort_by_key(|pull| Reverse(pull.number));
    for pull in pulls.iter_mut().filter(|pull| named.contains(&pull.number)).take(ANSWERED) {
        let facts = forge.pull(pull.number).await?;
        let ended_by = match &facts.state {
            PullState::Closed { by, .. } => by.clone(),
            PullState::Open | PullState::Merged { .. } => facts.merged_by_another(),
        };
        pull.answers = facts.reviews.known().cloned().map(|reviews| Answers { reviews, ended_by });
    }
    if loaded.commit.is_none() && pulls.iter().any(|pull| pull.mine) {
        problems.push(Problem::new("missing", "there is no ledger, and bpctl made proposals: its branch was deleted"));
    }
    let until = log.first().map(|commit| commit.committer.at);
    problems.extend(check_pulls(&loaded.entries, &pulls, since, until));
    let (commit, entries) = (loaded.commit, loaded.entries.len());
    Ok(Trail { commit, commits: log.len(), entries, dropped, problems })
}

/// What a commit changed, with both sides' bytes.
fn changed(
    repository: &Repository,
    commit: &str,
    parent: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Result<Vec<ChangedFile>, PipelineError> {
    let sides: BTreeMap<RepoPath, (Option<String>, Option<String>)> = match parent {
        None => {
            let tree = repository.read_tree(commit, &ledger::years())?;
            return Ok(tree
                .0
                .into_iter()
                .filter_map(|(path, file)| Some((path, None, Some(bytes_of(file)?))))
                .collect());
        }
        Some(parent) => {
            let id = |side: Option<(String, u32)>| side.map(|(id, _)| id);
            let paths = repository.diff_paths(parent, commit)?;
            paths.into_iter().filter_map(|c| Some((c.path.ok()?, (id(c.before), id(c.after))))).collect()
        }
    };
    let mut all = Vec::new();
    for (path, (before, after)) in sides {
        if day_of(&path).is_none() {
            let message = format!("{path} is no file of the ledger");
            problems.push(Problem {
                code: "foreign".into(),
                commit: Some(commit.into()),
                message: Untrusted::new(message),
            });
            continue;
        }
        let read = |id: Option<String>| id.map(|id| repository.read_blob(&id)).transpose();
        all.push((path, read(before)?.map(|bytes| bytes.to_vec()), read(after)?.map(|bytes| bytes.to_vec())));
    }
    Ok(all)
}

fn bytes_of(file: bpctl_core::model::File) -> Option<Vec<u8>> {
    match file {
        bpctl_core::model::File::Blob(blob) => Some(blob.bytes.to_vec()),
        bpctl_core::model::File::Refused(_) => None,
    }
}
