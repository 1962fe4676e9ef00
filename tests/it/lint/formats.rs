//! What `lint` writes for other programs is what they read, and text from files stays text in it.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::BACKEND;
use crate::support::Repo;

const HOSTILE_FILE: &str = "blueprints/a,line=7::b%0A<c>.yaml";
const HOSTILE_KEY: &str = "x,title=y::error::z\\r\\n::stop-commands::t\\n::error file=q::owned ##[error]p %0A::warning::w </failure><evil a='1'> [l](http://evil.test) \\e[31m\\u202e";

/// The shop with an error, a warning and a hint, and a file whose name and content try to be more than text.
pub fn bad_shop() -> Repo {
    let repo = Repo::shop();
    repo.replace(BACKEND, "min_replicas: 2", "min_replicas: 3");
    repo.replace(BACKEND, "allowed_operations: [scale, reconcile]", "allowed_operations: [scale, reconcile, scale]");
    repo.write(HOSTILE_FILE, &format!("apiVersion: bpctl.dev/v1\nkind: Policy\n\"{HOSTILE_KEY}\": 1\nmetadata: {{name: x, version: 1.0.0, owner: x}}\n"));
    repo
}

/// Would miss: a report that says other than what is printed, none where the run fails, a format that is mistyped and taken for another.
#[test]
fn reports_are_written_beside_what_is_printed() {
    let repo = bad_shop();
    let formats = ["json", "sarif", "junit", "github", "markdown"];
    let folder = repo.folder.path().join("reports");
    let reports = formats.map(|format| format!("{format}:{}/{format}", folder.display())).join(",");
    let text = repo.run(&["lint", "--report", &reports]).exits(6).stdout;
    assert!(text.contains("error[unknown-field]"), "{text}");
    for format in formats {
        let written = std::fs::read_to_string(folder.join(format)).expect("a report");
        assert_eq!(written, repo.run(&["lint", "-o", format]).exits(6).stdout, "{format}");
    }
    for (given, told) in
        [("sarif", "a format, a colon and a file"), ("sarf:x", "sarf is none of "), ("text:x", "for a terminal")]
    {
        let ran = repo.run(&["lint", "--report", given]).exits(2);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

/// SARIF 2.1.0: what the standard requires is there, and every finding points to its rule and its line.
#[test]
fn sarif_has_what_the_standard_requires() {
    let log = bad_shop().run(&["lint", "-o", "sarif"]).exits(6).json();
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["tool"]["driver"]["name"], "bpctl");
    let rules = runs[0]["tool"]["driver"]["rules"].as_array().expect("rules");
    for rule in rules {
        assert!(rule["id"].as_str().is_some_and(|id| !id.is_empty()), "{rule}");
        assert!(rule["shortDescription"]["text"].is_string() && rule["help"]["text"].is_string(), "{rule}");
    }
    let results = runs[0]["results"].as_array().expect("results");
    for result in results {
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{result}");
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().expect("a level")), "{result}");
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64().is_some_and(|line| line > 0), "{result}");
        assert!(place["region"]["startColumn"].as_u64().is_some_and(|column| column > 0), "{result}");
        assert!(place["artifactLocation"]["uri"].as_str().is_some_and(url_safe), "{result}");
        for related in result["relatedLocations"].as_array().into_iter().flatten() {
            assert!(related["message"]["text"].is_string(), "{result}");
        }
    }
    let fixed = results.iter().find(|result| result["ruleId"] == "scaling-fixed").expect("the hint");
    assert_eq!(
        (&fixed["level"], &fixed["locations"][0]["physicalLocation"]["region"]["startLine"]),
        (&"note".into(), &15.into())
    );
    let hostile = results.iter().find(|result| result["ruleId"] == "unknown-field").expect("the hostile file");
    assert_eq!(
        hostile["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "blueprints/a%2Cline%3D7%3A%3Ab%250A%3Cc%3E.yaml"
    );
    assert!(!hostile.to_string().contains(" [l]("), "a live link: {hostile}");
    assert!(hostile.to_string().contains("\\\\[l\\\\]("), "{hostile}");
    let clean = Repo::shop().run(&["lint", "-o", "sarif"]).exits(0).json();
    assert_eq!(
        clean["runs"][0]["results"],
        serde_json::json!([]),
        "present even when empty: the server closes what is gone"
    );
}

fn url_safe(uri: &str) -> bool {
    uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte))
}

fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    let found = element.try_get_attribute(name).expect("attributes").unwrap_or_else(|| panic!("no {name}"));
    found.value.into_owned()
}

/// JUnit: well-formed, counted as it says, with a failure for what fails and a passed test for the rest.
#[test]
fn junit_is_well_formed_and_counts_what_fails() {
    let xml = bad_shop().run(&["lint", "-o", "junit", "--fail-on", "warning"]).exits(6).stdout;
    let mut reader = Reader::from_str(&xml);
    let (mut cases, mut failures, mut types) = (0, 0, Vec::new());
    let mut promised = (String::new(), String::new());
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                "testsuites" => promised = (attribute(&element, "tests"), attribute(&element, "failures")),
                "testsuite" => assert_eq!(attribute(&element, "errors"), "0"),
                "testcase" => {
                    cases += 1;
                    assert!(!attribute(&element, "name").is_empty() && !attribute(&element, "classname").is_empty());
                }
                "failure" => {
                    failures += 1;
                    types.push(attribute(&element, "type"));
                    assert!(!attribute(&element, "message").is_empty());
                }
                "system-out" => {}
                other => panic!("an element of another's: {other}"),
            },
            _ => {}
        }
    }
    assert_eq!((cases.to_string(), failures.to_string()), promised);
    types.sort();
    assert_eq!((cases, types), (3, vec!["error".to_owned(), "warning".to_owned()]));
    assert!(!xml.contains(['\u{1b}', '\u{202e}']), "{xml}");
    let clean = Repo::shop().run(&["lint", "-o", "junit"]).exits(0).stdout;
    assert!(clean.contains("tests=\"1\" failures=\"0\"") && clean.contains("<testcase"), "{clean}");
}

/// T11: one command a finding, whatever stands in the files.
#[test]
fn t11_github_commands_are_bpctls_own() {
    let repo = bad_shop();
    let text = repo.run(&["lint", "-o", "github"]).exits(6).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(
        lines[1],
        "::notice file=blueprints/backend/blueprint.yaml,line=15,col=19,title=scaling-fixed::bpctl cannot scale: minimum and maximum \
         are both 3%0Aequal to min_replicas%0Araise max_replicas if bpctl shall scale"
    );
    assert!(
        lines[2].starts_with("::warning file=blueprints/backend/blueprint.yaml,line=20,col=44,title=listed-twice::"),
        "{text}"
    );
    let hostile =
        "::error file=blueprints/a%2Cline=7%3A%3Ab%250A<c>.yaml,line=3,col=1,title=unknown-field::there is no field ";
    assert!(lines[0].starts_with(hostile), "{text}");
    assert!(lines[0].contains("%250A") && !lines[0].contains("%0A::warning"), "{text}");
    assert_eq!(lines[3], "3 blueprints, 1 policy, 1 file not read: 1 error, 1 warning, 1 hint");
    assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text:?}");
}

/// T7, T10: the table's rows are as many as the findings, and nothing of the files is live in them or in the text.
#[test]
fn t07_markdown_and_text_hold_text_only() {
    let repo = bad_shop();
    let table = repo.run(&["lint", "-o", "markdown"]).exits(6).stdout;
    assert_eq!(table.lines().filter(|line| line.starts_with("| ")).count(), 3 + 2, "{table}");
    for event in pulldown_cmark::Parser::new_ext(&table, pulldown_cmark::Options::ENABLE_TABLES) {
        use pulldown_cmark::{Event, Tag};
        let live =
            matches!(event, Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Image { .. }));
        assert!(!live, "{event:?} in {table}");
    }
    assert!(table.contains("<evil"), "{table}");
    let text = repo.run(&["lint"]).exits(6).stdout;
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
}

/// Would miss: an error that is lost among hints, a last line that explains a hint, and a broken file that nobody counts.
#[test]
fn errors_come_first_and_hints_are_short() {
    let ran = bad_shop().run(&["lint"]).exits(6);
    let at = |what: &str| ran.stdout.find(what).unwrap_or_else(|| panic!("{what} is missing in {}", ran.stdout));
    assert!(at("error[unknown-field]") < at("warning[listed-twice]"), "{}", ran.stdout);
    assert!(
        at("warning[listed-twice]")
            < at("info[scaling-fixed]\n  blueprints/backend/blueprint.yaml:15:19: bpctl cannot scale")
    );
    assert!(
        ran.stdout.ends_with("3 blueprints, 1 policy, 1 file not read: 1 error, 1 warning, 1 hint\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.ends_with("hint: bpctl explain unknown-field\n"), "{}", ran.stderr);
}

/// Would miss: a second file that is shown as a second problem.
#[test]
fn a_problem_in_two_files_is_one_problem() {
    let repo = Repo::shop();
    repo.replace("blueprints/frontend/blueprint.yaml", "metadata: {name: frontend,", "metadata: {name: backend,");
    let text = repo.run(&["lint"]).exits(6).stdout;
    assert_eq!((text.matches("× ").count(), text.matches("Error").count()), (1, 0), "{text}");
    assert!(text.find("and here") < text.find("help: rename one of them"), "{text}");
}

/// Would miss: a screen for each of many files whose version has to rise, and nobody told that `--fix` writes them.
#[test]
fn many_versions_are_asked_for_in_a_line_each() {
    let repo = Repo::shop();
    for file in [BACKEND, "blueprints/frontend/blueprint.yaml"] {
        repo.replace(file, "scale_down_threshold: 30%", "scale_down_threshold: 31%");
    }
    let text = repo.run(&["lint", "--base", "main"]).exits(6).stdout;
    assert!(text.find("error[version-bump]") == Some(0), "{text}");
    repo.replace(BACKEND, "allowed_operations: [scale, reconcile]", "allowed_operations: [scale, reconcile, scale]");
    let text = repo.run(&["lint", "--base", "main"]).exits(6).stdout;
    assert!(text.find("error[version-bump]") < text.find("warning[listed-twice]"), "{text}");
    repo.replace(BACKEND, "allowed_operations: [scale, reconcile, scale]", "allowed_operations: [scale, reconcile]");
    let text = repo.run(&["lint", "--base", "main"]).exits(6).stdout;
    assert_eq!((text.matches("version-bump").count(), text.lines().count()), (1, 6), "{text}");
    assert!(text.contains("  blueprints/backend/blueprint.yaml:4:36: spec.scaling.scale_down_threshold "), "{text}");
    assert!(text.contains("  help: run the same with --fix"), "{text}");
}
