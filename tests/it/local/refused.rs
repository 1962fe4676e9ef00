//! T16, T21, T22: what is refused with its place, what is never run, and what is never taken for an option.

use super::says;
use crate::support::{Repo, signed_shop};

/// T16 in bpctl's own files. Would miss: a reader that takes the last of two values, or follows `<<` or a tag.
#[test]
fn t16_duplicate_keys_merge_keys_and_tags_stop_everything() {
    let rows = [
        (
            "blueprints/backend/blueprint.yaml",
            "    min_replicas: 2\n",
            "    min_replicas: 2\n    min_replicas: 1\n",
            "duplicate-key",
            ":15:5",
        ),
        (
            "blueprints/backend/blueprint.yaml",
            "    min_replicas: 2\n",
            "    <<: {min_replicas: 2}\n",
            "merge-key",
            ":14:5",
        ),
        ("blueprints/backend/blueprint.yaml", "min_replicas: 2\n", "min_replicas: !mine 2\n", "yaml-tag", ":14:"),
        (
            "blueprints/policies/base.yaml",
            "limits: {cooldown: 60s,",
            "limits: {cooldown: 60s, cooldown: 0s,",
            "duplicate-key",
            ":6:25",
        ),
        (
            "blueprints/policies/base.yaml",
            "limits: {cooldown: 60s,",
            "limits: {<<: {cooldown: 0s},",
            "merge-key",
            ":6:10",
        ),
        ("blueprints/policies/base.yaml", "kind: Policy", "kind: !!binary Policy", "yaml-tag", ":3:"),
        ("bpctl.yaml", "base: main\n", "base: main\nbase: evil\n", "duplicate-key", ":5:1"),
        ("bpctl.yaml", "base: main\n", "<<: {base: evil}\n", "merge-key", ":4:1"),
        ("bpctl.yaml", "base: main\n", "base: !evil main\n", "yaml-tag", ":4:"),
    ];
    for (path, from, to, code, place) in rows {
        let (repo, _) = signed_shop();
        repo.replace(path, from, to);
        repo.commit(&[], "twice");
        let what = format!("{path}: {to:?}");
        let linted = repo.run(&["lint", "-o", "json"]).exits(6).json();
        let found = &linted["diagnostics"][0];
        let span = &found["labels"][0]["span"];
        let at = format!("{}:{}:{}", span["file"].as_str().unwrap_or_default(), span["line"], span["column"]);
        assert_eq!(found["code"], code, "{what}");
        assert!(at.starts_with(&format!("{path}{place}")), "{what}: {at}");
        // People are shown the same.
        says(&repo.run(&["lint"]).exits(6).stdout, &[&format!("error[{code}]"), &format!("[{path}:")]);
        let before = repo.everything();
        for command in [&["plan", "--env", "staging"][..], &["apply", "--env", "staging"]] {
            let ran = repo.run(command).exits(1);
            assert_eq!(ran.stdout, "", "{what}");
            assert!(ran.stderr.contains(&format!("[{path}:")), "{what}: {}", ran.stderr);
        }
        assert_eq!(before, repo.everything(), "{what}");
    }
}

/// T21. Would miss: any use of the `git` program, or of libgit2's checkout and merge, in the user's repository.
#[test]
fn t21_hooks_filters_and_config_of_the_repository_never_run() {
    let (repo, alice) = signed_shop();
    let canary = repo.folder.path().join("canary");
    let script = format!("#!/bin/sh\necho \"$0 $*\" >> {}\nexit 1\n", canary.display());
    let program = repo.folder.path().join("evil.sh");
    let install = |file: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(file, &script).expect("written");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("made executable");
    };
    install(&program);
    repo.commit(&[(".gitattributes", "*.yaml filter=evil diff=evil merge=evil\n*.json filter=evil\n")], "attributes");
    for hook in [
        "pre-commit",
        "post-commit",
        "post-checkout",
        "post-merge",
        "pre-merge-commit",
        "reference-transaction",
        "update",
        "post-update",
        "pre-receive",
        "post-receive",
        "commit-msg",
        "prepare-commit-msg",
        "post-index-change",
        "pre-push",
        "fsmonitor-watchman",
        "post-rewrite",
    ] {
        install(&repo.path().join(".git/hooks").join(hook));
    }
    let evil = program.to_str().expect("UTF-8");
    for name in [
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.command",
        "diff.evil.textconv",
        "diff.external",
        "merge.evil.driver",
        "core.fsmonitor",
        "core.editor",
        "core.pager",
        "core.sshCommand",
        "core.askPass",
        "gpg.program",
        "gpg.ssh.program",
        "credential.helper",
        "sequence.editor",
        "uploadpack.packObjectsHook",
        "alias.status",
        "core.gitProxy",
    ] {
        repo.git(&["config", name, evil]);
    }
    repo.git(&["config", "filter.evil.required", "true"]);
    repo.git(&["config", "commit.gpgsign", "true"]);
    let _ = std::fs::remove_file(&canary); // the real git's own doing, above
    for command in [
        &["lint"][..],
        &["plan", "--env", "staging"],
        &["apply", "--env", "staging"],
        &["approve", "1", "--signing-key", &alice],
        &["apply", "--env", "staging"],
        &["audit"],
    ] {
        repo.run(command).exits(0);
        let ran = std::fs::read_to_string(&canary).unwrap_or_default();
        assert_eq!(ran, "", "{command:?} ran something");
    }
    // The canary itself is alive, and the story was told.
    assert!(!repo.git_command(&["commit", "--allow-empty", "-m", "x"]).status().expect("git starts").success());
    assert!(canary.exists());
    std::fs::remove_dir_all(repo.path().join(".git/hooks")).expect("removed");
    assert_eq!(repo.git(&["log", "--merges", "--first-parent", "--format=%H", "main"]).lines().count(), 2);
}

/// T22. Would miss: a name that reaches Git, or a path, as an option.
#[test]
fn t22_names_that_look_like_options_are_refused() {
    let hostile =
        ["--upload-pack=touch x", "--upload-pack=x", "-x", "../x", "a/../b", "a b", "@{-1}", "refs/heads/main\u{7}"];
    let refused = |repo: &Repo, what: &str| {
        let before = repo.everything();
        let linted = repo.run(&["lint"]).exits(6).stdout;
        assert!(linted.contains("error["), "{what}: {linted}");
        for command in ["plan", "apply"] {
            let ran = repo.run(&[command]);
            assert!(matches!(ran.code, Some(1 | 2)), "{command} {what}: {ran:?}");
            assert!(ran.stderr.contains("error"), "{command} {what}: {}", ran.stderr);
        }
        assert_eq!(before, repo.everything(), "{what}");
    };
    for name in hostile {
        let quoted = serde_json::to_string(name).expect("JSON");
        let (repo, _) = signed_shop();
        repo.replace("bpctl.yaml", "base: main\n", &format!("base: {quoted}\n"));
        repo.commit(&[], "base");
        refused(&repo, &format!("base {name:?}"));
        let (repo, _) = signed_shop();
        repo.replace("bpctl.yaml", "  staging:\n", &format!("  {quoted}:\n"));
        repo.commit(&[], "environment");
        refused(&repo, &format!("environment {name:?}"));
        let (repo, _) = signed_shop();
        repo.replace(
            "blueprints/backend/blueprint.yaml",
            "metadata: {name: backend,",
            &format!("metadata: {{name: {quoted},"),
        );
        repo.commit(&[], "blueprint");
        refused(&repo, &format!("blueprint {name:?}"));
    }
    let (repo, _) = signed_shop();
    for name in hostile {
        let ran = repo.run(&["plan", &format!("--env={name}")]);
        assert!(matches!(ran.code, Some(1 | 2)), "{name:?}: {ran:?}");
        says(&ran.stderr, &["error"]);
        assert!(!ran.stderr.contains('\u{7}'), "{:?}", ran.stderr);
    }
}

/// T18 through the program. Would miss: a link that is followed out of the repository, or inside it.
#[test]
fn t18_links_in_place_of_our_files_are_refused() {
    for path in
        ["deploy/backend.yaml", "blueprints/backend/blueprint.yaml", "blueprints/policies/base.yaml", "bpctl.yaml"]
    {
        let (repo, _) = signed_shop();
        let real = repo.folder.path().join("outside.yaml");
        std::fs::rename(repo.path().join(path), &real).expect("moved");
        std::os::unix::fs::symlink(&real, repo.path().join(path)).expect("a link");
        repo.commit(&[], "a link");
        let linted = repo.run(&["lint"]);
        assert!(matches!(linted.code, Some(1 | 6)), "{path}: {linted:?}");
        let before = repo.everything();
        let ran = repo.run(&["apply", "--env", "staging"]);
        if path.starts_with("deploy/") {
            // Content, and no rule: its own workload is left alone, and the others are not.
            let ran = ran.exits(1);
            says(&ran.stdout, &["not compared: the manifest: deploy/backend.yaml cannot be read"]);
            assert_eq!(repo.refs("refs/heads/bpctl/staging/backend"), Vec::<String>::new());
            continue;
        }
        assert!(ran.code == Some(1) || !ran.stdout.contains("backend "), "{path}: {ran:?}");
        if ran.code == Some(1) {
            assert_eq!(before, repo.everything(), "{path}");
        }
    }
}

/// Would miss: a number of replicas that the API server cuts to none, or refuses, which people are asked about as one too many.
#[test]
fn b06_no_number_of_pods_is_forbidden() {
    let repo = Repo::shop();
    let manifest = repo.read("deploy/frontend.yaml");
    repo.run(&super::APPLY);
    repo.git(&["switch", "-q", "-f", "bpctl/staging/backend/scale"]);
    for (replicas, tier) in [
        ("4294967296", "forbidden"),
        ("-1", "forbidden"),
        ("2.5", "forbidden"),
        ("2147483648", "forbidden"),
        ("2147483647", "needs approval"),
    ] {
        let head = repo.git(&["rev-parse", "HEAD"]);
        let changed = manifest.replace("replicas: 2", &format!("replicas: {replicas}"));
        repo.commit(&[("deploy/frontend.yaml", &changed)], "more");
        let judged = repo.run(&["judge", "1"]).stdout;
        repo.git(&["reset", "-q", "--hard", head.trim()]);
        let line = judged.lines().find(|line| line.contains("Deployment/frontend spec.replicas"));
        let line = line.unwrap_or_else(|| panic!("{replicas}: {judged}"));
        assert!(line.contains(tier), "{replicas}: {judged}");
    }
}
