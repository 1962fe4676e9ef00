//! Judges a pull request: gathers what the judge needs, and calls it.

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Catalog, Justification, Tier, TierName, WORKSPACE_FILE, Workspace, is_manifest};
use bpctl_core::execute::Effect;
use bpctl_core::govern::{
    ApprovalTerms, PullInput, PullJudgement, ReviewJudgement, count_reviews, judge_pull, looked_at,
};
use bpctl_core::model::{BaseTip, Digest, Files, Name, Period, Proposed, RepoPath, Timestamp, Trusted, Untrusted};
use bpctl_core::observe::{CheckConclusion, Identity, Known, Observation, PullFacts, PullState, Recorder, UnknownCode};
use bpctl_core::plan::{Plan, PlanItem};
use bpctl_core::propose::{self, ChangeSet, Places, Proposal, change_set, may_deliver_with_more, touched};
use bpctl_core::render::marks::{Marks, marks};
use bpctl_core::rendering::is_kustomization;

use super::tree::{Beside, commit_tree};
use super::{PipelineError, Reading, Session, render};
use crate::forge::{BranchName, Forge, PullFilter, PullSummary, REMEMBERED};
use crate::git::{MergedTree, Repository};

/// Why something is not proposed again (Z5).
pub(super) const CLOSED_BEFORE: &str = "a person closed this before, and nothing changed since";

/// Judges one pull request for these environments, whose facts are given.
pub async fn judge_one(
    session: &Session,
    tip: &BaseTip,
    base_files: &Files,
    rules: &Trusted<Catalog>,
    mut pull: PullFacts,
    observations: &BTreeMap<Name, Observation>,
) -> Result<PullJudgement, PipelineError> {
    let repository = &session.repository;
    let changes = changes_at(repository, tip, rules, &pull.head).await?;
    // An approval of an older commit counts where it was for the very same changes (X2).
    for commit in reviewed(&pull).into_iter().filter(|commit| *commit != pull.head) {
        let then = match changes_at(repository, tip, rules, &commit).await {
            Ok(set) => Known::Known(set.hash()),
            Err(_) => Known::unknown(UnknownCode::NotObserved, "the commit is not in the repository any more"),
        };
        pull.changes_at.insert(commit, then);
    }
    let merged_tree = match repository.merge_tree_as_forges_do(tip.commit(), &pull.head).await {
        Ok(MergedTree::Clean(tree)) => {
            let forge = session.forge.reading();
            let why = match between(forge, repository, tip, &pull.head, &changes).await? {
                None => rebased(forge, repository, tip, (&pull.head, &tree)).await?,
                why => why,
            };
            match why {
                None => landing(repository, tip, rules, tree, &changes).await?,
                Some(why) => Known::unknown(UnknownCode::Unsupported, why),
            }
        }
        Ok(MergedTree::Conflict(paths)) => {
            let shown = paths.first().map_or_else(String::new, |path| {
                format!(": {}", bpctl_core::render::sink::terminal(&Untrusted::new(path.as_str())))
            });
            Known::unknown(
                UnknownCode::Unsupported,
                format!("it conflicts with {}{shown}: update its branch", tip.branch()),
            )
        }
        Err(error) => Known::unknown(UnknownCode::Incomplete, error.to_string()),
    };
    // Rules look at the manifests that they judge, in each environment that the change reaches.
    let reached: BTreeSet<Name> = changes.governed.iter().filter_map(|governed| governed.environment.clone()).collect();
    let reached: Vec<Name> = reached.into_iter().filter(|name| rules.get().renderings(name).is_empty()).collect();
    let rules = &render::render_rules(rules.clone(), base_files, &reached).await;
    let forge = session.forge.reading();
    let (me, clock) = (forge.identity().await?, forge.clock().await?);
    let recorders: BTreeMap<Name, Recorder<'_>> =
        observations.iter().map(|(name, observation)| (name.clone(), Recorder::new(observation))).collect();
    let proposed = Proposed::from_head(Some(pull.head.clone()), changes);
    Ok(judge_pull(PullInput {
        rules,
        changes: &proposed,
        pull: &pull,
        me: &me,
        now: clock.now,
        server_clock: clock.from_server,
        merged_tree,
        facts: &recorders,
    }))
}

/// The commits that have to be compared, each once.
fn reviewed(pull: &PullFacts) -> Vec<String> {
    pull.reviews.known().map_or_else(Vec::new, |reviews| looked_at(reviews).into_iter().map(Into::into).collect())
}

/// Why something else than the merged tree may land, where the forge lets people rebase: then each commit is brought anew, and what a later one
/// or a merge took back may stand again (X2). GitHub does no rebase that gives another result than a merge.
async fn rebased(
    forge: &dyn Forge,
    repository: &Repository,
    tip: &BaseTip,
    (head, merged): (&str, &String),
) -> Result<Option<String>, PipelineError> {
    if repository.is_straight(tip.commit(), head)? {
        return Ok(None);
    }
    let is_same = || Ok::<_, PipelineError>(repository.rebased_tree(tip.commit(), head)?.as_ref() == Some(merged));
    match forge.rebases().await {
        Ok(false) => Ok(None),
        Ok(true) if is_same()? => Ok(None),
        Ok(true) => Ok(Some(format!(
            "it may be merged by a rebase, commit by commit, and that may give something else: rebase its branch on today's {}, or let the \
             repository allow no rebase",
            tip.branch()
        ))),
        Err(error) => Ok(Some(format!("whether it may be merged by a rebase cannot be seen: {error}"))),
    }
}

/// Why what a commit in the middle has may come to stand on base's own line, where nobody looked at it: bpctl goes back to what stood there, and takes a
/// change of a blueprint there for a person's (T32, B11). A path that one commit alone changes passes from what was to what is judged.
async fn between(
    forge: &dyn Forge,
    repository: &Repository,
    tip: &BaseTip,
    head: &str,
    judged: &ChangeSet,
) -> Result<Option<String>, PipelineError> {
    let path = match repository.changed_again(tip.commit(), head)? {
        None => None,
        Some(again) => match again.into_iter().find(|path| !judged.ungoverned.contains_key(path)) {
            None => return Ok(None),
            path => path,
        },
    };
    let is_kept = match forge.keeps_each_commit().await {
        Ok(false) => return Ok(None),
        Ok(true) => "a rebase may bring".to_owned(),
        Err(error) => format!("a rebase may bring (whether it is allowed cannot be seen: {error})"),
    };
    let what = path.map_or_else(
        || "it has too many commits to be looked at one by one, each of which".to_owned(),
        |path| {
            let shown = bpctl_core::render::sink::terminal(&Untrusted::new(path));
            format!("more than one of its commits changes {shown}, each of which")
        },
    );
    Ok(Some(format!(
        "{what} {is_kept} onto {}: squash them into one commit, or let the repository allow neither rebase nor fast-forward",
        tip.branch()
    )))
}

/// The merged tree, where it changes base in just the way that was judged: a merge by lines may put a value under another object (X2).
async fn landing(
    repository: &Repository,
    tip: &BaseTip,
    rules: &Trusted<Catalog>,
    tree: String,
    judged: &ChangeSet,
) -> Result<Known<String>, PipelineError> {
    let author = super::ledger::signature(bpctl_core::model::Timestamp::UNIX_EPOCH);
    let landed = repository.commit_tree(&tree, &[tip.commit()], &author, "what a merge would give")?;
    if changes_at(repository, tip, rules, &landed).await?.hash() == judged.hash() {
        // By rules that cannot be read nothing is judged, nor the pull request that mends them.
        let own = &rules.get().workspace.value.blueprints;
        let changed = repository.diff_paths(tip.commit(), &landed)?;
        let of_rules = |path: &RepoPath| path.is_within(own) || path.as_str() == WORKSPACE_FILE;
        // A name that is refused may keep all of them from being read.
        if changed.iter().any(|changed| changed.path.as_ref().map_or(true, of_rules)) {
            let read = commit_tree(repository, &landed, Beside::default()).and_then(|tree| {
                super::plan::whole(&tree.catalog)?;
                super::session::has_base(repository, &tree.catalog.workspace.value, &rules.get().workspace.value)
            });
            // Whoever takes bpctl away means it.
            let removed =
                |error: &PipelineError| matches!(error, PipelineError::Input(what) if what.code == "workspace-missing");
            if let Err(error) = read
                && !removed(&error)
            {
                let told = bpctl_core::render::sink::terminal(&Untrusted::new(error.placed()));
                let why = format!("with it the rules cannot be read, and nothing could be judged any more: {told}");
                return Ok(Known::unknown(UnknownCode::Unsupported, why));
            }
        }
        return Ok(Known::Known(tree));
    }
    let why = format!(
        "merging it into today's {} gives other changes than those that were looked at: update its branch",
        tip.branch()
    );
    Ok(Known::unknown(UnknownCode::Unsupported, why))
}

/// What a head changes against the point where it left base, seen with today's base files where they are the same.
pub async fn changes_at(
    repository: &Repository,
    tip: &BaseTip,
    rules: &Trusted<Catalog>,
    head: &str,
) -> Result<ChangeSet, PipelineError> {
    changes_from(repository, tip.commit(), rules, head).await
}

async fn changes_from(
    repository: &Repository,
    base: &str,
    rules: &Trusted<Catalog>,
    head: &str,
) -> Result<ChangeSet, PipelineError> {
    // From where it left base: what others merged since is not its change, so an approval survives a moved base (X2). That the merge gives
    // just these changes is the forge's three-way merge, whose tree the permit names.
    let merge_base = left_base(repository, base, head)?;
    let paths = convert(repository.diff_paths(&merge_base, head)?);
    let changed: Vec<RepoPath> = paths.iter().filter_map(|changed| changed.path.as_ref().ok().cloned()).collect();
    let commits = (&*merge_base, head);
    let workspace = rules.get().workspace_as_written()?;
    let (mut before, mut after) = render::sides(repository, &workspace, &changed, commits).await?;
    let delivering = deliveries(repository, rules.get(), &changed, [&merge_base, head])?;
    before.files.0.extend(repository.read_tree(&merge_base, &delivering)?.0);
    after.files.0.extend(repository.read_tree(head, &delivering)?.0);
    let touched = touched(rules.get(), [&before.files, &after.files], &changed);
    [before.beside, after.beside] = render::beside(repository, &touched, commits).await?;
    Ok(change_set(rules, &before, &after, &paths))
}

/// What says how other files are delivered, on either side: kustomizations that no entry renders, and objects that have a controller deliver more
/// than those say, or to another namespace.
/// The latter is asked for where a change is of a file that no blueprint's source names, or where there are components, which may make one object of
/// another.
fn deliveries(
    repository: &Repository,
    rules: &Catalog,
    changed: &[RepoPath],
    commits: [&str; 2],
) -> Result<Vec<RepoPath>, PipelineError> {
    let mut found = BTreeSet::new();
    let mut anywhere = changed.iter().any(|path| !rules.is_in_a_source(path));
    for commit in commits {
        let mine = |path: &RepoPath| is_kustomization(path) && rules.roots_reading(path).is_empty();
        repository.each_in_tree(commit, &[RepoPath::root()], mine, |path, text| {
            anywhere |= text.is_ok_and(|text| String::from_utf8_lossy(text).contains("Component"));
            found.insert(path);
            Ok::<(), PipelineError>(())
        })?;
    }
    for commit in commits.iter().filter(|_| anywhere) {
        let mine = |path: &RepoPath| is_manifest(path) && !is_kustomization(path);
        repository.each_in_tree(commit, &[RepoPath::root()], mine, |path, text| {
            if text.is_ok_and(may_deliver_with_more) {
                found.insert(path);
            }
            Ok::<(), PipelineError>(())
        })?;
    }
    Ok(found.into_iter().collect())
}

/// The blueprint of a proposal's branch, where an approval of it has to say why (B10).
pub fn asks_why(rules: &Catalog, branch: Option<&str>) -> Option<Name> {
    proposed(rules, branch).filter(|(environment, name)| says_why(rules, name, environment)).map(|(_, name)| name)
}

/// Environment and blueprint of a proposal, by its branch.
fn proposed<'r>(rules: &'r Catalog, branch: Option<&str>) -> Option<(&'r Name, Name)> {
    let mut environments = rules.workspace.value.environments.keys();
    environments.find_map(|environment| Some((environment, BranchName::parse_proposal(environment, branch?)?.0)))
}

/// Why the newest review of a pull request's own head does not count (B10); `None`: it does, or that is not known.
pub fn uncounted(rules: &Catalog, pull: &PullFacts) -> Option<String> {
    let (environment, name) = proposed(rules, pull.head_branch.as_deref())?;
    let approvers = &rules.blueprints.get(&name)?.value.governance.approval_workflow.approvers;
    let justified = says_why(rules, &name, environment);
    let terms = ApprovalTerms { approvers, tier: dearest(&rules.workspace.value), until: None, justified };
    let newest = pull.reviews.known()?.iter().max_by_key(|review| review.at)?;
    // Of what was looked at just now, nothing else is compared.
    let judged = count_reviews(pull, &Digest::of(""), &terms).ok()?;
    judged.into_iter().find(|judged| judged.reviewer.id == newest.reviewer.id)?.refused
}

/// The dearest tier of a workspace.
fn dearest(workspace: &Workspace) -> TierName {
    workspace.environments.values().map(|environment| environment.tier).max().unwrap_or(TierName::Prod)
}

/// Whether an approval of what is proposed for a blueprint has to say why (B10).
pub fn says_why(rules: &Catalog, blueprint: &Name, environment: &Name) -> bool {
    rules
        .blueprint_as_written(blueprint, environment)
        .is_some_and(|asked| asked.value.governance.approval_workflow.justification == Justification::Required)
}

/// What stands beside the lines of a judged head, where the forge shows such things. It is a courtesy: what cannot be read for it keeps no
/// verdict from being written.
pub async fn marks_of(session: &Session, tip: &BaseTip, rules: &Trusted<Catalog>, judged: &PullJudgement) -> Marks {
    if judged.tier == Tier::Allowed || !session.forge.reading().shows_marks() {
        return Marks::default();
    }
    let repository = &session.repository;
    let read = async || -> Result<Marks, PipelineError> {
        let merge_base = left_base(repository, tip.commit(), &judged.head)?;
        let paths = convert(repository.diff_paths(&merge_base, &judged.head)?);
        let wanted: Vec<RepoPath> = paths.iter().filter_map(|changed| changed.path.as_ref().ok().cloned()).collect();
        let workspace = rules.get().workspace_as_written()?;
        let (before, after) = render::sides(repository, &workspace, &wanted, (&merge_base, &judged.head)).await?;
        let settled = judged.conclusion == CheckConclusion::Success;
        Ok(marks(&judged.verdicts, settled, &Places::of(&paths, &before, &after)))
    };
    read().await.unwrap_or_default()
}

/// What a person runs so that an approval counts on the local forge, by the workspace on base (B10).
pub fn approval(workspace: &Workspace, number: u64, says_why: bool) -> String {
    let why = if says_why { " -m WHY" } else { "" };
    let signed = format!("bpctl approve {number} --signing-key FILE{why}");
    match &workspace.local.allowed_signers {
        _ if dearest(workspace) == TierName::Dev => format!("bpctl approve {number}{why}"),
        Some(_) => signed,
        None => format!(
            "say whose keys approve: local.allowed_signers in bpctl.yaml, on the base branch (docs/LOCAL_FORGE.md); then {signed}"
        ),
    }
}

/// A proposal as a commit on base: the same change on the same base gives the same one, whichever run makes it.
pub(super) async fn draft(
    repository: &Repository,
    tip: &BaseTip,
    rules: &Trusted<Catalog>,
    proposal: &Proposal,
) -> Result<(String, ChangeSet), PipelineError> {
    let files = proposal.files.iter().map(|(path, bytes)| (path.clone(), Some(bytes.clone()))).collect();
    let author = super::ledger::signature(repository.commit_info(tip.commit())?.committer.at);
    let commit = repository.commit_files(tip.commit(), &files, &author, &proposal.message)?;
    let changes = changes_at(repository, tip, rules, &commit).await?;
    Ok((commit, changes))
}

/// Pull requests of the last 90 days: as long a person's no is remembered.
pub(super) async fn remembered(forge: &dyn Forge) -> Result<Vec<PullSummary>, PipelineError> {
    let since = REMEMBERED.before(forge.clock().await?.now);
    Ok(forge.pulls(PullFilter::UpdatedSince(since)).await?)
}

/// The newest pull request of a branch.
pub(super) fn newest<'p>(pulls: &'p [PullSummary], branch: &BranchName) -> Option<&'p PullSummary> {
    let mine = pulls.iter().filter(|pull| pull.head_branch.as_deref() == Some(branch.as_str()));
    mine.max_by_key(|pull| pull.number)
}

/// Whether a person closed the same change before.
pub(super) async fn declined(
    Reading { repository, forge }: Reading<'_>,
    tip: &BaseTip,
    rules: &Trusted<Catalog>,
    (branch, wanted): (&BranchName, &ChangeSet),
    pulls: &[PullSummary],
) -> Result<bool, PipelineError> {
    let Some(last) = newest(pulls, branch) else { return Ok(false) };
    match &last.state {
        // What bpctl closed itself (a twin that another run opened) is nobody's no.
        PullState::Closed { by: Some(by), .. } if by.id == forge.identity().await?.id => {
            return Ok(false);
        }
        PullState::Closed { .. } => {}
        PullState::Open | PullState::Merged { .. } => return Ok(false),
    }
    let then = changes_at(repository, tip, rules, &last.head).await;
    Ok(then.is_ok_and(|set| set.is_nearly(wanted)))
}

/// The longest pause before what nobody approved is proposed again.
const LONGEST_REST: Period = Period::from_secs(86_400);

/// When bpctl closed a pull request because nobody approved it in time. One that it closed at once was a twin of another run's.
pub(super) fn expired_at(pull: &PullSummary, me: &Identity, timeout: Period) -> Option<Timestamp> {
    let PullState::Closed { at, by: Some(by) } = &pull.state else { return None };
    let patience = timeout.min(Period::from_secs(60));
    (by.id == me.id && *at >= patience.after(pull.opened_at)).then_some(*at)
}

/// Why an action is not proposed yet, in one sentence: nobody approved it in time, and each time the pause is twice as long (B10). What
/// somebody asks for is proposed at once.
pub(super) async fn resting(
    Reading { forge, .. }: Reading<'_>,
    item: &PlanItem,
    branch: &BranchName,
    pulls: &[PullSummary],
) -> Result<Option<String>, PipelineError> {
    let Some(timeout) = item.verdict.timeout.filter(|_| !matches!(item.action, Action::Adopt(_))) else {
        return Ok(None);
    };
    let me = forge.identity().await?;
    let mut mine: Vec<&PullSummary> =
        pulls.iter().filter(|pull| pull.head_branch.as_deref() == Some(branch.as_str())).collect();
    mine.sort_by_key(|pull| std::cmp::Reverse(pull.number));
    let expired: Vec<(u64, Timestamp)> =
        mine.iter().map_while(|pull| Some((pull.number, expired_at(pull, &me, timeout)?))).collect();
    let Some((number, at)) = expired.first() else { return Ok(None) };
    let doubled = u32::try_from(expired.len() - 1).unwrap_or(u32::MAX);
    let until = timeout.doubled(doubled).min(LONGEST_REST).after(*at);
    let told = format!("nobody approved #{number} within {timeout}; it is proposed again at {until:.0}");
    Ok((forge.clock().await?.now < until).then_some(told))
}

/// The actions of a plan of base that `apply` would not propose, because a person closed them before or nobody approved them in time, with
/// why.
pub(super) async fn all_declined(
    reading: Reading<'_>,
    (tip, files, rules): (&BaseTip, &Files, &Trusted<Catalog>),
    plan: &Plan,
) -> Result<BTreeMap<Digest, String>, PipelineError> {
    let edits = |item: &&PlanItem| item.effects.iter().any(|effect| matches!(effect, Effect::SetField(_)));
    let items: Vec<&PlanItem> = plan.items().filter(edits).collect();
    let mut found = BTreeMap::new();
    if items.is_empty() {
        return Ok(found);
    }
    let pulls = remembered(reading.forge).await?;
    for item in items {
        let branch = BranchName::proposal(&plan.environment, item.action.blueprint(), item.action.name());
        let closed = |pull: &PullSummary| {
            pull.head_branch.as_deref() == Some(branch.as_str()) && matches!(pull.state, PullState::Closed { .. })
        };
        // Most have none, and need no commit to compare.
        if !pulls.iter().any(closed) {
            continue;
        }
        let Ok(proposal) = propose::propose(plan, item, files) else { continue };
        let (_, wanted) = draft(reading.repository, tip, rules, &proposal).await?;
        if declined(reading, tip, rules, (&branch, &wanted), &pulls).await? {
            found.insert(item.id.clone(), CLOSED_BEFORE.to_owned());
        } else if let Some(rest) = resting(reading, item, &branch, &pulls).await? {
            found.insert(item.id.clone(), rest);
        }
    }
    Ok(found)
}

/// The commit at which a head left base.
fn left_base(repository: &Repository, base: &str, head: &str) -> Result<String, PipelineError> {
    repository.merge_base(base, head)?.ok_or_else(|| {
        PipelineError::told("it shares no history with the base branch", "open it from a branch of this repository")
    })
}

/// The base branch as it stood before a merge.
fn before_merge(repository: &Repository, commit: &str) -> Result<String, PipelineError> {
    Ok(repository.commit_info(commit)?.parents.first().cloned().unwrap_or_else(|| commit.to_owned()))
}

/// What a merged pull request changed.
pub(super) async fn merged_changes(
    repository: &Repository,
    rules: &Trusted<Catalog>,
    head: &str,
    commit: &str,
) -> Result<ChangeSet, PipelineError> {
    changes_from(repository, &before_merge(repository, commit)?, rules, head).await
}

/// What a merged pull request changed, and whose reviews counted: for the account of a merge that no run wrote down.
pub async fn merged(
    session: &Session,
    rules: &Trusted<Catalog>,
    blueprint: &Name,
    mut pull: PullFacts,
    commit: &str,
) -> Result<(Digest, Vec<ReviewJudgement>), PipelineError> {
    let repository = &session.repository;
    let before = before_merge(repository, commit)?;
    let changes = changes_from(repository, &before, rules, &pull.head).await?.hash();
    for commit in reviewed(&pull) {
        if let Ok(then) = changes_from(repository, &before, rules, &commit).await {
            pull.changes_at.insert(commit, Known::Known(then.hash()));
        }
    }
    let catalog = rules.get();
    let approvers = catalog.blueprints.get(blueprint).map(|b| &b.value.governance.approval_workflow.approvers);
    let approvers = approvers.map_or(&[] as &[_], Vec::as_slice);
    // It is merged: until when it would have counted, and with which words, was for whoever permitted that to say.
    let terms = ApprovalTerms { approvers, tier: dearest(&catalog.workspace.value), until: None, justified: false };
    let reviews = count_reviews(&pull, &changes, &terms);
    Ok((changes, reviews.unwrap_or_default()))
}

fn convert(paths: Vec<crate::git::ChangedPath>) -> Vec<propose::ChangedPath> {
    /// Regular files are named by content; anything else, and the executable bit, by its mode too.
    fn side(entry: Option<(String, u32)>) -> Option<String> {
        entry.map(|(id, mode)| if mode == 0o100_644 { id } else { format!("{mode:o}:{id}") })
    }
    let one = |changed: crate::git::ChangedPath| propose::ChangedPath {
        path: changed.path.map_err(Untrusted::new),
        before: side(changed.before),
        after: side(changed.after),
    };
    paths.into_iter().map(one).collect()
}
