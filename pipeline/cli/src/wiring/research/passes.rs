//! Sets over a window of time, as many at once as the memory allows.

use super::{
    bars::{Bars, Window},
    study::Study,
};
use crate::exit::usage;
use candleflow_kernels::money::Money;
use candleflow_lake::Lake;
use candleflow_runtime::sweep::{Found, Pass, PassKey, PassSet, Passed, SLICE, pass};
use candleflow_schema::Micros;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// What a set on its way takes beside its rows: the engine, the metrics, its operators.
const SET: u64 = 64 << 10;
/// A step of an account that waits for another symbol.
const STEP: u64 = 320;

/// How sets are computed.
pub(super) struct Passes<'a> {
    pub(super) study: &'a Study,
    pub(super) lake: &'a Lake,
    pub(super) bars: &'a Bars,
    /// Sets at the same time.
    pub(super) threads: usize,
    /// Bytes that sets may take.
    pub(super) memory: u64,
    /// Whether bars were met that the fast path does not take.
    pub(super) engine: AtomicBool,
    pub(super) cancel: CancellationToken,
}

/// What sets came to.
pub(super) struct Results {
    pub(super) found: Vec<Found>,
    /// First and last event time after the warm-up.
    pub(super) range: Option<(Micros, Micros)>,
}

impl Passes<'_> {
    /// Whether sets take the fast path.
    fn lean(&self) -> bool {
        self.study.lean && !self.engine.load(Ordering::Relaxed)
    }

    /// How many sets fit into the memory.
    pub(super) fn fit(&self, window: Window) -> anyhow::Result<usize> {
        let bars = self.bars.count(window, self.study.warmup);
        let symbols = self.study.prepared.compiled.len() as u64;
        // Two bits a bar for signals, or days of equity (a day has at least one bar) and steps that wait.
        let waiting = if symbols > 1 { symbols * SLICE as u64 * STEP } else { 0 };
        let one = SET + if self.lean() { bars / 4 } else { bars.min(10_000) * 24 + waiting };
        let fixed = if self.lean() { bars * 32 } else { 0 };
        match self.memory.saturating_sub(fixed) / one {
            0 => {
                let (has, needs) = (self.memory >> 20, (fixed + one).div_ceil(1 << 20));
                Err(usage(format!("--memory {has}: one set over {bars} bars needs {needs} MiB")))
            }
            sets => Ok(usize::try_from(sets).unwrap_or(usize::MAX)),
        }
    }

    /// Runs sets over a window; `progress` hears bars times sets.
    pub(super) async fn run(
        &self,
        numbers: &[u64],
        window: Window,
        progress: &(dyn Fn(u64) + Sync),
    ) -> anyhow::Result<Results> {
        let mut results = Results { found: Vec::with_capacity(numbers.len()), range: None };
        let mut at = 0;
        while at < numbers.len() {
            let sets = &numbers[at..numbers.len().min(at + self.fit(window)?)];
            let heard =
                |bars: u64| progress(at as u64 * self.bars.count(window, self.study.warmup) + bars * sets.len() as u64);
            match self.pass(sets, window, &heard).await? {
                Passed::NeedsEngine => self.engine.store(true, Ordering::Relaxed),
                Passed::Done { found, range, .. } => {
                    at += sets.len();
                    results.found.extend(found);
                    results.range = range;
                }
            }
        }
        Ok(results)
    }

    async fn pass(&self, numbers: &[u64], window: Window, progress: &(dyn Fn(u64) + Sync)) -> anyhow::Result<Passed> {
        let prepared = &self.study.prepared;
        let state = prepared.session.state();
        let mut keys = Vec::new();
        let mut sets: Vec<PassSet> = numbers.iter().map(|n| PassSet { number: *n, keys: Vec::new() }).collect();
        for (symbol, source) in self.bars.sources(self.lake, window, self.study.warmup).await? {
            let many = self.study.again(numbers, &symbol)?;
            let (shared, own) = many.lower(&state, window.from, self.lean())?;
            sets.iter_mut().zip(own).for_each(|(set, own)| set.keys.push(own));
            keys.push(PassKey { key: symbol, source, shared });
        }
        let balance = prepared.document.account.as_ref().map_or(Money::ZERO, |account| account.terms.balance);
        let run = Pass { from: window.from, balance, threads: self.threads, progress, cancel: self.cancel.clone() };
        Ok(pass(keys, sets, &run).await?)
    }
}
