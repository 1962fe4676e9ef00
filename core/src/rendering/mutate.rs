//! Where a text stands in the files that are rendered, and what stands there after a mutation.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Parameter;
use super::trace::Traced;
use crate::blueprint::{Render, Renderer};
use crate::model::{Blob, FieldPath, File, Files, RepoPath, Segment, SourceSpan};
use crate::yaml::{self, Document, Kind, Node, Value};

/// Files and settings with other values in some places.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mutation {
    /// Files with other content.
    pub files: BTreeMap<RepoPath, Arc<[u8]>>,
    /// Settings (`set`) with other values.
    pub set: BTreeMap<String, Json>,
    /// Parameters of the Application with other values, by their place among them.
    pub parameters: BTreeMap<usize, String>,
    /// In a zone of time whose clocks show years more than ours.
    pub far_away: bool,
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
    /// What it makes of a field.
    pub(super) text: String,
    /// The least is tried first.
    pub(super) rank: [usize; 5],
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum At {
    /// Bytes of a file.
    Bytes { path: RepoPath, range: Range<usize>, span: SourceSpan, leaf: Option<Leaf>, form: Form },
    /// A setting of the workspace.
    Setting(String),
    /// A part of the value of a parameter of the Application, by its place among them.
    Parameter(usize, Range<usize>),
}

impl At {
    /// What is changed: places that overlap are not changed at once.
    pub(super) fn region(&self) -> (usize, &str, Range<usize>) {
        match self {
            Self::Bytes { path, range, .. } => (0, path.as_str(), range.clone()),
            Self::Setting(key) => (1, key, 0..usize::MAX),
            Self::Parameter(at, range) => (2 + at, "", range.clone()),
        }
    }
}

/// How a place says its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Word for word.
    Text,
    /// By an empty text, mapping or list.
    Empty,
    /// By a name in a template, for which a text may stand.
    Name,
}

/// The value of a YAML file that a place is, or is a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) document: usize,
    pub(super) path: FieldPath,
    pub(super) whole: bool,
}

/// The files that are rendered, read once.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    files: Vec<Source<'a>>,
}

#[derive(Debug)]
struct Source<'a> {
    path: &'a RepoPath,
    text: &'a str,
    /// None, where it is no YAML.
    documents: Vec<(Document, Vec<Scalar>)>,
}

/// One scalar of a YAML file, or what is declared empty.
#[derive(Debug)]
struct Scalar {
    steps: FieldPath,
    context: String,
    range: Range<usize>,
    /// Its text, whatever quotes it stands in.
    whole: String,
    /// It is a number, which may be written otherwise than it is printed.
    number: bool,
}

impl<'a> Sources<'a> {
    pub(super) fn new(files: &'a Files) -> Self {
        let read = files.0.iter().filter_map(|(path, file)| {
            let File::Blob(blob) = file else { return None };
            let text = std::str::from_utf8(&blob.bytes).ok()?;
            // A chart's template is YAML only after it was rendered.
            let documents = if path.as_str().contains("/templates/") {
                Vec::new()
            } else {
                yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).unwrap_or_default()
            };
            let scalars = |document: Document| {
                let mut all = Vec::new();
                scalars(&document.root, &FieldPath::default(), &mut all);
                (document, all)
            };
            Some(Source { path, text, documents: documents.into_iter().map(scalars).collect() })
        });
        Self { files: read.collect() }
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|source| source.text)
    }
}

fn scalars(node: &Node, steps: &FieldPath, all: &mut Vec<Scalar>) {
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            for entry in entries {
                scalars(&entry.value, &steps.key(entry.key.as_str()), all);
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                scalars(item, &steps.join(Segment::Index(at)), all);
            }
        }
        _ => {
            let Some(whole) = shown_text(node) else { return };
            let number = matches!(node.value, Value::Int(_) | Value::Float(_));
            all.push(Scalar { context: steps.to_string(), steps: steps.clone(), range: node.range(), whole, number });
        }
    }
}

/// All places at which one of the texts stands, the likeliest first.
pub(super) fn places(traced: &Traced<'_>, sources: &Sources<'_>, needles: &[String]) -> Vec<Place> {
    let mut found = Vec::new();
    for (key, value) in &traced.render.set {
        let text = plain(value);
        let Some(needle) = needles.iter().position(|needle| Some(needle) == text.as_ref()) else { continue };
        let rank = [needle, traced.likeness(key.rsplit('.').next(), key) * 2, 0, 0, 0];
        found.push(Place { at: At::Setting(key.clone()), text: needles[needle].clone(), rank });
    }
    for (at, Parameter { name, value, .. }) in traced.render.parameters.iter().enumerate() {
        let likeness = traced.likeness(name.rsplit('.').next(), name) * 2;
        for (needle, text) in needles.iter().enumerate() {
            let is_whole = value == text;
            let starts: Vec<usize> = if is_whole { vec![0] } else { occurrences(value, text).collect() };
            found.extend(starts.into_iter().filter(|_| is_whole || !is_empty(text)).map(|start| Place {
                at: At::Parameter(at, start..start + text.len()),
                text: text.clone(),
                rank: [needle, likeness, usize::from(!is_whole), 0, start],
            }));
        }
    }
    let empty = needles.first().is_some_and(|needle| is_empty(needle));
    let names = names(traced.render, needles);
    for Source { path, text, documents } in &sources.files {
        let numbers = || documents.iter().flat_map(|(_, all)| all).filter(|scalar| scalar.number);
        let said = |needle: &String| {
            text.contains(needle.as_str())
                || (empty && text.contains("''"))
                || numbers().any(|scalar| scalar.whole == *needle)
        };
        if !needles.iter().any(said) && !names.iter().any(|(name, _)| text.contains(name)) {
            continue;
        }
        let Some(order) = traced.order(path) else { continue };
        for (document, scalars) in documents {
            in_document(traced, document, scalars, path, order, needles, &mut found);
        }
        if documents.is_empty() {
            for (position, needle) in needles.iter().enumerate() {
                let form = if empty { Form::Empty } else { Form::Text };
                let raw = if needle.is_empty() { "\"\"" } else { needle };
                in_text(traced, path, text, [order, position], (raw, needle, form), &mut found);
            }
            for (name, position) in &names {
                in_text(traced, path, text, [order, *position], (name, &needles[*position], Form::Name), &mut found);
            }
        }
    }
    found.sort_by_key(|place| place.rank);
    found
}

/// Names by which a template asks Helm for one of these texts.
fn names(render: &Render, needles: &[String]) -> Vec<(&'static str, usize)> {
    if !matches!(render.root(), Some((Renderer::Helm, _))) {
        return Vec::new();
    }
    let release = render.release.as_ref().map(crate::model::Name::as_str);
    let namespace = render.namespace.as_ref().map_or("default", |name| name.as_str());
    let all = [(".Release.Service", Some("Helm")), (".Release.Name", release), (".Release.Namespace", Some(namespace))];
    let said = |(name, text): (&'static str, Option<&str>)| {
        Some((name, needles.iter().position(|needle| Some(needle.as_str()) == text)?))
    };
    all.into_iter().filter_map(said).collect()
}

fn in_document(
    traced: &Traced<'_>,
    document: &Document,
    scalars: &[Scalar],
    path: &RepoPath,
    order: usize,
    needles: &[String],
    found: &mut Vec<Place>,
) {
    // The object's own document, or a patch of it, is likelier than another's.
    let says = |keys: &[&str]| document.root.at(keys).and_then(Node::as_str);
    let own = says(&["kind"]) == Some(&traced.object.kind) && says(&["metadata", "name"]) == Some(&traced.object.name);
    for Scalar { steps, context, range, whole, number } in scalars {
        let Some(raw) = document.source.text.get(range.clone()) else { continue };
        let near = steps.0.iter().rev().find_map(|step| match step {
            Segment::Key(key) => Some(key.as_str()),
            _ => None,
        });
        for (position, needle) in needles.iter().enumerate() {
            let is_whole = whole == needle;
            let (form, starts): (_, Vec<usize>) = if is_empty(needle) {
                let bare = matches!(raw, "\"\"" | "''" | "{}" | "[]");
                (Form::Empty, if is_whole && bare { vec![0] } else { Vec::new() })
            } else if is_whole && *number {
                (Form::Text, vec![0])
            } else {
                (Form::Text, occurrences(raw, needle).collect())
            };
            for start in starts {
                let length = if form == Form::Empty || (is_whole && *number) { raw.len() } else { needle.len() };
                let bytes = range.start + start..range.start + start + length;
                let leaf = Some(Leaf { document: document.index, path: steps.clone(), whole: is_whole });
                let likeness = if is_whole { traced.likeness(near, context) } else { traced.in_line(raw, start) };
                let rank = [position, likeness * 2 + usize::from(!own), usize::from(!is_whole), order, bytes.start];
                let span = document.span(bytes.clone());
                let at = At::Bytes { path: path.clone(), range: bytes, span, leaf, form };
                found.push(Place { at, text: needle.clone(), rank });
            }
        }
    }
}

fn in_text(
    traced: &Traced<'_>,
    path: &RepoPath,
    text: &str,
    [order, position]: [usize; 2],
    (raw, needle, form): (&str, &str, Form),
    found: &mut Vec<Place>,
) {
    for start in occurrences(text, raw) {
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[..start].matches('\n').count() + 1;
        if text[line_start..start].trim_start().starts_with('#') {
            continue;
        }
        let end = start + raw.len();
        let start = if form == Form::Name && text[..start].ends_with('$') { start - 1 } else { start };
        let column = text[line_start..start].chars().count() + 1;
        let span = SourceSpan { file: path.to_string(), line, column, start, end };
        let rank = [position, traced.in_line(text, start) * 2 + 1, 1, order, start];
        let at = At::Bytes { path: path.clone(), range: start..end, span, leaf: None, form };
        found.push(Place { at, text: needle.to_owned(), rank });
    }
}

/// Where a text stands as a word of its own: `1.2` does not stand in `1.2.3`.
pub(super) fn occurrences<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
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

/// The same, and what an empty mapping or list is written as.
pub(super) fn shown_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Mapping(entries) if entries.is_empty() => Some("{}".into()),
        Value::Sequence(items) if items.is_empty() => Some("[]".into()),
        _ => scalar_text(node),
    }
}

fn is_empty(text: &str) -> bool {
    matches!(text, "" | "{}" | "[]")
}

fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// All these places changed at once, each to another text of its own.
pub(super) fn mutation<'p>(
    render: &Render,
    files: &Files,
    places: impl Iterator<Item = (&'p At, &'p str, &'p str)>,
) -> Mutation {
    let mut mutation = Mutation::default();
    let mut edits: BTreeMap<&RepoPath, Vec<(&Range<usize>, String)>> = BTreeMap::new();
    let mut values: BTreeMap<usize, Vec<(&Range<usize>, String)>> = BTreeMap::new();
    for (at, from, to) in places {
        match at {
            At::Bytes { path, range, form, .. } => {
                let bytes = match (form, from) {
                    (Form::Empty, "{}") => format!("{{{to}: {to}}}"),
                    (Form::Empty, "[]") => format!("[{to}]"),
                    (Form::Empty | Form::Name, _) => format!("\"{to}\""),
                    (Form::Text, _) => to.to_owned(),
                };
                edits.entry(path).or_default().push((range, bytes));
            }
            At::Setting(key) => {
                let value = match render.set.get(key) {
                    Some(Json::String(_)) | None => Json::String(to.to_owned()),
                    Some(_) => serde_json::from_str(to).unwrap_or_else(|_| Json::String(to.to_owned())),
                };
                mutation.set.insert(key.clone(), value);
            }
            At::Parameter(at, range) => values.entry(*at).or_default().push((range, to.to_owned())),
        }
    }
    for (path, edits) in edits {
        let Some(blob) = files.blob(path) else { continue };
        mutation.files.insert(path.clone(), edited(&blob.bytes, edits).into());
    }
    for (at, edits) in values {
        let Some(parameter) = render.parameters.get(at) else { continue };
        let value = edited(parameter.value.as_bytes(), edits);
        mutation.parameters.insert(at, String::from_utf8_lossy(&value).into_owned());
    }
    mutation
}

/// Bytes with others in these places.
fn edited(before: &[u8], mut edits: Vec<(&Range<usize>, String)>) -> Vec<u8> {
    edits.sort_by_key(|(range, _)| range.start);
    let mut bytes = Vec::with_capacity(before.len() + 64);
    let mut at = 0;
    for (range, to) in edits {
        bytes.extend_from_slice(&before[at..range.start]);
        bytes.extend_from_slice(to.as_bytes());
        at = range.end;
    }
    bytes.extend_from_slice(&before[at..]);
    bytes
}
