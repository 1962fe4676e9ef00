//! Edits of single values by splicing bytes: every byte outside the splice stays, comments and layout with it.
//!
//! After each splice the file is read again. If anything but the intended value differs, the edit is refused.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value as Json;

use super::build::Property;
use super::node::{Document, Entry, Node, Value};
use super::reader::{self, Kind};
use super::write;
use crate::model::{Diagnostic, FieldPath, Segment, SourceSpan};

/// A value to compare with or to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A whole number.
    Int(i128),
    /// A boolean.
    Bool(bool),
    /// Text, and whatever has text form: quantities, images, percentages. As [`Edit::from`] it also matches a number written so.
    String(String),
}

impl Scalar {
    fn to_json(&self) -> Json {
        match self {
            Self::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                _ => Json::String(number.to_string()),
            },
            Self::Bool(flag) => (*flag).into(),
            Self::String(text) => text.clone().into(),
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::String(text) => write!(f, "{text:?}"),
        }
    }
}

/// One value of one document, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Which document, as [`Document::index`] counts them.
    pub document: usize,
    /// Where in it.
    pub path: FieldPath,
    /// What must stand there today; `None`: nothing (no key, or no value).
    pub from: Option<Scalar>,
    /// What shall stand there; `None`: nothing, the key goes with its line.
    pub to: Option<Scalar>,
}

/// Why a file was left as it is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditRefused {
    /// The file cannot be read, before or after the edit.
    #[error("couldn't read the file: {}", .0.message)]
    Unreadable(Box<Diagnostic>),
    /// There is no such document.
    #[error("the file has no document {index} (it has {count})")]
    NoSuchDocument {
        /// The document asked for, from 0.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The path leads nowhere: something before its last step is absent, or is not what the path takes it for.
    #[error("`{path}` is not in the file: {reason}")]
    NotFound {
        /// Where.
        path: FieldPath,
        /// Which step failed.
        reason: String,
    },
    /// Several items of a list have the merge keys of the path.
    #[error("`{path}` is ambiguous: {count} items of the list match")]
    Ambiguous {
        /// Where.
        path: FieldPath,
        /// How many match.
        count: usize,
    },
    /// Something else stands there than the edit was made for.
    #[error("`{path}` is {found} at {span}, not {expected}")]
    Unexpected {
        /// Where.
        path: FieldPath,
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
        /// Its place.
        span: Box<SourceSpan>,
    },
    /// The value is written in a way that a splice cannot keep.
    #[error("`{path}` at {span} {reason}")]
    Unspliceable {
        /// Where.
        path: FieldPath,
        /// Why: a block scalar, several lines, an anchor, an alias, a merge key, a tag.
        reason: &'static str,
        /// Its place.
        span: Box<SourceSpan>,
    },
    /// The edit would change more than the value it is for, or not give it the value intended.
    #[error("`{path}` cannot be edited alone: {} would differ from what is intended", .others.join(", "))]
    SideEffect {
        /// Where.
        path: FieldPath,
        /// What else would change.
        others: Vec<String>,
    },
}

/// Applies edits one after another, all or none, and gives the new bytes.
///
/// # Errors
/// The first edit that cannot be made so that exactly its value changes.
pub fn apply(name: &str, bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>, EditRefused> {
    let mut bytes = bytes.to_vec();
    let mut file = File::read(name, &bytes)?;
    for edit in edits {
        let splice = file.splice(edit)?;
        let mut after = Vec::with_capacity(bytes.len() + splice.text.len());
        after.extend_from_slice(&bytes[..splice.range.start]);
        after.extend_from_slice(splice.text.as_bytes());
        after.extend_from_slice(&bytes[splice.range.end..]);
        let changed = File::read(name, &after)?;
        file.check(&changed, edit)?;
        (bytes, file) = (after, changed);
    }
    Ok(bytes)
}

struct Splice {
    range: std::ops::Range<usize>,
    text: String,
}

impl Splice {
    fn insert(at: usize, text: String) -> Self {
        Self { range: at..at, text }
    }
}

struct File {
    documents: Vec<Document>,
    properties: Vec<Property>,
}

/// Where a path leads.
enum Target<'a, 'p> {
    Value {
        node: &'a Node,
        entry: Option<&'a Entry>,
        flow: bool,
    },
    /// A mapping that lacks the last key.
    Absent {
        parent: &'a Node,
        key: &'p str,
        flow: bool,
    },
}

impl File {
    fn read(name: &str, bytes: &[u8]) -> Result<Self, EditRefused> {
        let (documents, properties) = reader::read(name, bytes, Kind::Manifest).map_err(EditRefused::Unreadable)?;
        Ok(Self { documents, properties })
    }

    fn splice(&self, edit: &Edit) -> Result<Splice, EditRefused> {
        let document = self
            .documents
            .get(edit.document)
            .ok_or(EditRefused::NoSuchDocument { index: edit.document, count: self.documents.len() })?;
        match find(document, &edit.path)? {
            Target::Value { node, entry, flow } => self.replace(document, edit, node, entry, flow),
            Target::Absent { parent, key, flow } => match (&edit.from, &edit.to) {
                (None, Some(to)) => insert(document, edit, to, parent, key, flow),
                (expected, _) => Err(EditRefused::Unexpected {
                    path: edit.path.clone(),
                    found: "absent".into(),
                    expected: expected.as_ref().map_or("there".into(), Scalar::to_string),
                    span: Box::new(document.span_of(parent)),
                }),
            },
        }
    }

    fn replace(
        &self,
        document: &Document,
        edit: &Edit,
        node: &Node,
        entry: Option<&Entry>,
        flow: bool,
    ) -> Result<Splice, EditRefused> {
        let text: &str = &document.source.text;
        let written = text.get(node.range()).unwrap_or_default();
        if !matches(edit.from.as_ref(), node, written) {
            let found = match node.value {
                Value::Sequence(_) | Value::Mapping(_) => node.kind().to_owned(),
                _ => format!("`{written}`"),
            };
            return Err(EditRefused::Unexpected {
                path: edit.path.clone(),
                found,
                expected: edit.from.as_ref().map_or("absent".into(), Scalar::to_string),
                span: Box::new(document.span_of(node)),
            });
        }
        let refuse = |reason| Err(unspliceable(document, &edit.path, node, reason));
        if let Some(property) = self.properties.iter().find(|property| property.start == node.start) {
            return refuse(if property.anchored {
                "carries an anchor (`&`), so it may stand in other places too"
            } else {
                "carries a tag (`!`), which says what its type is"
            });
        }
        if written.starts_with(['|', '>']) {
            return refuse("is a block text (`|` or `>`)");
        }
        if written.contains(['\n', '\r']) {
            return refuse("goes over several lines");
        }
        let Some(to) = &edit.to else { return remove(document, edit, node, entry, flow) };
        let json_style =
            flow && entry.is_some_and(|entry| text.as_bytes().get(entry.key_start as usize) == Some(&b'"'));
        let style = match written.as_bytes().first() {
            Some(b'"') => write::Style::Double,
            Some(b'\'') => write::Style::Single,
            _ if json_style => write::Style::Double,
            _ => write::Style::Plain,
        };
        let new = write::scalar(to, style);
        if !written.is_empty() {
            return Ok(Splice { range: node.range(), text: new });
        }
        // `key:` or `-` with nothing after it; in a flow mapping even the colon may be missing.
        let colon = if entry.is_some_and(|entry| entry.key_end == node.start) { ":" } else { "" };
        Ok(Splice::insert(node.start as usize, format!("{colon} {new}")))
    }

    /// Compares the documents before and after: exactly the edited value may differ, and must.
    fn check(&self, after: &Self, edit: &Edit) -> Result<(), EditRefused> {
        let side_effect = |others| EditRefused::SideEffect { path: edit.path.clone(), others };
        if self.documents.len() != after.documents.len() {
            return Err(side_effect(vec!["how many documents there are".into()]));
        }
        let mut others = Vec::new();
        for (before, after) in self.documents.iter().zip(&after.documents) {
            let mut wanted = before.root.to_json();
            let above = edit.path.0.split_last().map(|(last, above)| (last, FieldPath(above.to_vec())));
            match (&edit.to, above) {
                _ if before.index != edit.document => {}
                (Some(to), _) => {
                    if let Some(place) = json_place(&mut wanted, &before.root, &edit.path) {
                        *place = to.to_json();
                    }
                }
                (None, Some((Segment::Key(key), above))) => {
                    let parent = json_place(&mut wanted, &before.root, &above).and_then(Json::as_object_mut);
                    parent.and_then(|parent| parent.remove(key));
                }
                (None, _) => {}
            }
            differences(&wanted, &after.root.to_json(), &format!("document {}", before.index), &mut others);
        }
        if others.is_empty() { Ok(()) } else { Err(side_effect(others)) }
    }
}

/// Takes a key out of a mapping, with its line and the comment behind it.
fn remove(
    document: &Document,
    edit: &Edit,
    node: &Node,
    entry: Option<&Entry>,
    flow: bool,
) -> Result<Splice, EditRefused> {
    let text: &str = &document.source.text;
    let refuse = |reason| Err(unspliceable(document, &edit.path, node, reason));
    let Some(entry) = entry.filter(|_| !flow) else { return refuse("stands among others on its line") };
    let (key, end) = (entry.key_start as usize, node.range().end.max(entry.key_end as usize));
    let start = text[..key].rfind('\n').map_or(0, |newline| newline + 1);
    let stop = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    if !text[start..key].bytes().all(|byte| byte == b' ') {
        return refuse("begins in the middle of a line");
    }
    if text[key..end].contains('\n') {
        return refuse("goes over several lines");
    }
    Ok(Splice { range: start..stop, text: String::new() })
}

/// Puts an absent key into a mapping.
fn insert(
    document: &Document,
    edit: &Edit,
    to: &Scalar,
    parent: &Node,
    key: &str,
    flow: bool,
) -> Result<Splice, EditRefused> {
    let text: &str = &document.source.text;
    let refuse = |reason| Err(unspliceable(document, &edit.path, parent, reason));
    let own: Vec<&Entry> = parent.entries().iter().filter(|entry| !is_merged(document, entry)).collect();
    if flow {
        let json_style = own.last().is_some_and(|entry| text.as_bytes().get(entry.key_start as usize) == Some(&b'"'));
        let style = if json_style { write::Style::Double } else { write::Style::Plain };
        let new = format!("{}: {}", write::text(key, style), write::scalar(to, style));
        if parent.entries().is_empty() {
            return Ok(Splice::insert(parent.start as usize + 1, new));
        }
        return match own.last() {
            Some(last) => Ok(Splice::insert(last.value.end as usize, format!(", {new}"))),
            None => refuse("gets all its keys from a merge key (`<<`)"),
        };
    }
    let Some(first) = own.first() else {
        return refuse("gets all its keys from a merge key (`<<`)");
    };
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let before = &text[line_start(first.key_start as usize)..first.key_start as usize];
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    if !before.bytes().all(|byte| matches!(byte, b' ' | b'-')) || before.starts_with("---") {
        return refuse("begins in the middle of a line");
    }
    let indent = " ".repeat(before.len());
    let new = format!("{}: {}", write::text(key, write::Style::Plain), write::scalar(to, write::Style::Plain));
    // A one-line value ends its line, but for a comment.
    let is_simple = |entry: &&&Entry| {
        let value = entry.value.range();
        !text[entry.key_start as usize..value.end.max(entry.key_end as usize)].contains(['\n', '\r'])
            && !text[value].starts_with(['|', '>'])
    };
    let leads =
        key == "replicas" && matches!(edit.path.0.iter().rev().nth(1), Some(Segment::Key(parent)) if parent == "spec");
    if !leads && let Some(sibling) = own.iter().rev().find(is_simple) {
        let end = (sibling.value.end.max(sibling.key_end)) as usize;
        let rest = &text[end..];
        let line = rest.find('\n').map_or(rest, |newline| &rest[..newline]);
        let at = end + line.strip_suffix('\r').unwrap_or(line).len();
        return Ok(Splice::insert(at, format!("{}{indent}{new}", newline_at(text, at))));
    }
    let at = first.key_start as usize;
    Ok(Splice::insert(at, format!("{new}{}{indent}", newline_at(text, at))))
}

fn unspliceable(document: &Document, path: &FieldPath, node: &Node, reason: &'static str) -> EditRefused {
    EditRefused::Unspliceable { path: path.clone(), reason, span: Box::new(document.span_of(node)) }
}

/// Whether an entry came through a merge key: it then has the merge key's place.
fn is_merged(document: &Document, entry: &Entry) -> bool {
    entry.key != "<<"
        && document.source.text.get(entry.key_start as usize..entry.key_end as usize).is_some_and(|key| key == "<<")
}

/// The value at a path; `None`: it is absent, or the path is ambiguous or comes through a merge key or an alias.
pub fn value_at<'a>(document: &'a Document, path: &FieldPath) -> Option<&'a Node> {
    match find(document, path) {
        Ok(Target::Value { node, .. }) => Some(node),
        _ => None,
    }
}

/// Values of one document at many paths: long lists and mappings are searched once, and not for each path (T42).
#[derive(Debug)]
pub struct Finder<'d> {
    document: &'d Document,
    lists: RefCell<HashMap<(*const Node, Vec<String>), ByKeys<'d>>>,
    mappings: RefCell<HashMap<*const Node, HashMap<&'d str, &'d Entry>>>,
}

/// The items of a list that have the same values of some keys: how many, and the first.
type ByKeys<'d> = HashMap<Vec<String>, (usize, &'d Node)>;

/// Up to so many items are looked at one by one: a map would cost more.
const FEW: usize = 16;

impl<'d> Finder<'d> {
    /// Finds in this document.
    pub fn new(document: &'d Document) -> Self {
        Self { document, lists: RefCell::default(), mappings: RefCell::default() }
    }

    /// As [`value_at`] finds it.
    pub fn value_at(&self, path: &FieldPath) -> Option<&'d Node> {
        match find_by(self.document, path, self) {
            Ok(Target::Value { node, .. }) => Some(node),
            _ => None,
        }
    }
}

impl<'d> Pick<'d> for Finder<'d> {
    fn entry(&self, mapping: &'d Node, key: &str) -> Option<&'d Entry> {
        let entries = mapping.entries();
        if entries.len() <= FEW {
            return mapping.entry(key);
        }
        let mut mappings = self.mappings.borrow_mut();
        // Of a key that stands there twice the last counts.
        let by_key = mappings
            .entry(std::ptr::from_ref(mapping))
            .or_insert_with(|| entries.iter().map(|entry| (entry.key.as_str(), entry)).collect());
        by_key.get(key).copied()
    }

    fn item(&self, list: &'d Node, keys: &[(String, String)]) -> Result<&'d Node, usize> {
        if list.items().len() <= FEW {
            return item_of(list, keys);
        }
        let (names, values): (Vec<String>, Vec<String>) = keys.iter().cloned().unzip();
        let mut lists = self.lists.borrow_mut();
        let by_keys = lists.entry((std::ptr::from_ref(list), names)).or_insert_with_key(|(_, names)| {
            let mut by_keys = ByKeys::new();
            for item in list.items() {
                let values = names.iter().map(|name| key_text(item, name).map(Cow::into_owned));
                if let Some(values) = values.collect::<Option<Vec<String>>>() {
                    by_keys.entry(values).or_insert((0, item)).0 += 1;
                }
            }
            by_keys
        });
        match by_keys.get(&values) {
            None => Err(0),
            Some((1, item)) => Ok(item),
            Some((count, _)) => Err(*count),
        }
    }
}

/// The one item of a list that has these merge keys; else how many have them.
fn item_of<'a>(list: &'a Node, keys: &[(String, String)]) -> Result<&'a Node, usize> {
    let mut matching = list.items().iter().filter(|item| has_keys(item, keys));
    match (matching.next(), matching.count()) {
        (None, _) => Err(0),
        (Some(item), 0) => Ok(item),
        (Some(_), more) => Err(more + 1),
    }
}

fn find<'a, 'p>(document: &'a Document, path: &'p FieldPath) -> Result<Target<'a, 'p>, EditRefused> {
    find_by(document, path, &OneByOne)
}

/// How what is in a node is found.
trait Pick<'a> {
    /// The entry of a key of a mapping.
    fn entry(&self, mapping: &'a Node, key: &str) -> Option<&'a Entry>;
    /// Which item of a list has these merge keys, or how many.
    fn item(&self, list: &'a Node, keys: &[(String, String)]) -> Result<&'a Node, usize>;
}

/// For a single path.
struct OneByOne;

impl<'a> Pick<'a> for OneByOne {
    fn entry(&self, mapping: &'a Node, key: &str) -> Option<&'a Entry> {
        mapping.entry(key)
    }

    fn item(&self, list: &'a Node, keys: &[(String, String)]) -> Result<&'a Node, usize> {
        item_of(list, keys)
    }
}

fn find_by<'a, 'p>(
    document: &'a Document,
    path: &'p FieldPath,
    pick: &impl Pick<'a>,
) -> Result<Target<'a, 'p>, EditRefused> {
    let text = document.source.text.as_bytes();
    let not_found = |reason: String| EditRefused::NotFound { path: path.clone(), reason };
    let mut node = &document.root;
    let mut entry = None;
    let mut flow = false;
    for (step, segment) in path.0.iter().enumerate() {
        flow |= matches!(text.get(node.start as usize), Some(b'{' | b'['));
        let last = step + 1 == path.0.len();
        match segment {
            Segment::Key(key) => {
                if !matches!(node.value, Value::Mapping(_)) {
                    return Err(not_found(format!("`{key}` would be a key of {}", node.kind())));
                }
                match pick.entry(node, key) {
                    Some(found) if is_merged(document, found) => {
                        return Err(unspliceable(document, path, &found.value, "comes through a merge key (`<<`)"));
                    }
                    Some(found) => {
                        node = &found.value;
                        entry = Some(found);
                    }
                    None if last => return Ok(Target::Absent { parent: node, key, flow }),
                    None => return Err(not_found(format!("there is no `{key}`"))),
                }
            }
            Segment::Item(keys) => {
                node = match pick.item(node, keys) {
                    Ok(item) => item,
                    Err(0) => {
                        let keys: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                        return Err(not_found(format!("no item of the list has {}", keys.join(" and "))));
                    }
                    Err(count) => return Err(EditRefused::Ambiguous { path: path.clone(), count }),
                };
                entry = None;
            }
            Segment::Index(index) => {
                let count = node.items().len();
                node = node.items().get(*index).ok_or_else(|| not_found(format!("the list has {count} items")))?;
                entry = None;
            }
        }
        if text.get(node.start as usize) == Some(&b'*') && node.start != node.end {
            return Err(unspliceable(document, path, node, "comes through an alias (`*`)"));
        }
    }
    Ok(Target::Value { node, entry, flow })
}

/// Whether a list item has these merge keys.
fn has_keys(item: &Node, keys: &[(String, String)]) -> bool {
    keys.iter().all(|(key, wanted)| key_text(item, key).is_some_and(|text| text == *wanted))
}

/// The text of a merge key of a list item. A port without `protocol` has TCP, as Kubernetes fills it in.
fn key_text<'a>(item: &'a Node, key: &str) -> Option<Cow<'a, str>> {
    match item.get(key).map(|node| &node.value) {
        Some(Value::String(text) | Value::Float(text)) => Some(Cow::Borrowed(text)),
        Some(Value::Int(number)) => Some(Cow::Owned(number.to_string())),
        Some(Value::Bool(flag)) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        None | Some(Value::Null) => (key == "protocol").then_some(Cow::Borrowed("TCP")),
        Some(_) => None,
    }
}

fn matches(expected: Option<&Scalar>, node: &Node, written: &str) -> bool {
    match (expected, &node.value) {
        (None, Value::Null) => true,
        (Some(Scalar::Int(wanted)), Value::Int(number)) => *wanted == number.get(),
        (Some(Scalar::Bool(wanted)), Value::Bool(flag)) => wanted == flag,
        (Some(Scalar::String(wanted)), Value::String(text)) => **wanted == **text,
        // A quantity may be written as a bare number.
        (Some(Scalar::String(wanted)), Value::Int(number)) => *wanted == number.to_string() || wanted == written,
        (Some(Scalar::String(wanted)), Value::Float(number)) => **wanted == **number || wanted == written,
        _ => false,
    }
}

/// How the line at `at` ends; at the end of a file without a last line break, as its other lines do.
fn newline_at(text: &str, at: usize) -> &'static str {
    let here = text[at..].find('\n').map(|newline| at + newline).or_else(|| text.find('\n'));
    match here {
        Some(newline) if text[..newline].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The place of a path in a document's JSON, made where only the last key is absent.
fn json_place<'a>(json: &'a mut Json, node: &Node, path: &FieldPath) -> Option<&'a mut Json> {
    let mut json = json;
    let mut node = Some(node);
    for segment in &path.0 {
        json = match segment {
            Segment::Key(key) => {
                let place = json.as_object_mut()?.entry(key.clone()).or_insert(Json::Null);
                node = node.and_then(|node| node.get(key));
                place
            }
            Segment::Item(keys) => {
                let at = node?.items().iter().position(|item| has_keys(item, keys))?;
                node = node.and_then(|node| node.items().get(at));
                json.as_array_mut()?.get_mut(at)?
            }
            Segment::Index(at) => {
                node = node.and_then(|node| node.items().get(*at));
                json.as_array_mut()?.get_mut(*at)?
            }
        };
    }
    Some(json)
}

/// The paths at which two values differ.
fn differences(a: &Json, b: &Json, path: &str, out: &mut Vec<String>) {
    match (a, b) {
        (Json::Object(left), Json::Object(right)) => {
            for (key, value) in left {
                match right.get(key) {
                    Some(other) => differences(value, other, &format!("{path}.{key}"), out),
                    None => out.push(format!("{path}.{key}")),
                }
            }
            out.extend(right.keys().filter(|key| !left.contains_key(*key)).map(|key| format!("{path}.{key}")));
        }
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => {
            for (at, (value, other)) in left.iter().zip(right).enumerate() {
                differences(value, other, &format!("{path}[{at}]"), out);
            }
        }
        _ if a == b => {}
        _ => out.push(path.to_owned()),
    }
}
