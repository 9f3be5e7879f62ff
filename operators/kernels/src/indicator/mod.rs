//! Technical indicators: TA-Lib's functions under TA-Lib's names, and what it lacks.
//!
//! [`registry()`] lists them, [`lookup`] finds one, [`Indicator::bind`] checks arguments, [`Indicator::make`] gives a
//! [`Kernel`] that computes columns chunk by chunk. The contract of all kernels is in [`kernel`].
//!
//! To add an indicator: 1. write its mathematics as a [`kernel::Step`] in a file of its family; 2. declare its
//! descriptor there; 3. name the descriptor in the family's `ALL`. The law tests then run on it, and every list,
//! function and page shows it.

pub mod kernel;
pub mod params;
pub mod registry;
pub mod state;

mod compose;
mod cycle;
mod logic;
mod math;
mod momentum;
mod overlap;
mod pattern;
mod price;
mod statistic;
mod volatility;
mod volume;

pub use kernel::Kernel;
pub use params::{Param, ParamError, ParamKind};
pub use registry::{Class, Group, Indicator, Output, OutputKind, TULIP, lookup, registry};
pub use state::{Io, State, StateError};
