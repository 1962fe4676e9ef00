//! What GitHub lets bpctl do here, for `bpctl doctor`.

use bpctl_core::govern::VERDICT_CHECK;
use bpctl_core::model::Untrusted;
use bpctl_core::render::sink;

use super::rules::Protection;
use super::{GithubForge, Role};
use crate::forge::{Check, ForgeError};

impl GithubForge {
    pub(super) async fn looked_over(&self) -> Result<Vec<Check>, ForgeError> {
        let me = self.me().await?;
        let who = sink::terminal(&Untrusted::new(me.user.login.as_str()));
        let mut checks =
            vec![Check::fine(format!("{} answers; bpctl is {who} there (id {})", self.server, me.user.id))];
        checks.push(role(me.role));
        let (protection, _) = self.protection().await?;
        let strict = protection.strict || self.is_strict_by_classic_protection().await?;
        let base = self.base.as_str();
        checks.push(up_to_date(base, &protection, strict));
        checks.push(verdict(base, &protection, me.app));
        if me.role == Role::App && self.may_bypass(&protection).await? {
            let told = "bpctl's app may bypass the rules of the branch, and so merges nothing";
            checks.push(Check::limited(told, "take it off the list of those who may, in Settings, Rules, Rulesets"));
        }
        Ok(checks)
    }
}

fn role(role: Role) -> Check {
    let app = "give bpctl an app of its own: BPCTL_APP_ID and BPCTL_APP_KEY (docs/GITHUB.md)";
    match role {
        Role::App => Check::fine("it is an app of its own, and may merge what is permitted"),
        Role::Workflow => {
            let told = "a workflow's GITHUB_TOKEN only proposes, and no workflow starts by itself on what it proposes";
            Check::limited(told, app)
        }
        Role::Person => Check::limited("a person's token only proposes; bpctl merges nothing by it", app),
    }
}

fn up_to_date(base: &str, protection: &Protection, strict: bool) -> Check {
    if protection.queue {
        return Check::fine(format!("{base} is merged to by a queue"));
    }
    if strict {
        return Check::fine(format!("branches have to be up to date with {base} before they are merged"));
    }
    let told = format!(
        "branches need not be up to date with {base}: bpctl merges nothing, for what lands may be what nobody judged"
    );
    Check::limited(
        told,
        format!("Settings, Rules: require branches to be up to date before merging to {base}, or a merge queue"),
    )
}

fn verdict(base: &str, protection: &Protection, app: Option<u64>) -> Check {
    let of = |(name, by): &(String, Option<u64>)| name == VERDICT_CHECK && (by.is_none() || *by == app);
    let mend = format!("Settings, Rules: require the status check {VERDICT_CHECK} of {base}, from bpctl's own app");
    if !protection.required.iter().any(of) {
        let told = format!("{base} does not wait for the check {VERDICT_CHECK}: people can merge what it refuses");
        return Check::limited(told, mend);
    }
    if !protection.asks_for_verdict_of(app) {
        let told = format!("{base} waits for {VERDICT_CHECK}, whoever writes it");
        return Check::limited(told, mend);
    }
    Check::fine(format!("{base} waits for {VERDICT_CHECK} of bpctl's own app"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::State;

    /// Would miss: a check of the right name that anybody may write (T29), and a branch that takes what was not judged on it.
    #[test]
    fn what_keeps_bpctl_from_merging_is_told() {
        let asks = |by| Protection { required: vec![(VERDICT_CHECK.into(), by)], ..Protection::default() };
        for (protection, state) in [
            (Protection::default(), State::Limited),
            (asks(None), State::Limited),
            (asks(Some(8)), State::Limited),
            (asks(Some(7)), State::Fine),
        ] {
            assert_eq!(verdict("main", &protection, Some(7)).state, state, "{protection:?}");
        }
        assert_eq!(verdict("main", &asks(None), None).state, State::Limited);
        let queue = Protection { queue: true, ..Protection::default() };
        assert_eq!(up_to_date("main", &queue, false).state, State::Fine);
        assert_eq!(up_to_date("main", &Protection::default(), false).state, State::Limited);
        assert_eq!((role(Role::App).state, role(Role::Workflow).state), (State::Fine, State::Limited));
    }
}
