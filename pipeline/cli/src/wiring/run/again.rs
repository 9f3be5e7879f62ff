//! A run again, from what its `runs` row and its pin say: the same text, parameters and bars.
//!
//! ```text
//!  history   the pinned files, per symbol from its first bar to its last, with the finer bars inside them
//!  live      the pinned files up to where the topic took over, then what the topic said of each bar
//! ```
//! Nothing is written: what comes out is compared with what was found then.

use super::{
    finer,
    history::{Planned, compute},
    inputs::{Inputs, Key},
    prepare::{Prepared, prepare_text},
    statics::{Tables, noted, statics},
};
use crate::{
    exit::usage,
    talk::say,
    wiring::{report::Report, story::Telling},
};
use anyhow::Context;
use arrow::array::{AsArray, RecordBatch};
use async_trait::async_trait;
use candleflow_lake::{At, FileRef, KLINES_TABLE, Lake, LakeSource, Order, Read, Span};
use candleflow_runtime::{KeyTask, Outlets};
use candleflow_schema::{Bar, ConnectorError, Input, Interval, Micros, Source, Symbol, tables::bars_to_batch};
use std::{collections::VecDeque, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Rows that a batch of the topic's bars has.
const BATCH: usize = 8192;

/// What a `runs` row says, as far as it takes to run again.
pub(crate) struct Stored {
    pub(crate) run_id: String,
    pub(crate) mode: String,
    pub(crate) engine: String,
    pub(crate) canonical: String,
    pub(crate) digest: String,
    /// Output, symbol, rows and digest.
    pub(crate) chains: Vec<(String, String, u64, String)>,
    pipeline: String,
    inputs: Inputs,
}

impl Stored {
    /// Of the run with this id.
    pub(crate) async fn find(lake: &Lake, run_id: &str) -> anyhow::Result<Self> {
        let none = || usage(format!("the lake has no run {run_id}: see candleflow sql \"select run_id from runs\""));
        if !lake.tables().await?.iter().any(|t| t == "runs") {
            return Err(none());
        }
        let files = lake.files("runs", None).await?;
        let of_run = |f: &&FileRef| f.partition.get(candleflow_lake::RUN_ID).is_some_and(|id| id == run_id);
        let files: Vec<FileRef> = files.iter().filter(of_run).cloned().collect();
        let rows = lake.read_rows("runs", &At::Files(Arc::new(files))).await?;
        let row = rows.iter().find(|r| r.num_rows() > 0).ok_or_else(none)?;
        if text(row, "mode").as_deref() == Some("sweep") {
            return Err(usage(format!(
                "{run_id} is a sweep, which is many runs: run one of its sets with 'candleflow run FILE --sweep-set N'"
            )));
        }
        let old =
            || usage(format!("{run_id} is of an engine that did not record what a run reads: it cannot be run again"));
        let inputs = text(row, "inputs").ok_or_else(old)?;
        let chains = text(row, "chains").ok_or_else(old)?;
        let get = |name: &str| text(row, name).with_context(|| format!("the row of {run_id} in runs lacks {name}"));
        Ok(Self {
            run_id: run_id.to_owned(),
            mode: get("mode")?,
            engine: get("engine")?,
            canonical: get("canonical")?,
            digest: get("digest")?,
            pipeline: get("pipeline")?,
            inputs: serde_json::from_str(&inputs)
                .with_context(|| format!("what {run_id} read cannot be understood"))?,
            chains: serde_json::from_str(&chains)
                .with_context(|| format!("the digests of {run_id} cannot be understood"))?,
        })
    }

    /// Plans its pipeline with its parameters.
    pub(crate) fn prepare(&self) -> anyhow::Result<Prepared> {
        prepare_text(
            &format!("the pipeline of {}", self.run_id),
            self.pipeline.clone(),
            &self.inputs.set,
            &self.inputs.symbols,
        )
    }
}

fn text(row: &RecordBatch, name: &str) -> Option<String> {
    let column = row.column_by_name(name)?.as_string_opt::<i32>()?;
    (!arrow::array::Array::is_null(column, 0)).then(|| column.value(0).to_owned())
}

/// Computes a run again.
pub(crate) async fn again(
    stored: &Stored,
    prepared: &Prepared,
    lake: &Lake,
    threads: Option<usize>,
    prices: bool,
    cancel: CancellationToken,
) -> anyhow::Result<Report> {
    let inputs = &stored.inputs;
    let gone = || usage(format!("the files that {} read are no longer pinned: it cannot be run again", stored.run_id));
    let mut pinned = lake.pinned(inputs.pin.as_deref().unwrap_or(&stored.run_id)).await?.ok_or_else(gone)?;
    let files = Arc::new(pinned.remove(KLINES_TABLE).unwrap_or_default());
    let telling = Telling::new(prepared, prices);
    let from = inputs.warm_until();
    let (tables, mut warnings) = Tables::pinned(prepared, lake, pinned).await?;
    let (statics, noticed) = statics(prepared, lake, &tables).await?;
    warnings.extend(noticed);
    let binding = prepared.binding(from, &statics);
    let (mut tasks, mut total) = (Vec::new(), 0);
    for compiled in &prepared.compiled {
        let key = inputs.keys.iter().find(|k| k.symbol == compiled.symbol);
        let key = key.with_context(|| format!("{} says nothing of {}", stored.run_id, compiled.symbol))?;
        total += key.bars;
        let source = recorded(lake, prepared, &files, key, from).await?;
        let (symbol, source) = (Symbol::from(compiled.symbol.as_str()), telling.tapped(source, from));
        tasks.push(KeyTask { key: symbol, source, chain: prepared.chain(compiled, &binding)? });
    }
    let mut outlets = Outlets::new(prepared.keys());
    let clock = std::time::Instant::now();
    let planned = Planned { tasks, total, binding, until: inputs.account };
    let outcome = compute(prepared, planned, &telling, &mut outlets, from, threads, cancel).await?;
    warnings.extend(noted(outcome.notes));
    for (key, now) in inputs.keys.iter().zip(&outcome.inputs) {
        if key.bars != now.bars {
            say(&format!("{}: {} bars were read then, {} are there now", key.symbol, key.bars, now.bars));
        }
    }
    let id = Some(stored.run_id.clone());
    Ok(Report::new(prepared, &stored.mode, id, outcome, telling.finish(), warnings, clock.elapsed()))
}

/// The bars that a run read of one symbol.
struct Recorded {
    lake: Option<LakeSource>,
    topic: VecDeque<RecordBatch>,
}

impl Recorded {
    /// Bars of a length with `from < time <= to`, those after `border` as the topic told them.
    async fn open(
        lake: &Lake,
        interval: Interval,
        files: &Arc<Vec<FileRef>>,
        (symbol, from, to): (&Symbol, Micros, Micros),
        border: Option<Micros>,
    ) -> anyhow::Result<Self> {
        let border = border.unwrap_or(to).min(to);
        let mut recorded = Self { lake: None, topic: VecDeque::new() };
        if border > from && !files.is_empty() {
            let spans = vec![Span { symbol: symbol.clone(), from, to: border }];
            let read = Read { spans, ..Read::of(interval, &[], 0, 0).at(At::Files(files.clone())) };
            recorded.lake = Some(lake.source(&read, Order::BySymbol, None).await?);
        }
        if border < to {
            let bars: Vec<Bar> = lake.heard(symbol, interval, border.max(from), to).await?;
            for part in bars.chunks(BATCH) {
                recorded.topic.push_back(bars_to_batch(part)?);
            }
        }
        Ok(recorded)
    }
}

/// All that a run read of a symbol.
async fn recorded(
    lake: &Lake,
    prepared: &Prepared,
    files: &Arc<Vec<FileRef>>,
    key: &Key,
    from: Micros,
) -> anyhow::Result<Box<dyn Source>> {
    let (Some(first), Some(last)) = (key.first, key.last) else {
        return Ok(Box::new(Recorded { lake: None, topic: VecDeque::new() }));
    };
    let symbol = Symbol::from(key.symbol.as_str());
    let interval = prepared.interval();
    let bars = Recorded::open(lake, interval, files, (&symbol, first - 1, last), key.topic_after).await?;
    let Some(detail) = prepared.detail() else { return Ok(Box::new(bars)) };
    let begins = finer::begins(interval, from);
    let finer = Recorded::open(lake, detail, files, (&symbol, begins, last), key.detail_after).await?;
    Ok(finer::joined(&symbol, from, Box::new(bars), Box::new(finer)))
}

#[async_trait]
impl Source for Recorded {
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError> {
        if let Some(lake) = &mut self.lake {
            if let Some(input) = lake.next().await? {
                return Ok(Some(input));
            }
            self.lake = None;
        }
        Ok(self.topic.pop_front().map(Input::Rows))
    }

    fn position(&self) -> Vec<u8> {
        // A rerun is never resumed: it begins anew.
        Vec::new()
    }
}
