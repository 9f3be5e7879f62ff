//! The API as its users meet it.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so by panicking")]

mod lakes;
mod refused;
mod resources;
mod service;
mod sql;
