//! Columns of a higher timeframe: source bars are gathered into buckets, an inner chain computes the columns over the
//! closed buckets, and every row carries the values of the last bucket that had closed by then.
//!
//! ```text
//!  1m rows   09:58   09:59   10:00            (event time = when the bar is known)
//!  1h value  08:00   08:00   09:00-10:00      the bucket that ends at 10:00 is seen from the row at 10:00 on
//! ```
//! Buckets are anchored at the epoch, weeks on Monday, months by the calendar, all UTC. The first bucket, if it is not
//! seen from its beginning, is no bar; a bucket with any bar is one; bars of zero volume are skipped when the bucket
//! has any with volume. State: the open bucket, the last values, the inner chain.

use crate::{
    chain::Chain,
    columns::{append, extended, floats, from_flags, from_floats, times},
    intake,
    operator::{Emit, Operator, OperatorError, Output, take},
};
use arrow::{
    array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, SchemaRef},
};
use candleflow_schema::{Interval, Micros};
use std::sync::Arc;

const NAME: &str = "higher";

/// Open, high, low, close, then volume, quote_volume, trades, taker_buy_volume (NaN where a bar did not say).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sum {
    bars: u64,
    prices: [f64; 4],
    amounts: [f64; 4],
}

impl Sum {
    const EMPTY: Sum = Sum { bars: 0, prices: [0.0; 4], amounts: [0.0; 4] };

    fn add(&mut self, prices: [f64; 4], amounts: [f64; 4]) {
        if self.bars == 0 {
            self.prices = prices;
        } else {
            self.prices[1] = self.prices[1].max(prices[1]);
            self.prices[2] = self.prices[2].min(prices[2]);
            self.prices[3] = prices[3];
        }
        for (sum, amount) in self.amounts.iter_mut().zip(amounts) {
            *sum += amount;
        }
        self.bars += 1;
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bars.to_le_bytes());
        self.prices.iter().chain(&self.amounts).for_each(|v| out.extend_from_slice(&v.to_bits().to_le_bytes()));
    }

    fn load(bytes: &mut &[u8]) -> Result<Self, OperatorError> {
        let mut sum = Sum { bars: u64::from_le_bytes(take(NAME, bytes)?), ..Sum::EMPTY };
        for value in sum.prices.iter_mut().chain(&mut sum.amounts) {
            *value = f64::from_bits(u64::from_le_bytes(take(NAME, bytes)?));
        }
        Ok(sum)
    }
}

/// Columns that are computed every `every`.
pub struct Higher {
    every: Interval,
    inner: Chain,
    /// Which columns of the inner rows are shown, and whether each is a truth.
    shown: Vec<(usize, bool)>,
    schema: SchemaRef,
    /// Start of the open bucket; `Micros::MIN` before the first row.
    bucket: Micros,
    /// Whether the open bucket was seen from its beginning.
    whole: bool,
    /// Whether the open bucket has been closed: a later bar of it, off the grid, changes nothing.
    done: bool,
    /// Over all bars of the open bucket, and over those with volume.
    all: Sum,
    traded: Sum,
    /// Values of the last closed bucket.
    last: Vec<f64>,
}

impl Higher {
    /// The columns `shown` of `inner`, a chain over rows of [`intake::SCHEMA`], appended under `names`.
    pub fn new(schema: &SchemaRef, every: Interval, inner: Chain, shown: &[usize], names: &[String]) -> Self {
        let rows = inner.schema().unwrap_or_else(|| intake::SCHEMA.clone());
        let kind = |i: usize| rows.field(i).data_type().clone();
        let fields = shown.iter().zip(names).map(|(i, name)| Field::new(name, kind(*i), true));
        let schema = extended(schema, fields);
        Self {
            every,
            shown: shown.iter().map(|i| (*i, kind(*i) == DataType::Boolean)).collect(),
            last: vec![f64::NAN; shown.len()],
            inner,
            schema,
            bucket: Micros::MIN,
            whole: false,
            done: false,
            all: Sum::EMPTY,
            traded: Sum::EMPTY,
        }
    }

    /// Ends the open bucket and computes the columns on it.
    fn close(&mut self, symbol: &str) -> Result<(), OperatorError> {
        let sum = if self.traded.bars > 0 { self.traded } else { self.all };
        let whole = std::mem::replace(&mut self.whole, true);
        self.all = Sum::EMPTY;
        self.traded = Sum::EMPTY;
        if sum.bars == 0 || !whole {
            return Ok(());
        }
        let row = self.bar(symbol, &sum)?;
        for (output, rows) in self.inner.process(row)?.outputs {
            debug_assert_eq!(output, Output::Columns);
            for (value, (column, _)) in self.last.iter_mut().zip(&self.shown) {
                *value = floats(NAME, &rows, *column)?.last().copied().unwrap_or(f64::NAN);
            }
        }
        Ok(())
    }

    fn bar(&self, symbol: &str, sum: &Sum) -> Result<RecordBatch, OperatorError> {
        let time = |t: Micros| Arc::new(TimestampMicrosecondArray::from(vec![t]).with_timezone("UTC")) as ArrayRef;
        let exact = || Arc::new(Int64Array::from(vec![0])) as ArrayRef;
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec![symbol])), time(self.bucket), time(self.every.close_of(self.bucket))];
        columns.extend(sum.prices.iter().map(|v| Arc::new(Float64Array::from(vec![*v])) as ArrayRef));
        columns.push(Arc::new(Float64Array::from(vec![sum.amounts[0]])));
        columns.extend(sum.amounts[1..].iter().map(|v| from_floats(vec![*v])));
        // The ledger never sees these bars; the exact prices only keep the schema.
        columns.extend((0..4).map(|_| exact()));
        RecordBatch::try_new(intake::SCHEMA.clone(), columns)
            .map_err(|error| OperatorError::Columns { operator: NAME, error })
    }
}

impl Operator for Higher {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> String {
        let first = self.schema.fields().len() - self.shown.len();
        let names: Vec<_> = self.schema.fields()[first..].iter().map(|f| f.name().as_str()).collect();
        let inner: Vec<_> = self.inner.operators().map(|o| o.describe()).collect();
        format!("{} every {}: {}", names.join(", "), self.every, inner.join("; "))
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError> {
        let symbols = batch.column(0).as_string::<i32>();
        let (open_time, time) = (times(NAME, &batch, 1)?, times(NAME, &batch, 2)?);
        let columns = (3..intake::VISIBLE).map(|i| floats(NAME, &batch, i)).collect::<Result<Vec<_>, _>>()?;
        let mut values = vec![Vec::with_capacity(batch.num_rows()); self.shown.len()];
        for row in 0..batch.num_rows() {
            let bucket = self.every.open_of(open_time[row]);
            if bucket > self.bucket {
                if self.bucket == Micros::MIN {
                    self.whole = open_time[row] == bucket;
                } else if !self.done {
                    self.close(symbols.value(row))?;
                }
                self.bucket = bucket;
                self.done = false;
            }
            let value = |i: usize| columns[i][row];
            let (prices, amounts) = ([0, 1, 2, 3].map(value), [4, 5, 6, 7].map(value));
            if !self.done {
                self.all.add(prices, amounts);
                if amounts[0] != 0.0 {
                    self.traded.add(prices, amounts);
                }
                self.done = time[row] >= self.every.close_of(self.bucket);
                if self.done {
                    self.close(symbols.value(row))?;
                }
            }
            values.iter_mut().zip(&self.last).for_each(|(column, last)| column.push(*last));
        }
        let more: Vec<ArrayRef> = values
            .into_iter()
            .zip(&self.shown)
            .map(|(column, (_, truth))| if *truth { from_flags(&column) } else { from_floats(column) })
            .collect();
        out.rows.push(append(NAME, &self.schema, &batch, more)?);
        Ok(())
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bucket.to_le_bytes());
        out.push(u8::from(self.whole) | u8::from(self.done) << 1);
        self.all.save(out);
        self.traded.save(out);
        self.last.iter().for_each(|v| out.extend_from_slice(&v.to_bits().to_le_bytes()));
        out.append(&mut self.inner.snapshot());
    }

    fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), OperatorError> {
        self.bucket = i64::from_le_bytes(take(NAME, bytes)?);
        let [flags] = take(NAME, bytes)?;
        (self.whole, self.done) = (flags & 1 != 0, flags & 2 != 0);
        self.all = Sum::load(bytes)?;
        self.traded = Sum::load(bytes)?;
        for value in &mut self.last {
            *value = f64::from_bits(u64::from_le_bytes(take(NAME, bytes)?));
        }
        self.inner.restore(std::mem::take(bytes))
    }

    fn state_bound(&self) -> usize {
        9 + 2 * 72 + 8 * self.last.len() + self.inner.state_bound()
    }
}
