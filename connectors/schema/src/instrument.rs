//! What an exchange says of an instrument, from a day on: its assets and the grid of its orders.
//!
//! The table `instruments` has one row per symbol and instant from which it holds. What holds on a day is the last row
//! at or before it; before the first row nothing is known, and whoever asks takes the first and says so.

use crate::{
    bar::Symbol,
    tables::{PRICE, QUANTITY, timestamp},
    time::Micros,
};
use arrow::{
    array::{Array, ArrayRef, AsArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef, TimestampMicrosecondType},
    error::ArrowError,
};
use std::sync::{Arc, LazyLock};

/// `instruments`: `valid_from` is the instant from which a row holds; NULL is a filter that the exchange does not have.
pub static INSTRUMENTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields: Vec<Field> = [
        ("symbol", DataType::Utf8, false),
        ("valid_from", timestamp(), false),
        ("base", DataType::Utf8, false),
        ("quote", DataType::Utf8, false),
        ("tick", PRICE, true),
        ("step", QUANTITY, true),
        ("min_qty", QUANTITY, true),
        ("min_notional", QUANTITY, true),
    ]
    .into_iter()
    .map(|(name, kind, null)| Field::new(name, kind, null))
    .collect();
    Arc::new(Schema::new(fields))
});

/// What holds of an instrument from an instant on. Amounts are scaled by 10^8; `None` and zero are no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    /// Its name.
    pub symbol: Symbol,
    /// From when on this holds.
    pub valid_from: Micros,
    /// What is traded.
    pub base: String,
    /// What it is paid with.
    pub quote: String,
    /// Prices are multiples of it (`PRICE_FILTER.tickSize`).
    pub tick: Option<i64>,
    /// Quantities are multiples of it (`LOT_SIZE.stepSize`).
    pub step: Option<i128>,
    /// Least quantity of an order (`LOT_SIZE.minQty`).
    pub min_qty: Option<i128>,
    /// Least value of an order (`NOTIONAL.minNotional` or `MIN_NOTIONAL.minNotional`).
    pub min_notional: Option<i128>,
}

impl Instrument {
    /// Whether both say the same of the instrument, whenever it holds.
    pub fn same_value(&self, other: &Instrument) -> bool {
        let key = |i: &Instrument| {
            let filters = (i.tick.map(i128::from), i.step, i.min_qty, i.min_notional);
            let present = |v: Option<i128>| v.filter(|v| *v != 0);
            [filters.0, filters.1, filters.2, filters.3].map(present)
        };
        (&self.base, &self.quote, key(self)) == (&other.base, &other.quote, key(other))
    }
}

/// Instruments as a batch of [`INSTRUMENTS`], in their order.
///
/// # Errors
/// When a number does not fit its column.
pub fn instruments_to_batch(rows: &[Instrument]) -> Result<RecordBatch, ArrowError> {
    let text =
        |f: &dyn Fn(&Instrument) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(f))) };
    let decimal = |kind: &DataType, f: &dyn Fn(&Instrument) -> Option<i128>| -> Result<ArrayRef, ArrowError> {
        let (precision, scale) = match kind {
            DataType::Decimal128(precision, scale) => (*precision, *scale),
            other => return Err(ArrowError::SchemaError(format!("{other} is no decimal"))),
        };
        let array: Decimal128Array = rows.iter().map(|row| f(row).filter(|v| *v != 0)).collect();
        let array = array.with_precision_and_scale(precision, scale)?;
        array.validate_decimal_precision(precision)?;
        Ok(Arc::new(array))
    };
    let valid_from = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.valid_from));
    RecordBatch::try_new(
        INSTRUMENTS.clone(),
        vec![
            text(&|row| &row.symbol),
            Arc::new(valid_from.with_timezone("UTC")),
            text(&|row| &row.base),
            text(&|row| &row.quote),
            decimal(&PRICE, &|row| row.tick.map(i128::from))?,
            decimal(&QUANTITY, &|row| row.step)?,
            decimal(&QUANTITY, &|row| row.min_qty)?,
            decimal(&QUANTITY, &|row| row.min_notional)?,
        ],
    )
}

/// The rows of a batch that has the columns of [`INSTRUMENTS`] (by name).
///
/// # Errors
/// When a column is missing or has another type.
pub fn batch_to_instruments(batch: &RecordBatch) -> Result<Vec<Instrument>, ArrowError> {
    let wrong = |name: &str| ArrowError::SchemaError(format!("instruments lack a usable column {name}"));
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(name));
    let text = |name: &str| column(name)?.as_string_opt::<i32>().ok_or_else(|| wrong(name));
    let decimals = |name: &str| column(name)?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| wrong(name));
    let (symbol, base, quote) = (text("symbol")?, text("base")?, text("quote")?);
    let valid_from =
        column("valid_from")?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| wrong("valid_from"))?;
    let (tick, step) = (decimals("tick")?, decimals("step")?);
    let (min_qty, min_notional) = (decimals("min_qty")?, decimals("min_notional")?);
    let maybe = |array: &Decimal128Array, row: usize| (!array.is_null(row)).then(|| array.value(row));
    Ok((0..batch.num_rows())
        .map(|row| Instrument {
            symbol: Symbol::from(symbol.value(row)),
            valid_from: valid_from.value(row),
            base: base.value(row).to_owned(),
            quote: quote.value(row).to_owned(),
            tick: maybe(tick, row).and_then(|v| i64::try_from(v).ok()),
            step: maybe(step, row),
            min_qty: maybe(min_qty, row),
            min_notional: maybe(min_notional, row),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument() -> Instrument {
        Instrument {
            symbol: "BTCUSDT".into(),
            valid_from: 1_600_000_000_000_000,
            base: "BTC".into(),
            quote: "USDT".into(),
            tick: Some(1_000_000),
            step: Some(100),
            min_qty: None,
            min_notional: Some(1_000_000_000),
        }
    }

    #[test]
    fn instruments_survive_the_way_into_columns_and_back() {
        let rows = [instrument(), Instrument { symbol: "ETHUSDT".into(), tick: None, step: None, ..instrument() }];
        let batch = instruments_to_batch(&rows).unwrap();
        assert_eq!(batch.schema(), *INSTRUMENTS);
        assert_eq!(batch_to_instruments(&batch).unwrap(), rows);
        assert!(batch_to_instruments(&batch.project(&[0, 1]).unwrap()).unwrap_err().to_string().contains("base"));
    }

    #[test]
    fn a_filter_of_zero_is_none() {
        let zero = Instrument { min_qty: Some(0), valid_from: 5, ..instrument() };
        assert!(zero.same_value(&instrument()));
        let batch = instruments_to_batch(&[zero]).unwrap();
        assert_eq!(batch_to_instruments(&batch).unwrap()[0].min_qty, None);
        assert!(!instrument().same_value(&Instrument { tick: Some(1), ..instrument() }));
    }

    #[test]
    fn a_number_too_large_for_its_column_is_an_error() {
        let large = Instrument { step: Some(10_i128.pow(28)), ..instrument() };
        assert!(instruments_to_batch(&[large]).is_err());
    }
}
