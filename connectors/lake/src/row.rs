//! One row of `klines`, and what happens when two rows have the same key.
//!
//! | the table has | a bar comes that | outcome |
//! |---|---|---|
//! | nothing | | added |
//! | a value | says the same | dropped |
//! | a value | says the same and more (where the table has NULL) | filled: no restatement |
//! | a value | says otherwise | restated: the new value stands, what it lacks stays as it was, the old row is kept as the loser |

use arrow::{
    array::{Array, ArrayRef, AsArray, Int32Builder, Int64Builder, RecordBatch, StringBuilder},
    datatypes::{Field, Int32Type, Int64Type, Schema, SchemaRef},
    error::ArrowError,
};
use candleflow_schema::{Bar, Interval, Micros, Symbol, tables};
use std::sync::{Arc, LazyLock};

/// Where in a topic a bar stood that was copied from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// The columns of files of `klines`: all of `KLINES` but the partition's `interval`.
pub(crate) static FILE: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(tables::KLINES.fields()[1..].to_vec())));

/// A row of `klines`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) bar: Bar,
    pub(crate) place: Option<Place>,
}

/// What a row does to the one that has its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Same,
    /// It says more.
    Filled(Row),
    /// It says otherwise.
    Restated(Row),
}

impl Row {
    pub(crate) fn key(&self) -> (Symbol, Micros) {
        (self.bar.symbol.clone(), self.bar.open_time)
    }

    /// What stands after `new` has come to this row.
    pub(crate) fn meet(&self, new: &Row) -> Verdict {
        if !self.bar.same_value(&new.bar) {
            let bar = Bar {
                quote_volume: new.bar.quote_volume.or(self.bar.quote_volume),
                trades: new.bar.trades.or(self.bar.trades),
                taker_buy_volume: new.bar.taker_buy_volume.or(self.bar.taker_buy_volume),
                taker_buy_quote_volume: new.bar.taker_buy_quote_volume.or(self.bar.taker_buy_quote_volume),
                ..new.bar.clone()
            };
            return Verdict::Restated(Row { bar, place: new.place });
        }
        let bar = Bar {
            quote_volume: self.bar.quote_volume.or(new.bar.quote_volume),
            trades: self.bar.trades.or(new.bar.trades),
            taker_buy_volume: self.bar.taker_buy_volume.or(new.bar.taker_buy_volume),
            taker_buy_quote_volume: self.bar.taker_buy_quote_volume.or(new.bar.taker_buy_quote_volume),
            ..self.bar.clone()
        };
        let merged = Row { bar, place: self.place.or(new.place) };
        if merged == *self { Verdict::Same } else { Verdict::Filled(merged) }
    }
}

/// Adds origin and place to bars as columns. `places` is empty or as long as `bars`.
pub(crate) fn to_batch(
    columns: &RecordBatch,
    bars: &[Bar],
    places: &[Option<Place>],
) -> Result<RecordBatch, ArrowError> {
    let n = bars.len();
    let mut origin = StringBuilder::with_capacity(n, n * 7);
    bars.iter().for_each(|b| origin.append_value(b.origin.name()));
    let (mut partition, mut offset) = (Int32Builder::with_capacity(n), Int64Builder::with_capacity(n));
    for i in 0..n {
        let place = places.get(i).copied().flatten();
        partition.append_option(place.map(|p| p.partition));
        offset.append_option(place.map(|p| p.offset));
    }
    let mut arrays: Vec<ArrayRef> = columns.columns().to_vec();
    arrays.extend([Arc::new(origin.finish()) as ArrayRef, Arc::new(partition.finish()), Arc::new(offset.finish())]);
    RecordBatch::try_new(FILE.clone(), arrays)
}

/// Rows as a batch of [`FILE`].
pub(crate) fn rows_to_batch(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let bars: Vec<Bar> = rows.iter().map(|r| r.bar.clone()).collect();
    let places: Vec<_> = rows.iter().map(|r| r.place).collect();
    to_batch(&tables::bars_to_batch(&bars)?, &bars, &places)
}

/// A batch of [`FILE`] as rows.
pub(crate) fn batch_to_rows(batch: &RecordBatch, interval: Interval) -> Result<Vec<Row>, ArrowError> {
    let lacks = |name: &str| ArrowError::SchemaError(format!("klines lack the column {name}"));
    let partition = batch.column_by_name("partition").and_then(|c| c.as_primitive_opt::<Int32Type>());
    let offset = batch.column_by_name("offset").and_then(|c| c.as_primitive_opt::<Int64Type>());
    let (partition, offset) = (partition.ok_or_else(|| lacks("partition"))?, offset.ok_or_else(|| lacks("offset"))?);
    let place = |i: usize| {
        (!partition.is_null(i) && !offset.is_null(i))
            .then(|| Place { partition: partition.value(i), offset: offset.value(i) })
    };
    let bars = tables::batch_to_bars(batch, interval)?;
    Ok(bars.into_iter().enumerate().map(|(i, bar)| Row { bar, place: place(i) }).collect())
}

/// Losers with who replaced them, in the columns of `restated`.
pub(crate) fn losers_to_batch(losers: &[(Row, &'static str)], seen: Micros) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<Row> = losers.iter().map(|(row, _)| row.clone()).collect();
    let n = rows.len();
    let mut interval = StringBuilder::new();
    let mut replaced_by = StringBuilder::new();
    for (row, by) in losers {
        interval.append_value(row.bar.interval.name());
        replaced_by.append_value(by);
    }
    let seen = arrow::array::TimestampMicrosecondArray::from_value(seen, n).with_timezone("UTC");
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(interval.finish())];
    arrays.extend(rows_to_batch(&rows)?.columns().iter().cloned());
    arrays.extend([Arc::new(replaced_by.finish()) as ArrayRef, Arc::new(seen)]);
    RecordBatch::try_new(tables::RESTATED.clone(), arrays)
}

/// Text constants as a column, for partition values of rows that leave a file.
pub(crate) fn constant(value: Option<&str>, rows: usize) -> ArrayRef {
    match value {
        Some(value) => Arc::new(arrow::array::StringArray::from_iter_values(std::iter::repeat_n(value, rows))),
        None => arrow::array::new_null_array(&arrow::datatypes::DataType::Utf8, rows),
    }
}

/// A nullable copy of a schema's fields.
pub(crate) fn nullable(fields: &arrow::datatypes::Fields) -> Vec<Field> {
    fields.iter().map(|f| f.as_ref().clone().with_nullable(true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::Origin;

    fn row(close: i64, trades: Option<i64>, place: Option<(i32, i64)>, origin: Origin) -> Row {
        Row {
            bar: Bar {
                symbol: "BTCUSDT".into(),
                interval: Interval::M1,
                open_time: 60_000_000,
                open: 10,
                high: 20,
                low: 5,
                close,
                volume: 100,
                quote_volume: None,
                trades,
                taker_buy_volume: None,
                taker_buy_quote_volume: None,
                origin,
            },
            place: place.map(|(partition, offset)| Place { partition, offset }),
        }
    }

    #[test]
    fn the_rules_of_two_rows_with_one_key() {
        let (rest, file, stream) = (Origin::Rest, Origin::File, Origin::Stream);
        let old = row(11, Some(7), None, rest);
        assert_eq!(old.meet(&row(11, Some(7), None, file)), Verdict::Same, "the same again");
        assert_eq!(old.meet(&row(11, None, None, file)), Verdict::Same, "NULL replaces nothing");
        let bare = row(11, None, None, rest);
        assert_eq!(bare.meet(&row(11, Some(7), None, file)), Verdict::Filled(row(11, Some(7), None, rest)), "filled");
        assert_eq!(
            old.meet(&row(11, Some(7), Some((1, 5)), stream)),
            Verdict::Filled(row(11, Some(7), Some((1, 5)), rest)),
            "the place is filled, too"
        );
        assert_eq!(old.meet(&row(12, None, None, file)), Verdict::Restated(row(12, Some(7), None, file)), "restated");
        assert_eq!(old.meet(&row(11, Some(8), None, file)), Verdict::Restated(row(11, Some(8), None, file)));
        let placed = row(11, Some(7), Some((1, 5)), stream);
        assert_eq!(placed.meet(&row(11, Some(7), None, file)), Verdict::Same, "the place stays");
        assert_eq!(
            placed.meet(&row(12, Some(7), None, file)),
            Verdict::Restated(row(12, Some(7), None, file)),
            "a place belongs to its value"
        );
    }

    #[test]
    fn rows_survive_the_way_into_columns_and_back() {
        let rows = [row(11, Some(7), Some((1, 5)), Origin::Stream), row(12, None, None, Origin::Archive)];
        assert_eq!(batch_to_rows(&rows_to_batch(&rows).unwrap(), Interval::M1).unwrap(), rows);
        let losers = losers_to_batch(&[(rows[0].clone(), "archive")], 99).unwrap();
        assert_eq!((losers.num_rows(), losers.schema()), (1, tables::RESTATED.clone()));
    }
}
