//! Lengths of time as people write them: `200ms`, `60s`, `5m`, `1h`, `90d`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ParseError;

/// A length of time in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Period(u64);

const EXPECTED: &str = "a length of time such as 200ms, 60s, 5m, 1h30m or 90d";
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Period {
    /// Makes a period of milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Makes a period of seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// Whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// Twice as long, so many times; the longest there is where that is too long.
    #[must_use]
    pub fn doubled(self, times: u32) -> Self {
        Self(self.0.saturating_mul(2u64.saturating_pow(times)))
    }

    /// The moment this long after `time`; the end of time where that cannot be written.
    pub fn after(self, time: jiff::Timestamp) -> jiff::Timestamp {
        let span = jiff::SignedDuration::from_millis(i64::try_from(self.0).unwrap_or(i64::MAX));
        time.saturating_add(span).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The moment this long before `time`; the beginning of time where that cannot be written.
    pub fn before(self, time: jiff::Timestamp) -> jiff::Timestamp {
        let span = jiff::SignedDuration::from_millis(i64::try_from(self.0).unwrap_or(i64::MAX));
        time.saturating_sub(span).unwrap_or(jiff::Timestamp::MIN)
    }
}

impl std::str::FromStr for Period {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseError { text: text.into(), expected: EXPECTED };
        let mut rest = text;
        let mut total: u64 = 0;
        let mut last_unit = u64::MAX;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let unit = UNITS.iter().find(|(name, _)| *name == &rest[..letters]).ok_or_else(bad)?.1;
            rest = &rest[letters..];
            if unit >= last_unit {
                return Err(bad());
            }
            last_unit = unit;
            total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
        }
        Ok(Self(total))
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // One minute is written 60s, as the field does (cooldowns, grace periods); above that the largest exact unit.
        if self.0 == 60_000 {
            return f.write_str("60s");
        }
        for (name, unit) in UNITS {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        if self.0 == 0 {
            return f.write_str("0s");
        }
        write!(f, "{}ms", self.0)
    }
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in
            [("200ms", 200), ("60s", 60_000), ("5m", 300_000), ("1h30m", 5_400_000), ("90d", 7_776_000_000)]
        {
            assert_eq!(text.parse(), Ok(Period(millis)), "{text}");
        }
        for text in ["", "5", "m", "5x", "1m1h", "1m1m", "-5m", "1.5h", "99999999999999999999d"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn writes_the_largest_exact_unit() {
        for (millis, text) in
            [(60_000, "60s"), (300_000, "5m"), (3_600_000, "1h"), (5_400_000, "90m"), (0, "0s"), (1500, "1500ms")]
        {
            assert_eq!(Period(millis).to_string(), text);
        }
    }
}
