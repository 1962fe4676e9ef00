//! Drift, rights and snapshots against a real API server.

mod companions;
mod edits;
mod exact;
mod kinds;
mod public;
mod quirks;
mod rights;
mod workspace;
