//! The real Gitea: proposals, approvals, merges; attacks and faults that only a server shows.

mod adopt;
mod approvals;
mod expiry;
mod faults;
mod killed;
mod moved;
mod server;
mod story;
mod suggest;
mod surroundings;
mod together;
