//! The ledger: a readable account of decisions and operations, one JSON object a line, one file a day (B12, R7).
//!
//! It is for people. No verdict reads it: deleting it changes none.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::decide::FailedPod;
use crate::govern::{ReviewJudgement, Verdict};
use crate::model::{Digest, Name, RepoPath, Timestamp};
use crate::observe::Observation;
use crate::verify::VerifyReport;

/// One line of the ledger (schema version 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// Identity: the same event gives the same id, so that a rerun after a crash writes it once.
    pub id: Digest,
    /// When it happened, by the forge's clock.
    pub at: Timestamp,
    /// The environment.
    pub environment: Name,
    /// The blueprint.
    pub blueprint: Name,
    /// What all entries of one operation share: the action's id.
    pub correlation: Digest,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[allow(clippy::large_enum_variant, reason = "a pass makes a handful of them")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Event {
    /// An action was judged.
    Decided {
        /// The action.
        action: Action,
        /// One line: what and why.
        summary: String,
        /// The verdict, with its rules.
        verdict: Verdict,
        /// The blueprint's version.
        version: String,
        /// The commit whose rules judged.
        base: String,
        /// Version of the decision logic.
        logic: u32,
        /// The facts that were read: enough to decide again.
        evidence: Box<Observation>,
    },
    /// A pull request carries it.
    Proposed {
        /// Its number.
        pull: u64,
        /// Its head.
        head: String,
    },
    /// The pull request was merged.
    Merged {
        /// Its number.
        pull: u64,
        /// What landed.
        commit: String,
        /// Reviews, and whether each counted.
        reviews: Vec<ReviewJudgement>,
        /// Hash of the changes.
        changes: Digest,
    },
    /// A person closed the pull request.
    Declined {
        /// Its number.
        pull: u64,
    },
    /// The manifest on base was applied to the cluster.
    Applied {
        /// One line.
        summary: String,
        /// The base commit.
        base: String,
        /// The object's resource version after it.
        resource_version: String,
    },
    /// A workload's pods were replaced.
    Restarted {
        /// One line.
        summary: String,
        /// The request: which template, the how many-th restart, of which generation.
        request: String,
        /// The pods that had failed, where the run that restarted them wrote this (B15).
        before: Vec<FailedPod>,
    },
    /// A restart was verified.
    Recovered {
        /// The request.
        request: String,
        /// The report.
        report: VerifyReport,
    },
    /// What landed was verified.
    Verified {
        /// The pull request.
        pull: u64,
        /// The merge commit.
        commit: String,
        /// The report.
        report: VerifyReport,
    },
}

impl Event {
    /// The event's name, as `audit` filters by it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Decided { .. } => "decided",
            Self::Proposed { .. } => "proposed",
            Self::Merged { .. } => "merged",
            Self::Declined { .. } => "declined",
            Self::Applied { .. } => "applied",
            Self::Restarted { .. } => "restarted",
            Self::Recovered { .. } => "recovered",
            Self::Verified { .. } => "verified",
        }
    }
}

/// The file of a day: `2026/11/21.jsonl`.
pub fn day_file(at: Timestamp) -> Option<RepoPath> {
    let day = at.to_string(); // RFC 3339 in UTC: 2026-11-21T…
    RepoPath::new(format!("{}.jsonl", day.get(..10)?.replace('-', "/"))).ok()
}

/// Reads a ledger's files. Lines that cannot be read are counted, not dropped silently.
pub fn read<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Entry>, usize) {
    let mut entries = Vec::new();
    let mut unreadable = 0;
    for file in files {
        for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) if entry.schema_version == 1 => entries.push(entry),
                _ => unreadable += 1,
            }
        }
    }
    // Forges give whole seconds and clocks give more; within one second the order of writing is the order of events.
    entries.sort_by_key(|entry| entry.at.as_second());
    (entries, unreadable)
}

/// The files after appending what is not there yet; empty: nothing is new. `known` holds the ids that the ledger has.
pub fn append<'a>(
    existing: &BTreeMap<RepoPath, Vec<u8>>,
    known: &std::collections::BTreeSet<Digest>,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> BTreeMap<RepoPath, Vec<u8>> {
    let mut files: BTreeMap<RepoPath, Vec<u8>> = BTreeMap::new();
    let mut seen = known.clone();
    for entry in entries {
        let Some(path) = day_file(entry.at) else { continue };
        if !seen.insert(entry.id.clone()) {
            continue;
        }
        let file = files.entry(path.clone()).or_insert_with(|| existing.get(&path).cloned().unwrap_or_default());
        if !file.is_empty() && !file.ends_with(b"\n") {
            file.push(b'\n');
        }
        file.extend(crate::model::canonical_json(entry).bytes());
        file.push(b'\n');
    }
    files
}
