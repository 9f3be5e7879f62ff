//! The last task: every key's equity and trades, merged in total order, become the statistics of the whole run.
//!
//! Its input does not depend on the list of sinks. State: one value per open key and the accumulators of the metrics;
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
use candleflow_stream::Step;
use std::sync::{Arc, LazyLock};

/// Most points that the curve keeps.
const POINTS: usize = 512;

/// `metrics`: one row per view.
pub static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new("view", DataType::Utf8, false)];
    fields.extend(CATALOGUE.iter().map(|m| Field::new(m.name, DataType::Float64, true)));
    Arc::new(Schema::new(fields))
});

/// Equity over time, thinned out to at most [`POINTS`] points.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    stride: usize,
    seen: usize,
    points: Vec<(Micros, f64)>,
}

impl Curve {
    fn push(&mut self, time: Micros, equity: f64) {
        self.stride = self.stride.max(1);
        if self.seen.is_multiple_of(self.stride) {
            if self.points.len() == POINTS {
                let mut at = 0;
                self.points.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.points.push((time, equity));
            }
        }
        self.seen += 1;
    }

    /// Times and equities, oldest first.
    pub fn points(&self) -> &[(Micros, f64)] {
        &self.points
    }
}

/// Gathers what all keys did.
pub struct Last {
    merge: Merge<Step>,
    metrics: Metrics,
    marks: Vec<f64>,
    /// The event time whose equity is not yet complete.
    open: Option<Micros>,
    curve: Curve,
    finishes: Vec<Option<Finish>>,
}

impl Last {
    /// For one account per key, each with this balance.
    pub fn new(keys: usize, balance: Money) -> Self {
        Self {
            merge: Merge::new(keys),
            metrics: Metrics::new(&vec![balance; keys], keys),
            marks: vec![balance.to_f64(); keys],
            open: None,
            curve: Curve::default(),
            finishes: vec![None; keys],
        }
    }

    /// Takes what a key's chain gave.
    ///
    /// # Errors
    /// When the key's rows do not rise in event time.
    pub fn push(&mut self, key: usize, steps: Vec<Step>) -> Result<(), RunError> {
        if self.finishes.len() == 1 {
            return steps.into_iter().try_for_each(|step| self.take(key, step.equity.time, &step));
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
        while let Some((key, time, step)) = self.merge.pop() {
            self.take(key, time, &step)?;
        }
        Ok(())
    }

    /// The next step of all keys together.
    fn take(&mut self, key: usize, time: Micros, step: &Step) -> Result<(), RunError> {
        if self.open.is_some_and(|open| open != time) {
            self.point();
        }
        self.open = Some(time);
        self.marks[key] = step.equity.equity;
        let failed = |e: candleflow_kernels::money::Overflow| RunError::Internal(e.to_string());
        step.orders.iter().try_for_each(|o| self.metrics.order(o)).map_err(failed)?;
        step.trades.iter().try_for_each(|t| self.metrics.trade(t)).map_err(failed)?;
        self.metrics.equity(key, &step.equity);
        self.metrics.market(key, step.close);
        Ok(())
    }

    fn point(&mut self) {
        if let Some(time) = self.open.take() {
            self.curve.push(time, self.marks.iter().sum());
        }
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

    /// Equity over time.
    pub fn curve(&mut self) -> Curve {
        self.point();
        self.curve.clone()
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
