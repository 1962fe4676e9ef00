//! The pipeline: where stages and edges meet, and the only place where things are awaited.
//!
//! It fetches inputs, calls the pure stages of `bpctl-core`, and carries out what they answer. It makes no choices of its own: an
//! executor that has to decide something is a bug in the plan.

mod address;
pub mod adopt;
pub mod alerts;
pub mod apply;
pub mod comment;
pub mod doctor;
mod effects;
mod error;
mod history;
pub mod init;
pub mod ledger;
mod levels;
pub mod lint;
mod measures;
mod observe;
pub mod origins;
pub mod plan;
pub mod pulls;
mod render;
pub mod replay;
mod session;
pub mod snapshot;
pub mod stage;
pub mod suggest;
pub mod trail;
mod tree;
pub mod verify;

pub use effects::{Call, CallRecord, Effects};
pub use error::PipelineError;
pub use history::past;
pub use observe::{ClusterEdge, Observed, connect_cluster, observe};
pub use render::render_rules;
pub use session::{ForgeAccess, Reading, Session, SessionOptions};
pub use tree::{Tree, base_tree, desired_tree, work_tree, work_tree_workspace, workspace_on_base};
