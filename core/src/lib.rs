//! The pure half of bpctl.
//!
//! Everything that decides lives here: reading blueprints, comparing desired with observed state, judging actions,
//! building plans, editing manifests, verifying outcomes. Nothing in this crate does IO: no files, no network, no
//! environment, no clock, no child processes. The time is an argument, and so is every fact. The interface through
//! which bpctl changes the world is not visible from here, so a stage cannot write, by compilation (B4).

#![forbid(unsafe_code)]

pub mod credential;
pub mod model;
pub mod yaml;

pub mod action;
pub mod alert;
pub mod blueprint;
pub mod decide;
pub mod execute;
pub mod govern;
pub mod ledger;
pub mod observe;
pub mod plan;
pub mod propose;
pub mod render;
pub mod rendering;
pub mod verify;
