//! Drift: what Git declares against what the cluster shows, of a workload and of what belongs to it.

use super::drift::{Attribution, DeliveryManagers, DriftKind, FieldDrift, added, compare, exact, writer};
use super::{DetectInput, Detected, Detector, DriftFinding, Finding, UnknownFact, WhyNot};
use crate::action::{Action, Reconcile, RevertedField};
use crate::blueprint::Manifest;
use crate::model::{FieldPath, ObjectRef, Untrusted};
use crate::observe::{Known, LiveObject, Unknown, UnknownCode};

/// Compares the workload's manifest with the live object, by containment.
#[derive(Debug)]
pub struct DriftDetector;

/// Compares the manifests of a workload's companions in the same way.
#[derive(Debug)]
pub struct CompanionDetector;

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
        let Some(manifest) = input.manifest else {
            let source = &input.blueprint.value.spec.target.source;
            let (message, detail) = match input.catalog.declared(input.environment, source, &target) {
                Err(unclear) => (unclear.to_string(), unclear.said().cloned()),
                Ok(_) => (format!("no manifest below {source} declares {target}"), None),
            };
            let why = Unknown { code: UnknownCode::NotObserved, message, detail };
            detected.unknown.push(UnknownFact::uncompared("the manifest", why));
            return detected;
        };
        for field in manifest.varying() {
            let message = "it is another each time the chart is rendered, so what Git wants of it is not known".into();
            let what = crate::render::sink::terminal(&field);
            let why = Unknown { code: UnknownCode::Unsupported, message, detail: None };
            detected.unknown.push(UnknownFact::new(what, why));
        }
        detected.why_not.extend(beside(input, &target, manifest));
        let different = match differences(input, &target, manifest) {
            Ok(Some(different)) => different,
            Ok(None) => return detected,
            Err((part, why)) => {
                let what = match part {
                    Part::Object => "the cluster's object",
                    Part::Types => "the types of its fields",
                };
                detected.unknown.push(UnknownFact::uncompared(what, why));
                return detected;
            }
        };
        if different.is_nothing() {
            detected.why_not.push(nothing(&target));
            return detected;
        }
        detected.why_not.extend(ignored(input, manifest));
        let Some(owner) = different.live.and_then(|live| autoscaler(input, live)) else {
            detected.findings.push(finding(input, target, different, false));
            return detected;
        };
        // The replicas are the autoscaler's to change, and no apply may take them; the rest goes back.
        let (replicas, fields): (Vec<FieldDrift>, Vec<FieldDrift>) =
            different.fields.iter().cloned().partition(|drift| drift.path.is_keys(&REPLICAS));
        if replicas.iter().any(|drift| drift.kind != DriftKind::PendingRemoval) {
            let because = format!(
                "{owner} owns spec.replicas, which the manifest declares too and which is left to it: remove it from the \
                 manifest"
            );
            detected.why_not.push(WhyNot { what: "replicas".into(), because });
        }
        if !fields.is_empty() {
            detected.findings.push(finding(input, target, Different { fields, ..different }, true));
        }
        detected
    }
}

impl Detector for CompanionDetector {
    fn ident(&self) -> &'static str {
        "companion-drift"
    }

    fn about(&self) -> &'static str {
        "The same for what belongs to the workload: its autoscaler, Services, disruption budgets, ConfigMaps, and what the blueprint names"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let companions = input.catalog.companions(input.environment, &input.blueprint.value.metadata.name);
        for (what, message) in companions.unclear {
            let why = Unknown { code: UnknownCode::NotObserved, message, detail: None };
            detected.unknown.push(UnknownFact::new(what, why));
        }
        for (what, because) in companions.left_out {
            detected.why_not.push(WhyNot { what, because });
        }
        for (companion, with) in companions.shared {
            // Its own blueprint tells the rest; here it is worth a word only where it differs.
            if let Ok(Some(different)) = differences(input, &companion.object, companion.manifest)
                && !different.is_nothing()
            {
                let because =
                    format!("it differs, and is brought back with blueprint {with}, whose workload has it as well");
                detected.why_not.push(WhyNot { what: companion.object.to_string(), because });
            }
        }
        for companion in companions.compared {
            detected.why_not.extend(beside(input, &companion.object, companion.manifest));
            match differences(input, &companion.object, companion.manifest) {
                Ok(None) => {}
                Ok(Some(different)) if different.is_nothing() => detected.why_not.push(nothing(&companion.object)),
                Ok(Some(different)) => {
                    detected.why_not.extend(ignored(input, companion.manifest));
                    detected.findings.push(finding(input, companion.object, different, false));
                }
                Err((part, why)) => {
                    let what = match part {
                        Part::Object => companion.object.to_string(),
                        Part::Types => format!("the types of {}", companion.object),
                    };
                    detected.unknown.push(UnknownFact::new(what, why));
                }
            }
        }
        detected
    }
}

/// What of an object could not be seen.
enum Part {
    Object,
    Types,
}

/// How an object differs from what Git declares.
struct Different<'a> {
    /// `None`: it is not there.
    live: Option<&'a LiveObject>,
    fields: Vec<FieldDrift>,
    /// Why the API server did not say what it would store, where it was asked.
    approximate: Option<Unknown>,
}

impl Different<'_> {
    /// The API server was asked, and an apply would change nothing of what looks different.
    fn is_nothing(&self) -> bool {
        self.live.is_some() && self.fields.is_empty()
    }
}

/// What somebody added to an object beside Git. It is no drift, and stays after every reconcile: that is worth a line (X10).
fn beside(input: &DetectInput<'_>, object: &ObjectRef, manifest: &Manifest) -> Option<WhyNot> {
    let live = input.facts.object(object).known().copied()??;
    let schema = input.facts.schema(&object.api_version, &object.kind);
    let added = added(&manifest.document, live, schema.known()?);
    let shown = |(path, by): &(FieldPath, Untrusted)| {
        let path = crate::render::sink::terminal(&Untrusted::new(path.to_string()));
        format!("{path} (by {})", crate::render::sink::terminal(by))
    };
    let named: Vec<String> = added.iter().map(shown).collect();
    let named = crate::render::listed(&named, 3);
    let because = format!("{object} has what Git does not declare, and keeps it: {named}");
    (!added.is_empty()).then(|| WhyNot { what: "reconcile".into(), because })
}

/// What is said of differences that an apply would not change.
fn nothing(object: &ObjectRef) -> WhyNot {
    let because =
        format!("{object} is written otherwise, and the API server says that applying the manifest changes nothing");
    WhyNot { what: "reconcile".into(), because }
}

/// What is said of differences that Argo CD may be told to pass over.
fn ignored(input: &DetectInput<'_>, manifest: &Manifest) -> Option<WhyNot> {
    let rendering = input.catalog.renderings(input.environment).iter().find(|made| made.root == manifest.path)?;
    let because = format!(
        "the Application that delivers {} has ignoreDifferences, which bpctl does not read: Argo CD may call {} in sync all the same",
        manifest.path, manifest.object
    );
    rendering.ignores_differences.then(|| WhyNot { what: "reconcile".into(), because })
}

/// How the cluster differs from a manifest; `None`: in nothing.
fn differences<'a>(
    input: &DetectInput<'a>,
    object: &ObjectRef,
    manifest: &Manifest,
) -> Result<Option<Different<'a>>, (Part, Unknown)> {
    let live = input.facts.object(object).ok().map_err(|why| (Part::Object, why))?;
    let tried = input.facts.dry_run(object);
    let approximate = match (live, &tried) {
        (None, None) => Some(None),
        (None, Some(Known::Unknown(why))) => Some(Some(why.clone())),
        _ => None,
    };
    if let Some(approximate) = approximate {
        return Ok(Some(Different { live, fields: Vec::new(), approximate }));
    }
    let schema = input.facts.schema(&object.api_version, &object.kind).ok().map_err(|why| (Part::Types, why))?;
    let mut fields =
        live.map(|live| compare(&manifest.document, live, schema, &DeliveryManagers::default())).unwrap_or_default();
    fields.retain(|drift| !manifest.is_unstable(&drift.path));
    if live.is_some() && fields.is_empty() {
        return Ok(None);
    }
    Ok(Some(match tried {
        None => Different { live, fields, approximate: None },
        Some(Known::Known(tried)) => {
            let fields = exact(&manifest.document, live, tried, schema, fields);
            Different { live, fields, approximate: None }
        }
        Some(Known::Unknown(why)) => Different { live, fields, approximate: Some(why) },
    }))
}

fn finding(
    input: &DetectInput<'_>,
    object: ObjectRef,
    different: Different<'_>,
    leave_replicas: bool,
) -> (Finding, Option<Action>) {
    let Different { live, fields, approximate } = different;
    let reverted = fields.iter().map(|drift| RevertedField {
        field: drift.path.clone(),
        from: drift.live.clone(),
        to: match drift.kind {
            DriftKind::PendingRemoval => None,
            DriftKind::Admission => drift.admitted.clone(),
            DriftKind::Changed | DriftKind::Missing => drift.admitted.clone().or_else(|| drift.declared.clone()),
        },
    });
    let action = Action::Reconcile(Reconcile {
        version: 1,
        blueprint: input.blueprint.value.metadata.name.clone(),
        workload: object.clone(),
        uid: live.map(|live| live.uid.clone()),
        // What an object is made of is its manifest.
        fields: if live.is_some() { reverted.collect() } else { Vec::new() },
        leave_replicas,
    });
    let finding = match live {
        None => Finding::Absent { object, admission: fields, approximate },
        Some(_) => Finding::Drift(DriftFinding { object, fields, approximate }),
    };
    (finding, Some(action))
}

const REPLICAS: [&str; 2] = ["spec", "replicas"];

/// The autoscaler that owns a workload's replicas, in words: one that the workload's own sources declare, whoever wrote the number last, or
/// one that wrote it. What Git says of them is then nothing to wait for, and nothing to bring back.
pub(super) fn autoscaler(input: &DetectInput<'_>, live: &LiveObject) -> Option<String> {
    if let Some(scaler) = input.catalog.autoscaler(input.environment, &input.blueprint.value.metadata.name) {
        return Some(format!("{} ({})", scaler.object, scaler.manifest.path));
    }
    let by = writer(live, &FieldPath::keys(REPLICAS.to_vec())).filter(scales)?;
    Some(format!("an autoscaler ({})", crate::render::sink::terminal(&by.manager)))
}

/// The controller manager's horizontal autoscaler writes through the scale subresource.
fn scales(by: &Attribution) -> bool {
    let name = by.manager.raw();
    let scale = by.subresource.as_ref().is_some_and(|subresource| subresource.raw() == "scale");
    (scale && name == "kube-controller-manager") || name.contains("autoscaler")
}
