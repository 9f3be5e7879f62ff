//! What a run found, for people.
//!
//! ```text
//!  steps of the run, in total order ─► Recorder ─► Story ─┬─► text   a terminal of any width
//!  bars (for a page only) ───────────►                    └─► page   one HTML file that needs nothing else
//! ```
//! Requires: rows by event time, as the last task of a run sees them. Guarantees: nothing is drawn that is not there
//! (what is thinned out keeps its lowest and highest value, what is left out is counted), and the same story gives the
//! same bytes. State: one number per closed trade, and for everything else a fixed number of entries.
//! Does not compute the metrics of the catalogue, does not read tables and does not print.

pub mod buckets;
mod calendar;
pub mod drawdowns;
mod figures;
pub mod groups;
mod html;
pub mod months;
pub mod story;
mod text;
pub mod trades;

pub use figures::figure;
pub use html::page;
pub use story::{Deflated, Facts, Recorder, Story};
pub use text::{Width, sparkline, text};
