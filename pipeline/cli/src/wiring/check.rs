//! The laws on a user's pipeline: its bars from the lake into memory, a subject per symbol, and what comes of it.

use crate::wiring::run::{Prepared, Tables, finer, pinned, statics, times};
use anyhow::Context;
use arrow::{array::RecordBatch, compute::concat_batches, datatypes::DataType};
use async_trait::async_trait;
use candleflow_engine::{Compiled, Statics, portfolio};
use candleflow_kernels::strategy::{BarInput, DatedFilters};
use candleflow_lake::{At, Lake, Order, Read, Span};
use candleflow_runtime::{
    HistoryRun, KeyTask, Outlets,
    check::{Account, Checked, Cut, Effort, Finding, Law, Subject, check, check_account},
    history,
};
use candleflow_schema::{ConnectorError, Input, Micros, Source, Symbol, tables::BARS};
use candleflow_stream::detail::{
    self,
    join::{BATCH_FINER, Join, Joined},
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};
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
    /// Bars without the finer ones inside them, and those, where the pipeline has finer bars.
    apart: Option<(RecordBatch, Vec<BarInput>)>,
}

impl Loaded<'_> {
    /// The first bars, as sources give them that end at `until`.
    fn prefix(&self, rows: usize, until: Micros) -> Result<RecordBatch, String> {
        let Some((bars, finer)) = &self.apart else { return Ok(self.bars.slice(0, rows)) };
        let known = &finer[..finer.partition_point(|bar| bar.time <= until)];
        let mut join = Join::new(&[0], self.from);
        join.rows(0, bars.slice(0, rows));
        let mut parts = Vec::new();
        for some in known.chunks(BATCH_FINER) {
            join.finer(0, some.iter().copied()).map_err(|error| format!("{error:?}"))?;
            pop(&mut join, &mut parts)?;
        }
        join.finer_complete(0, Micros::MAX);
        pop(&mut join, &mut parts)?;
        concat_batches(&self.bars.schema(), &parts).map_err(|e| e.to_string())
    }

    /// When funding falls due.
    fn arrivals(&self) -> Vec<Micros> {
        let funding = self.statics.funding.get(&self.compiled.symbol);
        let (first, last) = self.range;
        let times = funding.iter().flat_map(|table| table.times());
        times.copied().filter(|time| (first..=last).contains(time)).collect()
    }
}

fn pop(join: &mut Join, parts: &mut Vec<RecordBatch>) -> Result<(), String> {
    while let Some(joined) = join.pop().map_err(|e| e.to_string())? {
        if let Joined::Rows(rows) = joined {
            parts.push(rows);
        }
    }
    Ok(())
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
        let mut apart = None;
        let source = match finer::of_history(prepared, lake, &symbol, (from, *last), &at).await? {
            None => source,
            Some(finer) => {
                let (bars, finer) = (rows_of(source).await?, rows_of(finer).await?);
                apart = Some((concat_batches(&BARS, &bars)?, finer_bars(&finer)?));
                let memory = |rows: Vec<RecordBatch>| Box::new(Memory(rows.into())) as Box<dyn Source>;
                finer::joined(&symbol, from, memory(bars), memory(finer))
            }
        };
        let batches = rows_of(source).await?;
        let schema = batches.first().map_or_else(|| BARS.clone(), RecordBatch::schema);
        let bars = concat_batches(&schema, &batches)?;
        loaded.push(Loaded { compiled, bars, from, warm, range: (*first, *last), statics: statics.clone(), apart });
    }
    Ok(loaded)
}

async fn rows_of(mut source: Box<dyn Source>) -> anyhow::Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    while let Some(input) = source.next().await? {
        if let Input::Rows(rows) = input {
            batches.push(rows);
        }
    }
    Ok(batches)
}

fn finer_bars(batches: &[RecordBatch]) -> anyhow::Result<Vec<BarInput>> {
    let mut all = Vec::new();
    for batch in batches {
        all.extend(detail::bars(batch)?);
    }
    Ok(all)
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

/// What is known up to an event time of what stands still. Before their first date filters are those of it.
fn until(statics: &Arc<Statics>, until: Option<Micros>) -> Arc<Statics> {
    let Some(until) = until else { return statics.clone() };
    let funding = statics.funding.iter().map(|(s, table)| (s.clone(), Arc::new(table.until(until)))).collect();
    let dated = |filters: &Vec<DatedFilters>| {
        let known = filters.partition_point(|dated| dated.valid_from <= until);
        filters[..known.max(1).min(filters.len())].to_vec()
    };
    let filters = statics.filters.iter().map(|(symbol, filters)| (symbol.clone(), dated(filters))).collect();
    Arc::new(Statics { filters, funding })
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
    let prefix = |key: usize, rows: usize, until: Micros| loaded[key].prefix(rows, until);
    let arrivals: BTreeSet<Micros> = loaded.iter().flat_map(Loaded::arrivals).collect();
    let arrivals = arrivals.into_iter().collect();
    check_account(&Account { make: &make, bars, prefix: &prefix, arrivals, from }, effort)
        .map(Some)
        .map_err(anyhow::Error::msg)
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
    let prefix = |rows: usize, until: Micros| loaded.prefix(rows, until);
    let mut stated = loaded.compiled.columns.clone();
    let schema = make(Cut { from: loaded.from, until: None }).ok().and_then(|chain| chain.columns_schema());
    let is_number = |column: &str| {
        let field = schema.as_ref().and_then(|schema| schema.field_with_name(column).ok());
        field.is_some_and(|field| *field.data_type() == DataType::Float64)
    };
    // What rules have within counts as well; whether it crossed follows from the numbers.
    stated.extend(loaded.compiled.unnamed().into_iter().filter(|(column, _)| is_number(column)));
    let subject = Subject {
        symbol: Symbol::from(loaded.compiled.symbol.as_str()),
        make: &make,
        bars: loaded.bars.clone(),
        prefix: &prefix,
        arrivals: loaded.arrivals(),
        from: loaded.from,
        names: loaded.compiled.called(),
        higher: higher.collect(),
        stated,
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
