//! Whether two changes are one proposal to a person: usage is never twice the same, and a request that follows it would move with each
//! look while somebody reads the pull request, or come back after a no (B7, B10).

use super::{Change, ChangeSet, FieldChange, Governed};
use crate::blueprint::quantity_of;
use crate::decide::sizing::{INDIFFERENT, within};

impl ChangeSet {
    /// The same change, but that requests (and maxima raised with them) may differ by less than right-sizing cares about.
    pub fn is_nearly(&self, other: &Self) -> bool {
        self.ungoverned == other.ungoverned
            && self.rendered.keys().eq(other.rendered.keys())
            && self.governed.len() == other.governed.len()
            && self.governed.iter().zip(&other.governed).all(|(one, other)| nearly(one, other))
    }

    /// Whether a text names each value before and after: what reviewers read is what they would merge.
    pub fn is_told_by(&self, text: &str) -> bool {
        self.governed.iter().all(|governed| is_told(&governed.change, text))
    }

    /// The same of what is rendered alone: an edit whose rendering is another change than the one that was meant is not proposed.
    pub fn renders_as_told(&self, text: &str) -> bool {
        // What a file does unseen is for a person to judge, and no other change than the one that is told.
        let rendered =
            |governed: &&Governed| governed.environment.is_some() && !matches!(governed.change, Change::Opaque(_));
        self.governed.iter().filter(rendered).all(|governed| is_told(&governed.change, text))
    }
}

fn is_told(change: &Change, text: &str) -> bool {
    let Change::Field(FieldChange { from: Some(from), to: Some(to), .. }) = change else { return false };
    let shown = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.contains(&format!("{} → {}", shown(from), shown(to)))
}

fn nearly(one: &Governed, other: &Governed) -> bool {
    if one == other {
        return true;
    }
    let (Change::Field(a), Change::Field(b)) = (&one.change, &other.change) else { return false };
    let size = |change: &FieldChange| change.to.as_ref().and_then(quantity_of);
    let close = || size(a).zip(size(b)).is_some_and(|(a, b)| within(&a, &b, INDIFFERENT));
    let same_field = (&a.path, &a.object, &a.field, &a.from) == (&b.path, &b.object, &b.field, &b.from);
    (&one.blueprint, &one.environment) == (&other.blueprint, &other.environment)
        && same_field
        && a.field.has_key("resources")
        && close()
}
