//! The lake against a real folder and a real S3 server, with real bars, through crashes.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so by panicking")]

mod crash;
mod data;
mod instruments;
mod klines;
mod model;
mod outputs;
mod proxy;
mod real;
mod s3;
mod sql;
mod upkeep;
