//! An object's JSON as text: checked once, read when somebody looks into it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use memchr::memmem;
use schemars::JsonSchema;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// An object's JSON, kept as its text and read when somebody looks into it: ten thousand objects as values are half a gibibyte, as text
/// thirty mebibytes. A clone shares the text and has not been read yet; so whoever looks at many objects clones each and drops it.
#[derive(Debug)]
pub struct Body {
    text: Arc<str>,
    read: OnceLock<Box<Json>>,
}

impl From<Json> for Body {
    fn from(value: Json) -> Self {
        Self::of(value.to_string())
    }
}

impl Deref for Body {
    type Target = Json;
    fn deref(&self) -> &Json {
        // The text was written from a value, or every value in it was read once: it is JSON.
        self.read.get_or_init(|| Box::new(serde_json::from_str(&self.text).unwrap_or_default()))
    }
}

impl Body {
    fn of(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), read: OnceLock::new() }
    }

    /// Whether a text of letters, digits and punctuation stands anywhere in the object: if it does not, no field need be read to know that it
    /// has not got it. Nothing but control characters, quotes and backslashes is written otherwise than it is meant.
    pub fn mentions(&self, text: &str) -> bool {
        memmem::find(self.text.as_bytes(), text.as_bytes()).is_some()
    }
}

impl Clone for Body {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.text))
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        // Equal texts are equal values; servers write their keys in another order than bpctl does.
        self.text == other.text || **self == **other
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.deref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Into::into)
    }
}

impl JsonSchema for Body {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Json::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Json::json_schema(generator)
    }
}

/// An object's text, checked to be JSON as a whole, and what says which object it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectText<'t> {
    text: Cow<'t, str>,
    /// `apiVersion`; items of a server's lists have none.
    pub api_version: Field<'t>,
    /// `kind`; items of a server's lists have none.
    pub kind: Field<'t>,
    /// `metadata.name`.
    pub name: Field<'t>,
    /// `metadata.namespace`.
    pub namespace: Field<'t>,
    /// `metadata.uid`.
    pub uid: Field<'t>,
    /// `metadata.resourceVersion`.
    pub resource_version: Field<'t>,
}

/// A field that should be a string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<'t> {
    /// It is not there.
    #[default]
    Absent,
    /// It is something else.
    Other,
    /// It is one.
    Text(Cow<'t, str>),
}

impl Field<'_> {
    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'t> ObjectText<'t> {
    /// Checks the text of an object: each value in it is read as [`Body`] would read it later, and none is kept. `None`: it is no object, or it
    /// is written in a way that has to be rewritten first (over several lines, or with escapes for what needs none).
    ///
    /// # Errors
    /// It is not JSON, or nested deeper than anything is read.
    pub fn read(text: &'t str) -> Result<Option<Self>, serde_json::Error> {
        let bytes = text.as_bytes();
        let rewritten = |pattern: &str| memmem::find(bytes, pattern.as_bytes()).is_some();
        if bytes.first() != Some(&b'{')
            || memchr::memchr(b'\n', bytes).is_some()
            || rewritten("\\u")
            || rewritten("\\/")
        {
            return Ok(None);
        }
        let mut found = Self { text: text.into(), ..Self::default() };
        let mut reader = serde_json::Deserializer::from_str(text);
        Scan { found: &mut found, at: At::Object }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(Some(found))
    }

    /// Says of what type it is, where it does not say so itself.
    #[must_use]
    pub fn typed(mut self, api_version: &str, kind: &str) -> Self {
        for (key, field, value) in [("kind", &mut self.kind, kind), ("apiVersion", &mut self.api_version, api_version)]
        {
            if *field == Field::Absent {
                *field = Field::Text(value.to_owned().into());
                let rest = self.text.get(1..).unwrap_or_default();
                let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
                self.text = format!("{{\"{key}\":{}{comma}{rest}", Json::from(value)).into();
            }
        }
        self
    }

    /// The text, to be looked into when somebody asks.
    pub fn body(&self) -> Body {
        Body::of(&*self.text)
    }
}

/// Where in an object a value stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Object,
    ApiVersion,
    Kind,
    Metadata,
    Name,
    Namespace,
    Uid,
    ResourceVersion,
    Elsewhere,
}

impl At {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Object, "apiVersion") => Self::ApiVersion,
            (Self::Object, "kind") => Self::Kind,
            (Self::Object, "metadata") => Self::Metadata,
            (Self::Metadata, "name") => Self::Name,
            (Self::Metadata, "namespace") => Self::Namespace,
            (Self::Metadata, "uid") => Self::Uid,
            (Self::Metadata, "resourceVersion") => Self::ResourceVersion,
            _ => Self::Elsewhere,
        }
    }
}

/// Reads a value for its errors, and keeps the strings that say which object it is.
struct Scan<'f, 't> {
    found: &'f mut ObjectText<'t>,
    at: At,
}

impl<'t> Scan<'_, 't> {
    fn found(self, value: Field<'t>) {
        let found = self.found;
        match self.at {
            At::ApiVersion => found.api_version = value,
            At::Kind => found.kind = value,
            At::Name => found.name = value,
            At::Namespace => found.namespace = value,
            At::Uid => found.uid = value,
            At::ResourceVersion => found.resource_version = value,
            // Of two of one name the last counts, as a whole.
            At::Metadata => {
                (found.name, found.namespace) = (Field::Absent, Field::Absent);
                (found.uid, found.resource_version) = (Field::Absent, Field::Absent);
            }
            At::Object | At::Elsewhere => {}
        }
    }
}

impl<'de: 't, 't> DeserializeSeed<'de> for Scan<'_, 't> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 't, 't> Visitor<'de> for Scan<'_, 't> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.found(Field::Other);
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.found(Field::Other);
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.found(Field::Other);
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.found(Field::Other);
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.found(Field::Other);
        Ok(())
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<(), E> {
        self.found(Field::Text(Cow::Borrowed(value)));
        Ok(())
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        // With an escape in it; of most values nothing is kept.
        if self.at != At::Elsewhere {
            self.found(Field::Text(value.to_owned().into()));
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Scan { found: &mut *self.found, at: At::Elsewhere })?.is_some() {}
        self.found(Field::Other);
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (found, at) = (self.found, self.at);
        Scan { found: &mut *found, at }.found(Field::Other);
        while let Some(at) = entries.next_key_seed(Key(at))? {
            entries.next_value_seed(Scan { found: &mut *found, at })?;
        }
        Ok(())
    }
}

/// Reads a key for where it leads.
struct Key(At);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = At;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<At, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = At;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<At, E> {
        Ok(self.0.below(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Would miss: an object that bpctl applied or restarted and that is taken for one that it never touched, because its text writes the
    /// name otherwise than the server does.
    #[test]
    fn what_an_object_holds_is_mentioned_in_it() {
        let bodies = [
            json!({"metadata": {"managedFields": [{"manager": "bpctl"}]}}),
            json!({"spec": {"template": {"metadata": {"annotations": {"bpctl.dev/restart": "x"}}}}}),
            serde_json::from_str(r#"{"a": "\u0062pctl\u002edev\/restart"}"#).unwrap(),
        ];
        for body in bodies {
            assert!(Body::from(body.clone()).mentions("bpctl"), "{body}");
        }
        let body = Body::from(serde_json::from_str::<Json>(r#"{"a": "bpctl.dev\/restart"}"#).unwrap());
        assert!(body.mentions("bpctl.dev/restart"));
        assert!(!body.mentions("bpctl.dev/other"));
    }

    /// Would miss: an object that is taken for an empty one, because its text was kept though nobody can read it; a text that hides a name
    /// behind escapes; one that says who it is twice.
    #[test]
    fn a_text_is_kept_only_if_it_reads_as_the_value_that_it_is() {
        let read = |text: &str| ObjectText::read(text).ok().flatten().map(|found| found.body().clone());
        for text in [
            r#"{"kind": "Deployment", "metadata": {"name": "a\"b", "uid": "u"}, "spec": {"a": [1, -2, 3.5, null, true, {"b": []}]}}"#,
            r#"{"metadata": {"name": "a"}, "metadata": {"uid": "u"}}"#,
            "{}",
        ] {
            assert_eq!(read(text).as_deref(), Some(&serde_json::from_str(text).unwrap()), "{text}");
        }
        let deep = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&deep(100)).is_some());
        for refused in [
            &*deep(200),
            r#"{"a": 1e999}"#,
            r#"{"a": 1"#,
            r#"{"a": 1} x"#,
            r#"{"a": "\q"}"#,
            r#"{"a": nul}"#,
            "{\"a\": \"\t\"}",
        ] {
            assert!(ObjectText::read(refused).is_err(), "{refused}");
            assert!(serde_json::from_str::<Json>(refused).is_err(), "{refused}");
        }
        for elsewhere in [r#"{"a": "\u0062"}"#, r#"{"a": "b\/c"}"#, "{\n}", "[]", "3", ""] {
            assert_eq!(ObjectText::read(elsewhere).ok().flatten(), None, "{elsewhere}");
        }
    }

    #[test]
    fn what_it_is_stands_in_its_head() {
        let text = r#"{"kind": 3, "spec": {"name": "x"}, "metadata": {"name": "web", "labels": {"uid": "x"}, "namespace": null}}"#;
        let found = ObjectText::read(text).unwrap().unwrap();
        assert_eq!((found.name.text(), &found.kind, &found.uid), (Some("web"), &Field::Other, &Field::Absent));
        assert_eq!((found.api_version.clone(), found.namespace.clone()), (Field::Absent, Field::Other));
        let typed = found.typed("apps/v1", "Deployment");
        assert_eq!((typed.api_version.text(), &typed.kind), (Some("apps/v1"), &Field::Other));
        assert_eq!(typed.body()["apiVersion"], "apps/v1");
        assert_eq!(typed.body()["kind"], 3);
        // Of two the last counts.
        let twice = r#"{"metadata": {"name": "a", "uid": "u"}, "metadata": {"name": "b"}}"#;
        let found = ObjectText::read(twice).unwrap().unwrap();
        assert_eq!((found.name.text(), &found.uid), (Some("b"), &Field::Absent));
        let empty = ObjectText::read("{ }").unwrap().unwrap().typed("v1", "Pod");
        assert_eq!(*empty.body(), json!({"apiVersion": "v1", "kind": "Pod"}));
    }
}
