//! `lint --fix`: the findings whose way out is one value that changes no decision, as edits of that value's bytes.

use std::collections::BTreeMap;

use crate::blueprint::Catalog;
use crate::model::{Diagnostic, FieldPath, RepoPath, Segment, SourceSpan};
use crate::yaml::{Edit, KeptDocument, Node, Scalar};

/// One value that `--fix` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The finding's code.
    pub code: String,
    /// The value's place.
    pub span: SourceSpan,
    /// What stands there.
    pub from: String,
    /// What is written instead.
    pub to: String,
    /// The same, as an edit of the file.
    pub edit: Edit,
}

/// The fixes of these findings, by file. A value that two findings speak of is written once.
pub fn fixes(catalog: &Catalog, found: &[Diagnostic]) -> BTreeMap<RepoPath, Vec<Fix>> {
    let blueprints = catalog.blueprints.values().map(|blueprint| (&blueprint.path, &blueprint.document));
    let policies = catalog.policies.values().map(|policy| (&policy.path, &policy.document));
    let mut documents: BTreeMap<&str, Vec<(&RepoPath, &KeptDocument)>> = BTreeMap::new();
    for (path, document) in blueprints.chain(policies) {
        documents.entry(path.as_str()).or_default().push((path, document));
    }
    let mut fixes: BTreeMap<RepoPath, Vec<Fix>> = BTreeMap::new();
    for diagnostic in found {
        let (Some(to), Some(label)) = (&diagnostic.fix, diagnostic.labels.first()) else { continue };
        for (path, document) in documents.get(label.span.file.as_str()).into_iter().flatten() {
            let mut keys = Vec::new();
            let Some(from) = text_at(&document.root, &label.span, &mut keys) else { continue };
            let edit = Edit {
                document: document.index,
                path: FieldPath(keys),
                from: Some(Scalar::String(from.to_owned())),
                to: Some(Scalar::String(to.clone())),
            };
            let of_file = fixes.entry((*path).clone()).or_default();
            if !of_file.iter().any(|fix| fix.edit.document == edit.document && fix.edit.path == edit.path) {
                let (code, span) = (diagnostic.code.clone(), label.span.clone());
                of_file.push(Fix { code, span, from: from.to_owned(), to: to.clone(), edit });
            }
        }
    }
    fixes
}

/// The text that a span marks, and the keys that lead to it.
fn text_at<'n>(node: &'n Node, span: &SourceSpan, keys: &mut Vec<Segment>) -> Option<&'n str> {
    if node.range() == span.range() {
        return node.as_str();
    }
    for entry in node.entries().iter().filter(|entry| entry.value.range().contains(&span.start)) {
        keys.push(Segment::Key(entry.key.to_string()));
        if let Some(text) = text_at(&entry.value, span, keys) {
            return Some(text);
        }
        keys.pop();
    }
    None
}
