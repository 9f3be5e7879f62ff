//! What else might have come of a run: its trades or daily returns drawn again, by seed.

use super::{ask, keep::rows};
use crate::{exit::usage, wiring::report::optimistic};
use arrow::{
    array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Float64Type},
};
use candleflow_config::{Document, Overrides, research::Drawn};
use candleflow_kernels::metrics::{Distribution, MonteCarlo, PERCENTILES};
use candleflow_lake::Lake;
use std::sync::Arc;

/// What is asked for instead of what the run's file says.
pub(crate) struct Drawing {
    pub(crate) sims: Option<u32>,
    pub(crate) seed: Option<u64>,
    pub(crate) of: Option<Drawn>,
    pub(crate) block: Option<usize>,
}

/// What was drawn.
pub(crate) struct Histories {
    /// One row a metric.
    pub(crate) rows: RecordBatch,
    pub(crate) sims: u32,
    pub(crate) seed: u64,
    pub(crate) what: &'static str,
    /// How many trades or days.
    pub(crate) count: usize,
    /// What every report of the run says.
    pub(crate) caution: Option<&'static str>,
}

/// Draws from a run and keeps what comes of it in the table `monte_carlo`, once per seed and way of drawing.
pub(crate) async fn draw(lake: &Lake, run_id: &str, wish: Drawing) -> anyhow::Result<Histories> {
    if !run_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err(usage(format!("'{run_id}' is not the id of a run")));
    }
    let document = document(lake, run_id).await?;
    let caution = document.as_ref().and_then(optimistic);
    let file = document.and_then(|document| document.research.monte_carlo);
    let (sims, seed) = (
        wish.sims.or(file.as_ref().and_then(|f| u32::try_from(f.sims).ok())),
        wish.seed.or(file.as_ref().map(|f| f.seed)),
    );
    let (Some(sims), Some(seed)) = (sims, seed) else {
        return Err(usage(format!(
            "the file of {run_id} has no monte_carlo block: give --sims and --seed, such as --sims 1000 --seed 1"
        )));
    };
    let of = wish.of.or(file.as_ref().map(|f| f.of)).unwrap_or(Drawn::Trades);
    let block = wish.block.or(file.as_ref().and_then(|f| usize::try_from(f.block).ok())).unwrap_or(1);
    let draw = MonteCarlo { sims, seed };
    let (found, what, count) = match of {
        Drawn::Trades => {
            let nets = column(lake, &format!(
                "select cast(net_pnl as double) from trades where run_id = '{run_id}' and not \"open\" order by \"time\", symbol, exit_order, entry_order"
            )).await?;
            let start =
                column(lake, &format!("select start_balance from metrics where run_id = '{run_id}' and view = 'mark'"))
                    .await?;
            let Some(start) = start.first().filter(|_| !nets.is_empty()) else {
                return Err(usage(format!(
                    "{run_id} keeps no trades and metrics: it needs sinks: [trades, metrics] and closed trades"
                )));
            };
            (draw.trades(&nets, *start).map_err(usage)?, "trades", nets.len())
        }
        Drawn::Returns => {
            let returns = daily(lake, run_id).await?;
            let count = returns.len();
            (draw.returns(&returns, block).map_err(usage)?, "daily returns", count)
        }
    };
    let rows = table(&found)?;
    let id = format!("{run_id}/monte_carlo/{what}/{sims}/{seed}/{block}");
    let stored = stored(&rows, run_id, what, sims, seed, block)?;
    lake.append_rows("monte_carlo", &[stored], Some(&id)).await?;
    Ok(Histories { rows, sims, seed, what, count, caution })
}

/// The file that a run was made from.
async fn document(lake: &Lake, run_id: &str) -> anyhow::Result<Option<Document>> {
    let batches = ask(lake, &format!("select pipeline from runs where run_id = '{run_id}'")).await?;
    let text = batches.iter().find(|batch| batch.num_rows() > 0).map(|batch| cast(batch.column(0), &DataType::Utf8));
    let Some(text) = text.transpose()? else {
        return Err(usage(format!(
            "the lake has no finished run {run_id}: see 'candleflow sql \"select run_id from runs\"'"
        )));
    };
    // The file was good when it ran; what a later version refuses of it changes no row of the run.
    Ok(candleflow_config::read(run_id, text.as_string::<i32>().value(0), &Overrides::default()).ok())
}

async fn column(lake: &Lake, sql: &str) -> anyhow::Result<Vec<f64>> {
    let batches = ask(lake, sql).await?;
    Ok(batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Float64Type>().iter().flatten()).collect())
}

/// Returns from day to day as the run's own statistics took them: all accounts together, each at its last mark, the
/// balance first.
async fn daily(lake: &Lake, run_id: &str) -> anyhow::Result<Vec<f64>> {
    let kept = lake.tables().await?.iter().any(|table| table == "metrics_by_day");
    let sql = format!("select daily_return from metrics_by_day where run_id = '{run_id}' order by day");
    let returns = if kept { column(lake, &sql).await? } else { Vec::new() };
    if returns.is_empty() {
        return Err(usage(format!("{run_id} keeps no daily returns: it needs sinks: [metrics]")));
    }
    Ok(returns)
}

/// Distributions as rows: the metric, what it was, and what it might have been.
fn table(found: &[Distribution]) -> anyhow::Result<RecordBatch> {
    let floats = |of: &dyn Fn(&Distribution) -> Option<f64>| {
        Arc::new(found.iter().map(of).collect::<Float64Array>()) as ArrayRef
    };
    let names = found.iter().map(|d| Some(d.metric)).collect::<StringArray>();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("metric".into(), Arc::new(names)),
        ("observed".into(), floats(&|d| d.observed)),
        ("mean".into(), floats(&|d| d.mean)),
    ];
    for (place, percent) in PERCENTILES.iter().enumerate() {
        columns.push((format!("p{percent}"), floats(&|d| d.percentiles[place])));
    }
    rows(columns.iter().map(|(name, column)| (name.as_str(), column.clone())).collect())
}

fn stored(
    drawn: &RecordBatch,
    run_id: &str,
    what: &str,
    sims: u32,
    seed: u64,
    block: usize,
) -> anyhow::Result<RecordBatch> {
    let count = drawn.num_rows();
    let text = |value: &str| Arc::new(StringArray::from(vec![value; count])) as ArrayRef;
    let int = |value: i64| Arc::new(Int64Array::from(vec![value; count])) as ArrayRef;
    let mut columns = vec![
        ("run_id", text(run_id)),
        ("of", text(what)),
        ("sims", int(i64::from(sims))),
        // A seed may need all 64 bits.
        ("seed", text(&seed.to_string())),
        ("block", int(i64::try_from(block)?)),
    ];
    let schema = drawn.schema_ref();
    columns.extend(schema.fields().iter().zip(drawn.columns()).map(|(f, c)| (f.name().as_str(), c.clone())));
    rows(columns)
}
