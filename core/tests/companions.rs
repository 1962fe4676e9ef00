//! Which objects belong to a workload, and what is decided and judged of them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use bpctl_core::action::Action;
use bpctl_core::blueprint::lint::version_bumps;
use bpctl_core::blueprint::{Catalog, Tier};
use bpctl_core::decide::{Finding, Reported, UnknownFact, WhyNot, decide};
use bpctl_core::execute::Effect;
use bpctl_core::govern::{Hold, permit_apply};
use bpctl_core::model::{Name, ObjectParts, ObjectRef, Proposed, Severity, Timestamp, Untrusted};
use bpctl_core::observe::{
    FactKey, FactValue, Known, ListType, LiveObject, Observation, ObservedFrom, OpenAdoption, Recorder, TypeSchema,
    UnknownCode,
};
use bpctl_core::plan::{Plan, PlanInput, build};
use bpctl_core::render;
use rstest::rstest;
use serde_json::{Value as Json, json};
use small_world::{WORKSPACE, catalog, files, trusted, web};

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      imagePullSecrets: [{name: pull}]
      volumes:
        - {name: a, configMap: {name: mounted}}
        - {name: b, projected: {sources: [{configMap: {name: projected}}]}}
      initContainers:
        - {name: init, image: i, envFrom: [{configMapRef: {name: all}}]}
      containers:
        - name: web
          image: web:1
          env: [{name: A, valueFrom: {configMapKeyRef: {name: one, key: a}}}]
";

fn blueprint(name: &str, workload: &str, rest: &str) -> String {
    format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: {name}, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: {workload}, namespace: shop, source: deploy{rest}\n"
    )
}

/// The catalog of the Deployment and these manifests beside it.
fn world(rest: &str, manifests: &[&str]) -> Vec<(String, String)> {
    let mut entries = vec![
        ("bpctl.yaml".into(), WORKSPACE.into()),
        ("blueprints/web.yaml".into(), blueprint("web", "Deployment/web", rest)),
        ("deploy/web.yaml".into(), WEB.into()),
    ];
    entries.extend(manifests.iter().enumerate().map(|(n, text)| (format!("deploy/x{n}.yaml"), (*text).to_owned())));
    entries
}

fn read(entries: &[(String, String)]) -> bpctl_core::model::Files {
    files(&entries.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>())
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn compared(catalog: &Catalog, blueprint: &str) -> Vec<String> {
    catalog
        .companions(&name("staging"), &name(blueprint))
        .compared
        .iter()
        .map(|companion| companion.object.to_string())
        .collect()
}

fn manifest(api_version: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n")
}

#[rstest]
#[case(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "{scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}",
    true
)]
#[case("autoscaling/v1", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: web}}", true)]
#[case("autoscaling/v2", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: other}}", false)]
#[case("autoscaling/v2", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: StatefulSet, name: web}}", false)]
#[case(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "{scaleTargetRef: {apiVersion: argoproj.io/v1, kind: Deployment, name: web}}",
    false
)]
#[case("policy/v1", "PodDisruptionBudget", "{selector: {matchLabels: {app: web}}}", true)]
#[case("policy/v1", "PodDisruptionBudget", "{selector: {}}", true)]
#[case("policy/v1", "PodDisruptionBudget", "{minAvailable: 1}", false)]
#[case("policy/v1", "PodDisruptionBudget", "{selector: {matchLabels: {app: web, tier: back}}}", false)]
#[case(
    "policy/v1",
    "PodDisruptionBudget",
    "{selector: {matchExpressions: [{key: tier, operator: In, values: [front]}]}}",
    true
)]
#[case(
    "policy/v1",
    "PodDisruptionBudget",
    "{selector: {matchExpressions: [{key: tier, operator: NotIn, values: [front]}]}}",
    false
)]
#[case(
    "policy/v1",
    "PodDisruptionBudget",
    "{selector: {matchExpressions: [{key: app, operator: Exists}, {key: z, operator: DoesNotExist}]}}",
    true
)]
#[case(
    "policy/v1",
    "PodDisruptionBudget",
    "{selector: {matchExpressions: [{key: app, operator: Like, values: [web]}]}}",
    false
)]
#[case("v1", "Service", "{selector: {app: web}}", true)]
#[case("v1", "Service", "{selector: {app: web, role: primary}}", false)]
#[case("v1", "Service", "{externalName: elsewhere.example.org}", false)]
#[case("serving.example.org/v1", "Service", "{selector: {app: web}}", false)]
fn x08_an_object_belongs_to_the_workload_that_it_points_to(
    #[case] api_version: &str,
    #[case] kind: &str,
    #[case] spec: &str,
    #[case] belongs: bool,
) {
    let catalog = catalog(&read(&world("}", &[&manifest(api_version, kind, spec)])));
    assert_eq!(compared(&catalog, "web"), if belongs { vec![format!("{kind}/x")] } else { Vec::new() });
}

/// Would miss: a slip in a selector makes bpctl look away from the Service that it cuts off; what selects others' pods, or none, is taken for it.
#[rstest]
#[case("{selector: {app: wbe}}", "", &["Service/x"])]
#[case("{selector: {app: web, tier: back}}", "", &["Service/x"])]
#[case("{selector: {app: other}}", "", &[])]
#[case("{ports: [{port: 80}]}", "", &[])]
#[case("{selector: {app: wbe}}", "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {}}\n", &[])]
fn x08_what_selects_nothing_belongs_to_the_only_workload_of_its_file(
    #[case] spec: &str,
    #[case] beside: &str,
    #[case] expected: &[&str],
) {
    let other =
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: o}\nspec: {template: {metadata: {labels: {app: other}}}}\n";
    let mut entries = world("}", &[other]);
    entries[2].1 = format!("{WEB}---\n{}{beside}", manifest("v1", "Service", spec));
    let found = compared(&catalog(&read(&entries)), "web");
    let found: Vec<&str> = found.iter().map(String::as_str).filter(|object| object.starts_with("Service")).collect();
    assert_eq!(found, expected);
}

#[test]
fn x08_config_maps_that_pods_read_belong_to_them_and_secrets_are_said_to_be_left_out() {
    let config = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n---\n");
    let all: String = ["all", "mounted", "one", "other", "projected"].map(config).concat();
    let secrets = ["pull", "unused"].map(|name| config(name).replace("ConfigMap", "Secret")).concat();
    let catalog = catalog(&read(&world("}", &[&(all + &secrets)])));
    assert_eq!(
        compared(&catalog, "web"),
        ["ConfigMap/all", "ConfigMap/mounted", "ConfigMap/one", "ConfigMap/projected"]
    );
    let left_out = catalog.companions(&name("staging"), &name("web")).left_out;
    assert_eq!(left_out, [("Secret/pull".to_owned(), "not compared: bpctl never reads Secrets".to_owned())]);
}

#[test]
fn x08_a_blueprint_names_what_does_not_point_to_its_workload() {
    let certificate = manifest("cert-manager.io/v1", "Certificate", "{secretName: tls}");
    let named = ", companions: [Certificate/x, Ingress/none]}";
    let one = catalog(&read(&world(named, &[&certificate])));
    let companions = one.companions(&name("staging"), &name("web"));
    assert_eq!(companions.compared[0].object.api_version, "cert-manager.io/v1");
    assert_eq!(companions.compared[0].object.namespace, "shop");
    let unclear = [("Ingress/none".to_owned(), "no manifest below deploy declares it".to_owned())];
    assert_eq!(companions.unclear, unclear);

    // In another namespace it is another object; declared twice nobody knows which one is meant.
    let elsewhere = certificate.replace("name: x", "name: x, namespace: other");
    assert_eq!(compared(&catalog(&read(&world(named, &[&elsewhere]))), "web"), Vec::<String>::new());
    let twice = catalog(&read(&world(named, &[&certificate, &certificate.replace("/v1", "/v1alpha1")])));
    let companions = twice.companions(&name("staging"), &name("web"));
    assert_eq!(companions.compared.len(), 0);
    assert_eq!(companions.unclear[0].1, "deploy/x0.yaml and deploy/x1.yaml both declare it");
    // A name that could move a cursor, or an address, is nobody's.
    let hostile = manifest("v1/../../x", "Certificate", "{}");
    assert_eq!(compared(&catalog(&read(&world(named, &[&hostile]))), "web"), Vec::<String>::new());

    for (companion, why) in [
        ("Secret/x", "never reads Secrets"),
        ("Deployment/x", "a blueprint of its own"),
        ("x", "KIND/NAME"),
        ("Ingress/../x", "KIND/NAME"),
    ] {
        let bad = read(&world(&format!(", companions: [{companion}]}}"), &[]));
        let diagnostics = Catalog::load(&bad).unwrap().diagnostics;
        assert!(diagnostics.len() == 1 && diagnostics[0].message.contains(why), "{companion}: {diagnostics:?}");
    }
}

#[test]
fn x08_what_belongs_to_two_workloads_is_compared_once() {
    let mut entries = world("}", &[&manifest("v1", "Service", "{selector: {tier: front}, ports: [{port: 80}]}")]);
    entries.push(("blueprints/api.yaml".into(), blueprint("api", "Deployment/api", "}")));
    entries.push(("deploy/api.yaml".into(), WEB.replace("name: web}", "name: api}")));
    let catalog = catalog(&read(&entries));
    assert_eq!(compared(&catalog, "api"), ["Service/x"]);
    assert_eq!(compared(&catalog, "web"), Vec::<String>::new());
    let companions = catalog.companions(&name("staging"), &name("web"));
    let shared = companions.shared.iter().map(|(companion, with)| (companion.object.to_string(), with.to_string()));
    assert_eq!(shared.collect::<Vec<_>>(), [("Service/x".to_owned(), "api".to_owned())]);
    let told = |port: u32| {
        let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
        let mut seen = Observation::new(name("staging"), from, "2026-11-21T12:00:00Z".parse().unwrap());
        seen.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
        let live = LiveObject::from_json("v1", "Service", live(port)).unwrap();
        seen.add(FactKey::Object(service()), "kubernetes", FactValue::Object(Known::Known(Some(live))));
        let types = FactValue::Schema(Known::Known(TypeSchema::default()));
        seen.add(FactKey::Schema("v1".into(), "Service".into()), "kubernetes", types);
        let facts = Recorder::new(&seen);
        let detected = decide(&catalog, &name("web"), &name("staging"), &facts);
        assert!(detected.findings.is_empty());
        detected.why_not.into_iter().map(|why| format!("{}: {}", why.what, why.because)).collect::<Vec<_>>()
    };
    assert_eq!(told(80), Vec::<String>::new(), "nothing to say");
    let differs = "Service/x: it differs, and is brought back with blueprint api, whose workload has it as well";
    assert_eq!(told(81), [differs]);
}

/// B3
#[test]
fn b03_a_further_companion_is_an_addition() {
    let least = |before: &str, after: &str| {
        let catalog = |rest: &str| catalog(&read(&world(rest, &[])));
        version_bumps(&catalog(before), &catalog(after)).into_iter().find_map(|found| found.help)
    };
    assert_eq!(least("}", ", companions: [Ingress/x]}").unwrap(), "write version: 1.1.0, or run the same with --fix");
    assert_eq!(least(", companions: [Ingress/x]}", "}").unwrap(), "write version: 2.0.0, or run the same with --fix");
    assert_eq!(least(", companions: [Ingress/x]}", ", companions: [Ingress/x]}"), None);
}

fn service() -> ObjectRef {
    ObjectParts { api_version: "v1".into(), kind: "Service".into(), namespace: "shop".into(), name: "x".into() }.into()
}

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";

/// The plan where the Deployment is as declared, and a Service so.
fn plan(governance: &str, known: Known<Option<Json>>) -> Plan {
    plan_of("}", &[SERVICE], governance, known)
}

fn plan_of(rest: &str, manifests: &[&str], governance: &str, known: Known<Option<Json>>) -> Plan {
    plan_at(rest, manifests, governance, &observed(known, |_| {}))
}

fn plan_at(rest: &str, manifests: &[&str], governance: &str, observation: &Observation) -> Plan {
    plan_under("delivery: direct", rest, manifests, governance, observation)
}

fn plan_under(delivery: &str, rest: &str, manifests: &[&str], governance: &str, observation: &Observation) -> Plan {
    let mut entries = world(rest, manifests);
    entries[1].1.push_str(governance);
    planned(delivery, entries, observation)
}

fn planned(delivery: &str, mut entries: Vec<(String, String)>, observation: &Observation) -> Plan {
    entries[0].1 = entries[0].1.replace("delivery: direct", delivery);
    let files = read(&entries);
    let (rules, desired) = (trusted(&files), Proposed::from_head(None, catalog(&files)));
    build(&PlanInput { rules: &rules, desired: &desired, environment: &name("staging"), observation })
}

/// The cluster with a Service like this and the Deployment as declared, but for an edit.
fn observed(known: Known<Option<Json>>, edit: impl FnOnce(&mut Json)) -> Observation {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
    let mut observation = Observation::new(name("staging"), from, now);
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
    let object = |api_version: &str, kind: &str, body| LiveObject::from_json(api_version, kind, body).unwrap();
    let mut deployment =
        bpctl_core::yaml::parse("web", WEB.as_bytes(), bpctl_core::yaml::Kind::Manifest).unwrap()[0].root.to_json();
    deployment["metadata"] = json!({"name": "web", "namespace": "shop", "uid": "1"});
    edit(&mut deployment);
    let live = object("apps/v1", "Deployment", deployment);
    observation.add(FactKey::Object(web()), "kubernetes", FactValue::Object(Known::Known(Some(live))));
    let service = known.map(|body| body.map(|body| object("v1", "Service", body)));
    observation.add(FactKey::Object(self::service()), "kubernetes", FactValue::Object(service));
    for (api_version, kind) in [("apps/v1", "Deployment"), ("v1", "Service")] {
        let key = FactKey::Schema(api_version.into(), kind.into());
        observation.add(key, "kubernetes", FactValue::Schema(Known::Known(TypeSchema::default())));
    }
    observation.add(FactKey::Deliveries(name("web")), "forge", FactValue::Deliveries(Known::Known(Vec::new())));
    observation.add(FactKey::History(name("web")), "forge", FactValue::History(Known::Known(Vec::new())));
    observation.add(FactKey::Adoptions(name("web")), "forge", FactValue::Adoptions(Known::Known(Vec::new())));
    observation
}

fn live(port: u32) -> Json {
    json!({"metadata": {"name": "x", "namespace": "shop", "uid": "2"}, "spec": {"selector": {"app": "web", "tier": "front"},
        "ports": [{"port": port}], "clusterIP": "10.0.0.1"}})
}

#[test]
fn x08_a_companion_that_differs_or_is_missing_is_judged_like_the_workload() {
    let drifted = plan("", Known::Known(Some(live(81))));
    let items = &drifted.blueprints[0].items;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert!(matches!(&items[0].finding, Finding::Drift(drift) if drift.object == service() && drift.fields.len() == 1));
    assert_eq!(items[0].verdict.tier, Tier::Allowed);
    let text = render::text::plan(&drifted, None);
    assert!(
        text.contains("~ reconcile Service/x: 1 field") && text.contains("declared at deploy/x0.yaml:4:"),
        "{text}"
    );
    let around = render::comment::Around { line: &|_, _, _| None, run: None, whole: "elsewhere" };
    let markdown = render::comment::page(&drifted, &around);
    assert!(markdown.contains("\n  Service/x spec.ports[0].port"), "{markdown}");

    let missing = plan("", Known::Known(None));
    assert!(render::text::plan(&missing, None).contains("+ reconcile create Service/x"));
    assert!(missing.blueprints[0].evidence.contains(&FactKey::Object(service())));

    let governed = plan("governance: {agent_authority: {requires_approval: [reconcile]}}\n", Known::Known(None));
    assert_eq!(governed.blueprints[0].items[0].verdict.tier, Tier::RequiresApproval);
    assert_eq!(plan("", Known::Known(Some(live(80)))).blueprints[0].items, []);
}

/// R6
#[test]
fn r6_a_companion_that_cannot_be_seen_is_unknown_and_nothing_else_is() {
    let plan = plan("", Known::unknown(UnknownCode::Forbidden, "no"));
    let part = &plan.blueprints[0];
    assert_eq!(part.items, []);
    assert_eq!(part.unknown.iter().map(|unknown| unknown.what.as_str()).collect::<Vec<_>>(), ["Service/x"]);
    assert!(plan.is_blind());
    let text = render::text::plan(&plan, None);
    assert!(text.ends_with("not all that belongs to web (Service/x) could be compared\n"), "{text}");
}

/// B6
#[test]
fn b06_replicas_that_an_autoscaler_owns_are_its_bounds_business() {
    let spec = "{scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 6}";
    let scaler = manifest("autoscaling/v2", "HorizontalPodAutoscaler", spec);
    let scaling = "}\n  scaling: {min_replicas: 1, max_replicas: 3}";
    let plan = plan_of(scaling, &[&scaler], "", Known::Known(None));
    let told: Vec<&str> = plan.blueprints[0].not_proposed.iter().map(|why| why.because.as_str()).collect();
    assert_eq!(
        told,
        [
            "HorizontalPodAutoscaler/x owns the replicas (2 to 6): change minReplicas and maxReplicas in deploy/x0.yaml, \
          not the replicas"
        ]
    );
    let without = plan_of(scaling, &[], "", Known::Known(None));
    assert!(without.blueprints[0].not_proposed.is_empty() && !without.blueprints[0].unknown.is_empty());
}

/// X8: whoever wrote the number last, and where bpctl itself once applied it, so that an apply without it would set 1.
#[rstest]
#[case::scaled_by_a_person("kubectl", "Update", Some("scale"), 7, None)]
#[case::scaled_by_the_autoscaler("kube-controller-manager", "Update", Some("scale"), 7, None)]
#[case::applied_by_bpctl("bpctl", "Apply", None, 7, Some(7))]
#[case::applied_by_bpctl_as_git_says("bpctl", "Apply", None, 2, Some(2))]
fn x08_no_apply_sets_replicas_that_an_autoscaler_of_the_source_owns(
    #[case] manager: &str,
    #[case] operation: &str,
    #[case] subresource: Option<&str>,
    #[case] replicas: u32,
    #[case] applied: Option<u32>,
) {
    let scaler =
        manifest("autoscaling/v2", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: web}}");
    let files = read(&world("}", &[&scaler]));
    let rules = trusted(&files);
    let look = |image: &str| {
        observed(Known::Known(None), |live| {
            live["metadata"]["managedFields"] = json!([{"manager": manager, "operation": operation, "subresource": subresource,
                "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
            live["spec"]["replicas"] = replicas.into();
            live["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        })
    };
    let desired = Proposed::from_head(None, catalog(&files));
    let planned = |observation: &Observation| {
        build(&PlanInput { rules: &rules, desired: &desired, environment: &name("staging"), observation })
    };
    assert_eq!(planned(&look("web:1")).blueprints[0].items, []);

    let observation = look("web:2");
    let plan = planned(&observation);
    let [item] = plan.blueprints[0].items.as_slice() else { panic!("{plan:#?}") };
    let Finding::Drift(drift) = &item.finding else { panic!("{item:#?}") };
    assert_eq!(drift.fields.len(), 1, "{drift:#?}");
    let told = plan.blueprints[0].not_proposed.iter().any(|why| {
        why.because.starts_with(
            "HorizontalPodAutoscaler/x (deploy/x0.yaml) owns spec.replicas, which the manifest declares too",
        )
    });
    assert_eq!(told, replicas != 2, "{plan:#?}");
    let [Effect::ApplyObject(effect)] = item.effects.as_slice() else { panic!("{item:#?}") };
    let facts = Recorder::new(&observation);
    let permit = permit_apply(&rules, &name("staging"), &item.action, effect, &facts, true).unwrap();
    assert_eq!(permit.manifest().pointer("/spec/replicas"), applied.map(Json::from).as_ref());
}

/// Would miss: what is brought back while people look at its adoption, or because nobody could see whether it is proposed.
#[rstest]
#[case::none(Known::Known(Vec::new()), None)]
#[case::of_it(Known::Known(vec![OpenAdoption { pull: 7, opened_at: "2026-11-21T11:00:00Z".parse().unwrap(), objects: Some(vec![service()]) }]), Some("until #7 is merged or closed"))]
#[case::of_what_nobody_knows(Known::Known(vec![OpenAdoption { pull: 7, opened_at: "2026-11-21T11:00:00Z".parse().unwrap(), objects: None }]), Some("until #7 is merged or closed"))]
#[case::of_another_object(Known::Known(vec![OpenAdoption { pull: 7, opened_at: "2026-11-21T11:00:00Z".parse().unwrap(), objects: Some(vec![web()]) }]), None)]
#[case::not_known(Known::unknown(UnknownCode::Unreachable, "the forge does not answer"), Some("until that is known"))]
fn x08_what_is_proposed_for_adoption_is_not_brought_back(
    #[case] open: Known<Vec<OpenAdoption>>,
    #[case] held: Option<&str>,
) {
    let mut observation = observed(Known::Known(Some(live(81))), |_| {});
    observation.add(FactKey::Adoptions(name("web")), "forge", FactValue::Adoptions(open));
    let plan = plan_at("}", &[SERVICE], "", &observation);
    let [item] = plan.blueprints[0].items.as_slice() else { panic!("{plan:#?}") };
    assert_eq!(item.hold().map(Hold::until).as_deref(), held, "{item:#?}");
}

/// X8: replicas that an autoscaler set are Git's again once the list of autoscalers has none; one of another kind is on no such list.
#[rstest]
#[case::gone("kube-controller-manager", Known::Known(None), true)]
#[case::there("kube-controller-manager", Known::Known(Some(Untrusted::new("web"))), false)]
#[case::unlisted("kube-controller-manager", Known::unknown(UnknownCode::Forbidden, "no"), false)]
#[case::of_another_kind("custom-autoscaler", Known::Known(None), false)]
fn x08_what_an_autoscaler_that_is_gone_set_is_drift(
    #[case] manager: &str,
    #[case] listed: Known<Option<Untrusted>>,
    #[case] drifts: bool,
) {
    let mut observation = observed(Known::Known(None), |live| {
        live["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Update", "subresource": "scale",
            "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
        live["spec"]["replicas"] = 7.into();
    });
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(listed));
    let plan = plan_at("}", &[], "", &observation);
    let told = "spec.replicas: 7 in the cluster, last set by an autoscaler that is gone; Git says 2";
    assert_eq!(render::text::plan(&plan, None).contains(told), drifts, "{plan:#?}");
    assert_eq!(plan.blueprints[0].items.len(), usize::from(drifts));
}

/// Would miss: a `reconcile … allowed` that no apply ever settles, of a field that Git dropped and others than bpctl own.
#[rstest]
#[case::alone(&[("bpctl", "Apply")], Some("allowed"), "")]
#[case::beside_kubectl(&[("bpctl", "Apply"), ("kubectl-client-side-apply", "Update")], None, "of kubectl-client-side-apply: bpctl's apply does not take it away")]
#[case::beside_another_applier(&[("bpctl", "Apply"), ("argocd-controller", "Apply")], None, "of argocd-controller: bpctl's")]
fn b11_what_git_dropped_and_others_own_is_for_a_person(
    #[case] owners: &[(&str, &str)],
    #[case] item: Option<&str>,
    #[case] told: &str,
) {
    let dropped = |live: &mut Json| {
        let entry = |(manager, operation): &(&str, &str)| {
            json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:minReadySeconds": {}}}})
        };
        live["metadata"]["managedFields"] = owners.iter().map(entry).collect();
        live["spec"]["minReadySeconds"] = 9.into();
    };
    let plan = plan_at("}", &[], "", &observed(Known::Known(None), dropped));
    let part = &plan.blueprints[0];
    let tiers: Vec<String> = part.items.iter().map(|item| item.verdict.tier.to_string()).collect();
    assert_eq!(tiers, item.into_iter().collect::<Vec<_>>());
    let found: Vec<_> = part.findings.iter().filter(|reported| reported.code == "field-kept").collect();
    assert_eq!(found.len(), usize::from(item.is_none()), "{part:#?}");
    for reported in found {
        assert!(reported.needs_person && reported.message.raw().contains(told), "{reported:?}");
        assert!(reported.message.raw().starts_with("Deployment/web: spec.minReadySeconds is no longer in Git"));
        assert_eq!(reported.help[0].raw(), "take it out by hand: kubectl -n shop edit deployment/web");
        let hand_over = "-n shop apply --server-side --field-manager=bpctl --force-conflicts -f deploy/web.yaml";
        assert_eq!(reported.help.get(1).is_some_and(|help| help.raw().ends_with(hand_over)), told.contains("kubectl-"));
    }
}

/// R6, Would miss: a manifest that no Kubernetes takes, shown as drift that is allowed.
#[rstest]
#[case::of_another_type("replicas: 2", "replicas: \"two\"", "spec.replicas must be a whole number")]
#[case::misspelt(
    "image: web:1",
    "imagee: web:2",
    "Kubernetes knows no field spec.template.spec.containers[name=web].imagee"
)]
#[case::half_a_replica("replicas: 2", "replicas: 2.5", "must be a whole number, this is 2.5")]
#[case::no_quantity("image: i,", "image: i, resources: {requests: {cpu: 100mm}},", "requests.cpu is no quantity")]
fn r6_what_no_kubernetes_takes_says_nothing_of_what_git_wants(
    #[case] from: &str,
    #[case] to: &str,
    #[case] told: &str,
) {
    let mut entries = world("}\n  scaling: {min_replicas: 1, max_replicas: 9}", &[]);
    let (path, manifest) = entries.iter_mut().find(|(path, _)| path == "deploy/web.yaml").unwrap();
    let path = path.clone();
    assert!(manifest.contains(from), "{manifest}");
    *manifest = manifest.replacen(from, to, 1);
    let observation = observed(Known::Known(None), |live| live["spec"]["replicas"] = 5.into());
    let plan = planned("delivery: direct", entries, &observation);
    let part = &plan.blueprints[0];
    assert_eq!(part.items, []);
    assert_eq!(part.not_proposed, []);
    let [unknown] = part.unknown.as_slice() else { panic!("{part:#?}") };
    assert!(unknown.uncompared && unknown.why.message.starts_with(&format!("{path}:")), "{unknown:?}");
    assert!(unknown.why.detail.as_ref().unwrap().raw().contains(told), "{unknown:?}");
}

/// Would miss: a port that bpctl adds beside the old one again and again, until the breaker opens.
#[rstest]
#[case::others_own_the_old_one("{port: 80}", json!([{"port": 81, "protocol": "TCP"}]), "kubectl-patch", Some("port 81, Git says 80"))]
#[case::of_one_name("{port: 80, name: a}", json!([{"port": 81, "protocol": "TCP", "name": "a"}]), "kubectl-patch", Some("port 81"))]
#[case::of_two_names("{port: 80, name: a}", json!([{"port": 81, "protocol": "TCP", "name": "b"}]), "kubectl-patch", None)]
#[case::bpctl_owns_the_old_one("{port: 80}", json!([{"port": 81, "protocol": "TCP"}]), "bpctl", None)]
#[case::a_controller_owns_it("{port: 80}", json!([{"port": 81, "protocol": "TCP"}]), "argocd-controller", Some("port 81"))]
#[case::another_target("{port: 80, targetPort: 8080}", json!([{"port": 80, "protocol": "TCP", "targetPort": 9}]), "kubectl-patch", None)]
fn b11_a_port_that_no_apply_brings_back_is_for_a_person(
    #[case] declared: &str,
    #[case] ports: Json,
    #[case] owner: &str,
    #[case] told: Option<&str>,
) {
    let key = json!({"port": ports[0]["port"], "protocol": "TCP"}).to_string();
    let operation = if owner == "bpctl" { "Apply" } else { "Update" };
    let mut service = live(80);
    service["spec"]["ports"] = ports;
    service["metadata"]["managedFields"] = json!([{"manager": owner, "operation": operation, "apiVersion": "v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:ports": {format!("k:{key}"): {".": {}, "f:port": {}}}}}}]);
    let mut observation = observed(Known::Known(Some(service)), |_| {});
    let keys = vec![("port".to_owned(), None), ("protocol".to_owned(), Some("TCP".to_owned()))];
    let types = TypeSchema { lists: [("spec.ports".into(), ListType::Map(keys))].into(), ..TypeSchema::default() };
    observation.add(FactKey::Schema("v1".into(), "Service".into()), "t", FactValue::Schema(Known::Known(types)));
    let (service, gitops) = (SERVICE.replace("{port: 80}", declared), "delivery: gitops");
    for delivery in ["delivery: direct", gitops] {
        let plan = plan_under(delivery, "}", &[&service], "", &observation);
        // Another manager's port is bpctl's apply's to leave, and that manager's own to move.
        let told = told.filter(|_| delivery != gitops || owner != "argocd-controller");
        let part = &plan.blueprints[0];
        assert_eq!(part.items.is_empty(), told.is_some(), "{part:#?}");
        let found: Vec<&str> = part.findings.iter().map(|reported| reported.message.raw()).collect();
        assert!(told.is_none_or(|told| found.len() == 1 && found[0].contains(told)), "{found:?}");
        assert_eq!(found.is_empty(), told.is_none(), "{found:?}");
    }
}

/// Would miss: "the controller brings it back" of what the API server takes from no controller.
#[rstest]
#[case::another_cluster_ip("v1", "Service", "{clusterIP: None}", json!({"clusterIP": "10.0.0.1"}), Some("Git changes spec.clusterIP"))]
#[case::a_cluster_ip_where_none_was("v1", "Service", "{clusterIP: 10.0.0.9}", json!({"type": "ExternalName"}), None)]
#[case::a_selector("apps/v1", "Deployment", "{selector: {matchLabels: {a: b}}}", json!({"selector": {"matchLabels": {"a": "c"}}}), Some("Git changes spec.selector.matchLabels.a"))]
#[case::a_stateful_sets_service("apps/v1", "StatefulSet", "{serviceName: b, replicas: 2}", json!({"serviceName": "a", "replicas": 1}), Some("Git changes spec.serviceName, which Kubernetes never changes in place: the API server refuses the object, whoever applies it; what else"))]
#[case::its_claims("apps/v1", "StatefulSet", "{volumeClaimTemplates: [{metadata: {name: b}}]}", json!({"volumeClaimTemplates": [{"metadata": {"name": "a"}}]}), Some("Git changes spec.volumeClaimTemplates"))]
#[case::its_replicas("apps/v1", "StatefulSet", "{replicas: 2}", json!({"replicas": 1}), None)]
fn x08_what_no_apply_can_change_is_for_a_person(
    #[case] api_version: &str,
    #[case] kind: &str,
    #[case] declared: &str,
    #[case] has: Json,
    #[case] told: Option<&str>,
    #[values("delivery: direct", "delivery: gitops")] delivery: &str,
) {
    let parts =
        ObjectParts { api_version: api_version.into(), kind: kind.into(), namespace: "shop".into(), name: "x".into() };
    let object = ObjectRef::from(parts);
    let mut observation = observed(Known::Known(None), |_| {});
    let body = json!({"metadata": {"name": "x", "namespace": "shop", "uid": "2"}, "spec": has});
    let live = LiveObject::from_json(api_version, kind, body);
    observation.add(FactKey::Autoscaler(object.clone()), "t", FactValue::Autoscaler(Known::Known(None)));
    observation.add(FactKey::Object(object), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema(api_version.into(), kind.into()), "t", types);
    let mut entries = world(", companions: [Service/x]}", &[&manifest(api_version, kind, declared)]);
    if kind != "Service" {
        entries[1].1 = blueprint("web", &format!("{kind}/x"), "}");
    }
    let plan = planned(delivery, entries, &observation);
    let part = &plan.blueprints[0];
    // bpctl's own delivery tries it, and tells what came of it.
    let told = told.filter(|_| delivery == "delivery: gitops");
    assert_eq!(part.items.len(), usize::from(told.is_none()), "{part:#?}");
    let found: Vec<&str> = part.findings.iter().map(|reported| reported.message.raw()).collect();
    assert_eq!(found.len(), usize::from(told.is_some()), "{found:?}");
    assert!(told.is_none_or(|told| found[0].contains(told)), "{found:?}");
    assert!(part.findings.iter().all(|reported| reported.needs_person && reported.code == "apply-refused"));
}

/// Would miss: a disruption budget that a controller is said to bring back, though the API server refuses it beside what somebody wrote.
#[rstest]
#[case::of_another("kubectl-patch", "Update", true)]
#[case::of_the_deliveries("argocd-controller", "Apply", false)]
fn x08_a_field_that_excludes_gits_own_is_named_with_who_keeps_it(
    #[case] manager: &str,
    #[case] operation: &str,
    #[case] refused: bool,
    #[values(false, true)] exact: bool,
) {
    let parts = ObjectParts {
        api_version: "policy/v1".into(),
        kind: "PodDisruptionBudget".into(),
        namespace: "shop".into(),
        name: "x".into(),
    };
    let object = ObjectRef::from(parts);
    let mut observation = observed(Known::Known(None), |_| {});
    let body = json!({"metadata": {"name": "x", "namespace": "shop", "uid": "2", "managedFields": [{"manager": manager,
        "operation": operation, "apiVersion": "policy/v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:maxUnavailable": {}}}}]},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    let live = LiveObject::from_json("policy/v1", "PodDisruptionBudget", body);
    observation.add(FactKey::Object(object.clone()), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema("policy/v1".into(), "PodDisruptionBudget".into()), "t", types);
    if exact && refused {
        let why = Known::unknown(UnknownCode::Refused, "minAvailable and maxUnavailable cannot be both set");
        observation.add(FactKey::DryRun(object), "t", FactValue::DryRun(why));
    }
    let budget = manifest("policy/v1", "PodDisruptionBudget", "{minAvailable: 1, selector: {matchLabels: {app: web}}}");
    let plan = plan_under("delivery: gitops", "}", &[&budget], "", &observation);
    let part = &plan.blueprints[0];
    let found: Vec<&Reported> = part.findings.iter().filter(|found| found.code == "apply-refused").collect();
    assert_eq!((found.len(), part.items.len()), (usize::from(refused), usize::from(!refused)), "{part:#?}");
    if let [found] = found.as_slice() {
        let message = found.message.raw();
        assert!(
            message
                .contains("Git declares spec.minAvailable, and the cluster has spec.maxUnavailable (by kubectl-patch)"),
            "{message}"
        );
        assert!(found.help[0].raw().contains("kubectl -n shop edit poddisruptionbudget/x"), "{found:?}");
    }
}

/// Under `gitops` what a dry run is refused for is for a person; bpctl's own delivery tries it, and tells what came of it.
#[rstest]
#[case::gitops(
    "delivery: gitops",
    true,
    "spec.ports[0].name: Required value",
    "the API server refuses what Git declares, whoever applies it: spec.ports[0].name: Required value"
)]
#[case::no_namespace(
    "delivery: gitops",
    true,
    "namespaces \"shop\" not found",
    "its namespace shop does not exist, and the API server takes it nowhere else"
)]
#[case::direct("delivery: direct", false, "spec.ports[0].name: Required value", "")]
fn x08_what_the_api_server_refuses_no_controller_brings(
    #[case] delivery: &str,
    #[case] person: bool,
    #[case] said: &str,
    #[case] told: &str,
) {
    let mut observation = observed(Known::Known(Some(live(81))), |_| {});
    let why = Known::unknown(UnknownCode::Refused, said);
    observation.add(FactKey::DryRun(service()), "t", FactValue::DryRun(why));
    let part = &plan_under(delivery, "}", &[SERVICE], "", &observation).blueprints[0];
    assert_eq!(part.items.is_empty(), person, "{part:#?}");
    let told = format!("Service/x: {told}");
    let found: Vec<&str> = part.findings.iter().map(|reported| reported.message.raw()).collect();
    assert_eq!(found, if person { vec![told.as_str()] } else { Vec::new() });
}

/// Would miss: an autoscaler that nobody wrote into Git, whose replicas bpctl sets back, and one that cannot be seen, taken for none.
#[rstest]
#[case::in_the_cluster_alone(Known::Known(Some(Untrusted::new("web-hpa"))))]
#[case::not_known(Known::unknown(UnknownCode::Forbidden, "no"))]
#[case::none(Known::Known(None))]
fn x08_replicas_are_left_to_an_autoscaler_that_is_in_the_cluster_alone(#[case] scaler: Known<Option<Untrusted>>) {
    let mut observation = observed(Known::Known(None), |live| {
        live["metadata"]["managedFields"] = json!([{"manager": "kubectl", "operation": "Update", "subresource": "scale",
            "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
        live["spec"]["replicas"] = 7.into();
        live["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
    });
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(scaler.clone()));
    let left = scaler != Known::Known(None);
    for rest in ["}", "}\n  scaling: {min_replicas: 1, max_replicas: 3}"] {
        let plan = plan_at(rest, &[], "", &observation);
        let part = &plan.blueprints[0];
        let [item] = part.items.as_slice() else { panic!("{part:#?}") };
        let Action::Reconcile(reconcile) = &item.action else { panic!("{item:#?}") };
        assert_eq!((reconcile.leave_replicas, reconcile.replicas()), (left, (!left).then_some(2)), "{rest}");
        let codes: Vec<&str> = part.findings.iter().map(|reported| reported.code.as_str()).collect();
        let named = matches!(scaler, Known::Known(Some(_)));
        assert_eq!(codes.contains(&"autoscaler-undeclared"), named, "{codes:?}");
        let owns = |why: &&WhyNot| why.because.starts_with("HorizontalPodAutoscaler/web-hpa");
        let scaled = usize::from(rest != "}");
        assert_eq!(part.not_proposed.iter().filter(owns).count(), if named { 1 + scaled } else { 0 }, "{part:#?}");
        let unseen = |unknown: &&UnknownFact| unknown.what == "whether an autoscaler owns its replicas";
        assert_eq!(part.unknown.iter().filter(unseen).count(), usize::from(left && !named), "{part:#?}");
    }
}

/// Would miss: "in the cluster alone" of an autoscaler that Git declares, for another workload or in another folder.
#[test]
fn x08_an_autoscaler_that_git_declares_otherwise_is_not_in_the_cluster_alone() {
    let told = "deploy/x0.yaml declares it for Deployment/webb: ";
    let mut observation = observed(Known::Known(None), |_| {});
    let scaler = Known::Known(Some(Untrusted::new("web-hpa")));
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(scaler));
    let declared = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web-hpa}\n\
         spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: webb}, maxReplicas: 3}\n";
    let plan = plan_at("}", &[declared], "", &observation);
    let found: Vec<&str> = plan.blueprints[0].findings.iter().map(|reported| reported.message.raw()).collect();
    assert!(found.iter().any(|message| message.contains(told)), "{found:?}");
}

/// Would miss: "delete it there" of an autoscaler that Git declares in a document with a slip in it.
#[test]
fn x08_an_autoscaler_in_a_document_that_cannot_be_read_is_not_in_the_cluster_alone() {
    let mut observation = observed(Known::Known(None), |_| {});
    let scaler = Known::Known(Some(Untrusted::new("web-hpa")));
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(scaler));
    let declared = "apiVersion: autoscaling/v2\nkindd: HorizontalPodAutoscaler\nmetadata: {name: web-hpa}\n\
         spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}\n";
    let plan = plan_at("}", &[declared], "", &observation);
    let found: Vec<&Reported> = plan.blueprints[0].findings.iter().collect();
    let [found] = found.as_slice() else { panic!("{found:#?}") };
    assert!(found.message.raw().contains("nothing that can be read below deploy declares it"), "{found:?}");
    assert!(found.help[0].raw().starts_with("correct deploy/x0.yaml:1:"), "{found:?}");
}

/// Would miss: a controller's work on a network policy told as forbidden, so that at night somebody does it by hand; and bpctl doing it.
#[rstest]
#[case("delivery: gitops", Tier::Allowed)]
#[case("delivery: direct", Tier::Forbidden)]
fn b09_a_network_policy_is_brought_back_by_the_controller_alone(#[case] delivery: &str, #[case] wanted: Tier) {
    let parts = ObjectParts {
        api_version: "networking.k8s.io/v1".into(),
        kind: "NetworkPolicy".into(),
        namespace: "shop".into(),
        name: "x".into(),
    };
    let object = ObjectRef::from(parts);
    let mut observation = observed(Known::Known(None), |_| {});
    let body = json!({"metadata": {"name": "x", "namespace": "shop", "uid": "2"}, "spec": {"podSelector": {"matchLabels": {"app": "x"}}}});
    let live = LiveObject::from_json("networking.k8s.io/v1", "NetworkPolicy", body);
    observation.add(FactKey::Object(object), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema("networking.k8s.io/v1".into(), "NetworkPolicy".into()), "t", types);
    let policy = manifest("networking.k8s.io/v1", "NetworkPolicy", "{podSelector: {matchLabels: {app: web}}}");
    let plan = plan_under(delivery, ", companions: [NetworkPolicy/x]}", &[&policy], "", &observation);
    let items = &plan.blueprints[0].items;
    assert_eq!(items.len(), 1, "{:#?}", plan.blueprints[0]);
    assert_eq!(items[0].verdict.tier, wanted, "{:#?}", items[0].verdict);
}

/// Would miss: "checked" said of what the account has no right to ask.
#[rstest]
#[case::none(&[UnknownCode::Forbidden, UnknownCode::Forbidden], " · not checked with the server's dry run: no right to patch 2 of 2 (templates/rbac/exact.yaml gives it)")]
#[case::some(&[UnknownCode::Forbidden, UnknownCode::Unreachable], " · checked in part with the server's dry run: no right to patch 1 of 2 (")]
#[case::all(&[UnknownCode::Unreachable, UnknownCode::Unreachable], " · checked with the server's dry run · ")]
fn x08_the_first_line_says_what_was_checked_with_a_dry_run(#[case] why: &[UnknownCode], #[case] told: &str) {
    let mut observation = observed(Known::Known(Some(live(81))), |live| live["spec"]["replicas"] = 7.into());
    for (object, code) in [web(), service()].into_iter().zip(why) {
        observation.add(FactKey::DryRun(object), "t", FactValue::DryRun(Known::unknown(*code, "no")));
    }
    let mut plan = plan_at("}", &[SERVICE], "", &observation);
    plan.exact = true;
    let text = render::text::plan(&plan, None);
    let first = text.lines().next().unwrap_or_default();
    assert!(first.contains(told), "{text}");
}

/// R6: whichever file name comes first, or both in one file.
#[rstest]
#[case::before("deploy/a.yaml", "deploy/a.yaml and deploy/web.yaml both declare it")]
#[case::after("deploy/z.yaml", "deploy/web.yaml and deploy/z.yaml both declare it")]
#[case::beside("deploy/web.yaml", "deploy/web.yaml declares it twice")]
fn r6_a_workload_that_two_manifests_declare_is_not_compared(#[case] path: &str, #[case] told: &str) {
    let mut entries = world("}", &[SERVICE]);
    if path == "deploy/web.yaml" {
        entries[2].1 = format!("{WEB}---\n{WEB}");
    } else {
        entries.push((path.into(), WEB.replace("replicas: 2", "replicas: 5")));
    }
    let files = read(&entries);
    let desired = Proposed::from_head(None, catalog(&files));
    let observation = observed(Known::Known(None), |live| live["spec"]["replicas"] = 3.into());
    let environment = name("staging");
    let input =
        PlanInput { rules: &trusted(&files), desired: &desired, environment: &environment, observation: &observation };
    let plan = build(&input);
    let part = &plan.blueprints[0];
    assert_eq!(part.items, []);
    let [unknown] = part.unknown.as_slice() else { panic!("{part:#?}") };
    assert_eq!((unknown.what.as_str(), unknown.why.message.as_str(), unknown.uncompared), ("the manifest", told, true));
}

/// Would miss: a workload or a Service that somebody deleted and a finalizer holds, told to be as Git declares, or to be brought back.
#[rstest]
#[case::held(json!(["x.io/hold"]), "is being deleted since 2026-11-21T11:00:00Z, and its finalizer x.io/hold holds it: ")]
#[case::two(json!(["a", "b"]), "is being deleted since 2026-11-21T11:00:00Z, and its finalizers a, b hold it: ")]
#[case::none(Json::Null, "is being deleted since 2026-11-21T11:00:00Z: ")]
fn x08_what_is_being_deleted_is_for_a_person(#[case] finalizers: Json, #[case] told: &str) {
    let goes = |body: &mut Json| {
        body["metadata"]["deletionTimestamp"] = "2026-11-21T11:00:00Z".into();
        body["metadata"]["finalizers"] = finalizers.clone();
    };
    let mut service = live(81);
    goes(&mut service);
    let of_service = plan("", Known::Known(Some(service)));
    let of_workload = plan_at(
        "}",
        &[SERVICE],
        "",
        &observed(Known::Known(Some(live(80))), |deployment| {
            deployment["spec"]["replicas"] = 7.into();
            goes(deployment);
        }),
    );
    for (plan, object) in [(of_service, "Service/x"), (of_workload, "Deployment/web")] {
        let part = &plan.blueprints[0];
        assert_eq!(part.items, [], "{object}");
        let [reported] = part.findings.as_slice() else { panic!("{part:#?}") };
        assert_eq!((reported.code.as_str(), reported.severity), ("being-deleted", Severity::Error));
        assert!(
            reported.needs_person && reported.message.raw().starts_with(&format!("{object} {told}")),
            "{reported:#?}"
        );
    }
}

/// Would miss: the network of the node for a pod, said in no output because three harmless fields stand before it.
#[test]
fn x10_what_the_cluster_has_beside_git_is_kept_whole_and_begins_with_rights() {
    let observation = observed(Known::Known(Some(live(80))), |live| {
        for field in ["minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit"] {
            live["spec"][field] = 5.into();
        }
        live["spec"]["template"]["spec"]["hostNetwork"] = true.into();
        live["metadata"]["managedFields"] = json!([{"manager": "kubectl-patch", "operation": "Update", "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:minReadySeconds": {}, "f:progressDeadlineSeconds": {},
            "f:revisionHistoryLimit": {}, "f:template": {"f:spec": {"f:hostNetwork": {}}}}}}]);
    });
    let plan = plan_at("}", &[SERVICE], "", &observation);
    let [why] = plan.blueprints[0].not_proposed.as_slice() else { panic!("{plan:#?}") };
    let told = "keeps it: spec.template.spec.hostNetwork (by kubectl-patch), spec.minReadySeconds (by kubectl-patch), ";
    assert!(why.because.contains(told) && why.because.ends_with(" and 1 more"), "{}", why.because);
    assert_eq!(why.fields.len(), 4);
}

/// Would miss: the eleventh workload that fails, behind the advice about the first ten.
#[test]
fn x10_what_is_found_is_told_before_what_explains_it() {
    let mut plan = plan("", Known::Known(Some(live(80))));
    let reported = |number: usize, severity| Reported {
        code: "pods-failed".into(),
        severity,
        needs_person: true,
        object: None,
        message: Untrusted::new(format!("pod {number}")),
        help: ["look", "mend"].map(Untrusted::new).into(),
        events: Vec::new(),
    };
    let of = |count| (0..count).map(|number| reported(number, Severity::Error)).collect::<Vec<_>>();
    for (errors, helps) in [(5, 12), (12, 8), (25, 0)] {
        plan.blueprints[0].findings = of(errors);
        plan.blueprints[0].findings.insert(0, reported(99, Severity::Info));
        let text = render::text::plan(&plan, None);
        let told = (0..errors).all(|number| text.contains(&format!("error pods-failed, for a person: pod {number}\n")));
        assert!(told, "{text}");
        let lines = ["look", "mend"].map(|help| text.matches(&format!("  web    {help}\n")).count());
        assert_eq!(lines.iter().sum::<usize>(), helps, "{text}");
        // What is cut: the other details, and the note with its own, where there is no room.
        let cut = (2 * errors + 3).saturating_sub(20_usize.saturating_sub(errors));
        let told = format!("… and {cut} more lines (-o json has all)");
        assert_eq!(text.contains(&told), cut > 0, "{text}");
    }
}
