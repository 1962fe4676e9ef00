//! Images that are put together: which line makes the name, and which the tag.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::{Line, Origin, SourceField, mutate};
use crate::blueprint::Manifest;
use crate::model::{FieldPath, ObjectRef, Segment, SourceSpan};
use crate::yaml::{Node, value_at};

/// What an image is put together of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartOf {
    /// Its name, with the registry.
    Name,
    /// Its tag or digest.
    Version,
}

impl PartOf {
    /// This part of an image. One without a tag is all name.
    pub(super) fn said_by(self, image: &str) -> &str {
        &image[self.range(image)]
    }

    fn range(self, image: &str) -> Range<usize> {
        let name = split_image(image).map_or(image.len(), |(name, _)| name.len());
        match self {
            Self::Name => 0..name,
            Self::Version => (name + 1).min(image.len())..image.len(),
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Name => Self::Version,
            Self::Version => Self::Name,
        }
    }
}

impl std::fmt::Display for PartOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Version => "tag or digest",
        })
    }
}

/// A part of a value, and the place that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Which part.
    pub of: PartOf,
    /// What the place says of it.
    pub text: String,
    /// The place.
    pub span: SourceSpan,
    /// How many other fields of all that is rendered moved with it.
    #[serde(default)]
    pub also: usize,
    /// The value in a YAML file that says just this part: what an edit would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<SourceField>,
}

/// A value of a file that becomes another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turned<'l> {
    /// The value.
    pub(crate) field: &'l SourceField,
    /// Where it stands.
    pub(crate) span: &'l SourceSpan,
    /// How many other rendered fields moved with it.
    pub(crate) also: usize,
    /// What it says.
    pub(crate) from: Json,
    /// What it will say.
    pub(crate) to: Json,
}

/// A field, what was found for it.
pub type Found = ((ObjectRef, FieldPath), Origin);

/// The name of an image, and its tag or digest.
pub(super) fn split_image(image: &str) -> Option<(&str, &str)> {
    let colon = || image.rfind(':').filter(|colon| !image[*colon..].contains('/'));
    let at = image.find('@').or_else(colon)?;
    let (name, version) = (&image[..at], &image[at + 1..]);
    (!name.is_empty() && !version.is_empty()).then_some((name, version))
}

pub(super) fn is_image(field: &FieldPath) -> bool {
    matches!(field.0.last(), Some(Segment::Key(key)) if key == "image")
}

/// The parts of images that one line makes only a part of, each to be looked for by itself.
pub fn parts_to_find(found: &[Found], before: &[Manifest]) -> Vec<(ObjectRef, FieldPath, PartOf)> {
    let mut wanted = Vec::new();
    for ((object, field), origin) in found {
        if !is_image(field) || !matches!(origin, Origin::Line(line) if !line.whole) {
            continue;
        }
        let manifest = before.iter().find(|manifest| manifest.object == *object);
        let text = manifest.and_then(|manifest| value_at(&manifest.document, field)).and_then(Node::as_str);
        if text.and_then(split_image).is_some() {
            wanted.extend([PartOf::Name, PartOf::Version].map(|part| (object.clone(), field.clone(), part)));
        }
    }
    wanted
}

/// Adds the places of parts to what was found.
pub fn add_parts(found: &mut [Found], wanted: &[(ObjectRef, FieldPath, PartOf)], lines: Vec<Found>) {
    for ((_, _, of), (key, origin)) in wanted.iter().zip(lines) {
        let Origin::Line(Line { span, part: Some(text), also, field, .. }) = origin else { continue };
        let whole = found.iter_mut().find(|(known, _)| *known == key);
        if let Some((_, Origin::Line(line))) = whole {
            line.parts.push(Part { of: *of, text, span, also, field });
        }
    }
}

impl Line {
    pub(crate) fn new(span: SourceSpan, whole: bool, also: usize, field: Option<SourceField>) -> Self {
        Self { span, whole, part: None, also, field, parts: Vec::new() }
    }

    /// The value to edit so that the field becomes another: the one that says it whole; else the one that says the part that differs, where the
    /// part stands once in it and all around it stays (X9). `None`: no one value does that.
    pub(crate) fn turned(&self, from: &Json, to: &Json) -> Option<Turned<'_>> {
        if self.whole {
            let (from, to) = (from.clone(), to.clone());
            return Some(Turned { field: self.field.as_ref()?, span: &self.span, also: self.also, from, to });
        }
        let (declared, wanted) = (from.as_str()?, to.as_str()?);
        let stands = |text: &str, range: Range<usize>| {
            let places: Vec<usize> =
                declared[range.clone()].match_indices(text).map(|(at, _)| range.start + at).collect();
            let [at] = places[..] else { return None };
            let (before, behind) = (&declared[..at], &declared[at + text.len()..]);
            wanted.strip_prefix(before)?.strip_suffix(behind).filter(|other| !other.is_empty())
        };
        if self.parts.is_empty() {
            let text = self.part.as_deref()?;
            let (field, to) = (self.field.as_ref()?, stands(text, 0..declared.len())?);
            return Some(Turned { field, span: &self.span, also: self.also, from: text.into(), to: to.into() });
        }
        self.parts.iter().find_map(|part| {
            let (field, to) = (part.field.as_ref()?, stands(&part.text, part.of.range(declared))?);
            Some(Turned { field, span: &part.span, also: part.also, from: part.text.as_str().into(), to: to.into() })
        })
    }

    /// Where a person looks who finds another value in the cluster than Git declares: what makes the part that differs, never what makes
    /// another one.
    ///
    /// # Errors
    /// Only another part's place is known.
    pub fn place_beside(&self, declared: Option<&Json>, live: Option<&Json>) -> Result<SourceSpan, String> {
        let texts = declared.and_then(Json::as_str).zip(live.and_then(Json::as_str));
        let Some((declared, live)) = texts.filter(|_| !self.whole) else { return Ok(self.span.clone()) };
        if self.parts.is_empty() {
            let Some(part) = &self.part else { return Ok(self.span.clone()) };
            if let Some(line) = self.line_of_file(part, declared, live) {
                return Ok(line);
            }
            let (all, differs) = (0..declared.len(), differing(declared, live));
            return if touches(declared, part, all, &differs) {
                Ok(self.span.clone())
            } else {
                Err(format!(
                    "which line makes the part that differs was not found; another one comes from {}",
                    self.span
                ))
            };
        }
        // Where both differ the name comes first: who pulls another image pulls another version of it.
        let other = |of: &PartOf| of.said_by(declared) != of.said_by(live);
        let Some(of) = [PartOf::Name, PartOf::Version].into_iter().find(other) else { return Ok(self.span.clone()) };
        let range = of.range(declared);
        let mut differs = differing(&declared[range.clone()], of.said_by(live));
        differs = differs.start + range.start..differs.end + range.start;
        let mut places = self.parts.iter().filter(|part| part.of == of);
        let place = places.find(|part| touches(declared, &part.text, range.clone(), &differs));
        place.map(|part| part.span.clone()).ok_or_else(|| match self.parts.iter().find(|part| part.of != of) {
            Some(part) => format!("which line makes its {of} was not found; its {} comes from {}", part.of, part.span),
            None => format!("which line makes its {of} was not found"),
        })
    }
}

impl Line {
    /// Where a text of many lines is a file as it stands, the first line of it that differs; `None`: it is no such text. It is one where what makes
    /// a part of it stands in it where it stands in the file.
    fn line_of_file(&self, part: &str, declared: &str, live: &str) -> Option<SourceSpan> {
        let SourceSpan { file, line, column, start, .. } = &self.span;
        let stands = declared.split_inclusive('\n').nth(line.checked_sub(1)?)?;
        let here = stands.chars().skip(column.checked_sub(1)?).collect::<String>();
        let same_place = declared.get(*start..).is_some_and(|rest| rest.starts_with(part));
        if !declared.contains('\n') || !here.starts_with(part) || !same_place {
            return None;
        }
        let mut other = live.split_inclusive('\n');
        let mut at = 0;
        for (number, line) in declared.split_inclusive('\n').enumerate() {
            if other.next() != Some(line) {
                let end = at + line.trim_end().len();
                return Some(SourceSpan { file: file.clone(), line: number + 1, column: 1, start: at, end });
            }
            at += line.len();
        }
        None
    }
}

/// What of a text is otherwise in another one: all between where they begin alike and where they end alike.
fn differing(text: &str, other: &str) -> Range<usize> {
    let alike = |one: &mut dyn Iterator<Item = char>, two: &mut dyn Iterator<Item = char>| -> usize {
        one.zip(two).take_while(|(one, two)| one == two).map(|(one, _)| one.len_utf8()).sum()
    };
    let start = alike(&mut text.chars(), &mut other.chars());
    let end = alike(&mut text[start..].chars().rev(), &mut other[start..].chars().rev());
    start..text.len() - end
}

/// Whether all places in a range of a text at which a part of it stands meet what differs: where one does not, it is not known which is meant.
fn touches(text: &str, part: &str, range: Range<usize>, differs: &Range<usize>) -> bool {
    let here = &text[range.clone()];
    let mut places: Vec<usize> = mutate::occurrences(here, part).collect();
    if places.is_empty() {
        places = here.match_indices(part).map(|(at, _)| at).collect();
    }
    let meets = |at: &usize| range.start + at <= differs.end && differs.start <= range.start + at + part.len();
    !places.is_empty() && places.iter().all(meets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a port of the registry that is taken for a tag.
    #[test]
    fn x09_an_image_is_a_name_and_a_version() {
        for (image, parts) in [
            ("reg:5000/a/b:1.2", Some(("reg:5000/a/b", "1.2"))),
            ("a:1@sha256:00", Some(("a:1", "sha256:00"))),
            ("reg:5000/a", None),
            ("a", None),
        ] {
            assert_eq!(split_image(image), parts, "{image}");
        }
    }

    fn span(line: usize) -> SourceSpan {
        SourceSpan { file: "v".into(), line, column: 1, start: line, end: line }
    }

    fn beside(line: &Line, declared: &str, live: &str) -> Result<usize, String> {
        line.place_beside(Some(&Json::from(declared)), Some(&Json::from(live))).map(|span| span.line)
    }

    /// Would miss: the line of the tag for another name, that of the registry for another repository; whoever mends that line changes nothing.
    #[test]
    fn x09_the_part_that_differs_is_pointed_to_and_no_other() {
        let part = |of, text: &str, line| Part { of, text: text.into(), span: span(line), also: 0, field: None };
        let image = "reg.example/shop/web:1.0";
        let beside = |parts: &[Part], live: &str| {
            let line = Line { part: Some("1.0".into()), parts: parts.into(), ..Line::new(span(3), false, 0, None) };
            beside(&line, image, live)
        };
        let (name, tag) = (part(PartOf::Name, "reg.example/shop/web", 2), part(PartOf::Version, "1.0", 3));
        for (live, line) in [
            ("reg.example/shop/web:1.1", 3),
            ("reg.example/shop/web@sha256:00", 3),
            ("reg.example/shop/web", 3),
            ("reg.example/shop/api:1.0", 2),
            ("reg.example/shop/api:1.1", 2),
            ("other/reg.example/shop/web:1.0", 2),
        ] {
            assert_eq!(beside(&[name.clone(), tag.clone()], live), Ok(line), "{live}");
        }
        let unknown = "which line makes its name was not found; its tag or digest comes from v:3:1";
        assert_eq!(beside(std::slice::from_ref(&tag), "reg.example/shop/api:1.0"), Err(unknown.into()));
        assert_eq!(beside(std::slice::from_ref(&tag), "reg.example/shop/api:1.1"), Err(unknown.into()));
        assert_eq!(beside(std::slice::from_ref(&tag), "reg.example/shop/web:1.1"), Ok(3));
        let shop = part(PartOf::Name, "shop/web", 2);
        assert_eq!(beside(&[shop.clone(), tag.clone()], "reg.example/shop/api:1.0"), Ok(2));
        assert_eq!(beside(&[shop, tag], "reg.other/shop/web:1.0"), Err(unknown.into()));
    }

    /// Would miss: the line of a port for another host, and that of one of two places that say the same.
    #[test]
    fn x09_a_part_of_any_text_is_pointed_to_where_it_differs() {
        let made = |part: &str| Line { part: Some(part.into()), ..Line::new(span(4), false, 0, None) };
        let url = "http://api.shop:80/v2";
        assert_eq!(beside(&made("80"), url, "http://api.shop:8080/v2"), Ok(4));
        assert_eq!(beside(&made("api.shop"), url, "http://api.pay:80/v2"), Ok(4));
        assert!(beside(&made("80"), url, "http://api.pay:80/v2").is_err_and(|why| why.ends_with("comes from v:4:1")));
        assert!(beside(&made("a"), "a=a", "a=b").is_err());
        // What is whole, and what is a file of many lines, has one place.
        assert_eq!(beside(&Line::new(span(4), true, 0, None), url, "ftp://x"), Ok(4));
        assert_eq!(beside(&Line::new(span(4), false, 0, None), "a\nb\n", "c\nb\n"), Ok(4));
        let config = "server:\n  port: 80\n  host: a\n";
        let port = SourceSpan { file: "app.yaml".into(), line: 2, column: 9, start: 16, end: 18 };
        let file = Line { span: port, ..made("80") };
        assert_eq!(beside(&file, config, &config.replace("host: a", "host: b")), Ok(3));
        assert_eq!(beside(&file, config, &config.replace("80", "81")), Ok(2));
        // A text that a chart puts together of many values has one for each.
        assert!(beside(&made("warn"), "LOG=warn\nTZ=CET\n", "LOG=warn\nTZ=XX\n").is_err());
        assert_eq!(beside(&made("warn"), "LOG=warn\nTZ=CET\n", "LOG=debug\nTZ=CET\n"), Ok(4));
    }

    /// Would miss: an edit of one part for a value whose other part differs too, of one of two places, and one that takes all that a place says.
    #[test]
    fn x09_a_value_is_turned_by_the_one_place_that_says_what_differs() {
        let field = |name: &str| {
            let (path, field) = (crate::model::RepoPath::new("v.yaml").unwrap(), FieldPath::keys([name]));
            Some(SourceField { path, document: 0, field })
        };
        let part = |of, text: &str, name| Part { of, text: text.into(), span: span(1), also: 0, field: field(name) };
        let image = |parts: &[Part], to: &str| {
            let line = Line { part: Some("1.0".into()), parts: parts.into(), ..Line::new(span(3), false, 0, None) };
            let turned = line.turned(&"reg/web:1.0".into(), &to.into())?;
            Some(format!("{} {} → {}", turned.field.field, turned.from, turned.to))
        };
        let all = [part(PartOf::Name, "reg/web", "name"), part(PartOf::Version, "1.0", "tag")];
        assert_eq!(image(&all, "reg/web:1.1").unwrap(), "tag \"1.0\" → \"1.1\"");
        assert_eq!(image(&all, "other/web:1.0").unwrap(), "name \"reg/web\" → \"other/web\"");
        for to in ["other/web:1.1", "reg/web@sha256:00", "reg/web", "reg/web:"] {
            assert_eq!(image(&all, to), None, "{to}");
        }
        assert_eq!(image(&[Part { field: None, ..all[1].clone() }], "reg/web:1.1"), None);
        let made = |part: &str| Line { part: Some(part.into()), ..Line::new(span(4), false, 0, field("port")) };
        let text = |part: &str, from: &str, to: &str| Some(made(part).turned(&from.into(), &to.into())?.to);
        assert_eq!(text("80", "http://a:80/v2", "http://a:8080/v2"), Some("8080".into()));
        assert_eq!(text("80", "http://a:80/80", "http://a:81/80"), None);
        assert_eq!(text("80", "http://a:80/v2", "http://b:81/v2"), None);
        assert_eq!(made("80").turned(&80.into(), &81.into()), None);
        let whole = Line::new(span(4), true, 0, field("replicas"));
        assert_eq!(whole.turned(&2.into(), &3.into()).map(|turned| turned.to), Some(3.into()));
        assert_eq!(Line::new(span(4), true, 0, None).turned(&2.into(), &3.into()), None);
    }
}
