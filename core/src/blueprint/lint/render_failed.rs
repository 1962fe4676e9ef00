//! `render-failed`: what an environment delivers cannot be rendered.

use super::{Look, Page, Rule};
use crate::blueprint::{Blueprint, Located};
use crate::model::Diagnostic;
use crate::render::sink;
use crate::rendering::Unclear;
use crate::yaml::Node;

/// An entry of `environments.NAME.render` that Kustomize or Helm refuses.
pub(super) struct RenderFailed;

impl Rule for RenderFailed {
    fn page(&self) -> Page {
        Page {
            code: "render-failed",
            about: "Kustomize or Helm cannot render what an environment delivers",
            explain: "What cannot be rendered is unknown: nothing is planned, delivered or compared for the workloads in it. bpctl renders \
                with the\nreal programs, from the repository alone, without network: remote bases and charts that are not in charts/ have \
                to be vendored.\n\n\
                \x20 environments:\n    prod:\n      render:\n        - kustomize: deploy/overlays/prd   # no such folder\n\n\
                Run `kustomize build FOLDER` or `helm template FOLDER` to see all that the renderer says. A chart that asks for a \
                newer\nKubernetes (its kubeVersion) renders once `kube_version` beside `helm:` says which one the cluster has.\n\
                Where the renderer itself is missing on the machine that lints, this is a warning if a blueprint's workload comes by it, else a note.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let workspace = &look.catalog.workspace;
        let mut found = Vec::new();
        for (name, environment) in &workspace.value.environments {
            let path = ["environments", name.as_str(), "render"];
            let nodes = workspace.document.root.at(&path).map_or(&[] as &[Node], Node::items);
            for (entry, node) in environment.render.iter().zip(nodes) {
                let Some((renderer, root)) = entry.root() else { continue };
                let renderings = look.catalog.renderings(name);
                let Some(rendering) = renderings.iter().find(|r| r.root == *root && r.renderer == renderer) else {
                    continue;
                };
                let Err(failure) = &rendering.outcome else { continue };
                let message = format!("{renderer} could not render {root}: {}", failure.message);
                // Without the renderer nothing is known of workloads that come by it; the files may be fine.
                let depends = |blueprint: &Located<Blueprint>| {
                    let target = &blueprint.value.spec.target;
                    let declared = look.catalog.declared(name, &target.source, &target.object());
                    matches!(declared, Err(Unclear::Unrendered { root: failed, .. }) if failed == *root)
                };
                let needed = look.catalog.blueprints.values().any(|blueprint| depends(blueprint));
                let diagnostic = if failure.renderer_missing && needed {
                    Diagnostic::warning("render-failed", message)
                } else if failure.renderer_missing {
                    Diagnostic::info("render-failed", message)
                } else {
                    Diagnostic::error("render-failed", message)
                };
                let field = node.get("kustomize").or_else(|| node.get("helm")).unwrap_or(node);
                let said = failure.said.as_ref().map_or_else(|| "this entry".into(), sink::terminal);
                let diagnostic = diagnostic.label(workspace.document.span_of(field), said).source(workspace.source());
                let mend = failure.version_to_say().map_or_else(String::new, |mend| format!("{mend}; "));
                let help = format!("{mend}until it renders, nothing is planned for the workloads in it");
                found.push(diagnostic.help(help));
            }
        }
        found
    }
}
