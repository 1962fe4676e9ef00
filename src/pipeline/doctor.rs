//! `doctor`: what bpctl needs in this place, and what mends it. It does what a plan does, and tells what that lacked; what a plan does not
//! need is asked besides. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bpctl_core::action::{ActionType as _, Adopt, Resize, Rollback, Scale};
use bpctl_core::blueprint::{Catalog, Delivery, Environment, Proposals};
use bpctl_core::decide::UnknownFact;
use bpctl_core::model::{Name, ObjectKind, RepoPath, Severity, Untrusted};
use bpctl_core::observe::{ObservedFrom, Unknown, UnknownCode};
use bpctl_core::plan::Plan;
use bpctl_core::render::{count, listed, sink};
use schemars::JsonSchema;
use serde::Serialize;

use super::lint::LintOptions;
use super::observe::{ClusterEdge, connect_cluster, connect_prometheus};
use super::plan::{PlanOptions, base_place};
use super::{PipelineError, Session, SessionOptions, base_tree, lint, plan, work_tree_workspace, workspace_on_base};
use crate::cluster::LiveCluster;
use crate::forge::Check;
use crate::git::Repository;
use crate::runtime;

/// Checks that belong together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Area {
    /// `repository`, `forge`, an environment's name.
    pub name: String,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
}

/// How far this machine's clock may be from the forge's until it is told.
const SKEW_SECS: i64 = 60;

/// Looks at everything, as far as one thing lets another be looked at. With `test_alert` people are alerted of nothing, to see whether they hear it:
/// that alone writes something.
pub async fn look_over(folder: &Path, named: Option<&str>, options: SessionOptions, test_alert: bool) -> Vec<Area> {
    let mut areas = Vec::new();
    let repository = match Repository::discover(folder) {
        Ok(repository) => repository,
        Err(error) => {
            let mend = Some("run bpctl in a clone of the repository that holds the manifests".into());
            let checks = vec![Check::broken(told(&error.into()), mend)];
            return vec![Area { name: "repository".into(), checks }];
        }
    };
    areas.push(Area { name: "repository".into(), checks: repository_checks(&repository).await });
    let Ok(workspace) = work_tree_workspace(&repository) else { return areas };
    let session = match Session::open(folder, &workspace, options).await {
        Ok(session) => session,
        Err(error) => {
            areas.push(Area { name: "forge".into(), checks: vec![failed(&error)] });
            return areas;
        }
    };
    areas.push(Area { name: "forge".into(), checks: forge_checks(&session).await });
    areas.push(Area { name: "alerts".into(), checks: super::alerts::checks(&session, test_alert).await });
    let environments = match named {
        None => workspace.environments.keys().cloned().collect(),
        Some(_) => match plan::choose_environment(&workspace, named) {
            Ok(environment) => vec![environment],
            Err(error) => {
                areas.push(Area { name: "environment".into(), checks: vec![failed(&error)] });
                Vec::new()
            }
        },
    };
    for environment in environments {
        let checks = environment_checks(&session, &environment).await;
        areas.push(Area { name: environment.to_string(), checks });
    }
    areas.retain(|area| !area.checks.is_empty());
    areas
}

async fn repository_checks(repository: &Repository) -> Vec<Check> {
    let mut checks = Vec::new();
    if repository.is_shallow() {
        let told =
            "history is cut off: pauses, the breaker and whose change something was are not known, and all waits";
        checks.push(Check::limited(told, "git fetch --unshallow; in CI `fetch-depth: 0`"));
    } else {
        checks.push(Check::fine("a Git repository with its whole history"));
    }
    checks.extend(unpinned(repository));
    match lint::run(repository, &LintOptions::default(), runtime::now()).await {
        Err(error) => checks.push(failed(&error)),
        Ok(found) if found.unread => {
            let first = found.diagnostics.first().map_or_else(String::new, |first| first.message.clone());
            let help = found.diagnostics.first().and_then(|first| first.help.clone());
            checks.push(Check::broken(first, help.or_else(|| Some("bpctl init".into()))));
        }
        Ok(found) => {
            let errors = found.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
            let read = format!("{} and {}", count(found.blueprints, "blueprint"), count(found.policies, "policy"));
            checks.push(match errors {
                0 => Check::fine(format!("{read} are read, without errors")),
                errors => Check::broken(format!("{read}: {}", count(errors, "error")), Some("bpctl lint".into())),
            });
        }
    }
    checks
}

/// Workflows that were copied as they are shipped: a commit of zeros is no commit of bpctl's, and a server that looks for it fails the job before
/// anything of bpctl can say why.
fn unpinned(repository: &Repository) -> Option<Check> {
    const NOWHERE: &str = "@0000000000000000000000000000000000000000";
    let folders = [".github/workflows", ".gitea/workflows", ".forgejo/workflows"];
    let folders: Vec<RepoPath> = folders.into_iter().filter_map(|folder| RepoPath::new(folder).ok()).collect();
    let files = repository.read_work_tree(&folders).ok()?;
    let uses = |line: &str| line.contains("uses:") && line.contains(NOWHERE);
    let found = files.0.keys().filter(|path| {
        let bytes = files.blob(path).map(|blob| &*blob.bytes).unwrap_or_default();
        String::from_utf8_lossy(bytes).lines().any(uses)
    });
    let found: Vec<String> = found.map(|path| sink::terminal(&Untrusted::new(path.as_str()))).collect();
    (!found.is_empty()).then(|| {
        let told = format!(
            "bpctl is used by a commit of zeros, which no server has, so that no job runs: {}",
            listed(&found, 5)
        );
        let mend = "put a commit of bpctl in their place, as templates/copy-workflows.sh of bpctl's repository does";
        Check::broken(told, Some(mend.into()))
    })
}

async fn forge_checks(session: &Session) -> Vec<Check> {
    let forge = session.forge.reading();
    let mut checks = match forge.abilities().await {
        Ok(checks) => checks,
        Err(error) => vec![failed(&error.into())],
    };
    if let Some((told, mend)) = session.forge.undecided() {
        checks = vec![Check::broken(told, Some(mend.into()))];
    }
    match forge.base_tip().await.map_err(PipelineError::from) {
        Err(error) => checks.push(failed(&error)),
        Ok(tip) => match base_tree(&session.repository, &tip).and_then(|(_, rules)| plan::whole(rules.get())) {
            Err(error) => checks.push(failed(&error)),
            Ok(()) => {
                let commit = tip.commit().get(..7).unwrap_or_default();
                checks
                    .push(Check::fine(format!("{}@{commit} has the rules that everything is judged by", tip.branch())));
            }
        },
    }
    if let Ok(clock) = forge.clock().await
        && clock.from_server
    {
        let off = clock.now.as_second() - runtime::now().as_second();
        checks.push(if off.abs() <= SKEW_SECS {
            Check::fine("pauses and freezes go by the forge's clock, which agrees with this machine's")
        } else {
            let told = format!("this machine's clock is {}s off the forge's, which is the one that counts", off.abs());
            Check::limited(told, "set this machine's clock")
        });
    }
    checks
}

async fn environment_checks(session: &Session, environment: &Name) -> Vec<Check> {
    let forge = session.forge.reading();
    let base = match forge.base_tip().await.map_err(PipelineError::from) {
        Ok(tip) => workspace_on_base(&session.repository, &tip),
        Err(error) => Err(error),
    };
    // What is wrong with base is told with the forge.
    let Ok(base) = base else { return Vec::new() };
    let place = match base_place(base.get(), environment) {
        Ok(place) => place,
        Err(error) => return vec![failed(&error)],
    };
    let planned = match Box::pin(plan::plan(session, Some(environment.as_str()), &PlanOptions::default())).await {
        Ok(planned) => planned,
        Err(error) => return vec![failed(&error)],
    };
    let mut checks = Vec::new();
    let of = planned.plan.blueprints.len();
    let mut missing: BTreeMap<(bool, &str, String, Option<String>), usize> = BTreeMap::new();
    let unknowns = || planned.plan.blueprints.iter().flat_map(|part| &part.unknown);
    // A server that does not answer is one thing to mend, whatever was asked of it.
    let unseen = bpctl_core::render::unseen(&planned.plan);
    let is_dead = |fact: &UnknownFact| fact.why.code == UnknownCode::Unreachable;
    let dead: Vec<_> = unseen.iter().filter(|one| unknowns().any(|fact| one.holds(fact) && is_dead(fact))).collect();
    for unknown in unknowns().filter(|fact| !dead.iter().any(|one| one.holds(fact))) {
        let blind = unknown.uncompared || unknown.unread;
        let refused = unknown.why.message.contains("(401)");
        let denied = (unknown.why.code == UnknownCode::Forbidden).then(|| {
            if refused {
                // No right mends credentials that are not taken.
                return "log in as the context's user again; in CI, make the account a new token".into();
            }
            // What a blueprint names as a companion may be of any kind, which that file does not know.
            match unknown.why.detail.as_ref().and_then(bpctl_core::render::missing_rule) {
                Some(rule) => format!("add to the rules of the role that bpctl's account has: {rule}"),
                None => "kubectl apply -f templates/rbac/reader.yaml, with your own subject in it".into(),
            }
        });
        *missing.entry((!blind, &unknown.what, why(&unknown.why), denied)).or_default() += 1;
    }
    let blind = unknowns().any(|fact| fact.uncompared || fact.unread);
    let (ObservedFrom::Live { context: from, version } | ObservedFrom::Snapshot { folder: from, version }) =
        &planned.plan.from;
    let shown = sink::terminal(&bpctl_core::model::Untrusted::new(from));
    if !blind {
        let all = if of == 1 { "the one blueprint is".into() } else { format!("all {of} blueprints are") };
        checks.push(Check::fine(format!("cluster {shown} ({version}) shows what {all} about")));
    }
    for one in dead {
        let told = format!("cluster {shown}: {}", one.why(sink::terminal));
        checks.push(Check::broken(told, Some(one.help(sink::terminal))));
    }
    for ((seen, what, why, denied), times) in missing {
        let of = if times > 1 { format!(" of {times} workloads") } else { String::new() };
        let told = format!("{what}{of}: {why}");
        let mend = denied.unwrap_or_else(|| format!("bpctl plan --env {environment} says what follows from it"));
        checks.push(if seen { Check::limited(told, mend) } else { Check::broken(told, Some(mend)) });
    }
    checks.extend(labels(session, &base.get().proposals, environment, &planned.plan).await);
    match connect_cluster(place, session.repository.work_tree()).await {
        Ok(ClusterEdge::Live(cluster)) => {
            checks.push(rights(&cluster, place, &targets(&planned.tree.catalog, environment, place.delivery)).await);
            checks.push(prometheus(place).await);
        }
        Ok(ClusterEdge::Snapshot(_)) => {
            let told = "the cluster is a recording: nothing runs there, and nothing is verified";
            checks.push(Check::limited(told, "name a live one in bpctl.yaml: cluster: {context: NAME}"));
        }
        Err(error) => checks.push(failed(&error)),
    }
    checks
}

/// Whether the labels of proposals are there, where the forge does not make them as they are used.
async fn labels(session: &Session, proposals: &Proposals, environment: &Name, plan: &Plan) -> Option<Check> {
    let actions = [Scale::NAME, Resize::NAME, Rollback::NAME, Adopt::NAME];
    let each = plan.blueprints.iter().flat_map(|part| actions.map(|action| (&part.name, action)));
    let wanted: BTreeSet<String> =
        each.flat_map(|(blueprint, action)| proposals.labels_of(Some(environment), blueprint, action)).collect();
    if wanted.is_empty() {
        return None;
    }
    let wanted: Vec<String> = wanted.into_iter().collect();
    match session.forge.reading().missing_labels(&wanted).await {
        Ok(None) => None,
        Ok(Some(missing)) if missing.is_empty() => Some(Check::fine("the forge has the labels of proposals")),
        Ok(Some(missing)) => {
            let named = listed(&missing, 5);
            let told = format!("the forge lacks {}, which proposals are opened without", count(missing.len(), "label"));
            Some(Check::limited(
                format!("{told}: {named}"),
                "make them on the forge, or take them out of proposals.labels in bpctl.yaml",
            ))
        }
        Err(error) => Some(failed(&error.into())),
    }
}

/// What bpctl would write to, by namespace.
type Targets = BTreeSet<(String, ObjectKind)>;

/// Under `direct` the workloads and what belongs to them; under `gitops` the workloads whose pods may be restarted.
fn targets(catalog: &Catalog, environment: &Name, delivery: Delivery) -> Targets {
    let mut targets = Targets::new();
    for name in catalog.blueprints.keys() {
        let Some(blueprint) = catalog.blueprint(name, environment, runtime::now()) else { continue };
        let workload = blueprint.value.object_in(environment);
        let namespace = workload.namespace.clone();
        if delivery == Delivery::Direct {
            let all = catalog.companions(environment, name).compared;
            targets.extend(all.iter().map(|one| (namespace.clone(), ObjectKind::of(&one.object))));
        } else if blueprint.value.spec.reliability.max_restart_count.is_none() {
            continue;
        }
        targets.insert((namespace, ObjectKind::of(&workload)));
    }
    targets
}

/// What bpctl may write to the cluster, by its delivery.
async fn rights(cluster: &LiveCluster, place: &Environment, targets: &Targets) -> Check {
    // Under gitops nothing is made.
    let (mut denied, mut makes) = (Vec::new(), place.delivery == Delivery::Direct);
    for (namespace, kind) in targets {
        makes = makes && cluster.may("create", kind, namespace).await.unwrap_or(true);
        match cluster.may("patch", kind, namespace).await {
            Ok(true) => {}
            Ok(false) => denied.push(format!("{} in {namespace}", kind.kind)),
            Err(error) => {
                let told = format!("whether bpctl may write to the cluster was not answered: {}", told(&error.into()));
                return Check::limited(told, "kubectl auth can-i patch deployments");
            }
        }
    }
    let mend = "kubectl apply -f templates/rbac/applier.yaml   (with the subject that applies in it; an account that only plans should not be able to)";
    match (place.delivery, denied.is_empty()) {
        (Delivery::Direct, true) if makes => Check::fine("it may apply what stands on base, and restart pods"),
        (Delivery::Direct, true) => Check::fine(
            "it may apply what stands on base, and restart pods; not make what the cluster lacks: that takes `create` (templates/rbac/applier.yaml)",
        ),
        (Delivery::Direct, false) => {
            let told = format!("it may not patch {}, and `delivery: direct` has to", listed(&denied, 5));
            Check::broken(told, Some(mend.into()))
        }
        (Delivery::Gitops, _) if targets.is_empty() => {
            Check::fine("it writes nothing there: the controller delivers, and no blueprint lets pods be restarted")
        }
        (Delivery::Gitops, true) => Check::fine("it may restart pods that failed; all else is the controller's"),
        (Delivery::Gitops, false) => {
            let told = "it may not restart pods that failed; all else is the controller's under `delivery: gitops`";
            Check::limited(told, mend)
        }
    }
}

async fn prometheus(place: &Environment) -> Check {
    let Some(source) = &place.prometheus else {
        let told = "no Prometheus is named: what pods use is known of the moment only, and levels (latency, errors) not at all";
        return Check::limited(told, "name one in bpctl.yaml: prometheus: {url: https://PROMETHEUS}");
    };
    let asked = match connect_prometheus(source) {
        // A pass goes on by its own clock where the server does not tell its time; here that it does not is the news.
        Ok(prometheus) => match prometheus.now().await {
            Ok(_) => prometheus.moment(runtime::now()).await,
            Err(error) => Err(error),
        }
        .map_err(crate::metrics::MetricsError::into_unknown),
        Err(unknown) => Err(unknown),
    };
    match asked {
        Ok(_) => Check::fine("Prometheus answers, and its clock is right"),
        Err(unknown) => Check::limited(
            why(&unknown),
            "see `prometheus` in bpctl.yaml, BPCTL_PROMETHEUS_URL and BPCTL_PROMETHEUS_TOKEN",
        ),
    }
}

fn why(unknown: &Unknown) -> String {
    let detail = unknown.detail.as_ref().map_or_else(String::new, |said| format!(": {}", sink::terminal(said)));
    format!("{}{detail}", unknown.message)
}

pub(super) fn told(error: &PipelineError) -> String {
    format!("{}{}", error.placed(), super::error::cause(error))
}

fn failed(error: &PipelineError) -> Check {
    Check::broken(told(error), error.hint())
}
