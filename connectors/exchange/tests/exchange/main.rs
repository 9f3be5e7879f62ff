//! The exchange as a client sees it: real sockets, real HTTP, one process.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by panicking, as tests do")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod faults;
mod limits;
mod replay;
mod rest;
mod streams;
mod support;
