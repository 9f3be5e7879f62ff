//! One account over all symbols: the place where the rows of several chains meet.
//!
//! ```text
//!  chain BTCUSDT ─► rows ─┐
//!  chain ETHUSDT ─► rows ─┼─► Merge ─► all rows of one event time ─► Engine::step ─► orders, trades, equity
//!  chain XRPUSDT ─► rows ─┘
//! ```
//! An event time is processed when every symbol has a bar at or after it or is `complete` up to it, live and over
//! history alike; symbols stand in listed order. So results do not depend on batches, on who comes first, or on threads.
//! State: the engine, and the rows that wait for a symbol that is behind, at most [`MOST_WAITING`]; a symbol that holds
//! up more is an error that names it.

use crate::{
    operator::{Closes, Emit, Given, Notes, OperatorError, Step, take},
    strategy::{FundingTable, engine_bound, feed::Feed, tables},
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use candleflow_kernels::strategy::{AtEnd, BarInput, Engine, EquityRow, Events, PositionView, Row, Rules};
use candleflow_schema::{Merge, Micros, time};
use std::sync::Arc;

mod state;

const NAME: &str = "portfolio";

/// What stands for the symbol in rows of the whole account.
pub const ALL: &str = "*";
/// Rows that wait for one symbol, at most.
pub const MOST_WAITING: usize = 1 << 20;

/// A symbol of the account.
pub struct Member {
    /// Its name.
    pub symbol: String,
    /// What its chain gives.
    pub schema: SchemaRef,
    /// Columns by slot.
    pub slots: Vec<String>,
    /// Expressions that depend on the position.
    pub rules: Box<dyn Rules + Send>,
    /// What is paid for holding.
    pub funding: Arc<FundingTable>,
}

/// A bar that has come and whose time has not.
#[derive(Debug, Clone, PartialEq)]
struct Waiting {
    bar: BarInput,
    columns: Vec<f64>,
    detail: Option<Vec<BarInput>>,
}

/// The account at work.
pub struct Portfolio {
    engine: Engine,
    symbols: Vec<String>,
    feeds: Vec<Feed>,
    rules: Each,
    funding: Vec<Arc<FundingTable>>,
    tags: Vec<String>,
    /// Bars at or before this event time are warm-up.
    from: Micros,
    merge: Merge<Waiting>,
    /// Per symbol, the event time of the last bar that was processed; of the first one, its open time.
    last: Vec<Micros>,
    /// Rows of the event time that is not yet complete, by symbol.
    group: Vec<Option<Waiting>>,
    group_time: Option<Micros>,
    /// Whether orders, trades and equity become rows; a sweep needs only the steps.
    rows: bool,
}

impl Portfolio {
    /// An account over `members`, as `engine` was made for, in that order.
    ///
    /// # Errors
    /// When a column that the engine needs is missing.
    pub fn new(engine: Engine, members: Vec<Member>, tags: Vec<String>, from: Micros) -> Result<Self, OperatorError> {
        let count = members.len();
        let mut made = Self {
            engine,
            symbols: Vec::new(),
            feeds: Vec::new(),
            rules: Each { of: 0, all: Vec::new() },
            funding: Vec::new(),
            tags,
            from,
            merge: Merge::new(count),
            last: vec![Micros::MIN; count],
            group: (0..count).map(|_| None).collect(),
            group_time: None,
            rows: true,
        };
        for member in members {
            made.feeds.push(Feed::new(NAME, &member.schema, &member.slots)?);
            made.symbols.push(member.symbol);
            made.rules.all.push(member.rules);
            made.funding.push(member.funding);
        }
        Ok(made)
    }

    /// The same account, whose orders, trades and equity are in [`Given::steps`] alone.
    #[must_use]
    pub fn without_rows(self) -> Self {
        Self { rows: false, ..self }
    }

    /// What it does, in one line for `explain`.
    pub fn describe(&self) -> String {
        let spec = self.engine.spec();
        let sides = [("long", &spec.long), ("short", &spec.short)];
        let sides: Vec<_> = sides.iter().filter(|(_, side)| side.is_some()).map(|(name, _)| *name).collect();
        let most = spec.limits.max_positions.map_or(String::new(), |most| format!(", {most} positions at most"));
        let ranked = if spec.limits.rank.is_some() { ", ranked" } else { "" };
        format!("{} over {} symbols in one account{most}{ranked}", sides.join(" and "), self.symbols.len())
    }

    /// Takes rows of a symbol's chain.
    ///
    /// # Errors
    /// When the engine refuses a bar, or too many wait for a symbol that is behind.
    pub fn push(&mut self, key: usize, batch: &RecordBatch) -> Result<Given, OperatorError> {
        let mut emit = Emit::default();
        let rows = self.feeds[key].rows(batch)?;
        for row in 0..batch.num_rows() {
            let bar = rows.bar(row);
            let mut columns = vec![0.0; self.feeds[key].width()];
            rows.columns(row, &mut columns);
            let waiting = Waiting { bar, columns, detail: rows.detail(row, &bar) };
            self.merge.push(key, bar.time, waiting).map_err(|e| refused(e.to_string()))?;
        }
        self.drain(&mut emit)?;
        if self.merge.held() > MOST_WAITING {
            let (symbol, reached) = (self.merge.slowest().unwrap_or(0), time::format(self.merge.watermark()));
            return Err(refused(format!(
                "more than {MOST_WAITING} bars wait for {}, of which nothing is known after {reached}: is it synced?",
                self.symbols[symbol]
            )));
        }
        Ok(emit.given)
    }

    /// No bar of this symbol at or before `time` will follow.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn complete(&mut self, key: usize, time: Micros) -> Result<Given, OperatorError> {
        self.merge.complete(key, time);
        let mut emit = Emit::default();
        self.drain(&mut emit)?;
        Ok(emit.given)
    }

    /// This symbol brings nothing more.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn end(&mut self, key: usize) -> Result<Given, OperatorError> {
        self.merge.end(key);
        let mut emit = Emit::default();
        self.drain(&mut emit)?;
        Ok(emit.given)
    }

    /// The input has ended. Bars that still wait for a symbol are left out: their time has not come.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self) -> Result<Given, OperatorError> {
        let mut emit = Emit::default();
        let last = self.engine.finish().map_err(|e| refused(e.to_string()))?;
        let closed = self.engine.spec().fills.at_end != AtEnd::Mark;
        let equity: Vec<_> = last.equity.filter(|_| closed).into_iter().collect();
        self.emit(&last.rows, &equity, &mut emit)?;
        emit.given.finish = Some(last);
        emit.given.notes = Notes::of(&self.engine);
        Ok(emit.given)
    }

    /// Whether bars of a symbol wait for another one: it need not be read before they are gone.
    pub fn waits(&self, key: usize) -> bool {
        self.merge.waiting(key) > 0
    }

    /// Up to where every symbol is known.
    pub fn watermark(&self) -> Micros {
        self.merge.watermark()
    }

    fn drain(&mut self, out: &mut Emit) -> Result<(), OperatorError> {
        let (mut events, mut equities) = (Events::default(), Vec::new());
        while let Some((key, time, waiting)) = self.merge.pop() {
            if self.group_time.is_some_and(|open| open != time) {
                self.step(&mut events, &mut equities, out)?;
            }
            if time <= self.from {
                self.engine.warm(key, &waiting.bar).map_err(|e| self.failed(time, &e))?;
                self.last[key] = time;
                continue;
            }
            self.group_time = Some(time);
            self.group[key] = Some(waiting);
        }
        if self.group_time.is_some_and(|open| open <= self.merge.watermark()) {
            self.step(&mut events, &mut equities, out)?;
        }
        self.emit(&events, &equities, out)
    }

    /// All bars of one event time.
    fn step(
        &mut self,
        events: &mut Events,
        equities: &mut Vec<EquityRow>,
        out: &mut Emit,
    ) -> Result<(), OperatorError> {
        let Some(time) = self.group_time.take() else { return Ok(()) };
        let mut closes = Vec::new();
        let (orders, trades) = (events.orders.len(), events.trades.len());
        let rows: Vec<Option<Row<'_>>> = self
            .group
            .iter()
            .enumerate()
            .map(|(key, waiting)| {
                let Waiting { bar, columns, detail } = waiting.as_ref()?;
                closes.push((key, bar.close_f64));
                let after = if self.last[key] == Micros::MIN { bar.open_time } else { self.last[key] };
                let funding = self.funding[key].due(after, bar.time);
                Some(Row { bar: *bar, columns, detail: detail.as_deref(), funding })
            })
            .collect();
        let equity = self.engine.step(&rows, &mut self.rules, events);
        let equity = equity.map_err(|e| self.failed(time, &e))?;
        for (key, _) in &closes {
            self.last[*key] = time;
        }
        self.group.iter_mut().for_each(|waiting| *waiting = None);
        let (orders, trades) = (events.orders[orders..].to_vec(), events.trades[trades..].to_vec());
        out.given.steps.push(Step { equity, closes: Closes::Some(closes), orders, trades });
        equities.push(equity);
        Ok(())
    }

    fn emit(&self, events: &Events, equities: &[EquityRow], out: &mut Emit) -> Result<(), OperatorError> {
        if !self.rows {
            return Ok(());
        }
        let symbol = |place: u32| self.symbols.get(place as usize).map_or("", String::as_str);
        tables::emit(events, equities, &symbol, ALL, &self.tags, out)
    }

    fn failed(&self, at: Micros, error: &dyn std::fmt::Display) -> OperatorError {
        refused(format!("{} at {}: {error}", self.symbols.join(", "), time::format(at)))
    }
}

fn refused(reason: String) -> OperatorError {
    OperatorError::Value { operator: NAME, reason }
}

/// The rules of each symbol.
struct Each {
    of: usize,
    all: Vec<Box<dyn Rules + Send>>,
}

impl Rules for Each {
    fn eval(&mut self, program: u32, columns: &[f64], view: &PositionView) -> f64 {
        self.all[self.of].eval(program, columns, view)
    }

    fn of(&mut self, symbol: usize) {
        self.of = symbol;
    }
}
