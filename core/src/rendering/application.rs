//! Argo CD's Applications as entries of `render`: folder and parameters as the delivery has them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::blueprint::Render;
use crate::model::{Diagnostic, Files, Name, RepoPath, SourceSpan};
use crate::yaml::{self, Document, Kind, Node, Value, nearest};

use super::RenderFailure;
use super::inputs::resolve as resolve_path;

/// What an Application has to deliver so that it is what bpctl reads.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    /// The address of this repository, where it has one.
    pub origin: Option<String>,
    /// The base branch.
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
        let default = |branch: &str| matches!(branch, "main" | "master");
        let ours =
            matches!(revision, "" | "HEAD") || revision == self.base || (default(revision) && default(&self.base));
        let why = "the Application delivers another revision than the base branch";
        (!ours).then(|| RenderFailure::new(why).said(revision))
    }
}

/// Whether two addresses are one repository's, whatever protocol and account they name.
fn same_repository(one: &str, other: &str) -> bool {
    fn place(address: &str) -> (String, String) {
        let (scheme, rest) = address.split_once("://").map_or((false, address), |(_, rest)| (true, rest));
        let cut = rest.find(|c| c == '/' || (c == ':' && !scheme)).unwrap_or(rest.len());
        let (host, path) = rest.split_at(cut);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = host.split_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
        let path = path.trim_matches(['/', ':']);
        (host, path.strip_suffix(".git").unwrap_or(path).to_owned())
    }
    place(one) == place(other)
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
        // Argo CD reads them beside the source, over what the Application says; tools that update images commit them.
        let name = root.at(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
        for beside in [".argocd-source.yaml".to_owned(), format!(".argocd-source-{name}.yaml")] {
            if folder.join(&beside).is_ok_and(|file| self.files.blob(&file).is_some()) {
                let node = source.get("path").unwrap_or(source);
                let told =
                    format!("{folder}/{beside} changes what the Application delivers, and bpctl does not read it");
                let help = "write its values into the Application or the overlay, where everybody sees them";
                return Err(self.at(node, &told, help));
            }
        }
        let ignores_differences = root.at(&["spec", "ignoreDifferences"]).is_some_and(|list| !list.items().is_empty());
        let resolved_from = Some(path.clone());
        let mut render = Render { ignores_differences, elsewhere, resolved_from, ..Render::default() };
        let is_chart = folder.join("Chart.yaml").ok().is_some_and(|chart| self.files.blob(&chart).is_some());
        if !is_chart && source.get("helm").is_none() {
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
            render.namespace = root
                .at(&["spec", "destination", "namespace"])
                .and_then(Node::as_str)
                .and_then(|name| Name::new(name).ok());
            return Ok(render);
        }
        let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str).map(str::to_owned);
        render.namespace = text(&["spec", "destination", "namespace"]).and_then(|name| Name::new(name).ok());
        let release = text(&["spec", "source", "helm", "releaseName"]).or_else(|| text(&["metadata", "name"]));
        render.release = release.and_then(|name| Name::new(name).ok());
        if let Some(helm) = source.get("helm") {
            self.helm(helm, &folder, &mut render)?;
        }
        render.helm = Some(folder);
        Ok(render)
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
            let from = if named.starts_with('/') { "" } else { folder.as_str() };
            let path = resolve_path(from, named).and_then(|path| RepoPath::new(path).ok());
            let path = path
                .filter(|_| !named.starts_with('$') && !named.contains("://"))
                .ok_or_else(|| self.at(file, "this values file is not in the repository", "copy it here"))?;
            render.values.push(path);
        }
        // `valuesObject` takes the place of `values`.
        let inline = helm.get("values").filter(|_| helm.get("valuesObject").is_none());
        if let Some(inline) = inline.filter(|node| node.as_str().is_some_and(|text| !text.trim().is_empty())) {
            let values = yaml::parse("values", inline.as_str().unwrap_or_default().as_bytes(), Kind::Manifest)?;
            for document in &values {
                let span = self.document.span_of(inline);
                leaves("", &document.root, &mut |key, value, _| {
                    render.settings.insert(key.clone(), span.clone());
                    render.set.insert(key, value);
                });
            }
        }
        if let Some(object) = helm.get("valuesObject") {
            leaves("", object, &mut |key, value, node| {
                render.settings.insert(key.clone(), self.document.span_of(node));
                render.set.insert(key, value);
            });
        }
        for parameter in helm.get("parameters").map_or(&[] as &[Node], Node::items) {
            let text = |key: &str| parameter.get(key).and_then(super::mutate::scalar_text);
            let (Some(name), Some(value)) = (text("name"), parameter.get("value")) else { continue };
            let written = super::mutate::scalar_text(value).unwrap_or_default();
            let forced = matches!(parameter.get("forceString").map(|node| &node.value), Some(Value::Bool(true)));
            // As `helm --set` takes it: whole numbers, truth values and null are what they look like.
            let typed = match written.as_str() {
                _ if forced => Json::String(written),
                "true" => true.into(),
                "false" => false.into(),
                "null" => Json::Null,
                list if list.starts_with('{') && list.ends_with('}') => {
                    list[1..list.len() - 1].split(',').map(|item| Json::String(item.trim().into())).collect()
                }
                text if text == "0" || !text.starts_with('0') => {
                    text.parse::<i64>().map_or_else(|_| Json::String(text.into()), Json::from)
                }
                text => Json::String(text.into()),
            };
            render.settings.insert(name.clone(), self.document.span_of(value));
            render.set.insert(name, typed);
        }
        render.skip_crds = matches!(helm.get("skipCrds").map(|node| &node.value), Some(Value::Bool(true)));
        // The chart is told this one; what names no namespace is delivered into that of the destination all the same.
        if let Some(namespace) = helm.get("namespace") {
            let named = namespace.as_str().and_then(|name| Name::new(name).ok());
            let wrong = || self.at(namespace, "it is no name of a namespace", "write it as Kubernetes has it");
            render.template_namespace = Some(named.ok_or_else(wrong)?);
        }
        render.kube_version = helm.get("kubeVersion").and_then(super::mutate::scalar_text);
        Ok(())
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

/// Values as single settings; a list is one.
fn leaves(path: &str, node: &Node, take: &mut impl FnMut(String, Json, &Node)) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let key = entry
                    .key
                    .replace('\\', "\\\\")
                    .replace('.', "\\.")
                    .replace('=', "\\=")
                    .replace('[', "\\[")
                    .replace(',', "\\,");
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                leaves(&path, &entry.value, take);
            }
        }
        _ if path.is_empty() => {}
        _ => take(path.to_owned(), node.to_json(), node),
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

/// Where each setting of an entry stands, by key: in the Application that it comes from, else in the workspace.
pub fn settings(
    render: &Render,
    workspace: &Document,
    environment: &str,
    position: usize,
) -> BTreeMap<String, SourceSpan> {
    if render.resolved_from.is_some() {
        return render.settings.clone();
    }
    let entries = workspace.root.at(&["environments", environment, "render"]).map_or(&[] as &[Node], Node::items);
    let set = entries.get(position).and_then(|entry| entry.get("set")).map_or(&[] as &[_], Node::entries);
    set.iter().map(|entry| (entry.key.to_string(), workspace.span_of(&entry.value))).collect()
}
