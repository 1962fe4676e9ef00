//! Commit statuses, and which of them the base branch's protection asks for.

use std::collections::BTreeSet;

use bpctl_core::govern::VERDICT_CHECK;
use bpctl_core::model::Untrusted;
use bpctl_core::observe::{CheckConclusion, CheckRun, Known, UnknownCode};
use reqwest::Method;
use serde_json::json;

use super::wire::{Branch, Status};
use super::{GiteaForge, Listing};
use crate::forge::ForgeError;
use crate::forge::http::settled;

/// The longest description that is written.
const DESCRIPTION: usize = 500;

impl GiteaForge {
    /// All statuses of a commit, newest first.
    pub(super) async fn statuses(&self, commit: &str) -> Result<Vec<Status>, ForgeError> {
        let attempt = format!("list statuses of {commit} of {}", self.name());
        let path = self.path(&["statuses", commit]);
        let listing = Listing { attempt: &attempt, path: &path, query: &[("sort", "highestindex")], hides: false };
        let mut statuses = self.api.list(listing, |status: &Status| status.id.to_string()).await?;
        statuses.sort_by_key(|status| std::cmp::Reverse(status.id));
        Ok(statuses)
    }

    /// The newest status of each context and account, oldest first: anybody who may push may write any context (T29).
    pub(super) fn check_runs(&self, commit: &str, statuses: &[Status]) -> Vec<CheckRun> {
        let mut seen = BTreeSet::new();
        let newest = statuses
            .iter()
            .filter(|status| seen.insert((status.context.clone(), status.creator.as_ref().map(|creator| creator.id))));
        let runs = newest.map(|status| CheckRun {
            name: status.context.clone(),
            commit: commit.into(),
            conclusion: match status.state.as_str() {
                "success" => CheckConclusion::Success,
                "failure" | "error" => CheckConclusion::Failure,
                "warning" | "skipped" => CheckConclusion::Neutral,
                _ => CheckConclusion::Pending,
            },
            by: self.identity_of(status.creator.as_ref()),
            at: status.created_at,
            summary: Untrusted::new(&status.description),
        });
        let mut runs: Vec<CheckRun> = runs.collect();
        runs.reverse();
        runs
    }

    /// Writes a status, unless the newest of this account says the same already.
    pub(super) async fn write_status(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
    ) -> Result<(), ForgeError> {
        let attempt = format!("write the check {name} on {commit} of {}", self.name());
        let state = match conclusion {
            CheckConclusion::Pending => "pending",
            CheckConclusion::Success => "success",
            CheckConclusion::Failure => "failure",
            CheckConclusion::Neutral => "skipped",
        };
        let description: String = summary.chars().take(DESCRIPTION).collect();
        let me = self.me().await?.id;
        let stands = async || -> Result<bool, ForgeError> {
            let statuses = self.statuses(commit).await?;
            let mut mine = statuses.iter().filter(|status| status.creator.as_ref().is_some_and(|by| by.id == me));
            let newest = mine.find(|status| status.context == name);
            Ok(newest.is_some_and(|status| status.state == state && status.description == description))
        };
        if stands().await? {
            return Ok(());
        }
        let body = json!({ "state": state, "context": name, "description": description });
        let path = self.path(&["statuses", commit]);
        let sent = self.api.write(&attempt, Method::POST, &path, &body).await;
        settled(sent, &attempt, stands()).await
    }
}

/// The names that have to succeed. The protection gives glob patterns: each stands for all contexts of the head that it
/// matches, or for itself where it matches none, which nothing satisfies. With no pattern at all, all contexts.
pub(super) fn required(branch: &Branch, checks: &[CheckRun]) -> Known<Vec<String>> {
    if !branch.protected || !branch.enable_status_check {
        return Known::Known(Vec::new());
    }
    let present: BTreeSet<&str> =
        checks.iter().map(|check| check.name.as_str()).filter(|name| *name != VERDICT_CHECK).collect();
    let patterns = branch.status_check_contexts.as_deref().unwrap_or_default();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    if patterns.is_empty() {
        names.extend(&present);
    }
    for pattern in patterns {
        if pattern.contains(['[', ']', '{', '}', '\\']) {
            let message = "the base branch's protection names a check by a pattern with [ ], { } or \\, which bpctl does not read";
            return Known::unknown(UnknownCode::Unsupported, message);
        }
        let matching = present.iter().copied().filter(|name| matches(pattern, name));
        let matched: Vec<&str> = matching.collect();
        names.extend(&matched);
        if matched.is_empty() && !matches(pattern, VERDICT_CHECK) {
            names.insert(pattern);
        }
    }
    Known::Known(names.into_iter().map(ToOwned::to_owned).collect())
}

/// A glob with `*` and `?`, both of which match slashes too, as on the server. Linear in the product of the lengths (T45).
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|&c| c == '?' || c == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use bpctl_core::model::Timestamp;
    use bpctl_core::observe::Identity;

    use super::*;

    fn run(name: &str) -> CheckRun {
        let by = Identity { id: "1".into(), login: Untrusted::new("ci"), bot: false };
        let (at, conclusion) = (Timestamp::UNIX_EPOCH, CheckConclusion::Success);
        CheckRun { name: name.into(), commit: String::new(), conclusion, by, at, summary: Untrusted::default() }
    }

    fn names(patterns: &[&str], present: &[&str]) -> Option<Vec<String>> {
        let contexts = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let branch = Branch {
            protected: true,
            enable_status_check: true,
            status_check_contexts: Some(contexts),
            effective_branch_protection_name: String::new(),
        };
        required(&branch, &present.iter().map(|name| run(name)).collect::<Vec<_>>()).known().cloned()
    }

    #[test]
    fn patterns_stand_for_what_they_match() {
        assert_eq!(names(&["ci/*"], &["ci/a", "ci/b/c", "x"]).unwrap(), ["ci/a", "ci/b/c"]);
        assert_eq!(names(&["ci/?", "ci/zz"], &["ci/a"]).unwrap(), ["ci/a", "ci/zz"]);
        assert_eq!(names(&["bpctl/verdict", "b*"], &["bpctl/verdict"]).unwrap(), Vec::<String>::new());
        assert_eq!(names(&[], &["x", "bpctl/verdict"]).unwrap(), ["x"]);
        assert_eq!(names(&["ci/{a,b}"], &["ci/a"]), None);
    }

    #[test]
    fn t28_a_pattern_that_nothing_matches_is_not_satisfied() {
        assert_eq!(names(&["ci/*"], &[]).unwrap(), ["ci/*"]);
    }

    #[test]
    fn t45_patterns_take_linear_time() {
        assert!(!matches(&"*a".repeat(400), &"a".repeat(399)));
    }
}
