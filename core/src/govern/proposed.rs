//! What the rules would say that a change brings along: for people to read beside the judgement that counts (X5). A tier and a name leave
//! this file, and no verdict: nothing can be permitted by them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::judge::judge_planned;
use crate::action::Action;
use crate::blueprint::{Catalog, Tier};
use crate::model::{Digest, Name, Proposed, RepoPath, Trusted};
use crate::observe::Recorder;

/// The rules of a change, where they are others than base's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedRules {
    /// The files of rules that differ.
    pub files: Vec<RepoPath>,
    /// Of the actions whose tier would be another, by their ids.
    pub verdicts: BTreeMap<Digest, ProposedVerdict>,
}

/// What they would say of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedVerdict {
    /// Who might do it.
    pub tier: Tier,
    /// By which rule: `scaling.max_replicas = 30`.
    pub cite: String,
}

/// Compares the rules of a change with base's, over the actions that were planned. `None`: they are the same.
pub fn proposed_rules<'a>(
    rules: &Trusted<Catalog>,
    desired: &Proposed<Catalog>,
    environment: &Name,
    judged: impl Iterator<Item = (&'a Action, Tier)>,
    facts: &Recorder<'_>,
) -> Option<ProposedRules> {
    let (base, own) = (texts(rules.get()), texts(desired.get()));
    let differs = |path: &&RepoPath| base.get(*path) != own.get(*path);
    let files: BTreeSet<&RepoPath> = base.keys().chain(own.keys()).copied().filter(differs).collect();
    if files.is_empty() {
        return None;
    }
    let files = files.into_iter().cloned().collect();
    // As if they were base's. This value does not leave the function.
    let as_if = rules.clone().map(|_| desired.get().clone());
    let flip = |(action, tier): (&Action, Tier)| {
        let verdict = judge_planned(&as_if, environment, action, facts);
        let cite = verdict.principal().map_or_else(String::new, |rule| rule.cite.clone());
        (verdict.tier != tier).then(|| (action.id(), ProposedVerdict { tier: verdict.tier, cite }))
    };
    Some(ProposedRules { files, verdicts: judged.filter_map(flip).collect() })
}

/// The files of rules with their texts.
fn texts(catalog: &Catalog) -> BTreeMap<&RepoPath, &str> {
    let workspace = (&catalog.workspace.path, &*catalog.workspace.document.source().text);
    let policies = catalog.policies.values().map(|policy| (&policy.path, &*policy.document.source().text));
    let blueprints = catalog.blueprints.values().map(|blueprint| (&blueprint.path, &*blueprint.document.source().text));
    // Whose signature counts is a rule, too.
    let signers = catalog.signers.iter().map(|(path, id)| (path, id.as_str()));
    std::iter::once(workspace).chain(policies).chain(blueprints).chain(signers).collect()
}
