//! Configuration (B9): which values are allowed, what is a person's, what is never written, and what a change of strategy or probes does.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use std::collections::BTreeMap;

use bpctl_core::blueprint::{Operation, Tier};
use bpctl_core::govern::{ChangeVerdict, PullInput, PullJudgement, judge_pull};
use bpctl_core::model::{Files, Name, Proposed, RepoPath, Untrusted};
use bpctl_core::observe::{
    FactKey, FactValue, Identity, Known, Observation, ObservedFrom, PullFacts, PullState, Recorder,
};
use bpctl_core::propose::{Change, ChangedPath, Side, change_set};
use rstest::rstest;
use small_world::{WORKSPACE, files, trusted, web};

const CONFIG: &str = "  config:\n    ConfigMap/web:\n      LOG_LEVEL: {one_of: [INFO, DEBUG]}\n      WORKERS: {min: 1, max: 8}\n      RETRIES: {min: 0}\n      QUEUE: {max: 100}\n      TOKEN_LIFETIME: {min: 60, max: 3600}\n      SESSION_TOKEN: {one_of: [a, b]}\n      ODD: {one_of: [], min: 1}\n";

/// A blueprint with these lines, and files that it governs.
fn world(spec: &str, policy: &str, deploy: &str) -> Files {
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: Deployment/web, namespace: shop, source: deploy}}\n{spec}"
    );
    let policy = format!(
        "apiVersion: bpctl.dev/v1\nkind: Policy\nmetadata: {{name: base, version: 1.0.0, owner: platform}}\n{policy}"
    );
    files(&[
        ("bpctl.yaml", WORKSPACE),
        ("blueprints/web.yaml", &blueprint),
        ("blueprints/base.yaml", &policy),
        ("deploy/web.yaml", deploy),
    ])
}

/// The judgement of a person's pull request that turns one file into another.
fn pull(base: &Files, head: &Files) -> PullJudgement {
    let rules = trusted(base);
    let changed = ChangedPath {
        path: Ok(RepoPath::new("deploy/web.yaml").unwrap()),
        before: Some("a".into()),
        after: Some("b".into()),
    };
    let side = |files: &Files| Side { files: files.clone(), ..Side::default() };
    let set = change_set(&rules, &side(base), &side(head), &[changed]);
    let staging = Name::new("staging").unwrap();
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
    let mut observation = Observation::new(staging.clone(), from, now);
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
    observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(None)));
    let person = |id: &str| Identity { id: id.into(), login: Untrusted::new(id), bot: false };
    let facts = PullFacts {
        number: 1,
        title: Untrusted::new("t"),
        author: person("ann"),
        head_branch: Some("mine".into()),
        head: "h".into(),
        base_branch: "main".into(),
        state: PullState::Open,
        opened_at: now,
        changed_at: now,
        draft: false,
        last_pusher: Known::Known(person("ann")),
        co_authors: Known::Known(Vec::new()),
        reviews: Known::Known(Vec::new()),
        checks: Known::Known(Vec::new()),
        required_checks: Known::Known(Vec::new()),
        changes_at: BTreeMap::new(),
    };
    judge_pull(PullInput {
        rules: &rules,
        changes: &Proposed::from_head(Some("h".into()), set),
        pull: &facts,
        me: &person("bpctl"),
        now,
        server_clock: true,
        merged_tree: Known::Known("tree".into()),
        facts: &BTreeMap::from([(staging, Recorder::new(&observation))]),
    })
}

fn map(data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata:\n{data}")
}

const DATA: &str = "  LOG_LEVEL: INFO\n  WORKERS: \"4\"\n  RETRIES: \"3\"\n  QUEUE: \"10\"\n  TOKEN_LIFETIME: \"600\"\n  SESSION_TOKEN: a\n  ODD: \"1\"\n  TITLE: Shop\n  DB_PASSWORD: old\n";

/// The strictest verdict.
fn worst(judged: &PullJudgement) -> &ChangeVerdict {
    // That bytes differ besides the fields is judged too, and is not what these tests are about.
    let rank = |verdict: &&ChangeVerdict| (verdict.verdict.tier, !matches!(verdict.change, Change::Opaque(_)));
    judged.verdicts.iter().max_by_key(rank).expect("a verdict")
}

#[rstest]
// The requirement's own.
#[case::log_level("LOG_LEVEL: INFO", "LOG_LEVEL: DEBUG", Operation::Configure, Tier::Allowed, "")]
#[case::not_in_the_list(
    "LOG_LEVEL: INFO",
    "LOG_LEVEL: TRACE",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "LOG_LEVEL = INFO or DEBUG"
)]
#[case::a_password(
    "DB_PASSWORD: old",
    "DB_PASSWORD: new",
    Operation::ChangeSecrets,
    Tier::Forbidden,
    "put it into a Secret; a person changes that by other means"
)]
// Lists are exact.
#[case::another_case(
    "LOG_LEVEL: INFO",
    "LOG_LEVEL: debug",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "LOG_LEVEL = INFO or DEBUG"
)]
#[case::a_space_more(
    "LOG_LEVEL: INFO",
    "LOG_LEVEL: \"DEBUG \"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "LOG_LEVEL = INFO or DEBUG"
)]
#[case::empty(
    "LOG_LEVEL: INFO",
    "LOG_LEVEL: \"\"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "LOG_LEVEL = INFO or DEBUG"
)]
// Numbers: the edges, and what is no number as people write it.
#[case::the_minimum("\"4\"", "\"1\"", Operation::Configure, Tier::Allowed, "")]
#[case::below_the_minimum("\"4\"", "\"0\"", Operation::ChangeManifest, Tier::RequiresApproval, "WORKERS = 1")]
#[case::the_maximum("\"4\"", "\"8\"", Operation::Configure, Tier::Allowed, "")]
#[case::above_the_maximum("\"4\"", "\"9\"", Operation::ChangeManifest, Tier::RequiresApproval, "WORKERS = 8")]
#[case::far_below(
    "\"4\"",
    "\"-9223372036854775808\"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "WORKERS = 1"
)]
#[case::beyond_all_numbers(
    "\"4\"",
    "\"9223372036854775808\"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "WORKERS = 1 to 8"
)]
#[case::a_fraction("\"4\"", "\"4.5\"", Operation::ChangeManifest, Tier::RequiresApproval, "WORKERS = 1 to 8")]
#[case::a_plus("\"4\"", "\"+5\"", Operation::ChangeManifest, Tier::RequiresApproval, "WORKERS = 1 to 8")]
#[case::a_leading_zero("\"4\"", "\"05\"", Operation::ChangeManifest, Tier::RequiresApproval, "WORKERS = 1 to 8")]
#[case::a_word("\"4\"", "many", Operation::ChangeManifest, Tier::RequiresApproval, "WORKERS = 1 to 8")]
#[case::no_text("\"4\"", "5", Operation::ChangeManifest, Tier::RequiresApproval, "")]
#[case::a_list("\"4\"", "[5]", Operation::ChangeManifest, Tier::RequiresApproval, "")]
#[case::open_above("RETRIES: \"3\"", "RETRIES: \"9000\"", Operation::Configure, Tier::Allowed, "")]
#[case::open_above_below(
    "RETRIES: \"3\"",
    "RETRIES: \"-1\"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "RETRIES = 0"
)]
#[case::open_below("QUEUE: \"10\"", "QUEUE: \"-5\"", Operation::Configure, Tier::Allowed, "")]
#[case::open_below_above(
    "QUEUE: \"10\"",
    "QUEUE: \"101\"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "QUEUE = 100"
)]
// A range that says nothing or two things allows nothing.
#[case::an_odd_range("ODD: \"1\"", "ODD: \"2\"", Operation::ChangeManifest, Tier::RequiresApproval, "")]
// Keys without a range, that come, that go.
#[case::no_range(
    "TITLE: Shop",
    "TITLE: Store",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "declare its range in spec.config first, by a pull request"
)]
#[case::a_key_comes(
    "TITLE: Shop",
    "TITLE: Shop\n  MORE: x",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "declare its range in spec.config first, by a pull request"
)]
#[case::a_key_goes(
    "  TITLE: Shop\n",
    "",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "declare its range in spec.config first, by a pull request"
)]
#[case::a_ranged_key_goes("  WORKERS: \"4\"\n", "", Operation::ChangeManifest, Tier::RequiresApproval, "")]
// Credentials: by name, whatever the range says, but not numbers within one; taking one away is no crime.
#[case::with_a_list(
    "SESSION_TOKEN: a",
    "SESSION_TOKEN: b",
    Operation::ChangeSecrets,
    Tier::Forbidden,
    "put it into a Secret; a person changes that by other means"
)]
#[case::a_lifetime("TOKEN_LIFETIME: \"600\"", "TOKEN_LIFETIME: \"900\"", Operation::Configure, Tier::Allowed, "")]
#[case::a_lifetime_too_long(
    "TOKEN_LIFETIME: \"600\"",
    "TOKEN_LIFETIME: \"9000\"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "TOKEN_LIFETIME = 3600"
)]
#[case::one_comes(
    "TITLE: Shop",
    "TITLE: Shop\n  SSH_KEY: x",
    Operation::ChangeSecrets,
    Tier::Forbidden,
    "put it into a Secret; a person changes that by other means"
)]
#[case::camel_case(
    "TITLE: Shop",
    "TITLE: Shop\n  dbPassword: x",
    Operation::ChangeSecrets,
    Tier::Forbidden,
    "put it into a Secret; a person changes that by other means"
)]
#[case::a_keyboard(
    "TITLE: Shop",
    "TITLE: Shop\n  KEYBOARD: de",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "declare its range in spec.config first, by a pull request"
)]
#[case::one_goes(
    "  DB_PASSWORD: old\n",
    "",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "declare its range in spec.config first, by a pull request"
)]
#[case::as_bytes(
    "\ndata:",
    "\nbinaryData: {API_KEY: eA==}\ndata:",
    Operation::ChangeSecrets,
    Tier::Forbidden,
    "put it into a Secret; a person changes that by other means"
)]
// Other parts of it, and names that would harm a page.
#[case::a_label("{name: web}", "{name: web, labels: {a: b}}", Operation::ChangeManifest, Tier::RequiresApproval, "")]
#[case::a_harmful_key(
    "TITLE: Shop",
    "TITLE: Shop\n  \"<b>@all\": x",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "declare its range in spec.config first, by a pull request"
)]
#[case::within_and_beyond(
    "INFO\n  WORKERS: \"4\"",
    "DEBUG\n  WORKERS: \"9\"",
    Operation::ChangeManifest,
    Tier::RequiresApproval,
    "WORKERS = 8"
)]
fn b09_values_of_config_maps(
    #[case] from: &str,
    #[case] to: &str,
    #[case] operation: Operation,
    #[case] tier: Tier,
    #[case] alternative: &str,
) {
    let before = map(DATA);
    assert!(before.contains(from), "{from}");
    let after = before.replacen(from, to, 1);
    let judged = pull(&world(CONFIG, "", &before), &world(CONFIG, "", &after));
    let worst = worst(&judged);
    let found = worst.verdict.alternative.clone().unwrap_or_default();
    assert_eq!((worst.verdict.operations.as_slice(), worst.verdict.tier), (&[operation][..], tier), "{worst:?}");
    assert_eq!(found, alternative, "{worst:?}");
    if to.contains("<b>") {
        assert!(!format!("{:?} {:?}", worst.verdict.rules, judged.blockers).contains("<b>"));
    }
}

/// Would miss: a credential that comes with a whole new `ConfigMap`, where the same key in an old one is forbidden.
#[rstest]
#[case("DB_PASSWORD", Tier::Forbidden)]
#[case("LOG_LEVEL", Tier::RequiresApproval)]
#[case("TOKEN_LIFETIME", Tier::RequiresApproval)]
fn b09_a_new_config_map_holds_no_credential(#[case] key: &str, #[case] tier: Tier) {
    let before = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    let after = format!("{before}---\n{}", map(&format!("  {key}: x\n")));
    let judged = pull(&world(CONFIG, "", before), &world(CONFIG, "", &after));
    assert_eq!(worst(&judged).verdict.tier, tier, "{judged:?}");
}

/// The range of one namespace's `ConfigMap` is not that of another's, and a policy can forbid all of it.
#[test]
fn b09_a_range_holds_for_its_own_config_map_alone() {
    let judged = |metadata: &str, policy: &str| {
        let text = |level: &str| map(&format!("  LOG_LEVEL: {level}\n")).replace("{name: web}", metadata);
        let judged = pull(&world(CONFIG, policy, &text("INFO")), &world(CONFIG, policy, &text("DEBUG")));
        worst(&judged).verdict.tier
    };
    assert_eq!(judged("{name: web, namespace: shop}", ""), Tier::Allowed);
    assert_eq!(judged("{name: web, namespace: other}", ""), Tier::RequiresApproval);
    assert_eq!(judged("{name: api}", ""), Tier::RequiresApproval);
    assert_eq!(judged("{name: web}", "operations: {configure: requires_approval}\n"), Tier::RequiresApproval);
    assert_eq!(judged("{name: web}", "operations: {configure: forbidden}\n"), Tier::Forbidden);
}

fn deployment(spec: &str, container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n{spec}  template:\n    spec:\n      containers:\n        - name: web\n          image: web\n{container}"
    )
}

const ROLLING: &str = "  replicas: 5\n  strategy: {rollingUpdate: {maxUnavailable: 25%, maxSurge: 1}}\n";

/// What approvers are told of a strategy.
#[rstest]
#[case::half(ROLLING, ("25%", "50%"), &["a roll-out: of 5 replicas at least 3 serve, before 4"])]
#[case::rounds_down(ROLLING, ("25%", "39%"), &["a roll-out: of 5 replicas at least 4 serve, before 4"])]
#[case::two_exactly(ROLLING, ("25%", "40%"), &["a roll-out: of 5 replicas at least 3 serve, before 4"])]
#[case::all(ROLLING, ("25%", "100%"), &["a roll-out: of 5 replicas at least 0 serve, before 4: an outage"])]
#[case::more_than_all(ROLLING, ("25%", "9"), &["a roll-out: of 5 replicas at least 0 serve, before 4: an outage"])]
#[case::none_and_no_surge(ROLLING, ("25%, maxSurge: 1", "0, maxSurge: 0"), &["a roll-out: of 5 replicas at least 4 serve, before 4", "a roll-out: at most 5 pods at once, before 6"])]
#[case::none(ROLLING, ("25%", "0"), &["a roll-out: of 5 replicas at least 5 serve, before 4"])]
#[case::surge_rounds_up(ROLLING, ("maxSurge: 1", "maxSurge: 30%"), &["a roll-out: of 5 replicas at least 4 serve, before 4", "a roll-out: at most 7 pods at once, before 6"])]
#[case::recreate(ROLLING, ("{rollingUpdate: {maxUnavailable: 25%, maxSurge: 1}}", "{type: Recreate}"), &["a roll-out: of 5 replicas at least 0 serve, before 4: an outage", "a roll-out: at most 5 pods at once, before 6"])]
#[case::away_from_recreate("  strategy: {type: Recreate}\n", ("Recreate", "RollingUpdate"), &["a roll-out: of 1 replica at least 1 serve, before 0", "a roll-out: at most 2 pods at once, before 1"])]
#[case::no_number(ROLLING, ("25%", "lots"), &["a roll-out: how many pods serve during it cannot be told"])]
#[case::just_less_than_one(ROLLING, ("25%", "19%"), &["a roll-out: of 5 replicas at least 5 serve, before 4"])]
#[case::one_exactly(ROLLING, ("25%", "20%"), &["a roll-out: of 5 replicas at least 4 serve, before 4"])]
#[case::just_less_than_three(ROLLING, ("25%", "59%"), &["a roll-out: of 5 replicas at least 3 serve, before 4"])]
#[case::three_exactly(ROLLING, ("25%", "60%"), &["a roll-out: of 5 replicas at least 2 serve, before 4"])]
#[case::just_less_than_four(ROLLING, ("25%", "79%"), &["a roll-out: of 5 replicas at least 2 serve, before 4"])]
#[case::four_exactly(ROLLING, ("25%", "80%"), &["a roll-out: of 5 replicas at least 1 serve, before 4"])]
#[case::a_number(ROLLING, ("25%", "1"), &["a roll-out: of 5 replicas at least 4 serve, before 4"])]
#[case::a_surge_of_one_exactly(ROLLING, ("maxSurge: 1", "maxSurge: 20%"), &["a roll-out: of 5 replicas at least 4 serve, before 4"])]
#[case::a_surge_of_just_more(ROLLING, ("maxSurge: 1", "maxSurge: 21%"), &["a roll-out: of 5 replicas at least 4 serve, before 4", "a roll-out: at most 7 pods at once, before 6"])]
#[case::a_surge_of_all(ROLLING, ("maxSurge: 1", "maxSurge: 100%"), &["a roll-out: of 5 replicas at least 4 serve, before 4", "a roll-out: at most 10 pods at once, before 6"])]
fn b09_the_impact_of_a_strategy(#[case] spec: &str, #[case] (from, to): (&str, &str), #[case] wanted: &[&str]) {
    let before = deployment(spec, "");
    let judged = pull(&world("", "", &before), &world("", "", &before.replacen(from, to, 1)));
    let told: Vec<&str> = judged.verdicts.iter().flat_map(|v| &v.verdict.impact).map(String::as_str).collect();
    assert_eq!(told, wanted, "{:?}", judged.verdicts);
    let mut fields = judged.verdicts.iter().filter(|v| matches!(v.change, Change::Field(_))).map(|v| &v.verdict);
    let approval = fields.all(|v| v.tier == Tier::RequiresApproval && v.operations == [Operation::ChangeStrategy]);
    assert!(approval, "{:?}", judged.verdicts);
}

const PROBES: &str = "          readinessProbe: {httpGet: {path: /ready, port: 80}, periodSeconds: 5, failureThreshold: 3}\n          livenessProbe: {httpGet: {path: /live, port: 80}, periodSeconds: 10, failureThreshold: 3}\n";

/// What approvers are told of probes.
#[rstest]
#[case::readiness("periodSeconds: 5", "periodSeconds: 10", &["readiness of web: a pod that does not answer is taken out of service after 30s (10s × 3), before 15s (5s × 3)", "web is restarted after 30s and taken out of service only after 30s: a pod under load is killed"])]
#[case::both_at_once("periodSeconds: 5, failureThreshold: 3", "periodSeconds: 2, failureThreshold: 2", &["readiness of web: a pod that does not answer is taken out of service after 4s (2s × 2), before 15s (5s × 3)"])]
#[case::back_to_the_default(", periodSeconds: 5, failureThreshold: 3", "", &["readiness of web: a pod that does not answer is taken out of service after 30s (10s × 3), before 15s (5s × 3)", "web is restarted after 30s and taken out of service only after 30s: a pod under load is killed"])]
#[case::liveness("periodSeconds: 10", "periodSeconds: 20", &["liveness of web: a pod that does not answer is restarted after 60s (20s × 3), before 30s (10s × 3)"])]
#[case::too_soon("periodSeconds: 10", "periodSeconds: 5", &["liveness of web: a pod that does not answer is restarted after 15s (5s × 3), before 30s (10s × 3)", "web is restarted after 15s and taken out of service only after 15s: a pod under load is killed"])]
#[case::another_question("path: /ready", "path: /", &["readiness of web: something else is asked; if no pod answers it, all are taken out of service at once"])]
#[case::a_time_out("periodSeconds: 10", "periodSeconds: 10, timeoutSeconds: 5", &["liveness of web: 5s, before 1s: an answer later than this counts as a failure"])]
#[case::a_delay("periodSeconds: 10", "periodSeconds: 10, initialDelaySeconds: 30", &["liveness of web: 30s, before 0s: first asked so long after the start"])]
#[case::gone("          readinessProbe: {httpGet: {path: /ready, port: 80}, periodSeconds: 5, failureThreshold: 3}\n", "", &["readiness of web goes: a pod that does not answer is not taken out of service any more, before after 15s (5s × 3)"])]
#[case::new("          readinessProbe:", "          startupProbe: {exec: {command: [a]}, failureThreshold: 30}\n          readinessProbe:", &["startup of web is new: a pod that does not answer is restarted, if it has not started, after 300s (10s × 30)"])]
#[case::no_number("periodSeconds: 5", "periodSeconds: soon", &["readiness of web: a pod that does not answer is taken out of service after a time that cannot be told, before 15s (5s × 3)"])]
fn b09_the_impact_of_probes(#[case] from: &str, #[case] to: &str, #[case] wanted: &[&str]) {
    let before = deployment("  replicas: 5\n", PROBES);
    assert!(before.contains(from), "{from}");
    let judged = pull(&world("", "", &before), &world("", "", &before.replacen(from, to, 1)));
    let told: Vec<&str> = judged.verdicts.iter().flat_map(|v| &v.verdict.impact).map(String::as_str).collect();
    assert_eq!(told, wanted, "{:?}", judged.verdicts);
    assert_eq!(judged.tier, Tier::RequiresApproval);
}

/// What is never done through bpctl, and the way on that every such no names.
#[rstest]
#[case::secret("apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {a: b}\n", ("a: b", "a: c"), "a person changes the Secret by other means; the manifest only names it")]
#[case::network_policy("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec: {podSelector: {}}\n", ("{}", "{matchLabels: {a: b}}"), "a person changes network policies by other means, beside bpctl")]
#[case::role("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: web}\nrules: []\n", ("[]", "[{apiGroups: [\"*\"]}]"), "a person changes roles and bindings by other means, beside bpctl")]
#[case::the_workload("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2}\n", ("Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2}", "Deployment\nmetadata: {name: other, namespace: shop}\nspec: {replicas: 2}"), "replicas = 2 (min_replicas); pods that failed are replaced by restart, which needs no deleting")]
#[case::a_service("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {}\n", ("name: web", "name: other"), "a person deletes it by other means; nothing that bpctl does needs that")]
#[case::to_zero("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2}\n", ("replicas: 2", "replicas: 0"), "replicas = 2 (min_replicas)")]
fn b05_every_no_names_a_way_on(#[case] text: &str, #[case] (from, to): (&str, &str), #[case] alternative: &str) {
    let scaling = "  scaling: {min_replicas: 2, max_replicas: 5}\n";
    let judged = pull(&world(scaling, "", text), &world(scaling, "", &text.replacen(from, to, 1)));
    let worst = worst(&judged);
    assert_eq!(worst.verdict.tier, Tier::Forbidden, "{worst:?}");
    assert_eq!(worst.verdict.alternative.as_deref(), Some(alternative));
}

/// Would miss: a number that is cited of a blueprint which has none, and which whoever looks for the rule finds in no file.
#[test]
fn b05_zero_replicas_are_forbidden_without_a_number_that_nobody_wrote() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2}\n";
    let judged = pull(&world("", "", text), &world("", "", &text.replacen("replicas: 2", "replicas: 0", 1)));
    let worst = worst(&judged);
    assert_eq!(worst.verdict.tier, Tier::Forbidden, "{worst:?}");
    let cites: Vec<&str> = worst.verdict.rules.iter().map(|rule| rule.cite.as_str()).collect();
    assert!(cites.contains(&"spec.scaling is missing"), "{cites:?}");
    assert!(!cites.iter().any(|cite| cite.contains("min_replicas")), "{cites:?}");
    assert_eq!(worst.verdict.alternative.as_deref(), Some("as many replicas as it needs, and at least 1"));
}
