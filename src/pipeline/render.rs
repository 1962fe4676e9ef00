//! Renders what environments deliver by Kustomize and Helm, and finds the lines that make rendered fields (X9).

use std::collections::BTreeSet;

use bpctl_core::blueprint::{Catalog, Manifest, Render};
use bpctl_core::model::{FieldPath, Files, Name, ObjectRef, Period, Proposed, RepoPath, Trusted};
use bpctl_core::plan::{Decision, Plan, PlanInput, Scope, decide_all, govern, rendered_fields};
use bpctl_core::rendering::{
    Inputs, Mutation, RenderFailure, Rendering, Search, SearchInput, inputs, may_vary, objects, settings,
};

use crate::git::GitError;
use crate::render_tools::Workbench;
use crate::runtime;

/// How long a plan looks for lines, per rendered folder. What is not found by then is said to be unknown.
pub(super) const PLAN_SEARCH: Period = Period::from_secs(60);
/// The same for somebody who asked for lines and nothing else.
pub(super) const ASKED_SEARCH: Period = Period::from_secs(900);

/// The files and folders that all `render` entries of a workspace read, and that are not among the files yet; read them and ask again.
pub(super) fn read_inputs(
    entries: &[&Render],
    files: &mut Files,
    wanted: &mut Vec<RepoPath>,
    read: impl Fn(&[RepoPath]) -> Result<Files, GitError>,
) -> Result<(), GitError> {
    let mut asked: BTreeSet<RepoPath> = wanted.iter().cloned().collect();
    loop {
        let all: BTreeSet<RepoPath> = entries.iter().flat_map(|entry| inputs(entry, files).wanted).collect();
        let new: Vec<RepoPath> =
            all.into_iter().filter(|path| !asked.iter().any(|known| path.is_within(known))).collect();
        if new.is_empty() {
            return Ok(());
        }
        files.0.extend(read(&new)?.0);
        asked.extend(new.iter().cloned());
        wanted.extend(new);
    }
}

/// The same for rules.
pub async fn render_rules(rules: Trusted<Catalog>, files: &Files, environments: &[Name]) -> Trusted<Catalog> {
    let mut rendered = rules.get().clone();
    render(&mut rendered, files, environments).await;
    rules.map(|mut catalog| {
        for environment in environments {
            catalog.set_renderings(environment, rendered.renderings(environment).to_vec());
        }
        catalog
    })
}

/// Renders what these environments of a catalog deliver. What fails stands in the catalog as unknown.
pub async fn render(catalog: &mut Catalog, files: &Files, environments: &[Name]) {
    for environment in environments {
        let Some(place) = catalog.workspace.value.environments.get(environment) else { continue };
        let entries = place.render.clone();
        if entries.is_empty() {
            continue;
        }
        let mut renderings = Vec::with_capacity(entries.len());
        for entry in &entries {
            renderings.extend(rendering(entry, files).await);
        }
        catalog.set_renderings(environment, renderings);
    }
}

/// What the renderer makes of one entry; of a chart that may vary twice, from the same files laid out once.
pub(super) async fn rendering(entry: &Render, files: &Files) -> Option<Rendering> {
    let bench = match bench(entry, files) {
        Ok((_, bench)) => bench,
        Err(failure) => return Rendering::of(entry, Err(failure)),
    };
    let once = async || {
        let output = bench.run(&Mutation::default()).await;
        Rendering::of(entry, output.as_deref().map_err(Clone::clone))
    };
    let first = once().await?;
    if entry.helm.is_none() || first.outcome.is_err() || !may_vary(bench.files()) {
        return Some(first);
    }
    let again = once().await?;
    Some(first.beside(&again))
}

fn bench(entry: &Render, files: &Files) -> Result<(Inputs, Workbench), RenderFailure> {
    let inputs = inputs(entry, files);
    let seen = inputs.files(files)?;
    let mut entry = entry.clone();
    if entry.ignore_missing {
        entry.values.retain(|path| seen.blob(path).is_some());
    }
    let bench = Workbench::new(&entry, seen)?;
    Ok((inputs, bench))
}

/// Finds the lines that make these fields of an environment's rendered objects, and puts them into the catalog.
pub async fn trace(
    catalog: &mut Catalog,
    files: &Files,
    environment: &Name,
    fields: &BTreeSet<(RepoPath, ObjectRef, FieldPath)>,
    search: Period,
) {
    let Some(place) = catalog.workspace.value.environments.get(environment) else { return };
    let entries = place.render.clone();
    let mut renderings = catalog.renderings(environment).to_vec();
    for (position, entry) in entries.iter().enumerate() {
        let settings = settings(entry, &catalog.workspace.document, environment.as_str(), position);
        let Some((_, root)) = entry.root() else { continue };
        let Some(rendering) = renderings.iter_mut().find(|rendering| rendering.root == *root) else { continue };
        let mine: Vec<_> = fields.iter().filter(|(path, ..)| path == root).collect();
        let Ok(before) = rendering.outcome.clone() else { continue };
        if mine.is_empty() {
            continue;
        }
        let Ok((inputs, bench)) = bench(entry, files) else { continue };
        let input =
            SearchInput { render: entry, inputs: &inputs, files: bench.files(), settings: &settings, before: &before };
        let until = search.after(runtime::now());
        let mut search = Search::new(input, mine.into_iter().map(|(_, object, field)| (object, field)));
        let mut late = false;
        while !late && let Some(mutation) = search.next_mutation() {
            search.answer(mutated(&bench, entry, &mutation).await.as_deref());
            late = runtime::now() > until;
        }
        rendering.origins.extend(search.origins(late));
    }
    catalog.set_renderings(environment, renderings);
}

/// Decides, finds the lines that make rendered fields, and judges.
pub(super) async fn plan(input: PlanInput<'_>, files: &Files, only: Option<(&BTreeSet<Name>, Scope)>) -> Plan {
    let (names, scope) = only.unzip();
    let decisions = decide_all(input.desired.get(), input.environment, input.observation, names);
    judged(input, files, decisions, scope).await
}

/// Finds the lines that make the rendered fields of these decisions, and judges them.
pub(super) async fn judged(
    input: PlanInput<'_>,
    files: &Files,
    decisions: Vec<Decision>,
    scope: Option<Scope>,
) -> Plan {
    let fields = rendered_fields(input.desired.get(), input.environment, &decisions);
    if fields.is_empty() {
        return govern(&input, decisions, scope);
    }
    let mut catalog = input.desired.get().clone();
    trace(&mut catalog, files, input.environment, &fields, PLAN_SEARCH).await;
    let desired = Proposed::from_head(input.desired.commit().map(str::to_owned), catalog);
    govern(&PlanInput { desired: &desired, ..input }, decisions, scope)
}

async fn mutated(bench: &Workbench, entry: &Render, mutation: &Mutation) -> Option<Vec<Manifest>> {
    let output = bench.run(mutation).await.ok()?;
    objects(entry, &output).ok()
}
