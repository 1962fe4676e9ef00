//! Who could have written a difference.

use super::ownership::Entry;
use super::{Attribution, DriftKind, FieldDrift};
use crate::model::FieldPath;

/// The manager behind a difference, where one is named: others before those that deliver, the latest of several.
pub(super) fn of(drift: &FieldDrift, entries: &[Entry<'_>]) -> Option<Attribution> {
    let owners = || entries.iter().filter(|entry| entry.owns(&drift.path));
    if drift.kind == DriftKind::Missing {
        // Nobody owns what is gone; only who wrote next to it, later than the delivery, can be named.
        return removers(&drift.path, entries);
    }
    let of = |delivers: bool| latest(&drift.path, owners().filter(move |entry| entry.delivers == delivers));
    of(false).or_else(|| of(true))
}

/// The manager behind the live value of what client-side apply delivered: it, unless others wrote it since.
pub(super) fn delivered(path: &FieldPath, entries: &[Entry<'_>]) -> Option<Attribution> {
    let owners = || entries.iter().filter(|entry| entry.owns(path));
    let of = |delivers: bool| latest(path, owners().filter(move |entry| entry.delivers == delivers));
    of(true).or_else(|| of(false))
}

/// The latest of those who own most of the field.
pub(super) fn latest<'e>(path: &FieldPath, owners: impl Iterator<Item = &'e Entry<'e>> + Clone) -> Option<Attribution> {
    let exact = owners.clone().count() == 1;
    owners.max_by_key(|entry| (entry.depth(path), entry.at)).map(|entry| entry.attribution(exact))
}

fn removers(path: &FieldPath, entries: &[Entry<'_>]) -> Option<Attribution> {
    let delivered = entries.iter().filter(|entry| entry.delivers).map(|entry| entry.at).max()?;
    let parent = FieldPath(path.0.split_last()?.1.to_vec());
    entries
        .iter()
        .filter(|entry| !entry.delivers && entry.operation == "Update" && entry.subresource.is_none())
        .filter(|entry| entry.at > delivered && entry.owns(&parent))
        .max_by_key(|entry| entry.at)
        .map(|entry| entry.attribution(false))
}
