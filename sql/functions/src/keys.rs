//! The keys of an order that a function of ours depends on: their types, and that no two rows are equal.

use arrow::{
    array::{Array, ArrayRef},
    compute::{and, kernels::cmp::not_distinct},
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::common::{Result, exec_err, plan_err};

/// The type in which a key comes: times and whole numbers can be one.
pub(crate) fn coerced(name: &str, kind: &DataType) -> Result<DataType> {
    match kind {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Ok(kind.clone()),
        kind if kind.is_integer() => Ok(kind.clone()),
        kind => plan_err!("{name}: ORDER BY takes a time or a whole number that rises, found {kind}: ORDER BY time"),
    }
}

/// That in sorted rows no two have the same keys.
pub(crate) fn distinct(name: &str, keys: &[ArrayRef]) -> Result<()> {
    let Some(rows) = keys.first().map(|key| key.len()).filter(|rows| *rows > 1) else { return Ok(()) };
    let mut same = None;
    for key in keys {
        let equal = not_distinct(&key.slice(0, rows - 1), &key.slice(1, rows - 1))?;
        same = Some(match same {
            None => equal,
            Some(before) => and(&before, &equal)?,
        });
    }
    let Some(row) = same.and_then(|same| same.iter().position(|same| same == Some(true))) else { return Ok(()) };
    let shown = ArrayFormatter::try_new(&keys[0], &FormatOptions::default())?;
    exec_err!(
        "{name}: two rows of one series have the same place in its order, {}: add PARTITION BY symbol to OVER",
        shown.value(row)
    )
}
