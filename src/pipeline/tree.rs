//! Reads trees into catalogs: the base branch's (trusted), a head's or the work tree's (proposed).

use std::path::Path;

use bpctl_core::blueprint::{Catalog, OwnFiles, WORKSPACE_FILE, Workspace, load_workspace};
use bpctl_core::model::{BaseTip, File, Files, Name, Proposed, RepoPath, Trusted};

use super::{PipelineError, render};
use crate::git::{GitError, MergedTree, Repository};

/// Files and what they say.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The files that bpctl looks at.
    pub files: Files,
    /// What they say.
    pub catalog: Catalog,
    /// The paths that were looked below.
    pub wanted: Vec<RepoPath>,
}

impl Tree {
    /// Renders what these environments deliver by Kustomize and Helm; what fails stands in the catalog as unknown.
    pub async fn render(&mut self, environments: &[Name]) {
        render::render(&mut self.catalog, &self.files, environments).await;
    }

    /// The same for all environments.
    pub async fn render_all(&mut self) {
        let environments: Vec<Name> = self.catalog.workspace.value.environments.keys().cloned().collect();
        self.render(&environments).await;
    }
}

/// Trees that were read before another one: what they have in common with it is kept and read once, and all of them share one bound (T42).
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'t> {
    /// Their files.
    pub files: &'t [&'t Files],
    /// What they say.
    pub catalogs: &'t [&'t Catalog],
}

/// The work tree, as it lies on disk.
pub fn work_tree(repository: &Repository) -> Result<Tree, PipelineError> {
    work_tree_folder(repository)?;
    load(repository, Beside::default(), |wanted| repository.read_work_tree(wanted))
}

/// A commit's tree.
pub fn commit_tree(repository: &Repository, commit: &str, beside: Beside<'_>) -> Result<Tree, PipelineError> {
    load(repository, beside, |wanted| repository.read_tree(commit, wanted))
}

/// The rules: the tree of the protected base branch.
pub fn base_tree(repository: &Repository, tip: &BaseTip) -> Result<(Files, Trusted<Catalog>), PipelineError> {
    rest_of_base(repository, tip, half_read_base(repository, tip)?, Beside::default())
}

/// The same as one environment has it, without reading, parsing or rendering twice where the tree at hand is the base's; `commit` is the commit that it is, where it is one.
pub async fn rules_beside(
    repository: &Repository,
    tip: &BaseTip,
    other: &Tree,
    commit: Option<&str>,
    environment: &Name,
) -> Result<Trusted<Catalog>, PipelineError> {
    if commit == Some(tip.commit()) {
        return Ok(Trusted::from_base(tip, other.catalog.clone()));
    }
    let files = repository.read_tree(tip.commit(), &other.wanted)?;
    if same(&files, &other.files) {
        return Ok(Trusted::from_base(tip, other.catalog.clone()));
    }
    drop(files);
    let beside = Beside { files: &[&other.files], catalogs: &[&other.catalog] };
    let (files, rules) = rest_of_base(repository, tip, half_read_base(repository, tip)?, beside)?;
    Ok(render::render_rules(rules, &files, std::slice::from_ref(environment)).await)
}

/// The work tree's workspace alone.
pub fn work_tree_workspace(repository: &Repository) -> Result<Workspace, PipelineError> {
    let path: Vec<RepoPath> = RepoPath::new(WORKSPACE_FILE).into_iter().collect();
    Ok(load_workspace(&repository.read_work_tree(&path)?)?.value)
}

/// A work tree of which bpctl's own files are read, manifests not yet.
#[derive(Debug)]
pub struct HalfRead {
    own: OwnFiles,
    files: Files,
    wanted: Vec<RepoPath>,
}

impl HalfRead {
    /// The workspace.
    pub fn workspace(&self) -> &Workspace {
        &self.own.workspace().value
    }

    /// The kinds of workloads that blueprints name in an environment, by namespace.
    pub fn targets(&self, environment: &Name) -> crate::cluster::Wanted {
        self.own.targets(environment)
    }
}

/// Reads the first half of the rules.
pub fn half_read_base(repository: &Repository, tip: &BaseTip) -> Result<HalfRead, PipelineError> {
    load_own(|wanted| repository.read_tree(tip.commit(), wanted)).map_err(|error| on_base(error, tip))
}

/// Reads the other half of the rules.
pub fn rest_of_base(
    repository: &Repository,
    tip: &BaseTip,
    half: HalfRead,
    beside: Beside<'_>,
) -> Result<(Files, Trusted<Catalog>), PipelineError> {
    let tree = load_manifests(repository, half, beside, |wanted| repository.read_tree(tip.commit(), wanted))?;
    Ok((tree.files, Trusted::from_base(tip, tree.catalog)))
}

/// Reads the first half of the work tree.
pub fn half_read(repository: &Repository) -> Result<HalfRead, PipelineError> {
    work_tree_folder(repository)?;
    load_own(|wanted| repository.read_work_tree(wanted))
}

/// What is planned at a desk: the work tree as one environment has it; with the commit it is, where nothing is uncommitted.
pub async fn desired_tree(
    repository: &Repository,
    half: HalfRead,
    environment: &Name,
) -> Result<(Tree, Proposed<Catalog>), PipelineError> {
    let mut tree = load_manifests(repository, half, Beside::default(), |wanted| repository.read_work_tree(wanted))?;
    tree.render(std::slice::from_ref(environment)).await;
    let head = repository.head_commit()?;
    let clean = match &head {
        Some(head) => repository.uncommitted_in(&tree.files, head, &tree.wanted)?.is_empty(),
        None => false,
    };
    let proposed = Proposed::from_head(head.filter(|_| clean), tree.catalog.clone());
    Ok((tree, proposed))
}

/// The work tree's folder.
pub(super) fn work_tree_folder(repository: &Repository) -> Result<&Path, PipelineError> {
    repository.work_tree().ok_or_else(|| {
        PipelineError::told("this repository has no work tree", "run bpctl in a clone that has its files checked out")
    })
}

fn load(
    repository: &Repository,
    beside: Beside<'_>,
    read: impl Fn(&[RepoPath]) -> Result<Files, GitError>,
) -> Result<Tree, PipelineError> {
    load_manifests(repository, load_own(&read)?, beside, read)
}

fn load_own(read: impl Fn(&[RepoPath]) -> Result<Files, GitError>) -> Result<HalfRead, PipelineError> {
    let workspace_path: Vec<RepoPath> = RepoPath::new(WORKSPACE_FILE).into_iter().collect();
    let first = read(&workspace_path)?;
    let workspace = load_workspace(&first)?;
    let mut wanted = vec![workspace.value.blueprints.clone()];
    wanted.extend(workspace.value.local.allowed_signers.clone());
    let mut files = read(&wanted)?;
    // As it was parsed, whatever was written since.
    files.0.extend(first.0);
    wanted.extend(workspace_path);
    Ok(HalfRead { own: OwnFiles::beside(workspace, &files), files, wanted })
}

fn load_manifests(
    repository: &Repository,
    half: HalfRead,
    beside: Beside<'_>,
    read: impl Fn(&[RepoPath]) -> Result<Files, GitError>,
) -> Result<Tree, PipelineError> {
    let HalfRead { mut own, mut files, mut wanted } = half;
    let sources = own.sources();
    files.0.extend(read(&sources)?.0);
    wanted.extend(sources);
    let applications = own.applications();
    if !applications.is_empty() {
        files.0.extend(read(&applications)?.0);
        wanted.extend(applications);
        // A folder that an Application names is a chart if it holds one.
        let charts: Vec<RepoPath> = own.charts_of_applications(&files);
        files.0.extend(read(&charts)?.0);
        wanted.extend(charts);
        let here = render::delivered(repository, &own.workspace().value.base)?;
        own.resolve_applications(&files, &here);
    }
    let rendered = own.workspace().value.environments.values().flat_map(|environment| &environment.render);
    render::read_inputs(&rendered.collect::<Vec<_>>(), &mut files, &mut wanted, read)?;
    wanted.sort();
    wanted.dedup();
    files.share(beside.files);
    let catalog = Catalog::assemble(own, &files, beside.catalogs);
    Ok(Tree { files, catalog, wanted })
}

fn same(a: &Files, b: &Files) -> bool {
    a.0.len() == b.0.len()
        && a.0.iter().zip(&b.0).all(|((path, file), (other_path, other))| {
            path == other_path
                && match (file, other) {
                    (File::Blob(one), File::Blob(two)) => one.id == two.id,
                    (one, two) => one == two,
                }
        })
}

/// The base branch's workspace alone: what says where clusters are.
pub fn workspace_on_base(repository: &Repository, tip: &BaseTip) -> Result<Trusted<Workspace>, PipelineError> {
    let path: Vec<RepoPath> = RepoPath::new(WORKSPACE_FILE).into_iter().collect();
    let files = repository.read_tree(tip.commit(), &path)?;
    let workspace = load_workspace(&files).map_err(|error| on_base(error.into(), tip))?;
    Ok(Trusted::from_base(tip, workspace.value))
}

fn on_base(error: PipelineError, tip: &BaseTip) -> PipelineError {
    match error {
        PipelineError::Input(diagnostic) if diagnostic.code == "workspace-missing" => PipelineError::told(
            format!("{} has no {WORKSPACE_FILE} yet, so there are no rules to judge by", tip.branch()),
            format!(
                "merge {WORKSPACE_FILE} and the blueprints into {} first; `bpctl lint` checks them before",
                tip.branch()
            ),
        ),
        other => other,
    }
}

/// The commit that a name means, as people write it: a branch, a tag, `origin/BRANCH`, a full ref or an id.
pub fn commit_of(repository: &Repository, name: &str) -> Result<String, PipelineError> {
    let (tip, back) = generations(name).unwrap_or((name, 0));
    // Git takes the first; who compares with a name that somebody else may have given again would not see it.
    let mut found: Vec<(String, String)> = Vec::new();
    // A full name, HEAD and an id are what they are, as to Git: a tag may be called like any of them (T1).
    let full = tip.starts_with("refs/");
    let exact = full || tip == "HEAD" || matches!(tip.len(), 40 | 64) && tip.bytes().all(|b| b.is_ascii_hexdigit());
    let prefixes: &[&str] = if exact { &[] } else { &["refs/", "refs/heads/", "refs/tags/", "refs/remotes/"] };
    for full in prefixes.iter().map(|prefix| format!("{prefix}{tip}")) {
        if let Some(commit) = repository.resolve(&full)? {
            found.push((full, commit));
        }
    }
    if let [(one, first), .., (other, _)] = found.as_slice()
        && found.iter().any(|(_, commit)| commit != first)
    {
        return Err(PipelineError::told(
            format!("{} is several things here: {one} and {other}", tip.escape_debug()),
            format!("write which one is meant: {other}"),
        ));
    }
    let commit = match found.into_iter().next() {
        Some((_, commit)) => Some(commit),
        None if full && repository.ref_target(tip)?.is_none() => None,
        None => repository.resolve(tip)?,
    };
    let commit = commit.ok_or_else(|| {
        PipelineError::told(
            format!("there is no branch, tag or commit {}", tip.escape_debug()),
            "write a branch, a tag, origin/BRANCH, or a commit's id; in CI fetch it first (`fetch-depth: 0`)",
        )
    })?;
    if back == 0 {
        return Ok(commit);
    }
    let line = repository.first_parent_log(&commit, back + 1)?;
    line.into_iter().nth(back).map(|info| info.id).ok_or_else(|| {
        let fewer = if back == 1 { "no commit".to_owned() } else { format!("fewer than {back} commits") };
        let told = format!("{} has {fewer} before it", tip.escape_debug());
        PipelineError::told(told, "name an older branch or tag; in CI fetch more of the history (`fetch-depth: 0`)")
    })
}

/// `HEAD~2` and `main^` as Git means them: a name, and how many commits before it. No other expression is understood.
fn generations(name: &str) -> Option<(&str, usize)> {
    if let Some(name) = name.strip_suffix('^') {
        return Some((name, 1));
    }
    let (tip, back) = name.rsplit_once('~')?;
    // A branch's own line is not longer than that.
    let back = if back.is_empty() { 1 } else { back.parse().ok().filter(|back| *back <= 100_000)? };
    Some((tip, back))
}

/// The commit at which the work left a branch: what came to the branch since is not this work's doing.
pub fn left(repository: &Repository, name: &str) -> Result<String, PipelineError> {
    let tip = commit_of(repository, name)?;
    let Some(head) = repository.head_commit()? else { return Ok(tip) };
    if repository.is_shallow() {
        return Ok(tip);
    }
    Ok(repository.merge_base(&head, &tip)?.unwrap_or(tip))
}

/// A commit as it would stand when it is merged into a branch that moved since it left it: with the branch's tip, to be compared with. `other`: the work tree, and the commit that it is. What the
/// branch brought since is no drift, and a merge takes none of it back (X1). A sentence where that is so, or cannot be done.
pub async fn as_merged(
    repository: &Repository,
    name: &str,
    left: &str,
    (other, commit): (&Tree, Option<&str>),
    environment: &Name,
) -> Result<(Option<(String, Tree)>, Option<String>), PipelineError> {
    let tip = commit_of(repository, name)?;
    let shown = name.escape_debug();
    if tip == left || repository.is_shallow() {
        return Ok((None, None));
    }
    let behind = |why: &str| {
        format!(
            "{shown} moved since this work left it, {why}: what it brought since is told as what stood before; merge it in, and plan again"
        )
    };
    let Some(commit) = commit else {
        return Ok((None, Some(behind("and the work tree has uncommitted changes"))));
    };
    let tree = match repository.merge_tree_as_forges_do(&tip, commit).await {
        Ok(MergedTree::Clean(tree)) => tree,
        Ok(MergedTree::Conflict(_)) => return Ok((None, Some(behind("and the two conflict")))),
        // A repository that cannot be written to, as some CI has it.
        Err(_) => return Ok((None, Some(behind("and a merge of the two could not be made")))),
    };
    let author = super::ledger::signature(bpctl_core::model::Timestamp::UNIX_EPOCH);
    let Ok(landed) = repository.commit_tree(&tree, &[&tip], &author, "what a merge would give") else {
        return Ok((None, Some(behind("and a merge of the two could not be made"))));
    };
    let beside = Beside { files: &[&other.files], catalogs: &[&other.catalog] };
    let mut tree = commit_tree(repository, &landed, beside)?;
    tree.render(std::slice::from_ref(environment)).await;
    let note = format!("{shown} moved since this work left it: it is planned as merged into {shown} as it is now");
    Ok((Some((tip, tree)), Some(note)))
}

/// The workspace as a commit has it; `None`: it has none, or one that cannot be read.
pub fn workspace_at(repository: &Repository, commit: &str) -> Result<Option<Workspace>, PipelineError> {
    let path: Vec<RepoPath> = RepoPath::new(WORKSPACE_FILE).into_iter().collect();
    Ok(load_workspace(&repository.read_tree(commit, &path)?).ok().map(|workspace| workspace.value))
}

/// The allowed signers' file, as the base branch's own workspace names it.
pub fn base_signers(repository: &Repository, commit: &str) -> Result<Option<String>, PipelineError> {
    let Some(path) = workspace_at(repository, commit)?.and_then(|workspace| workspace.local.allowed_signers) else {
        return Ok(None);
    };
    let files = repository.read_tree(commit, std::slice::from_ref(&path))?;
    Ok(files.blob(&path).map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned()))
}
