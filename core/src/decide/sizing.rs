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
    /// What usage asks for, within minimum and limit.
    pub target: Quantity,
    /// `to` is a step on the way to the target.
    pub step: bool,
    /// `to` lies above the maximum, which has to be raised with it.
    pub above_maximum: bool,
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
    let ceiling = sizing.limit.as_ref().filter(|limit| **limit < target);
    if let (Some(limit), Some(minimum)) = (ceiling, &sizing.minimum)
        && limit < minimum
    {
        return Err(format!("its limit of {limit} lies below the minimum of {minimum}"));
    }
    let target = ceiling.cloned().unwrap_or(target);
    if sizing.out_of_memory && target < *current {
        return Err(format!("{used} used, but a container ran out of memory (OOMKilled): it gets no less"));
    }
    let share = off(current, &target).ok_or_else(|| "it is zero".to_owned())?;
    if share < INDIFFERENT {
        return Err(match (floor, ceiling) {
            (Some(minimum), _) => format!("{used} used asks for {asked}, and {minimum} is the minimum"),
            (_, Some(limit)) => format!("{used} used asks for {asked}, and {limit} is its limit"),
            _ if sizing.target_utilization == Percent::whole(100) => format!("{used} used, under 5% off ({share})"),
            _ => format!("{used} used asks for {asked}, under 5% off ({share})"),
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
    Ok(Size { step: to != target, to, target, above_maximum })
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
