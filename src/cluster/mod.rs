//! Clusters: where workloads run. One concept, two sources, the live API and a snapshot folder, with the same answers.
//!
//! A planner is handed a `&dyn Cluster` and so cannot write (B4). A list arrives whole or is unknown: a short one never passes
//! for a complete one (Z9, T42). Calls are constant per kind, namespace and page. Secrets are never fetched.

mod api;
mod desired;
mod error;
mod list;
#[expect(clippy::disallowed_methods, reason = "the folder of cached schemas")]
mod live;
mod metrics_api;
mod openapi;
#[expect(clippy::disallowed_methods, reason = "writes snapshot folders")]
mod record;
mod server_side;
#[expect(clippy::disallowed_methods, reason = "reads snapshot folders")]
mod snapshot;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make folders, servers and processes")]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
pub use bpctl_core::govern::FIELD_MANAGER;
use bpctl_core::govern::{ApplyPermit, RestartPermit};
use bpctl_core::model::{ObjectKind, ObjectRef, Timestamp, WorkloadKind};
use bpctl_core::observe::{Known, LiveObject, ObservedFrom, Pod, TypeSchema, WorkloadName};
use serde_json::Value as Json;

pub use error::ClusterError;
use live::parse;
pub use live::{ConnectOptions, LiveCluster};
pub use metrics_api::PodMoment;
pub use openapi::derive;
pub use record::{RecordedLevel, RecordedUsage, SnapshotHeader, record};
pub use snapshot::SnapshotCluster;

/// The kinds of workloads to list, by namespace. What nobody asks for is not listed: reading rights for it are not needed.
pub type Wanted = BTreeMap<String, BTreeSet<WorkloadKind>>;

/// Further objects, by namespace and kind: the names that blueprints are about. Their kinds are listed whole, one call a page, so
/// that an object that is missing is known to be missing; of the others nothing is kept but their names, of autoscalers also what they
/// scale.
pub type WantedObjects = BTreeMap<(String, ObjectKind), BTreeSet<String>>;

/// What was found of them, and all autoscalers of a namespace where they are listed, by name.
pub type FoundObjects = BTreeMap<(String, ObjectKind), Known<BTreeMap<String, LiveObject>>>;

/// A manifest whose apply is tried: what would be stored is asked, and nothing is.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The object.
    pub object: ObjectRef,
    /// The live object that was looked at; `None`: there was none.
    pub uid: Option<String>,
    /// What would be applied.
    pub manifest: Json,
}

/// One namespace's workloads and their pods.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceListing {
    /// All workloads of the kinds that were asked for.
    pub workloads: BTreeMap<WorkloadKind, Known<Vec<LiveObject>>>,
    /// All pods that a workload owns, by its kind and name; a workload without pods has no entry.
    pub pods: Known<BTreeMap<WorkloadName, Vec<Pod>>>,
}

/// One namespace as a snapshot holds it: the API server's own JSON. Workloads are whole; pods keep only what decisions
/// need of them, so their environment is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct RawListing {
    /// All workloads of the kinds that were asked for.
    pub workloads: BTreeMap<WorkloadKind, Known<Vec<Json>>>,
    /// All pods.
    pub pods: Known<Vec<Json>>,
}

/// Further objects as a snapshot holds them: whole where a blueprint is about them, else the name alone.
pub type RawObjects = BTreeMap<(String, ObjectKind), Known<Vec<Json>>>;

/// A namespace's lists as they were read: workloads by kind, and pods.
type Lists<W, P> = (BTreeMap<WorkloadKind, Known<Vec<W>>>, Known<Vec<P>>);

impl From<Lists<Json, Json>> for RawListing {
    fn from((workloads, pods): Lists<Json, Json>) -> Self {
        Self { workloads, pods }
    }
}

impl From<Lists<LiveObject, (WorkloadName, Pod)>> for NamespaceListing {
    fn from((workloads, pods): Lists<LiveObject, (WorkloadName, Pod)>) -> Self {
        let grouped = |pods: Vec<(WorkloadName, Pod)>| {
            let mut groups: BTreeMap<WorkloadName, Vec<Pod>> = BTreeMap::new();
            for (owner, pod) in pods {
                groups.entry(owner).or_default().push(pod);
            }
            groups.values_mut().for_each(Vec::shrink_to_fit);
            groups
        };
        Self { workloads, pods: pods.map(grouped) }
    }
}

/// None is known, for the same reason.
fn unknown_lists<W, P>(kinds: &BTreeSet<WorkloadKind>, reason: &bpctl_core::observe::Unknown) -> Lists<W, P> {
    (kinds.iter().map(|kind| (*kind, Known::Unknown(reason.clone()))).collect(), Known::Unknown(reason.clone()))
}

/// What an apply did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The object's identity.
    pub uid: String,
    /// The version that it has now.
    pub resource_version: String,
    /// The generation that it has now; its rollout is done when the status has observed that one.
    pub generation: i64,
    /// Whether anything but bookkeeping and status changed.
    pub changed: bool,
    /// When the cluster says that bpctl applied it last.
    pub applied_at: Option<Timestamp>,
}

/// The reading half. What cannot be seen whole is unknown in the answer, never an error.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Where this is, for the observation: context or folder, and the server's version.
    async fn origin(&self) -> Result<ObservedFrom, ClusterError>;
    /// The namespace's workloads of these kinds, and its pods.
    async fn list_namespace(&self, namespace: &str, kinds: &BTreeSet<WorkloadKind>) -> NamespaceListing;
    /// The same of several namespaces, looked at side by side.
    async fn list_namespaces(&self, wanted: &Wanted) -> BTreeMap<String, NamespaceListing>;
    /// The further objects that blueprints are about. One of which a recording holds nothing but the name is left out of its list, and
    /// the list is then unknown.
    async fn list_objects(&self, wanted: &WantedObjects) -> FoundObjects;
    /// The warnings of a namespace, as the server writes them.
    async fn warnings(&self, namespace: &str) -> Known<Vec<Json>>;
    /// What the server would store if these were applied as the manager `bpctl`. Every request of it is a dry run, so that the reading
    /// half writes nothing; it needs the right to PATCH all the same (`templates/rbac/exact.yaml`).
    async fn dry_run(&self, trials: Vec<Trial>) -> BTreeMap<ObjectRef, Known<LiveObject>>;
    /// Merge keys and types of one kind: `apps/v1`, `Deployment`.
    async fn type_schema(&self, api_version: &str, kind: &str) -> Known<TypeSchema>;
}

/// The writing half. Only the effects interface calls it.
#[async_trait]
pub trait ClusterWrite: Cluster {
    /// Brings one object to what the permit holds, by server-side apply under the manager `bpctl`. Nothing is applied to
    /// another object of the same name than the one that was judged (T44). `dry_run`: only asks what would happen.
    async fn apply(&self, permit: ApplyPermit, dry_run: bool) -> Result<Applied, ClusterError>;
    /// Writes the restart annotation of the permit into the workload's pod template, under a manager of its own and nothing else. Only the
    /// object and the generation that were judged are written to (T44); the same request a second time changes nothing.
    async fn restart(&self, permit: RestartPermit) -> Result<Applied, ClusterError>;
}
