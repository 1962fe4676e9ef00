//! The arithmetic of right-sizing (B7), in whole billionths; published in `docs/FORMULAS.md`.

use crate::model::{Percent, Quantity};
use crate::observe::Resource;

/// Differences below this share of the request are left alone.
pub const INDIFFERENT: Percent = Percent::whole(5);

/// What a size is calculated from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizing {
    /// What is sized.
    pub resource: Resource,
    /// The container's request in Git; above zero.
    pub current: Quantity,
    /// Σ mean usage of the pods that were measured.
    pub used: Quantity,
    /// How many those are; above zero.
    pub pods: u32,
    /// Share of the request that usage should be.
    pub target_utilization: Percent,
    /// Never request less.
    pub minimum: Option<Quantity>,
    /// Never request more without a person.
    pub maximum: Option<Quantity>,
    /// The container's limit: no request lies above it.
    pub limit: Option<Quantity>,
    /// The limit as a share of the request, where the blueprint says so.
    pub limit_ratio: Option<Percent>,
    /// A container was ended for want of memory.
    pub out_of_memory: bool,
    /// Largest change at once.
    pub step: Percent,
    /// Up to this far off, a step is taken.
    pub reach: Percent,
}

/// A request to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// What to set.
    pub to: Quantity,
    /// What usage asks for, at least the minimum.
    pub target: Quantity,
    /// `to` is a step on the way to the target.
    pub step: bool,
    /// `to` lies above the maximum, which has to be raised with it.
    pub above_maximum: bool,
    /// What the limit becomes with it; `None`: it stays.
    pub limit: Option<Quantity>,
}

/// Usage at the target utilization is at most this share of a limit that moves with the request: else the limit would be what is used.
const NEAREST_LIMIT: Percent = Percent::whole(90);

/// The share of the request that a limit keeps: the blueprint's, or all of it where both are equal (the pods' quality of service). `None`:
/// the limit stays where it is.
pub fn limit_ratio(asked: Option<Percent>, request: &Quantity, limit: &Quantity) -> Option<Percent> {
    asked.or_else(|| (request == limit).then_some(Percent::whole(100)))
}

/// The limit that goes with a request, rounded up to the unit.
pub fn limit_for(resource: Resource, request: &Quantity, ratio: Percent) -> Option<Quantity> {
    if ratio == Percent::whole(100) {
        return Some(request.clone()); // equal is equal, however it is written
    }
    let share = request.nanos().checked_mul(i128::from(ratio.basis_points()))?;
    Some(written(resource, up(share, 10_000) / 10_000))
}

/// The smallest unit that is written: a millicore, a MiB.
pub fn unit(resource: Resource) -> i128 {
    match resource {
        Resource::Cpu => 1_000_000,
        Resource::Memory => (1 << 20) * 1_000_000_000,
    }
}

/// An amount, rounded up to the unit, as it is written: `90m`, `116Mi`.
pub fn written(resource: Resource, nanos: i128) -> Quantity {
    let units = up(nanos, unit(resource)) / unit(resource);
    let text = match resource {
        Resource::Cpu => format!("{units}m"),
        Resource::Memory => format!("{units}Mi"),
    };
    text.parse().unwrap_or_else(|_| Quantity::from_nanos(nanos))
}

/// What each pod used, rounded up to the unit.
pub fn per_pod(resource: Resource, used: &Quantity, pods: u32) -> Quantity {
    written(resource, used.nanos().div_euclid(i128::from(pods.max(1))))
}

/// How far a change goes, as a share of what was there; rounded down to a basis point. `None`: nothing was there.
pub fn off(from: &Quantity, to: &Quantity) -> Option<Percent> {
    Percent::ratio((to.nanos() - from.nanos()).abs(), from.nanos())
}

/// Whether a change is at most this share of what was there; exact.
pub fn within(from: &Quantity, to: &Quantity, share: Percent) -> bool {
    let difference = (to.nanos() - from.nanos()).abs();
    from.nanos() > 0
        && difference
            .checked_mul(10_000)
            .zip(from.nanos().checked_mul(i128::from(share.basis_points())))
            .is_some_and(|(difference, share)| difference <= share)
}

/// The furthest whole unit within one step, in the direction of `toward`; `None`: a step is less than a unit.
pub fn one_step(resource: Resource, current: &Quantity, toward: &Quantity, step: Percent) -> Option<Quantity> {
    let by = current.nanos().checked_mul(i128::from(step.basis_points()))? / 10_000;
    let unit = unit(resource);
    let to = if toward > current { (current.nanos() + by) / unit * unit } else { up(current.nanos() - by, unit) };
    let moved = if toward > current { to > current.nanos() } else { to < current.nanos() };
    (moved && to > 0).then(|| written(resource, to))
}

/// The request to set, or why it stays.
pub fn size(sizing: &Sizing) -> Result<Size, String> {
    let Sizing { resource, current, .. } = sizing;
    let used = per_pod(*resource, &sizing.used, sizing.pods);
    let asked = asked(sizing).ok_or_else(|| "the numbers are out of any range".to_owned())?;
    // Usage of nothing still needs a request to be sized by: one unit.
    let asked = written(*resource, asked.max(1));
    let floor = sizing.minimum.as_ref().filter(|minimum| **minimum > asked);
    let target = floor.cloned().unwrap_or_else(|| asked.clone());
    let ratio = sizing.limit.as_ref().and_then(|limit| limit_ratio(sizing.limit_ratio, current, limit));
    if let Some(ratio) = ratio {
        let share =
            Percent::ratio(i128::from(sizing.target_utilization.basis_points()), i128::from(ratio.basis_points()));
        if share.is_none_or(|share| share > NEAREST_LIMIT) {
            let of = share.map_or_else(String::new, |share| format!("{share} of "));
            return Err(format!(
                "its limit moves with it ({ratio} of the request), and at a target_utilization of {} usage would be {of}the limit, above \
                 {NEAREST_LIMIT}: give a lower target_utilization",
                sizing.target_utilization
            ));
        }
    }
    if sizing.out_of_memory && target < *current {
        return Err(format!("{used} used, but a container ran out of memory (OOMKilled): it gets no less"));
    }
    let share = off(current, &target).ok_or_else(|| "it is zero".to_owned())?;
    if share < INDIFFERENT {
        return Err(match floor {
            Some(minimum) => format!("{used} used asks for {asked}, and {minimum} is the minimum"),
            None if sizing.target_utilization == Percent::whole(100) => format!("{used} used, under 5% off ({share})"),
            None => format!("{used} used asks for {asked}, under 5% off ({share})"),
        });
    }
    let step = !within(current, &target, sizing.step) && within(current, &target, sizing.reach);
    let to = if step {
        one_step(*resource, current, &target, sizing.step).ok_or_else(|| {
            let unit = written(*resource, unit(*resource));
            format!("{used} used asks for {asked}, {share} off; a step of {} is less than {unit}", sizing.step)
        })?
    } else {
        target.clone()
    };
    // A request that stands below the minimum goes there at once: on the way it would still be forbidden.
    let to = sizing.minimum.as_ref().filter(|minimum| **minimum > to).cloned().unwrap_or(to);
    let above_maximum = to > *current && sizing.maximum.as_ref().is_some_and(|maximum| to > *maximum);
    let limit = match (&sizing.limit, ratio) {
        (Some(limit), Some(ratio)) => {
            let moved =
                limit_for(*resource, &to, ratio).ok_or_else(|| "the numbers are out of any range".to_owned())?;
            Some(moved).filter(|moved| moved != limit)
        }
        // No request lies above its limit: both are raised together, which a person approves.
        (Some(limit), None) => Some(to.clone()).filter(|to| to > limit),
        (None, _) => None,
    };
    Ok(Size { step: to != target, to, target, above_maximum, limit })
}

/// Usage per pod ÷ target utilization, rounded up to a billionth.
fn asked(sizing: &Sizing) -> Option<i128> {
    let share = i128::from(sizing.pods).checked_mul(i128::from(sizing.target_utilization.basis_points()))?;
    let used = sizing.used.nanos().checked_mul(10_000)?;
    (share > 0 && used >= 0).then(|| up(used, share) / share)
}

/// The next multiple of a unit.
fn up(amount: i128, unit: i128) -> i128 {
    amount.div_euclid(unit).saturating_add(i128::from(amount.rem_euclid(unit) != 0)).saturating_mul(unit)
}
