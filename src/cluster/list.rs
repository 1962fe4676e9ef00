//! Pages of lists: read whole, thinned while they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bpctl_core::model::{Name, ObjectKind, WorkloadKind};
use bpctl_core::observe::{AUTOSCALER, LiveObject, ObjectText, Pod, WorkloadName, owned_pod};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

/// Which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listed {
    Workloads(WorkloadKind),
    Pods,
    /// Another kind, and the names that matter; `None`: all.
    Objects(Arc<ObjectKind>, Option<Arc<BTreeSet<String>>>),
}

/// Objects per page, as `kubectl` asks.
const PAGE: usize = 500;
/// The same of kinds whose objects may be a mebibyte each.
const PAGE_OF_LARGE: usize = 50;

/// On an object of which only the name was kept, in recordings too.
const NAME_ONLY: &str = "bpctl.dev/name-only";

impl Listed {
    /// As sentences call it: `Deployment`, the kind as Kubernetes spells it.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Workloads(kind) => kind.as_str(),
            Self::Pods => "Pod",
            Self::Objects(kind, _) => &kind.kind,
        }
    }

    /// As file names and `kubectl get` call it: `deployments`, `service`, `certificate.v1.cert-manager.io`.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Workloads(kind) => kind.plural().into(),
            Self::Pods => "pods".into(),
            Self::Objects(kind, _) => {
                let (singular, version) = (kind.kind.to_ascii_lowercase(), kind.api_version.rsplit('/').next());
                match kind.group() {
                    "" => singular,
                    group => format!("{singular}.{}.{group}", version.unwrap_or_default()),
                }
            }
        }
    }

    /// Events that are warnings.
    pub(super) fn warnings() -> Self {
        Self::Objects(Arc::new(ObjectKind::new("v1", "Event")), None)
    }

    /// What of a kind is asked for, where that is not all.
    pub(super) fn selector(&self) -> &'static str {
        if *self == Self::warnings() { "&fieldSelector=type%3DWarning" } else { "" }
    }

    pub(super) fn page(&self) -> usize {
        if matches!(self, Self::Objects(..)) { PAGE_OF_LARGE } else { PAGE }
    }

    /// Whether only parts of its objects are kept.
    pub(super) fn is_thinned(&self) -> bool {
        !matches!(self.keep(), Keep::All)
    }

    fn type_of(&self) -> (&str, &str) {
        match self {
            Self::Workloads(kind) => (WorkloadKind::API_VERSION, kind.as_str()),
            Self::Pods => ("v1", "Pod"),
            Self::Objects(kind, _) => (&kind.api_version, &kind.kind),
        }
    }

    fn keep(&self) -> &'static Keep {
        match self {
            Self::Workloads(_) | Self::Objects(..) => &Keep::All,
            Self::Pods => &POD,
        }
    }
}

/// The objects that matter of a list, by name; any autoscaler does, for what it scales. `None`: of one that was asked for only the name was
/// recorded.
pub(super) fn wanted(names: &BTreeSet<String>, items: Vec<LiveObject>) -> Option<BTreeMap<String, LiveObject>> {
    let asked = |live: &LiveObject| names.contains(&live.reference.name);
    let all = items.into_iter().filter(|live| asked(live) || live.reference.kind == AUTOSCALER.1);
    let named: BTreeMap<String, LiveObject> = all.map(|live| (live.reference.name.clone(), live)).collect();
    let whole = |live: &LiveObject| live.body.clone()["metadata"]["annotations"].get(NAME_ONLY).is_none();
    named.values().filter(|live| asked(live)).all(whole).then_some(named)
}

/// An object without all but its name, and what it scales.
fn name_only(item: &Json) -> Json {
    let metadata = |key: &str| item["metadata"][key].clone();
    let mut kept = serde_json::json!({"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": {"name": metadata("name"),
        "namespace": metadata("namespace"), "uid": metadata("uid"), "annotations": {NAME_ONLY: "true"}}});
    if let Some(scaled) = item.pointer("/spec/scaleTargetRef") {
        kept["spec"] = serde_json::json!({"scaleTargetRef": scaled});
    }
    kept
}

/// Whether a text can be a namespace, and so part of a URL or a file's path.
pub(super) fn is_namespace(text: &str) -> bool {
    Name::new(text).is_ok()
}

/// What stands at the top of a page.
#[derive(Deserialize, Default)]
pub(super) struct Head {
    #[serde(default)]
    pub(super) metadata: HeadMetadata,
    #[allow(dead_code)] // Only its presence counts: an object without items is no list.
    items: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct HeadMetadata {
    r#continue: Option<String>,
    remaining_item_count: Option<u64>,
    pub(super) resource_version: Option<String>,
}

impl HeadMetadata {
    /// What asks for the next page; `None`: this one is the last. More items, and no way to get them, are a list that is not whole (Z9).
    pub(super) fn next(self) -> Result<Option<String>, String> {
        let token = self.r#continue.filter(|token| !token.is_empty());
        match self.remaining_item_count {
            Some(more) if more > 0 && token.is_none() => {
                Err(format!("the server says that {more} more are left, and not how to get them"))
            }
            _ => Ok(token),
        }
    }

    /// Whether it is a list as a whole, where nobody asks for a next page.
    pub(super) fn whole(self) -> Result<(), String> {
        self.next()?.map_or(Ok(()), |_| Err("it is one page of a longer list".into()))
    }
}

/// Reads a page's head without building its items: the next page can be on its way while this one is decoded.
pub(super) fn head(page: &[u8]) -> Result<HeadMetadata, String> {
    let head: Head = serde_json::from_slice(page).map_err(|error| format!("it is not JSON: {error}"))?;
    if head.items.is_none() {
        return Err("it is not a list".into());
    }
    Ok(head.metadata)
}

/// What an item of a list becomes while the list is read: the JSON of a whole list is large, and nobody needs all of it at once.
pub(super) trait Item: Sized + Send + 'static {
    /// `None`: the item is not one of these.
    fn of(item: Json, listed: &Listed) -> Option<Self>;

    /// Whether it keeps the item's text: then nothing need be made of it first.
    const KEEPS_TEXT: bool = false;

    /// The same of an item's text.
    fn of_text(_: &ObjectText<'_>, _: &Listed) -> Option<Self> {
        None
    }
}

impl Item for Json {
    fn of(item: Json, _: &Listed) -> Option<Self> {
        Some(item)
    }
}

impl Item for LiveObject {
    fn of(item: Json, listed: &Listed) -> Option<Self> {
        let (api_version, kind) = listed.type_of();
        Self::from_json(api_version, kind, item)
    }

    const KEEPS_TEXT: bool = true;

    fn of_text(item: &ObjectText<'_>, listed: &Listed) -> Option<Self> {
        let (api_version, kind) = listed.type_of();
        Self::from_text(api_version, kind, item)
    }
}

impl Item for (WorkloadName, Pod) {
    fn of(item: Json, _: &Listed) -> Option<Self> {
        owned_pod(&item)
    }
}

/// The items of one page, each checked.
pub(super) fn items<T: Item>(page: &[u8], listed: &Listed, namespace: &str) -> Result<Vec<T>, String> {
    read(page, listed, namespace).map(|(_, items)| items)
}

/// The items of a list that nobody asks for a next page of, each checked.
pub(super) fn whole<T: Item>(list: &[u8], listed: &Listed, namespace: &str) -> Result<Vec<T>, String> {
    let (head, items) = read(list, listed, namespace)?;
    head.whole().map(|()| items)
}

fn read<T: Item>(page: &[u8], listed: &Listed, namespace: &str) -> Result<(HeadMetadata, Vec<T>), String> {
    let head = HeadMetadata::default();
    let mut items = Items { listed, namespace, position: 0, found: None, wrong: None, head };
    let mut reader = serde_json::Deserializer::from_slice(page);
    let read = reader.deserialize_map(&mut items).and_then(|()| reader.end());
    read.map_err(|error| format!("it is not JSON: {error}"))?;
    match (items.wrong, items.found) {
        (Some(wrong), _) => Err(wrong),
        (None, Some(found)) => Ok((items.head, found)),
        (None, None) => Err("it is not a list".into()),
    }
}

/// The items of a list that was read already, each checked.
pub(super) fn checked<T: Item>(mut list: Json, listed: &Listed, namespace: &str) -> Result<Vec<T>, String> {
    let Some(Json::Array(all)) = list.get_mut("items").map(Json::take) else {
        return Err("it is not a list".into());
    };
    let thinned = |item: Json| if *listed == Listed::Pods { thin(&item, listed) } else { item };
    let all = all.into_iter().enumerate();
    let items = all.map(|(position, item)| check(item, position, listed, namespace).map(|i| T::of(thinned(i), listed)));
    items.filter_map(Result::transpose).collect()
}

/// One item: of the right type, in the namespace, with a name.
fn check(mut item: Json, position: usize, listed: &Listed, namespace: &str) -> Result<Json, String> {
    let (api_version, kind) = listed.type_of();
    let Json::Object(map) = &mut item else { return Err(format!("item {position} is not an object")) };
    // Items of a server's list do not name their type; those of `kubectl get` do.
    let typed = [("apiVersion", api_version), ("kind", kind)]
        .map(|(key, expected)| map.entry(key).or_insert_with(|| expected.into()).as_str() == Some(expected));
    let metadata = |key: &str| map.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Json::as_str);
    let named = [metadata("name"), metadata("uid"), metadata("namespace")];
    let matters = check_head(typed == [true; 2], named, position, listed, namespace)?;
    Ok(if matters { item } else { name_only(&item) })
}

/// The same of what says which object an item is; whether all of it matters.
fn check_head(
    typed: bool,
    [name, uid, inside]: [Option<&str>; 3],
    position: usize,
    listed: &Listed,
    namespace: &str,
) -> Result<bool, String> {
    let (api_version, kind) = listed.type_of();
    let wrong = |what: &str| Err(format!("item {position} {what}"));
    if !typed {
        return wrong(&format!("is no {kind} of {api_version}"));
    }
    if name.unwrap_or_default().is_empty() || uid.unwrap_or_default().is_empty() {
        return wrong("has no name or no uid");
    }
    if inside != Some(namespace) {
        return wrong("is of another namespace");
    }
    Ok(match listed {
        Listed::Objects(_, Some(names)) => name.is_some_and(|name| names.contains(name)),
        _ => true,
    })
}

/// Reads a page: first its top level, then `items`.
struct Items<'l, T> {
    listed: &'l Listed,
    namespace: &'l str,
    position: usize,
    found: Option<Vec<T>>,
    wrong: Option<String>,
    head: HeadMetadata,
}

impl<'de, T: Item> Visitor<'de> for &mut Items<'_, T> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeyAmong(&TOP))? {
            match key {
                Some(("items", _)) => map.next_value_seed(&mut *self)?,
                Some(_) => self.head = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let mut found = Vec::new();
        loop {
            let item = if T::KEEPS_TEXT && !self.listed.is_thinned() {
                let Some(text) = sequence.next_element::<&RawValue>()? else { break };
                self.of_text(text).map_err(A::Error::custom)?
            } else {
                let Some(item) = sequence.next_element_seed(self.listed.keep())? else { break };
                self.of(item)
            };
            match item {
                Ok(item) => found.extend(item),
                Err(wrong) => drop(self.wrong.get_or_insert(wrong)),
            }
            self.position += 1;
        }
        found.shrink_to_fit();
        self.found = Some(found);
        Ok(())
    }
}

impl<T: Item> Items<'_, T> {
    fn of(&self, item: Json) -> Result<Option<T>, String> {
        check(item, self.position, self.listed, self.namespace).map(|item| T::of(item, self.listed))
    }

    fn of_text(&self, text: &RawValue) -> Result<Result<Option<T>, String>, serde_json::Error> {
        if let Some(item) = ObjectText::read(text.get())? {
            let (api_version, kind) = self.listed.type_of();
            let item = item.typed(api_version, kind);
            let typed = item.api_version.text() == Some(api_version) && item.kind.text() == Some(kind);
            let named = [item.name.text(), item.uid.text(), item.namespace.text()];
            match check_head(typed, named, self.position, self.listed, self.namespace) {
                Ok(true) => return Ok(Ok(T::of_text(&item, self.listed))),
                Ok(false) => {}
                Err(wrong) => return Ok(Err(wrong)),
            }
        }
        serde_json::from_str(text.get()).map(|item| self.of(item))
    }
}

impl<'de, T: Item> DeserializeSeed<'de> for &mut Items<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Thins the items of a list that was read in another way than by [`items`].
fn thin(item: &Json, listed: &Listed) -> Json {
    listed.keep().deserialize(item).unwrap_or(Json::Null)
}

/// Which parts of a value are kept; the rest is skipped unread.
enum Keep {
    All,
    Map(&'static [(&'static str, Keep)]),
    Each(&'static Keep),
}

static TOP: [(&str, Keep); 2] = [("items", Keep::All), ("metadata", Keep::All)];

/// All that `bpctl_core::observe::pod_from_json` and `group_pods` look at. Environment variables, annotations and the rest of
/// a pod are never kept.
static POD: Keep = Keep::Map(&[
    ("apiVersion", Keep::All),
    ("kind", Keep::All),
    (
        "metadata",
        Keep::Map(&[
            ("creationTimestamp", Keep::All),
            ("deletionTimestamp", Keep::All),
            ("labels", Keep::Map(&[("controller-revision-hash", Keep::All), ("pod-template-hash", Keep::All)])),
            ("name", Keep::All),
            ("namespace", Keep::All),
            ("ownerReferences", Keep::All),
            ("uid", Keep::All),
        ]),
    ),
    ("spec", Keep::Map(&[("containers", CONTAINERS), ("initContainers", CONTAINERS), ("overhead", Keep::All)])),
    (
        "status",
        Keep::Map(&[
            ("conditions", Keep::All),
            ("containerStatuses", STATUSES),
            ("initContainerStatuses", STATUSES),
            ("phase", Keep::All),
            ("reason", Keep::All),
        ]),
    ),
]);
const CONTAINERS: Keep = Keep::Each(&Keep::Map(&[
    ("name", Keep::All),
    ("resources", Keep::Map(&[("limits", Keep::Map(&[("memory", Keep::All)])), ("requests", Keep::All)])),
    ("restartPolicy", Keep::All),
]));
const STATUSES: Keep = Keep::Each(&Keep::Map(&[
    ("lastState", Keep::All),
    ("name", Keep::All),
    ("restartCount", Keep::All),
    ("state", Keep::All),
]));

impl<'de> DeserializeSeed<'de> for &Keep {
    type Value = Json;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        match self {
            Keep::All => Json::deserialize(deserializer),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for &Keep {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let each = match self {
            Keep::Each(each) => each,
            // A list where a mapping belongs: kept, for whoever reads it to refuse.
            _ => &Keep::All,
        };
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(each)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let Keep::Map(kept) = self else {
            return Json::deserialize(serde::de::value::MapAccessDeserializer::new(map));
        };
        let mut object = Map::new();
        while let Some(key) = map.next_key_seed(KeyAmong(kept))? {
            match key {
                Some((name, keep)) => {
                    let value = map.next_value_seed(keep)?;
                    object.insert((*name).to_owned(), value);
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Json::Object(object))
    }
}

/// Finds a key among those kept, without an allocation.
struct KeyAmong(&'static [(&'static str, Keep)]);

impl<'de> DeserializeSeed<'de> for KeyAmong {
    type Value = Option<&'static (&'static str, Keep)>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyAmong {
    type Value = Option<&'static (&'static str, Keep)>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|(name, _)| *name == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bpctl_core::model::Untrusted;
    use bpctl_core::observe::{Known, autoscaled, pod_from_json};

    fn pod() -> Json {
        serde_json::json!({
            "metadata": {"name": "web-7d-x", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"huge": "x".repeat(1000)}, "managedFields": [{"manager": "k"}],
                "labels": {"pod-template-hash": "7d", "app": "web"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d", "controller": true}]},
            "spec": {"containers": [{"name": "web", "env": [{"name": "TOKEN", "value": "hunter2"}],
                "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1"}}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:05Z"}],
                "containerStatuses": [{"name": "web", "image": "i", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
        })
    }

    #[test]
    fn a_thinned_pod_says_the_same_and_holds_no_environment() {
        let page = serde_json::json!({"kind": "PodList", "metadata": {}, "items": [pod()]}).to_string();
        let thinned: Vec<Json> = items(page.as_bytes(), &Listed::Pods, "shop").expect("a page");
        assert_eq!(pod_from_json(&thinned[0]), pod_from_json(&pod()));
        assert!(pod_from_json(&thinned[0]).is_some());
        assert!(!thinned[0].to_string().contains("hunter2"), "{}", thinned[0]);
        // Would miss: "it has no memory limit" of a container that was killed at its limit.
        let mut killed = pod();
        killed["spec"]["containers"][0]["resources"]["limits"]["memory"] = "2Gi".into();
        killed["status"]["containerStatuses"][0]["state"] = serde_json::json!({"running": {}});
        killed["status"]["containerStatuses"][0]["lastState"] =
            serde_json::json!({"terminated": {"reason": "OOMKilled", "exitCode": 137}});
        let read = pod_from_json(&thin(&killed, &Listed::Pods)).expect("a pod");
        assert_eq!(Some(&read), pod_from_json(&killed).as_ref());
        assert!(
            read.restarted.iter().all(|last| last.memory_limit.is_some()) && !read.restarted.is_empty(),
            "{read:?}"
        );
        assert_eq!(group(&thinned), ["web"]);
        let mut whole = pod();
        whole["apiVersion"] = "v1".into();
        whole["kind"] = "Pod".into();
        assert_eq!(thin(&whole, &Listed::Pods), thinned[0]);
    }

    fn group(items: &[Json]) -> Vec<String> {
        bpctl_core::observe::group_pods(items).into_keys().map(|(_, name)| name).collect()
    }

    /// X8
    #[test]
    fn of_an_autoscaler_that_nobody_asked_for_what_it_scales_is_kept() {
        let scaler = |spec: Json| {
            let item = serde_json::json!({"metadata": {"name": "a", "namespace": "shop", "uid": "u", "labels": {"x": "y"}}, "spec": spec});
            let page = serde_json::json!({"kind": "List", "items": [item]}).to_string();
            let listed = Listed::Objects(Arc::new(ObjectKind::new(AUTOSCALER.0, AUTOSCALER.1)), Some(Arc::default()));
            let items: Vec<LiveObject> = items(page.as_bytes(), &listed, "shop").expect("a page");
            let found = wanted(&BTreeSet::new(), items).expect("nothing was asked for");
            assert!(!found["a"].body.to_string().contains("labels"), "{found:?}");
            autoscaled(found.into_values().collect())
        };
        let of = |kind: &str, version: &str| {
            let target = serde_json::json!({"kind": kind, "name": "web", "apiVersion": version});
            scaler(serde_json::json!({"maxReplicas": 3, "scaleTargetRef": target}))
        };
        let web = (WorkloadKind::Deployment, "web".to_owned());
        let named = |known: Known<BTreeMap<_, Untrusted>>| known.known().and_then(|all| all.get(&web).cloned());
        assert_eq!(named(of("Deployment", "apps/v1")), Some(Untrusted::new("a")));
        assert_eq!(of("Deployment", "argoproj.io/v1"), Known::Known(BTreeMap::new()));
        assert_eq!(of("Thing", "apps/v1"), Known::Known(BTreeMap::new()));
        // A recording made before what it scales was kept.
        assert!(scaler(Json::Null).known().is_none());
    }

    #[test]
    fn what_is_no_whole_list_of_the_namespace_is_refused() {
        for (page, why) in [
            ("{\"items\": [", "not JSON"),
            ("{}", "not a list"),
            ("{\"items\": null}", "not a list"),
            ("{\"items\": [3]}", "not an object"),
            ("{\"items\": [{\"metadata\": {\"namespace\": \"shop\", \"uid\": \"u\"}}]}", "no name"),
            (
                "{\"items\": [{\"metadata\": {\"name\": \"a\", \"uid\": \"u\", \"namespace\": \"other\"}}]}",
                "another namespace",
            ),
            ("{\"items\": [{\"kind\": \"Secret\", \"metadata\": {\"name\": \"a\"}}]}", "is no Deployment"),
            ("{\"items\": []} x", "not JSON"),
        ] {
            let error =
                items::<Json>(page.as_bytes(), &Listed::Workloads(WorkloadKind::Deployment), "shop").expect_err(page);
            assert!(error.contains(why), "{page}: {error}");
        }
        assert!(head(b"{\"kind\": \"Status\"}").is_err());
    }
}
