//! The equity curve of a run, thinned out so that a chart of it looks like one of all rows.
//!
//! Per symbol, the range of time is cut into equal parts; of each part the row with the lowest and the row with the
//! highest equity stay, and the first and the last row of all. So every low and high is there, at its own time. One pass
//! over the rows in whatever order they come; memory is bounded by the number of points, not of rows.

use crate::{app::State, params::Params, problem::Problem, runs};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Float64Type, Int64Type, TimestampMicrosecondType},
};
use axum::{Json, extract, extract::RawQuery};
use candleflow_engine::{Limits, QueryError};
use candleflow_lake::RUN_ID;
use candleflow_schema::{Micros, time};
use datafusion::{
    arrow::datatypes::DataType,
    dataframe::DataFrame,
    error::DataFusionError,
    functions_aggregate::expr_fn::{count, max, min},
    logical_expr::cast,
    prelude::{col, lit},
};
use futures::TryStreamExt;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Points per symbol: least, most, and unless asked otherwise. Four are the first, the last, the lowest, the highest.
const POINTS: (usize, usize, usize) = (4, 10_000, 1_000);

/// The equity of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Equity {
    /// The run.
    run_id: String,
    /// `finished`, or `unfinished` when rows may still come.
    #[schema(example = "finished")]
    status: String,
    /// One curve per symbol.
    series: Vec<Series>,
}

/// The equity of one symbol's account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Series {
    /// The symbol.
    #[schema(example = "BTCUSDT")]
    symbol: String,
    /// How many rows the curve has; it is whole when there are as many points.
    rows: u64,
    /// The points, oldest first.
    points: Vec<Point>,
}

/// A point of the curve.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Point {
    /// Event time.
    #[schema(example = "2021-04-21T10:00:00Z")]
    time: String,
    /// Balance with all positions at their price.
    equity: Option<f64>,
    /// Loss since the highest equity before, as a fraction of it.
    drawdown: Option<f64>,
}

/// The equity curve of a run, with at most so many points per symbol that no low or high is lost.
#[utoipa::path(get, path = "/api/runs/{id}/equity", tag = "runs", operation_id = "run_equity",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("symbol" = Option<String>, Query, description = "Only of this symbol"),
        ("points" = Option<usize>, Query, description = "Points per symbol at most, 4 to 10000", example = 1000)
    ),
    responses(
        (status = 200, body = Equity),
        (status = 400, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn equity(
    extract::State(state): extract::State<State>,
    extract::Path(id): extract::Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Equity>, Problem> {
    let mut params = Params::read(query.as_deref(), &["symbol", "points"]);
    let symbol = params.text("symbol");
    let points = params.number("points", POINTS.0..=POINTS.1, POINTS.2);
    params.done()?;
    let run = runs::find(&state, &id).await?;
    let _slot = state.read_slot().await?;
    let mut frame = state.sql().table("equity").await?.filter(col(RUN_ID).eq(lit(&id)))?;
    if let Some(symbol) = symbol {
        frame = frame.filter(col("symbol").eq(lit(symbol)))?;
    }
    let series = curves(&state, frame, points).await?;
    Ok(Json(Equity { run_id: id, status: run.status.unwrap_or_default(), series }))
}

async fn curves(state: &State, frame: DataFrame, points: usize) -> Result<Vec<Series>, Problem> {
    // The rows are read through, not answered: only their time is limited.
    let limits = Limits { rows: usize::MAX, bytes: usize::MAX, time: state.limits().request };
    let group = vec![col("symbol")];
    let aggregates = vec![count(lit(1)).alias("rows"), min(col("time")).alias("first"), max(col("time")).alias("last")];
    let bounds = frame.clone().aggregate(group, aggregates)?;
    let bounds = state.sql().run(bounds, limits).await?.collect().await?;
    let mut curves = BTreeMap::new();
    for batch in &bounds {
        for row in 0..batch.num_rows() {
            let (symbol, curve) = Curve::of(batch, row, points)?;
            curves.insert(symbol, curve);
        }
    }
    let text = |name: &str| cast(col(name), DataType::Utf8).alias(name);
    let rows = frame.select(vec![text("symbol"), col("time"), col("equity"), col("drawdown")])?;
    let mut rows = state.sql().run(rows, limits).await?;
    while let Some(batch) = rows.try_next().await? {
        read(&batch, &mut curves)?;
    }
    let series = |(symbol, curve): (String, Curve)| Series { symbol, rows: curve.rows, points: curve.points() };
    Ok(curves.into_iter().map(series).collect())
}

fn read(batch: &RecordBatch, curves: &mut BTreeMap<String, Curve>) -> Result<(), Problem> {
    let symbols = batch.column(0).as_string::<i32>();
    let times = batch.column(1).as_primitive_opt::<TimestampMicrosecondType>();
    let equities = batch.column(2).as_primitive_opt::<Float64Type>();
    let drawdowns = batch.column(3).as_primitive_opt::<Float64Type>();
    let (Some(times), Some(equities), Some(drawdowns)) = (times, equities, drawdowns) else {
        return Err(Problem::internal("equity has columns of unexpected types"));
    };
    for row in 0..batch.num_rows() {
        // A row that was committed after the bounds were taken is left out.
        let Some(curve) = curves.get_mut(symbols.value(row)) else { continue };
        let value = |column: &arrow::array::Float64Array| (!column.is_null(row)).then(|| column.value(row));
        curve.push(Sample { time: times.value(row), equity: value(equities), drawdown: value(drawdowns) });
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    time: Micros,
    equity: Option<f64>,
    drawdown: Option<f64>,
}

/// A curve being thinned out.
struct Curve {
    rows: u64,
    first: Micros,
    last: Micros,
    kept: Kept,
}

enum Kept {
    /// There are no more rows than points.
    All(Vec<Sample>),
    /// Lowest and highest of each part of time, and both ends.
    Extremes { parts: Vec<Option<(Sample, Sample)>>, ends: Option<(Sample, Sample)> },
}

impl Curve {
    fn of(bounds: &RecordBatch, row: usize, points: usize) -> Result<(String, Self), Problem> {
        let column = |name: &str| bounds.column_by_name(name).ok_or_else(|| Problem::internal("bounds of equity"));
        let time = |name: &str| {
            let times = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            times.map(|t| t.value(row)).ok_or_else(|| Problem::internal("times of equity are not times"))
        };
        let symbol = arrow::compute::cast(column("symbol")?, &DataType::Utf8)
            .map_err(|e| QueryError::from(DataFusionError::from(e)))?;
        let rows = column("rows")?.as_primitive::<Int64Type>().value(row) as u64;
        let symbol = symbol.as_string::<i32>().value(row).to_owned();
        Ok((symbol, Self::new(rows, (time("first")?, time("last")?), points)))
    }

    fn new(rows: u64, (first, last): (Micros, Micros), points: usize) -> Self {
        let kept = match rows <= points as u64 {
            true => Kept::All(vec![]),
            false => Kept::Extremes { parts: vec![None; (points - 2) / 2], ends: None },
        };
        Self { rows, first, last, kept }
    }

    fn push(&mut self, sample: Sample) {
        if sample.time < self.first || sample.time > self.last {
            return;
        }
        match &mut self.kept {
            Kept::All(samples) => samples.push(sample),
            Kept::Extremes { parts, ends } => {
                let (offset, length) = (i128::from(sample.time - self.first), i128::from(self.last - self.first) + 1);
                let at = (offset * parts.len() as i128 / length) as usize;
                let part = &mut parts[at];
                *part = Some(match *part {
                    None => (sample, sample),
                    Some((low, high)) => (lower(low, sample), higher(high, sample)),
                });
                *ends = Some(match *ends {
                    None => (sample, sample),
                    Some((a, b)) => {
                        (if sample.time < a.time { sample } else { a }, if sample.time > b.time { sample } else { b })
                    }
                });
            }
        }
    }

    fn points(self) -> Vec<Point> {
        let mut samples = match self.kept {
            Kept::All(samples) => samples,
            Kept::Extremes { parts, ends } => {
                parts.into_iter().flatten().chain(ends).flat_map(|(a, b)| [a, b]).collect()
            }
        };
        samples.sort_by_key(|s| s.time);
        samples.dedup();
        let point = |s: Sample| Point { time: time::format(s.time), equity: s.equity, drawdown: s.drawdown };
        samples.into_iter().map(point).collect()
    }
}

/// The lower of two samples; of equal ones the earlier, so that the order of rows does not matter.
fn lower(a: Sample, b: Sample) -> Sample {
    if b.equity < a.equity || (b.equity == a.equity && b.time < a.time) { b } else { a }
}

fn higher(a: Sample, b: Sample) -> Sample {
    if b.equity > a.equity || (b.equity == a.equity && b.time < a.time) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[f64], points: usize) -> Vec<(Micros, f64)> {
        let mut curve = Curve::new(values.len() as u64, (0, (values.len() as i64 - 1) * 60), points);
        // In any order: here from the middle outwards.
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by_key(|i| (i * 7919) % values.len());
        for i in order {
            curve.push(Sample { time: i as i64 * 60, equity: Some(values[i]), drawdown: None });
        }
        let back = |p: Point| (time::parse(&p.time).unwrap(), p.equity.unwrap());
        curve.points().into_iter().map(back).collect()
    }

    #[test]
    fn lows_and_highs_stay_and_so_do_both_ends() {
        let mut values: Vec<f64> = (0..10_000).map(|i| 1_000.0 + f64::from(i % 97)).collect();
        values[3_333] = 1.0;
        values[7_777] = 9_999.0;
        for points in [4, 5, 6, 100, 1_000] {
            let kept = curve(&values, points);
            assert!(kept.len() <= points, "{points}: {}", kept.len());
            assert!(kept.contains(&(3_333 * 60, 1.0)) && kept.contains(&(7_777 * 60, 9_999.0)), "{points}");
            assert_eq!((kept[0].0, kept.last().unwrap().0), (0, 9_999 * 60));
            assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn few_rows_stay_whole() {
        let values = [1.0, 1.0, 1.0, 3.0];
        assert_eq!(curve(&values, 4).len(), 4);
        let equal = vec![5.0; 1_000];
        let kept = curve(&equal, 10);
        assert_eq!(kept.len(), 5, "the first of each part, and the last row: {kept:?}");
    }
}
