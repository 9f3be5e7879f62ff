//! The strategy engine of `candleflow-kernels` over the rows of one symbol.
//!
//! Every bar after `from` is given to the engine with the columns that its rules use; bars before are only made known to
//! it. Rows go on unchanged; orders, trades and equity go to their outputs. State: the engine's own.

mod tables;

pub use tables::{EQUITY, ORDERS, TRADES};

use crate::{
    columns::{find, floats, ints, times},
    intake::EXACT,
    operator::{Emit, Operator, OperatorError, Output, Step, take},
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use candleflow_kernels::strategy::{AtEnd, BarInput, Engine, EquityRow, Events, Row, Rules};
use candleflow_schema::Micros;

const NAME: &str = "strategy";

/// What the operator is made from, beside its input.
pub struct StrategyParts {
    /// The instrument.
    pub symbol: String,
    /// A fresh account.
    pub engine: Engine,
    /// Expressions that depend on the position.
    pub rules: Box<dyn Rules + Send>,
    /// Columns by slot.
    pub slots: Vec<String>,
    /// Names of tags, by number.
    pub tags: Vec<String>,
    /// Bars at or before this event time are warm-up.
    pub from: Micros,
    /// Whether orders, trades and equity become rows; a sweep needs only the steps.
    pub rows: bool,
}

/// A strategy at work on one symbol.
pub struct StrategyOp {
    parts: StrategyParts,
    schema: SchemaRef,
    open_time: usize,
    time: usize,
    volume: usize,
    exact: [usize; 4],
    slots: Vec<usize>,
}

impl StrategyOp {
    /// The strategy over rows of `schema`.
    ///
    /// # Errors
    /// When a column that it needs is missing.
    pub fn new(schema: &SchemaRef, parts: StrategyParts) -> Result<Self, OperatorError> {
        let at = |name: &str| find(NAME, schema, name);
        let slots = parts.slots.iter().map(|s| at(s)).collect::<Result<_, _>>()?;
        let [open, high, low, close] = EXACT;
        Ok(Self {
            schema: schema.clone(),
            open_time: at("open_time")?,
            time: at("time")?,
            volume: at("volume")?,
            exact: [at(open)?, at(high)?, at(low)?, at(close)?],
            slots,
            parts,
        })
    }

    /// Puts rows into the outputs.
    fn emit(&self, events: &Events, equity: &[EquityRow], out: &mut Emit) -> Result<(), OperatorError> {
        if !self.parts.rows {
            return Ok(());
        }
        let (symbol, tags) = (self.parts.symbol.as_str(), self.parts.tags.as_slice());
        let outputs = &mut out.given.outputs;
        if !events.orders.is_empty() {
            outputs.push((Output::Orders, tables::orders(symbol, tags, &events.orders)?));
        }
        if !events.trades.is_empty() {
            outputs.push((Output::Trades, tables::trades(symbol, tags, &events.trades)?));
        }
        if !equity.is_empty() {
            outputs.push((Output::Equity, tables::equity(symbol, equity)?));
        }
        Ok(())
    }
}

impl Operator for StrategyOp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> String {
        let sides = [("long", &self.parts.engine.spec().long), ("short", &self.parts.engine.spec().short)];
        let sides: Vec<_> = sides.iter().filter(|(_, s)| s.is_some()).map(|(n, _)| *n).collect();
        format!("{} over {}", sides.join(" and "), self.parts.slots.join(", "))
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError> {
        let (open_time, time) = (times(NAME, &batch, self.open_time)?, times(NAME, &batch, self.time)?);
        let volume = floats(NAME, &batch, self.volume)?;
        let mut exact = [&[][..]; 4];
        for (prices, column) in exact.iter_mut().zip(self.exact) {
            *prices = ints(NAME, &batch, column)?;
        }
        let slots = self.slots.iter().map(|s| floats(NAME, &batch, *s)).collect::<Result<Vec<_>, _>>()?;
        let slots: Vec<&[f64]> = slots.iter().map(|s| &**s).collect();
        let mut columns = vec![0.0; slots.len()];
        let (mut events, mut steps, mut equities) = (Events::default(), Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            let volume = (!volume[row].is_nan()).then_some(volume[row]);
            let bar = BarInput::new(open_time[row], time[row], exact.map(|p| p[row]), volume);
            let failed = |e: &dyn std::fmt::Display| OperatorError::Value {
                operator: NAME,
                reason: format!("{} at {}: {e}", self.parts.symbol, candleflow_schema::time::format(time[row])),
            };
            if time[row] <= self.parts.from {
                self.parts.engine.warm(0, &bar).map_err(|e| failed(&e))?;
                continue;
            }
            columns.iter_mut().zip(&slots).for_each(|(value, slot)| *value = slot[row]);
            let given = Row::new(bar, &columns);
            let (orders, trades) = (events.orders.len(), events.trades.len());
            let equity = self.parts.engine.bar(&given, &mut *self.parts.rules, &mut events).map_err(|e| failed(&e))?;
            let (orders, trades) = (events.orders[orders..].to_vec(), events.trades[trades..].to_vec());
            steps.push(Step { equity, close: bar.close_f64, orders, trades });
            equities.push(equity);
        }
        self.emit(&events, &equities, out)?;
        out.given.steps.append(&mut steps);
        out.rows.push(batch);
        Ok(())
    }

    fn finish(&mut self, out: &mut Emit) -> Result<(), OperatorError> {
        let last = self.parts.engine.finish();
        let last = last.map_err(|e| OperatorError::Value { operator: NAME, reason: e.to_string() })?;
        let closed = self.parts.engine.spec().fills.at_end != AtEnd::Mark;
        let equity: Vec<_> = last.equity.filter(|_| closed).into_iter().collect();
        self.emit(&last.rows, &equity, out)?;
        out.given.finish = Some(last);
        Ok(())
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        let bytes = self.parts.engine.save();
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&bytes);
    }

    fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), OperatorError> {
        let broken = |reason: String| OperatorError::Restore { operator: NAME, reason };
        let length = u64::from_le_bytes(take(NAME, bytes)?) as usize;
        let (own, rest) = bytes.split_at_checked(length).ok_or_else(|| broken("the snapshot ends too early".into()))?;
        *bytes = rest;
        self.parts.engine.load(own).map_err(|e| broken(e.to_string()))
    }

    fn state_bound(&self) -> usize {
        // One waiting order a rule, one entry a position, a month of daily returns: all small and counted.
        let spec = self.parts.engine.spec();
        let rules =
            [&spec.long, &spec.short].into_iter().flatten().map(|s| s.entry.len() + s.exit.len()).sum::<usize>();
        8 + 4096 + 512 * (rules + spec.pyramiding.max as usize)
    }
}
