//! Who descends from whom, read off Git's own commit-graph file where the repository has one: a hundred thousand commits need not be
//! unpacked for one question. What it does not hold is asked of the commits themselves.

use std::collections::HashSet;

use git2::Oid;
use gix_commitgraph::Graph;
use gix_commitgraph::file::Commit;

use super::GitError;

/// The descent of a repository's commits.
pub(super) struct Descent<'r> {
    raw: &'r git2::Repository,
    graph: Option<Graph>,
}

impl<'r> Descent<'r> {
    /// Opens the commit-graph, if there is one.
    pub(super) fn of(raw: &'r git2::Repository) -> Self {
        let info = raw.commondir().join("objects").join("info");
        // A shallow clone ends where its graph may go on.
        let graph = if raw.is_shallow() { None } else { gix_commitgraph::at(info, gix_hash::Kind::Sha1, None).ok() };
        Self { raw, graph }
    }

    fn known(&self, id: Oid) -> Option<(&Graph, Commit<'_>)> {
        let graph = self.graph.as_ref()?;
        let id = gix_hash::oid::try_from_bytes(id.as_bytes()).ok()?;
        Some((graph, graph.commit_by_id(id)?))
    }

    /// A commit's parents, in order.
    pub(super) fn parents(&self, id: Oid) -> Result<Vec<Oid>, GitError> {
        if let Some((graph, commit)) = self.known(id) {
            let oid = |position| Oid::from_bytes(graph.id_at(position).as_bytes()).ok();
            let parents: Option<Vec<Oid>> = commit.iter_parents().map(|parent| oid(parent.ok()?)).collect();
            if let Some(parents) = parents {
                return Ok(parents);
            }
        }
        let commit = self.raw.find_commit(id).map_err(GitError::library(format!("read commit {id}")))?;
        Ok(commit.parent_ids().collect())
    }

    /// Whether `wanted` is `from` or one of its ancestors.
    pub(super) fn reaches(&self, from: Oid, wanted: Oid) -> Result<bool, GitError> {
        if self.graph.is_none() {
            let cut = if self.raw.is_shallow() {
                " in a clone that is cut off (git fetch --unshallow, in CI `fetch-depth: 0`)"
            } else {
                ""
            };
            let attempt = format!("compare the history of {wanted} and {from}{cut}");
            return Ok(
                from == wanted || self.raw.graph_descendant_of(from, wanted).map_err(GitError::library(attempt))?
            );
        }
        // How far each is from the beginning; none for a commit that the graph does not hold yet.
        let depth = |id| self.known(id).map(|(_, commit)| commit.generation());
        let floor = depth(wanted);
        let (mut open, mut seen) = (vec![from], HashSet::new());
        while let Some(id) = open.pop() {
            if id == wanted {
                return Ok(true);
            }
            let above = match (depth(id), floor) {
                // Graphs of old versions of Git count nothing.
                (Some(0) | None, _) | (_, Some(0)) => true,
                (Some(depth), Some(floor)) => depth > floor,
                // The graph holds all ancestors of what it holds.
                (Some(_), None) => false,
            };
            if above && seen.insert(id) {
                open.extend(self.parents(id)?);
            }
        }
        Ok(false)
    }
}
