//! The whole path with the real binary: real files, a real Kafka, faults, kill -9. One binary, because it starts many.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so by panicking")]

mod check;
mod detail;
mod ending;
mod files;
mod live;
mod pipeline;
mod registry;
mod rerun;
mod research;
mod support;
mod sweep;
mod sweep_accounts;
mod up;
