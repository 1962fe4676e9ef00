//! Deliveries that the cluster refused (B11): the plan says so until one succeeds, whoever ran them and wherever.

use super::{DetectInput, Detected, Detector, Finding, Reported};
use crate::blueprint::Delivery;
use crate::model::{Severity, Untrusted};
use crate::observe::Known;

/// Looks at the checks on delivered commits.
#[derive(Debug)]
pub struct DeliveryDetector;

impl Detector for DeliveryDetector {
    fn ident(&self) -> &'static str {
        "delivery"
    }

    fn about(&self) -> &'static str {
        "What stands on base and was refused by the cluster is told until it is delivered"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let place = input.catalog.workspace.value.environments.get(input.environment);
        if place.is_none_or(|place| place.delivery != Delivery::Direct) {
            return detected;
        }
        // Where it is unknown the breaker says so, and holds.
        let Known::Known(failed) = input.facts.deliveries(&input.blueprint.value.metadata.name) else {
            return detected;
        };
        let Some(last) = failed.last() else { return detected };
        let times = if failed.len() == 1 { "once".into() } else { format!("{} times in a row", failed.len()) };
        let commit = last.commit.get(..7).unwrap_or(&last.commit);
        let message = format!(
            "the cluster refused what stands on base {times}, last at {:.0} of {commit}: {}",
            last.at,
            last.because.raw()
        );
        let help = "correct the manifest, or what refuses it; bpctl apply tries again while limits.breaker does not hold it (bpctl breaker)";
        let help = vec![Untrusted::new(help)];
        let reported = Reported::for_person("delivery-failed", Severity::Error, message, help);
        let reported = Reported { needs_person: false, ..reported };
        detected.findings.push((Finding::Reported(reported), None));
        detected
    }
}
