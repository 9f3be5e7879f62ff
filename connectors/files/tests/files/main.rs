//! Files as users have them: recorded ones to the last digit, broken ones to the error they must give, and mutated ones.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod broken;
mod expected;
mod layouts;
mod mutated;
mod recorded;
mod support;
