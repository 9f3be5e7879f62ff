//! Binance spot: REST, stream, archive, and the gap-free join of REST and stream.
//!
//! ```text
//!  REST ──► limits ──► rest ──► klines ──┐
//!                                        ├──► sequencer (pure core, thin driver) ──► KlineRecord
//!  WebSocket ──────────────► stream ─────┘
//!  data.binance.vision ────► archive ──► bars, quarantined rows, coverage
//! ```
//!
//! Reading order: [`config`], [`messages`] and [`parse`] (pure: bytes to facts), [`limits`] (the weight budget),
//! [`server_time`], [`rest`] and [`klines`], [`stream`], [`sequencer`], [`archive`]. The crate knows nothing of what is
//! computed from the bars, nor where they go.

pub mod archive;
pub mod backoff;
pub mod config;
pub mod error;
pub mod klines;
pub mod limits;
pub mod messages;
pub mod parse;
pub mod rest;
pub mod sequencer;
pub mod server_time;
pub mod stream;
pub mod telemetry;

pub use archive::{Archive, ArchiveConfig};
pub use config::{Mode, RestConfig, SequencerConfig, StreamConfig};
pub use error::BinanceError;
pub use klines::KlinePage;
pub use rest::RestClient;
pub use sequencer::{Notice, Sequencer, Summary};
