//! Which files a rendering reads. A renderer gets these and nothing else, so that whatever it would fetch is known before it runs.

use std::collections::{BTreeMap, BTreeSet};

use super::RenderFailure;
use crate::blueprint::{Render, Renderer};
use crate::model::{Blob, Digest, File, Files, RepoPath};
use crate::yaml::{self, Document, Kind, Node, Value};

/// The names that Kustomize knows its file by.
pub(crate) const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether a file is a kustomization, by its name.
pub fn is_kustomization(path: &RepoPath) -> bool {
    KUSTOMIZATIONS.contains(&path.file_name())
}

/// What a rendering reads, as far as the files at hand tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Files and folders to look at. Some may not be among the files yet: read them, and ask again.
    pub wanted: BTreeSet<RepoPath>,
    /// The files, and the charts' folders, that the renderer gets: a change of any other changes nothing of what is rendered.
    pub reads: BTreeSet<RepoPath>,
    /// Why it cannot be rendered from the repository alone: the first reason met.
    pub refused: Option<RenderFailure>,
    /// What stands in the way hides which files it reads beyond these: it may be any.
    pub open: bool,
    /// Values files that may be missing.
    pub optional: BTreeSet<RepoPath>,
    /// Kustomize's folders by how many steps they are from the root: what stands nearer wins.
    pub depth: BTreeMap<RepoPath, usize>,
    /// Charts that a chart names by `file://` and does not hold: where Helm wants each, and where it stands.
    pub linked: Vec<(RepoPath, RepoPath)>,
    /// A values file that stands in no repository: its name, and what it holds.
    pub made: Option<(RepoPath, String)>,
}

/// What one entry reads. Called again with what it wanted, until it wants nothing new; only then `refused` speaks of files that are not
/// there.
pub fn inputs(render: &Render, files: &Files) -> Inputs {
    let mut inputs = Inputs { refused: render.elsewhere.clone(), ..Inputs::default() };
    match render.root() {
        Some((Renderer::Kustomize, root)) => kustomization(root, 0, files, &mut inputs),
        Some((Renderer::Helm, root)) => chart(render, root, files, &mut inputs),
        None => {}
    }
    inputs
}

/// Fields of a kustomization that list files or folders, and those that list mappings with such fields.
const LISTS: [&str; 6] = ["resources", "bases", "components", "crds", "configurations", "patchesStrategicMerge"];
const NESTED: [(&str, &[&str]); 5] = [
    ("patches", &["path"]),
    ("patchesJson6902", &["path"]),
    ("replacements", &["path"]),
    ("configMapGenerator", &["files", "envs", "env"]),
    ("secretGenerator", &["files", "envs", "env"]),
];

/// Kustomize's own transformers that take what they do from their own text, or from files in these fields. No other is started.
const TRANSFORMERS: [(&str, &[&str]); 12] = [
    ("AnnotationsTransformer", &[]),
    ("HashTransformer", &[]),
    ("ImageTagTransformer", &[]),
    ("LabelTransformer", &[]),
    ("NamespaceTransformer", &[]),
    ("PatchJson6902Transformer", &["path"]),
    ("PatchStrategicMergeTransformer", &["paths"]),
    ("PatchTransformer", &["path"]),
    ("PrefixSuffixTransformer", &[]),
    ("PrefixTransformer", &[]),
    ("ReplicaCountTransformer", &[]),
    ("SuffixTransformer", &[]),
];

/// How many kustomizations may build on one another, and how large one may be: each is read once for each that builds on it (T42).
const DEEPEST: usize = 20;
const LARGEST: usize = 128 << 10;

fn kustomization(folder: &RepoPath, depth: usize, files: &Files, inputs: &mut Inputs) {
    let known = inputs.depth.get(folder).is_some_and(|known| *known <= depth);
    // Kustomize itself refuses cycles; here they only must not go on for ever.
    if known {
        return;
    }
    if depth > DEEPEST {
        return lose(inputs, format!("{folder} is more than {DEEPEST} kustomizations below what is rendered"), "");
    }
    inputs.depth.insert(folder.clone(), depth);
    if folder.is_root() {
        // Not all of the repository is read for one file of it.
        let names: Vec<RepoPath> = KUSTOMIZATIONS.iter().filter_map(|name| folder.join(name).ok()).collect();
        inputs.wanted.extend(names.iter().cloned());
        inputs.optional.extend(names);
    } else {
        inputs.wanted.insert(folder.clone());
    }
    let file = KUSTOMIZATIONS.iter().filter_map(|name| folder.join(name).ok()).find(|path| files.get(path).is_some());
    let Some(path) = file else {
        if !folder.is_root() && files.below(folder).next().is_some() {
            lose(inputs, format!("{folder} holds no kustomization.yaml"), "");
        }
        return;
    };
    // All names that Kustomize knows: another one that comes is a change of what is rendered.
    inputs.reads.extend(KUSTOMIZATIONS.iter().filter_map(|name| folder.join(name).ok()));
    if KUSTOMIZATIONS.iter().filter_map(|name| folder.join(name).ok()).filter(|path| files.get(path).is_some()).count()
        > 1
    {
        lose(inputs, format!("{folder} holds several kustomization files"), "");
    }
    let Some(File::Blob(blob)) = files.get(&path) else {
        return lose(inputs, format!("{path} is not a regular file"), "");
    };
    if blob.bytes.len() > LARGEST {
        return lose(inputs, format!("{path} is larger than {} KiB", LARGEST >> 10), "");
    }
    let Ok(documents) = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest) else {
        return lose(inputs, format!("{path} is not YAML"), "");
    };
    let Some(root) = documents.first().map(|document| &document.root) else { return };
    if documents.len() > 1 {
        lose(inputs, format!("{path} holds several documents"), "");
    }
    if let Some(odd) = misspelt(root) {
        lose(inputs, format!("{path} has a key that Kustomize may read as another"), odd);
    }
    for (key, why) in [
        ("generators", "it runs plug-ins of Kustomize, which may read anything; write what they make as resources"),
        ("validators", "it runs plug-ins of Kustomize, which may read anything"),
        ("helmCharts", "it inflates Helm charts, for which Kustomize would run Helm and fetch"),
        ("helmChartInflationGenerator", "it inflates Helm charts, for which Kustomize would run Helm and fetch"),
    ] {
        if root.get(key).is_some() {
            lose(inputs, format!("{path} has `{key}`: {why}"), "");
        }
    }
    for key in LISTS {
        for named in root.get(key).map_or(&[] as &[Node], Node::items).iter().filter_map(Node::as_str) {
            // A patch, a generator or a transformer may also stand in the list itself, as text of several lines.
            if !named.contains('\n') {
                reference(named, folder, &path, depth, files, inputs);
            }
        }
    }
    for (key, fields) in NESTED {
        for item in root.get(key).map_or(&[] as &[Node], Node::items) {
            for field in fields {
                let Some(node) = item.get(field) else { continue };
                for named in node.as_str().into_iter().chain(node.items().iter().filter_map(Node::as_str)) {
                    // `files: [KEY=PATH]`; elsewhere it is a part of the name.
                    let path_of = named.split_once('=').filter(|_| *field == "files" && !named.contains("://"));
                    let named = path_of.map_or(named, |(_, path)| path);
                    reference(named, folder, &path, depth, files, inputs);
                }
            }
        }
    }
    for named in root.get("transformers").map_or(&[] as &[Node], Node::items).iter().filter_map(Node::as_str) {
        transformer(named, folder, &path, depth, files, inputs);
    }
    if let Some(named) = root.at(&["openapi", "path"]).and_then(Node::as_str) {
        reference(named, folder, &path, depth, files, inputs);
    }
}

/// A key that reads like one of Kustomize's but for its case: Go takes `Resources` for `resources`, and what it names would not be seen here.
fn misspelt(node: &Node) -> Option<&str> {
    const KNOWN: [&str; 23] = [
        "resources",
        "bases",
        "components",
        "crds",
        "configurations",
        "generators",
        "transformers",
        "validators",
        "patchesStrategicMerge",
        "patches",
        "patchesJson6902",
        "replacements",
        "configMapGenerator",
        "secretGenerator",
        "files",
        "envs",
        "env",
        "path",
        "paths",
        "openapi",
        "helmCharts",
        "helmChartInflationGenerator",
        "helmGlobals",
    ];
    // Two letters beyond ASCII have an ASCII one for their other case: `patcheſ` is `patches` to Go.
    let folded = |key: &str| key.replace('\u{17f}', "s").replace('\u{212a}', "k");
    let is_odd = |key: &str| KNOWN.iter().any(|known| folded(key).eq_ignore_ascii_case(known) && key != *known);
    let odd = node.entries().iter().find(|entry| is_odd(&entry.key));
    let below = || node.entries().iter().map(|entry| &entry.value).chain(node.items()).find_map(misspelt);
    odd.map(|entry| entry.key.as_str()).or_else(below)
}

/// A transformer, in a file or as text in the list itself.
fn transformer(named: &str, folder: &RepoPath, by: &RepoPath, depth: usize, files: &Files, inputs: &mut Inputs) {
    let read = |name: &str, bytes: &[u8]| yaml::parse(name, bytes, Kind::Manifest);
    // Kustomize asks whether it is a transformer's text before it asks whether there is such a file. What is not read here as Kustomize
    // may read it is neither.
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/+@ ".contains(letter);
    let Some(mut documents) = read(by.as_str(), named.as_bytes()).ok() else {
        return lose(inputs, format!("{by} has `transformers` that bpctl cannot read"), named);
    };
    if !documents.iter().any(|document| matches!(document.root.value, Value::Mapping(_))) {
        reference(named, folder, by, depth, files, inputs);
        if !named.chars().all(plain) {
            return lose(inputs, format!("{by} has `transformers` that bpctl takes for no file's name"), named);
        }
        let Some(target) = resolve(folder.as_str(), named).and_then(|path| RepoPath::new(path).ok()) else { return };
        documents = match files.get(&target) {
            Some(File::Blob(blob)) => read(target.as_str(), &blob.bytes).unwrap_or_default(),
            // It is refused already, or asked for.
            Some(File::Refused(_)) => return,
            None if files.below(&target).next().is_none() => return,
            None => Vec::new(),
        };
    }
    let fields = |document: &Document| {
        let text = |key| document.root.get(key).and_then(Node::as_str);
        let known = TRANSFORMERS.iter().find(|(kind, _)| text("kind") == Some(*kind))?.1;
        (text("apiVersion") == Some("builtin") && misspelt(&document.root).is_none()).then_some(known)
    };
    let known: Option<Vec<_>> = documents.iter().map(|document| Some((document, fields(document)?))).collect();
    let Some(known) = known.filter(|known| !known.is_empty()) else {
        let why = "a plug-in may read anything; bpctl runs those of Kustomize's own that change what is given to them";
        return lose(inputs, format!("{by} has `transformers` that bpctl does not run: {why}"), named);
    };
    for (document, fields) in known {
        for node in fields.iter().filter_map(|field| document.root.get(field)) {
            for named in node.as_str().into_iter().chain(node.items().iter().filter_map(Node::as_str)) {
                reference(named, folder, by, depth, files, inputs);
            }
        }
    }
}

fn reference(named: &str, folder: &RepoPath, by: &RepoPath, depth: usize, files: &Files, inputs: &mut Inputs) {
    // Kustomize asks whether it is an address before it asks whether there is such a file.
    if named.contains("://") || named.contains("git@") || named.contains("git::") || named.contains("?ref=") {
        let why = "bpctl renders what the repository holds: vendor it";
        return refuse(inputs, format!("{by} names what is fetched from elsewhere; {why}"), named);
    }
    let place = |path: String| if path.is_empty() { Some(RepoPath::root()) } else { RepoPath::new(path).ok() };
    let Some(target) = resolve(folder.as_str(), named).and_then(place) else {
        return refuse(inputs, format!("{by} names a path outside of the repository"), named);
    };
    let is_folder = target.is_root() || (files.get(&target).is_none() && files.below(&target).next().is_some());
    if files.get(&target).is_none() && !is_folder && remote(named) {
        let why = "bpctl renders what the repository holds: vendor it";
        return refuse(inputs, format!("{by} names what is fetched from elsewhere; {why}"), named);
    }
    if is_folder {
        kustomization(&target, depth + 1, files, inputs);
    } else {
        if matches!(files.get(&target), Some(File::Refused(_))) {
            lose(inputs, format!("{by} names what is not a regular file"), named);
        }
        inputs.reads.insert(target.clone());
        inputs.wanted.insert(target);
    }
}

/// Whether Kustomize would take a name that is no path of the tree for an address.
fn remote(named: &str) -> bool {
    let host = named.split(['/', ':']).next().unwrap_or_default();
    named.contains("://")
        || named.contains("?ref=")
        || named.contains("//")
        || named.starts_with("git@")
        || named.starts_with("git::")
        || (host.contains('.') && !host.starts_with('.') && named.contains('/'))
}

fn chart(render: &Render, root: &RepoPath, files: &Files, inputs: &mut Inputs) {
    inputs.wanted.insert(root.clone());
    inputs.wanted.extend(render.values.iter().cloned());
    inputs.reads.clone_from(&inputs.wanted);
    inputs.made = render.own_values.as_ref().map(|own| (own.file.clone(), own.text.clone()));
    // Helm takes what follows a comma, or stands in quotes, for another file: any of the machine's.
    if let Some(path) = render.values.iter().find(|path| path.as_str().contains([',', '"'])) {
        refuse(inputs, "a values file has a name that Helm reads as several", path.as_str());
    }
    if render.ignore_missing {
        inputs.optional.extend(render.values.iter().cloned());
    }
    let Ok(path) = root.join("Chart.yaml") else { return };
    if files.below(root).next().is_some() && files.get(&path).is_none() {
        return lose(inputs, format!("{root} holds no Chart.yaml"), "");
    }
    let refused = files.below(root).find(|(_, file)| matches!(file, File::Refused(_)));
    if let Some((path, File::Refused(why))) = refused {
        lose(inputs, format!("{path} is not read: {why}"), "");
    }
    let Some(blob) = files.blob(&path) else { return };
    let Ok(documents) = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest) else {
        return lose(inputs, format!("{path} is not YAML"), "");
    };
    let chart = documents.first().map(|document| &document.root);
    // Helm reads keys in any case, and another file for charts of the first version.
    let odd = |key: &str| key != "dependencies" && key.eq_ignore_ascii_case("dependencies");
    if let Some(odd) = chart.and_then(|chart| chart.entries().iter().find(|entry| odd(&entry.key))) {
        lose(inputs, format!("{path} has a key that Helm reads as another"), &odd.key);
    }
    if let Some(old) = root.join("requirements.yaml").ok().filter(|old| files.get(old).is_some()) {
        lose(inputs, format!("{old} names charts as Helm 2 did: write them as `dependencies` into Chart.yaml"), "");
    }
    let dependencies = chart.and_then(|chart| chart.get("dependencies"));
    for dependency in dependencies.map_or(&[] as &[Node], Node::items) {
        let text = |key| dependency.get(key).and_then(Node::as_str);
        let Some(name) = text("name") else { continue };
        let here = root.join(&format!("charts/{name}")).ok().is_some_and(|path| files.below(&path).next().is_some());
        let packed = root.join("charts").ok().is_some_and(|charts| {
            files.below(&charts).any(|(path, _)| {
                let rest = path.file_name().strip_prefix(name).and_then(|rest| rest.strip_suffix(".tgz"));
                rest.is_some_and(|rest| rest.starts_with('-'))
            })
        });
        if here || packed {
            // Which chart a folder holds, Helm reads in it.
            let held = root.join(&format!("charts/{name}/Chart.yaml")).ok().and_then(|path| files.blob(&path));
            let named = held.and_then(|blob| yaml::parse(name, &blob.bytes, Kind::Manifest).ok());
            let named = named.as_deref().and_then(<[Document]>::first).and_then(|document| document.root.get("name"));
            if here && !packed && named.and_then(Node::as_str) != Some(name) {
                lose(
                    inputs,
                    format!("{root}/charts holds another chart under the name of one that {path} depends on"),
                    name,
                );
            }
            continue;
        }
        match text("repository").and_then(|repository| repository.strip_prefix("file://")) {
            Some(local) => match resolve(root.as_str(), local).and_then(|path| RepoPath::new(path).ok()) {
                Some(from) => {
                    inputs.wanted.insert(from.clone());
                    inputs.reads.insert(from.clone());
                    if let Some(path) = [root, &from].into_iter().find_map(|folder| ignoring(folder, &from, files)) {
                        let why = "`helm dependency build` packs it, to be committed";
                        refuse(
                            inputs,
                            format!("{path} may take away of what a chart named by file:// holds: {why}"),
                            local,
                        );
                    }
                    let to = root.join(&format!("charts/{name}"));
                    let to = to.ok().filter(|to| !inputs.linked.iter().any(|(known, _)| known == to));
                    match to {
                        Some(to) => inputs.linked.push((to, from)),
                        None => refuse(inputs, format!("{path} depends on two charts of one name by file://"), name),
                    }
                }
                None => refuse(inputs, format!("{path} depends on a chart outside of the repository"), local),
            },
            None => {
                let why = "`helm dependency build` puts it into charts/, to be committed";
                refuse(inputs, format!("{path} depends on a chart that is fetched from elsewhere; {why}"), name);
            }
        }
    }
}

/// The `.helmignore` of a folder, if it may name a file of this chart. Helm packs a chart that is named by `file://` without what that chart's
/// own one names, and then takes away nothing by its parent's; laid out as a folder it would be another chart.
fn ignoring(folder: &RepoPath, chart: &RepoPath, files: &Files) -> Option<RepoPath> {
    let path = folder.join(".helmignore").ok()?;
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-~".contains(c));
    let names = |pattern: &str| {
        let (any, name) = pattern.strip_prefix('*').map_or((false, pattern), |rest| (true, rest));
        let name = name.strip_suffix('/').unwrap_or(name);
        let is_it = |part: &str| if any { part.ends_with(name) } else { part == name };
        let inside =
            |path: &RepoPath| path.as_str().get(chart.as_str().len()..).is_some_and(|rest| rest.split('/').any(is_it));
        // What is written in another way may name anything.
        !plain(name) || files.below(chart).any(|(path, _)| inside(path))
    };
    let text = match files.get(&path)? {
        File::Blob(blob) => std::str::from_utf8(&blob.bytes).ok(),
        File::Refused(_) => None,
    };
    let mut patterns =
        text.into_iter().flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    (text.is_none() || patterns.any(names)).then_some(path)
}

/// The same, where what is refused may name further files.
fn lose(inputs: &mut Inputs, why: impl Into<String>, said: &str) {
    inputs.open = true;
    refuse(inputs, why, said);
}

fn refuse(inputs: &mut Inputs, why: impl Into<String>, said: &str) {
    let failure = RenderFailure::new(why);
    inputs.refused.get_or_insert(if said.is_empty() { failure } else { failure.said(said) });
}

/// A path as a file in `from` names it; `None`: outside of the repository.
pub(crate) fn resolve(from: &str, named: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Inputs {
    /// The files of all that is wanted, without what is not: what the renderer may see. With charts put where Helm looks for them.
    ///
    /// # Errors
    /// Why it cannot be rendered.
    pub fn files(&self, files: &Files) -> Result<Files, RenderFailure> {
        if let Some(why) = &self.refused {
            return Err(why.clone());
        }
        // A link, or what is too large, is not followed and not read: the renderer would see another tree than the delivery does.
        let named = self.reads.iter().filter_map(|path| files.0.get_key_value(path));
        let mut charts = self.linked.iter().flat_map(|(_, from)| files.below(from));
        let mut all = named.chain(&mut charts);
        if let Some((path, File::Refused(why))) = all.find(|(_, file)| matches!(file, File::Refused(_))) {
            return Err(RenderFailure::new(format!("{path} is not read: {why}")));
        }
        let mut seen = Files::default();
        let unread = self.wanted.difference(&self.optional).find(|path| files.below(path).next().is_none());
        if let Some(path) = unread {
            return Err(RenderFailure::new(format!("there is no {path}")));
        }
        for path in &self.reads {
            let mut found = false;
            for (path, file) in files.below(path) {
                found = true;
                if matches!(file, File::Blob(_)) {
                    seen.0.insert(path.clone(), file.clone());
                }
            }
            let kustomization = KUSTOMIZATIONS.contains(&path.file_name());
            if !found && !kustomization && !self.optional.contains(path) {
                return Err(RenderFailure::new(format!("there is no {path}")));
            }
        }
        if let Some((path, text)) = &self.made {
            let id = Digest::of(text).to_string();
            seen.0.insert(path.clone(), File::Blob(Blob { id, bytes: text.as_bytes().into() }));
        }
        for (to, from) in &self.linked {
            for (path, file) in files.below(from) {
                let rest = path.as_str().strip_prefix(from.as_str()).unwrap_or_default();
                let Ok(path) = RepoPath::new(format!("{to}{rest}")) else { continue };
                if matches!(file, File::Blob(_)) {
                    seen.0.insert(path, file.clone());
                }
            }
        }
        Ok(seen)
    }
}
