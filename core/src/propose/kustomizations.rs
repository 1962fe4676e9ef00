//! Kustomizations that nobody renders here: Flux takes each that lies below its folder, and Argo CD any that it is sent to. What a change of one,
//! or of a file that it works with, may make of a workload is that workload's blueprint's to judge (T21).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value as Json;

use super::declared::{Declared, Workload, mentions, searched};
use super::reach::{Delivered, delivered_with_more};
use crate::blueprint::{Blueprint, Catalog, is_manifest};
use crate::model::{Files, Name, ObjectRef, RepoPath};
use crate::rendering::{is_kustomization, resolve};
use crate::yaml::{self, Kind, Node};

/// What of a kustomization computes objects, so that they cannot be told from what it lists.
const COMPUTES: [&str; 9] = [
    "helmCharts",
    "helmChartInflationGenerator",
    "generators",
    "transformers",
    "validators",
    "configurations",
    "openapi",
    "vars",
    "replacements",
];

/// What of a kustomization names other files: the key of the list, and the key of the name in an entry.
const NAMES: [(&str, &str); 6] = [
    ("resources", ""),
    ("bases", ""),
    ("components", ""),
    ("patches", "path"),
    ("patchesStrategicMerge", ""),
    ("patchesJson6902", "path"),
];

/// The namespaces into which a changed kustomization puts what it lists.
pub(super) fn moves_to(path: &RepoPath, files: &Files) -> Option<String> {
    let root = kustomization(path, files)?.ok()?;
    root.get("namespace").and_then(Node::as_str).map(str::to_owned)
}

/// What a kustomization says; `None`: it is none, or is not there. `Err`: it cannot be read.
fn kustomization(path: &RepoPath, files: &Files) -> Option<Result<Node, ()>> {
    let blob = files.get(path).filter(|_| is_kustomization(path)).map(|_| files.blob(path))?;
    let documents = blob.and_then(|blob| yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).ok());
    Some(match documents.map(|mut all| (all.pop(), all.is_empty())) {
        Some((Some(document), true)) => Ok(document.root),
        _ => Err(()),
    })
}

/// The folder of a kustomization, as a place of the repository.
pub(super) fn place_of(path: &RepoPath) -> RepoPath {
    RepoPath::new(folder_of(path)).unwrap_or_else(|_| RepoPath::root())
}

/// The folder of a kustomization.
fn folder_of(path: &RepoPath) -> &str {
    path.as_str().strip_suffix(path.file_name()).unwrap_or_default().trim_end_matches('/')
}

/// What of a kustomization is about what it lists and makes nothing else of it: names that come and go are looked at by themselves.
const LISTS: [&str; 2] = ["resources", "bases"];
/// What of one is about objects by a name: an image's, a workload's.
const SETS: [&str; 2] = ["images", "replicas"];
/// What of one says nothing of what it makes.
const HARMLESS: [&str; 5] = ["apiVersion", "kind", "metadata", "buildMetadata", "generatorOptions"];
/// What of a kustomization may make one object of another.
const COUPLES: [&str; 4] = ["replacements", "vars", "transformers", "configurations"];
/// What of a kustomization names files that only become what it generates.
const GENERATORS: [(&str, &str); 2] = [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")];

/// A kustomization that nobody renders here.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(super) struct One {
    path: RepoPath,
    /// The files and folders that it lists.
    lists: Vec<RepoPath>,
    /// The files and folders that say what it makes of that: patches, components, transformers.
    works_with: Vec<RepoPath>,
    /// The files that become what it generates.
    generates: Vec<RepoPath>,
    namespace: Option<String>,
    /// It stands so in the head.
    is_now: bool,
    /// It is a part of others alone.
    is_component: bool,
    /// It takes all that lies below its folder, as Flux does where there is none.
    takes_all: bool,
    /// It, or a part of it, may make one of the objects that it lists of another: it copies, or transforms.
    couples: bool,
    /// It gives other names to what it lists, and so to what others call it.
    renames: bool,
    /// Whoever delivers it adds components of their own: built from here it is not what they make of it.
    has_more: bool,
}

impl One {
    /// One that says nothing.
    fn at(path: RepoPath) -> Self {
        Self {
            path,
            lists: Vec::new(),
            works_with: Vec::new(),
            generates: Vec::new(),
            namespace: None,
            is_now: true,
            is_component: false,
            takes_all: false,
            couples: false,
            renames: false,
            has_more: false,
        }
    }

    /// One that cannot be read lists nothing; its change may be anything, which is told by itself.
    fn read(path: &RepoPath, files: &Files) -> Option<Self> {
        let root = kustomization(path, files)?.ok()?;
        let folder = folder_of(path);
        let leads = |named: &str| {
            let remote = ["://", "@", "?"].iter().any(|sign| named.contains(sign)) || named.contains('\n');
            RepoPath::new(resolve(folder, named).filter(|path| !remote && !path.is_empty())?).ok()
        };
        let (mut lists, mut works_with, mut generates) = (Vec::new(), Vec::new(), Vec::new());
        for entry in root.entries() {
            let mut texts = BTreeSet::new();
            all_texts(&entry.value, &mut texts);
            let found = texts.iter().filter_map(|text| leads(text));
            match entry.key.as_str() {
                key if LISTS.contains(&key) => lists.extend(found),
                // `files: [KEY=PATH]`
                key if GENERATORS.iter().any(|(generator, _)| *generator == key) => {
                    let paths = texts.iter().map(|text| text.split_once('=').map_or(text.as_str(), |(_, path)| path));
                    generates.extend(paths.filter_map(leads));
                }
                _ => works_with.extend(found),
            }
        }
        let namespace = root.get("namespace").and_then(Node::as_str).map(str::to_owned);
        let is_component = root.get("kind").and_then(Node::as_str) == Some("Component");
        let says = |keys: &[&str]| keys.iter().any(|key| root.get(key).is_some());
        let (couples, renames) = (says(&COUPLES), says(&["namePrefix", "nameSuffix"]));
        Some(Self { lists, works_with, generates, namespace, is_component, couples, renames, ..Self::at(path.clone()) })
    }

    fn folder(&self) -> &str {
        folder_of(&self.path)
    }

    fn place(&self) -> RepoPath {
        place_of(&self.path)
    }
}

/// Where what a file declares goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Home {
    /// The namespace of what names none: the kustomization beside the file sets it.
    pub(super) own: Option<String>,
    /// The namespaces into which kustomizations put what they list, whatever that names.
    pub(super) moved: BTreeSet<String>,
}

/// All kustomizations of both sides that nobody renders here, by what they list and work with.
#[derive(Debug, Default)]
pub(super) struct Unrendered {
    all: Vec<One>,
    /// By their folders; by what they list; by what they work with. There may be thousands (T42).
    at: BTreeMap<String, Vec<usize>>,
    listing: BTreeMap<RepoPath, Vec<usize>>,
    using: BTreeMap<RepoPath, Vec<usize>>,
    generating: BTreeMap<RepoPath, Vec<usize>>,
    /// Folders whose objects a controller puts into a namespace.
    moved: Vec<(RepoPath, String)>,
    /// By blueprint: those that list what its workload is made of, directly or not. Each changed file asks.
    leading: RefCell<BTreeMap<Name, Rc<BTreeSet<usize>>>>,
}

/// The folders of the kustomizations that no entry renders and that a change of these paths may make otherwise, as `sides` have them. What a
/// path of a source declares is its blueprint's to judge as it stands, and what only lists it makes nothing else of it, unless it comes or goes.
pub fn touched(rules: &Catalog, sides: [&Files; 2], changed: &[RepoPath]) -> BTreeSet<RepoPath> {
    let all = Unrendered::of(rules, sides);
    let made = changed.iter().flat_map(|path| {
        let [was, is] = sides.map(|files| Declared::of(path, files, false));
        all.made_of(path, is_as_before(rules, path, [&was, &is]))
    });
    let made: BTreeSet<usize> = made.collect();
    let built = made.into_iter().map(|at| &all.all[at]).filter(|one| !one.is_component && !one.has_more);
    built.map(One::place).collect()
}

/// Whether a path of a source declares what it did: what it says of that is its blueprint's to judge as it stands.
pub(super) fn is_as_before(rules: &Catalog, path: &RepoPath, [was, is]: [&Declared; 2]) -> bool {
    let declares =
        |side: &Declared| -> BTreeSet<ObjectRef> { side.objects.iter().map(|one| one.object.clone()).collect() };
    rules.is_in_a_source(path) && declares(was) == declares(is)
}

impl Unrendered {
    /// Reads them; `rules`: what says which are rendered.
    pub(super) fn of(rules: &Catalog, [before, after]: [&Files; 2]) -> Self {
        let mut found = Self::default();
        for (files, is_now) in [(after, true), (before, false)] {
            for path in files.0.keys().filter(|path| is_kustomization(path)) {
                let same = || !is_now && after.blob(path).is_some_and(|now| before.blob(path) == Some(now));
                if rules.roots_reading(path).is_empty()
                    && !same()
                    && let Some(one) = One::read(path, files)
                {
                    found.all.push(One { is_now, ..one });
                }
            }
        }
        for delivered in delivered_with_more([before, after]) {
            found.add(delivered, [before, after]);
        }
        for (position, one) in found.all.iter().enumerate() {
            found.at.entry(one.folder().to_owned()).or_default().push(position);
            for listed in &one.lists {
                found.listing.entry(listed.clone()).or_default().push(position);
            }
            for used in &one.works_with {
                found.using.entry(used.clone()).or_default().push(position);
            }
            for used in &one.generates {
                found.generating.entry(used.clone()).or_default().push(position);
            }
        }
        // So does what a coupling component is a part of.
        let mut next: Vec<usize> = (0..found.all.len()).filter(|position| found.all[*position].couples).collect();
        while let Some(position) = next.pop() {
            for user in found.users(&found.all[position].place()) {
                if !std::mem::replace(&mut found.all[user].couples, true) {
                    next.push(user);
                }
            }
        }
        found
    }

    /// Adds what an object says of a folder that it has a controller deliver.
    fn add(&mut self, Delivered { folder, components, namespace }: Delivered, sides: [&Files; 2]) {
        self.moved.extend(namespace.map(|namespace| (folder.clone().unwrap_or_else(RepoPath::root), namespace)));
        if components.is_empty() {
            return;
        }
        let Some(folder) = folder else {
            // To whichever folder it is sent: each of them may have these, wherever they lie seen from there.
            let tails = components.iter().map(|named| named.rsplit("../").next().unwrap_or(named).to_owned());
            let tails: Vec<String> = tails.collect();
            let ends = |place: &str| {
                let ends = |tail: &String| {
                    place.strip_suffix(&**tail).is_some_and(|above| above.is_empty() || above.ends_with('/'))
                };
                tails.iter().any(ends)
            };
            let parts: Vec<RepoPath> = self.all.iter().filter(|one| ends(one.folder())).map(One::place).collect();
            for one in self.all.iter_mut().filter(|one| !one.is_component) {
                let own = one.place();
                one.works_with.extend(parts.iter().filter(|part| **part != own).cloned());
                one.has_more = true;
            }
            return;
        };
        let below = if folder.is_root() { "" } else { folder.as_str() };
        let components: Vec<RepoPath> =
            components.iter().filter_map(|named| RepoPath::new(resolve(below, named)?).ok()).collect();
        let mut there = false;
        for one in self.all.iter_mut().filter(|one| one.place() == folder) {
            one.works_with.extend(components.clone());
            (one.has_more, there) = (true, true);
        }
        // Flux makes one of what lies in a folder that has none.
        let made = RepoPath::new(format!("{folder}/kustomization.yaml").trim_start_matches("./")).ok();
        if let Some(path) = made.filter(|_| !there) {
            let files = sides.into_iter().flat_map(|side| side.0.keys());
            let below = files.filter(|path| folder.is_root() || path.is_within(&folder));
            let lists = below.map(|path| if is_kustomization(path) { place_of(path) } else { path.clone() });
            let lists: BTreeSet<RepoPath> = lists.collect();
            let lists = lists.into_iter().collect();
            self.all.push(One { lists, works_with: components, takes_all: true, has_more: true, ..One::at(path) });
        }
    }

    /// Where what a file declares goes, as these deliver it.
    pub(super) fn home(&self, path: &RepoPath) -> Home {
        let (mut own, mut moved) = (None, BTreeSet::new());
        let beside = folder_of(path);
        let (mut seen, mut next) = (BTreeSet::new(), vec![path.clone()]);
        while let Some(listed) = next.pop() {
            for position in self.listing.get(&listed).into_iter().flatten().filter(|at| seen.insert(**at)) {
                let one = &self.all[*position];
                if let Some(namespace) = &one.namespace {
                    own = own.or_else(|| (one.is_now && one.folder() == beside).then(|| namespace.clone()));
                    moved.insert(namespace.clone());
                }
                next.extend(RepoPath::new(one.folder()));
            }
        }
        moved.extend(self.moved_to(path));
        Home { own, moved }
    }

    /// The namespaces that a controller puts into what lies in a place, whatever that names.
    pub(super) fn moved_to(&self, place: &RepoPath) -> impl Iterator<Item = String> {
        let above = self.moved.iter().filter(|(folder, _)| folder.is_root() || place.is_within(folder));
        above.map(|(_, namespace)| namespace.clone())
    }

    /// Those that a file is a part of the working of; `otherwise`: it is one of these itself, and more of it changed than what it lists.
    /// So is one that they make others of, that becomes what they generate, or (`named`) that is called otherwise by them: whoever comes to read it may be listed
    /// by any above them.
    pub(super) fn worked(&self, path: &RepoPath, otherwise: bool, named: bool) -> BTreeSet<usize> {
        let mut found: BTreeSet<usize> = self.coupling(path);
        let mut naming: Vec<usize> = self.generating.get(path).into_iter().flatten().copied().collect();
        if named {
            naming.extend(self.above(path).into_iter().filter(|position| self.all[*position].renames));
        }
        for position in naming {
            found.insert(position);
            found.extend(self.above(&self.all[position].place()));
        }
        let mut next = vec![path.clone()];
        next.extend(found.iter().map(|position| self.all[*position].place()));
        while let Some(used) = next.pop() {
            for position in self.users(&used) {
                if found.insert(position) {
                    next.extend(RepoPath::new(self.all[position].folder()));
                }
            }
        }
        if otherwise {
            found.extend(self.at.get(folder_of(path)).into_iter().flatten());
        }
        found
    }

    /// Those that a change of a file may make otherwise; `as_before`: what only lists it makes nothing else of it.
    fn made_of(&self, path: &RepoPath, as_before: bool) -> BTreeSet<usize> {
        let mut found = self.coupling(path);
        if is_kustomization(path) {
            found.extend(self.at.get(folder_of(path)).into_iter().flatten());
        }
        let mut next: Vec<(RepoPath, bool)> = vec![(path.clone(), !as_before)];
        next.extend(found.iter().map(|at| (self.all[*at].place(), true)));
        while let Some((path, listed)) = next.pop() {
            let listing = self.listing.get(&path).filter(|_| listed).into_iter().flatten();
            let by = listing.chain(self.generating.get(&path).into_iter().flatten()).copied();
            for position in by.chain(self.users(&path)) {
                if found.insert(position) {
                    next.push((self.all[position].place(), true));
                }
            }
        }
        found
    }

    /// Those that a file is a part of in any way, directly or not.
    fn above(&self, path: &RepoPath) -> BTreeSet<usize> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![path.clone()]);
        while let Some(part) = next.pop() {
            let by = [&self.listing, &self.generating].into_iter().filter_map(|by| by.get(&part)).flatten().copied();
            for position in by.chain(self.users(&part)) {
                if seen.insert(position) {
                    next.push(self.all[position].place());
                }
            }
        }
        seen
    }

    /// Those of them that may make others of it.
    pub(super) fn coupling(&self, path: &RepoPath) -> BTreeSet<usize> {
        if !self.all.iter().any(|one| one.couples) {
            return BTreeSet::new();
        }
        self.above(path).into_iter().filter(|position| self.all[*position].couples).collect()
    }

    /// Whether a change of a file may make one otherwise that cannot be built from here.
    pub(super) fn is_made_elsewhere(&self, path: &RepoPath, as_before: bool) -> bool {
        self.all.iter().any(|one| one.has_more)
            && self.made_of(path, as_before).into_iter().any(|position| self.all[position].has_more)
    }

    /// Those that work with a file, or with a folder above it: what stands below a component's is worked with too.
    fn users(&self, used: &RepoPath) -> Vec<usize> {
        let ends = used.as_str().match_indices('/').map(|(end, _)| end).chain([used.as_str().len()]);
        let above = ends.filter_map(|end| RepoPath::new(used.as_str().get(..end)?).ok());
        above.filter_map(|above| self.using.get(&above)).flatten().copied().collect()
    }

    /// Whether a folder is delivered by one of these, and a blueprint's workload with it. Of a folder that has none of its own Flux takes all that
    /// lie below.
    pub(super) fn delivers(&self, folder: &RepoPath, catalog: &Catalog, blueprint: &Blueprint) -> bool {
        let own = self.at.get(folder.as_str());
        own.map_or_else(
            || self.delivers_below(folder, catalog, blueprint),
            |own| {
                let leading = self.leading(catalog, blueprint);
                own.iter().any(|position| leading.contains(position))
            },
        )
    }

    /// Whether what lies below a folder delivers a blueprint's workload.
    pub(super) fn delivers_below(&self, folder: &RepoPath, catalog: &Catalog, blueprint: &Blueprint) -> bool {
        let below = |one: &One| folder.is_root() || (one.place() != *folder && one.place().is_within(folder));
        self.leading(catalog, blueprint).iter().any(|position| below(&self.all[*position]))
    }

    /// Those that list what a blueprint's workload is made of, directly or not.
    fn leading(&self, catalog: &Catalog, blueprint: &Blueprint) -> Rc<BTreeSet<usize>> {
        let name = &blueprint.metadata.name;
        if let Some(known) = self.leading.borrow().get(name) {
            return Rc::clone(known);
        }
        let direct = |one: &One| {
            one.lists.iter().any(|listed| self.is_source(listed, catalog, blueprint))
                || one.takes_all && one.place().meets(&blueprint.spec.target.source)
        };
        let mut found: BTreeSet<usize> = (0..self.all.len()).filter(|position| direct(&self.all[*position])).collect();
        let mut next: Vec<usize> = found.iter().copied().collect();
        while let Some(position) = next.pop() {
            let place = self.all[position].place();
            let by = [&self.listing, &self.using].into_iter().filter_map(|by| by.get(&place)).flatten();
            next.extend(by.filter(|outer| found.insert(**outer)));
        }
        let found = Rc::new(found);
        self.leading.borrow_mut().insert(name.clone(), Rc::clone(&found));
        found
    }

    /// Whether a blueprint's workload is made of what is listed itself.
    fn is_source(&self, listed: &RepoPath, catalog: &Catalog, blueprint: &Blueprint) -> bool {
        let source = &blueprint.spec.target.source;
        !self.at.contains_key(listed.as_str()) && (listed.meets(source) || catalog.is_made_of(source, listed))
    }

    /// Whether what is listed, or what that lists, is what a blueprint's workload is made of.
    fn lead(&self, listed: &[RepoPath], catalog: &Catalog, blueprint: &Blueprint) -> bool {
        let leading = self.leading(catalog, blueprint);
        let inner = |listed: &RepoPath| self.at.get(listed.as_str()).into_iter().flatten();
        listed.iter().any(|listed| {
            self.is_source(listed, catalog, blueprint) || inner(listed).any(|position| leading.contains(position))
        })
    }

    /// Whether what one of these lists is what a blueprint's workload is made of.
    pub(super) fn reach(&self, worked: &BTreeSet<usize>, catalog: &Catalog, blueprint: &Blueprint) -> bool {
        !worked.is_empty() && !self.leading(catalog, blueprint).is_disjoint(worked)
    }

    /// Whether one of them lists a file, or works with it, whatever it is called: then it is a manifest, or a patch.
    pub(super) fn takes(&self, path: &RepoPath) -> bool {
        self.listing.contains_key(path) || self.using.contains_key(path)
    }
}

fn all_texts(node: &Node, into: &mut BTreeSet<String>) {
    into.extend(node.as_str().map(str::to_owned));
    node.items().iter().for_each(|item| all_texts(item, into));
    node.entries().iter().for_each(|entry| all_texts(&entry.value, into));
}

/// What a changed kustomization that nobody renders here may make of things that do not look so.
#[derive(Debug, Default)]
pub(super) struct Remade {
    /// It may be anything.
    anything: bool,
    /// The files and folders of this repository that it newly lists.
    listed: Vec<RepoPath>,
    /// The prefix and the suffix that it newly gives to names.
    renamed: Option<(String, String)>,
    /// What it newly generates, or otherwise: kind and name.
    generated: Vec<(&'static str, String)>,
    /// The images and the replicas of others that it sets otherwise, each by the name that it is about.
    set: Vec<(&'static str, String)>,
    /// More of it changed than what it lists and generates.
    works_otherwise: bool,
    /// What it says before and after.
    texts: [String; 2],
}

impl Remade {
    /// Reads both sides of a file; `None`: it is no kustomization, or is gone.
    pub(super) fn of(path: &RepoPath, [before, after]: [&Files; 2]) -> Option<Self> {
        let anything = || Some(Self { anything: true, ..Self::default() });
        let folder = folder_of(path);
        let was = kustomization(path, before).and_then(Result::ok);
        let Some(is) = kustomization(path, after) else {
            // With it goes what it delivered.
            let had = was.as_ref().map(names_of)?;
            let listed = had.iter().filter_map(|named| local(folder, named, before)).collect();
            return Some(Self { listed, ..Self::default() });
        };
        let Ok(is) = is else { return anything() };
        let was = was.as_ref();
        let value = |root: Option<&Node>, key: &str| root.and_then(|root| root.get(key)).map(Node::to_json);
        let other = |key: &str| value(Some(&is), key) != value(was, key);
        let anew = |key: &&str| is.get(key).is_some() && other(key);
        let text = |files: &Files| files.blob(path).and_then(|blob| searched(&blob.bytes));
        let (before_text, Some(after_text)) = (text(before).unwrap_or_default(), text(after)) else {
            return anything();
        };
        let (had, has) = (was.map(names_of).unwrap_or_default(), names_of(&is));
        let listed: Option<Vec<RepoPath>> = has.difference(&had).map(|named| local(folder, named, after)).collect();
        let Some(mut listed) = listed.filter(|_| !COMPUTES.iter().any(anew)) else { return anything() };
        // What it lists no more goes where it is pruned.
        listed.extend(had.difference(&has).filter_map(|named| local(folder, named, before)));
        // What kept its objects apart from those of others of the same names.
        let apart = |key: &str| was.is_some_and(|was| was.get(key).is_some()) && other(key);
        if ["namespace", "namePrefix", "nameSuffix"].into_iter().any(apart) {
            return anything();
        }
        let part = |key: &str| is.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let (prefix, suffix) = (part("namePrefix"), part("nameSuffix"));
        let renames = ["namePrefix", "nameSuffix"].iter().any(anew) && !(prefix.is_empty() && suffix.is_empty());
        let entries = |root: Option<&Node>, key: &str| -> Vec<Json> {
            let all = root.and_then(|root| root.get(key)).map_or(&[] as &[Node], Node::items);
            all.iter().map(Node::to_json).collect()
        };
        let mut generated = Vec::new();
        // Without the hash that they had their names are others.
        let renamed = anew(&"generatorOptions");
        for (generator, kind) in GENERATORS {
            let had = entries(was, generator);
            let new = entries(Some(&is), generator).into_iter().filter(|entry| renamed || !had.contains(entry));
            let names = new.filter_map(|entry| Some(format!("{prefix}{}{suffix}", entry.get("name")?.as_str()?)));
            generated.extend(names.map(|name| (kind, name)));
        }
        let renamed = renames.then_some((prefix, suffix));
        let mut keys = is.entries().iter().chain(was.map(Node::entries).unwrap_or_default()).map(|entry| &*entry.key);
        let of_itself = |key: &str| {
            LISTS.contains(&key)
                || SETS.contains(&key)
                || GENERATORS.iter().any(|(generator, _)| *generator == key)
                || HARMLESS.contains(&key)
        };
        let works_otherwise = keys.any(|key| !of_itself(key) && other(key));
        let mut set = Vec::new();
        for key in SETS {
            let (had, has) = (entries(was, key), entries(Some(&is), key));
            let changed =
                has.iter().filter(|entry| !had.contains(entry)).chain(had.iter().filter(|entry| !has.contains(entry)));
            set.extend(changed.filter_map(|entry| Some((key, entry.get("name")?.as_str()?.to_owned()))));
        }
        Some(Self {
            anything: false,
            listed,
            renamed,
            generated,
            set,
            works_otherwise,
            texts: [before_text, after_text],
        })
    }

    /// Whether it sets an image or the replicas of a blueprint's workload otherwise, where it lists that.
    pub(super) fn sets(&self, catalog: &Catalog, blueprint: &Blueprint, home: &Home) -> bool {
        let mut environments = catalog.workspace.value.environments.keys().filter(|name| blueprint.is_in(name));
        !self.set.is_empty()
            && environments.any(|environment| {
                let workload = Workload::of(catalog, blueprint, environment, home);
                self.set.iter().any(|(key, name)| match *key {
                    "images" => workload.runs(name),
                    _ => workload.is_called(name),
                })
            })
    }

    /// Whether more of it changed than what it lists and generates; what is not known may have.
    pub(super) fn works_otherwise(&self) -> bool {
        self.works_otherwise || self.anything
    }

    /// Whether a blueprint's workload, or what acts on it, may be among that.
    pub(super) fn may_be(&self, catalog: &Catalog, blueprint: &Blueprint, all: &Unrendered, home: &Home) -> bool {
        let [before, after] = &self.texts;
        let becomes = |name: &str| {
            self.renamed.as_ref().is_some_and(|(prefix, suffix)| {
                name.len() > prefix.len() + suffix.len() && name.starts_with(prefix) && name.ends_with(suffix)
            })
        };
        let mut environments = catalog.workspace.value.environments.keys().filter(|name| blueprint.is_in(name));
        self.anything
            || all.lead(&self.listed, catalog, blueprint)
            || environments.any(|environment| {
                let object = blueprint.object_in(environment);
                let reads = || {
                    let workload = Workload::of(catalog, blueprint, environment, home);
                    self.generated.iter().any(|(kind, name)| workload.reads(kind, name))
                };
                becomes(&object.name) || mentions(after, &object.name) > mentions(before, &object.name) || reads()
            })
    }
}

/// The files and folders that a kustomization lists.
fn names_of(root: &Node) -> BTreeSet<String> {
    let entries = NAMES.iter().flat_map(|(list, key)| {
        let named =
            |entry: &Node| if key.is_empty() { entry.as_str() } else { entry.get(key)?.as_str() }.map(str::to_owned);
        root.get(list).map_or(&[] as &[Node], Node::items).iter().filter_map(named).collect::<Vec<_>>()
    });
    entries.collect()
}

/// Where a name in a kustomization leads, if that is to a manifest or a folder here: whatever else it takes is read by it alone.
fn local(folder: &str, named: &str, files: &Files) -> Option<RepoPath> {
    let is_remote = ["://", "@", "?", "//"].iter().any(|sign| named.contains(sign)) || named.starts_with("github.com");
    let path = RepoPath::new(resolve(folder, named).filter(|path| !is_remote && !path.is_empty())?).ok()?;
    let is_folder = || !path.file_name().contains('.') && files.get(&path).is_none();
    (is_manifest(&path) || is_folder()).then_some(path)
}
