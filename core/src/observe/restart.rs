//! What a workload says of its last restart by bpctl (B8): one annotation of its pod template, and the time that the API server wrote
//! beside it. There is no other memory of it.

use serde_json::Value as Json;

use super::LiveObject;
use crate::model::{Digest, Period, Timestamp};

/// The annotation of the pod template whose change makes the controller replace the pods.
pub const RESTART_ANNOTATION: &str = "bpctl.dev/restart";
/// The field manager that owns it and nothing else, so that neither a delivery nor a GitOps controller takes it away.
pub const RESTART_MANAGER: &str = "bpctl-restart";

/// Restarts are counted as long as the last one is younger than this and the template is the same.
const COUNTED_FOR: Period = Period::from_secs(86_400);

/// The last restart by bpctl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRestart {
    /// The annotation's value: the request that was carried out.
    pub request: String,
    /// Restarts of this template in a row, this one included; 0 where the template is another one now.
    pub count: u32,
    /// When, by the cluster's clock; `None`: the annotation was written by somebody else.
    pub at: Option<Timestamp>,
}

impl PastRestart {
    /// Reads it off the live workload; `None`: bpctl never restarted it, or its annotation is gone.
    pub fn of(live: &LiveObject, now: Timestamp) -> Option<Self> {
        // Few are ever restarted, and all are asked.
        if !live.body.mentions(RESTART_ANNOTATION) {
            return None;
        }
        let annotations = live.body.pointer("/spec/template/metadata/annotations")?;
        let request = annotations.get(RESTART_ANNOTATION)?.as_str()?.to_owned();
        let mut parts = request.splitn(3, '-');
        let same = parts.next() == Some(template_identity(live).as_str());
        let said = parts.next().and_then(|count| count.parse().ok());
        let at = written_at(live);
        let old = at.is_some_and(|at| COUNTED_FOR.after(at) <= now);
        let count = match said {
            // Whoever wrote it: more than any limit, so that a person looks.
            None => u32::MAX,
            Some(_) if !same || old => 0,
            Some(count) => count,
        };
        Some(Self { request, count, at })
    }
}

/// The request of a further restart: which template, the how many-th of it, and of which generation of the object. Who sees the same asks
/// for the same, so that two runs restart once.
pub fn next_restart(live: &LiveObject, now: Timestamp) -> Option<(String, i64)> {
    let generation = live.body.pointer("/metadata/generation")?.as_i64()?;
    let count = PastRestart::of(live, now).map_or(0, |past| past.count).saturating_add(1);
    Some((format!("{}-{count}-{generation}", template_identity(live)), generation))
}

/// The template's identity, whatever bpctl's own annotation says.
pub(crate) fn template_identity(live: &LiveObject) -> String {
    if let Some(known) = &live.template {
        return known.clone();
    }
    let mut template = live.body.pointer("/spec/template").cloned().unwrap_or(Json::Null);
    let empty = |value: Option<&Json>| value.and_then(Json::as_object).is_some_and(serde_json::Map::is_empty);
    if let Some(whole) = template.as_object_mut()
        && let Some(metadata) = whole.get_mut("metadata").and_then(Json::as_object_mut)
    {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
            annotations.remove(RESTART_ANNOTATION);
        }
        if empty(metadata.get("annotations")) {
            metadata.remove("annotations");
        }
        metadata.retain(|_, value| !value.is_null());
        if empty(whole.get("metadata")) {
            whole.remove("metadata");
        }
    }
    Digest::of(&template).short().to_owned()
}

/// When the API server saw the annotation written by bpctl.
fn written_at(live: &LiveObject) -> Option<Timestamp> {
    let entries = live.body.pointer("/metadata/managedFields")?.as_array()?;
    let field =
        format!("/fieldsV1/f:spec/f:template/f:metadata/f:annotations/f:{}", RESTART_ANNOTATION.replace('/', "~1"));
    entries
        .iter()
        .filter(|entry| entry.get("manager").and_then(Json::as_str) == Some(RESTART_MANAGER))
        .filter(|entry| entry.pointer(&field).is_some())
        .filter_map(|entry| entry.get("time")?.as_str()?.parse().ok())
        .max()
}
