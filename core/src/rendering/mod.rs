//! What Kustomize and Helm make of a repository's files, and which line makes which field of it (X9).
//!
//! Nothing is rendered here: an edge runs the real renderer over the files that [`inputs`] names, and gives back text. Which line produces
//! a field is never guessed from templates: it is shown by mutation. A value is changed where it stands, everything is rendered again, and
//! the line is claimed only if the field moved with it ([`search`]).

mod application;
mod fields;
mod ignored;
mod inputs;
mod marks;
mod mutate;
mod parts;
mod remarks;
mod search;
mod sync;
mod trace;
mod vary;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use application::{Delivered, OwnValues, Parameter, application_folders, resolve_application, settings};
pub(crate) use fields::item_of;
pub use fields::{all_fields, differing_field, governed_fields};
pub use ignored::IgnoreRule;
pub use inputs::is_kustomization;
pub use inputs::{Inputs, inputs};
pub(crate) use inputs::{KUSTOMIZATIONS, resolve};
pub use mutate::Mutation;
pub use parts::{Found, Part, PartOf, add_parts, parts_to_find};
pub use remarks::{TAG_NUMBER, WITHOUT_EFFECT};
pub use search::{Answer, Search, SearchInput};
pub use sync::{LeftAlone, SyncPolicy, Syncs};
pub use vary::variants;

use crate::blueprint::{Catalog, Environment, Manifest, Render, Renderer, manifest};
use crate::execute::{Effect, Place, SetField};
use crate::model::{Diagnostic, FieldPath, Name, ObjectRef, RepoPath, Source, SourceSpan, Untrusted};
use crate::yaml::{self, Document, Kind, value_at};

/// One folder, rendered for one environment.
#[derive(Debug, Clone)]
pub struct Rendering {
    /// The folder.
    pub root: RepoPath,
    /// Who rendered it.
    pub renderer: Renderer,
    /// The objects, or why there are none.
    pub outcome: Result<Arc<Vec<Manifest>>, RenderFailure>,
    /// A chart's hooks and tests, which Helm runs and nothing compares with a cluster. A change of them is judged as any other (X2).
    pub hooks: Arc<Vec<Manifest>>,
    /// What its Application tells Argo CD to pass over.
    pub ignored: Vec<IgnoreRule>,
    /// When its Application is synced; `None`: no Application says so.
    pub sync: Option<SyncPolicy>,
    /// What its files say that nothing comes of, for `lint`.
    pub remarks: Vec<Diagnostic>,
    /// Where fields come from, as far as somebody asked.
    pub origins: BTreeMap<(ObjectRef, FieldPath), Origin>,
    /// The files and folders that it reads.
    reads: BTreeSet<RepoPath>,
    /// Those of them whose effect is all in what is made; see [`Rendering::shows`].
    shown: BTreeSet<RepoPath>,
    /// Nothing in it asks what only the cluster knows; see [`Rendering::is_whole`].
    alone: bool,
}

/// Why something could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderFailure {
    /// In one sentence of ours.
    pub message: String,
    /// What the renderer or the file says, which is text from outside.
    pub said: Option<Untrusted>,
    /// The renderer is not on this machine: nothing is said of the files.
    pub renderer_missing: bool,
}

impl RenderFailure {
    /// Our sentence alone.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), said: None, renderer_missing: false }
    }

    /// The same, with somebody's words.
    #[must_use]
    pub fn said(self, said: &str) -> Self {
        Self { said: Some(Untrusted::new(said.chars().take(1_000).collect::<String>())), ..self }
    }

    /// What to write in bpctl.yaml where a chart asks for a cluster of a version, and nothing says which one it is.
    pub fn version_to_say(&self) -> Option<&'static str> {
        let asks = self.said.as_ref().is_some_and(|said| said.raw().contains("kubeVersion"));
        asks.then_some("say what the cluster has beside `helm:`, as in `kube_version: \"1.36\"`")
    }
}

/// Why it is not known what Git declares of an object. Nothing is decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclear {
    /// An Application does not say what its environment renders.
    Unresolved {
        /// The file.
        application: RepoPath,
        /// Why.
        because: RenderFailure,
    },
    /// A folder that may declare it could not be rendered.
    Unrendered {
        /// The folder.
        root: RepoPath,
        /// Who should have.
        renderer: Renderer,
        /// Why not.
        because: RenderFailure,
    },
    /// A file that may declare it cannot be read (R6).
    Unreadable {
        /// The file, with line and column where they are known.
        place: String,
        /// What is wrong with it.
        because: Untrusted,
    },
    /// Two manifests of one environment declare it, and which one reaches the cluster is not known: their files, or folders that are rendered.
    Twice(RepoPath, RepoPath),
    /// It reaches the cluster as something else: what renders it changes it.
    Changed {
        /// The file, as it stands.
        file: RepoPath,
        /// The folder that is rendered of it, or the kustomization that nothing here renders.
        by: RepoPath,
    },
}

impl Unclear {
    /// Whether a file that could not be read may declare an object of this name: YAML spells it letter by letter as a value of its own,
    /// unless it escapes letters or gives a value another type.
    pub(crate) fn may_name(diagnostic: &Diagnostic, name: &str) -> bool {
        let Some(Source { text, .. }) = diagnostic.sources.first() else { return true };
        let ends = |letter: Option<char>, also: &str| letter.is_none_or(|l| l.is_whitespace() || also.contains(l));
        text.contains(['\\', '!'])
            || text.match_indices(name).any(|(at, _)| {
                ends(text[..at].chars().next_back(), "\"'{[,:")
                    && ends(text[at + name.len()..].chars().next(), "\"'}],")
            })
    }

    /// A file could not be read.
    pub(crate) fn unreadable(path: &RepoPath, diagnostic: &Diagnostic) -> Self {
        let place = diagnostic.labels.first().map_or_else(|| path.to_string(), |label| label.span.to_string());
        Self::Unreadable { place, because: Untrusted::new(diagnostic.message.as_str()) }
    }

    /// What a renderer, or the reader of a file, said.
    pub fn said(&self) -> Option<&Untrusted> {
        match self {
            Self::Unrendered { because, .. } | Self::Unresolved { because, .. } => because.said.as_ref(),
            Self::Unreadable { because, .. } => Some(because),
            Self::Twice(..) | Self::Changed { .. } => None,
        }
    }
}

impl std::error::Error for Unclear {}

impl std::fmt::Display for Unclear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unrendered { root, renderer, because } => {
                write!(f, "{renderer} could not render {root}: {}", because.message)
            }
            Self::Unresolved { application, because } => write!(f, "{application}: {}", because.message),
            Self::Unreadable { place, .. } => write!(f, "{place} cannot be read"),
            Self::Twice(first, second) if first == second => write!(f, "{first} declares it twice"),
            Self::Twice(first, second) => write!(f, "{first} and {second} both declare it"),
            Self::Changed { file, by } => write!(f, "{by} makes another one of {file}"),
        }
    }
}

/// Where a rendered field comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// One place makes it: changing that and rendering again moved the field.
    Line(Line),
    /// No one place was found to, and why.
    Unknown(String),
}

/// The place that makes a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The place.
    pub span: SourceSpan,
    /// It says the whole value; else a part of it, as the tag of an image.
    pub whole: bool,
    /// Which part it says, where it does not say the whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// How many other fields of all that is rendered moved with it.
    pub also: usize,
    /// The value in a YAML file that makes it, where it is one and says just what is rendered: what an edit would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<SourceField>,
    /// Of an image that is put together of several: the places of its parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A value of a YAML file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceField {
    /// The file.
    pub path: RepoPath,
    /// Which document of it, from 0.
    pub document: usize,
    /// Which field.
    pub field: FieldPath,
}

impl Rendering {
    /// What a renderer gave back for an entry that reads this, as objects. Text that is no YAML is a rendering that failed.
    pub fn of(render: &Render, inputs: &Inputs, output: Result<&[u8], RenderFailure>) -> Option<Self> {
        let (renderer, root) = render.root()?;
        let unreadable = |diagnostic: Box<Diagnostic>| {
            RenderFailure::new("what it makes is no YAML that Kubernetes would read").said(&diagnostic.message)
        };
        let made = output.and_then(|bytes| rendered(render, bytes).map_err(unreadable));
        let (outcome, hooks) = match made {
            Ok((objects, hooks)) => (Ok(Arc::new(objects)), Arc::new(hooks)),
            Err(why) => (Err(why), Arc::default()),
        };
        let mut reads = inputs.reads.clone();
        reads.extend(render.resolved_from.clone());
        let shown = match renderer {
            Renderer::Kustomize => reads.clone(),
            // A template computes: what it makes of today's values says little of tomorrow's.
            Renderer::Helm => {
                let values = render.values.iter().chain(&render.resolved_from).cloned();
                values.chain(root.join("values.yaml").ok()).collect()
            }
        };
        let (ignored, sync) = (render.ignored.clone(), render.sync.clone());
        let (root, origins, remarks) = (root.clone(), BTreeMap::new(), Vec::new());
        // Of a chart it is known once its templates were looked through.
        let alone = renderer == Renderer::Kustomize;
        Some(Self { root, renderer, outcome, hooks, ignored, sync, remarks, origins, reads, shown, alone })
    }

    /// An Application of this file that says nothing that could be rendered: any of these files may be one that it delivers.
    pub fn unresolved(application: &RepoPath, reads: BTreeSet<RepoPath>, why: &Diagnostic) -> Self {
        let outcome =
            Err(RenderFailure::new("the Application cannot be followed, and any file may be one that it delivers")
                .said(&why.message));
        let root = application.clone();
        let renderer = Renderer::Kustomize;
        let (hooks, ignored, sync, remarks, origins, shown) = Default::default();
        Self { root, renderer, outcome, hooks, ignored, sync, remarks, origins, reads, shown, alone: false }
    }

    /// The same, where these files too may be read, and nobody knows.
    #[must_use]
    pub fn reading(mut self, files: &[RepoPath]) -> Self {
        self.reads.extend(files.iter().cloned());
        self
    }

    /// Whether it reads this file.
    pub fn reads(&self, path: &RepoPath) -> bool {
        self.reads.iter().any(|read| path.is_within(read))
    }

    /// Whether the effect of a change of this file is all in what is rendered: it is no template, and nothing of a chart that makes up
    /// something new each time.
    pub fn shows(&self, path: &RepoPath) -> bool {
        self.shown.contains(path)
    }

    /// Whether it is all that a cluster would get of these files: no template asks for the cluster's versions, its objects, or whether the release
    /// is there already.
    pub fn is_whole(&self) -> bool {
        self.alone
    }
}

/// The objects of a renderer's output. A chart's hooks (tests, migrations) are no part of what stands in a cluster.
///
/// Where Git names no namespace the delivery does: the release's, or that of the Application.
pub fn objects(render: &Render, output: &[u8]) -> Result<Vec<Manifest>, Box<Diagnostic>> {
    Ok(rendered(render, output)?.0)
}

/// The same, and a chart's hooks. Kustomize knows no hooks: what carries the annotation there is delivered as any other object.
fn rendered(render: &Render, output: &[u8]) -> Result<(Vec<Manifest>, Vec<Manifest>), Box<Diagnostic>> {
    let Some((renderer, root)) = render.root() else { return Ok(Default::default()) };
    let delivered = match renderer {
        Renderer::Helm => Some(render.namespace.as_ref().map_or("default", |name| name.as_str())),
        Renderer::Kustomize => render.namespace.as_ref().map(Name::as_str),
    };
    let name = format!("{root} (rendered)");
    let documents = yaml::parse(&name, output, Kind::Manifest)?;
    let hook = |m: &Manifest| {
        let hook = m.document.root.at(&["metadata", "annotations"]).and_then(|all| all.get("helm.sh/hook"));
        // A CRD that is installed by a hook stays; what runs once and goes does not.
        renderer == Renderer::Helm && hook.is_some() && m.object.kind != "CustomResourceDefinition"
    };
    let at_home = |mut manifest: Manifest| {
        let everywhere = manifest.object.kind.starts_with("Cluster")
            || matches!(manifest.object.kind.as_str(), "Namespace" | "CustomResourceDefinition" | "PersistentVolume");
        if let (true, false, Some(namespace)) = (manifest.object.namespace.is_empty(), everywhere, delivered) {
            manifest.object = manifest.object.in_namespace(namespace);
        }
        Manifest { rendered: true, ..manifest }
    };
    let documents = documents.into_iter().flat_map(Document::listed);
    let objects = documents.filter_map(|document| manifest(root, document)).map(at_home);
    let (hooks, objects) = objects.partition(hook);
    Ok((objects, hooks))
}

/// The edit that makes a manifest's field another value: in the manifest itself; where it is rendered, on the line that makes the field, if
/// it makes that field alone. Of an image or an address that is put together it is the line of the part that differs. A field that is not
/// there yet is at its nearest parent's place.
///
/// What the edit renders to is compared with what was meant before anything is proposed.
///
/// # Errors
/// No line can be edited for it, and why.
pub fn edit_of(
    catalog: &Catalog,
    environment: &Name,
    manifest: &Manifest,
    field: &FieldPath,
    (from, to): (Option<Json>, Option<Json>),
) -> Result<Effect, String> {
    let set = |SourceField { path, document, field }, from, to, at| {
        Ok(Effect::SetField(SetField { path, document, field, from, to, at }))
    };
    if !manifest.rendered {
        let above = (0..=field.0.len()).rev().map(|steps| FieldPath(field.0[..steps].to_vec()));
        let at = above.into_iter().find_map(|path| {
            let node = value_at(&manifest.document, &path)?;
            Some(Place::from(&manifest.document.span_of(node)))
        });
        let Document { index: document, .. } = manifest.document;
        let source = SourceField { path: manifest.path.clone(), document, field: manifest.document.in_file(field) };
        return set(source, from, to, at);
    }
    let because = |why: &str| Err(format!("{field} is rendered from {}, and {why}", manifest.path));
    let (Some(from), Some(to)) = (from, to) else {
        return because("its line comes or goes: a person edits what it is rendered from");
    };
    let line = match catalog.origin(environment, manifest, field) {
        None => return because("which line makes it was not looked for"),
        Some(Origin::Unknown(why)) => return because(&format!("no line can be edited for it: {why}")),
        Some(Origin::Line(line)) => line,
    };
    let Some(turned) = line.turned(&from, &to) else {
        let span = line.place_beside(Some(&from), Some(&to)).unwrap_or_else(|_| line.span.clone());
        let part = if line.whole { "it, in text that is no value of YAML" } else { "only a part of it" };
        return because(&format!("{span} makes {part}; a person edits it"));
    };
    if turned.also > 0 {
        return because(&format!("{} makes {} other fields too; a person edits it", turned.span, turned.also));
    }
    if !is_own_line(catalog, environment, manifest, turned.field) {
        return because(&format!("{} may make more than this: a person edits it", turned.span));
    }
    set(turned.field.clone(), Some(turned.from), Some(turned.to), Some(Place::from(turned.span)))
}

/// Whether a line makes something of this environment alone. A line of a base or of a chart's own values is other environments' too.
fn is_own_line(catalog: &Catalog, environment: &Name, manifest: &Manifest, source: &SourceField) -> bool {
    let entries = |name: &Name| {
        let place = catalog.workspace.value.environments.get(name);
        place.map_or(&[] as &[Render], |place| &place.render).iter().filter_map(Render::root)
    };
    let kustomize =
        entries(environment).any(|(renderer, root)| renderer == Renderer::Kustomize && *root == manifest.path);
    let mut others = catalog.workspace.value.environments.keys().filter(|name| *name != environment);
    let shared = others.any(|name| entries(name).any(|(_, root)| root.meets(&manifest.path)))
        || catalog.roots_reading(&source.path).len() > 1;
    let overlay = kustomize && !shared && source.path.is_within(&manifest.path);
    overlay || is_own_values(catalog, environment, &manifest.path, &source.path)
}

/// Whether a file is one of a chart's values that this environment names for this chart, once, and that no other one names.
pub(crate) fn is_own_values(catalog: &Catalog, environment: &Name, root: &RepoPath, file: &RepoPath) -> bool {
    let named = |place: &Environment| -> Vec<RepoPath> {
        let charts = place.render.iter().filter(|entry| matches!(entry.root(), Some((Renderer::Helm, _))));
        let mine = charts.filter(|entry| entry.values.contains(file));
        mine.filter_map(|entry| entry.root().map(|(_, root)| root.clone())).collect()
    };
    // A chart's own values are everybody's who renders it.
    let charts_own = root.join("values.yaml").is_ok_and(|own| own == *file)
        || root.join("charts").is_ok_and(|charts| file.is_within(&charts));
    let nobody_else = catalog.roots_reading(file).into_iter().all(|reader| reader == root);
    !charts_own
        && nobody_else
        && catalog.workspace.value.environments.iter().all(|(name, place)| match named(place).as_slice() {
            [] => name != environment,
            [one] => name == environment && one == root,
            _ => false,
        })
}

impl Catalog {
    /// Where a person looks who finds another value of a manifest's field in the cluster: in the file that says it, never in what is rendered.
    ///
    /// # Errors
    /// No place is known, and why.
    pub fn place_beside(
        &self,
        environment: &Name,
        manifest: &Manifest,
        field: &FieldPath,
        (declared, live): (Option<&Json>, Option<&Json>),
    ) -> Result<SourceSpan, String> {
        let differing = differing_field(field, declared, live);
        if !manifest.rendered {
            let node = value_at(&manifest.document, &differing).ok_or("nothing declares it")?;
            return Ok(manifest.document.span_of(node));
        }
        match self.origin(environment, manifest, &differing) {
            Some(Origin::Line(line)) => {
                let (declared, live) = (item_of(declared, field, &differing), item_of(live, field, &differing));
                line.place_beside(declared, live)
            }
            Some(Origin::Unknown(why)) => Err(why.clone()),
            None => Err("which line makes it was not looked for".into()),
        }
    }

    /// Where a rendered field comes from, if somebody asked for that.
    pub fn origin(&self, environment: &Name, manifest: &Manifest, field: &FieldPath) -> Option<&Origin> {
        let rendering = self.renderings(environment).iter().find(|rendering| rendering.root == manifest.path)?;
        rendering.origins.get(&(manifest.object.clone(), field.clone()))
    }
}
