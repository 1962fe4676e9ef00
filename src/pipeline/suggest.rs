//! Earned autonomy (X12): what people approved and what went well each time may be allowed. From merged pull requests, the checks on their
//! merge commits, and Git; never from the ledger. The change is a pull request that a person merges.

use std::collections::BTreeMap;

use bpctl_core::blueprint::{Blueprint, Catalog, Operation, sized_container};
use bpctl_core::govern::{EARNABLE, Earning, OperationInput, Subject, earnable, earned_after, in_a_row};
use bpctl_core::model::{BaseTip, Name, Timestamp, Trusted};
use bpctl_core::observe::{CheckConclusion, PullState};
use bpctl_core::propose::widened;
use bpctl_core::render::sink;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Effects, PipelineError, Session, ledger, plan, pulls, tree, verify};
use crate::forge::{BranchName, Created, NewPull, PullFilter, PullSummary, Swapped};

/// What is suggested, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suggestions {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// What earned its autonomy, a blueprint each.
    pub suggestions: Vec<Suggestion>,
    /// Operations that need approval and have not earned more, with why.
    pub not_yet: Vec<NotYet>,
}

/// Operations of one blueprint that may be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// The blueprint.
    pub blueprint: Name,
    /// Its file.
    pub file: String,
    /// The operations.
    pub operations: Vec<Operation>,
    /// How many successes in a row were asked for.
    pub after: u32,
    /// Its version today.
    pub version: String,
    /// The version that the change needs; left out where a person has to edit the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_version: Option<String>,
    /// The successes, by operation, the newest first.
    pub successes: Vec<Success>,
    /// What became of it: a pull request, or why there is none.
    pub told: String,
}

/// One success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Success {
    /// The operation.
    pub operation: Operation,
    /// Where.
    pub environment: Name,
    /// The pull request.
    pub pull: u64,
    /// Its page, or its short name.
    pub url: String,
    /// The commit that landed.
    pub commit: String,
    /// When, by the forge's clock.
    pub merged_at: Timestamp,
}

/// An operation that needs approval, and goes on to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotYet {
    /// The blueprint.
    pub blueprint: Name,
    /// The operation.
    pub operation: Operation,
    /// Why.
    pub because: String,
}

/// Looks for operations that earned their autonomy; with `effects` it proposes them.
pub async fn suggest(
    session: &Session,
    environment: Option<&Name>,
    after: Option<u32>,
    effects: Option<&Effects<'_>>,
) -> Result<Suggestions, PipelineError> {
    let forge = session.forge.reading();
    let tip = forge.base_tip().await?;
    let (files, rules) = tree::base_tree(&session.repository, &tip)?;
    plan::whole(rules.get())?;
    let catalog = rules.get();
    if let Some(name) = environment {
        plan::place(catalog, name)?;
    }
    let remembered = pulls::remembered(forge).await?;
    let mut all = Suggestions { schema_version: 1, suggestions: Vec::new(), not_yet: Vec::new() };
    for (name, blueprint) in &catalog.blueprints {
        if environment.is_some_and(|environment| !blueprint.value.is_in(environment)) {
            continue;
        }
        let mut past: Option<BTreeMap<Name, Vec<Earning>>> = None;
        let after = after.unwrap_or_else(|| earned_after(catalog, name)).max(1);
        let (mut operations, mut successes) = (Vec::new(), Vec::new());
        for operation in EARNABLE {
            let because = match earnable(catalog, &blueprint.value, operation) {
                None => continue,
                Some(Err(because)) => Some(because),
                Some(Ok(())) => {
                    if past.is_none() {
                        past = Some(earnings(session, &rules, &blueprint.value, &remembered).await?);
                    }
                    let rows = past.iter().flatten().map(|(place, past)| (place, in_a_row(past, operation)));
                    let rows: Vec<(&Name, Vec<&Earning>)> = rows.collect();
                    let short = rows.iter().find(|(_, row)| row.len() < usize::try_from(after).unwrap_or(usize::MAX));
                    let because = short
                        .map(|(place, row)| format!("{} of {after} verified successes in a row in {place}", row.len()));
                    if because.is_none() && !rows.is_empty() {
                        operations.push(operation);
                        let success = |place: &Name, earning: &Earning| Success {
                            operation,
                            environment: place.clone(),
                            pull: earning.pull,
                            url: forge.pull_url(earning.pull),
                            commit: earning.commit.clone(),
                            merged_at: earning.merged_at,
                        };
                        successes.extend(
                            rows.iter().flat_map(|(place, row)| row.iter().map(|earning| success(place, earning))),
                        );
                    }
                    because
                }
            };
            all.not_yet.extend(because.map(|because| NotYet { blueprint: name.clone(), operation, because }));
        }
        if operations.is_empty() {
            continue;
        }
        let mut suggestion = Suggestion {
            blueprint: name.clone(),
            file: blueprint.path.to_string(),
            operations,
            after,
            version: blueprint.value.metadata.version.to_string(),
            next_version: None,
            successes,
            told: "bpctl suggest --propose opens a pull request, which a person merges".into(),
        };
        match widened(catalog, blueprint, &files, &suggestion.operations) {
            Err(because) => suggestion.told = because,
            Ok((bytes, version)) => {
                suggestion.next_version = Some(version);
                if let Some(effects) = effects {
                    let change = (blueprint.path.clone(), Some(bytes));
                    let reviewers = blueprint.value.governance.approval_workflow.approvers.clone();
                    let made = Made { change, reviewers };
                    suggestion.told = propose(session, (&tip, &rules), effects, &suggestion, made, &remembered).await?;
                }
            }
        }
        all.suggestions.push(suggestion);
    }
    Ok(all)
}

/// The blueprint's file after the change, and whom to ask.
struct Made {
    change: (bpctl_core::model::RepoPath, Option<Vec<u8>>),
    reviewers: Vec<String>,
}

/// What was merged for a blueprint in each of its environments, of the last 90 days: what it amounts to, and how it ended.
async fn earnings(
    session: &Session,
    rules: &Trusted<Catalog>,
    blueprint: &Blueprint,
    pulls: &[PullSummary],
) -> Result<BTreeMap<Name, Vec<Earning>>, PipelineError> {
    let forge = session.forge.reading();
    let (me, catalog) = (forge.identity().await?, rules.get());
    let mut all: BTreeMap<Name, Vec<Earning>> = BTreeMap::new();
    for (environment, place) in &catalog.workspace.value.environments {
        if !blueprint.is_in(environment) {
            continue;
        }
        let past = all.entry(environment.clone()).or_default();
        let Some(effective) = catalog.blueprint(&blueprint.metadata.name, environment, forge.clock().await?.now) else {
            continue;
        };
        let spec = &effective.value.spec;
        let object = effective.value.object_in(environment);
        let manifest = catalog.manifest(environment, &spec.target.source, &object);
        let sized = manifest.and_then(|m| sized_container(&m.document.root, spec.resources.container.as_ref()).ok());
        let input = OperationInput {
            spec,
            step: catalog.resize_limits(place.tier, &blueprint.metadata).step.value,
            container: sized.as_ref().map(|(name, node)| (name.as_str(), *node)),
            delivery: place.delivery,
        };
        for pull in pulls {
            let named = pull.head_branch.as_deref().and_then(|branch| BranchName::parse_proposal(environment, branch));
            let mine = named.is_some_and(|(name, action)| {
                name == blueprint.metadata.name && EARNABLE.iter().any(|operation| operation.name() == action)
            });
            let PullState::Merged { at, commit, .. } = &pull.state else { continue };
            if !mine || pull.author.id != me.id {
                continue;
            }
            let changes = pulls::merged_changes(&session.repository, rules, &pull.head, commit).await?;
            let operations = changes
                .governed
                .iter()
                .flat_map(|governed| Subject::of_change(governed, Some(&object), &changes.governed).operations(&input));
            let mut operations: Vec<Operation> = operations.collect();
            operations.sort_unstable();
            operations.dedup();
            let check = verify::check(forge, environment, commit).await?;
            // What missed a target has landed, and earns nothing.
            let outcome = check.map(|check| match check.conclusion {
                CheckConclusion::Success if verify::is_partial(&check) => CheckConclusion::Neutral,
                conclusion => conclusion,
            });
            past.push(Earning { pull: pull.number, commit: commit.clone(), merged_at: *at, operations, outcome });
        }
    }
    Ok(all)
}

/// Opens the pull request, unless it is open, or a person closed the same before. Answers what became of it.
async fn propose(
    session: &Session,
    (tip, rules): (&BaseTip, &Trusted<Catalog>),
    effects: &Effects<'_>,
    suggestion: &Suggestion,
    Made { change, reviewers }: Made,
    remembered: &[PullSummary],
) -> Result<String, PipelineError> {
    let (forge, repository) = (session.forge.reading(), &session.repository);
    let branch = BranchName::autonomy(&suggestion.blueprint);
    let names: Vec<&str> = suggestion.operations.iter().map(|operation| operation.name()).collect();
    let title = format!(
        "allow {} of {} without approval: {} verified successes in a row",
        names.join(" and "),
        suggestion.blueprint,
        suggestion.after
    );
    let message = format!("{title}\n\nBpctl-Suggests: {}\n", suggestion.blueprint);
    let author = ledger::signature(repository.commit_info(tip.commit())?.committer.at);
    let commit = repository.commit_files(tip.commit(), &[change].into(), &author, &message)?;
    let wanted = pulls::changes_at(repository, tip, rules, &commit).await?;
    if pulls::declined(session.reading(), tip, rules, (&branch, &wanted), remembered).await? {
        return Ok(format!("not proposed: {}", pulls::CLOSED_BEFORE));
    }
    let open = forge.pulls(PullFilter::Open).await?;
    let open = open.iter().find(|pull| pull.head_branch.as_deref() == Some(branch.as_str()));
    let labels = rules.get().workspace.value.proposals.labels_of(None, &suggestion.blueprint, "suggest");
    if let Some(open) = open {
        if open.unlabelled {
            effects.label_pull(open.number, &labels).await?;
        }
        return Ok(format!("{} is open", forge.pull_url(open.number)));
    }
    if let Created::Exists(other) = effects.create_branch(&branch, &commit).await?
        && other != commit
        && effects.update_branch(&branch, &other, &commit).await? != Swapped::Swapped
    {
        return Ok(format!("not proposed: somebody else moves {branch}"));
    }
    let after = pulls::newest(remembered, &branch).map(|pull| pull.number);
    let new = NewPull { branch, after, title, body: body(suggestion), reviewers, labels: labels.clone() };
    let number = effects.open_pull(&new).await?;
    if !labels.is_empty() && !effects.is_dry_run() {
        effects.label_pull(number, &labels).await?;
    }
    Ok(format!("opened {}", forge.pull_url(number)))
}

fn body(suggestion: &Suggestion) -> String {
    let names: Vec<&str> = suggestion.operations.iter().map(|operation| operation.name()).collect();
    let mut lines = vec![
        format!(
            "**{}** of `{}` needs approval today. The last times it was approved, merged and verified, and none failed, in every \
             environment that the blueprint is in. This lets bpctl do it without asking.",
            names.join(", "),
            suggestion.blueprint
        ),
        String::new(),
        "It is a change of the rules: the rules of the base branch judge it, and a person merges it. Close it to say no.".into(),
        String::new(),
        "| operation | environment | pull request | merged | landed as |".into(),
        "|---|---|---|---|---|".into(),
    ];
    lines.extend(suggestion.successes.iter().map(|success| {
        let Success { operation, environment, url, merged_at, commit, .. } = success;
        let short = sink::markdown(&bpctl_core::model::Untrusted::new(commit.get(..7).unwrap_or(commit)));
        format!("| {operation} | {environment} | {url} | {merged_at:.0} | {short} |")
    }));
    lines.push(String::new());
    lines.join("\n")
}
