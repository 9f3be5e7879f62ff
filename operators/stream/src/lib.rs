//! Operators: RecordBatch in, RecordBatch out.
//!
//! ```text
//!  bars ──► Intake ──► Indicator* / Project* / Higher* ──► Strategy ──► rows
//!  (exact)   (f64)       (append columns)                     │
//!                                                             └──► orders, trades, equity
//! ```
//! With `scope: portfolio` the strategy stands behind the chains: [`Portfolio`] merges the rows of all keys.
//!
//! Operators are passive and synchronous: no await, channel, clock or log line per row. One chain serves one key; a
//! task drives it on one thread, batch by batch, and between batches the whole chain is still. The laws that every
//! operator and every pipeline keeps are in [`laws`].

pub mod chain;
pub mod columns;
pub mod detail;
pub mod graph;
pub mod higher;
pub mod idle;
pub mod indicator;
pub mod intake;
pub mod laws;
pub mod operator;
pub mod portfolio;
pub mod strategy;

pub use chain::Chain;
pub use higher::Higher;
pub use idle::Idle;
pub use indicator::IndicatorOp;
pub use intake::Intake;
pub use operator::{Closes, Emit, Given, Notes, Operator, OperatorError, Output, Step};
pub use portfolio::{Member, Portfolio};
pub use strategy::{FundingTable, StrategyOp, StrategyParts};
