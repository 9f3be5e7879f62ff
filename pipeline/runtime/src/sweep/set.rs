//! One set on its way through time.

use super::{End, Found, PassSet};
use crate::{Last, RunError, last::metrics_rows, outlets::metrics_digest, sweep::Failed};
use arrow::array::{Array, ArrayRef};
use candleflow_kernels::strategy::{Market, Signals};
use candleflow_schema::Micros;
use candleflow_stream::{
    Emit,
    graph::{SetOfKey, Trader, batch},
};

pub(super) struct SetState {
    number: u64,
    keys: Vec<SetOfKey>,
    /// What the engine did; on the fast path it stays empty.
    last: Last,
    ends: bool,
    entry: Signals,
    exit: Signals,
}

impl SetState {
    pub(super) fn new(set: PassSet) -> Self {
        let PassSet { number, keys, last, ends } = set;
        SetState { number, keys, last, ends, entry: Signals::default(), exit: Signals::default() }
    }

    pub(super) fn is_lean(&self) -> bool {
        matches!(self.keys.first(), Some(SetOfKey { trader: Trader::Lean { .. }, .. }))
    }

    /// The next rows of a key, of which the first `warm` are warm-up.
    pub(super) fn rows(&mut self, key: usize, shared: &[ArrayRef], warm: usize) -> Result<(), Failed> {
        let SetOfKey { nodes, trader } = &mut self.keys[key];
        let mut own = Vec::new();
        for node in nodes {
            own.extend(node.process(shared, &own)?);
        }
        match trader {
            Trader::Lean { entry, exit, .. } => {
                let count = shared[0].len() - warm;
                for (signals, columns) in [(&mut self.entry, entry), (&mut self.exit, exit)] {
                    let mut either = vec![0; count.div_ceil(64)];
                    columns.iter_mut().try_for_each(|signal| signal.add(shared, &own, warm, &mut either))?;
                    signals.extend(count, &either);
                }
            }
            Trader::Full { strategy, schema, columns } => {
                let rows = batch(schema, columns.iter().map(|from| from.column(shared, &own)))?;
                let mut emit = Emit::default();
                strategy.process(rows, &mut emit)?;
                self.last.push(key, emit.given.steps).map_err(Failed::Run)?;
            }
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

    /// Whether the fast path, if the set is on it, does for these bars.
    pub(super) fn takes(&self, market: &Market<'_>) -> bool {
        match self.keys.first().map(|key| &key.trader) {
            Some(Trader::Lean { lean, .. }) => lean.takes(market),
            _ => true,
        }
    }

    pub(super) fn found(&mut self, market: &Market<'_>, range: (Micros, Micros)) -> Result<Found, RunError> {
        let (metrics, blocks) = match self.keys.first().map(|key| &key.trader) {
            Some(Trader::Lean { lean, .. }) => {
                let failed = |e: candleflow_kernels::strategy::EngineError| RunError::Internal(e.to_string());
                let run = lean.run(market, &self.entry, &self.exit).map_err(failed)?;
                let rows = metrics_rows(&[("mark", run.metrics.values()), ("closed", run.closed.values())])?;
                (rows, run.metrics.return_blocks(range.0, range.1))
            }
            _ => (self.last.rows()?, self.last.metrics().return_blocks(range.0, range.1)),
        };
        let digest = metrics_digest(&metrics)?;
        let ends = self.last.cash().filter(|_| self.ends);
        let end = ends.zip(self.last.closed()?).map(|(cash, metrics)| End { metrics, cash });
        Ok(Found { number: self.number, metrics, digest, blocks, end })
    }
}
