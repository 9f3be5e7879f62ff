//! Returns as sets: a CSV, JSON lines or Parquet file, or a table of the lake.
//!
//! Two forms. *Long*: columns `set` (or `run_id`), `time` (or `date`, `day`) and `return` (or `daily_return`), a row per
//! set and time. *Wide*: a column per set, its name the set's, rows rising in time; a column of times is not a set. Times
//! are cut into 16 parts of as equal a number as can be; what has no value is no return.

use super::ask;
use crate::{
    exit::usage,
    wiring::rows::{numbers, read},
};
use arrow::{
    array::{AsArray, RecordBatch},
    compute::{cast, concat_batches},
    datatypes::DataType,
};
use candleflow_kernels::metrics::{BLOCKS, ReturnBlock};
use candleflow_lake::Lake;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// What names a set, a time, and a return; the names of times are no sets of the wide form.
const SETS: [&str; 2] = ["set", "run_id"];
const TIMES: [&str; 3] = ["time", "date", "day"];
const RETURNS: [&str; 2] = ["return", "daily_return"];

/// The sets of a file.
pub(crate) fn of_file(path: &Path) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    let rows = read(path).map_err(|e| usage(format!("cannot read {}: {e}", path.display())))?;
    of_rows(&rows, &path.display().to_string())
}

/// The sets of a table of the lake; none where it has no such table, or no rows in it.
pub(crate) async fn of_table(lake: &Lake, table: &str) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    if !lake.tables().await?.iter().any(|known| known == table) {
        return Ok(Vec::new());
    }
    // Rows of a table have no order but that of a column.
    let columns = lake.schema(table).await?;
    let Some(time) =
        TIMES.iter().find_map(|name| columns.fields().iter().find(|f| f.name().eq_ignore_ascii_case(name)))
    else {
        return Err(usage(format!("{table}: returns need a column of times: {}", TIMES.join(", "))));
    };
    let batches = ask(lake, &format!("select * from \"{table}\" order by \"{}\"", time.name())).await?;
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    of_rows(&concat_batches(&first.schema(), &batches)?, table)
}

fn of_rows(rows: &RecordBatch, name: &str) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    let schema = rows.schema();
    let place = |names: &[&str]| {
        names.iter().find_map(|name| schema.fields().iter().position(|f| f.name().eq_ignore_ascii_case(name)))
    };
    match (place(&SETS), place(&TIMES), place(&RETURNS)) {
        (Some(set), Some(time), Some(value)) => long(rows, set, time, value),
        _ => wide(rows, name),
    }
}

/// The block of a place among `count` places.
fn block_of(place: usize, count: usize) -> usize {
    (place * BLOCKS / count.max(1)).min(BLOCKS - 1)
}

fn long(rows: &RecordBatch, set: usize, time: usize, value: usize) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    let text = |column: usize| cast(rows.column(column), &DataType::Utf8);
    let sets = text(set)?;
    // Times are compared as numbers where they are some, so that 9 stands before 10.
    let numeric = rows.column(time).data_type().is_numeric() || rows.column(time).data_type().is_temporal();
    let keys: Vec<(u64, String)> = if numeric {
        let numbers = cast(&cast(rows.column(time), &DataType::Int64)?, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<arrow::datatypes::Int64Type>();
        numbers.iter().map(|n| (n.map_or(0, |n| n.cast_unsigned() ^ (1 << 63)), String::new())).collect()
    } else {
        text(time)?.as_string::<i32>().iter().map(|t| (0, t.unwrap_or_default().to_owned())).collect()
    };
    let values = numbers(rows, value)?;
    let times: BTreeSet<&(u64, String)> = keys.iter().collect();
    let places: BTreeMap<&(u64, String), usize> = times.iter().enumerate().map(|(place, key)| (*key, place)).collect();
    let mut order: Vec<usize> = (0..rows.num_rows()).collect();
    order.sort_by_key(|row| &keys[*row]);
    let mut found: BTreeMap<&str, [ReturnBlock; BLOCKS]> = BTreeMap::new();
    for row in order {
        let blocks = found.entry(sets.as_string::<i32>().value(row)).or_default();
        if let Some(value) = values[row] {
            blocks[block_of(places[&keys[row]], places.len())].add(value);
        }
    }
    Ok(found.into_values().collect())
}

fn wide(rows: &RecordBatch, name: &str) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    let mut sets = Vec::new();
    for (column, field) in rows.schema().fields().iter().enumerate() {
        if TIMES.iter().any(|name| field.name().eq_ignore_ascii_case(name)) {
            continue;
        }
        if !field.data_type().is_numeric() && *field.data_type() != DataType::Null {
            return Err(usage(format!(
                "{name}: the column '{}' is no series of returns: write rows set,time,return or a column of numbers per set",
                field.name()
            )));
        }
        let mut blocks = [ReturnBlock::default(); BLOCKS];
        for (row, value) in numbers(rows, column)?.into_iter().enumerate() {
            if let Some(value) = value {
                blocks[block_of(row, rows.num_rows())].add(value);
            }
        }
        sets.push(blocks);
    }
    Ok(sets)
}
