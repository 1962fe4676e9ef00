//! Plans, proposals and judgements for people and machines. Text from outside passes a sink of [`sink`] on its way.

mod back;
pub mod comment;
mod left;
pub mod marks;
pub mod proposal;
mod rights;
pub mod sink;
pub mod text;
mod values;
pub(crate) mod words;

pub use left::{Left, left};
pub use marks::changed;
pub use rights::missing_rule;
pub use values::{value, values};
pub(crate) use words::unknown;
pub use words::{because, change, count, listed, provenance, shell, symbol, together, uncompared, unseen};
