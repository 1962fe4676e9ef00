//! Argo CD's Applications as entries of `render`: folder and parameters as the delivery has them.

use std::collections::BTreeMap;

use crate::blueprint::Render;
use crate::model::{Diagnostic, FieldPath, Files, Name, RepoPath, Segment, SourceSpan};
use crate::yaml::{self, Document, Kind, Node, Value, nearest};

use super::RenderFailure;
use super::ignored::IgnoreRule;
use super::inputs::{KUSTOMIZATIONS, resolve as resolve_path};
use super::sync::SyncPolicy;

/// What an Application has to deliver so that it is what bpctl reads.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    /// The address of this repository, where it has one.
    pub origin: Option<String>,
    /// The base branch, as the repository has it.
    pub base: String,
}

impl Delivered {
    /// Why an Application with this source delivers something else; `None`: it delivers this.
    fn refusal(&self, source: &Node) -> Option<RenderFailure> {
        let text = |key| source.get(key).and_then(Node::as_str).unwrap_or_default();
        let repository = text("repoURL");
        // A number is no revision: the API server takes none, and it means something else than none at all.
        let revision = source.get("targetRevision").map_or("", |node| node.as_str().unwrap_or("not a text"));
        let other = self.origin.as_deref().filter(|origin| !same_repository(origin, repository));
        if other.is_some() {
            let why = "the Application delivers another repository than the remote `origin` is";
            return Some(RenderFailure::new(why).said(if repository.is_empty() { "no repoURL" } else { repository }));
        }
        let ours = matches!(revision, "" | "HEAD") || revision == self.base;
        let why = "the Application delivers another revision than the base branch";
        (!ours).then(|| RenderFailure::new(why).said(revision))
    }
}

/// A parameter of an Application, which Argo CD gives to Helm by `--set`, or by `--set-string`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its key, as Helm reads it.
    pub name: String,
    /// Its text, of which Helm makes a number, a list, nothing at all, …
    pub value: String,
    /// It stays a text.
    pub forced: bool,
    /// Where the value stands.
    pub span: SourceSpan,
}

impl Parameter {
    /// What Helm is given: Argo CD escapes commas, but for those of a list.
    pub fn argument(&self) -> String {
        let Self { name, value, forced, .. } = self;
        let mut text = String::with_capacity(value.len());
        let is_list = value.starts_with('{') && value.ends_with('}');
        let mut before = None;
        for letter in value.chars() {
            if letter == ',' && before != Some('\\') && !is_list {
                text.push('\\');
            }
            text.push(letter);
            before = Some(letter);
        }
        format!("--set{}={name}={text}", if *forced { "-string" } else { "" })
    }
}

/// The values that an Application holds itself, as the file that Argo CD makes of them: the last of all values files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnValues {
    /// What the file is called: a name that no other values file has.
    pub file: RepoPath,
    /// What it holds.
    pub text: String,
    /// Where the Application has all of it.
    pub whole: SourceSpan,
    /// Where it has single values.
    pub spans: BTreeMap<FieldPath, SourceSpan>,
}

/// Whether two addresses are one repository's, whatever protocol and account they name. At another port, other than the protocol's own, another
/// server may listen.
fn same_repository(one: &str, other: &str) -> bool {
    if is_odd_address(other) { one == other } else { place_of(one) == place_of(other) }
}

/// What Git reads otherwise than it looks: behind `?`, `#` and `\` no server's name stands, and `ext::` runs a program.
fn is_odd_address(address: &str) -> bool {
    let schemes = ["https", "http", "ssh", "git"];
    let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    address.contains(['?', '#', '\\'])
        || address.contains("::")
        || address.chars().any(|c| c.is_whitespace() || c.is_control())
        || scheme.is_some_and(|scheme| !schemes.contains(&scheme.as_str()))
}

/// Server, port and path of an address.
fn place_of(address: &str) -> (String, Option<String>, String) {
    let (scheme, rest) = address.split_once("://").map_or((None, address), |(scheme, rest)| (Some(scheme), rest));
    let cut = rest.find(|c| c == '/' || (c == ':' && scheme.is_none())).unwrap_or(rest.len());
    let (host, path) = rest.split_at(cut);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (host, port) = host.rsplit_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
    let usual = match scheme {
        Some("https") => "443",
        Some("http") => "80",
        _ => "22",
    };
    let port = port.filter(|port| !port.is_empty() && *port != usual).map(ToOwned::to_owned);
    let path = path.trim_matches(['/', ':']);
    (host.to_ascii_lowercase(), port, path.strip_suffix(".git").unwrap_or(path).to_owned())
}

/// What an Application says, as an entry that names folder, values and settings itself.
///
/// # Errors
/// It is not there, or says what bpctl cannot render as Argo CD would; with the place in the Application, where there is one.
pub fn resolve_application(render: &Render, files: &Files, here: &Delivered) -> Result<Render, Box<Diagnostic>> {
    let Some(path) = &render.application else { return Ok(render.clone()) };
    let blob = files.blob(path).ok_or_else(|| bad(format!("there is no {path}")))?;
    let documents = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest)?;
    let is_application = |document: &&Document| {
        let text = |keys: &[&str]| document.root.at(keys).and_then(Node::as_str);
        text(&["kind"]) == Some("Application")
            && text(&["apiVersion"]).is_some_and(|version| version.starts_with("argoproj.io/"))
            && render.release.as_ref().is_none_or(|name| text(&["metadata", "name"]) == Some(name.as_str()))
    };
    let mut found = documents.iter().filter(is_application);
    let document = match (found.next(), found.next()) {
        (Some(document), None) => document,
        (None, _) => return Err(bad(format!("{path} declares no such Application of Argo CD"))),
        (Some(_), Some(_)) => {
            return Err(bad(format!("{path} declares several Applications")).map_help("write which: `release: NAME`"));
        }
    };
    Reading { document, files, here }.entry(path)
}

/// The folders that the Applications of a file name: one of them is a chart if it holds one.
pub fn application_folders(path: &RepoPath, files: &Files) -> Vec<RepoPath> {
    let documents = files.blob(path).and_then(|blob| yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).ok());
    let folder = |document: &Document| {
        let named = document.root.at(&["spec", "source", "path"]).and_then(Node::as_str)?;
        RepoPath::new(resolve_path("", named)?).ok()
    };
    documents.iter().flatten().filter_map(folder).collect()
}

/// What an Application's `spec` may hold, so that `spec.source` is what it delivers; not `sourceHydrator`, which delivers another branch.
const SPEC: [&str; 7] =
    ["destination", "ignoreDifferences", "info", "project", "revisionHistoryLimit", "source", "syncPolicy"];
/// What its source may hold; not `directory`, which delivers the files as they are.
const SOURCE: [&str; 6] = ["helm", "kustomize", "name", "path", "repoURL", "targetRevision"];

struct Reading<'a> {
    document: &'a Document,
    files: &'a Files,
    here: &'a Delivered,
}

impl Reading<'_> {
    fn entry(&self, path: &RepoPath) -> Result<Render, Box<Diagnostic>> {
        let root = &self.document.root;
        if let Some(several) = root.at(&["spec", "sources"]) {
            return Err(self.at(
                several,
                "an Application of several sources is not rendered",
                "name the folders by `kustomize` and `helm`",
            ));
        }
        let source = root
            .at(&["spec", "source"])
            .ok_or_else(|| self.at(root, "the Application names no source", "it needs spec.source.path"))?;
        if let Some(directory) = source.get("directory") {
            let help = "leave this entry of `render` out: what a blueprint's `source` names is read as it stands";
            return Err(self.at(directory, "it delivers the folder's files as they are", help));
        }
        if let Some(chart) = source.get("chart") {
            return Err(self.at(
                chart,
                "its chart is in a repository of charts",
                "bpctl renders what this repository holds: vendor it",
            ));
        }
        if let Some(plugin) = source.get("plugin") {
            return Err(self.at(plugin, "a plugin renders it", "bpctl renders Kustomize and Helm"));
        }
        // What it delivers follows from all of these: one that bpctl does not know may make something else of the rest.
        self.known(root.get("spec").unwrap_or(root), "spec", &SPEC)?;
        self.known(source, "spec.source", &SOURCE)?;
        let folder = source.get("path").and_then(Node::as_str).and_then(|text| resolve_path("", text));
        let folder = folder.and_then(|folder| RepoPath::new(folder).ok()).ok_or_else(|| {
            self.at(source, "the Application names no folder of this repository", "it needs spec.source.path")
        })?;
        let elsewhere = self.here.refusal(source);
        if elsewhere.is_none() && self.files.below(&folder).next().is_none() {
            let node = source.get("path").unwrap_or(source);
            return Err(self.at(
                node,
                &format!("there is no {folder}"),
                "write the folder that the Application delivers",
            ));
        }
        // Argo CD reads them beside the source, over what the Application says; tools that update images commit them. Which Application one
        // is for depends on where Argo CD runs: `.argocd-source-NAME.yaml`, or `.argocd-source-NAMESPACE_NAME.yaml`.
        let name = root.at(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
        let is_its_own = |file: &str| {
            let of = file.strip_prefix(".argocd-source").and_then(|rest| rest.strip_suffix(".yaml"));
            let of = of.map(|of| of.strip_prefix('-').unwrap_or(of));
            of.is_some_and(|of| of.is_empty() || of == name || of.ends_with(&format!("_{name}")))
        };
        if let Some(beside) = self.beside(&folder).find(|file| is_its_own(file)) {
            let node = source.get("path").unwrap_or(source);
            let told = format!("{folder}/{beside} changes what the Application delivers, and bpctl does not read it");
            let help = "write its values into the Application or the overlay, where everybody sees them";
            return Err(self.at(node, &told, help));
        }
        let is_chart = self.is_chart(&folder, source)?;
        let ignored = root.at(&["spec", "ignoreDifferences"]).map_or(&[] as &[Node], Node::items);
        let ignored = ignored.iter().map(IgnoreRule::read).collect();
        let resolved_from = Some(path.clone());
        let sync = Some(SyncPolicy::read(root, path));
        let namespace = root.at(&["spec", "destination", "namespace"]);
        let namespace = namespace.map(|node| self.name(node, "a namespace")).transpose()?;
        let mut render = Render { namespace, ignored, sync, elsewhere, resolved_from, ..Render::default() };
        if !is_chart {
            let options = source.get("kustomize").map_or(&[] as &[_], Node::entries);
            if let Some(option) = options.iter().find(|option| option.key != "version") {
                let help = "write it into the overlay's kustomization.yaml, where everybody sees it";
                return Err(self.at(
                    &option.value,
                    "bpctl does not render options that only the Application holds",
                    help,
                ));
            }
            render.kustomize = Some(folder);
            return Ok(render);
        }
        let release = root.at(&["spec", "source", "helm", "releaseName"]).or_else(|| root.at(&["metadata", "name"]));
        render.release = release.map(|node| self.name(node, "a release")).transpose()?;
        if let Some(helm) = source.get("helm") {
            self.helm(helm, &folder, &mut render)?;
        }
        render.helm = Some(folder);
        Ok(render)
    }

    /// Which tool Argo CD takes: the one that the Application names, else the one whose file lies in the folder.
    fn is_chart(&self, folder: &RepoPath, source: &Node) -> Result<bool, Box<Diagnostic>> {
        let block = |key| source.get(key).filter(|node| !matches!(node.value, Value::Null));
        let has = |is: fn(&str) -> bool| self.beside(folder).find(|name| is(name));
        // As Argo CD looks for them: any name that ends so, and all that Kustomize knows.
        let chart = has(|name| name.ends_with("Chart.yaml"));
        let kustomization = has(|name| KUSTOMIZATIONS.contains(&name));
        match (block("helm"), block("kustomize")) {
            (Some(helm), Some(_)) => Err(self.at(
                helm,
                "an Application has either `helm` or `kustomize`",
                "remove the one that it does not mean",
            )),
            // An empty one counts for some versions of Argo CD, and for others not.
            (Some(helm), None) if kustomization.is_none() || !helm.entries().is_empty() => Ok(true),
            (None, Some(kustomize)) if chart.is_none() || !kustomize.entries().is_empty() => Ok(false),
            _ => match (chart, kustomization) {
                (Some(chart), Some(kustomization)) => {
                    let told = format!(
                        "{folder} holds {chart} and {kustomization}, and the Application does not say which of them it delivers"
                    );
                    let help = "write `helm` with an option, or `kustomize`, into spec.source, or move one of them";
                    Err(self.at(source.get("path").unwrap_or(source), &told, help))
                }
                (chart, _) => Ok(chart.is_some()),
            },
        }
    }

    /// Another name than the one that stands here would be rendered for another object.
    fn name(&self, node: &Node, of: &str) -> Result<Name, Box<Diagnostic>> {
        let named = node.as_str().and_then(|name| Name::new(name).ok());
        named.ok_or_else(|| {
            self.at(
                node,
                &format!("bpctl cannot take it for the name of {of}"),
                "write lower-case letters, digits and `-`, at most 63",
            )
        })
    }

    /// The names of what lies in a folder itself, links among them.
    fn beside<'s>(&'s self, folder: &'s RepoPath) -> impl Iterator<Item = &'s str> {
        let inside = self.files.below(folder).map(|(path, _)| path);
        let lies_in = move |path: &&RepoPath| match path.as_str().rsplit_once('/') {
            Some((above, _)) => above == folder.as_str(),
            None => folder.is_root(),
        };
        inside.filter(lies_in).map(RepoPath::file_name)
    }

    fn known(&self, node: &Node, what: &str, known: &[&str]) -> Result<(), Box<Diagnostic>> {
        let Some(other) = node.entries().iter().find(|entry| !known.contains(&entry.key.as_str())) else {
            return Ok(());
        };
        let told = format!("bpctl does not know {what}.{}, and it may change what is delivered", other.key);
        let help = match nearest(&other.key, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name the folder by `kustomize` or `helm` in bpctl.yaml, if that is what it delivers".into(),
        };
        Err(self.at(&other.value, &told, &help))
    }

    /// In Argo CD's order: files, `values`, `valuesObject`, parameters; the last one wins.
    fn helm(&self, helm: &Node, folder: &RepoPath, render: &mut Render) -> Result<(), Box<Diagnostic>> {
        let known = [
            "valueFiles",
            "values",
            "valuesObject",
            "parameters",
            "releaseName",
            "version",
            "skipCrds",
            "skipTests",
            "skipSchemaValidation",
            "passCredentials",
            "ignoreMissingValueFiles",
            "kubeVersion",
            "namespace",
        ];
        if let Some(other) = helm.entries().iter().find(|entry| !known.contains(&entry.key.as_str())) {
            let help = match nearest(&other.key, &known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name the chart by `helm` in bpctl.yaml".into(),
            };
            return Err(self.at(&other.value, &format!("bpctl does not know the option `{}`", other.key), &help));
        }
        render.ignore_missing =
            matches!(helm.get("ignoreMissingValueFiles").map(|n| &n.value), Some(Value::Bool(true)));
        for file in helm.get("valueFiles").map_or(&[] as &[Node], Node::items) {
            let named = file.as_str().unwrap_or_default();
            if named.contains('$') && !named.starts_with('$') {
                let told = "Argo CD fills in what stands behind `$`, and bpctl does not know what";
                return Err(self.at(file, told, "write the name itself"));
            }
            if named.contains(['*', '?', '[', '{']) {
                let told = "Argo CD may take this for a pattern, and bpctl does not know which files it is then";
                return Err(self.at(file, told, "name each file"));
            }
            let from = if named.starts_with('/') { "" } else { folder.as_str() };
            let path = resolve_path(from, named).and_then(|path| RepoPath::new(path).ok());
            let path = path
                .filter(|_| !named.starts_with('$') && !named.contains("://"))
                .ok_or_else(|| self.at(file, "this values file is not in the repository", "copy it here"))?;
            if render.values.contains(&path) {
                let told = "this values file is named twice, and versions of Argo CD differ in which place counts";
                return Err(self.at(file, told, "name each file once"));
            }
            render.values.push(path);
        }
        self.own_values(helm, render)?;
        for parameter in helm.get("parameters").map_or(&[] as &[Node], Node::items) {
            let parameter = self.parameter(parameter)?;
            // Of one name and sort the last one holds.
            let same = |known: &Parameter| (&known.name, known.forced) == (&parameter.name, parameter.forced);
            render.parameters.retain(|known| !same(known));
            render.parameters.push(parameter);
        }
        // Helm takes `--set-string` after `--set`, however they come.
        render.parameters.sort_by_key(|parameter| parameter.forced);
        render.skip_crds = matches!(helm.get("skipCrds").map(|node| &node.value), Some(Value::Bool(true)));
        // The chart is told this one; what names no namespace is delivered into that of the destination all the same.
        if let Some(namespace) = helm.get("namespace") {
            render.template_namespace = Some(self.name(namespace, "a namespace")?);
        }
        render.kube_version = helm.get("kubeVersion").and_then(super::mutate::scalar_text);
        Ok(())
    }

    /// `valuesObject` takes the place of `values`.
    fn own_values(&self, helm: &Node, render: &mut Render) -> Result<(), Box<Diagnostic>> {
        let mut spans = BTreeMap::new();
        let given = |key| helm.get(key).filter(|node| !matches!(node.value, Value::Null));
        let inline = given("values").map(|node| match node.as_str() {
            Some(text) => Ok((node, text.to_owned())),
            None => Err(self.at(node, "`values` is a text", "write it as one, or name it `valuesObject`")),
        });
        let (node, text) = match (given("valuesObject"), inline.transpose()?) {
            (Some(object), _) => {
                self.leaves(&FieldPath::default(), object, &mut spans);
                (object, object.to_json().to_string())
            }
            (None, Some(inline)) => inline,
            (None, None) => return Ok(()),
        };
        let names = (0..).filter_map(|n| RepoPath::new(format!(".application-values-{n}.yaml")).ok());
        let mut free = names.filter(|name| !render.values.contains(name));
        let whole = self.document.span_of(node);
        render.own_values = free.next().map(|file| OwnValues { file, text, whole, spans });
        Ok(())
    }

    /// Where each scalar, and what is empty, stands.
    fn leaves(&self, path: &FieldPath, node: &Node, spans: &mut BTreeMap<FieldPath, SourceSpan>) {
        for entry in node.entries() {
            self.leaves(&path.key(entry.key.as_str()), &entry.value, spans);
        }
        for (at, item) in node.items().iter().enumerate() {
            self.leaves(&path.join(Segment::Index(at)), item, spans);
        }
        if node.entries().is_empty() && node.items().is_empty() {
            spans.insert(path.clone(), self.document.span_of(node));
        }
    }

    fn parameter(&self, node: &Node) -> Result<Parameter, Box<Diagnostic>> {
        let text = |key: &str| {
            let Some(value) = node.get(key).filter(|node| !matches!(node.value, Value::Null)) else { return Ok("") };
            // The API server takes no number: what Argo CD has then is not what stands here.
            value.as_str().ok_or_else(|| self.at(value, "a parameter's name and value are texts", "put it in quotes"))
        };
        let (name, value) = (text("name")?, text("value")?);
        let place = node.get("value").unwrap_or(node);
        if value.contains('$') {
            let told = "Argo CD fills in what stands behind `$`, and bpctl does not know what";
            return Err(self.at(place, told, "write the value itself"));
        }
        let forced = matches!(node.get("forceString").map(|node| &node.value), Some(Value::Bool(true)));
        Ok(Parameter { name: name.into(), value: value.into(), forced, span: self.document.span_of(place) })
    }

    fn at(&self, node: &Node, wrong: &str, help: &str) -> Box<Diagnostic> {
        let span: SourceSpan = match &node.value {
            Value::Mapping(entries) if !entries.is_empty() => {
                self.document.span(entries[0].key_start as usize..entries[0].key_end as usize)
            }
            _ => self.document.span_of(node),
        };
        let diagnostic = Diagnostic::error("bad-value", wrong).label(span, "here").source(self.document.source.clone());
        Box::new(diagnostic.help(help))
    }
}

fn bad(message: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("bad-value", message))
}

trait Helped {
    fn map_help(self, help: &str) -> Self;
}

impl Helped for Box<Diagnostic> {
    fn map_help(self, help: &str) -> Self {
        Box::new((*self).help(help))
    }
}

/// Where each setting of an entry stands in the workspace, by key.
pub fn settings(workspace: &Document, environment: &str, position: usize) -> BTreeMap<String, SourceSpan> {
    let entries = workspace.root.at(&["environments", environment, "render"]).map_or(&[] as &[Node], Node::items);
    let set = entries.get(position).and_then(|entry| entry.get("set")).map_or(&[] as &[_], Node::entries);
    set.iter().map(|entry| (entry.key.to_string(), workspace.span_of(&entry.value))).collect()
}
