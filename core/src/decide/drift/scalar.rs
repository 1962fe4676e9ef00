//! When two scalars are the same: by value, as the field's type has it.

use serde_json::{Number, Value as Json};

use super::way::MergeKeys;
use crate::model::{Quantity, Timestamp};
use crate::observe::ScalarType;
use crate::yaml::{Node, Value};

/// Whether both are the same value of the same JSON type; numbers by value (`2.0` = `2`).
pub(super) fn plainly_equal(declared: &Node, live: &Json) -> bool {
    match (&declared.value, live) {
        (Value::String(declared), Json::String(live)) => **declared == **live,
        (Value::Bool(declared), Json::Bool(live)) => declared == live,
        (Value::Int(declared), Json::Number(live)) => match integer(live) {
            Some(live) => declared.get() == live,
            None => same_float(&declared.to_string(), live),
        },
        (Value::Float(declared), Json::Number(live)) => same_float(declared, live),
        (Value::Null, Json::Null) => true,
        _ => false,
    }
}

/// Whether both mean the same to a field of this type.
pub(super) fn equal_as(scalar: ScalarType, declared: &Node, live: &Json) -> bool {
    let texts = || Some((node_text(declared)?, json_text(live)?));
    let both = match scalar {
        ScalarType::Quantity => {
            texts().map(|(a, b)| a.parse::<Quantity>().ok().zip(b.parse().ok()).is_some_and(same_amount))
        }
        ScalarType::Time => texts().map(|(a, b)| a.parse::<Timestamp>().ok().zip(b.parse().ok()).is_some_and(same)),
        ScalarType::Bytes => declared.as_str().zip(live.as_str()).map(|(a, b)| same_base64(a, b)),
        ScalarType::IntOrString => texts().map(|(a, b)| a == b),
        // `8080` is not the text "8080": the server refuses it where text is due.
        ScalarType::String | ScalarType::Integer | ScalarType::Number | ScalarType::Boolean => None,
    };
    both.unwrap_or(false)
}

/// What is finer than a thousandth is rounded up on the way in.
fn same_amount((declared, live): (Quantity, Quantity)) -> bool {
    let milli = 1_000_000;
    let rest = declared.nanos().rem_euclid(milli);
    declared == live || (rest != 0 && declared.nanos() - rest + milli == live.nanos())
}

/// Line breaks inside base64 mean nothing.
pub(super) fn same_base64(declared: &str, live: &str) -> bool {
    declared.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).eq(live.bytes())
}

fn same<T: PartialEq>((a, b): (T, T)) -> bool {
    a == b
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// As the server does, which keeps such fields in 64-bit floats. Only equality is asked, nothing is computed.
fn same_float(declared: &str, live: &Number) -> bool {
    let declared = declared.parse::<f64>().ok().filter(|number| number.is_finite());
    declared.zip(live.as_f64()).is_some_and(|(a, b)| a.total_cmp(&b).is_eq() || (a == 0.0 && b == 0.0))
}

/// The text of a scalar; whole numbers without a fraction.
pub(super) fn node_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::String(text) => Some(text.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(text) => Some(whole(text).unwrap_or(text).to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

fn whole(text: &str) -> Option<&str> {
    let (whole, fraction) = text.split_once('.')?;
    fraction.bytes().all(|digit| digit == b'0').then_some(whole)
}

/// The text of a scalar.
pub(super) fn json_text(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => {
            let text = number.to_string();
            Some(whole(&text).map(str::to_owned).unwrap_or(text))
        }
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Whether a manifest's item and a live one have the same merge keys.
pub(super) fn same_item(keys: &MergeKeys, declared: &Node, live: &Json) -> bool {
    keys.iter().all(|(key, default)| {
        let declared = declared.get(key).filter(|node| node.value != Value::Null);
        let live = live.get(key).filter(|json| !json.is_null());
        match (declared, live) {
            (Some(declared), Some(live)) => {
                plainly_equal(declared, live) || equal_as(ScalarType::IntOrString, declared, live)
            }
            // No text and an empty one are the same key: a chart writes `name: ""` where it was given none.
            (Some(declared), None) => {
                (default.is_some() && node_text(declared) == *default) || declared.as_str() == Some("")
            }
            (None, Some(live)) => default.is_some() && json_text(live) == *default,
            (None, None) => true,
        }
    })
}

/// Whether two items of a manifest have the same merge keys.
pub(super) fn twins(keys: &MergeKeys, one: &Node, other: &Node) -> bool {
    keys.iter().all(|(key, default)| {
        let get = |node: &Node| node.get(key).and_then(node_text).or_else(|| default.clone());
        match (one.get(key).map(|node| &node.value), other.get(key).map(|node| &node.value)) {
            (Some(Value::String(one)), Some(Value::String(other))) => one == other,
            _ => get(one) == get(other),
        }
    })
}

/// What two items of a manifest have in common that are [`twins`].
pub(super) fn twin_keys(keys: &MergeKeys, item: &Node) -> Vec<Option<String>> {
    let text =
        |(key, default): &(String, Option<String>)| item.get(key).and_then(node_text).or_else(|| default.clone());
    keys.iter().map(text).collect()
}

/// Whether two JSON items have the same merge keys.
pub(super) fn same_json_item(keys: &MergeKeys, one: &Json, other: &Json) -> bool {
    keys.iter().all(|(key, default)| {
        let get = |json: &Json| json.get(key).and_then(json_text).or_else(|| default.clone());
        get(one) == get(other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value) -> Node {
        Node { value, start: 0, end: 0 }
    }

    #[test]
    fn quantities_compare_by_value_in_every_spelling_that_yaml_has() {
        for (declared, live) in [
            (Value::Int(1.into()), "1"),
            (Value::Int(1.into()), "1000m"),
            (Value::Float("0.5".into()), "500m"),
            (Value::Float("1.0".into()), "1"),
            (Value::String("1Gi".into()), "1024Mi"),
            (Value::String("1e3".into()), "1k"),
        ] {
            assert!(equal_as(ScalarType::Quantity, &node(declared.clone()), &live.into()), "{declared:?} {live}");
        }
        assert!(!equal_as(ScalarType::Quantity, &node(Value::String("1Gi".into())), &"1G".into()));
        assert!(!equal_as(ScalarType::Quantity, &node(Value::String("x".into())), &"x y".into()));
    }

    #[test]
    fn int_or_string_takes_both_spellings_and_text_does_not() {
        assert!(equal_as(ScalarType::IntOrString, &node(Value::String("80".into())), &80.into()));
        assert!(equal_as(ScalarType::IntOrString, &node(Value::Int(80.into())), &"80".into()));
        assert!(!equal_as(ScalarType::IntOrString, &node(Value::String("http".into())), &80.into()));
        assert!(!equal_as(ScalarType::String, &node(Value::Int(80.into())), &"80".into()));
        assert!(!plainly_equal(&node(Value::Int(80.into())), &"80".into()));
        assert!(!plainly_equal(&node(Value::Bool(true)), &"true".into()));
    }

    #[test]
    fn numbers_compare_by_value_and_times_by_moment() {
        assert!(plainly_equal(&node(Value::Float("2.0".into())), &2.into()));
        assert!(plainly_equal(&node(Value::Int(2.into())), &serde_json::json!(2.0)));
        assert!(!plainly_equal(&node(Value::Int(i128::MAX.into())), &u64::MAX.into()));
        let declared = node(Value::String("2026-01-01T01:00:00+01:00".into()));
        assert!(equal_as(ScalarType::Time, &declared, &"2026-01-01T00:00:00Z".into()));
        assert!(!equal_as(ScalarType::Time, &declared, &"2026-01-01T00:00:01Z".into()));
    }
}
