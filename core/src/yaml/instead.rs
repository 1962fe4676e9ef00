//! What somebody may have meant who wrote a value that is none, by the type that is wanted: said as help, never taken.

use super::node::{Node, Value};
use crate::model::{Percent, Period, Quantity, RepoPath, WorkloadKind};

/// The innermost name of a type: `Percent` of `Option<…::Percent>`.
fn innermost(type_name: &str) -> Option<&str> {
    let innermost = type_name.trim_end_matches('>').rsplit('<').next().unwrap_or(type_name);
    innermost.rsplit("::").next()
}

/// What a type whose visitor only says "a string" or "a mapping" is written like.
pub(super) fn meant_by(type_name: &str) -> Option<&'static str> {
    match innermost(type_name)? {
        "Percent" => Some("a percentage such as 80%"),
        "Period" => Some("a length of time such as 5m"),
        "Version" => Some("a version such as 1.2.0"),
        "VersionReq" => Some("a version requirement such as ^1.2"),
        "ClusterSource" => Some("a mapping such as {context: NAME}"),
        _ => None,
    }
}

/// What to write instead of a value, where what was meant is plain.
pub(super) fn instead(type_name: &str, node: &Node) -> Option<String> {
    let text = match &node.value {
        Value::String(text) | Value::Float(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        _ => return None,
    };
    let text = text.trim();
    match innermost(type_name)? {
        "Percent" => percent(text).map(|percent| format!("write {percent}")),
        "Version" => version(text).map(|version| format!("write {version}")),
        "Period" => period(text).map(|period| format!("write {period}")),
        "Quantity" => Quantity::meant(text).map(|quantity| format!("write {quantity}")),
        "RepoPath" => {
            let path = RepoPath::new(text.trim_start_matches("./")).ok()?;
            Some(format!("write {path}: paths begin at the repository's root"))
        }
        "WorkloadRef" => {
            let (kind, name) = text.split_once('/')?;
            let is = |known: &WorkloadKind| {
                let known = known.as_str().to_ascii_lowercase();
                [known.clone(), format!("{known}s")].contains(&kind.to_ascii_lowercase())
            };
            WorkloadKind::ALL.into_iter().find(is).map(|kind| format!("write {kind}/{name}"))
        }
        "ClusterSource" => Some(format!("write {{context: {text}}} for a context of the kubeconfig")),
        _ => None,
    }
}

/// The same as a value that makes no decision another, for `lint --fix`.
pub(super) fn fix(type_name: &str, node: &Node) -> Option<String> {
    (innermost(type_name)? == "Version").then(|| instead(type_name, node)?.strip_prefix("write ").map(str::to_owned))?
}

/// `0.65` is 65 %, and `65` too.
fn percent(text: &str) -> Option<Percent> {
    let nanos =
        text.parse::<Quantity>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'))?.nanos();
    let one = 1_000_000_000;
    let basis_points = if text.contains('.') && nanos <= one { nanos / 100_000 } else { nanos / 10_000_000 };
    u64::try_from(basis_points).ok().map(Percent::from_basis_points)
}

/// `5min`, `5 minutes` are 5m.
fn period(text: &str) -> Option<Period> {
    let (number, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "msec" | "millisecond" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        _ => return None,
    };
    format!("{number}{unit}").parse().ok()
}

/// `v1.0.0` and `1.0` are 1.0.0.
fn version(text: &str) -> Option<semver::Version> {
    let plain = text.trim_start_matches(['v', 'V']);
    let whole = format!("{plain}{}", ".0".repeat(2_usize.saturating_sub(plain.matches('.').count())));
    whole.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_told_only_where_it_is_plain() {
        for (wanted, text, instead_of_it) in [
            ("Percent", "0.65", Some("write 65%")),
            ("Option<x::Percent>", "0.655", Some("write 65.5%")),
            ("Percent", "80", Some("write 80%")),
            ("Percent", "1.5", Some("write 1.5%")),
            ("Percent", "much", None),
            ("Version", "v1.0.0", Some("write 1.0.0")),
            ("Version", "1.2", Some("write 1.2.0")),
            ("Version", "1.x.0", None),
            ("Period", "5min", Some("write 5m")),
            ("Period", "2 Hours", Some("write 2h")),
            ("Period", "min", None),
            ("Period", "5 parsecs", None),
            ("Quantity", "192mb", Some("write 192Mi")),
            ("RepoPath", "./deploy/api.yaml", Some("write deploy/api.yaml: paths begin at the repository's root")),
            ("RepoPath", "../deploy", None),
            ("WorkloadRef", "deployment/api", Some("write Deployment/api")),
            ("WorkloadRef", "job/api", None),
            ("x::ClusterSource", "prod", Some("write {context: prod} for a context of the kubeconfig")),
            ("Name", "x", None),
        ] {
            let node = Node { value: Value::String(text.into()), start: 0, end: 0 };
            assert_eq!(instead(wanted, &node).as_deref(), instead_of_it, "{wanted} {text}");
        }
    }
}
