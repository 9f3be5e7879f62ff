//! Sets over a window of time, as many at once as the memory allows.

use super::{
    bars::{Bars, Window},
    study::Study,
};
use crate::{
    exit::usage,
    talk::say,
    wiring::run::{Tables, statics},
};
use anyhow::Context;
use candleflow_engine::{Binding, Statics};
use candleflow_kernels::{metrics::Metrics, money::Money, strategy::AtEnd};
use candleflow_lake::Lake;
use candleflow_runtime::{
    Last,
    sweep::{Found, Pass, PassKey, PassSet, Passed, SLICE, pass},
};
use candleflow_schema::Micros;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a set on its way takes beside its rows: the engine, the metrics, its operators.
const SET: u64 = 64 << 10;
/// A bar that the fast path has in memory.
const BAR: u64 = 40;
/// A step of an account that waits for another symbol.
const STEP: u64 = 320;

/// How sets are computed.
pub(super) struct Passes<'a> {
    pub(super) study: &'a Study,
    pub(super) lake: &'a Lake,
    pub(super) bars: &'a Bars,
    /// The exchange's filters, and funding.
    pub(super) statics: Arc<Statics>,
    /// Sets at the same time.
    pub(super) threads: usize,
    /// Bytes that sets may take.
    pub(super) memory: u64,
    pub(super) cancel: CancellationToken,
}

/// What sets came to.
pub(super) struct Results {
    pub(super) found: Vec<Found>,
    /// First and last event time after the warm-up.
    pub(super) range: Option<(Micros, Micros)>,
}

/// The exchange's filters and funding of these tables, after saying what there is to know of them.
pub(super) async fn said(study: &Study, lake: &Lake, tables: &Tables) -> anyhow::Result<Arc<Statics>> {
    let (statics, warnings) = statics(&study.prepared, lake, tables).await?;
    warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    Ok(statics)
}

impl Passes<'_> {
    fn binding(&self, window: Window) -> Binding {
        Binding { from: window.from, columns: false, statics: self.statics.clone() }
    }

    /// How many sets fit into the memory.
    pub(super) fn fit(&self, window: Window) -> anyhow::Result<usize> {
        let (bars, lean) = (self.bars.count(window, self.study.warmup), self.study.lean);
        let symbols = self.study.prepared.compiled.len() as u64;
        // Days of equity (a day has at least one bar), and steps that wait.
        let waiting = if symbols > 1 { symbols * SLICE as u64 * STEP } else { 0 };
        let one = SET + bars.min(10_000) * 24 + waiting;
        let fixed = if lean { bars * BAR } else { 0 };
        match self.memory.saturating_sub(fixed) / one {
            0 => {
                let (has, needs) = (self.memory >> 20, (fixed + one).div_ceil(1 << 20));
                Err(usage(format!("--memory {has}: one set over {bars} bars needs {needs} MiB")))
            }
            sets => Ok(usize::try_from(sets).unwrap_or(usize::MAX)),
        }
    }

    /// Runs sets over a window; `progress` hears bars times sets. What the fast path leaves to the engine is run again.
    pub(super) async fn run(
        &self,
        numbers: &[u64],
        window: Window,
        progress: &(dyn Fn(u64) + Sync),
    ) -> anyhow::Result<Results> {
        let mut results = Results { found: Vec::with_capacity(numbers.len()), range: None };
        let (most, per_set) = (self.fit(window)?, self.bars.count(window, self.study.warmup));
        let mut to_engine = Vec::new();
        for (place, sets) in numbers.chunks(most).enumerate() {
            let before = (place * most) as u64 * per_set;
            let heard = |bars: u64| progress(before + bars * sets.len() as u64);
            let passed = self.pass(sets, window, self.study.lean, &heard).await?;
            results.found.extend(passed.found);
            results.range = passed.range;
            to_engine.extend(passed.to_engine);
        }
        for sets in to_engine.chunks(most) {
            let passed = self.pass(sets, window, false, &|_| ()).await?;
            results.found.extend(passed.found);
        }
        results.found.sort_unstable_by_key(|found| found.number);
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
            let (shared, own) = many.lower(&state, &self.binding(window), false)?;
            set.keys.extend(own);
            keys.push(PassKey { key: symbol, source, shared });
        }
        let progress = |_| ();
        let run = Pass { from: window.from, threads: 1, progress: &progress, cancel: self.cancel.clone() };
        pass(keys, vec![set], &run).await?.found.pop().context("one set was run")
    }

    async fn pass(
        &self,
        numbers: &[u64],
        window: Window,
        lean: bool,
        progress: &(dyn Fn(u64) + Sync),
    ) -> anyhow::Result<Passed> {
        let prepared = &self.study.prepared;
        let state = prepared.session.state();
        let mut keys = Vec::new();
        let balance = prepared.document.account.as_ref().map_or(Money::ZERO, |account| account.terms.balance);
        let symbols = prepared.compiled.len();
        let set = |n: &u64| PassSet { number: *n, keys: Vec::new(), last: Last::new(symbols, balance), ends: false };
        let mut sets: Vec<PassSet> = numbers.iter().map(set).collect();
        for (symbol, source) in self.bars.sources(self.lake, window, self.study.warmup).await? {
            let many = self.study.again(numbers, &symbol)?;
            let (shared, own) = many.lower(&state, &self.binding(window), lean)?;
            sets.iter_mut().zip(own).for_each(|(set, own)| set.keys.push(own));
            keys.push(PassKey { key: symbol, source, shared });
        }
        let run = Pass { from: window.from, threads: self.threads, progress, cancel: self.cancel.clone() };
        Ok(pass(keys, sets, &run).await?)
    }
}
