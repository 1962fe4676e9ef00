//! What is generated is up to date, and what is shipped holds to it.

use std::path::{Path, PathBuf};

use crate::support::{Program, Repo};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Schemas are generated from the types; `just schemas` writes them.
#[test]
fn schemas_are_up_to_date() {
    let all = bpctl::cli::schema::all();
    let mut files: Vec<String> = std::fs::read_dir(root().join("schemas"))
        .expect("schemas/")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    files.sort();
    let mut wanted: Vec<String> = all.iter().map(|(name, _)| format!("{name}.v1.json")).collect();
    wanted.sort();
    assert_eq!(files, wanted, "run: cargo run -- schema --write schemas");
    for (name, text) in all {
        let file = root().join("schemas").join(format!("{name}.v1.json"));
        let there = std::fs::read_to_string(&file).expect("a schema");
        assert_eq!(there, text, "{name} is out of date; run: cargo run -- schema --write schemas");
    }
}

/// The pages of lint are generated from the rules.
#[test]
fn the_lint_rules_page_is_up_to_date() {
    let file = root().join("docs/LINT_RULES.md");
    let text = Repo::empty().run(&["explain", "--markdown"]).exits(0).stdout;
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "out of date; run: cargo run -- explain --markdown > docs/LINT_RULES.md");
}

#[test]
fn the_command_line_page_is_up_to_date() {
    let file = root().join("docs/CLI.md");
    let text = Repo::empty().run(&["completions", "--markdown"]).exits(0).stdout;
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "out of date; run: cargo run -- completions --markdown > docs/CLI.md");
}

/// Would miss: a page that `man` cannot read, a command without one.
#[test]
fn every_command_has_a_manual_page() {
    let repo = Repo::empty();
    repo.run(&["completions", "--man", "man"]).exits(0);
    let pages: Vec<String> = std::fs::read_dir(repo.path().join("man"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    for command in ["lint", "plan", "apply", "where"] {
        let page = repo.read(&format!("man/bpctl-{command}.1"));
        assert!(page.contains(".SH SYNOPSIS") && page.contains(".SH OPTIONS"), "{page}");
    }
    assert!(pages.len() >= 18, "{pages:?}");
}

fn validator(name: &str) -> jsonschema::Validator {
    let (_, text) = bpctl::cli::schema::all().into_iter().find(|(n, _)| *n == name).expect("a schema");
    let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a valid schema")
}

#[track_caller]
fn valid(validator: &jsonschema::Validator, value: &serde_json::Value, what: &str) {
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

/// The files that are shipped as examples hold to the schemas that editors use.
#[test]
fn shipped_examples_hold_to_the_schemas() {
    let read = |path: &str| {
        let bytes = std::fs::read(root().join(path)).expect(path);
        let documents = bpctl_core::yaml::parse(path, &bytes, bpctl_core::yaml::Kind::Own).expect(path);
        documents[0].root.to_json()
    };
    valid(&validator("workspace"), &read("examples/shop/bpctl.yaml"), "bpctl.yaml");
    valid(&validator("policy"), &read("examples/shop/blueprints/policies/base.yaml"), "base.yaml");
    for name in ["frontend", "backend", "backend-canary"] {
        let path = format!("examples/shop/blueprints/{name}/blueprint.yaml");
        valid(&validator("blueprint"), &read(&path), &path);
    }
    valid(&validator("blueprint"), &read("blueprints/starter/blueprint.yaml"), "the starter");
    valid(&validator("policy"), &read("blueprints/starter/policy.yaml"), "the starter's policy");
    // The schema is no rubber stamp.
    let mut broken = read("examples/shop/blueprints/frontend/blueprint.yaml");
    broken["spec"]["scaling"]["max_replicas"] = "many".into();
    assert!(validator("blueprint").validate(&broken).is_err());
}

/// The starters lint clean beside the manifest that they speak of.
#[test]
fn the_starters_lint_clean() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect(path);
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {}\n";
    let workspace =
        "apiVersion: bpctl.dev/v1\nkind: Workspace\nenvironments: {dev: {tier: dev, cluster: {context: x}}}\n";
    let repo = Repo::with(&[
        ("bpctl.yaml", workspace),
        ("deploy/web.yaml", manifest),
        ("blueprints/web.yaml", &read("blueprints/starter/blueprint.yaml")),
        ("blueprints/base.yaml", &read("blueprints/starter/policy.yaml")),
    ]);
    assert!(repo.run(&["lint"]).exits(0).stdout.contains("1 blueprint, 1 policy: no problems"));
}

/// What the program prints as JSON holds to the schemas that it prints.
#[test]
fn outputs_hold_to_their_schemas() {
    let shop = Repo::shop();
    let lint = shop.run(&["lint", "-o", "json"]).exits(0).json();
    valid(&validator("lint"), &lint, "lint");
    let plan = shop.run(&["plan", "-o", "json"]).exits(0).json();
    valid(&validator("plan"), &plan, "plan");
    let apply = shop.run(&["apply", "-o", "json"]).exits(0).json();
    valid(&validator("apply"), &apply, "apply");
    let judge = shop.run(&["judge", "1", "-o", "json"]).exits(6).json();
    valid(&validator("judgement"), &judge, "judge");
    let verify = shop.run(&["verify", "-o", "json"]).exits(0).json();
    valid(&validator("verify"), &verify, "verify");
    let suggested = shop.run(&["suggest", "-o", "json"]).exits(0).json();
    valid(&validator("suggestions"), &suggested, "suggestions");
    let actions = shop.run(&["actions", "-o", "json"]).exits(0).json();
    valid(&validator("actions"), &actions, "actions");
    let audit = shop.run(&["audit", "-o", "json"]).exits(0).json();
    valid(&validator("audit"), &audit, "audit");
    for entry in audit["entries"].as_array().expect("entries") {
        valid(&validator("ledger-entry"), entry, "ledger entry");
    }
}

/// Every relative link of the documents leads somewhere.
#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut pages: Vec<PathBuf> = Vec::new();
    for folder in ["", "docs", "blueprints"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() >= 8, "{pages:?}");
    let mut broken = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page");
        for part in text.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !page.parent().expect("a folder").join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The tour tells its story, whole, well within a minute, and needs nothing but the program.
#[test]
fn the_tour_tells_its_story() {
    let home = tempfile::tempdir().expect("a folder");
    let start = std::time::Instant::now();
    let told = Program::new(home.path(), home.path()).run(&["tour"]).exits(0).stdout;
    assert!(start.elapsed().as_secs() < 60);
    for line in [
        "3 blueprints, 1 policy: no problems",
        "replicas 2 → 3",
        "zero replicas is an outage",
        "instead: replicas = 1 (min_replicas)",
        "opened local pull request #1",
        "next: bpctl approve 1",
        "approved local pull request #1",
        "needs approval, given by 1 person",
        "approved by alice@shop.example",
    ] {
        assert!(told.contains(line), "{line:?} is missing in:\n{told}");
    }
}

/// Every test that the requirements name exists.
#[test]
fn requirements_name_tests_that_exist() {
    fn collect(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, text);
            } else if path.extension().is_some_and(|e| e == "rs") {
                text.push_str(&std::fs::read_to_string(&path).expect("a file"));
            }
        }
    }
    let mut code = String::new();
    for folder in ["src", "core/src", "core/tests", "tests/it"] {
        collect(&root().join(folder), &mut code);
    }
    let page = std::fs::read_to_string(root().join("docs/REQUIREMENTS.md")).expect("the page");
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        for name in tests.split('`').skip(1).step_by(2) {
            named += 1;
            assert!(code.contains(&format!("fn {name}(")), "{name} is no test any more: {row}");
        }
    }
    assert!(named > 40, "{named}");
}
