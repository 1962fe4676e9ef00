//! Whether a ledger's branch only ever grew, by whose hand, and whether it tells the same as the forge (R7, T30).
//!
//! No verdict rests on the answer: a ledger that was forged misleads people, and only them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, Event, Skipped, day_of, first_of_day, lines, read_line};
use crate::govern::justification;
use crate::model::{Period, RepoPath, Timestamp, Untrusted};
use crate::observe::{CheckConclusion, Identity, PullState, Review, ReviewState};

/// How long entries are kept; whole days that are older may be dropped by a person (B12).
const KEPT: Period = Period::from_secs(90 * 86_400);
/// How much older than its commit an entry may be: a pass tells what killed ones left, and what failed for a month.
const LATE: Period = Period::from_secs(40 * 86_400);
/// How much later than its commit an entry may be dated: clocks differ.
const SKEW: Period = Period::from_secs(300);

/// Something that is not as bpctl writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What kind: `rewritten`.
    pub code: String,
    /// The ledger's commit, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What was seen; names in it come from the branch.
    pub message: Untrusted,
}

impl Problem {
    /// A problem of the whole branch.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), commit: None, message: Untrusted::new(message) }
    }
}

/// One commit of a ledger's branch.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its id.
    pub commit: String,
    /// Its author's address.
    pub by: Untrusted,
    /// When it was made, as it says itself.
    pub at: Timestamp,
    /// When the one before it was made.
    pub after: Option<Timestamp>,
    /// Whether it has more than one parent.
    pub merges: bool,
    /// What it changed: before and after.
    pub changed: Vec<ChangedFile>,
}

/// A file before and after; `None`: it is not there.
pub type ChangedFile = (RepoPath, Option<Vec<u8>>, Option<Vec<u8>>);

/// What is wrong with one commit, and the old days that a person dropped by it. `machine` is the address that bpctl writes as.
pub fn check_growth(written: &Written, machine: &str) -> (Vec<Problem>, Vec<RepoPath>) {
    let mut problems = Vec::new();
    let mut dropped = Vec::new();
    let mut tell = |code: &str, message: String| {
        problems.push(Problem {
            code: code.into(),
            commit: Some(written.commit.clone()),
            message: Untrusted::new(message),
        });
    };
    if written.after.is_some_and(|after| SKEW.after(written.at) < after) {
        tell("forged", "it is dated before the commit that it stands on".into());
    }
    if written.merges {
        tell("merged", "it merges two histories".into());
    }
    for (path, before, after) in &written.changed {
        let day = day_of(path);
        let is_old = day.is_some_and(|day| KEPT.after(day) < written.at);
        match (before, after) {
            (Some(_), None) if is_old => dropped.push(path.clone()),
            (Some(before), None) => {
                tell("shortened", format!("{path} is gone, with {} entries", lines(before).count()));
            }
            (before, Some(after)) => {
                let before = before.as_deref().unwrap_or_default();
                let Some(new) = after.strip_prefix(before) else {
                    let (had, has) = (lines(before).count(), lines(after).count());
                    let code = if has < had { "shortened" } else { "rewritten" };
                    tell(code, format!("{path} had {had} entries and has {has}, and does not begin as it did"));
                    continue;
                };
                if written.by.raw() != machine {
                    tell("written-by-another", format!("{} wrote to {path}", written.by.raw()));
                }
                for line in lines(new) {
                    match read_line::<Skipped>(line) {
                        None => tell("unreadable", format!("a new line of {path} cannot be read")),
                        Some(entry) if !entry.is_genuine() => {
                            tell("forged", format!("entry {} says another event than its id", entry.id.short()));
                        }
                        Some(entry) if entry.at < LATE.before(written.at) => {
                            tell("forged", format!("entry {} is dated long before it was written", entry.id.short()));
                        }
                        Some(entry) if first_of_day(entry.at) != day => {
                            tell("forged", format!("entry {} is of another day than {path}", entry.id.short()));
                        }
                        Some(entry) if entry.at > SKEW.after(written.at) => {
                            let id = entry.id.short();
                            tell("forged", format!("entry {id} is dated after the commit that wrote it"));
                        }
                        Some(_) => {}
                    }
                }
            }
            (None, None) => {}
        }
    }
    (problems, dropped)
}

/// A proposal, as the forge has it.
#[derive(Debug, Clone)]
pub struct PullRecord {
    /// Its number.
    pub number: u64,
    /// bpctl opened it.
    pub mine: bool,
    /// When.
    pub opened_at: Timestamp,
    /// How it stands.
    pub state: PullState,
    /// bpctl's own verification of the merge commit.
    pub outcome: Option<CheckConclusion>,
    /// What people answered; `None`: nobody asked, or it is not known.
    pub answers: Option<Answers>,
}

/// What people answered to a proposal, as the forge has it.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// Their reviews.
    pub reviews: Vec<Review>,
    /// Who closed it; of a merge, who merged it where that is another account than its author's.
    pub ended_by: Option<Identity>,
}

impl Answers {
    fn of<'a>(&'a self, who: &'a Identity) -> impl Iterator<Item = &'a Review> {
        self.reviews.iter().filter(|review| review.reviewer.id == who.id)
    }

    /// What an entry says of people that the forge does not. What somebody took back, or added, after the merge is no fault of the entry.
    fn against(&self, event: &Event, state: &PullState) -> Vec<String> {
        let mut told = Vec::new();
        match (event, state) {
            (Event::Merged { pull, reviews, by, .. }, PullState::Merged { at, .. }) => {
                // People are their numbers: a name may be another since (T6).
                let who = |by: &Option<Identity>| by.as_ref().map(|by| by.id.clone());
                if who(by) != who(&self.ended_by) {
                    let called = |by: &Option<Identity>| by.as_ref().map_or("bpctl", |by| by.login.raw()).to_owned();
                    told.push(format!(
                        "says that {} merged #{pull}, and the forge says {}",
                        called(by),
                        called(&self.ended_by)
                    ));
                }
                for review in reviews {
                    let who = review.reviewer.login.raw();
                    let stood = |there: &Review| [review.state, ReviewState::Dismissed].contains(&there.state);
                    let says = |there: &Review| justification(&there.body) == review.justification;
                    if !self.of(&review.reviewer).any(stood) {
                        told.push(format!("says that {who} answered #{pull} so, and the forge has no such review"));
                    } else if !self.of(&review.reviewer).any(|there| there.reviewer.login == review.reviewer.login) {
                        told.push(format!("calls somebody {who} on #{pull} whom the forge calls otherwise"));
                    } else if !self.of(&review.reviewer).any(says) {
                        told.push(format!("gives other words of {who} on #{pull} than the forge has"));
                    }
                }
                let named = |there: &Review| reviews.iter().any(|review| review.reviewer.id == there.reviewer.id);
                let approved = |there: &&Review| there.state == ReviewState::Approved && SKEW.after(there.at) < *at;
                for left in self.reviews.iter().filter(approved).filter(|there| !named(there)) {
                    told.push(format!("leaves out that {} approved #{pull}", left.reviewer.login.raw()));
                }
            }
            (Event::Declined { pull, by: Some(by), reason }, _) => {
                let said_no = |review: &Review| review.state == ReviewState::ChangesRequested;
                let closed = self.ended_by.as_ref().is_none_or(|closed| closed.id == by.id);
                if !closed && !self.of(by).any(said_no) {
                    told.push(format!("says that {} closed #{pull}, and the forge says otherwise", by.login.raw()));
                } else if reason.is_some() && !self.of(by).any(|review| reason.as_ref() == Some(&review.body)) {
                    told.push(format!("gives other words of {} on #{pull} than the forge has", by.login.raw()));
                }
            }
            _ => {}
        }
        told
    }
}

/// Where ledger and forge tell different things. `until`: the last write to the ledger; what happened after it is not written down yet.
/// `since`: what happened before it may have been dropped, or was not asked of the forge.
pub fn check_pulls<E>(
    entries: &[Entry<E>],
    pulls: &[PullRecord],
    since: Timestamp,
    until: Option<Timestamp>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut tell = |code: &str, message: String| problems.push(Problem::new(code, message));
    let by_number: BTreeMap<u64, &PullRecord> = pulls.iter().map(|pull| (pull.number, pull)).collect();
    let told: BTreeSet<(u64, &'static str)> =
        entries.iter().filter_map(|entry| Some((entry.event.pull()?, entry.event.name()))).collect();
    let mut seen = BTreeSet::new();
    // Whatever day an entry says: what the forge has of its pull request is compared.
    for entry in entries {
        let (id, name) = (entry.id.short(), entry.event.name());
        if !seen.insert(&entry.id) {
            tell("forged", format!("entry {id} stands there twice"));
        }
        let Some(number) = entry.event.pull() else { continue };
        let Some(pull) = by_number.get(&number) else {
            if entry.at < since {
                continue;
            }
            tell("no-proposal", format!("entry {id} says {name} of #{number}, and the forge has no such proposal"));
            continue;
        };
        let agrees = match (&entry.event, &pull.state) {
            (Event::Merged { commit, .. }, PullState::Merged { commit: landed, at, .. }) => {
                commit == landed && entry.at <= SKEW.after(*at) && entry.at >= SKEW.before(*at)
            }
            (Event::Declined { .. } | Event::Expired { .. }, state) => matches!(state, PullState::Closed { .. }),
            (Event::Verified { commit, report, .. }, PullState::Merged { commit: landed, .. }) => {
                commit == landed && pull.outcome == Some(report.outcome.conclusion())
            }
            (Event::Merged { .. } | Event::Verified { .. }, _) => false,
            _ => true,
        };
        if !agrees {
            tell("contradiction", format!("entry {id} says {name} of #{number}, and the forge says otherwise"));
            continue;
        }
        let answers = pull.answers.as_ref();
        for against in answers.map(|answers| answers.against(&entry.event, &pull.state)).unwrap_or_default() {
            tell("contradiction", format!("entry {id} {against}"));
        }
    }
    // Whoever writes to the ledger writes down what the forge holds by then.
    let mut wanted = |pull: &PullRecord, at: Timestamp, name: &'static str| {
        if at >= since && until.is_some_and(|until| at < until) && !told.contains(&(pull.number, name)) {
            tell("no-entry", format!("#{} was {name} at {at:.0}, and no entry says so", pull.number));
        }
    };
    for pull in pulls.iter().filter(|pull| pull.mine) {
        wanted(pull, pull.opened_at, "proposed");
        if let PullState::Merged { at, .. } = &pull.state {
            wanted(pull, *at, "merged");
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::append;
    use crate::model::{Digest, Name};

    const BOT: &str = "bpctl@localhost";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn proposed(pull: u64, when: &str) -> Entry {
        let name = |text: &str| Name::new(text).expect("a name");
        let event = Event::Proposed { pull, head: "1".repeat(40) };
        Entry::new(at(when), name("staging"), name("web"), Digest::of("action"), event)
    }

    fn file(entries: &[Entry]) -> (RepoPath, Vec<u8>) {
        append(&BTreeMap::<RepoPath, Vec<u8>>::new(), &BTreeSet::new(), entries).into_iter().next().expect("a file")
    }

    fn codes(by: &str, when: &str, before: Option<Vec<u8>>, after: Option<Vec<u8>>) -> (Vec<String>, usize) {
        let (path, _) = file(&[proposed(1, "2026-05-01T10:00:00Z")]);
        let changed = vec![(path, before, after)];
        let written =
            Written { commit: "c".into(), by: Untrusted::new(by), at: at(when), after: None, merges: false, changed };
        let (problems, dropped) = check_growth(&written, BOT);
        (problems.into_iter().map(|problem| problem.code).collect(), dropped.len())
    }

    /// Would miss: a line that is changed, taken out or added by hand; a young day that is dropped; an old one that may be.
    #[test]
    fn t30_a_ledger_only_grows() {
        let now = "2026-05-01T10:01:00Z";
        let (_, one) = file(&[proposed(1, "2026-05-01T10:00:00Z")]);
        let (_, two) = file(&[proposed(1, "2026-05-01T10:00:00Z"), proposed(2, "2026-05-01T10:00:30Z")]);
        let clean: (Vec<String>, usize) = (Vec::new(), 0);
        assert_eq!(codes(BOT, now, None, Some(one.clone())), clean);
        assert_eq!(codes(BOT, now, Some(one.clone()), Some(two.clone())), clean);
        let code = |by: &str, before: &[u8], after: Option<&[u8]>| {
            codes(by, now, Some(before.to_vec()), after.map(<[u8]>::to_vec)).0
        };
        assert_eq!(code("eve@example.org", &one, Some(&two)), ["written-by-another"]);
        assert_eq!(code(BOT, &two, Some(&one)), ["shortened"]);
        assert_eq!(code(BOT, &two, None), ["shortened"]);
        let text = String::from_utf8(two.clone()).expect("UTF-8");
        assert_eq!(code(BOT, &two, Some(text.replace("\"pull\":1", "\"pull\":7").as_bytes())), ["rewritten"]);
        assert_eq!(code(BOT, &one, Some(text.replace("\"pull\":2", "\"pull\":7").as_bytes())), ["forged"]);
        assert_eq!(code(BOT, &one, Some(&[&one[..], b"{}\n"].concat())), ["unreadable"]);
        let (_, other_day) = file(&[proposed(2, "2026-04-30T10:00:00Z")]);
        assert_eq!(code(BOT, &one, Some(&[&one[..], &other_day[..]].concat())), ["forged"]);
        assert_eq!(codes(BOT, "2026-05-01T09:00:00Z", None, Some(one.clone())).0, ["forged"]);
        // Nor is something told long after it happened, or before what stands already.
        assert_eq!(codes(BOT, "2026-07-01T10:00:00Z", None, Some(one.clone())).0, ["forged"]);
        let (path, _) = file(&[proposed(1, "2026-05-01T10:00:00Z")]);
        let after = Some(at("2026-05-01T11:00:00Z"));
        let changed = vec![(path, None, Some(one.clone()))];
        let written =
            Written { commit: "c".into(), by: Untrusted::new(BOT), at: at(now), after, merges: false, changed };
        assert_eq!(check_growth(&written, BOT).0.len(), 1);
        // 90 days later a person may drop the day.
        assert_eq!(codes("eve@example.org", "2026-08-01T10:00:00Z", Some(two.clone()), None), (Vec::new(), 1));
        assert_eq!(codes("eve@example.org", "2026-07-01T10:00:00Z", Some(two), None).0, ["shortened"]);
    }

    /// Would miss: an entry without a proposal, a proposal without an entry, and one that says another end.
    #[test]
    fn t30_ledger_and_forge_tell_the_same() {
        let pull = |state| PullRecord {
            number: 1,
            mine: true,
            opened_at: at("2026-05-01T10:00:00Z"),
            state,
            outcome: None,
            answers: None,
        };
        let merged = PullState::Merged { at: at("2026-05-01T10:00:10Z"), commit: "a".into(), by: None };
        let codes = |entries: &[Entry], pulls: &[PullRecord]| -> Vec<String> {
            let until = Some(at("2026-05-01T10:01:00Z"));
            let problems = check_pulls(entries, pulls, at("2026-05-01T00:00:00Z"), until);
            problems.into_iter().map(|problem| problem.code).collect()
        };
        let opened = proposed(1, "2026-05-01T10:00:00Z");
        assert!(codes(std::slice::from_ref(&opened), &[pull(PullState::Open)]).is_empty());
        assert_eq!(codes(&[], &[pull(PullState::Open)]), ["no-entry"]);
        assert_eq!(codes(std::slice::from_ref(&opened), &[]), ["no-proposal"]);
        assert_eq!(codes(std::slice::from_ref(&opened), &[pull(merged.clone())]), ["no-entry"]);
        let landed_at = |commit: &str, when: &str| {
            let changes = Digest::of("changes");
            let event = Event::Merged { pull: 1, commit: commit.into(), reviews: Vec::new(), changes, by: None };
            let Entry { environment, blueprint, correlation, .. } = opened.clone();
            Entry::new(at(when), environment, blueprint, correlation, event)
        };
        let landed = |commit: &str| landed_at(commit, "2026-05-01T10:00:10Z");
        assert!(codes(&[opened.clone(), landed("a")], &[pull(merged.clone())]).is_empty());
        assert_eq!(codes(&[opened.clone(), landed("b")], &[pull(merged.clone())]), ["contradiction"]);
        assert_eq!(codes(&[opened.clone(), landed("a"), landed("a")], &[pull(merged.clone())]), ["forged"]);
        // Nor is it another one's by its date.
        let long_ago = landed_at("a", "2026-01-01T00:00:00Z");
        assert_eq!(codes(&[opened.clone(), long_ago], &[pull(merged)]), ["contradiction"]);
        assert_eq!(codes(&[opened.clone(), landed("a")], &[pull(PullState::Open)]), ["contradiction"]);
    }

    fn person(name: &str) -> Identity {
        Identity { id: name.into(), login: Untrusted::new(name), bot: false }
    }

    fn review(who: &str, state: ReviewState, body: &str, when: &str) -> Review {
        Review {
            reviewer: person(who),
            state,
            commit: "a".into(),
            at: at(when),
            stale: false,
            rights: crate::observe::Known::Known(crate::observe::Rights::Write),
            signed: None,
            body: Untrusted::new(body),
        }
    }

    /// Would miss: an approver who is written into the ledger, or out of it; other words than were said; somebody else who is said to have closed it.
    #[test]
    fn t30_who_answered_is_as_the_forge_has_it() {
        let (before, after) = ("2026-05-01T10:00:00Z", "2026-05-01T12:00:00Z");
        let merged = PullState::Merged { at: at("2026-05-01T11:00:00Z"), commit: "a".into(), by: None };
        let told = |event: &Event, state: &PullState, reviews: Vec<Review>, ended_by: Option<&str>| {
            Answers { reviews, ended_by: ended_by.map(person) }.against(event, state)
        };
        let landed = |named: &[(&str, ReviewState, &str)]| Event::Merged {
            pull: 1,
            commit: "a".into(),
            reviews: named
                .iter()
                .map(|(who, state, words)| crate::govern::ReviewJudgement {
                    reviewer: person(who),
                    state: *state,
                    refused: None,
                    justification: justification(&Untrusted::new(*words)),
                })
                .collect(),
            changes: Digest::of("changes"),
            by: None,
        };
        let yes = ReviewState::Approved;
        let alice = landed(&[("alice", yes, "fine")]);
        let none: Vec<String> = Vec::new();
        assert_eq!(told(&alice, &merged, vec![review("alice", yes, "fine\n", before)], None), none);
        // What she did later is hers to do.
        let gone = ReviewState::Dismissed;
        assert_eq!(told(&alice, &merged, vec![review("alice", gone, "fine", before)], None), none);
        let later = vec![review("alice", yes, "fine", before), review("bob", yes, "", after)];
        assert_eq!(told(&alice, &merged, later, None), none);
        let no_such = "says that alice answered #1 so, and the forge has no such review";
        assert_eq!(told(&alice, &merged, Vec::new(), None), [no_such]);
        assert_eq!(
            told(&alice, &merged, vec![review("alice", ReviewState::Commented, "fine", before)], None),
            [no_such]
        );
        let mut renamed = review("alice", yes, "fine", before);
        renamed.reviewer.login = Untrusted::new("ceo");
        let other_name = "calls somebody alice on #1 whom the forge calls otherwise";
        assert_eq!(told(&alice, &merged, vec![renamed], None), [other_name]);
        let others = told(&alice, &merged, vec![review("alice", yes, "do not", before)], None);
        assert_eq!(others, ["gives other words of alice on #1 than the forge has"]);
        let out = told(&landed(&[]), &merged, vec![review("alice", yes, "fine", before)], None);
        assert_eq!(out, ["leaves out that alice approved #1"]);
        // A merge by hand is not one of bpctl's, nor the other way round.
        let by_hand = told(&landed(&[]), &merged, Vec::new(), Some("eve"));
        assert_eq!(by_hand, ["says that bpctl merged #1, and the forge says eve"]);
        let Event::Merged { pull, commit, reviews, changes, .. } = landed(&[]) else { unreachable!() };
        let by_eve = Event::Merged { pull, commit, reviews, changes, by: Some(person("eve")) };
        assert_eq!(told(&by_eve, &merged, Vec::new(), Some("eve")), none);
        assert_eq!(told(&by_eve, &merged, Vec::new(), None), ["says that eve merged #1, and the forge says bpctl"]);

        let closed = PullState::Closed { at: at(after), by: Some(person("bob")) };
        let no = |by: &str, reason: Option<&str>| Event::Declined {
            pull: 1,
            by: Some(person(by)),
            reason: reason.map(Untrusted::new),
        };
        let said = || vec![review("alice", ReviewState::ChangesRequested, "no", before)];
        assert_eq!(told(&no("bob", None), &closed, said(), Some("bob")), none);
        assert_eq!(told(&no("alice", Some("no")), &closed, said(), Some("bob")), none);
        assert_eq!(told(&no("bob", None), &closed, said(), None), none, "the forge does not tell");
        let eve = "says that eve closed #1, and the forge says otherwise";
        assert_eq!(told(&no("eve", None), &closed, said(), Some("bob")), [eve]);
        let words = "gives other words of alice on #1 than the forge has";
        assert_eq!(told(&no("alice", Some("yes")), &closed, said(), Some("bob")), [words]);
    }
}
