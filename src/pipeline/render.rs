//! Renders what environments deliver by Kustomize and Helm, and finds the lines that make rendered fields (X9).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use bpctl_core::blueprint::{Catalog, DEFAULT_BASE, Manifest, Render, Workspace};
use bpctl_core::model::{
    Diagnostic, Digest, FieldPath, File, Files, Name, ObjectRef, Period, Proposed, RepoPath, Trusted,
};
use bpctl_core::plan::{Decision, Plan, PlanInput, Scope, decide_all, govern, rendered_fields};
use bpctl_core::propose::Side;
use bpctl_core::rendering::{
    Delivered, Inputs, Mutation, RenderFailure, Rendering, Search, SearchInput, add_parts, application_folders, inputs,
    is_kustomization, objects, parts_to_find, resolve_application, settings, variants,
};

use crate::git::{GitError, Repository};
use crate::render_tools::{Workbench, unpacked};
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

/// What an Application has to deliver so that it is this repository's base: a workspace that names none may mean `master`, but only where there
/// is no `main` beside it.
pub(super) fn delivered(repository: &Repository, base: &str) -> Result<Delivered, GitError> {
    let is_there = |branch: &str| {
        let places = [format!("refs/heads/{branch}"), format!("refs/remotes/origin/{branch}")];
        let found: Result<Vec<_>, _> = places.iter().map(|place| repository.ref_target(place)).collect();
        Ok::<_, GitError>(found?.iter().any(Option::is_some))
    };
    let older = base == DEFAULT_BASE && !is_there(base)? && is_there("master")?;
    Ok(Delivered { origin: repository.remote_url("origin")?, base: if older { "master" } else { base }.into() })
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

/// What the renderer makes of one entry; of a chart side by side with what it might make another time: only so is seen what varies.
pub(super) async fn rendering(entry: &Render, files: &Files) -> Option<Rendering> {
    let inputs = inputs(entry, files);
    let seen = match inputs.files(files) {
        Ok(seen) => seen,
        Err(failure) => return Rendering::of(entry, &inputs, Err(failure)),
    };
    let key = key(entry, &seen);
    if let Some(known) = RENDERED.lock().ok().and_then(|known| known.get(&key).cloned()) {
        return Some(known);
    }
    let open = if entry.helm.is_some() { unpacked(&seen) } else { Ok(seen.clone()) };
    let once = async |files: &Files, mutation: Mutation| {
        let output = match bench(entry, mutation.over(files)) {
            Ok(bench) => bench.run(&Mutation { files: BTreeMap::new(), ..mutation }).await,
            Err(failure) => Err(failure),
        };
        Rendering::of(entry, &inputs, output.as_deref().map_err(Clone::clone))
    };
    let [one, two] = match &open {
        Ok(open) if entry.helm.is_some() => variants(open),
        _ => [None, None],
    };
    let again = async |variant: Option<Mutation>| match (&open, variant) {
        (Ok(open), Some(variant)) => once(open, variant).await,
        (Err(why), _) => Rendering::of(entry, &inputs, Err(why.clone())),
        (Ok(_), None) => None,
    };
    let (first, one, two) =
        Box::pin(async { tokio::join!(once(&seen, Mutation::default()), again(one), again(two)) }).await;
    let mut rendering = first?;
    for variant in [one, two].iter().flatten() {
        rendering = rendering.beside(variant, open.as_ref().unwrap_or(&seen));
    }
    let rendering = rendering.remarked(entry, &inputs, &seen);
    if let Ok(mut known) = RENDERED.lock() {
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, rendering.clone());
    }
    Some(rendering)
}

/// What this run rendered, or could not: the two sides of a change, its merge and what landed before are mostly the same files.
static RENDERED: Mutex<BTreeMap<Digest, Rendering>> = Mutex::new(BTreeMap::new());
const REMEMBERED: usize = 32;

/// What a rendering follows from: the entry, and what each of its files holds.
fn key(entry: &Render, seen: &Files) -> Digest {
    let content = |file: &File| match file {
        File::Blob(blob) => blob.id.clone(),
        File::Refused(why) => why.clone(),
    };
    let files: Vec<(&str, String)> = seen.0.iter().map(|(path, file)| (path.as_str(), content(file))).collect();
    Digest::of(&(format!("{entry:?}"), files))
}

/// What a changed file does to what is rendered: both commits, rendered by base's own entries where they read one of these files (X2).
pub(super) async fn sides(
    repository: &Repository,
    workspace: &Workspace,
    paths: &[RepoPath],
    (before, after): (&str, &str),
) -> Result<(Side, Side), GitError> {
    let before = entries(repository, workspace, before, paths)?;
    let after = entries(repository, workspace, after, paths)?;
    // What one of the two reads is rendered on both.
    let reads = |found: &Found| paths.iter().any(|path| found.reads(path));
    let both = before.1.iter().chain(&after.1).filter(|(_, found)| reads(found)).map(|(key, _)| key.clone());
    let both: BTreeSet<(Name, usize)> = both.collect();
    Ok((side(before, &both, paths).await, side(after, &both, paths).await))
}

/// An entry as one commit has it.
enum Found {
    /// With what it reads.
    Entry(Box<Render>, Box<Inputs>),
    /// An Application that says nothing that could be rendered: any file may be one that it delivers.
    Unresolved(RepoPath, Box<Diagnostic>),
}

impl Found {
    fn reads(&self, path: &RepoPath) -> bool {
        match self {
            Self::Entry(entry, inputs) => {
                inputs.open || inputs.reads.iter().chain(&entry.resolved_from).any(|read| path.is_within(read))
            }
            Self::Unresolved(..) => true,
        }
    }
}

type FoundEntries = BTreeMap<(Name, usize), Found>;

/// The entries of all environments as one commit has them, with the files that they and these paths name.
fn entries(
    repository: &Repository,
    workspace: &Workspace,
    commit: &str,
    paths: &[RepoPath],
) -> Result<(Files, FoundEntries), GitError> {
    let read = |wanted: &[RepoPath]| repository.read_tree(commit, wanted);
    let mut wanted = paths.to_vec();
    let all = || workspace.environments.values().flat_map(|place| &place.render);
    wanted.extend(all().filter_map(|entry| entry.application.clone()));
    let mut files = read(&wanted)?;
    let folders: Vec<RepoPath> = all()
        .filter_map(|entry| entry.application.as_ref())
        .flat_map(|path| application_folders(path, &files))
        .collect();
    files.0.extend(read(&folders)?.0);
    wanted.extend(folders);
    let here = delivered(repository, &workspace.base)?;
    let mut found = BTreeMap::new();
    for (name, place) in &workspace.environments {
        for (position, entry) in place.render.iter().enumerate() {
            let resolved = match (resolve_application(entry, &files, &here), &entry.application) {
                (Ok(resolved), _) => {
                    read_inputs(&[&resolved], &mut files, &mut wanted, read)?;
                    let inputs = inputs(&resolved, &files);
                    Found::Entry(Box::new(resolved), Box::new(inputs))
                }
                (Err(why), Some(application)) => Found::Unresolved(application.clone(), why),
                (Err(_), None) => continue, // only Applications are resolved
            };
            found.insert((name.clone(), position), resolved);
        }
    }
    Ok((files, found))
}

async fn side((files, found): (Files, FoundEntries), wanted: &BTreeSet<(Name, usize)>, paths: &[RepoPath]) -> Side {
    let mut rendered = BTreeMap::new();
    for (key, found) in found.into_iter().filter(|(key, _)| wanted.contains(key)) {
        let made = match &found {
            Found::Entry(entry, inputs) if inputs.open => {
                rendering(entry, &files).await.map(|made| made.reading(paths))
            }
            Found::Entry(entry, _) => rendering(entry, &files).await,
            Found::Unresolved(application, why) => {
                Some(Rendering::unresolved(application, paths.iter().cloned().collect(), why))
            }
        };
        rendered.extend(made.map(|made| (key, made)));
    }
    Side { files, rendered, beside: BTreeMap::new() }
}

/// How many kustomizations that no entry renders are built for one change; of more than that what they say has to do (T42).
const MOST_BESIDE: usize = 40;
/// How long all of them may take: a few small files can ask for anything, and nobody needs to deliver them (T42).
const LONGEST_BESIDE: Period = Period::from_secs(20);

/// What comes of kustomizations in these folders, in both commits; nothing, where one of them has none there.
pub(super) async fn beside(
    repository: &Repository,
    folders: &BTreeSet<RepoPath>,
    (before, after): (&str, &str),
) -> Result<[BTreeMap<RepoPath, Rendering>; 2], GitError> {
    let mut sides = [BTreeMap::new(), BTreeMap::new()];
    if folders.len() > MOST_BESIDE {
        return Ok(sides);
    }
    let until = LONGEST_BESIDE.after(runtime::now());
    for (side, commit) in sides.iter_mut().zip([before, after]) {
        let (mut files, mut wanted) = (Files::default(), Vec::new());
        for folder in folders {
            let entry = Render { kustomize: Some(folder.clone()), ..Render::default() };
            read_inputs(&[&entry], &mut files, &mut wanted, |wanted| repository.read_tree(commit, wanted))?;
            let is_there = |path: &RepoPath| is_kustomization(path) && files.get(path).is_some();
            let inputs = inputs(&entry, &files);
            let made = if !inputs.reads.iter().any(is_there) {
                Rendering::of(&entry, &Inputs::default(), Ok(b""))
            } else if runtime::now() > until {
                let late = RenderFailure::new("what the change touches took too long to build before it");
                Rendering::of(&entry, &inputs, Err(late))
            } else {
                rendering(&entry, &files).await
            };
            side.extend(made.map(|made| (folder.clone(), made)));
        }
    }
    Ok(sides)
}

fn bench(entry: &Render, seen: Files) -> Result<Workbench, RenderFailure> {
    let mut entry = entry.clone();
    if entry.ignore_missing {
        entry.values.retain(|path| seen.blob(path).is_some());
    }
    Workbench::new(&entry, seen)
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
        let settings = settings(&catalog.workspace.document, environment.as_str(), position);
        let Some((_, root)) = entry.root() else { continue };
        let Some(rendering) = renderings.iter_mut().find(|rendering| rendering.root == *root) else { continue };
        let mine: Vec<_> = fields.iter().filter(|(path, ..)| path == root).collect();
        let Ok(before) = rendering.outcome.clone() else { continue };
        if mine.is_empty() {
            continue;
        }
        let inputs = inputs(entry, files);
        let Ok(bench) = inputs.files(files).and_then(|seen| bench(entry, seen)) else { continue };
        let input =
            SearchInput { render: entry, inputs: &inputs, files: bench.files(), settings: &settings, before: &before };
        let until = search.after(runtime::now());
        let searched = async |mut search: Search<'_>| {
            let mut late = false;
            while !late && let Some(mutation) = search.next_mutation() {
                search.answer(mutated(&bench, entry, &mutation).await.as_deref());
                late = runtime::now() > until;
            }
            search.origins(late)
        };
        let whole = Search::new(input, mine.into_iter().map(|(_, object, field)| (object, field)));
        let mut found = searched(whole).await;
        let parts = parts_to_find(&found, &before);
        if !parts.is_empty() {
            let lines = searched(Search::of_parts(input, &parts)).await;
            add_parts(&mut found, &parts, lines);
        }
        rendering.origins.extend(found);
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
