//! Fields as edits of bytes.

use serde_json::Value as Json;

use crate::model::FieldPath;
use crate::yaml::{Edit, Scalar};

/// The edit that sets one field, or takes it out; `None`: a value is no scalar that can be written in place.
pub(crate) fn edit(document: usize, path: FieldPath, from: Option<&Json>, to: Option<&Json>) -> Option<Edit> {
    let from = match from {
        // A fraction (`cpu: 0.5`) is never written by bpctl, but may stand there: it is known again by its text.
        Some(Json::Number(number)) if number.is_f64() => Some(Scalar::String(number.to_string())),
        Some(value) => Some(scalar(value)?),
        None => None,
    };
    let to = match to {
        Some(value) => Some(scalar(value)?),
        None => None,
    };
    Some(Edit { document, path, from, to })
}

/// Whether a value is a scalar that can be written in place.
pub(crate) fn is_writable(value: &Json) -> bool {
    scalar(value).is_some()
}

fn scalar(value: &Json) -> Option<Scalar> {
    match value {
        Json::Number(number) => {
            number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)).map(Scalar::Int)
        }
        Json::Bool(flag) => Some(Scalar::Bool(*flag)),
        Json::String(text) => Some(Scalar::String(text.clone())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
