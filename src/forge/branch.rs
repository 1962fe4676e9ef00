//! Names of branches, checked once (T22, T46).

use bpctl_core::model::Name;

/// A branch name that Git takes and no command line can mistake for an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchName(String);

impl BranchName {
    /// Checks a name by `git check-ref-format`'s rules, and refuses a leading `-`.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let good = !name.starts_with('-')
            && !name.contains(|c: char| c.is_control() || c.is_whitespace())
            && git2::Reference::is_valid_name(&format!("refs/heads/{name}"));
        good.then_some(Self(name))
    }

    /// The one branch of a proposal: `bpctl/ENV/BLUEPRINT/OPERATION`. Names hold no `/`, so no two workloads share one.
    pub fn proposal(environment: &Name, blueprint: &Name, operation: &str) -> Self {
        Self(format!("bpctl/{environment}/{blueprint}/{operation}"))
    }

    /// Blueprint and operation of a proposal's branch of this environment.
    pub fn parse_proposal(environment: &Name, branch: &str) -> Option<(Name, String)> {
        let mut parts =
            branch.strip_prefix("bpctl/")?.strip_prefix(environment.as_str())?.strip_prefix('/')?.splitn(2, '/');
        Some((Name::new(parts.next()?).ok()?, parts.next()?.to_owned()))
    }

    /// The ledger's branch of an environment.
    pub fn ledger(environment: &Name) -> Self {
        Self(format!("bpctl-ledger/{environment}"))
    }

    /// The branch of a suggestion to allow operations of a blueprint: none that a pass settles.
    pub fn autonomy(blueprint: &Name) -> Self {
        Self(format!("bpctl-autonomy/{blueprint}"))
    }

    /// The short name, without `refs/heads/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full ref.
    pub fn full(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl std::fmt::Display for BranchName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bpctl_core::model::Digest;

    use super::*;

    /// Would miss: a separator that a name can hold, names that are one on a disk that folds case, a key of parts that run together.
    #[test]
    fn t46_no_two_things_share_a_branch_or_a_key() {
        let names = ["a", "a-b", "b", "b-c", "c", "a-b-c", "scale", "a--b", "0"];
        let mut branches = BTreeSet::new();
        for environment in names {
            for blueprint in names {
                for operation in ["scale", "resize"] {
                    let [environment, blueprint] = [environment, blueprint].map(|name| Name::new(name).unwrap());
                    let branch = BranchName::proposal(&environment, &blueprint, operation);
                    assert!(branches.insert(branch.full().to_lowercase()), "{branch}");
                    let back = BranchName::parse_proposal(&environment, branch.as_str());
                    assert_eq!(back, Some((blueprint, operation.to_owned())), "{branch}");
                }
            }
            let ledger = BranchName::ledger(&Name::new(environment).unwrap());
            assert!(branches.insert(ledger.full().to_lowercase()), "{ledger}");
        }
        for crafted in ["a/b", "A", "a.lock", "a\u{301}", "-a", "a-", "", "a b", "\u{ff41}"] {
            assert!(Name::new(crafted).is_err(), "{crafted:?}");
        }
        let keys =
            [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("a\",\"b", "c"), ("a", "b\",\"c"), ("AB", "c")];
        assert_eq!(keys.iter().map(Digest::of).collect::<BTreeSet<_>>().len(), keys.len());
    }
}
