//! Which item of a live list an item of the manifest's list is about, by merge keys.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use super::scalar;
use super::way::MergeKeys;
use crate::yaml::{Node, Value};

/// Up to so many items are compared each with each: a map would cost more.
const FEW: usize = 16;

/// What an item of the manifest's list is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pair<'l> {
    /// Nothing: it is no item, or a later one of the same keys counts.
    Skipped,
    /// Nothing has its keys.
    Missing,
    /// This one.
    Live(&'l Json),
}

/// The pair of each item, in the manifest's order. Some writes keep two items of one key, others merge them; the last one counts either way.
pub(super) fn pairs<'l>(keys: &MergeKeys, items: &[Node], list: &'l [Json]) -> Vec<Pair<'l>> {
    if items.len() <= FEW && list.len() <= FEW { each_with_each(keys, items, list) } else { by_key(keys, items, list) }
}

/// What is taken of `matching` live items for an item that so many items of its keys stand before and behind.
fn taken<'l>(earlier: usize, later: usize, matching: &[&'l Json]) -> Pair<'l> {
    let live = if earlier + later > 0 && matching.len() == earlier + later + 1 {
        matching.get(earlier)
    } else if later > 0 {
        return Pair::Skipped;
    } else {
        matching.last()
    };
    live.map_or(Pair::Missing, |live| Pair::Live(live))
}

fn each_with_each<'l>(keys: &MergeKeys, items: &[Node], list: &'l [Json]) -> Vec<Pair<'l>> {
    let pair = |(position, item): (usize, &Node)| {
        if item.value == Value::Null {
            return Pair::Skipped;
        }
        let is_twin = |other: &&Node| scalar::twins(keys, item, other);
        let earlier = items.get(..position).unwrap_or_default().iter().filter(is_twin).count();
        let later = items.get(position + 1..).unwrap_or_default().iter().filter(is_twin).count();
        let mut matching = list.iter().filter(|live| live.is_object() && scalar::same_item(keys, item, live));
        if earlier + later == 0 {
            return matching.next_back().map_or(Pair::Missing, Pair::Live);
        }
        taken(earlier, later, &matching.collect::<Vec<_>>())
    };
    items.iter().enumerate().map(pair).collect()
}

/// The same in one pass over each list: thousands of items are quickly written (T42).
fn by_key<'l>(keys: &MergeKeys, items: &[Node], list: &'l [Json]) -> Vec<Pair<'l>> {
    let mut live: HashMap<Vec<Rough>, Vec<&Json>> = HashMap::new();
    for item in list.iter().filter(|item| item.is_object()) {
        live.entry(roughly(keys, |key| item.get(key).and_then(scalar::json_text))).or_default().push(item);
    }
    let mut twins: HashMap<Vec<Option<String>>, (usize, usize)> = HashMap::new();
    let twin = |item: &Node| scalar::twin_keys(keys, item);
    for item in items {
        twins.entry(twin(item)).or_default().1 += 1;
    }
    // Those that are written alike match alike.
    let mut known: BTreeMap<Vec<Option<Exact>>, Vec<&Json>> = BTreeMap::new();
    let mut pair = |item: &Node| {
        let (earlier, left) = twins.entry(twin(item)).or_default();
        let (before, later) = (*earlier, left.saturating_sub(1));
        (*earlier, *left) = (before + 1, later);
        if item.value == Value::Null {
            return Pair::Skipped;
        }
        let matching = known.entry(exactly(keys, item)).or_insert_with(|| {
            let near = live.get(&roughly(keys, |key| item.get(key).and_then(scalar::node_text)));
            let same = |live: &&&Json| scalar::same_item(keys, item, live);
            near.into_iter().flatten().filter(same).copied().collect()
        });
        taken(before, later, matching)
    };
    items.iter().map(&mut pair).collect()
}

/// A key's value, so that what [`scalar::same_item`] takes for the same has the same: numbers however they are spelt, and no text as nothing.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Rough {
    Text(String),
    /// The bits of a number.
    Number(u64),
}

fn roughly(keys: &MergeKeys, text: impl Fn(&str) -> Option<String>) -> Vec<Rough> {
    let rough = |(key, default): &(String, Option<String>)| {
        let text = text(key).filter(|text| !text.is_empty()).or_else(|| default.clone()).unwrap_or_default();
        match text.parse::<f64>() {
            // Zero has two signs.
            Ok(0.0) => Rough::Number(0),
            Ok(number) if number.is_finite() => Rough::Number(number.to_bits()),
            _ => Rough::Text(text),
        }
    };
    keys.iter().map(rough).collect()
}

/// A key's value as the manifest writes it: its kind, and its text if it is no list and no mapping.
type Exact = (&'static str, Option<String>);

fn exactly(keys: &MergeKeys, item: &Node) -> Vec<Option<Exact>> {
    let exact = |(key, _): &(String, Option<String>)| {
        let node = item.get(key).filter(|node| node.value != Value::Null)?;
        // `80` and `80.0` are both numbers, and have one text.
        let kind = if matches!(node.value, Value::Float(_)) { "a fraction" } else { node.kind() };
        Some((
            kind,
            if let Value::Float(text) = &node.value { Some(text.to_string()) } else { scalar::node_text(node) },
        ))
    };
    keys.iter().map(exact).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml::{Kind, parse};

    /// The items of a flow list.
    fn items(list: &str) -> Vec<Node> {
        parse("x.yaml", list.as_bytes(), Kind::Manifest).expect("yaml")[0].root.items().to_vec()
    }

    /// T42. Would miss: an item that is found one by one and not by its key, or another way round: a number that is spelt otherwise, a
    /// key that the server fills in, an empty one, one that is there twice or thrice, and what is no item at all.
    #[test]
    fn t42_items_are_paired_by_key_as_each_with_each() {
        let keys: Vec<(String, Option<String>)> = vec![("port".into(), None), ("protocol".into(), Some("TCP".into()))];
        let ports = [
            "1",
            "1.0",
            "\"1\"",
            "1e0",
            "01",
            "\"01\"",
            "\"\"",
            "null",
            "true",
            "\"true\"",
            "[1]",
            "{a: 1}",
            "-0.0",
            "0",
            "100000000000000000000",
            "1e20",
            "2.5",
            "inf",
            "\"inf\"",
            "Inf",
            "nan",
            "x",
        ];
        let protocols =
            ["", ", protocol: TCP", ", protocol: \"\"", ", protocol: UDP", ", protocol: null", ", protocol: 1"];
        let mut at = 7_usize;
        let mut next = |below: usize| {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (at >> 33) % below
        };
        let mut pair_kinds = [0; 3];
        for _ in 0..300 {
            let mut one = |_| match next(20) {
                0 => "null".to_owned(),
                1 => "text".to_owned(),
                2 => format!("{{x: 1{}}}", protocols[next(protocols.len())]),
                _ => format!("{{port: {}{}}}", ports[next(ports.len())], protocols[next(protocols.len())]),
            };
            let written: Vec<String> = (0..24).map(&mut one).collect();
            let declared = items(&format!("[{}]", written.join(", ")));
            let mut list: Vec<Json> =
                (0..24).map(&mut one).flat_map(|one| items(&format!("[{one}]"))).map(|n| n.to_json()).collect();
            list.push(json!({"port": 1e20}));
            list.push(json!({"port": 1.0, "protocol": "TCP"}));
            let (one, other) = (each_with_each(&keys, &declared, &list), by_key(&keys, &declared, &list));
            for (at, (one, other)) in one.iter().zip(&other).enumerate() {
                let same = match (one, other) {
                    (Pair::Live(one), Pair::Live(other)) => std::ptr::eq(*one, *other),
                    (one, other) => one == other,
                };
                assert!(same, "{}: {one:?} and {other:?} of {list:?}", written[at]);
                pair_kinds[match one {
                    Pair::Skipped => 0,
                    Pair::Missing => 1,
                    Pair::Live(_) => 2,
                }] += 1;
            }
        }
        assert!(pair_kinds.iter().all(|count| *count > 500), "{pair_kinds:?}");
    }
}
