//! A Service that Git has stopped to make headless: on an update that names no address the API server keeps the old one, be it `None` (X8). Tried on
//! a server, by client-side and by server-side apply: "configured", and headless still.

use super::declared::kept;
use super::drift::{DriftKind, FieldDrift};
use super::{DetectInput, Reported};
use crate::blueprint::Manifest;
use crate::model::{At, ObjectRef, Untrusted};
use crate::render::shell;
use crate::yaml::Node;

/// Whether a field is an address that Git has dropped: no apply takes it away.
pub(super) fn is_kept_address(object: &ObjectRef, drift: &FieldDrift) -> bool {
    let address = ["clusterIP", "clusterIPs"].iter().any(|key| drift.path.starts_with_keys(&["spec", key]));
    is_service(object) && drift.kind == DriftKind::PendingRemoval && address
}

/// A Service that is headless in the cluster and not in Git: nobody makes it anew, and nothing else gives it an address.
pub(super) fn headless(input: &DetectInput<'_>, object: &ObjectRef, manifest: &Manifest) -> Option<Reported> {
    let live = input.facts.object(object).known().copied().flatten().filter(|_| is_service(object))?;
    let text =
        |key: &str| manifest.document.root.at(&["spec", key]).and_then(Node::as_str).filter(|text| !text.is_empty());
    let addressed = text("clusterIP").is_none() && text("type") != Some("ExternalName");
    let addresses = manifest.document.root.at(&["spec", "clusterIPs"]).is_some_and(|all| !all.items().is_empty());
    if !addressed || addresses || live.body.at("/spec/clusterIP").and_then(|ip| ip.as_str()) != Some("None") {
        return None;
    }
    let message = format!(
        "{object}: Git says no clusterIP: None, and the cluster's is headless: the API server keeps that on every update that names no address, \
         whoever applies it"
    );
    let help = format!(
        "write clusterIP: None in Git, or delete the object so that it is made anew with an address (it cannot be reached meanwhile): \
         kubectl -n {} delete service/{}",
        shell(&object.namespace),
        shell(&object.name)
    );
    Some(kept("field-kept", object, message, vec![Untrusted::new(help)]))
}

fn is_service(object: &ObjectRef) -> bool {
    object.api_version == "v1" && object.kind == "Service"
}
