//! The laws on a user's pipeline: its bars from the lake into memory, a subject per symbol, and what comes of it.

use crate::wiring::run::{Prepared, Tables, finer, pinned, statics, times};
use anyhow::Context;
use arrow::{array::RecordBatch, compute::concat_batches};
use async_trait::async_trait;
use candleflow_engine::{Compiled, Statics, portfolio};
use candleflow_lake::{At, Lake, Order, Read, Span};
use candleflow_runtime::{
    HistoryRun, KeyTask, Outlets,
    check::{Account, Checked, Cut, Effort, Finding, Law, Subject, check, check_account},
    history,
};
use candleflow_schema::{ConnectorError, Input, Micros, Source, Symbol, tables::BARS};
use std::{collections::VecDeque, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Rows of a batch.
const BATCH: usize = 8192;

/// Finer bars of a symbol that are held.
const MOST_FINER: usize = 4_000_000;

/// Bars that are checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Bars before are warm-up; `None`: what the columns need, but at most a third.
    pub(crate) from: Option<Micros>,
    /// The last.
    pub(crate) to: Micros,
    /// The most that are read of a symbol, the last ones; 0: all.
    pub(crate) bars: usize,
}

/// A symbol with its bars.
pub(crate) struct Loaded<'p> {
    compiled: &'p Compiled,
    pub(crate) bars: RecordBatch,
    /// Bars at or before are warm-up.
    pub(crate) from: Micros,
    /// How many that are.
    pub(crate) warm: usize,
    pub(crate) range: (Micros, Micros),
    statics: Arc<Statics>,
}

/// Reads the bars of every symbol.
pub(crate) async fn load<'p>(prepared: &'p Prepared, lake: &Lake, window: &Window) -> anyhow::Result<Vec<Loaded<'p>>> {
    let (files, _) = pinned(lake).await?;
    let (at, interval) = (At::Files(files), prepared.interval());
    let tables = Tables::now(prepared, lake, None).await?;
    let (statics, _) = statics(prepared, lake, &tables).await?;
    let mut loaded = Vec::new();
    for compiled in &prepared.compiled {
        let symbol = Symbol::from(compiled.symbol.as_str());
        let all = times(lake, interval, &symbol, Micros::MIN, window.to, &at).await?;
        let most = if window.bars == 0 { all.len() } else { window.bars };
        let all = &all[all.len().saturating_sub(most)..];
        let (Some(first), Some(last)) = (all.first(), all.last()) else {
            return Err(crate::exit::usage(format!(
                "the lake has no {interval} bars of {symbol} to check with: see 'candleflow data coverage'"
            )));
        };
        let warm = match window.from {
            Some(from) => all.partition_point(|t| *t <= from),
            None => compiled.warmup.unwrap_or(usize::MAX).min(all.len() / 3),
        };
        let spans = vec![Span { symbol: symbol.clone(), from: first - 1, to: *last }];
        let read = Read { spans, ..Read::of(interval, &[], 0, 0).at(at.clone()) };
        let from = if warm > 0 { all[warm - 1] } else { first - 1 };
        let source: Box<dyn Source> = Box::new(lake.source(&read, Order::BySymbol, None).await?);
        few_enough(prepared, all.len() - warm)?;
        let mut source = finer::over_history(prepared, lake, &symbol, (from, *last), &at, source).await?;
        let mut batches = Vec::new();
        while let Some(input) = source.next().await? {
            if let Input::Rows(rows) = input {
                batches.push(rows);
            }
        }
        let schema = batches.first().map_or_else(|| BARS.clone(), RecordBatch::schema);
        let bars = concat_batches(&schema, &batches)?;
        loaded.push(Loaded { compiled, bars, from, warm, range: (*first, *last), statics: statics.clone() });
    }
    Ok(loaded)
}

/// Finer bars are in memory with the bars.
fn few_enough(prepared: &Prepared, bars: usize) -> anyhow::Result<()> {
    let Some(detail) = prepared.detail() else { return Ok(()) };
    let each = (prepared.interval().nominal() / detail.nominal()).max(1) as usize;
    if bars.saturating_mul(each) <= MOST_FINER {
        return Ok(());
    }
    Err(crate::exit::usage(format!(
        "{bars} bars with {each} of {detail} in each are more than a check holds: take --bars {} or fewer",
        MOST_FINER / each
    )))
}

/// Checks every symbol, several at a time.
pub(crate) fn all(
    prepared: &Prepared,
    loaded: &[Loaded<'_>],
    effort: &Effort,
    threads: usize,
) -> anyhow::Result<Vec<Checked>> {
    let mut checked = Vec::new();
    for part in loaded.chunks(threads.max(1)) {
        let done: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = part.iter().map(|one| scope.spawn(|| one_symbol(prepared, one, effort))).collect();
            running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        for one in done {
            checked.push(one.map_err(|_| anyhow::anyhow!("a check panicked"))??);
        }
    }
    Ok(checked)
}

/// What is known up to an event time of what stands still. Filters are taken as of a bar's date, so later ones are no use.
fn until(statics: &Arc<Statics>, until: Option<Micros>) -> Arc<Statics> {
    let Some(until) = until.filter(|_| !statics.funding.is_empty()) else { return statics.clone() };
    let funding = statics.funding.iter().map(|(s, table)| (s.clone(), Arc::new(table.until(until)))).collect();
    Arc::new(Statics { filters: statics.filters.clone(), funding })
}

/// The account over all symbols, where there is one.
pub(crate) fn account(prepared: &Prepared, loaded: &[Loaded<'_>], effort: &Effort) -> anyhow::Result<Option<Checked>> {
    let (true, Some(first)) = (prepared.is_portfolio(), loaded.first()) else { return Ok(None) };
    let state = prepared.session.state();
    let make = |cut: Cut| {
        let binding = prepared.binding(cut.from, &until(&first.statics, cut.until));
        let chains = loaded.iter().map(|one| one.compiled.chain(&state, &binding)).collect::<Result<Vec<_>, _>>();
        let chains = chains.map_err(|e| e.to_string())?;
        let made = portfolio(&prepared.compiled, &chains.iter().collect::<Vec<_>>(), &binding);
        Ok((chains, made.map_err(|e| e.to_string())?.ok_or("the pipeline has no account over all symbols")?))
    };
    let from = loaded.iter().map(|one| one.from).max().unwrap_or(Micros::MIN);
    let bars = loaded.iter().map(|one| one.bars.clone()).collect();
    check_account(&Account { make: &make, bars, from }, effort).map(Some).map_err(anyhow::Error::msg)
}

fn one_symbol(prepared: &Prepared, loaded: &Loaded<'_>, effort: &Effort) -> anyhow::Result<Checked> {
    let state = prepared.session.state();
    let make = |cut: Cut| {
        let binding = prepared.binding(cut.from, &until(&loaded.statics, cut.until));
        loaded.compiled.open_chain(&state, &binding).map_err(|e| e.to_string())
    };
    let higher =
        prepared.document.columns.iter().filter_map(|c| Some((c.name.value.as_str(), c.every.as_ref()?.value)));
    let higher = higher.flat_map(|(name, every)| {
        let of =
            move |column: &str| column == name || column.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
        let known = |column: &str| prepared.document.columns.iter().any(|c| c.name.value == column);
        let columns = loaded.compiled.columns.iter().map(|(column, _)| column);
        columns.filter(move |c| of(c) && (*c == name || !known(c))).map(move |c| (c.clone(), every))
    });
    let subject = Subject {
        symbol: Symbol::from(loaded.compiled.symbol.as_str()),
        make: &make,
        bars: loaded.bars.clone(),
        from: loaded.from,
        names: loaded.compiled.called(),
        higher: higher.collect(),
        stated: loaded.compiled.columns.clone(),
    };
    check(&subject, effort).map_err(anyhow::Error::msg).with_context(|| loaded.compiled.symbol.clone())
}

/// Law 4 over all symbols together: one thread and several give the same digests.
pub(crate) async fn threads(
    prepared: &Prepared,
    loaded: &[Loaded<'_>],
    threads: usize,
) -> anyhow::Result<Vec<Finding>> {
    let mut seen = Vec::new();
    for parallel in [1, threads.max(2)] {
        let mut tasks = Vec::new();
        for one in loaded {
            let state = prepared.session.state();
            let batches = (0..one.bars.num_rows()).step_by(BATCH);
            let slice = |at| one.bars.slice(at, BATCH.min(one.bars.num_rows() - at));
            let source: Box<dyn Source> = Box::new(Memory(batches.map(slice).collect()));
            let key = Symbol::from(one.compiled.symbol.as_str());
            tasks.push(KeyTask {
                key,
                source,
                chain: one.compiled.open_chain(&state, &prepared.binding(one.from, &one.statics))?,
            });
        }
        let first = loaded.first().map(|one| prepared.binding(one.from, &one.statics)).unwrap_or_default();
        let tail = prepared.tail(&tasks.iter().map(|task| &task.chain).collect::<Vec<_>>(), &first)?;
        let run = HistoryRun {
            pipeline: &prepared.canonical,
            from: Micros::MIN,
            parallel,
            progress: &|_| {},
            cancel: CancellationToken::new(),
        };
        let outcome = history(tasks, tail, &mut Outlets::new(prepared.keys()), &run).await?;
        seen.push(outcome.chains);
    }
    let differ = seen[0].iter().zip(&seen[1]).filter(|(a, b)| a != b);
    let finding = |(output, symbol, ..): &(String, String, u64, _)| Finding {
        law: Law::Threads,
        symbol: symbol.clone(),
        what: format!("rows of {output}"),
        at: None,
        text: "differ with several symbols at a time".to_owned(),
    };
    Ok(differ.map(|(a, _)| finding(a)).collect())
}

/// Bars of one symbol, in memory.
struct Memory(VecDeque<RecordBatch>);

#[async_trait]
impl Source for Memory {
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError> {
        Ok(self.0.pop_front().map(Input::Rows))
    }

    fn position(&self) -> Vec<u8> {
        // Read to its end, never resumed.
        Vec::new()
    }
}
