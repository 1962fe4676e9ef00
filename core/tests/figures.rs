//! The figures of the decisions (B20): whole grids of situations, planned by the product and worked out once more here, in other words and
//! with other arithmetic; what came of them stands in `docs/FIGURES.md`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Tier, TierName};
use bpctl_core::govern::{ApprovalTerms, count_reviews};
use bpctl_core::ledger::thin;
use bpctl_core::model::{
    Digest, File, Files, Name, ObjectRef, Period, Proposed, Quantity, RepoPath, Timestamp, Untrusted,
};
use bpctl_core::observe::{
    CheckConclusion, FactKey, FactValue, Identity, Known, LiveObject, Observation, ObservedFrom, PastOperation,
    PodUsage, PullFacts, PullState, Resource, Review, ReviewState, Rights, TypeSchema, UnknownCode, Usage,
    pod_from_json,
};
use bpctl_core::plan::{Cause, Causes, Plan, PlanInput, as_called_now, build};
use bpctl_core::render::comment::Around;
use serde_json::json;
use small_world::{WORKSPACE, catalog, files, rewritten, rolled_out, selecting, trusted, web};

const REQUEST: i64 = 1000;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// One situation: what Git declares, what the cluster shows, what happened before.
#[derive(Clone)]
struct Situation {
    spec: String,
    policy: String,
    replicas: i64,
    /// Millicores that each pod uses of the 1000m that it requests.
    used: i64,
    /// Restarts of a pod that crashes; the other pods are ready.
    crashed: Option<i64>,
    past: Vec<PastOperation>,
    /// A fact that cannot be read.
    blind: Option<FactKey>,
}

impl Situation {
    fn new(spec: &str, replicas: i64, used: i64) -> Self {
        let (spec, policy) = (spec.to_owned(), String::new());
        Self { spec, policy, replicas, used, crashed: None, past: Vec::new(), blind: None }
    }

    fn files(&self) -> Files {
        let head = |kind: &str, name: &str| {
            format!("apiVersion: bpctl.dev/v1\nkind: {kind}\nmetadata: {{name: {name}, version: 1.0.0, owner: team}}\n")
        };
        let target = "spec:\n  target: {workload: Deployment/web, namespace: shop, source: deploy/web.yaml}\n";
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: {}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n        - {{name: web, image: web, resources: {{requests: {{cpu: {REQUEST}m}}}}}}\n",
            self.replicas
        );
        let policy = format!("{}{}", head("Policy", "base"), self.policy);
        let mut entries = vec![
            ("bpctl.yaml", WORKSPACE.to_owned()),
            ("blueprints/web.yaml", format!("{}{target}{}", head("Blueprint", "web"), self.spec)),
            ("deploy/web.yaml", manifest),
        ];
        if !self.policy.is_empty() {
            entries.push(("blueprints/base.yaml", policy));
        }
        files(&entries.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>())
    }

    fn observation(&self) -> Observation {
        let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
        let (name, mut seen) =
            (Name::new("web").unwrap(), Observation::new(Name::new("staging").unwrap(), from, now()));
        let containers =
            json!([{"name": "web", "image": "web", "resources": {"requests": {"cpu": format!("{REQUEST}m")}}}]);
        let body = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "9", "generation": 1},
            "spec": {"replicas": self.replicas, "template": {"spec": {"containers": containers}}},
            "status": rolled_out(u32::try_from(self.replicas).unwrap(), false)});
        let body = selecting(body);
        let pod = |n: i64| {
            let crashed = self.crashed.filter(|_| n == 0);
            let state = crashed.map_or(json!({"running": {}}), |_| json!({"waiting": {"reason": "CrashLoopBackOff"}}));
            let last = crashed.map_or(json!({}), |_| {
                json!({"terminated": {"reason": "Error", "exitCode": 1, "startedAt": "2026-11-21T11:50:00Z", "finishedAt": "2026-11-21T11:59:00Z"}})
            });
            let ready = if crashed.is_some() { "False" } else { "True" };
            pod_from_json(&json!({
                "metadata": {"name": format!("web-{n}"), "uid": format!("u{n}"), "creationTimestamp": "2026-11-21T11:00:00Z"},
                "spec": {"containers": containers},
                "status": {"phase": "Running",
                    "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-21T11:00:05Z"}],
                    "containerStatuses": [{"name": "web", "restartCount": crashed.unwrap_or(0), "state": state, "lastState": last}]}
            }))
            .unwrap()
        };
        let used = |n| PodUsage {
            pod: Untrusted::new(format!("web-{n}")),
            mean: Quantity::from_millis(i128::from(self.used)),
            samples: 20,
            containers: Vec::new(),
        };
        let pods = (0..self.replicas).map(used).collect();
        let usage = Usage { window: Period::from_secs(300), expected_samples: 20, pods, point_in_time: false };
        let live = LiveObject::from_json("apps/v1", "Deployment", body);
        let schema = FactKey::Schema("apps/v1".into(), "Deployment".into());
        for (key, value) in [
            (FactKey::Object(web()), FactValue::Object(Known::Known(live))),
            (FactKey::Pods(web()), FactValue::Pods(Known::Known((0..self.replicas).map(pod).collect()))),
            (FactKey::Usage(web(), Resource::Cpu), FactValue::Usage(Known::Known(usage))),
            (FactKey::Autoscaler(web()), FactValue::Autoscaler(Known::Known(None))),
            (schema, FactValue::Schema(Known::Known(TypeSchema::default()))),
            (FactKey::Deliveries(name.clone()), FactValue::Deliveries(Known::Known(Vec::new()))),
            (FactKey::History(name), FactValue::History(Known::Known(self.past.clone()))),
        ] {
            let value = if self.blind.as_ref() == Some(&key) { blinded(value) } else { value };
            seen.add(key, "t", value);
        }
        seen
    }

    fn plan(&self) -> Plan {
        planned(&self.files(), &self.observation())
    }

    /// `scale 3: allowed`, `: held` with it where it waits; nothing where nothing is proposed. The first of this kind of action.
    fn told(&self, kind: &str) -> Told {
        let plan = self.plan();
        let item = plan.items().find(|item| item.action.name() == kind);
        let about = &plan.blueprints[0];
        let silent =
            item.is_none() && about.not_proposed.is_empty() && about.unknown.is_empty() && about.findings.is_empty();
        let outcome = item.map_or_else(String::new, |item| {
            let to = match &item.action {
                Action::Scale(scale) => format!(" {}", scale.to),
                Action::Resize(resize) => format!(" {}", resize.requests[0].to),
                _ => String::new(),
            };
            let held = if item.verdict.holds.is_empty() { "" } else { ", held" };
            format!("{kind}{to}: {}{held}", item.verdict.tier)
        });
        Told { outcome, silent, hash: plan.hash }
    }
}

fn planned(files: &Files, observation: &Observation) -> Plan {
    let (rules, environment) = (trusted(files), Name::new("staging").unwrap());
    let desired = Proposed::from_head(Some("c".into()), catalog(files));
    build(&PlanInput { rules: &rules, desired: &desired, environment: &environment, observation })
}

fn blinded(value: FactValue) -> FactValue {
    let nothing = "no rights";
    match value {
        FactValue::Pods(_) => FactValue::Pods(Known::unknown(UnknownCode::Forbidden, nothing)),
        FactValue::Usage(_) => FactValue::Usage(Known::unknown(UnknownCode::Forbidden, nothing)),
        FactValue::Object(_) => FactValue::Object(Known::unknown(UnknownCode::Forbidden, nothing)),
        FactValue::Autoscaler(_) => FactValue::Autoscaler(Known::unknown(UnknownCode::Forbidden, nothing)),
        FactValue::History(_) => FactValue::History(Known::unknown(UnknownCode::Forbidden, nothing)),
        FactValue::Deliveries(_) => FactValue::Deliveries(Known::unknown(UnknownCode::Forbidden, nothing)),
        other => other,
    }
}

struct Told {
    outcome: String,
    silent: bool,
    hash: Digest,
}

/// How many of a grid's situations came out as they should.
#[derive(Default)]
struct Count {
    all: usize,
    right: usize,
    answered: usize,
    /// Looser than it should be: allowed where a person or nobody may.
    looser: usize,
    /// Asked for something that needs nobody; of those, got it.
    autonomous: (usize, usize),
    wrong: Vec<String>,
}

impl Count {
    fn add(&mut self, situation: &str, told: &Told, wanted: &str) {
        let allowed = Tier::Allowed.to_string();
        self.all += 1;
        self.answered += usize::from(!told.silent);
        self.looser += usize::from(told.outcome.ends_with(&allowed) && !wanted.ends_with(&allowed));
        if wanted.ends_with(&allowed) {
            self.autonomous.0 += 1;
            self.autonomous.1 += usize::from(told.outcome == wanted);
        }
        if told.outcome == wanted {
            self.right += 1;
        } else if self.wrong.len() < 5 {
            self.wrong.push(format!("{situation}: {:?} instead of {wanted:?}", told.outcome));
        }
    }

    fn row(&self, what: &str) -> String {
        assert!(self.wrong.is_empty(), "{what}: {:#?}", self.wrong);
        let (asked, got) = self.autonomous;
        format!("| {what} | {} | {} | {} | {got} of {asked} | {} |\n", self.all, self.answered, self.right, self.looser)
    }
}

fn tier(free: bool) -> Tier {
    if free { Tier::Allowed } else { Tier::RequiresApproval }
}

/// B6: replicas from 1 to 8 between a minimum of 2 and a maximum of 5, at every load from nothing to twice the request.
fn scaling() -> Count {
    let mut count = Count::default();
    let spec = "  scaling: {min_replicas: 2, max_replicas: 5, scale_up_threshold: 80%, scale_down_threshold: 30%}\n";
    for replicas in 1..=8 {
        for percent in 0..=200 {
            let told = Situation::new(spec, replicas, percent * REQUEST / 100).told("scale");
            let bounds = 2..=5;
            let to = if percent > 80 {
                Some(replicas + 1)
            } else if percent < 30 && replicas > 2 && percent * replicas <= 80 * (replicas - 1) {
                Some(replicas - 1)
            } else {
                None
            };
            let wanted = to.map_or_else(String::new, |to| format!("scale {to}: {}", tier(bounds.contains(&to))));
            count.add(&format!("{replicas} replicas at {percent}%"), &told, &wanted);
        }
    }
    count
}

/// B6, B8. Would miss: a scale by what another template used, merged while the new image waits for its delivery, which delivers both at once and
/// stands before the image where its pods fail; and a scale that waits for what a person wrote into the cluster, which no delivery is about.
#[test]
fn b06_nothing_is_scaled_while_a_pod_template_waits_for_its_delivery() {
    let spec = "  scaling: {min_replicas: 2, max_replicas: 5, scale_up_threshold: 80%}\n";
    let situation = Situation::new(spec, 2, 900);
    let planned_of = |image: &str, manager: &str| {
        let mut observation = situation.observation();
        let fact = observation.facts.get_mut(&FactKey::Object(web())).unwrap();
        let FactValue::Object(Known::Known(Some(live))) = &fact.value else { panic!() };
        let mut body: serde_json::Value = (*live.body).clone();
        body["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        let owned = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}});
        body["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Update", "apiVersion": "apps/v1",
            "time": "2026-11-21T11:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": owned}]);
        fact.value = FactValue::Object(Known::Known(LiveObject::from_json("apps/v1", "Deployment", body)));
        let plan = planned(&situation.files(), &observation);
        let names: Vec<&str> = plan.items().map(|item| item.action.name()).collect();
        let why = plan.blueprints[0].not_proposed.iter().find(|why| why.what == "scale");
        (names.join(" "), why.map(|why| why.because.clone()).unwrap_or_default())
    };
    for manager in ["bpctl", "argocd-controller"] {
        let (names, why) = planned_of("web:0", manager);
        assert_eq!(names, "reconcile", "{manager}: {why}");
        assert!(why.contains("image) than the cluster, and it is not delivered yet"), "{why}");
    }
    assert_eq!(planned_of("web:0", "kubectl-edit").0, "scale reconcile");
    assert_eq!(planned_of("web", "bpctl").0, "scale");
}

/// B6, T7. Would miss: a maximum that is raised for one environment and holds in production from then on, of which no word is said.
#[test]
fn b06_a_maximum_that_other_environments_share_is_a_persons_to_raise() {
    let spec = "  scaling: {min_replicas: 2, max_replicas: 4, scale_up_threshold: 80%}\n";
    let situation = Situation::new(spec, 4, 900);
    assert_eq!(situation.told("scale").outcome, format!("scale 5: {}", tier(false)));
    let prod = "environments:\n  prod: {tier: prod, cluster: {context: there}}\n";
    let shared = rewritten(situation.files(), |text| text.replace("environments:\n", prod));
    let plan = planned(&shared, &situation.observation());
    assert_eq!(plan.items().count(), 0, "{plan:#?}");
    let told = bpctl_core::render::text::plan(&plan, None);
    for part in ["max_replicas: 4 for prod too", "{staging: {spec: {scaling: {max_replicas: 5}}}}"] {
        assert!(told.contains(part), "{told}");
    }
    // Within the maximum nothing is raised; and where the other environment has none of it, it is not shared.
    let within = rewritten(Situation::new(spec, 3, 900).files(), |text| text.replace("environments:\n", prod));
    assert_eq!(planned(&within, &Situation::new(spec, 3, 900).observation()).items().count(), 1);
    let alone = rewritten(shared, |text| {
        text.replace("source: deploy/web.yaml}", "source: deploy/web.yaml, environments: [staging]}")
    });
    assert_eq!(planned(&alone, &situation.observation()).items().count(), 1);
}

/// X1, and the comment's first line. Would miss: a change that takes a replica away told as what settles the load that asks for one more, and its
/// delivery's verdict read as the change's own.
#[test]
fn x01_what_is_not_decided_before_a_delivery_is_not_settled_by_it() {
    let spec = "  scaling: {min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%}\n";
    let situation = Situation::new(spec, 4, 900);
    let before = planned(&situation.files(), &situation.observation());
    for (replicas, wanted) in [(3, (0, 1)), (5, (1, 0)), (6, (1, 0))] {
        let changed =
            rewritten(situation.files(), |text| text.replace("replicas: 4\n", &format!("replicas: {replicas}\n")));
        let mut plan = planned(&changed, &situation.observation());
        let causes = Causes::of(&plan, &before, "base", &catalog(&changed));
        assert_eq!((causes.settled.len(), causes.lost.len()), wanted, "{replicas}: {causes:#?}");
        plan.causes = Some(causes);
        let around = Around { line: &|_, _, _| None, run: None, whole: "elsewhere" };
        let page = bpctl_core::render::comment::page(&plan, &around);
        assert!(page.starts_with("### bpctl · staging — once merged: "), "{page}");
    }
    // What needs no delivery is decided: the load is within another threshold.
    let borne = rewritten(situation.files(), |text| text.replace("scale_up_threshold: 80%", "scale_up_threshold: 95%"));
    let plan = planned(&borne, &situation.observation());
    assert_eq!(Causes::of(&plan, &before, "base", &catalog(&borne)).settled.len(), 1);
}

/// X1. Would miss: a blueprint that only has another name told as what causes everything that stood before.
#[test]
fn x01_a_renamed_blueprint_causes_nothing() {
    let spec = "  scaling: {min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%}\n";
    let situation = Situation::new(spec, 4, 900);
    let before = planned(&situation.files(), &situation.observation());
    let changed = rewritten(situation.files(), |text| {
        if text.contains("kind: Blueprint") { text.replacen("name: web", "name: site", 1) } else { text.clone() }
    });
    let plan = planned(&changed, &situation.observation());
    let (was, now) = (catalog(&situation.files()), catalog(&changed));
    let causes = Causes::of(&plan, &as_called_now(before, [&was, &now]), "base", &now);
    assert_eq!(plan.items().count(), 1);
    assert!(causes.items.values().all(|cause| *cause == Cause::Before), "{causes:#?}");
    assert!(causes.settled.is_empty() && causes.lost.is_empty(), "{causes:#?}");
}

/// B6. Would miss: a number of replicas that Git leaves open taken for 1, which the cluster would wait for without end.
#[test]
fn b06_replicas_that_git_leaves_open_are_the_clusters() {
    let spec = "  scaling: {min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%}\n";
    let situation = Situation::new(spec, 4, 900);
    let open = rewritten(situation.files(), |text| text.replace("  replicas: 4\n", ""));
    let plan = planned(&open, &situation.observation());
    let told = bpctl_core::render::text::plan(&plan, None);
    assert!(told.contains("▲ scale") && told.contains("replicas 4 (not in Git) → 5"), "{told}");
}

/// B7: 1000m requested, and every usage below twice as much; at least 400m.
fn sizing() -> Count {
    let mut count = Count::default();
    for used in 0..2 * REQUEST {
        let told = Situation::new("  resources: {cpu: {minimum: 400m}}\n", 2, used).told("resize");
        let target = used.max(400);
        // Of a thousand: five in a hundred are fifty.
        let wanted = match target - REQUEST {
            -49..=49 => String::new(),
            -100..=100 => format!("resize {}: {}", shown(target), tier(true)),
            -300..=-101 => format!("resize {}: {}", shown(900), tier(true)),
            101..=300 => format!("resize {}: {}", shown(1100), tier(true)),
            _ => format!("resize {}: {}", shown(target), tier(false)),
        };
        count.add(&format!("{used}m used"), &told, &wanted);
    }
    count
}

fn shown(millis: i64) -> String {
    Quantity::from_millis(i128::from(millis)).to_string()
}

/// B8: every number of restarts up to 12 under every limit up to 10.
fn recovery() -> Count {
    let mut count = Count::default();
    for max in 0..=10 {
        for restarts in 0..=12 {
            let mut situation = Situation::new(&format!("  reliability: {{max_restart_count: {max}}}\n"), 2, 500);
            situation.crashed = Some(restarts);
            let wanted = if restarts < max { format!("restart: {}", tier(true)) } else { String::new() };
            count.add(&format!("{restarts} restarts of {max}"), &situation.told("restart"), &wanted);
        }
    }
    count
}

fn operation(number: u64, seconds_ago: u64, outcome: CheckConclusion) -> PastOperation {
    PastOperation {
        pull: number,
        operation: "scale".into(),
        merged_at: Period::from_secs(seconds_ago).before(now()),
        commit: "c".into(),
        delivered_at: None,
        outcome: Some(outcome),
        changes: Some(Vec::new()),
        config: Vec::new(),
        reset_by: None,
        rewritten: false,
        foreign: false,
    }
}

/// Each mechanism over its own grid: how often it was due, and how often it acted; and how often it acted and was not due.
fn safety() -> BTreeMap<&'static str, (usize, usize, usize)> {
    let asks = Situation::new("  scaling: {min_replicas: 2, max_replicas: 5}\n", 2, 900);
    assert_eq!(asks.told("scale").outcome, "scale 3: allowed");
    let mut all: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let mut add = |name, due: bool, situation: &Situation| {
        let stopped = situation.told("scale").outcome != "scale 3: allowed";
        let count = all.entry(name).or_default();
        count.0 += usize::from(due);
        count.1 += usize::from(due && stopped);
        count.2 += usize::from(!due && stopped);
    };
    for seconds in 1..=120 {
        let past = vec![operation(1, seconds, CheckConclusion::Success)];
        add("cooldown", seconds < 60, &Situation { past, ..asks.clone() });
    }
    for outcomes in 0..64_u64 {
        // The newest last: six operations, each well or not.
        let ended = |n: u64| if outcomes >> n & 1 == 1 { CheckConclusion::Failure } else { CheckConclusion::Success };
        let past = (0..6).map(|n| operation(n + 1, 36_000 - n * 3600, ended(n))).collect();
        add("breaker", (3..6).all(|n| outcomes >> n & 1 == 1), &Situation { past, ..asks.clone() });
    }
    for minutes in -30..30_i64 {
        let at = |minutes: i64| {
            let (hour, minute) = (12 + minutes.div_euclid(60), minutes.rem_euclid(60));
            format!("2026-11-21T{hour:02}:{minute:02}:00Z")
        };
        let policy = format!("freezes: [{{name: sale, from: \"{}\", to: \"{}\"}}]\n", at(minutes), at(minutes + 15));
        add("freeze", (-14..=0).contains(&minutes), &Situation { policy, ..asks.clone() });
    }
    let observation = asks.observation();
    // Types tell what drifted, and no load.
    for key in observation.facts.keys().filter(|key| !matches!(key, FactKey::Schema(..))) {
        let blind = Some(key.clone());
        add("an unknown fact", true, &Situation { blind, ..asks.clone() });
    }
    all
}

/// The page with the figures is what this run found.
#[test]
fn b20_the_figures_of_decisions() {
    let grids = [
        ("scaling: 1 to 8 replicas within 2 to 5, at 0% to 200% of the request", scaling()),
        ("right-sizing: 1000m requested, at least 400m, 0m to 1999m used", sizing()),
        ("recovery: 0 to 12 restarts, 0 to 10 allowed", recovery()),
    ];
    let mut table = "| situations | in all | answered | as worked out | done without a person, of those that need none | allowed, and should not be |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for (what, count) in &grids {
        table += &count.row(what);
    }
    table += "\n| mechanism | due | acted | acted without being due |\n| --- | --- | --- | --- |\n";
    for (name, (due, acted, idle)) in safety() {
        writeln!(table, "| {name} | {due} | {acted} | {idle} |").unwrap();
    }
    let page = include_str!("../../docs/FIGURES.md");
    assert!(page.contains(&table), "docs/FIGURES.md should hold:\n\n{table}");
}

/// B20, decision accuracy: the same situation gives the same plan, whenever and however often it is asked.
#[test]
fn b20_the_same_facts_give_the_same_plan() {
    let situation = Situation::new("  scaling: {min_replicas: 2, max_replicas: 5}\n", 2, 900);
    let hashes: Vec<_> = (0..20).map(|_| situation.told("scale").hash).collect();
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]));
}

const SCALED: &str = "  scaling: {min_replicas: 2, max_replicas: 5, scale_up_threshold: 80%, scale_down_threshold: 30%}\n  reliability: {max_restart_count: 3}\n";

/// Loads, restarts, pasts and blindnesses of one service.
fn situations() -> Vec<Situation> {
    let mut all = Vec::new();
    for replicas in [1, 2, 3, 5, 6] {
        for percent in [0, 10, 29, 30, 50, 80, 81, 150] {
            all.push(Situation::new(SCALED, replicas, percent * REQUEST / 100));
        }
    }
    for restarts in 0..5 {
        all.push(Situation { crashed: Some(restarts), ..Situation::new(SCALED, 2, 500) });
    }
    let busy = Situation::new(SCALED, 2, 900);
    for failed in 0..4 {
        let past = (0..failed).map(|n| operation(n + 1, 36_000 - n * 3600, CheckConclusion::Failure)).collect();
        all.push(Situation { past, ..busy.clone() });
    }
    let keys = busy.observation().facts.keys().cloned().collect::<Vec<_>>();
    let blind = keys.into_iter().filter(|key| !matches!(key, FactKey::Schema(..)));
    all.extend(blind.map(|key| Situation { blind: Some(key), ..busy.clone() }));
    all
}

/// Auditability: each plan made once more from what the ledger keeps of it, as the bytes that it keeps.
fn audited() -> (usize, usize) {
    let all = situations();
    let same = |situation: &&Situation| {
        let (files, seen) = (situation.files(), situation.observation());
        let plan = planned(&files, &seen);
        let catalog = catalog(&files);
        let staging = Name::new("staging").unwrap();
        let declared = |object: &ObjectRef| {
            let source = &catalog.blueprints.values().next()?.value.spec.target.source;
            Some(catalog.manifest(&staging, source, object)?.document.root.to_json())
        };
        let kept = serde_json::to_vec(&thin(&seen.only(&plan.blueprints[0].evidence), declared, &[])).unwrap();
        let again = planned(&files, &serde_json::from_slice(&kept).unwrap());
        let acts =
            |plan: &Plan| -> Vec<_> { plan.items().map(|item| (item.action.clone(), item.verdict.clone())).collect() };
        (plan.hash == again.hash)
            && acts(&plan) == acts(&again)
            && plan.blueprints[0].evidence == again.blueprints[0].evidence
    };
    (all.len(), all.iter().filter(same).count())
}

/// Independence: what is decided about a service beside every state of another one, and alone.
fn independent() -> (usize, usize) {
    let other = |text: &str| text.replace("web", "api");
    let beside = situations();
    let ours = [
        Situation::new(SCALED, 2, 900),
        Situation::new(SCALED, 3, 100),
        Situation { crashed: Some(1), ..Situation::new(SCALED, 2, 500) },
    ];
    let mut same = 0;
    for our in &ours {
        let alone = our.plan().blueprints[0].clone();
        for their in &beside {
            let mut files = our.files();
            for (path, text) in [("blueprints/web.yaml", "blueprints/api.yaml"), ("deploy/web.yaml", "deploy/api.yaml")]
            {
                let File::Blob(blob) = &their.files().0[&RepoPath::new(path).unwrap()] else { panic!("{path}") };
                let renamed = other(std::str::from_utf8(&blob.bytes).unwrap());
                files.0.extend(small_world::files(&[(text, &renamed)]).0);
            }
            let theirs: Observation =
                serde_json::from_str(&other(&serde_json::to_string(&their.observation()).unwrap())).unwrap();
            let mut seen = our.observation();
            seen.facts.extend(theirs.facts);
            let plan = planned(&files, &seen);
            assert_eq!(plan.blueprints.len(), 2);
            same += usize::from(plan.blueprints.contains(&alone));
        }
    }
    (ours.len() * beside.len(), same)
}

/// Responsiveness: every change from one set of bounds to another, and whether the very next plan holds to the new ones. The load asks for a
/// fourth replica throughout.
fn responsive() -> (usize, usize) {
    let bounds: Vec<(i64, i64, i64)> =
        (1..=3).flat_map(|min| (3..=5).flat_map(move |max| [60, 85].map(|percent| (min, max, percent)))).collect();
    let seen = Situation::new("", 3, 750);
    let files = |(min, max, percent): (i64, i64, i64)| {
        let spec = format!("  scaling: {{min_replicas: {min}, max_replicas: {max}, scale_up_threshold: {percent}%}}\n");
        Situation { spec, ..seen.clone() }.files()
    };
    let observation = seen.observation();
    let (mut all, mut right) = (0, 0);
    for from in &bounds {
        for to in bounds.iter().filter(|to| *to != from) {
            all += 1;
            planned(&files(*from), &observation);
            let plan = planned(&files(*to), &observation);
            let told: Vec<(i64, Tier)> = plan
                .items()
                .filter_map(|item| match &item.action {
                    Action::Scale(scale) => Some((i64::from(scale.to), item.verdict.tier)),
                    _ => None,
                })
                .collect();
            let (_, max, percent) = *to;
            let wanted = if percent < 75 { vec![(4, tier((to.0..=max).contains(&4)))] } else { Vec::new() };
            right += usize::from(told == wanted);
        }
    }
    (all, right)
}

/// Approvals: every mixture of who reviewed what, when and how. Of those that count, and of those that do not: how many there are, and how
/// many were told apart as they should be.
fn approvals() -> [(usize, usize); 2] {
    let person = |id: &str, bot: bool| Identity { id: id.into(), login: Untrusted::new(id), bot };
    let at = |minutes: u64| Period::from_secs(minutes * 60).before(now());
    let mut counts = [(0, 0); 2];
    let states = [ReviewState::Approved, ReviewState::ChangesRequested, ReviewState::Dismissed, ReviewState::Commented];
    for who in ["author", "pusher", "co-author", "machine", "person", "approver"] {
        for state in states {
            for rights in
                [Known::Known(Rights::Write), Known::Known(Rights::Read), Known::unknown(UnknownCode::Forbidden, "no")]
            {
                for (commit, looked_at) in
                    [("head", true), ("same", true), ("other", false), ("gone", false), ("never", false)]
                {
                    for signed in [None, Some(true), Some(false)] {
                        for (late, stale, named) in (0..8).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0)) {
                            let review = Review {
                                reviewer: person(who, who == "machine"),
                                state,
                                commit: commit.into(),
                                at: at(if late { 1 } else { 30 }),
                                stale,
                                rights: rights.clone(),
                                signed,
                                body: Untrusted::new(""),
                            };
                            let today = Digest::of(&"today");
                            let facts = PullFacts {
                                number: 1,
                                title: Untrusted::new("t"),
                                author: person("author", false),
                                head_branch: Some("mine".into()),
                                head: "head".into(),
                                base_branch: "main".into(),
                                state: PullState::Open,
                                opened_at: at(60),
                                changed_at: at(60),
                                draft: false,
                                last_pusher: Known::Known(person("pusher", false)),
                                co_authors: Known::Known(vec![person("co-author", false)]),
                                reviews: Known::Known(vec![review]),
                                checks: Known::Known(Vec::new()),
                                required_checks: Known::Known(Vec::new()),
                                changes_at: BTreeMap::from([
                                    ("same".into(), Known::Known(today.clone())),
                                    ("other".into(), Known::Known(Digest::of(&"then"))),
                                    ("gone".into(), Known::unknown(UnknownCode::Incomplete, "no such commit")),
                                ]),
                            };
                            let approvers = if named { vec!["approver".to_owned()] } else { Vec::new() };
                            let terms = ApprovalTerms {
                                approvers: &approvers,
                                tier: TierName::Prod,
                                until: Some(at(10)),
                                justified: false,
                            };
                            let counted = count_reviews(&facts, &today, &terms)
                                .unwrap()
                                .iter()
                                .any(bpctl_core::govern::ReviewJudgement::approves);
                            let due = state == ReviewState::Approved
                                && (who == "approver" || (who == "person" && !named))
                                && rights == Known::Known(Rights::Write)
                                && looked_at
                                && signed != Some(false)
                                && !late
                                && !stale;
                            let count = &mut counts[usize::from(!due)];
                            count.0 += 1;
                            count.1 += usize::from(counted == due);
                        }
                    }
                }
            }
        }
    }
    counts
}

/// The other criteria: would miss a decision that cannot be derived from its record, one service that is another's business, a blueprint that is
/// heeded late, and an approval that is taken from the wrong person or not from the right one.
#[test]
fn b20_the_figures_of_trust() {
    let [counts, refused] = approvals();
    let rows = [
        ("auditability: decisions, made again from what the ledger keeps of them", audited()),
        ("independence: decisions beside every state of another service, as if it were alone", independent()),
        ("responsiveness: changed bounds, in effect in the very next plan", responsive()),
        ("approvals that count, counted", counts),
        ("approvals and other reviews that do not count, not counted", refused),
    ];
    let mut table = "| criterion | in all | as it should be |\n| --- | --- | --- |\n".to_owned();
    for (what, (all, right)) in rows {
        writeln!(table, "| {what} | {all} | {right} |").unwrap();
        assert_eq!(all, right, "{what}");
    }
    let page = include_str!("../../docs/FIGURES.md");
    assert!(page.contains(&table), "docs/FIGURES.md should hold:\n\n{table}");
}
