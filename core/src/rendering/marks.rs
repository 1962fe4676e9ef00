//! Texts of which each arrives under a name of its own: what a rendering with many of them in it says tells which of them made what.

use std::collections::{BTreeMap, BTreeSet};

use super::mutate;
use super::parts::is_image;
use crate::blueprint::Manifest;
use crate::model::{FieldPath, ObjectParts, ObjectRef, Segment};
use crate::propose::{differences, generated_name};
use crate::yaml::{Entry, Node, Value};

/// How many letters a code of letters has behind its `q`.
const LETTERS: usize = 4;

/// Codes, given out once each. None stands in any text that is rendered, or in what was rendered of it.
#[derive(Debug, Default)]
pub(super) struct Codes {
    known: BTreeSet<String>,
    number: u32,
    letters: u32,
}

impl Codes {
    /// Codes that none of these texts holds.
    pub(super) fn beside<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut known = BTreeSet::new();
        for text in texts {
            known.extend(words(text).map(str::to_owned));
        }
        Self { known, number: 1000, letters: 0 }
    }

    /// Another text of the same sort, and the code by which it is known: a number where digits are, else letters at the end.
    pub(super) fn mark(&mut self, text: &str) -> (String, String) {
        let Some(end) = text.rfind(|c: char| c.is_ascii_digit()).map(|last| last + 1) else {
            let code = self.next(|codes| {
                codes.letters += 1;
                letters(codes.letters - 1)
            });
            return (format!("{text}{code}"), code);
        };
        let start = text[..end]
            .rfind(|c: char| !c.is_ascii_digit())
            .map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
        let code = self.next(|codes| {
            codes.number += 1;
            codes.number.to_string()
        });
        (format!("{}{code}{}", &text[..start], &text[end..]), code)
    }

    fn next(&mut self, make: impl Fn(&mut Self) -> String) -> String {
        loop {
            let code = make(self);
            if self.known.insert(code.clone()) {
                return code;
            }
        }
    }
}

/// `q` and letters before it, so that none is found across the border of two.
fn letters(mut number: u32) -> String {
    let mut code = vec!['q'; LETTERS + 1];
    for place in code[1..].iter_mut().rev() {
        *place = char::from(b'a' + u8::try_from(number % 16).unwrap_or(0));
        number /= 16;
    }
    code.into_iter().collect()
}

/// What may be a code in a text: each run of digits, and each `q` with its letters.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = bytes.get(at) {
            let start = at;
            if byte.is_ascii_digit() {
                at += bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                return Some(&text[start..at]);
            }
            at += 1;
            let code = bytes.get(start..=start + LETTERS).filter(|_| *byte == b'q');
            if code.is_some_and(|code| code[1..].iter().all(|byte| (b'a'..=b'p').contains(byte))) {
                return Some(&text[start..=start + LETTERS]);
            }
        }
        None
    })
}

/// What is changed in one rendering: by its code each place, what it shows, and what it showed before.
pub(super) type Marked<'p> = BTreeMap<&'p str, (usize, &'p str, &'p str)>;

/// A field of an object, by the object's place among what was rendered.
pub(super) type FieldOf = (usize, FieldPath);

/// What one rendering told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Fields, by object and position, that say what they said but for the texts of these places.
    pub(super) moved: BTreeMap<FieldOf, BTreeSet<usize>>,
    /// What the images among those say, with the changes in it.
    pub(super) shown: BTreeMap<FieldOf, String>,
    /// Fields that say something else, as `differences` names them; objects that came or went, by an empty path.
    pub(super) otherwise: BTreeSet<FieldOf>,
    /// What became of each object, as it would be without the changes.
    pub(super) objects: BTreeMap<usize, Node>,
}

impl Seen {
    /// Compares what was rendered (`before`, and the same as [`plain`] has it) with what came of the changes.
    pub(super) fn new(before: &[Manifest], plain_before: &[Node], after: &[Manifest], marked: &Marked<'_>) -> Self {
        let mut seen = Self::default();
        let mut found: BTreeMap<ObjectRef, Vec<&Manifest>> = BTreeMap::new();
        // Another value of what is generated is another hash behind its name.
        let mut hashed: BTreeMap<(&str, &str, &str), Vec<&ObjectRef>> = BTreeMap::new();
        for old in before {
            if let Some(name) = generated_name(old) {
                hashed.entry((&old.object.kind, &old.object.namespace, name)).or_default().push(&old.object);
            }
        }
        let known: BTreeMap<&ObjectRef, usize> = before.iter().enumerate().map(|(at, old)| (&old.object, at)).collect();
        for new in after {
            // By the name that it had: an object that goes by another one is the same, if only the changes say so.
            let was = |text: &str| unmarked(text, marked).map_or_else(|| text.to_owned(), |(text, _)| text);
            let object = if known.contains_key(&new.object) {
                new.object.clone()
            } else {
                let (name, namespace) = (was(&new.object.name), was(&new.object.namespace));
                let renamed: ObjectRef = ObjectParts { namespace, name, ..ObjectParts::clone(&new.object) }.into();
                let twins = generated_name(new).and_then(|name| hashed.get(&(&renamed.kind, &renamed.namespace, name)));
                match twins.map(Vec::as_slice) {
                    Some([twin]) if !known.contains_key(&renamed) => (*twin).clone(),
                    _ => renamed,
                }
            };
            found.entry(object).or_default().push(new);
        }
        for (at, old) in before.iter().enumerate() {
            let now = found.remove(&old.object).unwrap_or_default();
            let [new] = now.as_slice() else {
                seen.otherwise.insert((at, FieldPath::default()));
                continue;
            };
            let mut moved = BTreeMap::new();
            let back = without(&new.document.root, &FieldPath::default(), marked, &mut moved);
            let stays = |field: &FieldPath| !old.is_unstable(field);
            moved.retain(|field, _| stays(field) && value_beside(&plain_before[at], &back, field).is_some());
            for field in moved.keys().filter(|field| is_image(field)) {
                let image = value_beside(&old.document.root, &new.document.root, field).and_then(Node::as_str);
                seen.shown.extend(image.map(|image| ((at, field.clone()), image.to_owned())));
            }
            seen.moved.extend(moved.into_iter().map(|(field, by)| ((at, field), by)));
            let other = differences(&plain_before[at], &back).into_iter().map(|difference| difference.field);
            seen.otherwise.extend(other.filter(stays).map(|field| (at, field)));
            seen.objects.insert(at, back);
        }
        let came =
            found.into_values().flatten().enumerate().map(|(more, _)| (before.len() + more, FieldPath::default()));
        seen.otherwise.extend(came);
        seen
    }
}

/// The value at a path of keys and positions; `None` also where a list on the way has got more or fewer items, so that positions say nothing.
pub(super) fn value_beside<'n>(before: &Node, after: &'n Node, path: &FieldPath) -> Option<&'n Node> {
    let both = path.0.iter().try_fold((before, after), |(before, after), step| match step {
        Segment::Key(key) => Some((before.get(key)?, after.get(key)?)),
        Segment::Index(index) if before.items().len() == after.items().len() => {
            Some((before.items().get(*index)?, after.items().get(*index)?))
        }
        Segment::Index(_) | Segment::Item(_) => None,
    });
    both.map(|(_, after)| after)
}

/// The text without the changes in it, and whose they are; `None`: there are none.
fn unmarked(text: &str, marked: &Marked<'_>) -> Option<(String, BTreeSet<usize>)> {
    let mut by = BTreeSet::new();
    let mut back: Option<String> = None;
    for code in words(text) {
        let Some((place, to, from)) = marked.get(code) else { continue };
        let now = back.as_deref().unwrap_or(text);
        if !by.contains(place) && now.contains(to) {
            back = Some(now.replace(to, from));
            by.insert(*place);
        }
    }
    back.map(|back| (back, by))
}

/// A tree whose scalars are all texts: a change may make a text of a number.
pub(super) fn plain(node: &Node) -> Node {
    without(node, &FieldPath::default(), &Marked::new(), &mut BTreeMap::new())
}

fn without(
    node: &Node,
    path: &FieldPath,
    marked: &Marked<'_>,
    moved: &mut BTreeMap<FieldPath, BTreeSet<usize>>,
) -> Node {
    // What was declared empty holds one code and nothing else.
    let only = |text: &str| marked.get(text).filter(|(_, to, from)| *from == *to).map(|(place, ..)| *place);
    let value = match &node.value {
        Value::Mapping(entries) => {
            if let [entry] = &entries[..]
                && let Some(place) = only(&entry.key)
            {
                moved.insert(path.clone(), BTreeSet::from([place]));
                return Node { value: Value::Mapping(Box::default()), ..*node };
            }
            let back = |entry: &Entry| {
                let renamed = unmarked(&entry.key, marked);
                let key = renamed.as_ref().map_or_else(|| entry.key.clone(), |(key, _)| key.as_str().into());
                let here = path.key(key.as_str());
                let value = without(&entry.value, &here, marked, moved);
                if let Some((_, by)) = renamed {
                    moved.entry(here).or_default().extend(by);
                }
                Entry { key, value, ..*entry }
            };
            Value::Mapping(entries.iter().map(back).collect())
        }
        Value::Sequence(items) => {
            if let [item] = &items[..]
                && let Some(place) = item.as_str().and_then(only)
            {
                moved.insert(path.clone(), BTreeSet::from([place]));
                return Node { value: Value::Sequence(Box::default()), ..*node };
            }
            let back = |(at, item)| without(item, &path.join(Segment::Index(at)), marked, moved);
            Value::Sequence(items.iter().enumerate().map(back).collect())
        }
        Value::Null => Value::Null,
        _ => {
            let text = mutate::scalar_text(node).unwrap_or_default();
            match unmarked(&text, marked) {
                Some((back, by)) => {
                    moved.insert(path.clone(), by);
                    Value::String(back.into())
                }
                None => Value::String(text.into()),
            }
        }
    };
    Node { value, start: node.start, end: node.end }
}
