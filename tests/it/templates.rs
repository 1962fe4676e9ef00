//! What the shipped RBAC grants and the shipped workflows may do, read as they are written.

use serde_json::Value as Json;

use crate::support::Repo;

/// T39
#[test]
fn t39_no_template_grants_a_wildcard_secrets_or_a_way_to_more() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/rbac");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a file");
        for document in text.split("\n---\n") {
            let object: Json = serde_yaml::from_str(document).expect("YAML");
            for rule in object["rules"].as_array().into_iter().flatten() {
                let list = |key: &str| -> Vec<String> {
                    let items = rule[key].as_array().into_iter().flatten();
                    items.map(|item| item.as_str().expect("text").to_owned()).collect()
                };
                let (resources, verbs) = (list("resources"), list("verbs"));
                let all = [list("apiGroups"), resources.clone(), verbs.clone()].concat();
                assert!(all.iter().all(|item| !item.contains('*')), "{name}: {rule}");
                let refused =
                    ["secrets", "pods/exec", "pods/log", "serviceaccounts/token", "nodes", "clusterroles", "roles"];
                assert!(resources.iter().all(|resource| !refused.contains(&resource.as_str())), "{name}: {rule}");
                let allowed: &[&str] = match name.as_str() {
                    "reader.yaml" => &["get", "list", "watch"],
                    "applier.yaml" => &["get", "patch"],
                    "exact.yaml" => &["create", "patch"],
                    other => panic!("{other}: say here what it may grant"),
                };
                assert!(verbs.iter().all(|verb| allowed.contains(&verb.as_str())), "{name}: {rule}");
                seen.push(name.clone());
            }
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["applier.yaml", "exact.yaml", "reader.yaml"]);
}

/// T3, T4, T14, T40, T41, Z16. Would miss: an action of a tag that moves, a token that stays in the clone, a right that no step needs, a secret in a
/// job that works for strangers, a cache in a job that writes.
#[test]
fn t03_t14_t40_t41_workflows_hold_what_their_jobs_need_and_no_more() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/workflows");
    let mut jobs_seen = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a file");
        let workflow: Json = serde_yaml::from_str(&text).expect("YAML");
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{name}");
        // What waits may be cancelled, and the next run makes up for it; of what changes something nothing is cancelled midway.
        let cancels = &workflow["concurrency"]["cancel-in-progress"];
        assert_eq!(
            *cancels,
            match name.as_str() {
                "apply" | "shards" => Json::Bool(false),
                "merge-queue" => Json::Null,
                _ => Json::Bool(true),
            },
            "{name}"
        );
        let is_base_alone = text.contains("pull_request_target") || text.contains("workflow_run");
        for (job, body) in workflow["jobs"].as_object().expect("jobs") {
            let what = format!("{name}.{job}");
            let mut rights: Vec<String> = Vec::new();
            for (right, level) in body["permissions"].as_object().expect("permissions") {
                rights.push(format!("{right}: {}", level.as_str().expect("a level")));
            }
            let writes: Vec<&String> = rights.iter().filter(|right| right.ends_with("write")).collect();
            let told = body.to_string();
            let has_secret = told.contains("secrets.");
            match job.as_str() {
                "comment" => assert!(writes == ["pull-requests: write"] && !has_secret, "{what}: {rights:?}"),
                "scan" => assert!(writes == ["security-events: write"] && !has_secret, "{what}: {rights:?}"),
                "lint" => assert!(rights == ["contents: read"] && !has_secret, "{what}: {rights:?}"),
                _ => assert!(writes.is_empty(), "{what}: {rights:?}"),
            }
            let for_pulls = text.contains("pull_request");
            let own = body["if"].as_str().is_some_and(|when| when.contains("head.repo.full_name == github.repository"));
            assert!(!for_pulls || !has_secret || own, "{what}: a secret for strangers");
            assert!(!told.contains("actions/cache") && !told.contains("\"cache\""), "{what}: a cache");
            for step in body["steps"].as_array().expect("steps") {
                let Some(uses) = step["uses"].as_str() else { continue };
                let pin = uses.split('@').nth(1).expect("a pin");
                assert!(pin.len() == 40 && pin.bytes().all(|byte| byte.is_ascii_hexdigit()), "{what}: {uses}");
                if uses.starts_with("actions/checkout@") {
                    assert_eq!(step["with"]["persist-credentials"], false, "{what}");
                    let head = step["with"]["ref"].as_str().is_some_and(|wanted| wanted.contains("head"));
                    assert!(!is_base_alone || !head, "{what}: the head is checked out");
                }
            }
            jobs_seen.push(what);
        }
    }
    jobs_seen.sort();
    assert_eq!(
        jobs_seen,
        [
            "apply.apply",
            "code-scanning.scan",
            "environments.comment",
            "environments.plan",
            "judge.judge",
            "merge-queue.verdict",
            "pull-request.comment",
            "pull-request.lint",
            "pull-request.plan",
            "shards.plan"
        ]
    );
}

/// T24, X5. Would miss: a pull request in GitHub's merge queue that is judged by rules which the one before it changes.
#[test]
fn t24_in_a_merge_queue_nothing_is_judged_before_what_lands_first() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("templates/workflows/merge-queue.yml")).expect("a file");
    let workflow: Json = serde_yaml::from_str(&text).expect("YAML");
    let script = workflow["jobs"]["verdict"]["steps"][1]["run"].as_str().expect("a script");
    let folder = tempfile::tempdir().expect("a folder");
    // The branch is where the one before began, twice, and then where that landed.
    for (name, body) in [
        ("gh", "echo \"$2\" >>asked; [ \"$(wc -l <asked)\" -gt 2 ] && echo landed || echo before\n"),
        ("sleep", "exit 0\n"),
    ] {
        use std::os::unix::fs::PermissionsExt as _;
        let file = folder.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{body}")).expect("written");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let run = |group: &str| {
        std::process::Command::new("bash")
            .args(["-c", script])
            .current_dir(folder.path())
            .env("PATH", format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path")))
            .env("REF", format!("refs/heads/gh-readonly-queue/main/{group}"))
            .envs([("BASE", "landed"), ("BRANCH", "refs/heads/main"), ("GITHUB_REPOSITORY", "shop/shop")])
            .env("GITHUB_OUTPUT", folder.path().join("output"))
            .status()
            .expect("bash starts")
    };
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    assert!(run("pr-12-0123456789abcdef").success());
    assert_eq!(
        (read("output"), read("asked")),
        ("number=12\n".into(), "repos/shop/shop/git/ref/heads/main\n".repeat(3))
    );
    assert!(!run("somebody's").success());
}

/// T40. Would miss: a workflow that runs nothing because it names no commit, one that runs another commit than was looked at or one that nobody can
/// fetch, a file of a person's that is overwritten, and a name that is part of the script.
#[test]
fn t40_workflows_are_copied_with_the_commit_that_was_looked_at() {
    use std::path::Path;
    use std::process::Command;

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clone = Repo::empty();
    for file in ["templates/copy-workflows.sh", "action.yml", "action/bpctl.sh", "Cargo.toml"] {
        clone.write(file, &std::fs::read_to_string(root.join(file)).expect("a file"));
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("templates/workflows")).expect("a folder") {
        let path = entry.expect("an entry").path();
        names.push(path.file_stem().expect("a name").to_string_lossy().into_owned());
        let text = std::fs::read_to_string(&path).expect("a file");
        clone.write(&format!("templates/workflows/{}.yml", names.last().expect("one")), &text);
    }
    let commit = clone.commit(&[], "as it was looked at").trim().to_owned();
    let here = tempfile::tempdir().expect("a folder");
    let copy = |arguments: &[&str]| {
        let mut command = Command::new("bash");
        command.arg(clone.path().join("templates/copy-workflows.sh")).args(arguments).current_dir(here.path());
        let ran = command.output().expect("bash starts");
        (ran.status.code(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
    };
    let refused = |arguments: &[&str], words: &str| {
        let (code, told) = copy(arguments);
        assert!(code == Some(2) && told.contains(words), "{code:?} {told}");
    };
    refused(&[".github/workflows", "live"], "no branch of a remote and no tag has");
    clone.git(&["update-ref", "refs/remotes/origin/main", &commit]);
    refused(&[".github/workflows"], "for which environment");
    refused(&[".github/workflows", "live/e;id"], "no environment's name");
    refused(&[".github/workflows", "live", "../../action"], "there is no workflow");
    assert!(!here.path().join(".github").exists());

    let (code, told) =
        copy(&[&[".github/workflows", "live"], &*names.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert_eq!(code, Some(0), "{told}");
    for name in &names {
        let shipped = clone.read(&format!("templates/workflows/{name}.yml"));
        let copied =
            std::fs::read_to_string(here.path().join(format!(".github/workflows/{name}.yml"))).expect("a copy");
        assert!(!copied.contains("@0000") && copied.contains(&format!("bpctl/bpctl@{commit}")), "{name}: {copied}");
        let (shipped, copied): (Json, Json) =
            (serde_yaml::from_str(&shipped).expect("YAML"), serde_yaml::from_str(&copied).expect("YAML"));
        let wanted = shipped.to_string().replace(&"0".repeat(40), &commit);
        let wanted = wanted.replace("staging", "live").replace("[\"live\",\"prod\"]", "[\"staging\",\"prod\"]");
        assert_eq!(copied.to_string(), wanted, "{name}");
    }
    refused(&[".github/workflows", "live", "judge"], "is there already");
    // They run for the base branch that bpctl.yaml names.
    std::fs::write(here.path().join("bpctl.yaml"), "kind: Workspace\nbase: \"release/1.x\" # ours\n").expect("written");
    let (code, told) = copy(&["other", "live", "apply"]);
    assert_eq!(code, Some(0), "{told}");
    let copied = std::fs::read_to_string(here.path().join("other/apply.yml")).expect("a copy");
    assert!(copied.contains("branches: [release/1.x]\n") && !copied.contains("[main]"), "{copied}");
    let condition = "    if: github.ref == 'refs/heads/release/1.x' || github.ref == format('refs/heads/{0}', github.event.repository.default_branch)\n";
    assert!(copied.contains(condition), "{copied}");
    clone.write("action.yml", "other");
    refused(&["elsewhere", "live"], "not what would run");
}
