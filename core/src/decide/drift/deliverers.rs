//! Who delivers an object from Git where no known name says it: whoever applies nearly all that Git declares of it (X8). Names are for choosing
//! (`--field-manager`), and what was applied is there to be seen. Never takes a name for a proof: what is not clear is told as not known.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::ownership::{self, Entry};
use super::{DeliveryManagers, removal};
use crate::model::FieldPath;
use crate::observe::{LiveObject, TypeSchema};
use crate::yaml::Document;

/// Who owns what of a manifest is asked by the steps that `managedFields` name themselves.
static UNTYPED: LazyLock<TypeSchema> = LazyLock::new(TypeSchema::default);

impl DeliveryManagers {
    /// These, and who besides them applies this object as a delivery does, or may do so.
    pub(super) fn of(&self, document: &Document, live: &LiveObject) -> Self {
        let mut found = self.clone();
        let entries = ownership::entries(&live.body, self);
        let applies = |entry: &Entry<'_>| {
            let by_name = entry.delivers || removal::controls(entry.manager);
            entry.operation == "Apply" && entry.subresource.is_none() && !by_name
        };
        // By far most objects are delivered by one whose name is known.
        if !entries.iter().any(applies) {
            return found;
        }
        let entries = entries.into_iter().filter(|entry| entry.subresource.is_none());
        let shares: Vec<(Entry<'_>, BTreeSet<FieldPath>)> = entries
            .map(|entry| {
                let owns = removal::declared_by(document, live, &UNTYPED, self, entry.fields);
                (entry, owns)
            })
            .collect();
        // A field that Git has added since is nobody's yet.
        let all: BTreeSet<&FieldPath> = shares.iter().flat_map(|(_, owns)| owns).collect();
        let nearly_all = |owns: &BTreeSet<FieldPath>| !all.is_empty() && owns.len() * 4 >= all.len() * 3;
        let few = |owns: &BTreeSet<FieldPath>| !all.is_empty() && owns.len() * 4 <= all.len();
        let known = shares.iter().filter(|(entry, owns)| entry.delivers && !owns.is_empty());
        let known = known.map(|(entry, _)| entry.at).max();
        let appliers = || shares.iter().filter(|(entry, _)| applies(entry));
        let likely = appliers().filter(|(_, owns)| nearly_all(owns)).count();
        for (position, (entry, owns)) in shares.iter().enumerate().filter(|(_, (entry, _))| applies(entry)) {
            let whole = nearly_all(owns);
            let mut others = shares.iter().enumerate().filter(|(other, _)| *other != position);
            let beside = match known {
                // One that delivered it once, or somebody who forced a whole manifest.
                Some(last) => !whole || entry.at <= last,
                None => few(owns) && others.any(|(_, (_, owns))| nearly_all(owns)),
            };
            if beside {
                continue;
            }
            let sure = known.is_none() && whole && likely == 1;
            if sure { &mut found.appliers } else { &mut found.unclear }.push(entry.manager.to_owned());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::{DriftKind, added, compare};
    use super::*;
    use crate::yaml::{Kind, parse};

    const MANIFEST: &str = "
metadata: {labels: {app: web}}
spec: {selector: {matchLabels: {app: web}}, paused: false, minReadySeconds: 5}
";

    fn entry(manager: &str, operation: &str, hour: u8, fields: &[&str]) -> Json {
        let mut owns = json!({"f:spec": {}});
        for field in fields {
            match *field {
                "labels" => owns["f:metadata"] = json!({"f:labels": {"f:app": {}}}),
                "selector" => owns["f:spec"]["f:selector"] = json!({"f:matchLabels": {"f:app": {}}}),
                field => owns["f:spec"][format!("f:{field}")] = json!({}),
            }
        }
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1",
            "time": format!("2026-01-01T{hour:02}:00:00Z"), "fieldsV1": owns})
    }

    /// What becomes of `spec.replicas`, which Git has dropped.
    fn told(entries: &[Json]) -> &'static str {
        let body = json!({"metadata": {"name": "web", "labels": {"app": "web"}, "managedFields": entries},
            "spec": {"replicas": 2, "paused": false, "minReadySeconds": 5, "selector": {"matchLabels": {"app": "web"}}}});
        let live = LiveObject::from_json("apps/v1", "Deployment", body).unwrap();
        let document = parse("web.yaml", MANIFEST.as_bytes(), Kind::Manifest).unwrap().remove(0);
        let schema = TypeSchema::default();
        let found = compare(&document, &live, &schema, &DeliveryManagers::default());
        let beside = added(&document, &live, &schema);
        match (found.as_slice(), beside.as_slice()) {
            ([drift], []) if drift.kind == DriftKind::PendingRemoval && drift.path.to_string() == "spec.replicas" => {
                "goes"
            }
            ([], added) if !added.is_empty() && added.iter().all(|added| added.unclear) => "not known",
            ([], [added]) if !added.unclear && added.path.to_string() == "spec.replicas" => "stays",
            ([], []) => "nothing",
            other => panic!("{other:#?}"),
        }
    }

    /// X8, R6, Would miss: "and keeps it" of what the next delivery takes away, since the name under which it applies is in no list; the same of
    /// what may go; and a removal that never comes, of what somebody applied beside the one who delivers.
    #[test]
    fn x08_who_applies_nearly_all_of_an_object_delivers_it_whatever_the_name() {
        const ALL: [&str; 4] = ["labels", "selector", "paused", "minReadySeconds"];
        let all = |more: &[&'static str]| [&ALL[..], more].concat();
        let apply = |manager: &str, hour, fields: &[&str]| entry(manager, "Apply", hour, fields);
        let update = |manager: &str, fields: &[&str]| entry(manager, "Update", 2, fields);
        let cases: [(&str, Vec<Json>, &str); 12] = [
            ("alone", vec![apply("ci-deploy", 1, &all(&["replicas"]))], "goes"),
            (
                "somebody took one field over",
                vec![
                    apply("ci-deploy", 1, &["labels", "selector", "paused", "replicas"]),
                    update("kubectl-edit", &["minReadySeconds"]),
                ],
                "goes",
            ),
            (
                "a second one beside",
                vec![apply("ci-deploy", 1, &ALL), apply("ops", 2, &["replicas", "paused"])],
                "stays",
            ),
            (
                "beside a known name",
                vec![apply("argocd-controller", 1, &ALL), apply("ops", 2, &["replicas", "paused"])],
                "stays",
            ),
            ("beside who made it", vec![update("kubectl-create", &ALL), apply("ops", 2, &["replicas"])], "stays"),
            (
                "delivered it once",
                vec![apply("argocd-controller", 2, &ALL), apply("helm", 1, &all(&["replicas"]))],
                "stays",
            ),
            (
                "forced it all since",
                vec![apply("argocd-controller", 1, &ALL), apply("helm", 2, &all(&["replicas"]))],
                "not known",
            ),
            ("two alike", vec![apply("a", 1, &all(&["replicas"])), apply("b", 2, &all(&["replicas"]))], "not known"),
            (
                "half of it",
                vec![
                    apply("ci-deploy", 1, &["labels", "selector", "replicas"]),
                    update("kubectl-edit", &["paused", "minReadySeconds"]),
                ],
                "not known",
            ),
            ("nothing of it, and nobody else", vec![apply("ci-deploy", 1, &["replicas"])], "not known"),
            (
                "held by another as well",
                vec![apply("ci-deploy", 1, &all(&["replicas"])), update("ops", &["replicas"])],
                "stays",
            ),
            ("an autoscaler", vec![apply("x-autoscaler", 1, &all(&["replicas"]))], "nothing"),
        ];
        for (name, entries, wanted) in cases {
            assert_eq!(told(&entries), wanted, "{name}");
        }
        let mut scaled = apply("ci-deploy", 1, &all(&["replicas"]));
        scaled["subresource"] = "scale".into();
        assert_eq!(told(&[scaled]), "nothing", "a write through a subresource is no delivery");
    }
}
