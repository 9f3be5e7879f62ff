//! The leaf that every crate may use: what a bar is, how it is written, and in which order things happen.
//!
//! No I/O, no async runtime, no clock of its own. Reading order: [`time`] and [`interval`], [`decimal`], [`bar`], its
//! [`json`] form and its [`tables`] form, [`instrument`], [`merge`] (the one total order), [`digest`] (the proof of
//! parity), and the traits [`Source`] and [`Sink`] with [`Progress`](progress) that tie connectors to the runtime.

pub mod bar;
pub mod decimal;
pub mod digest;
pub mod error;
pub mod funding;
pub mod instrument;
pub mod interval;
pub mod json;
pub mod merge;
pub mod progress;
pub mod quarantine;
pub mod tables;
pub mod time;

pub use bar::{Bar, Defect, KlineRecord, Origin, Symbol};
pub use error::{ConnectorError, Fault};
pub use funding::FundingRate;
pub use instrument::Instrument;
pub use interval::Interval;
pub use merge::Merge;
pub use progress::{Input, OrdinalBatch, Sink, Source};
pub use quarantine::Quarantined;
pub use time::{Clock, Micros, ScaledClock, SystemClock};
