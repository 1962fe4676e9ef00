//! What of a manifest is applied, and what of an object is its substance.

use bpctl_core::model::ObjectRef;
use serde_json::Value as Json;

use super::ClusterError;
use super::server_side::without_nulls;

/// The manifest as it is applied: for this object alone, without what only the server writes.
pub(super) fn desired(object: &ObjectRef, manifest: &Json, attempt: &str) -> Result<Json, ClusterError> {
    let malformed = |why: &str| ClusterError::Malformed { attempt: attempt.into(), why: why.into() };
    // Declared as nothing: a plan compares nothing there, and the server would take the field from whoever owns it.
    let mut body = without_nulls(manifest);
    let is = |key: &str, expected: &str| manifest.get(key).and_then(Json::as_str) == Some(expected);
    if !is("apiVersion", &object.api_version) || !is("kind", &object.kind) {
        return Err(malformed("the permit's manifest is of another kind than its object"));
    }
    let map = body.as_object_mut().ok_or_else(|| malformed("the permit's manifest is not an object"))?;
    map.remove("status");
    let metadata = map.get_mut("metadata").and_then(Json::as_object_mut);
    let metadata = metadata.ok_or_else(|| malformed("the permit's manifest has no metadata"))?;
    // What the server writes; and what decides whether the object goes, which is no value that was judged.
    let never = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];
    for key in
        never.into_iter().chain(["deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "ownerReferences"])
    {
        metadata.remove(key);
    }
    let namespace = metadata.entry("namespace").or_insert_with(|| object.namespace.clone().into());
    if namespace.as_str() != Some(&object.namespace) {
        return Err(malformed("the permit's manifest is of another namespace than its object"));
    }
    if metadata.get("name").and_then(Json::as_str) != Some(&object.name) {
        return Err(malformed("the permit's manifest has another name than its object"));
    }
    Ok(body)
}

/// The bytes that are sent.
pub(super) fn apply_body(
    object: &ObjectRef,
    uid: Option<&str>,
    manifest: &Json,
    attempt: &str,
) -> Result<Vec<u8>, ClusterError> {
    let mut body = desired(object, manifest, attempt)?;
    if let Some(uid) = uid {
        // The server refuses the apply where the object has another one.
        body["metadata"]["uid"] = uid.into();
    }
    Ok(body.to_string().into_bytes())
}

/// What an object says, without bookkeeping and status.
pub(super) fn substance(body: &Json) -> Json {
    let mut body = body.clone();
    if let Some(map) = body.as_object_mut() {
        map.remove("status");
        if let Some(metadata) = map.get_mut("metadata").and_then(Json::as_object_mut) {
            for key in ["generation", "managedFields", "resourceVersion"] {
                metadata.remove(key);
            }
            // Written by the Deployment controller, not by whoever applies.
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
                annotations.remove("deployment.kubernetes.io/revision");
            }
            if metadata.get("annotations").and_then(Json::as_object).is_some_and(serde_json::Map::is_empty) {
                metadata.remove("annotations");
            }
        }
    }
    body
}
