//! What is derived, from what, and from what nothing is.

use super::*;
use crate::blueprint::{Catalog, lint};
use crate::model::Blob;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: team-web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: web, resources: {requests: {cpu: 500m, memory: 256Mi}, limits: {memory: 512Mi}}, readinessProbe: {httpGet: {path: /, port: 80}}}
        - {name: side, image: side, resources: {requests: {cpu: 0.1, memory: 64Mi}, limits: {memory: 64Mi}}, readinessProbe: {httpGet: {path: /, port: 81}}}
";

fn files(all: &[(&str, &str)]) -> Files {
    let file = |(path, text): &(&str, &str)| {
        let blob = Blob { id: String::new(), bytes: text.as_bytes().into() };
        (RepoPath::new(*path).expect("a path"), File::Blob(blob))
    };
    Files(all.iter().map(file).collect())
}

fn options() -> DeriveOptions {
    DeriveOptions {
        owner: None,
        namespace: Name::new("default").expect("a name"),
        folder: RepoPath::new("blueprints").expect("a path"),
        below: Vec::new(),
        environment: Name::new("lab").expect("a name"),
        destinations: Vec::new(),
    }
}

fn derived(all: &[(&str, &str)]) -> Derived {
    derive(&files(all), &[], &[], &[], &options())
}

fn names(derived: &Derived) -> Vec<&str> {
    derived.drafts.iter().map(|draft| draft.name.as_str()).collect()
}

const WORKSPACE: &str =
    "apiVersion: bpctl.dev/v1\nkind: Workspace\nenvironments: {lab: {tier: dev, cluster: {context: lab}}}\n";

/// Would miss: the owner that a label names, lost for all workloads by one that was meant for those without.
#[test]
fn an_owner_that_a_label_names_is_kept() {
    let mut asked = options();
    asked.owner = Some("platform".into());
    let bare = DEPLOYMENT.replace("team: team-web", "tier: front");
    assert_ne!(bare, DEPLOYMENT);
    for (manifest, owner) in
        [(DEPLOYMENT, "owner: team-web # guessed, from a label\n"), (bare.as_str(), "owner: platform\n")]
    {
        let derived = derive(&files(&[("deploy/web.yaml", manifest)]), &[], &[], &[], &asked);
        assert!(derived.drafts[0].text.contains(owner), "{}", derived.drafts[0].text);
    }
}

#[test]
fn a_draft_says_what_the_manifest_says_and_marks_the_rest() {
    let derived = derived(&[("deploy/web.yaml", DEPLOYMENT)]);
    let draft = &derived.drafts[0];
    assert_eq!(draft.path.as_str(), "blueprints/web/blueprint.yaml");
    assert_eq!(
        draft.text,
        "# Derived from deploy/web.yaml by bpctl init. Check each line marked as guessed, then delete the mark.
apiVersion: bpctl.dev/v1
kind: Blueprint
metadata:
  name: web
  version: 0.1.0
  owner: team-web # guessed, from a label
spec:
  target:
    workload: Deployment/web
    namespace: default # guessed: the manifest names none
    source: deploy/web.yaml
  resources:
    cpu: {minimum: 300m, maximum: 1200m, target_utilization: 70%} # guessed: half of the request, twice the request
    memory: {minimum: 160Mi, maximum: 576Mi, target_utilization: 80%} # guessed: half of the request, the limit
  scaling:
    min_replicas: 2 # as the manifest declares
    max_replicas: 4 # guessed: twice as many
    scale_up_threshold: 80% # guessed
    window: 5m # guessed
    cooldown: 5m # guessed
  reliability:
    health_checks: {readiness: required}
"
    );
}

#[test]
fn drafts_lint_clean_whatever_the_names() {
    let odd = DEPLOYMENT.replace("name: web,", "name: \"on\",").replace("team: team-web", "team: \"a: b # c\\n- d\"");
    let dotted = DEPLOYMENT.replacen("name: web,", "name: web.example.org,", 1);
    let daemon = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: kube}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}}\n";
    let all = [("deploy/a.yaml", odd.as_str()), ("deploy/b.yaml", dotted.as_str()), ("deploy/c.yaml", daemon)];
    let derived = derived(&all);
    assert_eq!(names(&derived), ["agent", "on", "web-example-org"]);
    let mut together = vec![("bpctl.yaml", WORKSPACE)];
    together.extend(all);
    together.extend(derived.drafts.iter().map(|draft| (draft.path.as_str(), draft.text.as_str())));
    let catalog = Catalog::load(&files(&together)).expect("a workspace");
    let found = lint::lint(&catalog, &lint::Surroundings::at("2026-01-31T12:00:00Z".parse().expect("a time")));
    assert!(found.found.is_empty(), "{found:#?}");
    assert_eq!(catalog.blueprints.len(), 3);
}

#[test]
fn an_autoscaler_owns_its_replicas() {
    let autoscaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n";
    let derived = derived(&[("hpa.yaml", autoscaler), ("web.yaml", DEPLOYMENT)]);
    assert!(derived.drafts[0].text.contains("# No scaling: an autoscaler owns the replicas.\n"));
    assert!(!derived.drafts[0].text.contains("min_replicas"));
}

/// Would miss: a first blueprint whose right-sizing and an autoscaler drive each other to the minimum and the most replicas (B7).
#[test]
fn b07_what_an_autoscaler_goes_by_gets_bounds_alone() {
    let scaler = |metrics: &str| {
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}{metrics}}\n".replace("{metrics}", metrics)
    };
    let by = |resource: &str| {
        format!(
            ", metrics: [{{type: Resource, resource: {{name: {resource}, target: {{type: Utilization, averageUtilization: 60}}}}}}]"
        )
    };
    for (metrics, cpu, memory) in [(String::new(), false, true), (by("cpu"), false, true), (by("memory"), true, false)]
    {
        let text = &derived(&[("hpa.yaml", &scaler(&metrics)), ("web.yaml", DEPLOYMENT)]).drafts[0].text;
        let sized = |resource: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(resource)).unwrap_or_default();
            assert!(line.contains("minimum: ") && line.contains("maximum: "), "{text}");
            line.contains("target_utilization: ")
        };
        assert_eq!((sized("cpu: "), sized("memory: ")), (cpu, memory), "{text}");
    }
}

/// Would miss: bounds that nobody drafts, for the sake of an autoscaler of another namespace.
#[test]
fn an_autoscaler_of_another_namespace_owns_nothing() {
    let autoscaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: other}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n";
    let derived = derived(&[("hpa.yaml", autoscaler), ("web.yaml", DEPLOYMENT)]);
    assert!(derived.drafts[0].text.contains("min_replicas"), "{}", derived.drafts[0].text);
}

#[test]
fn what_something_else_renders_is_left_out_and_named() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5}\n";
    let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}}\n";
    let derived = derived(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", DEPLOYMENT),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base]\nreplicas: [{name: web, count: 5}]\npatches: [{path: patch.yaml}]\n",
        ),
        ("old.yaml", &DEPLOYMENT.replace("apps/v1", "extensions/v1beta1")),
        ("overlays/prod/patch.yaml", patch),
        ("loose/patch.yaml", patch),
        ("loose/template.yaml", template),
        ("charts/web/Chart.yaml", "name: web\n"),
        ("charts/web/templates/web.yaml", DEPLOYMENT),
        ("plain/kustomization.yaml", "namespace: shop\nresources: [web.yaml]\n"),
        ("plain/web.yaml", DEPLOYMENT),
    ]);
    let left: Vec<&str> = derived.left_out.iter().map(|left| left.path.as_str()).collect();
    let rest = ["loose/patch.yaml", "loose/template.yaml", "old.yaml", "overlays/prod/patch.yaml"];
    assert_eq!(left, [&["base/web.yaml", "charts/web/templates/web.yaml"], &rest[..]].concat());
    let because: Vec<&str> = derived.left_out.iter().map(|left| left.because.as_str()).collect();
    for (position, told) in [
        (0, "base is changed on its way to a cluster, and no overlay that changes it is rendered here"),
        (1, "it is of the Helm chart charts/web, which this environment does not render"),
        (3, "it is not YAML that Kubernetes reads; a template, perhaps: line 3: "),
        (4, "Deployment/web is of extensions/v1beta1, which Kubernetes serves no more: write apps/v1"),
        (5, "it is a patch of overlays/prod, which this environment does not render"),
    ] {
        assert!(because[position].starts_with(told), "{because:#?}");
    }
    assert_eq!(names(&derived), ["web"]);
    assert!(derived.drafts[0].text.contains("namespace: shop # the kustomization's\n"), "{}", derived.drafts[0].text);
}

/// Would miss: a repository of which half is passed over without a word.
#[test]
fn lists_are_read_and_what_is_left_out_is_said() {
    let item = |text: &str| format!("- {}\n", text.trim().replace('\n', "\n  "));
    let items = [item(DEPLOYMENT), item(&DEPLOYMENT.replace("name: web,", "name: api,"))].concat();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{items}");
    let typed = item(&DEPLOYMENT.replace("name: web,", "name: cache,"));
    let typed = format!("apiVersion: apps/v1\nkind: DeploymentList\nitems:\n{typed}");
    let job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: backup}\n";
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: mail}\n";
    let json = "{\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"metadata\": {\"name\": \"db\"}}";
    let other = "{\"kind\": \"Deployment of lunch\"}";
    let all = [
        ("a/all.yaml", list.as_str()),
        ("a/deployments.yaml", typed.as_str()),
        ("a/job.yaml", job),
        ("a/mail.yaml", release),
        ("a/db.json", json),
        ("a/menu.json", other),
        ("a/set.yaml", "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: old}\n"),
        ("a/slip.yaml", "apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: web}\n"),
        ("a/some.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {generateName: web-}\n"),
    ];
    let derived = derived(&all);
    assert_eq!(names(&derived), ["api", "cache", "web"]);
    let left: Vec<String> = derived.left_out.iter().map(|left| format!("{} {}", left.path, left.because)).collect();
    assert_eq!(
        left,
        [
            "a/db.json Deployment/db has no spec.selector: a patch, or not whole",
            "a/job.yaml CronJob/backup: a blueprint is about a Deployment, a StatefulSet or a DaemonSet",
            "a/mail.yaml HelmRelease/mail: Flux makes its objects of a chart; a chart of this repository can be rendered by `render` of \
             an environment",
            "a/set.yaml ReplicaSet/old: a blueprint is about a Deployment, a StatefulSet or a DaemonSet",
            "a/slip.yaml Deploymnt/web: apps/v1 has no such kind; did you mean Deployment?",
            "a/some.yaml a Deployment of generateName: web- is another one each time: give it a name",
        ]
    );
}

/// Would miss: an archive or a variant taken for what is delivered because of its name, and a choice that nobody sees was one.
#[test]
fn of_copies_the_one_nearest_to_the_root_is_taken_and_marked_as_a_guess() {
    let drafts =
        derived(&[("_old/k8s/web.yaml", DEPLOYMENT), ("extras/web.yaml", DEPLOYMENT), ("web.yaml", DEPLOYMENT)]);
    let text = &drafts.drafts[0].text;
    assert!(text.contains("    source: web.yaml # guessed: _old/k8s/web.yaml, one of 2, declares it too\n"), "{text}");
    let alone = derived(&[("deep/down/web.yaml", DEPLOYMENT)]);
    assert!(!alone.drafts[0].text.contains("declares it too"));
}

#[test]
fn one_workload_gets_one_draft_and_none_where_it_has_one() {
    let other = DEPLOYMENT.replace("labels: {", "namespace: other, labels: {");
    let all = [("a/web.yaml", DEPLOYMENT), ("b/web.yaml", DEPLOYMENT), ("c/web.yaml", other.as_str())];
    let drafts = derived(&all);
    assert_eq!(names(&drafts), ["other-web", "web"]);
    assert_eq!(drafts.left_out[0].because, "Deployment/web of namespace default is in a/web.yaml too");
    let source = |path| RepoPath::new(path).expect("a path");
    let governed = [(ObjectRef::deployment("default", "web"), source("a"))];
    let rest = derive(&files(&all), &governed, &[], &[], &options());
    assert_eq!((names(&rest), rest.governed.len()), (vec!["web"], 1), "the name is free again, the object is another");
    assert_eq!(rest.drafts[0].workload.namespace, "other");
    let elsewhere = [(ObjectRef::deployment("shop", "web"), source("a/web.yaml"))];
    let rest = derive(&files(&all[..1]), &elsewhere, &[], &[], &options());
    assert_eq!(
        (names(&rest), rest.governed.len()),
        (vec![], 1),
        "the blueprint says the namespace that the manifest leaves out"
    );
}

#[test]
fn a_folder_that_was_named_is_looked_at_alone() {
    let below = DeriveOptions { below: vec![RepoPath::new("b").expect("a path")], ..options() };
    let hpa = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n";
    let all = [("a/web.yaml", DEPLOYMENT), ("a/hpa.yaml", hpa), ("b/web.yaml", DEPLOYMENT)];
    let derived = derive(&files(&all), &[], &[], &[], &below);
    assert_eq!((names(&derived), derived.left_out.len()), (vec!["web"], 0));
    assert_eq!(derived.drafts[0].manifest.as_str(), "b/web.yaml");
    assert!(derived.drafts[0].text.contains("min_replicas: 2"), "another folder's autoscaler is not its own");
}

#[test]
fn what_an_overlay_changes_is_changed_through_every_folder_between() {
    for key in ["resources", "bases", "components"] {
        let derived = derived(&[
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("base/web.yaml", DEPLOYMENT),
            ("mid/kustomization.yaml", &format!("{key}: [../base]\n")),
            ("top/kustomization.yaml", &format!("{key}: [../mid]\nimages: [{{name: web, newTag: \"9\"}}]\n")),
        ]);
        assert_eq!(names(&derived), Vec::<&str>::new(), "{key}");
        assert_eq!(derived.left_out[0].path.as_str(), "base/web.yaml", "{key}");
    }
}

#[test]
fn bounds_hold_what_the_manifest_says_in_any_unit() {
    for (written, maximum) in [("1G", "954Mi"), ("129e6", "124Mi"), ("512Mi", "512Mi")] {
        let text = DEPLOYMENT.replace("limits: {memory: 512Mi}", &format!("limits: {{memory: {written}}}"));
        let text = text.replace("limits: {memory: 64Mi}", "limits: {memory: 0}");
        let derived = derived(&[("web.yaml", &text)]);
        assert!(derived.drafts[0].text.contains(&format!("maximum: {maximum},")), "{}", derived.drafts[0].text);
    }
}

/// What keeps data, and what takes its memory whole, is not to be shrunk because of a guess.
#[test]
fn no_bounds_are_guessed_where_a_change_may_hurt() {
    let stateful = DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet");
    let draft = &derived(&[("db.yaml", &stateful)]).drafts[0];
    assert!(!draft.text.contains("\n  resources:") && !draft.text.contains("\n  scaling:"), "{}", draft.text);
    assert!(draft.text.contains("  # No resources and no scaling: ") && draft.text.contains("readiness: required"));

    let whole = DEPLOYMENT.replace("limits: {memory: 512Mi}", "limits: {memory: 256Mi}");
    let draft = &derived(&[("web.yaml", &whole)]).drafts[0];
    assert!(draft.text.contains("    cpu: {") && !draft.text.contains("memory: {"), "{}", draft.text);
    assert!(draft.text.contains("    # No memory: request and limit are equal"), "{}", draft.text);

    let no_cpu = whole.replace("cpu: 500m, ", "");
    let draft = &derived(&[("web.yaml", &no_cpu)]).drafts[0];
    assert!(!draft.text.contains("resources:") && draft.text.contains("\n  # No memory: "), "{}", draft.text);
}

/// Would miss: a source without the autoscaler, beside which its own replicas are drift, and Services that are compared with nothing
/// because another workload lies beside them.
#[test]
fn the_source_is_the_folder_that_holds_what_belongs_to_the_workload() {
    let hpa = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n";
    let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}\n";
    let other = DEPLOYMENT.replace("name: web,", "name: other,");
    let source = |all: &[(&str, &str)]| {
        let derived = derived(all);
        let told = derived.left_out.iter().map(|left| format!("{}: {}", left.path, left.because)).collect::<Vec<_>>();
        let draft = derived.drafts.iter().find(|draft| draft.name.as_str() == "web").expect("a draft");
        let line = draft.text.lines().find_map(|line| line.strip_prefix("    source: ")).expect("a source");
        (line.to_owned(), told)
    };
    let folder = || ("apps/web".to_owned(), Vec::new());
    let web = ("apps/web/deployment.yaml", DEPLOYMENT);
    let named = |namespace: &str| budget.replace("{name: web}", &format!("{{name: web, namespace: {namespace}}}"));
    assert_eq!(source(&[web, ("apps/web/hpa.yaml", hpa)]), folder());
    assert_eq!(source(&[web, ("apps/web/more/pdb.yaml", budget), ("apps/web-2/other.yaml", &other)]), folder());
    assert_eq!(source(&[web, ("apps/web/pdb.yaml", &named("default"))]), folder());
    assert_eq!(source(&[web, ("apps/web/both.yaml", &format!("{hpa}---\n{other}"))]), folder());
    let elsewhere = DEPLOYMENT.replace("name: web,", "name: web, namespace: elsewhere,");
    assert_eq!(source(&[web, ("apps/web/more.yaml", &format!("{hpa}---\n{elsewhere}"))]), folder());
    let file = || "apps/web/deployment.yaml".to_owned();
    for (path, beside) in [
        ("apps/hpa.yaml", hpa.to_owned()),
        ("apps/web/pdb.yaml", budget.replace("app: web", "app: other")),
        ("apps/web/pdb.yaml", named("elsewhere")),
    ] {
        assert_eq!(source(&[web, (path, &beside)]), (file(), Vec::new()), "{path} {beside}");
    }
    let (taken, told) = source(&[web, ("apps/web/hpa.yaml", hpa), ("apps/web/broken.yaml", "a: [")]);
    assert_eq!(taken, file());
    assert_eq!(
        told,
        [
            "apps/web/hpa.yaml: HorizontalPodAutoscaler/web of Deployment/web stays uncompared: apps/web is no source for that blueprint, \
          because apps/web/broken.yaml is not YAML that Kubernetes reads"
        ]
    );
    let (taken, told) = source(&[web, ("apps/web/hpa.yaml", hpa), ("apps/web/old/web.yaml", DEPLOYMENT)]);
    assert_eq!(taken, format!("{} # guessed: apps/web/old/web.yaml declares it too", file()));
    assert!(
        told.iter().any(|line| line.ends_with("because apps/web/old/web.yaml declares Deployment/web too")),
        "{told:?}"
    );
    assert_eq!(source(&[("web.yaml", DEPLOYMENT), ("hpa.yaml", hpa)]).0, "web.yaml");
}

/// Would miss: the values files of other environments, of which nobody is told that they are there.
#[test]
fn values_files_beside_the_chosen_one_are_named() {
    let chart = [
        ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("charts/web/values.yaml", "{}\n"),
        ("charts/web/values-prod.yaml", "{}\n"),
        ("charts/web/values-staging.yaml", "{}\n"),
    ];
    let name = |text: &str| Name::new(text).expect("a name");
    let text = render_text(&render_roots(&files(&chart), &name("staging"), &name("shop"), &[]).0);
    let told =
        "- helm: \"charts/web\" # guessed: release, namespace and values; there are also charts/web/values-prod.yaml\n";
    assert!(text.contains(told) && text.contains("values: [\"charts/web/values-staging.yaml\"]"), "{text}");
}
