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
mod monte_carlo;
mod passes;
mod pbo;
mod returns;
mod study;
mod sweep;
mod top;
mod walk;

pub(crate) use monte_carlo::{Drawing, draw};
pub(crate) use pbo::{Overfit, of_sets};
pub(crate) use returns::of_file;
pub(crate) use study::Study;
pub(crate) use sweep::{Wish, sweep};
pub(crate) use top::check_metric;
pub(crate) use walk::walk;

use crate::{args::Format, output::Output};
use arrow::{
    array::{ArrayRef, AsArray, RecordBatch},
    datatypes::Float64Type,
};
use candleflow_engine::{Limits, Sql};
use candleflow_lake::Lake;
use futures::TryStreamExt;
use std::{io::BufWriter, sync::Arc, time::Duration};

/// For what the program itself asks: no limit but the machine's.
const LIMITS: Limits = Limits { rows: usize::MAX, bytes: usize::MAX, time: Duration::from_secs(86_400) };

/// Prints rows; numbers with few digits where people read them.
pub(crate) fn show(rows: &RecordBatch, format: Format) -> anyhow::Result<()> {
    let rounded = |column: &ArrayRef| match column.as_primitive_opt::<Float64Type>() {
        // Six digits tell sets apart; all of them are in the lake and in the other formats.
        Some(floats) if format == Format::Table => {
            let round = |value: f64| format!("{value:.5e}").parse().unwrap_or(value);
            Arc::new(floats.unary::<_, Float64Type>(round)) as ArrayRef
        }
        _ => column.clone(),
    };
    let rows = RecordBatch::try_new(rows.schema(), rows.columns().iter().map(rounded).collect())?;
    let mut output = Output::new(format, rows.schema(), Box::new(BufWriter::new(std::io::stdout())))?;
    output.write(&rows)?;
    output.finish()?;
    Ok(())
}

/// The rows of a query.
pub(crate) async fn ask(lake: &Lake, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
    let rows = Sql::open(lake).await?.query(sql, LIMITS).await?;
    Ok(rows.try_collect().await?)
}
