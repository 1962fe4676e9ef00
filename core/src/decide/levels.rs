//! Service levels (B1): what Prometheus says of the workload's requests against what the blueprint promises. The formulas are published in
//! `docs/FORMULAS.md`. What is broken is for a person, unless a scale that is proposed anyway answers it.

use super::saturation::enough;
use super::{DetectInput, Detected, Detector, Finding, Reported};
use crate::blueprint::Performance;
use crate::model::{ObjectRef, Percent, Period, Quantity, Severity, Untrusted};
use crate::observe::{Level, LevelSeries, MeasuredLevel, Pod, Unknown, UnknownCode};

/// Compares latency, errors and load with `spec.performance`.
#[derive(Debug)]
pub struct ServiceLevelDetector;

impl Detector for ServiceLevelDetector {
    fn ident(&self) -> &'static str {
        "service-levels"
    }

    fn about(&self) -> &'static str {
        "Latency, errors and load are what spec.performance promises; for a person, unless a scale answers it"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let Performance { latency_p95, throughput, availability, error_rate } = &input.blueprint.value.spec.performance;
        let mut unseen: Vec<(Vec<&str>, String)> = Vec::new();
        let mut found = Vec::new();
        let mut add = |level: &'static str, answer: Result<Option<Reported>, Unknown>| match answer {
            Ok(reported) => found.extend(reported),
            Err(why) => match unseen.iter_mut().find(|(_, known)| *known == why.message) {
                Some((levels, _)) => levels.push(level),
                None => unseen.push((vec![level], why.message)),
            },
        };
        if let Some(promised) = latency_p95 {
            add("latency_p95", latency(input, *promised));
        }
        if let Some(promised) = error_rate {
            let broken = failing(input).map(|(failed, window)| {
                let message = || format!("{failed} of requests failed over {window}, and at most {promised} may");
                (failed > *promised).then(|| broken("error-rate-above-target", message(), ERRORS))
            });
            add("error_rate", broken);
        }
        if let Some(promised) = availability {
            let broken = failing(input).map(|(failed, window)| {
                let answered = Percent::from_basis_points(10_000_u64.saturating_sub(failed.basis_points()));
                let message =
                    || format!("{answered} of requests were answered over {window}, and {promised} are promised");
                (answered < *promised).then(|| broken("availability-below-target", message(), ERRORS))
            });
            add("availability", broken);
        }
        if let Some(promised) = throughput {
            add("throughput", load(input, promised));
        }
        if !unseen.is_empty() {
            // No decision is left out for want of them, so that the plan is whole without.
            let unseen = unseen.iter().map(|(levels, why)| format!("{}: {why}", levels.join(", ")));
            let unseen = unseen.collect::<Vec<_>>().join("; ");
            let message = format!("whether these of spec.performance are met is unknown: {unseen}");
            let reported = Reported {
                severity: Severity::Info,
                needs_person: false,
                ..broken("service-levels-unseen", message, "")
            };
            found.push(Reported { help: Vec::new(), ..reported });
        }
        detected.findings = found.into_iter().map(|reported| (Finding::Reported(reported), None)).collect();
        detected
    }
}

const ERRORS: &str = "see what fails: kubectl logs, and what was merged last";

fn broken(code: &str, message: String, help: &str) -> Reported {
    Reported::for_person(code, Severity::Error, message, vec![Untrusted::new(help)])
}

/// The measure of the blueprint's workload, where enough of it was seen.
fn measured<'a>(input: &DetectInput<'a>, level: Level) -> Result<&'a MeasuredLevel, Unknown> {
    let target = input.blueprint.value.spec.target.object();
    let measured = input.facts.level(&target, level).ok()?;
    covered(measured, input.facts.pods(&target).ok()?, &target)?;
    Ok(measured)
}

/// Whether enough samples arrived: of the workload's own series, else of those of its ready pods together. One measure of a pod counts,
/// that of all its requests.
fn covered(measured: &MeasuredLevel, pods: &[Pod], target: &ObjectRef) -> Result<(), Unknown> {
    let expected = measured.expected_samples;
    let all = || measured.series.iter().filter(|series| series.at_most.is_none());
    let seen = |series: Option<&LevelSeries>| series.map_or(0, |series| u64::from(series.samples.min(expected)));
    let own = all().find(|series| series.workload && series.of.raw() == target.name);
    let ready: Vec<&Pod> = pods.iter().filter(|pod| pod.ready).collect();
    let (samples, of) = match own {
        Some(own) => (seen(Some(own)), 1),
        None => {
            let of_pod = |pod: &&Pod| seen(all().find(|series| !series.workload && series.of == pod.name));
            (ready.iter().map(of_pod).sum(), ready.len() as u64)
        }
    };
    enough(samples, u64::from(expected).saturating_mul(of), measured.window)
}

fn malformed(message: &str) -> Unknown {
    Unknown { code: UnknownCode::Malformed, message: message.into(), detail: None }
}

fn silent(window: Period) -> Unknown {
    let message = format!("no request arrived over {window}");
    Unknown { code: UnknownCode::NotObserved, message, detail: None }
}

/// Requests a second, of all series together.
pub(crate) fn rate(measured: &MeasuredLevel) -> Result<i128, Unknown> {
    sum(measured.series.iter())
}

fn sum<'s>(series: impl Iterator<Item = &'s LevelSeries>) -> Result<i128, Unknown> {
    let sum = series.map(|series| series.mean.nanos()).try_fold(0_i128, i128::checked_add);
    sum.ok_or_else(|| malformed("the numbers are out of any range"))
}

/// Share of requests that failed, rounded up to a basis point.
fn failing(input: &DetectInput<'_>) -> Result<(Percent, Period), Unknown> {
    let (requests, errors) = (measured(input, Level::Requests)?, measured(input, Level::Errors)?);
    failing_of(requests, errors).map(|share| (share, requests.window))
}

/// The same of what was measured.
pub(crate) fn failing_of(requests: &MeasuredLevel, errors: &MeasuredLevel) -> Result<Percent, Unknown> {
    let (all, failed) = (rate(requests)?, rate(errors)?);
    if all == 0 {
        return Err(silent(requests.window));
    }
    failed_share(failed, all)
}

/// `failed ÷ requests`, rounded up to a basis point.
///
/// # Errors
/// More failed than there were, or the numbers are out of range.
pub fn failed_share(failed: i128, requests: i128) -> Result<Percent, Unknown> {
    if failed > requests {
        return Err(malformed("more requests failed than arrived: the two queries count different ones"));
    }
    let share = failed.checked_mul(10_000).filter(|_| failed >= 0 && requests > 0);
    let share = share.map(|part| part.div_euclid(requests) + i128::from(part.rem_euclid(requests) != 0));
    let share = share.and_then(|share| u64::try_from(share).ok()).map(Percent::from_basis_points);
    share.ok_or_else(|| malformed("the numbers are out of any range"))
}

/// A latency read off a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// So many billionths of a second, rounded up.
    Known(i128),
    /// More than the last bucket's bound.
    Beyond(i128),
}

/// The time that 95 % of requests take at most, between the bounds of their bucket in proportion. Buckets are bounds in billionths of a
/// second with the requests that took at most that, in rising order; `total` is all requests. `None`: there were none, or the numbers are
/// out of range.
pub fn p95(buckets: &[(i128, i128)], total: i128) -> Option<Latency> {
    let wanted = total.checked_mul(95).filter(|_| total > 0)?;
    let (mut low, mut below) = (0_i128, 0_i128);
    for (bound, count) in buckets {
        let count = (*count).max(below); // pods come and go: a sum of rates may dip
        if count.checked_mul(100)? >= wanted {
            let (inside, width) = (count - below, bound - low);
            let part = width.checked_mul(wanted - below * 100)?;
            let whole = inside.checked_mul(100)?;
            let up = part.checked_div_euclid(whole)? + i128::from(part.checked_rem_euclid(whole)? != 0);
            return Some(Latency::Known(low + up));
        }
        (low, below) = (*bound, count);
    }
    Some(Latency::Beyond(low))
}

/// What 95 % of the requests took at most, of all series together.
pub(crate) fn latency_of(measured: &MeasuredLevel) -> Result<Latency, Unknown> {
    let total = sum(measured.series.iter().filter(|series| series.at_most.is_none()))?;
    if total == 0 {
        return Err(silent(measured.window));
    }
    let mut bounds: Vec<i128> = measured.series.iter().filter_map(|s| Some(s.at_most.as_ref()?.nanos())).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let of = |bound: i128| {
        let has = |series: &&LevelSeries| series.at_most.as_ref().is_some_and(|at_most| at_most.nanos() == bound);
        Ok((bound, sum(measured.series.iter().filter(has))?))
    };
    let buckets = bounds.into_iter().map(of).collect::<Result<Vec<_>, Unknown>>()?;
    // Samples that arrive at other moments make sums differ a little; more than that is no histogram.
    if buckets.iter().any(|(_, count)| count.saturating_mul(100) > total.saturating_mul(101)) {
        return Err(malformed("more requests are in a bucket of the histogram than in all of it"));
    }
    p95(&buckets, total).ok_or_else(|| malformed("the numbers are out of any range"))
}

/// A time as people read it: in whole milliseconds, rounded up.
pub(crate) fn shown(nanos: i128) -> String {
    format!("{}ms", Quantity::from_nanos(nanos).millis())
}

/// A period in the unit of latencies.
pub(crate) fn nanos_of(period: Period) -> i128 {
    i128::from(period.as_millis()) * 1_000_000
}

/// The histogram does not reach as far as what is promised.
pub(crate) fn too_short(bound: i128, promised: Period) -> Unknown {
    let message = format!(
        "its slowest requests take more than {}, the histogram's last bound, which lies below {promised}",
        shown(bound)
    );
    Unknown { code: UnknownCode::Unsupported, message, detail: None }
}

fn latency(input: &DetectInput<'_>, promised: Period) -> Result<Option<Reported>, Unknown> {
    let measured = measured(input, Level::Latency)?;
    let window = measured.window;
    let limit = nanos_of(promised);
    let told = match latency_of(measured)? {
        Latency::Known(took) if took <= limit => return Ok(None),
        Latency::Known(took) => format!("up to {}", shown(took)),
        Latency::Beyond(bound) if bound >= limit => format!("more than {}", shown(bound)),
        Latency::Beyond(bound) => return Err(too_short(bound, promised)),
    };
    let message = format!("95% of requests take {told} over {window}, and {promised} is promised");
    let scales = |finding: &Finding| matches!(finding, Finding::Saturation(saturation) if saturation.above);
    if input.earlier.iter().any(|(finding, _)| scales(finding)) {
        let help = "a replica more is proposed for want of CPU, which may be what it is slow for";
        let reported = broken("latency-above-target", message, help);
        return Ok(Some(Reported { severity: Severity::Warning, needs_person: false, ..reported }));
    }
    let help = "no replica more is proposed: see what it waits for, and what was merged last";
    Ok(Some(broken("latency-above-target", message, help)))
}

/// More than it has to carry: what is promised was never tried.
fn load(input: &DetectInput<'_>, promised: &str) -> Result<Option<Reported>, Unknown> {
    let Some((count, seconds)) = Performance::rate(promised) else {
        return Err(malformed("spec.performance.throughput is no number of requests per s, m or h"));
    };
    let measured = measured(input, Level::Requests)?;
    let per_second = rate(measured)?;
    let (carried, wanted) = (per_second.checked_mul(seconds), count.checked_mul(1_000_000_000));
    let (Some(carried), Some(wanted)) = (carried, wanted) else {
        return Err(malformed("the numbers are out of any range"));
    };
    if carried <= wanted {
        return Ok(None);
    }
    let requests = per_second / 1_000_000_000;
    let message = format!(
        "about {requests} requests a second arrive over {}, more than the {promised} it has to carry",
        measured.window
    );
    let help = "see whether it holds, and raise spec.performance.throughput to what it has to carry";
    let reported = broken("throughput-above-target", message, help);
    Ok(Some(Reported { severity: Severity::Warning, needs_person: false, ..reported }))
}
