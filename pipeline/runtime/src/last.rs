//! The last task: every key's equity and trades, merged in total order, become the statistics of the whole run.
//!
//! Its input does not depend on the list of sinks. State: the accumulators of the metrics;
//! rows wait in the merge only as long as another key is behind.

use crate::RunError;
use arrow::{
    array::{ArrayRef, Float64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use candleflow_kernels::{
    metrics::{CATALOGUE, Metrics},
    money::Money,
    strategy::Finish,
};
use candleflow_schema::{Merge, Micros};
use candleflow_stream::{Closes, Step};
use std::sync::{Arc, LazyLock};

/// `metrics`: one row per view.
pub static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new("view", DataType::Utf8, false)];
    fields.extend(CATALOGUE.iter().map(|m| Field::new(m.name, DataType::Float64, true)));
    Arc::new(Schema::new(fields))
});

/// Hears of every bar of every account, in total order: the key's place and the step.
pub type Watch = Box<dyn FnMut(usize, &Step) + Send>;

/// Gathers what all keys did.
pub struct Last {
    merge: Merge<Step>,
    metrics: Metrics,
    watch: Option<Watch>,
    finishes: Vec<Option<Finish>>,
}

impl Last {
    /// For one account per key, each with this balance.
    pub fn new(keys: usize, balance: Money) -> Self {
        Self {
            merge: Merge::new(keys),
            metrics: Metrics::new(&vec![balance; keys], keys),
            watch: None,
            finishes: vec![None; keys],
        }
    }

    /// The same, in which the statistics go on from those of a run before: its accounts were closed, and these begin with
    /// what it left.
    pub fn after(keys: usize, metrics: Metrics) -> Self {
        Self { metrics, ..Self::new(keys, Money::ZERO) }
    }

    /// The cash of every account after the closed view; `None` while a key has not ended or had no bar.
    pub fn cash(&self) -> Option<Vec<Money>> {
        self.finishes.iter().map(|finish| Some(finish.as_ref()?.equity?.cash)).collect()
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
        self.drain()
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
        step.orders.iter().try_for_each(|o| self.metrics.order(o)).map_err(failed)?;
        step.trades.iter().try_for_each(|t| self.metrics.trade(t)).map_err(failed)?;
        self.metrics.equity(key, &step.equity);
        match &step.closes {
            Closes::One(close) => self.metrics.market(key, *close),
            Closes::Some(closes) => closes.iter().for_each(|(symbol, close)| self.metrics.market(*symbol, *close)),
        }
        if let Some(watch) = &mut self.watch {
            watch(key, step);
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

    /// The statistics so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The statistics as if everything had been closed; `None` while a key has not ended.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn closed(&self) -> Result<Option<Metrics>, RunError> {
        let finishes: Option<Vec<Finish>> = self.finishes.iter().cloned().collect();
        let closed = finishes.map(|finishes| self.metrics.closed_view(&finishes));
        closed.transpose().map_err(|e| RunError::Internal(e.to_string()))
    }

    /// Rows that wait for a key that is behind.
    pub fn held(&self) -> usize {
        self.merge.held()
    }
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
