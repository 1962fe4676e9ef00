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
    latest(owners().filter(|entry| !entry.delivers)).or_else(|| latest(owners().filter(|entry| entry.delivers)))
}

/// The manager behind the live value of what client-side apply delivered: it, unless others wrote it since.
pub(super) fn delivered(path: &FieldPath, entries: &[Entry<'_>]) -> Option<Attribution> {
    let owners = || entries.iter().filter(|entry| entry.owns(path));
    latest(owners().filter(|entry| entry.delivers)).or_else(|| latest(owners().filter(|entry| !entry.delivers)))
}

fn latest<'e>(owners: impl Iterator<Item = &'e Entry<'e>> + Clone) -> Option<Attribution> {
    let exact = owners.clone().count() == 1;
    owners.max_by_key(|entry| entry.at).map(|entry| entry.attribution(exact))
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
