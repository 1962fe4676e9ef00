//! What an Application tells Argo CD to pass over: its `ignoreDifferences` (X8).

use serde_json::Value as Json;

use super::mutate::scalar_text;
use crate::model::{FieldPath, ObjectRef, Segment, Untrusted, glob};
use crate::yaml::Node;

/// One entry of `ignoreDifferences`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    group: String,
    kind: String,
    name: Option<String>,
    namespace: Option<String>,
    paths: Vec<Vec<Step>>,
    /// What these managers own in the cluster is theirs.
    pub managers: Vec<String>,
    /// Expressions that are more than a path: what they pass over is not known.
    pub unread: Vec<Untrusted>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// An item by its place; of a mapping the key that looks like one.
    Index(usize),
    /// Each item.
    Each,
}

impl IgnoreRule {
    /// Reads an entry; what is missing is about everything, as Argo CD has it.
    pub(super) fn read(node: &Node) -> Self {
        let text = |key: &str| node.get(key).and_then(scalar_text);
        let given = |key: &str| text(key).filter(|text| !text.is_empty());
        let list = |key: &str| -> Vec<String> {
            node.get(key).map_or(&[] as &[Node], Node::items).iter().filter_map(scalar_text).collect()
        };
        let mut paths: Vec<Vec<Step>> = list("jsonPointers").iter().map(|pointer| of_pointer(pointer)).collect();
        let mut unread = Vec::new();
        for expression in list("jqPathExpressions") {
            match of_expression(&expression) {
                Some(steps) => paths.push(steps),
                None => unread.push(Untrusted::new(expression)),
            }
        }
        // The whole object is no difference of a field.
        paths.retain(|steps| !steps.is_empty());
        Self {
            group: text("group").unwrap_or_default(),
            kind: text("kind").unwrap_or_default(),
            name: given("name"),
            namespace: given("namespace"),
            paths,
            managers: list("managedFieldsManagers"),
            unread,
        }
    }

    /// Whether it is about an object.
    pub fn is_about(&self, object: &ObjectRef) -> bool {
        let group = object.group();
        let is = |given: &Option<String>, has: &str| given.as_ref().is_none_or(|given| given == has);
        glob(&self.group, group)
            && glob(&self.kind, &object.kind)
            && is(&self.name, &object.name)
            && is(&self.namespace, &object.namespace)
    }

    /// Whether one of its paths is a field of such an object, or stands above it. An item's place counts where it is the same on both sides.
    pub fn covers(&self, path: &FieldPath, live: &Json, declared: &Json) -> bool {
        self.paths.iter().any(|steps| leads_to(steps, path, live, declared))
    }
}

fn leads_to(steps: &[Step], path: &FieldPath, live: &Json, declared: &Json) -> bool {
    let mut sides = [Some(live), Some(declared)];
    steps.len() <= path.0.len()
        && steps.iter().zip(&path.0).all(|(step, segment)| {
            let fits = match (step, segment) {
                (Step::Key(key), Segment::Key(other)) => key == other,
                (Step::Index(index), Segment::Key(key)) => *key == index.to_string(),
                (Step::Index(index), Segment::Index(other)) => index == other,
                (Step::Index(index), Segment::Item(keys)) => {
                    sides.iter().all(|side| side.and_then(|list| list.get(*index)).is_some_and(|item| is(item, keys)))
                }
                (Step::Each, Segment::Index(_) | Segment::Item(_)) => true,
                _ => false,
            };
            sides = sides.map(|side| below(side?, segment));
            fits
        })
}

fn below<'v>(value: &'v Json, segment: &Segment) -> Option<&'v Json> {
    match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(*index),
        Segment::Item(keys) => value.as_array()?.iter().find(|item| is(item, keys)),
    }
}

/// Whether an item of a list is the one with these merge keys.
fn is(item: &Json, keys: &[(String, String)]) -> bool {
    keys.iter().all(|(key, value)| match item.get(key) {
        Some(Json::String(text)) => text == value,
        Some(other) => serde_json::from_str::<Json>(value).is_ok_and(|value| value == *other),
        None => false,
    })
}

/// RFC 6901.
fn of_pointer(pointer: &str) -> Vec<Step> {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.map(|step| step.parse().map_or(Step::Key(step), Step::Index)).collect()
}

/// A path of jq: `.spec.containers[].env[0]."a-b"["c"]`, each step optional (`?`) or not. `None`: it is more than a path.
fn of_expression(expression: &str) -> Option<Vec<Step>> {
    let mut rest = expression.trim();
    let mut steps = Vec::new();
    if !rest.starts_with('.') {
        return None;
    }
    let quoted = |rest: &'_ str| -> Option<(String, usize)> {
        let text = rest.strip_prefix('"')?;
        let end = text.find('"')?;
        // What is escaped in it is more than a plain key.
        (!text[..end].contains('\\')).then(|| (text[..end].to_owned(), end + 2))
    };
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, length) = match quoted(inside) {
                Some((key, length)) => (Step::Key(key), length),
                None if inside.starts_with(']') => (Step::Each, 0),
                None => {
                    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
                    (Step::Index(inside[..digits].parse().ok()?), digits)
                }
            };
            steps.push(step);
            rest = inside[length..].strip_prefix(']')?;
        } else {
            rest = rest.strip_prefix('.')?;
            if let Some((key, length)) = quoted(rest) {
                steps.push(Step::Key(key));
                rest = &rest[length..];
            } else if !rest.starts_with('[') {
                let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
                let length = rest.bytes().take_while(|c| word(*c)).count();
                if length == 0 || rest.as_bytes()[0].is_ascii_digit() {
                    return None;
                }
                steps.push(Step::Key(rest[..length].to_owned()));
                rest = &rest[length..];
            }
        }
        rest = rest.strip_prefix('?').unwrap_or(rest);
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml::{Kind, parse};

    fn rule(text: &str) -> IgnoreRule {
        IgnoreRule::read(&parse("a.yaml", text.as_bytes(), Kind::Manifest).unwrap()[0].root)
    }

    fn field(text: &str) -> FieldPath {
        let item = |name: &str| Segment::Item(vec![("name".into(), name.into())]);
        let step = |step: &str| match step.strip_prefix('@') {
            Some(name) => item(name),
            None => step.parse().map_or_else(|_| Segment::Key(step.into()), Segment::Index),
        };
        FieldPath(text.split(' ').map(step).collect())
    }

    /// Would miss: a difference that Argo CD passes over, told as drift; and one that it does not, hidden.
    #[test]
    fn x08_paths_pass_over_what_they_lead_to() {
        let live = json!({"spec": {"c": [{"name": "a"}, {"name": "b"}]}});
        let declared = json!({"spec": {"c": [{"name": "a"}, {"name": "x"}, {"name": "b"}]}});
        for (rule_text, path, wanted) in [
            ("jsonPointers: [/spec/replicas]", "spec replicas", true),
            ("jsonPointers: [/spec/replicas]", "spec replicasX", false),
            ("jsonPointers: [/spec/replicas/x]", "spec replicas", false),
            ("jsonPointers: [/spec]", "spec c @a image", true),
            ("jsonPointers: [/metadata/annotations/a.b~1c]", "metadata annotations a.b/c", true),
            ("jsonPointers: [/spec/c/0/image]", "spec c @a image", true),
            ("jsonPointers: [/spec/c/1/image]", "spec c @b image", false),
            ("jsonPointers: [/spec/c/0]", "spec c 0", true),
            ("jsonPointers: ['']", "spec replicas", false),
            ("jqPathExpressions: ['.spec.c[].image']", "spec c @b image", true),
            ("jqPathExpressions: ['.spec.c[]?.image?']", "spec c 1 image", true),
            ("jqPathExpressions: ['.spec.c[0].image']", "spec c @a image", true),
            ("jqPathExpressions: ['.spec[\"c\"]']", "spec c @b", true),
            ("jqPathExpressions: ['.metadata.labels.\"a.b/c-d\"']", "metadata labels a.b/c-d", true),
            ("jqPathExpressions: ['.spec.c[] | select(.name == \"b\")']", "spec c @b image", false),
            ("jqPathExpressions: ['.spec.c-d']", "spec c", false),
            ("jqPathExpressions: ['..']", "spec c", false),
            ("jqPathExpressions: ['.']", "spec c", false),
        ] {
            assert_eq!(rule(rule_text).covers(&field(path), &live, &declared), wanted, "{rule_text}: {path}");
        }
        for (expression, unread) in
            [(".a | select(.b)", 1), (".a-b", 1), ("del(.a)", 1), (".a[1:2]", 1), (".\"a\\\"b\"", 1), (".a[].b", 0)]
        {
            let expression = serde_json::to_string(expression).unwrap();
            assert_eq!(rule(&format!("jqPathExpressions: [{expression}]")).unread.len(), unread, "{expression}");
        }
    }

    #[test]
    fn x08_a_rule_is_about_the_objects_that_it_names() {
        let web = ObjectRef::deployment("shop", "web");
        for (text, wanted) in [
            ("{group: apps, kind: Deployment}", true),
            ("{group: '*', kind: '*'}", true),
            ("{group: apps, kind: Dep*, name: web, namespace: shop}", true),
            ("{kind: Deployment}", false),
            ("{group: apps, kind: StatefulSet}", false),
            ("{group: apps, kind: Deployment, name: api}", false),
            ("{group: apps, kind: Deployment, namespace: other}", false),
        ] {
            assert_eq!(rule(text).is_about(&web), wanted, "{text}");
        }
    }
}
