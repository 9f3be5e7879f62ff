//! Rolling primitives: the few loops that the indicators are made of.
//!
//! Each keeps a bounded state, does work that does not grow with its period (amortised; windows of up
//! to 64 rows are walked row by row), and where it has two forms,
//! `push` for one row and `column` for many, both give the same bits. Nothing here subtracts a value that leaves a
//! window from a sum: a window's sum is put together from parts of it, or is the suffix of one block of rows plus the
//! prefix of the next, so errors cannot pile up.

mod average;
mod comoments;
mod cumulative;
mod extreme;
mod extreme_at;
mod lag;
mod moments;
mod order;
mod scratch;
mod short;
mod sum;
mod weighted;
mod window;

pub use average::Average;
pub use comoments::{CoMoments, Joint};
pub use cumulative::Cumulative;
pub use extreme::{Extreme, Highest, Lowest};
pub use extreme_at::{ExtremeAt, Heir, Held, HighestAt, LowestAt};
pub use lag::Lag;
pub use moments::Moments;
pub use order::Order;
pub use sum::{Mean, Sum};
pub use weighted::{Means, Weighted};
pub use window::Window;

use scratch::Scratch;

/// Rows that one partial sum spans; bounds rounding and gives the processor independent chains of additions.
const GROUP: usize = 8;
