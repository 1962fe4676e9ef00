//! `init`: the first files of a repository that has manifests. Nothing is overwritten, and nothing is written that does not lint.

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::blueprint::derive::{
    Beside, DeriveOptions, Draft, FoundRoot, LeftOut, Stage, delivered, derive, destinations, first_environment, is_of,
    not_followed, render_roots, render_text,
};
use bpctl_core::blueprint::{Catalog, DEFAULT_BASE, TierName, WORKSPACE_FILE, lint};
use bpctl_core::model::{
    Blob, Diagnostic, Digest, File, Files, Name, ObjectRef, Period, RepoPath, Severity, Timestamp, WorkloadKind,
};
use bpctl_core::rendering::{Delivered, RenderFailure, Rendering, inputs};

use super::session::{USUAL, fetched, heads};
use super::{PipelineError, tree};
use crate::cluster::LiveCluster;
use crate::git::Repository;
use crate::runtime;

/// What a person said about it.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// Who answers for workloads whose labels do not say.
    pub owner: Option<String>,
    /// The namespace of manifests that name none.
    pub namespace: Name,
    /// The first environment's name; of a workspace that is there: the one to look at, `None`: all.
    pub environment: Option<Name>,
    /// Its kubeconfig context; `None`: the current one.
    pub context: Option<String>,
    /// Its tier; `None`: as its name says.
    pub tier: Option<TierName>,
    /// Look below these only; empty: everywhere.
    pub below: Vec<RepoPath>,
    /// How long it begins to render folders, all together.
    pub patience: Period,
}

/// A file to be written.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Where.
    pub path: RepoPath,
    /// What.
    pub text: String,
    /// What it is about, for people.
    pub about: String,
}

/// What `init` is about to do.
#[derive(Debug)]
pub struct Initial {
    /// The files.
    pub files: Vec<NewFile>,
    /// Files with workloads that got no blueprint.
    pub left_out: Vec<LeftOut>,
    /// What is planned, and may be delivered otherwise: where, and why.
    pub notes: Vec<(RepoPath, String)>,
    /// Workloads that have one already.
    pub governed: usize,
}

impl Initial {
    /// Lines that somebody has to look at.
    pub fn guesses(&self) -> usize {
        self.files.iter().flat_map(|file| file.text.lines()).filter(|line| line.contains("# guessed")).count()
    }

    /// Writes the files. One that appeared meanwhile, or stands behind a link, ends it: what was written before stays and is whole.
    pub fn write(&self, repository: &Repository) -> Result<(), PipelineError> {
        let root = tree::work_tree_folder(repository)?;
        for file in &self.files {
            // All before the first, so that nothing is half done.
            if let Some(link) = runtime::first_link(root, file.path.as_str()) {
                return Err(PipelineError::told(
                    format!("{} is not written: {link} is a symbolic link", file.path),
                    "bpctl follows no links; nothing was written",
                ));
            }
        }
        for file in &self.files {
            runtime::create_file(&root.join(file.path.as_str()), file.text.as_bytes()).map_err(|error| {
                PipelineError::told(
                    format!("couldn't write {}: {error}", file.path),
                    "nothing that exists is overwritten",
                )
            })?;
        }
        Ok(())
    }
}

/// Looks at the work tree and makes the files; writes nothing.
pub async fn prepare(repository: &Repository, options: &InitOptions) -> Result<Initial, PipelineError> {
    let known = match tree::work_tree(repository) {
        Ok(tree) => {
            super::plan::whole(&tree.catalog)?;
            Some(tree.catalog)
        }
        Err(PipelineError::Input(diagnostic)) if diagnostic.code == "workspace-missing" => None,
        Err(error) => return Err(error),
    };
    let mut files = repository.read_work_tree(&repository.manifest_paths()?)?;
    let root = tree::work_tree_folder(repository)?;
    let is_there = |below: &&RepoPath| files.get(below).is_some() || runtime::is_folder(&root.join(below.as_str()));
    if let Some(nowhere) = options.below.iter().find(|below| !is_there(below)) {
        let told = format!("there is no folder {nowhere}");
        return Err(PipelineError::told(told, "name one as it is seen from the repository's root"));
    }
    let folder = match &known {
        Some(catalog) => catalog.workspace.value.blueprints.clone(),
        None => blueprints_folder()?,
    };
    let (places, others) = rendered(repository, &mut files, known.as_ref(), options).await?;
    let first = |roots: &[FoundRoot]| {
        let name = places.first().map_or_else(default_environment, |place| Ok(place.name.clone()))?;
        let text = workspace(options, &name, roots, other_base(repository)?.as_deref());
        let about = format!("environment {name}, tier {}", tier(options, &name, &context(options, &name).0));
        Ok::<_, PipelineError>(NewFile { path: repo_path(WORKSPACE_FILE)?, text, about })
    };
    // Blueprints may be there without a workspace.
    let without = match &known {
        Some(_) => None,
        None => Some(with(&files, &[first(places.first().map_or(&[], |place| &place.roots))?])?),
    };
    if let Some(catalog) = &without {
        super::plan::whole(catalog)?;
    }
    let base = known.as_ref().map_or(DEFAULT_BASE, |catalog| &catalog.workspace.value.base);
    let here = super::render::delivered(repository, base)?;
    let (drafts, mut left_out, governed) =
        all_drafts(&files, known.as_ref().or(without.as_ref()), &places, &folder, (options, &here));
    left_out.extend(others);
    let roots = || places.iter().flat_map(|place| &place.roots);
    // What is delivered may be something else than what is planned then.
    let mut notes: Vec<(RepoPath, String)> = roots()
        .filter_map(|root| {
            let (because, path) = (root.note.as_ref()?, root.render.root()?.1.clone());
            let by = root.otherwise?;
            let told = "what the folder makes by itself is planned";
            Some((path, format!("{because}; {told}, and {by} may deliver something else")))
        })
        .collect();
    for place in &places {
        notes.extend(place.roots.iter().filter_map(|root| {
            let (path, name) = (root.render.kustomize.as_ref()?, &place.name);
            let others = root.others.iter().take(4).map(RepoPath::as_str).collect::<Vec<_>>().join(", ");
            let told = format!("taken for {name}, which is a guess: there are also {others}");
            // One alone is called so: that is no guess.
            let is_clear = is_of(path, name) && !root.others.iter().any(|other| is_of(other, name));
            (!others.is_empty() && !is_clear).then(|| (path.clone(), told))
        }));
    }
    if known.is_none() {
        let asked = |path: &RepoPath| options.below.is_empty() || options.below.iter().any(|below| path.meets(below));
        notes
            .extend(not_followed(&files).into_iter().filter(|one| asked(&one.path)).map(|one| (one.path, one.because)));
    }
    let mut new: Vec<NewFile> = Vec::new();
    if known.is_none() {
        // What is rendered for no blueprint would only cost time.
        let used = |root: &&FoundRoot| {
            root.render.root().is_some_and(|(_, path)| drafts.iter().any(|draft| draft.manifest == *path))
        };
        let used: Vec<FoundRoot> = roots().filter(used).cloned().collect();
        new.push(first(&used)?);
    }
    let policy =
        folder.join("policies/base.yaml").map_err(|error| PipelineError::told(error.to_string(), "this is a bug"))?;
    if known.as_ref().is_none_or(|catalog| catalog.policies.is_empty()) && files.get(&policy).is_none() {
        new.push(NewFile { path: policy, text: POLICY.into(), about: "what holds for all of them".into() });
    }
    let mut of: BTreeMap<RepoPath, (RepoPath, ObjectRef)> = BTreeMap::new();
    for draft in drafts {
        let about = format!("{} in {}, from {}", draft.workload, draft.workload.namespace, draft.manifest);
        of.insert(draft.path.clone(), (draft.manifest, draft.workload));
        new.push(NewFile { path: draft.path, text: draft.text, about });
    }
    // What does not lint is not written; the rest is no worse for it.
    loop {
        let bad = faults(&files, &new, &places)?;
        if bad.is_empty() {
            break;
        }
        for diagnostic in bad {
            let labels = diagnostic.labels.iter().filter_map(|label| RepoPath::new(label.span.file.as_str()).ok());
            let told: Vec<RepoPath> = labels.filter(|file| new.iter().any(|one| one.path == *file)).collect();
            if told.is_empty() {
                continue; // it went with another finding
            }
            let Some((file, (manifest, workload))) = told.iter().find_map(|file| Some((file, of.remove(file)?))) else {
                return Err(PipelineError::Input(Box::new(diagnostic)));
            };
            new.retain(|one| one.path != *file);
            let because = format!(
                "the blueprint that was derived of {workload} does not lint ({}: {}): write one by hand",
                diagnostic.code, diagnostic.message
            );
            left_out.push(LeftOut { path: manifest, because, unrendered: false });
        }
    }
    left_out.sort();
    left_out.dedup();
    Ok(Initial { files: new, left_out, notes, governed })
}

/// An environment, what it renders, and what came of that.
struct Place {
    name: Name,
    roots: Vec<FoundRoot>,
    made: Vec<Made>,
}

/// The drafts for every environment that is looked at: what one of them got a draft for is governed in all that this draft is about.
fn all_drafts(
    files: &Files,
    catalog: Option<&Catalog>,
    places: &[Place],
    folder: &RepoPath,
    (options, here): (&InitOptions, &Delivered),
) -> (Vec<Draft>, Vec<LeftOut>, usize) {
    let mut files = files.clone();
    let mut governed: BTreeMap<&Name, Vec<(ObjectRef, RepoPath)>> = BTreeMap::new();
    for place in places {
        governed.insert(&place.name, catalog.map(|catalog| targets(catalog, &place.name)).unwrap_or_default());
    }
    let is_asked = |place: &&Place| options.environment.as_ref().is_none_or(|asked| *asked == place.name);
    let (mut drafts, mut left_out, mut most): (Vec<Draft>, Vec<LeftOut>, usize) = (Vec::new(), Vec::new(), 0);
    for place in places.iter().filter(is_asked) {
        let beside = places.iter().filter(|other| other.name != place.name).map(|other| Beside {
            environment: other.name.clone(),
            roots: other.roots.iter().filter_map(|root| Some(root.render.root()?.1.clone())).collect(),
            renderings: other.made.iter().map(|(rendering, _)| rendering.clone()).collect(),
            inputs: other.made.iter().flat_map(|(_, inputs)| inputs.iter().cloned()).collect(),
            governed: governed[&other.name].clone(),
        });
        let derive_options = DeriveOptions {
            owner: options.owner.clone(),
            namespace: options.namespace.clone(),
            folder: folder.clone(),
            below: options.below.clone(),
            environment: place.name.clone(),
            destinations: destinations(&files, here, &place.name),
        };
        let derived = derive(&files, &governed[&place.name], &place.made, &beside.collect::<Vec<_>>(), &derive_options);
        let new = |object: &ObjectRef| {
            drafts.iter().any(|draft| draft.workload.name == object.name && draft.workload.kind == object.kind)
        };
        most = most.max(derived.governed.iter().filter(|object| !new(object)).count());
        left_out.extend(derived.left_out);
        for draft in derived.drafts {
            // Its name is taken.
            files.0.insert(draft.path.clone(), File::Refused("it is about to be written".into()));
            for (environment, object) in &draft.covers {
                if let Some(known) = governed.get_mut(environment) {
                    known.push((object.clone(), draft.manifest.clone()));
                }
            }
            drafts.push(draft);
        }
    }
    drafts.sort_by(|a, b| a.name.cmp(&b.name));
    (drafts, left_out, most)
}

/// What renders, and what came of it: for each environment that the workspace names, or, where there is none yet, for the first as the files
/// look like.
async fn rendered(
    repository: &Repository,
    files: &mut Files,
    known: Option<&Catalog>,
    options: &InitOptions,
) -> Result<(Vec<Place>, Vec<LeftOut>), PipelineError> {
    let mut entries: Vec<(Name, Vec<FoundRoot>)> = Vec::new();
    let mut left_out = Vec::new();
    for (name, place) in known.iter().flat_map(|catalog| &catalog.workspace.value.environments) {
        let found = place.render.iter();
        let found =
            found.map(|render| FoundRoot { render: render.clone(), others: Vec::new(), note: None, otherwise: None });
        entries.push((name.clone(), found.collect()));
    }
    if let (Some(asked), Some(_)) = (&options.environment, entries.first())
        && !entries.iter().any(|(name, _)| name == asked)
    {
        let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        let told = format!("there is no environment {asked} in {WORKSPACE_FILE}");
        let help =
            format!("it has {}: write a new one there by hand, or leave --env out to look at all", names.join(", "));
        return Err(PipelineError::told(told, help));
    }
    if entries.is_empty() {
        let called = || first_environment(files, &options.below).filter(|_| known.is_none());
        let name = options.environment.clone().or_else(called).map_or_else(default_environment, Ok)?;
        let roots = if known.is_some() {
            Vec::new()
        } else {
            let (roots, others) = render_roots(files, &name, &options.namespace, &options.below);
            left_out = others;
            let here = super::render::delivered(repository, DEFAULT_BASE)?;
            delivered(roots, files, &here, &name)
        };
        entries.push((name, roots));
    }
    let mut places = Vec::with_capacity(entries.len());
    let until = options.patience.after(runtime::now());
    for (name, roots) in entries {
        places.push(place(repository, files, name, roots, until).await?);
    }
    Ok((places, left_out))
}

/// Renders what an environment has.
async fn place(
    repository: &Repository,
    files: &mut Files,
    name: Name,
    roots: Vec<FoundRoot>,
    until: Timestamp,
) -> Result<Place, PipelineError> {
    let mut made = Vec::new();
    let mut kept = Vec::new();
    for root in roots {
        let mut wanted = Vec::new();
        super::render::read_inputs(&[&root.render], files, &mut wanted, |paths| repository.read_work_tree(paths))?;
        // Each has an end of its own, and there may be hundreds: then the rest is named, and nobody waits (T42).
        let rendering = if runtime::now() >= until {
            let why =
                RenderFailure::new("it was not begun: what stands before it took too long; name its folder to init");
            Rendering::of(&root.render, &inputs(&root.render, files), Err(why))
        } else {
            super::render::rendering(&root.render, files).await
        };
        let Some(rendering) = rendering else { continue };
        let inputs: BTreeSet<RepoPath> = inputs(&root.render, files).wanted;
        // What renders nothing that could be governed is not worth a line.
        let workloads = |manifests: &Vec<bpctl_core::blueprint::Manifest>| {
            manifests.iter().any(|manifest| WorkloadKind::of(&manifest.object).is_some())
        };
        if rendering.outcome.as_ref().is_ok_and(|manifests| workloads(manifests)) {
            kept.push(root);
        }
        made.push((rendering, inputs));
    }
    Ok(Place { name, roots: kept, made })
}

/// A rendering, with the files and folders that it was made of.
type Made = (Rendering, BTreeSet<RepoPath>);

/// What is wrong with new files if they are read as if they were written: what does not lint is never written.
fn faults(files: &Files, new: &[NewFile], places: &[Place]) -> Result<Vec<Diagnostic>, PipelineError> {
    let mut catalog = with(files, new)?;
    for place in places {
        // Applications have been read already.
        let entries = catalog.workspace.value.environments.get_mut(&place.name).map(|place| &mut place.render);
        for entry in entries.into_iter().flatten() {
            let is_it =
                |root: &&FoundRoot| entry.application.is_some() && root.render.resolved_from == entry.application;
            if let Some(root) = place.roots.iter().find(is_it) {
                *entry = root.render.clone();
            }
        }
        if catalog.renderings(&place.name).is_empty() && !place.made.is_empty() {
            // What the workspace to be does not render stands in nobody's way.
            let kept = catalog.workspace.value.environments.get(&place.name);
            let kept: BTreeSet<RepoPath> = kept
                .into_iter()
                .flat_map(|place| &place.render)
                .filter_map(|render| Some(render.root()?.1.clone()))
                .collect();
            let made = place.made.iter().map(|(rendering, _)| rendering).filter(|made| kept.contains(&made.root));
            catalog.set_renderings(&place.name, made.cloned().collect());
        }
    }
    let mine = |file: &str| new.iter().any(|new| new.path.as_str() == file);
    let found = lint::lint(&catalog, &lint::Surroundings::at(runtime::now())).found.into_iter().filter(|diagnostic| {
        diagnostic.severity == Severity::Error && diagnostic.labels.iter().any(|label| mine(&label.span.file))
    });
    Ok(found.collect())
}

fn with(files: &Files, new: &[NewFile]) -> Result<Catalog, PipelineError> {
    let mut files = files.clone();
    for file in new {
        let bytes = file.text.as_bytes();
        let blob = Blob { id: Digest::of_bytes(bytes).to_string(), bytes: bytes.into() };
        files.0.insert(file.path.clone(), File::Blob(blob));
    }
    Ok(Catalog::load(&files)?)
}

/// The workloads that have a blueprint in an environment, each with its source.
fn targets(catalog: &Catalog, environment: &Name) -> Vec<(ObjectRef, RepoPath)> {
    let blueprints = catalog.blueprints.values().map(|blueprint| &blueprint.value);
    let there = blueprints.filter(|blueprint| blueprint.is_in(environment));
    there.map(|one| (one.object_in(environment), one.spec.target.source.clone())).collect()
}

/// What the first environment is called where nobody says it.
fn default_environment() -> Result<Name, PipelineError> {
    Name::new("staging").map_err(|error| PipelineError::told(error.to_string(), "this is a bug"))
}

fn repo_path(path: &str) -> Result<RepoPath, PipelineError> {
    RepoPath::new(path).map_err(|error| PipelineError::told(error.to_string(), "this is a bug"))
}

/// Where blueprints go if no workspace says it.
fn blueprints_folder() -> Result<RepoPath, PipelineError> {
    repo_path("blueprints")
}

/// The base branch where it is not called as usual.
fn other_base(repository: &Repository) -> Result<Option<String>, PipelineError> {
    for name in USUAL {
        if repository.ref_target(&heads(name))?.is_some() || repository.ref_target(&fetched(name))?.is_some() {
            return Ok(Some(name.to_owned()).filter(|name| name != DEFAULT_BASE));
        }
    }
    Ok(repository.head_branch()?.filter(|branch| branch != DEFAULT_BASE))
}

fn workspace(options: &InitOptions, environment: &Name, roots: &[FoundRoot], base: Option<&str>) -> String {
    let base = base.map_or_else(String::new, |base| {
        format!("base: {} # guessed: there is no {DEFAULT_BASE} here\n", serde_json::Value::from(base))
    });
    let (context, mark) = context(options, environment);
    let mut text = format!(
        "# What bpctl looks at. See docs/BLUEPRINT_FORMAT.md of bpctl for all fields.\napiVersion: bpctl.dev/v1\nkind: Workspace\n\
         {base}blueprints: blueprints\nenvironments:\n  {environment}:\n    tier: {tier}{tier_mark}\n    cluster:\n      context: {context}{mark}\n    \
         # gitops: a controller delivers and bpctl writes nothing to the cluster; direct: bpctl applies what is merged.\n    \
         delivery: gitops # guessed\n    # For proposals of replicas, which need CPU usage:\n    # prometheus: {{url: \"http://prometheus.example:9090\"}}\n",
        tier = tier(options, environment, &context),
        tier_mark = if options.tier.is_some() { "" } else { " # guessed by name: dev, staging or prod" },
        context = serde_json::Value::from(context),
    );
    text.push_str(&render_text(roots));
    text
}

/// The cluster's context, and how it was found.
fn context(options: &InitOptions, environment: &Name) -> (String, &'static str) {
    let given = runtime::variable("BPCTL_KUBECONFIG").map(std::path::PathBuf::from);
    match &options.context {
        Some(context) => (context.clone(), ""),
        None => match LiveCluster::current_context(given.as_deref()) {
            Some(context) => (context, " # guessed: the current context"),
            None => (environment.to_string(), " # guessed: there is no kubeconfig here"),
        },
    }
}

/// The tier that somebody said, or that the name of the environment or of its cluster says: production is never less because nobody thought of it.
fn tier(options: &InitOptions, environment: &Name, context: &str) -> TierName {
    let mut words = context.split(|c: char| !c.is_ascii_alphanumeric());
    let in_prod =
        words.any(|word| Stage::of(word) == Some(Stage::Prod)) && !context.contains("pre") && !context.contains("non");
    let stage = if in_prod { Some(Stage::Prod) } else { Stage::of(environment.as_str()) };
    options.tier.unwrap_or(match stage {
        Some(Stage::Prod) => TierName::Prod,
        Some(Stage::Dev | Stage::Test) => TierName::Dev,
        Some(Stage::Staging) | None => TierName::Staging,
    })
}

const POLICY: &str =
    "# Rules that hold for every workload, beside each blueprint's own. Of two rules the stricter wins.
apiVersion: bpctl.dev/v1
kind: Policy
metadata: {name: base, version: 0.1.0, owner: platform, description: What holds for every workload} # guessed: the owner
operations:
  delete: forbidden
  scale_to_zero: forbidden
  rollback: requires_approval
limits: {cooldown: 5m}
";
