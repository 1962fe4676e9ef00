#!/usr/bin/env python3
"""generate.py FOLDER [--count N] [--drifted N] [--namespace NAME] [--recorded]: a repository to measure with.

FOLDER/repo     a Git repository on main: bpctl.yaml, and for each of N workloads a blueprint and a Deployment
FOLDER/drift    for the first workloads, what somebody changed in the cluster, to be applied by server-side apply
FOLDER/schemas  a schema for kubeconform that every manifest fulfils

With --recorded the cluster is a snapshot inside the repository, made of the shipped example's, and nothing has drifted.

The same arguments give the same bytes, commit ids included.
"""

import argparse
import json
import os
import pathlib
import subprocess

WORKSPACE = """\
apiVersion: bpctl.dev/v1
kind: Workspace
blueprints: blueprints
base: main
forge: local
local: {{allowed_signers: blueprints/allowed_signers}}
environments:
  staging:
    tier: staging
    cluster: {{context: {context}}}
    delivery: direct
"""

BLUEPRINT = """\
apiVersion: bpctl.dev/v1
kind: Blueprint
metadata:
  name: {name}
  version: 1.4.0
  owner: team-{team}
  description: One of many
spec:
  target:
    workload: Deployment/{name}
    namespace: {namespace}
    source: deploy/{name}.yaml
  resources:
    cpu: {{minimum: 50m, maximum: "1", target_utilization: 70%}}
    memory: {{minimum: 64Mi, maximum: 512Mi, target_utilization: 80%}}
  performance: {{latency_p95: 200ms, availability: 99.9%, error_rate: 1%}}
  scaling:
    min_replicas: 1
    max_replicas: 5
    scale_up_threshold: 80%
    scale_down_threshold: 30%
    window: 5m
    cooldown: 60s
  reliability:
    max_restart_count: 3
    health_checks: {{readiness: required, liveness: required}}
    rollback: {{on_failed_verification: true, within: 60s}}
governance:
  agent_authority:
    allowed_operations: [scale, restart, resize, configure]
    requires_approval: [scale_beyond_limits, resize_beyond_step, change_strategy, change_probes, rollback, reconcile]
    forbidden_operations: [delete, change_secrets, change_network_policy, change_rbac, scale_to_zero]
  approval_workflow: {{approvers: [team-{team}], timeout: 1h, notifications: [review_request]}}
  audit: {{logging: all, retention: 90d, format: json}}
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
  labels: {{app: {name}, team: team-{team}}}
spec:
  replicas: 1
  selector:
    matchLabels: {{app: {name}}}
  strategy:
    type: RollingUpdate
    rollingUpdate: {{maxSurge: 25%, maxUnavailable: 0}}
  template:
    metadata:
      labels: {{app: {name}, team: team-{team}}}
    spec:
      containers:
        - name: app
          image: registry.example/{name}:1.{minor}.0 # the release's tag
          ports: [{{name: http, containerPort: 8080}}]
          env:
            - {{name: LOG_LEVEL, value: info}}
            - {{name: CACHE_SECONDS, value: "{cache}"}}
          resources:
            requests: {{cpu: 100m, memory: 128Mi}}
            limits: {{cpu: 500m, memory: 256Mi}}
          readinessProbe: {{httpGet: {{path: /ready, port: http}}, periodSeconds: 5}}
          livenessProbe: {{httpGet: {{path: /live, port: http}}, periodSeconds: 10}}
"""

DRIFT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  template:
    spec:
      containers:
        - name: app
          env: [{{name: LOG_LEVEL, value: debug}}]
"""

TRIVIAL_SCHEMA = {"type": "object", "required": ["apiVersion", "kind", "metadata"]}


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class Recording:
    """The shipped example's backend, over and over, as `bpctl snapshot` would have recorded it."""

    def __init__(self) -> None:
        self.shop = pathlib.Path(__file__).resolve().parent.parent / "examples" / "shop"
        cluster = self.shop / "clusters" / "staging"
        self.header = json.loads((cluster / "snapshot.json").read_text())
        self.lists = {}
        for name in ("deployments", "pods"):
            listed = json.loads((cluster / "shop" / f"{name}.json").read_text())
            mine = [i for i in listed["items"] if self.is_backend(i["metadata"]["name"])]
            # One pod each: more would measure pods.
            listed["items"] = mine[:1]
            self.lists[name] = listed
        self.schema = (cluster / "schemas" / "apps_v1_Deployment.json").read_text()

    @staticmethod
    def is_backend(name: str) -> bool:
        return name == "backend" or (name.startswith("backend-") and "canary" not in name)

    def renamed(self, text: str, name: str, namespace: str) -> str:
        return text.replace("backend", name).replace("namespace: shop", f"namespace: {namespace}")

    def manifest(self, name: str, namespace: str) -> str:
        text = (self.shop / "deploy" / "backend.yaml").read_text()
        return self.renamed(text, name, namespace)

    def write(self, folder: pathlib.Path, namespace: str, count: int) -> None:
        write(folder / "snapshot.json", json.dumps({**self.header, "namespaces": [namespace]}))
        write(folder / "schemas" / "apps_v1_Deployment.json", self.schema)
        for kind, listed in self.lists.items():
            items = []
            for i in range(count):
                for item in listed["items"]:
                    text = json.dumps(item).replace("backend", f"app-{i:05}")
                    text = text.replace('"namespace": "shop"', json.dumps({"namespace": namespace})[1:-1])
                    items.append(json.loads(text.replace(item["metadata"]["uid"], f"{item['metadata']['uid'][:-5]}{i:05}")))
            write(folder / namespace / f"{kind}.json", json.dumps({**listed, "items": items}))
        autoscalers = "horizontalpodautoscaler.v2.autoscaling.json"
        write(folder / namespace / autoscalers, (self.shop / "clusters" / "staging" / "shop" / autoscalers).read_text())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--drifted", type=int, default=50)
    parser.add_argument("--namespace", default="bench")
    parser.add_argument("--context", default="lab")
    parser.add_argument("--recorded", action="store_true")
    args = parser.parse_args()

    repo = args.folder / "repo"
    workspace = WORKSPACE.format(context=args.context)
    if args.recorded:
        workspace = workspace.replace(f"context: {args.context}", "snapshot: clusters/bench")
        record = Recording()
        record.write(repo / "clusters" / "bench", args.namespace, args.count)
    write(repo / "bpctl.yaml", workspace)
    write(repo / "blueprints" / "allowed_signers", "# PRINCIPAL KEYTYPE KEY\n")
    for i in range(args.count):
        values = {
            "name": f"app-{i:05}",
            "namespace": args.namespace,
            "team": i % 20,
            "minor": i % 7,
            "cache": 10 + i % 300,
        }
        blueprint = BLUEPRINT.format(**values)
        manifest = DEPLOYMENT.format(**values)
        if args.recorded:
            # The recorded backend has no probes; a promise that nobody keeps would measure complaints.
            blueprint = blueprint.replace("{readiness: required, liveness: required}", "{}")
            manifest = record.manifest(values["name"], values["namespace"])
        write(repo / "blueprints" / values["name"] / "blueprint.yaml", blueprint)
        write(repo / "deploy" / f"{values['name']}.yaml", manifest)
        if i < args.drifted:
            write(args.folder / "drift" / f"{values['name']}.yaml", DRIFT.format(**values))
    write(args.folder / "schemas" / "deployment.json", json.dumps(TRIVIAL_SCHEMA))

    who = {"NAME": "bench", "EMAIL": "bench@example.com", "DATE": "2026-01-01T00:00:00Z"}
    env = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    env |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    env |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "Lay out the workloads"]):
        subprocess.run(["git", *command], cwd=repo, env=env, check=True)


if __name__ == "__main__":
    main()
