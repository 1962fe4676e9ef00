//! What a workload of the cluster and its pods have beside Git, whoever wrote it (T6). A manager's name is what its writer says it is, and `managedFields`
//! can be taken away: what runs in the pods is told by what stands there, and by nobody's name.

use serde_json::Value as Json;

use super::removal::RESTARTED;
use super::rivals::pod_of;
use super::way::{Step, Way};
use super::{quirks, scalar};
use crate::model::FieldPath;
use crate::observe::{ListType, LiveObject, RESTART_ANNOTATION, TypeSchema};
use crate::yaml::{Document, Node, Value};

/// The topmost fields of the workload and its pods that neither Git declares nor the server fills in, each with its value.
pub(super) fn undeclared<'a>(
    document: &'a Document,
    live: &'a LiveObject,
    schema: &'a TypeSchema,
) -> Vec<(FieldPath, &'a Json)> {
    let Some(pod) = pod_of(live) else { return Vec::new() };
    let is_workload = pod.first_chunk() == Some(&["spec", "template"]);
    let mut walk = Walk {
        way: Way::new(schema),
        hosts_network: false,
        pod: pod.len(),
        per_node: live.reference.kind != "Deployment",
        found: Vec::new(),
    };
    // What says when a CronJob runs is its own; of a workload all is about its pods.
    let (begin, rest) = pod.split_at(if is_workload { 1 } else { pod.len() - 1 });
    let (mut git, mut has) = (&document.root, &*live.body);
    for key in begin {
        let (Some(node), Some(json)) = (git.get(key), has.get(key)) else { return Vec::new() };
        (git, has) = (node, json);
        walk.way.down(Step::Key(key));
    }
    let in_pod = rest.iter().try_fold(git, |node, key| node.get(key));
    walk.hosts_network =
        in_pod.and_then(|pod| pod.get("hostNetwork")).is_some_and(|node| node.value == Value::Bool(true));
    walk.mapping(git, has);
    walk.found
}

/// What Git says of a field that it does not name.
static NOTHING: Node = Node { value: Value::Null, start: 0, end: 0 };

struct Walk<'a> {
    way: Way<'a>,
    /// Git has the pods in the node's network, for whose sake a server may fill in the nodes' ports.
    hosts_network: bool,
    /// How deep the pods' own fields lie.
    pod: usize,
    /// A kind of which one pod at a time is what the server chooses.
    per_node: bool,
    found: Vec<(FieldPath, &'a Json)>,
}

impl<'a> Walk<'a> {
    fn mapping(&mut self, git: &'a Node, has: &'a Json) {
        for (key, value) in has.as_object().into_iter().flatten() {
            let declared = git.get(key).filter(|node| node.value != Value::Null);
            let servers = declared.is_none() && self.is_servers(key, value, git, has);
            let mark = self.way.down(Step::Key(key));
            match declared {
                Some(node) => self.below(node, value),
                None if servers => {}
                // The server makes these, and what stands in them.
                None if self.is_filled_in(key) => self.mapping(&NOTHING, value),
                // Marks that say nothing stand beside those that do.
                None if self.is_marks() => self.marks(value),
                None => self.found.push((self.way.path(), value)),
            }
            self.way.up(mark);
        }
    }

    /// Whether the way stands at a part of the workload that the server makes where nobody says anything.
    fn is_filled_in(&self, key: &str) -> bool {
        const PARTS: [&str; 4] =
            ["strategy", "updateStrategy", "rollingUpdate", "persistentVolumeClaimRetentionPolicy"];
        self.way.steps().len() <= self.pod && PARTS.contains(&key)
    }

    /// Whether the way stands at the labels or annotations of the pods.
    fn is_marks(&self) -> bool {
        let steps = self.way.steps();
        steps.len() == self.pod + 1
            && matches!(steps.last(), Some(Step::Key("labels" | "annotations")))
            && matches!(steps.get(self.pod - 1), Some(Step::Key("metadata")))
    }

    fn marks(&mut self, value: &'a Json) {
        for (key, value) in value.as_object().into_iter().flatten().filter(|(key, _)| !is_restart(key)) {
            let mark = self.way.down(Step::Key(key));
            self.found.push((self.way.path(), value));
            self.way.up(mark);
        }
    }

    /// What is one value is compared as one.
    fn below(&mut self, git: &'a Node, has: &'a Json) {
        match has {
            Json::Object(_) if !self.way.is_atomic_map() => self.mapping(git, has),
            Json::Array(items) => {
                let ListType::Map(names) = self.way.list() else { return };
                for item in items {
                    let same = git.items().iter().rev().find(|node| scalar::same_item(names, node, item));
                    let mark = self.way.down(Step::Json(names, item));
                    match same {
                        Some(node) => self.mapping(node, item),
                        None => self.found.push((self.way.path(), item)),
                    }
                    self.way.up(mark);
                }
            }
            _ => {}
        }
    }

    /// Whether the server puts this there where nobody says anything.
    fn is_servers(&self, key: &str, value: &Json, git: &Node, has: &Json) -> bool {
        let beside = |other: &str| has.get(other) == Some(value);
        let at_pod = self.way.steps().len() == self.pod;
        let above = self.way.steps().len() < self.pod;
        let in_strategy = matches!(self.way.steps().get(1), Some(Step::Key("updateStrategy")));
        match key {
            // Whose number it is, autoscaler, manifest or nobody, is judged where replicas are.
            "replicas" if self.way.steps().len() == 1 => return true,
            // Of a container it is nobody's default: an init container that restarts gates no start.
            "restartPolicy" if !at_pod => return false,
            "maxSurge" | "maxUnavailable" if in_strategy && self.per_node => {
                return value.as_u64() == Some(u64::from(key == "maxUnavailable"));
            }
            "whenDeleted" | "whenScaled" if above => return value == "Retain",
            _ if is_restart(key) => return true,
            _ => {}
        }
        quirks::is_default_of_pods(key, value)
            || self.way.default(key) == Some(value)
            || match key {
                // The old name of the same field.
                "serviceAccount" => beside("serviceAccountName"),
                "serviceAccountName" => beside("serviceAccount") && git.get("serviceAccount").is_some(),
                "hostPort" => self.hosts_network && beside("containerPort"),
                _ => false,
            }
    }
}

/// Whether an annotation only says when somebody restarted the pods.
fn is_restart(key: &str) -> bool {
    [RESTARTED, RESTART_ANNOTATION].contains(&key)
}
