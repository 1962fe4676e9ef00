//! Autoscalers of the cluster: whose replicas they own.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Known, LiveObject, UnknownCode, WorkloadName};
use crate::model::{At, Untrusted, WorkloadKind};

/// API version and kind of an autoscaler, as it is listed.
pub const AUTOSCALER: (&str, &str) = ("autoscaling/v2", "HorizontalPodAutoscaler");

/// The workloads that these scale, each with its autoscaler's name, whoever made that (X8). Of what one of them scales nothing may have been
/// recorded: then it may be any.
pub fn autoscaled(all: Vec<LiveObject>) -> Known<BTreeMap<WorkloadName, Untrusted>> {
    let mut scaled = BTreeMap::new();
    for scaler in all {
        let Some(target) = scaler.body.at("/spec/scaleTargetRef") else {
            let why = "of some autoscalers only the name was recorded; record it anew with: bpctl snapshot";
            return Known::unknown(UnknownCode::NotObserved, why);
        };
        let text = |key: &str| target.get(key).and_then(Json::as_str);
        let of_apps = text("apiVersion").is_none_or(|version| version.starts_with("apps/"));
        let kind = text("kind").and_then(WorkloadKind::of_kind).filter(|_| of_apps);
        if let (Some(kind), Some(name)) = (kind, text("name")) {
            scaled.insert((kind, name.to_owned()), Untrusted::new(scaler.reference.name.as_str()));
        }
    }
    Known::Known(scaled)
}
