//! Heads and bases that move at the worst moment (T22, T23, T24, Z20): a line to the server that does something first.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::server::{ADMIN, AUTHOR, BOT, REVIEWER, Shop, ask, branch, told};
use crate::support::{lab, wait_for};

type Trick = Box<dyn FnOnce() + Send>;

/// The server, behind a line that does something, once, before it passes on the first POST whose path holds a text.
pub fn before_post(path: &'static str, trick: impl FnOnce() + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let host = lab("LAB_FORGE_URL").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let target = host.to_socket_addrs().expect("an address").next().expect("an address");
    let trick: Arc<Mutex<Option<Trick>>> = Arc::new(Mutex::new(Some(Box::new(trick))));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(mut client), Ok(mut server)) = (client, TcpStream::connect(target)) else { continue };
            let trick = Arc::clone(&trick);
            std::thread::spawn(move || {
                let (mut back, mut front) = (server.try_clone().expect("a copy"), client.try_clone().expect("a copy"));
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut back, &mut front);
                    let _ = front.shutdown(Shutdown::Both);
                });
                let mut buffer = vec![0; 65536];
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..read]);
                    let line = text.lines().next().unwrap_or_default();
                    if line.starts_with("POST ") && line.contains(path) {
                        let once = trick.lock().expect("a trick").take();
                        if let Some(once) = once {
                            once();
                        }
                    }
                    if server.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

/// A shop whose backend is proposed and approved, and what somebody pushes at the moment given: a commit and where to.
fn approved() -> (Shop, u64, String) {
    let shop = Shop::new();
    shop.apply();
    let number = shop.open_of("backend");
    shop.approve(REVIEWER, number);
    let head = shop.head(number);
    shop.fetch(&format!("refs/pull/{number}/head"));
    (shop, number, head)
}

/// `bpctl apply` over that line.
fn apply_over(shop: &Shop, line: &str, code: i32) -> (Value, String) {
    shop.repo.git(&["remote", "set-url", "origin", &format!("{line}/forge-admin/{}.git", shop.name)]);
    let ran = shop.bpctl().run(&["apply", "--env", "staging", "-o", "json"]).exits(code);
    shop.repo.git(&["remote", "set-url", "origin", &shop.address()]);
    (if code == 0 { ran.json() } else { json!(null) }, ran.stderr)
}

/// Pushes, from another thread.
fn pushing(shop: &Shop, who: &str, commit: &str, full_ref: &str) -> impl FnOnce() + Send + 'static + use<> {
    let refspec = format!("{commit}:{full_ref}");
    let mut command = shop.repo.git_command(&["push", "-q", &shop.address_of(who), &refspec]);
    move || assert!(command.output().expect("git starts").status.success(), "pushed")
}

#[test]
fn t23_a_head_that_moves_between_judgement_and_merge_is_not_merged() {
    let (shop, number, head) = approved();
    let main = shop.fetch("refs/heads/main");
    let next = shop.commit_on(&head, "deploy/backend.yaml", "replicas: 4", "replicas: 40", "sneak", "a@x.test");
    let line = before_post("/merge", pushing(&shop, AUTHOR, &next, &format!("refs/heads/{}", branch("backend"))));
    let (report, _) = apply_over(&shop, &line, 0);
    assert_eq!(shop.pull(number)["merged"], false, "{:?}", told(&report));
    assert_eq!(shop.fetch("refs/heads/main"), main);
    assert!(told(&report).iter().any(|line| line.contains("moved while it was judged")), "{:?}", told(&report));
    // Judged again: the approval was for something else.
    let report = shop.apply();
    assert_eq!(shop.pull(number)["merged"], false, "{:?}", told(&report));
    assert_eq!(shop.refusals(number), ["forge-reviewer: the changes are no longer those that were looked at"]);
}

#[test]
fn t24_a_base_that_moves_between_judgement_and_merge_is_judged_again() {
    let (shop, number, _) = approved();
    let main = shop.fetch("refs/heads/main");
    // Other rules: the backend is frozen to its size.
    let next = shop.commit_on(
        &main,
        "blueprints/backend/blueprint.yaml",
        "[delete, scale_to_zero]",
        "[delete, scale_to_zero, scale_beyond_limits]",
        "freeze",
        "a@x.test",
    );
    let line = before_post("/statuses/", pushing(&shop, AUTHOR, &next, "refs/heads/main"));
    let (report, _) = apply_over(&shop, &line, 0);
    assert_eq!(shop.pull(number)["merged"], false, "{:?}", told(&report));
    assert_eq!(shop.fetch("refs/heads/main"), next);
    assert!(told(&report).iter().any(|line| line.contains("moved while it was judged")), "{:?}", told(&report));
    shop.apply();
    let judged = shop.judge(number);
    assert_eq!(
        (&judged["tier"], &judged["conclusion"], &judged["judgedBy"]),
        (&json!("forbidden"), &json!("failure"), &json!(next)),
        "{judged}"
    );
    assert_eq!(shop.verdict(&shop.head(number)).0, "failure");
}

#[test]
fn z20_a_base_that_moves_within_the_merge_is_seen_afterwards() {
    let (shop, number, _) = approved();
    let main = shop.fetch("refs/heads/main");
    let next = shop.commit_on(&main, "deploy/backend-canary.yaml", "replicas: 0", "replicas: 1", "canary", "a@x.test");
    let line = before_post("/merge", pushing(&shop, AUTHOR, &next, "refs/heads/main"));
    let (_, said) = apply_over(&shop, &line, 1);
    // Gitea pins the head and not the base: it lands, and it is said.
    assert_eq!(shop.pull(number)["merged"], true);
    assert!(said.contains("landed another tree than the one that was permitted"), "{said}");
    // It is written down all the same, and the next run goes on.
    let audit = shop.bpctl().run(&["audit", "--env", "staging"]).exits(0);
    assert!(audit.stdout.contains(&format!("merged     #{number}")), "{}", audit.stdout);
    // People are alerted; that the next run comes to its end says nothing of the tree.
    let issues = |state: &str| -> Vec<String> {
        let path = format!("/issues?state={state}&type=issues&created_by=forge-bot");
        let all = shop.api(ADMIN, "GET", &path, json!(null), 200);
        let mut titles: Vec<String> =
            all.as_array().unwrap().iter().map(|issue| issue["title"].as_str().unwrap().to_owned()).collect();
        titles.sort();
        titles
    };
    let other = "bpctl staging/backend: another tree landed than was permitted";
    let failed = "bpctl staging: a pass ended with an error";
    assert_eq!(issues("open"), [other, failed]);
    shop.apply();
    assert_eq!((issues("open"), issues("closed")), (vec![other.to_owned()], vec![failed.to_owned()]));
}

#[test]
fn t22_names_are_never_options() {
    let shop = Shop::new();
    let base = shop.repo.git(&["rev-parse", "main"]).trim().to_owned();
    let ran = shop.repo.folder.path().join("ran");
    let names = [
        format!("--upload-pack=touch${{IFS}}{}", ran.display()),
        "--output=x".to_owned(),
        "bpctl/staging/--exec=x/scale".to_owned(),
        "$(touch${IFS}x)".to_owned(),
    ];
    let mut numbers = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let head = shop.commit_on(
            &base,
            "deploy/backend.yaml",
            "replicas: 3",
            &format!("replicas: {}", i + 5),
            name,
            "a@x.test",
        );
        let path = format!("/repos/forge-admin/{}/pulls", shop.name);
        let pushed = shop
            .repo
            .git_command(&["push", "-q", &shop.address_of(BOT), &format!("{head}:refs/heads/{name}")])
            .output();
        if pushed.expect("git starts").status.success() {
            let (status, pull) = ask(BOT, "POST", &path, &json!({ "head": name, "base": "main", "title": name }));
            if status == 201 {
                numbers.extend(pull["number"].as_u64());
            }
        }
    }
    assert!(!numbers.is_empty(), "the server takes none of these names");
    for number in numbers {
        let judged = shop.judge(number);
        assert_eq!(judged["tier"], "requires_approval", "{judged}");
    }
    shop.apply();
    assert!(!ran.exists() && !shop.repo.path().join("x").exists());
    // A base of such a name is one that does not exist.
    shop.repo.replace("bpctl.yaml", "base: main", "base: --upload-pack=touch");
    let ran = shop.bpctl().run(&["apply", "--env", "staging"]).exits(1);
    assert!(!ran.stderr.contains("usage:"), "{}", ran.stderr);
}

/// Where the server lets people rebase, each commit is brought anew. Would miss: a pull request that is green for a word in README.md and lands
/// another image that way; one that is held where nobody can rebase; and a plain branch beside a base that moved on, or that was brought up to
/// date by a merge, which is held for nothing; and a commit in the middle of a branch that would come to stand on base's own line, where bpctl goes
/// back to what stood there (T32).
#[test]
fn x02_t32_what_a_rebase_would_land_otherwise_is_not_green() {
    let shop = Shop::changed(|repo| {
        repo.write("README.md", "hello\n");
        repo.write("NOTES", "notes\n");
    });
    shop.rebases(true);
    let base = shop.fetch("refs/heads/main");
    let email = "a@x.test";
    let moved = shop.commit_on(&base, "NOTES", "notes", "more notes", "moved", email);
    shop.push(ADMIN, &format!("{moved}:refs/heads/main"));
    let image = "registry.shop.example/frontend:1.4.0";
    let evil = shop.commit_on(&base, "deploy/frontend.yaml", image, "evil.example/x:1", "tune", email);
    let readme = |on: &str| shop.commit_on(on, "README.md", "hello", "hello, a word", "a word", email);
    let merge = |tree: &str, ours: &str, theirs: &str| {
        let tree = shop.repo.git(&["rev-parse", &format!("{tree}^{{tree}}")]);
        let arguments = ["commit-tree", "-m", "Merge branch 'main'", "-p", ours, "-p", theirs, tree.trim()];
        shop.repo.git(&arguments).trim().to_owned()
    };
    let word = readme(&moved);
    let open = |name: &str, head: &str| {
        shop.push(AUTHOR, &format!("{head}:refs/heads/{name}"));
        super::server::recorded(&shop, head);
        let pull = json!({"title": name, "head": name, "base": "main"});
        shop.api(AUTHOR, "POST", "/pulls", pull, 201)["number"].as_u64().expect("a number")
    };
    let verdict = |number: u64, head: &str| {
        shop.bpctl().run(&["judge", &number.to_string(), "--env", "staging", "--post"]);
        shop.verdict(head)
    };
    let hidden = merge(&word, &evil, &moved);
    let number = open("hidden", &hidden);
    let (state, _) = verdict(number, &hidden);
    assert_eq!(state, "pending");
    let why = shop.judge(number);
    assert!(why.to_string().contains("it may be merged by a rebase, commit by commit"), "{why:#}");
    let (beside, updated) = (readme(&base), merge(&word, &readme(&base), &moved));
    for (name, head) in [("beside", &beside), ("updated", &updated)] {
        let number = open(name, head);
        assert_eq!(verdict(number, head).0, "success", "{name}: {:#}", shop.judge(number));
    }
    // An image that comes and goes again, on a branch that is straight.
    let tuned = shop.commit_on(&moved, "deploy/frontend.yaml", image, "evil.example/x:1", "tune", email);
    let there_and_back =
        readme(&shop.commit_on(&tuned, "deploy/frontend.yaml", "evil.example/x:1", image, "back", email));
    let passing = open("passing", &there_and_back);
    assert_eq!(verdict(passing, &there_and_back).0, "pending");
    let why = shop.judge(passing).to_string();
    assert!(
        why.contains("more than one of its commits changes deploy/frontend.yaml, each of which a rebase may bring"),
        "{why}"
    );
    shop.rebases(false);
    assert_eq!(verdict(number, &hidden).0, "success", "nobody can rebase here");
    assert_eq!(verdict(passing, &there_and_back).0, "success", "nor move the branch on");
    shop.rebases(true);
    assert_eq!(verdict(number, &hidden).0, "pending");
    // It is as was said.
    let path = format!("/repos/forge-admin/{}/pulls/{number}/merge", shop.name);
    wait_for("the merge", 30, || (ask(AUTHOR, "POST", &path, &json!({"Do": "rebase"})).0 == 200).then_some(()));
    let main = shop.fetch("refs/heads/main");
    assert!(shop.repo.git(&["show", &format!("{main}:deploy/frontend.yaml")]).contains("evil.example/x:1"));
}
