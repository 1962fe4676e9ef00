//! The built-in tiers: policy data that ships with the binary (B5).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::blueprint::{Operation, Tier};
use crate::yaml::{self, Kind};

const TEXT: &str = include_str!("defaults.yaml");

/// Name under which the built-in tiers are cited.
pub const SOURCE: &str = "bpctl defaults";

static TIERS: LazyLock<BTreeMap<Operation, Tier>> = LazyLock::new(|| {
    let lists =
        [("allowed", Tier::Allowed), ("requires_approval", Tier::RequiresApproval), ("forbidden", Tier::Forbidden)];
    let documents = yaml::parse("defaults.yaml", TEXT.as_bytes(), Kind::Own).unwrap_or_default();
    let mut tiers = BTreeMap::new();
    for document in &documents {
        for (key, tier) in lists {
            let named = document.root.get(key).map(|node| yaml::from_node::<Vec<Operation>>(document, node));
            for operation in named.and_then(Result::ok).unwrap_or_default() {
                tiers.insert(operation, tier);
            }
        }
    }
    tiers
});

/// The tier of an operation where nobody says more. What the table does not name is forbidden.
pub fn default_tier(operation: Operation) -> Tier {
    TIERS.get(&operation).copied().unwrap_or(Tier::Forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_named_in_the_table() {
        for operation in Operation::ALL {
            assert!(TIERS.contains_key(&operation), "{operation}");
        }
    }
}
