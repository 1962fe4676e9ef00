//! `bpctl init`: from manifests to files that lint, and nothing lost.

use bpctl::pipeline::init::{InitOptions, prepare};
use bpctl_core::blueprint::TierName;
use bpctl_core::model::{Name, Period};

use crate::support::Repo;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  \
     template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web}]}\n";

fn repository(files: &[(&str, &str)]) -> Repo {
    let repo = Repo::empty();
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.commit(&[], "manifests");
    repo
}

#[test]
fn what_init_writes_lints_and_a_second_run_writes_nothing() {
    let stateful =
        DEPLOYMENT.replace("Deployment", "StatefulSet").replace("{name: web}", "{name: db, namespace: data}");
    let repo = repository(&[("deploy/web.yaml", DEPLOYMENT), ("deploy/db.yaml", &stateful), ("README.md", "x")]);
    let dry = repo.run(&["init", "--dry-run", "--context", "prod-eu"]).exits(0);
    assert!(dry.stdout.contains("context: \"prod-eu\"\n"), "{}", dry.stdout);
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "a dry run writes nothing");

    let ran = repo.run(&["init", "--owner", "team-web", "--namespace", "shop", "--env", "lab"]).exits(0);
    assert!(ran.stderr.contains("# guessed"), "{}", ran.stderr);
    let linted = repo.run(&["lint", "-o", "json"]).exits(0).json();
    assert_eq!((&linted["blueprints"], &linted["policies"]), (&2.into(), &1.into()), "{linted:#}");
    assert!(repo.read("blueprints/web/blueprint.yaml").contains("  owner: team-web\n"));
    assert!(repo.read("blueprints/web/blueprint.yaml").contains("    namespace: shop # guessed"));
    assert!(repo.read("blueprints/db/blueprint.yaml").contains("    workload: StatefulSet/db\n    namespace: data\n"));

    let before = repo.git(&["status", "--porcelain", "-uall"]);
    let again = repo.run(&["init", "--owner", "other"]).exits(0);
    assert_eq!(again.stdout, "2 workloads have a blueprint already\n");
    assert_eq!(repo.git(&["status", "--porcelain", "-uall"]), before);
}

#[test]
fn a_new_workload_gets_a_blueprint_beside_those_that_people_wrote() {
    let repo = repository(&[("deploy/web.yaml", DEPLOYMENT)]);
    repo.run(&["init"]).exits(0);
    let own = repo.read("bpctl.yaml").replace("tier: staging", "tier: prod # ours");
    repo.write("bpctl.yaml", &own);
    repo.write("deploy/api.yaml", &DEPLOYMENT.replace("web", "api"));
    let ran = repo.run(&["init"]).exits(0);
    assert!(ran.stdout.starts_with("wrote blueprints/api/blueprint.yaml "), "{}", ran.stdout);
    assert!(!ran.stdout.contains("bpctl.yaml "), "{}", ran.stdout);
    assert_eq!(repo.read("bpctl.yaml"), own);
    repo.run(&["lint"]).exits(0);

    // Without the workspace the blueprints still govern what they govern.
    std::fs::remove_file(repo.path().join("bpctl.yaml")).expect("removed");
    let ran = repo.run(&["init"]).exits(0);
    assert!(ran.stdout.starts_with("wrote bpctl.yaml "), "{}", ran.stdout);
    assert!(ran.stdout.contains("2 workloads have a blueprint already\n"), "{}", ran.stdout);
    let nobody = repo.run(&["init", "--owner", ""]).exits(2);
    assert!(nobody.stderr.contains("--owner"), "{}", nobody.stderr);
}

#[test]
fn what_git_ignores_and_what_stands_behind_links_is_not_taken() {
    let repo = repository(&[(".gitignore", "/build/\n"), ("deploy/web.yaml", DEPLOYMENT)]);
    repo.write("build/out.yaml", &DEPLOYMENT.replace("web", "built"));
    repo.write(".hidden/x.yaml", &DEPLOYMENT.replace("web", "hidden"));
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::fs::write(elsewhere.path().join("evil.yaml"), DEPLOYMENT.replace("web", "evil")).expect("written");
    std::os::unix::fs::symlink(elsewhere.path(), repo.folder.path().join("repo/linked")).expect("a link");
    let ran = repo.run(&["init", "--dry-run"]).exits(0);
    assert_eq!(ran.stdout.matches("# blueprints/").count(), 2, "the policy and web: {}", ran.stdout);
    // What Git tracks it does not ignore, whatever its patterns say.
    repo.git(&["add", "-f", "build/out.yaml"]);
    let ran = repo.run(&["init", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("# blueprints/built"), "{}", ran.stdout);
    repo.git(&["rm", "-q", "--cached", "build/out.yaml"]);

    std::os::unix::fs::symlink(elsewhere.path(), repo.folder.path().join("repo/blueprints")).expect("a link");
    let ran = repo.run(&["init"]).exits(1);
    assert!(ran.stderr.contains("blueprints is a symbolic link"), "{}", ran.stderr);
    assert!(!repo.folder.path().join("repo/bpctl.yaml").exists(), "nothing half done");
    assert_eq!(
        std::fs::read_dir(elsewhere.path()).expect("a folder").count(),
        1,
        "nothing was written behind the link"
    );
}

#[test]
fn where_there_is_nothing_to_govern_init_says_why() {
    let repo = repository(&[("charts/web/Chart.yaml", "name: web\n"), ("charts/web/templates/web.yaml", DEPLOYMENT)]);
    let ran = repo.run(&["init"]).exits(1);
    assert!(ran.stderr.contains("charts/web was left out: Helm could not render it"), "{}", ran.stderr);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    // A catalog with parts missing could hide which workloads are governed.
    let repo = repository(&[("deploy/web.yaml", DEPLOYMENT)]);
    repo.run(&["init"]).exits(0);
    repo.write("blueprints/web/blueprint.yaml", "kind: Blueprint\n");
    let ran = repo.run(&["init"]).exits(1);
    assert!(ran.stderr.contains("blueprints/web/blueprint.yaml"), "{}", ran.stderr);
}

/// T11. Would miss: a manifest whose name begins a line that a CI runner obeys.
#[test]
fn t11_no_name_of_a_manifest_starts_a_line_of_the_output() {
    let hostile = DEPLOYMENT.replace("{name: web}", "{name: \"a\\n::stop-commands::t\"}");
    let huge =
        DEPLOYMENT.replace("image: web}", "image: web, resources: {requests: {cpu: \"1e29\", memory: 9999999999Ei}}}");
    let repo = repository(&[("a.yaml", &hostile), ("b.yaml", DEPLOYMENT), ("c.yaml", &huge.replace("web", "big"))]);
    for arguments in [&["init", "--dry-run"][..], &["init"], &["lint"]] {
        let ran = repo.run(arguments).exits(0);
        for line in ran.stdout.lines().chain(ran.stderr.lines()) {
            assert!(!line.starts_with("::"), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        }
    }
}

/// P18. Would miss: a namespace that is guessed although an Application of this repository says it.
#[test]
fn p18_what_an_application_delivers_is_taken_as_it_says() {
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: pay, namespace: argocd}\nspec:\n  \
        destination: {server: 'https://kubernetes.default.svc', namespace: money}\n  \
        source: {repoURL: 'https://git.example/team/c.git', targetRevision: HEAD, path: k}\n";
    let repo = repository(&[
        ("argocd/pay.yaml", application),
        ("k/kustomization.yaml", "resources: [web.yaml]\nreplicas: [{name: web, count: 3}]\n"),
        ("k/web.yaml", DEPLOYMENT),
    ]);
    // Another repository's Application is named, and not followed.
    repo.git(&["remote", "add", "origin", "https://git.example/team/other.git"]);
    let guessed = repo.run(&["init", "--dry-run"]).exits(0).stdout;
    let told = ["     # argocd/pay.yaml names it, and is not followed: ", "      - kustomize: \"k\"\n"];
    assert!(told.iter().all(|told| guessed.contains(told)), "{guessed}");

    repo.git(&["remote", "set-url", "origin", "https://git.example/team/c.git"]);
    let ran = repo.run(&["init"]).exits(0);
    assert!(ran.stdout.contains("Deployment/web in money, from k\n"), "{}", ran.stdout);
    assert!(repo.read("bpctl.yaml").contains("    render:\n      - application: \"argocd/pay.yaml\"\n"));
    repo.run(&["lint", "--fail-on", "error"]).exits(0);
}

/// P18. Would miss: an overlay that is guessed although Flux says which one it delivers; one that it changes on the way.
#[test]
fn p18_what_flux_delivers_is_taken_as_it_says() {
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: web, namespace: flux-system}\nspec:\n  \
        interval: 5m\n  prune: true\n  sourceRef: {kind: GitRepository, name: flux-system}\n  path: ./over/one\n";
    let overlay = "resources: [../../base]\nreplicas: [{name: web, count: 3}]\n";
    let repo = repository(&[
        ("clusters/staging/web.yaml", flux),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", DEPLOYMENT),
        ("over/one/kustomization.yaml", overlay),
        ("over/another/kustomization.yaml", overlay),
    ]);
    let environment = ["init", "--dry-run", "--env", "staging"];
    let told = repo.run(&environment).exits(0).stdout;
    assert!(
        told.contains("     # as clusters/staging/web.yaml delivers it\n      - kustomize: \"over/one\""),
        "{told}"
    );
    repo.write("clusters/staging/web.yaml", &format!("{flux}  postBuild: {{substitute: {{a: b}}}}\n"));
    let told = repo.run(&environment).exits(0).stdout;
    assert!(told.contains("its own `postBuild`, which is not rendered here"), "{told}");
}

/// Would miss: a folder that is not there, and a program that is missing, told as a repository without workloads.
#[test]
fn what_is_missing_is_named() {
    let overlay = "resources: [../../base]\nnamespace: shop\nreplicas: [{name: web, count: 3}]\n";
    let repo = repository(&[
        ("k/base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("k/base/web.yaml", DEPLOYMENT),
        ("k/overlays/a/kustomization.yaml", &format!("{overlay}patches: [{{path: res.yaml}}]\n")),
        ("k/overlays/a/res.yaml", DEPLOYMENT),
        ("k/overlays/staging/kustomization.yaml", overlay),
    ]);
    let ran = repo.run(&["init", "k/nope"]).exits(1);
    assert!(ran.stderr.contains("there is no folder k/nope"), "{}", ran.stderr);
    let ran = repo.bpctl().with("BPCTL_KUSTOMIZE", "/nonexistent").run(&["init"]).exits(1);
    assert!(ran.stderr.contains("k/overlays/staging was left out: Kustomize could not render it: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("BPCTL_KUSTOMIZE"), "{}", ran.stderr);
}

/// P18. Would miss: the second workload of a workspace of two environments, for which nothing at all is written because the other environment
/// has it in another overlay and another namespace.
#[test]
fn p18_a_blueprint_holds_in_every_environment_that_has_the_workload() {
    let overlay =
        |name: &str| format!("resources: [../../base]\nnamespace: shop-{name}\npatches: [{{path: web-patch.yaml}}]\n");
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {minReadySeconds: 5}\n";
    let (prod, staging) = (overlay("prod"), overlay("staging"));
    let repo = repository(&[
        ("base/kustomization.yaml", "resources: [web.yaml, extra.yaml]\n"),
        ("base/web.yaml", DEPLOYMENT),
        ("base/extra.yaml", &DEPLOYMENT.replace("web", "extra")),
        (
            "overlays/prod/kustomization.yaml",
            &format!("{prod}resources: [../../base, only.yaml]\n").replacen("resources: [../../base]\n", "", 1),
        ),
        ("overlays/prod/only.yaml", &DEPLOYMENT.replace("web", "only")),
        ("overlays/prod/web-patch.yaml", patch),
        ("overlays/staging/kustomization.yaml", &staging),
        ("overlays/staging/web-patch.yaml", patch),
        (
            "bpctl.yaml",
            "apiVersion: bpctl.dev/v1\nkind: Workspace\nblueprints: blueprints\nenvironments:\n  \
             prod: {tier: prod, cluster: {context: p}, delivery: gitops, render: [{kustomize: overlays/prod}]}\n  \
             staging: {tier: staging, cluster: {context: s}, delivery: gitops, render: [{kustomize: overlays/staging}]}\n",
        ),
    ]);
    let ran = repo.run(&["init", "-e", "nope"]).exits(1);
    assert!(ran.stderr.contains("there is no environment nope in bpctl.yaml"), "{}", ran.stderr);
    let ran = repo.run(&["init", "-e", "prod"]).exits(0);
    assert!(!ran.stdout.contains("left out"), "{}", ran.stdout);
    let extra = repo.read("blueprints/extra/blueprint.yaml");
    for told in [
        "    namespace: shop-prod\n",
        "    source: overlays\n",
        "environments:\n  staging: {spec: {target: {namespace: shop-staging}}}\n",
    ] {
        assert!(extra.contains(told), "{extra}");
    }
    let only = repo.read("blueprints/only/blueprint.yaml");
    assert!(only.contains("    environments: [prod] # guessed"), "{only}");
    repo.run(&["lint", "--fail-on", "error"]).exits(0);
    let again = repo.run(&["init"]).exits(0);
    assert_eq!(again.stdout, "3 workloads have a blueprint already\n");
}

/// P18. Would miss: `default` as the namespace of what an Application or Flux delivers to another one, because its kustomization adds nothing,
/// or because there is none.
#[test]
fn p18_a_deliverer_says_the_namespace_of_what_is_only_listed() {
    let application = |name: &str, path: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\nspec:\n  \
             destination: {{namespace: {name}-prod}}\n  source: {{repoURL: 'https://git.example/a.git', path: {path}}}\n"
        )
    };
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: f}\nspec: {path: ./flux, targetNamespace: flux-prod}\n";
    let named = |name: &str| DEPLOYMENT.replace("web", name);
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all}\nspec: {}\n";
    let repo = repository(&[
        ("argocd/listed.yaml", &application("listed", "listed")),
        ("argocd/plain.yaml", &application("plain", "plain")),
        ("argocd/set.yaml", set),
        ("clusters/prod/f.yaml", flux),
        ("listed/kustomization.yaml", "resources: [d.yaml]\n"),
        ("listed/d.yaml", &named("listed")),
        ("plain/d.yaml", &named("plain")),
        ("flux/kustomization.yaml", "resources: [d.yaml]\nlabels: [{pairs: {a: b}}]\n"),
        ("flux/d.yaml", &named("flux")),
        (
            "fetched/kustomization.yaml",
            "resources: ['https://git.example/base?ref=v1', d.yaml]\nnamespace: fetched-prod\n",
        ),
        ("fetched/d.yaml", &named("fetched")),
    ]);
    let ran = repo.run(&["init", "-e", "prod", "--tier", "prod", "--context", "lab"]).exits(0);
    for told in [
        "Deployment/listed in listed-prod, from listed\n",
        "Deployment/plain in plain-prod, from plain/d.yaml\n",
        "Deployment/flux in flux-prod, from flux\n",
        "Deployment/fetched in fetched-prod, from fetched/d.yaml\n",
        "left out fetched: Kustomize could not render it: ",
        "note flux: clusters/prod/f.yaml delivers it with its own `targetNamespace`",
        "Flux may deliver something else",
        "note argocd/set.yaml: ApplicationSet/all: ",
    ] {
        assert!(ran.stdout.contains(told), "{told}\n{}", ran.stdout);
    }
    assert!(repo.read("bpctl.yaml").contains("      - application: \"argocd/listed.yaml\"\n"));
    repo.run(&["lint", "--fail-on", "error"]).exits(0);
}

/// Would miss: one manifest with a name that is none, for which nothing is written of a whole repository.
/// Would miss: production's overlay that is planned and judged as another environment's because it is the only one that is known; an
/// environment of production with the rules of another tier because nobody said one; a guess between two of which nobody is told.
#[test]
fn p18_no_overlay_is_taken_for_another_environment() {
    let deployment = |name: &str| DEPLOYMENT.replace("web", name);
    let over = "resources: [../../base]\nnamePrefix: x-\n";
    let base = |names: &[&str]| format!("resources: [{}]\n", names.join(", "));
    let files = [
        ("app/base/kustomization.yaml", base(&["app.yaml"])),
        ("app/base/app.yaml", deployment("app")),
        ("app/overlays/dev/kustomization.yaml", over.to_owned()),
        ("app/overlays/production/eu/kustomization.yaml", over.replace("../../base", "../../../base")),
        ("app/overlays/production/us/kustomization.yaml", over.replace("../../base", "../../../base")),
        ("svc/base/kustomization.yaml", base(&["svc.yaml"])),
        ("svc/base/svc.yaml", deployment("svc")),
        ("svc/envs/qa/kustomization.yaml", over.to_owned()),
        ("svc/envs/production/kustomization.yaml", over.to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let said = |arguments: &[&str]| {
        let repo = repository(&files);
        let ran = repo.run(&[&["init"], arguments].concat()).exits(0);
        (ran.stdout, repo.read("bpctl.yaml"))
    };
    let (told, workspace) = said(&["--env", "dev"]);
    assert!(workspace.contains("tier: dev") && workspace.contains("app/overlays/dev"), "{workspace}");
    assert!(!workspace.contains("svc/"), "{workspace}");
    assert!(
        told.contains("left out svc/envs/production: of svc/envs/production, svc/envs/qa none is called dev"),
        "{told}"
    );
    let (told, workspace) = said(&["--env", "prod"]);
    assert!(workspace.contains("tier: prod") && workspace.contains("svc/envs/production"), "{workspace}");
    assert!(
        told.contains("note app/overlays/production/eu: taken for prod, which is a guess: there are also"),
        "{told}"
    );
    assert!(!told.contains("note svc"), "{told}");
    // Nobody said one: as most of them are called.
    let (told, workspace) = said(&[]);
    assert!(told.contains("environment production, tier prod"), "{told}");
    assert!(workspace.contains("\n  production:\n") && workspace.contains("svc/envs/production"), "{workspace}");
}

#[test]
fn a_name_that_is_none_stops_nothing_else() {
    let repo = repository(&[("a.yaml", &DEPLOYMENT.replace("{name: web}", "{name: --help}")), ("b.yaml", DEPLOYMENT)]);
    let ran = repo.run(&["init"]).exits(0);
    assert!(
        ran.stdout.contains("left out a.yaml: Deployment/--help has a name that Kubernetes does not take"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("wrote blueprints/web/blueprint.yaml"), "{}", ran.stdout);
}

/// T42. Would miss: charts that do not end, one after the other, for each of which somebody waits its whole time.
#[test]
fn t42_what_there_is_no_time_for_is_named_and_not_begun() {
    let repo = repository(&[
        ("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("chart/templates/web.yaml", &DEPLOYMENT.replace("web", "rendered")),
        ("plain/web.yaml", DEPLOYMENT),
    ]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let repository = bpctl::git::Repository::discover(&repo.path()).expect("a repository");
    let mut options = InitOptions {
        owner: None,
        namespace: Name::new("default").expect("a name"),
        environment: None,
        context: Some("lab".into()),
        tier: Some(TierName::Staging),
        below: Vec::new(),
        patience: Period::from_secs(0),
    };
    let mut initial = || {
        let initial = runtime.block_on(prepare(&repository, &options)).expect("files");
        options.patience = Period::from_secs(60);
        let files: Vec<String> = initial.files.iter().map(|file| file.about.clone()).collect();
        let left: Vec<String> =
            initial.left_out.iter().map(|left| format!("{}: {}", left.path, left.because)).collect();
        (files.join("\n"), left.join("\n"))
    };
    let (files, left) = initial();
    assert!(left.starts_with("chart: Helm could not render it: it was not begun"), "{left}");
    assert!(files.contains("Deployment/web in default") && !files.contains("rendered"), "{files}");
    let (files, left) = initial();
    assert!(files.contains("Deployment/rendered in default, from chart") && left.is_empty(), "{files} {left}");
}
