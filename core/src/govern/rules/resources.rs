//! Bounds and steps of requests (B7), judged by the numbers of the change and never by what it is called: within `limits.resize_step`
//! and the bounds it is allowed, further a person is asked, and below the minimum it is refused with an alternative. So is a request above
//! its container's limit, which Kubernetes takes from nobody.

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::{Limit, Operation, Tier, containers, declared, quantity_of};
use crate::decide::sizing::{off, one_step, within};
use crate::govern::{LimitTouch, RequestTouch, Touch, follows, request_of};
use crate::model::{Percent, Quantity};
use crate::observe::{Known, PastOperation, Resource};

/// `spec.resources`, `limits.resize_step`, `limits.resize_sum`.
pub struct Resources;

impl Rule for Resources {
    fn ident(&self) -> &'static str {
        "resource-bounds"
    }

    fn about(&self) -> &'static str {
        "Requests change by at most limits.resize_step within maximum, further with approval; below minimum and above the container's limit is forbidden"
    }

    fn cites(&self) -> &'static [&'static str] {
        &[
            "resources.limits.",
            "spec.resources.",
            "resources.cpu.",
            "resources.memory.",
            "limits.resize_step",
            "limits.resize_sum",
        ]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let requests = match &input.subject.touch {
            Touch::Requests(requests) => requests,
            Touch::Limit { container, resource, limit } => {
                let request = base(input, container, *resource, "requests");
                return above_limit(*resource, request.as_ref(), limit.to.as_ref()).into_iter().collect();
            }
            _ => return Vec::new(),
        };
        let limits = input.catalog.resize_limits(input.tier, &input.blueprint.value.metadata);
        let mut outcomes = Vec::new();
        for request in requests {
            let standing = base(input, &request.container, request.resource, "limits");
            let limit = request.limit.as_ref().map_or(standing.as_ref(), |limit| limit.to.as_ref());
            outcomes.extend(above_limit(request.resource, request.to.as_ref(), limit));
            outcomes.extend(bounds(input, request));
            outcomes.extend(request.limit.as_ref().and_then(|limit| moved(input, request, limit, &limits.step)));
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

/// What base declares of a container of the blueprint's workload.
fn base(input: &RuleInput<'_>, container: &str, resource: Resource, part: &str) -> Option<Quantity> {
    let target = &input.blueprint.value.spec.target;
    let manifest = input.catalog.manifest(input.environment, &target.source, &target.object())?;
    let containers = containers(&manifest.document.root);
    let (_, node) = containers.into_iter().find(|(name, _)| name == container)?;
    declared(node, part, resource.name())
}

/// Kubernetes refuses a pod that requests more than its limit: no rule allows what cannot be applied.
fn above_limit(resource: Resource, request: Option<&Quantity>, limit: Option<&Quantity>) -> Option<Outcome> {
    let (request, limit) = request.zip(limit).filter(|(request, limit)| request > limit)?;
    let because = format!(
        "a {resource} request of {request} lies above the container's limit of {limit}, which Kubernetes refuses"
    );
    let alternative = format!("{resource} request = {limit}, or the limit raised with it in the same pull request");
    let refused = outcome(Tier::Forbidden, format!("resources.limits.{resource} = {limit}"), because);
    Some(Outcome { alternative: Some(alternative), ..refused })
}

/// A step that none is larger than.
const WHATEVER: Percent = Percent::whole(1_000_000);

/// A limit that changes with its request.
fn moved(input: &RuleInput<'_>, request: &RequestTouch, limit: &LimitTouch, step: &Limit) -> Option<Outcome> {
    let bounds = input.blueprint.value.spec.resources.of(request.resource)?;
    let shown = |quantity: &Option<Quantity>| quantity.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
    let resource = request.resource;
    let moves = format!("the {resource} limit goes from {} to {}", shown(&limit.from), shown(&limit.to));
    if follows(request, limit, bounds, step.value) {
        return Some(outcome(
            Tier::Allowed,
            format!("resources.limits.{resource}"),
            format!("{moves}, with the request"),
        ));
    }
    let because = if follows(request, limit, bounds, WHATEVER) {
        format!("{moves}, with the request and by more than limits.resize_step = {}", step.value)
    } else {
        format!("{moves}, otherwise than the request")
    };
    Some(outcome(Tier::RequiresApproval, format!("resources.limits.{resource}"), because))
}

/// Minimum and maximum, which are per pod; of one container where the blueprint names it.
fn bounds(input: &RuleInput<'_>, request: &RequestTouch) -> Vec<Outcome> {
    let resource = request.resource;
    let Some(to) = &request.to else { return Vec::new() };
    let named = input.blueprint.value.spec.resources.container.as_ref();
    if let Some(named) = named.filter(|named| named.as_str() != request.container) {
        let because = format!("spec.resources is about the container {named}, and this is another one");
        let cite = format!("spec.resources.container = {named}");
        return vec![outcome(Tier::RequiresApproval, cite, because)];
    }
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
    if input.blueprint.value.spec.resources.container.is_some() {
        return 0; // the bounds are of one container
    }
    let containers = containers(&manifest.document.root);
    let others = containers.iter().filter(|(name, _)| *name != request.container);
    let declared = |node| declared(node, "requests", request.resource.name());
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
