//! Arrow schemas of the tables, and bars as columns.

use crate::{
    bar::{Bar, Origin, Symbol},
    interval::Interval,
};
use arrow::{
    array::{
        Array, ArrayRef, AsArray, Decimal128Builder, Int64Builder, RecordBatch, StringBuilder,
        TimestampMicrosecondBuilder,
    },
    datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType},
    error::ArrowError,
};
use std::sync::{Arc, LazyLock};

/// UTC microseconds.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}
/// A price of the exchange.
pub const PRICE: DataType = DataType::Decimal128(18, 8);
/// A quantity or amount of the exchange.
pub const QUANTITY: DataType = DataType::Decimal128(28, 8);
/// Simulated prices, quantities and money.
pub const MONEY: DataType = DataType::Decimal128(38, 18);

fn schema(fields: Vec<(&str, DataType, bool)>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().map(|(n, t, null)| Field::new(n, t, null)).collect::<Vec<_>>()))
}

/// `klines`: at most one row per (symbol, interval, open_time).
///
/// `partition` and `offset` say where in a topic a bar stood that was copied from one.
pub static KLINES: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("interval", DataType::Utf8, false),
        ("symbol", DataType::Utf8, false),
        ("open_time", timestamp(), false),
        ("time", timestamp(), false),
        ("open", PRICE, false),
        ("high", PRICE, false),
        ("low", PRICE, false),
        ("close", PRICE, false),
        ("volume", QUANTITY, false),
        ("quote_volume", QUANTITY, true),
        ("trades", DataType::Int64, true),
        ("taker_buy_volume", QUANTITY, true),
        ("taker_buy_quote_volume", QUANTITY, true),
        ("origin", DataType::Utf8, false),
        ("partition", DataType::Int32, true),
        ("offset", DataType::Int64, true),
    ])
});

/// What a source of bars gives to the operator graph: exact values, one row per bar, one or many symbols.
pub static BARS: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(KLINES.project(&BAR_COLUMNS).unwrap_or_else(|_| Schema::empty())));
/// The columns of [`KLINES`] that [`BARS`] has.
pub const BAR_COLUMNS: [usize; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// `quarantine`: bad input with its reason.
pub static QUARANTINE: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("seen", timestamp(), false),
        ("source", DataType::Utf8, false),
        ("place", DataType::Int64, false),
        ("reason", DataType::Utf8, false),
        ("raw", DataType::Utf8, false),
    ])
});

/// `coverage`: from and to are event times; all bars with `from < time <= to` that exist are in `klines`.
pub static COVERAGE: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("symbol", DataType::Utf8, false),
        ("interval", DataType::Utf8, false),
        ("from", timestamp(), false),
        ("to", timestamp(), false),
        ("evidence", DataType::Utf8, false),
    ])
});

/// `restated`: every value of a bar that lost, in the columns of `klines`, with the origin of the one that won.
pub static RESTATED: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields: Vec<_> = KLINES.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("replaced_by", DataType::Utf8, false)));
    fields.push(Arc::new(Field::new("seen", timestamp(), false)));
    Arc::new(Schema::new(fields))
});

/// The event time of a row, from the column `time`.
pub fn time_of(batch: &RecordBatch, row: usize) -> Option<i64> {
    let times = batch.column_by_name("time")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    (row < times.len() && !times.is_null(row)).then(|| times.value(row))
}

/// Bars as a batch of [`BARS`].
///
/// # Errors
/// Never for bars whose values fit their columns, as all parsed ones do.
pub fn bars_to_batch(bars: &[Bar]) -> Result<RecordBatch, ArrowError> {
    let n = bars.len();
    let text = |f: &dyn Fn(&Bar) -> &str| -> ArrayRef {
        let mut b = StringBuilder::with_capacity(n, n * 8);
        bars.iter().for_each(|bar| b.append_value(f(bar)));
        Arc::new(b.finish())
    };
    let time = |f: &dyn Fn(&Bar) -> i64| -> ArrayRef {
        let mut b = TimestampMicrosecondBuilder::with_capacity(n).with_timezone("UTC");
        bars.iter().for_each(|bar| b.append_value(f(bar)));
        Arc::new(b.finish())
    };
    let decimal = |precision: u8, f: &dyn Fn(&Bar) -> Option<i128>| -> Result<ArrayRef, ArrowError> {
        let mut b = Decimal128Builder::with_capacity(n);
        bars.iter().for_each(|bar| b.append_option(f(bar)));
        Ok(Arc::new(b.finish().with_precision_and_scale(precision, 8)?))
    };
    let mut trades = Int64Builder::with_capacity(n);
    bars.iter().for_each(|bar| trades.append_option(bar.trades));
    RecordBatch::try_new(
        BARS.clone(),
        vec![
            text(&|b| &b.symbol),
            time(&|b| b.open_time),
            time(&Bar::time),
            decimal(18, &|b| Some(i128::from(b.open)))?,
            decimal(18, &|b| Some(i128::from(b.high)))?,
            decimal(18, &|b| Some(i128::from(b.low)))?,
            decimal(18, &|b| Some(i128::from(b.close)))?,
            decimal(28, &|b| Some(b.volume))?,
            decimal(28, &|b| b.quote_volume)?,
            Arc::new(trades.finish()),
            decimal(28, &|b| b.taker_buy_volume)?,
            decimal(28, &|b| b.taker_buy_quote_volume)?,
        ],
    )
}

/// The rows of a batch that has at least the columns of [`BARS`] (by name) as bars.
///
/// # Errors
/// When a column is missing or has another type.
pub fn batch_to_bars(batch: &RecordBatch, interval: Interval) -> Result<Vec<Bar>, ArrowError> {
    let column = |name: &str| {
        batch.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("bars lack the column {name}")))
    };
    let wrong = |name: &str| ArrowError::SchemaError(format!("column {name} of bars has an unexpected type"));
    let symbols = column("symbol")?.as_string_opt::<i32>().ok_or_else(|| wrong("symbol"))?;
    let open_time =
        column("open_time")?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| wrong("open_time"))?;
    let decimals = |name: &str| column(name)?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| wrong(name));
    let (open, high, low, close) = (decimals("open")?, decimals("high")?, decimals("low")?, decimals("close")?);
    let (volume, quote) = (decimals("volume")?, decimals("quote_volume")?);
    let (taker, taker_quote) = (decimals("taker_buy_volume")?, decimals("taker_buy_quote_volume")?);
    let trades = column("trades")?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong("trades"))?;
    let origins = batch.column_by_name("origin").and_then(|c| c.as_string_opt::<i32>());
    let mut last: Option<Symbol> = None;
    let mut bars = Vec::with_capacity(batch.num_rows());
    for i in 0..batch.num_rows() {
        let symbol = match &last {
            Some(s) if s.as_ref() == symbols.value(i) => s.clone(),
            _ => last.insert(Symbol::from(symbols.value(i))).clone(),
        };
        let maybe = |a: &arrow::array::Decimal128Array| (!a.is_null(i)).then(|| a.value(i));
        bars.push(Bar {
            symbol,
            interval,
            open_time: open_time.value(i),
            open: open.value(i) as i64,
            high: high.value(i) as i64,
            low: low.value(i) as i64,
            close: close.value(i) as i64,
            volume: volume.value(i),
            quote_volume: maybe(quote),
            trades: (!trades.is_null(i)).then(|| trades.value(i)),
            taker_buy_volume: maybe(taker),
            taker_buy_quote_volume: maybe(taker_quote),
            origin: origins.and_then(|o| Origin::parse(o.value(i))).unwrap_or(Origin::File),
        });
    }
    Ok(bars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::tests::bar;

    #[test]
    fn bars_survive_the_way_into_columns_and_back() {
        let bars: Vec<_> = (0..5)
            .map(|i| Bar { origin: Origin::File, ..bar(i * 60_000_000, [10 + i, 20 + i, 9, 11]) })
            .enumerate()
            .map(
                |(i, b)| {
                    if i == 2 { Bar { quote_volume: None, trades: None, symbol: "ETHUSDT".into(), ..b } } else { b }
                },
            )
            .collect();
        let batch = bars_to_batch(&bars).unwrap();
        assert_eq!(batch.schema(), *BARS);
        assert_eq!(batch_to_bars(&batch, Interval::M1).unwrap(), bars);
    }

    #[test]
    fn a_missing_column_is_named() {
        let batch = bars_to_batch(&[bar(0, [1, 1, 1, 1])]).unwrap().project(&[0, 1]).unwrap();
        assert!(batch_to_bars(&batch, Interval::M1).unwrap_err().to_string().contains("open"));
    }
}
