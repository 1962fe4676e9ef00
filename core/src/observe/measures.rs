//! What was measured around an operation of the past: before it, and in the windows after it (B13, B14, B16).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Known, Level, MeasuredLevel, Resource, Usage};
use crate::model::Period;

/// A window of a verification that is judged by what was measured in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Metrics settle.
    Settled,
    /// And stay.
    Sustained,
}

impl Window {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Settled, Self::Sustained];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Sustained => "sustained",
        }
    }
}

/// What was measured around the newest operation of a blueprint's workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measures {
    /// The operation's merge commit.
    pub commit: String,
    /// Each window that is over, in order.
    pub windows: Vec<WindowMeasures>,
}

/// What was measured in a window, and over as long a time before the merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowMeasures {
    /// The window.
    pub window: Window,
    /// Its length.
    pub over: Period,
    /// The same time before the merge.
    pub before: Gauges,
    /// The window itself.
    pub after: Gauges,
}

/// What one interval measured of one workload: of all the pods that it had then, also those that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gauges {
    /// What its pods used.
    pub usage: BTreeMap<Resource, Known<Usage>>,
    /// What its requests were like, as far as the blueprint promises something of them.
    pub levels: BTreeMap<Level, Known<MeasuredLevel>>,
}
