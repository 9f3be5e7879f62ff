//! One set on its way through time.

use super::{End, Found, PassSet, rounds::Round};
use crate::{
    Last, RunError,
    last::{metrics_rows, only},
    outlets::metrics_digest,
    sweep::Failed,
    tail::ACCOUNT,
};
use arrow::array::ArrayRef;
use candleflow_kernels::{
    metrics::Choice,
    strategy::{EngineError, Goes, Market, Walk},
};
use candleflow_schema::Micros;
use candleflow_stream::{
    Emit, Notes, OperatorError, Portfolio,
    graph::{LeanRules, Node, SetOfKey, Taken, Trader, batch},
};

pub(super) struct SetState {
    number: u64,
    keys: Vec<SetOfKey>,
    /// What the engine did; on the fast path it stays empty.
    last: Last,
    /// One account over all keys, if it has that.
    account: Option<Portfolio>,
    notes: Notes,
    ends: bool,
    /// The metrics that are wanted.
    choice: Choice,
    /// How far the fast path is; `None` for a set that is not on it, or not any more.
    walk: Option<Walk>,
}

impl SetState {
    pub(super) fn new(set: PassSet, choice: Choice) -> Self {
        let PassSet { number, keys, account, last, ends } = set;
        let account = account.map(Portfolio::without_rows);
        let mut state = SetState { number, keys, last, account, notes: Notes::default(), ends, choice, walk: None };
        state.walk = state.lean().map(|rules| rules.lean.walk(choice));
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

    pub(super) fn has_account(&self) -> bool {
        self.account.is_some()
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
            (Trader::Lean(_), None) | (Trader::Meets { .. }, _) => {}
        }
        Ok(())
    }

    /// The next rows of all keys that meet in its account.
    pub(super) fn round(&mut self, round: &Round) -> Result<(), RunError> {
        let failed = self.failed();
        let Some(account) = &mut self.account else { return Ok(()) };
        for (key, shared) in &round.rows {
            let SetOfKey { nodes, trader } = &mut self.keys[*key];
            let Trader::Meets { schema, columns: needed } = trader else { continue };
            let own = columns(nodes, shared).map_err(&failed)?;
            let rows = batch(schema, needed.iter().map(|from| from.column(shared, &own))).map_err(&failed)?;
            let met = account.push(*key, &rows).map_err(&failed)?;
            self.last.push(ACCOUNT, met.steps)?;
        }
        for key in 0..self.keys.len() {
            let met = account.complete(key, round.known).map_err(&failed)?;
            self.last.push(ACCOUNT, met.steps)?;
        }
        Ok(())
    }

    /// Names the set in an error of its operators.
    fn failed(&self) -> impl Fn(OperatorError) -> RunError + use<> {
        let number = self.number;
        move |error| RunError::Operator { symbol: format!("set {number}"), error }
    }

    pub(super) fn complete(&mut self, key: usize, time: Micros) -> Result<(), RunError> {
        self.last.complete(key, time)
    }

    pub(super) fn end(&mut self, key: usize) -> Result<(), RunError> {
        let failed = self.failed();
        let Trader::Full { strategy, .. } = &mut self.keys[key].trader else { return Ok(()) };
        let mut emit = Emit::default();
        strategy.finish(&mut emit).map_err(failed)?;
        self.notes.add(emit.given.notes);
        self.last.end(key, emit.given.finish)
    }

    /// What it came to; only its number where the fast path was left for the engine.
    pub(super) fn found(
        &mut self,
        market: &Market<'_>,
        range: (Micros, Micros),
    ) -> Result<Result<Found, u64>, RunError> {
        let failed = self.failed();
        if let Some(account) = &mut self.account {
            let met = account.finish().map_err(failed)?;
            self.notes.add(met.notes);
            self.last.push(ACCOUNT, met.steps)?;
            self.last.end(ACCOUNT, met.finish)?;
        }
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
            (None, _) => {
                (only(&self.last.rows()?, self.choice)?, self.last.headline()?.return_blocks(range.0, range.1))
            }
        };
        let digest = metrics_digest(&metrics)?;
        let ends = self.last.cash().filter(|_| self.ends);
        let end = ends.zip(self.last.closed()?).map(|(cash, metrics)| End { metrics, cash });
        Ok(Ok(Found { number: self.number, metrics, digest, blocks, notes: self.notes, end }))
    }
}

fn internal(error: &EngineError) -> RunError {
    RunError::Internal(error.to_string())
}

/// The columns of a set's own nodes.
fn columns(nodes: &mut [Node], shared: &[ArrayRef]) -> Result<Vec<ArrayRef>, OperatorError> {
    let mut own = Vec::new();
    for node in nodes {
        own.extend(node.process(shared, &own)?);
    }
    Ok(own)
}
