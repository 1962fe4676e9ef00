//! The real Gitea: proposals, approvals, merges; attacks and faults that only a server shows.

mod actions;
mod adopt;
mod alerts;
mod approvals;
mod comment;
mod expiry;
mod faults;
mod killed;
mod labels;
mod moved;
mod server;
mod story;
mod suggest;
mod surroundings;
mod together;
