//! Ways that a hostile reader found to get a merge or an apply that nobody permitted, or to stop the rest. Each stays shut.

use std::io::{BufRead as _, BufReader, Write as _};

use super::{APPLY, says};
use crate::support::{Ran, Repo, signed_shop};

const BACKEND: &str = "bpctl/staging/backend/scale";

/// Puts a commit of somebody else's onto a branch and comes back to main.
fn push_onto(repo: &Repo, branch: &str, edit: impl FnOnce()) {
    repo.git(&["switch", "-q", branch]);
    edit();
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "beside it"]);
    repo.git(&["switch", "-q", "main"]);
}

fn proposed() -> (Repo, String) {
    let (repo, alice) = signed_shop();
    repo.run(&APPLY).exits(0);
    // What a pass writes into the recording is no part of the story here.
    repo.git(&["checkout", "-q", "--", "clusters"]);
    (repo, alice)
}

fn approve(repo: &Repo, key: &str) {
    repo.run(&["approve", "1", "--signing-key", key]).exits(0);
}

/// T1: a work tree that names its own base is no base, also where there is neither main nor master.
#[test]
fn t01_without_main_the_work_tree_is_not_believed() {
    let (repo, _) = signed_shop();
    repo.git(&["branch", "-m", "main", "trunk"]);
    repo.git(&["switch", "-q", "-c", "evil"]);
    repo.replace("bpctl.yaml", "base: main", "base: evil");
    repo.commit(&[], "my own rules");
    let before = repo.refs("refs/heads/");
    says(&repo.run(&APPLY).exits(1).stderr, &["which branch is the protected base?", "BPCTL_BASE"]);
    assert_eq!(repo.refs("refs/heads/"), before);
    // The operator may say it.
    let told = repo.bpctl().with("BPCTL_BASE", "trunk").run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(&told, &["base trunk@"]);
}

/// T1: a work tree may not leave the server for the local forge, where every branch of the clone would be its own.
#[test]
fn t01_a_work_tree_cannot_leave_its_server() {
    let (repo, _) = signed_shop();
    repo.replace("bpctl.yaml", "forge: local ", "forge: gitea ");
    repo.commit(&[], "there is a server");
    repo.git(&["remote", "add", "origin", "http://127.0.0.1:1/shop/shop.git"]);
    repo.git(&["switch", "-q", "-c", "evil"]);
    repo.replace("bpctl.yaml", "forge: gitea ", "forge: local ");
    repo.commit(&[], "no server any more");
    says(&repo.run(&APPLY).exits(1).stderr, &["says `forge: local`"]);
}

/// X2: what lands is what was looked at. A merge by lines that would put the value under another object is not made.
#[test]
fn x02_a_merge_that_would_change_another_object_is_not_made() {
    let (repo, alice) = signed_shop();
    let one = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  selector:\n    matchLabels:\n      app: x\n  template:\n    metadata:\n      labels:\n        app: x\n    spec: {{containers: [{{name: x, image: x}}]}}\n  paused: false\n  minReadySeconds: 1\n  replicas: 3\n"
        )
    };
    repo.write("deploy/backend.yaml", &format!("{}---\n{}", one("backend"), one("ledger")));
    // Who wrote what is not recorded: otherwise the new pod template would have to be delivered before anything is scaled.
    let file = "clusters/staging/shop/deployments.json";
    let mut all: serde_json::Value = serde_json::from_str(&repo.read(file)).expect("JSON");
    for item in all["items"].as_array_mut().expect("items") {
        item["metadata"]["managedFields"] = serde_json::json!([]);
    }
    repo.write(file, &all.to_string());
    repo.commit(&[], "two of a kind in one file");
    repo.run(&APPLY).exits(0);
    repo.git(&["checkout", "-q", "--", "clusters"]);
    approve(&repo, &alice);
    repo.write("deploy/backend.yaml", &format!("{}---\n{}", one("ledger"), one("backend")));
    repo.commit(&[], "the other way round");
    let merges = repo.merges();
    let judged = repo.run(&["judge", "1", "--env", "staging"]).stdout;
    says(&judged, &["bpctl does not merge it"]);
    repo.run(&APPLY);
    assert_eq!(repo.merges(), merges, "{judged}");
}

/// T2, and forbidden things in a shape that cannot be read: the machine merges single fields, a person the rest.
#[test]
fn t02_only_single_fields_are_merged_by_the_machine() {
    type Attack = (&'static str, fn(&Repo));
    let attacks: [Attack; 6] = [
        ("a manifest that cannot be read any more", |repo| {
            repo.replace("deploy/backend.yaml", "  namespace: shop\n", " namespace: shop\n");
        }),
        ("a new blueprint", |repo| {
            let text = repo.read("blueprints/frontend/blueprint.yaml");
            let text = text.replace("name: frontend,", "name: evil,").replace("Deployment/frontend", "Deployment/evil");
            repo.write("blueprints/evil.yaml", &text);
        }),
        ("the same object twice", |repo| {
            let text = repo.read("deploy/backend.yaml");
            let twice = format!("{text}---\n{text}").replace("replicas: 4", "replicas: 0");
            repo.write("deploy/backend.yaml", &twice);
        }),
        ("a list that holds a secret", |repo| {
            let text = repo.read("deploy/backend.yaml");
            let list = "---\napiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: Secret, metadata: {name: x, namespace: shop}}\n";
            repo.write("deploy/backend.yaml", &format!("{text}{list}"));
        }),
        ("a foreign object among the rules", |repo| {
            repo.write("blueprints/role.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
        }),
        ("another mode", |repo| {
            repo.git(&["update-index", "--chmod=+x", "deploy/backend.yaml"]);
            std::process::Command::new("chmod")
                .args(["+x", "deploy/backend.yaml"])
                .current_dir(repo.path())
                .status()
                .expect("chmod");
        }),
    ];
    for (what, attack) in attacks {
        let (repo, alice) = proposed();
        push_onto(&repo, BACKEND, || attack(&repo));
        approve(&repo, &alice);
        let merges = repo.merges();
        repo.run(&APPLY);
        assert_eq!(repo.merges(), merges, "{what} was merged");
        says(&repo.run(&["judge", "1", "--env", "staging"]).stdout, &["bpctl does not merge it"]);
    }
}

/// T31: a recording's clock ends no freeze.
#[test]
fn t31_a_recording_does_not_end_a_freeze() {
    let (repo, _) = signed_shop();
    let freeze = "freezes: [{name: always, from: 2000-01-01T00:00:00Z, to: 2200-01-01T00:00:00Z}]\n";
    let policy = repo.read("blueprints/policies/base.yaml");
    repo.commit(&[("blueprints/policies/base.yaml", &format!("{policy}{freeze}"))], "nothing moves");
    let header = repo.read("clusters/staging/snapshot.json");
    let (head, tail) = header.split_once("\"recordedAt\"").expect("a header");
    let rest = tail.split_once(',').expect("more").1;
    repo.write("clusters/staging/snapshot.json", &format!("{head}\"recordedAt\": \"2300-01-01T00:00:00Z\",{rest}"));
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 0);
}

/// T18: a recording behind a link is neither read nor written.
#[test]
fn t18_a_recording_behind_a_link_is_refused() {
    let (repo, _) = signed_shop();
    let outside = repo.folder.path().join("outside");
    std::fs::rename(repo.path().join("clusters/staging"), &outside).expect("moved");
    std::os::unix::fs::symlink(&outside, repo.path().join("clusters/staging")).expect("a link");
    says(&repo.run(&APPLY).exits(1).stderr, &["symbolic link"]);
}

/// One branch without history does not keep everything else waiting.
#[test]
fn a_pull_request_that_cannot_be_judged_does_not_stop_the_pass() {
    let (repo, _) = proposed();
    let tree = repo.git(&["rev-parse", "main^{tree}"]);
    let orphan = repo.git(&["commit-tree", "-m", "orphan", tree.trim()]);
    repo.git(&["update-ref", &format!("refs/heads/{BACKEND}"), orphan.trim()]);
    let ran = repo.run(&APPLY).exits(1);
    says(&ran.stdout, &["pull request #1 is put aside", "backend-canary  left"]);
}

/// An approval can name the commit that was read.
#[test]
fn an_approval_can_be_pinned_to_what_was_read() {
    let (repo, alice) = proposed();
    let seen = repo.git(&["rev-parse", BACKEND]).trim().to_owned();
    push_onto(&repo, BACKEND, || repo.write("deploy/x.txt", "x"));
    let ran = repo.run(&["approve", "1", "--head", &seen, "--signing-key", &alice]).exits(1);
    says(&ran.stderr, &["look at it again: bpctl judge 1"]);
}

/// T10: whatever a recording says of itself, no escape sequence reaches the terminal and no line is begun by it.
#[test]
fn t10_a_recordings_own_words_are_tamed() {
    let (repo, _) = signed_shop();
    let header = repo.read("clusters/staging/snapshot.json");
    repo.write("clusters/staging/snapshot.json", &header.replace("\"1.36\"", "\"1.36\\u001b[31mEVIL\\n::error::x\""));
    let told = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    assert!(!told.contains('\u{1b}') && !told.lines().any(|line| line.starts_with("::")), "{told}");
}

/// T38: a kubeconfig that cannot be read is not quoted.
#[test]
fn t38_a_broken_kubeconfig_is_not_quoted() {
    let (repo, _) = signed_shop();
    repo.replace("bpctl.yaml", "cluster: {snapshot: clusters/staging}   #", "cluster: {context: x}   #");
    repo.commit(&[], "live");
    let file = repo.folder.path().join("kubeconfig");
    std::fs::write(&file, "apiVersion: v1\nusers:\n- name: a\n  user:\n    token: CANARY-TOKEN\n   password: x\n")
        .expect("written");
    let ran = repo.bpctl().with("BPCTL_KUBECONFIG", file.to_str().expect("UTF-8")).run(&["plan"]).exits(1);
    assert!(!ran.stderr.contains("CANARY"), "{}", ran.stderr);
    says(&ran.stderr, &["kubeconfig", "line"]);
    // Nor what a program prints that gives out tokens.
    let user = "{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: echo, args: [CANARY-TOKEN], interactiveMode: Never}}}";
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:9'}}}}]\nusers: [{user}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&file, text).expect("written");
    let ran = repo.bpctl().with("BPCTL_KUBECONFIG", file.to_str().expect("UTF-8")).run(&["plan"]).exits(1);
    assert!(!ran.stdout.contains("CANARY") && !ran.stderr.contains("CANARY"), "{ran:?}");
    says(&ran.stderr, &["by the program echo", "no ExecCredential"]);
}

/// A server that refuses everything, and repeats what was sent to it for it.
fn echo() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let sent = head.lines().find(|line| line.to_lowercase().starts_with("authorization")).unwrap_or_default();
            let body = serde_json::json!({"message": format!("not with {sent}"), "error": format!("not with {sent}")})
                .to_string();
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 403 X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    port
}

/// T38. Would miss: an API server, a forge, or a gateway before it, whose refusal repeats the token into a comment that many read.
#[test]
fn t38_a_token_that_a_server_repeats_is_not_shown() {
    let port = echo();
    let hidden = |ran: &Ran| {
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains("CANARY") && all.contains("(credential)"), "{all}");
    };
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "{snapshot: clusters/staging}", "{context: lab}");
    repo.commit(&[], "a live one");
    let kubeconfig = repo.folder.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
         users: [{{name: u, user: {{token: CANARY-kube-0123456789}}}}]\ncontexts: [{{name: lab, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&kubeconfig, text).expect("written");
    let run =
        |arguments: &[&str]| repo.bpctl().with("BPCTL_KUBECONFIG", kubeconfig.display().to_string()).run(arguments);
    for format in ["text", "markdown", "json", "yaml"] {
        hidden(&run(&["plan", "--env", "staging", "-o", format]).exits(1));
    }
    hidden(&run(&["stage", "observe", "--env", "staging"]));
    hidden(&run(&APPLY).exits(1));
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "forge: local ", "forge: gitea ");
    repo.commit(&[], "there is a server");
    repo.git(&["remote", "add", "origin", &format!("http://127.0.0.1:{port}/shop/shop.git")]);
    let run = |arguments: &[&str]| repo.bpctl().with("BPCTL_TOKEN", "CANARY-forge-0123456789").run(arguments);
    hidden(&run(&APPLY).exits(1));
    // A forge that refuses hides nothing of the cluster; nothing is permitted without it.
    let plan = run(&["plan", "--env", "staging"]).exits(1);
    says(&plan.stderr, &["warning: couldn't", "so that nothing is permitted"]);
    says(&plan.stdout, &["~ reconcile", "LOG_LEVEL", "until that is known"]);
    assert!(!plan.stderr.contains("CANARY"), "{}", plan.stderr);
}

/// A pause is counted by branches: what lands on another workload's would not be counted as its own (T2).
#[test]
fn t02_what_is_on_another_workloads_branch_is_for_a_person_to_merge() {
    let (repo, _) = signed_shop();
    repo.run(&APPLY).exits(0);
    repo.git(&["switch", "-q", "-C", "bpctl/staging/backend/scale", "main"]);
    repo.replace("deploy/frontend.yaml", "replicas: 3 ", "replicas: 4 ");
    repo.commit(&[], "a stranger");
    repo.git(&["switch", "-q", "main"]);
    let before = repo.git(&["rev-parse", "main"]);
    let told = repo.run(&APPLY).exits(0).stdout;
    assert_eq!(repo.git(&["rev-parse", "main"]), before, "{told}");
    assert!(told.contains("on a branch of backend"), "{told}");
}

/// X08: a scale that was proposed before there was an autoscaler is not merged beside one: in the cluster alone, on base, or where nobody can
/// see whether there is one.
#[test]
fn x08_an_open_scale_is_not_merged_once_an_autoscaler_owns_the_replicas() {
    const LIST: &str = "clusters/staging/shop/horizontalpodautoscaler.v2.autoscaling.json";
    const POLICY: &str = "blueprints/policies/base.yaml";
    let scaler = |name: &str| {
        serde_json::json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name, "namespace": "shop", "uid": "u", "resourceVersion": "7"},
            "spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "frontend"}}})
    };
    let listed =
        serde_json::json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [scaler("h")]}).to_string();
    for (file, text, code) in [
        (LIST, listed.as_str(), "HorizontalPodAutoscaler/h owns the replicas of frontend"),
        (LIST, "{", "whether an autoscaler owns the replicas of frontend is not known"),
        ("deploy/frontend.yaml", "", "HorizontalPodAutoscaler/own owns the replicas of frontend"),
    ] {
        let repo = Repo::shop();
        let policy = repo.read(POLICY);
        repo.replace(POLICY, "delete: forbidden", "delete: forbidden, scale: requires_approval");
        repo.commit(&[], "strict");
        let opened = repo.run(&APPLY).exits(0).stdout;
        let (_, number) = opened.split_once("frontend        opened local pull request #").expect("an open one");
        let number = number.split(':').next().expect("a number").to_owned();
        assert_eq!(repo.merges(), 0);
        let manifest = repo.read("deploy/frontend.yaml");
        let declared = format!("{}\n---\n{}\n", manifest.trim_end(), scaler("own"));
        let text = if text.is_empty() { &declared } else { text };
        repo.commit(&[(POLICY, &policy), (file, text)], "as before, and an autoscaler");
        let judged = repo.run(&["judge", &number]).stdout;
        says(&judged, &["bpctl does not merge it", code]);
        repo.bpctl().run(&APPLY);
        assert_eq!(repo.merges(), 0, "{code}");
    }
}

/// T42. Would miss: a pull request of a few small objects whose paths have no end, or that names one large file so often that memory ends.
#[test]
fn t42_what_names_itself_without_end_is_refused_and_stops_nothing() {
    use git2::{ObjectType, Repository};
    let tree = |raw: &Repository, entries: &[(String, git2::Oid, i32)]| {
        let mut builder = raw.treebuilder(None).expect("a builder");
        for (name, id, mode) in entries {
            builder.insert(name, *id, *mode).expect("an entry");
        }
        builder.write().expect("a tree")
    };
    let paths = |raw: &Repository| {
        let mut id = raw.blob(b"x\n").expect("a blob");
        for mode in [0o100_644, 0o040_000, 0o040_000, 0o040_000, 0o040_000, 0o040_000, 0o040_000] {
            let entries: Vec<_> = (0..10).map(|n| (format!("d{n}"), id, mode)).collect();
            id = tree(raw, &entries);
        }
        id
    };
    let bytes = |raw: &Repository| {
        let id = raw.odb().and_then(|odb| odb.write(ObjectType::Blob, &vec![b'#'; 4 << 20])).expect("a blob");
        let entries: Vec<_> = (0..300).map(|n| (format!("x{n}.yaml"), id, 0o100_644)).collect();
        let folder = tree(raw, &entries);
        tree(raw, &[("zz".into(), folder, 0o040_000)])
    };
    // Few entries, each below folders of long names.
    let long = |raw: &Repository| {
        let blob = raw.blob(b"x\n").expect("a blob");
        let mut id = tree(raw, &(0..1000).map(|n| (format!("f{n}"), blob, 0o100_644)).collect::<Vec<_>>());
        id = tree(raw, &(0..20).map(|n| (format!("d{n}"), id, 0o040_000)).collect::<Vec<_>>());
        for _ in 0..40 {
            id = tree(raw, &[("n".repeat(250), id, 0o040_000)]);
        }
        id
    };
    for (bomb, at, why) in [
        (&long as &dyn Fn(&Repository) -> git2::Oid, "zz", "the paths of its entries are longer than 64 MiB together"),
        (&paths, "zz", "it holds more than 300000 entries"),
        (&bytes, "blueprints", "its files hold more than 64 MiB"),
    ] {
        let (repo, _) = proposed();
        let raw = Repository::open(repo.path()).expect("a repository");
        let head = raw.find_branch(BACKEND, git2::BranchType::Local).expect("a branch");
        let parent = head.get().peel_to_commit().expect("a commit");
        let mut root = raw.treebuilder(Some(&parent.tree().expect("a tree"))).expect("a builder");
        root.insert(at, bomb(&raw), 0o040_000).expect("an entry");
        let root = raw.find_tree(root.write().expect("a tree")).expect("a tree");
        let by = git2::Signature::now("eve", "eve@example.org").expect("a signature");
        raw.commit(Some(&format!("refs/heads/{BACKEND}")), &by, &by, "more", &root, &[&parent]).expect("a commit");
        let (from, merges) = (std::time::Instant::now(), repo.merges());
        let judged = repo.run(&["judge", "1", "--env", "staging"]);
        assert!(judged.code != Some(0), "{}", judged.stdout);
        says(&format!("{}{}", judged.stdout, judged.stderr), &[why]);
        // It is put aside, and the pass goes on to its end.
        let applied = repo.run(&APPLY);
        says(&format!("{}{}", applied.stdout, applied.stderr), &[why, "applied Deployment/frontend"]);
        assert_eq!(repo.merges(), merges);
        assert!(from.elapsed().as_secs() < 60, "{:?}", from.elapsed());
    }
}

/// T23. Would miss: a tree that holds a file twice, of which a comparison sees the one that was approved and a delivery the other.
#[test]
fn t23_a_tree_that_holds_a_name_twice_is_read_by_nobody() {
    use git2::{ObjectType, Repository};
    let twice = |raw: &Repository, parent: &git2::Commit<'_>| {
        let root = parent.tree().expect("a tree");
        let deploy = root.get_name("deploy").expect("a folder").to_object(raw).expect("an object");
        let deploy = deploy.into_tree().expect("a tree");
        let evil = raw.blob(b"kind: Evil\n").expect("a blob");
        let mut bytes = Vec::new();
        for entry in &deploy {
            let name = entry.name().expect("a name").to_owned();
            let mut push = |id: git2::Oid| {
                bytes.extend(format!("{:o} {name}\0", entry.filemode()).bytes());
                bytes.extend(id.as_bytes());
            };
            if name == "frontend.yaml" {
                push(evil);
            }
            push(entry.id());
        }
        let deploy = raw.odb().and_then(|odb| odb.write(ObjectType::Tree, &bytes)).expect("a tree");
        let mut builder = raw.treebuilder(Some(&root)).expect("a builder");
        builder.insert("deploy", deploy, 0o040_000).expect("an entry");
        builder.write().expect("a tree")
    };
    let why = "it holds frontend.yaml twice or out of order";
    let (repo, alice) = proposed();
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    let raw = Repository::open(repo.path()).expect("a repository");
    let by = git2::Signature::now("eve", "eve@example.org").expect("a signature");
    let push = |branch: &str| {
        let head = raw.find_branch(branch, git2::BranchType::Local).expect("a branch");
        let parent = head.get().peel_to_commit().expect("a commit");
        let tree = raw.find_tree(twice(&raw, &parent)).expect("a tree");
        raw.commit(Some(&format!("refs/heads/{branch}")), &by, &by, "more", &tree, &[&parent]).expect("a commit");
    };
    push(BACKEND);
    let judged = repo.run(&["judge", "1", "--env", "staging"]);
    assert!(judged.code != Some(0), "{}", judged.stdout);
    says(&format!("{}{}", judged.stdout, judged.stderr), &[why]);
    let merges = repo.merges();
    let applied = repo.run(&APPLY);
    says(&format!("{}{}", applied.stdout, applied.stderr), &[why]);
    assert_eq!(repo.merges(), merges);
    // On the base branch nothing is delivered of it.
    push("main");
    let before = repo.everything();
    says(&repo.run(&APPLY).exits(1).stderr, &[why]);
    assert_eq!(before, repo.everything());
}

/// T1. Would miss: a comparison with a tag that somebody called like the branch of the remote, in which no change is left to see.
#[test]
fn t01_a_tag_does_not_pass_for_the_branch_of_the_remote() {
    let repo = Repo::shop();
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.replace("deploy/backend.yaml", "replicas: 3", "replicas: 2");
    repo.commit(&[], "fewer");
    let causes = repo.run(&["plan", "--base", "origin/main"]).exits(0).stdout;
    repo.git(&["tag", "origin/main"]);
    let told = ["origin/main is several things here", "write which one is meant: refs/remotes/origin/main"];
    for command in [&["plan", "--base"][..], &["lint", "--base"], &["plan", "--changed-since"]] {
        says(&repo.run(&[command, &["origin/main"]].concat()).exits(1).stderr, &told);
    }
    let again = repo.run(&["plan", "--base", "refs/remotes/origin/main"]).exits(0).stdout;
    let line = |text: &str| text.lines().find(|line| line.contains("causes")).map(str::to_owned);
    assert!(line(&causes).is_some() && line(&causes) == line(&again), "{causes}\n{again}");
    // Nor is what Git's other rules make of a name what a tag of that name is.
    for name in ["remotes/origin/main", "heads/main"] {
        repo.git(&["update-ref", &format!("refs/tags/{name}"), "HEAD"]);
        says(&repo.run(&["plan", "--base", name]).exits(1).stderr, &[&format!("{name} is several things here")]);
    }
    // Nor is a full name, or an id, what a tag of that name is.
    let base = repo.git(&["rev-parse", "refs/remotes/origin/main"]).trim().to_owned();
    for name in ["refs/remotes/origin/main", base.as_str()] {
        repo.git(&["update-ref", &format!("refs/tags/{name}"), "HEAD"]);
        let again = repo.run(&["plan", "--base", name]).exits(0).stdout;
        assert!(line(&causes) == line(&again), "{name}: {causes}\n{again}");
    }
    let absent = repo.git(&["update-ref", "refs/tags/refs/heads/gone", "HEAD"]);
    says(
        &repo.run(&["plan", "--base", "refs/heads/gone"]).exits(1).stderr,
        &["there is no branch, tag or commit", &absent],
    );
}

/// T1, X5. Would miss: a pull request that leads away from GitHub by its own bpctl.yaml, or a pushed branch of a usual name that becomes the rules.
#[test]
fn t01_neither_a_work_tree_nor_a_usual_name_makes_a_base() {
    let repo = Repo::shop();
    repo.git(&["remote", "add", "origin", "https://github.com/acme/shop.git"]);
    repo.git(&["branch", "-m", "main", "trunk"]);
    repo.replace("bpctl.yaml", "forge: local", "forge: auto");
    repo.replace("bpctl.yaml", "base: main", "base: trunk");
    let trunk = repo.commit(&[], "on a server");
    repo.git(&["update-ref", "refs/remotes/origin/trunk", &trunk]);
    repo.replace("bpctl.yaml", "base: trunk", "base: main");
    let evil = repo.commit(&[], "my own rules");
    repo.git(&["update-ref", "refs/remotes/origin/main", &evil]);
    repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"]);
    let plan = |repo: &Repo| repo.run(&["plan"]);
    says(&plan(&repo).exits(0).stdout, &[&format!("base trunk@{}", &trunk[..7])]);
    repo.replace("bpctl.yaml", "forge: auto", "forge: gitea");
    says(
        &plan(&repo).exits(1).stderr,
        &["bpctl.yaml says `forge: gitea`, and the remote `origin` is a repository on GitHub"],
    );
    // A branch of a usual name that says that there is no server, checked out by whoever looks at it.
    repo.replace("bpctl.yaml", "forge: gitea", "forge: local");
    let local = repo.commit(&[], "no server at all");
    repo.git(&["update-ref", "refs/remotes/origin/main", &local]);
    repo.git(&["switch", "-q", "-c", "main"]);
    says(
        &plan(&repo).exits(1).stderr,
        &["the work tree's bpctl.yaml says `forge: local`, and the base branch of the remote `origin` does not"],
    );
}
