//! Reads the manifests of a tree. What trees that are compared have in common is read once for all of them, and they share one bound (T42).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kinds::kindless;
use super::kustomized::Kustomized;
use super::load::{Parsed, manifest, object_name, parse_all};
use super::{Catalog, Manifest};
use crate::model::{Blob, Content, File, RepoPath};
use crate::yaml::{self, Document, Kind};

impl Catalog {
    /// Reads the manifests among these files, but for what other trees have as well.
    pub(super) fn read_sources(
        &mut self,
        found: BTreeMap<&RepoPath, &File>,
        kustomized: &Kustomized,
        beside: &[&Self],
        bound: usize,
    ) {
        let (mut again, mut anew) = (BTreeMap::new(), Vec::new());
        for (path, file) in found {
            let read = beside.iter().find_map(|other| other.read_before(path, file));
            match read.filter(|all| kustomized.takes_whole(path, all.iter().map(|manifest| &manifest.document.root))) {
                Some(all) => drop(again.insert(path.clone(), all)),
                None => anew.push((path, file)),
            }
        }
        let held = if anew.is_empty() { 0 } else { held(beside) };
        let mut parsed: BTreeMap<RepoPath, Parsed> =
            parse_all(&anew, Kind::Manifest, (bound, held)).into_iter().collect();
        let paths: BTreeSet<RepoPath> = again.keys().chain(parsed.keys()).cloned().collect();
        for path in paths {
            if let Some(parsed) = parsed.remove(&path) {
                self.read_manifests(path, parsed, kustomized);
            } else if let Some(all) = again.remove(&path) {
                self.add_manifests(path, all);
            }
        }
    }

    fn read_manifests(&mut self, path: RepoPath, parsed: Parsed, kustomized: &Kustomized) {
        let all = parsed.map(|documents| documents.into_iter().flat_map(Document::listed).collect::<Vec<_>>());
        let read = all.and_then(|all| all.iter().find_map(Document::unread_list).map_or(Ok(all), |d| Err(Box::new(d))));
        let documents = match read {
            Ok(documents) => documents,
            Err(diagnostic) => return drop(self.unreadable.insert(path, *diagnostic)),
        };
        // What it says is about an object that another file declares. One that cannot be read may be anything, above.
        if let Some(by) = kustomized.by(&path) {
            self.parts.insert(path, by.clone());
            return;
        }
        let all = documents.len();
        let documents: Vec<Document> =
            documents.into_iter().filter(|document| !kustomized.is_fragment(&path, &document.root)).collect();
        self.kindless.extend(documents.iter().filter_map(kindless));
        let mut manifests = Vec::with_capacity(documents.len());
        manifests.extend(documents.into_iter().filter_map(|document| manifest(&path, document)));
        if manifests.len() < all {
            self.in_part.insert(path.clone());
        }
        self.add_manifests(path, Arc::new(manifests));
    }

    fn add_manifests(&mut self, path: RepoPath, manifests: Arc<Vec<Manifest>>) {
        let by_object = Arc::make_mut(&mut self.by_object);
        for (position, manifest) in manifests.iter().enumerate() {
            let o = &manifest.object;
            by_object.entry(object_name(o)).or_insert_with(|| Vec::with_capacity(1)).push((path.clone(), position));
        }
        self.manifests.insert(path, manifests);
    }

    /// The manifests of a file that has the same text here, where all of its documents are among them.
    fn read_before(&self, path: &RepoPath, file: &File) -> Option<Arc<Vec<Manifest>>> {
        let File::Blob(Blob { bytes: Content::Text(text), .. }) = file else { return None };
        let all = self.manifests.get(path).filter(|_| !self.in_part.contains(path))?;
        let known = &all.first()?.document.source.text;
        (Arc::ptr_eq(known, text) || known == text).then(|| Arc::clone(all))
    }
}

/// How many values other trees hold, what they share counted once.
fn held(beside: &[&Catalog]) -> usize {
    let all: BTreeMap<_, _> =
        beside.iter().flat_map(|other| other.manifests.values()).map(|all| (Arc::as_ptr(all), all)).collect();
    all.values().flat_map(|all| all.iter()).map(|manifest| yaml::nodes(&manifest.document.root)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::OwnFiles;
    use crate::model::Files;

    const OWN: [(&str, &str); 2] = [
        (
            "bpctl.yaml",
            "apiVersion: bpctl.dev/v1\nkind: Workspace\nblueprints: blueprints\nenvironments:\n  \
             prod: {tier: prod, delivery: gitops, cluster: {context: p}}\n",
        ),
        (
            "blueprints/web.yaml",
            "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 0.1.0, owner: team}\nspec:\n  \
             target: {workload: Deployment/web, namespace: shop, source: deploy}\n",
        ),
    ];

    const BOUND: usize = 2_000;

    fn read(deploy: &[(&str, &str)], beside: &[&Catalog]) -> Catalog {
        let blob = |text: &str| File::Blob(Blob { id: String::new(), bytes: Content::from(text.as_bytes()) });
        let all = OWN.iter().chain(deploy).map(|(path, text)| (RepoPath::new(*path).unwrap(), blob(text)));
        let files = Files(all.collect());
        Catalog::assemble_within(OwnFiles::read(&files).unwrap(), &files, beside, BOUND)
    }

    fn config(name: &str, values: usize) -> String {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{{}}}\n", "a: b, ".repeat(values))
    }

    /// T42. Would miss: a file that both trees have and that is kept twice; and one that differs, of which only a part is manifests, or that a
    /// kustomization makes a patch of, and that is taken from the other tree all the same.
    #[test]
    fn t42_what_two_trees_have_in_common_is_read_once() {
        let (one, two) = (config("one", 1), config("two", 1));
        let half = format!("{one}---\napiVersion: v1\nmetadata: {{name: kindless}}\n");
        let files = [
            ("deploy/a.yaml", one.as_str()),
            ("deploy/b.yaml", &two),
            ("deploy/c.yaml", &half),
            ("deploy/d.yaml", &two),
        ];
        let base = read(&files, &[]);
        let kustomization = ("deploy/kustomization.yaml", "resources: [a.yaml]\npatches: [{path: d.yaml}]\n");
        let head = [files[0], ("deploy/b.yaml", &one), files[2], files[3], kustomization];
        let (beside, alone) = (read(&head, &[&base]), read(&head, &[]));
        let at = |catalog: &Catalog, path: &str| catalog.manifests.get(&RepoPath::new(path).unwrap()).cloned();
        let shared = |path: &str| {
            let both = (at(&base, path), at(&beside, path));
            matches!(both, (Some(one), Some(other)) if Arc::ptr_eq(&one, &other))
        };
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| shared(&format!("deploy/{name}.yaml"))),
            [true, false, false, false]
        );
        assert_eq!(beside.kindless.len(), 1);
        let told = |catalog: &Catalog| format!("{:?} {:?} {:?}", catalog.manifests, catalog.parts, catalog.kindless);
        assert_eq!(told(&beside), told(&alone));
        for name in ["one", "two"] {
            let object = crate::model::ObjectParts {
                api_version: "v1".into(),
                kind: "ConfigMap".into(),
                namespace: "shop".into(),
                name: name.into(),
            };
            let found = |catalog: &Catalog| {
                let source = RepoPath::new("deploy").unwrap();
                catalog.manifest(&"prod".parse().unwrap(), &source, &object.clone().into()).is_some()
            };
            assert_eq!(found(&beside), found(&alone), "{name}");
        }
    }

    /// T42. Would miss: a bound that each tree has for itself, so that `plan --base` holds three times as much; and one that counts what
    /// trees share for each of them.
    #[test]
    fn t42_all_trees_have_one_bound() {
        let many = |comment: &str| {
            (0..6).map(|at| (format!("deploy/{at}.yaml"), format!("{comment}{}", config("a", 190)))).collect::<Vec<_>>()
        };
        let read_all = |files: &[(String, String)], beside: &[&Catalog]| {
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            read(&files, beside)
        };
        let base = read_all(&many(""), &[]);
        assert!(base.unreadable.is_empty(), "{:?}", base.unreadable);
        let same = read_all(&many(""), &[&base]);
        assert!(read_all(&many(""), &[&base, &same]).unreadable.is_empty(), "what is shared counts once");
        let other = read_all(&many("# other\n"), &[&base]);
        let said: Vec<&str> = other.unreadable.values().map(|said| said.message.as_str()).collect();
        let told = "the files before it, and those that it is compared with, hold 2000 values together";
        assert_eq!((other.manifests.len(), said), (5, vec![told]));
    }
}
