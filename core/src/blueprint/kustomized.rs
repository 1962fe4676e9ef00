//! Files that a kustomization makes something of, and that are no manifests as they stand: patches above all.

use std::collections::{BTreeMap, BTreeSet};

use super::{Catalog, Manifest};
use crate::model::{File, Files, Name, ObjectRef, RepoPath, WorkloadKind};
use crate::rendering::{KUSTOMIZATIONS, Rendering, Unclear, resolve};
use crate::yaml::{self, Kind, Node};

/// What the kustomizations of a tree name.
#[derive(Debug, Clone, Default)]
pub(super) struct Kustomized {
    /// Patches, configurations and what generators read, each with the kustomization that names it first.
    parts: BTreeMap<RepoPath, RepoPath>,
    /// What is listed as a resource, file or folder.
    listed: BTreeSet<RepoPath>,
    /// The folders that hold a kustomization.
    folders: BTreeSet<RepoPath>,
    /// Files that one lists and changes, each with that kustomization.
    pub(super) changed: BTreeMap<RepoPath, RepoPath>,
}

/// Whether a kustomization changes nothing of what it lists but where it goes.
pub(super) fn only_lists(root: &Node) -> bool {
    const HARMLESS: [&str; 5] = ["apiVersion", "kind", "metadata", "resources", "namespace"];
    root.entries().iter().all(|entry| HARMLESS.contains(&entry.key.as_str()))
}

/// Lists of objects as they are.
const LISTED: [&str; 4] = ["resources", "bases", "components", "crds"];
/// Lists of what changes those, or makes others.
const CHANGING: [&str; 3] = ["patchesStrategicMerge", "configurations", "transformers"];
/// The same in fields of their items.
const WITHIN: [(&str, &[&str]); 5] = [
    ("patches", &["path"]),
    ("patchesJson6902", &["path"]),
    ("replacements", &["path"]),
    ("configMapGenerator", &["files", "envs", "env"]),
    ("secretGenerator", &["files", "envs", "env"]),
];

impl Kustomized {
    /// Reads the kustomizations among these files; of one that cannot be read nothing is known.
    pub(super) fn of(files: &Files) -> Self {
        let mut all = Self::default();
        for (path, file) in &files.0 {
            let (true, File::Blob(blob)) = (KUSTOMIZATIONS.contains(&path.file_name()), file) else { continue };
            let folder = path.as_str().strip_suffix(path.file_name()).unwrap_or_default().trim_end_matches('/');
            let place = |named: &str| RepoPath::new(resolve(folder, named)?).ok();
            all.folders.extend(if folder.is_empty() { Some(RepoPath::root()) } else { RepoPath::new(folder).ok() });
            let documents = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).unwrap_or_default();
            let Some(root) = documents.first().map(|document| &document.root) else { continue };
            let items = |key| root.get(key).map_or(&[] as &[Node], Node::items);
            let listed = LISTED.into_iter().flat_map(items).filter_map(|item| place(item.as_str()?));
            let listed: Vec<RepoPath> = listed.collect();
            if !only_lists(root) {
                all.changed.extend(listed.iter().map(|listed| (listed.clone(), path.clone())));
            }
            all.listed.extend(listed);
            let changing = CHANGING.into_iter().flat_map(items).filter_map(Node::as_str);
            let within = WITHIN.into_iter().flat_map(|(key, fields)| {
                items(key).iter().flat_map(|item| fields.iter().filter_map(|field| item.get(field)))
            });
            let within =
                within.flat_map(|node| node.as_str().into_iter().chain(node.items().iter().filter_map(Node::as_str)));
            // A file of a generator may have a name of its own before it.
            let within = within.map(|named| named.split_once('=').map_or(named, |(_, named)| named));
            for part in changing.chain(within).filter(|named| !named.contains('\n')).filter_map(place) {
                all.parts.entry(part).or_insert_with(|| path.clone());
            }
        }
        all
    }

    /// The kustomization that a file is a part of, so that it is no manifest as it stands. What is listed as a resource too is one.
    pub(super) fn by(&self, path: &RepoPath) -> Option<&RepoPath> {
        self.parts.get(path).filter(|_| !self.listed.contains(path))
    }

    /// Whether these, which are all documents of a file, are manifests as they stand.
    pub(super) fn takes_whole<'n>(&self, path: &RepoPath, mut roots: impl Iterator<Item = &'n Node>) -> bool {
        self.by(path).is_none() && !roots.any(|root| self.is_fragment(path, root))
    }

    /// Whether an object is half a workload of a file that no kustomization lists, below a folder that has one: a patch that nobody names,
    /// or names no more. A whole one may be delivered in another way than by that kustomization, and stays a manifest.
    pub(super) fn is_fragment(&self, path: &RepoPath, root: &Node) -> bool {
        let is_workload = root.get("apiVersion").and_then(Node::as_str) == Some("apps/v1")
            && root.get("kind").and_then(Node::as_str).and_then(WorkloadKind::of_kind).is_some();
        is_workload
            && root.at(&["spec", "selector"]).is_none()
            && !self.listed.contains(path)
            && self.folders.iter().any(|folder| path.is_within(folder))
    }
}

impl Catalog {
    /// Whether a manifest reaches an environment as it stands: what is rendered of it is another one, with another image as a rule.
    pub(super) fn as_it_stands(&self, environment: &Name, found: &Manifest, object: &ObjectRef) -> Result<(), Unclear> {
        let makes = |rendering: &&Rendering| {
            rendering.outcome.as_ref().is_ok_and(|made| made.iter().any(|one| object.is_declared_by(&one.object)))
        };
        let file = found.path.clone();
        if let Some(made) = self.renderings(environment).iter().find(makes) {
            let reads = |inputs: &BTreeSet<RepoPath>| inputs.iter().any(|input| file.is_within(input));
            let by = made.root.clone();
            return Err(if self.render_inputs.get(&made.root).is_some_and(reads) {
                Unclear::Changed { file, by }
            } else {
                Unclear::Twice(file, by)
            });
        }
        let by = self.changed_by.get(&file).cloned();
        by.map_or(Ok(()), |by| Err(Unclear::Changed { file, by }))
    }
}

#[cfg(test)]
mod tests {
    use crate::blueprint::Catalog;
    use crate::blueprint::lint::{Surroundings, lint};
    use crate::model::{Blob, Content, Digest, File, Files, RepoPath};

    const WORKSPACE: &str = "apiVersion: bpctl.dev/v1\nkind: Workspace\nblueprints: blueprints\nenvironments:\n  \
        prod: {tier: prod, delivery: gitops, cluster: {context: p}, render: [{kustomize: overlays/prod}]}\n  \
        staging: {tier: staging, delivery: gitops, cluster: {context: s}, render: [{kustomize: overlays/staging}]}\n";
    const BLUEPRINT: &str = "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 0.1.0, owner: team}\nspec:\n  \
        target: {workload: Deployment/web, namespace: shop, source: overlays/prod}\n  \
        reliability: {health_checks: {readiness: required}}\n";
    const PATCH: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, \
        resources: {requests: {cpu: 200m}}}]}}}\n";
    const WHOLE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  \
        template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web:1, readinessProbe: {exec: {command: [a]}}}]}\n";

    fn catalog(overlay: &[(&str, &str)]) -> Catalog {
        let blob =
            |text: &str| File::Blob(Blob { id: Digest::of(text).to_string(), bytes: Content::from(text.as_bytes()) });
        let own = [("bpctl.yaml", WORKSPACE), ("blueprints/web.yaml", BLUEPRINT)];
        let all = own.iter().chain(overlay).map(|(path, text)| (RepoPath::new(*path).unwrap(), blob(text)));
        Catalog::load(&Files(all.collect())).unwrap()
    }

    /// P18. Would miss: a patch of production's overlay that is taken for the manifest of an environment which renders another one, so that
    /// people are told to give it a selector and an image.
    #[test]
    fn p18_a_patch_is_no_manifest_of_another_environment() {
        for kustomization in [
            "resources: [../../base]\npatches: [{path: patch.yaml}]\n",
            "resources: [../../base]\npatchesStrategicMerge: [patch.yaml]\n",
            "resources: [../../base]\nconfigMapGenerator: [{name: c, files: [web=patch.yaml]}]\n",
            // Nobody names it any more.
            "resources: [../../base]\n",
        ] {
            let files = [("overlays/prod/kustomization.yaml", kustomization), ("overlays/prod/patch.yaml", PATCH)];
            let found = lint(&catalog(&files), &Surroundings::at("2026-01-31T12:00:00Z".parse().unwrap())).found;
            let about = |code: &str| found.iter().filter(|one| one.code == code).collect::<Vec<_>>();
            let missing = about("target-missing");
            assert_eq!(missing.len(), 1, "{found:#?}");
            assert!(missing[0].message.starts_with("in staging no manifest declares Deployment/web"), "{missing:#?}");
            for code in ["manifest-invalid", "probe-missing"] {
                assert!(about(code).is_empty(), "{kustomization}: {found:#?}");
            }
        }
    }

    /// Would miss: a manifest that vanishes because a kustomization beside it lists others, or has it as a resource and as a patch.
    #[test]
    fn p18_what_is_whole_or_listed_stays_a_manifest() {
        let target = RepoPath::new("overlays/prod/patch.yaml").unwrap();
        for (kustomization, manifest) in [
            ("resources: [other.yaml]\n", WHOLE),
            ("resources: [patch.yaml]\n", PATCH),
            ("resources: [patch.yaml]\npatches: [{path: patch.yaml}]\n", PATCH),
        ] {
            let files = [("overlays/prod/kustomization.yaml", kustomization), ("overlays/prod/patch.yaml", manifest)];
            assert_eq!(catalog(&files).manifests[&target].len(), 1, "{kustomization}");
        }
        assert_eq!(catalog(&[("overlays/prod/patch.yaml", PATCH)]).manifests[&target].len(), 1, "no kustomization");
    }

    /// X8, P18. Would miss: the raw base, with no tag and half the memory, taken for what production is, so that every plan calls production
    /// drift and a direct delivery makes it so; and a kustomization beside plain files that a GitOps controller renders and nothing here does.
    #[test]
    fn x08_what_is_rendered_is_not_what_stands_in_the_file() {
        let base = "resources: [../../base]\nimages: [{name: web, newTag: \"2\"}]\n";
        let told = |kustomization: &str, of: &str, source: &str| {
            let blueprint =
                BLUEPRINT.replace("source: overlays/prod}", &format!("source: {source}, environments: [prod]}}"));
            let workspace = WORKSPACE.replace(
                ", render: [{kustomize: overlays/prod}]",
                if of == "overlays/prod" { ", render: [{kustomize: overlays/prod}]" } else { "" },
            );
            let blob = |text: &str| {
                File::Blob(Blob { id: Digest::of(text).to_string(), bytes: Content::from(text.as_bytes()) })
            };
            let kustomized = format!("{of}/kustomization.yaml");
            let all = [
                ("bpctl.yaml", workspace.as_str()),
                ("blueprints/web.yaml", blueprint.as_str()),
                ("base/kustomization.yaml", "resources: [web.yaml]\n"),
                ("base/web.yaml", WHOLE),
                (kustomized.as_str(), kustomization),
            ];
            let files = Files(all.iter().map(|(path, text)| (RepoPath::new(*path).unwrap(), blob(text))).collect());
            let mut catalog = Catalog::load(&files).unwrap();
            if of == "overlays/prod" {
                let (root, prod) = (RepoPath::new(of).unwrap(), crate::model::Name::new("prod").unwrap());
                let made = WHOLE.replace("image: web:1", "image: web:2");
                let entry = crate::blueprint::Render { kustomize: Some(root.clone()), ..Default::default() };
                let inputs = crate::rendering::inputs(&entry, &files);
                catalog.set_renderings(
                    &prod,
                    crate::rendering::Rendering::of(&entry, &inputs, Ok(made.as_bytes())).into_iter().collect(),
                );
            }
            let found = lint(&catalog, &Surroundings::at("2026-01-31T12:00:00Z".parse().unwrap())).found;
            let about = found.into_iter().filter(|one| one.code == "target-missing");
            about.map(|one| format!("{} | {}", one.message, one.help.unwrap_or_default())).collect::<Vec<_>>()
        };
        for source in ["base", "base/web.yaml"] {
            let found = told(base, "overlays/prod", source);
            assert_eq!(found.len(), 1, "{source}: {found:?}");
            assert!(found[0].contains("overlays/prod makes another one of base/web.yaml"), "{found:?}");
            assert!(found[0].contains("write `source: overlays/prod`"), "{found:?}");
            let beside = "resources: [web.yaml]\nimages: [{name: web, newTag: \"2\"}]\n";
            let found = told(beside, "base", source);
            assert!(found.len() == 1 && found[0].contains("render: [{kustomize: base}]"), "{source}: {found:?}");
            assert!(told("resources: [web.yaml]\nnamespace: shop\n", "base", source).is_empty(), "{source}");
        }
        assert!(told(base, "overlays/prod", "overlays/prod").is_empty());
    }
}
