//! `kustomize-without-effect`: an entry of a kustomization that is for nothing that there is.

use super::{Look, Page, Rule};
use crate::model::{Diagnostic, RepoPath};
use crate::rendering::{Rendering, WITHOUT_EFFECT};

/// An image, or a patch's target, that none of the resources is.
pub(super) struct KustomizeWithoutEffect;

impl Rule for KustomizeWithoutEffect {
    fn page(&self) -> Page {
        Page {
            code: WITHOUT_EFFECT,
            about: "An entry of a kustomization names what is nowhere, and changes nothing",
            explain: "Kustomize says nothing where an image, or the target of a patch, is none of what it renders: the pods run what they ran before.\n\n\
                \x20 images: [{name: shopp, newTag: v2}]                            # the containers run `shop`\n  \
                patches: [{target: {kind: Deployment, name: shopp}, path: p.yaml}]\n\n\
                Write the name as the resources have it, or delete the entry. Reported is only a name that stands nowhere else in all that is\n\
                rendered, in every environment that reads the file.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let environments = look.catalog.workspace.value.environments.keys();
        let all: Vec<&Rendering> = environments.flat_map(|name| look.catalog.renderings(name)).collect();
        let place = |diagnostic: &Diagnostic| diagnostic.labels.first().map(|label| label.span.clone());
        // A component may be for some of those that use it.
        let everywhere = |found: &&Diagnostic| {
            let span = place(found);
            let path = span.as_ref().and_then(|span| RepoPath::new(span.file.as_str()).ok());
            let mut reading = all.iter().filter(|rendering| path.as_ref().is_some_and(|path| rendering.reads(path)));
            reading.all(|rendering| rendering.remarks.iter().any(|other| place(other) == span))
        };
        let remarks = all.iter().flat_map(|rendering| &rendering.remarks);
        remarks.filter(|found| found.code == WITHOUT_EFFECT).filter(everywhere).cloned().collect()
    }
}
