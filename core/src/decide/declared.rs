//! Drift: what Git declares against what the cluster shows, of a workload and of what belongs to it.

use super::beside::{beside, key_kept};
use super::drift::{
    Attribution, CLIENT_SIDE_APPLY, DeliveryManagers, DriftKind, FieldDrift, KeptKeys, KeptPort, Rival, compare, exact,
    is_refused_to_bpctl_alone, kept_by, kept_by_others, kept_keys, kept_port, kept_rivals, replaced, writer,
};
use super::headless::{headless, is_kept_address};
use super::passed::{passed_over, told_passed_over, unread_rules};
use super::replicas_reset::replicas_reset;
use super::switched_off::switched_off;
use super::{DetectInput, Detected, Detector, DriftFinding, Finding, Reported, UnknownFact, WhyNot};
use crate::action::{Action, Reconcile, RevertedField};
use crate::blueprint::lint::{first_fault, instead, served_instead};
use crate::blueprint::{Delivery, Manifest};
use crate::govern::FIELD_MANAGER;
use crate::model::{At, FieldPath, ObjectRef, RepoPath, Severity, Untrusted};
use crate::observe::{Known, LiveObject, Unknown, UnknownCode};
use crate::render::{listed, shell};
use crate::rendering::Unclear;

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
        if let Some(going) = being_deleted(input, &target) {
            detected.findings.push((Finding::Reported(going), None));
            return detected;
        }
        let Some(manifest) = input.manifest else {
            let source = &input.blueprint.value.spec.target.source;
            let why = match input.catalog.declared(input.environment, source, &target) {
                Err(unclear) => {
                    let (message, detail) = (unclear.to_string(), unclear.said().cloned());
                    Unknown { code: UnknownCode::NotObserved, message, detail }
                }
                Ok(manifest) => manifest.and_then(invalid).unwrap_or_else(|| {
                    let message = undeclared_target(input, source, &target);
                    Unknown { code: UnknownCode::NotObserved, message, detail: None }
                }),
            };
            detected.unknown.push(UnknownFact::uncompared("the manifest", why));
            return detected;
        };
        for field in manifest.varying() {
            let message = "it is another each time the chart is rendered, so what Git wants of it is not known".into();
            let what = crate::render::sink::terminal(&field);
            let why = Unknown { code: UnknownCode::Unsupported, message, detail: None };
            // The whole of it: then nothing of the workload was compared (R6).
            let uncompared = manifest.unstable.iter().any(|field| field.0.is_empty());
            detected.unknown.push(UnknownFact { uncompared, ..UnknownFact::new(what, why) });
        }
        detected.why_not.extend(beside(input, &target, manifest));
        detected.findings.extend(undeclared(input).map(|reported| (Finding::Reported(reported), None)));
        // Also where nothing differs: at 0 what Git leaves open is an outage.
        let live = input.facts.object(&target).known().copied().flatten();
        detected.findings.extend(switched_off(input, manifest, live));
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
        detected.why_not.extend(told_passed_over(input, &target, manifest, &different.passed));
        if different.is_nothing() {
            detected.why_not.extend(different.nothing(&target));
            return detected;
        }
        detected.unknown.extend(unread_rules(input, &target, manifest));
        let owner = match different.live.map_or(Known::Known(None), |live| autoscaler(input, Some(live))) {
            Known::Known(None) => {
                detected.findings.extend(answer(input, target, manifest, different, false));
                return detected;
            }
            // The controller writes the zero that Git declares, whoever scales, and at zero no autoscaler scales up again.
            Known::Known(Some(owner))
                if !is_direct(input) && crate::blueprint::replicas(&manifest.document.root) == Some(0) =>
            {
                if different.fields.iter().any(|drift| drift.path.is_keys(&REPLICAS)) {
                    let because = format!("{owner} owns spec.replicas, and is off at 0, which Git declares");
                    detected.why_not.push(WhyNot::new("replicas", because));
                }
                detected.findings.extend(answer(input, target, manifest, different, false));
                return detected;
            }
            Known::Known(Some(owner)) => Ok(owner),
            Known::Unknown(why) => Err(why),
        };
        // The replicas are the autoscaler's to change, and no apply may take them; the rest goes back. Where nobody knows whether there is
        // one, they may be.
        let (replicas, fields): (Vec<FieldDrift>, Vec<FieldDrift>) =
            different.fields.iter().cloned().partition(|drift| drift.path.is_keys(&REPLICAS));
        // bpctl leaves them where they are (`leave_replicas`); what else delivers the object does not.
        if let (Ok(owner), Some(live)) = (&owner, different.live)
            && !is_direct(input)
        {
            let reset = replicas_reset(&target, live, owner, &replicas);
            detected.findings.extend(reset.map(|reported| (Finding::Reported(reported), None)));
        }
        match owner {
            Ok(owner) if replicas.iter().any(|drift| drift.kind != DriftKind::PendingRemoval) => {
                let name = &input.blueprint.value.metadata.name;
                let declared = input.catalog.autoscaler(input.environment, name).is_some();
                let because = if is_direct(input) || declared {
                    format!(
                        "{owner} owns spec.replicas, which the manifest declares too and which is left to it: remove it from the \
                         manifest"
                    )
                } else {
                    // Git has no autoscaler, be it that a change takes it out on purpose: then its number is what holds.
                    let git = crate::blueprint::replicas(&manifest.document.root);
                    let git = git.map_or_else(|| "its own number".to_owned(), |git| git.to_string());
                    format!(
                        "{owner} owns spec.replicas, and Git, which declares no autoscaler, says {git}: bpctl leaves them to it, and the next \
                         delivery by what delivers the object sets {git}. Where the autoscaler is to go, write what the load needs now, and \
                         delete it; where it is to stay, declare it, and remove spec.replicas from the manifest"
                    )
                };
                detected.why_not.push(WhyNot::new("replicas", because));
            }
            // They differ, and nobody can say whether they should (R6).
            Err(why) if !replicas.is_empty() => {
                detected.unknown.push(UnknownFact::unread("spec.replicas, which may be an autoscaler's", why));
            }
            // Where replicas are scaled by bpctl, that says so.
            Err(why)
                if input.blueprint.value.spec.scaling.is_none() && manifest.document.root.at(&REPLICAS).is_some() =>
            {
                detected.unknown.push(UnknownFact::new(AUTOSCALED, why));
            }
            _ => {}
        }
        if !fields.is_empty() {
            detected.findings.extend(answer(input, target, manifest, Different { fields, ..different }, true));
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
            detected.unknown.push(UnknownFact::unread(what, why));
        }
        let source = &input.blueprint.value.spec.target.source;
        // Where the workload itself may stand in the file, the drift detector says so.
        let known = input.manifest.is_some() && !input.catalog.renders(input.environment, source);
        for (path, said) in input.catalog.unread_below(source).filter(|_| known) {
            let unclear = Unclear::unreadable(path, said);
            let why =
                Unknown { code: UnknownCode::Malformed, message: unclear.to_string(), detail: unclear.said().cloned() };
            detected.unknown.push(UnknownFact::unread(ELSE, why));
        }
        for (what, because) in companions.left_out {
            detected.why_not.push(WhyNot::new(what, because));
        }
        for (companion, with) in companions.shared {
            // Its own blueprint tells the rest; here it is worth a word only where it differs.
            if let Ok(Some(different)) = differences(input, &companion.object, companion.manifest)
                && !different.is_nothing()
            {
                let because =
                    format!("it differs, and is brought back with blueprint {with}, whose workload has it as well");
                detected.why_not.push(WhyNot::new(companion.object.to_string(), because));
            }
        }
        for companion in companions.compared {
            if let Some(going) = being_deleted(input, &companion.object) {
                detected.findings.push((Finding::Reported(going), None));
                continue;
            }
            if let Some(why) = invalid(companion.manifest) {
                detected.unknown.push(UnknownFact::unread(companion.object.to_string(), why));
                continue;
            }
            detected.why_not.extend(beside(input, &companion.object, companion.manifest));
            let headless = headless(input, &companion.object, companion.manifest);
            detected.findings.extend(headless.map(|reported| (Finding::Reported(reported), None)));
            match differences(input, &companion.object, companion.manifest) {
                Ok(None) => {}
                Ok(Some(different)) => {
                    detected.why_not.extend(told_passed_over(
                        input,
                        &companion.object,
                        companion.manifest,
                        &different.passed,
                    ));
                    if different.is_nothing() {
                        detected.why_not.extend(different.nothing(&companion.object));
                        continue;
                    }
                    detected.unknown.extend(unread_rules(input, &companion.object, companion.manifest));
                    detected.findings.extend(answer(input, companion.object, companion.manifest, different, false));
                }
                Err((part, why)) => {
                    let what = match part {
                        Part::Object => companion.object.to_string(),
                        Part::Types => format!("the types of {}", companion.object),
                    };
                    detected.unknown.push(UnknownFact::unread(what, why));
                }
            }
        }
        detected
    }
}

/// An object that is being deleted: no apply takes that back, and what Git declares comes only when it is gone (X8).
fn being_deleted(input: &DetectInput<'_>, object: &ObjectRef) -> Option<Reported> {
    let live = input.facts.object(object).known().copied()??;
    let since = live.deleted_at()?;
    let finalizers = live.body.at("/metadata/finalizers").and_then(serde_json::Value::as_array);
    let finalizers: Vec<&str> = finalizers.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let held = match finalizers.len() {
        0 => String::new(),
        1 => format!(", and its finalizer {} holds it", finalizers[0]),
        _ => format!(", and its finalizers {} hold it", listed(&finalizers, 3)),
    };
    let message = format!("{object} is being deleted since {since}{held}: nobody can bring it back while it goes");
    let see = format!("kubectl -n {} get {}/{} -o yaml", object.namespace, object.kind.to_lowercase(), object.name);
    let help = format!("see who has to let it go; once it is gone it is made anew as Git declares it: {see}");
    let help = vec![Untrusted::new(help)];
    Some(Reported { severity: Severity::Error, ..kept("being-deleted", object, message, help) })
}

/// Why a manifest does not say what Git wants: Kubernetes takes no such value or field, and what was meant is not known.
fn invalid(manifest: &Manifest) -> Option<Unknown> {
    let fault = first_fault(manifest)?;
    // What is rendered is no file that anybody could open.
    let place = match fault.labels.first() {
        _ if manifest.rendered => format!("{}, as {} renders it,", manifest.object, manifest.path),
        Some(label) => label.span.to_string(),
        None => manifest.path.to_string(),
    };
    let message = format!("{place} is nothing that Kubernetes takes ({})", fault.code);
    Some(Unknown { code: UnknownCode::Malformed, message, detail: Some(Untrusted::new(fault.message)) })
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
    /// Fields that Argo CD is told to pass over.
    passed: Vec<FieldDrift>,
}

impl Different<'_> {
    /// Nothing is left to bring back: the API server was asked, and an apply would change nothing, or Argo CD passes over all of it.
    fn is_nothing(&self) -> bool {
        self.live.is_some() && self.fields.is_empty()
    }

    /// What is said of that.
    fn nothing(&self, object: &ObjectRef) -> Option<WhyNot> {
        self.passed.is_empty().then(|| nothing(object))
    }
}

/// What is said of differences that an apply would not change.
fn nothing(object: &ObjectRef) -> WhyNot {
    let because =
        format!("{object} is written otherwise, and the API server says that applying the manifest changes nothing");
    WhyNot::new("reconcile", because)
}

pub(super) fn is_direct(input: &DetectInput<'_>) -> bool {
    let place = input.catalog.workspace.value.environments.get(input.environment);
    place.is_some_and(|place| place.delivery == Delivery::Direct)
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
        return Ok(Some(Different { live, fields: Vec::new(), approximate, passed: Vec::new() }));
    }
    let schema = input.facts.schema(&object.api_version, &object.kind).ok().map_err(|why| (Part::Types, why))?;
    // bpctl's own apply leaves out what is declared as nothing, and with that takes away what it brought there before.
    let said = manifest.document.without_nothing().filter(|_| is_direct(input));
    let document = said.as_ref().unwrap_or(&manifest.document);
    let mut fields = live.map(|live| compare(document, live, schema, &DeliveryManagers::default())).unwrap_or_default();
    if let Some(live) = live.filter(|_| !is_direct(input)) {
        fields.extend(replaced(&manifest.document, live, &fields));
    }
    fields.retain(|drift| !manifest.is_unstable(&drift.path) && !is_kept_address(object, drift));
    if live.is_some() && fields.is_empty() {
        return Ok(None);
    }
    let (fields, approximate) = match tried {
        None => (fields, None),
        Some(Known::Known(tried)) => (exact(&manifest.document, live, tried, schema, fields), None),
        Some(Known::Unknown(why)) => (fields, Some(why)),
    };
    let (passed, fields) = match live {
        Some(live) => passed_over(input, (object, manifest), live, fields),
        None => (Vec::new(), fields),
    };
    Ok(Some(Different { live, fields, approximate, passed }))
}

/// What is found, each with what is done about it. What no apply can do, bpctl's own or the controller's, is told to a person, and is no
/// action: it would be tried again and again.
fn answer(
    input: &DetectInput<'_>,
    object: ObjectRef,
    manifest: &Manifest,
    different: Different<'_>,
    leave_replicas: bool,
) -> Vec<(Finding, Option<Action>)> {
    let direct = is_direct(input);
    let stays = |live: &LiveObject, path: &FieldPath| {
        if direct { kept_by(live, path).is_some() } else { kept_by_others(&manifest.document, live, path) }
    };
    let refused = refusals(&object, manifest, &different, direct, stays);
    if !refused.is_empty() {
        return beside_refused(object, different, refused);
    }
    let Some(live) = different.live.filter(|_| direct) else {
        return merged(input, object, manifest, different, leave_replicas);
    };
    let stays = |drift: &FieldDrift| drift.kind == DriftKind::PendingRemoval && kept_by(live, &drift.path).is_some();
    let (stay, fields): (Vec<FieldDrift>, Vec<FieldDrift>) = different.fields.iter().cloned().partition(stays);
    let mut found = Vec::new();
    if !stay.is_empty() {
        found.push((Finding::Reported(field_kept(&object, manifest, live, &stay)), None));
    }
    if !fields.is_empty() {
        found.push(finding(input, object, Different { fields, ..different }, leave_replicas));
    }
    found
}

/// What a controller brings, and what stays of it: a key that somebody added to a mapping which client-side apply merges (X8).
fn merged(
    input: &DetectInput<'_>,
    object: ObjectRef,
    manifest: &Manifest,
    different: Different<'_>,
    leave_replicas: bool,
) -> Vec<(Finding, Option<Action>)> {
    let keys = |drift: &FieldDrift| different.live.and_then(|live| kept_keys(&manifest.document, live, drift));
    let kept: Vec<(FieldDrift, KeptKeys)> =
        different.fields.iter().filter_map(|drift| Some((drift.clone(), keys(drift)?))).collect();
    if kept.is_empty() {
        return vec![finding(input, object, different, leave_replicas)];
    }
    let reported = Finding::Reported(key_kept(&object, &kept));
    // Of a mapping that loses another key the rest is brought back.
    let stays = |drift: &FieldDrift| kept.iter().any(|(one, keys)| one.path == drift.path && !keys.others_go);
    let (stay, fields): (Vec<FieldDrift>, Vec<FieldDrift>) = different.fields.iter().cloned().partition(stays);
    let waits = DriftFinding { object: object.clone(), fields: stay, approximate: None };
    let mut found = Vec::new();
    if !fields.is_empty() {
        found.push(finding(input, object, Different { fields, ..different }, leave_replicas));
    }
    found.push((reported, None));
    if !waits.fields.is_empty() {
        found.push((Finding::Drift(waits), None));
    }
    found
}

/// Whether the API server refuses every change of a field. What Git takes back, or admission changes, is not asked of it.
fn is_immutable(object: &ObjectRef, live: &LiveObject, drift: &FieldDrift) -> bool {
    let below = |key: &&str| drift.path.starts_with_keys(&["spec", key]);
    let changed = drift.kind == DriftKind::Changed;
    match (object.api_version.as_str(), object.kind.as_str()) {
        ("apps/v1", "Deployment" | "DaemonSet") => below(&"selector"),
        ("apps/v1", "StatefulSet") => {
            ["selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"].iter().any(below)
        }
        ("batch/v1", "Job") => {
            let suspended = live.body.at("/spec/suspend").and_then(serde_json::Value::as_bool) == Some(true);
            !suspended && ["template", "selector", "completionMode", "podFailurePolicy"].iter().any(below)
        }
        ("v1", "Service") => changed && below(&"clusterIP"),
        ("v1", "PersistentVolumeClaim") => {
            let free = |keys: &[&str]| drift.path.starts_with_keys(keys);
            changed
                && free(&["spec"])
                && !free(&["spec", "resources", "requests"])
                && !free(&["spec", "volumeAttributesClassName"])
        }
        ("v1", "ConfigMap") => {
            live.body.get("immutable").and_then(serde_json::Value::as_bool) == Some(true)
                && ["data", "binaryData", "immutable"].iter().any(|key| drift.path.starts_with_keys(&[key]))
        }
        _ => false,
    }
}

/// Why the API server takes no apply of an object, each with the fields that it is about.
fn refusals(
    object: &ObjectRef,
    manifest: &Manifest,
    different: &Different<'_>,
    direct: bool,
    stays: impl Fn(&LiveObject, &FieldPath) -> bool,
) -> Vec<(Reported, Vec<FieldPath>)> {
    let mut all: Vec<(Reported, Vec<FieldPath>)> = Vec::new();
    if let Some(live) = different.live {
        let rivals = kept_rivals(&manifest.document, live, direct, |path| stays(live, path));
        all.extend(rivals.into_iter().map(|rival| (rival_kept(object, &rival), Vec::new())));
        // Where bpctl delivers, its own apply is refused in earnest, and that is told until one succeeds (B11).
        if !direct {
            all.extend(immutable(object, live, different));
        }
        if let Some(port) = kept_port(&manifest.document, live, direct, |path| stays(live, path)) {
            // Of a container the finding does not say where: that is told beside it.
            let told = if object.kind == "Service" { vec![port.list.clone()] } else { Vec::new() };
            all.push((port_kept(object, &port, different.fields.len()), told));
        }
    }
    // bpctl asks by a server-side apply; what delivers the object takes away what that is refused for.
    let alone = different.live.is_some_and(|live| is_refused_to_bpctl_alone(&manifest.document, live));
    if all.is_empty() && !direct && !alone {
        all.extend(said_no(object, different).map(|reported| (reported, Vec::new())));
    }
    all
}

/// What is refused, and what else differs of the object: that waits, and is not to vanish meanwhile (X10).
fn beside_refused(
    object: ObjectRef,
    different: Different<'_>,
    refused: Vec<(Reported, Vec<FieldPath>)>,
) -> Vec<(Finding, Option<Action>)> {
    let told =
        |drift: &FieldDrift| refused.iter().flat_map(|(_, paths)| paths).any(|path| drift.path.0.starts_with(&path.0));
    let Different { fields, approximate, .. } = different;
    let fields: Vec<FieldDrift> = fields.into_iter().filter(|drift| !told(drift)).collect();
    let mut found: Vec<(Finding, Option<Action>)> =
        refused.into_iter().map(|(reported, _)| (Finding::Reported(reported), None)).collect();
    if !fields.is_empty() {
        found.push((Finding::Drift(DriftFinding { object, fields, approximate }), None));
    }
    found
}

/// A changed field that Kubernetes never changes in place.
fn immutable(object: &ObjectRef, live: &LiveObject, different: &Different<'_>) -> Option<(Reported, Vec<FieldPath>)> {
    let fixed =
        different.fields.iter().filter(|drift| drift.kind != DriftKind::Admission && is_immutable(object, live, drift));
    let fixed: Vec<FieldPath> = fixed.map(|drift| drift.path.clone()).collect();
    if fixed.is_empty() {
        return None;
    }
    let wait = if different.fields.len() > fixed.len() { "; what else differs of it waits for that" } else { "" };
    let message = format!(
        "{object}: Git changes {}, which Kubernetes never changes in place: the API server refuses the object, whoever applies it{wait}",
        listed(&fixed, 3)
    );
    // Pods that another selector looks for are nobody's, and their names are taken: a new set could make none.
    let reselects = fixed.iter().any(|path| path.starts_with_keys(&["spec", "selector"]));
    let claims_go = live.body.at("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted")
        == Some(&serde_json::Value::from("Delete"));
    let (orphan, pods) = match object.kind.as_str() {
        "StatefulSet" if reselects && claims_go => {
            ("", " (its pods go with it, and its volume claims with all their data: whenDeleted is Delete)")
        }
        "StatefulSet" if reselects => {
            ("", " (its pods go with it, its volume claims stay: nobody is served meanwhile)")
        }
        "StatefulSet" => (" --cascade=orphan", " (its pods and volume claims stay)"),
        "PersistentVolumeClaim" => {
            let help = "take the change back in Git, or declare a claim of another name and move the data: deleting this one deletes them";
            let reported = kept("apply-refused", object, message, vec![Untrusted::new(help)]);
            return Some((Reported { severity: Severity::Error, ..reported }, fixed));
        }
        "Service" => ("", " (it cannot be reached meanwhile)"),
        "ConfigMap" => ("", " (no pod that reads it starts meanwhile)"),
        _ => ("", " (its pods go with it)"),
    };
    let delete =
        format!("kubectl -n {} delete {}/{}{orphan}", object.namespace, object.kind.to_lowercase(), object.name);
    let help = format!("take the change back in Git, or delete the object so that it is made anew{pods}: {delete}");
    let help = vec![Untrusted::new(help)];
    Some((Reported { severity: Severity::Error, ..kept("apply-refused", object, message, help) }, fixed))
}

/// What a dry run of the apply was refused for.
fn said_no(object: &ObjectRef, different: &Different<'_>) -> Option<Reported> {
    let said = different.approximate.as_ref().filter(|why| why.code == UnknownCode::Refused)?;
    let why = said.detail.as_ref().map_or(said.message.as_str(), Untrusted::raw);
    let namespace = &object.namespace;
    let (message, help) = if why.contains(&format!("namespaces \"{namespace}\" not found")) {
        (
            format!("{object}: its namespace {namespace} does not exist, and the API server takes it nowhere else"),
            format!("create the namespace, or correct its name in Git: kubectl create namespace {namespace}"),
        )
    } else {
        (
            format!("{object}: the API server refuses what Git declares, whoever applies it: {why}"),
            "correct the manifest, or what refuses it; or, where it only is at odds with what the cluster has besides, take that out".to_owned(),
        )
    };
    let help = vec![Untrusted::new(help)];
    Some(Reported { severity: Severity::Error, ..kept("apply-refused", object, message, help) })
}

/// A field beside which the API server takes no field that Git declares, and which every apply leaves there.
fn rival_kept(object: &ObjectRef, Rival { declared, kept: rival, by, rule }: &Rival) -> Reported {
    let by = by.as_ref().map_or_else(String::new, |by| format!(" (by {})", by.manager.raw()));
    let message = format!(
        "{object}: Git declares {declared}, and the cluster has {rival}{by}, which every apply leaves there: the API server {}, and refuses \
         the object",
        rule.unwrap_or("takes only one of the two")
    );
    // What a rolling update goes by the server puts there again where its type stays: both are written at once.
    let strategy = match object.kind.as_str() {
        "Deployment" if rival.is_keys(&["spec", "strategy", "rollingUpdate"]) => Some(("strategy", "Recreate")),
        "StatefulSet" if rival.is_keys(&["spec", "updateStrategy", "rollingUpdate"]) => {
            Some(("updateStrategy", "OnDelete"))
        }
        _ => None,
    };
    let help = match strategy {
        Some((key, kind)) => format!(
            "the manifest is right: write what Git declares once by hand, both at once: kubectl -n {} patch {}/{} --type=merge \
             -p '{{\"spec\":{{\"{key}\":{{\"type\":\"{kind}\",\"rollingUpdate\":null}}}}}}'",
            object.namespace,
            object.kind.to_lowercase(),
            object.name
        ),
        // Without any of them the server fills one in, or refuses the object.
        None if rule.is_none() && !rival.has_key("type") => {
            format!("write {declared} in the place of {rival}, or declare that in Git instead: {}", edit(object))
        }
        None => format!("take {rival} out, or declare it in Git instead: {}", edit(object)),
    };
    Reported { severity: Severity::Error, ..kept("apply-refused", object, message, vec![Untrusted::new(help)]) }
}

/// Fields that Git dropped and bpctl's apply cannot take away.
fn field_kept(object: &ObjectRef, manifest: &Manifest, live: &LiveObject, fields: &[FieldDrift]) -> Reported {
    let mut managers: Vec<Untrusted> = Vec::new();
    for manager in fields.iter().filter_map(|drift| kept_by(live, &drift.path)).flatten() {
        if !managers.contains(&manager) {
            managers.push(manager);
        }
    }
    let names: Vec<&str> = managers.iter().map(Untrusted::raw).collect();
    let who = if names.is_empty() { "others than bpctl own them".into() } else { format!("of {}", listed(&names, 3)) };
    let named: Vec<String> = fields.iter().map(|drift| drift.path.to_string()).collect();
    let (are, them) = if fields.len() == 1 { ("is", "it") } else { ("are", "them") };
    let message = format!(
        "{object}: {} {are} no longer in Git and {are} kept in the cluster, because {who}: bpctl's apply does not take {them} away",
        listed(&named, 3)
    );
    let mut help = vec![Untrusted::new(format!("take {them} out by hand: {}", edit(object)))];
    if names.contains(&CLIENT_SIDE_APPLY) && !manifest.rendered {
        help.push(Untrusted::new(format!(
            "or hand over to bpctl, once, what kubectl applied; that takes {them} out too: kubectl -n {} apply --server-side \
             --field-manager={FIELD_MANAGER} --force-conflicts -f {}",
            object.namespace,
            shell(manifest.path.as_str())
        )));
    }
    kept("field-kept", object, message, help)
}

/// A changed port, whose old one no apply takes away; `differences`: how many there are of the object.
fn port_kept(
    object: &ObjectRef,
    KeptPort { declared: added, kept: stays, is_there, .. }: &KeptPort,
    differences: usize,
) -> Reported {
    let wait = if differences > 1 { "; what else differs of it waits for that" } else { "" };
    let (brings, mend) = if *is_there {
        (format!("make {added} as Git says"), format!("take {stays} out, or give it what is not {added}'s"))
    } else {
        (format!("put {added}"), format!("write {added} in the place of {stays}"))
    };
    let message = format!(
        "{object}: the cluster has port {stays}, Git says {added}. An apply would {brings} beside {stays}, which others own, and the \
         API server refuses the two{wait}"
    );
    let help = format!("{mend}: {}", edit(object));
    kept("port-kept", object, message, vec![Untrusted::new(help)])
}

pub(super) fn kept(code: &str, object: &ObjectRef, message: String, help: Vec<Untrusted>) -> Reported {
    Reported { object: Some(object.clone()), ..Reported::for_person(code, Severity::Warning, message, help) }
}

pub(super) fn edit(object: &ObjectRef) -> String {
    format!("kubectl -n {} edit {}/{}", object.namespace, object.kind.to_lowercase(), object.name)
}

fn finding(
    input: &DetectInput<'_>,
    object: ObjectRef,
    different: Different<'_>,
    leave_replicas: bool,
) -> (Finding, Option<Action>) {
    let Different { live, fields, approximate, .. } = different;
    let reverted = fields.iter().map(|drift| RevertedField {
        field: drift.path.clone(),
        from: drift.live.clone(),
        to: match drift.kind {
            DriftKind::PendingRemoval => None,
            DriftKind::Admission => drift.admitted.clone(),
            DriftKind::Changed | DriftKind::Missing | DriftKind::Order => {
                drift.admitted.clone().or_else(|| drift.declared.clone())
            }
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

/// What is not known where a file of the source cannot be read.
pub(crate) const ELSE: &str = "what else belongs to it";

pub(super) const REPLICAS: [&str; 2] = ["spec", "replicas"];

/// What is not known where autoscalers cannot be listed.
pub(super) const AUTOSCALED: &str = "whether an autoscaler owns its replicas";

/// The autoscaler that owns a workload's replicas, in words: one that the workload's own sources declare, whoever wrote the number last, one
/// that only the cluster has for it, or one that wrote it. What Git says of them is then nothing to wait for, and nothing to bring back.
pub(super) fn autoscaler(input: &DetectInput<'_>, live: Option<&LiveObject>) -> Known<Option<String>> {
    let blueprint = &input.blueprint.value;
    if !blueprint.spec.target.workload.kind.has_replicas() {
        return Known::Known(None);
    }
    if let Some(scaler) = input.catalog.autoscaler(input.environment, &blueprint.metadata.name) {
        return Known::Known(Some(format!("{} ({})", scaler.object, scaler.manifest.path)));
    }
    let there = input.facts.autoscaler(&blueprint.spec.target.object());
    // What a HorizontalPodAutoscaler wrote that is gone is nobody's any more.
    let gone = matches!(there, Known::Known(None));
    let by = live.and_then(|live| writer(live, &FieldPath::keys(REPLICAS.to_vec())));
    let by = by.filter(|by| scales(by) && !(gone && by.is_horizontal_autoscaler()));
    let by = by.map(|by| format!("an autoscaler ({})", crate::render::sink::terminal(&by.manager)));
    match there {
        Known::Known(Some(name)) => Known::Known(Some(format!("{} (of the cluster)", scaler_named(name)))),
        Known::Unknown(why) if by.is_none() => Known::Unknown(why),
        _ => Known::Known(by),
    }
}

/// An autoscaler of the cluster, which a name from outside tells apart.
pub(super) fn scaler_named(name: &Untrusted) -> String {
    format!("HorizontalPodAutoscaler/{}", crate::render::sink::terminal(name))
}

/// Why no manifest is the target's, as `target-missing` has it: it is in another namespace, there is no file, or it is not there.
fn undeclared_target(input: &DetectInput<'_>, source: &RepoPath, target: &ObjectRef) -> String {
    let rendered = input.catalog.renderings(input.environment).iter().filter(|one| one.root.meets(source));
    let rendered = rendered.filter_map(|one| one.outcome.as_ref().ok()).flat_map(|all| all.iter());
    let plain = input.catalog.manifests.iter().filter(|(path, _)| path.is_within(source));
    let plain = plain.flat_map(|(_, all)| all.iter()).filter(|_| !input.catalog.renders(input.environment, source));
    let all: Vec<&ObjectRef> = rendered.chain(plain).map(|manifest| &manifest.object).collect();
    if all.is_empty() && !input.catalog.renders(input.environment, source) {
        return format!("there are no manifests at {source}");
    }
    match all.iter().find(|object| object.kind == target.kind && object.name == target.name) {
        Some(other) if served_instead(&other.api_version, &other.kind).is_some() => {
            format!(
                "{source} declares {target} of {}, which Kubernetes serves no more (manifest-invalid)",
                other.api_version
            )
        }
        Some(other) if !other.namespace.is_empty() => format!(
            "{source} declares {target} in namespace {}, and the blueprint's is {}",
            other.namespace, target.namespace
        ),
        _ => {
            let instead = instead(target, all.into_iter()).map_or_else(String::new, |instead| format!("; {instead}"));
            format!("no manifest below {source} declares {target}{instead}")
        }
    }
}

/// An autoscaler that scales the workload and that its sources do not declare.
fn undeclared(input: &DetectInput<'_>) -> Option<Reported> {
    let target = &input.blueprint.value.spec.target;
    let declared = || input.catalog.autoscaler(input.environment, &input.blueprint.value.metadata.name).is_some();
    if !target.workload.kind.has_replicas() || declared() {
        return None;
    }
    let name = input.facts.autoscaler(&target.object()).known().copied()??;
    let (scaler, object) = (scaler_named(name), target.object());
    let elsewhere = input.catalog.autoscaler_named(input.environment, &object.namespace, name.raw());
    let below = |file: &str| RepoPath::new(file).is_ok_and(|path| path.is_within(&target.source));
    let kindless = input.catalog.kindless.iter().filter_map(|fault| fault.labels.first());
    let unread = input.catalog.unreadable.keys().map(ToString::to_string).find(|file| below(file));
    let unread =
        unread.or_else(|| kindless.map(|label| &label.span).find(|span| below(&span.file)).map(ToString::to_string));
    let (there, help) = match elsewhere {
        None if let Some(place) = unread => (
            format!("{scaler} scales it, and nothing that can be read below {} declares it", target.source),
            format!("correct {place}, which may be meant to: bpctl lint says what is wrong with it"),
        ),
        None => (
            format!("{scaler} scales it and is in the cluster alone"),
            format!("declare it below {}, or delete it there", target.source),
        ),
        Some(manifest) => {
            let scaled = manifest.document.root.at(&["spec", "scaleTargetRef"]);
            let text = |key| {
                scaled.and_then(|scaled| scaled.get(key)).and_then(crate::yaml::Node::as_str).unwrap_or("nothing")
            };
            let path = &manifest.path;
            if (text("kind"), text("name")) == (object.kind.as_str(), object.name.as_str()) {
                (
                    format!("{scaler} scales it, and {path}, which is not below {}, declares it", target.source),
                    format!("name a `source` that holds {path} too"),
                )
            } else {
                (
                    format!(
                        "{scaler} scales it in the cluster; {path} declares it for {}/{}",
                        text("kind"),
                        text("name")
                    ),
                    format!(
                        "if it is meant for {}/{}, write so in its scaleTargetRef in {path}",
                        object.kind, object.name
                    ),
                )
            }
        }
    };
    let message = format!("{there}: the replicas are left to it");
    let help = vec![Untrusted::new(help)];
    let reported = Reported::for_person("autoscaler-undeclared", Severity::Info, message, help);
    Some(Reported { needs_person: false, ..reported })
}

/// An autoscaler: that of Kubernetes, or one whose name says so.
fn scales(by: &Attribution) -> bool {
    by.is_horizontal_autoscaler() || by.manager.raw().contains("autoscaler")
}
