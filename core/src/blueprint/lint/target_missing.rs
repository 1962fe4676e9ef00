//! `target-missing`: a target that no manifest declares.

use std::collections::BTreeSet;

use super::{Look, Page, Rule, served_instead};
use crate::blueprint::spec::is_object_name;
use crate::blueprint::{Blueprint, Located};
use crate::model::{Diagnostic, Name, ObjectRef};
use crate::render::listed;
use crate::rendering::{KUSTOMIZATIONS, Unclear};
use crate::yaml::nearest;

/// `spec.target` names a workload that its source does not declare.
pub(super) struct TargetMissing;

impl Rule for TargetMissing {
    fn page(&self) -> Page {
        Page {
            code: "target-missing",
            about: "No manifest declares the target",
            explain: "A blueprint governs one workload, and bpctl has to find the manifest that declares it: at or below spec.target.source, of the\n\
                kind and name of spec.target.workload, in spec.target.namespace or without a namespace, in every environment that has it.\n\n\
                \x20 target:\n    workload: Deployment/frontend\n    namespace: shop\n    source: deploy/fronted.yaml   # no such file\n\n\
                Correct the name or the path. Where an environment has it in another namespace, its overrides say so; where only some \
                have\nit, spec.target.environments names those.\n\n\
                Where two manifests below the source declare it, bpctl does not guess which one reaches the cluster, and compares nothing:\n\
                delete one, or name a source that holds one of them only.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for blueprint in look.catalog.blueprints.values() {
            let target = &blueprint.value.spec.target;
            let environments = || look.catalog.workspace.value.environments.keys().filter(|n| blueprint.value.is_in(n));
            let declared = |name| look.catalog.declared(name, &target.source, &blueprint.value.object_in(name));
            let all: Vec<_> = environments().map(|name| (name, declared(name))).collect();
            let twice = all.iter().find_map(|(name, found)| match found {
                Err(unclear @ Unclear::Twice(first, second)) => Some((name, unclear, first, second)),
                _ => None,
            });
            if let Some((name, unclear, first, second)) = twice {
                let message = format!("in {name} it is not clear what declares {}: {unclear}", target.object());
                let help = if look.catalog.renders(name, &target.source) {
                    "take one of the two out of the environment's `render`, or name a `source` that meets one of them only"
                } else if first == second {
                    "delete one of the two: an apply of the file ends at the last"
                } else {
                    "delete one of the two, or name a `source` that holds one of them only: an apply of the folder ends at the last"
                };
                let diagnostic = Diagnostic::error("target-missing", message)
                    .label(blueprint.span(&["spec", "target", "workload"]), "declared twice in one environment")
                    .help(help);
                found.push(diagnostic.source(blueprint.source()));
                continue;
            }
            let changed = all.iter().find_map(|(name, found)| match found {
                Err(unclear @ Unclear::Changed { by, .. }) => Some((name, unclear, by)),
                _ => None,
            });
            if let Some((name, unclear, by)) = changed {
                let message = format!("in {name} {} is not delivered as it stands: {unclear}", target.object());
                let help = match by.as_str().rsplit_once('/') {
                    Some((folder, file)) if KUSTOMIZATIONS.contains(&file) => format!(
                        "Argo CD and Flux render a folder that holds one: write `render: [{{kustomize: {folder}}}]` under environments.{name} \
                         in bpctl.yaml, and `source: {folder}` here"
                    ),
                    None if KUSTOMIZATIONS.contains(&by.as_str()) => {
                        format!("take {by} out, or move it to a folder of its own and render that")
                    }
                    _ => format!("write `source: {by}`: what is rendered there is what reaches {name}"),
                };
                let diagnostic = Diagnostic::error("target-missing", message)
                    .label(blueprint.span(&["spec", "target", "source"]), "not what reaches the cluster")
                    .help(help);
                found.push(diagnostic.source(blueprint.source()));
                continue;
            }
            let missing: Vec<&Name> =
                all.iter().filter(|(_, found)| matches!(found, Ok(None))).map(|(name, _)| *name).collect();
            // It names environments that there are none of, which is told as that.
            if all.is_empty() && !target.environments.is_empty() {
                continue;
            }
            if missing.is_empty() && !all.is_empty() {
                continue; // what could not be rendered may declare it, and has a diagnostic of its own
            }
            if missing.len() < all.len() || missing.iter().any(|name| blueprint.value.namespace_over(name).is_some()) {
                found.extend(missing.iter().map(|name| missing_in(look, blueprint, name)));
                continue;
            }
            let object = target.object();
            let at_source = |path: &crate::model::RepoPath, rendered: bool| {
                if rendered { path.meets(&target.source) } else { path.is_within(&target.source) }
            };
            let files = look.catalog.manifests.keys().any(|path| path.is_within(&target.source));
            let below: Vec<_> = look.all_manifests().filter(|m| at_source(&m.path, m.rendered)).collect();
            // A file that could not be read has its own diagnostic; what it declares is not known.
            if look.catalog.unread_below(&target.source).next().is_some() {
                continue;
            }
            let diagnostic = if let Some(by) = look.catalog.parts.get(&target.source) {
                let message = format!("{} declares nothing by itself: {by} makes something of it", target.source);
                Diagnostic::error("target-missing", message)
                    .label(blueprint.span(&["spec", "target", "source"]), "no manifest here")
                    .help("name the folder of what is rendered as `source`, and that under `environments.NAME.render` in bpctl.yaml")
            } else if below.is_empty() && !files {
                Diagnostic::error("target-missing", format!("there are no manifests at {}", target.source))
                    .label(blueprint.span(&["spec", "target", "source"]), "no manifest here")
                    .help(
                        "write the path of the file or folder that declares the workload, from the repository's root; what a chart or an \
                         overlay makes counts where `environments.NAME.render` in bpctl.yaml names it",
                    )
            } else {
                // Of the right name it is elsewhere: then the namespace is what is wrong.
                let elsewhere = below.iter().find(|m| m.object.kind == object.kind && m.object.name == object.name);
                if elsewhere.is_some_and(|m| served_instead(&m.object.api_version, &m.object.kind).is_some()) {
                    continue; // `manifest-invalid` says at its line what is wrong
                }
                let version = elsewhere.map(|m| m.object.api_version.as_str()).filter(|v| *v != object.api_version);
                let help = match elsewhere {
                    Some(m) if version.is_some() => {
                        let has = version.filter(|version| !version.is_empty());
                        let has =
                            has.map_or_else(|| "no apiVersion".into(), |version| format!("apiVersion: {version}"));
                        format!(
                            "{} declares {}, with {has}: write `apiVersion: {}` there",
                            m.path, m.object, object.api_version
                        )
                    }
                    Some(m) => format!("what is there: {} in {}", m.object, place(&m.object.namespace)),
                    None => instead(&object, below.iter().map(|m| &m.object)).unwrap_or_else(|| {
                        format!(
                            "{} declares no {}: name the file or folder that does, or another kind",
                            target.source, object.kind
                        )
                    }),
                };
                let message = format!("no manifest declares {object} in namespace {}", object.namespace);
                let elsewhere = elsewhere.is_some() && version.is_none();
                let key = if elsewhere { "namespace" } else { "workload" };
                Diagnostic::error("target-missing", message)
                    .label(blueprint.span(&["spec", "target", key]), format!("not found below {}", target.source))
                    .help(help)
            };
            found.push(diagnostic.source(blueprint.source()));
        }
        found
    }
}

/// What is declared there instead: another name, or a kind that somebody misspelt; `None`: nothing like it.
pub(crate) fn instead<'o>(target: &ObjectRef, there: impl Iterator<Item = &'o ObjectRef>) -> Option<String> {
    let there: Vec<&ObjectRef> = there.collect();
    let mistyped = |object: &&&ObjectRef| {
        object.name == target.name && object.kind != target.kind && nearest(&object.kind, &[&target.kind]).is_some()
    };
    if let Some(object) = there.iter().find(mistyped) {
        return Some(format!("{object} is there: did you mean `kind: {}`?", target.kind));
    }
    let same = there.iter().filter(|object| object.kind == target.kind);
    // A name that Kubernetes refuses is no advice.
    let names: BTreeSet<&str> = same.map(|object| object.name.as_str()).filter(|name| is_object_name(name)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    match nearest(&target.name, &names) {
        Some(near) => Some(format!("did you mean {}/{near}?", target.kind)),
        None if names.is_empty() => None,
        None => {
            let shown: Vec<String> = names.iter().map(|name| format!("{}/{name}", target.kind)).collect();
            Some(format!("what is there: {}", listed(&shown, 5)))
        }
    }
}

/// It is declared in other environments, and not in this one.
fn missing_in(look: &Look<'_>, blueprint: &Located<Blueprint>, environment: &Name) -> Diagnostic {
    let (target, object) = (&blueprint.value.spec.target, blueprint.value.object_in(environment));
    let there = look.catalog.renderings(environment).iter().filter(|r| r.root.meets(&target.source));
    let rendered = there.filter_map(|rendering| rendering.outcome.as_ref().ok()).flat_map(|all| all.iter());
    let plain = look.catalog.manifests.iter().filter(|(path, _)| path.is_within(&target.source));
    let plain = plain.flat_map(|(_, all)| all.iter()).filter(|_| !look.catalog.renders(environment, &target.source));
    let there: Vec<_> = rendered.chain(plain).collect();
    let other = there.iter().find(|m| m.object.kind == object.kind && m.object.name == object.name);
    let message = format!("in {environment} no manifest declares {object} in namespace {}", object.namespace);
    let help = match other {
        Some(other) => format!(
            "there it is in {}: write `environments: {{{environment}: {{spec: {{target: {{namespace: {}}}}}}}}}` into the blueprint",
            place(&other.object.namespace),
            other.object.namespace
        ),
        None => match instead(&object, there.iter().map(|m| &m.object)) {
            Some(instead) => {
                let end = if instead.ends_with('?') { "" } else { "." };
                format!("{instead}{end} Correct spec.target.workload, or what makes the name")
            }
            None => elsewhere(look, blueprint, environment),
        },
    };
    let over: [&str; 5] = ["environments", environment.as_str(), "spec", "target", "namespace"];
    let span = blueprint.span_if(&over).unwrap_or_else(|| blueprint.span(&["spec", "target", "namespace"]));
    let label = format!("not found below {}", target.source);
    Diagnostic::error("target-missing", message).label(span, label).source(blueprint.source()).help(help)
}

/// What to write where the source makes nothing of it in this environment. Most often another overlay does (P18); to leave the environment
/// out is the last advice, since nothing looks at the workload there then.
fn elsewhere(look: &Look<'_>, blueprint: &Located<Blueprint>, environment: &Name) -> String {
    let (target, object) = (&blueprint.value.spec.target, blueprint.value.object_in(environment));
    let made = look.catalog.renderings(environment).iter().find_map(|rendering| {
        let all = rendering.outcome.as_ref().ok()?;
        let made = all.iter().find(|made| (&made.object.kind, &made.object.name) == (&object.kind, &object.name))?;
        Some((&rendering.root, &made.object.namespace))
    });
    if let Some((root, namespace)) = made {
        let Some(common) = target.source.common(root) else {
            return format!(
                "{root} makes it there, and no folder holds that and {}: write a second blueprint, with `source: {root}` and \
                 `environments: [{environment}]` in its target, and the other environments into this one's",
                target.source
            );
        };
        let over = if [&object.namespace, ""].contains(&namespace.as_str()) {
            String::new()
        } else {
            format!(", and `environments: {{{environment}: {{spec: {{target: {{namespace: {namespace}}}}}}}}}`")
        };
        return format!("{root} makes it there: write `source: {common}`, which holds both{over}");
    }
    let made = look.catalog.renderings(environment).iter().find(|made| made.root.meets(&target.source));
    if let Some((root, all)) = made.and_then(|made| Some((&made.root, made.outcome.as_ref().ok()?))) {
        let all: Vec<String> = all.iter().map(|manifest| manifest.object.to_string()).collect();
        return format!(
            "{root} renders {}, and no {}/{}: if it has left what that is made of, bring it back; only if {environment} has no such \
             workload, write `environments: [NAME, …]` into spec.target",
            if all.is_empty() { "nothing".into() } else { listed(&all, 5) },
            object.kind,
            object.name
        );
    }
    let mut others = look.catalog.workspace.value.environments.keys();
    if others.any(|name| look.catalog.renders(name, &target.source)) {
        return format!(
            "name in bpctl.yaml what {environment} gets, `render: [{{kustomize: FOLDER}}]` or `helm`, and make `source` the folder that \
             holds that and {}; only if {environment} has no such workload, write `environments: [NAME, …]` into spec.target",
            target.source
        );
    }
    format!(
        "if {environment} is not to have it, write into spec.target which environments are: `environments: [NAME, …]`"
    )
}

fn place(namespace: &str) -> String {
    if namespace.is_empty() { "no namespace".into() } else { format!("namespace {namespace}") }
}
