//! One suite that both logs must pass, and what only one of them can show.
//!
//! Kafka is the broker named by `CANDLEFLOW_KAFKA`, or one that the suite starts with `deploy/dev/kafka`.

#![allow(clippy::unwrap_used, reason = "a failed step of a scenario is a failed test")]
#![allow(clippy::print_stderr, reason = "a test says what it skips and what it measured")]

mod atomic;
mod compaction;
mod content;
mod crash;
mod fencing;
mod kafka;
mod load;
mod model;
mod order;
mod pausing;
mod places;
mod retention;
mod support;
mod topics;
mod waiting;
