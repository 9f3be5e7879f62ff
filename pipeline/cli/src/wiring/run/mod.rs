//! A run of a pipeline: over history from the lake, or live from the lake and then a topic.
//!
//! ```text
//!  file ─► prepare ─► history or live ─► keep: outputs, metrics, and last of all the `runs` row
//!                       ▲
//!                     input: which bars, from where, since when; finer: the bars inside them; statics: filters and funding
//!                     ending: where a live run ended, before its last rows
//!  run id ─► again: the same from what was recorded of it (inputs), nothing kept
//! ```

mod again;
mod ending;
pub(crate) mod finer;
mod history;
mod input;
mod inputs;
mod keep;
mod live;
mod prepare;
mod statics;

pub(crate) use again::{Stored, again};
pub(crate) use history::over_history;
pub(crate) use input::{first, pinned, times};
pub(crate) use keep::run_id;
pub(crate) use live::{job_name, name_in_up, on_topic};
pub(crate) use prepare::{Prepared, announce, prepare, prepare_text};
pub(crate) use statics::{Tables, noted, statics};
