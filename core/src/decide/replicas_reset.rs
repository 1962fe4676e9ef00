//! Replicas that Git stops saying, behind an autoscaler (X8): what the next delivery makes of them.

use super::Reported;
use super::declared::kept;
use super::drift::{DriftKind, FieldDrift};
use crate::model::{At, ObjectRef, Untrusted};
use crate::observe::LiveObject;
use crate::render::count;

/// What the next delivery does to replicas that whoever delivers applied and Git says no more: it takes them out, and Kubernetes puts its own
/// default there, 1, whatever the autoscaler had chosen. That it does once, and the autoscaler needs its time to come back. The change is told
/// with the way that costs no pod.
pub(super) fn replicas_reset(
    object: &ObjectRef,
    live: &LiveObject,
    owner: &str,
    replicas: &[FieldDrift],
) -> Option<Reported> {
    let dropped = replicas.iter().find(|drift| drift.kind == DriftKind::PendingRemoval)?;
    let has = live.body.at("/spec/replicas").and_then(serde_json::Value::as_u64).filter(|has| *has > 1)?;
    let message = format!(
        "{object}: Git says spec.replicas no more, and what delivers it applied them: the next delivery takes them out, and Kubernetes makes \
         of {} its default, 1, until the autoscaler has scaled up again ({owner})",
        count(has, "replica")
    );
    let kind = object.kind.to_lowercase();
    let (namespace, name) = (&object.namespace, &object.name);
    let by_apply = dropped.by.as_ref().is_some_and(|by| by.operation.raw() == "Apply");
    let first = if by_apply {
        format!(
            "give them another owner right before this is delivered: echo '{{\"apiVersion\":\"{}\",\"kind\":\"{}\",\"metadata\":{{\"name\":\"{name}\"}},\
             \"spec\":{{\"replicas\":{has}}}}}' | kubectl -n {namespace} apply --server-side --field-manager=handover-to-autoscaler -f -",
            object.api_version, object.kind
        )
    } else {
        format!(
            "right before this is delivered take spec.replicas out of what was applied last, and of nothing else: \
             kubectl -n {namespace} apply edit-last-applied {kind}/{name}"
        )
    };
    let help = vec![Untrusted::new(first), Untrusted::new("or deliver it when one pod can carry the load")];
    Some(kept("replicas-reset", object, message, help))
}
