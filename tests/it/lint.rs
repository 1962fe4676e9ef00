//! `bpctl lint`: for each code something bad that it finds, where, and a way out; and that the good is silent.

mod bounds;
mod fixes;
pub mod formats;
mod required;
mod rules;
mod since;
mod suppressions;

use bpctl_core::blueprint::lint::READING;
use serde_json::Value as Json;

use crate::support::Repo;

const BACKEND: &str = "blueprints/backend/blueprint.yaml";
const FRONTEND: &str = "blueprints/frontend/blueprint.yaml";
const MANIFEST: &str = "deploy/backend.yaml";

/// Code; file; what stands there; what is written instead; line and column of the principal place.
type Row = (&'static str, &'static str, &'static str, &'static str, (u64, u64));

/// One row at least for every code of reading; `every_code_of_reading_has_a_row` counts. The rules have theirs in `rules`.
const ROWS: &[Row] = &[
    ("yaml-syntax", BACKEND, "spec:\n", "spec: [\n", (7, 13)),
    ("yaml-tag", BACKEND, "min_replicas: 2", "min_replicas: !x 2", (14, 19)),
    ("yaml-key", MANIFEST, "  replicas: 3", "  replicas: 3\n  {{a}}: 1", (8, 3)),
    ("yaml-number", MANIFEST, "  replicas: 3", "  replicas: .inf", (7, 13)),
    ("list-unread", MANIFEST, "spec:\n  replicas: 3", "items: []\nspec:\n  replicas: 3", (6, 1)),
    ("yaml-alias-cycle", BACKEND, "metadata: {name: backend,", "metadata: &a {x: *a, name: backend,", (4, 18)),
    ("duplicate-key", BACKEND, "min_replicas: 2", "min_replicas: 2\n    min_replicas: 2", (15, 5)),
    ("merge-key", BACKEND, "    min_replicas: 2", "    <<: {min_replicas: 2}", (14, 5)),
    ("unknown-field", BACKEND, "min_replicas: 2", "min_replica: 2", (14, 5)),
    ("missing-field", BACKEND, "    max_replicas: 3 ", "    #", (14, 5)),
    ("wrong-type", BACKEND, "min_replicas: 2", "min_replicas: [2]", (14, 19)),
    ("bad-value", BACKEND, "scale_up_threshold: 80%", "scale_up_threshold: eighty", (16, 25)),
    ("bad-value", "bpctl.yaml", "base: main", "base: --upload-pack=x", (4, 7)),
    ("unknown-kind", BACKEND, "kind: Blueprint", "kind: Blueprinted", (3, 7)),
    ("target-twice", FRONTEND, "workload: Deployment/frontend", "workload: Deployment/backend", (7, 15)),
    ("duplicate-name", FRONTEND, "metadata: {name: frontend,", "metadata: {name: backend,", (4, 18)),
];

fn lint(repo: &Repo) -> Vec<Json> {
    let ran = repo.run(&["lint", "-o", "json"]);
    assert!(matches!(ran.code, Some(0 | 6)), "{ran:?}");
    let report = ran.json();
    let schema: Json = serde_json::from_str(&repo.run(&["schema", "lint"]).exits(0).stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{report:#}");
    report["diagnostics"].as_array().expect("diagnostics").clone()
}

fn place(found: &Json) -> (&str, u64, u64) {
    let span = &found["labels"][0]["span"];
    (
        span["file"].as_str().unwrap_or_default(),
        span["line"].as_u64().unwrap_or(0),
        span["column"].as_u64().unwrap_or(0),
    )
}

/// Would miss: a person who mends one mistake a run.
#[test]
fn all_that_is_wrong_with_a_file_is_told_at_once() {
    let repo = Repo::shop();
    repo.replace(BACKEND, "max_replicas: 3 ", "max_replicas: four ");
    repo.replace(BACKEND, "scale_up_threshold: 80%", "scale_up_threshold: eighty");
    repo.replace(BACKEND, "min_replicas: 2", "min_replica: 2");
    let found = lint(&repo);
    let codes: Vec<(&str, u64)> = found.iter().map(|d| (d["code"].as_str().unwrap_or_default(), place(d).1)).collect();
    assert_eq!(codes, [("unknown-field", 14), ("wrong-type", 15), ("bad-value", 16)], "{found:#?}");
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "tier: staging", "tier: stagin");
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: dirct");
    let ran = repo.run(&["lint"]).exits(6).stdout;
    assert!(ran.contains("did you mean `staging`?") && ran.contains("did you mean `direct`?"), "{ran}");
    assert!(ran.ends_with("bpctl.yaml could not be read, and so nothing else was: 2 errors, 0 warnings\n"), "{ran}");
}

/// Would miss: a message of the parser's own that gives nobody a right value.
#[test]
fn a_time_that_is_none_is_told_with_one_that_is() {
    for wrong in ["tomorrow", "2026-11-22"] {
        let repo = Repo::shop();
        let policy = "blueprints/policies/base.yaml";
        let freeze = format!("freezes: [{{name: x, from: 2026-01-01T00:00:00Z, to: {wrong}}}]\n");
        repo.commit(&[(policy, &format!("{}{freeze}", repo.read(policy)))], "a freeze");
        let text = repo.run(&["lint"]).exits(6).stdout;
        assert!(text.contains(&format!("to: `{wrong}` is no point of time; write it like")), "{text}");
        assert!(text.contains("2026-12-20T00:00:00Z"), "{text}");
    }
}

/// Would miss: a problem that is passed over, or shown at another place.
#[test]
fn every_code_of_reading_is_found_where_it_is() {
    let mut wrong = Vec::new();
    for (code, file, from, to, at) in ROWS {
        let repo = Repo::shop();
        repo.replace(file, from, to);
        let found = lint(&repo);
        let Some(mine) = found.iter().find(|d| d["code"] == *code) else {
            wrong.push(format!("{code}: {to:?} gives {found:?}"));
            continue;
        };
        let (shown, line, column) = place(mine);
        if (shown, (line, column)) != (*file, *at) {
            wrong.push(format!("{code}: {to:?} at {shown}:{line}:{column}"));
        }
        assert_eq!(repo.run(&["explain", code]).exits(0).stderr, "", "{code}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_of_reading_has_a_row() {
    // These have tests of their own below: they need more than one replacement.
    let apart =
        ["yaml-encoding", "yaml-too-large", "yaml-too-deep", "yaml-alias-bomb", "file-refused", "workspace-missing"];
    for code in READING.map(|page| page.code) {
        assert!(apart.contains(&code) || ROWS.iter().any(|row| row.0 == code), "{code} has no row");
    }
}

fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..40 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(",")));
    }
    text
}

/// T15 through the program, in each of the files that people can hand in. Would miss: an expansion, a recursion or a read without bound.
#[test]
fn t15_bombs_end_within_two_seconds() {
    let deep = format!("a: {}", "[".repeat(10_000));
    let deep_block: String = (0..2000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let large = format!("a: \"{}\"\n", "x".repeat(5 << 20));
    for (what, text, codes) in [
        ("aliases", bomb(), &["yaml-alias-bomb"][..]),
        ("flow", deep, &["yaml-too-deep", "yaml-syntax"]),
        ("blocks", deep_block, &["yaml-too-deep", "yaml-syntax"]),
        ("large", large, &["file-refused", "yaml-too-large"]),
    ] {
        for file in [BACKEND, MANIFEST, "blueprints/policies/base.yaml"] {
            let repo = Repo::shop();
            repo.write(file, &text);
            let found = repo.bpctl().run_within(2, &["lint", "-o", "json"]).exits(6).json();
            let all = found["diagnostics"].as_array().expect("diagnostics");
            assert!(all.iter().any(|d| codes.iter().any(|code| d["code"] == *code)), "{what} in {file}: {found:#}");
            repo.run(&["plan"]).exits(1);
        }
    }
}

/// T17: not text, or text with a NUL, is refused with its place; a byte order mark and CRLF are read, and edits leave them.
#[test]
fn t17_bad_bytes_are_refused_and_windows_files_are_read() {
    for bytes in [&b"kind: \xff\xfe"[..], b"kind: Blue\0print"] {
        let repo = Repo::shop();
        std::fs::write(repo.path().join(BACKEND), bytes).expect("written");
        let found = lint(&repo);
        let mine = found.iter().find(|d| d["code"] == "yaml-encoding").unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(place(mine).0, BACKEND);
        assert!(mine["message"].as_str().is_some_and(|text| text.contains("byte")), "{mine}");
    }
    let repo = Repo::shop();
    for file in [FRONTEND, "deploy/frontend.yaml"] {
        let text = format!("\u{feff}{}", repo.read(file).replace('\n', "\r\n"));
        repo.write(file, &text);
    }
    repo.commit(&[], "from Windows");
    assert_eq!(lint(&repo), Vec::<Json>::new());
    let before = repo.read("deploy/frontend.yaml");
    repo.run(&["apply"]).exits(0);
    assert_eq!(repo.merges(), 1);
    assert_eq!(
        repo.read("deploy/frontend.yaml"),
        before.replace("replicas: 2", "replicas: 3"),
        "every other byte stays"
    );
}

/// T18: a link is not followed. Would miss: `lint` that reads a file outside the repository.
#[test]
fn t18_links_are_not_followed() {
    let repo = Repo::shop();
    let outside = repo.folder.path().join("outside.yaml");
    std::fs::rename(repo.path().join(BACKEND), &outside).expect("moved");
    std::os::unix::fs::symlink(&outside, repo.path().join(BACKEND)).expect("a link");
    let found = lint(&repo);
    assert!(found.iter().any(|d| d["code"] == "file-refused" && d.to_string().contains(BACKEND)), "{found:?}");
    repo.run(&["plan"]).exits(1);
}

/// T38: a place in what is, or may be, a Secret is told without its line. Would miss: a value beside the place, in text and so in CI's log.
#[test]
fn t38_no_line_of_a_secret_is_shown() {
    for (what, text, code) in [
        (
            "a key twice in a Secret of one line",
            "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: canary-1, a: canary-2}\n",
            "manifest-duplicate",
        ),
        (
            "a list of them",
            "---\napiVersion: v1\nkind: SecretList\nitems: [{metadata: {name: s}, stringData: {a: canary-1}}, 3]\n",
            "list-unread",
        ),
        ("one that cannot be read", "---\nkind: Secret\nstringData: {a: \"canary-\\q\"}\n", "yaml-syntax"),
    ] {
        let repo = Repo::shop();
        let manifest = repo.read(MANIFEST);
        repo.write(MANIFEST, &format!("{manifest}{text}"));
        let ran = repo.run(&["lint"]);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains(&format!("[{code}]")), "{what}: {told}");
        let flat = told.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("no line is shown of what may hold a Secret"), "{what}: {told}");
        assert!(told.contains(MANIFEST), "{what}: {told}");
        assert!(!told.contains("canary"), "{what}: {told}");
    }
    // Of what stands beside it in the same file lines are shown.
    let repo = Repo::shop();
    let manifest = repo.read(MANIFEST).replace("  replicas: 3", "  replicas: -3");
    repo.write(
        MANIFEST,
        &format!("{manifest}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{a: canary}}\n"),
    );
    let told = repo.run(&["lint"]).stdout;
    assert!(told.contains("replicas: -3") && !told.contains("canary"), "{told}");
}
