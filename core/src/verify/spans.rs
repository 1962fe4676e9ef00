//! When the windows of a verification begin and end: all of it follows from the merge, so that a late run looks at the same ones (B16).

use crate::blueprint::{Delivery, Environment, Spec, Verification};
use crate::model::{Percent, Period, Timestamp};
use crate::observe::{Level, Resource, Window};

/// The time that a controller gets to bring a merged change, in multiples of the `applied` window.
const CONTROLLER_FACTOR: u64 = 30;

/// The moments of one verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    /// The value is in the cluster by then: the first window's own length after the merge, longer where a controller brings it.
    pub applied_by: Timestamp,
    /// All pods are ready by then.
    pub ready_by: Timestamp,
    /// Lengths of the windows that are measured, which follow one another from there on.
    measured: [(Window, Period); 2],
    lag: Period,
}

impl Spans {
    /// The windows after a merge. What was measured is asked for `lag` after the end of a window.
    pub fn of(windows: &Verification, delivery: Delivery, merged_at: Timestamp, lag: Period) -> Self {
        let patience = match delivery {
            Delivery::Direct => windows.applied,
            Delivery::Gitops => Period::from_millis(windows.applied.as_millis().saturating_mul(CONTROLLER_FACTOR)),
        };
        let applied_by = patience.after(merged_at);
        let measured = [(Window::Settled, windows.settled), (Window::Sustained, windows.sustained)];
        Self { applied_by, ready_by: windows.ready.after(applied_by), measured, lag }
    }

    /// The windows that are watched, each with its length, its end, and the moment from which on it can be judged.
    pub fn measured(&self) -> impl Iterator<Item = (Window, Period, Timestamp, Timestamp)> {
        let mut end = self.ready_by;
        self.measured.into_iter().filter(|(_, over)| over.as_millis() > 0).map(move |(window, over)| {
            end = over.after(end);
            (window, over, end, self.lag.after(end))
        })
    }

    /// From when on another operation may follow: what it would change has settled.
    pub fn settled(&self) -> Timestamp {
        let settled = self.measured().find(|(window, ..)| *window == Window::Settled);
        settled.map_or(self.ready_by, |(.., due)| due)
    }
}

/// What of a workload's usage and service levels is judged after a change (B13, B14): the most that each may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// Utilization of one resource.
    pub usage: Vec<UsageTarget>,
    /// `latency_p95`.
    pub latency: Option<Period>,
    /// `error_rate`.
    pub error_rate: Option<Percent>,
    /// `availability`.
    pub availability: Option<Percent>,
    /// The load is told beside them.
    pub throughput: bool,
}

/// The most that one resource may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageTarget {
    /// CPU or memory.
    pub resource: Resource,
    /// The most; `None`: it is told, not judged.
    pub at_most: Option<Percent>,
    /// What scaling bears itself: more than the most, and no failure.
    pub borne: Option<Percent>,
    /// Of this container alone.
    pub container: Option<String>,
}

impl Targets {
    /// The targets of a blueprint.
    ///
    /// # Errors
    /// Why nothing is measured.
    pub fn of(spec: &Spec, place: &Environment) -> Result<Self, &'static str> {
        if place.prometheus.is_none() {
            return Err("the environment names no Prometheus");
        }
        let usage = [Resource::Cpu, Resource::Memory].map(|resource| {
            let target = spec.resources.of(resource).and_then(|bounds| bounds.target_utilization);
            let container = target.and(spec.resources.container.as_ref()).map(ToString::to_string);
            // Where no target is given, the load that asks for a replica more.
            let threshold = spec.scaling.as_ref().filter(|_| resource == Resource::Cpu);
            let borne = threshold.map(|scaling| scaling.scale_up_threshold);
            UsageTarget { resource, at_most: target.or(borne), borne, container }
        });
        let performance = &spec.performance;
        let targets = Self {
            usage: usage.into(),
            latency: performance.latency_p95,
            error_rate: performance.error_rate,
            availability: performance.availability,
            throughput: performance.throughput.is_some(),
        };
        let levels = [targets.error_rate, targets.availability];
        let any = targets.latency.is_some() || levels.iter().any(Option::is_some);
        if any || targets.usage.iter().any(|usage| usage.at_most.is_some()) {
            Ok(targets)
        } else {
            Err("the blueprint names no target")
        }
    }

    /// How long after a window's end its samples have arrived: two scrapes, of the four that a rate should be over.
    pub fn lag(place: &Environment) -> Period {
        let rate = place.prometheus.as_ref().map_or(0, |source| source.rate_interval.as_millis());
        Period::from_millis(rate / 2)
    }

    /// What is asked about the workload's requests.
    pub fn levels(&self) -> Vec<Level> {
        let failing = self.error_rate.is_some() || self.availability.is_some();
        let asked = |level: &Level| match level {
            Level::Requests => failing || self.throughput,
            Level::Errors => failing,
            Level::Latency => self.latency.is_some(),
        };
        Level::ALL.into_iter().filter(asked).collect()
    }
}
