//! The integration tests: the real program, the real systems.
//!
//! `tests/run.sh` starts the lab (Kubernetes, Prometheus, Gitea) and exports where it is. A test that needs it fails without it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    clippy::unused_self,
    clippy::format_collect,
    clippy::semicolon_if_nothing_returned,
    reason = "tests read files, run programs and fail loudly"
)]

mod act;
mod action;
mod chat;
mod cluster_live;
mod demos;
mod forge_gitea;
mod forge_github;
mod generated;
mod init;
mod kill;
mod layers;
mod lint;
mod local;
mod many;
mod release;
mod seeds;
mod stage;
mod story;
mod support;
mod templates;
