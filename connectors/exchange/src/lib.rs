//! A local exchange that speaks the protocol of Binance spot: paper markets, teaching, testing. Everything it says is
//! simulated, and it says so in every answer (`x-candleflow-simulated: true`).
//!
//! ```text
//!  bars of the caller ─┐                                ┌─► REST   /api/v3/…     rows as of the clock
//!  or a seeded market ─┴─► Market (one immutable tape) ─┼─► WS     /ws, /stream  events as the clock reaches them
//!                                                       ├─► archive /data/spot/… zips of days and months that are over
//!                              clock: scaled or paced   └─► control /control/…   clock, faults, bans
//! ```
//! The whole market is known when the exchange starts and never changes: what REST shows and what a stream sends are
//! two pure functions of that tape and of the market's clock, so that they cannot disagree, and two runs give the same
//! bytes. Faults change what is sent, never the tape.
//!
//! It does not take orders, keeps no order book and has no signed endpoints: bars do not say enough for that.

mod aggregate;
mod archive;
mod clock;
mod columns;
mod config;
mod control;
mod error;
mod faults;
mod feed;
mod frames;
mod grid;
mod instrument;
mod limiter;
mod market;
mod path;
mod rest;
mod seeded;
mod server;
mod telemetry;
mod text;
mod view;
mod ws;

pub use clock::MarketClock;
pub use config::{AtEnd, EmptyBars, ExchangeConfig, Limits, Speed};
pub use error::{ExchangeError, MarketError};
pub use faults::{Chance, Faults, FrameFaults, Lag, RestFaults, SlowBody};
pub use instrument::Instrument;
pub use market::{Market, MarketBuilder};
pub use seeded::SeededMarket;
pub use server::{Running, serve};
