//! Who brings back what Argo CD delivers: it, its next sync, or a person, as the Application says (X8, R6).

use super::{APPLY, says};
use crate::support::Repo;

const FILE: &str = "argocd/frontend.yaml";
const OVERLAY: &str = "overlays/staging/kustomization.yaml";
const PLAN: [&str; 6] = ["plan", "--env", "staging", "-t", "frontend", "--detailed-exitcode"];

/// The rendered shop, which an Application delivers. Somebody edited `LOG_LEVEL` in the cluster.
pub(super) fn delivered() -> Repo {
    let (repo, _) = super::rendered::shop();
    says_policy(&repo, "");
    repo.replace("bpctl.yaml", "{kustomize: overlays/staging}", "{application: argocd/frontend.yaml}");
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    repo.commit(&[], "by Argo CD");
    repo
}

/// An Application with this in its `spec`.
fn says_policy(repo: &Repo, policy: &str) {
    let application = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: shop-frontend}}\nspec:\n  source: {{path: \
         overlays/staging}}\n  destination: {{namespace: shop}}\n{policy}"
    );
    repo.commit(&[(FILE, &application)], "another policy");
}

/// The recorded frontend, changed.
fn edit(repo: &Repo, change: impl Fn(&mut serde_json::Value)) {
    let file = "clusters/staging/shop/deployments.json";
    let mut all: serde_json::Value = serde_json::from_str(&repo.read(file)).expect("JSON");
    let items = all["items"].as_array_mut().expect("items");
    change(items.iter_mut().find(|item| item["metadata"]["name"] == "frontend").expect("the frontend"));
    repo.write(file, &all.to_string());
}

/// Would miss: a hand edit that Argo CD never takes back, told as its work; a new commit's image, told as a person's; and an apply, a page or an
/// exit code that says otherwise than the plan.
#[test]
fn x08_what_no_controller_brings_is_for_a_person() {
    let repo = delivered();
    let brings = "delivery is gitops: the controller brings it back, bpctl writes nothing";
    let command = "argocd app sync shop-frontend";
    for (policy, told) in [
        ("", "argocd/frontend.yaml is not synced by itself (no syncPolicy.automated): argocd app sync shop-frontend"),
        ("  syncPolicy: {syncOptions: [ServerSideApply=true]}\n", "is not synced by itself"),
        ("  syncPolicy: {automated: null}\n", "is not synced by itself"),
        ("  syncPolicy: {automated: {enabled: false, selfHeal: true}}\n", "is not synced by itself"),
        (
            "  syncPolicy: {automated: {}}\n",
            "does not heal itself (syncPolicy.automated.selfHeal is not true): it stays until",
        ),
        ("  syncPolicy: {automated: {prune: true, selfHeal: \"true\"}}\n", "does not heal itself"),
    ] {
        says_policy(&repo, policy);
        let plan = repo.run(&PLAN).exits(4).stdout;
        says(&plan, &[told, command, "1 for a person"]);
        assert!(!plan.contains(brings) && !plan.contains("for the controller"), "{policy}: {plan}");
    }
    says(
        &repo.run(&APPLY).exits(0).stdout,
        &["left: reconcile Deployment/frontend: 1 field: argocd/frontend.yaml", command],
    );
    let page = repo.run(&["plan", "--env", "staging", "-t", "frontend", "-o", "markdown"]).exits(0).stdout;
    says(&page, &["staging — needs a person", "| **a person syncs it** |", "1 for a person", command]);
    for policy in [
        "  syncPolicy: {automated: {selfHeal: true}}\n",
        "  syncPolicy: {automated: {enabled: true, selfHeal: true}}\n",
    ] {
        says_policy(&repo, policy);
        let plan = repo.run(&PLAN).exits(3).stdout;
        says(&plan, &[brings, "1 for the controller"]);
        assert!(!plan.contains("for a person") && !plan.contains(command), "{plan}");
    }
    // A reviewer of something else is told the same, and what merging does: it is a new commit.
    says_policy(&repo, "  syncPolicy: {automated: {}}\n");
    repo.git(&["switch", "-q", "-c", "readme"]);
    repo.commit(&[("README.md", "read me\n")], "read me");
    let of_branch = [&PLAN[..], &["--base", "main"]].concat();
    let merging = "merging this change brings it back too";
    // Its own exit code is of what it causes.
    says(&repo.run(&of_branch).exits(0).stdout, &["this change causes 0", "for a person", merging]);
    let page = repo.run(&[&of_branch[..], &["-o", "markdown"]].concat()).exits(0).stdout;
    says(
        &page,
        &[
            " · 1 stood before this change",
            ">1 and 1 note stood before this change",
            "**a person syncs it**",
            "merging this change brings it back too",
        ],
    );
    repo.git(&["switch", "-q", "main"]);
    // What nobody edited differs because its commit is not synced yet: each commit is, once.
    edit(&repo, |frontend| {
        frontend["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "info".into();
        for entry in frontend["metadata"]["managedFields"].as_array_mut().expect("managers") {
            if entry["manager"] == "bpctl" {
                entry["manager"] = "argocd-controller".into();
            }
        }
    });
    repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:1.5.0");
    for (policy, exit, told) in [
        (
            "  syncPolicy: {automated: {}}\n",
            3,
            "syncs each commit once (selfHeal is not true): what was changed beside Git stays until",
        ),
        ("", 4, "is not synced by itself"),
    ] {
        says_policy(&repo, policy);
        says(&repo.run(&PLAN).exits(exit).stdout, &["containers[name=web].image: ", told, command]);
    }
    // What is gone was synced once as well.
    says_policy(&repo, "  syncPolicy: {automated: {}}\n");
    let recording = "clusters/staging/shop/deployments.json";
    let before = repo.read(recording);
    edit(&repo, |frontend| frontend["metadata"]["name"] = "another".into());
    says(&repo.run(&PLAN).exits(4).stdout, &["create Deployment/frontend", "for a person", "does not heal itself"]);
    repo.write(recording, &before);
    says_policy(&repo, "");
    // A branch's own value comes with its merge first.
    repo.git(&["switch", "-q", "-c", "feature"]);
    repo.replace("deploy/frontend.yaml", "frontend:1.5.0", "frontend:1.6.0");
    repo.commit(&[], "another image");
    let plan = repo.run(&PLAN).exits(3).stdout;
    says(&plan, &["it is not merged yet", "once merged a person syncs it", command, "1 for the controller"]);
}

/// Would miss: a plan that waits for an approval which keeps nobody from anything, and does not say that the controller acts all the same.
#[test]
fn x08_no_rule_of_bpctls_holds_a_controller() {
    let repo = delivered();
    says_policy(&repo, "  syncPolicy: {automated: {selfHeal: true}}\n");
    let policy = "blueprints/policies/base.yaml";
    for (tier, exit, count) in [("requires_approval", 3, "1 for the controller"), ("forbidden", 5, "1 forbidden")] {
        let before = repo.read(policy);
        let text = before.replace("{delete: forbidden,", &format!("{{reconcile: {tier}, delete: forbidden,"));
        repo.commit(&[(policy, &text)], "reconcile is asked for");
        let plan = repo.run(&PLAN).exits(exit).stdout;
        says(
            &plan,
            &[
                "the controller brings it back",
                count,
                "(blueprints/policies/base.yaml:5:25): the controller does not know of it",
            ],
        );
        assert!(!plan.contains("approvers:"), "{plan}");
        repo.commit(&[(policy, &before)], "as it was");
    }
}

/// Would miss: "nobody brings them back" of replicas that the next sync sets back, whatever it is for; and an outage that Argo CD calls in sync.
#[test]
fn x08_what_argo_cd_passes_over_its_next_sync_may_write() {
    let repo = delivered();
    let passes = "  ignoreDifferences: [{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}]\n";
    let respects = format!(
        "{passes}  syncPolicy: {{syncOptions: [RespectIgnoreDifferences=true], automated: {{selfHeal: true}}}}\n"
    );
    repo.replace(OVERLAY, "count: 2}", "count: 4}");
    says_policy(&repo, passes);
    says(
        &repo.run(&PLAN).stdout,
        &[
            "spec.replicas, which the Application's ignoreDifferences passes over: Argo CD calls it in sync until a sync sets it back",
            "which nothing settles before the next sync, because the Application's ignoreDifferences passes over spec.replicas: argocd app sync",
        ],
    );
    says_policy(&repo, &respects);
    let plan = repo.run(&PLAN).stdout;
    says(&plan, &["which nobody settles while the Application's ignoreDifferences passes over spec.replicas"]);
    assert!(!plan.contains("next sync"), "{plan}");
    edit(&repo, |frontend| frontend["spec"]["replicas"] = 0.into());
    let scale = "kubectl -n shop scale deployment/frontend --replicas=4";
    for (policy, told) in [
        (passes, "its next sync, whatever it is for, sets them back all the same"),
        (&*respects, "nobody brings them back"),
    ] {
        says_policy(&repo, policy);
        let plan = repo.run(&PLAN).exits(4).stdout;
        says(
            &plan,
            &[
                "error scaled-to-zero, for a person: no pods run: the cluster has 0 replicas, and Git says 4",
                told,
                scale,
                "for a person",
            ],
        );
        assert!(!plan.contains("replicas-outside-bounds"), "{plan}");
    }
}

/// What Argo CD would deliver otherwise than bpctl reads it. Would miss: another image, behind a file that no blueprint's rules see.
#[test]
fn t18_what_an_application_may_deliver_unseen_is_for_a_person() {
    let source = "source: {path: overlays/staging}";
    let image = "images: [{name: registry.shop.example/frontend, newTag: 6.6.6}]\n";
    // Where base's Application is another one, the file that the change touches, and what the change is told for.
    for (was, becomes, file, text) in [
        (source, source, "overlays/staging/.argocd-source.yaml", "kustomize: {images: [a=b]}\n"),
        (source, source, "overlays/staging/.argocd-source-ns_shop-frontend.yaml", "kustomize: {images: [a=b]}\n"),
        (source, "source: {path: overlays/staging, directory: {recurse: true}}", "overlays/staging/x.yaml", "a: b\n"),
        (
            source,
            "sourceHydrator: {drySource: {path: dry}}\n  source: {path: overlays/staging}",
            "dry/kustomization.yaml",
            image,
        ),
        (source, "sources: [{path: overlays/staging}]", "elsewhere/kustomization.yaml", image),
        (source, "source: {path: overlays/staging, submodules: true}", "elsewhere/kustomization.yaml", image),
    ] {
        let repo = delivered();
        let policy = "blueprints/policies/base.yaml";
        repo.replace(policy, "{delete: forbidden,", "{scale: requires_approval, delete: forbidden,");
        repo.commit(&[], "somebody looks at each pull request");
        repo.run(&super::APPLY);
        repo.replace(FILE, was, becomes);
        repo.git(&["commit", "-q", "--allow-empty", "-am", "the Application"]);
        if was != becomes {
            let lint = repo.run(&["lint"]).exits(6).stdout;
            says(&lint, &["error[bad-value]", "argocd/frontend.yaml"]);
        }
        repo.git(&["switch", "-q", "bpctl/staging/backend/scale"]);
        repo.git(&["merge", "-q", "main"]);
        repo.commit(&[(file, text)], "nothing to see");
        repo.git(&["switch", "-q", "main"]);
        let judged = repo.run(&["judge", "1"]).stdout;
        let told = format!("{file}: what it changes in what is delivered is not known");
        says(&judged, &["needs approval", &told, "the Application cannot be followed"]);
    }
}

/// Files that say of others what is delivered, on bpctl's own pull request. Would miss: a checkout that writes other manifests than were judged;
/// a controller that is sent elsewhere; a second manifest of a governed workload in the folder that is delivered; an image behind another name.
#[test]
fn t21_what_decides_about_governed_files_is_judged_wherever_it_lies() {
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: web}\nspec: {path: ./deploy}\n";
    let elsewhere = flux.replace("./deploy", "./docs");
    let helm = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: redis}\nspec: {source: {chart: redis}}\n";
    let shop = Repo::shop();
    let second = shop.read("deploy/frontend.yaml").replace("frontend:1.4.0", "frontend:6.6.6");
    let policy = "blueprints/policies/base.yaml";
    let other = "it tells a controller to deliver something else than before";
    let unread = "it cannot be read";
    let hydrated = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec: {sourceHydrator: {drySource: {path: x}}}\n";
    let scaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec: {maxReplicas: 1, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: frontend}}\n";
    let another = scaler.replace("name: frontend", "name: other");
    let item = second.trim_end().replace("apiVersion: apps/v1\nkind: Deployment\n", "").replace('\n', "\n  ");
    let list = format!("apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- {item}\n");
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: any, namespace: shop}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: frontend, scaleDown: onsuccess}}\n";
    for (file, text, told) in [
        (".gitattributes", "*.yaml ident\n", "it decides what a checkout writes of other files"),
        ("docs/.sourceignore", "deploy/\n", "it decides which files Flux leaves out"),
        ("clusters/web.yaml", flux, "it tells a controller what to deliver from here"),
        ("deploy/zz.yaml", &second, "Deployment/frontend is added"),
        ("clusters/web.yaml", &elsewhere, other),
        ("clusters/redis.yaml", helm, other),
        ("clusters/web.yaml", hydrated, "it tells a controller what to deliver from here"),
        // From wherever: a controller's folder may lie above both, in this repository's words or in another's.
        ("docs/frontend.yaml", &second, "Deployment/frontend is added"),
        ("docs/frontend.yaml", &second.replace("namespace: shop", "namespace: docs"), ""),
        ("docs/list.yaml", &list, "needs approval frontend"),
        ("docs/zz.yaml", &format!("{second}---\n{{{{ x\n"), "needs approval frontend"),
        ("deploy/zz.yaml", rollout, "Rollout/any is added"),
        ("deploy/backend-canary.yaml", &format!("{second}---\n{{{{ x\n"), "needs approval frontend"),
        ("deploy/backend-canary.yaml", &list, "needs approval frontend"),
        // kubectl takes a tag that it does not know for nothing, and applies what stands before a broken document.
        ("deploy/zz.yaml", &second.replacen("metadata:", "metadata: !x", 1), unread),
        ("deploy/zz.yaml", &format!("{second}---\n{{{{ x\n"), unread),
        ("docs/zz.yaml", &second.replacen("metadata:", "metadata: !x", 1), "needs approval frontend"),
        ("docs/zz.yaml", &flux.replacen("metadata:", "metadata: !x", 1), "may tell a controller what to deliver"),
        ("docs/zz.yaml", "a: !x \"argo\\x70roj Application\"\n", "may tell a controller what to deliver"),
        (
            "apps/templates/web.yaml",
            &helm.replace("redis", "{{ .Release.Name }}"),
            "may tell a controller what to deliver",
        ),
        ("docs/zz.jsonnet", "local a = 1; {}\n", ""),
        (
            "clusters/p.yaml",
            "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: default}\n",
            "it tells a controller",
        ),
        ("deploy/zz.yaml", scaler, "HorizontalPodAutoscaler/web is added"),
        ("deploy/zz.yaml", &another, ""),
        (
            "deploy/zz.yaml",
            &another
                .replace("name: other", "name: frontend")
                .replace("autoscaling/v2", "keda.sh/v1alpha1")
                .replace("HorizontalPodAutoscaler", "ScaledObject"),
            "ScaledObject/web is added",
        ),
        (".github/workflows/bpctl.yml", "on: push\njobs: {a: {uses: bpctl/bpctl}}\n", "it runs bpctl, or did"),
        (".github/workflows/test.yml", "on: push\njobs: {}\n", ""),
        ("ci/act/action.yml", "runs: {using: composite, steps: [{run: bpctl apply}]}\n", "it runs bpctl, or did"),
        // For Kubernetes' reader lines and comments end there.
        ("deploy/zz.yaml", &format!("# nothing\u{85}{}", second.replace('\n', "\u{85}")), unread),
        (
            "docs/zz.yaml",
            &format!("# nothing\u{2028}{}", helm.replace('\n', "\u{2028}")),
            "may tell a controller what to deliver",
        ),
        // kubectl applies what anything lists, and files of that name.
        (
            "deploy/zz.yaml",
            &format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: zz}}\nitems:\n- {}",
                second.trim_end().replace('\n', "\n  ")
            ),
            "it holds a list of objects",
        ),
        ("deploy/.yaml", &second, "Deployment/frontend is added"),
        // Another team's file is no way around.
        ("deploy/backend-canary.yaml", &second, "needs approval frontend"),
        ("deploy/backend-canary.yaml", flux, "it tells a controller what to deliver from here"),
        // What declares nothing stands in the list, and in what is approved, all the same.
        ("blueprints/zz.yaml", "# nothing\n", "it declares nothing: comments alone"),
        // Flux stops `..` at the root, and puts variables in.
        (
            "clusters/web.yaml",
            &flux.replace("./deploy", "../deploy"),
            "it tells a controller what to deliver from here",
        ),
        (
            "clusters/web.yaml",
            &flux.replace("./deploy", "\"${DIR}\""),
            "it tells a controller what to deliver from here",
        ),
        (".github/CODEOWNERS", "* @eve\n", "it decides who has to look at changes"),
        // Argo CD and Flux render a folder as soon as it holds one.
        ("deploy/kustomization.yaml", "resources: [frontend.yaml]\n", "deploy/kustomization.yaml"),
        ("kustomization.yml", "resources: [deploy/frontend.yaml]\n", "kustomization.yml"),
        ("deploy/Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n", "deploy/Chart.yaml"),
        ("docs/kustomization.yaml", "resources: [x.yaml]\n", ""),
    ] {
        let repo = Repo::shop();
        repo.replace(policy, "{delete: forbidden,", "{scale: requires_approval, delete: forbidden,");
        repo.commit(&[], "somebody looks at each pull request");
        repo.run(&super::APPLY);
        repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
        repo.commit(&[(file, text)], "nothing to see");
        repo.git(&["switch", "-q", "main"]);
        let judged = repo.run(&["judge", "1"]).stdout;
        says(&judged, &["needs approval backend", told]);
        assert_eq!(judged.matches(file).count() + judged.matches("is added").count() > 0, !told.is_empty(), "{judged}");
    }
}

/// Would miss: a kustomization by which one team's approval is enough to deliver another team's workload otherwise.
#[test]
fn t21_a_kustomization_in_a_neighbours_folder_asks_whom_it_takes_over() {
    let repo = Repo::shop();
    repo.replace("blueprints/backend/blueprint.yaml", "source: deploy/backend.yaml", "source: deploy");
    repo.commit(&[], "a folder");
    repo.run(&super::APPLY);
    repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
    let image = "resources: [frontend.yaml]\nimages: [{name: frontend, newName: evil}]\n";
    repo.commit(&[("deploy/kustomization.yaml", image)], "nothing to see");
    repo.git(&["switch", "-q", "main"]);
    says(&repo.run(&["judge", "1"]).stdout, &["needs approval frontend", "deploy/kustomization.yaml"]);
}

/// Would miss: a link that leads a controller to another folder.
#[test]
fn t18_a_link_that_is_turned_is_judged_wherever_it_lies() {
    let repo = Repo::shop();
    repo.run(&super::APPLY);
    repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
    std::os::unix::fs::symlink("evil", repo.path().join("live")).expect("a link");
    repo.commit(&[], "nothing to see");
    repo.git(&["switch", "-q", "main"]);
    says(&repo.run(&["judge", "1"]).stdout, &["needs approval frontend", "live: it is a link"]);
}

/// Would miss: a submodule beside a source that is moved to whatever another repository holds.
#[test]
fn t20_a_submodule_beside_a_source_is_judged() {
    let repo = Repo::shop();
    repo.run(&super::APPLY);
    repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
    for (path, told) in [("vendor/mod", false), ("deploy/mod", true)] {
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},{path}", "1".repeat(40))]);
        repo.git(&["commit", "-q", "-m", "nothing to see"]);
        let judged = repo.run(&["judge", "1"]).stdout;
        assert_eq!(judged.contains("needs approval frontend"), told, "{path}: {judged}");
    }
}

/// Would miss: another team's workload that a kustomization brings along with what bpctl cannot render.
#[test]
fn t18_what_cannot_be_rendered_asks_all_of_the_environment() {
    let repo = delivered();
    repo.replace(
        "blueprints/policies/base.yaml",
        "{delete: forbidden,",
        "{scale: requires_approval, delete: forbidden,",
    );
    repo.commit(&[], "somebody looks at each pull request");
    repo.run(&super::APPLY);
    repo.git(&["switch", "-q", "bpctl/staging/backend/scale"]);
    let file = "overlays/staging/kustomization.yaml";
    let broken =
        format!("{}\nhelmCharts: [{{name: x, repo: \"https://charts.example\", version: 1.0.0}}]\n", repo.read(file));
    repo.commit(&[(file, &broken)], "nothing to see");
    repo.git(&["switch", "-q", "main"]);
    let judged = repo.run(&["judge", "1"]).stdout;
    says(&judged, &["needs approval frontend", "needs approval backend-canary", file]);
}

/// Would miss: an autoscaler of a workload, or a second manifest of it, that goes, or is turned to another, beside its source.
#[test]
fn t21_what_a_workload_loses_is_judged_as_what_it_gets() {
    let scaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec: {maxReplicas: 4, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: frontend}}\n";
    for (text, told) in [
        ("", "HorizontalPodAutoscaler/web is removed"),
        (
            &*scaler.replace("name: frontend", "name: other"),
            "HorizontalPodAutoscaler/web spec.scaleTargetRef.name: \"frontend\" → \"other\"",
        ),
        (&*scaler.replace("maxReplicas: 4", "maxReplicas: 5"), "maxReplicas: 4 → 5"),
    ] {
        let repo = Repo::shop();
        repo.replace(
            "blueprints/policies/base.yaml",
            "{delete: forbidden,",
            "{scale: requires_approval, delete: forbidden,",
        );
        repo.commit(&[("deploy/zz.yaml", scaler)], "an autoscaler");
        repo.run(&super::APPLY);
        repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
        if text.is_empty() {
            repo.git(&["rm", "-q", "deploy/zz.yaml"]);
            repo.commit(&[], "gone");
        } else {
            repo.commit(&[("deploy/zz.yaml", text)], "turned");
        }
        repo.git(&["switch", "-q", "main"]);
        let judged = repo.run(&["judge", "1"]).stdout;
        says(&judged, &[told]);
        assert!(!judged.contains("that no blueprint governs"), "{judged}");
    }
}

/// Would miss: an Application that delivers what it delivered, of which everybody is asked who owns anything; one that is sent to another
/// folder, branch or repository, of which nobody is.
#[test]
fn t21_an_application_of_others_is_judged_where_it_is_turned() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: other}\nspec:\n  destination: {namespace: other}\n  \
               source: {repoURL: \"https://git.example/other.git\", path: other, targetRevision: main, helm: {parameters: []}}\n";
    for (from, to, asks) in [
        ("name: other}\nspec", "name: other, labels: {a: b}}\nspec", false),
        ("parameters: []", "parameters: [{name: tag, value: \"2\"}]", false),
        ("path: other", "path: evil", true),
        ("git.example", "evil.example", true),
        ("targetRevision: main", "targetRevision: evil", true),
        ("namespace: other", "namespace: shop", true),
        ("path: other", "chart: other", true),
    ] {
        let repo = Repo::shop();
        let policy = "blueprints/policies/base.yaml";
        repo.replace(policy, "{delete: forbidden,", "{scale: requires_approval, delete: forbidden,");
        repo.commit(&[("argocd/other.yaml", app)], "somebody looks at each pull request");
        repo.run(&super::APPLY);
        repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
        repo.commit(&[("argocd/other.yaml", &app.replace(from, to))], "nothing to see");
        repo.git(&["switch", "-q", "main"]);
        let judged = repo.run(&["judge", "1"]).stdout;
        assert_eq!(
            judged.contains("it tells a controller to deliver something else than before"),
            asks,
            "{to}: {judged}"
        );
    }
}

/// What Git's merge brings, bpctl does not see: histories that cross, and a file that main moved since. Would miss: a green check for a pull
/// request that takes back what others merged, or brings its value to the file's new name.
#[test]
fn x02_what_would_land_otherwise_than_it_was_looked_at_is_not_green() {
    let opened = || {
        let repo = Repo::shop();
        let policy = "blueprints/policies/base.yaml";
        repo.replace(policy, "{delete: forbidden,", "{scale: requires_approval, delete: forbidden,");
        repo.commit(&[], "somebody looks at each pull request");
        repo.run(&super::APPLY);
        repo.git(&["checkout", "-q", "-f", "main"]);
        repo
    };
    // Two merge bases: the attacker's head merges the same two commits as main, and keeps the tree of before.
    let crossed = opened();
    crossed.git(&["switch", "-q", "-c", "fix"]);
    crossed.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:1.4.1");
    crossed.commit(&[], "a fix");
    crossed.git(&["switch", "-q", "main"]);
    crossed.commit(&[("notes.md", "more\n")], "something else");
    let before = crossed.git(&["rev-parse", "HEAD"]);
    crossed.git(&["merge", "-q", "--no-ff", "-m", "the fix", "fix"]);
    let tree = crossed.git(&["rev-parse", &format!("{}^{{tree}}", before.trim())]);
    let head = crossed.git(&["commit-tree", tree.trim(), "-p", before.trim(), "-p", "fix", "-m", "merge"]);
    crossed.git(&["update-ref", "refs/heads/bpctl/staging/backend/scale", head.trim()]);
    // A file that main moved.
    let moved = opened();
    moved.git(&["checkout", "-q", "bpctl/staging/backend/scale"]);
    moved.git(&["reset", "-q", "--hard", "main"]);
    moved.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:6.6.6");
    moved.commit(&[], "another image");
    moved.git(&["switch", "-q", "main"]);
    moved.git(&["mv", "deploy/frontend.yaml", "deploy/web.yaml"]);
    moved.replace("blueprints/frontend/blueprint.yaml", "source: deploy/frontend.yaml", "source: deploy/web.yaml");
    moved.commit(&[], "moved");
    for (repo, why) in [(crossed, "the two histories cross"), (moved, "deploy/frontend.yaml")] {
        let judged = repo.run(&["judge", "1", "-o", "json"]).exits(6).json();
        assert_eq!(judged["conclusion"], "pending", "{judged}");
        let told = judged["blockers"].to_string();
        says(&told, &["it conflicts with main", why, "update its branch"]);
    }
}
