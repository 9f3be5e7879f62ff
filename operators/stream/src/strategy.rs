//! The strategy engine of `candleflow-kernels` over the rows of one symbol.
//!
//! Every bar after `from` is given to the engine with the columns that its rules use; bars before are only made known to
//! it. Rows go on unchanged; orders, trades and equity go to their outputs. State: the engine's own.

pub(crate) mod feed;
mod funding;
pub(crate) mod tables;

pub use funding::FundingTable;
pub use tables::{EQUITY, ORDERS, TRADES};

use crate::operator::{Closes, Emit, Notes, Operator, OperatorError, Step, take};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use candleflow_kernels::strategy::{AtEnd, Engine, EquityRow, Events, MOST_LOTS, Row, Rules, Size, Spec};
use candleflow_schema::Micros;
use feed::Feed;
use std::sync::Arc;

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
    /// What is paid for holding.
    pub funding: Arc<FundingTable>,
    /// Bars at or before this event time are warm-up.
    pub from: Micros,
    /// Whether orders, trades and equity become rows; a sweep needs only the steps.
    pub rows: bool,
}

/// A strategy at work on one symbol.
pub struct StrategyOp {
    parts: StrategyParts,
    schema: SchemaRef,
    feed: Feed,
    /// Event time of the last bar; of the first one, its open time.
    last: Option<Micros>,
}

impl StrategyOp {
    /// The strategy over rows of `schema`.
    ///
    /// # Errors
    /// When a column that it needs is missing.
    pub fn new(schema: &SchemaRef, parts: StrategyParts) -> Result<Self, OperatorError> {
        let feed = Feed::new(NAME, schema, &parts.slots)?;
        Ok(Self { schema: schema.clone(), feed, parts, last: None })
    }

    /// Puts rows into the outputs.
    fn emit(&self, events: &Events, equity: &[EquityRow], out: &mut Emit) -> Result<(), OperatorError> {
        if !self.parts.rows {
            return Ok(());
        }
        let symbol = |_| self.parts.symbol.as_str();
        tables::emit(events, equity, &symbol, &self.parts.symbol, &self.parts.tags, out)
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
        let rows = self.feed.rows(&batch)?;
        let mut columns = vec![0.0; self.feed.width()];
        let (mut events, mut equities) = (Events::default(), Vec::new());
        let steps = &mut out.given.steps;
        steps.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            let bar = rows.bar(row);
            let failed = |e: &dyn std::fmt::Display| OperatorError::Value {
                operator: NAME,
                reason: format!("{} at {}: {e}", self.parts.symbol, candleflow_schema::time::format(bar.time)),
            };
            let before = self.last.replace(bar.time).unwrap_or(bar.open_time);
            if bar.time <= self.parts.from {
                self.parts.engine.warm(0, &bar).map_err(|e| failed(&e))?;
                continue;
            }
            rows.columns(row, &mut columns);
            let detail = rows.detail(row, &bar);
            let funding = self.parts.funding.due(before, bar.time);
            let given = Row { bar, columns: &columns, detail: detail.as_deref(), funding };
            let (orders, trades) = (events.orders.len(), events.trades.len());
            let equity = self.parts.engine.bar(&given, &mut *self.parts.rules, &mut events).map_err(|e| failed(&e))?;
            let (orders, trades) = (events.orders[orders..].to_vec(), events.trades[trades..].to_vec());
            steps.push(Step { equity, closes: Closes::One(bar.close_f64), orders, trades });
            if self.parts.rows {
                equities.push(equity);
            }
        }
        self.emit(&events, &equities, out)?;
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
        out.given.notes = Notes::of(&self.parts.engine);
        Ok(())
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.last.unwrap_or(Micros::MIN).to_le_bytes());
        let bytes = self.parts.engine.save();
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&bytes);
    }

    fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), OperatorError> {
        let broken = |reason: String| OperatorError::Restore { operator: NAME, reason };
        let last = i64::from_le_bytes(take(NAME, bytes)?);
        self.last = (last > Micros::MIN).then_some(last);
        let length = u64::from_le_bytes(take(NAME, bytes)?) as usize;
        let (own, rest) = bytes.split_at_checked(length).ok_or_else(|| broken("the snapshot ends too early".into()))?;
        *bytes = rest;
        self.parts.engine.load(own).map_err(|e| broken(e.to_string()))
    }

    fn state_bound(&self) -> usize {
        16 + engine_bound(self.parts.engine.spec())
    }
}

/// What an account over one symbol can hold at most: one waiting order a rule, one entry a position (or what pyramiding or
/// a target allows), a month of daily returns; all small and counted.
pub(crate) fn engine_bound(spec: &Spec) -> usize {
    let sides = || [&spec.long, &spec.short].into_iter().flatten();
    let rules = sides().map(|s| s.entry.len() + s.exit.len()).sum::<usize>();
    let sizes = || sides().flat_map(|s| s.entry.iter().filter_map(|rule| rule.size.as_ref()).chain(&s.size));
    let target = sizes().any(|size| matches!(size, Size::Target(_)));
    let lots = if target { MOST_LOTS } else { spec.pyramiding.max as usize };
    let days = sizes().filter_map(|size| if let Size::Volatility { days, .. } = size { Some(*days) } else { None });
    4096 + 512 * (rules + lots) + 8 * days.max().map_or(0, |days| days as usize)
}
