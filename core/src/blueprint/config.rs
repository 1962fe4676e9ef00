//! Ranges of `ConfigMap` values (B9): which value lies in one, which is nearest, and which keys are credentials and so have none.

use super::ConfigRange;

/// Parts of names that say that a value is a credential, wherever they stand.
const WORDS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "privatekey",
    "credential",
];
/// Words that say so as a whole part of a name: `SSH_KEY`, and not `KEYBOARD`.
const PARTS: [&str; 3] = ["key", "pwd", "pass"];

/// Whether a key's name says that it holds a credential. A number within bounds, such as `TOKEN_LIFETIME`, is none.
pub fn is_credential(key: &str, range: Option<&ConfigRange>) -> bool {
    let number = range.is_some_and(|range| range.one_of.is_none() && (range.min.is_some() || range.max.is_some()));
    let name = key.to_ascii_lowercase().replace(['-', '.'], "_");
    !number && (WORDS.iter().any(|word| name.contains(word)) || name.split('_').any(|part| PARTS.contains(&part)))
}

impl ConfigRange {
    /// Whether a value lies in it. A range that says nothing, or two things, allows nothing: `lint` refuses it. Numbers are written as
    /// Kubernetes' users write them: no sign but `-`, no leading zero, no space.
    pub fn allows(&self, value: &str) -> bool {
        let bounds = self.min.is_some() || self.max.is_some();
        match &self.one_of {
            Some(values) => !bounds && values.iter().any(|allowed| allowed == value),
            None => bounds && number(value).is_some_and(|number| self.holds(number)),
        }
    }

    fn holds(&self, number: i64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }

    /// What is allowed and nearest to a value: `INFO or DEBUG`, `8`. `None`: nothing is.
    pub fn nearest(&self, value: Option<&str>) -> Option<String> {
        match (&self.one_of, self.min, self.max) {
            (Some(values), None, None) if !values.is_empty() => Some(values.join(" or ")),
            (None, None, None) | (Some(_), ..) => None,
            (None, min, max) if min.zip(max).is_some_and(|(min, max)| min > max) => None,
            (None, min, max) => {
                let wanted = value.and_then(number);
                let below = wanted.zip(min).filter(|(wanted, min)| wanted < min).map(|(_, min)| min);
                let above = wanted.zip(max).filter(|(wanted, max)| wanted > max).map(|(_, max)| max);
                let nearest = below.or(above).map(|nearest| nearest.to_string());
                Some(nearest.unwrap_or_else(|| self.to_string()))
            }
        }
    }
}

fn number(value: &str) -> Option<i64> {
    let number: i64 = value.parse().ok()?;
    (number.to_string() == value).then_some(number)
}

impl std::fmt::Display for ConfigRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.one_of, self.min, self.max) {
            (Some(values), ..) => write!(f, "one of [{}]", values.join(", ")),
            (None, Some(min), Some(max)) => write!(f, "{min} to {max}"),
            (None, Some(min), None) => write!(f, "{min} or more"),
            (None, None, Some(max)) => write!(f, "{max} or less"),
            (None, None, None) => f.write_str("nothing"),
        }
    }
}
