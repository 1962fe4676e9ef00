//! What a person sees in the work tree: everything but what Git ignores, and what it tracks all the same.

#![expect(clippy::disallowed_methods, reason = "an edge: looks at the work tree")]

use std::collections::BTreeSet;

use bpctl_core::blueprint::{is_manifest, is_yaml};
use bpctl_core::model::RepoPath;

use super::{GitError, Repository};

/// Files beyond these are no repository of manifests any more.
const MAX_FILES: usize = 100_000;
/// A larger file of JSON is data, and no manifest.
const MAX_JSON: u64 = 256 << 10;

impl Repository {
    /// The YAML files of the work tree that Git does not ignore, or tracks, small files of JSON, and kustomizations of any name. Hidden folders and what stands behind
    /// links are left out; the person's own ignore files have no say, so that the answer is the same on every machine.
    pub fn manifest_paths(&self) -> Result<Vec<RepoPath>, GitError> {
        let Some(root) = self.work_tree() else {
            return Err(GitError::refused("look for manifests", "the repository is bare"));
        };
        let mut walk = ignore::WalkBuilder::new(root);
        walk.follow_links(false).git_global(false).parents(false).require_git(false);
        walk.sort_by_file_name(Ord::cmp);
        let wanted = |path: &RepoPath, size: Option<u64>| {
            let small = || size.is_some_and(|size| size <= MAX_JSON);
            is_yaml(path) || path.file_name() == "Kustomization" || (is_manifest(path) && small())
        };
        let too_many = || GitError::refused("look for manifests", "there are more than 100,000 YAML files");
        let mut paths = Vec::new();
        for entry in walk.build() {
            // What cannot be read is not a manifest that anybody could govern.
            let Ok(entry) = entry else { continue };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let path = entry.path().strip_prefix(root).ok().and_then(|path| RepoPath::new(path.to_str()?).ok());
            let size = || entry.metadata().ok().map(|file| file.len());
            paths.extend(path.filter(|path| wanted(path, size())));
            if paths.len() > MAX_FILES {
                return Err(too_many());
            }
        }
        let seen: BTreeSet<&RepoPath> = paths.iter().collect();
        let index = self.raw().index().map_err(GitError::library("look for manifests"))?;
        let tracked = index.iter().filter_map(|entry| RepoPath::new(String::from_utf8(entry.path).ok()?).ok());
        let hidden = |path: &RepoPath| path.as_str().split('/').any(|part| part.starts_with('.'));
        // A file that stands behind a link is none of the work tree's.
        let is_file = |path: &RepoPath| {
            let mut above = path.as_str().match_indices('/').filter_map(|(end, _)| path.as_str().get(..end));
            let linked = above.any(|above| root.join(above).symlink_metadata().is_ok_and(|found| found.is_symlink()));
            let file = root.join(path.as_str()).symlink_metadata().ok().filter(|found| found.is_file() && !linked);
            file.is_some_and(|file| wanted(path, Some(file.len())))
        };
        let more: BTreeSet<RepoPath> =
            tracked.filter(|path| !seen.contains(path) && !hidden(path) && is_file(path)).collect();
        paths.extend(more);
        if paths.len() > MAX_FILES {
            return Err(too_many());
        }
        Ok(paths)
    }
}
