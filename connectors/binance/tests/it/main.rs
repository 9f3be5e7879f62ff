//! The connector against real sockets: raw servers that misbehave on purpose, the local exchange with its faults on, an
//! archive made of real files, and recorded payloads.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test says what it expects, and what it skips")]

mod archive;
mod exchange;
mod payloads;
mod rest;
mod shared;
mod stream;
