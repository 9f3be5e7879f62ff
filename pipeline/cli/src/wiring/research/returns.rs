//! A file of returns as sets: CSV, JSON lines or Parquet.
//!
//! Two forms. *Long*: columns `set`, `time` and `return`, a row per set and time. *Wide*: a column per set, its name the
//! set's, rows rising in time; a column `time` (or `date`) is not a set. Times are cut into 16 parts of as equal a number
//! as can be; what has no value is no return.

use crate::{
    exit::usage,
    wiring::rows::{numbers, read},
};
use arrow::{
    array::{AsArray, RecordBatch},
    compute::cast,
    datatypes::DataType,
};
use candleflow_kernels::metrics::{BLOCKS, ReturnBlock};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Columns of a wide file that are not sets.
const TIMES: [&str; 2] = ["time", "date"];

/// The sets of a file.
pub(crate) fn of_file(path: &Path) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    let rows = read(path).map_err(|e| usage(format!("cannot read {}: {e}", path.display())))?;
    let schema = rows.schema();
    let place = |name: &str| schema.fields().iter().position(|f| f.name().eq_ignore_ascii_case(name));
    let sets = match (place("set"), place("time").or(place("date")), place("return")) {
        (Some(set), Some(time), Some(value)) => long(&rows, set, time, value)?,
        _ => wide(&rows, path)?,
    };
    Ok(sets)
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

fn wide(rows: &RecordBatch, path: &Path) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    let mut sets = Vec::new();
    for (column, field) in rows.schema().fields().iter().enumerate() {
        if TIMES.iter().any(|name| field.name().eq_ignore_ascii_case(name)) {
            continue;
        }
        if !field.data_type().is_numeric() && *field.data_type() != DataType::Null {
            return Err(usage(format!(
                "{}: the column '{}' is no series of returns: write rows set,time,return or a column of numbers per set",
                path.display(),
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
