//! Images that are put together: which line makes the name, and which the tag.

use serde::{Deserialize, Serialize};

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::{Line, Origin, SourceField};
use crate::blueprint::Manifest;
use crate::model::{FieldPath, ObjectRef, Segment, SourceSpan};
use crate::yaml::{Node, value_at};

/// A part of a value, and the place that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The part, as it is rendered.
    pub text: String,
    /// Its place.
    pub span: SourceSpan,
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

/// The parts of images that one line makes only a part of, each to be looked for by itself.
pub fn parts_to_find(found: &[Found], before: &[Manifest]) -> Vec<(ObjectRef, FieldPath, String)> {
    let mut wanted = Vec::new();
    for ((object, field), origin) in found {
        let is_image = matches!(field.0.last(), Some(Segment::Key(key)) if key == "image");
        if !is_image || !matches!(origin, Origin::Line(line) if !line.whole) {
            continue;
        }
        let manifest = before.iter().find(|manifest| manifest.object == *object);
        let text = manifest.and_then(|manifest| value_at(&manifest.document, field)).and_then(Node::as_str);
        let parts = text.and_then(split_image).into_iter().flat_map(|(name, version)| [name, version]);
        wanted.extend(parts.map(|part| (object.clone(), field.clone(), part.to_owned())));
    }
    wanted
}

/// Adds the places of parts to what was found: where there are two of them.
pub fn add_parts(found: &mut [Found], wanted: &[(ObjectRef, FieldPath, String)], lines: Vec<Found>) {
    for ((_, _, text), (key, origin)) in wanted.iter().zip(lines) {
        let Origin::Line(Line { span, .. }) = origin else { continue };
        let whole = found.iter_mut().find(|(known, _)| *known == key);
        if let Some((_, Origin::Line(line))) = whole {
            line.parts.push(Part { text: text.clone(), span });
        }
    }
    for (_, origin) in found {
        let Origin::Line(line) = origin else { continue };
        // One place for both says no more than the line: a name that an overlay does not know any more moves the tag as well.
        if line.parts.windows(2).all(|pair| pair[0].span == pair[1].span) {
            line.parts.clear();
        }
    }
}

impl Line {
    pub(crate) fn new(span: SourceSpan, whole: bool, also: usize, field: Option<SourceField>) -> Self {
        Self { span, whole, also, field, parts: Vec::new() }
    }

    /// Where a person looks who finds another value in the cluster: the part of an image that differs.
    pub fn place_beside(&self, live: Option<&Json>) -> &SourceSpan {
        let live = live.and_then(Json::as_str).and_then(split_image);
        let differs = |part: &&Part| live.is_some_and(|(name, version)| part.text != name && part.text != version);
        self.parts.iter().find(differs).map_or(&self.span, |part| &part.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: the line of the name for another tag; a port of the registry that is taken for a tag.
    #[test]
    fn x09_the_part_that_differs_is_pointed_to() {
        for (image, parts) in [
            ("reg:5000/a/b:1.2", Some(("reg:5000/a/b", "1.2"))),
            ("a:1@sha256:00", Some(("a:1", "sha256:00"))),
            ("reg:5000/a", None),
            ("a", None),
        ] {
            assert_eq!(split_image(image), parts, "{image}");
        }
        let span = |line| SourceSpan { file: "v".into(), line, column: 1, start: line, end: line };
        let mut line = Line::new(span(2), false, 0, None);
        let beside = |line: &Line, live: &str| line.place_beside(Some(&Json::from(live))).line;
        assert_eq!(beside(&line, "reg/pay:1.1"), 2);
        let part = |text: &str, line| Part { text: text.into(), span: span(line) };
        line.parts = vec![part("reg/pay", 2), part("1.0", 3)];
        assert_eq!(
            (beside(&line, "reg/pay:1.0.1"), beside(&line, "reg/old:1.0"), beside(&line, "reg/pay:1.0")),
            (3, 2, 2)
        );
    }

    /// Would miss: a tag that an overlay sets, told with the line of the name in its base: whoever mends that line changes nothing.
    #[test]
    fn x09_one_place_for_both_parts_says_no_more_than_the_line() {
        let span = |line| SourceSpan { file: "v".into(), line, column: 1, start: line, end: line };
        let key = (ObjectRef::deployment("shop", "web"), FieldPath::keys(["image"]));
        let part = |text: &str| (key.0.clone(), key.1.clone(), text.to_owned());
        let at = |line| (key.clone(), Origin::Line(Line::new(span(line), false, 0, None)));
        let parts = |lines: [usize; 2]| {
            let mut found = [at(6)];
            add_parts(&mut found, &[part("reg/web"), part("1.27")], lines.map(at).into());
            let (_, Origin::Line(line)) = &found[0] else { return Vec::new() };
            line.parts.iter().map(|part| part.span.line).collect()
        };
        assert_eq!(parts([12, 12]), Vec::<usize>::new());
        assert_eq!(parts([12, 6]), [12, 6]);
    }
}
