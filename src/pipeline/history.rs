//! What was done before to each blueprint's workload, from server records and Git alone: merged proposals, the checks on their merge
//! commits, what those commits changed, whether a person changed the blueprint since, and which deliveries were refused (B11, X6); and
//! the newest change of a manifest, whoever made it, where pods are in trouble (B8, B17).

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::blueprint::{Catalog, Delivery, Environment, Target};
use bpctl_core::govern::{FIELD_MANAGER, last_apply};
use bpctl_core::model::{Files, Name, ObjectRef, Period, RepoPath, Timestamp};
use bpctl_core::observe::{
    CheckConclusion, FactKey, FactValue, FailedDelivery, Known, LastChange, Observation, PastChange, PastConfig,
    PastOperation, PullState, UnknownCode,
};
use bpctl_core::propose::{Landed, Parsed, past_changes, past_rendered_changes};
use bpctl_core::verify::{HORIZON, is_verified};

use super::observe::{forge_unknown, unreachable_origin};
use super::{PipelineError, render, verify};
use crate::forge::{BranchName, Forge, PullFilter, PullSummary};
use crate::git::{CommitInfo, GitError, Repository};

/// How far back operations are looked for: more than any cooldown that makes sense.
const HISTORY: Period = Period::from_secs(31 * 86_400);
/// Of how many of a blueprint's newest operations outcome and changes are looked up. It is more than a breaker waits for, and more steps
/// than add up to what needs a person.
const LOOKED_UP: usize = 10;
/// How many commits of the base branch are walked back to a failed operation.
const WALKED: usize = 2000;

/// How many commits of the base branch are looked back on for the newest change of a manifest: what is older broke nothing today.
const CHANGED: usize = 100;

/// How many commits of the base branch are looked back on for deliveries that failed: one question to the forge for each.
const DELIVERED: usize = 50;

/// The check on a delivered commit that says that the cluster refused it: one for each attempt, because forges show only the newest of a
/// name.
pub(super) fn delivery_check(environment: &Name, blueprint: &Name, attempt: u32) -> String {
    format!("bpctl/deliver-{environment}/{blueprint}/{attempt}")
}

fn parse_delivery(environment: &Name, check: &str) -> Option<(Name, u32)> {
    let rest = check.strip_prefix("bpctl/deliver-")?.strip_prefix(environment.as_str())?.strip_prefix('/')?;
    let (blueprint, attempt) = rest.split_once('/')?;
    Some((Name::new(blueprint).ok()?, attempt.parse().ok()?))
}

/// The number of the next failed delivery of a commit.
pub(super) async fn next_attempt(
    forge: &dyn Forge,
    environment: &Name,
    blueprint: &Name,
    commit: &str,
) -> Result<u32, PipelineError> {
    let checks = forge.checks(commit).await?;
    let mine = checks.iter().filter_map(|check| parse_delivery(environment, &check.name));
    let last = mine.filter(|(name, _)| name == blueprint).map(|(_, attempt)| attempt).max();
    Ok(last.unwrap_or(0).saturating_add(1))
}

/// Deliveries that the cluster refused and that none has made good since, by blueprint, oldest first. They count until the workload's
/// own files change: then something else is delivered.
pub(super) async fn deliveries(
    environment: &Name,
    delivery: Delivery,
    catalogs: &[&Catalog],
    repository: &Repository,
    forge: &dyn Forge,
) -> Known<BTreeMap<Name, Vec<FailedDelivery>>> {
    if delivery != Delivery::Direct {
        return Known::Known(BTreeMap::new());
    }
    match failed_deliveries(environment, catalogs, repository, forge).await {
        Ok(all) => Known::Known(all),
        Err(PipelineError::Forge(error)) => Known::Unknown(forge_unknown(&error)),
        Err(error) => Known::unknown(UnknownCode::Incomplete, error.to_string()),
    }
}

async fn failed_deliveries(
    environment: &Name,
    catalogs: &[&Catalog],
    repository: &Repository,
    forge: &dyn Forge,
) -> Result<BTreeMap<Name, Vec<FailedDelivery>>, PipelineError> {
    let (tip, me) = (forge.base_tip().await?, forge.identity().await?);
    let mut files: BTreeMap<&Name, Vec<&RepoPath>> = BTreeMap::new();
    for (name, blueprint) in catalogs.iter().flat_map(|catalog| &catalog.blueprints) {
        files.entry(name).or_default().extend([&blueprint.path, &blueprint.value.spec.target.source]);
    }
    let log = repository.first_parent_log(tip.commit(), DELIVERED)?;
    let mut refused = Vec::new();
    for commit in &log {
        let checks = forge.checks(&commit.id).await?;
        let mine = checks.into_iter().filter(|c| c.by.id == me.id && c.conclusion == CheckConclusion::Failure);
        refused.push(mine.filter_map(|c| Some((parse_delivery(environment, &c.name)?, c))).collect::<Vec<_>>());
    }
    let mut all: BTreeMap<Name, Vec<FailedDelivery>> = BTreeMap::new();
    if refused.iter().all(Vec::is_empty) {
        return Ok(all);
    }
    for (commit, refused) in log.iter().zip(refused) {
        for ((blueprint, attempt), check) in refused.into_iter().filter(|((name, _), _)| files.contains_key(name)) {
            let (commit, at) = (commit.id.clone(), check.at);
            all.entry(blueprint).or_default().push(FailedDelivery { commit, attempt, at, because: check.summary });
        }
        let Some(parent) = commit.parents.first() else { break };
        let changed = repository.diff_paths(parent, &commit.id)?;
        let changed: Vec<&RepoPath> = changed.iter().filter_map(|changed| changed.path.as_ref().ok()).collect();
        files.retain(|_, own| !own.iter().any(|own| changed.iter().any(|path| path.is_within(own))));
    }
    for failed in all.values_mut() {
        failed.sort_by_key(|failure| (failure.at, failure.attempt));
    }
    Ok(all)
}

/// The past alone, as an observation that nothing of a cluster is in.
pub async fn past(
    environment: &Name,
    place: &Environment,
    catalog: &Catalog,
    repository: &Repository,
    forge: &dyn Forge,
) -> Result<Observation, PipelineError> {
    let now = forge.clock().await?.now;
    let mut observation = Observation::new(environment.clone(), unreachable_origin(place), now);
    let merged = history(environment, &[catalog], repository, forge, now).await;
    let refused = deliveries(environment, place.delivery, &[catalog], repository, forge).await;
    for name in catalog.blueprints.keys() {
        add(&mut observation, name, &merged, &refused);
    }
    Ok(observation)
}

/// Adds what was done to one blueprint's workload.
pub(super) fn add(
    observation: &mut Observation,
    name: &Name,
    merged: &Known<BTreeMap<Name, Vec<PastOperation>>>,
    refused: &Known<BTreeMap<Name, Vec<FailedDelivery>>>,
) {
    let mine = merged.as_ref().map(|all| all.get(name).cloned().unwrap_or_default());
    observation.add(FactKey::History(name.clone()), "forge", FactValue::History(mine));
    let mine = refused.as_ref().map(|all| all.get(name).cloned().unwrap_or_default());
    observation.add(FactKey::Deliveries(name.clone()), "forge", FactValue::Deliveries(mine));
}

/// The same with when bpctl delivered the newest of each since, as the objects themselves tell: a merge may wait long for the pass that
/// brings it (B13).
pub(super) fn delivered(
    merged: Known<BTreeMap<Name, Vec<PastOperation>>>,
    delivery: Delivery,
    catalogs: &[&Catalog],
    observation: &Observation,
) -> Known<BTreeMap<Name, Vec<PastOperation>>> {
    let applied = |object: &ObjectRef| match &observation.facts.get(&FactKey::Object(object.clone()))?.value {
        // A copy: of thousands of objects the observation would keep all that is read here.
        FactValue::Object(Known::Known(Some(live))) if live.body.mentions(FIELD_MANAGER) => {
            last_apply(&live.body.clone())
        }
        _ => None,
    };
    merged.map(|mut all| {
        let now = observation.governed_at;
        for (name, operations) in all.iter_mut().filter(|_| delivery == Delivery::Direct) {
            let last = operations.iter_mut().rfind(|past| is_verified(past));
            let Some(last) = last.filter(|past| past.merged_at >= HORIZON.before(now)) else { continue };
            let blueprint = catalogs.iter().find_map(|catalog| catalog.blueprint(name, &observation.environment, now));
            let workload = blueprint.map(|blueprint| blueprint.value.spec.target.object());
            let objects = workload.iter().chain(last.config.iter().map(|one| &one.object));
            // The cluster gives whole seconds: what it applied in the second of the merge may have been what stood before.
            last.delivered_at =
                objects.filter_map(applied).filter(|at| at.as_second() > last.merged_at.as_second()).max();
        }
        all
    })
}

/// Merged operations of this environment, by blueprint, oldest first.
pub(super) async fn history(
    environment: &Name,
    catalogs: &[&Catalog],
    repository: &Repository,
    forge: &dyn Forge,
    now: Timestamp,
) -> Known<BTreeMap<Name, Vec<PastOperation>>> {
    let pulls = match forge.pulls(PullFilter::UpdatedSince(HISTORY.before(now))).await {
        Ok(pulls) => pulls,
        Err(error) => return Known::Unknown(forge_unknown(&error)),
    };
    let me = match forge.identity().await {
        Ok(me) => me,
        Err(error) => return Known::Unknown(forge_unknown(&error)),
    };
    let mut all: BTreeMap<Name, Vec<PastOperation>> = BTreeMap::new();
    let (mut landed, mut accounts) = (BTreeMap::new(), BTreeMap::new());
    for pull in &pulls {
        let PullState::Merged { at, commit, .. } = &pull.state else { continue };
        let branch = pull.head_branch.as_deref();
        let own = branch.is_some_and(|branch| branch.starts_with("bpctl/"));
        landed.insert(commit.as_str(), (own, *at));
        let Some((blueprint, operation)) = branch.and_then(|b| BranchName::parse_proposal(environment, b)) else {
            continue;
        };
        accounts.insert(pull.number, pull.author.id.as_str());
        all.entry(blueprint).or_default().push(PastOperation {
            pull: pull.number,
            operation,
            merged_at: *at,
            commit: commit.clone(),
            delivered_at: None,
            outcome: None,
            changes: None,
            config: Vec::new(),
            reset_by: None,
            rewritten: false,
            foreign: pull.author.id != me.id,
        });
    }
    if all.is_empty() {
        return Known::Known(all);
    }
    let tip = match forge.base_tip().await {
        Ok(tip) => tip,
        Err(error) => return Known::Unknown(forge_unknown(&error)),
    };
    for (name, operations) in &mut all {
        operations.sort_by_key(|operation| (operation.merged_at, operation.pull));
        let blueprint = catalogs.iter().find_map(|catalog| catalog.blueprint(name, environment, now));
        let Some(blueprint) = blueprint else { continue };
        let target = &blueprint.value.spec.target;
        let sought = Sought::of(catalogs, environment, name, target);
        // As many of bpctl's own, however many of somebody else's lie between.
        for foreign in [false, true] {
            for operation in operations.iter_mut().rev().filter(|past| past.foreign == foreign).take(LOOKED_UP) {
                let landed = changed(repository, catalogs, environment, &sought, &operation.commit).await;
                (operation.changes, operation.config) = parts(landed);
            }
        }
        // A name alone makes no operation; nor does bpctl's own pull request, onto whose branch somebody else pushed something of no consequence:
        // what was to go back stands, and what is watched is watched on.
        let named = |past: &PastOperation| past.foreign || is_verified(past);
        operations.retain(|past| !(named(past) && past.is_nothing()));
        if let Some(last) = operations.iter_mut().rfind(|past| !past.foreign) {
            match is_on(repository, tip.commit(), &last.commit) {
                Ok(Some(held)) => last.rewritten = !held,
                Ok(None) => {
                    let why = format!(
                        "this clone is cut off, so whether {} still holds the merge of #{} is not known: git fetch --unshallow, or \
                         fetch-depth: 0 where a CI job checks it out",
                        tip.branch(),
                        last.pull
                    );
                    return Known::unknown(UnknownCode::Incomplete, why);
                }
                Err(error) => return Known::unknown(UnknownCode::Incomplete, error.to_string()),
            }
            if last.rewritten {
                last.reset_by = meant(repository, tip.commit(), last.merged_at, &blueprint.path, &pulls);
                continue;
            }
        }
        let mut failed = None;
        let own = operations.iter_mut().enumerate().rev().filter(|(_, past)| !past.foreign);
        for (position, operation) in own.take(LOOKED_UP) {
            let check = match verify::check(forge, environment, &operation.commit).await {
                Ok(check) => check,
                Err(PipelineError::Forge(error)) => return Known::Unknown(forge_unknown(&error)),
                Err(error) => return Known::unknown(UnknownCode::Incomplete, error.to_string()),
            };
            operation.outcome = check.as_ref().map(|check| check.conclusion);
            match operation.outcome {
                // Its branch takes pushes of others: what became of those says nothing of what failed before.
                Some(CheckConclusion::Success) if !operation.is_what_it_says() => {
                    operation.outcome = Some(CheckConclusion::Neutral);
                }
                // What lies before a success is over.
                Some(CheckConclusion::Success) => break,
                Some(CheckConclusion::Failure) if failed.is_none() => {
                    failed = check.map(|check| (position, check.at));
                }
                _ => {}
            }
        }
        // Another account that runs bpctl saw failures, too: they hold, and nothing that it saw frees.
        for operation in operations.iter_mut().rev().filter(|past| past.foreign).take(LOOKED_UP) {
            let Some(account) = accounts.get(&operation.pull) else { continue };
            match verify::standing_of(forge, environment, &operation.commit, account).await {
                Ok(Some(check)) if check.conclusion == CheckConclusion::Failure => {
                    operation.outcome = Some(CheckConclusion::Failure);
                    // Whoever writes it may write it again: any answer since the merge is one.
                    let since = (operation.commit.as_str(), operation.merged_at);
                    operation.reset_by = reset(repository, tip.commit(), since, &blueprint.path, &landed);
                }
                Ok(_) => {}
                Err(PipelineError::Forge(error)) => return Known::Unknown(forge_unknown(&error)),
                Err(error) => return Known::unknown(UnknownCode::Incomplete, error.to_string()),
            }
        }
        if let Some((last, since)) = failed.and_then(|(at, since)| Some((operations.get_mut(at)?, since))) {
            last.reset_by = reset(repository, tip.commit(), (&last.commit, since), &blueprint.path, &landed);
        }
    }
    Known::Known(all)
}

/// Whether the base branch holds a commit. One that was never fetched is on no branch of the forge. `None`: the clone is cut off before it.
fn is_on(repository: &Repository, tip: &str, commit: &str) -> Result<Option<bool>, GitError> {
    let held = repository.resolve(commit)?.is_some() && repository.is_ancestor(commit, tip)?;
    Ok((held || !repository.is_shallow()).then_some(held))
}

/// The newest merge of a person's pull request that changed the blueprint after this moment, by the forge's clock: a rewritten branch's own
/// times are nobody's word.
fn meant(
    repository: &Repository,
    tip: &str,
    after: Timestamp,
    blueprint: &RepoPath,
    pulls: &[PullSummary],
) -> Option<String> {
    pulls.iter().find_map(|pull| {
        let PullState::Merged { at, commit, .. } = &pull.state else { return None };
        let person = *at > after && pull.head_branch.as_deref().is_none_or(|branch| !branch.starts_with("bpctl/"));
        let held = person
            && is_on(repository, tip, commit).is_ok_and(|held| held == Some(true))
            && repository.commit_info(commit).is_ok_and(|commit| touches(repository, &commit, blueprint));
        held.then(|| commit.clone())
    })
}

/// What is looked for in the past: a workload with the `ConfigMap`s that its pods read, or another object alone.
pub(super) struct Sought {
    object: ObjectRef,
    source: RepoPath,
    reads: BTreeSet<String>,
}

impl Sought {
    /// A blueprint's workload, and what its pods read by any of the catalogs.
    fn of(catalogs: &[&Catalog], environment: &Name, name: &Name, target: &Target) -> Self {
        let reads = catalogs.iter().flat_map(|catalog| catalog.config_names(environment, name)).collect();
        Self { object: target.object(), source: target.source.clone(), reads }
    }

    /// One object alone.
    pub(super) fn alone(object: ObjectRef, source: RepoPath) -> Self {
        Self { object, source, reads: BTreeSet::new() }
    }
}

/// What a change made of the manifest, and of the `ConfigMap`s besides.
fn parts(landed: Option<Landed>) -> (Option<Vec<PastChange>>, Vec<PastConfig>) {
    landed.map_or((None, Vec::new()), |Landed { changes, config }| (Some(changes), config))
}

/// What a commit changed against its first parent, as the environment has it. `None`: it cannot be read.
pub(super) async fn changed(
    repository: &Repository,
    catalogs: &[&Catalog],
    environment: &Name,
    sought: &Sought,
    commit: &str,
) -> Option<Landed> {
    if catalogs.iter().any(|catalog| catalog.renders(environment, &sought.source)) {
        return rendered_changes(repository, catalogs, environment, sought, commit).await;
    }
    let before = repository.commit_info(commit).ok()?.parents.first()?.clone();
    let paths = repository.diff_paths(&before, commit).ok()?;
    let mut mine = Mine::within(paths.into_iter().filter_map(|changed| changed.path.ok()), [sought]);
    mine.landed(repository, (&before, commit), sought, &mut Parsed::default())
}

/// The files below some sources that a commit touched.
struct Mine {
    paths: Vec<RepoPath>,
    /// As they were and as they are, once somebody asks and they can be read.
    files: Option<[Files; 2]>,
}

impl Mine {
    fn within<'s>(paths: impl Iterator<Item = RepoPath>, sought: impl IntoIterator<Item = &'s Sought>) -> Self {
        let sought: Vec<&Sought> = sought.into_iter().collect();
        let mine = |path: &RepoPath| sought.iter().any(|one| path.is_within(&one.source));
        Self { paths: paths.filter(mine).collect(), files: None }
    }

    /// What the commit changed below the workload's source. `None`: it cannot be read.
    fn landed(
        &mut self,
        repository: &Repository,
        (before, commit): (&str, &str),
        sought: &Sought,
        parsed: &mut Parsed,
    ) -> Option<Landed> {
        let Self { paths, files } = self;
        let read = |at: &str| repository.read_tree(at, paths).ok();
        if files.is_none() {
            *files = Some([read(before)?, read(commit)?]);
        }
        let [old, new] = files.as_ref()?;
        let own: Vec<RepoPath> = paths.iter().filter(|path| path.is_within(&sought.source)).cloned().collect();
        past_changes(&sought.object, &sought.reads, &own, (old, new), parsed)
    }
}

/// The same of a workload that the environment renders, by today's entries: what an overlay's line made of it does not stand in the line.
async fn rendered_changes(
    repository: &Repository,
    catalogs: &[&Catalog],
    environment: &Name,
    sought: &Sought,
    commit: &str,
) -> Option<Landed> {
    let mut workspace = catalogs.first()?.workspace_as_written().ok()?;
    workspace.environments.retain(|name, _| name == environment);
    let before = repository.commit_info(commit).ok()?.parents.first()?.clone();
    let paths = repository.diff_paths(&before, commit).ok()?;
    let mine: Vec<RepoPath> = paths.into_iter().filter_map(|changed| changed.path.ok()).collect();
    let (old, new) = render::sides(repository, &workspace, &mine, (&before, commit)).await.ok()?;
    past_rendered_changes(&sought.object, &sought.reads, (&old, &new))
}

/// The newest change of the manifests of these blueprints, on the base branch's own line: only first parents are followed, so that nothing
/// of a fork or of another branch is ever gone back to (T32).
pub(super) async fn last_changes(
    environment: &Name,
    catalogs: &[&Catalog],
    (names, merged): (&BTreeSet<Name>, &Known<BTreeMap<Name, Vec<PastOperation>>>),
    repository: &Repository,
    forge: &dyn Forge,
    now: Timestamp,
) -> BTreeMap<Name, Known<Option<LastChange>>> {
    let mut found: BTreeMap<Name, Found> = BTreeMap::new();
    let mut sought: BTreeMap<&Name, Sought> = BTreeMap::new();
    for name in names {
        let blueprint = catalogs.iter().find_map(|catalog| catalog.blueprint(name, environment, now));
        let Some(target) = blueprint.map(|blueprint| blueprint.value.spec.target.clone()) else { continue };
        // A commit changes what a manifest is rendered from: that is not gone back from here.
        if !catalogs.iter().any(|catalog| catalog.renders(environment, &target.source)) {
            sought.insert(name, Sought::of(catalogs, environment, name, &target));
        }
    }
    if sought.is_empty() {
        return BTreeMap::new();
    }
    let log = match forge.base_tip().await {
        Ok(tip) => repository.first_parent_log(tip.commit(), CHANGED),
        Err(error) => {
            let unknown = || Known::Unknown(forge_unknown(&error));
            return sought.into_keys().map(|name| (name.clone(), unknown())).collect();
        }
    };
    let names: Vec<Name> = sought.keys().map(|name| (*name).clone()).collect();
    let walked = log.and_then(|log| newest_of(repository, &log, merged.known(), &mut sought, &mut found));
    let told = |name: Name| {
        let known = match &walked {
            // What was found whole stays so, though the walk for another one broke off.
            Err(error) if sought.contains_key(&name) => Known::unknown(UnknownCode::Incomplete, error.to_string()),
            _ => Known::Known(found.remove(&name).and_then(Found::whole)),
        };
        (name, known)
    };
    names.into_iter().map(told).collect()
}

/// What was found so far of one workload, the newest first.
#[derive(Default)]
struct Found {
    /// The newest change of `ConfigMap`s alone, where it is newer than that of the manifest.
    newer: Option<LastChange>,
    /// Whether it is known of that one what came before it.
    followed: bool,
    /// The newest change of the manifest.
    last: Option<LastChange>,
}

impl Found {
    fn whole(self) -> Option<LastChange> {
        match (self.last, self.newer) {
            (Some(last), newer) => Some(LastChange { newer: newer.map(Box::new), ..last }),
            (None, newer) => newer,
        }
    }

    /// Takes the next older change. Answers whether more is to be looked for.
    fn take(&mut self, commit: &CommitInfo, landed: Option<Landed>) -> bool {
        let (changes, config) = parts(landed);
        let back = |newest: &LastChange| newest.takes_back(changes.as_deref().unwrap_or_default(), &config);
        if let Some(last) = &mut self.last {
            last.went_back = back(last);
            return false;
        }
        if let Some(newer) = self.newer.as_mut().filter(|_| !self.followed) {
            newer.went_back = back(newer);
            self.followed = true;
        }
        let of_config = changes.as_ref().is_some_and(Vec::is_empty);
        match (of_config, &self.newer) {
            (false, _) => self.last = Some(last_change(commit, changes, config)),
            (true, None) => self.newer = Some(last_change(commit, changes, config)),
            // An older one of the same kind is behind that.
            (true, Some(_)) => {}
        }
        true
    }
}

/// Whether a commit is bpctl's own and changed replicas alone: those break no pods, and are not to hide the change that did (B8).
fn scaled(merged: Option<&BTreeMap<Name, Vec<PastOperation>>>, name: &Name, commit: &str, landed: &Landed) -> bool {
    let own = merged.and_then(|all| all.get(name)).is_some_and(|own| own.iter().any(|past| past.commit == commit));
    let replicas = |change: &PastChange| change.field.is_keys(&["spec", "replicas"]);
    own && landed.config.is_empty() && landed.changes.iter().all(replicas)
}

/// Finds the newest changes of what is sought, and whether they took back the one before; then that is sought no more. What bpctl scaled is
/// passed over.
fn newest_of(
    repository: &Repository,
    log: &[CommitInfo],
    merged: Option<&BTreeMap<Name, Vec<PastOperation>>>,
    sought: &mut BTreeMap<&Name, Sought>,
    found: &mut BTreeMap<Name, Found>,
) -> Result<(), GitError> {
    let mut parsed = Parsed::default();
    for commit in log {
        let Some(before) = commit.parents.first() else {
            return first_of(repository, commit, sought, found);
        };
        if sought.is_empty() {
            break;
        }
        let paths = repository.diff_paths(before, &commit.id)?;
        let mut mine = Mine::within(paths.into_iter().filter_map(|changed| changed.path.ok()), sought.values());
        sought.retain(|name, one| {
            if !mine.paths.iter().any(|path| path.is_within(&one.source)) {
                return true;
            }
            let landed = mine.landed(repository, (before, &commit.id), one, &mut parsed);
            let passed = |landed: &Landed| landed.is_nothing() || scaled(merged, name, &commit.id, landed);
            landed.as_ref().is_some_and(passed) || found.entry((*name).clone()).or_default().take(commit, landed)
        });
    }
    sought.clear();
    Ok(())
}

/// The branch's first commit brought what it holds, where nothing changed that since.
fn first_of(
    repository: &Repository,
    commit: &CommitInfo,
    sought: &mut BTreeMap<&Name, Sought>,
    found: &mut BTreeMap<Name, Found>,
) -> Result<(), GitError> {
    while let Some((name, one)) = sought.pop_first() {
        let brought = match repository.read_tree(&commit.id, std::slice::from_ref(&one.source)) {
            Ok(files) => !files.0.is_empty(),
            Err(error) => {
                sought.insert(name, one);
                return Err(error);
            }
        };
        let found = found.entry(name.clone()).or_default();
        if brought && found.last.is_none() {
            found.last = Some(last_change(commit, None, Vec::new()));
        }
    }
    Ok(())
}

fn last_change(commit: &CommitInfo, changes: Option<Vec<PastChange>>, config: Vec<PastConfig>) -> LastChange {
    LastChange {
        commit: commit.id.clone(),
        before: commit.parents.first().cloned(),
        at: commit.committer.at,
        author: commit.author.name.clone(),
        changes,
        config,
        newer: None,
        merge: commit.parents.len() > 1,
        went_back: false,
    }
}

/// The newest commit of the base branch after the failed one that touches the blueprint's file, is no merge of bpctl's own, and came when the
/// failure was known: a person's. A change that was on its way while the operation was still watched answers nothing. `landed`: what was
/// merged from bpctl's own branches or others, and when, by the forge's clock. Any other commit came by its committer's time, and at the
/// latest with the next merge that holds it: a date is whatever its author wrote (T31). What cannot be walked back to resets nothing.
fn reset(
    repository: &Repository,
    tip: &str,
    (failed, known): (&str, Timestamp),
    blueprint: &RepoPath,
    landed: &BTreeMap<&str, (bool, Timestamp)>,
) -> Option<String> {
    let log = repository.first_parent_log(tip, WALKED).ok()?;
    let since: Vec<_> = log.iter().take_while(|commit| commit.id != failed).collect();
    if since.len() == log.len() {
        return None;
    }
    let mut next = None;
    let answers = |commit: &&&CommitInfo| {
        let (own, at) = match landed.get(commit.id.as_str()) {
            // Only the forge's own time bounds what lies below.
            Some((own, at)) => {
                next = Some(*at);
                (*own, *at)
            }
            None => (false, next.map_or(commit.committer.at, |next| commit.committer.at.min(next))),
        };
        // Forges and commits have whole seconds.
        !own && at.as_second() >= known.as_second()
    };
    let mut people = since.iter().filter(answers);
    people.find(|commit| touches(repository, commit, blueprint)).map(|commit| commit.id.clone())
}

/// Whether a commit changes a file against its first parent. What cannot be read does not.
fn touches(repository: &Repository, commit: &CommitInfo, file: &RepoPath) -> bool {
    let Some(parent) = commit.parents.first() else { return false };
    let paths = repository.diff_paths(parent, &commit.id);
    paths.is_ok_and(|paths| paths.iter().any(|changed| changed.path.as_ref().is_ok_and(|path| path == file)))
}
