//! What started this job, as far as a command refuses to work for it (T3, T4).
//!
//! A runner gives credentials to jobs of `pull_request_target` and `workflow_run` whoever caused them, and a fork's pull request brings files
//! that nobody with write access has seen. What those files name must not be asked with anybody's credentials.

use serde_json::Value as Json;

use super::CommandError;
use crate::git::Repository;
use crate::pipeline::{PipelineError, work_tree};
use crate::runtime;

/// Refuses to work with credentials on files of strangers.
pub fn refuse_strangers(repository: &Repository) -> Result<(), CommandError> {
    let Some(event) = runtime::variable("GITHUB_EVENT_NAME") else { return Ok(()) };
    match event.as_str() {
        event if event.starts_with("pull_request") && is_fork()? => Err(CommandError::told(
            "this is a fork's pull request: no credential is read for it, and no cluster is asked",
            "`bpctl lint` checks it; whoever merges it may push it to a branch of this repository for a plan",
        )),
        event if event.starts_with("pull_request") && event != "pull_request_target" => Ok(()),
        // What brings files that somebody with write access has seen, a person's own run, and a clock's.
        "push" | "merge_group" | "workflow_dispatch" | "schedule" | "release" | "create" | "delete" => Ok(()),
        _ => {
            let head = repository.head_commit().map_err(PipelineError::from)?;
            // The runner names the commit of the base branch there; that branch may have moved since.
            let base = runtime::variable("GITHUB_BASE_REF").map(|branch| format!("refs/remotes/origin/{branch}"));
            let tip = base.map(|full| repository.ref_target(&full)).transpose().map_err(PipelineError::from)?.flatten();
            if let Some(head) =
                head.filter(|head| Some(head) == runtime::variable("GITHUB_SHA").as_ref() || Some(head) == tip.as_ref())
            {
                return no_other_files(repository, &event, &head);
            }
            Err(CommandError::told(
                format!(
                    "a job of `{event}` has the repository's credentials, and another commit than the base branch's is checked out"
                ),
                "run it on `pull_request` (docs/CI.md has the workflow), or check out nothing but the base branch",
            ))
        }
    }
}

/// Refuses files of the work tree that are not that commit's: a job may have fetched them from anywhere after the checkout (T4).
fn no_other_files(repository: &Repository, event: &str, head: &str) -> Result<(), CommandError> {
    let tree = work_tree(repository)?;
    let others = repository.uncommitted_in(&tree.files, head, &tree.wanted).map_err(PipelineError::from)?;
    let Some(first) = others.first() else { return Ok(()) };
    let more = if others.len() > 1 { format!(" and {} more", others.len() - 1) } else { String::new() };
    Err(CommandError::told(
        format!(
            "a job of `{event}` has the repository's credentials, and files of the work tree are not the base branch's: {first}{more}"
        ),
        "run it on `pull_request` (docs/CI.md has the workflow), or leave the files as they were checked out",
    ))
}

/// Whether the event is about a head in another repository, or does not say that it is none.
fn is_fork() -> Result<bool, CommandError> {
    let event = runtime::event().map_err(|source| CommandError::io("read the event that started this job", source))?;
    let Some(event) = event else { return Ok(true) };
    let head = event.pointer("/pull_request/head/repo/full_name").and_then(Json::as_str);
    let here = event.pointer("/pull_request/base/repo/full_name").and_then(Json::as_str);
    Ok(head.is_none() || head != here)
}
