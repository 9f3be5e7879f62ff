//! The fast path: one symbol, long only, market orders at the next open, no stops.
//!
//! What most sweeps and first ideas are. Nothing but signals can end a trade, so bars between signals need no
//! decision: the account is moved from fill to fill with the exact postings of the [`Engine`](super::Engine), and
//! statistics see the bars between as columns. The results are the engine's, bit for bit (a law in `tests`).
//!
//! ```text
//! Market (columns of one symbol, checked once) ─┐
//! Signals (a bit per bar) of entries and exits ─┼─► Lean::run      every metric
//! Lean::of(spec), None where more is asked ─────┘   Lean::summary  four of them, for sweeps
//!                                                   Lean::sweep_crossings  four of very many sets
//! ```

mod ledger;
mod market;
mod run;
mod signals;
mod summary;
mod sweep;

pub use market::{Market, MarketColumns};
pub use run::{Lean, LeanRun};
pub use signals::{CrossUp, Crossings, Signals};
pub use summary::Summary;
pub use sweep::TOGETHER;

#[cfg(test)]
mod tests;
