//! Drift: what Git declares against what the cluster shows.

use super::drift::{DeliveryManagers, DriftKind, FieldDrift, compare};
use super::{DetectInput, Detected, Detector, DriftFinding, Finding, UnknownFact, WhyNot};
use crate::action::{Action, Reconcile, RevertedField};
use crate::model::Untrusted;
use crate::observe::{Known, Unknown, UnknownCode};

/// Compares the manifest with the live object, by containment.
#[derive(Debug)]
pub struct DriftDetector;

impl Detector for DriftDetector {
    fn ident(&self) -> &'static str {
        "drift"
    }

    fn about(&self) -> &'static str {
        "Every field that the manifest declares equals the cluster's; who wrote it otherwise, and when"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let target = input.blueprint.value.spec.target.object();
        let mut unknown = |what: &str, why: Unknown| detected.unknown.push(UnknownFact { what: what.into(), why });
        let Some(manifest) = input.manifest else {
            let source = &input.blueprint.value.spec.target.source;
            let (message, detail) = match input.catalog.declared(input.environment, source, &target) {
                Err(unrendered) => (unrendered.to_string(), unrendered.because.said),
                Ok(_) => (format!("no manifest below {source} declares {target}"), None),
            };
            unknown("the manifest", Unknown { code: UnknownCode::NotObserved, message, detail });
            return detected;
        };
        let live = match input.facts.object(&target) {
            Known::Known(live) => live,
            Known::Unknown(why) => {
                unknown("the cluster's object", why);
                return detected;
            }
        };
        let Some(live) = live else {
            let action = Action::Reconcile(Reconcile {
                version: 1,
                blueprint: input.blueprint.value.metadata.name.clone(),
                workload: target.clone(),
                uid: None,
                fields: Vec::new(),
            });
            detected.findings.push((Finding::Absent { object: target }, Some(action)));
            return detected;
        };
        let schema = match input.facts.schema(&target.api_version, &target.kind) {
            Known::Known(schema) => schema,
            Known::Unknown(why) => {
                unknown("the types of its fields", why);
                return detected;
            }
        };
        let fields = compare(&manifest.document, live, schema, &DeliveryManagers::default());
        if fields.is_empty() {
            return detected;
        }
        if let Some(owner) = fields.iter().find_map(autoscaler) {
            // Bringing anything back by applying the manifest would take the replicas from their owner too.
            let because = format!(
                "an autoscaler ({}) owns spec.replicas, which the manifest declares too: remove it from the manifest first",
                crate::render::sink::terminal(owner)
            );
            detected.why_not.push(WhyNot { what: "reconcile".into(), because });
            return detected;
        }
        let reverted = fields.iter().map(|drift| RevertedField {
            field: drift.path.clone(),
            from: drift.live.clone(),
            to: if drift.kind == DriftKind::PendingRemoval { None } else { drift.declared.clone() },
        });
        let action = Action::Reconcile(Reconcile {
            version: 1,
            blueprint: input.blueprint.value.metadata.name.clone(),
            workload: target.clone(),
            uid: Some(live.uid.clone()),
            fields: reverted.collect(),
        });
        detected.findings.push((Finding::Drift(DriftFinding { object: target, fields }), Some(action)));
        detected
    }
}

/// The autoscaler that wrote `spec.replicas`: the controller manager's horizontal autoscaler writes through the scale subresource.
fn autoscaler(drift: &FieldDrift) -> Option<&Untrusted> {
    let by = drift.by.as_ref().filter(|_| drift.path.is_keys(&["spec", "replicas"]))?;
    let name = by.manager.raw();
    let scales = by.subresource.as_ref().is_some_and(|subresource| subresource.raw() == "scale");
    ((scales && name == "kube-controller-manager") || name.contains("autoscaler")).then_some(&by.manager)
}
