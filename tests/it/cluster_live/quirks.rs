//! What an API server makes of values on their way in, case by case, delivered in both ways: right after a delivery nothing differs, and an
//! edit beside the quirk is found, as it is and no more.

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::workspace::{WAYS, bpctl, drift, parts, workspace};
use crate::support::{Namespace, Repo, kubectl, lab, wait_for};

pub const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      volumes: [{name: config, configMap: {name: x}}]
      containers:
        - name: web
          image: registry.example.org/web:1
          env:
            - {name: A, value: \"1\"}
            - {name: B, value: \"2\"}
            - {name: C}
          ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}]
          resources: {requests: {cpu: 0.1, memory: 1024Ki}, limits: {cpu: \"1\", memory: 0.5Gi}}
";

/// A repository of the Deployment and one object beside it, which the blueprint names.
pub fn repository(namespace: &Namespace, object: &str, named: &str) -> Repo {
    let repo = Repo::empty();
    repo.write("bpctl.yaml", &workspace());
    repo.write("deploy/web.yaml", &format!("{WEB}---\n{object}"));
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: \
         {{workload: Deployment/web, namespace: {}, source: deploy{named}}}\n",
        namespace.name
    );
    repo.write("blueprints/web.yaml", &blueprint);
    repo.commit(&[], "start");
    repo
}

pub fn deliver(namespace: &Namespace, way: &[&str], manifests: &str) {
    let mut arguments = way.to_vec();
    arguments.extend(["-f", "-"]);
    namespace.kubectl(&arguments, Some(manifests));
    // `managedFields` have seconds: an edit is later than the delivery.
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

fn part(repo: &Repo) -> Json {
    let plan = bpctl(repo, None).run(&["plan", "-o", "json"]).exits(0).json();
    parts(&plan).next().expect("a part").1.clone()
}

/// Path and author of each difference.
fn found(repo: &Repo) -> Vec<(String, String)> {
    let part = part(repo);
    assert_eq!(part["unknown"], json!([]), "{part:#}");
    drift(&part).into_iter().map(|drift| (drift.path, drift.by.unwrap_or_else(|| "nobody".into()))).collect()
}

fn owned(path: &str, by: &str) -> (String, String) {
    (path.to_owned(), by.to_owned())
}

const SPEC: &str = "metadata: {name: x}\nspec: {";

#[rstest]
#[case::hpa_with_a_metric_given_twice(
    "HorizontalPodAutoscaler",
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nSPECscaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}, {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}",
    r#"[{"op":"replace","path":"/spec/metrics/1/resource/target/averageUtilization","value":60}]"#,
    "spec.metrics[1].resource.target.averageUtilization"
)]
#[case::hpa_in_its_first_version(
    "HorizontalPodAutoscaler",
    "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nSPECscaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}, minReplicas: 1, maxReplicas: 3, targetCPUUtilizationPercentage: 50}",
    r#"[{"op":"replace","path":"/spec/maxReplicas","value":5}]"#,
    "spec.maxReplicas"
)]
#[case::hpa_quantities(
    "HorizontalPodAutoscaler",
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nSPECscaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}, maxReplicas: 3, metrics: [{type: Pods, pods: {metric: {name: requests, selector: {matchLabels: {}}}, target: {type: AverageValue, averageValue: 1000m}}}, {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 0.5Gi}}}], behavior: {scaleDown: {policies: [{type: Percent, value: 10, periodSeconds: 60}], tolerance: \"0.10\"}}}",
    r#"[{"op":"replace","path":"/spec/metrics/0/pods/target/averageValue","value":"1001m"}]"#,
    "spec.metrics[0].pods.target.averageValue"
)]
#[case::service_ports_without_a_protocol(
    "Service",
    "apiVersion: v1\nkind: Service\nSPECselector: {app: web}, ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP, targetPort: 81}, {name: c, port: 82, targetPort: 82}]}",
    r#"[{"op":"replace","path":"/spec/ports/1/targetPort","value":99}]"#,
    "spec.ports[port=80,protocol=UDP].targetPort"
)]
#[case::service_addresses_and_node_ports_that_are_filled_in(
    "Service",
    "apiVersion: v1\nkind: Service\nSPECselector: {app: web}, type: NodePort, clusterIP: \"\", externalIPs: [], sessionAffinity: None, ports: [{name: a, port: 80, nodePort: 0, targetPort: 0x50}, {name: b, port: 81}]}",
    r#"[{"op":"replace","path":"/spec/type","value":"ClusterIP"}]"#,
    "spec.type"
)]
#[case::service_without_an_address(
    "Service",
    "apiVersion: v1\nkind: Service\nSPECselector: {app: web}, clusterIP: None, publishNotReadyAddresses: false, ports: [{port: 80}]}",
    r#"[{"op":"replace","path":"/spec/publishNotReadyAddresses","value":true}]"#,
    "spec.publishNotReadyAddresses"
)]
#[case::budget_as_a_number(
    "PodDisruptionBudget",
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nSPECselector: {matchLabels: {app: web}}, maxUnavailable: 1}",
    r#"[{"op":"replace","path":"/spec/maxUnavailable","value":"1%"}]"#,
    "spec.maxUnavailable"
)]
#[case::budget_as_a_percentage_for_all_pods(
    "PodDisruptionBudget",
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nSPECselector: {}, minAvailable: 50%}",
    r#"[{"op":"replace","path":"/spec/minAvailable","value":"51%"}]"#,
    "spec.minAvailable"
)]
#[case::config_map_bytes_and_empty_text(
    "ConfigMap",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {}, labels: {empty: \"\"}}\nimmutable: false\ndata:\n  EMPTY: \"\"\n  NUMBER: \"8080\"\n  ANSWER: \"yes\"\n  A.b_c: |-\n    lines\n    of text\nbinaryData:\n  short: AQIDBA==\n  wrapped: |\n    AQIDBAUG\n    BwgJCgsM\n",
    r#"[{"op":"replace","path":"/data/NUMBER","value":"8081"}]"#,
    "data.NUMBER"
)]
#[case::job_whose_controller_labels_it(
    "Job",
    "apiVersion: batch/v1\nkind: Job\nSPECbackoffLimit: 2, template: {metadata: {labels: {app: migrate}}, spec: {restartPolicy: Never, containers: [{name: a, image: \"registry.example.org/a:1\"}]}}}",
    r#"[{"op":"replace","path":"/spec/backoffLimit","value":3}]"#,
    "spec.backoffLimit"
)]
#[case::cron_job_with_spelled_out_defaults(
    "CronJob",
    "apiVersion: batch/v1\nkind: CronJob\nSPECschedule: \"0 3 * * *\", suspend: false, concurrencyPolicy: Allow, jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: a, image: \"registry.example.org/a:1\", env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], resources: {limits: {memory: 1024Ki}}}]}}}}}",
    r#"[{"op":"replace","path":"/spec/suspend","value":true}]"#,
    "spec.suspend"
)]
#[case::ingress_lists_without_keys(
    "Ingress",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nSPECdefaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.org], secretName: tls}], rules: [{host: a.example.org, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}}]}",
    r#"[{"op":"replace","path":"/spec/rules/0/http/paths/0/path","value":"/x"}]"#,
    "spec.rules[0].http.paths[0].path"
)]
#[case::network_policy_that_says_something_by_being_empty(
    "NetworkPolicy",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nSPECpodSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}, {port: 81, endPort: 90}]}]}",
    r#"[{"op":"replace","path":"/spec/ingress/0/ports/1/endPort","value":91}]"#,
    "spec.ingress[0].ports[1].endPort"
)]
#[case::service_account_with_sets(
    "ServiceAccount",
    "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x}\nautomountServiceAccountToken: false\nimagePullSecrets: [{name: a}, {name: b}]\n",
    r#"[{"op":"replace","path":"/automountServiceAccountToken","value":true}]"#,
    "automountServiceAccountToken"
)]
fn quirk(#[case] kind: &str, #[case] object: &str, #[case] edit: &str, #[case] path: &str) {
    let object = format!("{}\n", object.replace("SPEC", SPEC));
    let namespace = Namespace::new("quirk");
    let named = format!(", companions: [{kind}/x]");
    let repo = repository(&namespace, &object, &named);
    let reference = format!("{kind}/x");
    for way in WAYS {
        deliver(&namespace, way, &format!("{WEB}---\n{object}"));
        assert_eq!(found(&repo), [], "{way:?}: nothing was changed");
        namespace.kubectl(&["patch", &reference, "--field-manager=kubectl-edit", "--type=json", "-p", edit], None);
        assert_eq!(found(&repo), [owned(path, "kubectl-edit")], "{way:?}");
        namespace.kubectl(&["delete", &reference, "deployment/web"], None);
    }
}

/// Nothing is made up of an order that means nothing, and a changed value is found wherever it stands now.
#[test]
fn quirk_env_keyed_by_name() {
    let namespace = Namespace::new("env");
    let repo = repository(&namespace, "", "");
    deliver(&namespace, WAYS[1], WEB);
    let variables = |b: &str| {
        format!(
            r#"[{{"op":"replace","path":"/spec/template/spec/containers/0/env","value":[{{"name":"C"}},{{"name":"B","value":"{b}"}},{{"name":"A","value":"1"}}]}}]"#
        )
    };
    let edit = |patch: &str| {
        namespace
            .kubectl(&["patch", "deployment/web", "--field-manager=kubectl-edit", "--type=json", "-p", patch], None)
    };
    edit(&variables("2"));
    assert_eq!(found(&repo), []);
    edit(&variables("3"));
    assert_eq!(found(&repo), [owned("spec.template.spec.containers[name=web].env[name=B].value", "kubectl-edit")]);
}

/// An editor in a terminal, a scale by hand, and a second manager that applies.
#[test]
fn other_peoples_ways_to_write_are_told_apart() {
    let namespace = Namespace::new("ways");
    let text = WEB.replace("spec:\n  selector", "spec:\n  replicas: 2\n  selector");
    let repo = repository(&namespace, "", "");
    repo.commit(&[("deploy/web.yaml", &text)], "two");
    deliver(&namespace, WAYS[1], &text);
    let edited = std::process::Command::new("kubectl")
        .args(["edit", "deployment/web", "-n", &namespace.name])
        .env("KUBECONFIG", lab("KUBECONFIG"))
        .env("KUBE_EDITOR", "sed -i s/web:1/web:2/")
        .output()
        .expect("kubectl starts");
    assert!(edited.status.success(), "{}", String::from_utf8_lossy(&edited.stderr));
    namespace.kubectl(&["scale", "deployment/web", "--replicas=4"], None);
    let other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {theirs: \"1\"}}\nspec: {template: {spec: {containers: [{name: web, env: [{name: A, value: \"9\"}]}]}}}\n";
    namespace
        .kubectl(&["apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-"], Some(other));
    let web = "spec.template.spec.containers[name=web]";
    let expected = [
        owned("spec.replicas", "kubectl"),
        owned(&format!("{web}.image"), "kubectl-edit"),
        owned(&format!("{web}.env[name=A].value"), "other"),
    ];
    assert_eq!(found(&repo), expected);
}

/// An autoscaler's status is nothing of Git's, and what it writes through the scale subresource is not drift but its own.
#[test]
fn an_autoscalers_own_writes_are_not_drift() {
    let namespace = Namespace::new("scaler");
    let scaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  maxReplicas: 4\n";
    let replicas = WEB.replace("spec:\n  selector", "spec:\n  replicas: 1\n  selector");
    let repo = repository(&namespace, scaler, "");
    deliver(&namespace, WAYS[0], &format!("{replicas}---\n{scaler}"));
    wait_for("the autoscaler's status", 60, || namespace.get("hpa web").pointer("/status/conditions").map(|_| ()));
    let scale = |replicas: u32, subresource: &str| {
        let patch = format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#);
        let arguments =
            ["patch", "deployment/web", subresource, "--field-manager=kube-controller-manager", "-p", &patch];
        namespace.kubectl(&arguments, None);
    };
    scale(3, "--subresource=scale");
    // The manifest leaves the replicas out, as it should.
    assert_eq!(found(&repo), []);
    // It declares them: the autoscaler's number is still none of bpctl's business, and the plan says what to do.
    repo.commit(&[("deploy/web.yaml", &format!("{replicas}---\n{scaler}"))], "two owners");
    let part = part(&repo);
    assert_eq!(part["items"], json!([]));
    let told = part["notProposed"][0]["because"].as_str().unwrap();
    assert!(told.starts_with("HorizontalPodAutoscaler/web (deploy/web.yaml) owns spec.replicas"), "{told}");
    // What else differs is found and brought back, and the autoscaler's number stays.
    let image =
        r#"[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"registry.example.org/other:6"}]"#;
    namespace.kubectl(&["patch", "deployment/web", "--type=json", "--field-manager=somebody", "-p", image], None);
    let container = namespace.get("deployment web").pointer("/spec/template/spec/containers/0/name").cloned().unwrap();
    let path = format!("spec.template.spec.containers[name={}].image", container.as_str().unwrap());
    assert_eq!(found(&repo), [owned(&path, "somebody")]);
    bpctl(&repo, None).run(&["apply", "--wait", "0s"]).exits(0);
    assert_eq!(found(&repo), []);
    assert_eq!(namespace.get("deployment web")["spec"]["replicas"], 3);
    // A number written by hand is the autoscaler's to correct: its owner says which number it is, not who wrote last.
    namespace.kubectl(&["scale", "deployment/web", "--replicas=2"], None);
    assert_eq!(found(&repo), []);
}

/// A policy of the cluster that changes what is stored.
#[test]
fn what_a_mutating_policy_changes_is_drift_where_git_says_otherwise_and_nothing_where_it_adds() {
    let namespace = Namespace::new("mutated");
    let _policy = Mutation::on(&namespace);
    let repo = repository(&namespace, "", "");
    wait_for("the policy", 60, || {
        deliver(&namespace, WAYS[1], WEB);
        let live = namespace.get("deployment web");
        let image = live.pointer("/spec/template/spec/containers/0/image").and_then(Json::as_str)?.to_owned();
        namespace.kubectl(&["annotate", "deployment/web", "--overwrite", &format!("tried={}", image.len())], None);
        image.starts_with("mirror").then_some(())
    });
    let live = namespace.get("deployment web");
    assert_eq!(live.pointer("/metadata/labels/injected"), Some(&json!("yes")));
    let paths: Vec<String> = found(&repo).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["spec.template.spec.containers[name=web].image"]);
}

/// A `MutatingAdmissionPolicy` for one namespace: images come from a mirror, and a label is put on.
pub struct Mutation(String);

impl Mutation {
    pub fn on(namespace: &Namespace) -> Self {
        let name = format!("bpctl-{}", namespace.name);
        let policy = format!(
            r#"apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}}]
  matchConditions: [{{name: here, expression: "object.metadata.namespace == '{ns}'"}}]
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: 'Object{{metadata: Object.metadata{{labels: {{"injected": "yes"}}}}, spec: Object.spec{{template: Object.spec.template{{spec: Object.spec.template.spec{{containers: [Object.spec.template.spec.containers{{name: "web", image: "mirror.example.org/web:1"}}]}}}}}}}}'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec: {{policyName: {name}}}
"#,
            ns = namespace.name
        );
        kubectl(&["apply", "-f", "-"], Some(&policy));
        Self(name)
    }
}

impl Drop for Mutation {
    fn drop(&mut self) {
        for kind in ["mutatingadmissionpolicybinding", "mutatingadmissionpolicy"] {
            let arguments = ["delete", kind, self.0.as_str(), "--wait=false"];
            let _ = std::process::Command::new("kubectl").args(arguments).env("KUBECONFIG", lab("KUBECONFIG")).output();
        }
    }
}
