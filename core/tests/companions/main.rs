//! Which objects belong to a workload, and what is decided and judged of them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod beside;
mod left;
#[path = "../small_world/mod.rs"]
mod small_world;
mod values;

use bpctl_core::action::Action;
use bpctl_core::blueprint::lint::version_bumps;
use bpctl_core::blueprint::{Catalog, Tier};
use bpctl_core::decide::{Finding, Reported, UnknownFact, WhyNot, decide};
use bpctl_core::execute::Effect;
use bpctl_core::govern::{Hold, permit_apply};
use bpctl_core::model::{Name, ObjectParts, ObjectRef, Proposed, Severity, Timestamp, Untrusted};
use bpctl_core::observe::{
    FactKey, FactValue, Known, ListType, LiveObject, Observation, ObservedFrom, OpenAdoption, Recorder, TypeSchema,
    Unknown, UnknownCode,
};
use bpctl_core::plan::{BlueprintPlan, Plan, PlanInput, build};
use bpctl_core::render;
use rstest::rstest;
use serde_json::{Value as Json, json};
use small_world::{WORKSPACE, catalog, files, trusted, web};

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
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

/// Would miss: a selector, whatever it says, makes bpctl look away from the Service that it cuts off; what selects others' pods is taken for it.
#[rstest]
#[case("{selector: {app: wbe}}", "", &["Service/x"])]
#[case("{selector: {app: web, tier: back}}", "", &["Service/x"])]
#[case("{selector: {app: other}}", "", &[])]
#[case("{selector: {app: web, role: primary}}", "", &["Service/x"])]
#[case("{ports: [{port: 80}]}", "", &["Service/x"])]
#[case("{selector: {app: \"${NAME}\"}}", "", &[])]
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

/// What is not known, but for the pods: no observation here has any.
fn unseen(part: &BlueprintPlan) -> Vec<&UnknownFact> {
    part.unknown.iter().filter(|unknown| unknown.what != "whether its pods run").collect()
}

/// R6
#[test]
fn r6_a_companion_that_cannot_be_seen_is_unknown_and_nothing_else_is() {
    let plan = plan("", Known::unknown(UnknownCode::Forbidden, "no"));
    let part = &plan.blueprints[0];
    assert_eq!(part.items, []);
    assert_eq!(unseen(part).iter().map(|unknown| unknown.what.as_str()).collect::<Vec<_>>(), ["Service/x"]);
    // Nobody saw its pods, and its blueprint asks for nothing that needs them: that is told all the same.
    assert!(part.unknown.iter().any(|unknown| unknown.what == "whether its pods run"), "{part:#?}");
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

/// X8, Would miss: somebody who is asked at night why they took a probe away that nobody ever had: it is new in this branch.
#[rstest]
#[case::new_in_the_branch("", None)]
#[case::taken_away("          readinessProbe: {tcpSocket: {port: 80}}\n", Some("kubectl-patch"))]
fn x08_a_field_that_base_never_had_was_taken_away_by_nobody(#[case] base: &str, #[case] by: Option<&str>) {
    let observation = observed(Known::Known(None), |live| {
        let entry = |manager: &str, operation: &str, hour: u8| {
            json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": format!("2026-11-21T{hour}:00:00Z"),
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"web\"}": {"f:image": {}}}}}}}})
        };
        live["metadata"]["managedFields"] =
            json!([entry("kustomize-controller", "Apply", 10), entry("kubectl-patch", "Update", 11)]);
    });
    let mut observation = observation;
    let lists = [("spec.template.spec.containers".to_owned(), ListType::Map(vec![("name".to_owned(), None)]))];
    let types = TypeSchema { lists: lists.into(), ..TypeSchema::default() };
    let key = FactKey::Schema("apps/v1".into(), "Deployment".into());
    observation.add(key, "t", FactValue::Schema(Known::Known(types)));
    let with = |probe: &str| {
        let mut entries = world("}", &[]);
        entries[2].1.push_str(probe);
        read(&entries)
    };
    let desired = with("          readinessProbe: {tcpSocket: {port: 80}}\n");
    let (rules, desired) = (trusted(&with(base)), Proposed::from_head(None, catalog(&desired)));
    let plan = build(&PlanInput {
        rules: &rules,
        desired: &desired,
        environment: &name("staging"),
        observation: &observation,
    });
    let [item] = plan.blueprints[0].items.as_slice() else { panic!("{plan:#?}") };
    let Finding::Drift(drift) = &item.finding else { panic!("{item:#?}") };
    assert!(drift.fields[0].path.has_key("readinessProbe"), "{drift:#?}");
    assert_eq!(drift.fields[0].by.as_ref().map(|by| by.manager.raw()), by, "{drift:#?}");
}

/// R6, Would miss: a workload that is not compared, for a number that the API server takes with no more than a warning.
#[rstest]
#[case::a_grace_period("Deployment", "      terminationGracePeriodSeconds: -5\n", true)]
#[case::all_revisions_of_a_stateful_set("StatefulSet", "  revisionHistoryLimit: -1\n", true)]
#[case::no_grace_period("Deployment", "      terminationGracePeriodSeconds: soon\n", false)]
#[case::revisions_of_a_deployment("Deployment", "  revisionHistoryLimit: -1\n", false)]
#[case::ready_before_it_is("StatefulSet", "  minReadySeconds: -1\n", false)]
fn r6_numbers_that_are_only_warned_of_are_compared(#[case] kind: &str, #[case] line: &str, #[case] taken: bool) {
    let mut entries = world("}", &[]);
    let below = if line.starts_with("      ") { "    spec:\n" } else { "spec:\n" };
    entries[1].1 = entries[1].1.replace("Deployment/web", &format!("{kind}/web"));
    entries[2].1 = entries[2].1.replace("Deployment", kind).replacen(below, &format!("{below}{line}"), 1);
    let part = planned("delivery: direct", entries, &observed(Known::Known(None), |_| {})).blueprints.remove(0);
    let invalid = |unknown: &&UnknownFact| unknown.why.message.contains("(manifest-invalid)");
    assert_eq!(part.unknown.iter().filter(invalid).count(), usize::from(!taken), "{part:#?}");
}

/// X8, R6. Would miss: a budget or an autoscaler of Git that no cluster takes any more, passed over as if Git declared none.
#[rstest]
#[case::budget("policy/v1beta1", "PodDisruptionBudget", "{maxUnavailable: 1, selector: {matchLabels: {app: web}}}")]
#[case::autoscaler("autoscaling/v2beta1", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: web}}")]
#[case::newer("autoscaling/v2beta2", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: web}}")]
fn x08_a_companion_of_a_version_that_is_served_no_more_is_unknown(
    #[case] api_version: &str,
    #[case] kind: &str,
    #[case] spec: &str,
) {
    let plan = plan_of("}", &[&manifest(api_version, kind, spec)], "", Known::Known(None));
    let unknown = unseen(&plan.blueprints[0]);
    let told: Vec<(&str, bool)> =
        unknown.iter().map(|one| (one.what.as_str(), one.why.message.contains("(manifest-invalid)"))).collect();
    assert_eq!(told, [(format!("{kind}/x").as_str(), true)], "{unknown:#?}");
}
