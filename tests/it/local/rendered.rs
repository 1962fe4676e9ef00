//! A workload that Kustomize renders, through the program: its pull request edits the overlay, and only a person merges that (X9).

use super::{APPLY, says};
use crate::support::{Repo, signed_shop};

const OVERLAY: &str = "overlays/staging/kustomization.yaml";
const TEXT: &str = "resources: [../../deploy]\nreplicas:\n  - {name: frontend, count: 2}   # two zones\nlabels: []\n";

/// The shop, whose frontend comes by an overlay.
pub(super) fn shop() -> (Repo, String) {
    let (repo, alice) = signed_shop();
    repo.write("deploy/kustomization.yaml", "resources: [frontend.yaml]\n");
    repo.replace("deploy/frontend.yaml", "replicas: 2 ", "replicas: 1 ");
    repo.write(OVERLAY, TEXT);
    repo.replace("blueprints/frontend/blueprint.yaml", "source: deploy/frontend.yaml", "source: overlays/staging");
    repo.replace(
        "bpctl.yaml",
        "    delivery: direct",
        "    delivery: direct\n    render: [{kustomize: overlays/staging}]",
    );
    repo.commit(&[], "the frontend comes by an overlay");
    (repo, alice)
}

/// Would miss: an edit of the base, which is another environment's too; a merge by the machine of what it cannot see the reach of.
#[test]
fn x09_a_rendered_field_is_edited_where_it_is_made_and_a_person_merges_it() {
    let (repo, alice) = shop();
    repo.run(&["lint"]).exits(0);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(
        &plan,
        &["▲ scale     replicas 2 → 3                              allowed", &format!("changes {OVERLAY}:3:29")],
    );
    let first = repo.run(&APPLY).exits(0).stdout;
    says(&first, &["replicas 2 → 3", "waits: no approval counts yet"]);
    assert_eq!(repo.read(OVERLAY), TEXT, "{first}");
    let open = repo.git(&["diff", "--name-only", "main", "bpctl/staging/frontend/scale"]);
    assert_eq!(open.trim(), OVERLAY);
    let mine = first.lines().find(|line| line.contains("frontend") && line.contains("local pull request #"));
    let number = mine.and_then(|line| line.split('#').nth(1)?.split(|c: char| !c.is_ascii_digit()).next());
    let number = number.unwrap_or_else(|| panic!("no pull request in {first}"));
    let judged = repo.run(&["judge", number]).exits(6).stdout;
    says(&judged, &["needs approval", OVERLAY]);
    repo.run(&["approve", number, "--signing-key", &alice]).exits(0);
    let approved = repo.run(&APPLY).exits(0).stdout;
    says(&approved, &["that is for a person to merge"]);
    assert_eq!(repo.read(OVERLAY), TEXT);
    repo.git(&["merge", "-q", "--no-ff", "-m", "three", "bpctl/staging/frontend/scale"]);
    let merged = repo.run(&APPLY).exits(0).stdout;
    assert_eq!(repo.read(OVERLAY), TEXT.replace("count: 2", "count: 3"), "{merged}");
    says(&merged, &["applied Deployment/frontend"]);
    let again = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    assert!(!again.contains("▲ scale     replicas 2"), "{again}");
}

/// Would miss: a change of an overlay or a values file that no blueprint's rules see, because its path is nobody's source.
#[test]
fn x09_whatever_a_rendering_reads_is_governed() {
    let (repo, _) = shop();
    repo.git(&["switch", "-q", "-c", "people"]);
    repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:6.6.6");
    repo.commit(&[], "another image, in the base");
    repo.git(&["switch", "-q", "main"]);
    let paths = repo.run(&["plan", "--env", "staging", "-o", "json"]).exits(0).json();
    assert_eq!(paths["blueprints"].as_array().map(Vec::len), Some(3));
    let opened = repo.git(&["push", "-q", ".", "people:refs/heads/bpctl/staging/frontend/scale"]);
    assert_eq!(opened, "");
    let told = repo.run(&APPLY).exits(0).stdout;
    let main = repo.git(&["show", "main:deploy/frontend.yaml"]);
    assert!(main.contains("frontend:1.4.0"), "{told}");
}

/// What cannot be rendered is unknown, and nothing is done about it: would miss a plan from the base's files instead.
#[test]
fn x09_what_does_not_render_is_unknown() {
    for (text, why) in [
        ("resources: [../../deploy, ../gone]\n", "there is no overlays/gone"),
        ("resources: [../../deploy]\nreplicas: [{name: other, count: 2}]\n", "the renderer refused"),
        ("resources: [https://example.org/x.yaml]\n", "fetched from elsewhere"),
        ("resources: [../../deploy]\ntransformers: [exec.yaml]\n", "it runs plug-ins of Kustomize"),
    ] {
        let (repo, _) = shop();
        repo.commit(&[(OVERLAY, text)], "broken");
        let ran = repo.run(&["lint"]).exits(6);
        says(&ran.stdout, &["render-failed", "bpctl.yaml"]);
        let plan = repo.run(&["plan", "--env", "staging"]).exits(1).stdout;
        says(&plan, &["the manifest: Kustomize could not render overlays/staging", why]);
        assert!(!plan.contains("Deployment/frontend"), "{plan}");
        let told = repo.run(&APPLY).exits(1).stdout;
        says(&told, &["frontend        not compared: the manifest: Kustomize could not render overlays/staging", why]);
        assert!(!told.contains("Deployment/frontend"), "{told}");
    }
}

/// An executable that a tree brings along is not run, whatever it is called (T21).
#[test]
fn t21_a_rendering_runs_nothing_of_the_tree() {
    let (repo, _) = shop();
    let canary = repo.folder.path().join("canary");
    let script = format!("#!/bin/sh\ntouch {}\n", canary.display());
    for name in ["overlays/staging/run.sh", "overlays/staging/git", "overlays/staging/helm"] {
        repo.write(name, &script);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(repo.path().join(name), mode).expect("it may run");
    }
    let function = "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n";
    repo.write("overlays/staging/exec.yaml", function);
    repo.commit(
        &[(OVERLAY, "resources: [../../deploy]\ntransformers: [exec.yaml]\ngenerators: [exec.yaml]\n")],
        "it runs",
    );
    let plan = repo.run(&["plan", "--env", "staging"]).exits(1).stdout;
    says(&plan, &["Kustomize could not render overlays/staging"]);
    assert!(!canary.exists());
}
