//! Points of time as people write them: with a day, a time and a zone, so that nobody has to guess when a freeze ends (B1).

use serde::{Deserialize, Deserializer, de};

use crate::model::Timestamp;

/// Reads one; the message has an example.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| de::Error::custom(format!("`{text}` is no point of time; write it like 2026-12-20T00:00:00Z"));
    text.parse().map_err(wrong)
}

/// The same of a field that may be left out.
pub(super) fn read_optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    read(deserializer).map(Some)
}
