//! Reads a tree's files into a catalog: workspace, blueprints, policies, manifests, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use smol_str::SmolStr;

use super::companion::CompanionIndex;
use super::kinds::unknown_kind;
use super::kustomized::Kustomized;
use super::overrides::effective;
use super::workspace::check;
use super::{Blueprint, Policy, Render, Renderer, Suppression, Workspace};
use crate::execute::ApplyObject;
use crate::model::{
    Content, Diagnostic, FieldPath, File, Files, Name, ObjectParts, ObjectRef, RepoPath, Source, SourceSpan, Untrusted,
    WorkloadKind, map_all,
};
use crate::rendering::{
    Delivered, RenderFailure, Rendering, SyncPolicy, Unclear, application_folders, inputs, resolve_application,
};
use crate::yaml::{self, Document, KeptDocument, Kind, MAX_ALL_NODES, Node, Value};

/// The workspace's file.
pub const WORKSPACE_FILE: &str = "bpctl.yaml";

/// A value and the document it was read from.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The file.
    pub path: RepoPath,
    /// Where each field stands.
    pub document: KeptDocument,
}

impl<T> Located<T> {
    /// The place of a field; of its nearest parent where it was left out.
    pub fn span(&self, keys: &[&str]) -> SourceSpan {
        let document = self.document.peek();
        let mut node = &document.root;
        for key in keys {
            match node.get(key) {
                Some(child) => node = child,
                None => break,
            }
        }
        match &node.value {
            // A whole mapping is too much to mark: its first key says where it is.
            Value::Mapping(entries) if !entries.is_empty() => {
                let first = &entries[0];
                document.span(first.key_start as usize..first.key_end as usize)
            }
            _ => document.span_of(node),
        }
    }

    /// The place of a field, if it is there.
    pub fn span_if(&self, keys: &[&str]) -> Option<SourceSpan> {
        let document = self.document.peek();
        document.root.at(keys).map(|node| document.span_of(node))
    }

    /// The text, for excerpts.
    pub fn source(&self) -> Source {
        self.document.source().clone()
    }
}

/// One object of a manifest file.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The file.
    pub path: RepoPath,
    /// The object; its namespace is empty where the manifest leaves it out.
    pub object: ObjectRef,
    /// The document.
    pub document: Document,
    /// A renderer made it: `path` is the folder that was rendered, and the document stands in no file.
    pub rendered: bool,
    /// Fields that are others each time it is rendered: what Git wants of them is not known.
    pub unstable: Vec<FieldPath>,
}

impl Manifest {
    /// The fields that are others each time, in words; text from outside.
    pub fn varying(&self) -> impl Iterator<Item = Untrusted> {
        let told = |field: &FieldPath| if field.0.is_empty() { "all of it".into() } else { field.to_string() };
        self.unstable.iter().map(told).map(Untrusted::new)
    }

    /// Whether a field is another each time the manifest is rendered, or holds one that is.
    pub fn is_unstable(&self, field: &FieldPath) -> bool {
        if self.unstable.is_empty() {
            return false;
        }
        let text = field.to_string();
        self.unstable.iter().map(ToString::to_string).any(|other| other.starts_with(&text) || text.starts_with(&other))
    }
}

/// Everything that a tree says, read. Cheap to clone: what is large is shared.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The workspace.
    pub workspace: Located<Workspace>,
    /// Blueprints, by name.
    pub blueprints: BTreeMap<Name, Arc<Located<Blueprint>>>,
    /// Policies, by name.
    pub policies: BTreeMap<Name, Located<Policy>>,
    /// What lint shall not show, by name. No decision rests on it.
    pub suppressions: BTreeMap<Name, Located<Suppression>>,
    /// Objects by the file that declares them.
    pub manifests: BTreeMap<RepoPath, Arc<Vec<Manifest>>>,
    /// The file that says whose signatures count on the local forge, and the id of its content; `None`: none is named, or it is not there.
    pub signers: Option<(RepoPath, String)>,
    /// Which object stands where: path and position in its list.
    pub(super) by_object: Arc<HashMap<ObjectName, Vec<(RepoPath, usize)>>>,
    /// Which blueprint governs which object, in each environment.
    by_target: Arc<BTreeMap<(Option<Name>, ObjectRef), Name>>,
    /// What renderers read: each rendered folder, with the files and folders that it is made of, whatever the environment.
    pub(super) render_inputs: BTreeMap<RepoPath, BTreeSet<RepoPath>>,
    /// What was rendered, by environment; see [`Catalog::set_renderings`].
    renderings: BTreeMap<Name, Arc<Vec<Rendering>>>,
    /// What belongs to which workload, by environment; found when somebody asks.
    pub(super) companion_index: OnceLock<Arc<BTreeMap<Name, Arc<CompanionIndex>>>>,
    /// What belonged to which workload before a change, by environment; see [`Catalog::keep_companions`].
    pub(super) kept: BTreeMap<Name, Arc<BTreeMap<Name, Vec<ObjectRef>>>>,
    /// What could not be read of the rules: the workspace, blueprints, policies, suppressions. Not empty: parts of them are missing.
    pub diagnostics: Vec<Diagnostic>,
    /// Applications that do not say what is rendered: nothing of what their environments render is known, and the rest is.
    pub unresolved: Vec<Diagnostic>,
    /// Manifest files that could not be read. What a source declares that holds one of them is not known; the rest is.
    pub unreadable: BTreeMap<RepoPath, Diagnostic>,
    /// Documents among the manifests that are of no kind: no object, so that nothing is decided of them. `lint` names them.
    pub kindless: Vec<Diagnostic>,
    /// Patches and other parts of kustomizations below the sources, which are no manifests as they stand, each with the kustomization (P18).
    pub parts: BTreeMap<RepoPath, RepoPath>,
    /// Files of which not every document is among the manifests.
    pub(super) in_part: BTreeSet<RepoPath>,
    /// Files that a kustomization lists and changes, each with that kustomization.
    pub(super) changed_by: BTreeMap<RepoPath, RepoPath>,
}

/// API version, kind and name: how an object is found, whatever the namespace that its manifest names.
pub(super) type ObjectName = (SmolStr, SmolStr, SmolStr);

pub(super) fn object_name(object: &ObjectParts) -> ObjectName {
    (object.api_version.as_str().into(), object.kind.as_str().into(), object.name.as_str().into())
}

/// Reads one policy from a file that need not stand in the repository.
pub fn parse_policy(name: &str, bytes: &[u8]) -> Result<Located<Policy>, Box<Diagnostic>> {
    let mut documents = yaml::parse(name, bytes, Kind::Own)?;
    let [document] = documents.as_slice() else {
        return Err(Box::new(Diagnostic::error("unknown-kind", format!("{name} does not hold one policy"))));
    };
    if document.root.get("kind").and_then(Node::as_str) != Some("Policy") {
        let diagnostic =
            Diagnostic::error("unknown-kind", format!("{name} is no policy")).source(document.source.clone());
        return Err(Box::new(diagnostic.help("write `kind: Policy`")));
    }
    let document = documents.remove(0);
    let value: Policy = yaml::from_node(&document, &document.root)?;
    let file = name.rsplit('/').next().and_then(|file| RepoPath::new(file).ok());
    let path = file.ok_or_else(|| Box::new(Diagnostic::error("unknown-kind", format!("{name} names no file"))))?;
    Ok(Located { value, path, document: document.into() })
}

/// Reads the workspace.
pub fn load_workspace(files: &Files) -> Result<Located<Workspace>, Box<Diagnostic>> {
    let missing = || {
        Box::new(
            Diagnostic::error("workspace-missing", format!("there is no {WORKSPACE_FILE} at the repository's root"))
                .help(
                    "`bpctl init` writes one; or go to the repository that has it. `bpctl tour` shows a whole example",
                ),
        )
    };
    let path = RepoPath::new(WORKSPACE_FILE).map_err(|_| missing())?;
    let documents = match files.get(&path) {
        None => return Err(missing()),
        Some(File::Refused(why)) => return Err(Box::new(refused(&path, why))),
        Some(File::Blob(blob)) => yaml::parse(path.as_str(), &blob.bytes, Kind::Own)?,
    };
    let Some(document) = documents.into_iter().next() else {
        return Err(Box::new(Diagnostic::error("workspace-missing", format!("{WORKSPACE_FILE} is empty"))));
    };
    let value: Workspace = yaml::from_node(&document, &document.root)?;
    let workspace = Located { value, path, document: document.into() };
    check(&workspace)?;
    Ok(workspace)
}

/// All that is wrong with the workspace's fields; empty: they can be read.
pub fn workspace_problems(files: &Files) -> Vec<Diagnostic> {
    let blob = RepoPath::new(WORKSPACE_FILE).ok().and_then(|path| files.blob(&path));
    let parsed = blob.and_then(|blob| yaml::parse(WORKSPACE_FILE, &blob.bytes, Kind::Own).ok());
    parsed.unwrap_or_default().first().map(yaml::problems::<Workspace>).unwrap_or_default()
}

fn refused(path: &RepoPath, why: &str) -> Diagnostic {
    Diagnostic::error("file-refused", format!("{path} is not read: {why}"))
        .help("put a regular file there; bpctl follows no links and no submodules")
}

/// A file's documents, or what is wrong with it.
pub(super) type Parsed = Result<Vec<Document>, Box<Diagnostic>>;

/// bpctl's own files of a tree, parsed once: enough to know which manifests to read beside them.
#[derive(Debug)]
pub struct OwnFiles {
    workspace: Located<Workspace>,
    documents: Vec<(RepoPath, Parsed)>,
    /// Applications that do not say what is rendered.
    unresolved: Vec<Diagnostic>,
}

impl OwnFiles {
    /// Parses the workspace and everything in the blueprints' folder.
    pub fn read(files: &Files) -> Result<Self, Box<Diagnostic>> {
        Ok(Self::beside(load_workspace(files)?, files))
    }

    /// The same beside a workspace that was parsed before, to know where its blueprints lie.
    pub fn beside(workspace: Located<Workspace>, files: &Files) -> Self {
        // A refused entry without an ending may be anything, and a rule must not vanish: the folder itself stands here for names that
        // are refused in it.
        let unread = |path: &RepoPath, file: &File| matches!(file, File::Refused(_)) && !path.file_name().contains('.');
        let own = files.below(&workspace.value.blueprints).filter(|(path, file)| is_yaml(path) || unread(path, file));
        let documents = parse_all(&own.collect::<Vec<_>>(), Kind::Own, (MAX_ALL_NODES, 0));
        Self { workspace, documents, unresolved: Vec::new() }
    }

    /// The files and folders that blueprints name as sources. Lenient: whatever is wrong with a file is said when the catalog is made.
    pub fn sources(&self) -> Vec<RepoPath> {
        let documents = self.documents.iter().filter_map(|(_, parsed)| parsed.as_ref().ok()).flatten();
        let named = documents.filter_map(|d| d.root.at(&["spec", "target", "source"]).and_then(Node::as_str));
        let mut sources: Vec<RepoPath> = named.filter_map(|source| RepoPath::new(source).ok()).collect();
        // What makes something else of a file is looked for beside it.
        let folders: BTreeSet<&str> = sources
            .iter()
            .filter(|source| is_manifest(source))
            .map(|source| source.as_str().strip_suffix(source.file_name()).unwrap_or_default())
            .collect();
        let beside = folders
            .iter()
            .flat_map(|folder| crate::rendering::KUSTOMIZATIONS.iter().map(move |name| format!("{folder}{name}")));
        let beside: Vec<RepoPath> = beside.filter_map(|path| RepoPath::new(path).ok()).collect();
        sources.extend(beside);
        sources.sort();
        sources.dedup();
        sources
    }

    /// The kinds of workloads that blueprints name in an environment, by namespace, as leniently: to begin looking at a cluster before
    /// everything is read.
    pub fn targets(&self, environment: &Name) -> BTreeMap<String, BTreeSet<WorkloadKind>> {
        let mut targets: BTreeMap<String, BTreeSet<WorkloadKind>> = BTreeMap::new();
        for document in self.documents.iter().filter_map(|(_, parsed)| parsed.as_ref().ok()).flatten() {
            let text = |key| document.root.at(&["spec", "target", key]).and_then(Node::as_str);
            let kind = text("workload").and_then(|workload| WorkloadKind::of_kind(workload.split_once('/')?.0));
            let over = document.root.at(&["environments", environment.as_str(), "spec", "target", "namespace"]);
            let namespace = over.and_then(Node::as_str).or_else(|| text("namespace"));
            if let (Some(namespace), Some(kind)) = (namespace, kind) {
                targets.entry(namespace.to_owned()).or_default().insert(kind);
            }
        }
        targets
    }

    /// The files of Applications that the workspace renders by, and the folders that they may name.
    pub fn applications(&self) -> Vec<RepoPath> {
        let entries = self.workspace.value.environments.values().flat_map(|environment| &environment.render);
        entries.filter_map(|entry| entry.application.clone()).collect()
    }

    /// Where the charts of Applications would be.
    pub fn charts_of_applications(&self, files: &Files) -> Vec<RepoPath> {
        self.applications().iter().flat_map(|path| application_folders(path, files)).collect()
    }

    /// Puts what Applications say in their place; `here`: what they have to deliver. `files` holds them, and `Chart.yaml` of the folders that
    /// they name; called again with what is still wanted, until nothing is.
    pub fn resolve_applications(&mut self, files: &Files, here: &Delivered) {
        let Located { value, document, .. } = &mut self.workspace;
        for (name, environment) in &mut value.environments {
            for (position, entry) in environment.render.iter_mut().enumerate() {
                match resolve_application(entry, files, here) {
                    Ok(resolved) => *entry = resolved,
                    Err(diagnostic) => {
                        let why = RenderFailure::new("its Application cannot be rendered").said(&diagnostic.message);
                        entry.unresolved = Some(why);
                        let nodes = document.root.at(&["environments", name.as_str(), "render"]);
                        let node = nodes.and_then(|nodes| nodes.items().get(position)?.get("application"));
                        let unplaced = diagnostic.labels.is_empty();
                        self.unresolved.push(match node.filter(|_| unplaced) {
                            Some(node) => {
                                diagnostic.label(document.span_of(node), "this entry").source(document.source.clone())
                            }
                            None => *diagnostic,
                        });
                    }
                }
            }
        }
    }

    /// The workspace.
    pub fn workspace(&self) -> &Located<Workspace> {
        &self.workspace
    }
}

/// Parses files, in their order, within a number of values and what other trees hold of it.
pub(super) fn parse_all(files: &[(&RepoPath, &File)], kind: Kind, within: (usize, usize)) -> Vec<(RepoPath, Parsed)> {
    let mut answers: BTreeMap<&RepoPath, Parsed> = BTreeMap::new();
    let mut blobs = Vec::new();
    for (path, file) in files {
        match file {
            File::Blob(blob) => blobs.push((*path, &blob.bytes)),
            File::Refused(why) => {
                answers.insert(path, Err(Box::new(refused(path, why))));
            }
        }
    }
    let named: Vec<(&str, &Content)> = blobs.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    answers.extend(blobs.iter().map(|(path, _)| *path).zip(yaml::parse_many(&named, kind, within)));
    answers.into_iter().map(|(path, parsed)| (path.clone(), parsed)).collect()
}

/// Whether a file's name says YAML.
pub fn is_yaml(path: &RepoPath) -> bool {
    ends(path, &["yaml", "yml"])
}

/// Whether a file's name says that kubectl takes it for manifests; JSON is read as the YAML that it is too.
pub fn is_manifest(path: &RepoPath) -> bool {
    ends(path, &["yaml", "yml", "json"])
}

fn ends(path: &RepoPath, with: &[&str]) -> bool {
    // As kubectl and Argo CD have it: a file that is called `.yaml` is one.
    let extension = path.file_name().rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| with.iter().any(|with| extension.eq_ignore_ascii_case(with)))
}

impl Catalog {
    /// Reads everything in `files`: the workspace, its blueprints' folder, and the sources that blueprints name. What cannot be read
    /// becomes a diagnostic; only a workspace that cannot be read is an error.
    pub fn load(files: &Files) -> Result<Self, Box<Diagnostic>> {
        Ok(Self::assemble(OwnFiles::read(files)?, files, &[]))
    }

    /// The same, from own files that are parsed already; `files` holds the manifests. A file that another tree has as well is read once for
    /// both, and what all of them hold has one bound (T42).
    pub fn assemble(own: OwnFiles, files: &Files, beside: &[&Self]) -> Self {
        Self::assemble_within(own, files, beside, MAX_ALL_NODES)
    }

    pub(super) fn assemble_within(own: OwnFiles, files: &Files, beside: &[&Self], bound: usize) -> Self {
        let signers = own.workspace.value.local.allowed_signers.as_ref();
        let signers = signers.and_then(|path| match files.get(path)? {
            File::Blob(blob) => Some((path.clone(), blob.id.clone())),
            File::Refused(_) => None,
        });
        let mut catalog = Self {
            signers,
            workspace: own.workspace,
            blueprints: BTreeMap::new(),
            policies: BTreeMap::new(),
            suppressions: BTreeMap::new(),
            manifests: BTreeMap::new(),
            by_object: Arc::default(),
            by_target: Arc::default(),
            render_inputs: BTreeMap::new(),
            renderings: BTreeMap::new(),
            companion_index: OnceLock::new(),
            kept: BTreeMap::new(),
            changed_by: BTreeMap::new(),
            diagnostics: Vec::new(),
            unresolved: own.unresolved,
            unreadable: BTreeMap::new(),
            kindless: Vec::new(),
            parts: BTreeMap::new(),
            in_part: BTreeSet::new(),
        };
        let is_blueprint = |document: &&Document| document.root.get("kind").and_then(Node::as_str) == Some("Blueprint");
        // Side by side, and not all at a time: what is read of a document takes its place in memory.
        let mut documents = own.documents.into_iter().peekable();
        while documents.peek().is_some() {
            let part: Vec<(RepoPath, Parsed)> = documents.by_ref().take(1024).collect();
            let values = map_all(&part, |(_, parsed)| {
                let blueprints = parsed.iter().flatten().filter(is_blueprint);
                let read = |document: &Document| yaml::from_node::<Blueprint>(document, &document.root).ok();
                blueprints.map(read).collect::<Vec<_>>()
            });
            for ((path, parsed), values) in part.into_iter().zip(values) {
                catalog.read_own(&path, parsed, values);
            }
        }
        let folder = catalog.workspace.value.blueprints.clone();
        let rendered = catalog.read_by_renderers(files);
        let mut sources: Vec<RepoPath> =
            catalog.blueprints.values().map(|b| b.value.spec.target.source.clone()).collect();
        sources.sort();
        sources.dedup();
        let mut found: BTreeMap<&RepoPath, &File> = BTreeMap::new();
        for source in &sources {
            found.extend(files.below(source).filter(|(path, _)| {
                is_manifest(path) && !path.is_within(&folder) && !rendered.iter().any(|input| path.is_within(input))
            }));
        }
        let kustomized = Kustomized::of(files);
        catalog.read_sources(found, &kustomized, beside, bound);
        catalog.changed_by = kustomized.changed;
        catalog
    }

    /// Notes what renderers read, and says which of it is no manifest as it stands.
    fn read_by_renderers(&mut self, files: &Files) -> BTreeSet<RepoPath> {
        let environments = &self.workspace.value.environments;
        let mut rendered: BTreeSet<RepoPath> = BTreeSet::new();
        for entry in environments.values().flat_map(|environment| &environment.render) {
            let Some((renderer, root)) = entry.root() else { continue };
            let reads = inputs(entry, files).reads;
            // A kustomization's files are manifests by themselves, and other blueprints may mean them so; a chart's are not.
            if renderer == Renderer::Helm {
                rendered.extend(reads.iter().cloned());
            }
            let root = self.render_inputs.entry(root.clone()).or_default();
            root.extend(reads);
            root.extend(entry.resolved_from.clone());
        }
        // Whoever renders it, and whether that is known: what a chart is made of is no manifest.
        let charts = files.0.keys().filter(|path| path.file_name() == "Chart.yaml");
        for chart in charts {
            rendered.insert(chart.clone());
            let folder = chart.as_str().strip_suffix("Chart.yaml").unwrap_or_default();
            rendered.extend(RepoPath::new(format!("{folder}templates")).ok());
        }
        rendered
    }

    /// What a rendered folder is made of, in any environment: itself, and what it reads elsewhere.
    pub fn rendered_from(&self, root: &RepoPath) -> Vec<&str> {
        let mut all: Vec<&RepoPath> = self.render_inputs.get(root).into_iter().flatten().collect();
        all.extend(self.render_inputs.get_key_value(root).map(|(root, _)| root));
        all.sort_unstable();
        all.dedup();
        let outermost = |path: &&RepoPath| !all.iter().any(|other| other != path && path.is_within(other));
        all.iter().copied().filter(outermost).map(RepoPath::as_str).collect()
    }

    /// The rendered folders that read a path, in any environment.
    pub fn roots_reading(&self, path: &RepoPath) -> Vec<&RepoPath> {
        let reads = |inputs: &BTreeSet<RepoPath>| inputs.iter().any(|input| path.is_within(input));
        self.render_inputs.iter().filter(|(_, inputs)| reads(inputs)).map(|(root, _)| root).collect()
    }

    /// Whether a path lies in the source of a blueprint.
    pub fn is_in_a_source(&self, path: &RepoPath) -> bool {
        self.blueprints.values().any(|blueprint| path.is_within(&blueprint.value.spec.target.source))
    }

    /// Whether a source is rendered, and of what stands at or below a path.
    pub(crate) fn is_made_of(&self, source: &RepoPath, path: &RepoPath) -> bool {
        let mut roots = self.render_inputs.iter().filter(|(root, _)| root.meets(source));
        roots.any(|(_, inputs)| inputs.iter().any(|input| input.meets(path)))
    }

    /// `values`: of its blueprints, in their order; `None`: of one that cannot be read.
    fn read_own(&mut self, path: &RepoPath, parsed: Parsed, values: Vec<Option<Blueprint>>) {
        let mut values = values.into_iter();
        let documents = match parsed {
            Ok(documents) => documents,
            Err(diagnostic) => return self.diagnostics.push(*diagnostic),
        };
        if documents.is_empty() {
            let told = format!("{path} is empty, and may be the one that forbids something");
            let told = Diagnostic::error("unknown-kind", told);
            self.diagnostics.push(told.help("delete it, or bring back what stood there (git log -p)"));
        }
        for document in documents {
            let outcome = match document.root.get("kind").and_then(Node::as_str) {
                Some("Blueprint") => self.add_blueprint(path, document, values.next().flatten()),
                Some("Policy") => self.add_policy(path, document),
                Some("Suppression") => self.add_suppression(path, document),
                other => Err(Box::new(unknown_kind(&document, other))),
            };
            if let Err(diagnostic) = outcome {
                self.diagnostics.push(*diagnostic);
            }
        }
    }

    /// A document's value; else all that is wrong with it is noted.
    fn typed<T: serde::de::DeserializeOwned>(&mut self, document: &Document) -> Option<T> {
        let value = yaml::from_node(document, &document.root);
        if value.is_err() {
            self.diagnostics.extend(yaml::problems::<T>(document));
        }
        value.ok()
    }

    fn add_blueprint(
        &mut self,
        path: &RepoPath,
        document: Document,
        value: Option<Blueprint>,
    ) -> Result<(), Box<Diagnostic>> {
        let Some(value) = value else {
            self.diagnostics.extend(yaml::problems::<Blueprint>(&document));
            return Ok(());
        };
        let mut located = Located { value, path: path.clone(), document: document.into() };
        // Every environment's overrides must give a blueprint too, so that no run meets a surprise.
        for environment in located.value.environments.keys() {
            effective(&located, environment)?;
        }
        let name = located.value.metadata.name.clone();
        if let Some(first) = self.blueprints.get(&name) {
            return Err(Box::new(twice("blueprint", &name, first, &located)));
        }
        let environments = &self.workspace.value.environments;
        let mut targets: Vec<(Option<Name>, ObjectRef)> = environments
            .keys()
            .filter(|environment| located.value.is_in(environment))
            .map(|environment| (Some(environment.clone()), located.value.object_in(environment)))
            .collect();
        if environments.is_empty() {
            targets.push((None, located.value.spec.target.object()));
        }
        let taken = targets.iter().find_map(|key| Some((&key.1, self.blueprints.get(self.by_target.get(key)?)?)));
        if let Some((target, first)) = taken {
            return Err(Box::new(
                Diagnostic::error(
                    "target-twice",
                    format!("two blueprints govern {target} in namespace {}", target.namespace),
                )
                .label(located.span(&["spec", "target", "workload"]), "the second")
                .label(first.span(&["spec", "target", "workload"]), "the first")
                .source(located.source())
                .source(first.source())
                .help("keep one: a workload has one contract"),
            ));
        }
        Arc::make_mut(&mut self.by_target).extend(targets.into_iter().map(|key| (key, name.clone())));
        located.document.put_away();
        self.blueprints.insert(name, Arc::new(located));
        Ok(())
    }

    fn add_policy(&mut self, path: &RepoPath, document: Document) -> Result<(), Box<Diagnostic>> {
        let Some(value) = self.typed::<Policy>(&document) else { return Ok(()) };
        let located = Located { value, path: path.clone(), document: document.into() };
        let name = located.value.metadata.name.clone();
        if let Some(first) = self.policies.get(&name) {
            return Err(Box::new(twice("policy", &name, first, &located)));
        }
        self.policies.insert(name, located);
        Ok(())
    }

    fn add_suppression(&mut self, path: &RepoPath, document: Document) -> Result<(), Box<Diagnostic>> {
        let Some(value) = self.typed::<Suppression>(&document) else { return Ok(()) };
        let located = Located { value, path: path.clone(), document: document.into() };
        let spec = &located.value.spec;
        let bad = |message: &str, key: &str, help: &str| {
            let diagnostic = Diagnostic::error("bad-value", message).label(located.span(&["spec", key]), "here");
            Err(Box::new(diagnostic.source(located.source()).help(help)))
        };
        if spec.path.is_some() == spec.blueprint.is_some() {
            return bad("a suppression holds in one place", "code", "write either `path: FILE` or `blueprint: NAME`");
        }
        if spec.reason.trim().is_empty() {
            return bad("a suppression has a reason", "reason", "write why it is right to live with the finding");
        }
        let name = located.value.metadata.name.clone();
        if let Some(first) = self.suppressions.get(&name) {
            return Err(Box::new(twice("suppression", &name, first, &located)));
        }
        self.suppressions.insert(name, located);
        Ok(())
    }

    /// Adds what was rendered for one environment: an entry for each of its `render`, in that order.
    pub fn set_renderings(&mut self, environment: &Name, renderings: Vec<Rendering>) {
        self.renderings.insert(environment.clone(), Arc::new(renderings));
        self.companion_index = OnceLock::new();
    }

    /// What was rendered for an environment.
    pub fn renderings(&self, environment: &Name) -> &[Rendering] {
        self.renderings.get(environment).map_or(&[], |all| all.as_slice())
    }

    /// The rendering that a manifest comes from; `None`: it stands in a file as it is.
    pub fn rendering_of(&self, environment: &Name, manifest: &Manifest) -> Option<&Rendering> {
        self.renderings(environment).iter().find(|made| manifest.rendered && made.root == manifest.path)
    }

    /// When the Application that delivers a manifest is synced; `None`: no Application says so.
    pub fn sync_policy(&self, environment: &Name, manifest: &Manifest) -> Option<&SyncPolicy> {
        self.rendering_of(environment, manifest)?.sync.as_ref()
    }

    /// The manifest of an object at or below a source, as it reaches an environment: rendered where the environment says so, else as it
    /// stands. A manifest without a namespace goes to the blueprint's. `None`: there is none, or it is not known; see
    /// [`Catalog::declared`].
    pub fn manifest(&self, environment: &Name, source: &RepoPath, object: &ObjectRef) -> Option<&Manifest> {
        self.declared(environment, source, object).ok().flatten()
    }

    /// The same, and why it is not known.
    ///
    /// # Errors
    /// A file or a rendering below the source could not be read or made, or several manifests declare the object.
    pub fn declared(
        &self,
        environment: &Name,
        source: &RepoPath,
        object: &ObjectRef,
    ) -> Result<Option<&Manifest>, Unclear> {
        let entries = self.workspace.value.environments.get(environment).map_or(&[] as &[Render], |e| &e.render);
        // What an Application that says nothing would render may be anything.
        let failed = |entry: &Render| Some((entry.application.clone()?, entry.unresolved.clone()?));
        if let Some((root, because)) = entries.iter().find_map(failed) {
            return Err(Unclear::Unresolved { application: root, because });
        }
        let mut wanted = entries.iter().filter_map(Render::root).filter(|(_, root)| root.meets(source)).peekable();
        if wanted.peek().is_none() {
            // It may declare the object, or declare it a second time.
            let may = |(_, said): &(&RepoPath, &Diagnostic)| Unclear::may_name(said, &object.name);
            if let Some((path, diagnostic)) = self.unread_below(source).find(may) {
                return Err(Unclear::unreadable(path, diagnostic));
            }
            let found = only(self.plain(source, object))?;
            return found.map_or(Ok(()), |found| self.as_it_stands(environment, found, object)).map(|()| found);
        }
        // What stands in the files is not what reaches the cluster: only what was rendered counts, and all of it has to be known.
        let mut found: Vec<&Manifest> = Vec::new();
        for (renderer, root) in wanted {
            if found.iter().any(|manifest| manifest.path == *root) {
                continue; // the same entry again is no second rendering
            }
            let failed = |because| Unclear::Unrendered { root: root.clone(), renderer, because };
            let rendering = self.renderings(environment).iter().find(|r| r.root == *root && r.renderer == renderer);
            let rendering = rendering.ok_or_else(|| failed(RenderFailure::new("it was not rendered here")))?;
            let manifests = rendering.outcome.as_ref().map_err(|because| failed(because.clone()))?;
            found.extend(manifests.iter().filter(|manifest| object.is_declared_by(&manifest.object)));
        }
        only(found)
    }

    /// The files of a source that could not be read, and what is wrong with each: what they declare is not known.
    pub fn unread_below<'c>(&'c self, source: &'c RepoPath) -> impl Iterator<Item = (&'c RepoPath, &'c Diagnostic)> {
        self.unreadable.iter().filter(|(path, _)| path.is_within(source))
    }

    fn plain(&self, source: &RepoPath, object: &ObjectRef) -> impl Iterator<Item = &Manifest> {
        let places = self.by_object.get(&object_name(object)).into_iter().flatten();
        places.filter(|(path, _)| path.is_within(source)).filter_map(|(path, position)| {
            let manifest = self.manifests.get(path)?.get(*position)?;
            let namespace = &manifest.object.namespace;
            (namespace.is_empty() || *namespace == object.namespace).then_some(manifest)
        })
    }

    /// Whether anything of what was read or rendered for an environment declares an object.
    pub fn declares(&self, environment: &Name, object: &ObjectRef) -> bool {
        let rendered = self.renderings(environment).iter().filter_map(|rendering| rendering.outcome.as_ref().ok());
        let plain = self.manifests.values();
        let mut all = plain.chain(rendered).flat_map(|manifests| manifests.iter());
        all.any(|manifest| object.is_declared_by(&manifest.object))
    }

    /// What an effect applies, of what reaches an environment.
    pub fn applied(&self, environment: &Name, effect: &ApplyObject) -> Option<&Manifest> {
        // Of a `List` all objects stand in one document.
        let is = |m: &&Manifest| m.document.index == effect.document && effect.object.is_declared_by(&m.object);
        self.manifests_at(environment, &effect.path)?.iter().find(is)
    }

    /// A blueprint as written and the manifest of its workload. `Err`: what is missing, in one sentence.
    pub fn declaration(
        &self,
        environment: &Name,
        name: &Name,
        workload: &ObjectRef,
    ) -> Result<(&Located<Blueprint>, &Manifest), String> {
        let blueprint = self.blueprints.get(name).ok_or_else(|| format!("there is no blueprint {name}"))?;
        let source = &blueprint.value.spec.target.source;
        let manifest = self.declared(environment, source, workload).map_err(|unclear| unclear.to_string())?;
        Ok((blueprint, manifest.ok_or_else(|| format!("no manifest below {source} declares {workload}"))?))
    }

    pub(super) fn companion_index(&self, environment: &Name) -> Option<&CompanionIndex> {
        let all = self.companion_index.get_or_init(|| {
            let mut plain = None;
            let environments = self.workspace.value.environments.iter().map(|(name, place)| {
                let find = || Arc::new(CompanionIndex::of(self, name));
                // Where nothing is rendered all environments have the same, but for what a blueprint says of its own target.
                let own =
                    self.blueprints.values().any(|b| !b.value.is_in(name) || b.value.namespace_over(name).is_some());
                let index =
                    if place.render.is_empty() && !own { plain.get_or_insert_with(find).clone() } else { find() };
                (name.clone(), index)
            });
            Arc::new(environments.collect())
        });
        all.get(environment).map(AsRef::as_ref)
    }

    /// The workspace with its Applications as they are named, not yet resolved: they may say something else in another commit.
    ///
    /// # Errors
    /// None that reading the workspace did not have.
    pub fn workspace_as_written(&self) -> Result<Workspace, Box<Diagnostic>> {
        yaml::from_node(&self.workspace.document, &self.workspace.document.root)
    }

    /// Whether an environment renders what a source holds.
    pub fn renders(&self, environment: &Name, source: &RepoPath) -> bool {
        let entries = self.workspace.value.environments.get(environment).map_or(&[] as &[Render], |e| &e.render);
        entries.iter().any(|e| e.unresolved.is_some() || e.root().is_some_and(|(_, root)| root.meets(source)))
    }

    /// The manifests of a file, or of a folder that an environment renders.
    pub(crate) fn manifests_at(&self, environment: &Name, path: &RepoPath) -> Option<&[Manifest]> {
        match self.renderings(environment).iter().find(|rendering| rendering.root == *path) {
            Some(rendering) => rendering.outcome.as_ref().ok().map(|all| all.as_slice()),
            None => self.manifests.get(path).map(|all| all.as_slice()),
        }
    }
}

/// The one manifest that declares an object, if any.
fn only<'c>(found: impl IntoIterator<Item = &'c Manifest>) -> Result<Option<&'c Manifest>, Unclear> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(Unclear::Twice(first.path.clone(), second.path.clone())),
        (first, _) => Ok(first),
    }
}

/// What a document says that it declares; empty where it does not say so.
pub(crate) fn declared_object(root: &Node) -> ObjectParts {
    let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str).unwrap_or_default().to_owned();
    ObjectParts {
        api_version: text(&["apiVersion"]),
        kind: text(&["kind"]),
        namespace: text(&["metadata", "namespace"]),
        name: text(&["metadata", "name"]),
    }
}

pub(crate) fn manifest(path: &RepoPath, document: Document) -> Option<Manifest> {
    let object = ObjectRef::from(declared_object(&document.root));
    (!object.kind.is_empty()).then(|| Manifest {
        path: path.clone(),
        object,
        document,
        rendered: false,
        unstable: Vec::new(),
    })
}

fn twice<T>(what: &str, name: &Name, first: &Located<T>, second: &Located<T>) -> Diagnostic {
    Diagnostic::error("duplicate-name", format!("two {what} files are named {name}"))
        .label(second.span(&["metadata", "name"]), "the second")
        .label(first.span(&["metadata", "name"]), "the first")
        .source(second.source())
        .source(first.source())
        .help("rename one of them, or delete it")
}
