//! Proposals: what differs between two trees, in the field's words, and the pull request that carries a plan's changes.

mod accounts;
mod built;
mod changes;
mod declared;
mod diff;
mod edits;
mod kustomizations;
mod nearly;
mod past;
mod places;
mod proposal;
mod reach;
mod rendered;
mod widen;

pub use changes::{Change, ChangeSet, ChangedPath, FieldChange, Governed, ObjectChange, OpaqueChange, change_set};
pub use diff::{FieldDifference, differences};
pub(crate) use edits::{edit, is_writable};
pub use kustomizations::touched;
pub use past::{Landed, Parsed, past_changes, past_rendered_changes};
pub use places::{Place, Places};
pub use proposal::{Proposal, ProposalError, propose};
pub use reach::may_deliver_with_more;
pub(crate) use rendered::generated_name;
pub use rendered::{RenderedInput, Side};
pub use widen::widened;
