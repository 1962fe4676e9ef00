//! What somebody has added to an object beside Git, and no delivery takes away: it is no drift that anything answers, and is told.

use super::declared::{edit, is_direct, kept};
use super::drift::{
    Added, DeliveryManagers, FieldDrift, KeptKeys, added, compare, goes_with_its_type, kept_keys, merged_away,
};
use super::{DetectInput, Reported, WhyNot};
use crate::blueprint::Manifest;
use crate::model::{FieldPath, ObjectRef, Untrusted};
use crate::render::listed;

/// What somebody added to an object beside Git and every apply leaves there, each with who did.
fn left_beside(input: &DetectInput<'_>, object: &ObjectRef, manifest: &Manifest) -> Option<Vec<Added>> {
    let live = input.facts.object(object).known().copied()??;
    let schema = input.facts.schema(&object.api_version, &object.kind);
    // As bpctl applies it: what is declared as nothing is not declared.
    let said = manifest.document.without_nothing().filter(|_| is_direct(input));
    let document = said.as_ref().unwrap_or(&manifest.document);
    let mut added = added(document, live, schema.known()?);
    let goes = goes_with_its_type(document, live);
    added.retain(|added| !goes(&added.path));
    if !is_direct(input) {
        let gone = merged_away(&manifest.document, live);
        added.retain(|added| !gone.iter().any(|gone| added.path.0.starts_with(&gone.0)));
    }
    Some(added)
}

/// `spec.template.spec.nodeSelector (by ops, server-side apply)`.
fn left_by(Added { path, by, in_its_name, .. }: &Added) -> Untrusted {
    let Some(by) = by else {
        return Untrusted::new(format!("{path} (the cluster does not say by whom)"));
    };
    // A webhook that changes what is delivered writes in the name of who delivers, and so does whoever wants to pass for it.
    let by_whom = if *in_its_name { "in the name of" } else { "by" };
    let how = if by.operation.raw() == "Apply" { ", server-side apply" } else { "" };
    Untrusted::new(format!("{path} ({by_whom} {}{how})", by.manager.raw()))
}

/// What a workload's pods have that Git does not declare, and that stays whatever is applied: it may be why they do not run (X10).
pub(super) fn left_in_pods(input: &DetectInput<'_>) -> Vec<Untrusted> {
    let object = input.blueprint.value.spec.target.object();
    let of_pods = |path: &FieldPath| path.starts_with_keys(&["spec", "template", "spec"]);
    let left = input.manifest.and_then(|manifest| left_beside(input, &object, manifest)).unwrap_or_default();
    let mut told: Vec<Untrusted> = left.iter().filter(|added| of_pods(&added.path)).map(left_by).collect();
    let live = input.facts.object(&object).known().copied().flatten().filter(|_| !is_direct(input));
    let schema = input.facts.schema(&object.api_version, &object.kind);
    if let (Some(manifest), Some(live), Some(schema)) = (input.manifest, live, schema.known()) {
        let differs = compare(&manifest.document, live, schema, &DeliveryManagers::default());
        let differs = differs.into_iter().filter(|drift| of_pods(&drift.path));
        told.extend(
            differs.filter_map(|drift| kept_keys(&manifest.document, live, &drift)).flat_map(|kept| kept.named()),
        );
    }
    told
}

/// Keys that somebody added to mappings of Git's, and that stay: for a server-side apply the mapping is one value, and what delivers the object
/// merges it key by key.
pub(super) fn key_kept(object: &ObjectRef, keys: &[(FieldDrift, KeptKeys)]) -> Reported {
    let named: Vec<String> = keys.iter().flat_map(|(_, keys)| keys.named()).map(|key| key.raw().to_owned()).collect();
    let (is, it) = if named.len() == 1 { ("is", "it") } else { ("are", "them") };
    let message = format!(
        "{object}: {} {is} in the cluster and not in Git, and no delivery takes {it} away: a client-side apply merges such a mapping key by \
         key, and leaves what it did not bring",
        listed(&named, 3)
    );
    let help = format!("take {it} out by hand, or declare {it} in Git: {}", edit(object));
    kept("field-kept", object, message, vec![Untrusted::new(help)])
}

/// What somebody added to an object beside Git. It is no drift, and stays after every reconcile: that is worth a line (X10). Where who applied it may
/// be what delivers the object, whether it stays is not known (R6).
pub(super) fn beside(input: &DetectInput<'_>, object: &ObjectRef, manifest: &Manifest) -> Vec<WhyNot> {
    let added = left_beside(input, object, manifest).unwrap_or_default();
    let (unclear, stays): (Vec<&Added>, Vec<&Added>) = added.iter().partition(|added| added.unclear);
    let tell = |added: &[&Added], before: &str, after: &str| {
        let fields: Vec<Untrusted> = added.iter().map(|added| left_by(added)).collect();
        let named: Vec<String> = fields.iter().map(crate::render::sink::terminal).collect();
        let because = format!("{object} has what Git does not declare, and {before}: {}{after}", listed(&named, 3));
        (!added.is_empty()).then(|| WhyNot { fields, ..WhyNot::new("reconcile", because) })
    };
    let may = "; who applied it may be what delivers the object, and the next delivery takes it away then";
    let stays = tell(&stays, "keeps it", "");
    stays.into_iter().chain(tell(&unclear, "whether it stays is not known", may)).collect()
}
