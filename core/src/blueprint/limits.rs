//! The limits of right-sizing as they hold for one blueprint: of several policies the strictest number, built-in ones where none says (B7).

use super::{Catalog, Limits, Metadata, TierName};
use crate::model::{Percent, SourceSpan};

/// A number and the line that says it; `None`: built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The number.
    pub value: Percent,
    /// Where it stands.
    pub source: Option<SourceSpan>,
}

/// How far requests may be changed (B7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResizeLimits {
    /// Largest change without a person: 10 % where no policy says.
    pub step: Limit,
    /// Up to this far off a step is taken, further off the whole way is proposed: 30 % where no policy says.
    pub reach: Limit,
    /// Largest sum of changes of the looked-back time without a person: 25 % where no policy says.
    pub sum: Limit,
}

impl Catalog {
    /// The limits of right-sizing for one blueprint in an environment of this tier.
    pub fn resize_limits(&self, tier: TierName, metadata: &Metadata) -> ResizeLimits {
        let smallest = |key: &str, built_in: Percent, of: fn(&Limits) -> Option<Percent>| {
            let policies = self
                .policies
                .values()
                .filter(|policy| policy.value.applies_to.matches(tier, &metadata.owner, &metadata.name));
            let said = policies.filter_map(|policy| Some((of(&policy.value.limits)?, policy)));
            match said.min_by_key(|(value, _)| *value) {
                Some((value, policy)) => Limit { value, source: Some(policy.span(&["limits", key])) },
                None => Limit { value: built_in, source: None },
            }
        };
        ResizeLimits {
            step: smallest("resize_step", Percent::whole(10), |limits| limits.resize_step),
            reach: smallest("resize_reach", Percent::whole(30), |limits| limits.resize_reach),
            sum: smallest("resize_sum", Percent::whole(25), |limits| limits.resize_sum),
        }
    }
}
