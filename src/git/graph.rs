//! Who descends from whom, read off Git's own commit-graph file where the repository has one: a hundred thousand commits need not be
//! unpacked for one question. What it does not hold is asked of the commits themselves.

use std::collections::HashSet;

use git2::Oid;
use gix_commitgraph::{Graph, Position};

use super::GitError;

/// The descent of a repository's commits.
pub(super) struct Descent<'r> {
    raw: &'r git2::Repository,
    graph: Option<Graph>,
}

/// A commit: its place in the graph, or its id where the graph does not hold it. A commit is never both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Spot {
    Held(Position),
    Loose(Oid),
}

/// The commits that a walk has seen: a bit for each that the graph holds.
#[derive(Default)]
struct Seen {
    held: Vec<u64>,
    loose: HashSet<Oid>,
}

impl Seen {
    /// Whether it is new.
    fn insert(&mut self, spot: Spot) -> bool {
        let position = match spot {
            Spot::Held(Position(position)) => position,
            Spot::Loose(id) => return self.loose.insert(id),
        };
        let (word, bit) = ((position / 64) as usize, 1 << (position % 64));
        if self.held.len() <= word {
            self.held.resize(word + 1, 0);
        }
        let new = self.held[word] & bit == 0;
        self.held[word] |= bit;
        new
    }
}

impl<'r> Descent<'r> {
    /// Opens the commit-graph, if there is one.
    pub(super) fn of(raw: &'r git2::Repository) -> Self {
        let info = raw.commondir().join("objects").join("info");
        // A shallow clone ends where its graph may go on.
        let graph = if raw.is_shallow() { None } else { gix_commitgraph::at(info, gix_hash::Kind::Sha1, None).ok() };
        Self { raw, graph }
    }

    /// Where a commit is.
    pub(super) fn spot(&self, id: Oid) -> Spot {
        let oid = gix_hash::oid::try_from_bytes(id.as_bytes()).ok();
        let held = self.graph.as_ref().zip(oid).and_then(|(graph, oid)| graph.lookup(oid));
        held.map_or(Spot::Loose(id), Spot::Held)
    }

    /// A commit's id.
    pub(super) fn id(&self, spot: Spot) -> Result<Oid, GitError> {
        match (spot, &self.graph) {
            (Spot::Loose(id), _) => Ok(id),
            (Spot::Held(position), Some(graph)) => {
                Oid::from_bytes(graph.id_at(position).as_bytes()).map_err(GitError::library("read the commit-graph"))
            }
            (Spot::Held(_), None) => Err(GitError::refused("read the commit-graph", "there is none")),
        }
    }

    /// A commit's parents, in order.
    pub(super) fn parents(&self, spot: Spot) -> Result<Vec<Spot>, GitError> {
        if let (Spot::Held(position), Some(graph)) = (spot, &self.graph) {
            let parents: Result<Vec<Spot>, _> =
                graph.commit_at(position).iter_parents().map(|parent| parent.map(Spot::Held)).collect();
            if let Ok(parents) = parents {
                return Ok(parents);
            }
        }
        let id = self.id(spot)?;
        let commit = self.raw.find_commit(id).map_err(GitError::library(format!("read commit {id}")))?;
        Ok(commit.parent_ids().map(|id| self.spot(id)).collect())
    }

    /// How far a commit is from the beginning; `None`: the graph does not hold it, or counts nothing, as those of old versions of Git.
    fn depth(&self, spot: Spot) -> Option<u32> {
        let (Spot::Held(position), Some(graph)) = (spot, &self.graph) else { return None };
        Some(graph.commit_at(position).generation()).filter(|depth| *depth > 0)
    }

    /// Whether `wanted` may be an ancestor of `from`, which is another commit, as far as the graph knows without a walk; `None`: it
    /// does not say.
    pub(super) fn may_reach(&self, from: Spot, wanted: Spot) -> Option<bool> {
        match (from, wanted) {
            // The graph holds all ancestors of what it holds.
            (Spot::Held(_), Spot::Loose(_)) => Some(false),
            (Spot::Loose(_), _) => None,
            (Spot::Held(_), Spot::Held(_)) => Some(self.depth(from)? > self.depth(wanted)?),
        }
    }

    /// Whether `wanted` is `from` or one of its ancestors.
    pub(super) fn reaches(&self, from: Spot, wanted: Spot) -> Result<bool, GitError> {
        if let (Spot::Loose(from), Spot::Loose(wanted), None) = (from, wanted, &self.graph) {
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
        let (mut open, mut seen) = (vec![from], Seen::default());
        while let Some(spot) = open.pop() {
            if spot == wanted {
                return Ok(true);
            }
            if self.may_reach(spot, wanted) != Some(false) && seen.insert(spot) {
                open.extend(self.parents(spot)?);
            }
        }
        Ok(false)
    }
}
