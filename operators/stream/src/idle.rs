//! An account that trades nothing: at each bar it has the money that it began with.
//!
//! It stands where a strategy could stand, so that time without one is time in the statistics. No state.

use crate::{
    operator::{Closes, Emit, Operator, OperatorError, Step},
    strategy::feed::Feed,
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use candleflow_kernels::{
    money::Money,
    strategy::{EquityRow, Finish},
};
use candleflow_schema::Micros;

const NAME: &str = "idle";

/// The account over the bars of one symbol.
pub struct Idle {
    schema: SchemaRef,
    feed: Feed,
    cash: Money,
    /// Bars at or before this event time are warm-up.
    from: Micros,
}

impl Idle {
    /// An account with this much, over rows of `schema`.
    ///
    /// # Errors
    /// When a column of the bar is missing.
    pub fn new(schema: &SchemaRef, cash: Money, from: Micros) -> Result<Self, OperatorError> {
        Ok(Self { schema: schema.clone(), feed: Feed::new(NAME, schema, &[])?, cash, from })
    }
}

impl Operator for Idle {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> String {
        format!("{} that nothing is done with", self.cash)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError> {
        let rows = self.feed.rows(&batch)?;
        let bars = (0..batch.num_rows()).map(|row| rows.bar(row)).filter(|bar| bar.time > self.from);
        out.given.steps.extend(bars.map(|bar| Step {
            equity: EquityRow {
                open_time: bar.open_time,
                time: bar.time,
                cash: self.cash,
                qty: Money::ZERO,
                price: bar.close,
                equity: self.cash.to_f64(),
                drawdown: 0.0,
                exposed: false,
                is_final: false,
            },
            closes: Closes::One(bar.close_f64),
            orders: Vec::new(),
            trades: Vec::new(),
        }));
        out.rows.push(batch);
        Ok(())
    }

    fn finish(&mut self, out: &mut Emit) -> Result<(), OperatorError> {
        out.given.finish = Some(Finish::default());
        Ok(())
    }

    fn snapshot(&self, _out: &mut Vec<u8>) {}

    fn restore(&mut self, _bytes: &mut &[u8]) -> Result<(), OperatorError> {
        Ok(())
    }

    fn state_bound(&self) -> usize {
        0
    }
}
