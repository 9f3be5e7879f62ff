//! The door of a chain: exact bars in, the columns that expressions see out.
//!
//! Prices and amounts become `Float64` here, once, correctly rounded; the exact prices go along as `__open` to
//! `__close` (integers scaled by 10^8) for the ledger. A row that is not later than the one before it is dropped and
//! counted. State: the last event time and the count.

use crate::{
    columns::{extended, find, times},
    detail::{self, DETAIL},
    operator::{Emit, Operator, OperatorError, take},
};
use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch},
    compute::filter_record_batch,
    datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema, SchemaRef},
};
use candleflow_schema::{
    Micros,
    decimal::{PLACES, to_f64},
    tables,
};
use std::sync::{Arc, LazyLock};

const NAME: &str = "intake";

/// What expressions see, then the exact prices.
pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let float = |name: &str, null: bool| Field::new(name, DataType::Float64, null);
    let mut fields = vec![
        Field::new("symbol", DataType::Utf8, false),
        Field::new("open_time", tables::timestamp(), false),
        Field::new("time", tables::timestamp(), false),
    ];
    fields.extend(["open", "high", "low", "close", "volume"].map(|n| float(n, false)));
    fields.extend(["quote_volume", "trades", "taker_buy_volume"].map(|n| float(n, true)));
    fields.extend(EXACT.map(|n| Field::new(n, DataType::Int64, false)));
    Arc::new(Schema::new(fields))
});

/// The columns that an expression may name, in order.
pub const VISIBLE: usize = 11;
/// Names of the exact prices.
pub const EXACT: [&str; 4] = ["__open", "__high", "__low", "__close"];

/// The first operator of every chain.
pub struct Intake {
    schema: SchemaRef,
    last: Micros,
    dropped: u64,
}

impl Default for Intake {
    fn default() -> Self {
        Self { schema: SCHEMA.clone(), last: Micros::MIN, dropped: 0 }
    }
}

impl Intake {
    /// For bars that come with the finer bars inside them.
    pub fn detailed() -> Self {
        Self { schema: extended(&SCHEMA, [detail::field()]), ..Self::default() }
    }

    /// Leaves out the rows that are not later than the last, if there are any.
    fn in_order(&mut self, batch: RecordBatch) -> Result<RecordBatch, OperatorError> {
        let column = find(NAME, &batch.schema(), "time")?;
        let time = times(NAME, &batch, column)?;
        let mut last = self.last;
        let rising = |last: &mut Micros, t: Micros| {
            let later = t > *last;
            *last = t.max(*last);
            later
        };
        if time.iter().all(|t| rising(&mut last, *t)) {
            self.last = last;
            return Ok(batch);
        }
        let mut last = self.last;
        let keep: BooleanArray = time.iter().map(|t| Some(rising(&mut last, *t))).collect();
        self.last = last;
        self.dropped += keep.false_count() as u64;
        filter_record_batch(&batch, &keep).map_err(|error| OperatorError::Columns { operator: NAME, error })
    }
}

impl Operator for Intake {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> String {
        "bars in order, prices and amounts as Float64".into()
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError> {
        let batch = self.in_order(batch)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let column = |name: &str| find(NAME, &batch.schema(), name).map(|i| batch.column(i));
        let decimal = |name: &str| -> Result<&Decimal128Array, OperatorError> {
            column(name)?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| OperatorError::Missing {
                operator: NAME,
                column: name.to_owned(),
                expected: "Decimal128",
            })
        };
        let mut columns: Vec<ArrayRef> =
            vec![column("symbol")?.clone(), column("open_time")?.clone(), column("time")?.clone()];
        for name in ["open", "high", "low", "close", "volume", "quote_volume"] {
            columns.push(as_float(decimal(name)?));
        }
        columns.push(Arc::new(
            column("trades")?.as_primitive::<Int64Type>().unary::<_, arrow::datatypes::Float64Type>(|n| n as f64),
        ));
        columns.push(as_float(decimal("taker_buy_volume")?));
        for name in ["open", "high", "low", "close"] {
            let exact: Int64Array = decimal(name)?.unary(|v| v as i64);
            columns.push(Arc::new(exact));
        }
        if self.schema.fields().len() > columns.len() {
            columns.push(column(DETAIL)?.clone());
        }
        let rows = RecordBatch::try_new(self.schema.clone(), columns);
        out.rows.push(rows.map_err(|error| OperatorError::Columns { operator: NAME, error })?);
        Ok(())
    }

    fn advance(&mut self, time: Micros, _out: &mut Emit) -> Result<(), OperatorError> {
        self.last = self.last.max(time);
        Ok(())
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.last.to_le_bytes());
        out.extend_from_slice(&self.dropped.to_le_bytes());
    }

    fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), OperatorError> {
        self.last = i64::from_le_bytes(take(NAME, bytes)?);
        self.dropped = u64::from_le_bytes(take(NAME, bytes)?);
        Ok(())
    }

    fn state_bound(&self) -> usize {
        16
    }
}

/// The only way from a stored decimal to an expression's number.
fn as_float(array: &Decimal128Array) -> ArrayRef {
    let floats = array.unary::<_, arrow::datatypes::Float64Type>(|v| to_f64(v, PLACES));
    debug_assert_eq!(array.null_count(), floats.null_count());
    Arc::new(floats)
}
