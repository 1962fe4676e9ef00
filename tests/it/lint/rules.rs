//! For each rule: something bad that it finds and where, and the good beside it that it leaves alone.

use bpctl_core::blueprint::lint::RULES;

use super::{BACKEND, FRONTEND, MANIFEST, lint, place};
use crate::support::Repo;

const POLICY: &str = "blueprints/policies/base.yaml";
const CANARY: &str = "blueprints/backend-canary/blueprint.yaml";
const STOREFRONT: &str = "deploy/frontend.yaml";
const WORKSPACE: &str = "bpctl.yaml";

/// File; what stands there once (nothing: the end of the file); what is written instead.
type Edit = (&'static str, &'static str, &'static str);

/// Code; edits of the shop that it finds; file, line and column of its principal place; edits near them that it leaves alone.
type Row = (&'static str, &'static [Edit], (&'static str, u64, u64), &'static [Edit]);

const PROD: Edit = (WORKSPACE, "tier: staging", "tier: prod");
const REPLICAS: &str = "min_replicas: 2";
const MOST: &str = "max_replicas: 3 ";
const UP: &str = "scale_up_threshold: 80%\n    scale_down_threshold: 30%\ngovernance";
const RELIABLE: &str = "    health_checks: {readiness: required, liveness: required}";
const LIMITS: &str = "limits: {cooldown: 60s, approval_timeout: 1h}";
const REQUESTS: &str = "              cpu: 250m\n              memory: 256Mi";
const GOVERNANCE: &str = "governance:\n";
const APPROVERS: &str = "approvers: [alice@shop.example]";
const ALLOWED: &str = "allowed_operations: [scale, reconcile]";
const SOURCE: &str = "source: deploy/backend.yaml";

const SCALING: &str = "  scaling:\n    min_replicas: 2\n    max_replicas: 3      # the database takes so many connections\n    scale_up_threshold: 80%\n    scale_down_threshold: 30%\ngovernance";
const AGAIN: &str = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: backend}\nspec: {replicas: 5}\n";
const ELSEWHERE: &str =
    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: backend, namespace: other}\nspec: {replicas: 5}\n";
const HPA: &str = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: backend}\nspec: {scaleTargetRef: {kind: Deployment, name: backend}, maxReplicas: 3}\n";
const OTHER_HPA: &str = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec: {scaleTargetRef: {kind: Deployment, name: other}, maxReplicas: 3}\n";
const MAP: &str =
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: backend}\ndata: {WORKERS: \"4\", LEVEL: info}\n";
const CERTIFICATE: &str = "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n";
const ONCE: &str = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {maxUnavailable: 1, selector: {}}\n";
const TWICE: &str = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {}}\n";
const COMPANIONS: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ports: [{port: 80, targetPort: 80x, appProtocol: h2c}]\n  selector: {app: backend}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p}\nspec:\n  minAvailable: 50%\n  selector: {matchLabels: {app: other}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}\n  minReplicas: 2\n  maxReplicas: 6\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: i}\nspec: {scaleTargetRef: {kind: Deployment, name: another}, minReplicas:, maxReplicas: 1}\n";
const SNAPSHOT: &str = "    cluster: {snapshot: clusters/staging}";

/// Odd and valid: other spellings of numbers, what is left out, Kustomize's directives, what looks like another field.
const ODD: &str = "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, labels: {a: \"1\"}, annotations: {x: \"true\", y: null}}\nspec:\n  replicas: 3.0\n  serviceName: db\n  template:\n    spec:\n      $patch: replace\n      hostPID: true\n      volumes: [{name: a, emptyDir: {sizeLimit: 1e3}}]\n      containers:\n        - name: db\n          $setElementOrder/env: []\n          command: [\"1\"]\n          env: [{name: A, value:}, {name: B, valueFrom: {fieldRef: {fieldPath: a}}}]\n          resources: {requests: {cpu: 1, memory: 1e9, nvidia.com/gpu: 1, hugepages-2Mi: 4Mi}, limits: {cpu: .5}}\n  volumeClaimTemplates: [{spec: {resources: {requests: {storage: 10Gi}}}}]\n";
/// What is whole without a selector, and what has a part alone because something else merges it.
const JOBS: &str = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: j, image: j}]}}}\n---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: \"@daily\", jobTemplate: {spec: {template: {spec: {containers: [{name: j, image: j}]}}}}}\n";
const PATCH: &str = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p}\nspec: {template: {spec: {containers: [{name: a, $patch: delete}, {name: b}]}}}\n";
/// What a bad merge leaves.
const CUT_OFF: &str = "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n  selector: {matchLabels: {app: agent}}\n  template:\n    metadata: {labels: {app: agent}}\n    spec:\n";
const CONTAINER: &str = "          resources:\n";
const KUSTOMIZATION: &str = "deploy/kustomization.yaml";
const OVERLAY: Edit = (WORKSPACE, "delivery: direct", "delivery: direct\n    render: [{kustomize: deploy}]");
const CHART: Edit = (WORKSPACE, "delivery: direct", "delivery: direct\n    render: [{helm: deploy}]");

/// One row at least for every rule; `every_rule_has_a_row` counts.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("bounds-inverted", &[(BACKEND, MOST, "max_replicas: 1 ")], (BACKEND, 15, 19), &[(BACKEND, MOST, "max_replicas: 2 ")]),
    ("bounds-inverted", &[(BACKEND, "cpu: {minimum: 100m", "cpu: {minimum: 3")], (BACKEND, 11, 32), &[(BACKEND, "cpu: {minimum: 100m", "cpu: {minimum: 2")]),
    ("thresholds-oscillate", &[(BACKEND, "scale_down_threshold: 30%", "scale_down_threshold: 54%")], (BACKEND, 17, 27), &[(BACKEND, "scale_down_threshold: 30%", "scale_down_threshold: 53%")]),
    ("cooldown-too-short", &[(FRONTEND, "cooldown: 60s", "cooldown: 59s")], (FRONTEND, 20, 15), &[(FRONTEND, "cooldown: 60s", "cooldown: 61s")]),
    ("cooldown-too-short", &[(POLICY, "cooldown: 60s", "cooldown: 1s")], (POLICY, 6, 20), &[(POLICY, "cooldown: 60s", "cooldown: 1h")]),
    ("target-missing", &[(BACKEND, SOURCE, "source: deploy/nothing.yaml")], (BACKEND, 9, 13), &[(BACKEND, SOURCE, "source: deploy")]),
    ("companion-unclear", &[(BACKEND, SOURCE, "source: deploy/backend.yaml\n    companions: [Certificate/web]")], (BACKEND, 10, 18), &[(BACKEND, SOURCE, "source: deploy/backend.yaml\n    companions: [Certificate/web]"), (MANIFEST, "", CERTIFICATE)]),
    ("companion-unclear", &[(MANIFEST, "", TWICE)], (BACKEND, 9, 13), &[(MANIFEST, "", ONCE)]),
    ("companion-unclear", &[(MANIFEST, "", "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec: {scaleTargetRef: {kind: Deployment, name: bakend}, maxReplicas: 3}\n")], (MANIFEST, 29, 49), &[(MANIFEST, "", HPA)]),
    ("target-missing", &[(BACKEND, "workload: Deployment/backend", "workload: Deployment/other")], (BACKEND, 7, 15), &[(MANIFEST, "  namespace: shop\n", "")]),
    ("target-missing", &[(BACKEND, SOURCE, "source: deploy"), (STOREFRONT, "", AGAIN)], (BACKEND, 7, 15), &[(BACKEND, SOURCE, "source: deploy"), (STOREFRONT, "", ELSEWHERE)]),
    ("threshold-without-effect", &[(BACKEND, UP, "scale_up_threshold: 0%\ngovernance")], (BACKEND, 16, 25), &[(BACKEND, UP, "scale_up_threshold: 1%\ngovernance")]),
    ("threshold-without-effect", &[(FRONTEND, "scale_down_threshold: 30%", "scale_down_threshold: 0%")], (FRONTEND, 18, 27), &[(FRONTEND, "scale_down_threshold: 30%", "scale_down_threshold: 1%")]),
    ("threshold-without-effect", &[(BACKEND, UP, "scale_up_threshold: 200%\ngovernance"), (MANIFEST, REQUESTS, "              cpu: 250m\n            limits: {cpu: 500m}")], (BACKEND, 16, 25), &[(BACKEND, UP, "scale_up_threshold: 199%\ngovernance"), (MANIFEST, REQUESTS, "              cpu: 250m\n            limits: {cpu: 500m}")]),
    ("level-unmeasured", &[(BACKEND, "resources:\n", "performance: {latency_p95: 200ms}\n  resources:\n"), (WORKSPACE, SNAPSHOT, "    cluster: {context: lab}")], (WORKSPACE, 8, 3), &[(BACKEND, "resources:\n", "performance: {latency_p95: 200ms}\n  resources:\n")]),
    ("sized-container-missing", &[(BACKEND, "resources:\n", "resources:\n    container: other\n")], (BACKEND, 11, 16), &[(BACKEND, "resources:\n", "resources:\n    container: api\n")]),
    ("percentage-out-of-range", &[(BACKEND, "cpu: {minimum: 100m", "cpu: {limit_ratio: 99%, minimum: 100m")], (BACKEND, 11, 24), &[(BACKEND, "cpu: {minimum: 100m", "cpu: {limit_ratio: 100%, minimum: 100m")]),
    ("target-above-scale-up", &[(FRONTEND, "target_utilization: 70%", "target_utilization: 80%")], (FRONTEND, 11, 59), &[(FRONTEND, "target_utilization: 70%", "target_utilization: 79%")]),
    ("zero-minimum", &[(BACKEND, REPLICAS, "min_replicas: 0")], (BACKEND, 14, 19), &[(BACKEND, REPLICAS, "min_replicas: 1")]),
    ("single-replica-in-prod", &[PROD], (CANARY, 10, 27), &[PROD, (CANARY, "min_replicas: 1", "min_replicas: 2")]),
    ("single-replica-in-prod", &[PROD, (CANARY, "min_replicas: 1", "min_replicas: 2"), (BACKEND, "", "environments: {staging: {spec: {scaling: {min_replicas: 1}}}}\n")], (BACKEND, 24, 57), &[PROD, (CANARY, "min_replicas: 1", "min_replicas: 2"), (BACKEND, "", "environments: {other: {spec: {scaling: {min_replicas: 1}}}}\n")]),
    ("scaling-fixed", &[(BACKEND, MOST, "max_replicas: 2 ")], (BACKEND, 15, 19), &[(BACKEND, MOST, "max_replicas: 4 ")]),
    ("replicas-outside-bounds", &[(MANIFEST, "replicas: 3", "replicas: 4")], (BACKEND, 15, 19), &[(MANIFEST, "replicas: 3", "replicas: 2")]),
    ("replicas-outside-bounds", &[(MANIFEST, "replicas: 3", "replicas: 1")], (BACKEND, 14, 19), &[(MANIFEST, "replicas: 3", "replicas: 0")]),
    ("scaling-without-cpu-request", &[(MANIFEST, REQUESTS, "              memory: 256Mi")], (BACKEND, 14, 5), &[(MANIFEST, REQUESTS, "              cpu: 0.25")]),
    ("target-above-scale-up", &[(MANIFEST, "", HPA), (BACKEND, SCALING, "governance"), (BACKEND, "maximum: \"2\"}", "maximum: \"2\", target_utilization: 60%}")], (BACKEND, 11, 60), &[(MANIFEST, "", HPA), (BACKEND, SCALING, "governance")]),
    ("two-scalers", &[(MANIFEST, "", HPA)], (BACKEND, 14, 5), &[(MANIFEST, "", OTHER_HPA)]),
    ("two-scalers", &[(MANIFEST, "", HPA), (BACKEND, SCALING, "governance")], (MANIFEST, 7, 13), &[(MANIFEST, "", HPA), (BACKEND, SCALING, "governance"), (MANIFEST, "  replicas: 3\n", "")]),
    ("window-too-short", &[(FRONTEND, "window: 5m", "window: 90s"), (WORKSPACE, SNAPSHOT, "    cluster: {context: x}\n    prometheus: {url: \"http://x\", rate_interval: 2m}")], (FRONTEND, 19, 13), &[(FRONTEND, "window: 5m", "window: 2m"), (WORKSPACE, SNAPSHOT, "    cluster: {context: x}\n    prometheus: {url: \"http://x\", rate_interval: 2m}")]),
    ("cooldown-too-long", &[(FRONTEND, "cooldown: 60s", "cooldown: 32d")], (FRONTEND, 20, 15), &[(FRONTEND, "cooldown: 60s", "cooldown: 31d")]),
    ("cooldown-too-long", &[(POLICY, "cooldown: 60s", "cooldown: 90d")], (POLICY, 6, 20), &[(POLICY, "cooldown: 60s", "cooldown: 30d")]),
    ("request-outside-bounds", &[(MANIFEST, "cpu: 250m", "cpu: 99m")], (BACKEND, 11, 20), &[(MANIFEST, "cpu: 250m", "cpu: 100m")]),
    ("request-outside-bounds", &[(MANIFEST, "memory: 256Mi", "memory: 2Gi")], (BACKEND, 12, 39), &[(MANIFEST, "memory: 256Mi", "memory: 1Gi")]),
    ("request-above-limit", &[(STOREFRONT, "memory: 128Mi", "memory: 257Mi")], (STOREFRONT, 25, 43), &[(STOREFRONT, "memory: 128Mi", "memory: 256Mi")]),
    ("percentage-out-of-range", &[(FRONTEND, "availability: 99.9%", "availability: 100.01%")], (FRONTEND, 13, 51), &[(FRONTEND, "availability: 99.9%", "availability: 100%")]),
    ("percentage-out-of-range", &[(FRONTEND, "target_utilization: 80%", "target_utilization: 0%")], (FRONTEND, 12, 66), &[(FRONTEND, "target_utilization: 80%", "target_utilization: 100%")]),
    ("objective-without-meaning", &[(FRONTEND, "latency_p95: 200ms", "latency_p95: 0s")], (FRONTEND, 13, 30), &[(FRONTEND, "latency_p95: 200ms", "latency_p95: 1ms")]),
    ("objective-without-meaning", &[(FRONTEND, "latency_p95: 200ms", "throughput: many/s")], (FRONTEND, 13, 29), &[(FRONTEND, "latency_p95: 200ms", "throughput: 100/s")]),
    ("selector-mismatch", &[(MANIFEST, "    matchLabels:\n      app: backend", "    matchLabels:\n      app: back")], (MANIFEST, 10, 12), &[(MANIFEST, "    metadata:\n      labels:\n        app: backend", "    metadata:\n      labels:\n        app: backend\n        more: x")]),
    ("rollout-refused", &[(BACKEND, GOVERNANCE, "  deployment: {strategy: BlueGreen}\ngovernance:\n")], (BACKEND, 18, 26), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: Recreate}\ngovernance:\n")]),
    ("rollout-refused", &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_surge: 0, max_unavailable: 0%}\ngovernance:\n")], (BACKEND, 18, 52), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_surge: 1, max_unavailable: 0%}\ngovernance:\n")]),
    ("rollout-refused", &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_surge: some}\ngovernance:\n")], (BACKEND, 18, 52), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_surge: 25%}\ngovernance:\n")]),
    ("rollout-refused", &[(BACKEND, GOVERNANCE, "  deployment: {strategy: Recreate, max_surge: 1}\ngovernance:\n")], (BACKEND, 18, 47), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate}\ngovernance:\n")]),
    ("rollout-outage", &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_unavailable: 2}\ngovernance:\n")], (BACKEND, 18, 58), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_unavailable: 1}\ngovernance:\n")]),
    ("rollout-outage", &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_unavailable: 100%}\ngovernance:\n")], (BACKEND, 18, 58), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate, max_unavailable: 99%}\ngovernance:\n")]),
    ("rollout-outage", &[PROD, (BACKEND, GOVERNANCE, "  deployment: {strategy: Recreate}\ngovernance:\n")], (BACKEND, 18, 26), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: Recreate}\ngovernance:\n")]),
    ("strategy-differs", &[(BACKEND, GOVERNANCE, "  deployment: {strategy: RollingUpdate}\ngovernance:\n"), (MANIFEST, "  replicas: 3\n", "  replicas: 3\n  strategy: {type: Recreate}\n")], (BACKEND, 18, 26), &[(BACKEND, GOVERNANCE, "  deployment: {strategy: Recreate}\ngovernance:\n"), (MANIFEST, "  replicas: 3\n", "  replicas: 3\n  strategy: {type: Recreate}\n")]),
    ("probe-missing", &[(BACKEND, GOVERNANCE, "  reliability: {health_checks: {readiness: required}}\ngovernance:\n")], (BACKEND, 18, 44), &[(BACKEND, GOVERNANCE, "  reliability: {health_checks: {readiness: optional}}\ngovernance:\n")]),
    ("rollback-too-late", &[(FRONTEND, RELIABLE, "    rollback: {on_failed_verification: true, within: 61s}")], (FRONTEND, 23, 54), &[(FRONTEND, RELIABLE, "    rollback: {on_failed_verification: true, within: 60s}")]),
    ("config-range-empty", &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {min: 5, max: 4}}}\ngovernance:\n"), (MANIFEST, "", MAP)], (BACKEND, 18, 32), &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {min: 4, max: 4}}}\ngovernance:\n"), (MANIFEST, "", MAP)]),
    ("config-range-empty", &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {LEVEL: {one_of: []}}}\ngovernance:\n"), (MANIFEST, "", MAP)], (BACKEND, 18, 32), &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {LEVEL: {one_of: [info]}}}\ngovernance:\n"), (MANIFEST, "", MAP)]),
    ("config-range-empty", &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {one_of: [\"4\"], min: 1}}}\ngovernance:\n"), (MANIFEST, "", MAP)], (BACKEND, 18, 32), &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {one_of: [\"4\"]}}}\ngovernance:\n"), (MANIFEST, "", MAP)]),
    ("config-missing", &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {min: 5, max: 9}}}\ngovernance:\n"), (MANIFEST, "", MAP)], (BACKEND, 18, 32), &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {min: 1, max: 9}}}\ngovernance:\n"), (MANIFEST, "", MAP)]),
    ("config-missing", &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKER: {min: 1, max: 9}}}\ngovernance:\n"), (MANIFEST, "", MAP)], (BACKEND, 18, 32), &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {LEVEL: {one_of: [info, debug]}}}\ngovernance:\n"), (MANIFEST, "", MAP)]),
    ("config-missing", &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {min: 1, max: 9}}}\ngovernance:\n")], (BACKEND, 18, 12), &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {WORKERS: {min: 4}}}\ngovernance:\n"), (MANIFEST, "", MAP)]),
    ("render-failed", &[(WORKSPACE, "delivery: direct", "delivery: direct\n    render: [{kustomize: deploy/none}]")], (WORKSPACE, 12, 26), &[]),
    ("secret-in-config", &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {DB_PASSWORD: {one_of: [a]}}}\ngovernance:\n")], (BACKEND, 18, 32), &[(BACKEND, GOVERNANCE, "  config: {ConfigMap/backend: {TOKEN_SECONDS: {min: 1, max: 9}}}\ngovernance:\n")]),
    ("operation-twice", &[(BACKEND, ALLOWED, "allowed_operations: [scale, reconcile, scale_beyond_limits]")], (BACKEND, 20, 44), &[(BACKEND, ALLOWED, "allowed_operations: [scale, reconcile, restart]")]),
    ("operation-twice", &[(BACKEND, "", "environments:\n  staging: {governance: {agent_authority: {allowed_operations: [scale], requires_approval: [scale]}}}\n")], (BACKEND, 25, 65), &[(BACKEND, "", "environments:\n  staging: {governance: {agent_authority: {requires_approval: [scale]}}}\n")]),
    ("loosened-in-vain", &[(BACKEND, ALLOWED, "allowed_operations: [scale, reconcile, change_image]")], (BACKEND, 20, 44), &[(BACKEND, "requires_approval: [scale_beyond_limits]", "requires_approval: [scale_beyond_limits, change_image]")]),
    ("loosened-in-vain", &[(POLICY, "delete: forbidden", "delete: requires_approval")], (POLICY, 5, 14), &[(POLICY, "delete: forbidden", "restart: forbidden")]),
    ("listed-twice", &[(BACKEND, ALLOWED, "allowed_operations: [scale, reconcile, scale]")], (BACKEND, 20, 44), &[(BACKEND, ALLOWED, "allowed_operations: [reconcile, scale]")]),
    ("listed-twice", &[(POLICY, "operations:", "match: {owners: [\"*\", team-web, \"*\"]}\noperations:")], (POLICY, 5, 33), &[(POLICY, "operations:", "match: {owners: [\"*\", team-web]}\noperations:")]),
    ("nothing-delivered", &[(BACKEND, ALLOWED, "allowed_operations: [scale]")], (BACKEND, 20, 5), &[(BACKEND, ALLOWED, "allowed_operations: [scale]"), (WORKSPACE, "delivery: direct", "delivery: gitops")]),
    ("approver-never-matches", &[(CANARY, APPROVERS, "approvers: [Alice@shop.example]")], (CANARY, 12, 35), &[(CANARY, APPROVERS, "approvers: [alice]")]),
    ("approver-never-matches", &[(CANARY, APPROVERS, "approvers: [\"@web/leads\", alice]"), (WORKSPACE, "forge: local ", "forge: gitea ")], (CANARY, 12, 35), &[(CANARY, APPROVERS, "approvers: [\"@web/leads\", alice]"), (WORKSPACE, "forge: local ", "forge: auto ")]),
    ("approval-without-time", &[(BACKEND, "timeout: 1h", "timeout: 0s")], (BACKEND, 23, 65), &[(BACKEND, "timeout: 1h", "timeout: 1s")]),
    ("approval-without-time", &[(POLICY, "approval_timeout: 1h", "approval_timeout: 0s")], (POLICY, 6, 43), &[(POLICY, "approval_timeout: 1h", "approval_timeout: 24h")]),
    ("approvals-cannot-count", &[(WORKSPACE, "local: {allowed_signers: blueprints/allowed_signers}", "#")], (WORKSPACE, 5, 8), &[(WORKSPACE, "local: {allowed_signers: blueprints/allowed_signers}", "#"), (WORKSPACE, "tier: staging", "tier: dev")]),
    ("audit-without-effect", &[(BACKEND, "", "  audit: {retention: 89d}\n")], (BACKEND, 24, 22), &[(BACKEND, "", "  audit: {retention: 90d}\n")]),
    ("audit-without-effect", &[(BACKEND, "", "  audit: {format: csv}\n")], (BACKEND, 24, 19), &[(BACKEND, "", "  audit: {format: json, logging: all}\n")]),
    ("freeze-inverted", &[(POLICY, "", "freezes: [{name: x, from: 2096-12-20T00:00:00Z, to: 2096-12-20T00:00:00Z}]\n")], (POLICY, 7, 53), &[(POLICY, "", "freezes: [{name: x, from: 2096-12-20T00:00:00Z, to: 2096-12-20T00:00:01Z}]\n")]),
    ("freeze-over", &[(POLICY, "", "freezes: [{name: x, from: 2019-12-20T00:00:00Z, to: 2020-01-04T00:00:00Z}]\n")], (POLICY, 7, 53), &[(POLICY, "", "freezes: [{name: x, from: 2019-12-20T00:00:00Z, to: 2096-01-04T00:00:00Z}]\n")]),
    ("freeze-twice", &[(POLICY, "", "freezes:\n  - {name: x, from: 2096-01-02T00:00:00Z, to: 2096-01-04T00:00:00Z}\n  - {name: x, from: 2096-01-01T00:00:00Z, to: 2096-01-03T00:00:00Z}\n")], (POLICY, 8, 12), &[(POLICY, "", "freezes:\n  - {name: x, from: 2096-01-02T00:00:00Z, to: 2096-01-04T00:00:00Z}\n  - {name: x, from: 2096-01-01T00:00:00Z, to: 2096-01-02T00:00:00Z}\n")]),
    ("limit-without-room", &[(POLICY, LIMITS, "limits: {breaker: 0}")], (POLICY, 6, 19), &[(POLICY, LIMITS, "limits: {breaker: 1}")]),
    ("limit-without-room", &[(POLICY, LIMITS, "limits: {resize_step: 10%, resize_sum: 9%}")], (POLICY, 6, 40), &[(POLICY, LIMITS, "limits: {resize_step: 10%, resize_sum: 10%}")]),
    ("policy-unknown-name", &[(POLICY, "operations:", "match: {blueprints: [fronted]}\noperations:")], (POLICY, 5, 22), &[(POLICY, "operations:", "match: {blueprints: [frontend]}\noperations:")]),
    ("policy-unknown-name", &[(POLICY, "operations:", "match: {owners: [team-web, web]}\noperations:")], (POLICY, 5, 28), &[(POLICY, "operations:", "match: {owners: [team-web, \"*\"]}\noperations:")]),
    ("policy-empty", &[(POLICY, LIMITS, "limits: {}"), (POLICY, "operations: {delete: forbidden, scale_to_zero: forbidden}", "operations: {}")], (POLICY, 4, 18), &[(POLICY, LIMITS, "limits: {}")]),
    ("override-expired", &[(BACKEND, "", "environments:\n  staging: {expires: 2020-01-04T00:00:00Z, spec: {scaling: {max_replicas: 4}}}\n")], (BACKEND, 25, 22), &[(BACKEND, "", "environments:\n  staging: {expires: 2096-01-04T00:00:00Z, spec: {scaling: {max_replicas: 4}}}\n")]),
    ("replicas-outside-bounds", &[(BACKEND, "", "environments:\n  staging: {expires: 2096-01-04T00:00:00Z, spec: {scaling: {max_replicas: 2}}}\n")], (BACKEND, 25, 75), &[(BACKEND, "", "environments:\n  staging: {expires: 2020-01-04T00:00:00Z, spec: {scaling: {max_replicas: 2}}}\n")]),
    ("selects-nothing", &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: bakend}, ports: [{port: 80}]}\n")], (MANIFEST, 29, 24), &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: backend, role: primary}, ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec: {ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: z}\nspec: {type: ExternalName, externalName: db.example, selector: {app: none}}\n")]),
    ("selects-nothing", &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {maxUnavailable: 1, selector: {matchLabels: {ap: backend}}}\n")], (MANIFEST, 29, 56), &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {maxUnavailable: 1, selector: {}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {podSelector: {}}\n---\napiVersion: kafka.strimzi.io/v1\nkind: Kafka\nmetadata: {name: log}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: log}\nspec: {selector: {app: log}, ports: [{port: 9092}]}\n")]),
    ("port-unknown", &[(MANIFEST, CONTAINER, "          readinessProbe: {httpGet: {port: htp}}\n          resources:\n")], (MANIFEST, 21, 44), &[(MANIFEST, CONTAINER, "          readinessProbe: {httpGet: {port: http}}\n          livenessProbe: {tcpSocket: {port: 9}}\n          resources:\n")]),
    ("port-unknown", &[(MANIFEST, CONTAINER, "          readinessProbe: {httpGet: {port: \"80\"}}\n          resources:\n")], (MANIFEST, 21, 44), &[(MANIFEST, CONTAINER, "          readinessProbe: {httpGet: {port: 80}}\n          resources:\n")]),
    ("port-unknown", &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: backend}, ports: [{port: 80, targetPort: htp}]}\n")], (MANIFEST, 29, 65), &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: backend}, ports: [{port: 80, targetPort: http}, {port: 81, targetPort: 81}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: y}\nspec: {selector: {app: backend, role: x}, ports: [{port: 80, targetPort: other}]}\n")]),
    ("image-invalid", &[(MANIFEST, "registry.shop.example/backend:2.0.1", "registry.shop.example/Backend:2.0.1")], (MANIFEST, 18, 18), &[(MANIFEST, "registry.shop.example/backend:2.0.1", "BACKEND_IMAGE")]),
    ("config-map-misspelt", &[(MANIFEST, CONTAINER, "          envFrom: [{configMapRef: {name: bakend}}]\n          resources:\n"), (MANIFEST, "", MAP)], (MANIFEST, 21, 43), &[(MANIFEST, CONTAINER, "          envFrom: [{configMapRef: {name: bakend, optional: true}}, {configMapRef: {name: elsewhere}}]\n          env: [{name: A, valueFrom: {configMapKeyRef: {name: backend, key: LEVEL}}}]\n          resources:\n"), (MANIFEST, "", MAP)]),
    ("eviction-impossible", &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: 67%, selector: {matchLabels: {app: backend}}}\n")], (MANIFEST, 29, 22), &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: 66%, selector: {matchLabels: {app: backend}}}\n")]),
    ("eviction-impossible", &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {maxUnavailable: 0%, selector: {matchLabels: {app: backend}}}\n")], (MANIFEST, 29, 24), &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: 3, selector: {matchLabels: {app: backend}}}\n"), (MANIFEST, "  replicas: 3\n", "")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: backend}}}\n")], (MANIFEST, 26, 13), &[(MANIFEST, "", ONCE)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {kind: Deployment, name: backend}}\n")], (MANIFEST, 26, 13), &[(MANIFEST, "", HPA)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: batch/v1\nkind: CronJb\nmetadata: {name: x}\n")], (MANIFEST, 27, 7), &[(MANIFEST, "", "---\napiVersion: example.org/v1\nkind: CronJb\nmetadata: {name: x}\n")]),
    ("kustomize-without-effect", &[OVERLAY, (KUSTOMIZATION, "", "resources: [backend.yaml]\nimages: [{name: registry.shop.example/bakend, newTag: v2}]\n")], (KUSTOMIZATION, 2, 17), &[OVERLAY, (KUSTOMIZATION, "", "resources: [backend.yaml]\nimages: [{name: registry.shop.example/backend, newTag: v2}]\n")]),
    ("tag-number", &[CHART, ("deploy/Chart.yaml", "", "apiVersion: v2\nname: x\nversion: 0.1.0\n"), ("deploy/values.yaml", "", "tag: 1.10\n")], ("deploy/values.yaml", 1, 6), &[CHART, ("deploy/Chart.yaml", "", "apiVersion: v2\nname: x\nversion: 0.1.0\n"), ("deploy/values.yaml", "", "tag: \"1.10\"\n")]),
    ("override-unknown-environment", &[(BACKEND, SOURCE, "source: deploy/backend.yaml\n    environments: [staging, stage]")], (BACKEND, 10, 29), &[(BACKEND, SOURCE, "source: deploy/backend.yaml\n    environments: [staging]")]),
    ("manifest-invalid", &[(MANIFEST, "replicas: 3", "replicas: two")], (MANIFEST, 7, 13), &[(MANIFEST, "replicas: 3", "replicas: ${REPLICAS}"), (MANIFEST, "", ODD)]),
    ("manifest-invalid", &[(MANIFEST, "replicas: 3", "replicas: 2.5")], (MANIFEST, 7, 13), &[(MANIFEST, "replicas: 3", "replicas: 2")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: v1\nmetadata: {name: x}\n")], (MANIFEST, 26, 13), &[(MANIFEST, "", "---\nreplicaCount: 2\n")]),
    ("manifest-invalid", &[(MANIFEST, "replicas: 3", "replica: 3")], (MANIFEST, 7, 3), &[(MANIFEST, "replicas: 3", "replicas: 2")]),
    ("manifest-invalid", &[(MANIFEST, "cpu: 250m", "cpu: 250mm")], (MANIFEST, 23, 20), &[(MANIFEST, "cpu: 250m", "cpu: 0.25")]),
    ("manifest-invalid", &[(MANIFEST, CONTAINER, "          env: [{name: A, value: yes}]\n          resources:\n")], (MANIFEST, 21, 34), &[(MANIFEST, CONTAINER, "          env: [{name: A, value: \"yes\"}]\n          resources:\n")]),
    ("manifest-invalid", &[(MANIFEST, CONTAINER, "          livenessProbe: {tcpSocket: {port: 80}, successThreshold: 3}\n          resources:\n")], (MANIFEST, 21, 50), &[(MANIFEST, CONTAINER, "          readinessProbe: {tcpSocket: {port: 80}, successThreshold: 3}\n          livenessProbe: {tcpSocket: {port: 80}, successThreshold: 1}\n          resources:\n")]),
    ("manifest-invalid", &[(MANIFEST, "cpu: 250m", "cpu: -250m")], (MANIFEST, 23, 20), &[(MANIFEST, "cpu: 250m", "cpu: 251m")]),
    ("manifest-invalid", &[(MANIFEST, "      containers:\n", "      tolerations: [{key: a, operator: Exists, value: b}]\n      containers:\n")], (MANIFEST, 16, 48), &[(MANIFEST, "      containers:\n", "      tolerations: [{operator: Exists}, {key: a, value: b}]\n      containers:\n")]),
    ("manifest-invalid", &[(MANIFEST, CONTAINER, "          readinessProbe: {exec: {command: [x]}, tcpSocket: {port: 80}}\n          resources:\n")], (MANIFEST, 21, 50), &[(MANIFEST, CONTAINER, "          readinessProbe: {exec: null, tcpSocket: {port: 80}}\n          resources:\n")]),
    ("manifest-invalid", &[(MANIFEST, CONTAINER, "          readinessProbe: {periodSeconds: 5}\n          resources:\n")], (MANIFEST, 21, 28), &[(MANIFEST, CONTAINER, "          readinessProbe: {periodSeconds: 5, exec: {command: [x]}}\n          resources:\n")]),
    ("manifest-invalid", &[(MANIFEST, CONTAINER, "          env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]\n          resources:\n")], (MANIFEST, 21, 37), &[(MANIFEST, CONTAINER, "          env: [{name: A, value: \"\", valueFrom: {fieldRef: {fieldPath: metadata.name}}}]\n          resources:\n")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: 1, maxUnavailable: 1}\n")], (MANIFEST, 29, 25), &[(MANIFEST, "", COMPANIONS)]),
    ("manifest-invalid", &[(MANIFEST, " image:", " imagee:")], (MANIFEST, 18, 11), &[(MANIFEST, " image:", " tty: true\n          image:")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: backend}\ndata: {WORKERS: 4}\n")], (MANIFEST, 29, 17), &[(MANIFEST, "", MAP)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailble: 1}\n")], (MANIFEST, 29, 8), &[(MANIFEST, "", COMPANIONS)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: \"1\"}\n")], (MANIFEST, 29, 22), &[(MANIFEST, "", COMPANIONS)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80, targetPortt: 8080}]}\n")], (MANIFEST, 29, 27), &[(MANIFEST, "", COMPANIONS)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec: {metrics: [{resource: {target: {averageUtilization: \"70x\", type: Utilization}, name: cpu}, type: Resource}], maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: backend}}\n")], (MANIFEST, 29, 59), &[(MANIFEST, "", COMPANIONS)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec: {metrics: [{pods: {target: {averageValue: 1kk}}, type: Pods}], maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: backend}}\n")], (MANIFEST, 29, 49), &[(MANIFEST, "", COMPANIONS)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec: {minReplicas: 2, maxReplicas: 1, scaleTargetRef: {kind: Deployment, name: backend}}\n")], (MANIFEST, 29, 37), &[(MANIFEST, "", COMPANIONS)]),
    ("manifest-invalid", &[(MANIFEST, "containerPort: 8080", "containerPort: 99999")], (MANIFEST, 20, 31), &[(MANIFEST, "containerPort: 8080", "containerPort: 65535")]),
    ("manifest-invalid", &[(MANIFEST, CONTAINER, "          imagePullPolicy: always\n          resources:\n")], (MANIFEST, 21, 28), &[(MANIFEST, CONTAINER, "          imagePullPolicy: Always\n          resources:\n")]),
    ("manifest-invalid", &[(MANIFEST, CONTAINER, "          volumeMounts: [{name: cach, mountPath: /c}]\n          resources:\n")], (MANIFEST, 21, 33), &[(MANIFEST, "", "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}\n  volumeClaimTemplates: [{metadata: {name: data}}]\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      volumes: [{name: tmp, emptyDir: {}}]\n      containers: [{name: db, image: db, volumeMounts: [{name: data, mountPath: /d}, {name: tmp, mountPath: /t}]}]\n")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {LOG LEVEL: info}\n")], (MANIFEST, 29, 8), &[(MANIFEST, "", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {app.conf: a, _A-b: c, .env: d}\n")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: db, image: db}]}}}\n")], (MANIFEST, 29, 57), &[(MANIFEST, "", "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: db}\nspec: {updateStrategy: {type: OnDelete, rollingUpdate: {maxUnavailable: 1}}, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: db, image: db}]}}}\n")]),
    ("manifest-invalid", &[(MANIFEST, "apiVersion: apps/v1", "apiVersion: apps/v1beta1")], (MANIFEST, 1, 13), &[(MANIFEST, "", "---\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: x}\n")]),
    ("manifest-invalid", &[(MANIFEST, "  selector:\n    matchLabels:\n      app: backend\n", "")], (MANIFEST, 7, 3), &[(MANIFEST, "", JOBS)]),
    ("manifest-invalid", &[(MANIFEST, "          image: registry.shop.example/backend:2.0.1\n", "")], (MANIFEST, 17, 11), &[(MANIFEST, "", PATCH)]),
    ("manifest-invalid", &[(MANIFEST, "        - name: api\n          image:", "        - image:")], (MANIFEST, 17, 11), &[(MANIFEST, "", PATCH)]),
    ("manifest-invalid", &[(MANIFEST, "      containers:", "      initContainers: [{name: init}]\n      containers:")], (MANIFEST, 16, 25), &[(MANIFEST, "      containers:", "      initContainers: []\n      containers:")]),
    ("manifest-invalid", &[(MANIFEST, "", CUT_OFF)], (MANIFEST, 33, 5), &[(MANIFEST, "", JOBS)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {schedule: \"@daily\", jobTemplate: {spec: {template: {spec: {containers: [{name: x}]}}}}}\n")], (MANIFEST, 29, 81), &[(MANIFEST, "", JOBS)]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {schedule: \"@daily\", jobTemplate: {}}\n")], (MANIFEST, 29, 41), &[(MANIFEST, "", JOBS)]),
    ("manifest-invalid", &[(MANIFEST, "name: http}", "name: HTTP}")], (MANIFEST, 20, 43), &[(MANIFEST, "name: http}", "name: 8443-tls}")]),
    ("manifest-invalid", &[(MANIFEST, "name: http}", "name: \"8080\"}")], (MANIFEST, 20, 43), &[(MANIFEST, "name: http}", "name: \"\"}")]),
    ("manifest-invalid", &[(MANIFEST, "name: http}", "name: sixteen-letters-}")], (MANIFEST, 20, 43), &[(MANIFEST, "name: http}", "name: fifteen-letters}")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80, name: http}, {port: 81}]}\n")], (MANIFEST, 29, 41), &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80, name: http}, {port: 81, name: \"81\"}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec: {ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: z}\nspec: {clusterIP: None}\n")]),
    ("manifest-invalid", &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80, name: Http}]}\n")], (MANIFEST, 29, 33), &[(MANIFEST, "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80, name: a-name-longer-than-fifteen}]}\n")]),
    ("manifest-duplicate", &[(MANIFEST, "  replicas: 3", "  replicas: 3\n  replicas: 2")], (MANIFEST, 8, 3), &[(MANIFEST, "  replicas: 3\n", "  <<: {replicas: 2}\n  replicas: 3\n")]),
    ("manifest-duplicate", &[(MANIFEST, CONTAINER, "          env: [{name: A, value: x}, {name: A, value: y}]\n          resources:\n")], (MANIFEST, 21, 39), &[(MANIFEST, CONTAINER, "          env: [{name: A, value: x}, {name: B, value: y}]\n          resources:\n")]),
    ("manifest-duplicate", &[(MANIFEST, "name: http}", "name: http}\n            - {containerPort: 8081, name: http}")], (MANIFEST, 21, 16), &[(MANIFEST, "name: http}", "name: http}\n            - {containerPort: 8080, protocol: UDP, name: udp}")]),
    ("scaling-without-cpu-request", &[(MANIFEST, "cpu: 250m", "example.com/x: 1")], (BACKEND, 14, 5), &[(MANIFEST, "cpu: 250m", "cpu: 250mm")]),
    ("target-missing", &[(BACKEND, "", "environments:\n  staging: {spec: {target: {namespace: other}}}\n")], (BACKEND, 25, 40), &[]),
    ("override-unknown-environment", &[(BACKEND, "", "environments:\n  stage: {spec: {scaling: {max_replicas: 4}}}\n")], (BACKEND, 25, 3), &[(BACKEND, "", "environments:\n  staging: {spec: {scaling: {max_replicas: 4}}}\n")]),
    ("override-without-effect", &[(BACKEND, "", "environments:\n  staging: {spec: {scaling: {max_replicas: 3, min_replicas: 1}}}\n")], (BACKEND, 25, 44), &[(BACKEND, "", "environments:\n  staging: {spec: {scaling: {max_replicas: 4}}}\n")]),
    ("override-loosens", &[(WORKSPACE, "environments:\n", "environments:\n  prod: {tier: prod, cluster: {snapshot: clusters/staging}}\n"), (BACKEND, "", "environments:\n  prod: {governance: {agent_authority: {forbidden_operations: [delete]}}}\n")], (BACKEND, 25, 41), &[(WORKSPACE, "environments:\n", "environments:\n  prod: {tier: prod, cluster: {snapshot: clusters/staging}}\n"), (BACKEND, "", "environments:\n  prod: {governance: {agent_authority: {requires_approval: [scale, scale_beyond_limits]}}}\n")]),
    ("path-missing", &[(WORKSPACE, "allowed_signers: blueprints/allowed_signers", "allowed_signers: blueprints/singers")], (WORKSPACE, 6, 26), &[(WORKSPACE, "allowed_signers: blueprints/allowed_signers", "allowed_signers: blueprints/policies/base.yaml")]),
    ("path-missing", &[(WORKSPACE, "snapshot: clusters/staging", "snapshot: clusters/stage")], (WORKSPACE, 10, 25), &[(WORKSPACE, "snapshot: clusters/staging", "snapshot: clusters")]),
    ("prod-on-local-forge", &[PROD], (WORKSPACE, 5, 8), &[PROD, (WORKSPACE, "forge: local ", "forge: gitea ")]),
    ("unreleased-in-prod", &[PROD], (CANARY, 4, 43), &[(CANARY, "version: 0.3.0", "version: 0.4.0")]),
];

fn apply(repo: &Repo, edits: &[Edit]) -> Vec<(&'static str, Option<String>)> {
    let mut before = Vec::new();
    for (file, from, to) in edits {
        let text = std::fs::read_to_string(repo.path().join(file)).ok();
        if from.is_empty() {
            repo.write(file, &format!("{}{to}", text.as_deref().unwrap_or_default()));
        } else {
            repo.replace(file, from, to);
        }
        before.push((*file, text));
    }
    before
}

fn restore(repo: &Repo, before: Vec<(&'static str, Option<String>)>) {
    for (file, text) in before.into_iter().rev() {
        match text {
            Some(text) => repo.write(file, &text),
            None => std::fs::remove_file(repo.path().join(file)).expect("a file"),
        }
    }
}

/// Would miss: a rule that is not registered, looks at another field, points to another place, or alarms where nothing is wrong.
#[test]
fn every_rule_finds_the_bad_where_it_is_and_leaves_the_good_alone() {
    let repo = Repo::shop();
    let mut wrong = Vec::new();
    for (code, bad, at, good) in ROWS {
        let before = apply(&repo, bad);
        let found = lint(&repo);
        restore(&repo, before);
        match found.iter().find(|d| d["code"] == *code) {
            None => wrong.push(format!("{code}: {bad:?} gives {found:?}")),
            Some(mine) => {
                if place(mine) != *at {
                    wrong.push(format!("{code}: {bad:?} at {:?}", place(mine)));
                }
                if mine["help"].as_str().is_none_or(str::is_empty) {
                    wrong.push(format!("{code}: {bad:?} has no help"));
                }
            }
        }
        let before = apply(&repo, good);
        let found = lint(&repo);
        restore(&repo, before);
        if let Some(mine) = found.iter().find(|d| d["code"] == *code) {
            wrong.push(format!("{code}: {good:?} is good, and gives {mine}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(lint(&repo), Vec::<serde_json::Value>::new(), "the shop is good");
}

#[test]
fn every_rule_has_a_row_and_a_page_with_what_to_write_instead() {
    let mut codes = std::collections::BTreeSet::new();
    for rule in RULES {
        let page = rule.page();
        assert!(codes.insert(page.code), "{} is there twice", page.code);
        assert!(ROWS.iter().any(|row| row.0 == page.code), "{} has no row", page.code);
        // What is wrong, an example, and what to write instead.
        assert!(page.explain.split("\n\n").count() >= 3, "{}: {}", page.code, page.explain);
        assert!(page.explain.lines().all(|line| line.chars().count() <= 140), "{}", page.code);
    }
    assert!(codes.len() >= 30, "{}", codes.len());
}
