//! Back and forth: a field that was changed and changed back within a day is changed again only by a person's leave (B11). What was changed
//! is read off the merge commits.

use serde_json::Value as Json;

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::{Operation, Tier, quantity_of};
use crate::govern::{Touch, request_of};
use crate::model::FieldPath;
use crate::observe::{Known, PastChange, PastOperation};

/// `limits.reversal`.
pub struct Reversal;

impl Rule for Reversal {
    fn ident(&self) -> &'static str {
        "reversal"
    }

    fn about(&self) -> &'static str {
        "A field that was changed and changed back within limits.reversal (24h) needs approval to be changed again"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["limits.reversal"]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let Known::Known(history) = input.facts.history(&input.subject.blueprint) else { return Vec::new() };
        let (window, source) = input.catalog.reversal(input.tier, &input.blueprint.value.metadata);
        let recent: Vec<&PastOperation> =
            history.iter().filter(|past| window.after(past.merged_at) > input.facts.now()).collect();
        let because = match &input.subject.touch {
            Touch::Replicas { .. } => back(&recent, "replicas", &|field| field.is_keys(&["spec", "replicas"])),
            Touch::Requests(requests) => requests.iter().find_map(|request| {
                let wanted = (request.container.clone(), request.resource);
                let what = format!("the {} request", request.resource);
                back(&recent, &what, &|field| request_of(field).as_ref() == Some(&wanted))
            }),
            _ => None,
        };
        let unseen = || {
            let operation = match &input.subject.touch {
                Touch::Replicas { .. } => Operation::Scale,
                Touch::Requests(_) => Operation::Resize,
                _ => return None,
            };
            let unknown = recent.iter().filter(|past| past.operation == operation.name() && past.changes.is_none());
            let count = unknown.count();
            (count > 1).then(|| format!("what {count} operations of the last {window} changed is not known"))
        };
        let Some(because) = because.or_else(unseen) else { return Vec::new() };
        vec![Outcome {
            tier: Some(Tier::RequiresApproval),
            hold_until: None,
            hold_ends: None,
            unknown: None,
            cite: format!("limits.reversal = {window}"),
            because,
            alternative: Some("find out what it swings between, and set bounds or thresholds so that it stays".into()),
            source,
        }]
    }
}

/// The newest change of a field that took back the one before it.
fn back(recent: &[&PastOperation], what: &str, is: &dyn Fn(&FieldPath) -> bool) -> Option<String> {
    let changes = recent.iter().flat_map(|past| {
        let all = past.changes.iter().flatten().filter(|change| is(&change.field));
        all.map(|change| (past.pull, change))
    });
    let changes: Vec<(u64, &PastChange)> = changes.collect();
    let pair = changes.windows(2).rfind(|pair| match pair {
        [(_, there), (_, back)] => {
            same(there.from.as_ref(), back.to.as_ref()) && same(there.to.as_ref(), back.from.as_ref())
        }
        _ => false,
    })?;
    let [(first, there), (second, _)] = pair else { return None };
    let (from, to) = (shown(there.from.as_ref()), shown(there.to.as_ref()));
    Some(format!("{what} went {from} → {to} with #{first} and back with #{second}"))
}

fn same(a: Option<&Json>, b: Option<&Json>) -> bool {
    let number = |value: Option<&Json>| value.and_then(quantity_of);
    a == b || number(a).is_some_and(|a| number(b) == Some(a))
}

/// Numbers and quantities only: nothing that a medium would obey.
fn shown(value: Option<&Json>) -> String {
    value.and_then(quantity_of).map_or_else(|| "nothing".into(), |quantity| quantity.to_string())
}
