//! Judging a pull request: every change by the rules of the base branch, every review by who made it; and the permit, if all holds.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::impact::{impact, is_told};
use super::permit::{ApplyPermit, Decision, MergePermit, RestartPermit, Withheld};
use super::reason::gone;
use super::{
    ApprovalTerms, FIELD_MANAGER, ReviewJudgement, Subject, Touch, Undoes, Verdict, count_reviews, judge, judge_action,
};
use crate::action::{Action, ActionType, Adopt, Resize, Rollback};
use crate::blueprint::{Catalog, Operation, Tier, TierName};
use crate::decide::drift::applied_by_alone;
use crate::execute::{ApplyObject, RestartPods};
use crate::model::{Digest, FieldPath, Name, ObjectRef, Period, Proposed, Timestamp, Trusted};
use crate::observe::{
    CheckConclusion, Identity, Known, Observation, ObservedFrom, PullFacts, PullState, Recorder, ReviewState,
    next_restart,
};
use crate::propose::{Change, ChangeSet, FieldChange, Governed};
use crate::render::count;

/// The name of the one check that stands on every pull request that touches governed files.
pub const VERDICT_CHECK: &str = "bpctl/verdict";

/// Everything that a judgement of a pull request rests on.
#[derive(Debug)]
pub struct PullInput<'a> {
    /// The rules, from the protected base branch.
    pub rules: &'a Trusted<Catalog>,
    /// What the head changes against base, with the blueprints that each change belongs to.
    pub changes: &'a Proposed<ChangeSet>,
    /// Server records.
    pub pull: &'a PullFacts,
    /// Who bpctl is on this forge; only its own pull requests are merged by it.
    pub me: &'a Identity,
    /// The forge's time.
    pub now: Timestamp,
    /// Whether that is a server's time.
    pub server_clock: bool,
    /// The tree that a merge would give, or why there is none.
    pub merged_tree: Known<String>,
    /// Facts of each environment that was looked at, through recorders; `now` is theirs.
    pub facts: &'a BTreeMap<Name, Recorder<'a>>,
}

/// The environments of the workspace that were not looked at. What a change may do there is judged all the same, because they read
/// the same files; only the pauses that rest on their own past are not.
fn elsewhere<'r>(rules: &'r Trusted<Catalog>, facts: &BTreeMap<Name, Recorder<'_>>) -> Vec<&'r Name> {
    rules.get().workspace.value.environments.keys().filter(|name| !facts.contains_key(*name)).collect()
}

/// One change and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeVerdict {
    /// The environment that it is judged for.
    pub environment: Name,
    /// The blueprint that governs it.
    pub blueprint: Name,
    /// The change.
    pub change: Change,
    /// The verdict.
    pub verdict: Verdict,
}

/// Something that keeps a pull request from being merged by bpctl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// Stable identifier.
    pub code: String,
    /// One sentence.
    pub because: String,
}

/// The judgement of one pull request.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullJudgement {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// Its number.
    pub pull: u64,
    /// The head that was judged.
    pub head: String,
    /// The base commit whose rules judged.
    pub judged_by: String,
    /// The strictest tier of its changes.
    pub tier: Tier,
    /// Hash of the changes: what an approval is bound to (X2).
    pub changes: Digest,
    /// Every change.
    pub verdicts: Vec<ChangeVerdict>,
    /// Every reviewer's last word.
    pub reviews: Vec<ReviewJudgement>,
    /// How the check `bpctl/verdict` reads.
    pub conclusion: CheckConclusion,
    /// The line beside the check.
    pub summary: String,
    /// What keeps bpctl from merging it; empty only with a permit.
    pub blockers: Vec<Blocker>,
    /// Until when an approval of it counts, by the forge's clock; left out: without limit, or none is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// No approval counted within this time: it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<Period>,
    /// The permit; [`Self::decide`] is the one way to it.
    #[serde(skip)]
    permit: Option<MergePermit>,
}

impl PullJudgement {
    /// Whether bpctl may merge it now, as long as the permit is not taken.
    pub fn permits(&self) -> bool {
        self.permit.is_some()
    }

    /// Hands out the permit, or that there is none. A permit is handed out once.
    pub fn decide(&mut self) -> Decision {
        match self.permit.take() {
            Some(permit) => Decision::Merge(Box::new(permit)),
            None => Decision::Withhold(Withheld { pull: self.pull }),
        }
    }
}

/// Judges a pull request by the rules of its base.
pub fn judge_pull(input: PullInput<'_>) -> PullJudgement {
    let PullInput { rules, changes, pull, me, now, server_clock, merged_tree, facts } = input;
    let set = changes.get();
    let hash = set.hash();
    let mut verdicts = Vec::new();
    let mut blockers = Vec::new();
    let mut block = |code: &str, because: String| blockers.push(Blocker { code: code.into(), because });
    let subject_of = |environment: Option<&Name>, governed: &Governed| {
        let blueprint = rules.get().blueprints.get(&governed.blueprint).map(|blueprint| &blueprint.value);
        let target = blueprint.map(|blueprint| match environment {
            Some(environment) => blueprint.object_in(environment),
            None => blueprint.spec.target.object(),
        });
        Subject::of_change(governed, target.as_ref(), &set.governed)
    };
    // Where a workload is not, its manifest does nothing. One that would be nowhere is judged everywhere.
    let has = |name: &Name, environment: &Name| {
        let places = &rules.get().workspace.value.environments;
        let blueprint = rules.get().blueprints.get(name).map(|blueprint| &blueprint.value);
        blueprint.is_none_or(|b| b.is_in(environment) || !places.keys().any(|place| b.is_in(place)))
    };
    let judged = |environment: &Name, recorder: &Recorder<'_>| -> Vec<ChangeVerdict> {
        // Of all changes of a blueprint it is the same.
        let mut known: BTreeMap<Name, Undoes> = BTreeMap::new();
        let one = |governed: &Governed| {
            let target = rules.get().blueprints.get(&governed.blueprint).map(|b| b.value.object_in(environment));
            let undoes = known
                .entry(governed.blueprint.clone())
                .or_insert_with(|| undoes(pull, set, (&governed.blueprint, target.as_ref()), recorder))
                .clone();
            let adopts = is_named(pull, &governed.blueprint, Adopt::NAME);
            let subject = subject_of(Some(environment), governed).undoing(undoes).adopting(adopts);
            let mut verdict = judge(rules, environment, &subject, recorder);
            verdict.impact = impact_of(rules, environment, set, governed);
            ChangeVerdict {
                environment: environment.clone(),
                blueprint: governed.blueprint.clone(),
                change: governed.change.told(),
                verdict,
            }
        };
        let here = |governed: &&Governed| match &governed.environment {
            Some(only) => only == environment,
            None => governed.change.is_rule() || has(&governed.blueprint, environment),
        };
        set.governed.iter().filter(here).map(one).collect()
    };
    for (environment, recorder) in facts {
        verdicts.extend(judged(environment, recorder));
    }
    if facts.is_empty() {
        block("no-facts", "no environment was looked at".into());
    } else {
        for environment in elsewhere(rules, facts) {
            // Freezes there go by the forge's time, not by the time of somebody else's recording.
            let bare = Observation::new(
                environment.clone(),
                ObservedFrom::Live { context: "not looked at".into(), version: "unknown".into() },
                now,
            );
            for mut verdict in judged(environment, &Recorder::new(&bare)) {
                verdict.verdict.holds.retain(|hold| hold.rule.ident != "cooldown");
                verdicts.push(verdict);
            }
        }
    }
    let tier = verdicts.iter().map(|v| v.verdict.tier).max().unwrap_or(Tier::Allowed);
    let dearest = rules.get().workspace.value.environments.values().map(|e| e.tier).max();
    let dearest = dearest.unwrap_or(TierName::Prod);

    let mut approvers: Vec<String> = Vec::new();
    for verdict in verdicts.iter().filter(|v| v.verdict.tier == Tier::RequiresApproval) {
        approvers.extend(verdict.verdict.approvers.iter().cloned());
    }
    approvers.sort();
    approvers.dedup();
    let ours = is_ours(pull, me);
    let waits = patience(&verdicts).filter(|_| ours);
    let until = waits.map(|waits| waits.after(pull.changed_at));
    let justified = verdicts.iter().any(|verdict| verdict.verdict.justified);
    let terms = ApprovalTerms { approvers: &approvers, tier: dearest, until, justified };
    let reviews = count_reviews(pull, &hash, &terms);
    let approvals: Vec<String> = match &reviews {
        Ok(reviews) => reviews.iter().filter(|r| r.approves()).map(|r| r.reviewer.id.clone()).collect(),
        Err(why) => {
            block("reviews-unknown", why.clone());
            Vec::new()
        }
    };
    let reviews_known = reviews.is_ok();
    let reviews = reviews.unwrap_or_default();
    let objection = reviews.iter().find(|r| r.state == ReviewState::ChangesRequested && r.refused.is_none());

    // Is the change itself fine? This is what the check says, on everybody's pull requests.
    let mut fine = true;
    if tier == Tier::Forbidden {
        fine = false;
        let because = forbidden(&verdicts);
        block("forbidden", because);
    }
    let given: Vec<&str> = reviews.iter().filter(|r| r.approves()).map(|r| r.reviewer.login.raw()).collect();
    let lacking = verdicts.iter().filter(|v| v.verdict.tier == Tier::RequiresApproval).find(|v| {
        // Each blueprint's own approvers, so that nobody approves for another team.
        let named = &v.verdict.approvers;
        given.is_empty()
            || !(named.is_empty()
                || given.iter().any(|login| named.iter().any(|name| name.eq_ignore_ascii_case(login))))
    });
    let mut expired = None;
    if let Some(lacking) = lacking {
        fine = false;
        let named = &lacking.verdict.approvers;
        let whom = if named.is_empty() { "a person with write access".into() } else { named.join(" or ") };
        expired = waits.filter(|_| until.is_some_and(|until| until < now) && reviews_known);
        let because = match expired {
            Some(within) => format!("no approval within {within}; it needed one by {whom}"),
            None => format!("no approval counts yet; it needs one by {whom}"),
        };
        block("needs-approval", because);
    }
    let unseen = blockers.iter().any(|blocker| matches!(blocker.code.as_str(), "reviews-unknown" | "no-facts"));
    let mut block = |code: &str, because: String| blockers.push(Blocker { code: code.into(), because });
    let frozen = verdicts.iter().flat_map(|v| &v.verdict.holds).any(|hold| hold.rule.ident == "freeze");
    if unseen || frozen || pull.base_branch != rules.tip().branch() {
        fine = false;
    }
    // What was looked at is not what would land, or nobody knows what would: Git may merge what bpctl does not, by a rename that it guesses or
    // over histories that cross, and takes back by that what others had merged (X2).
    let tree = match merged_tree {
        Known::Known(tree) => Some(tree),
        Known::Unknown(unknown) => {
            fine = false;
            block("no-merge", unknown.message);
            None
        }
    };
    if objection.is_some() {
        fine = false;
        block("changes-requested", "a reviewer asked for changes".into());
    }

    // First of what only keeps bpctl from merging: a freeze keeps everybody, and the check says the first that stands here.
    for hold in verdicts.iter().flat_map(|v| &v.verdict.holds).take(1) {
        block("held", format!("{} {}: {}", hold.rule.cite, hold.until(), hold.rule.because));
    }

    // May bpctl merge it now?
    if pull.state != PullState::Open {
        block("not-open", "it is not open".into());
    }
    if pull.draft {
        block("draft", "it is a draft".into());
    }
    if !ours {
        block("not-ours", "bpctl merges only pull requests that it opened itself".into());
    }
    // Environment, blueprint and operation, as a branch of bpctl's own names them.
    let named: Vec<&str> = pull
        .head_branch
        .as_deref()
        .and_then(|branch| branch.strip_prefix("bpctl/"))
        .map(|branch| branch.splitn(3, '/').collect())
        .unwrap_or_default();
    // Whether a scale or a resize is what it says is asked of the facts; that of an adoption is only known as long as it is bpctl's own.
    if ours
        && named.get(2) == Some(&Adopt::NAME)
        && matches!(&pull.last_pusher, Known::Known(pusher) if pusher.id != me.id)
    {
        block("pushed-onto", "somebody else pushed onto it: that is for a person to merge".into());
    }
    if pull.base_branch != rules.tip().branch() {
        block("other-base", format!("it goes to another branch than {}", rules.tip().branch()));
    }
    if !set.ungoverned.is_empty() {
        block("other-paths", format!("it changes {} that no blueprint governs", count(set.ungoverned.len(), "file")));
    }
    if verdicts.iter().any(|v| v.verdict.operations.contains(&Operation::ChangeGovernance)) {
        block("rules", "it changes rules: that is for a person to merge".into());
    }
    if set.governed.iter().any(|governed| !matches!(governed.change, Change::Field(_))) {
        block("not-only-fields", "it changes more than single fields: that is for a person to merge".into());
    }
    if let Some((path, _)) = set.rendered.iter().find(|(_, input)| !input.single) {
        let because = format!(
            "what changes in {path} may do more than is seen here (it is shared, or not of single values, or its chart asks the cluster): that is for a person to merge"
        );
        block("not-only-values", because);
    }
    // The steps that a request has made are counted by their branches, so a step under another name would not be counted.
    let misnamed = set.governed.iter().find(|governed| {
        // Whichever environment it reaches: in one it may have a namespace of its own.
        let places = facts.keys().filter(|name| governed.environment.as_ref().is_none_or(|only| only == *name));
        let sizes = |place| matches!(subject_of(place, governed).touch, Touch::Requests(_));
        let sizes = places.map(Some).chain([governed.environment.as_ref()]).any(sizes);
        let is = |action: &str| is_named(pull, &governed.blueprint, action);
        // Rollbacks and adoptions are for a person to approve, so that they are no steps on the way.
        sizes && ![Resize::NAME, Rollback::NAME, Adopt::NAME].into_iter().any(is)
    });
    if let Some(governed) = misnamed {
        let because = format!(
            "it changes requests of {} and is no resize of it: that is for a person to merge",
            governed.blueprint
        );
        block("not-a-resize", because);
    }
    // What a scale was proposed for may have got an autoscaler since, on base or in the cluster alone.
    let scaled = set.governed.iter().find_map(|governed| {
        let places = facts.iter().filter(|(name, _)| governed.environment.as_ref().is_none_or(|only| only == *name));
        places.into_iter().find_map(|(place, recorder)| {
            let scales = matches!(subject_of(Some(place), governed).touch, Touch::Replicas { .. });
            scales.then(|| autoscaled(rules, place, &governed.blueprint, recorder)).flatten()
        })
    });
    if let Some((code, because)) = scaled {
        block(code, because);
    }
    // What it was made for may be gone, or not to be seen any more.
    if let [place, blueprint, operation] = named[..]
        && ours
        && let (Ok(place), Ok(blueprint)) = (Name::new(place), Name::new(blueprint))
    {
        let touches: Vec<Touch> =
            set.governed.iter().map(|governed| subject_of(Some(&place), governed).touch).collect();
        blockers.extend(gone(rules, (&place, &blueprint, operation), &touches, facts.get(&place)));
    }
    let mut block = |code: &str, because: String| blockers.push(Blocker { code: code.into(), because });
    // Pauses, breaker and reversals are counted by branches: what lands under another workload's name would be counted there.
    if let [place, own, ..] = named[..] {
        let another = set.governed.iter().find(|governed| governed.blueprint.as_str() != own);
        let elsewhere = set.governed.iter().find_map(|g| g.environment.as_ref().filter(|name| name.as_str() != place));
        let other = another.map(|governed| (&governed.blueprint, own)).or(elsewhere.map(|name| (name, place)));
        if let Some((other, own)) = other {
            let because = format!("it changes {other} on a branch of {own}: that is for a person to merge");
            block("not-its-own", because);
        }
    }
    if set.governed.is_empty() {
        block("no-changes", "it changes nothing that a blueprint governs".into());
    }
    if changes.commit() != Some(pull.head.as_str()) {
        block("head-moved", "the changes were read from another commit than its head".into());
    }
    if !server_clock && dearest == TierName::Prod {
        block("local-clock", "a local clock permits nothing in production".into());
    }
    let checks = required_checks(pull);
    if let Err(why) = &checks {
        block("checks", why.clone());
    }
    let permit = match (blockers.is_empty(), tree) {
        (true, Some(tree)) => Some(MergePermit {
            pull: pull.number,
            head: pull.head.clone(),
            base: rules.tip().commit().into(),
            base_branch: rules.tip().branch().into(),
            tree,
            rules: rules_hash(rules),
            changes: hash.clone(),
            approvals: approvals.clone(),
            checks: checks.unwrap_or_default(),
            at: now,
        }),
        _ => None,
    };
    // Green is what a forge that was told to merge by itself waits for: what bpctl would not propose any more is not left to it.
    let fine = fine && !blockers.iter().any(|blocker| blocker.code == "reason-gone");
    let (conclusion, summary) = check_line(fine, tier, &approvals, &blockers, &reviews);
    PullJudgement {
        schema_version: 1,
        pull: pull.number,
        head: pull.head.clone(),
        judged_by: rules.tip().commit().into(),
        tier,
        changes: hash,
        verdicts,
        reviews,
        conclusion,
        summary,
        blockers,
        until,
        expired,
        permit,
    }
}

/// Whether bpctl opened a pull request itself, from a branch of its own.
fn is_ours(pull: &PullFacts, me: &Identity) -> bool {
    pull.author.id == me.id && pull.head_branch.as_deref().is_some_and(|branch| branch.starts_with("bpctl/"))
}

/// How long approvals are waited for: as long as the shortest of its changes says, without limit where one has none (a rollback in production).
fn patience(verdicts: &[ChangeVerdict]) -> Option<Period> {
    let asked = verdicts.iter().filter(|verdict| verdict.verdict.tier == Tier::RequiresApproval);
    let all: Option<Vec<Period>> = asked.map(|verdict| verdict.verdict.timeout).collect();
    all?.into_iter().min()
}

/// Whether a pull request's branch names this action of this blueprint.
fn is_named(pull: &PullFacts, blueprint: &Name, action: &str) -> bool {
    pull.head_branch.as_deref().is_some_and(|branch| branch.ends_with(&format!("/{blueprint}/{action}")))
}

/// What a pull request that says it is a rollback of this blueprint takes back, by the facts of one environment.
fn undoes(
    pull: &PullFacts,
    set: &ChangeSet,
    (blueprint, target): (&Name, Option<&ObjectRef>),
    facts: &Recorder<'_>,
) -> Undoes {
    if !is_named(pull, blueprint, Rollback::NAME) {
        return Undoes::Nothing;
    }
    // What belongs to several workloads stands once for each of their blueprints: it is one change.
    let mine = set.governed.iter().filter(|one| one.blueprint == *blueprint);
    let mine: BTreeSet<Digest> = mine.map(|one| Digest::of(&one.change)).collect();
    let own = |change: &Change| mine.contains(&Digest::of(change));
    let fields: Option<Vec<&FieldChange>> = set
        .governed
        .iter()
        .map(|governed| match &governed.change {
            Change::Field(field) if own(&governed.change) => Some(field),
            _ => None,
        })
        .collect();
    fields.map_or(Undoes::Claimed, |fields| Undoes::claimed(facts, (blueprint, target), fields.into_iter()))
}

/// What every effect of an action needs, whatever it does: `None`: the action is not allowed, or held.
fn may_act(
    rules: &Trusted<Catalog>,
    environment: &Name,
    action: &Action,
    facts: &Recorder<'_>,
    server_clock: bool,
) -> Option<()> {
    let place = rules.get().workspace.value.environments.get(environment)?;
    if place.tier == TierName::Prod && !server_clock {
        return None; // a local clock permits nothing in production
    }
    let verdict = judge_action(rules, environment, action, facts);
    (verdict.tier == Tier::Allowed && verdict.holds.is_empty()).then_some(())
}

/// The permit to bring one object back to what stands on base. `None`: the action is not allowed, or held.
pub fn permit_apply(
    rules: &Trusted<Catalog>,
    environment: &Name,
    action: &Action,
    effect: &ApplyObject,
    facts: &Recorder<'_>,
    server_clock: bool,
) -> Option<ApplyPermit> {
    may_act(rules, environment, action, facts, server_clock)?;
    let manifest = rules.get().applied(environment, effect)?;
    Some(ApplyPermit {
        object: effect.object.clone(),
        uid: effect.uid.clone(),
        manifest: applied(manifest.document.root.to_json(), effect, facts),
        base: rules.tip().commit().into(),
        action: action.id(),
        at: facts.now(),
    })
}

/// What is applied of a manifest. Where bpctl alone has applied the replicas, to leave them out would set them to the server's default of 1:
/// they are applied as the cluster has them.
fn applied(mut manifest: serde_json::Value, effect: &ApplyObject, facts: &Recorder<'_>) -> serde_json::Value {
    let spec = manifest.get_mut("spec").and_then(serde_json::Value::as_object_mut);
    let Some(spec) = spec.filter(|_| effect.leave_replicas) else { return manifest };
    spec.remove("replicas");
    let replicas = FieldPath::keys(vec!["spec", "replicas"]);
    if let Known::Known(Some(live)) = facts.object(&effect.object)
        && applied_by_alone(live, &replicas, FIELD_MANAGER)
        && let Some(has) = live.body.pointer("/spec/replicas")
    {
        spec.insert("replicas".into(), has.clone());
    }
    manifest
}

/// The permit to replace one workload's pods. `None`: the action is not allowed, or held.
pub fn permit_restart(
    rules: &Trusted<Catalog>,
    environment: &Name,
    action: &Action,
    effect: &RestartPods,
    facts: &Recorder<'_>,
    server_clock: bool,
) -> Option<RestartPermit> {
    may_act(rules, environment, action, facts, server_clock)?;
    // The effect is the one that the facts ask for: the object, its generation and the request that follows from them.
    let Known::Known(Some(live)) = facts.object(&effect.object) else { return None };
    let asked = next_restart(live, facts.cluster_now())?;
    let target = rules.get().blueprint(action.blueprint(), environment, facts.now())?.value.spec.target.object();
    if live.uid != effect.uid || asked != (effect.request.clone(), effect.generation) || effect.object != target {
        return None;
    }
    Some(RestartPermit {
        effect: effect.clone(),
        base: rules.tip().commit().into(),
        action: action.id(),
        at: facts.now(),
    })
}

/// Why no machine sets a workload's replicas: an autoscaler owns them, or may.
fn autoscaled(
    rules: &Trusted<Catalog>,
    environment: &Name,
    name: &Name,
    facts: &Recorder<'_>,
) -> Option<(&'static str, String)> {
    let owned = |owner: String| ("autoscaled", format!("{owner} owns the replicas of {name}: bpctl changes none"));
    if let Some(scaler) = rules.get().autoscaler(environment, name) {
        return Some(owned(scaler.object.to_string()));
    }
    let target = rules.get().blueprints.get(name)?.value.object_in(environment);
    match facts.autoscaler(&target) {
        Known::Known(None) => None,
        Known::Known(Some(scaler)) => {
            Some(owned(format!("HorizontalPodAutoscaler/{}", crate::render::sink::terminal(scaler))))
        }
        Known::Unknown(why) => {
            let because = format!("whether an autoscaler owns the replicas of {name} is not known: {}", why.message);
            Some(("autoscaler-unknown", because))
        }
    }
}

/// The rules' identity: the text of workspace, policies and blueprints on base.
pub fn rules_hash(rules: &Trusted<Catalog>) -> Digest {
    let catalog = rules.get();
    let mut texts: Vec<(&str, &str)> =
        vec![(catalog.workspace.path.as_str(), &catalog.workspace.document.source().text)];
    texts.extend(catalog.policies.values().map(|p| (p.path.as_str(), &*p.document.source().text)));
    texts.extend(catalog.blueprints.values().map(|b| (b.path.as_str(), &*b.document.source().text)));
    texts.sort_unstable();
    Digest::of(&texts)
}

/// What a change of strategy or probes does, together with the others of the same workload; told once, with the first of them.
fn impact_of(rules: &Trusted<Catalog>, environment: &Name, set: &ChangeSet, governed: &Governed) -> Vec<String> {
    let told = |change: &Change| match change {
        Change::Field(change) if is_told(&change.field) => Some(change.clone()),
        _ => None,
    };
    let Some(own) = told(&governed.change) else { return Vec::new() };
    let mine =
        |other: &&Governed| (&other.blueprint, &other.environment) == (&governed.blueprint, &governed.environment);
    let fields = set.governed.iter().filter(mine).filter_map(|other| match &other.change {
        Change::Field(change) if change.object == own.object && change.path == own.path => Some(change),
        _ => None,
    });
    let fields: Vec<_> = fields.collect();
    if fields.iter().find(|change| is_told(&change.field)).is_none_or(|first| **first != own) {
        return Vec::new();
    }
    let Some(manifests) = rules.get().manifests_at(environment, &own.path) else { return Vec::new() };
    let base = manifests.iter().find(|manifest| manifest.object == own.object);
    base.map(|manifest| impact(&manifest.document.root.to_json(), &fields)).unwrap_or_default()
}

fn required_checks(pull: &PullFacts) -> Result<Vec<String>, String> {
    let required = match &pull.required_checks {
        Known::Known(required) => required,
        Known::Unknown(unknown) => return Err(format!("which checks are required is not known: {}", unknown.message)),
    };
    let required: Vec<&String> = required.iter().filter(|name| *name != VERDICT_CHECK).collect();
    if required.is_empty() {
        return Ok(Vec::new());
    }
    let checks = match &pull.checks {
        Known::Known(checks) => checks,
        Known::Unknown(unknown) => return Err(format!("the checks are not known: {}", unknown.message)),
    };
    for name in &required {
        // Whoever can push can write a status: every account's newest one has to be green, so that none outshouts another (T29).
        let mut found = checks.iter().filter(|check| check.name == **name && check.commit == pull.head).peekable();
        if found.peek().is_none() {
            return Err(format!("the required check {name} has not run on the head"));
        }
        if found.any(|check| check.conclusion != CheckConclusion::Success) {
            return Err(format!("the required check {name} is not green"));
        }
    }
    Ok(required.into_iter().cloned().collect())
}

fn forbidden(verdicts: &[ChangeVerdict]) -> String {
    let first = verdicts.iter().find(|v| v.verdict.tier == Tier::Forbidden).and_then(|v| v.verdict.principal());
    let Some(rule) = first else { return "a change is forbidden".into() };
    // A policy's and a blueprint's own words say no more than that.
    let bare = rule.because.ends_with(&format!("says: {}", Tier::Forbidden));
    format!("forbidden by {}{}", rule.cite, if bare { String::new() } else { format!(": {}", rule.because) })
}

fn check_line(
    fine: bool,
    tier: Tier,
    approvals: &[String],
    blockers: &[Blocker],
    reviews: &[ReviewJudgement],
) -> (CheckConclusion, String) {
    if fine {
        let text = if approvals.is_empty() {
            format!("{tier}")
        } else {
            format!("{tier}, given by {}", count(approvals.len(), "person"))
        };
        // Its page says what bpctl opened, and that bpctl merges it.
        let pushed = blockers.iter().find(|blocker| blocker.code == "pushed-onto");
        let text = pushed.map_or_else(|| text.clone(), |blocker| format!("{text}; {}", blocker.because));
        return (CheckConclusion::Success, text);
    }
    let first = blockers.first().map_or_else(String::new, |blocker| format!(": {}", blocker.because));
    let refused = reviews.iter().filter(|r| r.refused.is_some()).count();
    let refused = if refused > 0 { format!(" ({} not counted)", count(refused, "review")) } else { String::new() };
    let conclusion = if tier == Tier::Forbidden { CheckConclusion::Failure } else { CheckConclusion::Pending };
    (conclusion, format!("{tier}{first}{refused}"))
}
