//! Builds a plan: decide, then judge, blueprint by blueprint.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pending::PendingSync;
use super::{BlueprintPlan, Desired, Plan, PlanItem, Scope};
use crate::action::Action;
use crate::blueprint::{Catalog, Delivery, Manifest, TierName};
use crate::credential::{WITHHELD, field_holds};
use crate::decide::drift::{DriftKind, FieldDrift};
use crate::decide::{Detected, DriftFinding, Finding, LOGIC, Reported, WhyNot, decide};
use crate::execute::Effect;
use crate::govern::{FREEZE, judge_planned, proposed_rules};
use crate::model::{Digest, FieldPath, Name, ObjectRef, Proposed, RepoPath, Severity, Trusted, Untrusted, map_all};
use crate::observe::{FactKey, Observation, Recorder};
use crate::render::words;
use crate::rendering::differing_field;
use crate::yaml::{Finder, value_at};

/// What a plan is built from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The rules, from the protected base branch.
    pub rules: &'a Trusted<Catalog>,
    /// The desired state: base itself, another commit, or the work tree.
    pub desired: &'a Proposed<Catalog>,
    /// The environment.
    pub environment: &'a Name,
    /// The facts.
    pub observation: &'a Observation,
}

/// What the deciding stage answers for one blueprint: all that the judging stage needs besides rules and facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The blueprint.
    pub blueprint: Name,
    /// What was found, and what not.
    pub detected: Detected,
    /// The facts that were read.
    pub evidence: Vec<FactKey>,
}

/// The deciding stage alone (B4): what should be done, before anybody asks who may do it.
pub fn decide_all(
    catalog: &Catalog,
    environment: &Name,
    observation: &Observation,
    only: Option<&BTreeSet<Name>>,
) -> Vec<Decision> {
    let there = catalog.blueprints.iter().filter(|(_, blueprint)| blueprint.value.is_in(environment));
    let names: Vec<&Name> =
        there.map(|(name, _)| name).filter(|name| only.is_none_or(|only| only.contains(*name))).collect();
    map_all(&names, |name| {
        let facts = Recorder::new(observation);
        let detected = decide(catalog, name, environment, &facts);
        Decision { blueprint: (*name).clone(), detected, evidence: facts.keys().into_iter().collect() }
    })
}

/// The rendered fields that decisions speak of: drifted ones, and those that actions set. Which lines make them is found out between
/// deciding and judging, because an edit is planned on a line (X9).
pub fn rendered_fields(
    catalog: &Catalog,
    environment: &Name,
    decisions: &[Decision],
) -> BTreeSet<(RepoPath, ObjectRef, FieldPath)> {
    let mut fields = BTreeSet::new();
    for decision in decisions {
        let Some(blueprint) = catalog.blueprints.get(&decision.blueprint) else { continue };
        let target = &blueprint.value.spec.target;
        let rendered = |object: &ObjectRef| {
            catalog.manifest(environment, &target.source, object).filter(|manifest| manifest.rendered)
        };
        let mut add = |manifest: &Manifest, field: FieldPath| {
            // An action may set what is not there yet; nothing makes that.
            if value_at(&manifest.document, &field).is_some() {
                fields.insert((manifest.path.clone(), manifest.object.clone(), field));
            }
        };
        for (finding, action) in &decision.detected.findings {
            if let Some(manifest) = rendered(&blueprint.value.object_in(environment)) {
                action.iter().flat_map(Action::fields).for_each(|field| add(manifest, field));
            }
            if let Some(Action::Rollback(rollback)) = action {
                for back in &rollback.config {
                    if let Some(manifest) = rendered(&back.object) {
                        add(manifest, back.field.clone());
                    }
                }
            }
            let drifts = match finding {
                Finding::Drift(drift) => std::slice::from_ref(drift),
                Finding::Adopted { drifts } => drifts.as_slice(),
                _ => continue,
            };
            for drift in drifts {
                // Of what belongs to the workload it is another manifest.
                let Some(manifest) = rendered(&drift.object) else { continue };
                let declared = drift.fields.iter().filter(|field| field.kind != DriftKind::PendingRemoval);
                declared.for_each(|f| {
                    let differing = differing_field(&f.path, f.declared.as_ref(), f.live.as_ref());
                    if differing != f.path {
                        add(manifest, differing);
                    }
                    add(manifest, f.path.clone());
                });
            }
        }
    }
    fields
}

/// The finding with places in files, where a renderer made the manifest; and without who might have removed what base never had (X8).
fn placed(mut finding: Finding, input: &PlanInput<'_>, source: &RepoPath) -> Finding {
    let (catalog, environment) = (input.desired.get(), input.environment);
    let drifts = match &mut finding {
        Finding::Drift(drift) => std::slice::from_mut(drift),
        Finding::Adopted { drifts } => drifts.as_mut_slice(),
        _ => return finding,
    };
    for drift in drifts {
        let Some(manifest) = catalog.manifest(environment, source, &drift.object) else { continue };
        let base = input.rules.get().declared(environment, source, &drift.object);
        if let Ok(base) = base {
            let base = base.map(|base| Finder::new(&base.document));
            let declared = Finder::new(&manifest.document);
            for field in drift.fields.iter_mut().filter(|field| field.kind == DriftKind::Missing) {
                let is_new = base.as_ref().is_none_or(|base| base.value_at(&field.path).is_none());
                if is_new && declared.value_at(&field.path).is_some() {
                    field.by = None;
                }
            }
        }
        if !manifest.rendered {
            continue;
        }
        for field in &mut drift.fields {
            if field.kind == DriftKind::PendingRemoval {
                (field.span, field.unplaced) = (None, Some("nothing declares it any more".into()));
                continue;
            }
            let values = (field.declared.as_ref(), field.live.as_ref());
            (field.span, field.unplaced) = match catalog.place_beside(environment, manifest, &field.path, values) {
                Ok(span) => (Some(span), None),
                Err(why) => (None, Some(why)),
            };
        }
    }
    finding
}

/// Drift of an object of which the API server takes no apply: what it refuses comes first, and was told before.
fn waits(finding: Finding, told: &[Reported]) -> Option<Reported> {
    let Finding::Drift(drift) = finding else { return None };
    let first = told.iter().rev().find(|reported| reported.object.as_ref() == Some(&drift.object));
    let first = first.map_or("what no apply can bring", |reported| reported.code.as_str());
    Some(stays(&drift, &format!("{first} is settled first")))
}

/// Drift that is seen and that no action takes back.
fn stays(drift: &DriftFinding, because: &str) -> Reported {
    let told = |field: &FieldDrift| {
        let written = field.by.as_ref().map_or_else(String::new, |by| format!("; written by {}", by.manager.raw()));
        let unplaced = || field.unplaced.as_ref().map(|why| format!("no line to point to: {why}"));
        let declared = words::place(field).or_else(unplaced).map_or_else(String::new, |place| format!("; {place}"));
        let mut differs = words::difference(field, |text| text.raw().to_owned());
        // It may be shown on a pull request's page (T38).
        if field.may_hold_credential(&drift.object) {
            differs = "is another than in Git (not shown)".into();
        }
        Untrusted::new(format!("{}: {differs}{written}{declared}", field.path))
    };
    let message = format!("{} differs from Git, and is not brought back: {because}", drift.object);
    let told = drift.fields.iter().map(told).collect();
    let object = Some(drift.object.clone());
    let shown = |field: &FieldDrift| {
        let mut field = field.clone();
        if field.may_hold_credential(&drift.object) {
            (field.declared, field.live, field.admitted) = (None, None, None);
        }
        field
    };
    let fields = drift.fields.iter().map(shown).collect();
    Reported { object, fields, ..Reported::for_person("drift-stays", Severity::Warning, message, told) }
}

/// Builds the plan. Pure: the same inputs give the same plan, byte for byte.
pub fn build(input: &PlanInput<'_>) -> Plan {
    build_for(input, None)
}

/// The same for some blueprints only: those of the scope.
pub fn build_for(input: &PlanInput<'_>, only: Option<(&BTreeSet<Name>, Scope)>) -> Plan {
    let names = only.as_ref().map(|(names, _)| *names);
    let decisions = decide_all(input.desired.get(), input.environment, input.observation, names);
    govern(input, decisions, only.map(|(_, scope)| scope))
}

/// The judging stage alone (B4): a plan of these decisions. A decision about a blueprint that the desired state does not have is none.
pub fn govern(input: &PlanInput<'_>, decisions: Vec<Decision>, scope: Option<Scope>) -> Plan {
    let catalog = input.desired.get();
    let place = catalog.workspace.value.environments.get(input.environment);
    let blueprints: Vec<BlueprintPlan> =
        decisions.into_iter().filter_map(|decision| part(input, catalog, decision)).collect();
    let actions: Vec<&Action> = blueprints.iter().flat_map(|b| b.items.iter().map(|item| &item.action)).collect();
    let judged = blueprints.iter().flat_map(|part| &part.items).map(|item| (&item.action, item.verdict.tier));
    let facts = Recorder::new(input.observation);
    let proposed_rules = proposed_rules(input.rules, input.desired, input.environment, judged, &facts);
    Plan {
        schema_version: 1,
        hash: Digest::of(&actions),
        logic: LOGIC,
        environment: input.environment.clone(),
        // An environment that the tree does not name is treated as the dearest.
        tier: place.map_or(TierName::Prod, |place| place.tier),
        delivery: place.map_or(Delivery::Gitops, |place| place.delivery),
        desired: Desired {
            base_branch: input.rules.tip().branch().into(),
            base_commit: input.rules.tip().commit().into(),
            commit: input.desired.commit().map(Into::into),
        },
        from: input.observation.from.clone(),
        observed_at: input.observation.observed_at,
        exact: false,
        blueprints,
        scope,
        causes: None,
        proposed_rules,
    }
}

fn part(input: &PlanInput<'_>, catalog: &Catalog, decision: Decision) -> Option<BlueprintPlan> {
    let Decision { blueprint: name, detected, evidence } = decision;
    let blueprint = &catalog.blueprints.get(&name)?.value;
    let facts = Recorder::new(input.observation);
    let target = &blueprint.spec.target;
    let manifest = catalog.manifest(input.environment, &target.source, &blueprint.object_in(input.environment));
    let place = catalog.workspace.value.environments.get(input.environment);
    let gitops = place.is_none_or(|place| place.delivery == Delivery::Gitops);
    let mut not_proposed = detected.why_not;
    let mut items = Vec::new();
    let mut findings = Vec::new();
    for (finding, action) in detected.findings {
        let Some(action) = action else {
            match finding {
                Finding::Reported(reported) => findings.push(reported),
                Finding::Drift(_) => {
                    let drift = placed(finding, input, &target.source);
                    findings.extend(waits(drift, &findings));
                }
                _ => {}
            }
            continue;
        };
        let finding = placed(finding, input, &target.source);
        match action.lower(catalog, input.environment) {
            Ok(effects) => {
                let mut verdict = judge_planned(input.rules, input.environment, &action, &facts);
                if gitops && matches!(action, Action::Reconcile(_)) {
                    // The controller knows nothing of bpctl's pauses, nor of freezes; people should know of those.
                    let holds = std::mem::take(&mut verdict.holds);
                    verdict.unheeded = holds.into_iter().filter(|hold| hold.rule.ident == FREEZE).collect();
                }
                let unmerged = is_unmerged(input, &target.source, &action);
                let sync = if gitops && matches!(action, Action::Reconcile(_)) {
                    let manifest = catalog.manifest(input.environment, &target.source, action.workload());
                    let policy = manifest.and_then(|manifest| catalog.sync_policy(input.environment, manifest));
                    let object = action.workload();
                    let live = facts.object(object).known().copied().flatten();
                    let marked =
                        manifest.and_then(|manifest| PendingSync::marked(object, manifest, live, policy.is_some()));
                    marked.or_else(|| PendingSync::of(policy, &finding, unmerged))
                } else {
                    None
                };
                items.push(PlanItem { id: action.id(), finding, action, verdict, effects, unmerged, sync });
            }
            Err(because) => left(finding, &action, because, &mut findings, &mut not_proposed),
        }
    }
    let evidence: BTreeSet<FactKey> = evidence.into_iter().chain(facts.keys()).collect();
    Some(BlueprintPlan {
        name,
        version: blueprint.metadata.version.to_string(),
        manifest: manifest.map_or_else(|| target.source.to_string(), |manifest| manifest.path.to_string()),
        items,
        findings,
        not_proposed,
        unknown: detected.unknown,
        evidence: evidence.into_iter().collect(),
    })
}

/// Whether a reconcile brings what base does not declare.
fn is_unmerged(input: &PlanInput<'_>, source: &RepoPath, action: &Action) -> bool {
    let Action::Reconcile(reconcile) = action else { return false };
    let (base, desired) = (input.rules.get(), input.desired.get());
    match base.declared(input.environment, source, &reconcile.workload) {
        Ok(Some(_)) => {
            let [base, desired] = [base, desired].map(|catalog| {
                let manifest = catalog.manifest(input.environment, source, &reconcile.workload);
                manifest.map(|manifest| Finder::new(&manifest.document))
            });
            let declared = |finder: &Option<Finder<'_>>, field: &FieldPath| {
                finder.as_ref().map(|finder| finder.value_at(field).map(crate::yaml::Node::to_json))
            };
            reconcile.fields.iter().any(|field| declared(&base, &field.field) != declared(&desired, &field.field))
        }
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Says why an action is not proposed: beside what is broken, where that is what it would have mended.
fn left(finding: Finding, action: &Action, because: String, found: &mut Vec<Reported>, not_proposed: &mut Vec<WhyNot>) {
    match finding {
        Finding::Broken(broken) => found.extend(broken.instead(&because)),
        Finding::Drift(drift) => found.push(stays(&drift, &because)),
        _ => not_proposed.push(WhyNot::new(action.name(), because)),
    }
}

impl Plan {
    /// The same for people and files to read, without values that may be credentials (T38): what stands in Git or in the cluster need not
    /// stand in a terminal's scrollback, a job's log, an artifact or a comment as well. Hash and ids are those of the actions as they are.
    #[must_use]
    pub fn told(mut self) -> Self {
        for part in &mut self.blueprints {
            for item in &mut part.items {
                item.finding = item.finding.clone().told();
                item.action = item.action.clone().told();
                let kind = item.action.workload().kind.clone();
                let fields = item.effects.iter_mut().filter_map(|effect| match effect {
                    Effect::SetField(set) => Some(set),
                    Effect::ApplyObject(_) | Effect::RestartPods(_) => None,
                });
                for set in fields {
                    // Which of its objects an edit is of, it does not say.
                    let config = matches!(&item.action, Action::Rollback(_)) && set.field.0.len() == 2;
                    let kind = if config { "ConfigMap" } else { kind.as_str() };
                    if field_holds(kind, &set.field, [set.from.as_ref(), set.to.as_ref()]) {
                        set.from.iter_mut().chain(&mut set.to).for_each(|value| *value = WITHHELD.into());
                    }
                }
            }
            for reported in &mut part.findings {
                let Some(object) = reported.object.clone() else { continue };
                let fields = std::mem::take(&mut reported.fields);
                reported.fields = fields.into_iter().map(|field| field.told(&object)).collect();
            }
        }
        self
    }

    /// The same without what is not proposed now because a person closed it, or nobody approved it in time: with why (B10).
    #[must_use]
    pub fn without_declined(mut self, declined: &BTreeMap<Digest, String>) -> Self {
        for part in &mut self.blueprints {
            let (gone, kept) =
                std::mem::take(&mut part.items).into_iter().partition(|item| declined.contains_key(&item.id));
            part.items = kept;
            for PlanItem { id, finding, action, .. } in gone {
                let because = declined.get(&id).cloned().unwrap_or_default();
                left(finding, &action, because, &mut part.findings, &mut part.not_proposed);
            }
        }
        let actions: Vec<&Action> = self.items().map(|item| &item.action).collect();
        self.hash = Digest::of(&actions);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Segment;
    use serde_json::json;

    /// Would miss: a password that the sentence withholds, and that the fields beside it show (T38).
    #[test]
    fn t38_what_stays_shows_no_credential_in_its_fields() {
        let drifted = |name: &str| FieldDrift {
            path: FieldPath::keys(["env"]).join(Segment::Item(vec![("name".into(), name.into())])).key("value"),
            kind: DriftKind::Changed,
            span: None,
            unplaced: Some("it is null".into()),
            declared: Some(json!("hunter1")),
            live: Some(json!("hunter2")),
            admitted: Some(json!("hunter3")),
            by: None,
        };
        let object = ObjectRef::deployment("shop", "web");
        let fields = vec![drifted("DB_PASSWORD"), drifted("MODE")];
        let told = stays(&DriftFinding { object, fields, approximate: None }, "that is first");
        let [password, mode] = told.fields.as_slice() else { panic!("{told:?}") };
        assert!(!serde_json::to_string(password).unwrap().contains("hunter"), "{password:?}");
        assert!(!told.help[0].raw().contains("hunter"), "{told:?}");
        assert_eq!((mode.declared.as_ref(), mode.live.as_ref()), (Some(&json!("hunter1")), Some(&json!("hunter2"))));
        assert!(told.help[1].raw().ends_with("; no line to point to: it is null"), "{told:?}");
    }
}
