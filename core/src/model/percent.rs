//! Percentages as people write them (`80%`, `99.9%`), held as whole basis points.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ParseError;

/// A percentage in basis points (1/100 of a percent): `80%` is 8,000. Never a float (B6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Percent(u64);

const EXPECTED: &str = "a percentage such as 80% or 99.9%";

impl Percent {
    /// Makes a percentage of whole percents.
    pub const fn whole(percent: u64) -> Self {
        Self(percent * 100)
    }

    /// Makes a percentage of basis points.
    pub const fn from_basis_points(basis_points: u64) -> Self {
        Self(basis_points)
    }

    /// Basis points: 1/100 of a percent.
    pub const fn basis_points(self) -> u64 {
        self.0
    }

    /// `part` as a share of `whole`, rounded down to a basis point. `None` where `whole` is not positive or `part` negative.
    pub fn ratio(part: i128, whole: i128) -> Option<Self> {
        if whole <= 0 || part < 0 {
            return None;
        }
        u64::try_from(part.checked_mul(10_000)? / whole).ok().map(Self)
    }
}

impl std::str::FromStr for Percent {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseError { text: text.into(), expected: EXPECTED };
        let number = text.strip_suffix('%').ok_or_else(bad)?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 2 || whole.len() > 9 {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let fraction: u64 = format!("{fraction:0<2}").parse().map_err(|_| bad())?;
        Ok(Self(whole * 100 + fraction))
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

impl Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_writes_it_back() {
        for text in ["0%", "80%", "99.9%", "99.95%", "140%"] {
            let percent: Percent = text.parse().expect(text);
            assert_eq!(percent.to_string(), text);
        }
        for text in ["80", "%", "-1%", "1e3%", "9.999%", "٣%", "80 percent"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_ratio_rounds_down_and_refuses_nonsense() {
        assert_eq!(Percent::ratio(850, 1000), Some(Percent::whole(85)));
        assert_eq!(Percent::ratio(2, 3), Some(Percent(6666)));
        assert_eq!(Percent::ratio(1, 0), None);
        assert_eq!(Percent::ratio(-1, 10), None);
    }
}
