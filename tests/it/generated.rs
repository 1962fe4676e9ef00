//! What is generated is up to date, and what is shipped holds to it.

use std::path::{Path, PathBuf};

use serde_json::json;

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
        assert!(there == text, "{name} is out of date; run: cargo run -- schema --write schemas");
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

pub fn validator(name: &str) -> jsonschema::Validator {
    let (_, text) = bpctl::cli::schema::all().into_iter().find(|(n, _)| *n == name).expect("a schema");
    let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a valid schema")
}

#[track_caller]
pub fn valid(validator: &jsonschema::Validator, value: &serde_json::Value, what: &str) {
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
    // The schema is no rubber stamp.
    let mut broken = read("examples/shop/blueprints/frontend/blueprint.yaml");
    broken["spec"]["scaling"]["max_replicas"] = "many".into();
    assert!(validator("blueprint").validate(&broken).is_err());
}

/// Every file to copy holds to its schema and lints clean, each beside a minimal manifest of the workload that it names (B19).
#[test]
fn the_starters_lint_clean() {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in std::fs::read_dir(root().join("blueprints")).expect("blueprints/") {
        let folder = folder.expect("an entry").path();
        if folder.is_dir() {
            files.extend(std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let (what, text) = (file.display().to_string(), std::fs::read_to_string(&file).expect("a file"));
        let documents = bpctl_core::yaml::parse(&what, text.as_bytes(), bpctl_core::yaml::Kind::Own).expect(&what);
        let document = documents[0].root.to_json();
        let is_blueprint = document["kind"] == "Blueprint";
        valid(&validator(if is_blueprint { "blueprint" } else { "policy" }), &document, &what);
        let repo = Repo::with(&[("bpctl.yaml", &workspace_for(&document)), ("blueprints/one.yaml", &text)]);
        if is_blueprint {
            let (path, manifests) = manifests_for(&document["spec"]);
            repo.write(&path, &manifests);
        }
        let counted = if is_blueprint { "1 blueprint, 0 policies" } else { "0 blueprints, 1 policy" };
        let told = repo.run(&["lint"]).exits(0).stdout;
        assert!(told.contains(&format!("{counted}: no problems")), "{what}:\n{told}");
    }
}

/// A workspace with `dev` and the environments that a file speaks of, each of the tier of its name.
fn workspace_for(document: &serde_json::Value) -> String {
    let overridden = document["environments"].as_object().into_iter().flat_map(|all| all.keys().map(String::as_str));
    let tiers = document["match"]["tiers"].as_array().into_iter().flatten();
    let matched = tiers.map(|tier| tier.as_str().expect("a tier"));
    let place = |name: &str| {
        let prometheus = json!({"url": "https://prometheus.example.org"});
        (name.to_owned(), json!({"tier": name, "cluster": {"context": name}, "prometheus": prometheus}))
    };
    let environments: serde_json::Map<String, serde_json::Value> =
        std::iter::once("dev").chain(overridden).chain(matched).map(place).collect();
    json!({"apiVersion": "bpctl.dev/v1", "kind": "Workspace", "environments": environments}).to_string()
}

/// The workload that a blueprint's spec names, with what the spec asks of a manifest, and its `ConfigMaps`: the file and its text.
fn manifests_for(spec: &serde_json::Value) -> (String, String) {
    let target = &spec["target"];
    let (kind, name) = target["workload"].as_str().and_then(|text| text.split_once('/')).expect("KIND/NAME");
    let most = |resource: &str, or: &str| spec["resources"][resource]["maximum"].as_str().unwrap_or(or).to_owned();
    let probe = json!({"httpGet": {"path": "/", "port": 8080}});
    let container = json!({
        "name": spec["resources"]["container"].as_str().unwrap_or(name),
        "image": "registry.example.org/app:1",
        "resources": {"requests": {"cpu": most("cpu", "1"), "memory": most("memory", "1Gi")}},
        "readinessProbe": probe,
        "livenessProbe": probe,
    });
    let mut workload = json!({
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
    });
    if kind != "DaemonSet" {
        workload["replicas"] = json!(spec["scaling"]["max_replicas"].as_u64().unwrap_or(1));
    }
    if let Some(promised) = spec["deployment"].as_object() {
        let mut rolling = serde_json::Map::new();
        for (key, field) in [("max_surge", "maxSurge"), ("max_unavailable", "maxUnavailable")] {
            rolling.extend(promised.get(key).map(|value| (field.to_owned(), value.clone())));
        }
        let field = if kind == "Deployment" { "strategy" } else { "updateStrategy" };
        workload[field] = json!({"type": promised["strategy"], "rollingUpdate": rolling});
    }
    let namespace = &target["namespace"];
    let metadata = json!({"name": name, "namespace": namespace});
    let mut all = vec![json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": workload})];
    for (map, keys) in spec["config"].as_object().into_iter().flatten() {
        let value = |range: &serde_json::Value| {
            range["one_of"][0].as_str().map_or_else(|| range["min"].to_string(), str::to_owned)
        };
        let data: std::collections::BTreeMap<&String, String> =
            keys.as_object().into_iter().flatten().map(|(key, range)| (key, value(range))).collect();
        let metadata = json!({"name": map.trim_start_matches("ConfigMap/"), "namespace": namespace});
        all.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}));
    }
    let source = target["source"].as_str().expect("a source");
    let path = if std::path::Path::new(source).extension().is_some() {
        source.to_owned()
    } else {
        format!("{source}/all.yaml")
    };
    let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    (path, texts.join("\n---\n"))
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
    let read = |page: &str| std::fs::read_to_string(root().join("docs").join(page)).expect("the page");
    let (requirements, threats) = (read("REQUIREMENTS.md"), read("THREAT_MODEL.md"));
    let ids = |page: &str| -> Vec<String> {
        let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next().map(ToOwned::to_owned));
        rows.filter(|id| id.starts_with(['T', 'Z']) && id[1..].parse::<u32>().is_ok()).collect()
    };
    assert_eq!(ids(&threats), ids(&read("CASES.md")), "each case stands in both pages");
    let (requirements, threats) =
        (requirements.lines(), threats.lines().skip_while(|line| *line != "## Each case and its tests"));
    let mut named = 0;
    for row in requirements.chain(threats).filter(|line| line.starts_with("| ")) {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        for name in tests.split('`').skip(1).step_by(2) {
            named += 1;
            assert!(code.contains(&format!("fn {name}(")), "{name} is no test any more: {row}");
        }
    }
    assert!(named > 40, "{named}");
}
