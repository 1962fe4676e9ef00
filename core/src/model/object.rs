//! Names of blueprints, environments and Kubernetes objects.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A name that is safe in a ref, a path, a label and a URL: 1 to 63 of `a-z0-9-`, starting and ending with a letter or digit
/// (Kubernetes' own rule for labels).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Name(#[schemars(with = "String")] SmolStr);

/// A name that breaks the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit")]
pub struct NameError(String);

impl Name {
    /// Checks and makes a name.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let good =
            (1..=63).contains(&text.len()) && text.chars().all(inner) && text.starts_with(edge) && text.ends_with(edge);
        if good { Ok(Self(text.into())) } else { Err(NameError(text)) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

/// A kind of workload that a blueprint can govern; all of `apps/v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// Replicas that are all alike.
    Deployment,
    /// Replicas with names and disks of their own.
    StatefulSet,
    /// One pod on each node.
    DaemonSet,
}

impl WorkloadKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];
    /// The API version of them all.
    pub const API_VERSION: &'static str = "apps/v1";

    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// As URLs and `kubectl` write it.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }

    /// The kind of this name.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == kind)
    }

    /// The kind of this object, if it is a workload.
    pub fn of(object: &ObjectRef) -> Option<Self> {
        Self::of_kind(&object.kind).filter(|_| object.api_version == Self::API_VERSION)
    }

    /// Whether it has a number of replicas that somebody can choose.
    pub fn has_replicas(self) -> bool {
        self != Self::DaemonSet
    }
}

impl std::fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A kind of objects, in the version that manifests of it are written in: `v1`, `Service`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKind {
    /// `v1`, `autoscaling/v2`, …
    pub api_version: String,
    /// `Service`, …
    pub kind: String,
}

impl ObjectKind {
    /// Makes a kind.
    pub fn new(api_version: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { api_version: api_version.into(), kind: kind.into() }
    }

    /// The kind of this object.
    pub fn of(object: &ObjectRef) -> Self {
        Self::new(object.api_version.as_str(), object.kind.as_str())
    }

    /// The API group; empty: the core one.
    pub fn group(&self) -> &str {
        group_of(&self.api_version)
    }
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// One Kubernetes object. Facts, evidence and actions name the same few over and over, so that a clone shares what it names.
#[derive(Clone)]
pub struct ObjectRef(Arc<Sorted>);

/// An object's parts, and before them the texts of all as one. Maps of facts ask for the order of objects more than for anything else, and
/// most objects differ in the last part: one comparison of one text instead of four in as many places.
struct Sorted {
    /// Each part ends with a zero, which stands in no part that a cluster takes: so this is in the order of the parts.
    all: Box<str>,
    parts: ObjectParts,
}

impl std::fmt::Debug for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ObjectRef").field(&self.0.parts).finish()
    }
}

impl Ord for ObjectRef {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        self.0.all.cmp(&other.0.all).then_with(|| self.0.parts.cmp(&other.0.parts))
    }
}

impl PartialOrd for ObjectRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ObjectRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.parts == other.0.parts
    }
}

impl Eq for ObjectRef {}

impl Hash for ObjectRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.parts.hash(state);
    }
}

/// One Kubernetes object: `apps/v1`, `Deployment`, namespace (empty for cluster-wide kinds), name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ObjectRef")]
pub struct ObjectParts {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `Deployment`, …
    pub kind: String,
    /// Namespace; empty for cluster-wide kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectParts {
    /// The API group; empty: the core one.
    pub fn group(&self) -> &str {
        group_of(&self.api_version)
    }
}

impl From<ObjectParts> for ObjectRef {
    fn from(parts: ObjectParts) -> Self {
        let ObjectParts { api_version, kind, namespace, name } = &parts;
        let all = [api_version, "\0", kind, "\0", namespace, "\0", name].concat();
        Self(Arc::new(Sorted { all: all.into(), parts }))
    }
}

impl Deref for ObjectRef {
    type Target = ObjectParts;
    fn deref(&self) -> &ObjectParts {
        &self.0.parts
    }
}

impl Serialize for ObjectRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.parts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ObjectRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ObjectParts::deserialize(deserializer).map(Into::into)
    }
}

impl JsonSchema for ObjectRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        ObjectParts::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        ObjectParts::json_schema(generator)
    }
}

impl ObjectRef {
    /// A workload of `apps/v1`.
    pub fn workload(kind: WorkloadKind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        let (api_version, kind) = (WorkloadKind::API_VERSION.into(), kind.as_str().into());
        ObjectParts { api_version, kind, namespace: namespace.into(), name: name.into() }.into()
    }

    /// The same object in another namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: impl Into<String>) -> Self {
        ObjectParts { namespace: namespace.into(), ..ObjectParts::clone(self) }.into()
    }

    /// Whether a manifest of this object declares it: a manifest may leave its namespace to the delivery.
    pub fn is_declared_by(&self, manifest: &Self) -> bool {
        (&self.api_version, &self.kind, &self.name) == (&manifest.api_version, &manifest.kind, &manifest.name)
            && (manifest.namespace.is_empty() || manifest.namespace == self.namespace)
    }

    /// A Deployment of `apps/v1`.
    pub fn deployment(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self::workload(WorkloadKind::Deployment, namespace, name)
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: an order of objects that is another one than that of their parts, and with it plans and evidence in another order; or two
    /// objects that are taken for one because a part holds what stands between parts.
    #[test]
    fn objects_are_in_the_order_of_their_parts() {
        let texts = ["", "a", "a-b", "a.b", "a/b", "ab", "\0", "a\0", "a\0b", "\u{1}", "b"];
        let mut all = Vec::new();
        for api_version in ["apps", "apps/v1", "v1"] {
            for kind in ["Deployment", "DeploymentX", "Service"] {
                for namespace in texts {
                    for name in texts {
                        let [api_version, kind, namespace, name] = [api_version, kind, namespace, name].map(Into::into);
                        all.push(ObjectParts { api_version, kind, namespace, name });
                    }
                }
            }
        }
        for one in &all {
            for other in &all {
                let (left, right) = (ObjectRef::from(one.clone()), ObjectRef::from(other.clone()));
                assert_eq!(left == right, one == other, "{one:?} {other:?}");
                assert_eq!(left.cmp(&right).is_eq(), one == other, "{one:?} {other:?}");
                let plain = |parts: &ObjectParts| !parts.namespace.contains('\0') && !parts.name.contains('\0');
                if plain(one) && plain(other) {
                    assert_eq!(left.cmp(&right), one.cmp(other), "{one:?} {other:?}");
                }
            }
        }
    }
}
