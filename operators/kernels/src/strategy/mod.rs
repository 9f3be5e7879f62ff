//! The strategy engine: rules in, orders, round trips and equity out, exact to the last digit.
//!
//! ```text
//! Spec ─► Engine ◄─ Row (bar, columns, finer bars, funding) + Rules (what depends on the position)
//!           │
//!           ├─► Events: orders, trades          one EquityRow per bar
//!           └─► save / load: the whole state, at any bar
//! ```
//!
//! Passive mathematics: no clock, no I/O, no randomness, no hash order. Money is [`Money`](crate::money::Money);
//! only what expressions and statistics see is a float. Every posting keeps [`Ledger::identity_holds`]. State is
//! bounded by the rules (one waiting order each) and the entries that pyramiding allows.

mod profile;
mod side;
mod spec;

mod bar;
mod events;
mod view;

mod account;
mod ledger;
mod levels;
mod orders;
mod position;

mod book;
pub(crate) mod codec;
mod engine;
mod enter;
mod finish;
mod freeze;
mod hear;
mod inside;
mod lean;
mod leave;
mod liquidation;
mod open;
mod pessimistic;
mod quiet;
mod rows;
mod size;
mod snapshot;
mod walk;

pub use bar::{BarInput, Funding, Row};
pub use engine::{Engine, EngineError};
pub use events::{EquityRow, Events, OrderEvent, OrderKind, OrderRow, Reason, TradeRow};
pub use finish::Finish;
pub use lean::{Coded, Crossings, Goes, Hearing, Lean, LeanRun, Market, MarketColumns, Rule, Signals, Stood, Walk};
pub use ledger::Ledger;
pub use position::MOST_LOTS;
pub use profile::Profile;
pub use side::Side;
pub use snapshot::SnapshotError;
pub use spec::*;
pub use view::{NoPrograms, PositionView, Rules, SLOT_NAMES, slot};

#[cfg(test)]
mod tests;
