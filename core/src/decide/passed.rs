//! What an Application tells Argo CD to pass over: neither drift nor nothing (X8).

use super::declared::{REPLICAS, is_direct};
use super::drift::{DeliveryManagers, FieldDrift, compare, owned_by};
use super::{DetectInput, UnknownFact, WhyNot};
use crate::blueprint::Manifest;
use crate::model::{ObjectRef, Untrusted};
use crate::observe::{LiveObject, Unknown, UnknownCode};
use crate::render::listed;
use crate::rendering::{IgnoreRule, SyncPolicy};

/// What the Application that delivers a manifest tells Argo CD to pass over of its object; bpctl's own delivery passes over nothing.
fn ignored<'c>(input: &DetectInput<'c>, object: &ObjectRef, manifest: &Manifest) -> Vec<&'c IgnoreRule> {
    if is_direct(input) {
        return Vec::new();
    }
    let rendering = input.catalog.rendering_of(input.environment, manifest);
    let rules = rendering.map_or(&[] as &[IgnoreRule], |rendering| rendering.ignored.as_slice());
    rules.iter().filter(|rule| rule.is_about(object)).collect()
}

/// The Application whose syncs write what its `ignoreDifferences` names all the same. `None`: they leave it alone.
fn overwrites<'c>(input: &DetectInput<'c>, manifest: &Manifest) -> Option<&'c SyncPolicy> {
    let policy = input.catalog.sync_policy(input.environment, manifest)?;
    (!policy.respects_ignored).then_some(policy)
}

/// How Argo CD passes over the workload's replicas.
pub(super) struct PassedReplicas {
    /// What the next sync does all the same, and how it is started; `None`: no sync writes them.
    sync: Option<String>,
}

impl PassedReplicas {
    /// Where Git and the cluster disagree about them, and Argo CD passes over that.
    pub(super) fn of(input: &DetectInput<'_>, live: &LiveObject) -> Option<Self> {
        let manifest = input.manifest?;
        let target = input.blueprint.value.spec.target.object();
        let schema = input.facts.schema(&target.api_version, &target.kind).known().copied()?;
        let found = compare(&manifest.document, live, schema, &DeliveryManagers::default());
        let replicas = found.into_iter().filter(|drift| drift.path.is_keys(&REPLICAS)).collect();
        let (passed, _) = passed_over(input, (&target, manifest), live, replicas);
        let sync = || overwrites(input, manifest).map(SyncPolicy::command);
        (!passed.is_empty()).then(|| Self { sync: sync() })
    }

    /// When that is settled: `…, which {this}`.
    pub(super) fn settled(&self) -> String {
        match &self.sync {
            Some(sync) => format!(
                "nothing settles before the next sync, because the Application's ignoreDifferences passes over spec.replicas: {sync}"
            ),
            None => "nobody settles while the Application's ignoreDifferences passes over spec.replicas: take that out, or spec.scaling \
                     out of the blueprint"
                .into(),
        }
    }

    /// Who brings them back.
    pub(super) fn brought_back(&self) -> String {
        match &self.sync {
            Some(sync) => format!(
                "the Application's ignoreDifferences passes over spec.replicas, and its next sync, whatever it is for, sets them back all the \
                 same (syncOptions without RespectIgnoreDifferences=true); now: {sync}"
            ),
            None => "nobody brings them back: the Application's ignoreDifferences passes over spec.replicas; take that out, or change them \
                     by hand"
                .into(),
        }
    }
}

/// Tells fields that Argo CD passes over from drift: the first are it.
pub(super) fn passed_over(
    input: &DetectInput<'_>,
    (object, manifest): (&ObjectRef, &Manifest),
    live: &LiveObject,
    fields: Vec<FieldDrift>,
) -> (Vec<FieldDrift>, Vec<FieldDrift>) {
    let rules = ignored(input, object, manifest);
    if rules.is_empty() {
        return (Vec::new(), fields);
    }
    let declared = manifest.document.root.to_json();
    fields.into_iter().partition(|drift| {
        let covers = |rule: &&IgnoreRule| {
            rule.covers(&drift.path, &live.body, &declared) || owned_by(live, &drift.path, &rule.managers)
        };
        rules.iter().any(covers)
    })
}

/// What is said of fields that Argo CD passes over.
pub(super) fn told_passed_over(
    input: &DetectInput<'_>,
    object: &ObjectRef,
    manifest: &Manifest,
    fields: &[FieldDrift],
) -> Option<WhyNot> {
    if fields.is_empty() {
        return None;
    }
    let it = if fields.len() == 1 { "it" } else { "them" };
    let fields: Vec<Untrusted> = fields.iter().map(|drift| Untrusted::new(drift.path.to_string())).collect();
    let named: Vec<String> = fields.iter().map(crate::render::sink::terminal).collect();
    let until = overwrites(input, manifest).map_or_else(String::new, |_| {
        format!(": Argo CD calls {it} in sync until a sync sets {it} back (syncOptions without RespectIgnoreDifferences=true)")
    });
    let because = format!(
        "{object} is otherwise than Git in {}, which the Application's ignoreDifferences passes over{until}",
        listed(&named, 3)
    );
    Some(WhyNot { fields, ..WhyNot::new("reconcile", because) })
}

/// Whether Argo CD passes over more of what differs is not known where an expression is more than a path.
pub(super) fn unread_rules(input: &DetectInput<'_>, object: &ObjectRef, manifest: &Manifest) -> Option<UnknownFact> {
    let rules = ignored(input, object, manifest);
    let expression = rules.iter().find_map(|rule| rule.unread.first())?;
    let message = "its Application's ignoreDifferences has an expression that is more than a path".into();
    let why = Unknown { code: UnknownCode::Unsupported, message, detail: Some(expression.clone()) };
    Some(UnknownFact::new(format!("whether Argo CD calls {object} in sync all the same"), why))
}
