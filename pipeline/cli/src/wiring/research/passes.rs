//! Sets over a window of time, as many at once as the memory allows.

use super::{
    bars::{Bars, Window},
    study::Study,
};
use crate::exit::usage;
use anyhow::Context;
use candleflow_kernels::{metrics::Metrics, money::Money, strategy::AtEnd};
use candleflow_lake::Lake;
use candleflow_runtime::{
    Last,
    sweep::{Found, Pass, PassKey, PassSet, Passed, SLICE, pass},
};
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

    /// Runs one set that closes at the end of the window, each account beginning with this much; its statistics go on
    /// from those before.
    pub(super) async fn close(
        &self,
        number: u64,
        window: Window,
        balances: &[Money],
        before: Option<Metrics>,
    ) -> anyhow::Result<Found> {
        let prepared = &self.study.prepared;
        let state = prepared.session.state();
        let last = match before {
            Some(metrics) => Last::after(balances.len(), metrics),
            None => Last::new(balances.len(), balances.first().copied().unwrap_or(Money::ZERO)),
        };
        let (mut keys, mut set) = (Vec::new(), PassSet { number, keys: Vec::new(), last, ends: true });
        let sources = self.bars.sources(self.lake, window, self.study.warmup).await?;
        for ((symbol, source), balance) in sources.into_iter().zip(balances) {
            let mut document = prepared.document.clone();
            document.fills.at_end = AtEnd::Close;
            if let Some(account) = &mut document.account {
                account.terms.balance = *balance;
            }
            let many = self.study.with(&document, &[number], &symbol)?;
            let (shared, own) = many.lower(&state, window.from, false)?;
            set.keys.extend(own);
            keys.push(PassKey { key: symbol, source, shared });
        }
        let progress = |_| ();
        let run = Pass { from: window.from, threads: 1, progress: &progress, cancel: self.cancel.clone() };
        match pass(keys, vec![set], &run).await? {
            Passed::Done { mut found, .. } => Ok(found.pop().context("one set was run")?),
            Passed::NeedsEngine => Err(anyhow::anyhow!("a test window runs on the engine")),
        }
    }

    async fn pass(&self, numbers: &[u64], window: Window, progress: &(dyn Fn(u64) + Sync)) -> anyhow::Result<Passed> {
        let prepared = &self.study.prepared;
        let state = prepared.session.state();
        let mut keys = Vec::new();
        let balance = prepared.document.account.as_ref().map_or(Money::ZERO, |account| account.terms.balance);
        let symbols = prepared.compiled.len();
        let set = |n: &u64| PassSet { number: *n, keys: Vec::new(), last: Last::new(symbols, balance), ends: false };
        let mut sets: Vec<PassSet> = numbers.iter().map(set).collect();
        for (symbol, source) in self.bars.sources(self.lake, window, self.study.warmup).await? {
            let many = self.study.again(numbers, &symbol)?;
            let (shared, own) = many.lower(&state, window.from, self.lean())?;
            sets.iter_mut().zip(own).for_each(|(set, own)| set.keys.push(own));
            keys.push(PassKey { key: symbol, source, shared });
        }
        let run = Pass { from: window.from, threads: self.threads, progress, cancel: self.cancel.clone() };
        Ok(pass(keys, sets, &run).await?)
    }
}
