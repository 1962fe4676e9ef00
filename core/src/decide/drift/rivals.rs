//! Fields that exclude each other: one that Git declares, and one that somebody keeps in the cluster beside it (X8). The API server takes no
//! such two, so that no apply brings Git's. Only unions and bounds that Kubernetes checks in workloads, autoscalers and disruption budgets; nothing else
//! is guessed.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Attribution, DeliveryManagers, DriftKind, FieldDrift, ownership, quirks, removal, writer};
use crate::blueprint::quantity_of;
use crate::model::{At, FieldPath, Quantity, Segment};
use crate::observe::LiveObject;
use crate::yaml::{Document, Node, Value};

/// Two fields of which the API server takes one (X8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// What Git declares, and the cluster lacks.
    pub declared: FieldPath,
    /// What the cluster has, and an apply leaves there.
    pub kept: FieldPath,
    /// Who wrote that.
    pub by: Option<Attribution>,
    /// What the API server asks of the two, where it takes both at all.
    pub rule: Option<&'static str>,
}

/// How a probe, or a hook of a container's life, asks: by one of these.
const HANDLERS: [&str; 5] = ["exec", "grpc", "httpGet", "sleep", "tcpSocket"];
/// Where a container has such.
const ASKED: [&[&str]; 5] = [
    &["livenessProbe"],
    &["readinessProbe"],
    &["startupProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];
/// What a variable's value is taken from: one of these.
const SOURCES: [&str; 5] = ["configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef"];

/// The fields that Git declares and no apply brings, since another one stays that excludes it. `stays`: whether a field that the apply leaves
/// out is there after it; `direct`: bpctl applies it, by server-side apply.
pub fn kept_rivals(
    document: &Document,
    live: &LiveObject,
    direct: bool,
    stays: impl Fn(&FieldPath) -> bool,
) -> Vec<Rival> {
    // Where it is not recorded who owns what, an apply may take the other one away.
    if !ownership::is_recorded(&live.body) {
        return Vec::new();
    }
    let mut look = Look { live, stays: &stays, merges: !direct && merges(live), found: Vec::new() };
    match (live.reference.api_version.as_str(), live.reference.kind.as_str()) {
        ("policy/v1", "PodDisruptionBudget") => {
            let at = Place::root(&document.root, &live.body).below("spec");
            look.arms(at.as_ref(), &["minAvailable", "maxUnavailable"]);
        }
        _ => {
            if let Some(keys) = pod_of(live) {
                look.pod(&document.root, keys);
            }
            look.rollout(document, direct);
            look.bounds(document);
        }
    }
    look.found
}

/// The sources of volumes that a client-side apply takes away with what Git declares instead, though Git does not name them.
pub fn merged_away(document: &Document, live: &LiveObject) -> Vec<FieldPath> {
    let pod = pod_of(live).filter(|_| merges(live)).and_then(|keys| Place::root(&document.root, &live.body).at(keys));
    let volumes = pod.map(|pod| pod.named("volumes")).unwrap_or_default();
    let sources = volumes.iter().flat_map(|volume| {
        let keys = volume.live.as_object().into_iter().flat_map(|keys| keys.keys());
        keys.filter(|key| *key != "name" && volume.git.get(key).is_none()).map(|key| volume.path.key(key))
    });
    let a_deployments = |place: &Place<'_>| place.path.is_keys(&["spec", "strategy"]);
    let parameters = of_another_rollout(document, live).filter(a_deployments).map(|place| place.path.key(PARAMETERS));
    let kind = without_its_type(document, live).filter(a_deployments).map(|place| place.path.key("type"));
    let strategy = parameters.or(kind).filter(|_| merges(live));
    sources.chain(strategy).collect()
}

/// Whether a field of a Service goes with the type that Git gives it in place of the cluster's: whatever is applied, the API server itself clears
/// what the new type has no use for, unless it is changed as well (its `dropTypeDependentFields`, tried on a server).
pub fn goes_with_its_type(document: &Document, live: &LiveObject) -> impl Fn(&FieldPath) -> bool {
    let is_service = live.reference.api_version == "v1" && live.reference.kind == "Service";
    let wanted = document.root.at(&["spec", "type"]).and_then(Node::as_str).filter(|_| is_service);
    let has = live.body.at("/spec/type").and_then(Json::as_str);
    let (balanced, exposed) = match (wanted, has) {
        (Some(wanted), Some(has)) => {
            let exposed = |kind: &str| ["LoadBalancer", "NodePort"].contains(&kind);
            (has == "LoadBalancer" && wanted != has, exposed(has) && !exposed(wanted))
        }
        _ => (false, false),
    };
    move |path| {
        let of_balancers = ["allocateLoadBalancerNodePorts", "healthCheckNodePort", "loadBalancerClass"];
        (balanced && of_balancers.iter().any(|key| path.is_keys(&["spec", key])))
            || (exposed && (path.is_keys(&["spec", "externalTrafficPolicy"]) || path.has_key("nodePort")))
    }
}

/// The same as differences, beside what Git declares in their place: what the cluster has there is half of what differs, and the graver half where
/// it is a folder of the node's (X10).
pub fn replaced(document: &Document, live: &LiveObject, found: &[FieldDrift]) -> Vec<FieldDrift> {
    // The parameters of a roll-out are mostly the server's own.
    let sources = merged_away(document, live).into_iter().filter(|path| path.has_key("volumes"));
    let gone = sources.filter_map(|path| {
        if found.iter().any(|drift| path.0.starts_with(&drift.path.0) || drift.path.0.starts_with(&path.0)) {
            return None;
        }
        let (_, above) = path.0.split_last()?;
        let instead = found.iter().find(|drift| drift.path.0.starts_with(above))?;
        Some(FieldDrift {
            kind: DriftKind::PendingRemoval,
            span: instead.span.clone(),
            unplaced: None,
            declared: None,
            live: Some(removal::value_at(&live.body, &path)?.clone()),
            admitted: None,
            by: writer(live, &path),
            path,
        })
    });
    gone.collect()
}

/// Whether only a server-side apply is refused for what the cluster has in place of what Git declares, of a volume or a roll-out: `kubectl apply`
/// takes it away (`retainKeys`).
pub fn is_refused_to_bpctl_alone(document: &Document, live: &LiveObject) -> bool {
    merges(live) && !merged_away(document, live).is_empty()
}

/// What a rolling update goes by, in a Deployment and in a `StatefulSet`.
const PARAMETERS: &str = "rollingUpdate";

/// The strategy that both sides say something of, and its kind that knows no such parameters.
fn rollout_of<'a>(document: &'a Document, live: &'a LiveObject) -> Option<(Place<'a>, &'static str)> {
    let (key, other) = match (live.reference.api_version.as_str(), live.reference.kind.as_str()) {
        ("apps/v1", "Deployment") => ("strategy", "Recreate"),
        ("apps/v1", "StatefulSet") => ("updateStrategy", "OnDelete"),
        _ => return None,
    };
    Some((Place::root(&document.root, &live.body).at(&["spec", key])?, other))
}

/// The strategy of which Git wants another kind than a rolling update, whose parameters the cluster has: the server puts them there itself where
/// nobody says a strategy, and takes them beside no other kind.
fn of_another_rollout<'a>(document: &'a Document, live: &'a LiveObject) -> Option<Place<'a>> {
    let (place, other) = rollout_of(document, live)?;
    let wanted = place.git.get("type").and_then(Node::as_str) == Some(other) && place.git.get(PARAMETERS).is_none();
    let has = place.live.get(PARAMETERS).is_some_and(|has| !quirks::is_empty(has));
    (wanted && has).then_some(place)
}

/// The strategy of which Git says the parameters of a rolling update and no type, where the cluster has another one.
fn without_its_type<'a>(document: &'a Document, live: &'a LiveObject) -> Option<Place<'a>> {
    let (place, _) = rollout_of(document, live)?;
    let says = |key: &str| place.git.get(key).is_some_and(|node| !matches!(node.value, Value::Null));
    let another = place.live.get("type").and_then(Json::as_str).is_some_and(|has| has != "RollingUpdate");
    (says(PARAMETERS) && !says("type") && another).then_some(place)
}

/// Whether what delivers the object merges it here and updates it, as `kubectl apply` does.
pub(super) fn merges(live: &LiveObject) -> bool {
    ownership::deliveries(&live.body, &DeliveryManagers::default()).any(|by| by.operation == "Update")
}

/// Where an object holds its pods.
pub(super) fn pod_of(live: &LiveObject) -> Option<&'static [&'static str]> {
    match (live.reference.api_version.as_str(), live.reference.kind.as_str()) {
        ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet") => Some(&["spec", "template", "spec"]),
        ("batch/v1", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

/// One mapping, as Git and the cluster have it.
struct Place<'a> {
    path: FieldPath,
    git: &'a Node,
    live: &'a Json,
}

impl<'a> Place<'a> {
    fn root(git: &'a Node, live: &'a Json) -> Self {
        Self { path: FieldPath::default(), git, live }
    }

    fn below(&self, key: &str) -> Option<Self> {
        Some(Self { path: self.path.key(key), git: self.git.get(key)?, live: self.live.get(key)? })
    }

    fn at(self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self, |place, key| place.below(key))
    }

    /// The items of a list that both have, by their names.
    fn named(&self, key: &str) -> Vec<Self> {
        let Some(list) = self.below(key) else { return Vec::new() };
        let item = |git: &'a Node| {
            let name = git.get("name")?.as_str()?;
            let is = |item: &&Json| item.get("name").and_then(Json::as_str) == Some(name);
            let live = list.live.as_array()?.iter().find(is)?;
            Some(Self { path: list.path.join(Segment::Item(vec![("name".into(), name.into())])), git, live })
        };
        list.git.items().iter().filter_map(item).collect()
    }
}

/// A number as Kubernetes writes it, or a share, which is none only where it is 0%.
fn number(value: &Json) -> Option<Quantity> {
    match value.as_str().and_then(|text| text.strip_suffix('%')) {
        Some(share) => share.parse().ok(),
        None => quantity_of(value),
    }
}

struct Look<'a, F> {
    live: &'a LiveObject,
    stays: &'a F,
    /// What delivers it takes the other sources of a volume away.
    merges: bool,
    found: Vec<Rival>,
}

impl<F: Fn(&FieldPath) -> bool> Look<'_, F> {
    /// The unions of a pod.
    fn pod(&mut self, root: &Node, keys: &[&str]) {
        let live = self.live;
        let Some(pod) = Place::root(root, &live.body).at(keys) else { return };
        for container in ["containers", "initContainers"].into_iter().flat_map(|list| pod.named(list)) {
            self.limits(&container);
            self.rights(&container);
            for variable in container.named("env") {
                self.arms(Some(&variable), &["value", "valueFrom"]);
                self.arms(variable.below("valueFrom").as_ref(), &SOURCES);
            }
            for keys in ASKED {
                let (first, rest) = (container.below(keys[0]), &keys[1..]);
                self.arms(first.and_then(|first| first.at(rest)).as_ref(), &HANDLERS);
            }
        }
        // What `kubectl apply` delivers of a volume takes its other sources away (`retainKeys`); a server-side apply does not.
        if !self.merges {
            for volume in pod.named("volumes") {
                let keys = volume.live.as_object().into_iter().flat_map(|keys| keys.keys());
                let mut keys: Vec<&str> = keys.map(String::as_str).collect();
                keys.extend(volume.git.entries().iter().map(|entry| entry.key.as_str()));
                keys.retain(|key| *key != "name");
                self.arms(Some(&volume), &keys);
            }
        }
    }

    /// A kind of roll-out that Git declares, and the parameters of another that an apply leaves beside it.
    fn rollout(&mut self, document: &Document, direct: bool) {
        let live = self.live;
        if let Some(place) = without_its_type(document, live) {
            let kept = place.path.key("type");
            let taken = self.merges && live.reference.kind == "Deployment";
            if !taken && (self.stays)(&kept) {
                let (declared, by) = (place.path.key(PARAMETERS), writer(live, &kept));
                self.found.push(Rival { declared, kept, by, rule: None });
            }
        }
        let Some(place) = of_another_rollout(document, live) else { return };
        let kept = place.path.key(PARAMETERS);
        let managers = DeliveryManagers::default().of(document, live);
        let brought = self.merges.then(|| removal::last_applied(&live.body, &managers)).flatten();
        let stays = |path: &FieldPath| match (direct, self.merges) {
            (true, _) => (self.stays)(path),
            (false, true) => brought.as_ref().and_then(|brought| removal::value_at(brought, path)).is_none(),
            // What nobody owns the server put there, and no apply takes away.
            (false, false) => {
                let owns = |entry: &ownership::Entry<'_>| entry.operation == "Apply" && entry.owns(path);
                (self.stays)(path) || !ownership::deliveries(&live.body, &managers).any(|entry| owns(&entry))
            }
        };
        let parameters = place.live.get(PARAMETERS).and_then(Json::as_object);
        let all_go = parameters.into_iter().flatten().all(|(key, _)| !stays(&kept.key(key)));
        let taken = self.merges && live.reference.kind == "Deployment";
        if !all_go && !taken {
            let by = writer(live, &kept);
            self.found.push(Rival { declared: place.path.key("type"), kept, by, rule: None });
        }
    }

    /// A privileged container may do what its programs ask for: the server takes no word against it beside that.
    fn rights(&mut self, container: &Place<'_>) {
        let Some(Place { path, git, live }) = container.below("securityContext") else { return };
        let at_odds = [("privileged", true), ("allowPrivilegeEscalation", false)];
        for (declared, other) in [(at_odds[0], at_odds[1]), (at_odds[1], at_odds[0])] {
            let wanted = git.get(declared.0).is_some_and(|node| node.value == Value::Bool(declared.1));
            let kept = path.key(other.0);
            let has = live.get(other.0) == Some(&Json::Bool(other.1)) && git.get(other.0).is_none();
            if wanted && has && (self.stays)(&kept) {
                let by = writer(self.live, &kept);
                let rule = Some("takes no privileged container that may not escalate its privileges");
                self.found.push(Rival { declared: path.key(declared.0), kept, by, rule });
            }
        }
    }

    /// Requests and limits of a container: no request is above its limit.
    fn limits(&mut self, container: &Place<'_>) {
        let Some(Place { path, git, live }) = container.below("resources") else { return };
        let side = |key: &str| live.get(key).and_then(Json::as_object).into_iter().flatten();
        for resource in side("limits").chain(side("requests")).map(|(name, _)| name).collect::<BTreeSet<_>>() {
            let wanted = |part: &str| git.at(&[part, resource]).map(Node::to_json).as_ref().and_then(number);
            let kept = |part: &str| {
                let stays = git.at(&[part, resource]).is_none() && (self.stays)(&path.key(part).key(resource.as_str()));
                live.get(part).and_then(|part| part.get(resource)).filter(|_| stays).and_then(number)
            };
            let (declared, other) = match (wanted("requests"), wanted("limits")) {
                (Some(wanted), None) if kept("limits").is_some_and(|kept| wanted > kept) => ("requests", "limits"),
                (None, Some(wanted)) if kept("requests").is_some_and(|kept| kept > wanted) => ("limits", "requests"),
                _ => continue,
            };
            let field = |part: &str| path.key(part).key(resource.as_str());
            let by = writer(self.live, &field(other));
            let rule = Some("takes no request above its limit");
            self.found.push(Rival { declared: field(declared), kept: field(other), by, rule });
        }
    }

    /// Two numbers of which one may not be above the other, nor both zero.
    fn bounds(&mut self, document: &Document) {
        let root = Place::root(&document.root, &self.live.body);
        match (self.live.reference.api_version.as_str(), self.live.reference.kind.as_str()) {
            ("autoscaling/v2", "HorizontalPodAutoscaler") => {
                let rule = "takes no minReplicas above maxReplicas";
                self.ordered(root.below("spec").as_ref(), ["minReplicas", "maxReplicas"], rule, |low, high| {
                    low <= high
                });
            }
            ("apps/v1", "Deployment") => {
                let rule = "takes only a progressDeadlineSeconds above minReadySeconds";
                let keys = ["minReadySeconds", "progressDeadlineSeconds"];
                self.ordered(root.below("spec").as_ref(), keys, rule, |low, high| low < high);
                let rollout = Place::root(&document.root, &self.live.body).at(&["spec", "strategy", PARAMETERS]);
                let rule = "takes no maxUnavailable and maxSurge that are both 0";
                let zero = Quantity::from_nanos(0);
                self.ordered(rollout.as_ref(), ["maxUnavailable", "maxSurge"], rule, |one, other| {
                    *one != zero || *other != zero
                });
            }
            _ => {}
        }
    }

    /// Two numbers that a rule is about: one of Git's, and one that stays beside it.
    fn ordered(
        &mut self,
        place: Option<&Place<'_>>,
        [low, high]: [&str; 2],
        rule: &'static str,
        holds: impl Fn(&Quantity, &Quantity) -> bool,
    ) {
        let Some(Place { path, git, live }) = place else { return };
        let wanted = |key: &str| git.get(key).map(Node::to_json).as_ref().and_then(number);
        let kept = |key: &str| {
            let stays = git.get(key).is_none() && (self.stays)(&path.key(key));
            live.get(key).filter(|_| stays).and_then(number)
        };
        let (declared, other, broken) = match (wanted(low), wanted(high)) {
            (Some(wanted), None) => (low, high, kept(high).is_some_and(|kept| !holds(&wanted, &kept))),
            (None, Some(wanted)) => (high, low, kept(low).is_some_and(|kept| !holds(&kept, &wanted))),
            _ => return,
        };
        if broken {
            let kept = path.key(other);
            let by = writer(self.live, &kept);
            self.found.push(Rival { declared: path.key(declared), kept, by, rule: Some(rule) });
        }
    }

    /// One of these alone: which of them Git declares, and which the cluster keeps beside it.
    fn arms(&mut self, place: Option<&Place<'_>>, arms: &[&str]) {
        let Some(Place { path, git, live }) = place else { return };
        // An empty value is none.
        let in_git = |key: &str| {
            git.get(key).is_some_and(|node| !matches!(node.value, Value::Null) && node.as_str() != Some(""))
        };
        let there = |key: &str| live.get(key).is_some_and(|value| !value.is_null() && *value != "");
        let declared = arms.iter().find(|key| in_git(key) && !there(key));
        let kept = arms.iter().find(|key| there(key) && git.get(key).is_none() && (self.stays)(&path.key(**key)));
        if let (Some(declared), Some(kept)) = (declared, kept) {
            let kept = path.key(*kept);
            let by = writer(self.live, &kept);
            self.found.push(Rival { declared: path.key(*declared), kept, by, rule: None });
        }
    }
}
