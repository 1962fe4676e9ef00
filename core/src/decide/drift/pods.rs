//! What a pod template of the cluster has beside Git, whoever wrote it (T6). A manager's name is what its writer says it is, and `managedFields`
//! can be taken away: what runs in the pods is told by what stands there, and by nobody's name.

use serde_json::Value as Json;

use super::rivals::pod_of;
use super::way::{Step, Way};
use super::{quirks, scalar};
use crate::model::FieldPath;
use crate::observe::{ListType, LiveObject, TypeSchema};
use crate::yaml::{Document, Node, Value};

/// The topmost fields of the pods that neither Git declares nor the server fills in, each with its value.
pub(super) fn undeclared<'a>(
    document: &'a Document,
    live: &'a LiveObject,
    schema: &'a TypeSchema,
) -> Vec<(FieldPath, &'a Json)> {
    let mut walk = Walk { way: Way::new(schema), hosts_network: false, found: Vec::new() };
    let (mut git, mut has) = (&document.root, &*live.body);
    for key in pod_of(live).into_iter().flatten() {
        let (Some(node), Some(json)) = (git.get(key), has.get(key)) else { return Vec::new() };
        (git, has) = (node, json);
        walk.way.down(Step::Key(key));
    }
    if walk.way.steps().is_empty() {
        return Vec::new();
    }
    walk.hosts_network = git.get("hostNetwork").is_some_and(|node| node.value == Value::Bool(true));
    walk.mapping(git, has);
    walk.found
}

struct Walk<'a> {
    way: Way<'a>,
    /// Git has the pods in the node's network, for whose sake a server may fill in the nodes' ports.
    hosts_network: bool,
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
                None if !servers => self.found.push((self.way.path(), value)),
                None => {}
            }
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
