//! What a merged change made of one workload's manifest, read off two versions of a file.

use super::differences;
use crate::blueprint::declared_object;
use crate::model::{ObjectRef, RepoPath};
use crate::observe::PastChange;
use crate::yaml::{self, Document, Kind};

/// The fields of a workload that differ between two versions of a file; empty where it declares the workload in neither. `None`: one of
/// them cannot be read, or declares it and the other does not.
pub fn past_changes(target: &ObjectRef, path: &RepoPath, before: &[u8], after: &[u8]) -> Option<Vec<PastChange>> {
    let read = |bytes| {
        let documents = yaml::parse(path.as_str(), bytes, Kind::Manifest).ok()?;
        Some(documents.into_iter().flat_map(Document::listed).collect::<Vec<_>>())
    };
    let (before, after) = (read(before)?, read(after)?);
    let find = |documents: &'_ [Document]| documents.iter().position(|document| is(document, target));
    match (find(&before), find(&after)) {
        (None, None) => Some(Vec::new()),
        (Some(old), Some(new)) => {
            let found = differences(&before[old].root, &after[new].root).into_iter();
            Some(found.map(|d| PastChange { field: d.field, from: d.from, to: d.to }).collect())
        }
        _ => None,
    }
}

fn is(document: &Document, target: &ObjectRef) -> bool {
    target.is_declared_by(&declared_object(&document.root).into())
}
