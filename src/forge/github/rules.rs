//! What the base branch's protection asks for: rulesets, which any reader may see, and classic protection, as far as it is shown.

use bpctl_core::govern::VERDICT_CHECK;
use bpctl_core::observe::{CheckRun, Known};

use super::GithubForge;
use super::api::Listing;
use super::wire::{App, Branch, ClassicChecks, Rule, Ruleset};
use crate::forge::ForgeError;
use crate::forge::error::unknown;

/// What protects the base branch.
#[derive(Debug, Clone, Default)]
pub(super) struct Protection {
    /// Names of checks, and the app that each has to come from.
    pub(super) required: Vec<(String, Option<u64>)>,
    /// A head has to hold all of base before it is merged, so that what lands is what was judged.
    pub(super) strict: bool,
    /// The forge merges by a queue.
    pub(super) queue: bool,
    /// Ways of merging that are allowed; none: any.
    pub(super) methods: Option<Vec<String>>,
    /// Merge commits are refused.
    pub(super) linear: bool,
    /// The rulesets that say so.
    pub(super) rulesets: Vec<u64>,
}

impl GithubForge {
    /// The base branch's protection as any reader sees it, and where the branch points.
    pub(super) async fn protection(&self) -> Result<(Protection, String), ForgeError> {
        let attempt = format!("read the rules of {} of {}", self.base, self.name());
        let path = self.path(&["rules", "branches", self.base.as_str()]);
        let listing = Listing { attempt: &attempt, path: &path, query: &[] };
        // A rule has no id: the same one of two rulesets is two.
        let rules: Vec<Rule> = self.api.list(listing, |rule: &Rule| format!("{:?} {rule:?}", rule.ruleset_id)).await?;
        let attempt = format!("read the branch {} of {}", self.base, self.name());
        let branch: Branch = self.api.read(&attempt, &self.path(&["branches", self.base.as_str()])).await?;
        let mut found = Protection::default();
        for rule in rules {
            let asked = rule.parameters;
            match rule.kind.as_str() {
                "required_status_checks" => {
                    found.strict |= asked.strict_required_status_checks_policy;
                    let checks = asked.required_status_checks.into_iter();
                    found.required.extend(checks.map(|check| (check.context, app_id(check.integration_id))));
                }
                "merge_queue" => found.queue = true,
                "required_linear_history" => found.linear = true,
                "pull_request" => found.allow_only(asked.allowed_merge_methods),
                _ => {}
            }
            found.rulesets.extend(rule.ruleset_id);
        }
        if let Some(checks) = branch.protection.and_then(|classic| classic.required_status_checks) {
            found.required.extend(checks.named());
        }
        found.rulesets.sort_unstable();
        found.rulesets.dedup();
        Ok((found, branch.commit.sha))
    }

    /// Whether classic protection asks for heads that hold all of base; shown to administrators only. False: it does not, or it is not shown.
    pub(super) async fn is_strict_by_classic_protection(&self) -> Result<bool, ForgeError> {
        let attempt = format!("read the protection of {} of {}", self.base, self.name());
        let path = self.path(&["branches", self.base.as_str(), "protection", "required_status_checks"]);
        let reply = self.api.get(&attempt, &path, &[]).await?;
        if matches!(reply.status.as_u16(), 403 | 404) {
            return Ok(false);
        }
        Ok(reply.json::<ClassicChecks>(&attempt)?.strict == Some(true))
    }

    /// Whether bpctl's account need not keep one of the rules: what it merged would not have been held by them.
    pub(super) async fn may_bypass(&self, protection: &Protection) -> Result<bool, ForgeError> {
        for id in &protection.rulesets {
            let attempt = format!("read the ruleset {id} of {}", self.name());
            let ruleset: Ruleset = self.api.read(&attempt, &self.path(&["rulesets", &id.to_string()])).await?;
            if ruleset.current_user_can_bypass.is_some_and(|may| may != "never") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names that have to succeed on a head. One that has to come from an app (T29), and did not, is told with the app, so that nothing
    /// satisfies it: what somebody else called just so is no check of the head.
    pub(super) async fn required(
        &self,
        protection: &Result<(Protection, String), ForgeError>,
        checks: &mut Known<Vec<CheckRun>>,
    ) -> Known<Vec<String>> {
        let required = match protection {
            Ok((protection, _)) => &protection.required,
            Err(error) => return Known::Unknown(unknown(error)),
        };
        let checks = match checks {
            Known::Known(checks) => checks,
            Known::Unknown(why) => return Known::Unknown(why.clone()),
        };
        let mut names = Vec::new();
        for (name, app) in required.iter().filter(|(name, _)| name != VERDICT_CHECK) {
            let told = match app {
                Some(app) if !self.is_from(name, *app, checks).await => {
                    let told = format!("{name} (from app {app})");
                    checks.retain(|check| check.name != told);
                    told
                }
                _ => name.clone(),
            };
            if !names.contains(&told) {
                names.push(told);
            }
        }
        Known::Known(names)
    }

    /// Whether one of the checks of this name is the app's.
    async fn is_from(&self, name: &str, app: u64, checks: &[CheckRun]) -> bool {
        for check in checks.iter().filter(|check| check.name == name) {
            let by = &check.by;
            if by.id == format!("app/{app}")
                || self.me.get().is_some_and(|me| me.app == Some(app) && by.id == me.user.id.to_string())
            {
                return true;
            }
            // A commit status names the app's account, which has another id.
            if let Some(slug) = by.login.raw().strip_suffix("[bot]").filter(|_| by.bot) {
                let attempt = "read which app wrote a commit status";
                let told: Result<App, ForgeError> = self.api.read(attempt, &["apps", slug]).await;
                if told.is_ok_and(|told| told.id == app) {
                    return true;
                }
            }
        }
        false
    }
}

impl Protection {
    fn allow_only(&mut self, methods: Option<Vec<String>>) {
        let Some(methods) = methods else { return };
        self.methods = Some(match self.methods.take() {
            None => methods,
            Some(before) => before.into_iter().filter(|method| methods.contains(method)).collect(),
        });
    }

    /// Whether bpctl's own check holds a merge, and nobody else's of that name.
    pub(super) fn asks_for_verdict_of(&self, app: Option<u64>) -> bool {
        self.required.iter().any(|(name, by)| name == VERDICT_CHECK && by.is_some() && *by == app)
    }
}

impl ClassicChecks {
    fn named(self) -> Vec<(String, Option<u64>)> {
        let mut named: Vec<_> = self.checks.into_iter().map(|check| (check.context, app_id(check.app_id))).collect();
        // Older servers name contexts only.
        let bare = self.contexts.into_iter().filter(|context| !named.iter().any(|(name, _)| name == context));
        let bare: Vec<_> = bare.map(|context| (context, None)).collect();
        named.extend(bare);
        named
    }
}

/// -1 stands for anybody.
fn app_id(id: Option<i64>) -> Option<u64> {
    id.and_then(|id| u64::try_from(id).ok())
}
