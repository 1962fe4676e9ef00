//! The limits of right-sizing as they hold for one blueprint: of several policies the strictest number, built-in ones where none says (B7).

use super::{Catalog, Limits, Metadata, TierName};
use crate::model::{Percent, Period, SourceSpan};

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
    /// Failed operations in a row that hold every further one (B11): the smallest number of the policies that match, 3 where none says.
    pub fn breaker(&self, tier: TierName, metadata: &Metadata) -> (u32, Option<SourceSpan>) {
        let policies = self.policies.values();
        let matching = policies.filter(|p| p.value.applies_to.matches(tier, &metadata.owner, &metadata.name));
        let said = matching.filter_map(|policy| Some((policy.value.limits.breaker?, policy)));
        match said.min_by_key(|(number, _)| *number) {
            Some((number, policy)) => (number, Some(policy.span(&["limits", "breaker"]))),
            None => (3, None),
        }
    }

    /// The time within which a change and its way back count as one back-and-forth: the longest of the policies that match, a day where
    /// none says.
    pub fn reversal(&self, tier: TierName, metadata: &Metadata) -> (Period, Option<SourceSpan>) {
        let policies = self.policies.values();
        let matching = policies.filter(|p| p.value.applies_to.matches(tier, &metadata.owner, &metadata.name));
        let said = matching.filter_map(|policy| Some((policy.value.limits.reversal?, policy)));
        match said.max_by_key(|(period, _)| *period) {
            Some((period, policy)) => (period, Some(policy.span(&["limits", "reversal"]))),
            None => (Period::from_secs(86_400), None),
        }
    }

    /// How long an approval is waited for: what the blueprint says, or the shortest of the policies that match.
    pub fn approval_timeout(&self, tier: TierName, blueprint: &super::Blueprint) -> Period {
        let metadata = &blueprint.metadata;
        let policies = self.policies.values();
        let matching = policies.filter(|p| p.value.applies_to.matches(tier, &metadata.owner, &metadata.name));
        let said = matching.filter_map(|policy| policy.value.limits.approval_timeout);
        said.fold(blueprint.governance.approval_workflow.timeout, Period::min)
    }

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
