//! The layout of a snapshot folder, and writing one.
//!
//! ```text
//! snapshot.json                      the header
//! NAMESPACE/deployments.json|yaml    a List, whole objects: environment values in them are recorded as they are; the same for
//!                                    statefulsets and daemonsets, where a blueprint governs one
//! NAMESPACE/pods.json|yaml           a List; recorded by bpctl it holds only what decisions need of a pod
//! NAMESPACE/service.json|yaml        a List of another kind that belongs to workloads, named as `kubectl get` takes it
//!                                    (`horizontalpodautoscaler.v2.autoscaling`): whole where a blueprint is about it, else the name alone,
//!                                    of an autoscaler with what it scales
//! NAMESPACE/event.json|yaml          a List of warnings
//! schemas/apps_v1_Deployment.json    merge keys and types, from the server's OpenAPI
//! usage.json                         what pods used
//! service-levels.json                what requests were like
//! ```
//! Secrets are never in it. The lists may also be made by `kubectl get deployments -n NAMESPACE -o json --show-managed-fields`;
//! YAML is read up to the size of any manifest.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bpctl_core::model::{Period, Timestamp, WorkloadKind};
use bpctl_core::observe::{Known, Level, LevelSeries, PodUsage, Resource, TypeSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::list::{self, Listed};
use super::openapi::SchemaFile;
use super::{ClusterError, RawListing, RawObjects};

/// The name of the header's file.
pub(super) const HEADER: &str = "snapshot.json";
/// The name of the service levels' file.
pub(super) const LEVELS: &str = "service-levels.json";
/// The name of the usages' file.
pub(super) const USAGE: &str = "usage.json";

/// What a snapshot is of: the file `snapshot.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotHeader {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// When it was recorded; `now` of every decision that rests on it.
    pub recorded_at: Timestamp,
    /// The kubeconfig context it was recorded from.
    pub context: String,
    /// The server's version, `1.36`.
    pub version: String,
    /// The namespaces in it.
    pub namespaces: Vec<String>,
}

/// What the pods of one namespace used: an entry of `usage.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedUsage {
    /// The namespace.
    pub namespace: String,
    /// CPU or memory.
    pub resource: Resource,
    /// Length of the window, ending at the recording.
    pub window: Period,
    /// Samples that a pod would have that ran for the whole window.
    pub expected_samples: u32,
    /// Each pod that had any sample.
    pub pods: Vec<PodUsage>,
}

/// What the requests of one namespace were like: an entry of `service-levels.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedLevel {
    /// The namespace.
    pub namespace: String,
    /// Requests, errors or latency.
    pub level: Level,
    /// Length of the window, ending at the recording.
    pub window: Period,
    /// Samples that a series would have that was there for the whole window.
    pub expected_samples: u32,
    /// Each series that had any sample.
    pub series: Vec<LevelSeries>,
}

/// Writes a snapshot into a folder, which is made where it is missing. What is unknown is left out, and unknown to whoever
/// reads the snapshot. The header goes first and comes last: a recording that was broken off is no snapshot.
pub fn record(
    folder: &Path,
    header: &SnapshotHeader,
    listings: &BTreeMap<String, RawListing>,
    objects: &RawObjects,
    schemas: &BTreeMap<(String, String), TypeSchema>,
    usage: &[RecordedUsage],
    levels: &[RecordedLevel],
) -> Result<(), ClusterError> {
    let failed = |file: &Path| {
        let attempt = format!("record {}", file.display());
        move |source: std::io::Error| ClusterError::File { attempt, source }
    };
    let write = |file: PathBuf, text: &[u8]| write_whole(&file, text).map_err(failed(&file));
    let remove = |file: PathBuf| match std::fs::remove_file(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&file)(error)),
        _ => Ok(()),
    };
    let make = |folder: PathBuf| std::fs::create_dir_all(&folder).map_err(failed(&folder)).map(|()| folder);

    make(folder.to_owned())?;
    remove(folder.join(HEADER))?;
    for (namespace, listing) in listings {
        if !list::is_namespace(namespace) {
            let attempt = format!("record {}", folder.display());
            return Err(ClusterError::Malformed { attempt, why: format!("`{namespace}` is no namespace") });
        }
        let inside = make(folder.join(namespace))?;
        let kinds = WorkloadKind::ALL.map(|kind| (Listed::Workloads(kind), listing.workloads.get(&kind)));
        for (listed, items) in kinds.into_iter().chain([(Listed::Pods, Some(&listing.pods))]) {
            for file in list_files(&inside, &listed) {
                remove(file)?;
            }
            if let Some(Known::Known(items)) = items {
                write(inside.join(format!("{}.json", listed.name())), list_text(items).as_bytes())?;
            }
        }
    }
    for ((namespace, kind), items) in objects {
        // The namespaces were made above: a companion lies where its workload is.
        let (inside, listed) = (folder.join(namespace), Listed::Objects(Arc::new(kind.clone()), None));
        for file in list_files(&inside, &listed) {
            remove(file)?;
        }
        if let Known::Known(items) = items {
            write(inside.join(format!("{}.json", listed.name())), list_text(items).as_bytes())?;
        }
    }
    let inside = make(folder.join("schemas"))?;
    for ((api_version, kind), schema) in schemas {
        let file = SchemaFile { schema_version: 1, schema: schema.clone(), plural: None };
        write(inside.join(schema_name(api_version, kind)), pretty(&file).as_bytes())?;
    }
    write(folder.join(USAGE), entries_text(usage).as_bytes())?;
    write(folder.join(LEVELS), entries_text(levels).as_bytes())?;
    write(folder.join(HEADER), pretty(header).as_bytes())
}

/// The files that a list may be in.
pub(super) fn list_files(inside: &Path, listed: &Listed) -> Vec<PathBuf> {
    ["json", "yaml", "yml"].map(|extension| inside.join(format!("{}.{extension}", listed.name()))).into()
}

/// The name of a kind's schema.
pub(super) fn schema_name(api_version: &str, kind: &str) -> String {
    format!("{}_{kind}.json", api_version.replace('/', "_"))
}

/// A list as text, one object a line: small to store, and a line of a diff is an object.
pub(super) fn list_text(items: &[Json]) -> String {
    lines("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{},\"items\":[", items, "]}\n")
}

/// Usages or service levels as text, one entry a line.
pub(super) fn entries_text<T: Serialize>(entries: &[T]) -> String {
    lines("[", entries, "]\n")
}

fn lines<T: Serialize>(open: &str, items: &[T], close: &str) -> String {
    let mut text = open.to_owned();
    for (position, item) in items.iter().enumerate() {
        text.push_str(if position == 0 { "\n" } else { ",\n" });
        text.push_str(&json(item, false));
    }
    if !items.is_empty() {
        text.push('\n');
    }
    text + close
}

fn pretty<T: Serialize>(value: &T) -> String {
    json(value, true) + "\n"
}

/// Our own types have text keys and no serializer that fails.
fn json<T: Serialize>(value: &T, pretty: bool) -> String {
    if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }.unwrap_or_default()
}

/// Writes a file whole or not at all.
pub(super) fn write_whole(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new()
        .prefix(".bpctl-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)) // as any file a person makes: the umask decides
        .tempfile_in(folder)?;
    new.write_all(content)?;
    new.as_file().sync_data()?;
    new.persist(file).map(drop).map_err(|error| error.error)
}
