//! Finer bars inside each bar, as one more column of the rows: `__detail`, a list per bar.
//!
//! ```text
//!  1h bar  10:00      __detail = [10:00 10:01 ... 10:59]     attached by the source, read by the strategy
//!  1h bar  11:00      __detail = []                          none are known: the bar is run pessimistically
//! ```
//! A bar's list comes with the bar, so nothing of it is seen before the bar has closed. Finer bars without volume are
//! left out where others have some: they carry an old price. What is left must make up the bar (its open, its extremes,
//! its close), else something is missing and none of it is used.

pub mod join;

use crate::{
    columns::{find, times},
    operator::OperatorError,
};
use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, RecordBatch, StructArray},
    buffer::OffsetBuffer,
    datatypes::{DataType, Decimal128Type, Field, Fields, Int64Type},
};
use candleflow_kernels::strategy::BarInput;
use std::sync::{Arc, LazyLock};

const NAME: &str = "detail";

/// The name of the column.
pub const DETAIL: &str = "__detail";

static ITEM: LazyLock<Fields> = LazyLock::new(|| {
    let names = ["open_time", "time", "open", "high", "low", "close"];
    let mut fields: Vec<Field> = names.map(|name| Field::new(name, DataType::Int64, false)).into();
    fields.push(Field::new("no_volume", DataType::Boolean, false));
    fields.into()
});

/// The column.
pub fn field() -> Field {
    let item = Field::new_list_field(DataType::Struct(ITEM.clone()), false);
    Field::new(DETAIL, DataType::List(Arc::new(item)), false)
}

/// The rows of a batch with the finer bars of each.
///
/// # Errors
/// When there are not as many lists as rows.
pub fn attach(batch: &RecordBatch, finer: &[Vec<BarInput>]) -> Result<RecordBatch, OperatorError> {
    let failed = |error| OperatorError::Columns { operator: NAME, error };
    let all = || finer.iter().flatten();
    let ints = |value: &dyn Fn(&BarInput) -> i64| Arc::new(all().map(value).collect::<Int64Array>()) as ArrayRef;
    let columns = vec![
        ints(&|bar| bar.open_time),
        ints(&|bar| bar.time),
        ints(&|bar| bar.open),
        ints(&|bar| bar.high),
        ints(&|bar| bar.low),
        ints(&|bar| bar.close),
        Arc::new(all().map(|bar| Some(bar.no_volume)).collect::<BooleanArray>()),
    ];
    let items = StructArray::try_new(ITEM.clone(), columns, None).map_err(failed)?;
    let offsets = OffsetBuffer::from_lengths(finer.iter().map(Vec::len));
    let item = Arc::new(Field::new_list_field(DataType::Struct(ITEM.clone()), false));
    let list = ListArray::try_new(item, offsets, Arc::new(items), None).map_err(failed)?;
    let schema = crate::columns::extended(&batch.schema(), [field()]);
    crate::columns::append(NAME, &schema, batch, [Arc::new(list) as ArrayRef])
}

/// The bars of a source's batch as the engine takes them.
///
/// # Errors
/// When a column is missing or has another type.
pub fn bars(batch: &RecordBatch) -> Result<Vec<BarInput>, OperatorError> {
    let at = |name: &str| find(NAME, &batch.schema(), name);
    let (open_time, time) = (times(NAME, batch, at("open_time")?)?, times(NAME, batch, at("time")?)?);
    let decimals = |name: &str| {
        let missing = || OperatorError::Missing { operator: NAME, column: name.to_owned(), expected: "Decimal128" };
        batch.column(at(name)?).as_primitive_opt::<Decimal128Type>().ok_or_else(missing)
    };
    let prices = [decimals("open")?, decimals("high")?, decimals("low")?, decimals("close")?];
    let volume = decimals("volume")?;
    let bar = |row: usize| {
        let known = (!volume.is_null(row)).then(|| if volume.value(row) == 0 { 0.0 } else { 1.0 });
        BarInput::new(open_time[row], time[row], prices.map(|p| p.value(row) as i64), known)
    };
    Ok((0..batch.num_rows()).map(bar).collect())
}

/// The column of a batch.
pub(crate) struct Finer<'b> {
    offsets: &'b [i32],
    numbers: [&'b [i64]; 6],
    no_volume: &'b BooleanArray,
}

impl<'b> Finer<'b> {
    pub(crate) fn new(operator: &'static str, column: &'b ArrayRef) -> Result<Self, OperatorError> {
        let missing = || OperatorError::Missing { operator, column: DETAIL.to_owned(), expected: "a list of bars" };
        let list = column.as_list_opt::<i32>().ok_or_else(missing)?;
        let items = list.values().as_struct_opt().filter(|items| *items.fields() == *ITEM).ok_or_else(missing)?;
        let numbers = [0, 1, 2, 3, 4, 5].map(|i| &items.column(i).as_primitive::<Int64Type>().values()[..]);
        Ok(Self { offsets: list.value_offsets(), numbers, no_volume: items.column(6).as_boolean() })
    }

    /// The finer bars of a row, if they make up the bar.
    pub(crate) fn of(&self, row: usize, bar: &BarInput) -> Option<Vec<BarInput>> {
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        let finer = |i: usize| {
            let [open_time, time, open, high, low, close] = self.numbers.map(|column| column[i]);
            BarInput::new(open_time, time, [open, high, low, close], self.no_volume.value(i).then_some(0.0))
        };
        let mut all: Vec<BarInput> = range.map(finer).collect();
        if all.iter().any(|finer| !finer.no_volume) {
            all.retain(|finer| !finer.no_volume);
        }
        makes_up(bar, &all).then_some(all)
    }
}

/// Whether finer bars are the whole of a bar.
fn makes_up(bar: &BarInput, finer: &[BarInput]) -> bool {
    let (Some(first), Some(last)) = (finer.first(), finer.last()) else { return false };
    let (high, low) = (finer.iter().map(|f| f.high).max(), finer.iter().map(|f| f.low).min());
    (first.open, high, low, last.close) == (bar.open, Some(bar.high), Some(bar.low), bar.close)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::tables::bars_to_batch;

    fn bar(open_time: i64, prices: [i64; 4], no_volume: bool) -> BarInput {
        BarInput::new(open_time, open_time + 60, prices, no_volume.then_some(0.0))
    }

    fn rows(lists: &[Vec<BarInput>]) -> RecordBatch {
        let batch = crate::laws::market("X", 7, lists.len());
        attach(&batch, lists).unwrap()
    }

    #[test]
    fn lists_come_back_whole_and_from_slices() {
        let lists = [vec![], vec![bar(0, [5, 9, 4, 6], false), bar(60, [6, 7, 3, 7], false)], vec![]];
        let batch = rows(&lists).slice(1, 2);
        let finer = Finer::new("test", batch.column(batch.num_columns() - 1)).unwrap();
        let whole = bar(0, [5, 9, 3, 7], false);
        assert_eq!(finer.of(0, &whole), Some(lists[1].clone()));
        assert_eq!(finer.of(1, &whole), None, "none are known");
    }

    #[test]
    fn finer_bars_that_do_not_make_up_the_bar_are_not_used() {
        let pair = vec![bar(0, [5, 9, 4, 6], false), bar(60, [6, 7, 3, 7], false)];
        let batch = rows(std::slice::from_ref(&pair));
        let finer = Finer::new("test", batch.column(batch.num_columns() - 1)).unwrap();
        for whole in [[4, 9, 3, 7], [5, 10, 3, 7], [5, 9, 2, 7], [5, 9, 3, 6]] {
            assert_eq!(finer.of(0, &bar(0, whole, false)), None, "{whole:?}");
        }
        let with_old_price = vec![bar(-60, [50, 50, 50, 50], true), pair[0], pair[1]];
        let batch = rows(&[with_old_price]);
        let finer = Finer::new("test", batch.column(batch.num_columns() - 1)).unwrap();
        assert_eq!(finer.of(0, &bar(0, [5, 9, 3, 7], false)), Some(pair));
    }

    #[test]
    fn bars_of_a_source_keep_their_exact_prices() {
        let batch = crate::laws::market("X", 3, 5);
        let read = bars(&batch).unwrap();
        let expected = candleflow_schema::tables::batch_to_bars(&batch, candleflow_schema::Interval::M1).unwrap();
        for (a, b) in read.iter().zip(&expected) {
            assert_eq!((a.open_time, a.open, a.high, a.low, a.close), (b.open_time, b.open, b.high, b.low, b.close));
            assert_eq!(a.no_volume, b.volume == 0);
        }
        assert_eq!(bars_to_batch(&expected).unwrap().num_rows(), read.len());
    }
}
