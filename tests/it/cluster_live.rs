//! Drift, rights and snapshots against a real API server.

mod companions;
mod deliveries;
mod edits;
mod exact;
mod kinds;
mod moment;
mod public;
mod quirks;
mod rendered;
mod restart;
mod rights;
mod rollback;
mod sizing;
mod workspace;
