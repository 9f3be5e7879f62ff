//! Repainting: a column of a higher timeframe must show the last closed bucket, and nothing of the open one.
//!
//! Two tests, neither of which knows how buckets are gathered. Within a bucket the column must keep its value until the
//! row that closes it. And when the bars of an open bucket are changed, the column must not change before that row.

use super::{Checked, Done, Effort, Finding, Law, Subject};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{Decimal128Type, TimestampMicrosecondType},
};
use candleflow_schema::{Interval, Micros};
use candleflow_stream::laws::Seeded;
use std::sync::Arc;

/// Buckets whose bars are changed, per column.
const BUCKETS: usize = 5;

pub(super) fn check(subject: &Subject<'_>, effort: &Effort, checked: &mut Checked) -> Result<(), String> {
    if subject.higher.is_empty() {
        return Ok(());
    }
    let rows = subject.columns(&subject.bars)?;
    let opens = subject.bars.column_by_name("open_time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let opens = opens.ok_or("bars lack open_time")?.values().to_vec();
    let times = subject.times()?;
    let mut changed = 0;
    for (column, every) in &subject.higher {
        let values = rows.column_by_name(column).ok_or_else(|| format!("the chain shows no column '{column}'"))?;
        let finding = |row: usize, text: &str| Finding {
            law: Law::Repainting,
            symbol: subject.symbol.to_string(),
            what: subject.called(column),
            at: Some(times[row]),
            text: format!("{text} of {every} that has not closed: it repaints"),
        };
        if let Some(row) = moves(values, *every, &opens, &times) {
            checked.findings.push(finding(row, "changes within a bar"));
            continue;
        }
        let mut seeded = Seeded::new(effort.seed);
        for _ in 0..BUCKETS {
            let Some((from, end)) = open_bucket(*every, &opens, &times, &mut seeded) else { continue };
            changed += 1;
            let other = subject.columns(&otherwise(&subject.bars.slice(0, end), from)?)?;
            let got = other.column_by_name(column).ok_or_else(|| format!("the chain shows no column '{column}'"))?;
            if let Some(row) = (0..end).find(|row| got.slice(*row, 1) != values.slice(*row, 1)) {
                checked.findings.push(finding(row, "depends on the bars of one"));
                break;
            }
        }
    }
    let text = format!("{} columns of higher timeframes, {changed} open bars changed", subject.higher.len());
    checked.done.push(Done::compared(Law::Repainting, text));
    Ok(())
}

/// The first row at which a column changes though no bucket has closed.
fn moves(values: &ArrayRef, every: Interval, opens: &[Micros], times: &[Micros]) -> Option<usize> {
    (1..opens.len()).find(|row| {
        let bucket = every.open_of(opens[*row]);
        // The same bucket, which has not closed: not by this row, and not by the one before (bars off the grid).
        let open = bucket == every.open_of(opens[row - 1]) && times[*row] < every.close_of(bucket);
        open && values.slice(*row, 1) != values.slice(row - 1, 1)
    })
}

/// A bucket with several rows before the one that closes it: a row in its middle, and the row that closes it (exclusive).
fn open_bucket(every: Interval, opens: &[Micros], times: &[Micros], seeded: &mut Seeded) -> Option<(usize, usize)> {
    (0..20).find_map(|_| {
        let row = seeded.below(opens.len() as u64) as usize;
        let bucket = every.open_of(opens[row]);
        let first = opens.partition_point(|t| *t < bucket);
        let end = times.partition_point(|t| *t < every.close_of(bucket));
        (end > first + 1 && row > first && row < end).then_some((row, end))
    })
}

/// Bars that are a hundredth dearer from a row on.
fn otherwise(bars: &RecordBatch, from: usize) -> Result<RecordBatch, String> {
    let schema = bars.schema();
    let columns = schema.fields().iter().zip(bars.columns()).map(|(field, column)| {
        if !["open", "high", "low", "close"].contains(&field.name().as_str()) {
            return column.clone();
        }
        let prices = column.as_primitive::<Decimal128Type>();
        let dearer = (0..prices.len()).map(|row| {
            let price = prices.value(row);
            if row >= from { price + price / 100 + 1 } else { price }
        });
        let dearer = arrow::array::Decimal128Array::from_iter_values(dearer).with_data_type(field.data_type().clone());
        Arc::new(dearer) as ArrayRef
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).map_err(|e| e.to_string())
}
