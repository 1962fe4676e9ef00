//! The branch, commit and pull request that carry one action.

use std::collections::BTreeMap;

use super::edits::edit;
use crate::execute::Effect;
use crate::model::{Files, Name, RepoPath};
use crate::plan::{Plan, PlanItem};
use crate::render;
use crate::yaml::{self, Edit, EditRefused};

/// What a pull request will hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The blueprint.
    pub blueprint: Name,
    /// The action's name; with environment and blueprint it names the branch.
    pub operation: &'static str,
    /// Title of the pull request and of the commit.
    pub title: String,
    /// Every value that it sets, before and after: what is rendered has to change so.
    pub told: String,
    /// Body of the pull request, Markdown.
    pub body: String,
    /// The commit's whole message.
    pub message: String,
    /// The files after the change.
    pub files: BTreeMap<RepoPath, Vec<u8>>,
    /// Logins to ask for a review; empty where nobody needs to.
    pub reviewers: Vec<String>,
}

/// Why an action cannot be proposed.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// The file is gone.
    #[error("{0} is not in the tree")]
    FileGone(RepoPath),
    /// A value cannot be written.
    #[error("the new value of {0} is no scalar")]
    NotScalar(String),
    /// The edit was refused.
    #[error("couldn't edit {path}")]
    Edit {
        /// The file.
        path: RepoPath,
        /// Why.
        #[source]
        source: EditRefused,
    },
}

/// Makes the proposal of one action against the files of its base.
pub fn propose(plan: &Plan, item: &PlanItem, files: &Files) -> Result<Proposal, ProposalError> {
    let mut edits: BTreeMap<&RepoPath, Vec<Edit>> = BTreeMap::new();
    for effect in &item.effects {
        if let Effect::SetField(set) = effect {
            let edit = edit(set.document, set.field.clone(), set.from.as_ref(), set.to.as_ref());
            edits
                .entry(&set.path)
                .or_default()
                .push(edit.ok_or_else(|| ProposalError::NotScalar(set.field.to_string()))?);
        }
    }
    let mut edited = BTreeMap::new();
    for (path, edits) in edits {
        let blob = files.blob(path).ok_or_else(|| ProposalError::FileGone(path.clone()))?;
        let bytes = yaml::apply(path.as_str(), &blob.bytes, &edits)
            .map_err(|source| ProposalError::Edit { path: path.clone(), source })?;
        edited.insert(path.clone(), bytes);
    }
    let title = render::proposal::title(plan, item);
    Ok(Proposal {
        blueprint: item.action.blueprint().clone(),
        operation: item.action.name(),
        told: render::words::told(item),
        body: render::proposal::body(plan, item),
        message: render::proposal::commit_message(plan, item, &title),
        title,
        files: edited,
        reviewers: if item.verdict.tier == crate::blueprint::Tier::RequiresApproval {
            item.verdict.approvers.clone()
        } else {
            Vec::new()
        },
    })
}
