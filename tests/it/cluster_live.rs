//! Drift, rights and snapshots against a real API server.

mod edits;
mod kinds;
mod public;
mod restart;
mod rights;
mod workspace;
