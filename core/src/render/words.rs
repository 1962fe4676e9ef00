//! The sentences that every medium shares.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::rights::missing_rule;
use super::values::{value, values};
use crate::action::{Action, AdoptedField, RequestChange};
use crate::blueprint::Tier;
use crate::credential::{names_credential, value_holds};
use crate::decide::drift::{Attribution, DriftKind, FieldDrift};
use crate::decide::{
    Broke, BrokenChange, ELSE, FailedPod, Failing, Finding, MeasuredRequest, Reported, UnknownFact, short,
};
use crate::execute::Effect;
use crate::model::{FieldPath, Name, ObjectRef, Percent, Segment, Severity, Untrusted, WorkloadKind};
use crate::observe::{ObservedFrom, Unknown, UnknownCode};
use crate::plan::{BlueprintPlan, Cause, Causes, ConfigChange, Hidden, Plan, PlanItem};

/// The sign beside an action; a word always stands with it.
pub fn symbol(item: &PlanItem) -> &'static str {
    match (&item.action, item.verdict.tier) {
        (_, Tier::Forbidden) => "✗",
        (Action::Scale(scale), _) if scale.from.is_some_and(|from| scale.to < from) => "▼",
        (Action::Scale(_), _) if matches!(&item.finding, Finding::Saturation(found) if !found.above) => "▼",
        (Action::Resize(resize), _) if resize.requests.iter().all(|request| request.to < request.from) => "▼",
        (Action::Scale(_) | Action::Resize(_), _) => "▲",
        (Action::Restart(_), _) => "↻",
        (Action::Rollback(_), _) => "↩",
        (Action::Adopt(_), _) => "←",
        (Action::Reconcile(_), _) => match item.finding {
            Finding::Absent { .. } => "+",
            _ => "~",
        },
    }
}

/// What changes, in short: `replicas 2 → 3`.
pub fn change(item: &PlanItem) -> String {
    match &item.action {
        Action::Scale(scale) => {
            let has = match &item.finding {
                Finding::Saturation(found) => format!("{} (not in Git)", found.replicas),
                _ => "(not in Git)".into(),
            };
            let from = scale.from.map_or(has, |from| from.to_string());
            match &scale.limit {
                None => format!("replicas {from} → {}", scale.to),
                Some(limit) => format!("replicas {from} → {}, max_replicas {} → {}", scale.to, limit.from, limit.to),
            }
        }
        Action::Resize(resize) => {
            let told: Vec<String> = resize.requests.iter().map(request).collect();
            told.join(", ")
        }
        Action::Restart(_) => match &item.finding {
            Finding::Failing(failing) => {
                let (next, max) = (failing.restarts.saturating_add(1), failing.max.unwrap_or(0));
                format!("replace its pods, restart {next} of {max}")
            }
            _ => "replace its pods".into(),
        },
        Action::Rollback(rollback) => {
            let to = match &item.finding {
                Finding::Broken(BrokenChange { before: Some(before), .. }) => {
                    format!("to what {} had", short(before))
                }
                Finding::Broken(broken) => format!("to what stood before {}", short(&broken.commit)),
                _ => "to what stood before".into(),
            };
            let told = rollback.fields.iter().map(|back| set(&back.field, Some(&back.from), Some(&back.to)));
            format!("{to}: {}", short_list(told.chain(rollback.config.iter().map(super::back::set_config))))
        }
        Action::Adopt(adopt) => {
            short_list(adopt.fields.iter().map(|one| set(&one.field, one.from.as_ref(), one.to.as_ref())))
        }
        Action::Reconcile(reconcile) => {
            let told = match (&item.finding, reconcile.fields.len()) {
                (Finding::Absent { object, .. }, _) => return format!("create {object}"),
                (_, 1) => replicas(&reconcile.fields[0]).unwrap_or_else(|| "1 field".into()),
                (_, fields) => format!("{fields} fields"),
            };
            companion(item).map_or(told.clone(), |companion| format!("{companion}: {told}"))
        }
    }
}

/// The object, where the action is not about the workload itself but about what belongs to it. Names of objects in Git need no sink: the
/// catalog takes names that Kubernetes takes.
pub fn companion(item: &PlanItem) -> Option<String> {
    let object = item.action.workload();
    WorkloadKind::of(object).is_none().then(|| object.to_string())
}

/// What changes, with the object that it changes: `Deployment/web: replicas 2 → 3`.
pub fn subject(item: &PlanItem) -> String {
    match item.finding {
        Finding::Absent { .. } => change(item),
        _ if companion(item).is_some() => change(item),
        _ => format!("{}: {}", item.action.workload(), change(item)),
    }
}

/// `image web:2 → web:1`, of fields that have a short name, and with values that no medium makes anything of; the others are only counted
/// here, and listed through the medium's sink.
fn set(field: &FieldPath, from: Option<&Json>, to: Option<&Json>) -> Option<String> {
    let resource = |key: &str| matches!(key, "cpu" | "memory");
    let name = match field.0.as_slice() {
        _ if field.is_keys(&["spec", "replicas"]) => "replicas".to_owned(),
        [.., Segment::Key(image)] if image == "image" => "image".to_owned(),
        [.., Segment::Key(part), Segment::Key(key)] if resource(key) && part == "requests" => format!("{key} request"),
        [.., Segment::Key(part), Segment::Key(key)] if resource(key) && part == "limits" => format!("{key} limit"),
        [.., Segment::Item(keys), Segment::Key(value)] if value == "value" && field.has_key("env") => {
            let (_, name) = keys.first().filter(|_| !names_credential(field))?;
            plain(&Json::from(name.as_str()))?
        }
        _ => return None,
    };
    let held = name != "image" && [from, to].into_iter().flatten().any(value_holds);
    let text = |value: Option<&Json>| value.map_or_else(|| Some("nothing".into()), plain).filter(|_| !held);
    let (from, to) = (text(from)?, text(to)?);
    // One registry and path is said in the list of fields.
    let path = |image: &str| image.rfind('/').map(|at| image[..=at].to_owned());
    let shared = path(&from).filter(|_| name == "image" && path(&from) == path(&to)).map_or(0, |path| path.len());
    Some(format!("{name} {} → {}", &from[shared..], &to[shared..]))
}

/// What has a short name, and how much there is besides.
fn short_list(all: impl Iterator<Item = Option<String>>) -> String {
    let (told, rest): (Vec<_>, Vec<_>) = all.partition(Option::is_some);
    let more = match (told.len(), rest.len()) {
        (_, 0) => None,
        (0, 1) => Some("1 field".into()),
        (0, fields) => Some(format!("{fields} fields")),
        (_, 1) => Some("1 more field".into()),
        (_, fields) => Some(format!("{fields} more fields")),
    };
    let told: Vec<String> = told.into_iter().flatten().chain(more).collect();
    told.join(", ")
}

/// The fields that are taken into Git, one by one, each with who wrote it in the cluster; texts go through the medium's sink.
pub fn adopted(item: &PlanItem, sink: impl Fn(&Untrusted) -> String) -> Vec<String> {
    let (Action::Adopt(adopt), Finding::Adopted { drifts }) = (&item.action, &item.finding) else { return Vec::new() };
    let told = |one: &AdoptedField| {
        let fields = drifts.iter().filter(|drift| drift.object == one.object).flat_map(|drift| &drift.fields);
        let by = fields.filter(|field| field.path == one.field).find_map(|field| field.by.as_ref());
        let by = by.map_or_else(String::new, |by| format!(", {}", written(by, &sink)));
        let field = sink(&Untrusted::new(format!("{} of {}", one.field, one.object)));
        format!("{field}: {} → {}{by}", sink(&value(one.from.as_ref())), sink(&value(one.to.as_ref())))
    };
    adopt.fields.iter().map(told).collect()
}

/// `written by kubectl-edit at 2026-11-21T02:49:20Z`; the manager's name goes through the medium's sink.
pub fn written(by: &Attribution, sink: impl Fn(&Untrusted) -> String) -> String {
    let when = by.at.map_or_else(String::new, |at| format!(" at {at:.0}"));
    let how = by.subresource.as_ref().map_or_else(String::new, |s| format!(" ({} subresource)", sink(s)));
    let sure = if by.exact { "" } else { " (or another manager)" };
    format!("written by {}{how}{when}{sure}", sink(&by.manager))
}

/// Every value that an action sets, before and after, as it is: what a renderer has to make of the edit.
pub fn told(item: &PlanItem) -> String {
    let shown = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pair = |(from, to): (&Json, &Json)| format!("{} → {}", shown(from), shown(to));
    let pairs: Vec<String> = match &item.action {
        Action::Rollback(rollback) => rollback.values().filter_map(|(_, _, from, to)| from.zip(to)).map(pair).collect(),
        Action::Adopt(adopt) => {
            adopt.fields.iter().filter_map(|one| one.from.as_ref().zip(one.to.as_ref())).map(pair).collect()
        }
        _ => vec![change(item)],
    };
    pairs.join("\n")
}

/// A number, or a word of an image or a quantity: nothing that Markdown, a forge or a terminal would obey.
pub(super) fn plain(value: &Json) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let good = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
    let live = text.contains("//") || text.to_ascii_lowercase().starts_with("www.");
    (!live && text.len() <= 100 && text.chars().all(good)).then_some(text)
}

/// `cpu request 120m → 108m`. Quantities need no sink: their text is digits and a suffix.
fn request(change: &RequestChange) -> String {
    let RequestChange { resource, from, to, .. } = change;
    let raised = change.maximum.as_ref();
    let raised = raised.map_or_else(String::new, |m| format!(", {resource} maximum {} → {}", m.from, m.to));
    let limit = change.limit.as_ref();
    let limit = limit.map_or_else(String::new, |limit| format!(", {resource} limit {} → {}", limit.from, limit.to));
    format!("{resource} request {from} → {to}{limit}{raised}")
}

/// `cpu: 117m used, at 70% of the request that asks for 168m, 40% off`.
fn measured(request: &MeasuredRequest) -> String {
    let MeasuredRequest { resource, used, target_utilization, target, off, step } = request;
    let rest = if *step { ": a step now, the rest later" } else { "" };
    if *target_utilization == Percent::whole(100) && used == target {
        return format!("{resource} {used} used, {off} off{rest}");
    }
    format!("{resource} {used} used; at {target_utilization}, within its bounds, {target} is right, {off} off{rest}")
}

/// `replicas 1 → 0`, where that is the one field. Numbers need no sink.
fn replicas(field: &crate::action::RevertedField) -> Option<String> {
    let number = |value: &Option<Json>| value.as_ref().and_then(Json::as_u64);
    let named = field.field.is_keys(&["spec", "replicas"]);
    named.then_some(())?;
    Some(format!("replicas {} → {}", number(&field.from)?, number(&field.to)?))
}

/// Why, with its numbers.
pub fn because(item: &PlanItem) -> String {
    match &item.finding {
        Finding::Saturation(s) => {
            let side = if s.above { "above" } else { "below" };
            let pods = count(s.ready_pods, "ready pod");
            format!(
                "CPU {} of request over {}, {side} {} ({}m of {}m used by {pods})",
                s.utilization,
                s.window,
                s.threshold,
                s.usage.millis(),
                s.request.millis()
            )
        }
        Finding::Missized(missized) => {
            let told: Vec<String> = missized.requests.iter().map(measured).collect();
            let pods = count(missized.pods, "ready pod");
            format!("{} (mean of {pods} over {})", told.join("; "), missized.window)
        }
        Finding::Drift(_) => "the cluster differs from what Git declares".into(),
        Finding::Adopted { .. } => "the cluster differs from what Git declares, and Git is to have what it has".into(),
        Finding::Failing(failing) => failed(failing),
        Finding::Broken(broken) => format!("since {} {}", short(&broken.commit), wrong(broken)),
        Finding::Reported(_) => "it is reported below".into(),
        Finding::Absent { .. } => "Git declares it, and the cluster does not have it".into(),
    }
}

/// What an asked API server refuses or did not say, where it was asked; what it said itself goes through the medium's sink.
pub fn approximate(item: &PlanItem, said: impl Fn(&Untrusted) -> String) -> Option<String> {
    let why = not_tried(item)?;
    Some(match (&why.detail, why.code) {
        (Some(detail), UnknownCode::Refused) => format!("the API server refuses it: {}", said(detail)),
        (Some(detail), _) => format!("approximate: {} ({})", why.message, said(detail)),
        (None, _) => format!("approximate: {}", why.message),
    })
}

/// Why the server did not say what it would store of an item's object.
fn not_tried(item: &PlanItem) -> Option<&Unknown> {
    match &item.finding {
        Finding::Drift(drift) => drift.approximate.as_ref(),
        Finding::Absent { approximate, .. } => approximate.as_ref(),
        _ => None,
    }
}

/// ` · checked with the server's dry run`, where that was asked for and of what it was done.
pub fn exact(plan: &Plan) -> String {
    let items = || plan.blueprints.iter().flat_map(|part| &part.items);
    let asked = items().filter(|item| matches!(item.finding, Finding::Drift(_) | Finding::Absent { .. })).count();
    let refused = items().filter_map(not_tried).filter(|why| why.code == UnknownCode::Forbidden).count();
    let rights = format!("no right to patch {refused} of {asked} (templates/rbac/exact.yaml gives it)");
    match plan.from {
        _ if !plan.exact => String::new(),
        ObservedFrom::Snapshot { .. } => " · not checked with a dry run: a recording cannot be asked".into(),
        ObservedFrom::Live { .. } if refused == 0 => " · checked with the server's dry run".into(),
        ObservedFrom::Live { .. } if refused == asked => format!(" · not checked with the server's dry run: {rights}"),
        ObservedFrom::Live { .. } => format!(" · checked in part with the server's dry run: {rights}"),
    }
}

/// The fields that a finding shows one by one, each with the object that has it, where that is not the workload.
pub fn fields(item: &PlanItem) -> Vec<(Option<String>, &FieldDrift)> {
    fn all<'f>(object: &ObjectRef, fields: &'f [FieldDrift]) -> Vec<(Option<String>, &'f FieldDrift)> {
        let of = || WorkloadKind::of(object).is_none().then(|| object.to_string());
        fields.iter().map(|field| (of(), field)).collect()
    }
    match &item.finding {
        Finding::Drift(drift) => all(&drift.object, &drift.fields),
        Finding::Absent { object, admission, .. } => all(object, admission),
        Finding::Adopted { drifts } => drifts.iter().flat_map(|drift| all(&drift.object, &drift.fields)).collect(),
        _ => Vec::new(),
    }
}

/// Where Git declares a field, or what it stood below.
pub fn place(field: &FieldDrift) -> Option<String> {
    let how = if field.kind == DriftKind::PendingRemoval { "no longer below" } else { "declared at" };
    field.span.as_ref().map(|span| format!("{how} {span}"))
}

/// `ConfigMap/web size: huge → giant, k/kustomization.yaml:5:9`.
pub fn config(change: &ConfigChange, sink: impl Fn(&Untrusted) -> String) -> String {
    let show = |value: Option<&Untrusted>| value.map_or_else(|| "nothing".to_owned(), &sink);
    let place = change.span.as_ref().map_or_else(String::new, |span| format!(", {span}"));
    let key = sink(&Untrusted::new(change.key.as_str()));
    let (before, after) = (show(change.before.as_ref()), show(change.after.as_ref()));
    let more = change.more.map_or_else(String::new, |more| format!(", and {} more", count(more, "line")));
    format!("{} {key}: {before} → {after}{more}{place}", change.object)
}

/// A file's mode as people write it: `0440`; nobody reads it in decimals.
fn mode(path: &FieldPath, value: Option<&Json>) -> Option<String> {
    let is_mode = matches!(path.0.last(), Some(Segment::Key(key)) if key == "defaultMode" || key == "mode");
    value.and_then(Json::as_u64).filter(|_| is_mode).map(|mode| format!("0{mode:o}"))
}

/// `web:1 in the cluster, Git says web:2`; values are shown by the medium's sink.
pub fn difference(field: &FieldDrift, sink: impl Fn(&Untrusted) -> String) -> String {
    let (declared, live) = values(field.declared.as_ref(), field.live.as_ref());
    let show = |json: Option<&Json>, text: &Untrusted| mode(&field.path, json).unwrap_or_else(|| sink(text));
    let (declared, live) = (show(field.declared.as_ref(), &declared), show(field.live.as_ref(), &live));
    let admitted = field.admitted.as_ref().map(|admitted| sink(&value(Some(admitted))));
    // Replicas that an autoscaler keeps are no drift.
    let gone = field.path.is_keys(&["spec", "replicas"])
        && field.by.as_ref().is_some_and(Attribution::is_horizontal_autoscaler);
    let told = match (field.kind, &admitted) {
        // Whether one is there or not, none scales up from zero.
        (DriftKind::Changed, _) if gone && field.declared.as_ref().and_then(Json::as_u64) == Some(0) => {
            format!("{live} in the cluster, set by an autoscaler; Git says 0, from which none scales")
        }
        (DriftKind::Changed, _) if gone => {
            format!("{live} in the cluster, last set by an autoscaler that is gone; Git says {declared}")
        }
        (DriftKind::Changed, _) => format!("{live} in the cluster, Git says {declared}"),
        (DriftKind::Order, _) => format!("in the order {live} in the cluster, Git says {declared}"),
        (DriftKind::Missing, _) => format!("not in the cluster, Git says {declared}"),
        (DriftKind::PendingRemoval, _) => format!("{live} in the cluster, no longer in Git"),
        (DriftKind::Admission, Some(_)) if field.declared.is_some() => match field.live {
            Some(_) => format!("{live} in the cluster, Git says {declared}"),
            None => format!("Git says {declared}"),
        },
        (DriftKind::Admission, Some(admitted)) => {
            return format!("{live} in the cluster, admission makes it {admitted}; Git does not say");
        }
        (DriftKind::Admission, None) => {
            return format!("{live} in the cluster, admission takes it away; Git does not keep it");
        }
    };
    admitted.map_or(told.clone(), |admitted| format!("{told}, admission makes it {admitted}"))
}

/// `1 container failed: OOMKilled; 2 restarts so far, 0 of them by bpctl`. None of it is the cluster's own text.
fn failed(failing: &Failing) -> String {
    let mut kinds: Vec<&str> = failing.pods.iter().map(FailedPod::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let (containers, restarts) = (count(failing.pods.len(), "container"), count(failing.restarts, "restart"));
    format!("{containers} failed: {}; {restarts} so far, {} of them by bpctl", kinds.join(", "), failing.by_bpctl)
}

/// What is wrong since a change, in words of bpctl's own.
fn wrong(broken: &BrokenChange) -> String {
    if let Broke::Verification { operation, pull, missed } = &broken.broke {
        let why = if missed.is_empty() { String::new() } else { format!(": {}", missed.join("; ")) };
        return format!("the workload is not well: {operation} #{pull} failed its verification{why}");
    }
    let of = |reported: &Reported| match reported.code.as_str() {
        "image-not-pulled" => "an image cannot be pulled",
        "container-not-created" => "a container cannot be created",
        _ => "its pods fail, and restarts do not help",
    };
    let told: Vec<&str> = broken.reported.iter().map(of).collect();
    told.join("; ")
}

/// The lines that the action changes: `deploy/frontend.yaml:9:13`.
pub fn provenance(item: &PlanItem) -> Vec<String> {
    let places = item.effects.iter().filter_map(|effect| match effect {
        Effect::SetField(set) => Some(match set.at {
            Some(at) => format!("{}:{}:{}", set.path, at.line, at.column),
            None => set.path.to_string(),
        }),
        Effect::ApplyObject(_) | Effect::RestartPods(_) => None,
    });
    places.collect()
}

/// `error pods-failed`, with who has to act.
pub fn severity(reported: &Reported) -> String {
    let severity = match reported.severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let person = if reported.needs_person { ", for a person" } else { "" };
    format!("{severity} {}{person}", reported.code)
}

/// The blueprint's own line, for headings.
pub fn heading(part: &BlueprintPlan) -> String {
    format!("{} {}", part.name, part.version)
}

/// How many blueprints a plan is about: `3 blueprints`, `1 of 28 blueprints (--target frontend)`.
pub fn blueprints(plan: &Plan) -> String {
    match &plan.scope {
        None => count(plan.blueprints.len(), "blueprint"),
        Some(scope) => {
            let asked = super::sink::terminal(&Untrusted::new(scope.asked.join(" ")));
            format!("{} of {} ({asked})", plan.blueprints.len(), count(scope.of, "blueprint"))
        }
    }
}

/// A word of a command that a person may paste, quoted where a shell would read it as more than one word, or as another.
pub fn shell(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "…".into(), Into::into)
}

/// `1 replica`, `3 replicas`.
pub fn count<N: std::fmt::Display + From<u8> + PartialEq + Copy>(number: N, noun: &str) -> String {
    match noun {
        _ if number == N::from(1) => format!("1 {noun}"),
        "person" => format!("{number} people"),
        "policy" => format!("{number} policies"),
        _ => format!("{number} {noun}s"),
    }
}

/// `a, b and 3 more`.
pub fn listed(names: &[impl ToString], most: usize) -> String {
    let named: Vec<String> = names.iter().take(most).map(ToString::to_string).collect();
    let more = names.len().saturating_sub(most);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// `2 of 7 workloads could not be compared: api, cart`, and of which others a part could not be; `None`: all could.
pub fn uncompared(plan: &Plan) -> Option<String> {
    let names: Vec<&Name> = plan.uncompared().map(|(name, _)| name).collect();
    let of = count(plan.blueprints.len(), "workload");
    let whole =
        (!names.is_empty()).then(|| format!("{} of {of} could not be compared: {}", names.len(), listed(&names, 5)));
    let unread = |part: &BlueprintPlan| {
        let mut unread = part.unknown.iter().filter(|u| u.unread).peekable();
        if names.contains(&&part.name) || unread.peek().is_none() {
            return None;
        }
        let objects: Vec<&str> = unread.map(|u| u.what.as_str()).filter(|what| *what != ELSE).collect();
        let named = if objects.is_empty() { String::new() } else { format!(" ({})", listed(&objects, 3)) };
        Some(format!("{}{named}", part.name))
    };
    let partly: Vec<String> = plan.blueprints.iter().filter_map(unread).collect();
    let partly =
        (!partly.is_empty()).then(|| format!("not all that belongs to {} could be compared", listed(&partly, 5)));
    let told: Vec<String> = whole.into_iter().chain(partly).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// `the manifest: Helm could not render charts/api: the renderer refused (…)`; what others said goes through the medium's sink.
pub fn unknown(unknown: &UnknownFact, said: impl Fn(&Untrusted) -> String) -> String {
    let detail = unknown.why.detail.as_ref().map_or_else(String::new, |detail| format!(" ({})", said(detail)));
    format!("{}: {}{detail}", unknown.what, unknown.why.message)
}

/// What the cluster does not show for one reason, with what to do about it: a server that does not answer, a login or a right that is missing.
pub struct Unseen<'p> {
    /// Why, without what was attempted.
    why: String,
    /// What was said, each words once: of a right that is missing the server says another thing for each kind.
    said: Vec<&'p Untrusted>,
    /// What to do.
    help: Untrusted,
    facts: Vec<(&'p Name, &'p UnknownFact)>,
}

/// What the cluster does not show, each reason once: it is the same for all workloads, and first of all to be mended (R6).
pub fn unseen(plan: &Plan) -> Vec<Unseen<'_>> {
    let ObservedFrom::Live { context, .. } = &plan.from else { return Vec::new() };
    let mut all: Vec<Unseen<'_>> = Vec::new();
    for part in &plan.blueprints {
        for fact in &part.unknown {
            let Some((why, help)) = unseen_why(&fact.why, context) else { continue };
            let said = fact.why.detail.as_ref();
            // What grants one missing right grants the others: they are one finding, in which each is named.
            let same = |known: &&mut Unseen<'_>| {
                let words = known.said.first() == said.as_ref();
                known.why == why && (fact.why.code == UnknownCode::Forbidden || words)
            };
            match all.iter_mut().find(same) {
                Some(known) => {
                    known.facts.push((&part.name, fact));
                    known.said.extend(said.filter(|said| !known.said.contains(said)));
                }
                None => {
                    let (why, said) = (why.to_owned(), said.into_iter().collect());
                    all.push(Unseen { why, said, help, facts: vec![(&part.name, fact)] });
                }
            }
        }
    }
    all
}

const READER: &str =
    "templates/rbac/reader.yaml of bpctl's repository grants what is missing: get, list and watch, nothing else";

/// Why the cluster did not show something, and what to do about it; `None`: something else was asked, or it answered.
fn unseen_why<'u>(why: &'u Unknown, context: &str) -> Option<(&'u str, Untrusted)> {
    let (_, told) = why.message.split_once(&format!(" of context {context}: "))?;
    let of = shell(context);
    let help = match why.code {
        UnknownCode::Unreachable => {
            format!(
                "see whether its server can be reached: kubectl --context {of} version; bpctl.yaml names the context"
            )
        }
        // Who is not known gets no rights.
        UnknownCode::Forbidden if told.contains("credentials") => {
            format!("log in as the context's user again: kubectl --context {of} auth whoami says who that is")
        }
        UnknownCode::Forbidden => READER.into(),
        _ => return None,
    };
    Some((told, Untrusted::new(help)))
}

impl Unseen<'_> {
    /// Whether it is what this stands for.
    pub fn holds(&self, fact: &UnknownFact) -> bool {
        self.facts.iter().any(|(_, known)| std::ptr::eq(*known, fact))
    }

    /// `the API server did not answer (…)`; what others said goes through the medium's sink.
    pub fn why(&self, said: impl Fn(&Untrusted) -> String) -> String {
        let Some((first, others)) = self.said.split_first() else { return self.why.clone() };
        // Who is refused is the same for all: of the others what was asked for is enough.
        let refused = |words: &&Untrusted| {
            let asked = words.raw().find("cannot ").map_or(words.raw(), |at| &words.raw()[at..]);
            said(&Untrusted::new(asked))
        };
        let others: Vec<String> = others.iter().map(refused).collect();
        let others = if others.is_empty() { String::new() } else { format!("; {}", listed(&others, 9)) };
        format!("{} ({}{others})", self.why, said(first))
    }

    /// What to do; the name of a context goes through the medium's sink.
    pub fn help(&self, sink: impl Fn(&Untrusted) -> String) -> String {
        if self.help.raw() != READER {
            return sink(&self.help);
        }
        // What a blueprint names as a companion may be of any kind, and needs a rule of its own.
        let rules: BTreeSet<String> = self.said.iter().filter_map(|said| missing_rule(said)).collect();
        let others = self.said.iter().any(|said| missing_rule(said).is_none());
        let rules = listed(&rules.into_iter().collect::<Vec<_>>(), 9);
        match (rules.is_empty(), others || self.said.is_empty()) {
            (true, _) => sink(&self.help),
            (false, true) => sink(&Untrusted::new(format!("{READER}; but for what needs a rule of your own: {rules}"))),
            (false, false) => sink(&Untrusted::new(format!(
                "templates/rbac/reader.yaml does not grant it: add to the rules of the role that bpctl's account has: {rules}"
            ))),
        }
    }

    /// `of api, cart and 3 more: the cluster's object, Service/api`.
    pub fn what(&self) -> String {
        of_whom(&self.facts)
    }
}

/// `api, cart and 3 more: the cluster's object, Service/api`.
pub fn of_whom(facts: &[(&Name, &UnknownFact)]) -> String {
    let names: BTreeSet<&Name> = facts.iter().map(|(name, _)| *name).collect();
    // The workload itself before what belongs to it.
    let what: BTreeSet<(bool, &str)> = facts.iter().map(|(_, fact)| (!fact.uncompared, fact.what.as_str())).collect();
    let mut what: Vec<&str> = what.into_iter().map(|(_, what)| what).collect();
    what.dedup();
    let names = listed(&names.into_iter().collect::<Vec<_>>(), 3);
    format!("{names}: {}", listed(&what, 3))
}

/// The plan's id behind this, where there is an action: of plans without one it is always the same.
pub fn id(plan: &Plan, before: &str) -> String {
    let has = plan.items().next().is_some();
    if has { format!("{before}plan {}", plan.hash.short()) } else { String::new() }
}

/// What was compared, where nothing is to be done: of an empty repository that is another thing than of five workloads (X10).
pub fn nothing(plan: &Plan) -> String {
    let all = plan.blueprints.len();
    let seen = all - plan.uncompared().count();
    if all == 0 {
        return match &plan.scope {
            Some(_) => "nothing to do: no blueprint was selected".into(),
            None => {
                "nothing to do: no blueprint is about this environment; bpctl init writes one for each workload".into()
            }
        };
    }
    let (verb, are) = if seen == 1 { ("was", "is") } else { ("were", "are") };
    let compared = format!("{} {verb} compared and {are} as Git declares", count(seen, "workload"));
    match (seen, plan.has_unknown()) {
        (0, _) => "nothing to do, as far as could be seen: no workload could be compared".into(),
        (_, true) => format!("nothing to do, as far as could be seen: {compared}"),
        (_, false) => format!("nothing to do: {compared}"),
    }
}

/// An object with where it is: of two of one name that matters most.
fn placed(object: &ObjectRef) -> String {
    if object.namespace.is_empty() { object.to_string() } else { format!("{object} in {}", object.namespace) }
}

/// Who brings what bpctl does not deliver, and the rules that whoever does so knows nothing of.
pub fn delivered(plan: &Plan, item: &PlanItem) -> Vec<String> {
    let unmerged = item.unmerged.then(|| {
        format!(
            "{} does not declare all of it: it is not merged yet, and nobody brings it before that",
            plan.desired.base_branch
        )
    });
    let brings = || "delivery is gitops: the controller brings it back, bpctl writes nothing".to_owned();
    let who = match (unmerged, &item.sync) {
        (Some(unmerged), None) => vec![unmerged],
        (unmerged, Some(sync)) => unmerged.into_iter().chain([sync.told(plan.causes.is_some())]).collect(),
        (None, None) => vec![brings()],
    };
    who.into_iter().chain(unheeded(item)).collect()
}

/// What the rules and freezes say of what a controller does.
pub fn unheeded(item: &PlanItem) -> impl Iterator<Item = String> {
    let asked = item.verdict.principal().filter(|_| item.verdict.tier != Tier::Allowed).map(|rule| {
        let place = rule.source.as_ref().map_or_else(String::new, |span| format!(" ({span})"));
        format!("{}{place}: the controller does not know of it", rule.because)
    });
    let instead = item.verdict.alternative.as_ref().filter(|_| item.verdict.tier == Tier::Forbidden);
    let instead = instead.map(|alternative| format!("instead: {alternative}"));
    asked.into_iter().chain(instead).chain(frozen(item))
}

/// The freeze that a controller's work falls into, which holds bpctl's own alone (X11).
fn frozen(item: &PlanItem) -> Option<String> {
    let hold = item.verdict.unheeded.first()?;
    Some(format!("{} {}: the controller does not know of it", hold.rule.cite, hold.until()))
}

/// Who wrote a field, and when. Of a scale Kubernetes keeps no time, and of one to 0 no writer.
pub fn writer(field: &FieldDrift, sink: impl Fn(&Untrusted) -> String) -> Option<String> {
    let scaled = field.path.is_keys(&["spec", "replicas"]) && field.kind == DriftKind::Changed;
    let Some(by) = &field.by else {
        let has = field.live.as_ref().and_then(serde_json::Value::as_u64);
        let why = match has {
            Some(0) => ": Kubernetes keeps no writer of a scale to 0",
            Some(1) => ": nobody owns it, as where an apply left it out and 1 is Kubernetes' own default",
            _ => "",
        };
        return scaled.then(|| format!("who wrote it is not known{why}"));
    };
    let untimed = scaled && by.at.is_none() && by.subresource.is_some();
    let untimed = if untimed { "; Kubernetes keeps no time of a scale" } else { "" };
    Some(format!("{}{untimed}", written(by, sink)))
}

/// The same line of many blueprints is one line.
pub fn together(all: &[(String, String)]) -> Vec<(String, String)> {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, line) in all {
        names.entry(line).or_default().insert(name);
    }
    let many = names.into_iter().filter(|(_, names)| names.len() > 3);
    let common: Vec<(String, usize)> = many.map(|(line, names)| (line.to_owned(), names.len())).collect();
    let first = common.iter().map(|(line, count)| (format!("{count} blueprints"), line.clone()));
    let rest = all.iter().filter(|(_, line)| !common.iter().any(|(known, _)| known == line)).cloned();
    first.chain(rest).collect()
}

/// Where an action comes from, where that is worth a line; field paths are shown as text from outside.
pub fn cause(causes: &Causes, item: &PlanItem) -> Option<String> {
    match causes.get(item) {
        Cause::Change => None,
        Cause::Before => Some("stood before this change".into()),
        Cause::Partly(fields) => {
            let named = super::sink::terminal(&Untrusted::new(listed(fields, 3)));
            Some(format!("had drifted before this change: {named}"))
        }
    }
}

/// `this change causes 2 · 1 stood before it · 1 settled by it, against base 7a33c76`.
pub fn causes(causes: &Causes, plan: &Plan) -> String {
    let counts = causes.counts(plan);
    let short = causes.base.get(..7).unwrap_or(&causes.base);
    let partly = if counts.partly > 0 { format!(" ({} in part)", counts.partly) } else { String::new() };
    let mut told = format!(
        "against {short}: this change causes {}{partly} · {} stood before it · {} settled by it",
        counts.change, counts.before, counts.settled
    );
    if !causes.lost.is_empty() {
        told.push_str(&format!(" · {} persists, not planned any more", causes.lost.len()));
    }
    if !causes.unknown.is_empty() {
        let hidden = |hidden: &Hidden| format!("{} ({})", hidden.blueprint, hidden.what);
        let hidden: Vec<String> = causes.unknown.iter().map(hidden).collect();
        told.push_str(&format!(" · {} unknown by it: {}", hidden.len(), listed(&hidden, 3)));
    }
    if !causes.orphaned.is_empty() {
        let orphans: Vec<String> = causes.orphaned.iter().map(|orphan| placed(&orphan.object)).collect();
        let left = listed(&orphans, 3);
        told.push_str(&format!(
            "\nleft in the cluster: {left}; nothing that a blueprint names declares it any more; bpctl deletes nothing, and unless it was only moved, a \
             controller that prunes does"
        ));
    }
    if !causes.ungoverned.is_empty() {
        let gone: Vec<String> = causes.ungoverned.iter().map(|orphan| placed(&orphan.object)).collect();
        let gone = listed(&gone, 3);
        told.push_str(&format!(
            "\nwithout a blueprint now: {gone}; it is in the cluster, and once this is merged bpctl looks at it no more. Whether that may be is judged \
             by the rules of the base branch (bpctl judge); if the manifest goes too, a controller that prunes deletes it"
        ));
    }
    if !causes.unclaimed.is_empty() {
        let added = listed(&causes.unclaimed, 3);
        told.push_str(&format!(
            "\nadded without a blueprint: {added}; bpctl does not look at it (bpctl init writes one)"
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    /// Would miss: four objects of one workload that are told as four blueprints.
    #[test]
    fn only_lines_of_many_blueprints_are_one() {
        let told = |names: [&str; 4]| super::together(&names.map(|name| (name.to_owned(), "no namespace".to_owned())));
        assert_eq!(told(["web", "web", "web", "web"]).len(), 4);
        assert_eq!(told(["a", "b", "c", "d"]), [("4 blueprints".to_owned(), "no namespace".to_owned())]);
    }

    /// Would miss: a folder of a hostile name, in a command that a person pastes.
    #[test]
    fn t22_a_path_in_a_command_is_one_word() {
        assert_eq!(super::shell("deploy/web.yaml"), "deploy/web.yaml");
        assert_eq!(super::shell("a;touch canary;/$(x) `y`"), "'a;touch canary;/$(x) `y`'");
    }
}
