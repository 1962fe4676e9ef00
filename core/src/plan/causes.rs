//! What a change causes, beside what stood before it: two plans against one observation (X1).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{BlueprintPlan, ConfigChange, Plan, PlanItem};
use crate::action::{Action, RevertedField};
use crate::blueprint::{Catalog, Tier};
use crate::decide::drift::FieldDrift;
use crate::decide::{Reported, UnknownFact};
use crate::model::{Digest, FieldPath, Name, ObjectRef, RepoPath, Severity, WorkloadKind};
use crate::observe::{FactKey, Known, Observation, Recorder};

/// A plan's actions, told apart by where they come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Causes {
    /// The commit that the planned state was compared with.
    pub base: String,
    /// Each action of the plan, by its id.
    pub items: BTreeMap<Digest, Cause>,
    /// What would be to do at the base and is done with the change.
    pub settled: Vec<Settled>,
    /// What would be to do at the base and is not planned any more without being settled: its blueprint is gone or about another object,
    /// something of it is not seen, the object stays as it is, or the change makes something forbidden of it.
    #[serde(default)]
    pub lost: Vec<Settled>,
    /// What the plan reports and was reported in the same words before, whatever the numbers in them.
    #[serde(default)]
    pub standing: Vec<Standing>,
    /// What was reported before and is not any more.
    #[serde(default)]
    pub mended: Vec<Standing>,
    /// What could be seen before and cannot any more.
    #[serde(default)]
    pub unknown: Vec<Hidden>,
    /// Objects of the cluster that Git declared before and does not any more; nothing deletes them.
    #[serde(default)]
    pub orphaned: Vec<Orphan>,
    /// Workloads of the cluster that a blueprint was about before and none is any more, whether or not Git declares them.
    #[serde(default)]
    pub ungoverned: Vec<Orphan>,
    /// Workloads that the change adds to Git and that no blueprint is about.
    #[serde(default)]
    pub unclaimed: Vec<ObjectRef>,
    /// Values of `ConfigMap`s that the change makes others.
    #[serde(default)]
    pub config: Vec<ConfigChange>,
}

/// Something reported, of one blueprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The blueprint.
    pub blueprint: Name,
    /// What was reported.
    pub reported: Reported,
}

/// Something that the change hides from bpctl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hidden {
    /// The blueprint.
    pub blueprint: Name,
    /// What: `the manifest`.
    pub what: String,
}

/// An object that the change takes out of Git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Orphan {
    /// The blueprint that it belonged to.
    pub blueprint: Name,
    /// The object.
    pub object: ObjectRef,
}

/// Where an action comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The change causes it.
    Change,
    /// It stood before the change.
    Before,
    /// The change causes it; these fields of it had drifted before, from this value or another.
    Partly(Vec<FieldPath>),
}

/// An action of the base's plan that the change settles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The blueprint.
    pub blueprint: Name,
    /// The action and its verdict, as they were.
    pub item: PlanItem,
}

/// How many actions come from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CauseCounts {
    /// Caused by the change, wholly or partly.
    pub change: usize,
    /// Those of them that had drifted in part before.
    pub partly: usize,
    /// There before it.
    pub before: usize,
    /// Settled by it.
    pub settled: usize,
}

impl Causes {
    /// Compares a plan with the base's, made against the same observation; `after` is what the plan is of.
    pub fn of<'a>(plan: &'a Plan, before: &'a Plan, base: &str, after: &Catalog) -> Self {
        let mut stood: BTreeMap<(&Name, &str, &ObjectRef), &PlanItem> = BTreeMap::new();
        for part in &before.blueprints {
            let key = |item| (Self::key(&part.name, item), item);
            stood.extend(part.items.iter().map(key));
        }
        let mut items = BTreeMap::new();
        for part in &plan.blueprints {
            for item in &part.items {
                let twin = stood.remove(&Self::key(&part.name, item));
                items.insert(item.id.clone(), cause(item, twin));
            }
        }
        let part = |plan: &'a Plan, name: &Name| plan.blueprints.iter().find(|part| part.name == *name);
        let mut unknown = Vec::new();
        for now in &plan.blueprints {
            let then = part(before, &now.name);
            let told = |fact: &&UnknownFact| then.is_some_and(|then| then.unknown.iter().any(|o| o.what == fact.what));
            // Where the base's plan did not come to ask for a measurement, it was no more to be had then.
            let measured =
                |key: &FactKey| matches!(key, FactKey::Usage(..) | FactKey::Level(..) | FactKey::Autoscaler(_));
            let asked = |key: &FactKey| then.is_none_or(|then| then.evidence.contains(key));
            let asks_more = now.evidence.iter().any(|key| measured(key) && !asked(key));
            let new = now.unknown.iter().filter(|fact| !told(fact) && (fact.uncompared || !asks_more));
            unknown.extend(new.map(|fact| Hidden { blueprint: now.name.clone(), what: fact.what.clone() }));
        }
        // What is gone because it is not seen any more is not settled.
        let known = |name: &Name| unknown.iter().all(|hidden| hidden.blueprint != *name);
        let settles = |gone: &Settled| {
            let object = gone.item.action.workload();
            let now = part(plan, &gone.blueprint).filter(|_| known(&gone.blueprint));
            now.is_some_and(|now| {
                now.items.iter().all(|item| item.verdict.tier != Tier::Forbidden)
                    && !is_only_undecided(&gone.item.action, now)
                    && after.governs(&plan.environment, &gone.blueprint, object)
                    && now.findings.iter().all(|found| found.object.as_ref() != Some(object))
            })
        };
        let (settled, lost) = stood
            .into_iter()
            .map(|((name, ..), item)| Settled { blueprint: name.clone(), item: item.clone() })
            .partition(settles);
        let of =
            |(name, reported): (&Name, &Reported)| Standing { blueprint: name.clone(), reported: reported.clone() };
        let (now, then): (Vec<Standing>, Vec<Standing>) =
            (plan.findings().map(of).collect(), before.findings().map(of).collect());
        let same = |one: &Standing, other: &Standing| {
            one.blueprint == other.blueprint && one.reported.code == other.reported.code
        };
        let mended = |then: &&Standing| {
            let here = part(plan, &then.blueprint).is_some() && known(&then.blueprint);
            here && !now.iter().any(|now| same(now, then))
        };
        let mended = then.iter().filter(mended).cloned().collect();
        let stood =
            |now: &Standing| then.iter().any(|then| same(now, then) && says_the_same(&now.reported, &then.reported));
        let standing = now.into_iter().filter(stood).collect();
        let (orphaned, ungoverned, unclaimed, config) = Default::default();
        let base = base.into();
        Self { base, items, settled, lost, standing, mended, unknown, orphaned, ungoverned, unclaimed, config }
    }

    /// Notes what the change takes out of Git and leaves in the cluster: the workload, or what belongs to it; and of what it takes the
    /// blueprint away, or adds without one. Of a part of the blueprints the latter two are not told.
    #[must_use]
    pub fn with_orphans(mut self, plan: &Plan, before: &Catalog, after: &Catalog, observation: &Observation) -> Self {
        let (environment, facts) = (&plan.environment, Recorder::new(observation));
        let governed = |catalog: &'_ Catalog| -> Vec<(Name, ObjectRef)> {
            let there = catalog.blueprints.iter().filter(|(_, blueprint)| blueprint.value.is_in(environment));
            there.map(|(name, blueprint)| (name.clone(), blueprint.value.object_in(environment))).collect()
        };
        let still: BTreeSet<ObjectRef> = governed(after).into_iter().map(|(_, object)| object).collect();
        let gone = governed(before).into_iter().filter(|(_, object)| plan.scope.is_none() && !still.contains(object));
        let there = gone.filter(|(_, object)| matches!(facts.object(object), Known::Known(Some(_))));
        self.ungoverned = there.map(|(blueprint, object)| Orphan { blueprint, object }).collect();
        // What could not be read or rendered may declare anything.
        let whole = |catalog: &Catalog| {
            catalog.unreadable.is_empty() && catalog.renderings(environment).iter().all(|one| one.outcome.is_ok())
        };
        if !whole(before) || !whole(after) {
            return self;
        }
        for name in plan.blueprints.iter().map(|part| &part.name) {
            let (Some(then), Some(now)) = (before.blueprints.get(name), after.blueprints.get(name)) else { continue };
            // Files that another source names may not have been read.
            let (source, object) = (&then.value.spec.target.source, then.value.object_in(environment));
            if *source != now.value.spec.target.source {
                continue;
            }
            let declared = before.declared(environment, source, &object).is_ok_and(|found| found.is_some());
            let companions = before.companions(environment, name).compared.into_iter().map(|one| one.object);
            for object in declared.then_some(object).into_iter().chain(companions) {
                let at = |source: &RepoPath| !matches!(after.declared(environment, source, &object), Ok(None));
                let elsewhere = || after.blueprints.values().any(|blueprint| at(&blueprint.value.spec.target.source));
                let made = || after.delivered(environment).any(|manifest| object.is_declared_by(&manifest.object));
                if !at(source) && !elsewhere() && !made() && matches!(facts.object(&object), Known::Known(Some(_))) {
                    self.orphaned.push(Orphan { blueprint: name.clone(), object });
                }
            }
        }
        if plan.scope.is_none() {
            let declared = |catalog: &Catalog| -> BTreeSet<ObjectRef> {
                let workloads = catalog.delivered(environment).map(|manifest| &manifest.object);
                workloads.filter(|object| WorkloadKind::of(object).is_some()).cloned().collect()
            };
            let (then, mut now) = (declared(before), declared(after));
            now.retain(|object| !then.contains(object) && !still.iter().any(|target| target.is_declared_by(object)));
            self.unclaimed = now.into_iter().collect();
        }
        self
    }

    /// What makes an action the same before and after a change: a workload and its companions each have their own.
    fn key<'p>(blueprint: &'p Name, item: &'p PlanItem) -> (&'p Name, &'static str, &'p ObjectRef) {
        (blueprint, item.action.name(), item.action.workload())
    }

    /// Where an action comes from.
    pub fn get(&self, item: &PlanItem) -> &Cause {
        self.items.get(&item.id).unwrap_or(&Cause::Change)
    }

    /// How many of a plan's actions, and of its findings that are more than notes, come from where.
    pub fn counts(&self, plan: &Plan) -> CauseCounts {
        let items = |wanted: fn(&Cause) -> bool| self.items.values().filter(|cause| wanted(cause)).count();
        let told = |all: &[Standing]| all.iter().filter(|one| one.reported.severity > Severity::Info).count();
        let before = items(|cause| *cause == Cause::Before);
        let found = plan.findings().filter(|(_, reported)| reported.severity > Severity::Info).count();
        CauseCounts {
            // Of a plan that comes from a file the parts may not fit together.
            change: (self.items.len() - before + found).saturating_sub(told(&self.standing)),
            partly: items(|cause| matches!(cause, Cause::Partly(_))),
            before: before + told(&self.standing),
            settled: self.settled.len() + told(&self.mended),
        }
    }

    /// Whether something was reported before in the same words.
    pub fn stood(&self, blueprint: &Name, reported: &Reported) -> bool {
        self.standing.iter().any(|one| one.blueprint == *blueprint && one.reported == *reported)
    }
}

/// A plan of the base in which a blueprint that only has another name now, and is about the same workload, has that name.
#[must_use]
pub fn as_called_now(plan: Plan, [was, now]: [&Catalog; 2]) -> Plan {
    let environment = &plan.environment;
    let only_in = |one: &'_ Catalog, other: &Catalog| -> Vec<(Name, ObjectRef)> {
        let mine = one.blueprints.iter().filter(|(name, _)| !other.blueprints.contains_key(*name));
        let mine = mine.filter(|(_, blueprint)| blueprint.value.is_in(environment));
        mine.map(|(name, blueprint)| (name.clone(), blueprint.value.object_in(environment))).collect()
    };
    let new = only_in(now, was);
    let called = |object: &ObjectRef| new.iter().find(|(_, other)| other == object).map(|(name, _)| name.to_string());
    let renamed = only_in(was, now).into_iter().filter_map(|(name, object)| Some((name.to_string(), called(&object)?)));
    let renamed: BTreeMap<String, String> = renamed.collect();
    if renamed.is_empty() {
        return plan;
    }
    let Ok(mut json) = serde_json::to_value(&plan) else { return plan };
    rename(&mut json, &renamed);
    for part in json.get_mut("blueprints").and_then(Json::as_array_mut).into_iter().flatten() {
        let name = part.get("name").and_then(Json::as_str).and_then(|name| renamed.get(name)).cloned();
        if let (Some(name), Some(part)) = (name, part.as_object_mut()) {
            part.insert("name".into(), name.into());
        }
    }
    serde_json::from_value(json).unwrap_or(plan)
}

/// Every `blueprint` of a plan.
fn rename(json: &mut Json, renamed: &BTreeMap<String, String>) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| rename(item, renamed)),
        Json::Object(map) => {
            for (key, value) in map {
                match value.as_str().filter(|_| key == "blueprint").and_then(|name| renamed.get(name)) {
                    Some(name) => *value = name.as_str().into(),
                    None => rename(value, renamed),
                }
            }
        }
        _ => {}
    }
}

/// Whether a finding differs from one of before of its code in numbers at most: what Git says now and said then. Of what it says to differ the
/// change has made nothing: that would be told as what nobody has to look at.
fn says_the_same(one: &Reported, other: &Reported) -> bool {
    let words = |reported: &'_ Reported| -> Vec<String> {
        let text = reported.message.raw().split(|c: char| c.is_ascii_digit());
        text.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let differed =
        |field: &FieldDrift| other.fields.iter().any(|then| then.path == field.path && then.declared == field.declared);
    one.severity == other.severity && words(one) == words(other) && one.fields.iter().all(differed)
}

fn cause(item: &PlanItem, twin: Option<&PlanItem>) -> Cause {
    let Some(twin) = twin else { return Cause::Change };
    if item.action == twin.action {
        return Cause::Before;
    }
    // What goes on must be the same on both sides; of a drift each field is looked at alone.
    let (Action::Reconcile(now), Action::Reconcile(then)) = (&item.action, &twin.action) else { return Cause::Change };
    let stood = |field: &&RevertedField| then.fields.iter().any(|other| other.field == field.field);
    let before: Vec<FieldPath> = now.fields.iter().filter(stood).map(|field| field.field.clone()).collect();
    let same = now.fields.iter().all(|field| then.fields.contains(field));
    match before.len() {
        0 => Cause::Change,
        _ if same => Cause::Before,
        _ => Cause::Partly(before), // drifted further counts as well
    }
}

/// Whether an action that rests on what pods use is gone only because the change is to be delivered first: what they use with it nobody has seen.
/// It is settled where the change itself does as much.
fn is_only_undecided(gone: &Action, now: &BlueprintPlan) -> bool {
    let (replicas, template) = (["spec", "replicas"], ["spec", "template"]);
    let changed: Vec<&RevertedField> = now
        .items
        .iter()
        .filter_map(|item| match &item.action {
            Action::Reconcile(reconcile) if reconcile.workload == *gone.workload() => Some(&reconcile.fields),
            _ => None,
        })
        .flatten()
        .filter(|field| field.field.is_keys(&replicas) || field.field.starts_with_keys(&template))
        .collect();
    let does_as_much = |field: &&RevertedField| match gone {
        Action::Scale(scale) if field.field.is_keys(&replicas) => {
            let becomes = field.to.as_ref().map_or(Some(1), serde_json::Value::as_u64);
            let (from, to) = (scale.from.unwrap_or(1), u64::from(scale.to));
            becomes.is_some_and(|becomes| if scale.to > from { becomes >= to } else { becomes <= to })
        }
        Action::Resize(_) => field.field.has_key("resources"),
        _ => false,
    };
    matches!(gone, Action::Scale(_) | Action::Resize(_)) && !changed.is_empty() && !changed.iter().any(does_as_much)
}
