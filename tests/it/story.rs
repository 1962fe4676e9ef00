//! The story on a live cluster: a storefront under load is scaled through a pull request, and the load per pod falls.

mod load;
mod windows;

use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value as Json;

use self::load::Load;
use crate::demos::Page;
use crate::support::{Namespace, Program, Ran, Repo, audited, kubectl, lab, wait_for};

/// A repository, a Deployment that runs as it says, and a load on it.
struct Shop {
    repo: Repo,
    load: Load,
    namespace: Namespace,
}

impl Shop {
    /// 170m on two pods that ask for 100m each.
    fn new(stem: &str, verification: &str) -> Self {
        Self::with(stem, verification, "", 2, 170)
    }

    fn with(stem: &str, verification: &str, spec: &str, replicas: usize, millicores: u64) -> Self {
        let namespace = Namespace::new(stem);
        let name = &namespace.name;
        let workspace = format!(
            "apiVersion: bpctl.dev/v1\nkind: Workspace\nforge: local\nenvironments:\n  staging:\n    tier: staging\n    \
             cluster: {{context: lab}}\n    prometheus: {{url: \"{}\", rate_interval: 5s}}\n    delivery: direct\n\
             verification: {{applied: 3s, {verification}}}\n",
            lab("LAB_PROMETHEUS_URL")
        );
        let blueprint = format!(
            "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team-web}}\nspec:\n  target:\n    \
             workload: Deployment/web\n    namespace: {name}\n    source: deploy/web.yaml\n  scaling:\n    min_replicas: 2\n    \
             max_replicas: 5\n    scale_up_threshold: 80%\n    scale_down_threshold: 30%\n    window: 20s\n    cooldown: 60s\n{spec}"
        );
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: {name}\nspec:\n  \
             replicas: {replicas}   # scaled within the blueprint\n  selector:\n    matchLabels: {{app: web}}\n  template:\n    metadata:\n      \
             labels: {{app: web}}\n    spec:\n      containers:\n        - name: web\n          image: registry.shop.example/web:1\n          \
             resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}\n"
        );
        let files = [
            ("bpctl.yaml", workspace.as_str()),
            ("blueprints/web/blueprint.yaml", &blueprint),
            ("deploy/web.yaml", &manifest),
        ];
        let repo = Repo::with(&files);
        namespace.kubectl(&["apply", "--server-side", "--field-manager=bpctl", "-f", "-"], Some(&manifest));
        let load = Load::on(name, replicas, millicores);
        Self { repo, load, namespace }
    }

    fn bpctl(&self) -> Program {
        self.repo.bpctl().with("BPCTL_KUBECONFIG", lab("KUBECONFIG"))
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.bpctl().run(arguments)
    }

    /// A page of docs/demos, which calls things by other names than this run.
    fn page(&self, name: &str) -> Page {
        let mut page = Page::open(name);
        page.names(&self.namespace.name, "shop");
        page
    }

    /// Runs the page's next command.
    #[track_caller]
    fn shows(&self, page: &mut Page, command: &str, code: i32) -> Ran {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        page.run(command, &words, |words| self.run(words), code)
    }

    fn plan(&self) -> Json {
        self.run(&["plan", "-o", "json"]).exits(0).json()
    }

    fn deployment(&self) -> Json {
        self.namespace.get("deployment web")
    }

    /// What bpctl asked the API server about this namespace, as `VERB RESOURCE`.
    fn requests(&self) -> Vec<String> {
        let mine = audited(&format!("\"namespace\":\"{}\"", self.namespace.name)).into_iter().filter(is_bpctl);
        mine.map(|event| {
            format!(
                "{} {}",
                event["verb"].as_str().unwrap(),
                event.pointer("/objectRef/resource").unwrap().as_str().unwrap()
            )
        })
        .collect()
    }

    fn requested(&self, what: &str) -> usize {
        self.requests().iter().filter(|request| *request == what).count()
    }

    fn writes(&self) -> Vec<String> {
        let reads = ["get ", "list ", "watch "];
        self.requests().into_iter().filter(|request| !reads.iter().any(|read| request.starts_with(read))).collect()
    }

    /// Verified events of the ledger, and the conclusions that stand on the merge commit.
    fn verified(&self) -> Vec<Json> {
        let audit = self.run(&["audit", "-o", "json"]).exits(0).json();
        let events = audit["entries"].as_array().unwrap().iter().map(|entry| entry["event"].clone());
        events.filter(|event| event["kind"] == "verified").collect()
    }

    /// The files of the checks on a commit.
    fn checks(&self, commit: &str) -> String {
        self.repo.git(&["grep", "--no-color", "-h", "", &format!("refs/bpctl/checks/{commit}"), "--"])
    }

    /// The replicas were changed once by anybody, however often bpctl was started.
    fn scaled_once(&self) {
        let deployment = self.deployment();
        assert_eq!(deployment.pointer("/spec/replicas"), Some(&3.into()));
        assert_eq!(deployment.pointer("/metadata/generation"), Some(&2.into()), "one change after the creation");
        assert_eq!(self.repo.merges(), 1);
        assert!(self.repo.read("deploy/web.yaml").contains("replicas: 3   # scaled within the blueprint\n"));
    }
}

fn is_bpctl(event: &Json) -> bool {
    event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("bpctl/"))
}

fn told(apply: &Json) -> Vec<&str> {
    apply["steps"].as_array().unwrap().iter().map(|step| step["told"].as_str().unwrap()).collect()
}

#[test]
fn a_storefront_under_load_is_scaled_through_a_pull_request_and_the_load_per_pod_falls() {
    let shop = Shop::new("story", "ready: 20s, settled: 10s, sustained: 10s");

    let plan = shop.plan();
    let item = &plan["blueprints"][0]["items"][0];
    assert_eq!(plan["blueprints"][0]["items"].as_array().unwrap().len(), 1, "{plan:#}");
    assert_eq!(item["finding"]["finding"], "saturation", "{plan:#}");
    assert_eq!(item["finding"]["request"], "200m");
    let utilization = percent(&item["finding"]["utilization"]);
    assert!((82.0..=86.0).contains(&utilization), "{utilization}");
    assert_eq!((&item["action"]["from"], &item["action"]["to"]), (&2.into(), &3.into()), "{plan:#}");
    assert_eq!(item["verdict"]["tier"], "allowed", "{plan:#}");
    let mut requests = shop.requests();
    requests.sort();
    assert_eq!(requests, ["list deployments", "list horizontalpodautoscalers", "list pods"], "a plan's requests");
    assert_eq!(shop.run(&["plan", "--detailed-exitcode"]).code, Some(3));

    // From here on as docs/demos tells it.
    let mut page = shop.page("01-autonomous-scaling");
    shop.shows(&mut page, "bpctl plan", 0);
    let steps = shop.shows(&mut page, "bpctl apply --wait 120s", 0).stdout;
    let expected =
        ["opened local pull request #1", "merged local pull request #1", "applied Deployment/web: spec.replicas 2 → 3"];
    let lines: Vec<&str> = steps.lines().filter(|line| line.starts_with("  web ")).collect();
    for (step, expected) in lines.iter().zip(expected) {
        assert!(step.contains(expected), "{steps}");
    }
    assert!(lines.last().unwrap().contains("verified local pull request #1: success"), "{steps}");
    assert_eq!(lines.len(), 4, "{steps}");
    let report = &shop.verified()[0]["report"].clone();
    assert_eq!(report["outcome"], "success");
    // Before and after, as measured: the same load on two pods and on three.
    for (at, window) in [(2, "settled"), (3, "sustained")] {
        let check = &report["checks"][at];
        assert_eq!(check["window"], window, "{report:#}");
        let cpu = &check["measured"][0];
        assert_eq!((&cpu["measure"], &cpu["target"]), (&"CPU".into(), &"80%".into()), "{report:#}");
        let (before, after) = (percent(&cpu["before"]), percent(&cpu["after"]));
        assert!((82.0..=86.0).contains(&before) && (54.0..=60.0).contains(&after), "{report:#}");
    }

    // In the cluster, in Git, in the ledger, on the merge commit.
    shop.scaled_once();
    let pods = shop.namespace.get("pods");
    let running =
        pods["items"].as_array().unwrap().iter().filter(|pod| pod.pointer("/status/phase") == Some(&"Running".into()));
    assert_eq!(running.count(), 3);
    let verified = shop.verified();
    assert_eq!(verified.len(), 1);
    let merge = shop.repo.git(&["rev-parse", "main"]).trim().to_owned();
    assert_eq!(verified[0]["commit"], merge.as_str());
    assert_eq!(verified[0]["report"]["outcome"], "success");
    let checks = shop.checks(&merge);
    assert!(checks.contains("bpctl/verify-staging") && checks.contains("success"), "{checks}");

    // One write to the cluster, by one look at the object; nothing of Secrets.
    assert_eq!(shop.writes(), ["patch deployments"], "{:#?}", shop.requests());
    assert_eq!(shop.requested("get deployments"), 1);
    assert_eq!(shop.requested("list deployments"), shop.requested("list pods"));
    let kinds = [
        "list deployments",
        "list pods",
        "list horizontalpodautoscalers",
        "list events",
        "get deployments",
        "patch deployments",
    ];
    assert!(shop.requests().iter().all(|request| kinds.contains(&request.as_str())), "{:#?}", shop.requests());

    let diff = shop.repo.git(&["diff", "-U0", "--no-color", "main~1", "main"]);
    page.shows("git diff -U0 main~1 main", &diff);
    shop.shows(&mut page, "bpctl audit", 0);

    // Again: nothing to do, and nothing done.
    let (lists, refs) = (shop.requested("list pods"), shop.repo.refs("refs"));
    let heads = shop.repo.git(&["for-each-ref"]);
    let again = shop.run(&["apply", "--wait", "120s", "-o", "json"]).exits(0).json();
    assert_eq!(told(&again), Vec::<&str>::new());
    assert_eq!(shop.writes(), ["patch deployments"]);
    assert_eq!(shop.requested("list pods"), lists + 1, "one look");
    assert_eq!((shop.repo.refs("refs"), shop.repo.git(&["for-each-ref"])), (refs, heads), "Git did not change");

    // The load is the same, shared by one pod more: 170m of 300m.
    assert_eq!(shop.load.ready(), 3);
    let settled = wait_for("a utilization of 60 % or less", 60, || {
        let plan = shop.plan();
        let part = &plan["blueprints"][0];
        assert_eq!(
            part["items"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|item| item["verdict"]["holds"] == Json::Array(vec![]))
                .count(),
            0,
            "{plan:#}"
        );
        let line = part["notProposed"].as_array()?.first()?["because"].as_str()?.to_owned();
        let utilization: f64 = line.strip_prefix("CPU ")?.split('%').next()?.parse().ok()?;
        (utilization <= 60.0).then_some(utilization)
    });
    assert!(settled > 50.0, "{settled}");
    shop.shows(&mut page, "bpctl plan", 0);
    page.end();
}

/// `85.4%` as a number.
fn percent(json: &Json) -> f64 {
    json.as_str().unwrap().trim_end_matches('%').parse().unwrap()
}

#[test]
fn killed_before_or_after_the_cluster_was_written_the_next_run_finishes() {
    let shop = Shop::new("story-kill", "ready: 60s, settled: 0s, sustained: 0s");
    for (moment, replicas) in [("before", 2), ("after", 3)] {
        let program = shop.bpctl().with("BPCTL_FAIL_POINT", format!("apply-object:{moment}"));
        let status = program.command(&["apply"]).status().expect("bpctl starts");
        assert_eq!(status.signal(), Some(9), "killed {moment} the write");
        assert_eq!(shop.deployment().pointer("/spec/replicas"), Some(&replicas.into()), "killed {moment}");
    }
    // A run that cannot see the cluster writes no outcome down: what was not seen now may be seen later.
    let blind = shop.repo.home().join("blind");
    std::fs::copy(lab("KUBECONFIG"), &blind).expect("a copy");
    let blind = blind.display().to_string();
    kubectl(&["config", "--kubeconfig", &blind, "set-cluster", "lab", "--server=https://127.0.0.1:1"], None);
    let ran = shop.repo.bpctl().with("BPCTL_KUBECONFIG", blind).run(&["apply", "-o", "json"]).exits(1).json();
    assert_eq!(ran["verified"][0]["report"]["outcome"], "unknown", "{ran:#}");
    assert_eq!(shop.verified(), Vec::<Json>::new());

    let last = shop.run(&["apply", "--wait", "120s", "-o", "json"]).exits(0).json();
    assert_eq!(last["verified"][0]["report"]["outcome"], "success", "{last:#}");
    shop.scaled_once();
    assert_eq!(shop.writes(), ["patch deployments"]);
    assert_eq!(shop.verified().len(), 1);
    // The ledger holds what every run did, once.
    let audit = shop.run(&["audit", "-o", "json"]).exits(0).json();
    let kinds: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().map(|entry| entry["event"]["kind"].as_str().unwrap()).collect();
    for kind in ["merged", "verified"] {
        assert_eq!(kinds.iter().filter(|other| **other == kind).count(), 1, "{kinds:?}");
    }
}

#[test]
fn a_pod_that_cannot_come_is_a_failure_on_the_merge_commit() {
    let shop = Shop::new("story-quota", "ready: 4s");
    // Whoever runs the cluster allows two pods here; Git and the blueprint know nothing of it.
    shop.namespace.kubectl(&["create", "quota", "two", "--hard=pods=2"], None);
    wait_for("the quota's count", 30, || {
        (shop.namespace.get("resourcequota two").pointer("/status/used/pods") == Some(&"2".into())).then_some(())
    });
    let asked = "    cooldown: 60s\n  reliability: {rollback: {on_failed_verification: true, within: 60s}}\n";
    shop.repo.replace("blueprints/web/blueprint.yaml", "    cooldown: 60s\n", asked);
    shop.repo.commit(&[], "what fails goes back");
    let apply = shop.run(&["apply", "--wait", "120s", "-o", "json"]).exits(1).json();
    let report = &apply["verified"][0]["report"];
    assert_eq!(report["outcome"], "failure", "{apply:#}");
    assert_eq!(report["checks"][0]["outcome"], "success", "{apply:#}");
    assert_eq!(report["checks"][1]["evidence"], "2 of 3 pods running and ready", "{apply:#}");
    // The same pass opens the way back, which is for a person to approve.
    let back = shop.repo.git(&["diff", "main", "bpctl/staging/web/rollback", "--", "deploy/web.yaml"]);
    assert!(back.contains("\n-  replicas: 3 ") && back.contains("\n+  replicas: 2 "), "{back}");
    let merge = shop.repo.git(&["rev-parse", "main"]).trim().to_owned();
    let checks = shop.checks(&merge);
    assert!(checks.contains("bpctl/verify-staging") && checks.contains("failure"), "{checks}");
    let verified = shop.verified();
    assert_eq!((verified.len(), &verified[0]["report"]["outcome"]), (1, &"failure".into()));

    // The verdict is final: more room does not make it good afterwards, and the next run proposes nothing on top of it.
    shop.namespace.kubectl(&["delete", "quota", "two"], None);
    let again = shop.run(&["apply", "-o", "json"]).exits(0).json();
    assert_eq!(again["verified"], Json::Array(Vec::new()), "{again:#}");
    assert_eq!(shop.writes(), ["patch deployments"]);
    assert_eq!(shop.repo.merges(), 1);
}
