//! What of a pass people have to look at (R6, B10): gathered while it runs, told when it has ended. No step asks what is gathered here.

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::alert::{self, Alert, Cause, Known, PassFacts, Refused, Unclear, standing};
use bpctl_core::blueprint::{Alerts, Notification};
use bpctl_core::govern::PullJudgement;
use bpctl_core::ledger::Event;
use bpctl_core::model::{Digest, Name, Period, Untrusted};
use bpctl_core::observe::{Observation, Recorder};
use bpctl_core::plan::Plan;
use bpctl_core::render::sink;

use super::{Base, Pass};
use crate::cluster::ClusterError;
use crate::forge::ForgeError;
use crate::pipeline::alerts::{Found, failed};
use crate::pipeline::error::cause;
use crate::pipeline::verify::Verified;
use crate::pipeline::{PipelineError, ledger, pulls};

/// What a person does where bpctl's own account may not do what it has to.
const RIGHTS: &str = "grant the account that bpctl runs as the verb that it lacks (templates/rbac/applier.yaml, which leaves out create); no manifest is wrong";

/// What a pass has gathered so far.
#[derive(Debug, Default)]
pub(super) struct Raised {
    /// As the base branch says; the defaults where it cannot be read.
    pub(super) settings: Alerts,
    /// What lasts.
    pub(super) standing: Vec<Alert>,
    /// Events that this run was the first to write down.
    pub(super) written: Vec<Event>,
    /// Blueprints whose refused deliveries this pass found made good.
    pub(super) made_good: BTreeSet<Name>,
    /// What somebody asked for on the command line is checked: that it cannot be done is that person's to read, and nobody else's.
    pub(super) misasked: bool,
    refused: BTreeMap<Name, Refused>,
    unrecovered: BTreeMap<Name, (String, String)>,
    /// Actions that are not proposed again, and why.
    pub(super) declined: BTreeMap<Digest, String>,
    /// By pull request: who is asked, and what was not approved.
    asked: BTreeMap<u64, Alert>,
    expired: BTreeMap<u64, Alert>,
    before: Option<BTreeMap<String, Known>>,
    unclear: Unclear,
}

impl Raised {
    /// What was told before, and whether the ledger is as bpctl wrote it.
    pub(super) fn remember<E>(&mut self, ledger: &ledger::Ledger<E>) {
        self.before = Some(alert::known(&ledger.entries));
        let forged = ledger.entries.iter().filter(|entry| !entry.is_genuine()).count();
        let damaged = forged + ledger.unreadable;
        if damaged > 0 {
            let told = format!("{damaged} of its lines cannot be read, or are not what bpctl wrote");
            let alert = Alert::new(Cause::LedgerDamaged, None, &damaged, told);
            self.standing.push(alert.next(Some("bpctl audit verify".into())));
        }
    }

    /// The ledger cannot be read at all.
    pub(super) fn forgot(&mut self, error: &PipelineError) {
        let alert = Alert::new(
            Cause::LedgerDamaged,
            None,
            &"unread",
            "it cannot be read, and what was told before is told again",
        );
        let said = Some(Untrusted::new(format!("{error}{}", cause(error))));
        self.standing.push(alert.said(said).next(Some("bpctl audit verify".into())));
    }

    /// The same delivery was refused as before: of one commit it is one occurrence.
    pub(super) fn refused_again(&mut self, blueprint: &Name, commit: &str) {
        if let Some(refused) = self.refused.get_mut(blueprint) {
            commit.clone_into(&mut refused.about);
        }
    }

    /// A restart did not bring the pods back.
    pub(super) fn unrecovered(&mut self, blueprint: &Name, request: &str, report: &str) {
        self.unrecovered.insert(blueprint.clone(), (request.to_owned(), report.to_owned()));
    }

    /// What a pass has gathered, under these settings.
    pub(super) fn take(&mut self, of_pass: &mut Self) {
        let settings = std::mem::take(&mut self.settings);
        *self = Self { settings, ..std::mem::take(of_pass) };
    }

    /// What is to be told of a pass that ended so.
    pub(super) fn found(self, error: Option<&PipelineError>) -> (Alerts, Found) {
        let Self { settings, mut standing, written, asked, expired, before, unclear, misasked, .. } = self;
        standing.extend(error.filter(|_| !misasked).map(failed));
        let passing = written.iter().filter_map(|event| match event {
            Event::Proposed { pull, .. } => asked.get(pull).cloned(),
            Event::Expired { pull } => expired.get(pull).cloned(),
            _ => None,
        });
        let passing = passing.collect();
        let unclear = if error.is_some() { Unclear::All } else { unclear };
        (settings, Found { standing: alert::gathered(standing), passing, unclear, before })
    }
}

impl Pass<'_> {
    /// Sees what stands at the end of a pass.
    pub(super) fn take_stock(&mut self, base: &Base, observation: &Observation, plan: &Plan, verified: &[Verified]) {
        let declined = std::mem::take(&mut self.raised.declined);
        let told = (!declined.is_empty()).then(|| plan.clone().without_declined(&declined));
        let plan = told.as_ref().unwrap_or(plan);
        let concluded = verified.iter().map(|done| (done.operation.commit.clone(), done.report.outcome));
        let (found, unclear) = standing(&PassFacts {
            catalog: base.rules.get(),
            plan,
            facts: &Recorder::new(observation),
            concluded: &concluded.collect(),
            refused: &self.raised.refused,
            made_good: &self.raised.made_good,
            unrecovered: &self.raised.unrecovered,
        });
        self.raised.standing.extend(found);
        self.raised.unclear = unclear;
    }

    /// Says what the cluster refused for one workload.
    pub(super) fn refused(&mut self, blueprint: &Name, error: &ClusterError) -> String {
        self.failed = true;
        let said = error.said().map_or_else(String::new, |s| format!(": {}", sink::terminal(s)));
        let told = format!("{error}{said}");
        let next = error.is_want_of_rights().then(|| RIGHTS.to_owned());
        let refused = Refused {
            about: error.to_string(),
            told: error.to_string(),
            said: error.said().cloned(),
            next: next.clone(),
        };
        self.raised.refused.entry(blueprint.clone()).or_insert(refused);
        self.step(blueprint, told.clone(), next);
        told
    }

    /// Says what went wrong with one thing and goes on with the others; what is wrong with the forge as a whole ends the pass, and so does
    /// a landed tree that nobody permitted.
    pub(super) fn put_aside(
        &mut self,
        blueprint: &Name,
        what: &str,
        error: PipelineError,
    ) -> Result<(), PipelineError> {
        let own = match &error {
            PipelineError::Git(_) | PipelineError::Input(_) => true,
            PipelineError::Told { .. } => !self.alarmed,
            PipelineError::Forge(error) => matches!(error, ForgeError::Input { .. } | ForgeError::Git { .. }),
            PipelineError::Cluster(_) | PipelineError::Webhook(_) => false,
        };
        if !own {
            return Err(error);
        }
        self.failed = true;
        let source = cause(&error);
        let said = Some(Untrusted::new(format!("{error}{source}")));
        let (told, next) = (format!("{what} is put aside"), error.hint());
        let refused = Refused { about: told.clone(), told, said, next: next.clone() };
        self.raised.refused.entry(blueprint.clone()).or_insert(refused);
        self.step(blueprint, format!("{what} is put aside: {error}{source}"), next);
        Ok(())
    }

    /// The forge landed something else than was permitted: only a person can say what follows (Z20).
    pub(super) fn other_tree(&mut self, blueprint: &Name, number: u64, commit: &str) {
        self.alarmed = true;
        let told = format!("pull request {number} landed as {}", commit.get(..7).unwrap_or(commit));
        let alert = Alert::new(Cause::OtherTree, Some(blueprint), &commit, told);
        let next = "look at the merge before anything else is merged".to_owned();
        self.raised.standing.push(alert.next(Some(next)).page(self.session.forge.reading().pull_url(number)));
    }

    /// Says what a pull request waits for, and asks the approvers where it is they.
    pub(super) fn waiting(
        &mut self,
        base: &Base,
        blueprint: &Name,
        number: u64,
        title: &Untrusted,
        judged: &PullJudgement,
    ) {
        let forge = self.session.forge.reading();
        let because: Vec<&str> = judged.blockers.iter().map(|blocker| blocker.because.as_str()).collect();
        let approval = judged.blockers.iter().any(|blocker| blocker.code == "needs-approval");
        let workspace = &base.rules.get().workspace.value;
        let says_why = pulls::says_why(base.rules.get(), blueprint, &self.environment);
        let next = (approval && forge.kind() == "local").then(|| pulls::approval(workspace, number, says_why));
        if approval && self.notifies(base, blueprint, Notification::Webhook) {
            let told = format!("pull request {number} waits: {}", because.join("; "));
            let alert = Alert::new(Cause::ApprovalAsked, Some(blueprint), &number, told).said(Some(title.clone()));
            self.raised.asked.insert(number, alert.next(next.clone()).page(forge.pull_url(number)));
        }
        self.step(blueprint, format!("{} waits: {}", forge.pull_url(number), because.join("; ")), next);
    }

    /// Nobody approved in time.
    pub(super) fn expired(&mut self, blueprint: &Name, number: u64, within: Period) {
        let told = format!("pull request {number} was closed: no approval within {within}");
        let alert = Alert::new(Cause::ApprovalExpired, Some(blueprint), &number, told);
        self.raised.expired.insert(number, alert.page(self.session.forge.reading().pull_url(number)));
    }

    /// Whom the forge asks for a review: nobody where the blueprint names other ways alone.
    pub(super) fn reviewers(&self, base: &Base, blueprint: &Name, reviewers: Vec<String>) -> Vec<String> {
        if self.notifies(base, blueprint, Notification::ReviewRequest) { reviewers } else { Vec::new() }
    }

    fn notifies(&self, base: &Base, blueprint: &Name, way: Notification) -> bool {
        let blueprint = base.rules.get().blueprint_as_written(blueprint, &self.environment);
        blueprint.is_none_or(|blueprint| blueprint.value.governance.approval_workflow.notifies_by(way))
    }
}
