//! What an apply leaves as it is: what is held, forbidden, the controller's, a person's, or could not be compared.

use super::{sink, words};
use crate::blueprint::Tier;
use crate::model::Name;
use crate::plan::{Plan, PlanItem};

/// One thing that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The blueprint.
    pub blueprint: Name,
    /// What, and why.
    pub told: String,
    /// What a person does about it, one line each.
    pub help: Vec<String>,
}

/// All that stays as it is, in the plan's order; what could not be compared comes last.
pub fn left(plan: &Plan) -> Vec<Left> {
    let one = |blueprint: &Name, told: String, help| Left { blueprint: blueprint.clone(), told, help };
    let items = plan.items().filter_map(|item| Some(one(item.action.blueprint(), untouched(plan, item)?, Vec::new())));
    let persons = plan.findings().filter(|(_, reported)| reported.needs_person).map(|(blueprint, reported)| {
        let told = format!("{}: {}", words::severity(reported), sink::terminal(&reported.message));
        one(blueprint, told, reported.help.iter().map(sink::terminal).collect())
    });
    let unseen = plan.uncompared().map(|(blueprint, unknown)| {
        one(blueprint, format!("not compared: {}", words::unknown(unknown, sink::terminal)), Vec::new())
    });
    items.chain(persons).chain(unseen).collect()
}

/// Why an action is not done; `None`: it is, or the pass itself says why not.
fn untouched(plan: &Plan, item: &PlanItem) -> Option<String> {
    let what = format!("{} {}", item.action.name(), words::subject(item));
    if plan.is_controllers(item) {
        let told = match &item.sync {
            Some(sync) => sync.told(false),
            None => "the controller brings it back (delivery: gitops)".into(),
        };
        return Some(format!("left: {what}: {told}"));
    }
    if let Some(hold) = item.hold() {
        return Some(format!("left: {what}: held by {} {}", hold.rule.cite, hold.until()));
    }
    (item.verdict.tier == Tier::Forbidden).then(|| {
        let rule = item.verdict.principal().map_or("", |rule| rule.cite.as_str());
        let instead = item.verdict.alternative.as_ref().map_or_else(String::new, |a| format!("; instead: {a}"));
        format!("left: {what}: forbidden by {rule}{instead}")
    })
}
