//! Research over many runs: sweeps over parameter sets, and what is made of them.
//!
//! ```text
//!  file ─► study: which sets, their warm-up, whether they are lean ─┐
//!  lake ─► bars: pinned files, where each symbol begins ────────────┼─► passes ─► keep: metrics, blocks ─► top, pbo
//! ```
//! The lake is written in chunks of sets, each once: whoever goes on after a kill computes only the chunks that are not
//! there.

mod bars;
mod deflated;
mod keep;
mod monte_carlo;
mod passes;
mod pbo;
mod returns;
mod study;
mod sweep;
mod top;
mod waiting;
mod walk;

pub(crate) use deflated::{Among, among};
pub(crate) use monte_carlo::{Drawing, draw};
pub(crate) use pbo::{Overfit, of_sets};
pub(crate) use returns::{of_file, of_table};
pub(crate) use study::Study;
pub(crate) use sweep::{Wish, sweep};
pub(crate) use top::check_metric;
pub(crate) use walk::walk;

use crate::{
    args::Format,
    output::{Output, table_of},
    talk::{print, say},
};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::Float64Type,
};
use candleflow_engine::{Limits, Sql};
use candleflow_kernels::metrics::{CATALOGUE, metric_index};
use candleflow_lake::Lake;
use candleflow_report::figure;
use futures::TryStreamExt;
use std::{io::BufWriter, ops::Range, time::Duration};

/// For what the program itself asks: no limit but the machine's.
const LIMITS: Limits = Limits { rows: usize::MAX, bytes: usize::MAX, time: Duration::from_secs(86_400) };

/// What must be known before the numbers: above them for people, on stderr for programs.
pub(crate) fn caution(said: Option<&str>, format: Format) -> anyhow::Result<()> {
    match said {
        Some(said) if format == Format::Table => print(&format!("! {said}\n"))?,
        Some(said) => say(&format!("warning: {said}")),
        None => {}
    }
    Ok(())
}

/// Prints rows, of which some columns are parameters. For people metrics have their units and other numbers six digits,
/// which tell sets apart; all digits are in the lake and in the other formats.
pub(crate) fn show(rows: &RecordBatch, parameters: &Range<usize>, format: Format) -> anyhow::Result<()> {
    if format == Format::Table {
        let cell = |rows: &RecordBatch, column: usize, row: usize| readable(rows, parameters, column, row);
        return Ok(print(&table_of(&rows.schema(), std::slice::from_ref(rows), cell)?)?);
    }
    let mut output = Output::new(format, rows.schema(), Box::new(BufWriter::new(std::io::stdout())))?;
    output.write(rows)?;
    output.finish()?;
    Ok(())
}

/// A number as people read it. A column's name tells its unit, else that in the column `metric`, which names what each row
/// is about. A parameter has none, whatever its name.
fn readable(rows: &RecordBatch, parameters: &Range<usize>, column: usize, row: usize) -> Option<String> {
    let floats = rows.column(column).as_primitive_opt::<Float64Type>().filter(|floats| floats.is_valid(row))?;
    let value = floats.value(row);
    let schema = rows.schema();
    let own = metric_index(schema.field(column).name());
    let of_row = || metric_index(rows.column_by_name("metric")?.as_string_opt::<i32>()?.value(row));
    match own.or_else(of_row).filter(|_| !parameters.contains(&column)) {
        Some(metric) => Some(figure(value, CATALOGUE[metric].unit)),
        None => Some(format!("{value:.5e}").parse::<f64>().unwrap_or(value).to_string()),
    }
}

/// The rows of a query.
pub(crate) async fn ask(lake: &Lake, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
    let rows = Sql::open(lake).await?.query(sql, LIMITS).await?;
    Ok(rows.try_collect().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use std::sync::Arc;

    fn said(parameters: Range<usize>, columns: Vec<(&str, ArrayRef)>) -> Vec<Option<String>> {
        let rows = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
        (0..rows.num_columns()).map(|column| readable(&rows, &parameters, column, 0)).collect()
    }

    fn one(value: impl Into<Option<f64>>) -> ArrayRef {
        Arc::new(Float64Array::from(vec![value.into()]))
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn a_column_of_a_metric_has_its_unit_and_others_six_digits() {
        let row = vec![
            ("fast", one(80.0)),
            ("volatility", one(0.25)),
            ("total_return", one(-0.132_135)),
            ("trades", one(70.0)),
            ("deflated_sharpe", one(0.000_393_090_4)),
            ("sharpe", one(None)),
        ];
        assert_eq!(said(0..2, row), [text("80"), text("0.25"), text("-13.21 %"), text("70"), text("0.00039309"), None]);
    }

    #[test]
    fn a_row_about_a_metric_has_its_unit_but_not_in_its_parameters() {
        let metric: ArrayRef = Arc::new(StringArray::from(vec!["win_rate"]));
        let row = vec![("metric", metric), ("param_fast", one(0.5)), ("in_sample", one(0.5)), ("trades", one(9.0))];
        assert_eq!(said(1..2, row), [None, text("0.5"), text("50.00 %"), text("9")]);
    }
}
