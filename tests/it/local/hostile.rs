//! T7, T8, T10: text from outside, everywhere it can come from; none of it is live anywhere it goes.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value as Json;

use super::APPLY;
use crate::support::{Repo, signed_shop};

/// Everything at once. It starts with a known word, so that its being shown at all can be asserted.
pub const HOSTILE: &str = "CANARY<img src=x onerror=alert(1)></details><script>x</script>[a](http://evil.test)![b](http://evil.test/x.png) \
@root-team closes #12 !3 http://evil.test <http://evil.test> a|b `x` ``y``\r\n\n# h\n::add-mask::x\n##[error]y\
\u{1b}[31m\u{1b}]8;;http://evil.test\u{7}link\u{1b}]8;;\u{7}\u{9b}2J\u{202e}evil\u{2066}\u{200b}\nApproved-by: root\n";

/// Characters that a terminal obeys, or that a reader does not see.
fn obeyed(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[track_caller]
fn tame(what: &str, text: &str) {
    let bad: Vec<char> = text.chars().filter(|c| obeyed(*c)).collect();
    assert!(bad.is_empty(), "{what}: {bad:?} in\n{text:?}");
    for line in text.lines() {
        let line = line.trim_start();
        assert!(!line.starts_with("::") && !line.starts_with("##["), "{what}: a workflow command: {line}");
        assert!(!line.starts_with("Approved-by"), "{what}: a trailer: {line}");
    }
}

/// Reads Markdown as a forge does. Outside code spans: no HTML but bpctl's own, no link, no image, no mention, no reference, no canary.
#[track_caller]
fn dead(what: &str, markdown: &str) {
    dead_but_for("no link at all", what, markdown);
}

/// The same, where links to pages of the forge are bpctl's own.
#[track_caller]
pub fn dead_but_for(forge: &str, what: &str, markdown: &str) {
    tame(what, markdown);
    let own = ["<details>", "</details>", "<summary>", "</summary>", "<sub>", "</sub>", "<!-- bpctl:staging -->"];
    let mut code = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM)
    {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                let mut rest = html.trim().to_owned();
                for tag in own {
                    rest = rest.replace(tag, "");
                }
                assert!(!rest.contains(['<', '>']) && !rest.contains("CANARY"), "{what}: HTML {html:?}\n{markdown}");
            }
            Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with(forge) => {
                assert!(!dest_url.contains("evil"), "{what}: a link\n{markdown}");
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("{what}: a link or image\n{markdown}"),
            Event::Start(Tag::CodeBlock(_)) => code = true,
            Event::End(TagEnd::CodeBlock) => code = false,
            Event::Text(text) if !code => {
                assert!(
                    !text.contains("CANARY") && !text.contains("evil.test"),
                    "{what}: outside a code span: {text:?}\n{markdown}"
                );
                let live = |mark: char| {
                    text.match_indices(mark).any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_alphanumeric()))
                };
                // The one mention bpctl writes itself: `judged by main@1234567`, which follows a letter.
                let mention = text.match_indices('@').any(|(at, _)| {
                    !text[..at].ends_with(|c: char| c.is_alphanumeric())
                        && text[at + 1..].starts_with(|c: char| c.is_alphanumeric())
                });
                assert!(!mention && !live('#'), "{what}: a mention or reference: {text:?}\n{markdown}");
            }
            _ => {}
        }
    }
}

/// Puts the text wherever the recording has text that somebody else wrote.
fn poison(value: &mut Json, key: &str) {
    match value {
        Json::Object(map) => {
            for (key, value) in map.iter_mut() {
                poison(value, key);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
        Json::String(text)
            if matches!(key, "manager" | "reason" | "message" | "image" | "value") && text != "http://backend:8080" =>
        {
            *text = HOSTILE.into();
        }
        _ => {}
    }
}

/// As a YAML file may hold it: raw C1 characters are refused there.
fn quoted() -> String {
    serde_json::to_string(HOSTILE).expect("JSON").replace('\u{9b}', "\\u009b")
}

fn poisoned() -> (Repo, String) {
    let (repo, alice) = signed_shop();
    for list in ["deployments", "pods"] {
        let path = format!("clusters/staging/shop/{list}.json");
        let mut all: Json = serde_json::from_str(&repo.read(&path)).expect("JSON");
        for item in all["items"].as_array_mut().expect("items") {
            poison(item, "");
            if list == "deployments" {
                item["metadata"]["labels"] = serde_json::json!({"app": HOSTILE});
                item["metadata"]["annotations"]["note"] = HOSTILE.into();
            } else if item["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("backend-canary")) {
                item["status"]["containerStatuses"][0]["state"] =
                    serde_json::json!({"waiting": {"reason": HOSTILE, "message": HOSTILE}});
                item["status"]["reason"] = HOSTILE.into();
            }
        }
        repo.write(&path, &all.to_string());
    }
    // What the manifest declares is written by people, too.
    let value = quoted();
    repo.replace("deploy/frontend.yaml", "value: info}", &format!("value: {value}}}"));
    repo.replace(
        "blueprints/backend/blueprint.yaml",
        "description: Orders and payments",
        &format!("description: {value}"),
    );
    repo.replace("deploy/frontend.yaml", "registry.shop.example/frontend:1.4.0", "\"CANARY<b>:1 @root-team #1\"");
    repo.commit(&[], "hostile");
    (repo, alice)
}

/// Would miss: any value that reaches an output beside its sink.
#[test]
fn t07_t08_t10_hostile_text_is_dead_in_every_output() {
    let (repo, alice) = poisoned();
    // The image is none.
    repo.run(&["lint"]).exits(6);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0);
    assert!(plan.stdout.contains("CANARY"), "it is shown, and dead: {}", plan.stdout);
    tame("plan", &plan.stdout);
    tame("plan", &plan.stderr);
    let markdown = repo.run(&["plan", "-o", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("CANARY"));
    dead("plan -o markdown", &markdown);
    let json = repo.run(&["plan", "-o", "json"]).exits(0).stdout;
    tame("plan -o json", &json);

    tame("apply", &repo.run(&APPLY).exits(0).stdout);
    // Reviews and pushed commits are outside text as well.
    let branch = "bpctl/staging/backend/scale";
    repo.git(&["worktree", "add", "-q", "../other", branch]);
    let file = repo.folder.path().join("other/deploy/backend.yaml");
    let manifest = std::fs::read_to_string(&file).expect("a file");
    let image = quoted();
    std::fs::write(&file, manifest.replace("registry.shop.example/backend:2.0.1", &image)).expect("written");
    std::fs::write(repo.folder.path().join("other/CANARY<b>\u{1b}[31m @root-team #1"), "x").expect("written");
    repo.git(&["-C", "../other", "add", "-A"]);
    let author = format!("user.name={}", HOSTILE.replace(['\n', '\r', '<', '>'], ""));
    repo.git(&["-c", &author, "-C", "../other", "commit", "-q", "-m", HOSTILE]);
    repo.run(&["approve", "1", "--as", "CANARY\u{1b}[31m<b>@root-team", "--message", HOSTILE]).exits(0);
    let approved = repo.run(&["approve", "1", "--signing-key", &alice, "--message", HOSTILE]).exits(0);
    tame("approve", &approved.stdout);
    // The load that asked for it is not to be seen in this recording any more.
    let judged = repo.run(&["judge", "1"]).exits(6);
    assert!(judged.stdout.contains("CANARY"), "{}", judged.stdout);
    tame("judge", &judged.stdout);
    tame("judge -o json", &repo.run(&["judge", "1", "-o", "json"]).exits(6).stdout);
    tame("apply", &repo.run(&APPLY).exits(0).stdout);
    tame("audit", &repo.run(&["audit"]).exits(0).stdout);
    tame("audit -o json", &repo.run(&["audit", "-o", "json"]).exits(0).stdout);
    tame("verify", &repo.run(&["verify"]).stdout);

    for number in ["1", "2"] {
        let stored: Json =
            serde_json::from_str(&repo.git(&["show", &format!("refs/bpctl/pull/{number}:pull.json")])).expect("JSON");
        dead("a proposal's body", stored["body"].as_str().expect("text"));
        tame("a proposal's title", stored["title"].as_str().expect("text"));
    }
    for message in repo.git(&["log", "--format=%B%x00", "--author=bpctl", "--all"]).split('\0') {
        tame("a commit message", message);
        assert!(!message.contains("@root-team") && !message.contains("#12"), "{message}");
    }
    for check in repo.refs("refs/bpctl/checks") {
        let files = repo.git(&["ls-tree", "-r", "--name-only", &check]);
        for file in files.lines() {
            tame("a check", &repo.git(&["show", &format!("{check}:{file}")]));
        }
    }
}

/// A title that somebody wrote for a pull request of bpctl's. Would miss: a merge commit that carries its mention or trailer.
#[test]
fn t08_a_hostile_title_is_dead_in_the_merge_commit() {
    let (repo, alice) = signed_shop();
    repo.run(&APPLY).exits(0);
    let mut stored: Json = serde_json::from_str(&repo.git(&["show", "refs/bpctl/pull/1:pull.json"])).expect("JSON");
    stored["title"] = HOSTILE.into();
    repo.write("../pull.json", &stored.to_string());
    let blob = repo.git(&["hash-object", "-w", "../pull.json"]);
    let index = repo.folder.path().join("index");
    let with_index = |arguments: &[&str]| {
        let output = repo.git_command(arguments).env("GIT_INDEX_FILE", &index).output().expect("git starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    with_index(&["update-index", "--add", "--cacheinfo", &format!("100644,{},pull.json", blob.trim())]);
    let tree = with_index(&["write-tree"]);
    let commit = repo.git(&["commit-tree", tree.trim(), "-p", "refs/bpctl/pull/1", "-m", "edited"]);
    repo.git(&["update-ref", "refs/bpctl/pull/1", commit.trim()]);
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    tame("apply", &repo.run(&APPLY).exits(0).stdout);
    assert_eq!(repo.merges(), 2);
    let message = repo.git(&["log", "-1", "--format=%B", "main"]);
    // What lands is told as bpctl wrote it.
    assert!(message.starts_with("scale") && !message.contains("CANARY"), "{message}");
    tame("the merge commit", &message);
    for live in ["@root", "#12", "!3", "<img", "Approved-by: root\n", "](http"] {
        assert!(!message.contains(live), "{live}: {message}");
    }
}
