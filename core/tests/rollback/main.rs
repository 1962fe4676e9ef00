//! Rollbacks (B8, B11, B14, B17): which merged change goes back, when a person does it instead and why, and what holds it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod config;
#[path = "../small_world/mod.rs"]
mod small_world;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Delivery, Verification};
use bpctl_core::decide::{Finding, decide};
use bpctl_core::govern::{Subject, Touch, Undoes, Verdict, judge, judge_action};
use bpctl_core::model::{FieldPath, Files, Name, ObjectRef, Period, Proposed, RepoPath, Segment, Timestamp, Untrusted};
use bpctl_core::observe::{
    CheckConclusion, FactKey, FactValue, Known, LastChange, LiveObject, Observation, ObservedFrom, PastChange,
    PastOperation, Recorder, TypeSchema, UnknownCode, pod_from_json,
};
use bpctl_core::plan::{PlanInput, build};
use bpctl_core::propose::{FieldChange, Proposal, propose};
use bpctl_core::render::{comment, text};
use bpctl_core::verify::{Outcome, VerifyInput, verify_merged};
use rstest::rstest;
use serde_json::{Value as Json, json};
use small_world::{WORKSPACE, files, selecting, trusted, web};

const AROUND: comment::Around<'_> = comment::Around { line: &|_, _, _| None, run: None, whole: "elsewhere" };
const IMAGE: &str = "spec.template.spec.containers[web].image";
const MANIFEST: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 2   # two\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        - name: web\n          image: web:2  # pinned\n          env: [{name: MODE, value: b}]\n";

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn ago(text: &str) -> Timestamp {
    text.parse::<Period>().unwrap().before(now())
}

fn name() -> Name {
    Name::new("web").unwrap()
}

fn staging() -> Name {
    Name::new("staging").unwrap()
}

fn world(reliability: &str, policy: &str, manifest: &str) -> Files {
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: Deployment/web, namespace: shop, source: deploy/web.yaml}}\n  scaling: {{min_replicas: 1, max_replicas: 9}}\n  reliability: {{max_restart_count: 3{reliability}}}\n"
    );
    let policy = format!(
        "apiVersion: bpctl.dev/v1\nkind: Policy\nmetadata: {{name: base, version: 1.0.0, owner: platform}}\n{policy}"
    );
    files(&[
        ("bpctl.yaml", WORKSPACE),
        ("blueprints/web.yaml", &blueprint),
        ("blueprints/base.yaml", &policy),
        ("deploy/web.yaml", manifest),
    ])
}

const ASKED: &str = ", rollback: {on_failed_verification: true, within: 60s}";
const POLICY: &str = "limits: {breaker: 3}\n";

/// `spec.template.spec.containers[web].image`: an item by its name.
fn path(text: &str) -> FieldPath {
    let mut path = FieldPath::default();
    for part in text.split('.') {
        let (key, item) = part.trim_end_matches(']').split_once('[').unwrap_or((part, ""));
        path = path.key(key);
        if !item.is_empty() {
            path = path.join(Segment::Item(vec![("name".into(), item.into())]));
        }
    }
    path
}

/// `FIELD=FROM>TO, …`; values are JSON or text, `-`: nothing. `?`: it cannot be read.
fn changes(text: &str) -> Option<Vec<PastChange>> {
    let value = |text: &str| match text {
        "-" => None,
        text => Some(serde_json::from_str(text).unwrap_or_else(|_| Json::from(text))),
    };
    let one = |text: &str| {
        let (field, values) = text.split_once('=').unwrap();
        let (from, to) = values.split_once('>').unwrap();
        PastChange { field: path(field), from: value(from), to: value(to) }
    };
    (text != "?").then(|| text.split(", ").filter(|text| !text.is_empty()).map(one).collect())
}

/// `OPERATION:OUTCOME@AGO CHANGES; …`; the how many-th it is, is its pull request and the last letter of its commit.
fn history(text: &str) -> Vec<PastOperation> {
    let one = |(number, text): (usize, &str)| {
        let (head, changed) = text.split_once(' ').unwrap();
        let (operation, rest) = head.split_once(':').unwrap();
        let (outcome, at) = rest.split_once('@').unwrap();
        PastOperation {
            pull: number as u64 + 1,
            operation: operation.into(),
            merged_at: ago(at),
            commit: format!("commit{}", number + 1),
            delivered_at: None,
            outcome: match outcome {
                "ok" => Some(CheckConclusion::Success),
                "fail" | "reset" => Some(CheckConclusion::Failure),
                _ => None,
            },
            changes: changes(changed),
            config: Vec::new(),
            reset_by: (outcome == "reset").then(|| "person".into()),
            rewritten: false,
            foreign: false,
        }
    };
    text.split("; ").filter(|text| !text.is_empty()).enumerate().map(one).collect()
}

fn pod(number: usize, told: &str) -> bpctl_core::observe::Pod {
    let (revision, told) = told.split_once(':').unwrap_or(("new", told));
    let (kind, restarts) = told.split_once('=').unwrap_or((told, "0"));
    let waits = |reason: &str| json!({"waiting": {"reason": reason}});
    let state = match kind {
        "ready" | "starting" => json!({"running": {}}),
        "pull" => waits("ImagePullBackOff"),
        "config" => waits("CreateContainerConfigError"),
        "crash" => waits("CrashLoopBackOff"),
        other => panic!("{other}"),
    };
    let last = if kind == "crash" { json!({"reason": "Error", "exitCode": 1}) } else { Json::Null };
    let ready = if kind == "ready" { "True" } else { "False" };
    let created = if revision == "new" { "5m" } else { "3h" };
    let revision = if revision == "none" { json!({}) } else { json!({"pod-template-hash": revision}) };
    pod_from_json(&json!({"metadata": {"name": format!("web-{number}"), "uid": number.to_string(), "creationTimestamp": ago(created), "labels": revision},
        "spec": {"containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"name": "web", "restartCount": restarts.parse::<u64>().unwrap(), "state": state, "lastState": {"terminated": last}}]}}))
    .unwrap()
}

/// The Deployment as the manifest declares it.
fn live() -> Json {
    selecting(
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "9", "generation": 7, "managedFields": []},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "web:2", "env": [{"name": "MODE", "value": "b"}]}]}}},
        "status": {"observedGeneration": 7, "updatedReplicas": 1}}),
    )
}

fn observe(live: Json, pods: &str, last: Option<Known<Option<LastChange>>>, past: &str) -> Observation {
    let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
    let mut observation = Observation::new(staging(), from, now());
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
    let pods = pods.split_whitespace().enumerate().map(|(number, told)| pod(number, told)).collect();
    let object = LiveObject::from_json("apps/v1", "Deployment", live);
    let mut add = |key, value| observation.add(key, "t", value);
    add(FactKey::Object(web()), FactValue::Object(Known::Known(object)));
    add(FactKey::Pods(web()), FactValue::Pods(Known::Known(pods)));
    let schema = FactKey::Schema("apps/v1".into(), "Deployment".into());
    add(schema, FactValue::Schema(Known::Known(TypeSchema::default())));
    add(FactKey::Deliveries(name()), FactValue::Deliveries(Known::Known(Vec::new())));
    add(FactKey::History(name()), FactValue::History(Known::Known(history(past))));
    if let Some(last) = last {
        add(FactKey::LastChange(name()), FactValue::LastChange(last));
    }
    observation
}

fn last(text: &str) -> Known<Option<LastChange>> {
    Known::Known(Some(LastChange {
        commit: "feedc0ffee".into(),
        before: Some("badc0de000".into()),
        at: ago("20m"),
        author: Untrusted::new("mallory"),
        changes: changes(text),
        config: Vec::new(),
        newer: None,
        merge: false,
        went_back: false,
    }))
}

/// What the plan says: the action and its verdict, or what a person is told.
fn told(files: &Files, observation: &Observation) -> String {
    let rules = trusted(files);
    let facts = Recorder::new(observation);
    let detected = decide(rules.get(), &name(), &staging(), &facts);
    let mut all = Vec::new();
    for (finding, action) in &detected.findings {
        match (finding, action) {
            (Finding::Broken(broken), Some(action @ Action::Rollback(rollback))) => {
                let verdict = judge_action(&rules, &staging(), action, &facts);
                let mut fields: Vec<String> =
                    rollback.fields.iter().map(|back| format!("{} {} > {}", back.field, back.from, back.to)).collect();
                fields.extend(rollback.config.iter().map(config::shown));
                let held = verdict.holds.iter().map(|hold| format!(", held by {}", hold.rule.ident));
                let stays: Vec<String> = broken.stays.iter().map(|field| format!(", {field} stays")).collect();
                all.push(format!(
                    "{} of {}: {}{}{}",
                    verdict.tier,
                    broken.commit,
                    fields.join(", "),
                    held.collect::<String>(),
                    stays.concat()
                ));
            }
            (Finding::Failing(_), Some(_)) => all.push("restart".into()),
            (Finding::Reported(reported), None) => {
                let help: Vec<&str> = reported.help.iter().map(Untrusted::raw).collect();
                all.push(format!("{}: {}: {}", reported.code, reported.message.raw(), help.join("; ")));
            }
            (_, Some(action)) => all.push(action.name().into()),
            _ => {}
        }
    }
    let why = detected.why_not.iter().filter(|why| why.what == "rollback");
    all.extend(why.map(|why| format!("not: {}", why.because)));
    all.join("; ")
}

const IMAGE_CHANGED: &str = "spec.template.spec.containers[web].image=web:1>web:2";
const GOES_BACK: &str =
    "needs approval of feedc0ffee: spec.template.spec.containers[name=web].image \"web:2\" > \"web:1\"";

#[rstest]
#[case::an_image_that_is_not_there("ready pull", IMAGE_CHANGED, "", GOES_BACK)]
#[case::of_two_revisions("old:ready pull", IMAGE_CHANGED, "", GOES_BACK)]
#[case::a_missing_config("ready config", IMAGE_CHANGED, "", GOES_BACK)]
#[case::restarts_are_spent("ready crash=3", IMAGE_CHANGED, "", GOES_BACK)]
#[case::more_than_the_template(
    "ready pull",
    &format!("spec.replicas=1>2, {IMAGE_CHANGED}"),
    "",
    &format!("{GOES_BACK}, spec.replicas stays")
)]
#[case::two_values(
    "ready pull",
    &format!("{IMAGE_CHANGED}, spec.template.spec.containers[web].env[MODE].value=a>b"),
    "",
    &format!("{GOES_BACK}, spec.template.spec.containers[name=web].env[name=MODE].value \"b\" > \"a\"")
)]
#[case::restarts_are_left("ready crash=2", IMAGE_CHANGED, "", "restart")]
#[case::restarted_first("pull crash=2", IMAGE_CHANGED, "", "restart")]
#[case::none_fails("ready starting", IMAGE_CHANGED, "", "")]
#[case::of_an_earlier_template("ready old:pull", IMAGE_CHANGED, "", "not known to be of the newest pod template")]
#[case::of_who_knows_which("ready none:pull", IMAGE_CHANGED, "", "not known to be of the newest pod template")]
#[case::not_in_the_template("ready pull", "spec.replicas=1>2", "", "feedc0f, is not in the pod template")]
#[case::a_key_added(
    "ready pull",
    &format!("{IMAGE_CHANGED}, spec.template.spec.hostNetwork=->true"),
    "",
    "feedc0f did more than give single values another value"
)]
#[case::a_key_removed(
    "ready pull",
    "spec.template.spec.containers[web].tty=true>-",
    "",
    "feedc0f did more than give single values another value"
)]
#[case::a_list(
    "ready pull",
    "spec.template.spec.containers[web].args=[\"a\"]>[\"a\",\"b\"]",
    "",
    "feedc0f did more than give single values another value"
)]
#[case::the_manifest_itself("ready pull", "?", "", "feedc0f brought the manifest, or what it changed cannot be read")]
#[case::another_value_stands_there(
    "ready pull",
    "spec.template.spec.containers[web].image=web:1>web:3",
    "",
    "the manifest no longer says what the change brought"
)]
// Never back and forth.
#[case::gone_back_to(
    "ready pull",
    IMAGE_CHANGED,
    "rollback:ok@9h spec.template.spec.containers[web].image=web:1>web:0",
    "what stood before feedc0f was rolled back itself, with #1"
)]
#[case::another_was_rolled_back(
    "ready pull",
    IMAGE_CHANGED,
    "rollback:ok@9h spec.template.spec.containers[web].image=web:0>web:1",
    GOES_BACK
)]
#[case::who_knows_what_was_rolled_back(
    "ready pull",
    IMAGE_CHANGED,
    "rollback:ok@9h ?",
    "what rollback #1 changed is not known"
)]
fn b08_what_a_change_broke_goes_back(
    #[case] pods: &str,
    #[case] changed: &str,
    #[case] past: &str,
    #[case] wanted: &str,
) {
    let told = told(&world("", POLICY, MANIFEST), &observe(live(), pods, Some(last(changed)), past));
    if wanted.is_empty() || wanted == "restart" || wanted.starts_with(GOES_BACK) {
        let own: Vec<&str> = told.split("; ").filter(|line| wanted != "restart" || *line == "restart").collect();
        assert_eq!(own.join("; "), wanted, "{told}");
        assert!(!told.contains("no rollback"), "{told}");
    } else {
        assert!(told.contains(&format!("no rollback is proposed: {wanted}")) || told.contains(wanted), "{told}");
        assert!(told.contains("no rollback is proposed: ") && !told.contains("needs approval of"), "{told}");
    }
}

/// Would miss: a rollback of a rollback, as its own change or as the change of its merge.
#[test]
fn b17_a_rollback_is_not_rolled_back() {
    let files = world(ASKED, POLICY, MANIFEST);
    let past = format!("rollback:fail@9m {IMAGE_CHANGED}");
    let mut merged = last(IMAGE_CHANGED);
    if let Known::Known(Some(last)) = &mut merged {
        last.commit = "commit1".into();
    }
    let told_of = |last| told(&files, &observe(live(), "ready pull", Some(last), ""));
    let mut by_a_person = last(IMAGE_CHANGED);
    if let Known::Known(Some(last)) = &mut by_a_person {
        last.went_back = true;
    }
    assert!(told_of(by_a_person).contains("feedc0f, went back to an earlier value itself"));
    let told = told(&files, &observe(live(), "ready pull", Some(merged), &past));
    assert!(told.contains("the last change of its manifest, commit1, is itself a rollback (#1)"), "{told}");
    assert!(
        told.contains("verification-failed: rollback #1 (merged") && told.contains("a rollback is not rolled back")
    );
    assert!(!told.contains("needs approval of"), "{told}");
}

/// Would miss: a rollback that rests on something that was not seen, or that would change nothing.
#[test]
fn b08_what_is_not_known_goes_nowhere() {
    let files = world("", POLICY, MANIFEST);
    let unknown = || UnknownCode::Incomplete;
    let fact = |key: FactKey, value: FactValue, wanted: &str| {
        let mut observation = observe(live(), "ready pull", Some(last(IMAGE_CHANGED)), "");
        observation.add(key, "t", value);
        let told = told(&files, &observation);
        assert!(told.contains(wanted) && !told.contains("needs approval of"), "{told}");
    };
    let last_change = || FactKey::LastChange(name());
    fact(
        last_change(),
        FactValue::LastChange(Known::unknown(unknown(), "no Git")),
        "what changed last is not known: no Git",
    );
    fact(
        last_change(),
        FactValue::LastChange(Known::Known(None)),
        "none of the base branch's last commits changed its manifest",
    );
    fact(
        FactKey::History(name()),
        FactValue::History(Known::unknown(unknown(), "no forge")),
        "what was rolled back before is not known: no forge",
    );
    fact(
        FactKey::Schema("apps/v1".into(), "Deployment".into()),
        FactValue::Schema(Known::unknown(unknown(), "no types")),
        "whether the cluster has what Git declares is not known: no types",
    );
    let body = |change: &dyn Fn(&mut Json), wanted: &str| {
        let mut body = live();
        change(&mut body);
        let told = told(&files, &observe(body, "ready pull", Some(last(IMAGE_CHANGED)), ""));
        assert!(told.contains(wanted) && !told.contains("needs approval of"), "{told}");
    };
    body(&|body| body["spec"]["paused"] = true.into(), "its roll-outs are paused");
    body(&|body| body["status"]["updatedReplicas"] = 0.into(), "not known to be of the newest pod template");
    body(&|body| body["status"]["updateRevision"] = "other".into(), "not known to be of the newest pod template");
    body(&|body| body["status"]["observedGeneration"] = 6.into(), "the controller has not seen the last change yet");
    // Git is ahead: what it declares has yet to arrive.
    let ahead = "the pods do not run what Git declares";
    body(&|body| body["spec"]["template"]["spec"]["containers"][0]["image"] = "web:1".into(), ahead);
    // Nobody looked: the newest change of a healthy workload is not looked up.
    let told = told(&files, &observe(live(), "ready pull", None, ""));
    assert!(told.contains("what changed last is not known"), "{told}");
}

/// The plan's rollback as a pull request, and all that is said of it.
fn proposed(files: &Files, observation: &Observation) -> (Proposal, String) {
    let (staging, rules) = (staging(), trusted(files));
    let desired = Proposed::from_head(Some("0".repeat(40)), rules.get().clone());
    let plan = build(&PlanInput { rules: &rules, desired: &desired, environment: &staging, observation });
    let item = plan.items().find(|item| item.action.name() == "rollback").unwrap();
    let proposal = propose(&plan, item, files).unwrap();
    let pages = [text::plan(&plan, None), comment::page(&plan, &AROUND)].concat();
    let told = [&proposal.title, &proposal.body, &proposal.message, &pages].map(String::as_str).concat();
    (proposal, told)
}

/// Would miss: the value of a variable that is named as a credential, in a page or a mail; it is in Git, and that is enough (T38).
#[test]
fn t38_a_credential_that_goes_back_is_not_shown() {
    let files = world("", POLICY, &MANIFEST.replace("name: MODE, value: b", "name: DB_PASSWORD, value: hunter2"));
    let mut body = live();
    body["spec"]["template"]["spec"]["containers"][0]["env"][0] = json!({"name": "DB_PASSWORD", "value": "hunter2"});
    let changed = "spec.template.spec.containers[web].env[DB_PASSWORD].value=hunter1>hunter2";
    let (proposal, told) = proposed(&files, &observe(body, "ready pull", Some(last(changed)), ""));
    assert!(told.contains("DB_PASSWORD") && !told.contains("hunter"), "{told}");
    let edited = &proposal.files[&RepoPath::new("deploy/web.yaml").unwrap()];
    assert!(std::str::from_utf8(edited).unwrap().contains("hunter1"));
}

/// Would miss: an edit that is found out to be impossible only when somebody waits for it, and a byte that changes beside the value.
#[test]
fn b08_the_way_back_is_an_edit_in_place() {
    let observation = observe(live(), "ready pull", Some(last(IMAGE_CHANGED)), "");
    let (proposal, _) = proposed(&world("", POLICY, MANIFEST), &observation);
    let edited = &proposal.files[&RepoPath::new("deploy/web.yaml").unwrap()];
    assert_eq!(std::str::from_utf8(edited).unwrap(), MANIFEST.replace("web:2", "web:1"));
    assert_eq!(proposal.title, "rollback web: to what badc0de had: image web:2 → web:1 (staging)");
    assert!(
        proposal.body.contains("| why | brought by feedc0f (2026-11-21T11:40:00Z, `mallory`) |"),
        "{}",
        proposal.body
    );

    let anchored = MANIFEST.replace("image: web:2", "image: &image web:2").replace("value: b", "value: *image");
    let told = told(&world("", POLICY, &anchored), &{
        let mut body = live();
        body["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "web:2".into();
        observe(body, "ready pull", Some(last(IMAGE_CHANGED)), "")
    });
    assert!(told.contains("no rollback is proposed: `spec.template"), "{told}");
}

const SCALED: &str = "scale:fail@30s spec.replicas=1>2";

#[rstest]
#[case::asked_for(ASKED, "ready starting", SCALED, "needs approval of commit1: spec.replicas 2 > 1")]
#[case::a_request(
    ASKED,
    "ready starting",
    "resize:fail@30s spec.template.spec.containers[web].image=web:1>web:2",
    "needs approval of commit1: spec.template.spec.containers[name=web].image \"web:2\" > \"web:1\""
)]
#[case::not_asked_for(
    "",
    "ready starting",
    SCALED,
    "no rollback is proposed: blueprints/web.yaml does not ask for it; with `reliability: {rollback: {on_failed_verification: true, within: 60s}}`"
)]
#[case::told_not_to(
    ", rollback: {on_failed_verification: false, within: 60s}",
    "ready starting",
    SCALED,
    "verification-failed: scale #1 (merged 2026-11-21T11:59:30Z as commit1) failed its verification: see what failed: bpctl audit --env staging; go back: git revert commit1"
)]
#[case::well_by_now(
    ASKED,
    "ready ready",
    SCALED,
    "not: scale #1 failed its verification, and all its pods are ready by now"
)]
#[case::it_succeeded(ASKED, "ready starting", "scale:ok@30s spec.replicas=1>2", "")]
#[case::it_is_open(ASKED, "ready starting", "scale:open@30s spec.replicas=1>2", "")]
#[case::a_person_looked(ASKED, "ready starting", "scale:reset@30s spec.replicas=1>2", "")]
#[case::another_value_since(ASKED, "ready starting", "scale:fail@30s spec.replicas=3>4", "")]
#[case::of_the_newest_alone(ASKED, "ready starting", &format!("{SCALED}; scale:ok@20s spec.replicas=1>2"), "")]
#[case::who_knows_what(
    ASKED,
    "ready starting",
    "scale:fail@30s ?",
    "what commit1 changed of the manifest is not known"
)]
#[case::a_key_added(
    ASKED,
    "ready starting",
    "scale:fail@30s spec.replicas=->2",
    "commit1 did more than give single values"
)]
fn b14_what_failed_its_verification_goes_back(
    #[case] reliability: &str,
    #[case] pods: &str,
    #[case] past: &str,
    #[case] wanted: &str,
) {
    let told = told(&world(reliability, POLICY, MANIFEST), &observe(live(), pods, None, past));
    if wanted.is_empty() || wanted.starts_with("needs approval") {
        assert_eq!(told, wanted);
    } else {
        assert!(told.contains(wanted) && !told.contains("needs approval of"), "{told}");
    }
}

/// Would miss: the cluster that has yet to get what failed there.
#[test]
fn b14_where_git_is_ahead_nothing_goes_back() {
    let mut body = live();
    body["spec"]["replicas"] = 1.into();
    let told = told(&world(ASKED, POLICY, MANIFEST), &observe(body, "starting", None, SCALED));
    assert!(told.contains("no rollback is proposed: Git is ahead"), "{told}");
}

/// The way back of the failed scale, judged as an action and as a change of its own pull request.
fn judged(policy: &str, past: &str, back: &str) -> [Verdict; 2] {
    let rules = trusted(&world(ASKED, policy, MANIFEST));
    let observation = observe(live(), "ready starting", None, past);
    let facts = Recorder::new(&observation);
    let changed = changes(back).unwrap();
    let field = |change: &PastChange| FieldChange {
        path: RepoPath::new("deploy/web.yaml").unwrap(),
        object: ObjectRef::deployment("shop", "web"),
        field: change.field.clone(),
        from: change.from.clone(),
        to: change.to.clone(),
    };
    let fields: Vec<FieldChange> = changed.iter().map(field).collect();
    let undoes = Undoes::claimed(&facts, (&name(), Some(&web())), fields.iter());
    let subject =
        Subject { blueprint: name(), object: web(), touch: Touch::Replicas { to: Some(1) }, undoes, adopts: false };
    let action = Action::Rollback(bpctl_core::action::Rollback {
        version: 1,
        blueprint: name(),
        workload: web(),
        fields: changed
            .iter()
            .map(|change| bpctl_core::action::SetBack {
                field: change.field.clone(),
                from: change.from.clone().unwrap(),
                to: change.to.clone().unwrap(),
            })
            .collect(),
        config: Vec::new(),
    });
    [judge(&rules, &staging(), &subject, &facts), judge_action(&rules, &staging(), &action, &facts)]
}

const FREEZE: &str = "freezes: [{name: sale, from: 2026-11-21T00:00:00Z, to: 2026-11-22T00:00:00Z}]\n";
const EXCEPT: &str =
    "freezes: [{name: sale, from: 2026-11-21T00:00:00Z, to: 2026-11-22T00:00:00Z, except: [rollback]}]\n";
const FAILED: &str =
    "scale:fail@9h spec.replicas=1>2; scale:fail@8h spec.replicas=1>2; scale:fail@30s spec.replicas=1>2";
const BACK: &str = "spec.replicas=2>1";

#[rstest]
#[case::of_what_it_undoes_no_cooldown(POLICY, SCALED, BACK, "")]
#[case::of_another_operation(POLICY, &format!("scale:ok@20s spec.replicas=3>4; {SCALED}"), BACK, "cooldown")]
#[case::it_says_so_and_is_none(POLICY, SCALED, "spec.replicas=2>3", "cooldown")]
#[case::not_the_newest(POLICY, &format!("{SCALED}; scale:ok@20s spec.replicas=2>3"), BACK, "cooldown")]
#[case::what_is_a_rollback_itself(POLICY, "rollback:fail@30s spec.replicas=1>2", BACK, "cooldown")]
#[case::the_breaker_that_it_opened(POLICY, FAILED, BACK, "")]
#[case::a_breaker_that_is_none_of_its(POLICY, FAILED, "spec.replicas=2>3", "breaker cooldown")]
#[case::a_breaker_of_none("limits: {breaker: 0}\n", FAILED, BACK, "breaker")]
#[case::frozen(FREEZE, SCALED, BACK, "freeze")]
#[case::excepted(EXCEPT, SCALED, BACK, "")]
#[case::excepted_and_none(EXCEPT, SCALED, "spec.replicas=2>3", "cooldown freeze")]
fn b11_what_a_rollback_waits_for(#[case] policy: &str, #[case] past: &str, #[case] back: &str, #[case] wanted: &str) {
    for verdict in judged(policy, past, back) {
        let mut held: Vec<&str> = verdict.holds.iter().map(|hold| hold.rule.ident.as_str()).collect();
        held.sort_unstable();
        held.dedup();
        assert_eq!(held.join(" "), wanted, "{verdict:?}");
        // Whatever the fields are: it is for a person to approve.
        assert_eq!(verdict.tier, bpctl_core::blueprint::Tier::RequiresApproval);
        assert!(verdict.rules.iter().any(|rule| rule.cite.contains("rollback")), "{verdict:?}");
    }
}

/// Would miss: a rollback that is judged more mildly as a plan's action than as a pull request (the stricter of its fields wins).
#[test]
fn b11_the_strictest_of_its_fields_wins() {
    let policy = "operations: {change_image: forbidden}\n";
    let rules = trusted(&world("", policy, MANIFEST));
    let observation = observe(live(), "ready pull", Some(last(IMAGE_CHANGED)), "");
    let facts = Recorder::new(&observation);
    let detected = decide(rules.get(), &name(), &staging(), &facts);
    let action = detected.findings.iter().find_map(|(_, action)| action.clone()).unwrap();
    let verdict = judge_action(&rules, &staging(), &action, &facts);
    assert_eq!(verdict.tier, bpctl_core::blueprint::Tier::Forbidden);
    assert_eq!(path(IMAGE), action.fields()[0]);
}

/// Would miss: a rollback that is called a success while the cluster has what it took back (B17).
#[rstest]
#[case::not_there_yet("web:2", "ready ready", "1m", Outcome::Pending)]
#[case::never_there("web:2", "ready ready", "2h", Outcome::Failure)]
#[case::there_and_ready("web:1", "ready ready", "1m", Outcome::Success)]
#[case::there_and_not_ready("web:1", "old:ready old:pull", "2h", Outcome::Failure)]
fn b17_what_went_back_is_verified(
    #[case] image: &str,
    #[case] pods: &str,
    #[case] since: &str,
    #[case] wanted: Outcome,
) {
    let mut body = live();
    body["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
    let observation = observe(body, pods, None, "");
    let fields = changes("spec.template.spec.containers[web].image=web:2>web:1").unwrap();
    let (workload, windows) = (web(), Verification::default());
    let input = VerifyInput {
        workload: &workload,
        replicas: Some(2),
        requests: &[],
        fields: &fields,
        config: &[],
        began: ago(since),
        delivery: Delivery::Gitops,
        attempted: false,
        windows: &windows,
        measured: Err("the environment names no Prometheus"),
        from: &observation.from,
    };
    let report = verify_merged(&input, &Recorder::new(&observation));
    assert_eq!(report.outcome, wanted, "{report:?}");
}

/// Would miss: an outage in production that goes on because nobody was awake within the hour, and a policy that is passed over.
#[rstest]
#[case::by_default("staging", POLICY, Some(3600))]
#[case::by_policy("staging", "limits: {approval_timeout: 10m}\n", Some(600))]
#[case::no_longer_by_policy("staging", "limits: {approval_timeout: 3h}\n", Some(3600))]
#[case::in_production("prod", "limits: {approval_timeout: 10m}\n", None)]
fn b10_a_rollback_in_production_waits_without_limit(
    #[case] tier: &str,
    #[case] policy: &str,
    #[case] seconds: Option<u64>,
) {
    let mut files = world("", policy, MANIFEST);
    let workspace = WORKSPACE.replace("tier: staging", &format!("tier: {tier}"));
    files.0.extend(small_world::files(&[("bpctl.yaml", &workspace)]).0);
    let rules = trusted(&files);
    let observation = observe(live(), "ready pull", Some(last(IMAGE_CHANGED)), "");
    let facts = Recorder::new(&observation);
    let detected = decide(rules.get(), &name(), &staging(), &facts);
    let action = detected.findings.iter().find_map(|(_, action)| action.clone()).unwrap();
    let verdict = judge_action(&rules, &staging(), &action, &facts);
    assert_eq!(verdict.timeout, seconds.map(Period::from_secs), "{verdict:?}");
}
