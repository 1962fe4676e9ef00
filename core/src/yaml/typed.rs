//! Typed values out of [`Node`]s. Every error points at what is wrong: the value, the unknown key, or the mapping that lacks one.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Range;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Visitor};

use super::instead::{fix, instead, meant_by};
use super::node::{Document, Entry, Node, Value};
use crate::model::Diagnostic;

/// Reads a typed value.
///
/// # Errors
/// `unknown-field` at the key, `missing-field` at the mapping, `wrong-type` and `bad-value` at the value.
pub fn from_node<T: DeserializeOwned>(document: &Document, node: &Node) -> Result<T, Box<Diagnostic>> {
    T::deserialize(Reader { node })
        .map_err(|error| error.at(node, std::any::type_name::<T>()).into_diagnostic(document).into())
}

/// More than this is a file of another kind.
const MOST_PROBLEMS: usize = 20;

/// Everything that is wrong with a document, for who mends it: each problem is looked for with those before it taken out. Empty: it reads.
pub fn problems<T: DeserializeOwned>(document: &Document) -> Vec<Diagnostic> {
    let mut root = document.root.clone();
    let mut found = Vec::new();
    let mut taken: Vec<(u32, String)> = Vec::new();
    while found.len() < MOST_PROBLEMS {
        let Err(error) = T::deserialize(Reader { node: &root }) else { break };
        let error = error.at(&root, std::any::type_name::<T>());
        let range = error.0.range.clone().unwrap_or_default();
        let (missing, meant) = match &error.0.failure {
            Failure::MissingField(field) => (Some(*field), None),
            Failure::UnknownField { field, known } => (None, nearest(field, known)),
            _ => (None, None),
        };
        // What lacks only what was taken out of it has its problem told already.
        let known = |mapping: u32, field: &str| taken.iter().any(|(at, key)| *at == mapping && key == field);
        if !missing.is_some_and(|field| lacking(&root, &range).is_some_and(|mapping| known(mapping, field))) {
            found.push(error.into_diagnostic(document));
        }
        match take_out(&mut root, &range, missing.is_some()) {
            Some((mapping, key)) => {
                // A slip of the pen is one problem, and not the lack of what was meant as well.
                taken.extend(meant.map(|meant| (mapping, meant.to_owned())));
                taken.push((mapping, key));
            }
            None => break,
        }
    }
    found
}

/// Whether an error at this range is about this mapping as a whole.
fn lacks(node: &Node, range: &Range<usize>) -> bool {
    match node.entries().first() {
        Some(first) => first.key_start as usize == range.start && first.key_end as usize == range.end,
        None => matches!(node.value, Value::Mapping(_)) && node.range() == *range,
    }
}

/// The mapping that an error at this range is about: where it begins.
fn lacking(node: &Node, range: &Range<usize>) -> Option<u32> {
    if lacks(node, range) {
        return Some(node.start);
    }
    let below = node.entries().iter().map(|entry| &entry.value).chain(node.items());
    below.into_iter().find_map(|child| lacking(child, range))
}

/// Takes the entry or item out that an error at this range is about. Answers from which mapping, and which key of it.
fn take_out(node: &mut Node, range: &Range<usize>, whole: bool) -> Option<(u32, String)> {
    let start = node.start;
    let is = |child: &Node| if whole { lacks(child, range) } else { child.range() == *range };
    match &mut node.value {
        Value::Mapping(entries) => {
            let key = |entry: &Entry| !whole && (entry.key_start as usize..entry.key_end as usize) == *range;
            if let Some(at) = entries.iter().position(|entry| key(entry) || is(&entry.value)) {
                let mut rest = std::mem::take(entries).into_vec();
                let taken = rest.remove(at);
                *entries = rest.into();
                return Some((start, taken.key.into()));
            }
            entries.iter_mut().find_map(|entry| take_out(&mut entry.value, range, whole))
        }
        Value::Sequence(items) => {
            if let Some(at) = items.iter().position(is) {
                let mut rest = std::mem::take(items).into_vec();
                rest.remove(at);
                *items = rest.into();
                return Some((start, String::new()));
            }
            items.iter_mut().find_map(|item| take_out(item, range, whole))
        }
        _ => None,
    }
}

/// What went wrong, and where as soon as a level knows it.
#[derive(Debug)]
struct Error(Box<Details>);

#[derive(Debug)]
struct Details {
    failure: Failure,
    range: Option<Range<usize>>,
    /// `max_replicas`, `tiers[2]`: from inside out, up to the nearest key.
    name: String,
    named: bool,
    /// What stands there, for messages.
    found: String,
    /// What to write instead, where the wanted type says it.
    instead: Option<String>,
    /// The value that may be written without being asked for.
    fix: Option<String>,
}

#[derive(Debug)]
enum Failure {
    WrongType { expected: String },
    BadValue(String),
    UnknownField { field: String, known: &'static [&'static str] },
    UnknownVariant { variant: String, known: &'static [&'static str] },
    MissingField(&'static str),
}

impl Error {
    fn new(failure: Failure) -> Self {
        Self(Box::new(Details {
            failure,
            range: None,
            name: String::new(),
            named: false,
            found: String::new(),
            instead: None,
            fix: None,
        }))
    }

    /// Gives the error the place of a node, where no inner level gave it one.
    fn at(mut self, node: &Node, type_name: &str) -> Self {
        if self.0.range.is_none() {
            self.0.range = Some(node.range());
            self.0.found = described(node);
            if matches!(self.0.failure, Failure::MissingField(_))
                && let Some(first) = node.entries().first()
            {
                self.0.range = Some(first.key_start as usize..first.key_end as usize);
            }
            if let Failure::WrongType { expected } = &mut self.0.failure
                && let Some(meant) = meant_by(type_name)
            {
                meant.clone_into(expected);
            }
        }
        self
    }

    fn at_key(mut self, entry: &Entry) -> Self {
        if self.0.range.is_none() {
            self.0.range = Some(entry.key_start as usize..entry.key_end as usize);
            self.0.found = format!("`{}`", entry.key);
        }
        self
    }

    fn under_key(mut self, key: &str) -> Self {
        if !self.0.named {
            self.0.name.insert_str(0, key);
            self.0.named = true;
        }
        self
    }

    fn under_index(mut self, index: usize) -> Self {
        if !self.0.named {
            self.0.name.insert_str(0, &format!("[{index}]"));
        }
        self
    }

    fn into_diagnostic(self, document: &Document) -> Diagnostic {
        let Details { failure, range, name, found, instead, fix, .. } = *self.0;
        let name = if name.is_empty() { "this".to_owned() } else { name };
        let written = range.clone().and_then(|range| document.source.text.get(range)).unwrap_or_default();
        let (code, message, label, help) = match failure {
            Failure::WrongType { expected } => {
                let example =
                    || expected.split_once(" such as ").map(|(_, example)| format!("write it like {example}"));
                let help = instead.or_else(|| spelt(&expected, &found, written)).or_else(example);
                ("wrong-type", format!("{name} must be {expected}, this is {found}"), "here", help)
            }
            Failure::BadValue(message) if name == "this" => ("bad-value", message, "here", instead),
            Failure::BadValue(message) => ("bad-value", format!("{name}: {message}"), "here", instead),
            Failure::UnknownField { field, known } => {
                let below = BELOW.iter().find(|(parent, fields)| known.contains(parent) && fields.contains(&&*field));
                let help = match below {
                    Some((parent, _)) => format!("it belongs below `{parent}`: indent it and its lines"),
                    None => suggest(&field, known),
                };
                ("unknown-field", format!("there is no field `{field}` here"), "this key", Some(help))
            }
            Failure::UnknownVariant { variant, known } => {
                let message = format!("`{variant}` is not one of the values that {name} can have");
                ("bad-value", message, "here", Some(suggest(&variant, known)))
            }
            Failure::MissingField(field) => {
                let place = if name == "this" { String::new() } else { format!(" of {name}") };
                let help = Some(format!("add `{field}: …`"));
                ("missing-field", format!("the field `{field}`{place} is missing"), "in this mapping", help)
            }
        };
        let mut diagnostic = Diagnostic::error(code, message)
            .label(document.span(range.unwrap_or(0..0)), label)
            .source(document.source.clone());
        diagnostic.help = help;
        diagnostic.fix = fix;
        diagnostic
    }
}

/// Fields that are easily written a level too far out, by the field that they belong below.
const BELOW: [(&str, &[&str]); 2] = [
    ("spec", &["target", "resources", "performance", "scaling", "reliability", "deployment", "config"]),
    ("governance", &["agent_authority", "approval_workflow", "audit"]),
];

/// How the value that stands there is spelt as what is expected.
fn spelt(expected: &str, found: &str, written: &str) -> Option<String> {
    let bare = written.trim_matches(['"', '\'']);
    match expected {
        "text" if found.starts_with("the ") => Some(format!("write \"{written}\" in quotes")),
        "a list" if found == "text" => {
            let items: Vec<&str> = bare.split([',', ' ']).filter(|item| !item.is_empty()).collect();
            Some(format!("write [{}]", items.join(", ")))
        }
        _ if expected.starts_with("a whole number") && bare.parse::<i64>().is_ok() => {
            Some(format!("write {bare} without quotes"))
        }
        _ if expected.starts_with("a whole number") => {
            let words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
            let meant = words.iter().position(|word| bare.eq_ignore_ascii_case(word));
            Some(format!("write it in digits, without a fraction: {}", meant.unwrap_or(3)))
        }
        "text" if found == "a list" => {
            let item = bare.trim_matches(['[', ']']).trim();
            let one = !item.is_empty() && !item.contains([',', '\n', '[', '{']);
            Some(if one { format!("write {item}") } else { "write one text".into() })
        }
        "a list" if found == "a mapping" => Some("write each entry behind `- `, or all of them between [ and ]".into()),
        "a mapping" if found == "a list" => Some("write `NAME: …` lines below it, without `- `".into()),
        _ => None,
    }
}

/// A value in a few words: `text`, `the number 80`.
pub fn described(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".into(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Int(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        _ => node.kind().into(),
    }
}

/// What a visitor expects, in plain words.
fn plain(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of at least 0".into(),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "string" | "str" | "a borrowed string" | "a character" => "text".into(),
        "a sequence" => "a list".into(),
        "a map" => "a mapping".into(),
        "unit" => "nothing".into(),
        "semver version" => "a version such as 1.2.0".into(),
        _ if expected.starts_with("struct ") || expected.starts_with("internally tagged enum") => "a mapping".into(),
        _ if expected.starts_with("enum ") => "a name, or a mapping with one key".into(),
        _ if expected.starts_with("tuple ") || expected.starts_with("a tuple") => "a list".into(),
        _ => expected.into(),
    }
}

/// The known name that somebody who wrote this may have meant.
pub fn nearest<'n>(written: &str, known: &[&'n str]) -> Option<&'n str> {
    let squeezed = squeeze(written);
    let near = known.iter().map(|name| (distance(&squeezed, &squeeze(name)), *name)).min();
    near.filter(|(steps, _)| *steps <= (squeezed.chars().count() / 3).clamp(1, 3)).map(|(_, name)| name)
}

/// "did you mean `x`?" where one is close, else what there is.
fn suggest(written: &str, known: &[&str]) -> String {
    match nearest(written, known).or_else(|| longer(written, known)) {
        Some(name) => format!("did you mean `{name}`?"),
        _ if known.is_empty() => "remove it".into(),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// The known name that a longer one begins with: `production` → `prod`.
fn longer<'n>(written: &str, known: &[&'n str]) -> Option<&'n str> {
    let begins = |name: &&&str| name.len() >= 3 && squeeze(written).starts_with(&squeeze(name));
    known.iter().filter(begins).max_by_key(|name| name.len()).copied()
}

fn squeeze(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours between two names.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().take(100).collect());
    if a.len() > 100 {
        return usize::MAX;
    }
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut new = vec![i];
        for j in 1..=b.len() {
            let mut steps = (old[j] + 1).min(new[j - 1] + 1).min(old[j - 1] + usize::from(a[i - 1] != b[j - 1]));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                steps = steps.min(older[j - 2] + 1);
            }
            new.push(steps);
        }
        older = std::mem::replace(&mut old, new);
    }
    old[b.len()]
}

impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.failure)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Failure::BadValue(message.to_string()))
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Failure::WrongType { expected: plain(&expected.to_string()) })
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = expected.to_string();
        let range = match expected.as_str() {
            "u8" => Some((0, u64::from(u8::MAX))),
            "u16" => Some((0, u64::from(u16::MAX))),
            "u32" => Some((0, u64::from(u32::MAX))),
            "u64" | "usize" => Some((0, u64::MAX)),
            _ => None,
        };
        Self::new(Failure::BadValue(match (range, found) {
            (Some((least, most)), _) => format!("must be a whole number from {least} to {most}"),
            (None, de::Unexpected::Str(text)) => format!("`{text}` is not {}", plain(&expected)),
            (None, found) => format!("{found} is not {}", plain(&expected)),
        }))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(Failure::UnknownVariant { variant: variant.into(), known })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(Failure::UnknownField { field: field.into(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Failure::MissingField(field))
    }
}

/// A node as serde sees it.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
}

impl<'de> Reader<'de> {
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Int(number) => match (u64::try_from(number.get()), i64::try_from(number.get())) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => visitor.visit_i128(number.get()),
            },
            Value::Float(text) => match text.parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => visitor.visit_borrowed_str(text),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Mapping(entries) => visitor.visit_map(Entries::new(entries)),
        }
    }
}

impl<'de> Reader<'de> {
    /// A struct's fields: a list of values without names is none.
    fn fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.value {
            Value::Sequence(_) => Err(Error::new(Failure::WrongType { expected: "a mapping".into() })),
            _ => self.any(visitor),
        }
        .map_err(|error| error.at(self.node, std::any::type_name::<V::Value>()))
    }
}

/// What a mapping's visitor lacks, it lacks at the mapping; so each level says where it is.
macro_rules! located {
    ($($method:ident $(($($argument:ident: $type:ty),*))?,)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($($argument: $type,)*)? visitor: V) -> Result<V::Value, Error> {
            $($(let _ = $argument;)*)?
            self.any(visitor).map_err(|error| error.at(self.node, std::any::type_name::<V::Value>()))
        })*
    };
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Error;

    located! {
        deserialize_any, deserialize_bool, deserialize_i8, deserialize_i16, deserialize_i32, deserialize_i64,
        deserialize_i128, deserialize_u8, deserialize_u16, deserialize_u32, deserialize_u64, deserialize_u128,
        deserialize_f32, deserialize_f64, deserialize_char, deserialize_str, deserialize_string, deserialize_bytes,
        deserialize_byte_buf, deserialize_unit, deserialize_seq, deserialize_map, deserialize_identifier,
        deserialize_unit_struct(name: &'static str),
        deserialize_tuple(len: usize),
        deserialize_tuple_struct(name: &'static str, len: usize),
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.fields(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let located = |error: Error| error.at(self.node, std::any::type_name::<V::Value>());
        match &self.node.value {
            Value::String(text) => {
                visitor.visit_enum(Variant { name: text, key: None, content: None }).map_err(located)
            }
            Value::Mapping(entries) => match &**entries {
                [entry] => visitor
                    .visit_enum(Variant { name: &entry.key, key: Some(entry), content: Some(&entry.value) })
                    .map_err(located),
                _ => Err(located(de::Error::custom(format!("one key is expected: {}", variants.join(" or "))))),
            },
            _ if variants.is_empty() => Err(located(de::Error::custom("no value is possible here"))),
            _ => {
                let expected = format!("one of {}", variants.join(", "));
                Err(located(Error::new(Failure::WrongType { expected })))
            }
        }
    }
}

struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(node) = self.items.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        seed.deserialize(Reader { node })
            .map(Some)
            .map_err(|error| error.under_type::<S::Value>(node).under_index(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

impl Error {
    /// A level that knows the wanted type says what it is written like: `Percent` reads a `String` first.
    fn under_type<T>(mut self, node: &Node) -> Self {
        let here = self.0.range.is_none() || self.0.range == Some(node.range());
        if here && !self.0.named && matches!(self.0.failure, Failure::WrongType { .. } | Failure::BadValue(_)) {
            self.0.instead = self.0.instead.or_else(|| instead(std::any::type_name::<T>(), node));
            self.0.fix = self.0.fix.or_else(|| fix(std::any::type_name::<T>(), node));
        }
        if self.0.range == Some(node.range())
            && !self.0.named
            && let Failure::WrongType { expected } = &mut self.0.failure
            && expected == "text"
            && let Some(meant) = meant_by(std::any::type_name::<T>())
        {
            meant.clone_into(expected);
        }
        self.at(node, std::any::type_name::<T>())
    }
}

struct Entries<'a> {
    all: &'a [Entry],
    next: usize,
    /// Where each key of many stands last; of few it is looked for, which costs less than a map.
    last: Option<HashMap<&'a str, usize>>,
}

/// Of so many entries a map is made.
const MANY: usize = 24;

impl<'a> Entries<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        let last = || entries.iter().enumerate().map(|(at, entry)| (entry.key.as_str(), at)).collect();
        Self { all: entries, next: 0, last: (entries.len() > MANY).then(last) }
    }

    /// Whether an entry is the one that counts: of a key given twice the last one does.
    fn counts(&self, at: usize, entry: &Entry) -> bool {
        match &self.last {
            Some(last) => last.get(entry.key.as_str()) == Some(&at),
            None => !self.all.get(at + 1..).unwrap_or_default().iter().any(|later| later.key == entry.key),
        }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        while let Some(entry) = self.all.get(self.next)
            && !self.counts(self.next, entry)
        {
            self.next += 1;
        }
        let Some(entry) = self.all.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        seed.deserialize(Key { text: &entry.key }).map(Some).map_err(|error| error.at_key(entry))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some(entry) = self.next.checked_sub(1).and_then(|at| self.all.get(at)) else {
            return Err(de::Error::custom("a value without its key"));
        };
        seed.deserialize(Reader { node: &entry.value })
            .map_err(|error| error.under_type::<S::Value>(&entry.value).under_key(&entry.key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.all.len() - self.next)
    }
}

/// A mapping's key: text, or a number or boolean written as text.
#[derive(Clone, Copy)]
struct Key<'a> {
    text: &'a str,
}

macro_rules! key_numbers {
    ($($method:ident $visit:ident,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.text.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_borrowed_str(self.text),
            }
        })*
    };
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text)
    }

    key_numbers! {
        deserialize_bool visit_bool,
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32, deserialize_i64 visit_i64,
        deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32, deserialize_u64 visit_u64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Variant { name: self.text, key: None, content: None })
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// An enum's value: a name, or a mapping whose one key is the name.
struct Variant<'a> {
    name: &'a str,
    key: Option<&'a Entry>,
    content: Option<&'a Node>,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let name: de::value::BorrowedStrDeserializer<'de, Error> = de::value::BorrowedStrDeserializer::new(self.name);
        match seed.deserialize(name) {
            Ok(value) => Ok((value, self)),
            Err(error) => Err(match self.key {
                Some(entry) => error.at_key(entry),
                None => error,
            }),
        }
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<Reader<'de>, Error> {
        self.content
            .map(|node| Reader { node })
            .ok_or_else(|| de::Error::custom(format!("`{0}` needs a value: `{0}: …`", self.name)))
    }

    fn named(&self, error: Error) -> Error {
        error.under_key(self.name)
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            None | Some(Node { value: Value::Null, .. }) => Ok(()),
            Some(node) => {
                let error: Error = de::Error::custom(format!("`{}` takes no value", self.name));
                Err(error.at(node, ""))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        let reader = self.content()?;
        seed.deserialize(reader).map_err(|error| self.named(error.under_type::<S::Value>(reader.node)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        let reader = self.content()?;
        reader.any(visitor).map_err(|error| self.named(error.at(reader.node, "")))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let reader = self.content()?;
        reader.fields(visitor).map_err(|error| self.named(error))
    }
}
