//! Plans, proposals and judgements for people and machines. Text from outside passes a sink of [`sink`] on its way.

pub mod markdown;
pub mod proposal;
pub mod sink;
pub mod text;
mod words;

pub use words::{because, change, provenance, symbol, value};
