//! What stands beside the lines of a pull request, on a forge that shows such things: why a line needs a person, or may not be (B10, X9).
//!
//! It tells, and decides nothing: the verdict is the check's own. All of it is plain text, in which what comes from outside is escaped.

use std::collections::{BTreeMap, BTreeSet};

use super::{listed, sink, values};
use crate::blueprint::Tier;
use crate::govern::ChangeVerdict;
use crate::model::{Digest, Name, Untrusted};
use crate::propose::{Change, Place, Places};

/// How many lines are marked: as many as GitHub takes with one request.
pub const MOST: usize = 50;
/// How many names one mark lists.
const NAMES: usize = 5;
/// How many lines of details one has.
const DETAILS: usize = 20;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It needed a person, who was there.
    Notice,
    /// It needs a person.
    Warning,
    /// It is forbidden.
    Failure,
}

/// A mark beside one line of a pull request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The line.
    pub place: Place,
    /// How grave it is.
    pub level: Level,
    /// Whose rule says so: one line.
    pub title: String,
    /// What changes, and why that is not simply allowed.
    pub message: String,
    /// What else is known of it.
    pub details: Option<String>,
}

/// The gravest marks of a judgement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// What is shown, the gravest first.
    pub shown: Vec<Mark>,
    /// How many changes more need a person or are forbidden.
    pub left: usize,
}

/// One change, and those for whom it is as grave as it is for anybody.
struct Group<'j> {
    verdict: &'j ChangeVerdict,
    blueprints: BTreeSet<&'j Name>,
    environments: BTreeSet<&'j Name>,
}

/// Marks what keeps the changes of a pull request from being simply allowed: one mark for each, whosesoever rules it meets. `settled`: the
/// people whom they need have said yes.
pub fn marks(verdicts: &[ChangeVerdict], settled: bool, places: &Places<'_>) -> Marks {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: BTreeMap<Digest, usize> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.verdict.tier != Tier::Allowed) {
        let new = || Group { verdict, blueprints: BTreeSet::new(), environments: BTreeSet::new() };
        let at = *known.entry(Digest::of(&verdict.change)).or_insert(groups.len());
        if at == groups.len() {
            groups.push(new());
        }
        let group = &mut groups[at];
        if verdict.verdict.tier > group.verdict.verdict.tier {
            *group = new();
        }
        if verdict.verdict.tier == group.verdict.verdict.tier {
            group.blueprints.insert(&verdict.blueprint);
            group.environments.insert(&verdict.environment);
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.verdict.verdict.tier));
    let all = groups.len();
    let placed = groups.iter().filter_map(|group| Some((group, places.of_change(&group.verdict.change)?)));
    let shown: Vec<Mark> = placed.take(MOST).map(|(group, place)| mark(group, place, settled)).collect();
    Marks { left: all - shown.len(), shown }
}

fn mark(group: &Group<'_>, place: Place, settled: bool) -> Mark {
    let verdict = &group.verdict.verdict;
    let level = match verdict.tier {
        _ if settled => Level::Notice,
        Tier::Forbidden => Level::Failure,
        Tier::Allowed | Tier::RequiresApproval => Level::Warning,
    };
    let names = |names: &BTreeSet<&Name>| listed(&names.iter().collect::<Vec<_>>(), NAMES);
    let title = format!("{}: {} in {}", verdict.tier, names(&group.blueprints), names(&group.environments));
    let plain = |text: &str| sink::terminal(&Untrusted::new(text));
    let mut message = vec![changed(&group.verdict.change)];
    message.extend(verdict.principal().map(|rule| format!("{}: {}", plain(&rule.cite), plain(&rule.because))));
    message.extend(verdict.alternative.as_deref().map(|instead| format!("instead: {}", plain(instead))));
    let others = verdict.rules.iter().skip(1).map(|rule| format!("{}: {}", plain(&rule.cite), plain(&rule.because)));
    let impact = verdict.impact.iter().map(|line| format!("impact: {}", plain(line)));
    let overrides = verdict.overrides.iter().map(|line| plain(line));
    let details: Vec<String> = others.chain(impact).chain(overrides).take(DETAILS).collect();
    let details = (!details.is_empty()).then(|| details.join("\n"));
    Mark { place, level, title, message: message.join("\n"), details }
}

/// A change of a pull request in one line of plain text.
pub fn changed(change: &Change) -> String {
    let shown = |text: String| sink::terminal(&Untrusted::new(text));
    match change {
        // The value of a credential is in Git already; it need not be in a terminal's scrollback and a job's log as well (T38).
        Change::Field(change) if change.is_credential() => {
            format!("{} {}: not shown", shown(change.object.to_string()), shown(change.field.to_string()))
        }
        Change::Field(change) => {
            let (from, to) = values(change.from.as_ref(), change.to.as_ref());
            let (object, field) = (shown(change.object.to_string()), shown(change.field.to_string()));
            format!("{object} {field}: {} → {}", sink::terminal(&from), sink::terminal(&to))
        }
        Change::Object(change) => {
            format!("{} {}", shown(change.object.to_string()), if change.added { "is added" } else { "is removed" })
        }
        Change::Opaque(change) => format!("{}: {}", sink::terminal(&change.path), change.because),
    }
}
