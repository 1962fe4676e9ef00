//! Drift, rights and snapshots against a real API server.

mod edits;
mod public;
mod rights;
mod workspace;
