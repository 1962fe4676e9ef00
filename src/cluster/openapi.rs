//! From the server's OpenAPI v3 to the shape of one kind: merge keys of lists, scalars that compare by value, defaults.

use bpctl_core::observe::{ListType, ScalarType, TypeSchema};
use serde_json::Value as Json;

/// Deeper than any published type; types that contain themselves (`JSONSchemaProps`) end at their own name already.
const MAX_DEPTH: usize = 48;
/// More nodes than any published kind has.
const MAX_NODES: usize = 200_000;

const REF_PREFIX: &str = "#/components/schemas/";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
/// How controller-gen writes a quantity into a CRD.
const QUANTITY_PATTERN: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)";

/// Derives the shape of a kind from the OpenAPI v3 document of its group and version; `None` where the document does not
/// describe the kind. Covers all but `status` and, of the top-level metadata, labels and annotations alone.
pub fn derive(document: &Json, group: &str, version: &str, kind: &str) -> Option<TypeSchema> {
    let schemas = document.pointer("/components/schemas")?.as_object()?;
    let is_kind = |schema: &Json| {
        schema.get("x-kubernetes-group-version-kind").and_then(Json::as_array).is_some_and(|kinds| {
            kinds.iter().any(|gvk| gvk["group"] == group && gvk["version"] == version && gvk["kind"] == kind)
        })
    };
    let root = schemas.values().find(|schema| is_kind(schema) && schema.get("properties").is_some())?;
    let mut walk = Walk { schemas, derived: TypeSchema::default(), inside: Vec::new(), nodes: 0 };
    for (key, schema) in root.get("properties")?.as_object()? {
        match key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => {
                let facets = walk.facets(schema);
                for key in ["labels", "annotations"] {
                    let property = facets.iter().find_map(|facet| facet.get("properties")?.get(key));
                    if let Some(property) = property {
                        walk.visit(property, &format!("metadata.{key}"), 1);
                    }
                }
            }
            key => walk.visit(schema, key, 1),
        }
    }
    Some(walk.derived)
}

struct Walk<'d> {
    schemas: &'d serde_json::Map<String, Json>,
    derived: TypeSchema,
    /// Names of the types that the walk stands in.
    inside: Vec<&'d str>,
    nodes: usize,
}

impl<'d> Walk<'d> {
    /// The schema and all that it refers to by `$ref` and `allOf`, nearest first.
    fn facets(&self, schema: &'d Json) -> Vec<&'d Json> {
        let mut facets = vec![schema];
        let mut next = 0;
        while let Some(schema) = facets.get(next).copied() {
            next += 1;
            if facets.len() > MAX_DEPTH {
                break;
            }
            facets.extend(reference(schema).and_then(|name| self.schemas.get(name)));
            facets.extend(schema.get("allOf").and_then(Json::as_array).into_iter().flatten());
        }
        facets
    }

    fn visit(&mut self, schema: &'d Json, path: &str, depth: usize) {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return;
        }
        let facets = self.facets(schema);
        let names: Vec<&str> = facets.iter().filter_map(|facet| reference(facet)).collect();
        if names.iter().any(|name| self.inside.contains(name)) {
            return;
        }
        let get = |key: &str| facets.iter().find_map(|facet| facet.get(key));
        let text = |key: &str| get(key).and_then(Json::as_str).unwrap_or_default();

        if let Some(scalar) =
            scalar(&names, text("type"), text("format"), text("pattern"), get("x-kubernetes-int-or-string"))
        {
            self.derived.scalars.insert(path.into(), scalar);
        }
        if let Some(default) = get("default").filter(|default| !is_empty(default)) {
            self.derived.defaults.insert(path.into(), default.clone());
        }
        if text("x-kubernetes-map-type") == "atomic" {
            self.derived.atomic_maps.push(path.into());
        }
        self.inside.extend(&names);
        if let Some(items) = get("items") {
            let list = self.list_type(&get, items);
            self.derived.lists.insert(path.into(), list);
            self.visit(items, &format!("{path}[]"), depth + 1);
        }
        if let Some(properties) = get("properties").and_then(Json::as_object) {
            for (key, property) in properties {
                self.visit(property, &format!("{path}.{key}"), depth + 1);
            }
        }
        if let Some(any) = get("additionalProperties").filter(|any| any.is_object()) {
            self.visit(any, &format!("{path}{{}}"), depth + 1);
        }
        self.inside.truncate(self.inside.len() - names.len());
    }

    fn list_type(&self, get: &impl Fn(&str) -> Option<&'d Json>, items: &'d Json) -> ListType {
        let text = |key: &str| get(key).and_then(Json::as_str);
        let merges = || text("x-kubernetes-patch-strategy").is_some_and(|all| all.split(',').any(|one| one == "merge"));
        let keys: Vec<&str> = match text("x-kubernetes-list-type") {
            Some("set") => return ListType::Set,
            Some("map") => {
                let keys = get("x-kubernetes-list-map-keys").and_then(Json::as_array);
                keys.into_iter().flatten().filter_map(Json::as_str).collect()
            }
            // Older servers name only the keys of strategic merges.
            None if merges() => match text("x-kubernetes-patch-merge-key") {
                Some(key) => vec![key],
                None => return ListType::Set,
            },
            _ => return ListType::Atomic,
        };
        if keys.is_empty() {
            return ListType::Atomic;
        }
        let items = self.facets(items);
        let default = |key: &str| {
            let property = items.iter().find_map(|facet| facet.get("properties")?.get(key))?;
            let default = self.facets(property).into_iter().find_map(|facet| facet.get("default"))?;
            match default {
                Json::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
                other => Some(other.to_string()).filter(|_| !is_empty(other)),
            }
        };
        ListType::Map(keys.into_iter().map(|key| (key.to_owned(), default(key))).collect())
    }
}

fn reference(schema: &Json) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(REF_PREFIX)
}

fn scalar(
    names: &[&str],
    type_name: &str,
    format: &str,
    pattern: &str,
    int_or_string: Option<&Json>,
) -> Option<ScalarType> {
    if names.contains(&QUANTITY) || pattern.starts_with(QUANTITY_PATTERN) {
        Some(ScalarType::Quantity)
    } else if names.contains(&INT_OR_STRING) || format == "int-or-string" || int_or_string == Some(&Json::Bool(true)) {
        Some(ScalarType::IntOrString)
    } else if format == "date-time" {
        Some(ScalarType::Time)
    } else if format == "byte" {
        Some(ScalarType::Bytes)
    } else if type_name == "number" {
        Some(ScalarType::Number)
    } else {
        None
    }
}

/// Zero values stand in the published documents for fields that have no default at all.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Number(number) => number.as_i64() == Some(0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Bool(true) => false,
    }
}

/// The plural of a kind in the URLs of its lists in a namespace; `None` where it has none.
pub(super) fn plural(document: &Json, group: &str, version: &str, kind: &str) -> Option<String> {
    document.get("paths")?.as_object()?.iter().find_map(|(path, operations)| {
        let (_, plural) = path.split_once("/namespaces/{namespace}/")?;
        let gvk = operations.get("get")?.get("x-kubernetes-group-version-kind")?;
        let is_it = gvk["group"] == group && gvk["version"] == version && gvk["kind"] == kind;
        let is_plural = !plural.is_empty() && plural.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (is_it && is_plural).then(|| plural.to_owned())
    })
}

/// Where the index names the document of a group and version, as a path on the same server.
pub(super) fn document_path(index: &Json, api_version: &str) -> Option<String> {
    let group = if api_version.contains('/') { format!("apis/{api_version}") } else { format!("api/{api_version}") };
    let path = index.get("paths")?.get(group)?.get("serverRelativeURL")?.as_str()?;
    path.starts_with("/openapi/v3/").then(|| path.to_owned())
}

/// Group and version of `apps/v1`, `v1`.
pub(super) fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// A cached or recorded schema.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SchemaFile {
    pub(super) schema_version: u32,
    pub(super) schema: TypeSchema,
    /// The plural in URLs; recordings do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plural: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Json {
        serde_json::json!({"components": {"schemas": {
            "Thing": {"x-kubernetes-group-version-kind": [{"group": "g.io", "version": "v1", "kind": "Thing"}], "properties": {
                "kind": {"type": "string"},
                "metadata": {"allOf": [{"$ref": "#/components/schemas/Meta"}], "default": {}},
                "spec": {"allOf": [{"$ref": "#/components/schemas/Spec"}]},
                "status": {"properties": {"at": {"format": "date-time"}}},
            }},
            "Meta": {"properties": {"labels": {"additionalProperties": {"type": "string"}}, "created": {"format": "date-time"}}},
            "Spec": {"properties": {
                "replicas": {"type": "integer", "default": 0},
                "self": {"$ref": "#/components/schemas/Spec"},
                "ports": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/Port"}], "default": {}},
                    "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"]},
                "old": {"type": "array", "items": {"$ref": "#/components/schemas/Port"},
                    "x-kubernetes-patch-strategy": "merge,retainKeys", "x-kubernetes-patch-merge-key": "port"},
                "names": {"type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "merge"},
                "args": {"type": "array", "items": {"type": "string", "default": ""}},
                "size": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true,
                    "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"},
                "either": {"x-kubernetes-int-or-string": true},
                "weight": {"type": "number"},
                "limits": {"additionalProperties": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"}},
                "selector": {"x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "string"}}},
            }},
            "Port": {"properties": {"port": {"type": "integer", "default": 0}, "protocol": {"type": "string", "default": "TCP"}}},
            "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        }}})
    }

    #[test]
    fn a_kind_is_derived_and_one_that_contains_itself_ends() {
        let schema = derive(&document(), "g.io", "v1", "Thing").expect("described");
        let list = |path: &str| schema.lists.get(path).cloned();
        let port = ("port".to_owned(), None);
        assert_eq!(
            list("spec.ports"),
            Some(ListType::Map(vec![port.clone(), ("protocol".into(), Some("TCP".into()))]))
        );
        assert_eq!(list("spec.old"), Some(ListType::Map(vec![port])));
        assert_eq!(list("spec.names"), Some(ListType::Set));
        assert_eq!(list("spec.args"), Some(ListType::Atomic));
        let scalars = [
            ("spec.either", ScalarType::IntOrString),
            ("spec.limits{}", ScalarType::Quantity),
            ("spec.size", ScalarType::Quantity),
            ("spec.weight", ScalarType::Number),
        ];
        assert_eq!(schema.scalars, scalars.map(|(path, scalar)| (path.to_owned(), scalar)).into());
        assert_eq!(schema.atomic_maps, ["spec.selector"]);
        let defaults: Vec<_> = schema.defaults.keys().map(String::as_str).collect();
        assert_eq!(defaults, ["spec.old[].protocol", "spec.ports[].protocol"]);
        assert_eq!(derive(&document(), "g.io", "v2", "Thing"), None);
    }

    #[test]
    fn a_document_is_only_read_from_the_same_server() {
        let index = |url: &str| serde_json::json!({"paths": {"apis/apps/v1": {"serverRelativeURL": url}}});
        assert!(document_path(&index("/openapi/v3/apis/apps/v1?hash=A"), "apps/v1").is_some());
        assert_eq!(document_path(&index("https://elsewhere/openapi/v3/"), "apps/v1"), None);
        assert_eq!(document_path(&index("/openapi/v3/x"), "v1"), None);
    }
}
