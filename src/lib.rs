//! bpctl: a stateless GitOps command-line program and CI action.
//!
//! It reads versioned blueprints from a Git repository, compares what is desired with what a Kubernetes cluster shows, plans typed
//! actions, judges each, and opens or merges pull requests. What decides is in `bpctl-core`, which can do no IO; this crate holds the
//! edges ([`git`], [`forge`], [`cluster`], [`metrics`], [`render_tools`], [`webhook`],
//! [`runtime`]), the [`pipeline`] that brings stages and edges together, and the
//! doors ([`cli`]).

#![forbid(unsafe_code)]

pub mod cli;
pub mod cluster;
pub mod forge;
pub mod git;
pub mod metrics;
pub mod pipeline;
pub mod render_tools;
pub mod runtime;
pub mod webhook;
