//! Reads an event: first which one it is, then its fields.
//!
//! Keys stand in their order, so `kind` comes after most of an event. What derives from `#[serde(tag = …)]` keeps everything before it as a
//! tree and reads that again, which is a quarter of the time of a long ledger. Here the event's text is passed over twice and read once.

use std::borrow::Cow;

use serde::de::value::{CowStrDeserializer, EnumAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, Unexpected, VariantAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Event;
use crate::action::Action;
use crate::alert::Cause;
use crate::decide::FailedPod;
use crate::govern::{ReviewJudgement, Verdict};
use crate::model::{Digest, Name, ObjectRef, Untrusted};
use crate::observe::Identity;
use crate::verify::VerifyReport;

/// The same variants as [`Event`]. What is derived for writing is not used: it makes the compiler find one that is missing here.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Event", rename_all = "snake_case")]
#[allow(dead_code, clippy::large_enum_variant, reason = "only how an event is read is taken from it")]
enum Fields {
    Decided {
        action: Action,
        summary: String,
        verdict: Verdict,
        version: String,
        base: String,
        logic: u32,
    },
    Proposed {
        pull: u64,
        head: String,
    },
    Merged {
        pull: u64,
        commit: String,
        reviews: Vec<ReviewJudgement>,
        changes: Digest,
        #[serde(default)]
        by: Option<Identity>,
    },
    Declined {
        pull: u64,
        #[serde(default)]
        by: Option<Identity>,
        #[serde(default)]
        reason: Option<Untrusted>,
    },
    Expired {
        pull: u64,
    },
    Applied {
        summary: String,
        base: String,
        object: ObjectRef,
        uid: String,
        receipt: String,
    },
    Failed {
        commit: String,
        attempt: u32,
        because: Untrusted,
    },
    Restarted {
        summary: String,
        request: String,
        uid: String,
        before: Vec<FailedPod>,
    },
    Recovered {
        request: String,
        report: VerifyReport,
    },
    Verified {
        pull: u64,
        commit: String,
        report: VerifyReport,
    },
    Alerted {
        cause: Cause,
        #[serde(default)]
        of: Option<Name>,
        about: Digest,
        over: bool,
        told: String,
        #[serde(default)]
        after: Option<Digest>,
    },
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Tag<'t> {
            #[serde(borrow)]
            kind: Cow<'t, str>,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let read = serde_json::from_str(text.get()).and_then(|Tag { kind }| {
            Fields::deserialize(EnumAccessDeserializer::new(Tagged { kind, text: text.get() }))
        });
        read.map_err(D::Error::custom)
    }
}

/// An event of which the kind is known.
struct Tagged<'t> {
    kind: Cow<'t, str>,
    text: &'t str,
}

impl<'t> EnumAccess<'t> for Tagged<'t> {
    type Error = serde_json::Error;
    type Variant = Text<'t>;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Text<'t>), Self::Error> {
        let kind: CowStrDeserializer<'t, Self::Error> = CowStrDeserializer::new(self.kind);
        Ok((seed.deserialize(kind)?, Text(self.text)))
    }
}

/// The fields of an event, its kind among them.
struct Text<'t>(&'t str);

impl<'t> VariantAccess<'t> for Text<'t> {
    type Error = serde_json::Error;

    fn struct_variant<V: Visitor<'t>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let mut reader = serde_json::Deserializer::from_str(self.0);
        let value = reader.deserialize_struct("Event", fields, visitor)?;
        reader.end().map(|()| value)
    }

    // Every event has fields.
    fn unit_variant(self) -> Result<(), Self::Error> {
        Err(Self::Error::invalid_type(Unexpected::UnitVariant, &"an event with fields"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, _: T) -> Result<T::Value, Self::Error> {
        Err(Self::Error::invalid_type(Unexpected::NewtypeVariant, &"an event with fields"))
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::invalid_type(Unexpected::TupleVariant, &"an event with fields"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Would miss: an event that reads as another one than was written, or not at all: whatever stands first in its text, and from a value
    /// too; and a kind that nobody knows, or given twice, or missing, that reads as something.
    #[test]
    fn an_event_is_what_its_kind_says() {
        let object = ObjectRef::deployment("shop", "web");
        let (summary, base, uid) = (String::from("Deployment/web: \u{e9}"), String::from("b"), String::from("u"));
        let events = [
            Event::Expired { pull: 7 },
            Event::Declined { pull: 7, by: None, reason: Some(Untrusted::new("no \"thanks\"")) },
            Event::Declined { pull: 7, by: None, reason: None },
            Event::Applied { summary, base, object, uid, receipt: "version 3".into() },
            Event::Failed { commit: "c".into(), attempt: 2, because: Untrusted::new("quota") },
            Event::Alerted {
                cause: Cause::PassFailed,
                of: None,
                about: Digest::of(&"x"),
                over: false,
                told: "it ended".into(),
                after: None,
            },
        ];
        for event in events {
            let value = serde_json::to_value(&event).unwrap();
            let texts = [serde_json::to_string(&event).unwrap(), value.to_string()];
            for text in texts {
                assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
            }
            assert_eq!(serde_json::from_value::<Event>(value).unwrap(), event);
        }
        assert_eq!(
            serde_json::from_str::<Event>(r#"{"later":[1,{"kind":"failed"}],"pull":7,"kind":"e\u0078pired"}"#).unwrap(),
            Event::Expired { pull: 7 }
        );
        for wrong in [
            json!({"pull": 7}).to_string(),
            json!({"kind": "expire", "pull": 7}).to_string(),
            json!({"kind": "expired", "pull": "7"}).to_string(),
            json!({"kind": "expired"}).to_string(),
            json!("expired").to_string(),
            r#"{"kind":"expired","pull":7,"kind":"expired"}"#.into(),
            r#"{"kind":"expired","pull":7,"pull":7}"#.into(),
        ] {
            assert!(serde_json::from_str::<Event>(&wrong).is_err(), "{wrong}");
        }
    }
}
