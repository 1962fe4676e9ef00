//! `comment`: the one comment of an environment on a pull request, by the forge's own list of bpctl's comments. Nothing is remembered: twice
//! the same is no write, and of runs at once one comment stays (Z1, Z2, Z9).

use bpctl_core::model::{Name, RepoPath};
use bpctl_core::plan::Plan;
use bpctl_core::render::comment::{Around, comment, is_telling, marker, unplanned as unplanned_comment};

use super::{Effects, PipelineError, Session};
use crate::forge::{OwnComment, PullFilter};

/// What becomes of an earlier comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It is edited, and stays where it is.
    Update,
    /// A new one is written below the talk so far, and the earlier one deleted.
    Recreate,
}

/// When a comment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Where the change does something, or an earlier comment says something else.
    OnChange,
}

/// How a plan is told on a pull request.
#[derive(Debug, Clone)]
pub struct CommentOptions<'a> {
    /// The pull request.
    pub number: u64,
    /// What becomes of an earlier comment.
    pub method: Method,
    /// When one is written.
    pub when: When,
    /// The page of the run.
    pub run: Option<&'a str>,
}

/// What was done, and the comment that stands there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commented {
    /// A comment was written.
    Posted(String),
    /// The earlier one was edited.
    Updated(String),
    /// It says the same already.
    Unchanged(String),
    /// Nothing, and why.
    Nothing(String),
}

/// Says of a head that it could not be planned, in the place of what was said of an earlier one; also where nothing was, since a missing comment looks
/// like one that is on its way. Of a head that was followed by another the newer run tells.
pub async fn unplanned(
    session: &Session,
    environment: &Name,
    options: &CommentOptions<'_>,
) -> Result<Commented, PipelineError> {
    let (forge, number) = (session.forge.reading(), options.number);
    let open = forge.pulls(PullFilter::Open).await?;
    let here = session.repository.head_commit()?;
    let Some(pull) = open.into_iter().find(|pull| pull.number == number && here.as_ref() == Some(&pull.head)) else {
        return Ok(Commented::Nothing(format!("what is checked out is not the head of #{number}")));
    };
    let before = forge.comments(number, marker(environment).trim_end()).await?;
    if options.when == When::OnChange && before.is_empty() {
        return Ok(Commented::Nothing("nothing was said before: the job that failed says it".into()));
    }
    let body = unplanned_comment(environment, &pull.head, options.run);
    put(session, options, environment, before, &body).await
}

/// Tells a plan on a pull request.
pub async fn write(session: &Session, plan: &Plan, options: &CommentOptions<'_>) -> Result<Commented, PipelineError> {
    let forge = session.forge.reading();
    let number = options.number;
    let open = forge.pulls(PullFilter::Open).await?;
    let Some(pull) = open.into_iter().find(|pull| pull.number == number) else {
        let branch = forge.base_tip().await?;
        return Ok(Commented::Nothing(format!("#{number} is no open pull request to {}", branch.branch())));
    };
    if !is_of(session, plan, &pull.head)? {
        return Ok(Commented::Nothing(format!(
            "the plan is not of {}, the head of #{number}: a newer run tells it",
            pull.head.get(..7).unwrap_or(&pull.head)
        )));
    }
    let line = |commit: &str, path: &RepoPath, line: usize| forge.line_url(commit, path, line);
    let whole = "an artifact of the run";
    let body = comment(plan, &Around { line: &line, run: options.run, whole });
    let before = forge.comments(number, marker(&plan.environment).trim_end()).await?;
    if options.when == When::OnChange && before.is_empty() && !is_telling(plan) {
        return Ok(Commented::Nothing("the change does nothing, and nothing was said before".into()));
    }
    put(session, options, &plan.environment, before, &body).await
}

/// Makes this what an environment's one comment says.
async fn put(
    session: &Session,
    options: &CommentOptions<'_>,
    environment: &Name,
    before: Vec<OwnComment>,
    body: &str,
) -> Result<Commented, PipelineError> {
    let (forge, number, marker) = (session.forge.reading(), options.number, marker(environment));
    let effects = Effects::new(session.forge.writing()?, None, false);
    let kept = match options.method {
        Method::Update => before.first(),
        Method::Recreate => before.last(),
    };
    let done = match kept {
        Some(kept) if says(kept, body) => Commented::Unchanged(kept.id.clone()),
        Some(kept) if options.method == Method::Update => {
            effects.edit_comment(number, &kept.id, body).await?;
            Commented::Updated(kept.id.clone())
        }
        _ => Commented::Posted(effects.post_comment(number, body).await?.id),
    };
    // Of those that stand there now, another run's among them, one stays: the oldest, or the newest where they are written anew.
    let now =
        if matches!(done, Commented::Posted(_)) { forge.comments(number, marker.trim_end()).await? } else { before };
    let stays = match options.method {
        Method::Update => now.first(),
        Method::Recreate => now.last(),
    };
    for other in now.iter().filter(|other| stays.is_some_and(|stays| stays.id != other.id)) {
        effects.remove_comment(number, &other.id).await?;
    }
    let Some(stays) = stays.filter(|stays| matches!(&done, Commented::Posted(id) if *id != stays.id)) else {
        return Ok(done);
    };
    // Another run was faster: its comment stays, and says what this one would have said.
    if options.method == Method::Update && !says(stays, body) {
        effects.edit_comment(number, &stays.id, body).await?;
        return Ok(Commented::Updated(stays.id.clone()));
    }
    Ok(Commented::Unchanged(stays.id.clone()))
}

/// Whether a comment says this; servers keep line ends in ways of their own.
fn says(comment: &OwnComment, body: &str) -> bool {
    comment.body.replace("\r\n", "\n").trim_end() == body.trim_end()
}

/// Whether a plan is of this head, or of what merging it gives.
fn is_of(session: &Session, plan: &Plan, head: &str) -> Result<bool, PipelineError> {
    let Some(commit) = plan.desired.commit.as_deref() else { return Ok(false) };
    if commit == head {
        return Ok(true);
    }
    let is_id = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let here = is_id && session.repository.resolve(commit)?.is_some();
    Ok(here && session.repository.commit_info(commit)?.parents.get(1).is_some_and(|parent| parent == head))
}
