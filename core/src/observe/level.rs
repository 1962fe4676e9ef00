//! What service levels are read from: requests, failed requests, and how long they took (B1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Period, Quantity, Untrusted};

/// A measure of the requests that a workload answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Requests per second.
    Requests,
    /// Those that failed, per second.
    Errors,
    /// Requests per second that took at most a time: a histogram's buckets.
    Latency,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Errors, Self::Latency];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Latency => "latency",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One series: of a pod, or of a workload as a whole where the exporter tells no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelSeries {
    /// The pod's name, or the workload's.
    pub of: Untrusted,
    /// It is the workload's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub workload: bool,
    /// Of latency: requests that took at most so many seconds; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Quantity>,
    /// Mean over the window, per second.
    pub mean: Quantity,
    /// How many samples the mean rests on.
    pub samples: u32,
}

/// What was measured of one workload over a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredLevel {
    /// Length of the window, ending when the observation began.
    pub window: Period,
    /// Samples that a series would have that was there for the whole window.
    pub expected_samples: u32,
    /// Each series that had any sample.
    pub series: Vec<LevelSeries>,
}
