//! Facts, their keys, and the observation that holds them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    FailedDelivery, LastChange, Level, LiveObject, MeasuredLevel, Measures, OpenAdoption, PastOperation, Pod, Resource,
    TypeSchema, Usage, Warning,
};
use crate::model::{Name, ObjectParts, ObjectRef, Timestamp, Untrusted};

/// A value that was seen whole, or the reason why it was not. Unknown never permits anything (R6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    /// Seen, whole.
    Known(T),
    /// Not seen, or not whole.
    Unknown(Unknown),
}

impl<T> Known<T> {
    /// Makes an unknown with a reason in bpctl's own words.
    pub fn unknown(code: UnknownCode, message: impl Into<String>) -> Self {
        Self::Unknown(Unknown { code, message: message.into(), detail: None })
    }

    /// The value, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// A reference inside.
    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Self::Known(value) => Known::Known(value),
            Self::Unknown(unknown) => Known::Unknown(unknown.clone()),
        }
    }

    /// What a known value leads to.
    pub fn and_then<U>(self, then: impl FnOnce(T) -> Known<U>) -> Known<U> {
        match self {
            Self::Known(value) => then(value),
            Self::Unknown(unknown) => Known::Unknown(unknown),
        }
    }

    /// Applies a function to a known value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Known(value) => Known::Known(f(value)),
            Self::Unknown(unknown) => Known::Unknown(unknown),
        }
    }

    /// The value, or the reason as an error: for `?` in stages.
    pub fn ok(self) -> Result<T, Unknown> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown(unknown) => Err(unknown),
        }
    }
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// The kind of reason.
    pub code: UnknownCode,
    /// The reason in bpctl's own words.
    pub message: String,
    /// What the other side said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Untrusted>,
}

/// Kinds of reasons for not knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownCode {
    /// Nobody asked: the environment names no such source, or a snapshot does not hold it.
    NotObserved,
    /// The other side refused: a right is missing.
    Forbidden,
    /// The other side refused what was asked of it: asked again in earnest it would refuse again.
    Refused,
    /// The other side did not answer.
    Unreachable,
    /// An answer came, but not whole.
    Incomplete,
    /// The answer is too old.
    Stale,
    /// The answer has fewer samples than a decision needs.
    TooFewSamples,
    /// The other side answers, and has not measured it.
    NoSamples,
    /// The answer cannot be read.
    Malformed,
    /// bpctl does not know how to look.
    Unsupported,
}

/// What can be asked about the world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKey {
    /// One object of the cluster.
    Object(ObjectRef),
    /// The pods of one workload.
    Pods(ObjectRef),
    /// What the pods of one workload use.
    Usage(ObjectRef, Resource),
    /// What the cluster warns of one workload; looked up only where its pods are in trouble.
    Warnings(ObjectRef),
    /// What the requests of one workload are like.
    Level(ObjectRef, Level),
    /// What the API server would store if the object's manifest were applied; looked up only where somebody asks for it.
    DryRun(ObjectRef),
    /// Types and merge keys of one kind: `apps/v1`, `Deployment`.
    Schema(String, String),
    /// The `HorizontalPodAutoscaler` in the cluster that scales one workload.
    Autoscaler(ObjectRef),
    /// What was done to one blueprint's workload in this environment: merged changes and their outcomes.
    History(Name),
    /// The deliveries of one blueprint's objects that failed and that none has made good since.
    Deliveries(Name),
    /// The newest change of one blueprint's manifest; looked up only where its workload's pods are in trouble.
    LastChange(Name),
    /// What was measured around the newest operation of one blueprint's workload; looked up only while that is verified, or failed.
    Measures(Name),
    /// The open pull requests that take values of one blueprint's objects into Git.
    Adoptions(Name),
    /// The fields of one blueprint that somebody asked to adopt; none: all that differ. Nobody asked where the fact is not there.
    Asked(Name),
}

impl std::fmt::Display for FactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let object = |f: &mut std::fmt::Formatter<'_>, kind: &str, o: &ObjectRef| {
            write!(f, "{kind}:{}:{}:{}:{}", o.api_version, o.kind, o.namespace, o.name)
        };
        match self {
            Self::Object(o) => object(f, "object", o),
            Self::Pods(o) => object(f, "pods", o),
            Self::Usage(o, Resource::Cpu) => object(f, "usage-cpu", o),
            Self::Usage(o, Resource::Memory) => object(f, "usage-memory", o),
            Self::Level(o, level) => object(f, &format!("level-{level}"), o),
            Self::Warnings(o) => object(f, "warnings", o),
            Self::DryRun(o) => object(f, "dry-run", o),
            Self::Autoscaler(o) => object(f, "autoscaler", o),
            Self::Schema(api_version, kind) => write!(f, "schema:{api_version}:{kind}"),
            Self::History(blueprint) => write!(f, "history:{blueprint}"),
            Self::Deliveries(blueprint) => write!(f, "deliveries:{blueprint}"),
            Self::Adoptions(blueprint) => write!(f, "adoptions:{blueprint}"),
            Self::Asked(blueprint) => write!(f, "asked:{blueprint}"),
            Self::LastChange(blueprint) => write!(f, "last-change:{blueprint}"),
            Self::Measures(blueprint) => write!(f, "measures:{blueprint}"),
        }
    }
}

impl Serialize for FactKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FactKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_key(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a fact's key")))
    }
}

fn parse_key(text: &str) -> Option<FactKey> {
    let parts: Vec<&str> = text.split(':').collect();
    let object = || match parts[1..] {
        [api_version, kind, namespace, name] => Some(ObjectRef::from(ObjectParts {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        })),
        _ => None,
    };
    match (*parts.first()?, parts.len()) {
        ("object", 5) => object().map(FactKey::Object),
        ("pods", 5) => object().map(FactKey::Pods),
        ("usage-cpu", 5) => object().map(|o| FactKey::Usage(o, Resource::Cpu)),
        ("usage-memory", 5) => object().map(|o| FactKey::Usage(o, Resource::Memory)),
        (kind, 5) if kind.starts_with("level-") => {
            let level = Level::ALL.into_iter().find(|level| kind.strip_prefix("level-") == Some(level.name()))?;
            object().map(|o| FactKey::Level(o, level))
        }
        ("warnings", 5) => object().map(FactKey::Warnings),
        ("dry-run", 5) => object().map(FactKey::DryRun),
        ("autoscaler", 5) => object().map(FactKey::Autoscaler),
        ("schema", 3) => Some(FactKey::Schema(parts[1].into(), parts[2].into())),
        ("history", 2) => Name::new(parts[1]).ok().map(FactKey::History),
        ("deliveries", 2) => Name::new(parts[1]).ok().map(FactKey::Deliveries),
        ("adoptions", 2) => Name::new(parts[1]).ok().map(FactKey::Adoptions),
        ("asked", 2) => Name::new(parts[1]).ok().map(FactKey::Asked),
        ("last-change", 2) => Name::new(parts[1]).ok().map(FactKey::LastChange),
        ("measures", 2) => Name::new(parts[1]).ok().map(FactKey::Measures),
        _ => None,
    }
}

impl JsonSchema for FactKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FactKey".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "kind:part:part…, for example object:apps/v1:Deployment:shop:frontend"})
    }
}

/// The answer to one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactValue {
    /// The object; `None`: it does not exist.
    Object(Known<Option<LiveObject>>),
    /// All pods of the workload.
    Pods(Known<Vec<Pod>>),
    /// Usage of the workload's pods.
    Usage(Known<Usage>),
    /// What the workload's requests are like.
    Level(Known<MeasuredLevel>),
    /// Warnings, newest first.
    Warnings(Known<Vec<Warning>>),
    /// What would be stored.
    DryRun(Known<LiveObject>),
    /// The autoscaler's name; `None`: there is none.
    Autoscaler(Known<Option<Untrusted>>),
    /// Types of a kind.
    Schema(Known<TypeSchema>),
    /// Past operations, oldest first.
    History(Known<Vec<PastOperation>>),
    /// Failed deliveries, oldest first.
    Deliveries(Known<Vec<FailedDelivery>>),
    /// The newest change; `None`: none of the commits that were looked at changed the manifest.
    LastChange(Known<Option<LastChange>>),
    /// What was measured around the newest operation.
    Measures(Known<Measures>),
    /// Open adoptions.
    Adoptions(Known<Vec<OpenAdoption>>),
    /// Fields, as they were named.
    Asked(Vec<String>),
}

/// One answer, with where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// The answer.
    pub value: FactValue,
    /// Who said it: `kubernetes`, `prometheus`, `forge`, `snapshot`.
    #[schemars(with = "String")]
    pub source: SmolStr,
    /// When it was true, by the source's own clock where it has one.
    pub at: Timestamp,
}

/// Where an observation came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ObservedFrom {
    /// A live API server.
    Live {
        /// The kubeconfig context, or `in-cluster`.
        context: String,
        /// The server's version, `1.36`.
        version: String,
    },
    /// A folder recorded earlier.
    Snapshot {
        /// The folder, as the workspace names it.
        folder: String,
        /// The server's version at the recording.
        version: String,
    },
}

/// All facts of one look at one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment's name.
    pub environment: Name,
    /// Where it came from.
    pub from: ObservedFrom,
    /// The moment that the look began. On a snapshot the recording's time.
    pub observed_at: Timestamp,
    /// The forge's time, by which pauses and freezes go: a recording cannot end them.
    pub governed_at: Timestamp,
    /// The facts; each by itself, since a map's nodes are half empty and a fact is large.
    pub facts: BTreeMap<FactKey, Box<Fact>>,
}

impl Observation {
    /// An empty observation.
    pub fn new(environment: Name, from: ObservedFrom, observed_at: Timestamp) -> Self {
        Self { schema_version: 1, environment, from, observed_at, governed_at: observed_at, facts: BTreeMap::new() }
    }

    /// Adds a fact, seen when the observation began.
    pub fn add(&mut self, key: FactKey, source: &str, value: FactValue) {
        let fact = Fact { value, source: source.into(), at: self.observed_at };
        self.facts.insert(key, Box::new(fact));
    }

    /// The same observation with only these facts: the evidence of a decision, enough to derive it again (X3).
    #[must_use]
    pub fn only<'k>(&self, keys: impl IntoIterator<Item = &'k FactKey>) -> Self {
        let facts = keys.into_iter().filter_map(|key| Some((key.clone(), self.facts.get(key)?.clone()))).collect();
        Self {
            facts,
            governed_at: self.governed_at,
            ..Self::new(self.environment.clone(), self.from.clone(), self.observed_at)
        }
    }
}
