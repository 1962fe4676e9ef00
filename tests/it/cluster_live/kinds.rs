//! Workloads of the other kinds: the same drift, the same delivery.

use super::workspace::{Difference, WAYS, bpctl, drift, parts, workspace};
use crate::support::{Namespace, Repo};

const DATABASE: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: db
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
        - name: db
          image: registry.example.org/db:1
          env:
            - name: LOG_LEVEL
              value: info
          ports: [{containerPort: 5432}]
          resources: {requests: {cpu: \"0.5\", memory: 1024Mi}}
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
";

const AGENT: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: agent
spec:
  selector: {matchLabels: {app: agent}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 10%}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      tolerations: [{operator: Exists}]
      containers:
        - name: agent
          image: registry.example.org/agent:1
          resources: {requests: {cpu: 0.05}}
          env:
            - name: LOG_LEVEL
              value: info
";

const SCALING: &str = "  scaling: {min_replicas: 1, max_replicas: 3}\n";

fn repository(namespace: &Namespace) -> Repo {
    let repo = Repo::empty();
    repo.write("bpctl.yaml", &workspace());
    for (kind, name, text) in [("StatefulSet", "db", DATABASE), ("DaemonSet", "agent", AGENT)] {
        repo.write(&format!("deploy/{name}.yaml"), text);
        let blueprint = format!(
            "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: {name}, version: 1.0.0, owner: team}}\nspec:\n  target: \
             {{workload: {kind}/{name}, namespace: {}, source: deploy/{name}.yaml}}\n{SCALING}",
            namespace.name
        );
        repo.write(&format!("blueprints/{name}.yaml"), &blueprint);
    }
    repo.commit(&[], "start");
    repo
}

fn seen(repo: &Repo) -> serde_json::Value {
    let ran = bpctl(repo, None).run(&["plan", "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.json()
}

#[test]
fn stateful_and_daemon_sets_drift_and_are_brought_back() {
    for way in WAYS {
        let namespace = Namespace::new("kinds");
        let repo = repository(&namespace);
        for text in [DATABASE, AGENT] {
            let mut arguments = way.to_vec();
            arguments.extend(["-f", "-"]);
            namespace.kubectl(&arguments, Some(text));
        }
        let plan = seen(&repo);
        for (name, part) in parts(&plan) {
            assert_eq!(drift(part), [], "{way:?} {name}: nothing was changed");
        }
        let agent = parts(&plan).find(|(name, _)| *name == "agent").expect("agent").1;
        assert!(
            agent["notProposed"]
                .as_array()
                .is_some_and(|all| all[0]["because"].as_str().is_some_and(|because| because.contains("DaemonSet"))),
            "a DaemonSet is not scaled, and the plan says so: {agent:#}"
        );

        namespace.kubectl(&["scale", "statefulset/db", "--replicas=3"], None);
        namespace.kubectl(&["set", "env", "daemonset/agent", "LOG_LEVEL=debug"], None);
        let plan = seen(&repo);
        let changed = |path: &str, at: &str, by: &str| Difference {
            path: path.into(),
            kind: "changed".into(),
            at: at.into(),
            by: Some(by.into()),
        };
        let found: Vec<(&str, Vec<Difference>)> = parts(&plan).map(|(name, part)| (name, drift(part))).collect();
        let env = "spec.template.spec.containers[name=agent].env[name=LOG_LEVEL].value";
        let agent = changed(env, "deploy/agent.yaml:18", "kubectl-set");
        let database = changed("spec.replicas", "deploy/db.yaml:6", "kubectl");
        assert_eq!(found, [("agent", vec![agent]), ("db", vec![database])], "{way:?}");

        if way.len() == 1 {
            // Nothing was applied by bpctl yet, so no pause holds it.
            let ran = bpctl(&repo, None).run(&["apply"]);
            assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
            assert_eq!(namespace.get("statefulset/db")["spec"]["replicas"], 2, "{}", ran.stdout);
            let agent = namespace.get("daemonset/agent");
            assert_eq!(agent["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"], "info", "{}", ran.stdout);
            let plan = seen(&repo);
            for (name, part) in parts(&plan) {
                assert_eq!(drift(part), [], "{name}: it was brought back");
            }
        }
    }
}
