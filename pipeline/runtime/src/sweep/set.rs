//! One set on its way through time.

use super::{Found, PassSet};
use crate::{Last, RunError, last::metrics_rows, outlets::metrics_digest, sweep::Failed};
use arrow::array::ArrayRef;
use candleflow_kernels::{
    money::Money,
    strategy::{Market, Signals},
};
use candleflow_schema::Micros;
use candleflow_stream::{
    Emit,
    columns::values,
    graph::{SetOfKey, Trader, batch},
};

pub(super) struct SetState {
    number: u64,
    keys: Vec<SetOfKey>,
    /// What the engine did; on the fast path it stays empty.
    last: Last,
    entry: Signals,
    exit: Signals,
}

impl SetState {
    pub(super) fn new(set: PassSet, keys: usize, balance: Money) -> Self {
        let last = Last::new(keys, balance);
        SetState { number: set.number, keys: set.keys, last, entry: Signals::default(), exit: Signals::default() }
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
                    let columns = columns.iter().map(|from| values("sweep", from.column(shared, &own)));
                    let columns = columns.collect::<Result<Vec<_>, _>>()?;
                    let columns: Vec<&[f64]> = columns.iter().map(|column| &column[warm..]).collect();
                    signals.extend(count, &columns);
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
        Ok(Found { number: self.number, metrics, digest, blocks })
    }
}
