//! Kubernetes quantities (`100m`, `1.5`, `128Mi`, `2e3`), exact, compared by value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ParseError;

/// A Kubernetes quantity in whole billionths (nano), with the text it was written as. Equal by value: `1`, `1000m` and
/// `1e0` are one quantity. What is finer than a billionth is rounded up, as Kubernetes does.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(with = "String")]
pub struct Quantity {
    nanos: i128,
    text: String,
}

const EXPECTED: &str = "a quantity such as 100m, 0.5, 128Mi or 2G";
const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// Makes a quantity of thousandths (millicores), written with `m` where it is not whole.
    pub fn from_millis(millis: i128) -> Self {
        let text = if millis % 1000 == 0 { (millis / 1000).to_string() } else { format!("{millis}m") };
        Self { nanos: millis * (NANO / 1000), text }
    }

    /// Makes a quantity of billionths; the text is the shortest of `n`, `u`, `m` and whole units.
    pub fn from_nanos(nanos: i128) -> Self {
        let text = if nanos % NANO == 0 {
            (nanos / NANO).to_string()
        } else if nanos % 1_000_000 == 0 {
            format!("{}m", nanos / 1_000_000)
        } else if nanos % 1000 == 0 {
            format!("{}u", nanos / 1000)
        } else {
            format!("{nanos}n")
        };
        Self { nanos, text }
    }

    /// The sum, written as its parts are: `128Mi` and `0.5Gi` give `640Mi`, and one alone is as people wrote it.
    pub fn sum_of(parts: &[Self]) -> Self {
        if let [only] = parts {
            return only.clone();
        }
        let nanos = parts.iter().fold(0_i128, |sum, part| sum.saturating_add(part.nanos));
        let binary = parts.iter().any(|part| part.text.ends_with('i'));
        let units = [("Gi", NANO << 30), ("Mi", NANO << 20), ("Ki", NANO << 10)];
        match units.into_iter().find(|(_, unit)| binary && nanos != 0 && nanos % unit == 0) {
            Some((name, unit)) => Self { nanos, text: format!("{}{name}", nanos / unit) },
            None => Self::from_nanos(nanos),
        }
    }

    /// Whether Kubernetes reads a text as a quantity, be it one that is beyond all that is reckoned with here (`1e29`).
    pub fn is_spelt(text: &str) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (number, unit) =
            unsigned.split_at(unsigned.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let units = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let power = unit.strip_prefix(['e', 'E']).map(|power| power.strip_prefix(['+', '-']).unwrap_or(power));
        digits(&format!("{whole}{fraction}")) && (units.contains(&unit) || power.is_some_and(digits))
    }

    /// What somebody may have meant who wrote a text that is no quantity: `192 mb` → `192Mi`.
    pub fn meant(text: &str) -> Option<String> {
        let squeezed: String = text.split_whitespace().collect();
        let number = squeezed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match squeezed.get(number.len()..)?.to_ascii_lowercase().as_str() {
            "mm" | "mcpu" | "mcores" | "millicores" => "m",
            "k" | "kb" | "ki" | "kib" => "Ki",
            "mb" | "mi" | "mib" => "Mi",
            "g" | "gb" | "gi" | "gib" => "Gi",
            "t" | "tb" | "ti" | "tib" => "Ti",
            "" | "cpu" | "cores" => "",
            _ => return None,
        };
        let meant = format!("{number}{unit}");
        (meant != text && meant.parse::<Self>().is_ok()).then_some(meant)
    }

    /// The value in billionths.
    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// The value in thousandths, rounded up.
    pub fn millis(&self) -> i128 {
        self.nanos.div_euclid(1_000_000) + i128::from(self.nanos.rem_euclid(1_000_000) != 0)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}
impl Eq for Quantity {}
impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl std::str::FromStr for Quantity {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
            .map(|nanos| Self { nanos, text: text.into() })
            .ok_or_else(|| ParseError { text: text.into(), expected: EXPECTED })
    }
}

/// 2⁶³, in billionths.
const MOST: i128 = (1 << 63) * NANO;

fn parse(text: &str) -> Option<i128> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, suffix) = rest.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 19 || fraction.len() > 18 {
        return None;
    }
    let digit = |so_far: i128, byte: u8| so_far * 10 + i128::from(byte - b'0');
    // At most 37 of them, and nothing else: see above.
    let digits = whole.bytes().chain(fraction.bytes()).fold(0, digit);
    // value = digits × multiplier ÷ divisor, in nano
    let mut multiplier = NANO;
    let mut divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    match suffix {
        "" => {}
        "n" => divisor = divisor.checked_mul(NANO)?,
        "u" => divisor = divisor.checked_mul(1_000_000)?,
        "m" => divisor = divisor.checked_mul(1000)?,
        "k" => multiplier *= 1000,
        "M" => multiplier *= 1_000_000,
        "G" => multiplier *= 1_000_000_000,
        "T" => multiplier *= 1_000_000_000_000,
        "P" => multiplier *= 1_000_000_000_000_000,
        "E" => multiplier *= 1_000_000_000_000_000_000,
        "Ki" => multiplier <<= 10,
        "Mi" => multiplier <<= 20,
        "Gi" => multiplier <<= 30,
        "Ti" => multiplier <<= 40,
        "Pi" => multiplier <<= 50,
        "Ei" => multiplier <<= 60,
        exponent => {
            let exponent: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent >= 0 {
                multiplier = multiplier.checked_mul(power)?;
            } else {
                divisor = divisor.checked_mul(power)?;
            }
        }
    }
    let scaled = digits.checked_mul(multiplier)?;
    let nanos = scaled / divisor + i128::from(scaled % divisor != 0);
    // Kubernetes knows none beyond; and so sums and products of many stay within range.
    if nanos > MOST {
        return None;
    }
    Some(if negative { -nanos } else { nanos })
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Kubernetes takes a bare number as well as text.
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Quantity;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string()) // the shortest text that reads back: what was written
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_by_value_whatever_the_spelling() {
        for (a, b) in [
            ("1", "1000m"),
            ("0.5", "500m"),
            ("1Ki", "1024"),
            ("1e3", "1k"),
            ("1.5Gi", "1536Mi"),
            ("100n", "0.1u"),
            ("1E", "1e18"),
            ("5e-1", "500m"),
            (".5", "500m"),
            ("5.", "5"),
        ] {
            assert_eq!(a.parse::<Quantity>().expect(a), b.parse::<Quantity>().expect(b), "{a} {b}");
        }
        assert_ne!("1M".parse::<Quantity>().expect("1M"), "1Mi".parse::<Quantity>().expect("1Mi"));
    }

    #[test]
    fn nonsense_is_refused_and_nothing_overflows() {
        for text in ["", "m", "1mm", "1 Mi", "0x10", "1e99", "99999999999999999999999", "1..2", "1e", "Mi"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_told_where_it_is_plain() {
        for (text, meant) in
            [("192mb", "192Mi"), ("192 Mi", "192Mi"), ("250mm", "250m"), ("1.5g", "1.5Gi"), ("2 cores", "2")]
        {
            assert_eq!(Quantity::meant(text).as_deref(), Some(meant), "{text}");
        }
        for text in ["big", "", "Mi", "12 parsecs", "1..2mb", "é5"] {
            assert_eq!(Quantity::meant(text), None, "{text}");
        }
    }

    /// Would miss: a number that Kubernetes takes and that is said to be none.
    #[test]
    fn what_is_beyond_all_numbers_is_spelt_like_one() {
        for text in
            ["1e29", "9999999999Ei", "99999999999999999999999", "+.5", "5.", "-1", "1E", "2E-3", "100m", "1.5Gi"]
        {
            assert!(Quantity::is_spelt(text), "{text}");
        }
        for text in ["", "m", ".", "250mm", "192mb", "1 Mi", "1..2", "1e", "1e1.5", "0x10", "two", "1K"] {
            assert!(!Quantity::is_spelt(text), "{text}");
        }
    }

    #[test]
    fn a_sum_is_written_as_its_parts_are() {
        for (parts, sum) in [
            (&["128Mi", "0.5Gi"][..], "640Mi"),
            (&["1Gi", "1024Mi"], "2Gi"),
            (&["1Mi", "1"], "1048577"),
            (&["250m", "0.5"], "750m"),
            (&["0.25"], "0.25"),
            (&[], "0"),
        ] {
            let parts: Vec<Quantity> = parts.iter().map(|part| part.parse().expect("a quantity")).collect();
            assert_eq!(Quantity::sum_of(&parts).to_string(), sum, "{parts:?}");
        }
    }

    #[test]
    fn finer_than_a_billionth_rounds_up() {
        assert_eq!("0.0000000001".parse::<Quantity>().expect("tiny").nanos(), 1);
    }
}
