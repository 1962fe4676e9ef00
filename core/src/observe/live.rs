//! Objects and pods of a cluster, and what pods use.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::body::{Body, Field, ObjectText};
use crate::blueprint::quantity_of;
use crate::model::{At, ObjectParts, ObjectRef, Period, Quantity, Timestamp, Untrusted, WorkloadKind};

/// One object as the API server gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveObject {
    /// Which object.
    pub reference: ObjectRef,
    /// The server's identity for it; another object of the same name has another one (T44).
    pub uid: String,
    /// The version that was seen.
    pub resource_version: String,
    /// The whole object, `managedFields` and `status` included.
    pub body: Body,
    /// The identity of its pod template, where texts of the body are withheld: in the ledger's evidence (T38).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

impl LiveObject {
    /// Reads an object from the API server's JSON; `None` where it lacks a name or a uid. Items of lists carry no `kind`, so the
    /// list's is given.
    pub fn from_json(api_version: &str, kind: &str, body: Json) -> Option<Self> {
        let metadata = body.get("metadata")?;
        let text = |key: &str| metadata.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (name, uid) = (text("name"), text("uid"));
        if name.is_empty() {
            return None;
        }
        let (api_version, kind, namespace) = (api_version.into(), kind.into(), text("namespace"));
        let reference = ObjectParts { api_version, kind, namespace, name }.into();
        Some(Self { reference, uid, resource_version: text("resourceVersion"), body: body.into(), template: None })
    }

    /// The same of a text that was checked; `None` where it lacks a name.
    pub fn from_text(api_version: &str, kind: &str, object: &ObjectText<'_>) -> Option<Self> {
        let text = |field: &Field<'_>| field.text().unwrap_or_default().to_owned();
        let (name, uid) = (text(&object.name), text(&object.uid));
        if name.is_empty() {
            return None;
        }
        let (api_version, kind, namespace) = (api_version.into(), kind.into(), text(&object.namespace));
        let reference = ObjectParts { api_version, kind, namespace, name }.into();
        let resource_version = text(&object.resource_version);
        Some(Self { reference, uid, resource_version, body: object.body(), template: None })
    }

    /// Since when it is being deleted. Nobody can take that back: it goes with its last finalizer (X8).
    pub fn deleted_at(&self) -> Option<&str> {
        self.body.at("/metadata/deletionTimestamp").and_then(Json::as_str)
    }
}

/// A compute resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// CPU, in cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
}

impl Resource {
    /// The name in manifests and blueprints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One pod, with what decisions need of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Name; it joins usage samples to pods.
    pub name: Untrusted,
    /// The server's identity.
    pub uid: String,
    /// `Running`, `Pending`, …
    pub phase: Untrusted,
    /// The Ready condition is true and the pod is not being deleted.
    pub ready: bool,
    /// The pod is being deleted.
    pub terminating: bool,
    /// Sum of its containers' restart counts.
    pub restarts: u32,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When the Ready condition last changed.
    pub ready_since: Option<Timestamp>,
    /// Sum of the CPU requests; `None` where some container has none.
    pub cpu_request: Option<Quantity>,
    /// Sum of the memory requests; `None` where some container has none.
    pub memory_request: Option<Quantity>,
    /// What each container requests, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerRequests>,
    /// Reasons of containers that wait or ended: `CrashLoopBackOff`, `OOMKilled`.
    pub reasons: Vec<Untrusted>,
    /// Containers that do not run now, and how they ended last; init containers among them (B8).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<StoppedContainer>,
    /// Containers that run again after a run that failed, and how that ended (B8).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarted: Vec<StoppedContainer>,
    /// No node takes it: the condition `PodScheduled` is false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unschedulable: bool,
    /// What the scheduler says of that. It is shown, and no decision rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unschedulable_because: Option<Untrusted>,
    /// Which revision of the workload's template made it, by the label of its controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Why the pod as a whole ended: `Evicted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Untrusted>,
}

impl Pod {
    /// It ended as a whole: it stays listed after another one took its place.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase.raw(), "Failed" | "Succeeded")
    }

    /// What one of its containers requests; `None` for the container: all of them together.
    pub fn request(&self, resource: Resource, container: Option<&str>) -> Option<&Quantity> {
        let Some(container) = container.filter(|_| !self.containers.is_empty()) else {
            return match resource {
                Resource::Cpu => self.cpu_request.as_ref(),
                Resource::Memory => self.memory_request.as_ref(),
            };
        };
        let named = self.containers.iter().find(|known| known.name.raw() == container)?;
        match resource {
            Resource::Cpu => named.cpu.as_ref(),
            Resource::Memory => named.memory.as_ref(),
        }
    }
}

/// What one of several containers requests (B7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerRequests {
    /// The container's name.
    pub name: Untrusted,
    /// CPU in cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// A container that does not run, as the kubelet says (B8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoppedContainer {
    /// The container's name.
    pub name: Untrusted,
    /// Why it does not run now: `CrashLoopBackOff`, `Error`, `ImagePullBackOff`.
    pub reason: Untrusted,
    /// What the kubelet says of why it waits: `configmap "web" not found`. It is shown, and no decision rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Untrusted>,
    /// Why its last run ended, where that is not the same: `OOMKilled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Untrusted>,
    /// The exit code of its last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// How often the kubelet restarted it.
    pub restarts: u32,
    /// When its last run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When its last run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// The memory that it may take, where its last run took more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<Quantity>,
}

/// A container's status where it runs and its last run failed.
fn restarted(status: &Json, pod: &Json) -> Option<StoppedContainer> {
    let text = |pointer: &str| status.at(pointer).and_then(Json::as_str);
    status.at("/state/running").filter(|state| !state.is_null())?;
    let last = status.at("/lastState/terminated").filter(|state| !state.is_null())?;
    let code = last.get("exitCode").and_then(Json::as_i64);
    let reason = text("/lastState/terminated/reason").unwrap_or("Error");
    if code == Some(0) && reason != "OOMKilled" {
        return None;
    }
    let at = |key: &str| last.get(key).and_then(Json::as_str).and_then(|text| text.parse().ok());
    let count = status.get("restartCount").and_then(Json::as_u64).unwrap_or(0);
    let name = text("/name").unwrap_or_default();
    let spec = || lasting(pod).find(|container| container.get("name").and_then(Json::as_str) == Some(name));
    let limit = || quantity_of(spec()?.at("/resources/limits/memory")?);
    Some(StoppedContainer {
        name: Untrusted::new(name),
        reason: Untrusted::new(reason),
        message: None,
        ended: None,
        exit_code: code,
        restarts: u32::try_from(count).unwrap_or(u32::MAX),
        started_at: at("startedAt"),
        finished_at: at("finishedAt"),
        memory_limit: if reason == "OOMKilled" { limit() } else { None },
    })
}

/// A container's status where it waits for more than its creation, or ended in failure; `None`: it runs, begins, or is done.
fn stopped(status: &Json) -> Option<StoppedContainer> {
    let text = |pointer: &str| status.at(pointer).and_then(Json::as_str);
    let code = |pointer: &str| status.at(pointer).and_then(Json::as_i64);
    let waiting = text("/state/waiting/reason").filter(|r| !matches!(*r, "ContainerCreating" | "PodInitializing"));
    let terminated = status.at("/state/terminated").filter(|state| !state.is_null());
    let failed = terminated.filter(|state| state.get("exitCode").and_then(Json::as_i64) != Some(0));
    let last = if terminated.is_some() { "/state/terminated" } else { "/lastState/terminated" };
    let at = |key: &str| text(&format!("{last}/{key}")).and_then(|text| text.parse().ok());
    let ended = text(&format!("{last}/reason"));
    let reason = waiting.or_else(|| failed.map(|_| ended.unwrap_or("Error")))?;
    let count = status.get("restartCount").and_then(Json::as_u64).unwrap_or(0);
    Some(StoppedContainer {
        name: Untrusted::new(text("/name").unwrap_or_default()),
        reason: Untrusted::new(reason),
        message: text("/state/waiting/message").map(Untrusted::new),
        ended: ended.filter(|ended| *ended != reason).map(Untrusted::new),
        exit_code: code(&format!("{last}/exitCode")),
        restarts: u32::try_from(count).unwrap_or(u32::MAX),
        started_at: at("startedAt"),
        finished_at: at("finishedAt"),
        memory_limit: None,
    })
}

/// The revision that the workload's controller makes pods of now: that of the newest pod; of two the one that began later, because the
/// cluster's clock gives whole seconds.
pub fn newest_revision<'p>(pods: &[&'p Pod]) -> Option<&'p str> {
    let mut spans: BTreeMap<&str, (Option<Timestamp>, Option<Timestamp>)> = BTreeMap::new();
    for pod in pods {
        let Some(revision) = &pod.revision else { continue };
        let span = spans.entry(revision).or_insert((pod.created_at, pod.created_at));
        *span = (span.0.max(pod.created_at), span.1.min(pod.created_at));
    }
    spans.into_iter().max_by_key(|(_, span)| *span).map(|(revision, _)| revision)
}

/// The revision that the workload's controller makes pods of now, as the workload's status and the pods' ages tell; `None`: they do not tell,
/// or tell two. The newest pod alone is no witness: during a roll-out a controller that scales makes pods of the revision before as well. A
/// `StatefulSet` names it itself, also where no pod is of it yet.
pub fn current_revision<'p>(live: &'p LiveObject, pods: &[&'p Pod]) -> Option<&'p str> {
    let status = |key: &str| live.body.at(&format!("/status/{key}"));
    if let Some(told) = status("updateRevision").and_then(Json::as_str) {
        return pods.iter().any(|pod| pod.revision.is_some()).then_some(told);
    }
    let mut of: BTreeMap<&str, (u64, Option<Timestamp>)> = BTreeMap::new();
    for pod in pods {
        let Some(revision) = &pod.revision else { continue };
        let (count, first) = of.entry(revision).or_insert((0, pod.created_at));
        *count += u64::from(!pod.has_ended());
        *first = (*first).min(pod.created_at);
    }
    let newest = newest_revision(pods).filter(|_| of.len() > 1);
    let Some(newest) = newest else { return of.into_keys().next() };
    let begun_last = of.iter().max_by_key(|(_, (_, first))| *first).map(|(revision, _)| *revision);
    let by_age = Some(newest).filter(|newest| begun_last == Some(*newest));
    let updated = ["updatedReplicas", "updatedNumberScheduled"].iter().find_map(|key| status(key)?.as_u64());
    let mut fits = of.iter().filter(|(_, (count, _))| updated == Some(*count)).map(|(revision, _)| *revision);
    let by_number = fits.next().filter(|_| fits.next().is_none());
    match (by_age, by_number) {
        (Some(age), Some(number)) => Some(age).filter(|age| *age == number),
        (age, number) => age.or(number),
    }
}

/// Reads a pod from the API server's JSON; `None` where it has no name.
pub fn pod_from_json(body: &Json) -> Option<Pod> {
    let metadata = body.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let status = body.get("status").unwrap_or(&Json::Null);
    let terminating = metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null());
    let time = |value: Option<&Json>| value.and_then(Json::as_str).and_then(|text| text.parse().ok());
    let items = |key: &str| status.get(key).and_then(Json::as_array).map_or(&[] as &[Json], Vec::as_slice);
    let condition = |name: &str| {
        items("conditions").iter().find(|condition| condition.get("type").and_then(Json::as_str) == Some(name))
    };
    let ready_condition = condition("Ready");
    let scheduled = condition("PodScheduled");
    let unschedulable = scheduled.and_then(|c| c.get("status")).and_then(Json::as_str) == Some("False");
    let ready = ready_condition.and_then(|c| c.get("status")).and_then(Json::as_str) == Some("True");
    let mut restarts: u32 = 0;
    let mut reasons = Vec::new();
    for container in items("containerStatuses") {
        let count = container.get("restartCount").and_then(Json::as_u64).unwrap_or(0);
        restarts = restarts.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        for pointer in ["/state/waiting/reason", "/state/terminated/reason", "/lastState/terminated/reason"] {
            if let Some(reason) = container.at(pointer).and_then(Json::as_str) {
                reasons.push(Untrusted::new(reason));
            }
        }
    }
    Some(Pod {
        name: Untrusted::new(name),
        uid: metadata.get("uid").and_then(Json::as_str).unwrap_or_default().into(),
        phase: Untrusted::new(status.get("phase").and_then(Json::as_str).unwrap_or_default()),
        ready: ready && !terminating,
        terminating,
        restarts,
        created_at: time(metadata.get("creationTimestamp")),
        ready_since: time(ready_condition.and_then(|c| c.get("lastTransitionTime"))),
        cpu_request: request_sum(body, "cpu"),
        memory_request: request_sum(body, "memory"),
        containers: requests(body),
        reasons,
        stopped: ["containerStatuses", "initContainerStatuses"]
            .into_iter()
            .flat_map(items)
            .filter_map(stopped)
            .collect(),
        restarted: items("containerStatuses").iter().filter_map(|status| restarted(status, body)).collect(),
        unschedulable,
        unschedulable_because: scheduled
            .filter(|_| unschedulable)
            .and_then(|c| c.get("message"))
            .and_then(Json::as_str)
            .filter(|message| !message.is_empty())
            .map(Untrusted::new),
        revision: ["pod-template-hash", "controller-revision-hash"]
            .into_iter()
            .find_map(|label| metadata.get("labels")?.get(label)?.as_str().map(Into::into)),
        ended: status.get("reason").and_then(Json::as_str).map(Untrusted::new),
    })
}

/// The containers that run, and are measured, as long as the pod does: sidecars among the init containers too.
fn lasting(body: &Json) -> impl Iterator<Item = &Json> {
    let list = |pointer| body.at(pointer).and_then(Json::as_array).map_or(&[] as &[Json], Vec::as_slice).iter();
    let sidecar = |container: &&Json| container.get("restartPolicy").and_then(Json::as_str) == Some("Always");
    list("/spec/containers").chain(list("/spec/initContainers").filter(sidecar))
}

fn request(container: &Json, resource: &str) -> Option<Quantity> {
    quantity_of(container.at("/resources/requests")?.get(resource)?)
}

fn request_sum(body: &Json, resource: &str) -> Option<Quantity> {
    body.at("/spec/containers")?.as_array()?;
    let sum = lasting(body).try_fold(0_i128, |sum, one| sum.checked_add(request(one, resource)?.nanos()));
    sum.map(Quantity::from_nanos)
}

/// What each of several containers requests; of one the sums say it already.
fn requests(body: &Json) -> Vec<ContainerRequests> {
    if lasting(body).nth(1).is_none() {
        return Vec::new();
    }
    let one = |container: &Json| ContainerRequests {
        name: Untrusted::new(container.get("name").and_then(Json::as_str).unwrap_or_default()),
        cpu: request(container, "cpu"),
        memory: request(container, "memory"),
    };
    lasting(body).map(one).collect()
}

/// A workload of a namespace, by kind and name.
pub type WorkloadName = (WorkloadKind, String);

/// Groups a namespace's pods by the workload that owns them, in one pass: a Deployment's `ReplicaSet` is named after it and the
/// pod-template hash, which its pods carry as a label, so no list of `ReplicaSets` is needed.
pub fn group_pods(pods: &[Json]) -> BTreeMap<WorkloadName, Vec<Pod>> {
    let mut groups: BTreeMap<WorkloadName, Vec<Pod>> = BTreeMap::new();
    for (owner, pod) in pods.iter().filter_map(owned_pod) {
        groups.entry(owner).or_default().push(pod);
    }
    groups
}

/// A pod and the workload that owns it; `None` where none does.
pub fn owned_pod(body: &Json) -> Option<(WorkloadName, Pod)> {
    Some((workload_of(body)?, pod_from_json(body)?))
}

fn workload_of(body: &Json) -> Option<WorkloadName> {
    let metadata = body.get("metadata")?;
    let owners = metadata.get("ownerReferences")?.as_array()?;
    let controller = owners.iter().find(|owner| owner.get("controller").and_then(Json::as_bool) == Some(true))?;
    let name = controller.get("name")?.as_str()?;
    match controller.get("kind")?.as_str()? {
        "ReplicaSet" => {
            let hash = metadata.get("labels")?.get("pod-template-hash")?.as_str()?;
            Some((WorkloadKind::Deployment, name.strip_suffix(hash)?.strip_suffix('-')?.to_owned()))
        }
        "StatefulSet" => Some((WorkloadKind::StatefulSet, name.to_owned())),
        "DaemonSet" => Some((WorkloadKind::DaemonSet, name.to_owned())),
        _ => None,
    }
}

/// What one pod used over the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodUsage {
    /// The pod's name.
    pub pod: Untrusted,
    /// Mean over the window: cores for CPU, bytes for memory.
    pub mean: Quantity,
    /// How many samples the mean rests on.
    pub samples: u32,
    /// The same of each container, where several were measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerUsage>,
}

/// What one of several containers used over the window (B7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerUsage {
    /// The container's name.
    pub name: Untrusted,
    /// Mean over the window.
    pub mean: Quantity,
    /// How many samples the mean rests on.
    pub samples: u32,
}

impl PodUsage {
    /// Mean and samples of one of its containers; `None` for the container: of all of them together.
    pub fn of(&self, container: Option<&str>) -> Option<(&Quantity, u32)> {
        let Some(container) = container else { return Some((&self.mean, self.samples)) };
        let named = self.containers.iter().find(|known| known.name.raw() == container)?;
        Some((&named.mean, named.samples))
    }
}

/// What a workload's pods used over a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Length of the window, ending when the observation began.
    pub window: Period,
    /// Samples that a pod would have that ran for the whole window.
    pub expected_samples: u32,
    /// Each pod that had any sample.
    pub pods: Vec<PodUsage>,
    /// Seen at one moment only (`metrics.k8s.io`): each sample is the mean of a time that may be shorter than the window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub point_in_time: bool,
}
