//! What lint says of values that no version of Kubernetes takes.

use bpctl_core::blueprint::lint::{Surroundings, lint};

use super::*;

/// All that `manifest-invalid` says of a Deployment and of one manifest beside it.
fn told(web: &str, beside: &str) -> Vec<String> {
    let mut entries = world("}", if beside.is_empty() { vec![] } else { vec![beside] }.as_slice());
    web.clone_into(&mut entries[2].1);
    let found = lint(&catalog(&read(&entries)), &Surroundings::at("2026-01-31T12:00:00Z".parse().unwrap())).found;
    let mine = found.into_iter().filter(|found| found.code == "manifest-invalid");
    let line = |found: bpctl_core::model::Diagnostic| {
        let at = &found.labels[0].span;
        format!("{}:{} {} | {}", at.file, at.line, found.message, found.help.unwrap_or_default())
    };
    mine.map(line).collect()
}

/// The Deployment with something more in its `spec`, in its pods and in its container.
fn deployment(spec: &str, pod: &str, container: &str) -> String {
    let add = |text: String, before: &str, what: &str, indent: &str| {
        if what.is_empty() { text } else { text.replacen(before, &format!("{indent}{what}\n{before}"), 1) }
    };
    let text = add(WEB.to_owned(), "  replicas: 2\n", spec, "  ");
    let text = add(text, "      imagePullSecrets:", pod, "      ");
    add(text, "          image: web:1\n", container, "          ")
}

/// R6, Would miss: "no problems", and "allowed … for the controller", of a change whose whole sync the API server refuses at the merge. Tried on a server,
/// each alone: refused.
#[rstest]
#[case::strategy(
    "strategy: {type: rollingUpdate}",
    "",
    "",
    "spec.strategy.type is none of RollingUpdate, Recreate: `rollingUpdate` | did you mean `RollingUpdate`?"
)]
#[case::surge(
    "strategy: {rollingUpdate: {maxSurge: '25'}}",
    "",
    "",
    "maxSurge must be a whole number or a share, this is `25` | write 25 without quotes, or 25%"
)]
#[case::share(
    "strategy: {rollingUpdate: {maxUnavailable: 150%}}",
    "",
    "",
    "maxUnavailable can not be above 100%, this is `150%`"
)]
#[case::no_share(
    "strategy: {rollingUpdate: {maxUnavailable: a%}}",
    "",
    "",
    "maxUnavailable must be a whole number or a share, this is `a%`"
)]
#[case::no_deadline(
    "progressDeadlineSeconds: 0",
    "",
    "",
    "spec.progressDeadlineSeconds is 0, and must be more than minReadySeconds (0)"
)]
#[case::after_the_deadline(
    "minReadySeconds: 700",
    "",
    "",
    "spec.progressDeadlineSeconds is 600, and must be more than minReadySeconds (700) | write progressDeadlineSeconds: 701"
)]
#[case::another_kinds(
    "updateStrategy: {type: RollingUpdate}",
    "",
    "",
    "knows no field spec.updateStrategy of a Deployment | did you mean `strategy`?"
)]
#[case::restart(
    "",
    "restartPolicy: always",
    "",
    "restartPolicy is none of Always, OnFailure, Never: `always` | did you mean `Always`?"
)]
#[case::dns("", "dnsPolicy: clusterFirst", "", "did you mean `ClusterFirst`?")]
#[case::toleration(
    "",
    "tolerations: [{key: a, operator: Equals, value: b}]",
    "",
    "tolerations[0].operator is none of Exists, Equal, Lt, Gt: `Equals` | did you mean `Equal`?"
)]
#[case::effect("", "tolerations: [{operator: Exists, effect: noSchedule}]", "", "did you mean `NoSchedule`?")]
#[case::spread(
    "",
    "topologySpreadConstraints: [{maxSkew: 0, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]",
    "",
    "maxSkew is 0, and can not be less than 1 | write 1 or more"
)]
#[case::spread_never(
    "",
    "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: Never}]",
    "",
    "whenUnsatisfiable is none of DoNotSchedule, ScheduleAnyway: `Never`"
)]
#[case::probe("", "", "livenessProbe: {httpGet: {path: /}}", "livenessProbe.httpGet has no port")]
#[case::scheme("", "", "livenessProbe: {httpGet: {port: 80, scheme: https}}", "did you mean `HTTPS`?")]
#[case::protocol(
    "",
    "",
    "ports: [{containerPort: 80, protocol: tcp}]",
    "protocol is none of TCP, UDP, SCTP: `tcp` | did you mean `TCP`?"
)]
#[case::privileged(
    "",
    "",
    "securityContext: {privileged: true, allowPrivilegeEscalation: false}",
    "securityContext has privileged: true and allowPrivilegeEscalation: false, which no version of Kubernetes takes"
)]
#[case::no_key("", "", "envFrom: [{secretRef: {}}]", "envFrom[0].secretRef has no name")]
fn r6_a_workload_that_no_version_takes_is_told(
    #[case] spec: &str,
    #[case] pod: &str,
    #[case] container: &str,
    #[case] wanted: &str,
) {
    let text = deployment(spec, pod, container);
    let added = [spec, pod, container].into_iter().find(|added| !added.is_empty()).unwrap();
    let line = text.lines().position(|line| line.trim() == added).unwrap() + 1;
    let found = told(&text, "");
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    assert!(one.starts_with(&format!("deploy/web.yaml:{line} ")) && one.contains(wanted), "{one}");
}

/// The same of parts that another one replaces, and of what may belong to a workload.
#[rstest]
#[case::secret("", ("configMap: {name: mounted}", "secret: {name: mounted}"), "volumes[name=a].secret has no secretName, which every version of Kubernetes asks for | did you mean `secretName` for `name`?")]
#[case::config_map("", ("configMap: {name: mounted}", "configMap: {configMapName: mounted}"), "volumes[name=a].configMap has no name")]
#[case::claim("", ("configMap: {name: mounted}", "persistentVolumeClaim: {}"), "persistentVolumeClaim has no claimName")]
#[case::item("", ("configMap: {name: mounted}", "configMap: {name: mounted, items: [{key: k}]}"), "items[0] has no path")]
#[case::key("", ("{name: one, key: a}", "{name: one}"), "configMapKeyRef has no key")]
#[case::service_type("type: loadBalancer", ("", ""), "did you mean `LoadBalancer`?")]
#[case::affinity("sessionAffinity: clientIP", ("", ""), "did you mean `ClientIP`?")]
#[case::node_port("ports: [{port: 80, nodePort: 30080}]", ("", ""), "spec.ports[0].nodePort is for a Service of type NodePort or LoadBalancer, this one is ClusterIP")]
#[case::one_number("ports: [{name: a, port: 80}, {name: b, port: 80, protocol: TCP}]", ("", ""), "spec.ports[name=b].port is 80, as that of an earlier port of the same protocol")]
#[case::one_name("ports: [{name: a, port: 80}, {name: a, port: 81}]", ("", ""), "spec.ports[name=a].name is `a`, as that of an earlier port")]
#[case::no_external_name("type: ExternalName", ("", ""), "spec.externalName says no name")]
#[case::budget("minAvailable: 150%", ("kind: Service", "kind: PodDisruptionBudget"), "spec.minAvailable can not be above 100%, this is `150%`")]
#[case::budget_below("minAvailable: -1", ("kind: Service", "kind: PodDisruptionBudget"), "spec.minAvailable can not be below 0, this is -1")]
#[case::evictions("unhealthyPodEvictionPolicy: always", ("kind: Service", "kind: PodDisruptionBudget"), "unhealthyPodEvictionPolicy is none of IfHealthyBudget, AlwaysAllow: `always`")]
#[case::no_most("", ("kind: Service", "kind: HorizontalPodAutoscaler"), "spec has no maxReplicas")]
#[case::least("minReplicas: 0, maxReplicas: 3", ("kind: Service", "kind: HorizontalPodAutoscaler"), "spec.minReplicas is 0, which needs a metric of type Object or External")]
#[case::target("maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: utilization, averageUtilization: 50}}}]", ("kind: Service", "kind: HorizontalPodAutoscaler"), "did you mean `Utilization`?")]
#[case::no_share_of_use("maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}}]", ("kind: Service", "kind: HorizontalPodAutoscaler"), "averageUtilization is 0, and can not be less than 1")]
#[case::select("maxReplicas: 3, behavior: {scaleUp: {selectPolicy: max}}", ("kind: Service", "kind: HorizontalPodAutoscaler"), "did you mean `Max`?")]
#[case::daemon_set("replicas: 2, strategy: {}", ("kind: Service", "kind: DaemonSet"), "knows no field spec.replicas of a DaemonSet | remove it")]
#[case::daemon_set_update("updateStrategy: {type: onDelete}", ("kind: Service", "kind: DaemonSet"), "did you mean `OnDelete`?")]
#[case::stateful_set("updateStrategy: {type: Recreate}", ("kind: Service", "kind: StatefulSet"), "spec.updateStrategy.type is none of RollingUpdate, OnDelete: `Recreate`")]
#[case::parallel("podManagementPolicy: parallel", ("kind: Service", "kind: StatefulSet"), "did you mean `Parallel`?")]
#[case::partition("updateStrategy: {rollingUpdate: {partition: -1}}", ("kind: Service", "kind: StatefulSet"), "partition is -1, and can not be less than 0")]
#[case::one_key_twice("", ("kind: Service", "kind: ConfigMap"), "binaryData.k stands in data as well")]
fn r6_parts_and_companions_that_no_version_takes_are_told(
    #[case] spec: &str,
    #[case] (from, to): (&str, &str),
    #[case] wanted: &str,
) {
    let found = if from.is_empty() || from == "kind: Service" {
        told(WEB, &beside(to.strip_prefix("kind: ").unwrap_or("Service"), spec))
    } else {
        told(&WEB.replacen(from, to, 1), "")
    };
    assert!(found.iter().filter(|told| told.contains(wanted)).count() == 1, "{wanted}: {found:#?}");
}

fn beside(kind: &str, spec: &str) -> String {
    let more = if spec.is_empty() { String::new() } else { format!("{spec}, ") };
    let pods = "selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: i}]}}";
    match kind {
        "ConfigMap" => {
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {k: v}\nbinaryData: {k: dg==}\n".to_owned()
        }
        "PodDisruptionBudget" => format!(
            "apiVersion: policy/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{{more}selector: {{matchLabels: {{app: web}}}}}}\n"
        ),
        "HorizontalPodAutoscaler" => format!(
            "apiVersion: autoscaling/v2\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{{more}scaleTargetRef: {{apiVersion: apps/v1, kind: \
             Deployment, name: web}}}}\n"
        ),
        "DaemonSet" | "StatefulSet" => {
            let service = if kind == "StatefulSet" { "serviceName: x, " } else { "" };
            format!("apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{{more}{service}{pods}}}\n")
        }
        _ => {
            let ports = if spec.contains("ports:") { "" } else { "ports: [{port: 80}], " };
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: x}}\nspec: {{{more}{ports}selector: {{app: web}}}}\n"
            )
        }
    }
}

/// Would miss: an error about what the API server takes, which would stop every pull request.
#[test]
fn r6_what_some_version_takes_is_no_error() {
    let deployment = deployment(
        "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 200%, maxUnavailable: 100%}}",
        "dnsPolicy: \"\"",
        "livenessProbe: {httpGet: {port: http, scheme: \"\"}}",
    );
    assert_eq!(told(&deployment, ""), Vec::<String>::new());
    for (kind, spec) in [
        ("Service", "type: NodePort, ports: [{port: 80, nodePort: 30080}]"),
        ("Service", "ports: [{name: a, port: 53, protocol: UDP}, {name: b, port: 53}]"),
        ("Service", "type: ${TYPE}"),
        ("PodDisruptionBudget", "maxUnavailable: 0"),
        (
            "HorizontalPodAutoscaler",
            "minReplicas: 0, maxReplicas: 3, metrics: [{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: 1}}}]",
        ),
        ("HorizontalPodAutoscaler", "maxReplicas: 3"),
        ("DaemonSet", "updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"),
        ("StatefulSet", "replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}"),
    ] {
        assert_eq!(told(WEB, &beside(kind, spec)), Vec::<String>::new(), "{kind} {spec}");
    }
}
