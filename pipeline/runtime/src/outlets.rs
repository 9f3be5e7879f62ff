//! Where rows leave: every row enters its digest, gets its ordinal, and goes to the sinks of its output.
//!
//! An ordinal counts the rows of one output in one task, from 0; there is no other way to write to a sink. Rows that a
//! sink already has are dropped. A digest chain runs per output and key; rows that exist only because the input ended
//! have a chain of their own, so that all others are a prefix of any longer run.

use crate::{RunError, telemetry};
use arrow::{
    array::{AsArray, RecordBatch, UInt64Array},
    compute::take_record_batch,
    datatypes::SchemaRef,
};
use candleflow_schema::{
    ConnectorError, OrdinalBatch, Sink, Symbol,
    digest::{self, Chain, Digest},
};
use candleflow_stream::{Output, portfolio::ALL};
use futures::future::try_join_all;
use std::collections::BTreeMap;

struct Lane {
    sink: Box<dyn Sink>,
    /// Rows that the sink had when it was opened.
    have: u64,
    /// Whether every write is committed at once.
    eager: bool,
}

/// The outputs of a run.
#[derive(Default)]
pub struct Outlets {
    keys: Vec<Symbol>,
    lanes: BTreeMap<(Output, usize), Vec<Lane>>,
    /// The next ordinal, by output and task.
    next: BTreeMap<(Output, usize), u64>,
    chains: BTreeMap<(&'static str, bool, usize), Chain>,
}

impl Outlets {
    /// Outputs without sinks: rows are only digested.
    pub fn new(keys: Vec<Symbol>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Sends an output of a task to a sink; an eager one commits whatever it is given at once.
    ///
    /// # Errors
    /// When the sink cannot say how far it is.
    pub async fn attach(
        &mut self,
        output: Output,
        task: usize,
        mut sink: Box<dyn Sink>,
        eager: bool,
    ) -> Result<(), ConnectorError> {
        let have = sink.progress().await?;
        self.lanes.entry((output, task)).or_default().push(Lane { sink, have, eager });
        Ok(())
    }

    /// Takes rows of a key, computed by a task. `last`: they exist only because the input ended.
    ///
    /// # Errors
    /// Of a sink, or when a column cannot be digested.
    pub async fn write(
        &mut self,
        key: usize,
        task: usize,
        rows: Vec<(Output, RecordBatch)>,
        last: bool,
    ) -> Result<(), RunError> {
        for (output, rows) in rows {
            self.digest(output.name(), key, &rows, last)?;
            self.send(output, task, rows).await?;
        }
        Ok(())
    }

    /// Rows with their ordinals to the sinks.
    async fn send(&mut self, output: Output, task: usize, rows: RecordBatch) -> Result<(), RunError> {
        telemetry::rows_out(output.name(), rows.num_rows());
        let next = self.next.entry((output, task)).or_insert(0);
        let batch = OrdinalBatch { first: *next, rows };
        *next = batch.end();
        for lane in self.lanes.get_mut(&(output, task)).into_iter().flatten() {
            if let Some(batch) = batch.clone().after(lane.have) {
                lane.sink.write(batch).await?;
                if lane.eager {
                    lane.sink.commit().await?;
                }
            }
        }
        Ok(())
    }

    /// Takes rows of several keys, told apart by their column `symbol`.
    ///
    /// # Errors
    /// As [`write`](Self::write); when a symbol is not a key.
    pub async fn write_mixed(
        &mut self,
        task: usize,
        rows: Vec<(Output, RecordBatch)>,
        last: bool,
    ) -> Result<(), RunError> {
        for (output, rows) in rows {
            for (key, part) in self.by_key(&rows)? {
                self.digest(output.name(), key, &part, last)?;
            }
            self.send(output, task, rows).await?;
        }
        Ok(())
    }

    /// Rows by key, each key's in their order.
    fn by_key(&self, rows: &RecordBatch) -> Result<Vec<(usize, RecordBatch)>, RunError> {
        let failed = |e: String| RunError::Internal(e);
        let symbols = rows.column_by_name("symbol").and_then(|c| c.as_string_opt::<i32>());
        let symbols = symbols.ok_or_else(|| failed("rows of several keys have no column symbol".into()))?;
        let mut places: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for row in 0..rows.num_rows() {
            let key = self.keys.iter().position(|k| **k == *symbols.value(row));
            let key = key.ok_or_else(|| failed(format!("'{}' is not a key of this run", symbols.value(row))))?;
            places.entry(key).or_default().push(row as u64);
        }
        if let (1, Some((key, _))) = (places.len(), places.first_key_value()) {
            return Ok(vec![(*key, rows.clone())]);
        }
        let part = |(key, places): (usize, Vec<u64>)| {
            let taken = take_record_batch(rows, &UInt64Array::from(places)).map_err(|e| failed(e.to_string()))?;
            Ok((key, taken))
        };
        places.into_iter().map(part).collect()
    }

    /// Adds rows to the digest alone.
    ///
    /// # Errors
    /// When a column cannot be digested.
    pub fn digest(&mut self, output: &'static str, key: usize, rows: &RecordBatch, last: bool) -> Result<(), RunError> {
        let name = self.keys.get(key).map_or("", |k| k);
        let chain = self.chains.entry((output, last, key));
        let chain = chain.or_insert_with(|| Chain::new(&named(output, last), name, &rows.schema()));
        chain.update(rows).map_err(|e| RunError::Internal(e.to_string()))
    }

    /// The symbols among the keys, as listed.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.keys.iter().filter(|key| ***key != *ALL).cloned().collect()
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// Of a sink.
    pub async fn commit(&mut self) -> Result<(), RunError> {
        // At the same time, so that sinks of one table can share a commit.
        try_join_all(self.lanes.values_mut().flatten().map(|lane| lane.sink.commit())).await?;
        telemetry::commit();
        Ok(())
    }

    /// Rows per output so far, the last ones included.
    pub fn rows(&self) -> BTreeMap<&'static str, u64> {
        let mut rows = BTreeMap::new();
        for ((output, _, _), chain) in &self.chains {
            *rows.entry(*output).or_default() += chain.rows();
        }
        rows
    }

    /// The run's digest so far.
    pub fn value(&self, pipeline: &str) -> Digest {
        let names: Vec<_> = self.chains.iter().map(|((o, last, k), c)| (named(o, *last), *k, c)).collect();
        let list = names.iter().map(|(o, k, c)| (o.as_str(), self.keys.get(*k).map_or("", |k| k), *c));
        digest::of_run(pipeline, list)
    }

    /// Rows and chain of every output and key, for a person who looks for a difference.
    pub fn chains(&self) -> Vec<(String, String, u64, Digest)> {
        let key = |k: &usize| self.keys.get(*k).map_or("", |k| k).to_owned();
        self.chains.iter().map(|((o, last, k), c)| (named(o, *last), key(k), c.rows(), c.value())).collect()
    }
}

/// The chain that rows of `metrics` have in the digest of a run.
///
/// # Errors
/// When a column cannot be digested.
pub fn metrics_digest(rows: &RecordBatch) -> Result<Digest, RunError> {
    let mut chain = Chain::new(&named("metrics", true), "", &rows.schema());
    chain.update(rows).map_err(|e| RunError::Internal(e.to_string()))?;
    Ok(chain.value())
}

fn named(output: &str, last: bool) -> String {
    if last { format!("{output}.final") } else { output.to_owned() }
}

/// Schemas of the outputs that a strategy has.
pub fn schema_of(output: Output) -> Option<SchemaRef> {
    match output {
        Output::Orders => Some(candleflow_stream::strategy::ORDERS.clone()),
        Output::Trades => Some(candleflow_stream::strategy::TRADES.clone()),
        Output::Equity => Some(candleflow_stream::strategy::EQUITY.clone()),
        Output::Columns => None,
    }
}
