//! How a scalar's text becomes a value: the rules of `sigs.k8s.io/yaml` (go-yaml v2, then JSON), not those of YAML 1.2.

use super::node::Value;

/// A scalar, resolved.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

/// A core tag that a manifest may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoreTag {
    Null,
    Bool,
    Int,
    Float,
    Text,
    Binary,
    Map,
    Sequence,
    Merge,
}

impl CoreTag {
    /// The tag with this full name; `!` alone means text.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == "!" {
            return Some(Self::Text);
        }
        Some(match name.strip_prefix("tag:yaml.org,2002:")? {
            "null" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "float" => Self::Float,
            "str" | "timestamp" => Self::Text,
            "binary" => Self::Binary,
            "map" | "set" => Self::Map,
            "seq" | "omap" | "pairs" => Self::Sequence,
            "merge" => Self::Merge,
            _ => return None,
        })
    }

    /// What the tag asks for, for messages.
    pub(super) fn wants(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Text => "text",
            Self::Binary => "base64",
            Self::Map => "a mapping",
            Self::Sequence => "a list",
            Self::Merge => "a merge key",
        }
    }
}

/// Resolves a scalar with a tag, or a plain one without. `None`: the text is not what the tag says.
pub(super) fn resolve_tagged(text: &str, tag: CoreTag) -> Option<Resolved> {
    match (tag, resolve(text)) {
        (CoreTag::Text, _) => Some(Resolved::Text),
        (CoreTag::Float, Resolved::Int(number)) => {
            #[expect(clippy::cast_precision_loss, reason = "what `!!float` asks for")]
            let number = number as f64;
            Some(Resolved::Float(number))
        }
        (CoreTag::Null, found @ Resolved::Null)
        | (CoreTag::Bool, found @ Resolved::Bool(_))
        | (CoreTag::Int, found @ Resolved::Int(_))
        | (CoreTag::Float, found @ Resolved::Float(_)) => Some(found),
        _ => None,
    }
}

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Resolved {
    let Some(first) = text.bytes().next() else {
        return Resolved::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
            _ if underscores_separate_digits(text) => float(&without_underscores(text)),
            _ => Resolved::Text,
        },
        b'0'..=b'9' | b'+' | b'-' => match text {
            "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
            _ => number(&without_underscores(text)),
        },
        _ => Resolved::Text,
    }
}

fn word(text: &str) -> Resolved {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        _ => Resolved::Text,
    }
}

fn without_underscores(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('_') { text.replace('_', "").into() } else { text.into() }
}

/// Go's rule for numbers that begin with a dot: an underscore stands between digits.
fn underscores_separate_digits(text: &str) -> bool {
    let mut before = b'^';
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {}
            b'_' if before.is_ascii_digit() => {}
            b'_' => return false,
            _ if before == b'_' => return false,
            _ => {}
        }
        before = byte;
    }
    before != b'_'
}

fn number(text: &str) -> Resolved {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let (radix, body) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if let Some(number) = whole(body, radix) {
        let number = sign * number;
        // What a sign is written on is read as 64 bits signed; a bare number may use all 64.
        let most = if digits.len() == text.len() { i128::from(u64::MAX) } else { i128::from(i64::MAX) };
        if (i128::from(i64::MIN)..=most).contains(&number) {
            return Resolved::Int(number);
        }
    }
    if let Some(negative) = text.strip_prefix("0b-").or_else(|| text.strip_prefix("0b+")) {
        // go-yaml's own second try at binary takes a sign there.
        let sign = if text.as_bytes()[2] == b'-' { -1 } else { 1 };
        return match whole(negative, 2).map(|number| sign * number) {
            Some(number) if i64::try_from(number).is_ok() => Resolved::Int(number),
            _ => Resolved::Text,
        };
    }
    float(text)
}

fn whole(digits: &str, radix: u32) -> Option<i128> {
    let fits = !digits.is_empty() && digits.len() <= 100 && digits.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then(|| i128::from_str_radix(digits, radix).ok()).flatten()
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, within 64 bits.
fn float(text: &str) -> Resolved {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shaped = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    match text.parse::<f64>() {
        Ok(number) if shaped && number.is_finite() => Resolved::Float(number),
        _ => Resolved::Text,
    }
}

/// The value of a number with a fraction or exponent, as JSON has it: `1.0` and `1e3` are whole. `None` for what JSON
/// cannot write.
pub(super) fn float_value(number: f64) -> Option<Value> {
    if !number.is_finite() {
        return None;
    }
    let text = json_float(number);
    if text != "-0" {
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Value::Int(i128::from(whole).into()));
        }
        if let Ok(whole) = text.parse::<u64>() {
            return Some(Value::Int(i128::from(whole).into()));
        }
    }
    Some(Value::Float(text.into()))
}

/// A finite number as Go's `encoding/json` writes it.
fn json_float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        if size >= 1e21 { text.replace('e', "e+") } else { text }
    } else {
        number.to_string()
    }
}

/// The text that a key which is not text gets. `None`: Kubernetes refuses such a key.
pub(super) fn key_text(resolved: &Resolved) -> Option<String> {
    match resolved {
        Resolved::Null | Resolved::Text => None,
        Resolved::Bool(flag) => Some(flag.to_string()),
        Resolved::Int(number) => i64::try_from(*number).ok().map(|number| number.to_string()),
        Resolved::Float(number) => Some(float_key(*number)),
    }
}

/// Go's `FormatFloat(number, 'g', -1, 32)`, with YAML's names for what is not finite.
fn float_key(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "sigs.k8s.io/yaml formats keys in 32 bits")]
    let short = number as f32;
    if short.is_nan() {
        return ".nan".into();
    }
    if short.is_infinite() {
        return if short > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let text = format!("{short:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        short.to_string()
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    }
}

/// Reads base64 as Go's `StdEncoding` does: padded, line breaks ignored.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let data = &text[..text.len() - padding];
    for group in data.chunks(4) {
        let mut bits = 0_u32;
        for byte in group {
            let sextet = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(sextet);
        }
        bits <<= 6 * (4 - group.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}
