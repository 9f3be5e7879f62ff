//! A run of a pipeline: over history from the lake, or live from the lake and then a topic.

use super::{handover, report::Report, signals};
use crate::{
    args::RunArgs,
    exit::usage,
    talk::{Work, say},
};
use anyhow::Context;
use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{Field, Schema, TimestampMicrosecondType},
};
use candleflow_config::{
    Diagnostics, Document, Overrides, canonical,
    document::{SinkDef, Table},
    read,
};
use candleflow_engine::{Binding, Compiled, compile, session};
use candleflow_kernels::money::Money;
use candleflow_lake::{At, CommitRule, GapKind, Lake, Order, Output as LakeOutput, Range, Read, Span};
use candleflow_runtime::{HistoryRun, KeyTask, Last, Live, Outcome, Outlets, history, live, outlets::schema_of};
use candleflow_schema::{Clock, Interval, Micros, Source, Symbol, SystemClock, time};
use candleflow_stream::{Chain, Output};
use candleflow_topics::{Log, klines};
use datafusion::prelude::SessionContext;
use std::{path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;

/// A pipeline that has been read and planned for each of its symbols.
pub(crate) struct Prepared {
    pub(crate) document: Document,
    pub(crate) text: String,
    pub(crate) canonical: String,
    pub(crate) session: SessionContext,
    pub(crate) compiled: Vec<Compiled>,
}

/// Reads a file and plans it; all errors at once.
pub(crate) fn prepare(file: &Path, set: &[String], symbols: &[String]) -> anyhow::Result<Prepared> {
    let text = std::fs::read_to_string(file).map_err(|e| usage(format!("cannot read {}: {e}", file.display())))?;
    let mut params = Vec::new();
    for one in set {
        let (name, value) = one.split_once('=').ok_or_else(|| usage(format!("--set {one}: write NAME=VALUE")))?;
        params.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let overrides = Overrides { params, symbols: symbols.to_vec() };
    let name = file.display().to_string();
    let document = read(&name, &text, &overrides)?;
    let session = session();
    let mut errors = Diagnostics::new(&name);
    let compiled: Vec<_> = document
        .source
        .symbols
        .iter()
        .filter_map(|symbol| compile(&document, &symbol.value, &session.state(), &mut errors))
        .collect();
    if !errors.is_empty() {
        return Err(errors.into());
    }
    Ok(Prepared { canonical: canonical(&document), document, text, session, compiled })
}

impl Prepared {
    pub(crate) fn interval(&self) -> Interval {
        self.document.source.interval.value
    }

    pub(crate) fn symbols(&self) -> Vec<Symbol> {
        self.compiled.iter().map(|c| Symbol::from(c.symbol.as_str())).collect()
    }

    fn chain(&self, compiled: &Compiled, from: Micros) -> anyhow::Result<Chain> {
        let binding = Binding { from, columns: self.document.digests_columns() };
        Ok(compiled.chain(&self.session.state(), &binding)?)
    }

    fn last(&self) -> anyhow::Result<Option<Last>> {
        let Some(account) = &self.document.account else { return Ok(None) };
        let balance = Money::parse(&account.balance.value.text)?;
        Ok(Some(Last::new(self.compiled.len(), balance)))
    }

    /// Tables that the run keeps, the metrics aside.
    fn tables(&self) -> Vec<Output> {
        let kept = |(table, output)| self.document.keeps(table).then_some(output);
        let pairs = [
            (Table::Columns, Output::Columns),
            (Table::Orders, Output::Orders),
            (Table::Trades, Output::Trades),
            (Table::Equity, Output::Equity),
        ];
        pairs.into_iter().filter_map(kept).collect()
    }
}

/// Event times of a symbol's bars.
pub(crate) async fn times(
    lake: &Lake,
    interval: Interval,
    symbol: &Symbol,
    from: Micros,
    to: Micros,
    at: &At,
) -> anyhow::Result<Vec<Micros>> {
    let read = Read {
        columns: Some(vec!["time".into()]),
        ..Read::of(interval, std::slice::from_ref(symbol), from, to).at(at.clone())
    };
    let mut times = Vec::new();
    if !lake.tables().await?.iter().any(|t| t == candleflow_lake::KLINES_TABLE) {
        return Ok(times);
    }
    for mut cursor in lake.read_klines(&read).await? {
        while let Some(batch) = cursor.next().await? {
            times.extend_from_slice(batch.column(0).as_primitive::<TimestampMicrosecondType>().values());
        }
    }
    Ok(times)
}

/// How many bars before `from` a run reads.
fn warmup(args: &RunArgs, compiled: &Compiled) -> anyhow::Result<Option<usize>> {
    match args.warmup.as_deref() {
        None => Ok(compiled.warmup),
        Some("all") => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|_| usage(format!("--warmup {text}: write a number of bars or 'all'")))
        }
    }
}

/// The event time after which a symbol's input begins, given those of its bars up to `from`.
fn first(times: &[Micros], warmup: Option<usize>) -> Micros {
    match warmup {
        Some(bars) if times.len() > bars => times[times.len() - bars - 1],
        _ => Micros::MIN,
    }
}

/// The state of `klines` that a run reads, and its number.
async fn pinned(lake: &Lake) -> anyhow::Result<(At, Option<i64>)> {
    if !lake.tables().await?.iter().any(|t| t == candleflow_lake::KLINES_TABLE) {
        return Err(usage(format!(
            "the lake {} has no bars yet: run 'candleflow import' or 'candleflow sync'",
            lake.url()
        )));
    }
    let snapshot = lake.snapshot(candleflow_lake::KLINES_TABLE, None).await?;
    let version = i64::try_from(snapshot.version()).ok();
    Ok((At::Files(snapshot.files().clone()), version))
}

/// Runs over the bars of the lake.
pub(crate) async fn over_history(
    prepared: &Prepared,
    lake: &Lake,
    args: &RunArgs,
    cancel: CancellationToken,
) -> anyhow::Result<Report> {
    let started = SystemClock.now();
    let (at, version) = pinned(lake).await?;
    let (from, to) = (args.from.unwrap_or(Micros::MIN), args.to.unwrap_or(Micros::MAX));
    if from >= to {
        return Err(usage("--from must be before --to"));
    }
    let interval = prepared.interval();
    let (mut tasks, mut total, mut warnings) = (Vec::new(), 0u64, Vec::new());
    for compiled in &prepared.compiled {
        let symbol = Symbol::from(compiled.symbol.as_str());
        let all = times(lake, interval, &symbol, Micros::MIN, to, &at).await?;
        let before = all.partition_point(|t| *t <= from);
        if before == all.len() {
            return Err(usage(format!(
                "the lake has no {interval} bars of {symbol} {}: see 'candleflow data coverage'",
                range_text(args)
            )));
        }
        let wanted = warmup(args, compiled)?;
        let begins = first(&all[..before], wanted);
        let warm = all[..before].iter().filter(|t| **t > begins).count();
        if from > Micros::MIN && wanted.is_none_or(|w| warm < w) && compiled.warmup.is_none_or(|w| w > 0) {
            let needs = wanted.map_or("its whole past".into(), |w| format!("{w} bars"));
            warnings.push(format!(
                "{symbol}: {warm} bars of warm-up, {needs} wanted: early values still depend on where the data begins"
            ));
        }
        total += (all.len() - before + warm) as u64;
        let holes = lake.gaps(&symbol, interval, Range { from: begins, to }, &at).await?;
        let unknown: Vec<_> = holes.iter().filter(|g| g.kind == GapKind::Unknown).collect();
        if let Some(gap) = unknown.first() {
            warnings.push(format!(
                "{symbol}: {} holes that nobody has shown to be the exchange's, the first {} to {}: see 'candleflow data gaps --symbol {symbol}'",
                unknown.len(),
                time::format(gap.from),
                time::format(gap.to)
            ));
        }
        let read = Read {
            spans: vec![Span { symbol: symbol.clone(), from: begins, to }],
            ..Read::of(interval, &[], 0, 0).at(at.clone())
        };
        let source: Box<dyn Source> = Box::new(lake.source(&read, Order::BySymbol, None).await?);
        tasks.push(KeyTask { key: symbol, source, chain: prepared.chain(compiled, from)? });
    }
    let run_id = run_id(&prepared.document.name.value, started);
    let mut outlets = Outlets::new(prepared.symbols());
    if !args.dry {
        for output in prepared.tables() {
            for (task, key) in tasks.iter().enumerate() {
                let schema = schema_of(output).or_else(|| key.chain.columns_schema());
                attach(lake, &mut outlets, output, task, schema, &run_id).await?;
            }
        }
    }
    let work = Work::new("bars", total);
    let clock = std::time::Instant::now();
    let outcome = history(
        tasks,
        prepared.last()?,
        &mut outlets,
        &HistoryRun {
            pipeline: &prepared.canonical,
            from,
            parallel: args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            progress: &|p| work.at(p.bars, &time::format(p.time)),
            cancel,
        },
    )
    .await;
    work.done();
    let outcome = outcome?;
    let elapsed = clock.elapsed();
    let facts = Facts { run_id: run_id.clone(), mode: "history", started, from, to, version };
    if !args.dry {
        keep(lake, prepared, &outcome, &facts).await?;
    }
    Ok(Report { run_id: (!args.dry).then_some(run_id), outcome, warnings, elapsed, optimistic: optimistic(prepared) })
}

fn range_text(args: &RunArgs) -> String {
    match (args.from, args.to) {
        (None, None) => "at all".into(),
        (Some(from), None) => format!("after {}", time::format(from)),
        (None, Some(to)) => format!("up to {}", time::format(to)),
        (Some(from), Some(to)) => format!("between {} and {}", time::format(from), time::format(to)),
    }
}

fn optimistic(prepared: &Prepared) -> bool {
    prepared.document.strategy.is_some() && prepared.document.fills.at == candleflow_config::document::FillAt::Close
}

async fn attach(
    lake: &Lake,
    outlets: &mut Outlets,
    output: Output,
    task: usize,
    schema: Option<Arc<Schema>>,
    run_id: &str,
) -> anyhow::Result<()> {
    let schema = schema.with_context(|| format!("the output {output} has no schema"))?;
    let sink = lake
        .sink(LakeOutput {
            table: output.name().into(),
            schema,
            run_id: run_id.to_owned(),
            job: run_id.to_owned(),
            sink: output.name().into(),
            task: task as u32,
            rule: CommitRule::default(),
        })
        .await?;
    outlets.attach(output, task, Box::new(sink), false).await?;
    Ok(())
}

/// Runs on a topic, after the lake's part.
pub(crate) async fn on_topic(
    prepared: &Prepared,
    lake: &Lake,
    log: Arc<dyn Log>,
    args: &RunArgs,
    progress: &(dyn Fn(usize, Micros) + std::marker::Sync),
    cancel: CancellationToken,
) -> anyhow::Result<Report> {
    let started = SystemClock.now();
    let (interval, symbols) = (prepared.interval(), prepared.symbols());
    let border = handover::decide(&log, interval, &symbols, args.from.unwrap_or(Micros::MIN), &cancel).await?;
    let from = args.from.unwrap_or_else(|| border.after.values().copied().max().unwrap_or(Micros::MIN));
    if args.to.is_some_and(|to| to <= from) {
        return Err(usage(format!("--to must be after {}", time::format(from))));
    }
    handover::no_hole(lake, interval, &border).await?;
    let mut firsts = Vec::new();
    for compiled in &prepared.compiled {
        let symbol = Symbol::from(compiled.symbol.as_str());
        let edge = border.after.get(&symbol).copied().unwrap_or(from).min(from);
        let mut before = times(lake, interval, &symbol, Micros::MIN, edge, &At::Latest).await?;
        before.extend(border.early.get(&symbol).into_iter().flatten().filter(|t| **t > edge));
        firsts.push((symbol, first(&before, warmup(args, compiled)?)));
    }
    let run_id = run_id(&prepared.document.name.value, started);
    let bad: klines::OnBad = Box::new(|bad| {
        tracing::error!(
            source = bad.source,
            offset = bad.place,
            reason = bad.reason,
            "a record of the topic cannot be used"
        )
    });
    let source = handover::LakeThenTopic::open(lake, &log, interval, &firsts, &border, bad).await?;
    let mut keys = Vec::new();
    for compiled in &prepared.compiled {
        keys.push((Symbol::from(compiled.symbol.as_str()), prepared.chain(compiled, from)?));
    }
    let mut outlets = Outlets::new(symbols);
    if !args.dry {
        for output in prepared.tables() {
            let schema = schema_of(output).or_else(|| keys.first().and_then(|(_, c)| c.columns_schema()));
            attach(lake, &mut outlets, output, 0, schema, &run_id).await?;
        }
        for sink in &prepared.document.sinks {
            if let SinkDef::Topic(topic) = &sink.value {
                let to_record: klines::ToRecord = Box::new(signals::record);
                let sink =
                    klines::TopicSink::new(log.clone(), topic, 1, &format!("{run_id}/{topic}/0"), to_record).await?;
                outlets.attach(Output::Orders, 0, Box::new(sink), true).await?;
            }
        }
    }
    let clock = std::time::Instant::now();
    let run = Live {
        keys,
        source: Box::new(source),
        pipeline: &prepared.canonical,
        from,
        to: args.to,
        progress,
        stop: cancel,
    };
    let outcome = live(run, prepared.last()?, &mut outlets).await?;
    let to = args.to.or(outcome.range.map(|(_, to)| to)).unwrap_or(from);
    let facts = Facts { run_id: run_id.clone(), mode: "live", started, from, to, version: None };
    if !args.dry {
        keep(lake, prepared, &outcome, &facts).await?;
    }
    Ok(Report {
        run_id: (!args.dry).then_some(run_id),
        outcome,
        warnings: Vec::new(),
        elapsed: clock.elapsed(),
        optimistic: optimistic(prepared),
    })
}

/// What a `runs` row says beside the outcome.
struct Facts {
    run_id: String,
    mode: &'static str,
    started: Micros,
    from: Micros,
    to: Micros,
    version: Option<i64>,
}

/// The metrics, and last of all the `runs` row: rows of a run without it are unfinished.
async fn keep(lake: &Lake, prepared: &Prepared, outcome: &Outcome, facts: &Facts) -> anyhow::Result<()> {
    if let Some(metrics) = outcome.metrics.as_ref().filter(|_| prepared.document.keeps(Table::Metrics)) {
        let rows = with_run_id(metrics, &facts.run_id)?;
        lake.append_rows("metrics", &[rows], Some(&format!("{}/metrics", facts.run_id))).await?;
    }
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let at =
        |value: Option<Micros>| Arc::new(TimestampMicrosecondArray::from(vec![value]).with_timezone("UTC")) as ArrayRef;
    let int = |value: Option<i64>| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let symbols: Vec<String> = prepared.symbols().iter().map(ToString::to_string).collect();
    let params: serde_json::Map<_, _> =
        prepared.document.params.iter().map(|(k, v)| (k.clone(), v.value.value.into())).collect();
    let bound = |t: Micros| (t > Micros::MIN && t < Micros::MAX).then_some(t);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run_id", text(&facts.run_id)),
        ("name", text(&prepared.document.name.value)),
        ("started", at(Some(facts.started))),
        ("finished", at(Some(SystemClock.now()))),
        ("status", text("finished")),
        ("mode", text(facts.mode)),
        ("from", at(bound(facts.from).or(outcome.range.map(|(a, _)| a)))),
        ("to", at(bound(facts.to).or(outcome.range.map(|(_, b)| b)))),
        ("symbols", text(&symbols.join(","))),
        ("interval", text(prepared.interval().name())),
        ("pipeline", text(&prepared.text)),
        ("canonical", text(&prepared.canonical)),
        ("params", text(&serde_json::Value::Object(params).to_string())),
        ("digest", text(&outcome.digest.to_string())),
        ("bars", int(i64::try_from(outcome.bars).ok())),
        ("engine", text(env!("CARGO_PKG_VERSION"))),
        ("platform", text(&format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH))),
        ("klines_version", int(facts.version)),
    ];
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, a)| a).collect())?;
    lake.append_rows("runs", &[rows], Some(&format!("{}/runs", facts.run_id))).await?;
    Ok(())
}

fn with_run_id(rows: &RecordBatch, run_id: &str) -> anyhow::Result<RecordBatch> {
    let mut fields = vec![Field::new("run_id", arrow::datatypes::DataType::Utf8, false)];
    fields.extend(rows.schema().fields().iter().map(|f| f.as_ref().clone()));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![run_id; rows.num_rows()]))];
    columns.extend(rows.columns().iter().cloned());
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// A name that no other run has: the pipeline's, the moment, and a few digits of the process.
fn run_id(name: &str, started: Micros) -> String {
    let stamp: String = time::format(started).chars().filter(char::is_ascii_digit).take(17).collect();
    let tail = blake3::hash(format!("{started}/{}", std::process::id()).as_bytes()).to_hex();
    format!("{name}-{stamp}-{}", &tail[..4])
}

/// Says what is known about the warm-up before a run begins.
pub(crate) fn announce(prepared: &Prepared) {
    let symbols = prepared.symbols();
    let shown: Vec<&str> = symbols.iter().take(6).map(|s| &**s).collect();
    let more = if symbols.len() > 6 { format!(" and {} more", symbols.len() - 6) } else { String::new() };
    say(&format!("{}: {}{more}, {} bars", prepared.document.name.value, shown.join(", "), prepared.interval()));
}
