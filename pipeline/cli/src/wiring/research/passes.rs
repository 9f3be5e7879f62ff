//! Sets over a window of time, as many at once as the memory allows.

use super::{
    bars::{Bars, Window},
    study::Study,
    waiting,
};
use crate::{
    exit::usage,
    talk::say,
    wiring::run::{Tables, statics},
};
use anyhow::Context;
use candleflow_config::Document;
use candleflow_engine::{Binding, Gathering, Statics};
use candleflow_kernels::{
    metrics::{Choice, Metrics},
    money::Money,
    strategy::AtEnd,
};
use candleflow_lake::Lake;
use candleflow_runtime::{
    Last,
    sweep::{End, Found, Pass, PassKey, PassSet, Passed, SLICE, pass, slice_of_many},
};
use candleflow_schema::Micros;
use candleflow_stream::Intake;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a set on its way takes beside its rows: the engine, the metrics, its operators.
const SET: u64 = 64 << 10;
/// A bar that the fast path has in memory.
const BAR: u64 = 40;
/// A step of an account that waits for another symbol.
const STEP: u64 = 320;
/// What a symbol of an account over all of them takes in a set: its rules and operators.
const MEMBER: u64 = 8 << 10;
/// A row that meets others in such an account.
const ROW: u64 = 256;
/// Finer bars of a symbol on their way, once for all sets; and those of the rows that meet in an account.
const FINER: u64 = 16 << 20;

/// How sets are computed.
pub(super) struct Passes<'a> {
    pub(super) study: &'a Study,
    pub(super) lake: &'a Lake,
    pub(super) bars: &'a Bars,
    /// The exchange's filters, and funding.
    pub(super) statics: Arc<Statics>,
    /// The metrics that are wanted of each set.
    pub(super) choice: Choice,
    /// Sets at the same time.
    pub(super) threads: usize,
    /// Bytes that sets may take.
    pub(super) memory: u64,
    pub(super) cancel: CancellationToken,
}

/// What is done on a symbol.
enum Does<'d> {
    /// A set trades, by the study's document.
    Trades(&'d Document),
    /// A set trades, by this one.
    Closes(Box<Document>),
    /// Nothing, with this much.
    Waits(Money),
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
        let prepared = &self.study.prepared;
        let (symbols, together) = (prepared.compiled.len() as u64, prepared.is_portfolio());
        let waiting = match symbols {
            // Rows of an account wait once for all sets; each set has room for those of a round.
            _ if together => symbols * (MEMBER + slice_of_many(prepared.compiled.len()) as u64 * ROW),
            0 | 1 => 0,
            _ => symbols * SLICE as u64 * STEP,
        };
        // Days of equity (a day has at least one bar), and what waits.
        let one = SET + bars.min(10_000) * 24 + waiting;
        let finer = prepared.detail().map_or(0, |_| symbols * FINER);
        let finer = finer * if together { 1 + self.threads as u64 } else { 1 };
        let fixed = finer + if lean { bars * BAR } else { 0 };
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
    /// from those before. Nothing is traded without a set, and by an account that has nothing.
    pub(super) async fn close(
        &self,
        number: Option<u64>,
        window: Window,
        balances: &[Money],
        before: Option<Metrics>,
    ) -> anyhow::Result<Found> {
        let last = match before {
            Some(metrics) => Last::after(balances.len(), metrics),
            None => self.last(balances.first().copied().unwrap_or(Money::ZERO)),
        };
        let set = number.unwrap_or_default();
        let mut sets = vec![PassSet { number: set, keys: Vec::new(), account: None, last, ends: true }];
        let closing = |place: usize| {
            // Symbols of one account begin with the same money.
            let balance = balances.get(place).or(balances.last()).copied().unwrap_or(Money::ZERO);
            if number.is_none() || balance <= Money::ZERO {
                return Does::Waits(balance);
            }
            let mut document = self.study.prepared.document.clone();
            document.fills.at_end = AtEnd::Close;
            if let Some(account) = &mut document.account {
                account.terms.balance = balance;
            }
            Does::Closes(Box::new(document))
        };
        let keys = self.keys(&mut sets, window, false, closing).await?;
        let progress = |_| ();
        let (choice, cancel) = (Choice::ALL, self.cancel.clone());
        let run = Pass { from: window.from, threads: 1, progress: &progress, choice, cancel };
        pass(keys, sets, &run).await?.found.pop().context("one set was run")
    }

    async fn pass(
        &self,
        numbers: &[u64],
        window: Window,
        lean: bool,
        progress: &(dyn Fn(u64) + Sync),
    ) -> anyhow::Result<Passed> {
        let document = &self.study.prepared.document;
        let balance = document.account.as_ref().map_or(Money::ZERO, |account| account.terms.balance);
        let set = |number: &u64| {
            let last = self.last(balance);
            PassSet { number: *number, keys: Vec::new(), account: None, last, ends: false }
        };
        let mut sets: Vec<PassSet> = numbers.iter().map(set).collect();
        let keys = self.keys(&mut sets, window, lean, |_| Does::Trades(document)).await?;
        let (threads, choice, cancel) = (self.threads, self.choice, self.cancel.clone());
        let run = Pass { from: window.from, threads, progress, choice, cancel };
        Ok(pass(keys, sets, &run).await?)
    }

    /// The statistics of a set that has not begun.
    fn last(&self, balance: Money) -> Last {
        let symbols = self.study.prepared.compiled.len();
        match self.study.prepared.is_portfolio() {
            true => Last::portfolio(symbols, balance),
            false => Last::new(symbols, balance),
        }
    }

    /// How the accounts end after [`close`](Self::close); one over all symbols may have nothing to do there.
    pub(super) async fn end(
        &self,
        number: Option<u64>,
        window: Window,
        balances: &[Money],
        before: Option<Metrics>,
    ) -> anyhow::Result<End> {
        let cash = balances.first().copied().unwrap_or(Money::ZERO);
        if self.study.prepared.is_portfolio() && (number.is_none() || cash <= Money::ZERO) {
            let last = before.map_or_else(|| self.last(cash), |metrics| Last::after(1, metrics));
            let sources = self.bars.sources(self.study, self.lake, window).await?;
            return waiting::together(sources, cash, window.from, last).await;
        }
        self.close(number, window, balances, before).await?.end.context("an end was wanted")
    }

    /// The symbols with their bars, and in `sets` what each set does on them; `does` tells of a symbol by its place.
    async fn keys<'d>(
        &self,
        sets: &mut [PassSet],
        window: Window,
        lean: bool,
        does: impl Fn(usize) -> Does<'d>,
    ) -> anyhow::Result<Vec<PassKey>> {
        let (prepared, binding) = (&self.study.prepared, self.binding(window));
        let (state, together) = (prepared.session.state(), prepared.is_portfolio());
        let numbers: Vec<u64> = sets.iter().map(|set| set.number).collect();
        let mut accounts: Vec<Gathering> = Vec::new();
        accounts.resize_with(if together { sets.len() } else { 0 }, Gathering::default);
        let mut keys = Vec::new();
        let sources = self.bars.sources(self.study, self.lake, window).await?;
        for (place, (symbol, source)) in sources.into_iter().enumerate() {
            let does = does(place);
            let document = match &does {
                Does::Trades(document) => document,
                Does::Closes(document) => document.as_ref(),
                Does::Waits(cash) => {
                    for set in sets.iter_mut() {
                        set.keys.push(waiting::alone(*cash, window.from)?);
                    }
                    keys.push(PassKey { key: symbol, source, intake: Intake::default(), shared: Vec::new() });
                    continue;
                }
            };
            let many = self.study.with(document, &numbers, &symbol)?;
            let (shared, own) = many.lower(&state, &binding, lean)?;
            many.join(&mut accounts, &binding)?;
            sets.iter_mut().zip(own).for_each(|(set, own)| set.keys.push(own));
            keys.push(PassKey { key: symbol, source, intake: many.intake(), shared });
        }
        for (set, account) in sets.iter_mut().zip(accounts) {
            set.account = Some(account.open(window.from)?);
        }
        Ok(keys)
    }
}
