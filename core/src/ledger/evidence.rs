//! What the ledger keeps of an observation: enough to decide again, and none of the texts in which people keep credentials (T38, X3).
//!
//! A text is kept where a decision may compare it (names, images, quantities, states), or where Git declares the very same text for
//! the object, so that whoever reads the ledger's branch can read it anyway. Every other text of a place that takes any text
//! (values of environment variables, commands, data of `ConfigMaps`, annotations, messages, all of a custom resource) is withheld.
//! A decision finds it different from what Git declares, as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::credential::WITHHELD;
use crate::model::{ObjectRef, Quantity};
use crate::observe::{
    FactKey, FactValue, Known, LiveObject, Observation, RESTART_ANNOTATION, TypeSchema, template_identity,
};

/// What `kubectl apply` wrote: the whole manifest, as text.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotations that decisions read.
const READ: [&str; 2] = [RESTART_ANNOTATION, "deployment.kubernetes.io/revision"];
/// Keys below which any text may stand.
const FREE: [&str; 9] =
    ["value", "command", "args", "data", "binaryData", "stringData", "annotations", "message", "volumeAttributes"];

/// The same observation without what is withheld, and with only those types of a kind that its objects have. `declared` is what Git
/// declares for an object; `proposed`: what is proposed for Git, where whoever reads the ledger can read it too.
pub fn thin(
    observation: &Observation,
    declared: impl Fn(&ObjectRef) -> Option<Json>,
    proposed: &[&Json],
) -> Observation {
    let mut thin = observation.clone();
    // By kind: everything that its types may be asked for.
    let mut shapes: BTreeMap<(String, String), Vec<Json>> = BTreeMap::new();
    for (key, fact) in &mut thin.facts {
        let (FactKey::Object(object) | FactKey::DryRun(object)) = key else {
            if let FactValue::Pods(Known::Known(pods)) = &mut fact.value {
                pods.iter_mut().flat_map(|pod| &mut pod.stopped).for_each(|stopped| stopped.message = None);
            }
            without_detail(&mut fact.value);
            continue;
        };
        let declared = declared(object);
        let live = match &mut fact.value {
            FactValue::Object(Known::Known(Some(live))) | FactValue::DryRun(Known::Known(live)) => Some(live),
            other => {
                without_detail(other);
                None
            }
        };
        let shapes = shapes.entry((object.api_version.clone(), object.kind.clone())).or_default();
        if let Some(live) = live {
            withhold(live, declared.as_ref(), proposed);
            shapes.push((*live.body).clone());
        }
        shapes.extend(declared);
    }
    for (key, fact) in &mut thin.facts {
        if let (FactKey::Schema(api_version, kind), FactValue::Schema(Known::Known(schema))) = (key, &mut fact.value) {
            let shapes = shapes.get(&(api_version.clone(), kind.clone())).map_or(&[] as &[Json], Vec::as_slice);
            prune(schema, shapes);
        }
    }
    thin
}

/// What the other side said of an unknown fact decides nothing.
fn without_detail(value: &mut FactValue) {
    let (FactValue::Object(Known::Unknown(unknown))
    | FactValue::Pods(Known::Unknown(unknown))
    | FactValue::Usage(Known::Unknown(unknown))
    | FactValue::DryRun(Known::Unknown(unknown))
    | FactValue::Autoscaler(Known::Unknown(unknown))
    | FactValue::Schema(Known::Unknown(unknown))
    | FactValue::History(Known::Unknown(unknown))
    | FactValue::LastChange(Known::Unknown(unknown))
    | FactValue::Measures(Known::Unknown(unknown))
    | FactValue::Adoptions(Known::Unknown(unknown))
    | FactValue::Deliveries(Known::Unknown(unknown))) = value
    else {
        return;
    };
    unknown.detail = None;
}

fn withhold(live: &mut LiveObject, declared: Option<&Json>, proposed: &[&Json]) {
    // A restart asks whether the template is still the same one: by its identity, which withheld texts would change.
    live.template = live.body.pointer("/spec/template").is_some().then(|| template_identity(live));
    let mut public = BTreeSet::new();
    for public_value in declared.into_iter().chain(proposed.iter().copied()) {
        texts(public_value, &mut public);
    }
    // Of a kind that Kubernetes does not define, any text may be anything.
    let group = live.reference.group();
    let native = !group.contains('.') || group.ends_with(".k8s.io");
    let mut body = (*live.body).clone();
    if let Some(object) = body.as_object_mut() {
        for (key, value) in object {
            let place = match key.as_str() {
                key if FREE.contains(&key) => Place::Text,
                "metadata" => Place::Plain,
                _ if native => Place::Plain,
                _ => Place::Unknown,
            };
            mask(value, place, &public);
        }
    }
    live.body = body.into();
}

fn texts(value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::String(text) => drop(found.insert(text.clone())),
        Json::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Json::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// What a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A name, a state, a quantity: kept.
    Plain,
    /// A field of a custom resource: quantities are kept, because they compare by value.
    Unknown,
    /// Anything.
    Text,
}

fn mask(value: &mut Json, place: Place, public: &BTreeSet<String>) {
    match value {
        Json::String(text) => {
            let kept = match place {
                Place::Plain => true,
                Place::Unknown => text.parse::<Quantity>().is_ok(),
                Place::Text => false,
            };
            if !kept && !public.contains(text) {
                WITHHELD.clone_into(text);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| mask(item, place, public)),
        Json::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), &mut *value) {
                    ("managedFields", _) => {}
                    (key, _) if READ.contains(&key) => {}
                    (LAST_APPLIED, Json::String(text)) => *text = applied(text, public),
                    (key, value) if FREE.contains(&key) => mask(value, Place::Text, public),
                    (_, value) => mask(value, place, public),
                }
            }
        }
        _ => {}
    }
}

/// The last applied manifest with every text withheld that Git does not declare.
fn applied(text: &str, public: &BTreeSet<String>) -> String {
    let Ok(mut manifest) = serde_json::from_str::<Json>(text) else { return WITHHELD.into() };
    mask(&mut manifest, Place::Plain, public);
    manifest.to_string()
}

/// Leaves only the types of fields that these objects have, or could have one step below a field of theirs.
fn prune(schema: &mut TypeSchema, shapes: &[Json]) {
    let near = |path: &str| {
        let above = ["[]", "{}"].iter().find_map(|step| path.strip_suffix(step));
        let above = above.unwrap_or_else(|| path.rsplit_once('.').map_or("", |(above, _)| above));
        let steps: Vec<&str> = above.split('.').filter(|step| !step.is_empty()).collect();
        shapes.iter().any(|shape| has(shape, &steps))
    };
    schema.lists.retain(|path, _| near(path));
    schema.scalars.retain(|path, _| near(path));
    schema.defaults.retain(|path, _| near(path));
    schema.atomic_maps.retain(|path| near(path));
}

/// Whether a value has something at a schema's path: `containers[]`, `requests{}`.
fn has(value: &Json, steps: &[&str]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    let end = step.find(['[', '{']).unwrap_or(step.len());
    let (key, mut inner) = step.split_at(end);
    let mut found: Vec<&Json> = if key.is_empty() { vec![value] } else { value.get(key).into_iter().collect() };
    while let Some(after) = inner.strip_prefix("[]").or_else(|| inner.strip_prefix("{}")) {
        inner = after;
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Json::Array(items) => items.iter().collect::<Vec<_>>(),
                Json::Object(map) => map.values().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    found.into_iter().any(|value| has(value, rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Name, Timestamp};
    use crate::observe::{ListType, ObservedFrom, ScalarType, pod_from_json};

    const CANARY: &str = "hunter2-canary";

    fn thinned(api_version: &str, kind: &str, body: Json, declared: &Json) -> Json {
        let live = LiveObject::from_json(api_version, kind, body).expect("an object");
        let object = live.reference.clone();
        let from = ObservedFrom::Snapshot { folder: "f".into(), version: "1.36".into() };
        let mut observation = Observation::new(Name::new("staging").expect("a name"), from, Timestamp::UNIX_EPOCH);
        observation.add(FactKey::Object(object.clone()), "snapshot", FactValue::Object(Known::Known(Some(live))));
        let thin = thin(&observation, |_| Some(declared.clone()), &[]);
        assert!(!serde_json::to_string(&thin).expect("JSON").contains(CANARY));
        match &thin.facts[&FactKey::Object(object)].value {
            FactValue::Object(Known::Known(Some(live))) => (*live.body).clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Would miss: what a kubelet says of a container, such as the command that it could not start.
    #[test]
    fn t38_what_kubelets_say_is_withheld() {
        let waiting = json!({"waiting": {"reason": "CreateContainerError", "message": CANARY}});
        let pod = pod_from_json(
            &json!({"metadata": {"name": "web-1"}, "status": {"containerStatuses": [{"name": "web", "state": waiting}]}}),
        );
        let key = FactKey::Pods(ObjectRef::deployment("shop", "web"));
        let from = ObservedFrom::Snapshot { folder: "f".into(), version: "1.36".into() };
        let mut observation = Observation::new(Name::new("staging").expect("a name"), from, Timestamp::UNIX_EPOCH);
        observation.add(key, "snapshot", FactValue::Pods(Known::Known(pod.into_iter().collect())));
        assert!(serde_json::to_string(&observation).expect("JSON").contains(CANARY));
        let thin = serde_json::to_string(&thin(&observation, |_| None, &[])).expect("JSON");
        assert!(thin.contains("CreateContainerError") && !thin.contains(CANARY), "{thin}");
    }

    /// Would miss: a place in which people keep credentials and the ledger shows it; a text that a decision needs and that is withheld.
    #[test]
    fn t38_texts_that_git_does_not_declare_are_withheld() {
        let container = |value: &str| {
            json!({"name": "web", "image": "shop/web:2", "args": [format!("--password={value}"), "--verbose"],
            "env": [{"name": "TOKEN", "value": value}, {"name": "PIN", "value": "123456"}, {"name": "MODE", "value": "info"}],
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", value]}}},
            "readinessProbe": {"httpGet": {"port": "http", "httpHeaders": [{"name": "Authorization", "value": value}]}},
            "resources": {"requests": {"cpu": "100m"}}})
        };
        let applied = json!({"spec": {"template": {"spec": {"containers": [container(CANARY)]}}}}).to_string();
        let live = json!({"metadata": {"name": "web", "namespace": "shop",
            "annotations": {LAST_APPLIED: applied, "deployment.kubernetes.io/revision": "4", "note": CANARY}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [container(CANARY)]}}},
            "status": {"conditions": [{"type": "Available", "status": "True", "message": CANARY}]}});
        let declared = json!({"spec": {"template": {"spec": {"containers": [{"args": ["--verbose"], "env": [{"value": "info"}]}]}}}});
        let body = thinned("apps/v1", "Deployment", live, &declared);
        let kept = &body["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(kept["image"], "shop/web:2");
        assert_eq!(kept["args"], json!([WITHHELD, "--verbose"]));
        assert_eq!(
            kept["env"],
            json!([{"name": "TOKEN", "value": WITHHELD}, {"name": "PIN", "value": WITHHELD}, {"name": "MODE", "value": "info"}])
        );
        assert_eq!(kept["resources"]["requests"]["cpu"], "100m");
        assert_eq!(body["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "4");
        let map = json!({"metadata": {"name": "web"}, "data": {"MODE": "info", "dsn": format!("a\n{CANARY}")}});
        let body = thinned("v1", "ConfigMap", map, &json!({"data": {"MODE": "info"}}));
        assert_eq!(body["data"], json!({"MODE": "info", "dsn": WITHHELD}));
        let custom = json!({"metadata": {"name": "web"}, "spec": {"url": format!("https://u:{CANARY}@h/"), "size": "1Gi", "class": "fast"}});
        let body = thinned("db.example.org/v1", "Database", custom, &json!({"spec": {"class": "fast"}}));
        assert_eq!(body["spec"], json!({"url": WITHHELD, "size": "1Gi", "class": "fast"}));
    }

    #[test]
    fn types_are_kept_as_far_as_objects_have_fields() {
        let keys = |paths: &[&str]| paths.iter().map(|path| ((*path).to_owned(), ScalarType::Quantity)).collect();
        let mut schema = TypeSchema {
            scalars: keys(&["spec.containers[].resources.limits{}", "spec.volumes[].emptyDir.sizeLimit"]),
            lists: [
                ("spec.containers[].ports".to_owned(), ListType::Atomic),
                ("spec.tolerations".to_owned(), ListType::Atomic),
            ]
            .into(),
            atomic_maps: vec!["spec.selector".into(), "spec.affinity.node".into()],
            defaults: [("spec.containers[].ports[].protocol".to_owned(), json!("TCP"))].into(),
        };
        prune(
            &mut schema,
            &[json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "1"}}, "ports": [{}]}]}})],
        );
        let left: Vec<&str> =
            schema.scalars.keys().chain(schema.lists.keys()).chain(&schema.atomic_maps).map(String::as_str).collect();
        assert_eq!(
            left,
            ["spec.containers[].resources.limits{}", "spec.containers[].ports", "spec.tolerations", "spec.selector"]
        );
        assert_eq!(schema.defaults.len(), 1);
    }
}
