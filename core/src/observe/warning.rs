//! Warnings of the cluster about a workload's objects. They are shown beside what they explain, and no decision rests on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Pod;
use crate::model::{At, ObjectRef, Timestamp, Untrusted};

/// A warning: the API server's event, in the words of whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// What it is about: `Pod/web-1`.
    pub about: Untrusted,
    /// `FailedScheduling`, `BackOff`.
    pub reason: Untrusted,
    /// What was written.
    pub message: Untrusted,
    /// How often it happened.
    pub count: u64,
    /// When it happened last, where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// So many of a workload are kept, the newest.
const KEPT: usize = 10;

/// The warnings about a workload, its pods and what makes them, newest first, each reason of an object once.
pub fn warnings_of(workload: &ObjectRef, pods: &[Pod], events: &[Json]) -> Vec<Warning> {
    let mut all: Vec<Warning> = events.iter().filter_map(|event| warning(workload, pods, event)).collect();
    all.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.about.raw().cmp(b.about.raw())));
    let mut kept: Vec<Warning> = Vec::new();
    for warning in all {
        if kept.len() < KEPT && !kept.iter().any(|k| (&k.about, &k.reason) == (&warning.about, &warning.reason)) {
            kept.push(warning);
        }
    }
    kept
}

fn warning(workload: &ObjectRef, pods: &[Pod], event: &Json) -> Option<Warning> {
    let text = |pointer: &str| event.at(pointer).and_then(Json::as_str).unwrap_or_default();
    let (kind, name) = (text("/involvedObject/kind"), text("/involvedObject/name"));
    let mine = match kind {
        "Pod" => pods.iter().any(|pod| pod.name.raw() == name),
        // A ReplicaSet is called after its Deployment and the hash that its pods carry.
        "ReplicaSet" => {
            let hash = name.strip_prefix(&workload.name).and_then(|rest| rest.strip_prefix('-'));
            hash.is_some_and(|hash| pods.iter().any(|pod| pod.revision.as_deref() == Some(hash)))
        }
        _ => kind == workload.kind && name == workload.name,
    };
    if !mine || text("/type") != "Warning" {
        return None;
    }
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp"];
    let count = event.at("/series/count").or_else(|| event.get("count")).and_then(Json::as_u64);
    Some(Warning {
        about: Untrusted::new(format!("{kind}/{name}")),
        reason: Untrusted::new(text("/reason")),
        message: Untrusted::new(text("/message")),
        count: count.unwrap_or(1).max(1),
        last: times.iter().find_map(|pointer| text(pointer).parse().ok()),
    })
}

impl Warning {
    /// `Pod/web-1 FailedScheduling, 12 times, last 2026-11-21T12:00:00Z: 0/3 nodes are available`. Outside text: it goes through a sink.
    pub(crate) fn told(&self) -> Untrusted {
        let times = if self.count == 1 { String::new() } else { format!(", {} times", self.count) };
        let last = self.last.map_or_else(String::new, |last| format!(", last {last:.0}"));
        let message: String = self.message.raw().chars().take(200).collect();
        Untrusted::new(format!("{} {}{times}{last}: {message}", self.about.raw(), self.reason.raw()))
    }
}
