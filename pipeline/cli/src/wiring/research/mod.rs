//! Research over many runs: sweeps over parameter sets, and what is made of them.
//!
//! ```text
//!  file ─► study: which sets, their warm-up, whether they are lean ─┐
//!  lake ─► bars: pinned files, where each symbol begins ────────────┼─► passes ─► keep: metrics, blocks ─► top, pbo
//! ```
//! The lake is written in chunks of sets, each once: whoever goes on after a kill computes only the chunks that are not
//! there.

mod bars;
mod keep;
mod passes;
mod pbo;
mod returns;
mod study;
mod sweep;
mod top;

pub(crate) use pbo::{Overfit, of_sets};
pub(crate) use returns::of_file;
pub(crate) use study::Study;
pub(crate) use sweep::{Wish, sweep};
pub(crate) use top::check_metric;

use candleflow_engine::{Limits, Sql};
use candleflow_lake::Lake;
use futures::TryStreamExt;
use std::time::Duration;

/// For what the program itself asks: no limit but the machine's.
const LIMITS: Limits = Limits { rows: usize::MAX, bytes: usize::MAX, time: Duration::from_secs(86_400) };

/// The rows of a query.
pub(crate) async fn ask(lake: &Lake, sql: &str) -> anyhow::Result<Vec<arrow::array::RecordBatch>> {
    let rows = Sql::open(lake).await?.query(sql, LIMITS).await?;
    Ok(rows.try_collect().await?)
}
