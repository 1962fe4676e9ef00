//! A snapshot folder: a cluster that was recorded, the embedded default and the tests' double.
//!
//! It answers as the live API does. Delivery changes its files; nothing runs in it, so what pods use afterwards is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bpctl_core::govern::{ApplyPermit, RestartPermit, last_apply};
use bpctl_core::model::{ObjectKind, ObjectRef, Period, Timestamp, WorkloadKind};
use bpctl_core::observe::{
    Known, Level, LiveObject, ObservedFrom, Pod, RESTART_ANNOTATION, RESTART_MANAGER, Resource, TypeSchema,
    UnknownCode, WorkloadName, group_pods,
};
use bpctl_core::yaml;
use serde_json::Value as Json;

use super::desired::{desired, substance};
use super::list::{self, Item, Listed};
use super::live::{appliable, may_restart, same_object};
use super::openapi::SchemaFile;
use super::record::{self, HEADER, LEVELS, RecordedLevel, RecordedUsage, SnapshotHeader, USAGE, write_whole};
use super::server_side;
use super::{
    Applied, Cluster, ClusterError, ClusterWrite, FoundObjects, Lists, NamespaceListing, RawListing, Trial, Wanted,
    WantedObjects,
};

/// Larger than any snapshot that fits bpctl's memory bound.
const MAX_FILE: u64 = 1 << 30;
/// For workloads of snapshots that `kubectl` made. Keys and types of a stable API do not change between versions.
fn built_in(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => include_str!("deployment.json"),
        WorkloadKind::StatefulSet => include_str!("statefulset.json"),
        WorkloadKind::DaemonSet => include_str!("daemonset.json"),
    }
}

/// A recorded cluster.
#[derive(Debug, Clone)]
pub struct SnapshotCluster {
    folder: PathBuf,
    header: SnapshotHeader,
}

impl SnapshotCluster {
    /// Opens a folder: reads its header.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, ClusterError> {
        let folder = folder.into();
        let attempt = format!("open the snapshot {}", folder.display());
        let file = folder.join(HEADER);
        let Some(text) = read(&file)? else {
            let why = if folder.is_dir() {
                format!(
                    "it has no {HEADER}, so when it was recorded is unknown; write one: {{\"schemaVersion\": 1, \
                     \"recordedAt\": \"2026-01-31T12:00:00Z\", \"context\": \"prod\", \"version\": \"1.36\", \
                     \"namespaces\": {}}}",
                    Json::from(found_namespaces(&folder))
                )
            } else {
                "there is no such folder".into()
            };
            return Err(ClusterError::NotRecorded { attempt, why });
        };
        let malformed = |why: String| ClusterError::Malformed { attempt: attempt.clone(), why };
        let header: SnapshotHeader =
            serde_json::from_slice(&text).map_err(|error| malformed(format!("{HEADER}: {error}")))?;
        if header.schema_version != 1 {
            let version = header.schema_version;
            return Err(malformed(format!("{HEADER} has schemaVersion {version}; this bpctl reads 1")));
        }
        if let Some(bad) = header.namespaces.iter().find(|namespace| !list::is_namespace(namespace)) {
            return Err(malformed(format!("{HEADER} names `{bad}`, which is no namespace")));
        }
        Ok(Self { folder, header })
    }

    /// What the snapshot is of.
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// When it was recorded: `now` of every decision that rests on it.
    pub fn recorded_at(&self) -> Timestamp {
        self.header.recorded_at
    }

    /// The namespace as it is recorded.
    pub fn raw_namespace(&self, namespace: &str, kinds: &BTreeSet<WorkloadKind>) -> RawListing {
        self.lists::<Json, Json>(namespace, kinds).into()
    }

    fn lists<W: Item, P: Item>(&self, namespace: &str, kinds: &BTreeSet<WorkloadKind>) -> Lists<W, P> {
        fn known<T>(answer: Result<Vec<T>, ClusterError>) -> Known<Vec<T>> {
            answer.map_or_else(|error| Known::Unknown(error.into_unknown()), Known::Known)
        }
        let (workloads, pods) = std::thread::scope(|scope| {
            let pods = scope.spawn(|| self.list(&Listed::Pods, namespace));
            let lists = kinds.iter().map(|kind| (*kind, self.list(&Listed::Workloads(*kind), namespace)));
            let workloads: Vec<_> = lists.collect();
            (workloads, pods.join().unwrap_or_else(|_| Err(self.broken(namespace))))
        });
        (workloads.into_iter().map(|(kind, answer)| (kind, known(answer))).collect(), known(pods))
    }

    /// What the pods of a namespace used, where it was recorded over one window only.
    pub fn usage(&self, namespace: &str, resource: Resource) -> Known<RecordedUsage> {
        self.recorded_usage(namespace, resource, None)
    }

    /// What the pods of a namespace used over a window.
    pub fn usage_over(&self, namespace: &str, resource: Resource, window: Period) -> Known<RecordedUsage> {
        self.recorded_usage(namespace, resource, Some(window))
    }

    fn recorded_usage(&self, namespace: &str, resource: Resource, window: Option<Period>) -> Known<RecordedUsage> {
        let attempt = format!("read the {resource} use in namespace {namespace} of {}", self.folder.display());
        match self.usages() {
            Ok(usages) => {
                let mut matching = usages.into_iter().filter(|usage| {
                    usage.namespace == namespace
                        && usage.resource == resource
                        && window.is_none_or(|window| usage.window == window)
                });
                match (matching.next(), matching.next()) {
                    (Some(usage), None) => Known::Known(usage),
                    (None, _) => {
                        let over = window.map(|window| format!(" over {window}")).unwrap_or_default();
                        let why = format!("{USAGE} has none{over}");
                        Known::Unknown(ClusterError::NotRecorded { attempt, why }.into_unknown())
                    }
                    _ => {
                        let why = format!("{USAGE} has several");
                        Known::Unknown(ClusterError::Malformed { attempt, why }.into_unknown())
                    }
                }
            }
            Err(error) => Known::Unknown(error.into_unknown()),
        }
    }

    /// Whether there is anything to ask [`Self::level_over`] for: an answer, or a file that cannot be read.
    pub fn has_levels(&self) -> bool {
        self.entries::<RecordedLevel>(LEVELS).map_or(true, |all| !all.is_empty())
    }

    /// What the requests of a namespace were like over a window.
    pub fn level_over(&self, namespace: &str, level: Level, window: Period) -> Known<RecordedLevel> {
        let same = |known: &RecordedLevel| (&*known.namespace, known.level, known.window) == (namespace, level, window);
        match self.entries::<RecordedLevel>(LEVELS).map(|all| all.into_iter().find(same)) {
            Ok(Some(level)) => Known::Known(level),
            // The same words for each level, so that a plan says it once.
            Ok(None) => {
                Known::unknown(UnknownCode::NotObserved, format!("the snapshot's {LEVELS} has none over {window}"))
            }
            Err(error) => Known::Unknown(error.into_unknown()),
        }
    }

    fn broken(&self, namespace: &str) -> ClusterError {
        let attempt = format!("read namespace {namespace} of the snapshot {}", self.folder.display());
        ClusterError::Malformed { attempt, why: "bpctl's own reader broke down".into() }
    }

    fn list<T: Item>(&self, listed: &Listed, namespace: &str) -> Result<Vec<T>, ClusterError> {
        let plural = listed.name();
        let attempt = format!("list {plural} in namespace {namespace} of the snapshot {}", self.folder.display());
        self.list_file(listed, namespace, &attempt)?.1
    }

    /// The one file of a list, and what is in it.
    fn list_file<T: Item>(&self, listed: &Listed, namespace: &str, attempt: &str) -> Result<ListFile<T>, ClusterError> {
        let plural = listed.name();
        let missing = |why: String| ClusterError::NotRecorded { attempt: attempt.into(), why };
        if !self.header.namespaces.iter().any(|recorded| recorded == namespace) {
            return Err(missing(format!("{HEADER} does not name the namespace")));
        }
        let mut found = None;
        for file in record::list_files(&self.folder.join(namespace), listed) {
            let Some(text) = read(&file)? else { continue };
            if let Some((first, _)) = found.replace((file.clone(), text)) {
                let why = format!("both {} and {} are there", first.display(), file.display());
                return Err(ClusterError::Malformed { attempt: attempt.into(), why });
            }
        }
        let (file, text) = found.ok_or_else(|| {
            missing(format!(
                "no file has them; record them with: kubectl get {plural} -n {namespace} -o json \
                --show-managed-fields > {namespace}/{plural}.json"
            ))
        })?;
        let items = read_list(&file, &text, listed, namespace).map_err(|why| ClusterError::Malformed {
            attempt: attempt.into(),
            why: format!("{}: {why}", file.display()),
        });
        Ok((file, items))
    }

    fn usages(&self) -> Result<Vec<RecordedUsage>, ClusterError> {
        self.entries(USAGE)
    }

    fn entries<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, ClusterError> {
        let file = self.folder.join(name);
        let Some(text) = read(&file)? else { return Ok(Vec::new()) };
        serde_json::from_slice(&text).map_err(|error| ClusterError::Malformed {
            attempt: format!("read {}", file.display()),
            why: error.to_string(),
        })
    }

    fn schema(&self, api_version: &str, kind: &str) -> Result<TypeSchema, ClusterError> {
        let attempt = format!("read the types of {kind} ({api_version}) of the snapshot {}", self.folder.display());
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/');
        if !kind.chars().all(|c| c.is_ascii_alphanumeric()) || !api_version.chars().all(good) {
            return Err(ClusterError::Malformed { attempt, why: "that is no kind".into() });
        }
        let file = self.folder.join("schemas").join(record::schema_name(api_version, kind));
        let recorded = read(&file)?;
        let text = match &recorded {
            Some(text) => text.as_slice(),
            None => match WorkloadKind::of_kind(kind).filter(|_| api_version == WorkloadKind::API_VERSION) {
                Some(kind) => built_in(kind).as_bytes(),
                None => {
                    let why = "it was not recorded; record it with: bpctl snapshot".into();
                    return Err(ClusterError::NotRecorded { attempt, why });
                }
            },
        };
        let file: SchemaFile = serde_json::from_slice(text)
            .map_err(|error| ClusterError::Malformed { attempt: attempt.clone(), why: error.to_string() })?;
        if file.schema_version != 1 {
            let why = format!("it has schemaVersion {}; this bpctl reads 1", file.schema_version);
            return Err(ClusterError::Malformed { attempt, why });
        }
        Ok(file.schema)
    }

    /// What a permit carries out; not visible outside this folder, so that nothing is applied without one.
    pub(super) fn apply_object(
        &self,
        object: &ObjectRef,
        uid: Option<&str>,
        manifest: &Json,
        dry_run: bool,
    ) -> Result<Applied, ClusterError> {
        let folder = self.folder.display();
        let attempt = format!("apply {object} in namespace {} of the snapshot {folder}", object.namespace);
        let listed = match WorkloadKind::of(object) {
            Some(kind) => Listed::Workloads(kind),
            None => Listed::Objects(Arc::new(appliable(object)?), None),
        };
        let desired = desired(object, manifest, &attempt)?;
        let failed = |source: std::io::Error| ClusterError::File { attempt: attempt.clone(), source };
        // One delivery at a time; readers see the file before it or after it.
        let lock = File::open(self.folder.join(HEADER)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let (file, items) = self.list_file::<Json>(&listed, &object.namespace, &attempt)?;
        let mut items = items?;
        let named = |item: &Json| item.pointer("/metadata/name").and_then(Json::as_str) == Some(&object.name);
        let position = items.iter().position(named);
        let before = position.and_then(|position| items.get(position));
        let before_uid = before.and_then(|item| item.pointer("/metadata/uid")).and_then(Json::as_str);
        same_object(uid, before_uid, &attempt)?;

        let schema = self.schema(&object.api_version, &object.kind)?;
        let after = server_side::apply(before, &desired, &schema, self.header.recorded_at);
        let changed = before.is_none_or(|before| substance(before) != substance(&after));
        let text = |key: &str| after.pointer(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let applied = Applied {
            applied_at: last_apply(&after),
            uid: text("/metadata/uid"),
            resource_version: text("/metadata/resourceVersion"),
            generation: after.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or(0),
            changed,
        };
        if dry_run || before == Some(&after) {
            return Ok(applied);
        }
        match position.and_then(|position| items.get_mut(position)) {
            Some(item) => *item = after,
            None => items.push(after),
        }
        // Usage goes first: broken off here it is unknown, and the next run applies again.
        if changed {
            self.forget_usage(object)?;
        }
        // JSON is YAML: a file keeps its name.
        write_whole(&file, record::list_text(&items).as_bytes()).map_err(failed)?;
        Ok(applied)
    }

    /// What a restart permit carries out: the annotation, and who wrote it when. The recorded pods stay as they are.
    pub(super) fn restart_object(
        &self,
        object: &ObjectRef,
        uid: &str,
        generation: i64,
        request: &str,
    ) -> Result<Applied, ClusterError> {
        let folder = self.folder.display();
        let attempt = format!("restart {object} in namespace {} of the snapshot {folder}", object.namespace);
        let kind = WorkloadKind::of(object)
            .ok_or_else(|| ClusterError::Unsupported(format!("{object} is no workload that is restarted")))?;
        let failed = |source: std::io::Error| ClusterError::File { attempt: attempt.clone(), source };
        let lock = File::open(self.folder.join(HEADER)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let (file, items) = self.list_file::<Json>(&Listed::Workloads(kind), &object.namespace, &attempt)?;
        let mut items = items?;
        let named = |item: &&mut Json| item.pointer("/metadata/name").and_then(Json::as_str) == Some(&object.name);
        let item = items.iter_mut().find(named);
        let gone = || ClusterError::Replaced { attempt: attempt.clone(), why: "it is gone".into() };
        let item = item.ok_or_else(gone)?;
        let live = LiveObject::from_json(&object.api_version, &object.kind, item.clone()).ok_or_else(gone)?;
        let has_it = may_restart(&live, uid, generation, request, &attempt)?;
        let resource_version = live.resource_version.parse::<u64>().unwrap_or(0) + u64::from(!has_it);
        let applied = Applied {
            applied_at: last_apply(&live.body),
            uid: live.uid,
            resource_version: resource_version.to_string(),
            generation: generation + i64::from(!has_it),
            changed: !has_it,
        };
        if has_it {
            return Ok(applied);
        }
        item["spec"]["template"]["metadata"]["annotations"][RESTART_ANNOTATION] = request.into();
        item["metadata"]["generation"] = applied.generation.into();
        item["metadata"]["resourceVersion"] = applied.resource_version.clone().into();
        let field = format!("f:{RESTART_ANNOTATION}");
        let entry = serde_json::json!({"manager": RESTART_MANAGER, "operation": "Apply", "apiVersion": object.api_version,
            "time": self.header.recorded_at, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {field: {}}}}}}});
        let entries = item.pointer("/metadata/managedFields").and_then(Json::as_array).cloned().unwrap_or_default();
        let others = entries.into_iter().filter(|entry| entry["manager"] != RESTART_MANAGER);
        item["metadata"]["managedFields"] = Json::Array(others.chain([entry]).collect());
        self.forget_usage(object)?;
        write_whole(&file, record::list_text(&items).as_bytes()).map_err(failed)?;
        Ok(applied)
    }

    /// Removes what a workload's pods used: nobody knows what they use after a change.
    fn forget_usage(&self, object: &ObjectRef) -> Result<(), ClusterError> {
        let mut usages = self.usages()?;
        if let Ok(pods) = self.list::<Json>(&Listed::Pods, &object.namespace) {
            let pods = WorkloadKind::of(object)
                .and_then(|kind| group_pods(&pods).remove(&(kind, object.name.clone())))
                .unwrap_or_default();
            for usage in usages.iter_mut().filter(|usage| usage.namespace == object.namespace) {
                usage.pods.retain(|used| pods.iter().all(|pod| pod.name != used.pod));
            }
        } else {
            // Which pods are its own is unknown: then so is the use of all.
            usages.retain(|usage| usage.namespace != object.namespace);
        }
        let write = |name: &str, text: String| {
            let file = self.folder.join(name);
            write_whole(&file, text.as_bytes())
                .map_err(|source| ClusterError::File { attempt: format!("write {}", file.display()), source })
        };
        write(USAGE, record::entries_text(&usages))?;
        // Nor what requests are like; few of a namespace are measured at all.
        let mut levels = self.entries::<RecordedLevel>(LEVELS)?;
        let recorded = levels.len();
        levels.retain(|level| level.namespace != object.namespace);
        if levels.len() == recorded { Ok(()) } else { write(LEVELS, record::entries_text(&levels)) }
    }
}

type ListFile<T> = (PathBuf, Result<Vec<T>, ClusterError>);

#[async_trait]
impl Cluster for SnapshotCluster {
    async fn origin(&self) -> Result<ObservedFrom, ClusterError> {
        let (folder, version) = (self.folder.display().to_string(), self.header.version.clone());
        Ok(ObservedFrom::Snapshot { folder, version })
    }

    async fn list_namespace(&self, namespace: &str, kinds: &BTreeSet<WorkloadKind>) -> NamespaceListing {
        self.lists::<LiveObject, (WorkloadName, Pod)>(namespace, kinds).into()
    }

    async fn list_namespaces(&self, wanted: &Wanted) -> BTreeMap<String, NamespaceListing> {
        let mut listings = BTreeMap::new();
        for (name, kinds) in wanted {
            listings.insert(name.clone(), self.list_namespace(name, kinds).await);
        }
        listings
    }

    async fn warnings(&self, namespace: &str) -> Known<Vec<Json>> {
        self.list(&Listed::warnings(), namespace)
            .map_or_else(|error| Known::Unknown(error.into_unknown()), Known::Known)
    }

    async fn list_objects(&self, wanted: &WantedObjects) -> FoundObjects {
        let list = |((namespace, kind), names): (&(String, ObjectKind), &BTreeSet<String>)| {
            let listed = Listed::Objects(Arc::new(kind.clone()), Some(Arc::new(names.clone())));
            let answer = self.list(&listed, namespace).and_then(|items| {
                list::wanted(names, items).ok_or_else(|| {
                    let attempt = format!("read {} in namespace {namespace} of the snapshot", listed.name());
                    let why = "of some only the name was recorded; record it anew with: bpctl snapshot".into();
                    ClusterError::NotRecorded { attempt, why }
                })
            });
            (
                (namespace.clone(), kind.clone()),
                answer.map_or_else(|error| Known::Unknown(error.into_unknown()), Known::Known),
            )
        };
        wanted.iter().map(list).collect()
    }

    async fn dry_run(&self, trials: Vec<Trial>) -> BTreeMap<ObjectRef, Known<LiveObject>> {
        let unasked = || Known::unknown(UnknownCode::Unsupported, "a recording cannot be asked what it would store");
        trials.into_iter().map(|trial| (trial.object, unasked())).collect()
    }

    async fn type_schema(&self, api_version: &str, kind: &str) -> Known<TypeSchema> {
        match self.schema(api_version, kind) {
            Ok(schema) => Known::Known(schema),
            Err(error) => Known::Unknown(error.into_unknown()),
        }
    }
}

#[async_trait]
impl ClusterWrite for SnapshotCluster {
    async fn apply(&self, permit: ApplyPermit, dry_run: bool) -> Result<Applied, ClusterError> {
        self.apply_object(permit.object(), permit.uid(), permit.manifest(), dry_run)
    }

    async fn restart(&self, permit: RestartPermit) -> Result<Applied, ClusterError> {
        self.restart_object(permit.object(), permit.uid(), permit.generation(), permit.request())
    }
}

/// A file's content; `None`: there is none. Links are not followed (T18).
fn read(file: &Path) -> Result<Option<Vec<u8>>, ClusterError> {
    let attempt = || format!("read {}", file.display());
    let failed = |source| ClusterError::File { attempt: attempt(), source };
    let metadata = match std::fs::symlink_metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        let why = if metadata.is_file() { "it is larger than 1 GiB" } else { "it is a link, or no file" };
        return Err(ClusterError::Malformed { attempt: attempt(), why: why.into() });
    }
    std::fs::read(file).map(Some).map_err(failed)
}

fn read_list<T: Item>(file: &Path, text: &[u8], listed: &Listed, namespace: &str) -> Result<Vec<T>, String> {
    let is_json = file.extension().is_some_and(|extension| extension == "json");
    // What bpctl has written is JSON under any name.
    if is_json || text.first() == Some(&b'{') {
        let items = list::whole(text, listed, namespace);
        if is_json || items.is_ok() {
            return items;
        }
    }
    let name = file.display().to_string();
    let documents =
        yaml::parse(&name, text, yaml::Kind::Manifest).map_err(|diagnostic| match diagnostic.labels.first() {
            Some(label) => format!("{} (line {})", diagnostic.message, label.span.line),
            None => diagnostic.message,
        })?;
    let [document] = documents.as_slice() else { return Err("it is not one list".into()) };
    let root = document.root.to_json();
    if let Some(metadata) = root.get("metadata") {
        let metadata = serde_json::from_value::<list::HeadMetadata>(metadata.clone());
        metadata.map_err(|_| "its metadata are no list's")?.whole()?;
    }
    list::checked(root, listed, namespace)
}

/// Folders that hold a list, for the header to be suggested.
fn found_namespaces(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let has =
        |inside: &Path, kind| record::list_files(inside, &Listed::Workloads(kind)).iter().any(|file| file.is_file());
    let has_list = |inside: &Path| WorkloadKind::ALL.into_iter().any(|kind| has(inside, kind));
    let mut names: Vec<String> = entries
        .filter(|entry| has_list(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| list::is_namespace(name))
        .collect();
    names.sort();
    names
}
