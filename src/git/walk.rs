//! What a person sees in the work tree: everything but what Git ignores.

use bpctl_core::blueprint::{is_manifest, is_yaml};
use bpctl_core::model::RepoPath;

use super::{GitError, Repository};

/// Files beyond these are no repository of manifests any more.
const MAX_FILES: usize = 100_000;
/// A larger file of JSON is data, and no manifest.
const MAX_JSON: u64 = 256 << 10;

impl Repository {
    /// The YAML files of the work tree that Git does not ignore, small files of JSON, and kustomizations of any name. Hidden folders and what stands behind
    /// links are left out; the person's own ignore files have no say, so that the answer is the same on every machine.
    pub fn manifest_paths(&self) -> Result<Vec<RepoPath>, GitError> {
        let Some(root) = self.work_tree() else {
            return Err(GitError::refused("look for manifests", "the repository is bare"));
        };
        let mut walk = ignore::WalkBuilder::new(root);
        walk.follow_links(false).git_global(false).parents(false).require_git(false);
        walk.sort_by_file_name(Ord::cmp);
        let mut paths = Vec::new();
        for entry in walk.build() {
            // What cannot be read is not a manifest that anybody could govern.
            let Ok(entry) = entry else { continue };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let path = entry.path().strip_prefix(root).ok().and_then(|path| RepoPath::new(path.to_str()?).ok());
            let small = || entry.metadata().is_ok_and(|file| file.len() <= MAX_JSON);
            let json = |path: &RepoPath| is_manifest(path) && small();
            paths.extend(path.filter(|path| is_yaml(path) || path.file_name() == "Kustomization" || json(path)));
            if paths.len() > MAX_FILES {
                return Err(GitError::refused("look for manifests", "there are more than 100,000 YAML files"));
            }
        }
        Ok(paths)
    }
}
