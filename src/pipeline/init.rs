//! `init`: the first files of a repository that has manifests. Nothing is overwritten, and nothing is written that does not lint.

use std::collections::BTreeSet;

use bpctl_core::blueprint::derive::{
    DeriveOptions, Derived, FoundRoot, LeftOut, delivered, derive, render_roots, render_text,
};
use bpctl_core::blueprint::{Catalog, DEFAULT_BASE, Render, TierName, WORKSPACE_FILE, lint};
use bpctl_core::model::{Blob, Digest, File, Files, Name, ObjectRef, RepoPath, Severity, WorkloadKind};
use bpctl_core::rendering::{Rendering, inputs};

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
    /// The first environment's name.
    pub environment: Name,
    /// Its kubeconfig context; `None`: the current one.
    pub context: Option<String>,
    /// Its tier.
    pub tier: TierName,
    /// Look below these only; empty: everywhere.
    pub below: Vec<RepoPath>,
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
    let (roots, renderings) = rendered(repository, &mut files, known.as_ref(), options).await?;
    let first = |roots: &[FoundRoot]| {
        let about = format!("environment {}", options.environment);
        Ok::<_, PipelineError>(NewFile { path: repo_path(WORKSPACE_FILE)?, text: workspace(options, roots), about })
    };
    let governed: Vec<(ObjectRef, RepoPath)> = match &known {
        Some(catalog) => targets(catalog),
        // Blueprints may be there without a workspace.
        None => {
            let catalog = with(&files, &[first(&roots)?])?;
            super::plan::whole(&catalog)?;
            targets(&catalog)
        }
    };
    let derive_options = DeriveOptions {
        owner: options.owner.clone(),
        namespace: options.namespace.clone(),
        folder: folder.clone(),
        below: options.below.clone(),
    };
    let derived = derive(&files, &governed, &renderings, &derive_options);
    let Derived { drafts, mut left_out, governed } = derived;
    // What an Application that is not followed names is planned as the folder makes it, and that may be something else.
    left_out.extend(roots.iter().filter(|root| root.render.resolved_from.is_none()).filter_map(|root| {
        let (because, path) = (root.note.as_ref()?, root.render.root()?.1.clone());
        let because =
            format!("{because}; what the folder makes by itself is planned, and Argo CD may deliver something else");
        Some(LeftOut { path, because, unrendered: false })
    }));
    let mut new: Vec<NewFile> = Vec::new();
    if known.is_none() {
        // What is rendered for no blueprint would only cost time.
        let used = |root: &&FoundRoot| {
            root.render.root().is_some_and(|(_, path)| drafts.iter().any(|draft| draft.manifest == *path))
        };
        let used: Vec<FoundRoot> = roots.iter().filter(used).cloned().collect();
        new.push(first(&used)?);
    }
    let policy =
        folder.join("policies/base.yaml").map_err(|error| PipelineError::told(error.to_string(), "this is a bug"))?;
    if known.as_ref().is_none_or(|catalog| catalog.policies.is_empty()) && files.get(&policy).is_none() {
        new.push(NewFile { path: policy, text: POLICY.into(), about: "what holds for all of them".into() });
    }
    new.extend(drafts.into_iter().map(|draft| NewFile {
        path: draft.path,
        text: draft.text,
        about: format!("{} in {}, from {}", draft.workload, draft.workload.namespace, draft.manifest),
    }));
    let made: Vec<Rendering> = renderings.into_iter().map(|(rendering, _)| rendering).collect();
    check(&files, &new, &options.environment, &roots, &made)?;
    Ok(Initial { files: new, left_out, governed })
}

/// What renders, and what came of it: what the workspace names, or, where there is none yet, what the files look like.
async fn rendered(
    repository: &Repository,
    files: &mut Files,
    known: Option<&Catalog>,
    options: &InitOptions,
) -> Result<(Vec<FoundRoot>, Vec<Made>), PipelineError> {
    let roots = match known.map(|catalog| catalog.workspace.value.environments.get(&options.environment)) {
        None => {
            let roots = render_roots(files, &options.environment, &options.namespace, &options.below);
            let here = super::render::delivered(repository, DEFAULT_BASE)?;
            delivered(roots, files, &here, &options.environment)
        }
        Some(place) => place
            .map_or(&[] as &[Render], |place| &place.render)
            .iter()
            .map(|render| FoundRoot { render: render.clone(), others: Vec::new(), note: None })
            .collect(),
    };
    let mut made = Vec::new();
    let mut kept = Vec::new();
    for root in roots {
        let mut wanted = Vec::new();
        super::render::read_inputs(&[&root.render], files, &mut wanted, |paths| repository.read_work_tree(paths))?;
        let Some(rendering) = super::render::rendering(&root.render, files).await else { continue };
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
    Ok((kept, made))
}

/// A rendering, with the files and folders that it was made of.
type Made = (Rendering, BTreeSet<RepoPath>);

/// Reads the files as if they were written: what does not lint is never written.
fn check(
    files: &Files,
    new: &[NewFile],
    environment: &Name,
    roots: &[FoundRoot],
    made: &[Rendering],
) -> Result<(), PipelineError> {
    let mut catalog = with(files, new)?;
    // Applications have been read already.
    let entries = catalog.workspace.value.environments.get_mut(environment).map(|place| &mut place.render);
    for entry in entries.into_iter().flatten() {
        let is_it = |root: &&FoundRoot| entry.application.is_some() && root.render.resolved_from == entry.application;
        if let Some(root) = roots.iter().find(is_it) {
            *entry = root.render.clone();
        }
    }
    if catalog.renderings(environment).is_empty() {
        catalog.set_renderings(environment, made.to_vec());
    }
    let mine = |file: &str| new.iter().any(|new| new.path.as_str() == file);
    let found = lint::lint(&catalog, &lint::Surroundings::at(runtime::now())).found.into_iter().find(|diagnostic| {
        diagnostic.severity == Severity::Error && diagnostic.labels.iter().any(|label| mine(&label.span.file))
    });
    found.map_or(Ok(()), |diagnostic| Err(PipelineError::Input(Box::new(diagnostic))))
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

fn targets(catalog: &Catalog) -> Vec<(ObjectRef, RepoPath)> {
    let targets = catalog.blueprints.values().map(|blueprint| &blueprint.value.spec.target);
    targets.map(|target| (target.object(), target.source.clone())).collect()
}

fn repo_path(path: &str) -> Result<RepoPath, PipelineError> {
    RepoPath::new(path).map_err(|error| PipelineError::told(error.to_string(), "this is a bug"))
}

/// Where blueprints go if no workspace says it.
fn blueprints_folder() -> Result<RepoPath, PipelineError> {
    repo_path("blueprints")
}

fn workspace(options: &InitOptions, roots: &[FoundRoot]) -> String {
    let given = runtime::variable("BPCTL_KUBECONFIG").map(std::path::PathBuf::from);
    let (context, mark) = match &options.context {
        Some(context) => (context.clone(), ""),
        None => match LiveCluster::current_context(given.as_deref()) {
            Some(context) => (context, " # guessed: the current context"),
            None => (options.environment.to_string(), " # guessed: there is no kubeconfig here"),
        },
    };
    let mut text = format!(
        "# What bpctl looks at. See docs/BLUEPRINT_FORMAT.md of bpctl for all fields.\napiVersion: bpctl.dev/v1\nkind: Workspace\n\
         blueprints: blueprints\nenvironments:\n  {environment}:\n    tier: {tier}\n    cluster:\n      context: {context}{mark}\n    \
         # gitops: a controller delivers and bpctl writes nothing to the cluster; direct: bpctl applies what is merged.\n    \
         delivery: gitops\n    # For proposals of replicas, which need CPU usage:\n    # prometheus: {{url: \"http://prometheus.example:9090\"}}\n",
        environment = options.environment,
        tier = options.tier,
        context = serde_json::Value::from(context),
    );
    text.push_str(&render_text(roots));
    text
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
