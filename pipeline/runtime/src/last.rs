//! The last task: every key's equity and trades, merged in total order, become the statistics of the whole run.
//!
//! Its input does not depend on the list of sinks. State: the accumulators of the metrics;
//! rows wait in the merge only as long as another key is behind.

use crate::RunError;
use arrow::{
    array::{ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use candleflow_kernels::{
    metrics::{CATALOGUE, Choice, DayRow, Group, MetricInfo, Metrics, Variant},
    money::Money,
    strategy::Finish,
};
use candleflow_schema::{Merge, Micros, Symbol};
use candleflow_stream::{Closes, Step};
use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

/// `metrics`: one row per view.
pub static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new("view", DataType::Utf8, false)];
    fields.extend(CATALOGUE.iter().map(|m| Field::new(m.name, DataType::Float64, true)));
    Arc::new(Schema::new(fields))
});

/// `metrics_by_day`: one row per day with a bar, of all accounts together; what is a fraction is one of the day before.
pub static BY_DAY: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new("day", DataType::Date32, false)];
    let numbers = ["equity", "pnl", "daily_return", "drawdown", "market_return"];
    fields.extend(numbers.map(|name| Field::new(name, DataType::Float64, true)));
    Arc::new(Schema::new(fields))
});

/// `metrics_by_symbol`: one row per symbol with what its own trades and fills gave.
pub static BY_SYMBOL: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new("symbol", DataType::Utf8, false)];
    let own = CATALOGUE.iter().filter(|m| of_a_symbol(m));
    fields.extend(own.map(|m| Field::new(m.name, DataType::Float64, true)));
    Arc::new(Schema::new(fields))
});

/// Whether a metric is taken from trades and fills alone, which belong to a symbol.
fn of_a_symbol(metric: &MetricInfo) -> bool {
    matches!(metric.group, Group::Trades | Group::Fills)
}

/// What a watcher hears of.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'s> {
    /// A bar of an account, in total order: the key's place and the step.
    Step(usize, &'s Step),
    /// All accounts have ended, by key; nothing follows.
    End(&'s [Finish]),
}

/// Hears of everything that the statistics are made of.
pub type Watch = Box<dyn FnMut(Seen<'_>) + Send>;

/// Gathers what all keys did.
pub struct Last {
    merge: Merge<Step>,
    metrics: Metrics,
    watch: Option<Watch>,
    variant: Option<Variant>,
    finishes: Vec<Option<Finish>>,
}

impl Last {
    /// For one account per key, each with this balance.
    pub fn new(keys: usize, balance: Money) -> Self {
        Self {
            merge: Merge::new(keys),
            metrics: Metrics::new(&vec![balance; keys], keys),
            watch: None,
            variant: None,
            finishes: vec![None; keys],
        }
    }

    /// The same, in which the statistics go on from those of a run before: its accounts were closed, and these begin with
    /// what it left.
    pub fn after(keys: usize, metrics: Metrics) -> Self {
        Self { metrics, ..Self::new(keys, Money::ZERO) }
    }

    /// The cash of every account after the closed view, `None` of one that had no bar; nothing while a key has not ended.
    pub fn cash(&self) -> Option<Vec<Option<Money>>> {
        let cash = |finish: &Finish| finish.equity.map(|row| row.cash);
        self.finishes.iter().map(|finish| finish.as_ref().map(cash)).collect()
    }

    /// For one account over all symbols: its only key is 0.
    pub fn portfolio(symbols: usize, balance: Money) -> Self {
        Self { metrics: Metrics::new(&[balance], symbols), ..Self::new(1, balance) }
    }

    /// With somebody who hears of every step.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// With the statistics of this library as well.
    #[must_use]
    pub fn by(self, variant: Option<Variant>) -> Self {
        Self { variant, ..self }
    }

    /// Takes what a key's chain gave.
    ///
    /// # Errors
    /// When the key's rows do not rise in event time.
    pub fn push(&mut self, key: usize, steps: Vec<Step>) -> Result<(), RunError> {
        if self.finishes.len() == 1 {
            return steps.into_iter().try_for_each(|step| self.take(key, &step));
        }
        for step in steps {
            let time = step.equity.time;
            self.merge.push(key, time, step).map_err(|e| RunError::Internal(e.to_string()))?;
        }
        self.drain()
    }

    /// No row of this key at or before `time` will follow.
    ///
    /// # Errors
    /// As [`Last::push`].
    pub fn complete(&mut self, key: usize, time: Micros) -> Result<(), RunError> {
        self.merge.complete(key, time);
        self.drain()
    }

    /// The key has ended, its account stands like this.
    ///
    /// # Errors
    /// As [`Last::push`].
    pub fn end(&mut self, key: usize, finish: Option<Finish>) -> Result<(), RunError> {
        self.finishes[key] = finish;
        self.merge.end(key);
        self.drain()?;
        if let (Some(finishes), Some(watch)) = (self.ended(), &mut self.watch) {
            watch(Seen::End(&finishes));
        }
        Ok(())
    }

    /// How all keys ended; `None` while one has not.
    fn ended(&self) -> Option<Vec<Finish>> {
        self.finishes.iter().cloned().collect()
    }

    fn drain(&mut self) -> Result<(), RunError> {
        while let Some((key, _, step)) = self.merge.pop() {
            self.take(key, &step)?;
        }
        Ok(())
    }

    /// The next step of all keys together.
    fn take(&mut self, key: usize, step: &Step) -> Result<(), RunError> {
        let failed = |e: candleflow_kernels::money::Overflow| RunError::Internal(e.to_string());
        // An account of one symbol does not know which of the run's that is.
        let alone = matches!(step.closes, Closes::One(_)).then_some(key);
        let symbol = |of: u32| alone.unwrap_or(of as usize);
        step.orders.iter().try_for_each(|o| self.metrics.order_of(symbol(o.symbol), o)).map_err(failed)?;
        step.trades.iter().try_for_each(|t| self.metrics.trade_of(symbol(t.symbol), t)).map_err(failed)?;
        self.metrics.equity(key, &step.equity);
        match &step.closes {
            Closes::One(close) => self.metrics.market(key, *close),
            Closes::Some(closes) => closes.iter().for_each(|(symbol, close)| self.metrics.market(*symbol, *close)),
        }
        if let Some(watch) = &mut self.watch {
            watch(Seen::Step(key, step));
        }
        Ok(())
    }

    /// The rows of `metrics`: as marked, and as if everything had been closed.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn rows(&self) -> Result<RecordBatch, RunError> {
        let mut views = vec![("mark", self.metrics.values())];
        if let Some(closed) = self.closed()? {
            views.push(("closed", closed.values()));
        }
        metrics_rows(&views)
    }

    /// One more row of `metrics`: what the library gives, under the names that its metrics have here.
    ///
    /// # Errors
    /// As [`metrics_rows`].
    pub fn library(&self) -> Result<Option<RecordBatch>, RunError> {
        let Some(variant) = self.variant else { return Ok(None) };
        let found = self.headline()?.variant_values(variant);
        let value = |name| found.iter().find(|(known, _)| *known == name).and_then(|(_, value)| *value);
        let values = CATALOGUE.iter().map(|metric| value(metric.name)).collect();
        metrics_rows(&[(variant.name(), values)]).map(Some)
    }

    /// The rows of `metrics_by_day`.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn days(&self) -> Result<RecordBatch, RunError> {
        let rows = self.headline()?.day_rows();
        let day = rows.iter().map(|r| i32::try_from(r.day).ok()).collect::<Date32Array>();
        let column = |of: fn(&DayRow) -> Option<f64>| -> ArrayRef {
            Arc::new(rows.iter().map(|r| of(r).filter(|x| !x.is_nan())).collect::<Float64Array>())
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(day),
            column(|r| Some(r.equity)),
            column(|r| Some(r.pnl)),
            column(|r| r.ret),
            column(|r| r.drawdown),
            column(|r| r.market_ret),
        ];
        RecordBatch::try_new(BY_DAY.clone(), columns).map_err(|e| RunError::Internal(e.to_string()))
    }

    /// The rows of `metrics_by_symbol`: these symbols in listed order.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn symbols(&self, names: &[Symbol]) -> Result<RecordBatch, RunError> {
        let metrics = self.headline()?;
        let all: Vec<_> = (0..names.len()).map(|symbol| metrics.symbol_values(symbol)).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(names.iter().map(|n| &**n)))];
        for (place, _) in CATALOGUE.iter().enumerate().filter(|(_, m)| of_a_symbol(m)) {
            let values = all.iter().map(|values| values[place].filter(|x| !x.is_nan()));
            columns.push(Arc::new(values.collect::<Float64Array>()));
        }
        RecordBatch::try_new(BY_SYMBOL.clone(), columns).map_err(|e| RunError::Internal(e.to_string()))
    }

    /// The statistics so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The statistics as if everything had been closed; `None` while a key has not ended.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn closed(&self) -> Result<Option<Metrics>, RunError> {
        let closed = self.ended().map(|finishes| self.metrics.closed_view(&finishes));
        closed.transpose().map_err(|e| RunError::Internal(e.to_string()))
    }

    /// The statistics that count: those with everything closed where the run did close it, else those so far.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn headline(&self) -> Result<Cow<'_, Metrics>, RunError> {
        let closes = self.finishes.iter().all(|finish| finish.as_ref().is_some_and(Finish::closes));
        let closed = if closes { self.closed()? } else { None };
        Ok(closed.map_or(Cow::Borrowed(&self.metrics), Cow::Owned))
    }

    /// Rows that wait for a key that is behind.
    pub fn held(&self) -> usize {
        self.merge.held()
    }
}

/// Rows of `metrics` with the values of these metrics only.
///
/// # Errors
/// When they are not rows of `metrics`.
pub fn only(rows: &RecordBatch, choice: Choice) -> Result<RecordBatch, RunError> {
    let nothing: ArrayRef = Arc::new(Float64Array::new_null(rows.num_rows()));
    let (view, values) = (rows.column(0).clone(), rows.columns()[1..].iter().enumerate());
    let chosen = values.map(|(metric, column)| if choice.has(metric) { column.clone() } else { nothing.clone() });
    let columns = std::iter::once(view).chain(chosen).collect();
    RecordBatch::try_new(rows.schema(), columns).map_err(|e| RunError::Internal(e.to_string()))
}

/// Rows of `metrics`: a view's name, and the values of the catalogue.
///
/// # Errors
/// None that a list of values as long as the catalogue could cause.
pub fn metrics_rows(views: &[(&str, Vec<Option<f64>>)]) -> Result<RecordBatch, RunError> {
    let names = views.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(names))];
    for metric in 0..CATALOGUE.len() {
        let values = views.iter().map(|(_, values)| values[metric].filter(|x| !x.is_nan()));
        columns.push(Arc::new(values.collect::<Float64Array>()));
    }
    RecordBatch::try_new(METRICS.clone(), columns).map_err(|e| RunError::Internal(e.to_string()))
}
