//! Deployments that others wrote: what was just applied is not drift.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::workspace::{WAYS, bpctl, drift, parts, repository};
use crate::support::{Namespace, Repo};

/// A public Deployment: its name, the file's name, the file, and the one document of it.
struct Public {
    name: String,
    file: String,
    text: String,
    document: String,
    /// What of the file may belong to it.
    beside: Vec<String>,
}

/// The documents of a file that may belong to a workload.
fn companions(text: &str) -> Vec<String> {
    let is_one = |document: &&str| {
        let object: serde_json::Value = serde_yaml::from_str(document).unwrap_or_default();
        let kinds = ["ConfigMap", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"];
        kinds.iter().any(|kind| object["kind"] == **kind)
    };
    let text = format!("\n{text}");
    text.split("\n---").filter(is_one).map(str::to_owned).collect()
}

/// Kubernetes' own repository, as the lab's build has it in Go's module cache.
fn kubernetes() -> PathBuf {
    let lab = include_str!("../../lab/common.sh");
    let version = lab.lines().find_map(|line| line.strip_prefix("K8S=")).expect("the lab's version");
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("go")
        .args(["mod", "download", "-json", &format!("k8s.io/kubernetes@v{version}")])
        .env("GOFLAGS", "-mod=mod")
        .current_dir(folder.path())
        .output()
        .expect("go starts");
    let module: serde_json::Value = serde_json::from_slice(&output.stdout).expect("go's answer");
    module["Dir"].as_str().expect("the module's folder").into()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, found);
        } else if [".yaml", ".yaml.in", ".yaml.base"].iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

/// Fills in what the build or the test suite would: `{{.Image}}`, `__DNS__DOMAIN__`.
fn filled_in(text: &str) -> String {
    let mut filled = String::new();
    for line in text.lines() {
        let value = match line.trim_start().split(':').next() {
            Some("- image" | "image") => "registry.example.org/filled-in:1",
            Some("memory") => "1Gi",
            Some("clusterIP") => "None",
            _ => "1",
        };
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("{{") {
            filled += before;
            filled += value;
            rest = after.split_once("}}").map_or("", |(_, after)| after);
        }
        let mut pieces = rest.split("__DNS__");
        filled += pieces.next().unwrap_or_default();
        for piece in pieces {
            filled += value;
            filled += piece
                .split_once("__")
                .map_or("", |(_, after)| after.split_once("__").map_or(after, |(_, after)| after));
        }
        filled.push('\n');
    }
    filled
}

fn deployments(namespace: &str) -> Vec<Public> {
    let root = kubernetes();
    let mut paths = Vec::new();
    for folder in ["cluster", "test/fixtures", "test/e2e/testing-manifests"] {
        files(&root.join(folder), &mut paths);
    }
    let mut names = BTreeSet::new();
    let mut seen = BTreeMap::new();
    let mut found = Vec::new();
    for path in paths {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if !text.contains("kind: Deployment") || path.ends_with("appsv1deployment-no-selectors.yaml") {
            continue;
        }
        let mut text = filled_in(&text);
        for other in ["kube-system", "hello"] {
            text = text.replace(&format!("namespace: {other}\n"), &format!("namespace: {namespace}\n"));
        }
        for document in companions(&text) {
            let object: serde_json::Value = serde_yaml::from_str(&document).expect("an object");
            let name = format!("{}/{}", object["kind"], object["metadata"]["name"]);
            // Two files that declare one Service are two installations: a cluster has one of them.
            if *seen.entry(name).or_insert_with(|| path.clone()) != path {
                text = format!("\n{text}").replace(&document, "\n");
            }
        }
        for document in format!("\n{text}").split("\n---") {
            let Ok(object) = serde_yaml::from_str::<serde_json::Value>(document) else { continue };
            if object["kind"] != "Deployment" || object["apiVersion"] != "apps/v1" {
                continue;
            }
            let name = object.pointer("/metadata/name").and_then(serde_json::Value::as_str).expect("a name").to_owned();
            if names.insert(name.clone()) {
                let file =
                    format!("deploy/{name}/{}.yaml", path.file_stem().unwrap().to_string_lossy().replace(".yaml", ""));
                let beside = companions(&text);
                found.push(Public { name, file, text: text.clone(), document: document.to_owned(), beside });
            }
        }
    }
    found
}

fn applied_is_not_drift(way: &[&str]) {
    let namespace = Namespace::new("public");
    let public = deployments(&namespace.name);
    assert!(public.len() >= 15, "{} Deployments", public.len());
    let beside: BTreeSet<&str> = public.iter().flat_map(|one| one.beside.iter().map(String::as_str)).collect();
    assert!(beside.len() >= 5, "{} objects beside them", beside.len());
    let documents: Vec<&str> = public.iter().map(|one| one.document.as_str()).chain(beside).collect();
    let mut arguments = way.to_vec();
    arguments.extend(["-f", "-"]);
    namespace.kubectl(&arguments, Some(&documents.join("\n---\n")));
    let manifests: Vec<_> = public.iter().map(|one| (one.name.clone(), one.file.clone(), one.text.clone())).collect();
    let repo = repository(&namespace, &manifests);
    let plan = bpctl(&repo, None).run(&["plan", "-o", "json"]).exits(0).json();
    let mut looked_at = 0;
    for (name, part) in parts(&plan) {
        assert_eq!(part["items"], serde_json::json!([]), "{name}: {:#?}", drift(part));
        assert_eq!(part["unknown"], serde_json::json!([]), "{name}");
        looked_at += 1;
    }
    assert_eq!(looked_at, public.len());
    let text = bpctl(&repo, None).run(&["plan"]).exits(0).stdout;
    assert!(!text.contains("as far as could be seen"), "{text}");
}

/// The first files that a newcomer gets, on manifests that others wrote, against the cluster that has them.
#[test]
fn init_then_lint_then_plan_finds_no_fault_with_what_was_just_applied() {
    let namespace = Namespace::new("public-init");
    let public = deployments(&namespace.name);
    let repo = Repo::empty();
    for one in &public {
        repo.write(&format!("deploy/{}.yaml", one.name), &one.document);
    }
    let documents: Vec<&str> = public.iter().map(|one| one.document.as_str()).collect();
    namespace.kubectl(&["apply", "-f", "-"], Some(&documents.join("\n---\n")));
    repo.run(&["init", "--namespace", &namespace.name, "--env", "lab", "--context", "lab"]).exits(0);
    repo.run(&["lint"]).exits(0);
    repo.commit(&[], "init");
    let plan = bpctl(&repo, None).run(&["plan", "-o", "json"]).exits(0).json();
    for (name, part) in parts(&plan) {
        assert_eq!(part["items"], serde_json::json!([]), "{name}: {:#?}", drift(part));
    }
    assert_eq!(parts(&plan).count(), public.len());
}

#[test]
fn what_kubectl_applied_is_not_drift() {
    applied_is_not_drift(WAYS[0]);
}

#[test]
fn what_server_side_apply_applied_is_not_drift() {
    applied_is_not_drift(WAYS[1]);
}
