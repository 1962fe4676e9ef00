//! What bpctl knows about the world: facts with a source and a time, complete or unknown.
//!
//! A list that did not arrive whole is [`Known::Unknown`], never short. Stages read facts only through a [`Recorder`], so the set of
//! facts read *is* the evidence in a plan, the input of a replay and the record in the ledger (X3).

mod autoscaler;
mod body;
mod fact;
mod forge;
mod level;
mod live;
mod measures;
mod recorder;
mod restart;
mod schema;
mod warning;

pub use autoscaler::{AUTOSCALER, autoscaled};
pub use body::{Body, Field, ObjectText};
pub use fact::{Fact, FactKey, FactValue, Known, Observation, ObservedFrom, Unknown, UnknownCode};
pub use forge::{
    CheckConclusion, CheckRun, FailedDelivery, Identity, LastChange, OpenAdoption, PastChange, PastConfig,
    PastOperation, PullFacts, PullState, Review, ReviewState, Rights,
};
pub use level::{Level, LevelSeries, MeasuredLevel};
pub use live::{
    ContainerRequests, ContainerUsage, LiveObject, Pod, PodUsage, Resource, StoppedContainer, Usage, WorkloadName,
    current_revision, group_pods, newest_revision, owned_pod, pod_from_json,
};
pub use measures::{Gauges, Measures, Window, WindowMeasures};
pub use recorder::Recorder;
pub(crate) use restart::template_identity;
pub use restart::{PastRestart, RESTART_ANNOTATION, RESTART_MANAGER, next_restart};
pub use schema::{ListType, ScalarType, TypeSchema};
pub use warning::{Warning, warnings_of};
