//! The one judge.

mod permit;

pub use permit::{ApplyPermit, MergePermit};
