//! Bounds and steps of requests (B7), judged by the numbers of the change and never by what it is called: within `limits.resize_step`
//! and the bounds it is allowed, further a person is asked, and below the minimum it is refused with an alternative.

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::{Limit, Operation, Tier, containers, quantity, quantity_of};
use crate::decide::sizing::{off, one_step, within};
use crate::govern::{RequestTouch, Touch, request_of};
use crate::model::{Percent, Quantity};
use crate::observe::{Known, PastOperation};

/// `spec.resources`, `limits.resize_step`, `limits.resize_sum`.
pub struct Resources;

impl Rule for Resources {
    fn ident(&self) -> &'static str {
        "resource-bounds"
    }

    fn about(&self) -> &'static str {
        "Requests change by at most limits.resize_step within maximum, further with approval; below minimum is forbidden, the minimum is the alternative"
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let Touch::Requests(requests) = &input.subject.touch else { return Vec::new() };
        let limits = input.catalog.resize_limits(input.tier, &input.blueprint.value.metadata);
        let mut outcomes = Vec::new();
        for request in requests {
            outcomes.extend(bounds(input, request));
        }
        outcomes.extend(step(input, requests, &limits.step));
        outcomes.extend(sum(input, requests, &limits.step, &limits.sum));
        outcomes
    }
}

fn outcome(tier: Tier, cite: String, because: String) -> Outcome {
    Outcome {
        tier: Some(tier),
        hold_until: None,
        hold_ends: None,
        unknown: None,
        cite,
        because,
        alternative: None,
        source: None,
    }
}

/// Minimum and maximum, which are per pod.
fn bounds(input: &RuleInput<'_>, request: &RequestTouch) -> Vec<Outcome> {
    let resource = request.resource;
    let Some(to) = &request.to else { return Vec::new() };
    let Some(bounds) = input.blueprint.value.spec.resources.of(resource) else {
        let because = format!("the blueprint sets no bounds for {resource}");
        let source = Some(input.blueprint.span(&["spec"]));
        let missing = outcome(Tier::RequiresApproval, format!("spec.resources.{resource} is missing"), because);
        return vec![Outcome { source, ..missing }];
    };
    let pod = Quantity::from_nanos(to.nanos().saturating_add(others(input, request)));
    let span = |key| Some(input.blueprint.span(&["spec", "resources", resource.name(), key]));
    let mut outcomes = Vec::new();
    if let Some(minimum) = bounds.minimum.as_ref().filter(|minimum| pod < **minimum) {
        outcomes.push(Outcome {
            alternative: Some(format!("{resource} request = {minimum} (minimum)")),
            source: span("minimum"),
            ..outcome(
                Tier::Forbidden,
                format!("resources.{resource}.minimum = {minimum}"),
                format!("{to} is less than the minimum of {minimum}"),
            )
        });
    }
    if let Some(maximum) = bounds.maximum.as_ref().filter(|maximum| pod > **maximum) {
        outcomes.push(Outcome {
            alternative: Some(format!("{resource} request = {maximum}")),
            source: span("maximum"),
            ..outcome(
                Tier::RequiresApproval,
                format!("resources.{resource}.maximum = {maximum}"),
                format!("{to} is more than the maximum of {maximum}"),
            )
        });
    }
    outcomes
}

/// What the pod's other containers request on base.
fn others(input: &RuleInput<'_>, request: &RequestTouch) -> i128 {
    let target = &input.blueprint.value.spec.target;
    let Some(manifest) = input.catalog.manifest(input.environment, &target.source, &target.object()) else { return 0 };
    let containers = containers(&manifest.document.root);
    let others = containers.iter().filter(|(name, _)| *name != request.container);
    let declared = |node| quantity(crate::yaml::Node::at(node, &["resources", "requests", request.resource.name()])?);
    others.filter_map(|(_, node)| declared(node)).map(|quantity| quantity.nanos()).sum()
}

/// The step, which all requests of the subject have to keep within; the nearest allowed is a step of each.
fn step(input: &RuleInput<'_>, requests: &[RequestTouch], step: &Limit) -> Option<Outcome> {
    let mut told = Vec::new();
    let mut nearest = Vec::new();
    let mut beyond = false;
    for request in requests {
        let (from, to) = (request.from.as_ref()?, request.to.as_ref()?);
        let keeps = within(from, to, step.value);
        beyond |= !keeps;
        told.push(match off(from, to) {
            Some(share) => format!("the {} request changes by {share}", request.resource),
            None => format!("the {} request was nothing", request.resource),
        });
        let allowed = if keeps { Some(to.clone()) } else { one_step(request.resource, from, to, step.value) };
        // Only what the bounds allow is worth naming.
        nearest.push(allowed.filter(|allowed| {
            let touch = RequestTouch { to: Some(allowed.clone()), ..request.clone() };
            bounds(input, &touch).is_empty()
        }));
    }
    let tier = if beyond { Tier::RequiresApproval } else { Tier::Allowed };
    let named = requests.iter().zip(nearest).map(|(request, allowed)| {
        let allowed = allowed?;
        Some(format!("{} request = {allowed}", request.resource))
    });
    let alternative = named.collect::<Option<Vec<String>>>().filter(|_| beyond).map(|named| named.join(", "));
    let outcome = outcome(tier, format!("limits.resize_step = {}", step.value), told.join(", "));
    Some(Outcome { alternative, source: step.source.clone(), ..outcome })
}

/// What earlier resizes and this one may add up to, from the last value that a person merged: walked back through the changes as Git has
/// them. A resize of which that is not known counts as a whole step.
fn sum(input: &RuleInput<'_>, requests: &[RequestTouch], step: &Limit, sum: &Limit) -> Option<Outcome> {
    // An unknown history holds everything already: the cooldown says so.
    let Known::Known(history) = input.facts.history(&input.subject.blueprint) else { return None };
    let resizes: Vec<&PastOperation> =
        history.iter().filter(|operation| operation.operation == Operation::Resize.name()).collect();
    let worst = requests.iter().filter_map(|request| total(&resizes, request, step)).max_by_key(|total| total.sum)?;
    if worst.resizes == 0 || worst.sum <= sum.value {
        return None;
    }
    let plural = if worst.resizes == 1 { "resize" } else { "resizes" };
    let counted = if worst.unknown == 0 {
        format!(", from {}, the last value that a person merged", worst.from)
    } else if worst.unknown == worst.resizes {
        ", counted as a step each".into()
    } else {
        format!(", {} of them counted as a step each", worst.unknown)
    };
    let because =
        format!("{} {plural} of the last 31 days{counted}, and this one add up to {}", worst.resizes, worst.sum);
    let told = outcome(Tier::RequiresApproval, format!("limits.resize_sum = {}", sum.value), because);
    Some(Outcome { source: sum.source.clone(), ..told })
}

/// How far a request would be from the last value that a person merged.
struct Total {
    sum: Percent,
    from: Quantity,
    resizes: usize,
    unknown: usize,
}

fn total(resizes: &[&PastOperation], request: &RequestTouch, step: &Limit) -> Option<Total> {
    let (from, to) = (request.from.as_ref()?, request.to.as_ref()?);
    let wanted = (request.container.clone(), request.resource);
    let mut anchor = from.clone();
    let (mut counted, mut unknown) = (0, 0);
    for past in resizes.iter().rev() {
        let Some(changes) = &past.changes else {
            unknown += 1;
            continue;
        };
        let Some(change) = changes.iter().find(|change| request_of(&change.field).as_ref() == Some(&wanted)) else {
            continue;
        };
        let value = |value: &Option<serde_json::Value>| value.as_ref().and_then(quantity_of);
        let (Some(before), Some(after)) = (value(&change.from), value(&change.to)) else { break };
        // Somebody else changed it since, or a person had to approve this one: from there on it is a person's value.
        if after != anchor || !within(&before, &after, step.value) {
            break;
        }
        anchor = before;
        counted += 1;
    }
    let steps = step.value.basis_points().saturating_mul(u64::try_from(unknown).unwrap_or(u64::MAX));
    let sum = Percent::from_basis_points(steps.saturating_add(off(&anchor, to)?.basis_points()));
    Some(Total { sum, from: anchor, resizes: counted + unknown, unknown })
}
