//! A plan as the comment on a pull request (X1, X5), made of a file that anybody may have written (T7, T8, Z17).

use bpctl_core::model::RepoPath;
use bpctl_core::plan::Plan;
use bpctl_core::render::comment::{Around, comment};
use serde_json::{Value as Json, json};

use super::hostile::{HOSTILE, dead_but_for};
use super::says;
use crate::support::Repo;

const FORGE: &str = "https://forge.test/";

fn page(plan: &Plan) -> String {
    let line = |commit: &str, path: &RepoPath, line: usize| Some(format!("{FORGE}{commit}/{path}#L{line}"));
    comment(plan, &Around { line: &line, run: Some("https://forge.test/run/1"), whole: "elsewhere" })
}

fn read(plan: &Json) -> Option<Plan> {
    serde_json::from_value(plan.clone()).ok()
}

/// The plan of a change that scales, loosens a policy and a blueprint, and settles something; drift stood before it.
fn planned() -> (Repo, Json) {
    let repo = Repo::shop();
    repo.git(&["checkout", "-q", "-b", "feature"]);
    repo.replace("deploy/frontend.yaml", "replicas: 2 ", "replicas: 4 ");
    repo.replace("blueprints/backend/blueprint.yaml", "max_replicas: 3 ", "max_replicas: 30 ");
    repo.commit(&[], "more of it");
    let plan = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).exits(0).json();
    (repo, plan)
}

/// Would miss: drift that is blamed on the change, a verdict of rules that the change brings along, a line without its page, a comment of which
/// nobody knows who judged what.
#[test]
fn x01_x05_a_comment_tells_what_the_change_causes_and_by_whose_rules() {
    let (repo, plan) = planned();
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let base = repo.git(&["rev-parse", "--short=7", "main"]).trim().to_owned();
    let plan = read(&plan).expect("a plan");
    let page = page(&plan);
    says(
        &page,
        &[
            "<!-- bpctl:staging -->\n### bpctl · staging — ",
            "stood before this change",
            "settled by this change</summary>",
            &format!(
                "**This change edits rules** (`blueprints/backend/blueprint.yaml`). What stands here is the judgement of main@{base};"
            ),
            "| `backend` | scale replicas 3 → 4 | needs approval | allowed, by scaling.min_replicas = 2, max_replicas = 30 |",
            "`had drifted before this change: spec.template",
            "<details><summary>Diffs</summary>",
            &format!("[`deploy/frontend.yaml:9`]({FORGE}{head}/deploy/frontend.yaml#L9)"),
            "```diff\n  spec.replicas",
            "- 2\n+ 4\n",
            "bpctl/verdict",
            &format!("<sub>judged by main@{base} · plan {}", plan.hash.short()),
            "[run](https://forge.test/run/1)</sub>",
        ],
    );
    // What stood before is no row of the table, and folded away.
    let (open, folded) = page.split_once(" stood before this change, whoever merges it</summary>").expect("folded");
    assert!(!open.contains("| `backend-canary` |") && folded.contains("`backend-canary` reconcile"), "{page}");
    assert_eq!(page, self::page(&plan));
    // Who looks at the terminal, or at a job's log, reads the same.
    let text = repo.run(&["plan", "--env", "staging", "--base", "main"]).exits(0).stdout;
    says(
        &text,
        &[
            "this change edits rules (blueprints/backend/blueprint.yaml): what stands here is the judgement of main; its own count once",
            "  backend  scale replicas 3 → 4: needs approval; its own rules say allowed, by scaling.min_replicas = 2, max_replicas = 30\n",
        ],
    );
    // A change of nothing.
    repo.git(&["checkout", "-q", "-b", "nothing", "main"]);
    repo.commit(&[("NOTES.md", "x")], "a note");
    let nothing = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).exits(0).json();
    let nothing = self::page(&read(&nothing).expect("a plan"));
    says(&nothing, &["### bpctl · staging — nothing to do because of this change\n**0 allowed"]);
    assert!(!nothing.contains("edits rules"), "{nothing}");
}

/// Paths of all texts of a value.
fn texts(value: &Json, at: &str, found: &mut Vec<String>) {
    match value {
        Json::String(_) => found.push(at.to_owned()),
        Json::Array(items) => items.iter().enumerate().for_each(|(i, item)| texts(item, &format!("{at}/{i}"), found)),
        Json::Object(map) => {
            for (key, value) in map {
                texts(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

/// Would miss: any text of the file that reaches the comment beside its sink.
#[test]
fn t07_t08_a_plan_that_somebody_else_wrote_is_shown_and_dead() {
    let (_, plan) = planned();
    let mut found = Vec::new();
    texts(&plan, "", &mut found);
    let (mut read_all, mut shown) = (0, 0);
    for at in &found {
        let mut forged = plan.clone();
        *forged.pointer_mut(at).expect("a text") = HOSTILE.into();
        let Some(forged) = read(&forged) else { continue };
        let page = page(&forged);
        dead_but_for(FORGE, at, &page);
        read_all += 1;
        shown += usize::from(page.contains("CANARY"));
    }
    assert!(read_all > 100 && shown > 20, "{read_all} of {} read, {shown} shown", found.len());
}

/// Would miss: a comment that the forge refuses, or one that is cut in the middle of what it opened.
#[test]
fn z17_a_comment_fits_whatever_the_plan_holds() {
    let (_, plan) = planned();
    let fits = |what: &str, plan: &Json| {
        let page = page(&read(plan).expect("a plan"));
        assert!(page.chars().count() < 65_536, "{what}: {}", page.chars().count());
        assert_eq!(page.matches("<details>").count(), page.matches("\n</details>\n").count(), "{what}");
        assert!(page.ends_with("</sub>\n"), "{what}");
        dead_but_for(FORGE, what, &page);
        page
    };
    let mut many = plan.clone();
    let parts = plan["blueprints"].as_array().expect("blueprints");
    let mut all = Vec::new();
    for number in 0..2_000 {
        let mut part = parts[number % parts.len()].clone();
        part["name"] = format!("workload-{number:04}").into();
        all.push(part);
    }
    many["blueprints"] = all.into();
    let told = fits("2,000 workloads", &many);
    says(&told, &["more; the whole plan is elsewhere."]);

    // Every text as long as a plan may hold one, in as far as it is still a plan.
    let huge = format!("{}`````` ", HOSTILE.repeat(300));
    let mut found = Vec::new();
    texts(&plan, "", &mut found);
    let mut forged = plan;
    for at in &found {
        let before = std::mem::replace(forged.pointer_mut(at).expect("a text"), huge.clone().into());
        if read(&forged).is_none() {
            *forged.pointer_mut(at).expect("a text") = before;
        }
    }
    forged["blueprints"][0]["notProposed"] = vec![json!({"what": huge, "because": huge}); 500].into();
    fits("huge texts", &forged);
}

/// Would miss: a plan of another version taken for one of this, a file that is read without end, and a plan of another environment told as
/// the wanted one.
#[test]
fn a_plan_that_cannot_be_read_is_refused() {
    let (repo, plan) = planned();
    let write = |plan: &Json| repo.write("../plan.json", &plan.to_string());
    let run = |more: &[&str]| repo.run(&[&["comment", "1", "--plan", "../plan.json"], more].concat());
    write(&plan);
    says(&run(&["--env", "prod"]).exits(2).stderr, &["is a plan of the environment staging, not of \"prod\""]);
    says(&run(&["--when", "never"]).exits(0).stdout, &["no comment: --when never"]);
    says(&run(&[]).exits(0).stdout, &["no comment: #1 is no open pull request to main"]);
    let mut other = plan.clone();
    other["schemaVersion"] = 2.into();
    write(&other);
    says(&run(&[]).exits(1).stderr, &["its schemaVersion is 2", "with the same version of bpctl"]);
    repo.write("../plan.json", "{}");
    says(&run(&[]).exits(1).stderr, &["is no plan that this bpctl can read"]);
    let file = std::fs::File::create(repo.folder.path().join("plan.json")).expect("a file");
    file.set_len(65 << 20).expect("a large file");
    says(&run(&[]).exits(1).stderr, &["it has more than 64 MiB"]);
}

/// T3, T4. Would miss: a job with credentials that works on files which nobody with write access has seen.
#[test]
fn t03_t04_a_command_does_not_work_with_credentials_on_files_of_strangers() {
    let repo = Repo::shop();
    let base = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let event = |head: &str| {
        let event = json!({"pull_request": {"head": {"repo": {"full_name": head}}, "base": {"repo": {"full_name": "shop/deploy"}}}});
        repo.write("../event.json", &event.to_string());
        repo.folder.path().join("event.json").display().to_string()
    };
    let plan = |name: &str, file: String, sha: &str| {
        let bpctl =
            repo.bpctl().with("GITHUB_EVENT_NAME", name).with("GITHUB_EVENT_PATH", file).with("GITHUB_SHA", sha);
        bpctl.run(&["plan", "--env", "staging"])
    };
    plan("pull_request", event("shop/deploy"), "").exits(0);
    let fork = plan("pull_request", event("eve/deploy"), "").exits(1);
    says(&fork.stderr, &["this is a fork's pull request", "`bpctl lint` checks it"]);
    plan("pull_request", "/nonexistent".into(), "").exits(1);
    repo.write("../event.json", "{}");
    plan("pull_request", repo.folder.path().join("event.json").display().to_string(), "").exits(1);
    let of_fork =
        || repo.bpctl().with("GITHUB_EVENT_NAME", "pull_request").with("GITHUB_EVENT_PATH", event("eve/deploy"));
    of_fork().run(&["lint"]).exits(0);
    says(&of_fork().run(&["snapshot", "../recorded"]).exits(1).stderr, &["this is a fork's pull request"]);
    plan("pull_request_target", event("eve/deploy"), &base).exits(1);
    for name in ["pull_request_target", "workflow_run", "check_suite", "fork"] {
        plan(name, event("shop/deploy"), &base).exits(0);
        let told = plan(name, event("shop/deploy"), &"0".repeat(40)).exits(1).stderr;
        says(&told, &["another commit than the base branch's is checked out", "run it on `pull_request`"]);
        // The base's commit is checked out, and a stranger's file laid over it.
        let here = repo.read("deploy/frontend.yaml");
        repo.write("deploy/frontend.yaml", &here.replace("replicas: 2", "replicas: 3"));
        let told = plan(name, event("shop/deploy"), &base).exits(1).stderr;
        says(
            &told,
            &["files of the work tree are not the base branch's: deploy/frontend.yaml", "run it on `pull_request`"],
        );
        repo.write("deploy/frontend.yaml", &here);
        repo.write("deploy/more.yaml", "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: x}\n");
        let beside = plan(name, event("shop/deploy"), &base);
        assert!(beside.code == Some(0), "nothing reads it: {beside:?}");
        std::fs::remove_file(repo.path().join("deploy/more.yaml")).expect("a file");
    }
}

/// Would miss: a summary that takes the place of what other steps wrote.
#[test]
fn a_summary_is_appended_and_says_what_the_page_says() {
    let repo = Repo::shop();
    repo.write("../summary.md", "before\n");
    let run = repo.run(&["plan", "--env", "staging", "-o", "markdown", "--summary", "../summary.md"]).exits(0);
    assert_eq!(
        std::fs::read_to_string(repo.folder.path().join("summary.md")).expect("a file"),
        format!("before\n{}", run.stdout)
    );
}
