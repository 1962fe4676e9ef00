//! Which entries somebody asks for (F7).

use std::collections::BTreeMap;

use super::{Entry, Event};
use crate::blueprint::Tier;
use crate::model::{Digest, Timestamp};

/// A verdict, as people ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictFilter {
    /// Allowed, and not held.
    Allowed,
    /// A person has to approve it.
    NeedsApproval,
    /// Refused.
    Forbidden,
    /// Fine, but not now.
    Held,
}

/// What is asked for; empty: everything.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// Of this blueprint.
    pub blueprint: Option<String>,
    /// Of operations of this action: `scale`.
    pub action: Option<String>,
    /// Decisions with this verdict.
    pub verdict: Option<VerdictFilter>,
    /// What this person or machine did: a login, or the forge's id.
    pub actor: Option<String>,
    /// Of the operation whose correlation id begins so.
    pub correlation: Option<String>,
}

impl Query {
    /// The entries that are asked for, in their order.
    pub fn select<E>(&self, entries: Vec<Entry<E>>) -> Vec<Entry<E>> {
        // Only decisions name their action; what followed shares the correlation.
        let actions: BTreeMap<Digest, &'static str> = entries
            .iter()
            .filter(|_| self.action.is_some())
            .filter_map(|entry| match &entry.event {
                Event::Decided { action, .. } => Some((entry.correlation.clone(), action.name())),
                _ => None,
            })
            .collect();
        entries.into_iter().filter(|entry| self.wants(entry, &actions)).collect()
    }

    fn wants<E>(&self, entry: &Entry<E>, actions: &BTreeMap<Digest, &'static str>) -> bool {
        let action = || match &entry.event {
            Event::Applied { .. } | Event::Failed { .. } => Some("reconcile"),
            Event::Restarted { .. } | Event::Recovered { .. } => Some("restart"),
            _ => actions.get(&entry.correlation).copied(),
        };
        self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.blueprint.as_ref().is_none_or(|name| entry.blueprint.as_str() == name)
            && self.action.as_ref().is_none_or(|name| action() == Some(name))
            && self.verdict.is_none_or(|verdict| entry.event.has(verdict))
            && self.actor.as_ref().is_none_or(|name| entry.event.actors().contains(&name.as_str()))
            && self.correlation.as_ref().is_none_or(|start| entry.correlation.as_str().starts_with(start))
    }
}

impl Event {
    fn has(&self, wanted: VerdictFilter) -> bool {
        let Self::Decided { verdict, .. } = self else { return false };
        let is = match verdict.tier {
            Tier::Forbidden => VerdictFilter::Forbidden,
            _ if !verdict.holds.is_empty() => VerdictFilter::Held,
            Tier::RequiresApproval => VerdictFilter::NeedsApproval,
            Tier::Allowed => VerdictFilter::Allowed,
        };
        is == wanted
    }

    /// Who did it, by login and by the forge's id: bpctl, and the people whose word counted.
    pub fn actors(&self) -> Vec<&str> {
        let mut actors = match self {
            Self::Declined { by, .. } | Self::Merged { by: by @ Some(_), .. } => {
                by.iter().flat_map(|by| [by.login.raw(), by.id.as_str()]).collect()
            }
            _ => vec!["bpctl"],
        };
        if let Self::Merged { reviews, .. } = self {
            let approving = reviews.iter().filter(|review| review.approves()).map(|review| &review.reviewer);
            actors.extend(approving.flat_map(|by| [by.login.raw(), by.id.as_str()]));
        }
        actors
    }
}
