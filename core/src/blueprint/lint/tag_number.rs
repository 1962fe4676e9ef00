//! `tag-number`: the tag of an image that YAML takes for a number.

use super::{Look, Page, Rule};
use crate::model::Diagnostic;
use crate::rendering::TAG_NUMBER;

/// A tag in a chart's values that is rendered as another one.
pub(super) struct TagNumber;

impl Rule for TagNumber {
    fn page(&self) -> Page {
        Page {
            code: TAG_NUMBER,
            about: "A tag in a chart's values is a number to YAML, and is rendered as another one",
            explain: "Without quotes 1.10 is the number 1.1, and that is the tag that the pods run; 20240101 becomes 2.0240101e+07.\n\n\
                \x20 image: {repository: registry.example/web, tag: 1.10}     # tag: \"1.10\"\n\n\
                Write it in quotes.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let environments = look.catalog.workspace.value.environments.keys();
        let remarks = environments.flat_map(|name| look.catalog.renderings(name)).flat_map(|made| &made.remarks);
        remarks.filter(|found| found.code == TAG_NUMBER).cloned().collect()
    }
}
