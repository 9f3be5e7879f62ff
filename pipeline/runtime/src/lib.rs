//! Drives sources, operator chains and sinks: when what is computed happens.
//!
//! ```text
//!  history   source per key ─► chain ─┐                      bounded; the key furthest behind goes first, in parallel
//!  live      one source ─► chain per key ─┤                  unbounded; row by row as it comes
//!                                     ├─► Outlets: digest, ordinals, sinks
//!                                     │     with one account for all: Portfolio first
//!                                     └─► Last: every key's equity and trades in total order ─► metrics
//! ```
//! Knows neither topics nor the lake: it is given [`Source`](candleflow_schema::Source)s and
//! [`Sink`](candleflow_schema::Sink)s. A run over the same rows gives the same [`Outcome`], live or over history, for
//! any number of threads and any batches.

pub mod check;
pub mod detail;
pub mod error;
pub mod history;
pub mod last;
pub mod live;
pub mod outcome;
pub mod outlets;
pub mod sweep;
pub mod tail;
mod telemetry;

pub use detail::Detailed;
pub use error::RunError;
pub use history::{HistoryRun, KeyTask, Progress, history};
pub use last::Last;
pub use live::{Live, live};
pub use outcome::{KeyInput, Outcome};
pub use outlets::Outlets;
pub use tail::Tail;
