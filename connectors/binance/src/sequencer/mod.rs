//! The gap-free join of REST and stream: per symbol, closed bars in order, without hole or duplicate, whatever the
//! stream did.
//!
//! [`core`], [`lane`] and [`rules`] decide and are pure; [`driver`] moves bytes between them, REST, the stream and the output. The
//! records of a symbol do not depend on faults: a jump between two bars is one `Complete` up to the open time of the
//! later; only while the exchange says that a symbol does not trade there are more of them, one per boundary that was
//! watched, and a run that was not watching has the last of them only. A bar that the stream told and REST tells otherwise
//! follows a second time, as `Restated`.

pub mod core;
pub mod driver;
pub mod lane;
pub mod rules;
mod tasks;

pub use core::Revision;
pub use driver::{Notice, Sequencer, Summary};
