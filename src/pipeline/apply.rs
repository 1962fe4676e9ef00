//! `apply`: one level-triggered pass, safe to run again and at the same time as another.
//!
//! Settle what is open, propose what the plan adds, merge what is permitted, deliver what stands on base, restart what failed, verify what
//! landed, write it down. Each step looks at the world, never at a log: a pass that was killed anywhere is finished by the next one (Z1).

mod account;
mod alarm;
mod deliver;
mod execute;
mod expiry;
mod restart;
mod say;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Catalog, Delivery, Environment, Tier};
use bpctl_core::govern::Decision;
use bpctl_core::ledger::{Entry, Event};
use bpctl_core::model::{BaseTip, Digest, Files, Name, Period, Proposed, Trusted, Untrusted};
use bpctl_core::observe::{Known, Observation, PastOperation};
use bpctl_core::plan::{Plan, PlanInput, PlanItem};
use bpctl_core::propose::{ChangeSet, propose};
use bpctl_core::verify::{Outcome, VerifyReport};

use self::alarm::Raised;
use self::deliver::Undelivered;
use super::adopt::{self, AdoptRequest};
use super::alerts::{self, Told};
use super::observe::{Look, observe_on};
use super::verify::Verified;
use super::{ClusterEdge, Effects, PipelineError, Session, ledger, plan, pulls, render, tree};
use crate::forge::{BranchName, Created, ForgeError, Landed, NewPull, PullFilter, PullSummary, Swapped};
use crate::git::MergedTree;
use crate::runtime;

pub use execute::{Executed, execute};

/// What a pass may do.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Longest time to wait for verifications.
    pub wait: Period,
    /// What of the cluster is proposed for Git, instead of being brought back (X8).
    pub adopt: Vec<AdoptRequest>,
}

/// One thing that a pass did or left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The blueprint.
    pub blueprint: Name,
    /// One line.
    pub told: String,
    /// What a person has to do next, as a command or a page.
    pub next: Option<String>,
}

/// What a pass did.
#[derive(Debug)]
pub struct ApplyReport {
    /// The environment.
    pub environment: Name,
    /// The plan that the pass began with.
    pub plan: Plan,
    /// What it did, in order.
    pub steps: Vec<Step>,
    /// Verifications.
    pub verified: Vec<Verified>,
    /// Entries that were written to the ledger.
    pub recorded: usize,
    /// The worst that happened: a verification that failed.
    pub failed: bool,
}

/// The base as a pass sees it.
struct Base {
    tip: BaseTip,
    files: Files,
    rules: Trusted<Catalog>,
}

struct Pass<'a> {
    session: &'a Session,
    effects: &'a Effects<'a>,
    cluster: &'a Arc<ClusterEdge>,
    environment: Name,
    place: Environment,
    adopt: &'a [AdoptRequest],
    steps: Vec<Step>,
    entries: Vec<Entry>,
    /// Ids of what the ledger has.
    known: BTreeSet<Digest>,
    recorded: usize,
    /// What is still watched of earlier operations.
    watched: BTreeMap<Name, (PastOperation, VerifyReport)>,
    failed: bool,
    alarmed: bool,
    raised: Raised,
}

/// Runs one pass, and tells people what they have to look at, however it ended (R6).
pub async fn apply(
    session: &Session,
    effects: &Effects<'_>,
    cluster: &Arc<ClusterEdge>,
    environment: &Name,
    options: &ApplyOptions,
) -> (Result<ApplyReport, PipelineError>, Told) {
    let mut raised = Raised::default();
    let outcome = one_pass(session, effects, cluster, environment, options, &mut raised).await;
    // Whatever it came to: what it permitted stays with a forge that merges by itself, and nothing else.
    let withheld = effects.withhold_rest(environment).await;
    let outcome = outcome.and_then(|report| withheld.map(|()| report));
    let (settings, found) = raised.found(outcome.as_ref().err());
    (outcome, alerts::tell(session, effects, environment, &settings, found).await)
}

async fn one_pass(
    session: &Session,
    effects: &Effects<'_>,
    cluster: &Arc<ClusterEdge>,
    environment: &Name,
    options: &ApplyOptions,
    raised: &mut Raised,
) -> Result<ApplyReport, PipelineError> {
    let (base, look) = read_base_looking(session, cluster, environment).await?;
    raised.settings = base.rules.get().workspace.value.alerts.clone();
    let mut pass = Pass::new(session, effects, cluster, environment, &base, options)?;
    let outcome = pass.run(base, look, options.wait).await;
    // Whatever happened is written down, also when a later step failed.
    let written = pass.write_down().await;
    raised.take(&mut pass.raised);
    let (plan, verified) = outcome?;
    written?;
    let failed = pass.failed || verified.iter().any(|verified| verified.report.outcome == Outcome::Failure);
    let (steps, recorded) = (pass.steps, pass.recorded);
    Ok(ApplyReport { environment: environment.clone(), plan, steps, verified, recorded, failed })
}

async fn read_base(session: &Session, environment: &Name) -> Result<Base, PipelineError> {
    let tip = session.forge.reading().base_tip().await?;
    let half = tree::half_read_base(&session.repository, &tip)?;
    rest_of_base(session, tip, half, environment).await
}

/// The same; the cluster is asked while manifests are read.
async fn read_base_looking(
    session: &Session,
    cluster: &Arc<ClusterEdge>,
    environment: &Name,
) -> Result<(Base, Look), PipelineError> {
    let tip = session.forge.reading().base_tip().await?;
    let half = tree::half_read_base(&session.repository, &tip)?;
    let look = Look::begin(cluster, half.targets(environment));
    Ok((rest_of_base(session, tip, half, environment).await?, look))
}

async fn rest_of_base(
    session: &Session,
    tip: BaseTip,
    half: tree::HalfRead,
    environment: &Name,
) -> Result<Base, PipelineError> {
    let (files, rules) = tree::rest_of_base(&session.repository, &tip, half, tree::Beside::default())?;
    plan::whole(rules.get())?;
    let rules = render::render_rules(rules, &files, std::slice::from_ref(environment)).await;
    Ok(Base { tip, files, rules })
}

impl<'a> Pass<'a> {
    fn new(
        session: &'a Session,
        effects: &'a Effects<'a>,
        cluster: &'a Arc<ClusterEdge>,
        environment: &Name,
        base: &Base,
        options: &'a ApplyOptions,
    ) -> Result<Self, PipelineError> {
        Ok(Self {
            session,
            effects,
            cluster,
            environment: environment.clone(),
            place: plan::place(base.rules.get(), environment)?.clone(),
            adopt: &options.adopt,
            steps: Vec::new(),
            entries: Vec::new(),
            known: BTreeSet::new(),
            recorded: 0,
            watched: BTreeMap::new(),
            failed: false,
            alarmed: false,
            raised: Raised::default(),
        })
    }
}

impl Pass<'_> {
    async fn run(&mut self, mut base: Base, look: Look, wait: Period) -> Result<(Plan, Vec<Verified>), PipelineError> {
        let mut observation = self.observe_on(&base, Some(look)).await?;
        if !self.adopt.is_empty() {
            // Before anything is done: what cannot be kept is not half kept.
            self.raised.misasked = true;
            adopt::is_known(base.rules.get(), &self.environment, self.adopt)?;
            adopt::is_permitted(&self.plan(&base, &observation).await, self.adopt)?;
            self.raised.misasked = false;
        }
        self.remember(&base, &observation).await?;

        // What earlier runs brought is judged before anything follows it.
        let mut verified = self.verify_earlier(&base, &observation).await?;
        if !verified.is_empty() {
            observation = self.observe(&base).await?;
        }

        // 1. Settle what is open.
        let open = self.open_pulls().await?;
        let mut landed = false;
        for (blueprint, summary) in &open {
            let settled = match self.label_late(&base, blueprint, summary).await {
                Ok(()) => self.settle(&base, summary.number, &observation).await,
                Err(error) => Err(error),
            };
            match settled {
                Ok(merged) => landed |= merged,
                Err(error) => self.put_aside(blueprint, &format!("pull request #{}", summary.number), error)?,
            }
        }
        if landed {
            (base, observation) = self.look_anew().await?;
        }

        // 2. Plan, propose what is new, merge what is allowed.
        let first = self.plan(&base, &observation).await;
        self.decided(&first, &base, &observation);
        // Before anything is done about it: what follows is derived after a kill, why it was done is not (Z1). Where the ledger takes nothing, the
        // pass goes on, and ends with that: it is for people (Z21, T30).
        drop(self.write_down().await);
        let merged = self.propose_all(&first, &base, &observation).await?;

        // 3. Deliver what stands on base. The plan is the first one as long as neither base nor the cluster has changed.
        let mut newer = None;
        if merged {
            (base, observation) = self.look_anew().await?;
            newer = Some(self.plan(&base, &observation).await);
        }
        let plan = newer.as_ref().unwrap_or(&first);
        if self.place.delivery == Delivery::Direct && self.deliver(&base, &observation, plan).await? {
            observation = self.observe(&base).await?;
            newer = Some(self.plan(&base, &observation).await);
        }

        if self.recover(&base, &observation, newer.as_ref().unwrap_or(&first)).await? {
            observation = self.observe(&base).await?;
        }

        // 4. Verify what landed, and what was restarted.
        let deadline = wait.after(runtime::now());
        let earlier = verified.len();
        self.verify(&base, &observation, deadline, &mut verified).await?;
        self.verify_restarts(&base, &observation, deadline).await?;
        self.take_stock(&base, &observation, newer.as_ref().unwrap_or(&first), &verified);
        // What failed goes back in this pass: nobody waits for the next one (B11).
        if verified.iter().skip(earlier).any(|verified| verified.report.outcome == Outcome::Failure) {
            Box::pin(self.go_back()).await?;
        }
        Ok((first, verified))
    }

    /// Proposes what a plan changes in Git. Answers whether any of it landed.
    async fn propose_all(
        &mut self,
        plan: &Plan,
        base: &Base,
        observation: &Observation,
    ) -> Result<bool, PipelineError> {
        let mut merged = false;
        for item in plan.items() {
            if matches!(item.action, Action::Scale(_) | Action::Resize(_) | Action::Rollback(_) | Action::Adopt(_)) {
                match self.propose(plan, item, base, observation).await {
                    Ok(landed) => merged |= landed,
                    Err(error) => self.put_aside(item.action.blueprint(), item.action.name(), error)?,
                }
            }
        }
        Ok(merged)
    }

    /// Proposes the way back of what failed its verification just now.
    async fn go_back(&mut self) -> Result<(), PipelineError> {
        let (base, observation) = self.look_anew().await?;
        let mut plan = self.plan(&base, &observation).await;
        for part in &mut plan.blueprints {
            part.items.retain(|item| matches!(item.action, Action::Rollback(_)));
        }
        self.decided(&plan, &base, &observation);
        drop(self.write_down().await);
        self.raised.standing.extend(bpctl_core::alert::waiting(&plan));
        self.propose_all(&plan, &base, &observation).await.map(drop)
    }

    /// Clears a landed proposal's branch away; a branch that cannot be deleted is left, and said.
    async fn clear(&mut self, blueprint: &Name, branch: &BranchName, head: &str) -> Result<(), PipelineError> {
        match self.effects.delete_branch(branch, head).await {
            Ok(_) => Ok(()),
            Err(PipelineError::Forge(error @ (ForgeError::Input { .. } | ForgeError::Git { .. }))) => {
                let source = super::error::cause(&error);
                self.step(blueprint, format!("the branch {branch} is left: {error}{source}"), None);
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    /// The base and the cluster as they are now.
    async fn look_anew(&self) -> Result<(Base, Observation), PipelineError> {
        let (base, look) = read_base_looking(self.session, self.cluster, &self.environment).await?;
        let observation = self.observe_on(&base, Some(look)).await?;
        Ok((base, observation))
    }

    async fn observe(&self, base: &Base) -> Result<Observation, PipelineError> {
        self.observe_on(base, None).await
    }

    async fn observe_on(&self, base: &Base, look: Option<Look>) -> Result<Observation, PipelineError> {
        let git = (self.session.repository.as_ref(), self.session.forge.reading());
        let rules = [base.rules.get()];
        let observed = observe_on(&self.environment, &self.place, &rules, self.cluster, git, look).await?;
        let mut observation = observed.observation;
        adopt::ask(&mut observation, self.adopt);
        Ok(observation)
    }

    async fn plan(&self, base: &Base, observation: &Observation) -> Plan {
        let desired = Proposed::from_head(Some(base.tip.commit().into()), base.rules.get().clone());
        let input = PlanInput { rules: &base.rules, desired: &desired, environment: &self.environment, observation };
        render::plan(input, &base.files, None).await
    }

    async fn open_pulls(&self) -> Result<Vec<(Name, PullSummary)>, PipelineError> {
        let pulls = self.session.forge.reading().pulls(PullFilter::Open).await?;
        let mine = pulls.into_iter().filter_map(|pull| {
            let (blueprint, _) = BranchName::parse_proposal(&self.environment, pull.head_branch.as_deref()?)?;
            Some((blueprint, pull))
        });
        let mut mine: Vec<_> = mine.collect();
        mine.sort_by_key(|(_, pull)| pull.number);
        Ok(mine)
    }

    /// Judges an open pull request, says so on its check, and merges it where it may. Answers whether it landed.
    async fn settle(&mut self, base: &Base, number: u64, observation: &Observation) -> Result<bool, PipelineError> {
        let forge = self.session.forge.reading();
        // The base may have moved since: by a merge of this very pass, or by a person.
        let current = forge.base_tip().await?;
        let fresh;
        let base = if current.commit() == base.tip.commit() {
            base
        } else {
            fresh = read_base(self.session, &self.environment).await?;
            &fresh
        };
        let facts = forge.pull(number).await?;
        let head = facts.head.clone();
        let branch = facts.head_branch.clone();
        let title = facts.title.clone();
        let by = Some(forge.identity().await?).filter(|me| me.id != facts.author.id);
        let Some((blueprint, operation)) =
            branch.as_deref().and_then(|b| BranchName::parse_proposal(&self.environment, b))
        else {
            return Ok(false);
        };
        let observations = BTreeMap::from([(self.environment.clone(), observation.clone())]);
        let mut judged =
            pulls::judge_one(self.session, &base.tip, &base.files, &base.rules, facts, &observations).await?;
        // What the forge was told to merge by itself is taken back before the check says so: a pass that dies between the two finds a verdict
        // that still differs, and does both again.
        let permit = match judged.decide() {
            Decision::Merge(permit) => Some(*permit),
            Decision::Withhold(withheld) => {
                self.effects.withhold(withheld).await?;
                None
            }
        };
        self.say_verdict(base, &judged).await?;
        let correlation = self.correlation(number, &head, base.tip.commit());
        let Some(permit) = permit else {
            match judged.expired {
                Some(within) => self.expire(&blueprint, number, &correlation, within).await?,
                None => self.waiting(base, &blueprint, number, &title, &judged),
            }
            return Ok(false);
        };
        // What lands is told by what it is: whoever may rename a pull request, or push onto its branch, is not to name the commit.
        let here = judged.verdicts.iter().filter(|judged| judged.environment == self.environment);
        let changes = here.map(|judged| &judged.change);
        let title = bpctl_core::render::proposal::landed(&self.environment, &blueprint, &operation, changes);
        let message = bpctl_core::render::sink::commit_title(&Untrusted::new(title));
        match self.effects.merge(permit, &format!("{message}\n\nPull request {number}, permitted by bpctl.\n")).await? {
            Landed::Merged { commit, at, tree_as_permitted } => {
                let event = Event::Merged {
                    pull: number,
                    commit: commit.clone(),
                    reviews: judged.reviews,
                    changes: judged.changes,
                    by,
                };
                self.entry(&blueprint, &correlation, at, event);
                let short = commit.get(..7).unwrap_or(&commit).to_owned();
                self.step(
                    &blueprint,
                    format!("merged {} as {short}: {}", forge.pull_url(number), judged.summary),
                    None,
                );
                self.cut_short(&blueprint, number).await?;
                if let Some(branch) = branch.and_then(BranchName::new) {
                    self.clear(&blueprint, &branch, &head).await?;
                }
                if !tree_as_permitted {
                    self.other_tree(&blueprint, number, &commit);
                    return Err(PipelineError::told(
                        format!("{} landed another tree than the one that was permitted", forge.pull_url(number)),
                        "look at the merge before anything else is merged; bpctl delivers nothing in this run",
                    ));
                }
                Ok(true)
            }
            Landed::Moved => {
                if self.effects.is_dry_run() {
                    // The rest is planned on the base as it is: what follows from this merge is not in it.
                    let direct = self.place.delivery == Delivery::Direct;
                    let then = if direct { ", and apply what it brings" } else { "" };
                    let told = format!("would merge {}{then}: {}", forge.pull_url(number), judged.summary);
                    self.step(&blueprint, told, None);
                } else {
                    self.step(
                        &blueprint,
                        format!("{} moved while it was judged; the next run judges it again", forge.pull_url(number)),
                        None,
                    );
                }
                Ok(false)
            }
            Landed::Held(said) => {
                let said = bpctl_core::render::sink::terminal(&said);
                self.step(
                    &blueprint,
                    format!("{} is allowed, held by the forge: {said}", forge.pull_url(number)),
                    None,
                );
                Ok(false)
            }
        }
    }

    /// Proposes one action, and merges it where it may be. Answers whether it landed.
    async fn propose(
        &mut self,
        plan: &Plan,
        item: &PlanItem,
        base: &Base,
        observation: &Observation,
    ) -> Result<bool, PipelineError> {
        let blueprint = item.action.blueprint().clone();
        // A pause holds what somebody asked to adopt from being merged, not from being proposed: meanwhile it would be brought back.
        let held = item.hold().is_some() && !matches!(item.action, Action::Adopt(_));
        if item.verdict.tier == Tier::Forbidden || held {
            return Ok(false);
        }
        let proposal = match propose(plan, item, &base.files) {
            Ok(proposal) => proposal,
            Err(error) => {
                let source = super::error::cause(&error);
                self.step(&blueprint, format!("not proposed: {error}{source}"), None);
                return Ok(false);
            }
        };
        let forge = self.session.forge.reading();
        let branch = BranchName::proposal(&self.environment, &blueprint, proposal.operation);
        let repository = &self.session.repository;
        let (commit, wanted) = pulls::draft(repository, &base.tip, &base.rules, &proposal).await?;
        let remembered = pulls::remembered(forge).await?;
        let no = format!("not proposed: a person closed this {} before, and nothing changed since", proposal.operation);
        if pulls::declined(self.session.reading(), &base.tip, &base.rules, (&branch, &wanted), &remembered).await? {
            self.declined(item, no);
            return Ok(false);
        }
        if let Some(rest) = pulls::resting(self.session.reading(), item, &branch, &remembered).await? {
            self.step(&blueprint, format!("not proposed: {rest}"), None);
            return Ok(false);
        }
        if !wanted.renders_as_told(&proposal.told) {
            let told =
                format!("not proposed: rendered, this {} would be another change than it says", proposal.operation);
            self.step(&blueprint, told, None);
            return Ok(false);
        }
        let head = match self.effects.create_branch(&branch, &commit).await? {
            Created::Created => commit,
            Created::Exists(other) => {
                let Some(head) =
                    self.adopt(&branch, &other, &commit, (&blueprint, &proposal.title, &wanted), base).await?
                else {
                    return Ok(false);
                };
                head
            }
        };
        // Who has the branch is alone with it. Another run may have landed the same change before.
        if self.landed_meanwhile(base, &branch, &head).await? {
            return Ok(true);
        }
        // And a person may have closed, meanwhile, what was open when this began.
        let remembered = pulls::remembered(forge).await?;
        if pulls::declined(self.session.reading(), &base.tip, &base.rules, (&branch, &wanted), &remembered).await? {
            self.declined(item, no);
            return Ok(false);
        }
        // Or closed it after pushing to it: what would be opened then is what they pushed, and said no to.
        let last = pulls::newest(&remembered, &branch);
        let closed = last.is_some_and(|last| {
            matches!(last.state, bpctl_core::observe::PullState::Closed { .. }) && last.head != head
        });
        if closed && !self.effects.is_dry_run() && forge.branch(&branch).await?.as_deref() != Some(head.as_str()) {
            self.step(&blueprint, format!("not proposed: somebody moved {branch} meanwhile"), None);
            return Ok(false);
        }
        let new = NewPull {
            branch: branch.clone(),
            after: last.map(|last| last.number),
            title: proposal.title.clone(),
            body: proposal.body.clone(),
            reviewers: self.reviewers(base, &blueprint, proposal.reviewers),
            labels: self.labels(base, &blueprint, proposal.operation),
        };
        let number = match self.effects.open_pull(&new).await {
            Ok(number) => number,
            Err(PipelineError::Forge(ForgeError::Declined(_))) => {
                self.declined(item, no);
                return Ok(false);
            }
            Err(_) if self.landed_meanwhile(base, &branch, &head).await? => return Ok(true),
            Err(error) => return Err(error),
        };
        if self.effects.is_dry_run() {
            self.step(&blueprint, format!("would open a pull request from {branch} ({})", item.verdict.tier), None);
            return Ok(false);
        }
        if !new.labels.is_empty() {
            self.label(&blueprint, number, &new.labels).await?;
        }
        let facts = forge.pull(number).await?;
        let verb = if facts.title.raw() == proposal.title {
            "opened"
        } else {
            // It was opened for another value: what reviewers read has to be what they would merge.
            self.effects.update_pull(number, &proposal.title, &proposal.body).await?;
            "updated"
        };
        self.entry(&blueprint, &item.id, facts.opened_at, Event::Proposed { pull: number, head });
        let change = bpctl_core::render::change(item);
        let what = match &item.action {
            Action::Rollback(_) | Action::Adopt(_) => format!("{} {change}", item.action.name()),
            _ => change,
        };
        self.step(&blueprint, format!("{verb} {}: {what}", forge.pull_url(number)), None);
        self.settle(base, number, observation).await
    }

    /// Whether base has what this head brings: then the branch is cleared away.
    async fn landed_meanwhile(&mut self, base: &Base, branch: &BranchName, head: &str) -> Result<bool, PipelineError> {
        let tip = self.session.forge.reading().base_tip().await?;
        if tip.commit() == base.tip.commit() || self.effects.is_dry_run() {
            return Ok(false);
        }
        let repository = &self.session.repository;
        let merged = repository.merge_tree(tip.commit(), head)?;
        if merged != MergedTree::Clean(repository.commit_info(tip.commit())?.tree) {
            return Ok(false);
        }
        if let Some((blueprint, _)) = BranchName::parse_proposal(&self.environment, branch.as_str()) {
            self.clear(&blueprint, branch, head).await?;
        }
        Ok(true)
    }

    /// The branch exists: another run's, an earlier proposal's, or a person's work on it. Answers the head to go on with.
    async fn adopt(
        &mut self,
        branch: &BranchName,
        other: &str,
        commit: &str,
        (item, title, wanted): (&Name, &str, &ChangeSet),
        base: &Base,
    ) -> Result<Option<String>, PipelineError> {
        // One commit on base's own line: a head with another history could land, or close, what it is not about.
        let info = self.session.repository.commit_info(other)?;
        let plain = match info.parents.as_slice() {
            [parent] => self.session.repository.is_ancestor(parent, base.tip.commit())?,
            _ => false,
        };
        let forge = self.session.forge.reading();
        let open = forge
            .pulls(PullFilter::Open)
            .await?
            .into_iter()
            .find(|p| p.head_branch.as_deref() == Some(branch.as_str()));
        let theirs = pulls::changes_at(&self.session.repository, &base.tip, &base.rules, other).await.ok();
        let same = theirs.as_ref() == Some(wanted);
        if let Some(open) = open {
            if same && open.title.raw() == title {
                return Ok(None); // it stands, whatever base it was made on
            }
            if theirs.is_some_and(|theirs| theirs.is_nearly(wanted) && theirs.is_told_by(open.title.raw())) {
                return Ok(None); // near enough: what somebody may be reading does not move
            }
            let facts = forge.pull(open.number).await?;
            let me = forge.identity().await?;
            let untouched = matches!(&facts.last_pusher, Known::Known(pusher) if pusher.id == me.id)
                && matches!(&facts.reviews, Known::Known(reviews) if reviews.is_empty());
            if !untouched {
                return Ok(None); // a person's push or review: the machine stops changing it
            }
        } else if same && plain {
            return Ok(Some(other.to_owned())); // it was never opened
        } else if !plain || self.is_anothers(branch, other).await? {
            let told = format!("not proposed: somebody else's work is on {branch}");
            self.step(item, told, Some(format!("git branch -m {branch} ANOTHER-NAME")));
            return Ok(None);
        }
        if same && plain {
            return Ok(Some(other.to_owned())); // moved, and killed before its title said so
        }
        let moved = self.effects.update_branch(branch, other, commit).await? == Swapped::Swapped;
        Ok(moved.then(|| commit.to_owned()))
    }

    /// Whether this head is work that bpctl did not write and no pull request keeps: moving its branch would lose it. Nothing is
    /// permitted by this, so that what a commit says of its author is enough.
    async fn is_anothers(&self, branch: &BranchName, head: &str) -> Result<bool, PipelineError> {
        if ledger::is_own(&self.session.repository.commit_info(head)?.author.email) {
            return Ok(false);
        }
        let forge = self.session.forge.reading();
        let pulls = pulls::remembered(forge).await?;
        Ok(!pulls.iter().any(|pull| pull.head == head && pull.head_branch.as_deref() == Some(branch.as_str())))
    }

    /// A person said no to it: that is no action of the pass, and what it would end has none.
    fn declined(&mut self, item: &PlanItem, told: String) {
        self.raised.declined.insert(item.id.clone(), pulls::CLOSED_BEFORE.to_owned());
        self.step(item.action.blueprint(), told, None);
    }

    fn step(&mut self, blueprint: &Name, told: String, next: Option<String>) {
        self.steps.push(Step { blueprint: blueprint.clone(), told, next });
    }
}
