//! `target-missing`: a target that no manifest declares.

use super::{Look, Page, Rule};
use crate::model::Diagnostic;

/// `spec.target` names a workload that its source does not declare.
pub(super) struct TargetMissing;

impl Rule for TargetMissing {
    fn page(&self) -> Page {
        Page {
            code: "target-missing",
            about: "No manifest declares the target",
            explain: "A blueprint governs one workload, and bpctl has to find the manifest that declares it: at or below spec.target.source, of the\n\
                kind and name of spec.target.workload, in spec.target.namespace or without a namespace.\n\n\
                \x20 target:\n    workload: Deployment/frontend\n    namespace: shop\n    source: deploy/fronted.yaml   # no such file\n\n\
                Correct the name or the path.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for blueprint in look.catalog.blueprints.values() {
            let target = &blueprint.value.spec.target;
            let object = target.object();
            let environments = look.catalog.workspace.value.environments.keys();
            let declared = |name| look.catalog.declared(name, &target.source, &object);
            // What could not be rendered may declare it.
            let all: Vec<_> = environments.map(declared).collect();
            if let Some(twice) = all.iter().find_map(|found| found.as_ref().err().filter(|found| found.twice.is_some()))
            {
                let diagnostic = Diagnostic::error("target-missing", format!("it is not clear what declares {object}: {twice}"))
                    .label(blueprint.span(&["spec", "target", "workload"]), "declared twice in one environment")
                    .help("take one of the two out of the environment's `render`, or name a `source` that meets one of them only");
                found.push(diagnostic.source(blueprint.source()));
                continue;
            }
            if all.iter().any(|found| !matches!(found, Ok(None))) {
                continue;
            }
            let at_source = |path: &crate::model::RepoPath, rendered: bool| {
                if rendered { path.meets(&target.source) } else { path.is_within(&target.source) }
            };
            let files = look.catalog.manifests.keys().any(|path| path.is_within(&target.source));
            let below: Vec<_> = look.all_manifests().filter(|m| at_source(&m.path, m.rendered)).collect();
            // A file that could not be read has its own diagnostic; what it declares is not known.
            let unread = look.catalog.diagnostics.iter().flat_map(|d| &d.labels).any(|label| {
                label.span.file == target.source.as_str() || label.span.file.starts_with(&format!("{}/", target.source))
            });
            if unread {
                continue;
            }
            let diagnostic = if below.is_empty() && !files {
                Diagnostic::error("target-missing", format!("there are no manifests at {}", target.source))
                    .label(blueprint.span(&["spec", "target", "source"]), "no YAML file here")
                    .help(
                        "write the path of the file or folder that declares the workload, from the repository's root; what a chart or an \
                         overlay makes counts where `environments.NAME.render` in bpctl.yaml names it",
                    )
            } else {
                let near = below.iter().filter(|m| m.object.kind == object.kind);
                let names: Vec<String> =
                    near.take(5).map(|m| format!("{} in {}", m.object, place(&m.object.namespace))).collect();
                let help = if names.is_empty() {
                    format!(
                        "{} declares no {}: name the file or folder that does, or another kind",
                        target.source, object.kind
                    )
                } else {
                    format!("what is there: {}", names.join(", "))
                };
                let message = format!("no manifest declares {object} in namespace {}", object.namespace);
                Diagnostic::error("target-missing", message)
                    .label(
                        blueprint.span(&["spec", "target", "workload"]),
                        format!("not found below {}", target.source),
                    )
                    .help(help)
            };
            found.push(diagnostic.source(blueprint.source()));
        }
        found
    }
}

fn place(namespace: &str) -> String {
    if namespace.is_empty() { "no namespace".into() } else { format!("namespace {namespace}") }
}
