//! What every Kubernetes asks for, of manifests that Kustomize puts together: a patch has parts alone, and is judged by what is rendered.

use super::{lint, place};
use crate::support::Repo;

const PATCH: &str = "overlays/staging/patch.yaml";

/// The shop, whose frontend comes by an overlay with a patch of one container.
fn patched(container: &str) -> Repo {
    let repo = Repo::shop();
    repo.write("deploy/kustomization.yaml", "resources: [frontend.yaml]\n");
    repo.write("overlays/staging/kustomization.yaml", "resources: [../../deploy]\npatches: [{path: patch.yaml}]\n");
    repo.write(
        PATCH,
        &format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: frontend, namespace: shop}}\nspec:\n  template:\n    spec:\n      containers:\n        \
             - name: {container}\n          env: [{{name: LEVEL, value: debug}}]\n"
        ),
    );
    repo.replace("blueprints/frontend/blueprint.yaml", "source: deploy/frontend.yaml", "source: overlays/staging");
    let render = "    delivery: direct\n    render: [{kustomize: overlays/staging}]";
    repo.replace("bpctl.yaml", "    delivery: direct", render);
    repo.commit(&[], "the frontend comes by an overlay");
    repo
}

/// R6, Would miss: a slip in the name of a patch's container, which makes a second one without an image, planned as "reconcile, allowed"; a
/// finding at a line of what is rendered, which is in no file; and any finding about a patch that is as it should be.
#[test]
fn r6_a_container_that_only_a_patch_makes_is_found_at_the_patch() {
    let good = patched("web");
    assert_eq!(lint(&good), Vec::<serde_json::Value>::new());
    let plan = good.run(&["plan", "--env", "staging", "-t", "frontend", "-o", "json"]).exits(0).json();
    assert_ne!(plan["blueprints"][0]["items"], serde_json::json!([]), "{plan:#}");

    let slip = patched("wbe");
    let found: Vec<_> = lint(&slip).into_iter().filter(|found| found["code"] == "manifest-invalid").collect();
    let [mine] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((&mine["code"], place(mine)), (&"manifest-invalid".into(), (PATCH, 8, 17)), "{mine:#}");
    let told = (mine["message"].as_str().unwrap_or_default(), mine["help"].as_str().unwrap_or_default());
    assert!(told.0.contains("containers[name=wbe] has no image"), "{told:?}");
    assert_eq!(told.1, "did you mean the container `web`? A patch finds it by its name");

    let ran = slip.run(&["plan", "--env", "staging", "-t", "frontend", "-o", "json"]).exits(1);
    let part = &ran.json()["blueprints"][0];
    assert_eq!((&part["items"], &part["unknown"][0]["uncompared"]), (&serde_json::json!([]), &true.into()), "{part:#}");
    assert!(part["unknown"][0].to_string().contains("has no image"), "{part:#}");
}

/// Would miss: a number that the API server keeps a part of without a word, so that what looks like many replicas is none; a number that it keeps
/// whole, or a quantity, told as too long.
#[test]
fn r6_a_number_that_kubernetes_would_cut_is_refused_wherever_it_stands() {
    let repo = Repo::shop();
    let scaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, namespace: shop}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: backend}\n  maxReplicas: 4294967297\n";
    let backend = repo.read("deploy/backend.yaml");
    repo.write("deploy/backend.yaml", &format!("{}{scaler}", backend.replace("replicas: 3", "replicas: 4294967296")));
    repo.replace(
        "deploy/frontend.yaml",
        "      containers:",
        "      terminationGracePeriodSeconds: 4294967297\n      securityContext: {runAsUser: 4294967297}\n      tolerations: [{key: a, tolerationSeconds: 4294967297}]\n      \
         volumes: [{name: v, emptyDir: {sizeLimit: 8589934592}}]\n      containers:",
    );
    let found: Vec<_> = lint(&repo).into_iter().filter(|found| found["code"] == "manifest-invalid").collect();
    let told: Vec<&str> = found.iter().filter_map(|found| found["message"].as_str()).collect();
    assert_eq!(
        told,
        [
            "spec.replicas is 4294967296, and can not be more than 2147483647 either way",
            "spec.maxReplicas is 4294967297, and can not be more than 2147483647 either way"
        ]
    );
    let plan = repo.run(&["plan", "-t", "backend", "-o", "json"]).exits(1).json();
    assert_eq!(plan["blueprints"][0]["items"], serde_json::json!([]), "{plan:#}");
}

/// Would miss: an address that every plan refuses, told by none of lint's rules; a password in Git that is shown; a workspace or a policy of nothing.
#[test]
fn r6_a_workspace_that_nobody_can_go_by_is_refused_where_it_is_written() {
    let refused = |from: &str, to: &str, told: &str| {
        let repo = Repo::shop();
        repo.replace("bpctl.yaml", from, to);
        let ran = repo.run(&["lint"]).exits(6);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(all.contains(told) && all.contains("bpctl.yaml:") && !all.contains("hunter2"), "{to}: {all}");
    };
    let direct = "    delivery: direct";
    for (url, told) in [
        ("http://app:hunter2@prometheus:9090", "the address of Prometheus holds credentials"),
        ("prometheus:9090", "no plain http or https address"),
        ("ftp://prometheus", "no plain http or https address"),
        ("http://prometheus/graph?x=1", "no plain http or https address"),
    ] {
        refused(direct, &format!("    prometheus: {{url: \"{url}\"}}\n{direct}"), told);
    }
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", direct, &format!("    prometheus: {{url: \"http://prometheus:9090/path/\"}}\n{direct}"));
    repo.run(&["lint"]).exits(0);
    repo.write("blueprints/policies/base.yaml", "# \n");
    assert!(repo.run(&["lint"]).exits(6).stdout.contains("blueprints/policies/base.yaml is empty"));
    repo.write("bpctl.yaml", "apiVersion: bpctl.dev/v1\nkind: Workspace\nforge: local\nenvironments: {}\n");
    assert!(repo.run(&["lint"]).exits(6).stdout.contains("there is no environment"));
}
