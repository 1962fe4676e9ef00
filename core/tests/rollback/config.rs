//! Values of `ConfigMap`s that go back with the change that had them (B17): which do, what keeps all of it from going, and who judges it.

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::action::{Action, ConfigBack};
use bpctl_core::blueprint::{Delivery, Tier, Verification};
use bpctl_core::decide::decide;
use bpctl_core::govern::{PullInput, Subject, Undoes, judge, judge_action, judge_pull};
use bpctl_core::model::{FieldPath, Files, Name, ObjectParts, ObjectRef, Proposed, RepoPath, Timestamp, Untrusted};
use bpctl_core::observe::{
    FactKey, FactValue, Identity, Known, LastChange, LiveObject, Observation, PastChange, PastConfig, PullFacts,
    PullState, Recorder, TypeSchema, UnknownCode,
};
use bpctl_core::propose::{Change, ChangedPath, FieldChange, Governed, Parsed, Side, change_set, past_changes};
use bpctl_core::verify::{Outcome, VerifyInput, verify_merged};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    ASKED, GOES_BACK, IMAGE_CHANGED, MANIFEST, POLICY, ago, changes, history, last, name, now, observe, proposed,
    staging, told, web, world,
};
use crate::small_world::{files, trusted};

const DATA: &str = "  MODE: fast   # how\n  LEVEL: info\n";
const SPENT: &str = "ready crash=3";

/// The workload's file, with a `ConfigMap` that its pods read.
fn manifest(data: &str) -> String {
    let reads = "image: web:2  # pinned\n          envFrom: [{configMapRef: {name: web}}]\n";
    let map = format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata:\n{data}  PORT: \"80\"\n");
    MANIFEST.replace("image: web:2  # pinned\n", reads) + &map
}

/// The Deployment as that declares it.
fn live() -> Json {
    let mut live = super::live();
    live["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "web"}}]);
    live
}

fn map(name: &str) -> ObjectRef {
    let (api_version, kind, namespace) = ("v1".into(), "ConfigMap".into(), "shop".into());
    ObjectParts { api_version, kind, namespace, name: name.into() }.into()
}

/// `MODE=slow>fast, …`, as [`changes`] has them; `+`: it came; `-`: it went; `!KEY`: a value that may be a credential.
fn config(text: &str) -> Vec<PastConfig> {
    if text.is_empty() {
        return Vec::new();
    }
    let (object, text) = text.split_once('/').unwrap_or(("web", text));
    let one = |changes, brought, withheld: Vec<String>| {
        vec![PastConfig { object: map(object), was: None, changes, brought, withheld }]
    };
    let of_data = |change: PastChange| PastChange { field: data(&change.field.to_string()), ..change };
    match text {
        "+" => one(None, true, Vec::new()),
        "-" => one(None, false, Vec::new()),
        text if text.starts_with('!') => one(Some(Vec::new()), false, vec![text[1..].into()]),
        text => one(changes(text).map(|all| all.into_iter().map(of_data).collect()), false, Vec::new()),
    }
}

fn data(key: &str) -> FieldPath {
    FieldPath::keys(["data", key])
}

pub(super) fn shown(back: &ConfigBack) -> String {
    let value = |side: &Option<Json>| side.as_ref().map_or("nothing".into(), Json::to_string);
    format!("{} of {} {} > {}", back.field, back.object, value(&back.from), value(&back.to))
}

/// The newest change of the manifest, with what it made of the `ConfigMap`, and a newer one of that alone.
fn landed(workload: &str, of_config: &str, newer: &str) -> LastChange {
    let Known::Known(Some(last)) = last(workload) else { panic!() };
    let newer = (!newer.is_empty()).then(|| {
        let alone = LastChange {
            commit: "ab0feedbeef".into(),
            changes: Some(Vec::new()),
            config: config(newer),
            ..last.clone()
        };
        Box::new(alone)
    });
    LastChange { config: config(of_config), newer, ..last }
}

/// With the `ConfigMap` as the cluster has it, written this long ago.
fn configured(mut observation: Observation, data: &Json, written: &str) -> Observation {
    let at: Timestamp = ago(written);
    let body = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "m", "resourceVersion": "4",
        "managedFields": [{"manager": "bpctl", "time": at}]}, "data": data});
    let object = LiveObject::from_json("v1", "ConfigMap", body);
    observation.add(FactKey::Object(map("web")), "t", FactValue::Object(Known::Known(object)));
    let schema = FactKey::Schema("v1".into(), "ConfigMap".into());
    observation.add(schema, "t", FactValue::Schema(Known::Known(TypeSchema::default())));
    observation
}

/// As Git declares it.
fn has(data: &str) -> Json {
    let pairs = data.lines().chain(["PORT: 80"]).filter_map(|line| line.trim().split_once(": "));
    pairs
        .map(|(key, value)| (key.to_owned(), Json::from(value.split("  ").next().unwrap().trim())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

const ALONE: &str = "needs approval of feedc0ffee: data.MODE of ConfigMap/web \"fast\" > \"slow\"";

/// Would miss: a change that goes back in part, and a value of it that is written over what somebody set since.
#[rstest]
#[case::alone("", "MODE=slow>fast", "", DATA, ALONE)]
#[case::with_the_workload(
    IMAGE_CHANGED,
    "MODE=slow>fast",
    "",
    DATA,
    &format!("{GOES_BACK}, data.MODE of ConfigMap/web \"fast\" > \"slow\"")
)]
#[case::twice_the_newest_alone(
    IMAGE_CHANGED,
    "MODE=old>slow",
    "MODE=slow>fast",
    DATA,
    "needs approval of ab0feedbeef: data.MODE of ConfigMap/web \"fast\" > \"slow\""
)]
#[case::a_key_that_came_goes(
    "",
    "MODE=->fast",
    "",
    DATA,
    "needs approval of feedc0ffee: data.MODE of ConfigMap/web \"fast\" > nothing"
)]
#[case::a_key_that_went_comes(
    "",
    "EXTRA=on>-",
    "",
    DATA,
    "needs approval of feedc0ffee: data.EXTRA of ConfigMap/web nothing > \"on\""
)]
#[case::a_new_one_stays(IMAGE_CHANGED, "+", "", DATA, GOES_BACK)]
#[case::one_is_back_already(IMAGE_CHANGED, "MODE=fast>slow", "", DATA, GOES_BACK)]
#[case::all_is_back_already("", "MODE=fast>slow", "", DATA, "!feedc0f changed no value that could go back")]
#[case::another_value_since(
    IMAGE_CHANGED,
    "MODE=slow>medium",
    "",
    DATA,
    "!data.MODE of ConfigMap/web is another again since feedc0f, and nothing is written over that at deploy/web.yaml:"
)]
#[case::it_went_away(
    IMAGE_CHANGED,
    "-",
    "",
    DATA,
    "!feedc0f took ConfigMap/web away, or what it changed of it cannot be read"
)]
#[case::none_of_the_workloads(
    IMAGE_CHANGED,
    "other/MODE=slow>fast",
    "",
    DATA,
    "!feedc0f changed ConfigMap/other, and no manifest below deploy/web.yaml declares it for the workload"
)]
#[case::a_credential(
    IMAGE_CHANGED,
    "!MODE",
    "",
    DATA,
    "!feedc0f changed MODE of ConfigMap/web, which may be a credential: it goes back by hand at deploy/web.yaml:"
)]
#[case::many_lines(
    "",
    "MODE=slow>\"fast\\nfaster\\n\"",
    "",
    "  MODE: |\n    fast\n    faster\n",
    "!data.MODE` at deploy/web.yaml:"
)]
fn b17_what_a_change_made_of_configuration_goes_back_with_it(
    #[case] workload: &str,
    #[case] of_config: &str,
    #[case] newer: &str,
    #[case] declared: &str,
    #[case] wanted: &str,
) {
    let files = world("", POLICY, &manifest(declared));
    let last = Known::Known(Some(landed(workload, of_config, newer)));
    let live_data = if declared == DATA { has(DATA) } else { json!({"MODE": "fast\nfaster\n", "PORT": "80"}) };
    let told = told(&files, &configured(observe(live(), SPENT, Some(last), ""), &live_data, "1h"));
    match wanted.strip_prefix('!') {
        Some(why) => {
            assert!(told.contains("no rollback is proposed: ") && told.contains(why), "{told}");
            assert!(!told.contains("needs approval of"), "nothing goes back in part: {told}");
        }
        None => assert_eq!(told, wanted),
    }
}

/// Would miss: a name that a generator makes of the content, taken for a value that goes back.
#[test]
fn b17_a_generated_name_follows_its_content() {
    let files = world("", POLICY, &manifest(DATA));
    let mut last = landed("spec.template.spec.containers[web].reads=web-old>web", "MODE=slow>fast", "");
    last.config[0].was = Some("web-old".into());
    let observation = configured(observe(live(), SPENT, Some(Known::Known(Some(last))), ""), &has(DATA), "1h");
    assert_eq!(told(&files, &observation), ALONE);
}

/// Would miss: the value that somebody set to look into a failure that was there before, taken back in place of the change that broke it.
#[rstest]
#[case::pods_failed_before(SPENT, "1s", GOES_BACK)]
#[case::pods_failed_since(SPENT, "1h", "needs approval of ab0feedbeef: data.LEVEL")]
#[case::no_value_keeps_an_image_away("ready pull", "1h", GOES_BACK)]
fn b17_a_change_of_configuration_is_blamed_for_what_failed_since(
    #[case] pods: &str,
    #[case] written: &str,
    #[case] wanted: &str,
) {
    let files = world("", POLICY, &manifest(DATA));
    let last = Known::Known(Some(landed(IMAGE_CHANGED, "", "LEVEL=warn>info")));
    let mut observation = configured(observe(live(), pods, Some(last), ""), &has(DATA), written);
    if let Some(fact) = observation.facts.get_mut(&FactKey::Pods(web()))
        && let FactValue::Pods(Known::Known(pods)) = &mut fact.value
    {
        for pod in pods {
            pod.ready_since = Some(ago("5m"));
        }
    }
    let told = told(&files, &observation);
    assert!(told.starts_with(wanted), "{told}");
}

/// Would miss: a value that goes back before it was there, and one of which nobody knows whether it is.
#[test]
fn b17_what_has_not_arrived_does_not_go_back() {
    let files = world("", POLICY, &manifest(DATA));
    let last = || Some(Known::Known(Some(landed("", "MODE=slow>fast", ""))));
    let ahead = configured(observe(live(), SPENT, last(), ""), &json!({"MODE": "slow"}), "1h");
    assert!(told(&files, &ahead).contains("Git is ahead: the cluster does not have ConfigMap/web yet"));
    let mut unseen = configured(observe(live(), SPENT, last(), ""), &has(DATA), "1h");
    let refused = Known::unknown(UnknownCode::Forbidden, "no right");
    unseen.add(FactKey::Object(map("web")), "t", FactValue::Object(refused));
    let told = told(&files, &unseen);
    assert!(told.contains("whether the cluster has ConfigMap/web as Git declares it is not known: no right"), "{told}");
    assert!(!told.contains("needs approval of"), "{told}");
}

/// Would miss: values that go back and forth between two rollbacks.
#[test]
fn b17_what_was_rolled_back_from_is_not_gone_back_to() {
    let files = world("", POLICY, &manifest(DATA));
    let mut observation = configured(
        observe(live(), SPENT, Some(Known::Known(Some(landed("", "MODE=slow>fast", "")))), ""),
        &has(DATA),
        "1h",
    );
    let mut past = history("rollback:ok@9h ");
    past[0].config = config("MODE=slow>older");
    observation.add(FactKey::History(name()), "t", FactValue::History(Known::Known(past)));
    let told = told(&files, &observation);
    assert!(told.contains("what stood in ConfigMap/web before feedc0f was rolled back itself, with #1"), "{told}");
}

/// Would miss: what a failed verification takes back of the manifest alone, and what a person changed since that is written over.
#[rstest]
#[case::with_the_replicas(
    DATA,
    "needs approval of commit1: spec.replicas 2 > 1, data.MODE of ConfigMap/web \"fast\" > \"slow\""
)]
#[case::changed_again_since("  MODE: medium\n", "data.MODE of ConfigMap/web is another again since commit1")]
fn b17_a_failed_verification_takes_configuration_back(#[case] declared: &str, #[case] wanted: &str) {
    let files = world(ASKED, POLICY, &manifest(declared));
    let mut observation = configured(observe(live(), "ready starting", None, ""), &has(declared), "1h");
    let mut past = history("scale:fail@30s spec.replicas=1>2");
    past[0].config = config("MODE=slow>fast");
    observation.add(FactKey::History(name()), "t", FactValue::History(Known::Known(past)));
    let told = told(&files, &observation);
    assert!(told.contains(wanted), "{told}");
    assert_eq!(told.contains("needs approval of"), declared == DATA, "{told}");
}

/// Would miss: a byte that changes beside the values, and a page that does not name each with its object and line, or what has to be restarted.
#[test]
fn b17_each_value_is_named_with_its_object_and_line() {
    let files = world("", POLICY, &manifest(DATA));
    let edit = "MODE=slow>fast, EXTRA=on>-, LEVEL=->info";
    let last = Some(Known::Known(Some(landed("", edit, ""))));
    let (proposal, told) = proposed(&files, &configured(observe(live(), SPENT, last, ""), &has(DATA), "1h"));
    let edited = &proposal.files[&RepoPath::new("deploy/web.yaml").unwrap()];
    let wanted = manifest("  MODE: slow   # how\n").replace("  PORT: \"80\"\n", "  PORT: \"80\"\n  EXTRA: \"on\"\n");
    assert_eq!(std::str::from_utf8(edited).unwrap(), wanted);
    for part in [
        "MODE of ConfigMap/web fast → slow",
        "data.MODE of ConfigMap/web: \"fast\" → \"slow\" at deploy/web.yaml:20:9",
        "no roll-out follows",
        "kubectl -n shop rollout restart deployment/web",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// The way back of these values, judged as an action and as changes of its own pull request.
fn judged(files: &Files, back: &str) -> (Vec<String>, Tier, Vec<String>) {
    let rules = trusted(files);
    let mut observation = configured(observe(live(), "ready starting", None, ""), &has(DATA), "1h");
    let mut past = history("scale:fail@30s spec.replicas=1>2");
    past[0].config = config("MODE=slow>fast, LEVEL=warn>info");
    observation.add(FactKey::History(name()), "t", FactValue::History(Known::Known(past)));
    let facts = Recorder::new(&observation);
    let changed = config(back);
    let path = RepoPath::new("deploy/web.yaml").unwrap();
    let field = |object: &ObjectRef, c: &PastChange| FieldChange {
        path: path.clone(),
        // As its manifest has it.
        object: object.in_namespace(""),
        field: c.field.clone(),
        from: c.from.clone(),
        to: c.to.clone(),
    };
    let all = || changed.iter().flat_map(|one| one.changes.iter().flatten().map(move |change| (&one.object, change)));
    let fields: Vec<FieldChange> = all().map(|(object, change)| field(object, change)).collect();
    let undoes = Undoes::claimed(&facts, (&name(), Some(&web())), fields.iter());
    let config = all().map(|(object, c)| ConfigBack {
        object: object.clone(),
        field: c.field.clone(),
        from: c.from.clone(),
        to: c.to.clone(),
    });
    let action = Action::Rollback(bpctl_core::action::Rollback {
        version: 1,
        blueprint: name(),
        workload: web(),
        fields: Vec::new(),
        config: config.collect(),
    });
    let verdict = judge_action(&rules, &staging(), &action, &facts);
    let governed = [Governed { blueprint: name(), environment: None, change: Change::Field(fields[0].clone()) }];
    let subject = Subject::of_change(&governed[0], Some(&web()), &governed).undoing(undoes);
    let of_pull = judge(&rules, &staging(), &subject, &facts);
    let held = |holds: &[bpctl_core::govern::Hold]| {
        holds.iter().map(|hold| hold.rule.ident.clone()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    if files.0.len() == 4 {
        assert_eq!((of_pull.tier, held(&of_pull.holds)), (verdict.tier, held(&verdict.holds)));
    }
    (held(&verdict.holds), verdict.tier, verdict.approvers)
}

/// Would miss: a rollback that carries a value which no commit had before, free of every pause because it is called a rollback.
#[rstest]
#[case::all_of_it("MODE=fast>slow, LEVEL=info>warn", "")]
#[case::a_part_of_it("MODE=fast>slow", "")]
#[case::another_value("MODE=fast>slower", "cooldown")]
#[case::another_from("MODE=medium>slow", "cooldown")]
#[case::one_key_too_many("MODE=fast>slow, PORT=80>81", "cooldown")]
#[case::another_object("other/MODE=fast>slow", "cooldown")]
fn b17_what_goes_back_is_exactly_what_the_commit_changed(#[case] back: &str, #[case] wanted: &str) {
    let (held, tier, _) = judged(&world(ASKED, POLICY, &manifest(DATA)), back);
    assert_eq!(held.join(" "), wanted);
    assert_eq!(tier, Tier::RequiresApproval);
}

/// Would miss: a credential among values that go back, which nobody may change by any name (B9).
#[test]
fn b09_a_credential_goes_nowhere_back() {
    let (_, tier, _) = judged(&world(ASKED, POLICY, &manifest(DATA)), "DB_PASSWORD=one>two");
    assert_eq!(tier, Tier::Forbidden);
}

/// A second workload that reads the same `ConfigMap`, with these rules.
fn two(governance: &str) -> Files {
    let mut all = world(ASKED, POLICY, &manifest(DATA));
    let target = |name: &str| format!("  target: {{workload: Deployment/{name}, namespace: shop, source: deploy}}\n");
    let api = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: api, version: 1.0.0, owner: other}}\nspec:\n{}  scaling: {{min_replicas: 1, max_replicas: 9}}\n{governance}",
        target("api")
    );
    let deployment = MANIFEST
        .replace("web", "api")
        .replace("image: api:2  # pinned\n", "image: api:2\n          envFrom: [{configMapRef: {name: web}}]\n");
    let web = all.blob(&RepoPath::new("blueprints/web.yaml").unwrap()).unwrap().bytes.to_vec();
    let web = String::from_utf8(web).unwrap();
    let web = web.replace("source: deploy/web.yaml", "source: deploy");
    all.0.extend(
        files(&[("blueprints/web.yaml", &web), ("blueprints/api.yaml", &api), ("deploy/api.yaml", &deployment)]).0,
    );
    all
}

/// Would miss: a value of two workloads that goes back by the rules of one of them, and nobody told of the other.
#[rstest]
#[case::forbidden_by_the_other(
    "governance: {agent_authority: {forbidden_operations: [change_manifest]}}\n",
    Tier::Forbidden,
    ""
)]
#[case::approved_by_both("governance: {approval_workflow: {approvers: [bob]}}\n", Tier::RequiresApproval, "bob")]
fn b17_a_shared_value_is_judged_by_both(#[case] governance: &str, #[case] wanted: Tier, #[case] approver: &str) {
    let files = two(governance);
    let (_, tier, approvers) = judged(&files, "MODE=fast>slow");
    assert_eq!((tier, approvers.join(" ").as_str()), (wanted, approver));
    let rules = trusted(&files);
    let last = Some(Known::Known(Some(landed("", "MODE=slow>fast", ""))));
    let observation = configured(observe(live(), SPENT, last, ""), &has(DATA), "1h");
    let detected = decide(rules.get(), &name(), &staging(), &Recorder::new(&observation));
    assert!(detected.findings.iter().any(|(_, action)| matches!(action, Some(Action::Rollback(_)))), "{detected:?}");
    let (_, told) = proposed(&files, &observation);
    assert!(told.contains("the pods of api read ConfigMap/web as well"), "{told}");
}

/// The pull request that makes these files of those, on the branch of web's rollback: what holds it, whom it is about, and what else blocks it.
fn pulled(base: &Files, head: &str) -> (String, String, Vec<String>) {
    let rules = trusted(base);
    let mut observation = configured(observe(live(), "ready starting", None, ""), &has(DATA), "1h");
    let mut past = history("scale:fail@30s spec.replicas=1>2");
    past[0].config = config("MODE=slow>fast, LEVEL=warn>info");
    observation.add(FactKey::History(name()), "t", FactValue::History(Known::Known(past)));
    let other = Name::new("api").unwrap();
    let api = ObjectRef::deployment("shop", "api");
    observation.add(FactKey::History(other.clone()), "t", FactValue::History(Known::Known(Vec::new())));
    observation.add(FactKey::Deliveries(other), "t", FactValue::Deliveries(Known::Known(Vec::new())));
    observation.add(FactKey::Object(api), "t", FactValue::Object(Known::Known(None)));
    let path = RepoPath::new("deploy/web.yaml").unwrap();
    let proposed = files(&[("deploy/web.yaml", head)]);
    let side = |files: &Files| Side { files: files.clone(), ..Side::default() };
    let id = |files: &Files| files.blob(&path).map(|blob| blob.id.clone());
    let changed = ChangedPath { path: Ok(path.clone()), before: id(base), after: id(&proposed) };
    let set = change_set(&rules, &side(base), &side(&proposed), &[changed]);
    let me = Identity { id: "bpctl".into(), login: Untrusted::new("bpctl"), bot: true };
    let facts = PullFacts {
        number: 2,
        title: Untrusted::new("t"),
        author: me.clone(),
        head_branch: Some("bpctl/staging/web/rollback".into()),
        head: "h".into(),
        base_branch: "main".into(),
        state: PullState::Open,
        opened_at: now(),
        changed_at: now(),
        draft: false,
        last_pusher: Known::Known(me.clone()),
        co_authors: Known::Known(Vec::new()),
        reviews: Known::Known(Vec::new()),
        checks: Known::Known(Vec::new()),
        required_checks: Known::Known(Vec::new()),
        changes_at: BTreeMap::new(),
    };
    let judged = judge_pull(PullInput {
        rules: &rules,
        changes: &Proposed::from_head(Some("h".into()), set),
        pull: &facts,
        me: &me,
        now: now(),
        server_clock: true,
        merged_tree: Known::Known("tree".into()),
        facts: &BTreeMap::from([(staging(), Recorder::new(&observation))]),
    });
    let words = |all: BTreeSet<String>| all.into_iter().collect::<Vec<_>>().join(" ");
    let held = judged.verdicts.iter().flat_map(|one| one.verdict.holds.iter().map(|hold| hold.rule.ident.clone()));
    let whom = judged.verdicts.iter().map(|one| one.blueprint.to_string());
    let codes = judged.blockers.iter().map(|blocker| blocker.code.clone()).collect();
    (words(held.collect()), words(whom.collect()), codes)
}

/// Would miss: a pull request of a rollback that waits for the pause after what it takes back, one that carries something more without waiting for
/// it, and one of several workloads that the machine merges for one of them.
#[test]
fn b17_the_pull_request_takes_back_that_commit_and_nothing_more() {
    let one = world(ASKED, POLICY, &manifest(DATA));
    let back = |data: &str| manifest(data).replace("replicas: 2", "replicas: 1");
    let both = back("  MODE: slow   # how\n  LEVEL: warn\n");
    assert_eq!(pulled(&one, &both), (String::new(), "web".into(), vec!["needs-approval".into()]));
    let more = |text: &str, why: &str| {
        let (held, _, codes) = pulled(&one, text);
        assert_eq!((held.as_str(), codes.contains(&"held".to_owned())), ("cooldown", true), "{why}");
    };
    more(&both.replace("\"80\"", "\"81\""), "a key more");
    more(&both.replace("MODE: slow", "MODE: slower"), "a value that no commit had");
    more(&both.replace("web:2", "web:1"), "a field more");
    more(&(both.clone() + "  NEW: z\n"), "a key that comes");
    more(&both.replace("# how", "# why"), "bytes besides");
    // Of two workloads each blueprint judges it, and a person merges.
    let (held, whom, codes) = pulled(&two(""), &both);
    assert_eq!((held.as_str(), whom.as_str()), ("", "api web"));
    assert!(codes.contains(&"not-its-own".to_owned()), "{codes:?}");
}

/// What a change of these files made of the workload's configuration.
fn read(before: &[(&str, &str)], after: &[(&str, &str)]) -> Option<Vec<String>> {
    let (old, new) = (files(before), files(after));
    let paths: BTreeSet<RepoPath> = old.0.keys().chain(new.0.keys()).cloned().collect();
    let paths: Vec<RepoPath> = paths.into_iter().collect();
    let landed =
        past_changes(&web(), &BTreeSet::from(["web".to_owned()]), &paths, (&old, &new), &mut Parsed::default())?;
    let value =
        |side: &Option<Json>| side.as_ref().map_or("-".into(), |value| value.as_str().unwrap_or("?").to_owned());
    let one = |config: &PastConfig| {
        let changes = config.changes.as_ref().map(|all| {
            all.iter()
                .map(|c| format!("{}={}>{}", c.field, value(&c.from), value(&c.to)))
                .collect::<Vec<_>>()
                .join(", ")
        });
        let changes = changes.unwrap_or_else(|| if config.brought { "+" } else { "-" }.into());
        let withheld = config.withheld.iter().flat_map(|key| [" !", key]).collect::<String>();
        format!("{}: {changes}{withheld}", config.object.name)
    };
    let workload = landed.changes.iter().map(|change| change.field.to_string());
    Some(landed.config.iter().map(one).chain(workload).collect())
}

/// Would miss: what a commit did to a `ConfigMap` in any of the ways that people do it, and what is none of the workload's.
#[test]
fn b17_a_commits_changes_of_configuration_are_read_off_git() {
    let map =
        |name: &str, data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{data}");
    let (a, b) = (map("web", "  MODE: slow\n  OLD: x\n"), map("web", "  MODE: fast\n  NEW: z\n"));
    let reads = manifest(DATA);
    let deployment = reads.split("---").next().unwrap();
    let is = |before: &[(&str, &str)], after: &[(&str, &str)], wanted: &[&str]| {
        assert_eq!(read(before, after).unwrap(), wanted);
    };
    is(&[("c.yaml", &a)], &[("c.yaml", &b)], &["web: data.MODE=slow>fast, data.OLD=x>-, data.NEW=->z"]);
    // In another file it is the same one, and a file that is no manifest says nothing.
    is(
        &[("c.yaml", &a), ("README.md", "[")],
        &[("d.yaml", &b)],
        &["web: data.MODE=slow>fast, data.OLD=x>-, data.NEW=->z"],
    );
    is(&[], &[("c.yaml", &a)], &["web: +"]);
    is(&[("c.yaml", &a)], &[], &["web: -"]);
    // Another workload's, another namespace's, and what no pod reads of it.
    is(&[("c.yaml", &map("api", "  A: x\n"))], &[("c.yaml", &map("api", "  A: y\n"))], &[]);
    let elsewhere = |data: &str| map("web", data).replace("{name: web}", "{name: web, namespace: other}");
    is(&[("c.yaml", &elsewhere("  A: x\n"))], &[("c.yaml", &elsewhere("  A: y\n"))], &[]);
    is(&[("c.yaml", &a)], &[("c.yaml", &a.replace("{name: web}", "{name: web, labels: {a: b}}"))], &[]);
    // What the pods read only before, or only after, that commit.
    let other = deployment.replace("{configMapRef: {name: web}}", "{configMapRef: {name: web-2}}");
    let two = map("web-2", "  MODE: fast\n");
    is(
        &[("w.yaml", deployment), ("c.yaml", &a)],
        &[("w.yaml", &other), ("c.yaml", &two)],
        &["web: -", "web-2: +", "spec.template.spec.containers[name=web].envFrom[0].configMapRef.name"],
    );
    // Twice is not known to be either, and no file that cannot be read hides one.
    is(&[("c.yaml", &a)], &[("c.yaml", &b), ("d.yaml", &a)], &["web: -"]);
    assert_eq!(read(&[("c.yaml", &a)], &[("c.yaml", "a: [")]), None);
    // All values at once, each for itself; and what may be a credential is in no record (T38).
    let bare = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";
    is(&[("c.yaml", bare)], &[("c.yaml", &a)], &["web: data.MODE=->slow, data.OLD=->x"]);
    let held = |secret: &str| map("web", &format!("  DB_PASSWORD: {secret}\n  MODE: {secret}x\n"));
    is(&[("c.yaml", &held("one"))], &[("c.yaml", &held("two"))], &["web: data.MODE=onex>twox !DB_PASSWORD"]);
}

/// Would miss: a rollback that is called a success while the pods' configuration is what it took back.
#[rstest]
#[case::not_there_yet(json!({"MODE": "fast"}), "1m", Outcome::Pending)]
#[case::never_there(json!({"MODE": "fast"}), "2h", Outcome::Failure)]
#[case::the_key_is_still_there(json!({"MODE": "slow", "NEW": "y"}), "2h", Outcome::Failure)]
#[case::there(json!({"MODE": "slow"}), "1m", Outcome::Success)]
fn b17_configuration_that_went_back_is_verified(#[case] has: Json, #[case] since: &str, #[case] wanted: Outcome) {
    let observation = configured(observe(live(), "ready ready", None, ""), &has, "1h");
    let (workload, windows) = (web(), Verification::default());
    let config = config("MODE=fast>slow, NEW=y>-");
    let input = VerifyInput {
        workload: &workload,
        replicas: Some(2),
        requests: &[],
        fields: &[],
        config: &config,
        began: ago(since),
        delivery: Delivery::Gitops,
        attempted: false,
        windows: &windows,
        measured: Err("the environment names no Prometheus"),
        from: &observation.from,
    };
    let report = verify_merged(&input, &Recorder::new(&observation));
    assert_eq!(report.outcome, wanted, "{report:?}");
    assert_eq!(
        report.checks[0].evidence == "2 values of ConfigMaps are back",
        wanted == Outcome::Success,
        "{report:?}"
    );
}

/// Would miss: an older binary's entries, in which no `ConfigMap` stands (X3).
#[test]
fn x03_facts_from_before_are_read_as_they_were() {
    let old = json!({"commit": "feedc0ffee", "at": "2026-11-21T11:40:00Z", "author": "mallory", "changes": []});
    let last: LastChange = serde_json::from_value(old.clone()).unwrap();
    assert!(last.config.is_empty() && last.newer.is_none());
    assert_eq!(serde_json::to_value(&last).unwrap(), old);
    let _: Name = name();
}
