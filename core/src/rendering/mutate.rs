//! Where a text stands in the files that are rendered, and what stands there after a mutation.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value as Json;

use super::trace::Traced;
use crate::model::{Blob, File, Files, RepoPath, Segment, SourceSpan};
use crate::yaml::{self, Document, Kind, Node, Value};

/// Files and settings with other values in some places.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mutation {
    /// Files with other content.
    pub files: BTreeMap<RepoPath, Arc<[u8]>>,
    /// Settings (`set`) with other values.
    pub set: BTreeMap<String, Json>,
}

impl Mutation {
    /// The files with the mutation's in them.
    #[must_use]
    pub fn over(&self, files: &Files) -> Files {
        let mut files = files.clone();
        for (path, bytes) in &self.files {
            files.0.insert(path.clone(), File::Blob(Blob { id: String::new(), bytes: (&**bytes).into() }));
        }
        files
    }
}

/// One place that may make a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Where.
    pub(super) at: At,
    /// What stands there.
    pub(super) text: String,
    /// The least is tried first.
    pub(super) rank: [usize; 5],
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum At {
    /// Bytes of a file.
    Bytes { path: RepoPath, range: Range<usize>, span: SourceSpan, leaf: Option<Leaf> },
    /// A setting of the workspace.
    Setting(String),
}

/// The whole value of a YAML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) document: usize,
    pub(super) path: crate::model::FieldPath,
}

/// All places at which one of the texts stands, the likeliest first.
pub(super) fn places(traced: &Traced<'_>, needles: &[String]) -> Vec<Place> {
    let mut found = Vec::new();
    for (key, value) in &traced.render.set {
        let text = plain(value);
        let Some(needle) = needles.iter().position(|needle| Some(needle) == text.as_ref()) else { continue };
        let rank = [needle, traced.likeness(key.rsplit('.').next(), key) * 2, 0, 0, 0];
        found.push(Place { at: At::Setting(key.clone()), text: needles[needle].clone(), rank });
    }
    for (path, file) in &traced.files.0 {
        let File::Blob(blob) = file else { continue };
        let Ok(text) = std::str::from_utf8(&blob.bytes) else { continue };
        if !needles.iter().any(|needle| text.contains(needle.as_str())) {
            continue;
        }
        let Some(order) = traced.order(path) else { continue };
        let parsed = || yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).ok().filter(|all| !all.is_empty());
        let documents = if is_template(path) { None } else { parsed() };
        match documents {
            Some(documents) => documents.iter().for_each(|d| in_document(traced, d, path, order, needles, &mut found)),
            None => in_text(traced, path, text, order, needles, &mut found),
        }
    }
    found.sort_by_key(|place| place.rank);
    found
}

/// A chart's template is YAML only after it was rendered.
fn is_template(path: &RepoPath) -> bool {
    path.as_str().contains("/templates/")
}

fn in_document(
    traced: &Traced<'_>,
    document: &Document,
    path: &RepoPath,
    order: usize,
    needles: &[String],
    found: &mut Vec<Place>,
) {
    // The object's own document, or a patch of it, is likelier than another's.
    let says = |keys: &[&str]| document.root.at(keys).and_then(Node::as_str);
    let own = says(&["kind"]) == Some(&traced.object.kind) && says(&["metadata", "name"]) == Some(&traced.object.name);
    let mut stack: Vec<(Vec<Segment>, &Node)> = vec![(Vec::new(), &document.root)];
    while let Some((steps, node)) = stack.pop() {
        match &node.value {
            Value::Mapping(entries) => {
                stack.extend(entries.iter().rev().map(|entry| {
                    let step = Segment::Key(entry.key.to_string());
                    (steps.iter().cloned().chain([step]).collect(), &entry.value)
                }));
                continue;
            }
            Value::Sequence(items) => {
                stack.extend(
                    items
                        .iter()
                        .enumerate()
                        .rev()
                        .map(|(index, item)| (steps.iter().cloned().chain([Segment::Index(index)]).collect(), item)),
                );
                continue;
            }
            Value::Null => continue,
            _ => {}
        }
        let range = node.range();
        let Some(raw) = document.source.text.get(range.clone()) else { continue };
        let whole = scalar_text(node);
        let near = steps.iter().rev().find_map(|step| match step {
            Segment::Key(key) => Some(key.as_str()),
            _ => None,
        });
        let context = || crate::model::FieldPath(steps.clone()).to_string();
        for (position, needle) in needles.iter().enumerate() {
            for start in occurrences(raw, needle) {
                let bytes = range.start + start..range.start + start + needle.len();
                let is_whole = whole.as_deref() == Some(needle);
                let leaf =
                    is_whole.then(|| Leaf { document: document.index, path: crate::model::FieldPath(steps.clone()) });
                let likeness = if is_whole { traced.likeness(near, &context()) } else { traced.in_line(raw, start) };
                let rank = [position, likeness * 2 + usize::from(!own), usize::from(!is_whole), order, bytes.start];
                let span = document.span(bytes.clone());
                let at = At::Bytes { path: path.clone(), range: bytes, span, leaf };
                found.push(Place { at, text: needle.clone(), rank });
            }
        }
    }
}

fn in_text(traced: &Traced<'_>, path: &RepoPath, text: &str, order: usize, needles: &[String], found: &mut Vec<Place>) {
    for (position, needle) in needles.iter().enumerate() {
        for start in occurrences(text, needle) {
            let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
            let line = text[..start].matches('\n').count() + 1;
            let before = &text[line_start..start];
            if before.trim_start().starts_with('#') {
                continue;
            }
            let column = before.chars().count() + 1;
            let end = start + needle.len();
            let span = SourceSpan { file: path.to_string(), line, column, start, end };
            let rank = [position, traced.in_line(text, start) * 2 + 1, 1, order, start];
            let at = At::Bytes { path: path.clone(), range: start..end, span, leaf: None };
            found.push(Place { at, text: needle.clone(), rank });
        }
    }
}

/// Where a text stands as a word of its own: `1.2` does not stand in `1.2.3`.
fn occurrences<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(needle).map(|(start, _)| start).filter(move |start| {
        let (before, after) = (&text[..*start], &text[start + needle.len()..]);
        let joins = |mut nearest: std::iter::Take<&mut dyn Iterator<Item = char>>| match nearest.next() {
            Some('.' | '-') => nearest.next().is_some_and(word),
            Some(c) => word(c),
            None => false,
        };
        !joins((&mut before.chars().rev() as &mut dyn Iterator<Item = char>).take(2))
            && !joins((&mut after.chars() as &mut dyn Iterator<Item = char>).take(2))
    })
}

/// A scalar's text, as a renderer would print it.
pub(super) fn scalar_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(text) | Value::String(text) => Some(text.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Another text of the same sort; another one for each salt. Of a truth value there is only one.
pub(super) fn other(text: &str, salt: usize) -> String {
    match text {
        "true" => return "false".into(),
        "false" => return "true".into(),
        _ => {}
    }
    let end = text.rfind(|c: char| c.is_ascii_digit()).map(|last| last + 1);
    let Some(end) = end else {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
        return format!("{text}q{}{}", letter(salt / 26), letter(salt));
    };
    let digits = text[..end].chars().rev().take_while(char::is_ascii_digit).take(9).count();
    let number: usize = text[end - digits..end].parse().unwrap_or(0);
    format!("{}{:0digits$}{}", &text[..end - digits], number + 1 + salt, &text[end..])
}

/// All these places changed at once, each to another text of its own.
pub(super) fn mutation(traced: &Traced<'_>, places: &[(&Place, String)]) -> Mutation {
    let mut mutation = Mutation::default();
    let mut edits: BTreeMap<&RepoPath, Vec<(&Range<usize>, &str)>> = BTreeMap::new();
    for (place, to) in places {
        match &place.at {
            At::Bytes { path, range, .. } => edits.entry(path).or_default().push((range, to)),
            At::Setting(key) => {
                let like = traced.render.set.get(key);
                let value = match like {
                    Some(Json::String(_)) | None => Json::String(to.clone()),
                    Some(_) => serde_json::from_str(to).unwrap_or_else(|_| Json::String(to.clone())),
                };
                mutation.set.insert(key.clone(), value);
            }
        }
    }
    for (path, mut edits) in edits {
        let Some(blob) = traced.files.blob(path) else { continue };
        edits.sort_by_key(|(range, _)| range.start);
        let mut bytes = Vec::with_capacity(blob.bytes.len() + 64);
        let mut at = 0;
        for (range, to) in edits {
            // Two texts may stand in one another; the first keeps its place.
            if range.start < at {
                continue;
            }
            bytes.extend_from_slice(&blob.bytes[at..range.start]);
            bytes.extend_from_slice(to.as_bytes());
            at = range.end;
        }
        bytes.extend_from_slice(&blob.bytes[at..]);
        mutation.files.insert(path.clone(), bytes.into());
    }
    mutation
}
