//! Mathematics only: indicators, ledger, metrics. No Arrow, async, clock or I/O.

pub mod indicator;
pub mod metrics;
pub mod money;
pub mod rolling;
pub mod strategy;
mod wide;
