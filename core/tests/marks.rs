//! What stands beside the lines of a pull request (B10, X9).

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use std::collections::BTreeSet;

use bpctl_core::blueprint::Tier;
use bpctl_core::govern::{ChangeVerdict, RuleRef, Verdict};
use bpctl_core::model::{FieldPath, Name, ObjectRef, RepoPath, Untrusted};
use bpctl_core::propose::{Change, ChangedPath, FieldChange, OpaqueChange, Place, Places, Side, change_set};
use bpctl_core::render;
use bpctl_core::render::marks::{Level, MOST, Marks, marks};
use small_world::{WORKSPACE, files, trusted};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn side(entries: &[(&str, &str)]) -> Side {
    Side { files: files(entries), ..Side::default() }
}

fn changed(before: &Side, after: &Side) -> Vec<ChangedPath> {
    let id = |side: &Side, path: &RepoPath| side.files.blob(path).map(|blob| blob.id.clone());
    let all: BTreeSet<&RepoPath> = before.files.0.keys().chain(after.files.0.keys()).collect();
    let one =
        |path: &RepoPath| ChangedPath { path: Ok(path.clone()), before: id(before, path), after: id(after, path) };
    all.into_iter().map(one).filter(|changed| changed.before != changed.after).collect()
}

fn verdict(change: &Change, blueprint: &str, environment: &str, tier: Tier) -> ChangeVerdict {
    let (cite, because) = ("scaling.max_replicas = 3".to_owned(), "5 is more\u{1b}[31m\n@team".to_owned());
    let verdict = Verdict {
        tier,
        operations: Vec::new(),
        rules: vec![RuleRef { ident: "max".into(), cite, because, source: None }],
        alternative: (tier == Tier::Forbidden).then(|| "min_replicas: 1".into()),
        impact: vec!["2 pods fewer".into()],
        overrides: Vec::new(),
        holds: Vec::new(),
        unheeded: Vec::new(),
        approvers: Vec::new(),
        timeout: None,
        justified: false,
    };
    ChangeVerdict { environment: name(environment), blueprint: name(blueprint), change: change.clone(), verdict }
}

const RULES: &[(&str, &str)] = &[
    ("bpctl.yaml", WORKSPACE),
    (
        "blueprints/web.yaml",
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 1.0.0, owner: t}\nspec:\n  target: {workload: Deployment/web, namespace: shop, source: deploy}\n  scaling:\n    min_replicas: 1\n    max_replicas: 5\n",
    ),
];
const WEB: &str = "---\n# first\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: other\n  namespace: shop\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n        - name: side\n          image: side:1\n        - name: web\n          image: web:1\n          args:\n            - one\n";

/// Where each change of these two trees stands, and what it is.
fn placed(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<(String, usize, String)> {
    let (before, after) = ([RULES, before].concat(), [RULES, after].concat());
    // Of what stands twice the later one is there.
    let (before, after) = (side(&before), side(&after));
    let paths = changed(&before, &after);
    let set = change_set(&trusted(&before.files), &before, &after, &paths);
    let places = Places::of(&paths, &before, &after);
    let one = |change: &Change| {
        let Place { path, line } = places.of_change(change).expect("a place");
        (path, line, render::changed(change))
    };
    set.governed.iter().map(|governed| one(&governed.change)).collect()
}

/// Would miss: a mark on another document's line, or on the line of a value that begins below its key; a field that is gone, a file that is
/// gone or cannot be read, and a rule of a blueprint without a line.
#[test]
fn x09_a_mark_stands_at_the_line_that_makes_the_change() {
    let lines = |file: &str, before: &str, after: &str| -> Vec<(usize, String)> {
        let found = placed(&[(file, before)], &[(file, after)]);
        assert!(found.iter().all(|(path, ..)| path == file), "{found:?}");
        found.into_iter().map(|(_, line, told)| (line, told)).collect()
    };
    let web = |from: &str, to: &str| lines("deploy/web.yaml", WEB, &WEB.replace(from, to));
    let deployment = "Deployment/web spec";
    assert_eq!(web("replicas: 2", "replicas: 3"), [(15, format!("{deployment}.replicas: 2 → 3"))]);
    let image = web("web:1", "web:2");
    assert_eq!(image.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [22], "{image:?}");
    // What is added stands at its key, though its value begins below; what is gone at what was above it.
    let added = web("  replicas: 2\n", "  replicas: 2\n  strategy:\n    type: Recreate\n");
    assert_eq!(added[0].0, 16, "{added:?}");
    let gone = web("  replicas: 2\n", "");
    assert_eq!(gone[0].0, 14, "{gone:?}");
    let other = web("metadata:\n  name: other", "metadata:\n  labels: {a: b}\n  name: other");
    assert_eq!(other[0].0, 6, "{other:?}");
    // A comment, and a file that is none.
    assert_eq!(web("# first", "# second")[0].0, 1);
    assert_eq!(lines("deploy/run.sh", "a\nb\n", "a\nc\n")[0].0, 1);
    // Rules; and files that come and go whole.
    let blueprint = RULES[1].1;
    let higher = placed(&[], &[("blueprints/web.yaml", &blueprint.replace("max_replicas: 5", "max_replicas: 9"))]);
    assert_eq!(higher[0].1, 8, "{higher:?}");
    let new = placed(&[], &[("deploy/web.yaml", WEB)]);
    assert_eq!(new.iter().map(|(_, line, _)| *line).collect::<Vec<_>>(), [3, 9], "{new:?}");
    let removed = placed(&[("deploy/web.yaml", WEB)], &[]);
    assert!(removed.iter().all(|(path, line, _)| path == "deploy/web.yaml" && *line == 1), "{removed:?}");
}

fn field(line: usize) -> Change {
    let object = ObjectRef::deployment("shop", format!("web-{line}"));
    Change::Field(FieldChange {
        path: RepoPath::new("deploy/web.yaml").expect("a path"),
        object,
        field: FieldPath::keys(["spec", "replicas"]),
        from: Some(2.into()),
        to: Some(5.into()),
    })
}

/// Would miss: one line for each blueprint and environment, the gravest of them lost, an allowed change that is marked, a yes that is still
/// shown as a warning, and text that a terminal obeys.
#[test]
fn b10_one_mark_tells_what_is_gravest_of_a_change() {
    let side = side(&[("deploy/web.yaml", WEB)]);
    let places = Places::of(&[], &side, &side);
    let (one, two) = (field(1), field(2));
    let verdicts = [
        verdict(&one, "web", "staging", Tier::RequiresApproval),
        verdict(&one, "web", "prod", Tier::Forbidden),
        verdict(&one, "canary", "prod", Tier::Forbidden),
        verdict(&one, "web", "dev", Tier::Allowed),
        verdict(&two, "web", "staging", Tier::RequiresApproval),
        verdict(&field(3), "web", "staging", Tier::Allowed),
    ];
    let Marks { shown, left } = marks(&verdicts, false, &places);
    assert_eq!((shown.len(), left), (2, 0));
    assert_eq!((shown[0].level, shown[0].title.as_str()), (Level::Failure, "forbidden: canary, web in prod"));
    let told = "Deployment/web-1 spec.replicas: 2 → 5\nscaling.max_replicas = 3: 5 is more\\u{1b}[31m\\u{a}@team\ninstead: min_replicas: 1";
    assert_eq!(shown[0].message, told);
    assert_eq!(shown[0].details.as_deref(), Some("impact: 2 pods fewer"));
    assert_eq!((shown[1].level, shown[1].title.as_str()), (Level::Warning, "needs approval: web in staging"));
    let given = marks(&verdicts[4..], true, &places);
    assert_eq!(given.shown.iter().map(|mark| mark.level).collect::<Vec<_>>(), [Level::Notice]);
}

/// Would miss: more marks than a forge takes at once, so that it refuses the whole check; what is left out and not counted; a path that
/// looks like another one.
#[test]
fn t42_marks_are_bounded_the_gravest_stay_and_the_rest_is_counted() {
    let side = side(&[]);
    let places = Places::of(&[], &side, &side);
    let tier = |number: usize| if number == 70 { Tier::Forbidden } else { Tier::RequiresApproval };
    let mut verdicts: Vec<ChangeVerdict> =
        (1..=70).map(|number| verdict(&field(number), "web", "dev", tier(number))).collect();
    verdicts.push(verdict(
        &Change::Opaque(OpaqueChange {
            path: Untrusted::new("deploy/\u{202e}lmay.bew"),
            from: None,
            to: None,
            governance: false,
            because: "its path is refused".into(),
        }),
        "web",
        "dev",
        Tier::Forbidden,
    ));
    let Marks { shown, left } = marks(&verdicts, false, &places);
    assert_eq!((shown.len(), left), (MOST, 21));
    assert!(shown[0].message.contains("web-70"), "{:?}", shown[0]);
    assert!(shown[1..].iter().all(|mark| mark.level == Level::Warning));
}
