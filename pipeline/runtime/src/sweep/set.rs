//! One set on its way through time.

use super::{End, Found, PassSet};
use crate::{Last, RunError, last::metrics_rows, outlets::metrics_digest, sweep::Failed};
use arrow::array::ArrayRef;
use candleflow_kernels::strategy::{EngineError, Goes, Market, Walk};
use candleflow_schema::Micros;
use candleflow_stream::{
    Emit,
    graph::{LeanRules, Node, SetOfKey, Taken, Trader, batch},
};

pub(super) struct SetState {
    number: u64,
    keys: Vec<SetOfKey>,
    /// What the engine did; on the fast path it stays empty.
    last: Last,
    ends: bool,
    /// How far the fast path is; `None` for a set that is not on it, or not any more.
    walk: Option<Walk>,
}

impl SetState {
    pub(super) fn new(set: PassSet) -> Self {
        let PassSet { number, keys, last, ends } = set;
        let mut state = SetState { number, keys, last, ends, walk: None };
        state.walk = state.lean().map(|rules| rules.lean.walk());
        state
    }

    fn lean(&self) -> Option<&LeanRules> {
        match self.keys.first().map(|key| &key.trader) {
            Some(Trader::Lean(rules)) => Some(rules),
            _ => None,
        }
    }

    pub(super) fn is_lean(&self) -> bool {
        self.lean().is_some()
    }

    /// What it does on a key.
    pub(super) fn on(&self, key: usize) -> Option<&SetOfKey> {
        self.keys.get(key)
    }

    /// The next rows of a key; the fast path has the market up to them, and the columns that cross in them.
    pub(super) fn rows(
        &mut self,
        key: usize,
        shared: &[ArrayRef],
        lean: Option<(&Market<'_>, &Taken<'_>)>,
    ) -> Result<(), Failed> {
        let SetOfKey { nodes, trader } = &mut self.keys[key];
        match (trader, lean) {
            (Trader::Lean(rules), Some((market, crossing))) => {
                let Some(walk) = &mut self.walk else { return Ok(()) };
                let own = columns(nodes, shared)?;
                let hearing = rules.hear(shared, &own, crossing, market.len() - crossing.bars())?;
                let goes = walk.advance(&rules.lean, market, &hearing).map_err(|e| Failed::Run(internal(&e)))?;
                if goes == Goes::ToEngine {
                    self.walk = None;
                }
            }
            (Trader::Full { strategy, schema, columns: needed }, _) => {
                let own = columns(nodes, shared)?;
                let rows = batch(schema, needed.iter().map(|from| from.column(shared, &own)))?;
                let mut emit = Emit::default();
                strategy.process(rows, &mut emit)?;
                self.last.push(key, emit.given.steps).map_err(Failed::Run)?;
            }
            (Trader::Lean(_), None) => {}
        }
        Ok(())
    }

    pub(super) fn complete(&mut self, key: usize, time: Micros) -> Result<(), RunError> {
        self.last.complete(key, time)
    }

    pub(super) fn end(&mut self, key: usize) -> Result<(), RunError> {
        let Trader::Full { strategy, .. } = &mut self.keys[key].trader else { return Ok(()) };
        let mut emit = Emit::default();
        let failed = |error| RunError::Operator { symbol: format!("set {}", self.number), error };
        strategy.finish(&mut emit).map_err(failed)?;
        self.last.end(key, emit.given.finish)
    }

    /// What it came to; only its number where the fast path was left for the engine.
    pub(super) fn found(
        &mut self,
        market: &Market<'_>,
        range: (Micros, Micros),
    ) -> Result<Result<Found, u64>, RunError> {
        let (metrics, blocks) = match (self.lean().map(|rules| &rules.lean), &self.walk) {
            (Some(lean), Some(walk)) => {
                let Some(run) = walk.clone().finish(lean, market).map_err(|e| internal(&e))? else {
                    return Ok(Err(self.number));
                };
                let values = run.metrics.values();
                let closed = run.closed.map_or_else(|| values.clone(), |closed| closed.values());
                let blocks = run.metrics.return_blocks(range.0, range.1);
                (metrics_rows(&[("mark", values), ("closed", closed)])?, blocks)
            }
            (Some(_), None) => return Ok(Err(self.number)),
            (None, _) => (self.last.rows()?, self.last.metrics().return_blocks(range.0, range.1)),
        };
        let digest = metrics_digest(&metrics)?;
        let ends = self.last.cash().filter(|_| self.ends);
        let end = ends.zip(self.last.closed()?).map(|(cash, metrics)| End { metrics, cash });
        Ok(Ok(Found { number: self.number, metrics, digest, blocks, end }))
    }
}

fn internal(error: &EngineError) -> RunError {
    RunError::Internal(error.to_string())
}

/// The columns of a set's own nodes.
fn columns(nodes: &mut [Node], shared: &[ArrayRef]) -> Result<Vec<ArrayRef>, Failed> {
    let mut own = Vec::new();
    for node in nodes {
        own.extend(node.process(shared, &own)?);
    }
    Ok(own)
}
