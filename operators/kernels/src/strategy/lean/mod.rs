//! The fast path: one symbol, market orders at the next open, nothing but rules that are columns: long, short or both.
//!
//! What most sweeps and first ideas are. Nothing but signals can end a trade, so bars between signals need no
//! decision: the account is moved from fill to fill with the exact postings of the [`Engine`](super::Engine), and
//! statistics see the bars between as columns. The results are the engine's, bit for bit (a law in `tests`); what the
//! fast path cannot say, it leaves to the engine.
//!
//! ```text
//! columns of some bars ─► Coded, Stood ─► crossings ─┐
//! Market (columns of one symbol, checked once) ──────┼─► Walk::advance ─► Walk::finish: every metric
//! Lean::of(spec), None where more is asked ──────────┘   Hearing (a bit per rule and bar)
//! ```

mod coded;
mod hearing;
mod ledger;
mod market;
mod run;
mod signals;
mod walk;

pub use coded::Coded;
pub use hearing::{Hearing, Rule};
pub use market::{Market, MarketColumns};
pub use run::{Lean, LeanRun};
pub use signals::{Crossings, Signals, Stood};
pub use walk::{Goes, Walk};

#[cfg(test)]
mod tests;
