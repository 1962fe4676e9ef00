//! `version-bump`: a version that rose less than its change needs (B3).
//!
//! Two states of the files are compared, not two texts: comments and layout need no version. The table of what needs what is in
//! `docs/BLUEPRINT_FORMAT.md`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use semver::{BuildMetadata, Prerelease, Version};
use serde_json::Value as Json;

use super::{Page, mark};
use crate::blueprint::{Blueprint, Catalog, Located, Operation, Policy, PolicyMatch, Target, Tier};
use crate::govern::default_tier;
use crate::model::{Diagnostic, Name};
use crate::yaml::{Document, Node};

/// The page of `version-bump`.
pub const PAGE: Page = Page {
    code: "version-bump",
    about: "A version rose less than its change needs",
    explain: "Reported with `--base REF` only. Major: what the contract breaks (an operation's tier changes, a target is another, a field or an\n\
        item is gone). Minor: what it adds. Patch: other values. Before 1.0.0 the first needs a minor step, the others a patch.\n\n\
        \x20 # on REF                             # here\n  metadata: {version: 1.4.0, …}          metadata: {version: 1.4.0, …}\n\
        \x20 spec: {scaling: {max_replicas: 5}}     spec: {scaling: {max_replicas: 8}}     # a value: 1.4.1\n\n\
        Write the version that the message names, or a higher one. A version never falls.",
};

/// How much a version has to rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bump {
    Patch,
    Minor,
    Major,
}

/// A change and what it needs.
#[derive(Debug, PartialEq, Eq)]
struct Need {
    bump: Bump,
    path: Vec<String>,
    what: Cow<'static, str>,
}

/// Every blueprint and policy that both states have, changed, with a version that did not rise enough.
pub fn version_bumps(before: &Catalog, after: &Catalog) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, new) in &after.blueprints {
        let Some(old) = before.blueprints.get(name) else { continue };
        let (from, to) = (&old.value.metadata.version, &new.value.metadata.version);
        if std::sync::Arc::ptr_eq(old, new) {
            continue;
        }
        found.extend(check(from, to, new, || blueprint_needs(before, after, old, new)));
    }
    for (name, new) in &after.policies {
        let Some(old) = before.policies.get(name) else { continue };
        let (from, to) = (&old.value.metadata.version, &new.value.metadata.version);
        found.extend(check(from, to, new, || policy_needs(old, new)));
    }
    found
}

fn check<T>(from: &Version, to: &Version, new: &Located<T>, needs: impl Fn() -> Vec<Need>) -> Option<Diagnostic> {
    let path = ["metadata", "version"];
    if to < from {
        let least = needs().iter().map(|need| need.bump).max().map_or_else(|| from.clone(), |bump| next(from, bump));
        let message = format!("the version fell from {from} to {to}; {least} is the least");
        let diagnostic = mark(Diagnostic::error(PAGE.code, message), new, &path, "below what it was");
        return Some(diagnostic.help(way_out(&least)).fix(least.to_string()));
    }
    let needs = needs();
    // Of several that need as much the first is named.
    let most = needs.iter().rev().max_by_key(|need| need.bump)?;
    let least = next(from, most.bump);
    if *to >= least {
        return None;
    }
    let keys: Vec<&str> = most.path.iter().map(String::as_str).collect();
    let message = format!("{} {}, which needs version {least}", most.path.join("."), most.what);
    let diagnostic = Diagnostic::error(PAGE.code, message);
    let diagnostic = mark(diagnostic, new, &path, format!("{from} before; {least} is the least after that"));
    let diagnostic = mark(diagnostic, new, &keys, "what changed");
    Some(diagnostic.help(way_out(&least)).fix(least.to_string()))
}

fn way_out(least: &Version) -> String {
    format!("write version: {least}, or run the same with --fix")
}

/// The least version after this one. Before 1.0.0 what breaks needs a minor step, and the rest a patch.
fn next(version: &Version, bump: Bump) -> Version {
    let mut next = version.clone();
    next.build = BuildMetadata::EMPTY;
    if !next.pre.is_empty() {
        // A pre-release promises nothing: its own release is a step.
        next.pre = Prerelease::EMPTY;
        return next;
    }
    let bump = match bump {
        Bump::Major if version.major == 0 => Bump::Minor,
        Bump::Minor if version.major == 0 => Bump::Patch,
        other => other,
    };
    match bump {
        Bump::Major => (next.major, next.minor, next.patch) = (version.major + 1, 0, 0),
        Bump::Minor => (next.minor, next.patch) = (version.minor + 1, 0),
        Bump::Patch => next.patch = version.patch + 1,
    }
    next
}

fn blueprint_needs(before: &Catalog, after: &Catalog, old: &Located<Blueprint>, new: &Located<Blueprint>) -> Vec<Need> {
    let mut needs = Vec::new();
    let (a, b) = (&old.document, &new.document);
    metadata(a, b, Bump::Major, &mut needs);
    // A further companion adds to the contract; which workload it is for decides all of it.
    let place =
        |blueprint: &Located<Blueprint>| Target { companions: Vec::new(), ..blueprint.value.spec.target.clone() };
    if place(old) != place(new) {
        let written =
            |document: &Document, key: &'static str| document.root.at(&["spec", "target", key]).map(Node::to_json);
        let other =
            |key: &&'static str| written(a, key) != written(b, key) && b.root.at(&["spec", "target", key]).is_some();
        let key = ["workload", "namespace", "source", "environments"].into_iter().find(other);
        let path: Vec<&str> = ["spec", "target"].into_iter().chain(key).collect();
        needs.push(need(Bump::Major, &path, "is another"));
    }
    let none = None;
    let environments: BTreeSet<&Name> = old.value.environments.keys().chain(new.value.environments.keys()).collect();
    for environment in std::iter::once(none).chain(environments.into_iter().map(Some)) {
        let tiers = |catalog: &Catalog, blueprint: &Located<Blueprint>| -> Vec<Tier> {
            let name = &blueprint.value.metadata.name;
            let there = environment.and_then(|environment| catalog.blueprint_as_written(name, environment));
            let value = there.as_ref().map_or(&blueprint.value, |located| &located.value);
            Operation::ALL.iter().map(|operation| tier(value, *operation)).collect()
        };
        let home = |blueprint: &Located<Blueprint>| {
            environment.and_then(|name| blueprint.value.namespace_over(name).map(str::to_owned))
        };
        if let (Some(environment), true) = (environment, home(old) != home(new)) {
            needs.push(need(Bump::Major, &["environments", environment.as_str(), "spec", "target"], "is another"));
        }
        let (was, is) = (tiers(before, old), tiers(after, new));
        let changed = Operation::ALL.iter().zip(was.iter().zip(&is)).find(|(_, (was, is))| was != is);
        if let Some((operation, (was, is))) = changed {
            let path: Vec<&str> = match environment {
                Some(environment) if new.value.environments.contains_key(environment) => {
                    vec!["environments", environment.as_str(), "governance"]
                }
                _ => vec!["governance", "agent_authority"],
            };
            needs.push(need(Bump::Major, &path, format!("turns {operation} from `{was}` to `{is}`")));
            break;
        }
    }
    for part in [&["spec"] as &[&str], &["spec", "target", "companions"], &["governance"], &["environments"]] {
        let json = |document: &Document| document.root.at(part).map_or(Json::Null, Node::to_json);
        compare(&json(a), &json(b), &mut part.iter().map(|key| (*key).to_owned()).collect(), &mut needs);
    }
    needs
}

/// The tier that blueprint and built-in table give an operation, policies apart.
fn tier(blueprint: &Blueprint, operation: Operation) -> Tier {
    let built_in = default_tier(operation);
    let Some(authority) = &blueprint.governance.agent_authority else { return built_in };
    let own = if authority.forbidden_operations.contains(&operation) {
        Tier::Forbidden
    } else if authority.allowed_operations.contains(&operation) && !authority.requires_approval.contains(&operation) {
        Tier::Allowed
    } else {
        Tier::RequiresApproval
    };
    own.max(built_in)
}

fn policy_needs(old: &Located<Policy>, new: &Located<Policy>) -> Vec<Need> {
    let mut needs = Vec::new();
    let (a, b) = (&old.document, &new.document);
    metadata(a, b, Bump::Patch, &mut needs);
    let (before, after) = (&old.value.applies_to, &new.value.applies_to);
    if before != after {
        let bump = if widened(before, after) { Bump::Minor } else { Bump::Major };
        needs.push(need(bump, &["match"], "speaks of others"));
    }
    for (operation, tier) in &old.value.operations {
        if new.value.operations.get(operation) != Some(tier) {
            needs.push(need(Bump::Major, &["operations", operation.name()], "has another tier"));
        }
    }
    if new.value.operations.keys().any(|operation| !old.value.operations.contains_key(operation)) {
        needs.push(need(Bump::Minor, &["operations"], "names a further operation"));
    }
    let json = |document: &Document, part| document.root.get(part).map_or(Json::Null, Node::to_json);
    compare(&json(a, "limits"), &json(b, "limits"), &mut vec!["limits".into()], &mut needs);
    // Freezes are told apart by name: their dates are values.
    let named = |policy: &Policy| policy.freezes.iter().map(|freeze| freeze.name.clone()).collect::<BTreeSet<_>>();
    let (gone, come) = (named(&old.value), named(&new.value));
    if !gone.is_subset(&come) {
        needs.push(need(Bump::Major, &["freezes"], "lacks one that was there"));
    } else if !come.is_subset(&gone) {
        needs.push(need(Bump::Minor, &["freezes"], "holds a further one"));
    } else if old.value.freezes != new.value.freezes {
        needs.push(need(Bump::Patch, &["freezes"], "has another value"));
    }
    needs
}

/// Whether everything that was matched still is.
fn widened(before: &PolicyMatch, after: &PolicyMatch) -> bool {
    fn all<T: PartialEq>(before: &[T], after: &[T]) -> bool {
        after.is_empty() || (!before.is_empty() && before.iter().all(|item| after.contains(item)))
    }
    let any = after.owners.iter().any(|owner| owner == "*");
    all(&before.tiers, &after.tiers)
        && (any || all(&before.owners, &after.owners))
        && all(&before.blueprints, &after.blueprints)
}

fn need(bump: Bump, path: &[&str], what: impl Into<Cow<'static, str>>) -> Need {
    Need { bump, path: path.iter().map(|key| (*key).to_owned()).collect(), what: what.into() }
}

fn metadata(old: &Document, new: &Document, owner: Bump, needs: &mut Vec<Need>) {
    let text =
        |document: &Document, key| document.root.at(&["metadata", key]).and_then(Node::as_str).map(str::to_owned);
    for (key, bump) in [("owner", owner), ("description", Bump::Patch)] {
        if text(old, key) != text(new, key) {
            needs.push(need(bump, &["metadata", key], "is another"));
        }
    }
}

/// A key or item that is gone breaks, one that came adds, another value is a value.
fn compare(old: &Json, new: &Json, path: &mut Vec<String>, needs: &mut Vec<Need>) {
    let report = |bump, path: &[String], what: &'static str| Need { bump, path: path.to_vec(), what: what.into() };
    match (old, new) {
        _ if old == new => {}
        (Json::Null, _) => needs.push(report(Bump::Minor, path, "is new")),
        (_, Json::Null) => needs.push(report(Bump::Major, path, "is gone")),
        (Json::Object(before), Json::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let of = |side: &serde_json::Map<String, Json>| side.get(key).cloned().unwrap_or(Json::Null);
                // The target, and which list an operation stands in, are compared by what they mean.
                if key == "target" && path == &["spec"] {
                    continue;
                }
                path.push(key.clone());
                if key == "agent_authority" {
                    if of(before) != of(after) {
                        needs.push(report(Bump::Patch, path, "is written otherwise"));
                    }
                } else {
                    compare(&of(before), &of(after), path, needs);
                }
                path.pop();
            }
        }
        (Json::Array(before), Json::Array(after)) => {
            let (bump, what) = if before.iter().any(|item| !after.contains(item)) {
                (Bump::Major, "lacks an item that was there")
            } else if after.iter().any(|item| !before.contains(item)) {
                (Bump::Minor, "holds a further item")
            } else {
                (Bump::Patch, "is written otherwise")
            };
            needs.push(report(bump, path, what));
        }
        _ => needs.push(report(Bump::Patch, path, "has another value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B3
    #[test]
    fn the_next_version_is_the_least_that_a_change_needs() {
        for (from, patch, minor, major) in [
            ("1.4.2", "1.4.3", "1.5.0", "2.0.0"),
            ("0.3.1", "0.3.2", "0.3.2", "0.4.0"),
            ("2.0.0-rc.1+x", "2.0.0", "2.0.0", "2.0.0"),
        ] {
            let from: Version = from.parse().expect("a version");
            for (bump, wanted) in [(Bump::Patch, patch), (Bump::Minor, minor), (Bump::Major, major)] {
                assert_eq!(next(&from, bump).to_string(), wanted, "{from} {bump:?}");
            }
        }
    }
}
