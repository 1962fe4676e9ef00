//! One reader for everything bpctl reads as YAML: parser events with positions become [`Node`]s (value and span).
//!
//! Scalars resolve as Kubernetes resolves them (`sigs.k8s.io/yaml`: YAML 1.1 booleans and octals), so a manifest means here what
//! it means in the cluster. Alias bombs, deep nesting, oversize, bad UTF-8 and NUL are refused with a position everywhere
//! (T15, T17); duplicate keys, merge keys and tags are refused in bpctl's own files (T16).

mod build;
mod edit;
mod instead;
mod kept;
mod node;
mod reader;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;
mod typed;
mod write;

pub use edit::{Edit, EditRefused, Finder, Scalar, apply, value_at};
pub use kept::KeptDocument;
pub use node::{Document, Entry, Node, Value};
pub(crate) use reader::nodes;
pub use reader::{
    Kind, MAX_ALIASED_BYTES, MAX_ALIASED_NODES, MAX_ALL_NODES, MAX_BYTES, MAX_DEPTH, MAX_NODES, parse, parse_many,
};
pub use typed::{described, from_node, nearest, problems};
