//! The ledger: a readable account of decisions and operations, one JSON object a line, one file a day (B12, R7).
//!
//! It is for people. No verdict reads it: deleting it changes none.

mod evidence;
mod query;
mod read;
mod trail;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::action::Action;
use crate::alert::Cause;
use crate::decide::FailedPod;
use crate::govern::{ReviewJudgement, Verdict};
use crate::model::{Digest, Name, ObjectRef, RepoPath, Timestamp, Untrusted};
use crate::observe::{Identity, Observation};
use crate::verify::{Outcome, VerifyReport};

pub use evidence::thin;
pub use query::{Query, VerdictFilter};
pub use trail::{Answers, ChangedFile, Problem, PullRecord, Written, check_growth, check_pulls};

/// One line of the ledger (schema version 1).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", bound(deserialize = "E: Deserialize<'de>"))]
pub struct Entry<E = Evidence> {
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
    /// Of a decision: the facts that were read, enough to decide again (X3), without texts that may be credentials (T38).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<E>,
}

/// The facts of a decision, as text until somebody asks for them: most readers of a ledger do not.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence(Box<RawValue>);

impl Evidence {
    /// Keeps these facts.
    pub fn of(facts: &Observation) -> Option<Self> {
        RawValue::from_string(crate::model::canonical_json(facts)).ok().map(Self)
    }

    /// The facts; `None`: they cannot be read.
    pub fn observation(&self) -> Option<Observation> {
        serde_json::from_str(self.0.get()).ok()
    }
}

impl JsonSchema for Evidence {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Observation::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Observation::json_schema(generator)
    }
}

/// Evidence that is passed over.
#[derive(Debug, Clone)]
pub struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// What happened.
#[allow(clippy::large_enum_variant, reason = "a pass makes a handful of them")]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Event {
    /// An action was judged; one that is forbidden was refused by this.
    Decided {
        /// The action; live texts that may be credentials are withheld in it.
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
        /// Who merged it, where that is another account than its author's, and the forge tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Identity>,
    },
    /// A person closed the pull request.
    Declined {
        /// Its number.
        pull: u64,
        /// Who, where the forge tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Identity>,
        /// Why, in that person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Untrusted>,
    },
    /// Nobody approved the pull request in time: bpctl closed it.
    Expired {
        /// Its number.
        pull: u64,
    },
    /// The manifest on base was applied to the cluster.
    Applied {
        /// One line.
        summary: String,
        /// The base commit.
        base: String,
        /// The object.
        object: ObjectRef,
        /// Its identity.
        uid: String,
        /// What the object itself shows of it: the time by the cluster's clock, on a recording the version.
        receipt: String,
    },
    /// The cluster refused what stands on base.
    Failed {
        /// The commit that the failure stands on, as a check.
        commit: String,
        /// The how many-th failure there.
        attempt: u32,
        /// What was refused, and what the cluster said.
        because: Untrusted,
    },
    /// A workload's pods were replaced.
    Restarted {
        /// One line.
        summary: String,
        /// The request: which template, the how many-th restart, of which generation.
        request: String,
        /// The workload's identity.
        uid: String,
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
    /// People were alerted, or the cause of that is gone (R6).
    Alerted {
        /// Of what.
        cause: Cause,
        /// Of which blueprint; left out: of the whole environment, whose name the entry has in a blueprint's place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Name>,
        /// What makes it another occurrence of the same cause.
        about: Digest,
        /// Its cause is gone.
        over: bool,
        /// One line.
        told: String,
        /// The entry of the same alert before this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Digest>,
    },
}

impl Event {
    /// The event's name, as `audit` shows it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Decided { .. } => "decided",
            Self::Proposed { .. } => "proposed",
            Self::Merged { .. } => "merged",
            Self::Declined { .. } => "declined",
            Self::Expired { .. } => "expired",
            Self::Applied { .. } => "applied",
            Self::Failed { .. } => "failed",
            Self::Restarted { .. } => "restarted",
            Self::Recovered { .. } => "recovered",
            Self::Verified { .. } => "verified",
            Self::Alerted { .. } => "alerted",
        }
    }

    /// The pull request that it is about.
    pub fn pull(&self) -> Option<u64> {
        match self {
            Self::Proposed { pull, .. }
            | Self::Merged { pull, .. }
            | Self::Declined { pull, .. }
            | Self::Expired { pull }
            | Self::Verified { pull, .. } => Some(*pull),
            _ => None,
        }
    }

    /// How a verification ended, where it is one.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Recovered { report, .. } | Self::Verified { report, .. } => Some(report.outcome),
            _ => None,
        }
    }

    /// The identity of the event: what happened, to what, and by which receipt, so that whoever writes it down writes the same.
    fn id(&self, environment: &Name, blueprint: &Name, correlation: &Digest) -> Digest {
        let of_pull = |pull: &u64| Digest::of(&("pull", environment, pull, self.name()));
        match self {
            Self::Decided { verdict, base, .. } => id_of_decision(correlation, verdict, base),
            Self::Proposed { pull, .. }
            | Self::Merged { pull, .. }
            | Self::Declined { pull, .. }
            | Self::Expired { pull }
            | Self::Verified { pull, .. } => of_pull(pull),
            Self::Applied { uid, receipt, .. } => Digest::of(&("applied", uid, receipt)),
            Self::Failed { commit, attempt, .. } => Digest::of(&("failed", environment, blueprint, commit, attempt)),
            Self::Restarted { uid, request, .. } => Digest::of(&("restarted", uid, request)),
            Self::Recovered { request, .. } => Digest::of(&("recovered", environment, blueprint, request)),
            Self::Alerted { cause, of, about, over, after, .. } => {
                Digest::of(&("alerted", environment, cause, of, about, over, after))
            }
        }
    }
}

/// The id of the entry that a decision has, before anything else of it is known: the facts that it rests on are gathered only where the
/// ledger does not have it (Z4).
pub fn id_of_decision(correlation: &Digest, verdict: &Verdict, base: &str) -> Digest {
    Digest::of(&("decided", correlation, verdict.tier, base, !verdict.holds.is_empty()))
}

impl Entry {
    /// Writes an event down.
    pub fn new(at: Timestamp, environment: Name, blueprint: Name, correlation: Digest, event: Event) -> Self {
        let id = event.id(&environment, &blueprint, &correlation);
        Self { schema_version: 1, id, at, environment, blueprint, correlation, event, evidence: None }
    }
}

impl<E> Entry<E> {
    /// Whether the id is that of what the entry says.
    pub fn is_genuine(&self) -> bool {
        self.id == self.event.id(&self.environment, &self.blueprint, &self.correlation)
    }
}

/// Where a day's file is full and another begins: less than what is read of a file of Git.
pub const FULL: usize = 2 << 20;

/// The first moment of a day, as [`day_of`] says it of the files that an entry of this time is written to (Z4).
pub fn first_of_day(at: Timestamp) -> Option<Timestamp> {
    day_of(&day_file(at, 1)?)
}

/// A file of a day: `2026/11/21.jsonl`, then `2026/11/21-2.jsonl`.
fn day_file(at: Timestamp, part: u32) -> Option<RepoPath> {
    let day = at.to_string(); // RFC 3339 in UTC: 2026-11-21T…
    let part = if part > 1 { format!("-{part}") } else { String::new() };
    RepoPath::new(format!("{}{part}.jsonl", day.get(..10)?.replace('-', "/"))).ok()
}

/// The day of a file: the first moment of it. `None`: it is no file of a ledger.
pub fn day_of(path: &RepoPath) -> Option<Timestamp> {
    let name = path.as_str().strip_suffix(".jsonl")?;
    let day = match name.split_once('-') {
        Some((day, part)) => part.parse::<u32>().ok().map(|_| day)?,
        None => name,
    };
    format!("{}T00:00:00Z", day.replace('/', "-")).parse().ok()
}

/// Reads one line; `None`: it cannot be read.
pub fn read_line<E: DeserializeOwned>(line: &[u8]) -> Option<Entry<E>> {
    serde_json::from_slice::<Entry<E>>(line).ok().filter(|entry| entry.schema_version == 1)
}

/// Reads one line for a listing: what stands where bpctl writes the evidence is not even looked at, which is most of a ledger. A line that
/// somebody forged may be read otherwise than [`read_line`] reads it, or read where that refuses it: nothing may rest on the answer.
pub fn glance(line: &[u8]) -> Option<Entry<Skipped>> {
    // A quote within a text is escaped: these are keys, if not always the outermost ones; then what is left is no JSON.
    let begin = memchr::memmem::find(line, br#","evidence":{"#);
    let end = memchr::memmem::rfind(line, br#"},"id":""#);
    let without = begin.zip(end).filter(|(begin, end)| begin < end).and_then(|(begin, end)| {
        let kept = [line.get(..begin)?, line.get(end + 1..)?].concat();
        read_line(&kept)
    });
    without.or_else(|| read_line(line))
}

/// The lines of a file.
pub fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut ends = memchr::memchr_iter(b'\n', file);
    let mut rest = Some(0);
    let all = std::iter::from_fn(move || {
        let (from, end) = (rest?, ends.next());
        rest = end.map(|end| end + 1);
        file.get(from..end.unwrap_or(file.len()))
    });
    all.filter(|line| !line.is_empty())
}

/// Puts entries in the order of what happened. Forges give whole seconds and clocks give more; within one second the order of writing is
/// the order of events.
pub fn in_order<E>(entries: &mut [Entry<E>]) {
    entries.sort_by_key(|entry| entry.at.as_second());
}

/// The files after appending what is not there yet; empty: nothing is new. `known` holds the ids that the ledger has.
pub fn append<'a>(
    existing: &BTreeMap<RepoPath, impl AsRef<[u8]>>,
    known: &BTreeSet<Digest>,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> BTreeMap<RepoPath, Vec<u8>> {
    let mut files: BTreeMap<RepoPath, Vec<u8>> = BTreeMap::new();
    let mut seen = known.clone();
    for entry in entries {
        let known = |path: &RepoPath| existing.get(path).map_or(0, |file| file.as_ref().len());
        let length = |path: &RepoPath| files.get(path).map_or_else(|| known(path), Vec::len);
        let mut parts = (1..).map_while(|part| day_file(entry.at, part));
        let Some(path) = parts.find(|path| length(path) < FULL) else { continue };
        if !seen.insert(entry.id.clone()) {
            continue;
        }
        let file = files
            .entry(path.clone())
            .or_insert_with(|| existing.get(&path).map(|file| file.as_ref().to_vec()).unwrap_or_default());
        if !file.is_empty() && !file.ends_with(b"\n") {
            file.push(b'\n');
        }
        file.extend(crate::model::canonical_json(entry).bytes());
        file.push(b'\n');
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a line of the ledger that is cut off, joined with the next one or passed over.
    #[test]
    fn lines_are_what_stands_between_line_ends() {
        for text in ["", "\n", "a", "a\n", "\na\n\nbc\n", "a\nb", "\n\n\nx"] {
            let expected: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
            let found: Vec<&[u8]> = lines(text.as_bytes()).collect();
            assert_eq!(found, expected.iter().map(|line| line.as_bytes()).collect::<Vec<_>>(), "{text:?}");
        }
    }

    /// Would miss: a listing that reads a line of bpctl's otherwise than everybody else does (keys and quotes within texts, evidence that holds
    /// what looks like the line's end, an event that has such a key itself), and one that takes half a line for a whole one.
    #[test]
    fn a_glance_reads_what_is_read() {
        let name = |text: &str| Name::new(text).unwrap();
        let nasty = r#"},"id":"x","evidence":{"a":1},"event":{"kind":"expired"}"#;
        let events = [
            Event::Expired { pull: 7 },
            Event::Declined { pull: 7, by: None, reason: Some(Untrusted::new(nasty)) },
            Event::Failed { commit: nasty.into(), attempt: 1, because: Untrusted::new(nasty) },
        ];
        let facts =
            ["{}", r#"{"a":{"id":"x"},"b":[{"evidence":{"id":""}}]}"#, r#"{"t":"},\"id\":\""}"#, "[1]", r#""none""#];
        for event in events {
            let at = "2026-11-21T10:00:00Z".parse().unwrap();
            let entry = Entry::new(at, name("staging"), name("web"), Digest::of("action"), event);
            for facts in facts.map(Some).into_iter().chain([None]) {
                let evidence = facts.map(|facts| Evidence(RawValue::from_string(facts.into()).unwrap()));
                let line = crate::model::canonical_json(&Entry { evidence, ..entry.clone() });
                let (read, seen) = (read_line::<Skipped>(line.as_bytes()).unwrap(), glance(line.as_bytes()).unwrap());
                assert_eq!((&seen.id, &seen.event, seen.at), (&read.id, &read.event, read.at), "{line}");
                assert_eq!(seen.event, entry.event, "{line}");
                for half in [&line[..line.len() - 1], &line[..line.len() / 2], &line[1..]] {
                    assert!(glance(half.as_bytes()).is_none(), "{half}");
                }
            }
        }
    }

    /// Would miss: an append to a day whose file was not kept, which would begin it anew and lose what stands in it.
    #[test]
    fn every_file_that_an_entry_may_go_to_is_of_its_day() {
        for at in ["2026-11-21T00:00:00Z", "2026-11-21T23:59:59.9Z", "2027-01-01T12:00:00Z"] {
            let at: Timestamp = at.parse().unwrap();
            for part in 1..4 {
                assert_eq!(first_of_day(at), day_of(&day_file(at, part).unwrap()), "{at} {part}");
            }
        }
    }
}
