//! Values of `ConfigMaps` (B9): within the range that the blueprint declares they are allowed, else a person is asked; a credential is
//! refused, for it belongs into a Secret.

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::Tier;
use crate::govern::{ConfigTouch, Touch};
use crate::model::SourceSpan;

/// `spec.config`.
pub struct Config;

impl Rule for Config {
    fn ident(&self) -> &'static str {
        "config-range"
    }

    fn about(&self) -> &'static str {
        "ConfigMap values within their range in spec.config are allowed, others need approval; a credential is forbidden"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["spec.config.", "ConfigMap key "]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        match &input.subject.touch {
            Touch::Config(touched) => touched.iter().map(|touch| one(input, touch)).collect(),
            // A whole new one is a person's to judge anyway; only what may not come at all is told.
            Touch::Added(touched) => {
                let spec = &input.blueprint.value.spec;
                touched.iter().filter(|touch| touch.is_credential(spec)).map(|touch| one(input, touch)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn one(input: &RuleInput<'_>, touch: &ConfigTouch) -> Outcome {
    let range = touch.range(&input.blueprint.value.spec);
    let key = shown(&touch.key, "a key of it");
    let name = format!("spec.config.{}.{key}", shown_map(&touch.map));
    let outcome =
        |tier, cite: String, because: String, alternative: Option<String>, source: Option<SourceSpan>| Outcome {
            tier: Some(tier),
            hold_until: None,
            hold_ends: None,
            unknown: None,
            cite,
            because,
            alternative,
            source,
        };
    if touch.is_credential(&input.blueprint.value.spec) {
        let because = "its name says that it is a credential, and a ConfigMap is no place for one".into();
        let instead = "put it into a Secret; a person changes that by other means".into();
        return outcome(Tier::Forbidden, format!("ConfigMap key {key}"), because, Some(instead), None);
    }
    let Some(range) = range else {
        let because = format!("the blueprint declares no range for {key}");
        let instead = "declare its range in spec.config first, by a pull request".into();
        let source = Some(input.blueprint.span(&["spec"]));
        return outcome(Tier::RequiresApproval, format!("{name} is missing"), because, Some(instead), source);
    };
    let cite = format!("{name} = {range}");
    let source = Some(input.blueprint.span(&["spec", "config", &touch.map, &touch.key]));
    let Some(to) = &touch.to else {
        let because = "the key goes, or its value is no text".into();
        return outcome(Tier::RequiresApproval, cite, because, None, source);
    };
    let value = shown(to, "the new value");
    if touch.is_within(&input.blueprint.value.spec) {
        return outcome(Tier::Allowed, cite, format!("{value} is within the declared range"), None, source);
    }
    let because = if touch.from.is_none() {
        format!("{key} is new in the ConfigMap")
    } else {
        format!("{value} is outside the declared range")
    };
    let nearest = range.nearest(Some(to)).map(|nearest| format!("{key} = {nearest}"));
    outcome(Tier::RequiresApproval, cite, because, nearest, source)
}

/// Text of a pull request, where it can harm no medium; else what it is.
fn shown(text: &str, else_say: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let good = !text.is_empty() && text.len() <= 60 && text.chars().all(plain);
    if good { text.into() } else { else_say.into() }
}

fn shown_map(map: &str) -> String {
    match map.split_once('/') {
        Some((kind, name)) => format!("{}/{}", shown(kind, "ConfigMap"), shown(name, "NAME")),
        None => "ConfigMap".into(),
    }
}
