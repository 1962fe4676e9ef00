//! Metrics: what pods use over a window, from Prometheus.
//!
//! One question per resource answers for all namespaces at once. An answer that is empty, partial, late or not a number is
//! unknown, never healthy (Z11). No floating point: values go from text to whole billionths.

mod decimal;
mod levels;
#[expect(clippy::disallowed_methods, reason = "the client of the configured server")]
mod prometheus;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests are the server")]
mod tests;

use std::collections::BTreeMap;

use bpctl_core::model::Period;
use bpctl_core::observe::{Known, LevelSeries, PodUsage};

pub use prometheus::{MetricsError, Prometheus, PrometheusOptions};

/// What requests were like, as one source measured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredRequests {
    /// The window, ending at the moment that was asked for.
    pub window: Period,
    /// Samples that a series has that was there for the whole window.
    pub expected_samples: u32,
    /// Series with any sample, by namespace.
    pub series: Known<BTreeMap<String, Vec<LevelSeries>>>,
}

/// What pods used, as one source measured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The window, ending at the moment that was asked for.
    pub window: Period,
    /// Samples that a pod has that ran for the whole window.
    pub expected_samples: u32,
    /// Pods with any sample, by namespace. A namespace without samples has no entry: that is not the same as no use.
    pub pods: Known<BTreeMap<String, Vec<PodUsage>>>,
}
