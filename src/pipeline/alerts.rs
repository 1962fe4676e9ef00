//! Alerts: people hear of what they have to look at, once (R6, B10). The ledger says what was told before, and who may tell what is new: of runs
//! at once the one whose entry landed. The forge keeps an issue for each cause that lasts; a chat gets a message for each that is new.
//!
//! Nothing here fails a pass or permits anything. Whatever cannot be told is said in the output.

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::alert::{
    About, Alert, Change, Known, Unclear, about, body, changes, chat, key_of, known, marker, title,
};
use bpctl_core::blueprint::Alerts;
use bpctl_core::ledger::Entry;
use bpctl_core::model::{Digest, Name, Period, Timestamp};
use bpctl_core::render::sink;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Effects, PipelineError, Session, ledger};
use crate::forge::{Check, IssueFilter, OwnIssue};
use crate::webhook::Webhook;

/// For so long whoever wrote the entry may be about to open the issue; then it was killed, and another run opens it. An entry has the time of
/// the first try to write it, so that this is more than what others who write can hold it up.
const LEASE: Period = Period::from_secs(60);
/// How far back a closed issue is looked for, to be opened again.
const REMEMBERED: Period = Period::from_secs(90 * 86_400);

/// How an alert stands after a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// This pass told it.
    New,
    /// It was told before, and lasts.
    Stands,
    /// A person closed its issue: it lasts, and was seen.
    Seen,
    /// Its cause is gone.
    Over,
    /// A dry run: nobody was told.
    WouldBeTold,
    /// There is neither a place for issues nor a chat: the output of the pass alone says it, and nothing is written down.
    Here,
}

/// An alert, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertTold {
    /// What it is about: `breaker-open/frontend`.
    pub key: String,
    /// How it stands.
    pub state: AlertState,
    /// One line.
    pub told: String,
    /// Its issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
}

/// What a pass told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Each alert.
    pub alerts: Vec<AlertTold>,
    /// What could not be told, and why.
    pub untold: Vec<String>,
    /// Entries that were written to the ledger.
    pub recorded: usize,
}

impl Told {
    /// Whether there is anything to say of it.
    pub fn is_something(&self) -> bool {
        !self.alerts.is_empty() || !self.untold.is_empty()
    }
}

/// What a pass has to tell.
#[derive(Debug, Default)]
pub struct Found {
    /// What lasts.
    pub standing: Vec<Alert>,
    /// What happened once; the ledger's own entry of it was written by this run.
    pub passing: Vec<Alert>,
    /// What the pass did not see: all else that it did not find is over.
    pub unclear: Unclear,
    /// What was told before, where the pass has read it.
    pub before: Option<BTreeMap<String, Known>>,
}

/// Tells what is to be told.
pub async fn tell(
    session: &Session,
    effects: &Effects<'_>,
    environment: &Name,
    settings: &Alerts,
    found: Found,
) -> Told {
    let Found { mut standing, mut passing, unclear, before } = found;
    for alerts in [&mut standing, &mut passing] {
        alerts.retain(|alert| !settings.mute.contains(&alert.cause));
    }
    let (keeps, chats) = (settings.issues && session.forge.reading().issue_url(0).is_some(), Webhook::is_configured());
    if !chats {
        passing.clear();
    }
    if !keeps && !chats {
        let here = |alert: &Alert| line(alert, AlertState::Here, None);
        return Told { alerts: standing.iter().map(here).collect(), ..Told::default() };
    }
    if effects.is_dry_run() {
        let would = |alert: &Alert| line(alert, AlertState::WouldBeTold, None);
        return Told { alerts: standing.iter().chain(&passing).map(would).collect(), ..Told::default() };
    }
    let told = Told::default();
    let mut telling = Telling { session, effects, environment, told, issues: None, made_up: Vec::new() };
    let before = match before {
        Some(before) => Ok(before),
        None => telling.before().await,
    };
    let remembers = before.is_ok();
    let before = before.unwrap_or_else(|error| {
        telling.untold("what was told before", &error);
        BTreeMap::new()
    });
    let changed = changes(&standing, &before, &unclear);
    if standing.is_empty() && passing.is_empty() && changed.is_empty() {
        return telling.told;
    }
    if keeps && !(standing.is_empty() && changed.is_empty()) {
        telling.look().await;
    }
    let changed = telling.end(changed).await;
    let now = telling.now().await;
    let fresh = telling.write(&changed, now).await;
    for alert in &standing {
        let last = before.get(&alert.key()).filter(|last| !last.over && last.about == alert.about);
        let mine = fresh.contains(&alert.key());
        // Another run wrote it down a moment ago, and is about to tell it.
        let theirs = remembers && !mine && last.is_none_or(|last| LEASE.after(last.at) > now);
        telling.show(alert, mine, theirs, now).await;
    }
    let mut lines: Vec<String> = Vec::new();
    for change in changed.iter().filter(|change| fresh.contains(&change.key())) {
        match change {
            Change::Raised(alert, _) => lines.push(telling.line(alert)),
            Change::Over(last) => {
                let alert = gone(last);
                telling.told.alerts.push(line(&alert, AlertState::Over, None));
                lines.push(chat(environment, &alert, true));
            }
        }
    }
    // An entry alone tells nobody: where no issue came of it, the chat heard nothing either.
    let made_up = std::mem::take(&mut telling.made_up);
    let made_up = standing.iter().filter(|alert| made_up.contains(&alert.key()));
    lines.extend(made_up.map(|alert| telling.line(alert)));
    for alert in &passing {
        telling.told.alerts.push(line(alert, AlertState::New, None));
        lines.push(chat(environment, alert, false));
    }
    telling.send(&lines).await;
    telling.told
}

/// Tells the chat that a pass could not even begin. Nobody remembers it: without its forge bpctl has no memory, so that each pass tells it.
pub async fn tell_alone(environment: &Name, error: &PipelineError) -> Option<String> {
    let webhook = match Webhook::from_environment() {
        Ok(webhook) => webhook?,
        Err(error) => return Some(untold("the chat", &error.into())),
    };
    let text = chat(environment, &failed(error), false);
    Effects::send_alone(&webhook, &text).await.err().map(|error| untold("the chat", &error))
}

/// The alert that a pass ended with an error.
pub fn failed(error: &PipelineError) -> Alert {
    let kind = match error {
        PipelineError::Input(_) => "the input",
        PipelineError::Git(_) => "Git",
        PipelineError::Forge(_) => "the forge",
        PipelineError::Cluster(_) => "the cluster",
        PipelineError::Webhook(_) | PipelineError::Told { .. } => "something else",
    };
    let told = format!("it ended because of {kind}, and nothing that would have followed was done");
    Alert::new(bpctl_core::alert::Cause::PassFailed, None, &kind, told).said(Some(told_of(error))).next(error.hint())
}

fn told_of(error: &PipelineError) -> bpctl_core::model::Untrusted {
    let said = error.said().map_or_else(String::new, |said| format!(": {}", said.raw()));
    crate::runtime::said(&format!("{}{}{said}", error.placed(), super::error::cause(error)))
}

/// What can be said of an alert that is over.
fn gone(last: &Known) -> Alert {
    let told = last.cause.words();
    Alert { about: last.about.clone(), ..Alert::new(last.cause, last.of.as_ref(), &"", told) }
}

fn line(alert: &Alert, state: AlertState, issue: Option<String>) -> AlertTold {
    let of = alert.of.as_ref().map_or_else(String::new, |of| format!("{of}: "));
    let told = if alert.told == alert.cause.words() { String::new() } else { format!(": {}", alert.told) };
    AlertTold { key: alert.key(), state, told: format!("{of}{}{told}", alert.cause.words()), issue }
}

fn untold(what: &str, error: &PipelineError) -> String {
    let said = error.said().map_or_else(String::new, |said| format!(" ({})", sink::terminal(said)));
    format!("{what}: {error}{}{said}", super::error::cause(error))
}

/// Whether alerts get out, for `bpctl doctor`; with `test` one of each is sent.
pub async fn checks(session: &Session, test: bool) -> Vec<Check> {
    let forge = session.forge.reading();
    let Ok(tip) = forge.base_tip().await else { return Vec::new() };
    let Ok(workspace) = super::workspace_on_base(&session.repository, &tip) else { return Vec::new() };
    let settings = &workspace.get().alerts;
    let mut checks = Vec::new();
    let chat = match Webhook::from_environment() {
        Ok(chat) => chat,
        Err(error) => {
            checks.push(Check::limited(error.to_string(), error.hint()));
            None
        }
    };
    let keeps = forge.issue_url(0).is_some();
    if keeps && settings.issues {
        checks.push(match forge.issues(IssueFilter::Open, ANY).await {
            Ok(issues) => Check::fine(format!("what lasts gets an issue; {} of bpctl's are open", issues.len())),
            Err(error) => Check::limited(untold("no issue gets out", &error.into()), ISSUES),
        });
    }
    if chat.is_some() {
        checks.push(Check::fine("what is new goes to the chat behind BPCTL_ALERT_WEBHOOK"));
    } else if checks.is_empty() {
        let told = "nobody is alerted: there is neither a place for issues nor a chat; the output of apply says it";
        checks.push(Check::limited(told, "set BPCTL_ALERT_WEBHOOK to a chat's incoming webhook (Slack-compatible)"));
    }
    if test {
        checks.extend(sent(session, keeps && settings.issues, chat.as_ref()).await);
    }
    checks
}

/// How an alert of any environment begins.
const ANY: &str = "<!-- bpctl:alert:";
/// What mends it where no issue can be read or written.
const ISSUES: &str =
    "let bpctl's account read and write issues, and the repository have them; or say `alerts: {issues: false}`";

/// A test by each way.
async fn sent(session: &Session, issues: bool, chat: Option<&Webhook>) -> Vec<Check> {
    let writing = match session.forge.writing() {
        Ok(writing) => writing,
        Err(error) => return vec![Check::limited(untold("the test", &error), ISSUES)],
    };
    let effects = Effects::new(writing, None, false);
    let mut checks = Vec::new();
    if issues {
        let (title, body) =
            ("bpctl: a test", "<!-- bpctl:test -->\nA test of `bpctl doctor --test-alert`. There is nothing to do.");
        let done = async {
            let number = effects.open_issue(title, body).await?;
            effects.update_issue(number, title, body, false).await?;
            Ok(number)
        };
        let done: Result<u64, PipelineError> = done.await;
        checks.push(match done {
            Ok(number) => {
                let page = session.forge.reading().issue_url(number).unwrap_or_default();
                Check::fine(format!("an issue was opened and closed: {page}"))
            }
            Err(error) => Check::limited(untold("the issue", &error), ISSUES),
        });
    }
    if let Some(chat) = chat {
        checks.push(
            match effects.send_webhook(chat, "*bpctl*: a test of bpctl doctor. There is nothing to do.").await {
                Ok(()) => Check::fine("the chat took a message"),
                Err(error) => Check::limited(untold("the chat", &error), error.hint().unwrap_or_default()),
            },
        );
    }
    checks
}

/// bpctl's issues of the environment, as far as they were asked for.
struct Issues {
    open: BTreeMap<String, Vec<OwnIssue>>,
    closed: Option<BTreeMap<String, OwnIssue>>,
}

struct Telling<'a> {
    session: &'a Session,
    effects: &'a Effects<'a>,
    environment: &'a Name,
    told: Told,
    /// `None`: there are none, they are not wanted, or they cannot be read.
    issues: Option<Issues>,
    /// Keys of alerts that the ledger says were told, and of which no issue came.
    made_up: Vec<String>,
}

impl Telling<'_> {
    fn untold(&mut self, what: &str, error: &PipelineError) {
        self.told.untold.push(untold(what, error));
    }

    async fn before(&self) -> Result<BTreeMap<String, Known>, PipelineError> {
        let forge = self.session.forge.reading();
        let ledger = ledger::recall(&self.session.repository, forge, self.environment).await?;
        Ok(known(&ledger.entries))
    }

    async fn now(&self) -> Timestamp {
        let clock = self.session.forge.reading().clock().await;
        clock.map_or_else(|_| crate::runtime::now(), |clock| clock.now)
    }

    async fn list(&self, which: IssueFilter) -> Result<Vec<(String, OwnIssue)>, PipelineError> {
        let issues = self.session.forge.reading().issues(which, &marker(self.environment)).await?;
        let keyed = |issue: OwnIssue| Some((key_of(self.environment, &issue.body)?, issue));
        Ok(issues.into_iter().filter_map(keyed).collect())
    }

    /// The issues that are open: one request.
    async fn look(&mut self) {
        match self.list(IssueFilter::Open).await {
            Ok(issues) => {
                let mut open: BTreeMap<String, Vec<OwnIssue>> = BTreeMap::new();
                for (key, issue) in issues {
                    open.entry(key).or_default().push(issue);
                }
                self.issues = Some(Issues { open, closed: None });
            }
            Err(error) => self.untold("the issues", &error),
        }
    }

    /// The newest closed issue of a key, asked for once, and only where none is open.
    async fn closed(&mut self, key: &str, now: Timestamp) -> Result<Option<OwnIssue>, PipelineError> {
        let known = |issues: &Issues| issues.closed.as_ref().map(|closed| closed.get(key).cloned());
        if let Some(found) = self.issues.as_ref().and_then(known) {
            return Ok(found);
        }
        let since = IssueFilter::ClosedSince(REMEMBERED.before(now));
        let closed: BTreeMap<String, OwnIssue> = self.list(since).await?.into_iter().collect();
        let found = closed.get(key).cloned();
        if let Some(issues) = &mut self.issues {
            issues.closed = Some(closed);
        }
        Ok(found)
    }

    /// Closes the issues of what is over, before that is written down: who is killed between the two is made up for. Answers what may be written.
    async fn end(&mut self, changed: Vec<Change>) -> Vec<Change> {
        let mut kept = Vec::new();
        for change in changed {
            if let Change::Over(last) = &change
                && self.issues.is_some()
                && let Err(error) = self.close(last).await
            {
                self.untold(&format!("that {} is over", change.key()), &error);
                continue;
            }
            kept.push(change);
        }
        kept
    }

    async fn close(&mut self, last: &Known) -> Result<(), PipelineError> {
        let alert = gone(last);
        let key = alert.key();
        let open = self.issues.as_mut().and_then(|issues| issues.open.remove(&key)).unwrap_or_default();
        let mut marked = open;
        if marked.is_empty() {
            // A person closed it as seen: when it comes back it is news again.
            let now = self.now().await;
            let seen = self.closed(&key, now).await?;
            marked.extend(seen.filter(|issue| about(&issue.body) != Some(About::Over)));
        }
        for issue in marked {
            self.over(&alert, issue.number).await?;
        }
        Ok(())
    }

    async fn over(&self, alert: &Alert, number: u64) -> Result<(), PipelineError> {
        let (title, body) = (title(self.environment, alert), body(self.environment, alert, true));
        self.effects.update_issue(number, &title, &body, false).await
    }

    /// Writes down what changed, and answers the keys that this run is to tell. Where that cannot be written it is told all the same.
    async fn write(&mut self, changed: &[Change], now: Timestamp) -> BTreeSet<String> {
        if changed.is_empty() {
            return BTreeSet::new();
        }
        let entries: Vec<Entry> = changed.iter().map(|change| change.entry(self.environment, now)).collect();
        let written = ledger::record(self.session, self.effects, self.environment, &entries, now).await;
        let fresh: Option<BTreeSet<Digest>> = match written {
            Ok(fresh) => Some(fresh),
            Err(error) => {
                self.untold("the ledger", &error);
                None
            }
        };
        self.told.recorded = fresh.as_ref().map_or(0, BTreeSet::len);
        let mine = changed.iter().zip(&entries);
        let mine = mine.filter(|(_, entry)| fresh.as_ref().is_none_or(|fresh| fresh.contains(&entry.id)));
        mine.map(|(change, _)| change.key()).collect()
    }

    /// Sees to the issue of an alert that stands.
    async fn show(&mut self, alert: &Alert, mine: bool, theirs: bool, now: Timestamp) {
        let mut state = if mine { AlertState::New } else { AlertState::Stands };
        let mut issue = None;
        if self.issues.is_some() {
            match self.issue(alert, (mine, theirs), now).await {
                Ok(Some((number, seen))) => {
                    issue = self.session.forge.reading().issue_url(number);
                    state = if seen { AlertState::Seen } else { state };
                }
                Ok(None) => {}
                Err(error) => self.untold(&format!("the issue of {}", alert.key()), &error),
            }
        }
        self.told.alerts.push(line(alert, state, issue));
    }

    /// The issue that stands for an alert now, and whether a person closed it.
    async fn issue(
        &mut self,
        alert: &Alert,
        (mine, theirs): (bool, bool),
        now: Timestamp,
    ) -> Result<Option<(u64, bool)>, PipelineError> {
        let key = alert.key();
        let (title, text) = (title(self.environment, alert), body(self.environment, alert, false));
        let same = |issue: &OwnIssue| about(&issue.body) == Some(About::This(alert.about.clone()));
        let open = self.issues.as_mut().and_then(|issues| issues.open.remove(&key)).unwrap_or_default();
        if let Some((first, others)) = open.split_first() {
            if !same(first) && !theirs {
                self.effects.update_issue(first.number, &title, &text, true).await?;
            }
            // Of those that runs at once opened the oldest stays.
            for other in others {
                self.over(alert, other.number).await?;
            }
            return Ok(Some((first.number, false)));
        }
        let closed = self.closed(&key, now).await?;
        if let Some(seen) = closed.as_ref().filter(|closed| same(closed)) {
            return Ok(Some((seen.number, true)));
        }
        if theirs {
            return Ok(None);
        }
        if !mine {
            // It should have been there: whoever wrote it down may have been slow.
            let listed = self.list(IssueFilter::Open).await?.into_iter().find(|(listed, _)| *listed == key);
            if let Some((_, issue)) = listed {
                return Ok(Some((issue.number, false)));
            }
            self.made_up.push(key);
        }
        let number = match closed {
            Some(closed) => {
                self.effects.update_issue(closed.number, &title, &text, true).await?;
                closed.number
            }
            None => self.effects.open_issue(&title, &text).await?,
        };
        Ok(Some((number, false)))
    }

    /// A line of the chat, with the issue where it has one.
    fn line(&self, alert: &Alert) -> String {
        let told = self.told.alerts.iter().find(|told| told.key == alert.key());
        let issue = told.and_then(|told| told.issue.clone());
        match issue {
            Some(issue) if alert.page.is_none() => chat(self.environment, &alert.clone().page(issue), false),
            _ => chat(self.environment, alert, false),
        }
    }

    /// Sends the chat what is new, in one message.
    async fn send(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let sent = match Webhook::from_environment() {
            Ok(None) => return,
            Ok(Some(webhook)) => self.effects.send_webhook(&webhook, &lines.join("\n")).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = sent {
            self.untold("the chat", &error);
        }
    }
}
