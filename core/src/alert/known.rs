//! What was told before: read off the ledger, so that a cause is told once and not by each scheduled pass. Without a ledger all is new, and is
//! told again; nothing else follows (R6, B12).

use std::collections::BTreeMap;

use super::{Alert, Cause, Unclear, key};
use crate::ledger::{Entry, Event};
use crate::model::{Digest, Name, Timestamp};

/// How an alert stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Of what.
    pub cause: Cause,
    /// Of which blueprint.
    pub of: Option<Name>,
    /// What it was about.
    pub about: Digest,
    /// Whether it is over.
    pub over: bool,
    /// When that was written.
    pub at: Timestamp,
    /// The entry.
    pub entry: Digest,
}

/// How each alert stands, by key: its last entry.
pub fn known<E>(entries: &[Entry<E>]) -> BTreeMap<String, Known> {
    let mut all: BTreeMap<String, Known> = BTreeMap::new();
    for entry in entries {
        let Event::Alerted { cause, of, about, over, after, .. } = &entry.event else { continue };
        let key = key(*cause, of.as_ref());
        // Entries of one second stand in the order of writing; each names the one before it all the same.
        if all.get(&key).is_some_and(|last| after.as_ref() != Some(&last.entry) && entry.at < last.at) {
            continue;
        }
        let (cause, of, about, over, at) = (*cause, of.clone(), about.clone(), *over, entry.at);
        all.insert(key, Known { cause, of, about, over, at, entry: entry.id.clone() });
    }
    all
}

/// What has to be written and told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new, or about something else than before.
    Raised(Alert, Option<Known>),
    /// Its cause is gone.
    Over(Known),
}

/// What is new since it was told last, and what is over: what the pass did not find, though nothing unclear hides it.
pub fn changes(now: &[Alert], before: &BTreeMap<String, Known>, unclear: &Unclear) -> Vec<Change> {
    let mut all = Vec::new();
    for alert in now {
        let last = before.get(&alert.key());
        if last.is_none_or(|last| last.over || last.about != alert.about) {
            all.push(Change::Raised(alert.clone(), last.cloned()));
        }
    }
    let stands = |key: &String| now.iter().any(|alert| alert.key() == *key);
    let over = before.iter().filter(|(key, last)| {
        !last.over && last.cause.is_derived() && !stands(key) && !unclear.hides(last.cause, last.of.as_ref())
    });
    all.extend(over.map(|(_, last)| Change::Over(last.clone())));
    all
}

impl Change {
    /// The ledger's entry of it.
    pub fn entry(&self, environment: &Name, at: Timestamp) -> Entry {
        let (cause, of, about, over, told, after) = match self {
            Self::Raised(alert, last) => {
                let after = last.as_ref().map(|last| last.entry.clone());
                (alert.cause, &alert.of, &alert.about, false, alert.told.clone(), after)
            }
            Self::Over(last) => {
                let told = format!("{}: over", last.cause.words());
                (last.cause, &last.of, &last.about, true, told, Some(last.entry.clone()))
            }
        };
        let blueprint = of.as_ref().unwrap_or(environment).clone();
        let correlation = Digest::of(&("alert", environment, key(cause, of.as_ref())));
        let event = Event::Alerted { cause, of: of.clone(), about: about.clone(), over, told, after };
        Entry::new(at, environment.clone(), blueprint, correlation, event)
    }

    /// Its key.
    pub fn key(&self) -> String {
        match self {
            Self::Raised(alert, _) => alert.key(),
            Self::Over(last) => key(last.cause, last.of.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn name(name: &str) -> Name {
        Name::new(name).expect("a name")
    }

    fn alert(about: &str) -> Alert {
        Alert::new(Cause::BreakerOpen, Some(&name("web")), &about, "stopped")
    }

    /// R6. Would miss: a cause that each scheduled pass tells anew, one that came back and is not told, and an end that nobody saw.
    #[test]
    fn r06_a_cause_is_told_once_until_it_changes_or_ends() {
        let env = name("staging");
        let mut ledger: Vec<Entry> = Vec::new();
        let mut tell = |seconds: i64, now: &[Alert], unclear: &Unclear| -> Vec<bool> {
            let all = changes(now, &known(&ledger), unclear);
            ledger.extend(all.iter().map(|change| change.entry(&env, at(seconds))));
            all.iter().map(|change| matches!(change, Change::Over(_))).collect()
        };
        let whole = &Unclear::Of([].into());
        assert_eq!(tell(1, &[alert("a")], whole), [false]);
        assert!(tell(2, &[alert("a")], whole).is_empty());
        assert_eq!(tell(3, &[alert("b")], whole), [false], "about something else");
        assert!(tell(4, &[], &Unclear::All).is_empty(), "a pass that saw nothing ends nothing");
        assert!(tell(4, &[], &Unclear::Of([name("web")].into())).is_empty(), "nor one that did not see it");
        let clear = &Unclear::Of([name("api")].into());
        assert_eq!(tell(5, &[], clear), [true]);
        assert!(tell(6, &[], clear).is_empty());
        assert_eq!(tell(6, &[alert("b")], clear), [false], "it came back, within the same second");
        assert!(tell(7, &[alert("b")], clear).is_empty());
        let mut ids: Vec<&Digest> = ledger.iter().map(|entry| &entry.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 4, "each is an entry of its own");
        assert!(ledger.iter().all(Entry::is_genuine));
    }

    /// Would miss: what only a person can end, taken for over by the next pass.
    #[test]
    fn r06_what_no_pass_finds_again_is_for_a_person_to_end() {
        let env = name("staging");
        let landed = Alert::new(Cause::OtherTree, Some(&name("web")), &7, "#7");
        let first = changes(std::slice::from_ref(&landed), &BTreeMap::new(), &Unclear::All);
        let ledger: Vec<Entry> = first.iter().map(|change| change.entry(&env, at(1))).collect();
        assert!(changes(&[], &known(&ledger), &Unclear::Of([].into())).is_empty());
    }

    /// Would miss: two runs at once that write the same down twice, under two ids.
    #[test]
    fn z02_two_runs_write_the_same_entry() {
        let env = name("staging");
        let of = |seconds| changes(&[alert("a")], &BTreeMap::new(), &Unclear::All)[0].entry(&env, at(seconds)).id;
        assert_eq!(of(1), of(2));
    }
}
