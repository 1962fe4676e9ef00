//! Judges a window by what was measured in it, and over as long a time before the merge (B13, B14, B16). The formulas are published in
//! `docs/FORMULAS.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Outcome, Targets, UsageTarget, WindowCheck, rank, worst};
use crate::blueprint::quantity_of;
use crate::decide::enough;
use crate::decide::levels::{Latency, failing_of, latency_of, nanos_of, rate, shown, too_short};
use crate::model::{ObjectRef, Percent, Period, Quantity, Segment};
use crate::observe::{
    Gauges, Known, Level, LevelSeries, MeasuredLevel, PastChange, Pod, Resource, Unknown, UnknownCode, Usage,
    WindowMeasures,
};

/// One measure before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredChange {
    /// What: `CPU`, `memory`, `p95 latency`, `error rate`, `availability`, `requests`, `replicas`.
    pub measure: String,
    /// Before the merge; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// In the window; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What the blueprint asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How it stands to that; `None`: it is told, not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why, where the numbers do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl MeasuredChange {
    /// `p95 latency 150ms → 300ms, target 200ms`.
    pub fn numbers(&self) -> String {
        let Self { measure, before, after, target, .. } = self;
        let mut text = measure.clone();
        match (before, after) {
            (Some(before), Some(after)) => text += &format!(" {before} → {after}"),
            (None, Some(after)) => text += &format!(" {after}, before not known"),
            (_, None) => {}
        }
        text + &target.as_ref().map_or_else(String::new, |target| format!(", target {target}"))
    }
}

impl std::fmt::Display for MeasuredChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.numbers())?;
        if let Some(outcome) = self.outcome {
            write!(f, ": {outcome}")?;
        }
        self.because.as_ref().map_or(Ok(()), |because| write!(f, " ({because})"))
    }
}

/// How a measured value stands to the most that it may be, and why where that is not plain. `before`: what it was before the change, where
/// that is known. `load`: more load explains it, and the change took no capacity away.
pub fn judge(after: i128, at_most: i128, before: Option<i128>, load: bool) -> (Outcome, Option<&'static str>) {
    if after <= at_most {
        return (Outcome::Success, None);
    }
    if !more_than_a_tenth_above(after, at_most) {
        return (Outcome::Partial, Some("missed by at most 10%"));
    }
    match before {
        None => (Outcome::Unknown, Some("missed, and what it was before is not known")),
        // What did not suffice is not taken back.
        Some(before) if before > at_most && !more_than_a_tenth_above(after, before) => {
            (Outcome::Partial, Some("missed before too, and no worse now"))
        }
        Some(_) if load => (Outcome::Partial, Some("more load, and no less capacity")),
        Some(_) => (Outcome::Failure, None),
    }
}

/// Whether a value is more than 110% of another.
fn more_than_a_tenth_above(value: i128, than: i128) -> bool {
    value.saturating_mul(10) > than.saturating_mul(11)
}

/// What one interval says of one measure.
enum Reading {
    /// So much.
    Value(i128),
    /// More than so much.
    Beyond(i128),
    /// Everything was seen, and no request arrived.
    Quiet,
    /// Nothing measures it at all, and why.
    Absent(String),
    /// It cannot be told.
    Unknown(Unknown),
}

impl Reading {
    fn of(value: Result<i128, Unknown>) -> Self {
        value.map_or_else(Self::Unknown, Self::Value)
    }

    fn value(&self) -> Option<i128> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Beyond(bound) => Some(bound.saturating_add(1)),
            _ => None,
        }
    }

    fn shown(&self, show: Show) -> Option<String> {
        match self {
            Self::Value(value) => Some(show(*value)),
            Self::Beyond(bound) => Some(format!("over {}", show(*bound))),
            _ => None,
        }
    }
}

/// A workload around a change of it.
#[derive(Debug)]
pub(super) struct Changed<'a> {
    /// The workload.
    pub workload: &'a ObjectRef,
    /// What was changed; `None`: not known.
    pub changes: Option<&'a [PastChange]>,
    /// Values that the pods read changed as well.
    pub configured: bool,
    /// Its pods before; `None`: their number is not Git's to say.
    pub before: Option<u64>,
    /// Its pods after.
    pub after: Option<u64>,
    /// One of its pods as it is now.
    pub pod: Option<&'a Pod>,
}

/// Judges one window.
pub(super) fn judge_window(targets: &Targets, changed: &Changed<'_>, window: &WindowMeasures) -> WindowCheck {
    let load = changed.took_nothing_away() && more_load(changed, window);
    let line = |measure: &str, readings: (Reading, Reading), target: Option<(i128, String)>, show: Show| {
        line(measure, readings, target, show, load)
    };
    let mut lines = Vec::new();
    for target in &targets.usage {
        let name = if target.resource == Resource::Cpu { "CPU" } else { "memory" };
        let at_most = target.at_most.map(|most| (i128::from(most.basis_points()), most.to_string()));
        let readings =
            (changed.utilization(target, &window.before, true), changed.utilization(target, &window.after, false));
        let after = readings.1.value();
        let mut told = line(name, readings, at_most, percent);
        // A step that scaling itself may take, to what its threshold bears, is no failure of a lower target.
        let borne = target.borne.zip(after).is_some_and(|(borne, after)| after <= i128::from(borne.basis_points()));
        if borne && matches!(told.outcome, Some(Outcome::Failure | Outcome::Unknown)) {
            (told.outcome, told.because) = (Some(Outcome::Partial), Some("not above scale_up_threshold".into()));
        }
        lines.push(told);
    }
    if let Some(promised) = targets.latency {
        let target = nanos_of(promised);
        // A histogram that ends below what decides tells nothing.
        let readings = (
            changed.latency(&window.before, promised, target, true),
            changed.latency(&window.after, promised, target.saturating_add(target / 10), false),
        );
        lines.push(line("p95 latency", readings, Some((target, promised.to_string())), shown));
    }
    let failing = || (changed.failing(&window.before, true), changed.failing(&window.after, false));
    if let Some(most) = targets.error_rate {
        lines.push(line("error rate", failing(), Some((i128::from(most.basis_points()), most.to_string())), percent));
    }
    if let Some(least) = targets.availability {
        // What is missed is missed of the failures that it allows: 10% of 99.9% would be an outage.
        let most = i128::from(10_000_u64.saturating_sub(least.basis_points()));
        lines.push(line("availability", failing(), Some((most, least.to_string())), |failed| percent(10_000 - failed)));
    }
    if targets.levels().contains(&Level::Requests) {
        let rates = (changed.requests(&window.before, true), changed.requests(&window.after, false));
        lines.push(line("requests", rates, None, |rate| format!("{}/s", rate / 1_000_000_000)));
    }
    // What nobody asks for is told where it is known.
    lines.retain(|line| line.target.is_some() || line.after.is_some());
    // What decides it is read first.
    lines.sort_by_key(|line| rank(line.outcome));
    let judged = lines.iter().filter_map(|line| line.outcome);
    let told: Vec<String> = lines.iter().map(ToString::to_string).collect();
    WindowCheck {
        window: window.window.name().into(),
        outcome: worst(judged).unwrap_or(Outcome::NotMeasured),
        evidence: told.join("; "),
        measured: lines,
    }
}

type Show = fn(i128) -> String;

fn percent(basis_points: i128) -> String {
    Percent::from_basis_points(u64::try_from(basis_points).unwrap_or(0)).to_string()
}

fn line(
    measure: &str,
    (before, after): (Reading, Reading),
    target: Option<(i128, String)>,
    show: Show,
    load: bool,
) -> MeasuredChange {
    let (mut outcome, mut because) = (None, None);
    if let Some((at_most, _)) = &target {
        let told = |outcome, why: &str| (Some(outcome), Some(why.to_owned()));
        (outcome, because) = match (&before, &after) {
            (Reading::Absent(_), Reading::Absent(why)) => told(Outcome::NotMeasured, why),
            (Reading::Quiet, Reading::Quiet) => told(Outcome::NotMeasured, "no request arrived, before or after"),
            (_, Reading::Absent(why)) => told(Outcome::Unknown, why),
            (_, Reading::Quiet) => told(Outcome::Unknown, "no request arrived in this window"),
            (_, Reading::Unknown(why)) => told(Outcome::Unknown, &why.message),
            (before, Reading::Value(_) | Reading::Beyond(_)) => {
                let after = after.value().unwrap_or(i128::MAX);
                let (outcome, because) = judge(after, *at_most, before.value(), load);
                (Some(outcome), because.map(ToOwned::to_owned))
            }
        };
    }
    MeasuredChange {
        measure: measure.into(),
        before: before.shown(show),
        after: after.shown(show),
        target: target.map(|(_, target)| target),
        outcome,
        because,
    }
}

/// Whether more than a tenth more arrived: requests where they are measured, else what the pods used in all.
fn more_load(changed: &Changed<'_>, window: &WindowMeasures) -> bool {
    let requests = |gauges: &Gauges, before| changed.requests(gauges, before).value();
    let used = |gauges: &Gauges| match gauges.usage.get(&Resource::Cpu) {
        Some(Known::Known(usage)) => sampled(usage, None).map(|(used, _)| used),
        _ => None,
    };
    let requests = requests(&window.before, true).zip(requests(&window.after, false));
    let load = requests.or_else(|| used(&window.before).zip(used(&window.after)));
    load.is_some_and(|(before, after)| more_than_a_tenth_above(after, before))
}

/// What pods used, times the samples of each, and the samples.
fn sampled(usage: &Usage, container: Option<&str>) -> Option<(i128, u64)> {
    let (mut used, mut samples) = (0_i128, 0_u64);
    for pod in &usage.pods {
        let Some((mean, count)) = pod.of(container.filter(|_| !pod.containers.is_empty())) else { continue };
        let count = count.min(usage.expected_samples);
        used = used.checked_add(mean.nanos().checked_mul(i128::from(count))?)?;
        samples = samples.saturating_add(u64::from(count));
    }
    Some((used, samples))
}

/// The series, each counted for the part of the interval that it was there.
fn weighted(measured: &MeasuredLevel) -> Result<MeasuredLevel, Unknown> {
    let expected = i128::from(measured.expected_samples.max(1));
    let one = |series: &LevelSeries| {
        let count = i128::from(series.samples.min(measured.expected_samples));
        let mean = series.mean.nanos().checked_mul(count).map(|sum| Quantity::from_nanos(sum / expected));
        mean.map(|mean| LevelSeries { mean, ..series.clone() })
    };
    let series: Option<Vec<LevelSeries>> = measured.series.iter().map(one).collect();
    let series = series.ok_or_else(|| Unknown {
        code: UnknownCode::Malformed,
        message: "the numbers are out of any range".into(),
        detail: None,
    })?;
    Ok(MeasuredLevel { series, ..measured.clone() })
}

impl Changed<'_> {
    /// Whether nothing is less than before: of an image, or of what is not known, nobody can say so.
    fn took_nothing_away(&self) -> bool {
        let no_less = |change: &PastChange| {
            let number = |value: &Option<serde_json::Value>| value.as_ref().and_then(quantity_of);
            number(&change.from).zip(number(&change.to)).is_some_and(|(from, to)| to.nanos() >= from.nanos())
        };
        !self.configured && self.changes.is_some_and(|changes| !changes.is_empty() && changes.iter().all(no_less))
    }

    /// Pods of which samples are expected: at least one, where an autoscaler has the say.
    fn pods(&self, before: bool) -> u64 {
        if before { self.before } else { self.after }.unwrap_or(1)
    }

    /// What one interval has of a measure: something, why it cannot be told, or why there is nothing.
    fn there<'m, M>(&self, known: Option<&'m Known<M>>, empty: impl Fn(&M) -> bool) -> Result<&'m M, Reading> {
        match known {
            Some(Known::Known(measured)) if !empty(measured) => Ok(measured),
            Some(Known::Unknown(why)) if matches!(why.code, UnknownCode::NotObserved | UnknownCode::NoSamples) => {
                Err(Reading::Absent(why.message.clone()))
            }
            Some(Known::Unknown(why)) => Err(Reading::Unknown(why.clone())),
            _ => Err(Reading::Absent(format!("Prometheus has nothing of {}'s pods", self.workload.name))),
        }
    }

    /// What a pod requested.
    fn request(&self, target: &UsageTarget, before: bool) -> Option<Quantity> {
        let now = self.pod?.request(target.resource, target.container.as_deref())?;
        if !before {
            return Some(now.clone());
        }
        let mut then = now.nanos();
        for change in self.changes? {
            let [.., Segment::Item(container), Segment::Key(r), Segment::Key(q), Segment::Key(resource)] =
                change.field.0.as_slice()
            else {
                continue;
            };
            let named = target.container.as_ref().is_none_or(|name| container.iter().any(|(_, value)| value == name));
            if (r.as_str(), q.as_str(), resource.as_str()) == ("resources", "requests", target.resource.name()) && named
            {
                let number = |value: &Option<serde_json::Value>| Some(value.as_ref().and_then(quantity_of)?.nanos());
                then = then.checked_sub(number(&change.to)?)?.checked_add(number(&change.from)?)?;
            }
        }
        Some(Quantity::from_nanos(then))
    }

    /// `Σ usage ÷ Σ request`, over the samples of all pods that were there.
    fn utilization(&self, target: &UsageTarget, gauges: &Gauges, before: bool) -> Reading {
        let usage = match self.there(gauges.usage.get(&target.resource), |usage| usage.pods.is_empty()) {
            Ok(usage) => usage,
            Err(reading) => return reading,
        };
        let unknown = |code, message: &str| Unknown { code, message: message.into(), detail: None };
        Reading::of((|| {
            let (used, samples) = sampled(usage, target.container.as_deref())
                .ok_or_else(|| unknown(UnknownCode::Malformed, "the numbers are out of any range"))?;
            enough(samples, u64::from(usage.expected_samples).saturating_mul(self.pods(before)), usage.window)?;
            let request = self.request(target, before).ok_or_else(|| {
                unknown(
                    UnknownCode::NotObserved,
                    "what its containers requested is not known, so there is nothing to measure usage against",
                )
            })?;
            let share = Percent::ratio(used, request.nanos().saturating_mul(i128::from(samples)));
            let share = share.ok_or_else(|| unknown(UnknownCode::Malformed, "the requests add up to nothing"))?;
            Ok(i128::from(share.basis_points()))
        })())
    }

    /// A level of an interval, where enough of it was seen.
    fn level(&self, gauges: &Gauges, level: Level, before: bool) -> Result<MeasuredLevel, Reading> {
        let measured = self.there(gauges.levels.get(&level), |measured| measured.series.is_empty())?;
        let expected = measured.expected_samples;
        let all = || measured.series.iter().filter(|series| series.at_most.is_none());
        let own = all().find(|series| series.workload && series.of.raw() == self.workload.name);
        let seen = |series: &LevelSeries| u64::from(series.samples.min(expected));
        let (samples, of) = own.map_or_else(|| (all().map(seen).sum(), self.pods(before)), |own| (seen(own), 1));
        enough(samples, u64::from(expected).saturating_mul(of), measured.window).map_err(Reading::Unknown)?;
        weighted(measured).map_err(Reading::Unknown)
    }

    fn latency(&self, gauges: &Gauges, promised: Period, reach: i128, before: bool) -> Reading {
        let measured = match self.level(gauges, Level::Latency, before) {
            Ok(measured) => measured,
            Err(reading) => return reading,
        };
        let total = measured.series.iter().filter(|series| series.at_most.is_none());
        if total.map(|series| series.mean.nanos()).all(|mean| mean == 0) {
            return Reading::Quiet;
        }
        match latency_of(&measured) {
            Ok(Latency::Known(took)) => Reading::Value(took),
            Ok(Latency::Beyond(bound)) if bound >= reach => Reading::Beyond(bound),
            Ok(Latency::Beyond(bound)) => Reading::Unknown(too_short(bound, promised)),
            Err(why) => Reading::Unknown(why),
        }
    }

    /// The share of requests that failed, in basis points.
    fn failing(&self, gauges: &Gauges, before: bool) -> Reading {
        let (requests, errors) =
            match (self.level(gauges, Level::Requests, before), self.level(gauges, Level::Errors, before)) {
                (Ok(requests), Ok(errors)) => (requests, errors),
                (Err(reading), _) | (_, Err(reading)) => return reading,
            };
        if rate(&requests) == Ok(0) {
            return Reading::Quiet;
        }
        Reading::of(failing_of(&requests, &errors).map(|share| i128::from(share.basis_points())))
    }

    /// Requests a second, in billionths.
    fn requests(&self, gauges: &Gauges, before: bool) -> Reading {
        let level = if gauges.levels.contains_key(&Level::Requests) { Level::Requests } else { Level::Latency };
        match self.level(gauges, level, before) {
            Ok(mut measured) => {
                measured.series.retain(|series| series.at_most.is_none());
                Reading::of(rate(&measured))
            }
            Err(reading) => reading,
        }
    }
}
