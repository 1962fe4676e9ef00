//! Changes of what Kustomize and Helm read, judged by what they render (X2, X9).

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use std::collections::BTreeMap;

use bpctl_core::blueprint::lint::{Surroundings, lint};
use bpctl_core::blueprint::{Catalog, OwnFiles, Render, Renderer, Tier};
use bpctl_core::govern::{PullInput, PullJudgement, Subject, Touch, judge_pull};
use bpctl_core::model::{Files, Name, Proposed, RepoPath, Severity, Trusted, Untrusted};
use bpctl_core::observe::{
    FactKey, FactValue, Identity, Known, Observation, ObservedFrom, PullFacts, PullState, Recorder,
};
use bpctl_core::propose::{Change, ChangeSet, ChangedPath, Governed, Places, Side, change_set, past_rendered_changes};
use bpctl_core::rendering::{Delivered, RenderFailure, Rendering, inputs};
use rstest::rstest;
use small_world::{WORKSPACE, files, trusted, web};

const BLUEPRINT: &str = "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 1.0.0, owner: t}\nspec:\n  target: {workload: Deployment/web, namespace: shop, source: over}\n  scaling: {min_replicas: 1, max_replicas: 5}\n";
const OVERLAY: &str = "resources: [../../base]\nreplicas:\n  - {name: web, count: 2}   # two\n";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn deployment(replicas: u64, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: {image}}}]}}}}\n"
    )
}

fn config(hash: &str, value: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web-{hash}, namespace: shop}}\ndata: {{LEVEL: {value}}}\n"
    )
}

/// What one side renders to, by environment; `None`: it cannot be rendered.
type Made<'a> = [(&'a str, Option<&'a str>); 2];

/// A repository with two overlays over one base, one file of which changes.
struct World {
    renderer: Renderer,
    base: Files,
    head: Files,
    changed: ChangedPath,
}

impl World {
    fn new(renderer: Renderer, (file, before, after): (&str, Option<&str>, Option<&str>)) -> Self {
        let key = if renderer == Renderer::Helm { "helm" } else { "kustomize" };
        let staging = WORKSPACE.replace("delivery: direct", &format!("render: [{{{key}: over/staging}}]"));
        let prod = format!("  prod: {{tier: prod, cluster: {{context: lab}}, render: [{{{key}: over/prod}}]}}\n");
        let workspace = staging + &prod;
        let both = files(&[
            ("bpctl.yaml", &workspace),
            ("blueprints/web.yaml", BLUEPRINT),
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("base/web.yaml", &deployment(1, "web:1")),
            ("over/staging/kustomization.yaml", OVERLAY),
            ("over/staging/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
            ("over/staging/templates/d.yaml", "x"),
            ("over/staging/values.yaml", "replicas: 2\n"),
            ("over/prod/kustomization.yaml", OVERLAY),
            ("over/prod/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
        ]);
        let with = |text: Option<&str>| {
            let mut all = both.clone();
            all.0.remove(&path(file));
            all.0.extend(text.map_or_else(Files::default, |text| files(&[(file, text)])).0);
            all
        };
        let id = |text: Option<&str>| text.map(|text| bpctl_core::model::Digest::of_bytes(text.as_bytes()).to_string());
        let changed = ChangedPath { path: Ok(path(file)), before: id(before), after: id(after) };
        Self { renderer, base: with(before), head: with(after), changed }
    }

    fn rules(&self) -> Trusted<Catalog> {
        trusted(&self.base)
    }

    fn side(&self, files: &Files, made: &Made<'_>) -> Side {
        let made = made.iter().map(|(environment, text)| {
            let root = Some(path(&format!("over/{environment}")));
            let changed = self.changed.path.clone().ok();
            let named = |name: &str| changed.clone().filter(|path| path.file_name() == name);
            let from = Render {
                resolved_from: named("app.yaml").filter(|_| *environment == "staging"),
                values: named("shared.yaml").into_iter().collect(),
                ..Render::default()
            };
            let render = match self.renderer {
                Renderer::Kustomize => Render { kustomize: root, ..from },
                Renderer::Helm => Render { helm: root, ..from },
            };
            let output = text.map(str::as_bytes).ok_or_else(|| RenderFailure::new("the renderer refused"));
            ((name(environment), 0), Rendering::of(&render, &inputs(&render, files), output).unwrap())
        });
        Side { files: files.clone(), rendered: made.collect(), ..Side::default() }
    }

    fn set(&self, before: &Made<'_>, after: &Made<'_>) -> ChangeSet {
        let (before, after) = (self.side(&self.base, before), self.side(&self.head, after));
        change_set(&self.rules(), &before, &after, std::slice::from_ref(&self.changed))
    }

    /// The judgement of bpctl's own pull request for staging.
    fn judged(&self, set: ChangeSet) -> PullJudgement {
        let staging = name("staging");
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
        let mut observation = Observation::new(staging.clone(), from, now);
        observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
        observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(None)));
        observation.add(FactKey::History(name("web")), "t", FactValue::History(Known::Known(Vec::new())));
        let me = Identity { id: "bpctl".into(), login: Untrusted::new("bpctl"), bot: true };
        let facts = PullFacts {
            number: 1,
            title: Untrusted::new("t"),
            author: me.clone(),
            head_branch: Some("bpctl/staging/web/scale".into()),
            head: "h".into(),
            base_branch: "main".into(),
            state: PullState::Open,
            opened_at: now,
            changed_at: now,
            draft: false,
            last_pusher: Known::Known(me.clone()),
            co_authors: Known::Known(Vec::new()),
            reviews: Known::Known(Vec::new()),
            checks: Known::Known(Vec::new()),
            required_checks: Known::Known(Vec::new()),
            changes_at: BTreeMap::new(),
        };
        judge_pull(PullInput {
            rules: &self.rules(),
            changes: &Proposed::from_head(Some("h".into()), set),
            pull: &facts,
            me: &me,
            now,
            server_clock: true,
            merged_tree: Known::Known("tree".into()),
            facts: &BTreeMap::from([(staging, Recorder::new(&observation))]),
        })
    }
}

const STAGING: &str = "over/staging/kustomization.yaml";

fn told(set: &ChangeSet) -> Vec<String> {
    let one = |governed: &bpctl_core::propose::Governed| {
        let environment = governed.environment.as_ref().map_or("all", |name| name.as_str());
        match &governed.change {
            Change::Field(change) => {
                let shown = |value: &Option<serde_json::Value>| value.as_ref().map_or("-".into(), ToString::to_string);
                format!(
                    "{environment} {} {}: {} → {}",
                    change.object,
                    change.field,
                    shown(&change.from),
                    shown(&change.to)
                )
            }
            Change::Object(change) => {
                format!("{environment} {} {}", change.object, if change.added { "added" } else { "removed" })
            }
            Change::Opaque(change) => format!("{environment} opaque: {}", change.because),
        }
    };
    set.governed.iter().map(one).collect()
}

/// What keeps it from being merged, besides that nothing here asks for it: no cluster is looked at.
fn codes(judged: &PullJudgement) -> Vec<&str> {
    judged.blockers.iter().map(|blocker| blocker.code.as_str()).filter(|code| *code != "reason-gone").collect()
}

/// Would miss: a mark on a folder, which no forge shows: what is rendered is marked at the value that says it, and what no value says at the
/// file that changed.
#[test]
fn x09_what_is_rendered_is_marked_at_the_line_of_the_file_that_makes_it() {
    let after = OVERLAY.replace("count: 2", "count: 3");
    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some(&after)));
    let (two, three) = (deployment(2, "web:1"), deployment(3, "web:1"));
    let prod = ("prod", Some(two.as_str()));
    let place = |made: &str| {
        let (before, after) = ([("staging", Some(two.as_str())), prod], [("staging", Some(made)), prod]);
        let (before, after) = (world.side(&world.base, &before), world.side(&world.head, &after));
        let paths = std::slice::from_ref(&world.changed);
        let set = change_set(&world.rules(), &before, &after, paths);
        let is_opaque = |change: &Change| matches!(change, Change::Opaque(_));
        let rendered =
            set.governed.iter().filter(|governed| governed.environment.is_some() && !is_opaque(&governed.change));
        let places = Places::of(paths, &before, &after);
        let places = rendered.map(|governed| places.of_change(&governed.change).expect("a place"));
        places.map(|place| (place.path, place.line)).collect::<Vec<_>>()
    };
    assert_eq!(place(&three), [(STAGING.to_owned(), 3)]);
    assert_eq!(place(&deployment(2, "web:2")), [(STAGING.to_owned(), 3)]);
}

/// Would miss: an edit of an overlay that stays opaque, so that the machine never merges what it proposed; an approval that lives on when
/// other bytes give the same objects.
#[test]
fn x09_a_value_of_an_overlay_is_judged_as_what_it_renders_and_may_be_merged() {
    let after = OVERLAY.replace("count: 2", "count: 3");
    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some(&after)));
    let (two, three) = (deployment(2, "web:1"), deployment(3, "web:1"));
    let prod = ("prod", Some(two.as_str()));
    let set = world.set(&[("staging", Some(&two)), prod], &[("staging", Some(&three)), prod]);
    assert_eq!(told(&set), ["staging Deployment/web spec.replicas: 2 → 3"]);
    let hash = set.hash();
    let judged = world.judged(set);
    assert_eq!((judged.tier, codes(&judged)), (Tier::Allowed, Vec::new()), "{:?}", judged.blockers);
    let commented = after.replace("# two", "# three");
    let other = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some(&commented)));
    let set = other.set(&[("staging", Some(&two)), prod], &[("staging", Some(&three)), prod]);
    assert_ne!(set.hash(), hash, "the bytes of what changed are part of an approval");
    let judged = other.judged(set);
    assert_eq!((judged.tier, codes(&judged)), (Tier::RequiresApproval, vec!["needs-approval", "not-only-fields"]));
}

/// What an edit does besides what it says is judged, or a person's.
#[rstest]
// A line of a base moves both overlays.
#[case::both_environments("base/web.yaml", &[(3, "web:1"), (3, "web:1")], Tier::Allowed, &["not-only-values", "not-its-own"])]
// One that is read by both and moves the other alone.
#[case::the_other_environment("base/web.yaml", &[(2, "web:1"), (3, "web:1")], Tier::Allowed, &["not-only-values", "not-its-own"])]
#[case::the_other_to_zero("base/web.yaml", &[(3, "web:1"), (0, "web:1")], Tier::Forbidden, &["forbidden", "needs-approval", "not-only-fields", "not-its-own"])]
#[case::an_image_besides(STAGING, &[(3, "web:6.6.6"), (2, "web:1")], Tier::RequiresApproval, &["needs-approval", "not-only-fields"])]
#[case::a_value_that_computes(STAGING, &[(30, "web:1"), (2, "web:1")], Tier::RequiresApproval, &["needs-approval", "not-only-fields"])]
fn x09_where_else_an_edit_reaches_is_judged(
    #[case] file: &str,
    #[case] made: &[(u64, &str); 2],
    #[case] tier: Tier,
    #[case] blockers: &[&str],
) {
    let (before, after) = match file {
        STAGING => (OVERLAY.to_owned(), OVERLAY.replace("count: 2", "count: 3")),
        _ => (deployment(2, "web:1"), deployment(3, "web:1")),
    };
    let world = World::new(Renderer::Kustomize, (file, Some(&before), Some(&after)));
    let two = deployment(2, "web:1");
    let [staging, prod] = made.map(|(replicas, image)| deployment(replicas, image));
    let set = world
        .set(&[("staging", Some(&two)), ("prod", Some(&two))], &[("staging", Some(&staging)), ("prod", Some(&prod))]);
    let judged = world.judged(set);
    assert_eq!((judged.tier, codes(&judged)), (tier, blockers.to_vec()), "{:?}", judged.blockers);
    assert!(!judged.permits());
}

/// What is not seen whole stays a person's, with the reason.
#[rstest]
#[case::not_rendered_before(Renderer::Kustomize, STAGING, [false, true], "could not render over/staging: the renderer refused")]
#[case::not_rendered_after(Renderer::Kustomize, STAGING, [true, false], "could not render over/staging: the renderer refused")]
#[case::a_template(Renderer::Helm, "over/staging/templates/d.yaml", [true, true], "part of what over/staging computes with")]
#[case::a_second_kustomization(Renderer::Kustomize, "over/staging/kustomization.yml", [true, false], "could not render")]
fn x09_what_is_not_rendered_on_both_sides_stays_opaque(
    #[case] renderer: Renderer,
    #[case] file: &str,
    #[case] rendered: [bool; 2],
    #[case] because: &str,
) {
    let world = World::new(renderer, (file, Some("a: 1\n").filter(|_| !file.ends_with("yml")), Some("a: 2\n")));
    let (two, three) = (deployment(2, "web:1"), deployment(3, "web:1"));
    let prod = ("prod", Some(two.as_str()));
    let before = [("staging", Some(two.as_str()).filter(|_| rendered[0])), prod];
    let after = [("staging", Some(three.as_str()).filter(|_| rendered[1])), prod];
    let set = world.set(&before, &after);
    let all = told(&set);
    assert!(all.iter().any(|line| line.contains(" opaque") && line.contains(because)), "{all:?}");
    let judged = world.judged(set);
    assert_eq!(judged.tier, Tier::RequiresApproval);
    assert!(codes(&judged).contains(&"not-only-fields"));
}

/// A values file's effect is all in what is rendered; the machine merges no chart's value all the same.
#[test]
fn x09_values_of_a_chart_are_judged_as_what_they_render() {
    let world = World::new(Renderer::Helm, ("over/staging/values.yaml", Some("replicas: 2\n"), Some("replicas: 3\n")));
    let (two, three) = (deployment(2, "web:1"), deployment(3, "web:1"));
    let prod = ("prod", Some(two.as_str()));
    let judged = world.judged(world.set(&[("staging", Some(&two)), prod], &[("staging", Some(&three)), prod]));
    assert_eq!((judged.tier, codes(&judged)), (Tier::Allowed, vec!["not-only-values"]));
}

const HOOK: &str = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, namespace: shop, annotations: {helm.sh/hook: pre-upgrade}}\nspec: {template: {spec: {containers: [{name: m, image: IMAGE}]}}}\n";

/// Would miss: a Job with an administrator's account that gets another image beside an allowed value, because no cluster is compared with it.
#[rstest]
#[case::kustomize(Renderer::Kustomize, STAGING, "images: [{name: m, newTag: 'TAG'}]\n")]
#[case::helm(Renderer::Helm, "over/staging/values.yaml", "hook: m:TAG\n")]
fn x09_a_hook_is_judged_as_any_other_object(#[case] renderer: Renderer, #[case] file: &str, #[case] line: &str) {
    let input = |replicas: u64, tag: &str| {
        format!("replicas: [{{name: web, count: {replicas}}}]\n{}", line.replace("TAG", tag))
    };
    let made = |replicas, tag: &str| deployment(replicas, "web:1") + &HOOK.replace("IMAGE", &format!("m:{tag}"));
    let world = World::new(renderer, (file, Some(&input(2, "1")), Some(&input(3, "6"))));
    let (before, after, two) = (made(2, "1"), made(3, "6"), deployment(2, "web:1"));
    let prod = ("prod", Some(two.as_str()));
    let set = world.set(&[("staging", Some(&before)), prod], &[("staging", Some(&after)), prod]);
    assert_eq!(
        told(&set),
        [
            "staging Deployment/web spec.replicas: 2 → 3",
            "staging Job/migrate spec.template.spec.containers[name=m].image: \"m:1\" → \"m:6\""
        ]
    );
    let judged = world.judged(set);
    assert_eq!(judged.tier, Tier::RequiresApproval);
    assert!(!judged.permits());
}

/// A value passes for what is rendered of it only where it has a change there that is its own. Would miss: a value that acts at an upgrade or
/// a sync alone, behind one that is seen; most of all one that happens to change in the same way.
#[rstest]
#[case::a_tag(Renderer::Kustomize, STAGING, "images: [{name: web, newTag: v1}]\n", "v1", "v2", None)]
#[case::unseen(
    Renderer::Helm,
    "over/staging/values.yaml",
    "tag: v1\nhook: c1\n",
    "v1\nhook: c1",
    "v2\nhook: c2",
    Some("hook changes")
)]
#[case::two_say_the_same(
    Renderer::Helm,
    "over/staging/values.yaml",
    "tag: v1\nhook: v1\n",
    "v1",
    "v2",
    Some("tag changes")
)]
#[case::whole_and_tag(
    Renderer::Helm,
    "over/staging/values.yaml",
    "image: web:v1\nhook: v1\n",
    "v1",
    "v2",
    Some("image changes")
)]
#[case::a_name_and_a_tag(
    Renderer::Kustomize,
    STAGING,
    "images: [{newName: web, newTag: v1}]\n",
    "web, newTag: v1",
    "evil, newTag: v2",
    Some("newName changes")
)]
#[case::an_application(
    Renderer::Kustomize,
    "over/staging/app.yaml",
    "kind: Application\nspec: {destination: {server: stage}}\n",
    "stage",
    "prod",
    Some("destination.server changes")
)]
#[case::an_application_beside_its_value(
    Renderer::Helm,
    "over/staging/app.yaml",
    "kind: Application\nspec: {project: shop, source: {helm: {valuesObject: {tag: v1}}}}\n",
    "shop, source: {helm: {valuesObject: {tag: v1",
    "admin, source: {helm: {valuesObject: {tag: v2",
    Some("spec.project changes")
)]
#[case::its_value(
    Renderer::Helm,
    "over/staging/app.yaml",
    "kind: Application\nspec: {source: {helm: {valuesObject: {tag: v1}}}}\n",
    "v1",
    "v2",
    None
)]
#[case::a_chart_that_shows_it_in_one_place(Renderer::Helm, "shared.yaml", "tag: v1\n", "v1", "v2", Some("tag changes"))]
#[case::a_comment(
    Renderer::Kustomize,
    STAGING,
    "images: [{name: web, newTag: v1}] # v1\n",
    "v1",
    "v2",
    Some("comments or formatting")
)]
fn x09_each_changed_value_stands_for_itself(
    #[case] renderer: Renderer,
    #[case] file: &str,
    #[case] before: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] because: Option<&str>,
) {
    let world = World::new(renderer, (file, Some(before), Some(&before.replace(from, to))));
    let (old, new) = (deployment(2, "web:v1"), deployment(2, "web:v2"));
    let prod = ("prod", Some(old.as_str()));
    let all = told(&world.set(&[("staging", Some(&old)), prod], &[("staging", Some(&new)), prod]));
    let opaque: Vec<_> = all.iter().filter(|line| line.contains("opaque")).collect();
    assert!(all.iter().any(|line| line.ends_with("\"web:v1\" → \"web:v2\"")), "{all:?}");
    match because {
        // In each environment that reads it, and in no other.
        Some(because) => {
            assert!(
                opaque.len() == if file == "shared.yaml" { 2 } else { 1 } && opaque[0].contains(because),
                "{all:?}"
            );
        }
        None => assert_eq!(opaque, Vec::<&String>::new()),
    }
}

/// A request and its limit mostly move together: each is its own, for it stands where it is rendered.
#[test]
fn x09_equal_changes_are_told_apart_where_they_stand() {
    let manifest = |size: &str, hidden: &str| {
        deployment(2, "web:1").replace(
            "image: web:1",
            &format!("image: web:1, resources: {{requests: {{memory: {size}}}, limits: {{memory: {size}}}}}"),
        ) + &format!("  paused: {hidden}\n")
    };
    let told_of = |hidden: &str| {
        let (before, after) = (manifest("1Gi", "1Gi"), manifest("2Gi", hidden));
        let world = World::new(Renderer::Kustomize, ("over/staging/kustomization.yaml", Some(&before), Some(&after)));
        let (old, new) = (manifest("1Gi", "1Gi"), manifest("2Gi", "1Gi"));
        let prod = ("prod", Some(old.as_str()));
        told(&world.set(&[("staging", Some(&old)), prod], &[("staging", Some(&new)), prod]))
    };
    assert!(told_of("1Gi").iter().all(|line| line.contains("memory: \"1Gi\" → \"2Gi\"")), "{:?}", told_of("1Gi"));
    assert!(told_of("2Gi")[0].contains("spec.paused changes"), "{:?}", told_of("2Gi"));
}

/// Comments, or a patch of nothing that is there yet, are for a person as in any manifest.
#[test]
fn x09_an_input_that_changes_nothing_rendered_needs_a_person() {
    let after = OVERLAY.replace("# two", "# two zones");
    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some(&after)));
    let two = deployment(2, "web:1");
    let same = [("staging", Some(two.as_str())), ("prod", Some(two.as_str()))];
    let set = world.set(&same, &same);
    assert_eq!(
        told(&set),
        ["staging opaque: nothing that is rendered changes by it: comments, formatting, or what has no effect yet"]
    );
    assert_eq!(world.judged(set).tier, Tier::RequiresApproval);
}

/// A generated `ConfigMap` goes under another name with each content: that is a change of it, and no deletion; what really goes is one.
#[test]
fn x09_a_generated_object_changes_and_one_that_goes_is_deleted() {
    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some("resources: []\n")));
    let side = |more: &str| format!("{}{more}", deployment(2, "web:1"));
    let (info, debug, none) =
        (side(&config("2748f727mg", "info")), side(&config("t84bgbmfg7", "debug")), side(&config("other", "debug")));
    let prod = ("prod", Some(info.as_str()));
    let set = world.set(&[("staging", Some(&info)), prod], &[("staging", Some(&debug)), prod]);
    assert_eq!(
        told(&set),
        [
            "staging opaque: bytes differ besides the fields: comments or formatting",
            "staging ConfigMap/web-t84bgbmfg7 metadata.name: \"web-2748f727mg\" → \"web-t84bgbmfg7\"",
            "staging ConfigMap/web-t84bgbmfg7 data.LEVEL: \"info\" → \"debug\""
        ]
    );
    assert_eq!(world.judged(set).tier, Tier::RequiresApproval);
    let set = world.set(&[("staging", Some(&info)), prod], &[("staging", Some(&none)), prod]);
    assert_eq!(told(&set)[1..], ["staging ConfigMap/web-2748f727mg removed", "staging ConfigMap/web-other added"]);
    assert_eq!(world.judged(set).tier, Tier::Forbidden);
    // A name that only looks generated is a name like another.
    let by_hand = ["2748f727mm", "t84bgbmfgm"].map(|hash| side(&config(hash, "info")));
    let set = world.set(&[("staging", Some(&by_hand[0])), prod], &[("staging", Some(&by_hand[1])), prod]);
    assert_eq!(told(&set)[1..], ["staging ConfigMap/web-2748f727mm removed", "staging ConfigMap/web-t84bgbmfgm added"]);
    assert_eq!(world.judged(set).tier, Tier::Forbidden);
}

/// Would miss: a generation that reads as a deletion, since the hash of its empty content, its bytes, its type or a text that Go writes
/// otherwise in JSON comes out as another than Kustomize's. The names are Kustomize's own.
#[rstest]
#[case::config_map("ConfigMap", ("6ct58987ht", ""), ("92fd4fh2hk", "data: {A: \"<é&>\"}\nbinaryData: {bin: //4=}"))]
#[case::secret("Secret", ("k5bffhb49c", "data: {}\ntype: x/y"), ("t4mc47h97k", "data: {LEVEL: aW5mbw==}\ntype: Opaque"))]
fn x09_what_kustomize_generated_is_known_by_its_hash(
    #[case] kind: &str,
    #[case] before: (&str, &str),
    #[case] after: (&str, &str),
) {
    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some("resources: []\n")));
    let made = |(hash, content): (&str, &str)| {
        let object = format!("---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: c-{hash}}}\n{content}\n");
        deployment(2, "web:1") + &object
    };
    let (prod, before, after) = (deployment(2, "web:1"), made(before), made(after));
    let prod = ("prod", Some(prod.as_str()));
    let set = world.set(&[("staging", Some(&before)), prod], &[("staging", Some(&after)), prod]);
    let told = told(&set);
    assert!(told.iter().any(|line| line.contains("metadata.name: ")), "{told:?}");
    assert!(!told.iter().any(|line| line.ends_with("removed")), "{told:?}");
}

/// Would miss: a line that is nothing in an overlay, which overrides it, and all in an environment that takes the file as it stands.
#[test]
fn x09_a_file_that_one_environment_renders_and_another_takes_as_it_stands_is_judged_in_both() {
    let (before, after) = (deployment(2, "web:1"), deployment(0, "web:1"));
    let mut world = World::new(Renderer::Kustomize, ("base/web.yaml", Some(&before), Some(&after)));
    let dev = "  dev: {tier: dev, cluster: {context: lab}}\n";
    let workspace = String::from_utf8(world.base.blob(&path("bpctl.yaml")).unwrap().bytes.to_vec()).unwrap() + dev;
    let blueprint = BLUEPRINT.replace("namespace: shop, source: over", "namespace: shop, source: base");
    world.base.0.extend(files(&[("bpctl.yaml", &workspace), ("blueprints/web.yaml", &blueprint)]).0);
    // The overlays set replicas themselves, and a label shows that they read it.
    let labelled = deployment(2, "web:1").replace("namespace: shop}", "namespace: shop, labels: {a: b}}");
    let two = deployment(2, "web:1");
    let set = world
        .set(&[("staging", Some(&two)), ("prod", Some(&two))], &[("staging", Some(&labelled)), ("prod", Some(&two))]);
    let all = told(&set);
    assert!(all.contains(&"dev Deployment/web spec.replicas: 2 → 0".to_owned()), "{all:?}");
    let judged = world.judged(set);
    assert_eq!(judged.tier, Tier::Forbidden);
    assert!(!judged.permits());
}

/// Where a workload is not, its manifest does nothing; a change of its rules is judged everywhere all the same.
#[test]
fn x09_a_manifest_is_judged_where_its_workload_is() {
    let judged = |file: &str, before: &str, after: &str| {
        let mut world = World::new(Renderer::Kustomize, (file, Some(before), Some(after)));
        let staging = BLUEPRINT.replace("source: over", "source: over, environments: [staging]");
        world.base.0.extend(files(&[("blueprints/web.yaml", &staging)]).0);
        let side = |files: &Files| Side { files: files.clone(), ..Side::default() };
        let head = if file.starts_with("blueprints") {
            let mut head = world.base.clone();
            head.0.extend(files(&[(file, after)]).0);
            head
        } else {
            world.head.clone()
        };
        let set = change_set(&world.rules(), &side(&world.base), &side(&head), std::slice::from_ref(&world.changed));
        let judged = world.judged(set);
        let mut environments: Vec<String> = judged.verdicts.iter().map(|v| v.environment.to_string()).collect();
        environments.dedup();
        environments
    };
    assert_eq!(judged("over/plain.yaml", &deployment(2, "web:1"), &deployment(3, "web:1")), ["staging"]);
    assert_eq!(judged("blueprints/web.yaml", "a: 1\n", BLUEPRINT), ["staging", "prod"]);
}

/// Would miss: a step of a request on a branch that no sum of steps counts, where the environment has a namespace of its own; and a limit that
/// is taken for a step's because another environment's request moves.
#[test]
fn t01_sizes_are_told_by_each_environment_that_they_reach() {
    let sized = |cpu: &str, limit: &str| {
        let resources = format!("resources: {{requests: {{cpu: {cpu}}}, limits: {{cpu: {limit}}}}}");
        deployment(2, &format!("web:1, {resources}"))
    };
    let (before, after) = (sized("100m", "1"), sized("105m", "1"));
    let mut world = World::new(Renderer::Kustomize, ("over/plain.yaml", Some(&before), Some(&after)));
    let sizes = "  resources: {cpu: {minimum: 50m, maximum: 1}}\n";
    let over = "environments: {staging: {spec: {target: {namespace: shop}}}}\n";
    let blueprint = BLUEPRINT
        .replace("namespace: shop, source: over", "namespace: elsewhere, source: over, environments: [staging]");
    world.base.0.extend(files(&[("blueprints/web.yaml", &format!("{blueprint}{sizes}{over}"))]).0);
    let side = |files: &Files| Side { files: files.clone(), ..Side::default() };
    let changed = std::slice::from_ref(&world.changed);
    let set = change_set(&world.rules(), &side(&world.base), &side(&world.head), changed);
    assert!(codes(&world.judged(set)).contains(&"not-a-resize"));

    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some("resources: [../../base]\n")));
    let pair = |staging: &str, prod: &str| {
        let set = world.set(
            &[("staging", Some(&before)), ("prod", Some(&before))],
            &[("staging", Some(staging)), ("prod", Some(prod))],
        );
        let touch = |governed: &Governed| {
            matches!(Subject::of_change(governed, Some(&web()), &set.governed).touch, Touch::Limit { .. })
        };
        let limit =
            |governed: &&Governed| matches!(&governed.change, Change::Field(field) if field.field.has_key("limits"));
        set.governed.iter().filter(limit).map(touch).collect::<Vec<_>>()
    };
    assert_eq!(pair(&after, &sized("100m", "2")), [true], "a limit alone in prod, whatever staging does");
    assert_eq!(pair(&sized("105m", "2"), &before), [false], "a limit with its own request");
}

/// Would miss: a Secret's value in the JSON of a judgement, in clear or in base64.
#[test]
fn t38_a_judgement_tells_no_credentials() {
    let secret = |value: &str| {
        let data = format!("data: {{pw: {value}}}\nstringData: {{raw: {value}}}");
        format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: shop}}\n{data}\n")
    };
    let config = |value: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: shop}}\ndata: {{DB_PASSWORD: {value}}}\n"
        )
    };
    let all = |value: &str| deployment(2, "web:1") + &secret(value) + &config(value);
    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some("resources: [../../base]\n")));
    let set = world.set(
        &[("staging", Some(&all("S0FOQVJZMQ"))), ("prod", Some(&all("S0FOQVJZMQ")))],
        &[("staging", Some(&all("S0FOQVJZMg"))), ("prod", Some(&all("S0FOQVJZMQ")))],
    );
    let fields = set.governed.iter().filter(|governed| matches!(governed.change, Change::Field(_)));
    assert_eq!(fields.count(), 3, "{set:?}");
    let told = serde_json::to_string(&world.judged(set)).unwrap();
    assert!(told.contains("(withheld)") && !told.contains("S0FOQVJZM"), "{told}");
}

/// The past of a rendered workload is read off what was rendered then: by the line alone no request and no replicas would have moved, and
/// steps would never add up.
#[test]
fn b11_what_a_merged_overlay_made_of_the_workload_is_its_past() {
    let world = World::new(Renderer::Kustomize, (STAGING, Some(OVERLAY), Some(OVERLAY)));
    let (two, three) = (deployment(2, "web:1"), deployment(3, "web:1"));
    let side = |text: Option<&str>| {
        let mut side = world.side(&world.base, &[("staging", text), ("prod", None)]);
        side.rendered.retain(|(environment, _), _| environment.as_str() == "staging");
        side
    };
    let nothing = std::collections::BTreeSet::new();
    let past = past_rendered_changes(&web(), &nothing, (&side(Some(&two)), &side(Some(&three)))).unwrap();
    let shown: Vec<String> = past.changes.iter().map(|change| change.field.to_string()).collect();
    assert_eq!(shown, ["spec.replicas"]);
    assert_eq!(past_rendered_changes(&web(), &nothing, (&side(Some(&two)), &side(None))), None);
    // What a generator gives another name with each content is the one that it was (B17).
    let [info, debug] =
        [("2748f727mg", "info"), ("t84bgbmfg7", "debug")].map(|(hash, level)| two.clone() + &config(hash, level));
    let reads = ["web-t84bgbmfg7".to_owned()].into();
    let past = past_rendered_changes(&web(), &reads, (&side(Some(&info)), &side(Some(&debug)))).unwrap();
    let [generated] = past.config.as_slice() else { panic!("{past:?}") };
    assert_eq!((generated.was.as_deref(), generated.object.name.as_str()), (Some("web-2748f727mg"), "web-t84bgbmfg7"));
    assert_eq!(generated.changes.as_ref().unwrap()[0].to, Some("debug".into()));
}

/// Would miss: one environment's Application that stops every other, and a manifest that is taken as it stands where something unknown renders it.
#[rstest]
#[case("valueFile: [x.yaml]", &["the option `valueFile`", "did you mean `valueFiles`?"])]
#[case("", &["there is no argocd/web.yaml"])]
fn x09_an_application_that_says_nothing_stops_its_environment_alone(#[case] helm: &str, #[case] told: &[&str]) {
    let workspace = format!(
        "{WORKSPACE}  prod: {{tier: prod, cluster: {{context: p}}, delivery: gitops, render: [{{application: argocd/web.yaml}}]}}\n"
    );
    let application = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web}}\nspec: {{source: {{path: charts/web, helm: {{{helm}}}}}}}\n"
    );
    let blueprint = BLUEPRINT.replace("source: over", "source: deploy");
    let deployment = deployment(1, "web:1");
    let mut entries = vec![
        ("bpctl.yaml", workspace.as_str()),
        ("blueprints/web.yaml", blueprint.as_str()),
        ("deploy/web.yaml", deployment.as_str()),
        ("charts/web/Chart.yaml", "name: web"),
    ];
    if !helm.is_empty() {
        entries.push(("argocd/web.yaml", application.as_str()));
    }
    let all = files(&entries);
    let mut own = OwnFiles::read(&all).unwrap();
    own.resolve_applications(&all, &Delivered::default());
    let catalog = Catalog::assemble(own, &all, &[]);
    assert!(catalog.diagnostics.is_empty(), "{:?}", catalog.diagnostics);
    let declared = |environment| catalog.declared(&name(environment), &path("deploy"), &web());
    assert!(declared("staging").unwrap().is_some());
    let unclear = declared("prod").unwrap_err();
    let found = lint(&catalog, &Surroundings::at("2026-01-01T00:00:00Z".parse().unwrap())).found;
    let errors: Vec<_> = found.into_iter().filter(|one| one.severity == Severity::Error).collect();
    let [found] = errors.as_slice() else { panic!("{errors:?}") };
    let said = format!("{unclear} {} {:?}", found.message, found.help);
    assert!(told.iter().all(|told| said.contains(told)), "{said}");
}
