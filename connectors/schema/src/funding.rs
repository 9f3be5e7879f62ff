//! Funding: what holders of a position pay each other, by symbol and time.

use crate::{
    bar::Symbol,
    tables::{MONEY, PRICE, timestamp},
    time::Micros,
};
use arrow::{
    array::{Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};
use std::sync::{Arc, LazyLock};

/// `funding`: a rate is the part of a position's value that longs pay to shorts at that time.
pub static FUNDING: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("symbol", DataType::Utf8, false),
        Field::new("time", timestamp(), false),
        Field::new("rate", MONEY, false),
        Field::new("mark_price", PRICE, true),
    ]))
});

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundingRate {
    /// The instrument.
    pub symbol: Symbol,
    /// When it falls due.
    pub time: Micros,
    /// The rate, scaled by 10^18.
    pub rate: i128,
    /// The price that it is taken of, scaled by 10^8; the bar's close where it is not known.
    pub mark_price: Option<i64>,
}

/// Payments as a batch of [`FUNDING`], in their order.
///
/// # Errors
/// When a number does not fit its column.
pub fn funding_to_batch(rows: &[FundingRate]) -> Result<RecordBatch, ArrowError> {
    let rate: Decimal128Array = rows.iter().map(|row| Some(row.rate)).collect();
    let mark: Decimal128Array = rows.iter().map(|row| row.mark_price.map(i128::from)).collect();
    let mark = mark.with_precision_and_scale(18, 8)?;
    mark.validate_decimal_precision(18)?;
    let time = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.time)).with_timezone("UTC");
    RecordBatch::try_new(
        FUNDING.clone(),
        vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &*row.symbol))),
            Arc::new(time),
            Arc::new(rate.with_precision_and_scale(38, 18)?),
            Arc::new(mark),
        ],
    )
}
