//! The recorder: the only way for a stage to read facts.

use std::cell::RefCell;
use std::collections::BTreeSet;

use elsa::FrozenBTreeMap;

use super::{
    FactKey, FactValue, FailedDelivery, Known, LastChange, Level, LiveObject, MeasuredLevel, Measures, Observation,
    ObservedFrom, OpenAdoption, PastOperation, Pod, Resource, TypeSchema, Unknown, UnknownCode, Usage, Warning,
};
use crate::model::{Name, ObjectRef, Timestamp, Untrusted};

/// Hands out facts of an observation and remembers which were asked for, found or not.
pub struct Recorder<'o> {
    observation: &'o Observation,
    read: RefCell<BTreeSet<FactKey>>,
    /// Objects that were looked into, for as long as this recorder lives: the observation holds them as text.
    objects: FrozenBTreeMap<ObjectRef, Box<LiveObject>>,
}

impl std::fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("read", &self.read).finish_non_exhaustive()
    }
}

impl<'o> Recorder<'o> {
    /// Starts a recording.
    pub fn new(observation: &'o Observation) -> Self {
        Self { observation, read: RefCell::default(), objects: FrozenBTreeMap::new() }
    }

    /// The forge's time at the observation: `now` of every rule.
    pub fn now(&self) -> Timestamp {
        self.observation.governed_at
    }

    /// When the look at the cluster began: of a recording its own time.
    pub fn observed_at(&self) -> Timestamp {
        self.observation.observed_at
    }

    /// What times that the cluster itself wrote are compared with: the earlier of both clocks, since in a recording time stands still.
    pub fn cluster_now(&self) -> Timestamp {
        self.now().min(self.observed_at())
    }

    /// Where the facts come from.
    pub fn from(&self) -> &'o ObservedFrom {
        &self.observation.from
    }

    /// The keys read so far, as the observation that holds just them.
    pub fn evidence(&self) -> Observation {
        self.observation.only(self.read.borrow().iter())
    }

    /// The keys read so far.
    pub fn keys(&self) -> BTreeSet<FactKey> {
        self.read.borrow().clone()
    }

    /// The live object; `None`: it does not exist.
    pub fn object(&self, object: &ObjectRef) -> Known<Option<&LiveObject>> {
        match self.read(FactKey::Object(object.clone())) {
            Ok(FactValue::Object(known)) => known.as_ref().map(|live| {
                let looked_into = || self.objects.get(object);
                let look = |live: &LiveObject| self.objects.insert(object.clone(), Box::new(live.clone()));
                live.as_ref().map(|live| looked_into().unwrap_or_else(|| look(live)))
            }),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// What the API server would store if the object's manifest were applied; `None`: nobody asked it.
    pub fn dry_run(&self, object: &ObjectRef) -> Option<Known<&'o LiveObject>> {
        let key = FactKey::DryRun(object.clone());
        self.observation.facts.contains_key(&key).then(|| match self.read(key) {
            Ok(FactValue::DryRun(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        })
    }

    /// The workload's pods.
    pub fn pods(&self, workload: &ObjectRef) -> Known<&'o Vec<Pod>> {
        match self.read(FactKey::Pods(workload.clone())) {
            Ok(FactValue::Pods(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// What the workload's pods use.
    pub fn usage(&self, workload: &ObjectRef, resource: Resource) -> Known<&'o Usage> {
        match self.read(FactKey::Usage(workload.clone(), resource)) {
            Ok(FactValue::Usage(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// What the workload's requests are like.
    pub fn level(&self, workload: &ObjectRef, level: Level) -> Known<&'o MeasuredLevel> {
        match self.read(FactKey::Level(workload.clone(), level)) {
            Ok(FactValue::Level(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// What the cluster warns of the workload.
    pub fn warnings(&self, workload: &ObjectRef) -> Known<&'o Vec<Warning>> {
        match self.read(FactKey::Warnings(workload.clone())) {
            Ok(FactValue::Warnings(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// The name of the autoscaler in the cluster that scales the workload; `None`: there is none.
    pub fn autoscaler(&self, workload: &ObjectRef) -> Known<Option<&'o Untrusted>> {
        match self.read(FactKey::Autoscaler(workload.clone())) {
            Ok(FactValue::Autoscaler(known)) => known.as_ref().map(Option::as_ref),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// The shape of a kind.
    pub fn schema(&self, api_version: &str, kind: &str) -> Known<&'o TypeSchema> {
        match self.read(FactKey::Schema(api_version.into(), kind.into())) {
            Ok(FactValue::Schema(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// What was done before to the blueprint's workload.
    pub fn history(&self, blueprint: &Name) -> Known<&'o Vec<PastOperation>> {
        match self.read(FactKey::History(blueprint.clone())) {
            Ok(FactValue::History(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// The deliveries that failed and that none has made good since.
    pub fn deliveries(&self, blueprint: &Name) -> Known<&'o Vec<FailedDelivery>> {
        match self.read(FactKey::Deliveries(blueprint.clone())) {
            Ok(FactValue::Deliveries(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// The open pull requests that take values of the blueprint's objects into Git.
    pub fn adoptions(&self, blueprint: &Name) -> Known<&'o Vec<OpenAdoption>> {
        match self.read(FactKey::Adoptions(blueprint.clone())) {
            Ok(FactValue::Adoptions(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// The fields that somebody asked to adopt; `None`: nobody asked.
    pub fn asked(&self, blueprint: &Name) -> Option<&'o [String]> {
        let key = FactKey::Asked(blueprint.clone());
        self.observation.facts.contains_key(&key).then(|| match self.read(key) {
            Ok(FactValue::Asked(fields)) => Some(fields.as_slice()),
            _ => None,
        })?
    }

    /// The newest change of the blueprint's manifest.
    pub fn last_change(&self, blueprint: &Name) -> Known<Option<&'o LastChange>> {
        match self.read(FactKey::LastChange(blueprint.clone())) {
            Ok(FactValue::LastChange(known)) => known.as_ref().map(Option::as_ref),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    /// What was measured around the newest operation of the blueprint's workload.
    pub fn measures(&self, blueprint: &Name) -> Known<&'o Measures> {
        match self.read(FactKey::Measures(blueprint.clone())) {
            Ok(FactValue::Measures(known)) => known.as_ref(),
            Ok(_) => mismatch(),
            Err(unknown) => Known::Unknown(unknown),
        }
    }

    fn read(&self, key: FactKey) -> Result<&'o FactValue, Unknown> {
        // The observation's own key is remembered, so that evidence shares its names.
        let (key, fact) = match self.observation.facts.get_key_value(&key) {
            Some((own, fact)) => (own.clone(), Some(&fact.value)),
            None => (key, None),
        };
        let missing = || {
            let message = match &key {
                FactKey::Object(object) => format!("nobody looked at {object} in namespace {}", object.namespace),
                FactKey::Level(..) | FactKey::Measures(_) => "no Prometheus was asked".into(),
                FactKey::Autoscaler(workload) => format!("nobody looked for one in namespace {}", workload.namespace),
                other => format!("{other} was not observed"),
            };
            Unknown { code: UnknownCode::NotObserved, message, detail: None }
        };
        let answer = fact.ok_or_else(missing);
        self.read.borrow_mut().insert(key);
        answer
    }
}

fn mismatch<T>() -> Known<T> {
    Known::unknown(UnknownCode::Malformed, "the observation holds another kind of fact under this key")
}
