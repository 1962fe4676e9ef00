//! `lint --fix`: the findings whose way out is one value that changes no decision, as edits of that value's bytes.

use std::collections::BTreeMap;

use crate::model::{Diagnostic, FieldPath, Files, RepoPath, Segment, SourceSpan};
use crate::yaml::{self, Document, Edit, Kind, Node, Scalar, Value};

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
pub fn fixes(files: &Files, found: &[Diagnostic]) -> BTreeMap<RepoPath, Vec<Fix>> {
    // One that is to be fixed may be why its file could not be read as what it is.
    let mut documents: BTreeMap<RepoPath, Vec<Document>> = BTreeMap::new();
    let places = found.iter().filter(|diagnostic| diagnostic.fix.is_some()).filter_map(|d| d.labels.first());
    for path in places.filter_map(|label| RepoPath::new(label.span.file.as_str()).ok()) {
        let read = || yaml::parse(path.as_str(), &files.blob(&path)?.bytes, Kind::Own).ok();
        if let (false, Some(read)) = (documents.contains_key(&path), read()) {
            documents.insert(path, read);
        }
    }
    let mut fixes: BTreeMap<RepoPath, Vec<Fix>> = BTreeMap::new();
    for diagnostic in found {
        let (Some(to), Some(label)) = (&diagnostic.fix, diagnostic.labels.first()) else { continue };
        let own = documents.iter().filter(|(path, _)| path.as_str() == label.span.file);
        for (path, document) in own.flat_map(|(path, all)| all.iter().map(move |document| (path, document))) {
            let mut keys = Vec::new();
            let Some(from) = text_at(document, &document.root, &label.span, &mut keys) else { continue };
            let edit = Edit {
                document: document.index,
                path: FieldPath(keys),
                from: Some(Scalar::String(from.to_owned())),
                to: Some(Scalar::String(to.clone())),
            };
            let of_file = fixes.entry(path.clone()).or_default();
            if !of_file.iter().any(|fix| fix.edit.document == edit.document && fix.edit.path == edit.path) {
                let (code, span) = (diagnostic.code.clone(), label.span.clone());
                of_file.push(Fix { code, span, from: from.to_owned(), to: to.clone(), edit });
            }
        }
    }
    fixes
}

/// The text that a span marks, and the keys that lead to it.
fn text_at<'n>(document: &'n Document, node: &'n Node, span: &SourceSpan, keys: &mut Vec<Segment>) -> Option<&'n str> {
    if node.range() == span.range() {
        return match node.value {
            Value::Int(_) | Value::Float(_) => document.source.text.get(node.range()),
            _ => node.as_str(),
        };
    }
    for entry in node.entries().iter().filter(|entry| entry.value.range().contains(&span.start)) {
        keys.push(Segment::Key(entry.key.to_string()));
        if let Some(text) = text_at(document, &entry.value, span, keys) {
            return Some(text);
        }
        keys.pop();
    }
    None
}
