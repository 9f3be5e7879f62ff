//! A live run: the lake up to where the topic begins, then the topic.
//!
//! It is a job with a name, which is its run's id. What the job decided at its beginning is recorded under that name; given
//! again, it replays from there, and each sink takes only the rows that it does not have.

use super::{
    ending::End,
    input::{too_few, warmup},
    inputs::Inputs,
    keep::{Facts, all_finished, attach, finished, keep, run_id},
    prepare::Prepared,
    statics::{Tables, noted, statics},
};
use crate::{
    args::RunArgs,
    exit::{USAGE, code_of, text, usage},
    talk::say,
    wiring::{
        handover::{Feed, Handover, Wanted},
        live_source,
        report::Report,
        signals,
        story::Telling,
    },
};
use candleflow_config::document::SinkDef;
use candleflow_lake::Lake;
use candleflow_runtime::{Live, Outlets, live, outlets::schema_of, tail::ACCOUNT_TASK};
use candleflow_schema::{Clock, Micros, Symbol, SystemClock, time};
use candleflow_stream::Output;
use candleflow_topics::{Log, klines};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// The longest name of a job.
const LONGEST_NAME: usize = 80;

/// The name of a live run's job: the one that was given, or a new one.
pub(crate) fn job_name(prepared: &Prepared, args: &RunArgs) -> anyhow::Result<String> {
    let Some(name) = &args.job else { return Ok(run_id(&prepared.document.name.value, SystemClock.now())) };
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.') {
        true => Ok(name.clone()),
        false => Err(usage(format!("--job {name}: write up to {LONGEST_NAME} letters, digits, '-', '_' and '.'"))),
    }
}

/// The name of a job of an `up`: the one that was given; else that of the same pipeline's job that was cut off, which so
/// goes on; else a new one.
pub(crate) async fn name_in_up(
    prepared: &Prepared,
    lake: &Lake,
    log: &Arc<dyn Log>,
    args: &RunArgs,
) -> anyhow::Result<String> {
    if args.job.is_some() {
        return job_name(prepared, args);
    }
    let sinks: Vec<&SinkDef> = prepared.document.sinks.iter().map(|sink| &sink.value).collect();
    let what = format!("{}\n{sinks:?}\n{:?}", prepared.canonical, args.from);
    let mark = &blake3::hash(what.as_bytes()).to_hex()[..8];
    let stem: String = prepared.document.name.value.chars().take(LONGEST_NAME / 2).collect();
    let ended = all_finished(lake).await?;
    let (mut name, mut number) = (format!("{stem}-{mark}"), 1);
    loop {
        if !ended.contains(&name) {
            match Handover::recorded(lake, log, &wanted(prepared, args, &name)?).await {
                Ok(_) => return Ok(name),
                Err(error) if code_of(&error) == USAGE => say(&format!("{}: it begins anew", text(&error))),
                Err(error) => return Err(error),
            }
        }
        number += 1;
        name = format!("{stem}-{mark}-{number}");
    }
}

fn wanted<'w>(prepared: &'w Prepared, args: &RunArgs, job: &'w str) -> anyhow::Result<Wanted<'w>> {
    let wants = |c: &candleflow_engine::Compiled| Ok((Symbol::from(c.symbol.as_str()), warmup(args, c)?));
    Ok(Wanted {
        job,
        pipeline: &prepared.canonical,
        interval: prepared.interval(),
        detail: prepared.detail(),
        symbols: prepared.compiled.iter().map(wants).collect::<anyhow::Result<_>>()?,
        from: args.from,
        dry: args.dry,
    })
}

/// Runs on a topic, after the lake's part.
pub(crate) async fn on_topic(
    prepared: &Prepared,
    lake: &Lake,
    log: Arc<dyn Log>,
    job: &str,
    args: &RunArgs,
    progress: &(dyn Fn(usize, Micros) + std::marker::Sync),
    cancel: CancellationToken,
) -> anyhow::Result<Report> {
    let started = SystemClock.now();
    let (interval, symbols) = (prepared.interval(), prepared.symbols());
    if args.job.is_some() && finished(lake, job).await? {
        return Err(usage(format!("the job {job} has ended, its run is in the lake: choose another --job")));
    }
    let wanted = wanted(prepared, args, job)?;
    let handover = match Handover::recorded(lake, &log, &wanted).await? {
        Some(recorded) => recorded,
        None => {
            let tables = Tables::now(prepared, lake, Some(&cancel)).await?;
            Handover::decide(lake, &log, &wanted, tables, &cancel).await?
        }
    };
    let from = handover.from;
    let end = End::of(lake, job, &symbols, args.to).await?;
    if !end.is_recorded() && args.to.is_some_and(|to| to <= from) {
        return Err(usage(format!("--to must be after {}", time::format(from))));
    }
    let run_id = job.to_owned();
    let unusable = Arc::new(AtomicU64::new(0));
    let bad = || -> klines::OnBad {
        let count = unusable.clone();
        Box::new(move |bad| {
            count.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                source = bad.source,
                offset = bad.place,
                reason = bad.reason,
                "a record of the topic cannot be used"
            )
        })
    };
    // What a portfolio's symbols give before they meet in its account keeps the task of its symbol.
    let task = |(place, symbol): (usize, &Symbol)| match handover.bars.symbols.get(&**symbol) {
        Some(sides) if !prepared.is_portfolio() => sides.partition as usize,
        _ => place,
    };
    let tasks: Vec<usize> = symbols.iter().enumerate().map(task).collect();
    let lengths = (interval, prepared.detail());
    let of = (&symbols[..], &tasks[..], prepared.is_portfolio());
    let source = live_source::open(lake, &log, lengths, &handover, of, bad).await?;
    let (tables, mut warnings) = Tables::pinned(prepared, lake, (*handover.pinned(lake).await?).clone()).await?;
    let (statics, noticed) = statics(prepared, lake, &tables).await?;
    warnings.extend(noticed);
    for compiled in &prepared.compiled {
        let warm = handover.bars.symbols.get(&compiled.symbol).and_then(|sides| sides.warm);
        let few = warm.and_then(|warm| too_few(&Symbol::from(compiled.symbol.as_str()), warm, compiled.warmup));
        // The report comes when the run ends, which may be never.
        few.iter().for_each(|text| say(&format!("warning: {text}")));
        warnings.extend(few);
    }
    let binding = prepared.binding(from, &statics);
    let mut keys = Vec::new();
    for compiled in &prepared.compiled {
        keys.push((Symbol::from(compiled.symbol.as_str()), prepared.chain(compiled, &binding)?));
    }
    let apart: BTreeSet<usize> = tasks.iter().copied().collect();
    let tasks_of = |output| match prepared.is_portfolio() && output != Output::Columns {
        true => BTreeSet::from([ACCOUNT_TASK]),
        false => apart.clone(),
    };
    let telling = Telling::new(prepared, args.report.is_some());
    let mut outlets = Outlets::new(prepared.keys());
    if !args.dry {
        for output in prepared.tables() {
            let schema = schema_of(output).or_else(|| keys.first().and_then(|(_, c)| c.columns_schema()));
            for task in tasks_of(output) {
                attach(lake, &mut outlets, output, task, schema.clone(), &run_id).await?;
            }
        }
        for sink in &prepared.document.sinks {
            if let SinkDef::Topic(topic) = &sink.value {
                for task in tasks_of(Output::Orders) {
                    let to_record: klines::ToRecord = Box::new(signals::record);
                    let id = format!("{run_id}/{}/{topic}/{task}", handover.id);
                    let sink = klines::TopicSink::new(log.clone(), topic, 1, &id, to_record).await?;
                    outlets.attach(Output::Orders, task, Box::new(sink), true).await?;
                }
            }
        }
    }
    let clock = std::time::Instant::now();
    let tail = prepared.tail(&keys.iter().map(|(_, chain)| chain).collect::<Vec<_>>(), &binding)?;
    let run = Live {
        keys,
        tasks,
        source: telling.tapped(source, from),
        pipeline: &prepared.canonical,
        from,
        limits: end.limits(),
        ending: &|times| Box::pin(end.come(times, args.dry)),
        progress,
        stop: cancel,
    };
    let outcome = live(run, telling.watched(tail), &mut outlets).await?;
    warnings.extend(noted(outcome.notes));
    let to = end.to().or(outcome.range.map(|(_, to)| to)).unwrap_or(from);
    let version = i64::try_from(handover.klines_version).ok();
    let border = |feed: Option<&Feed>, symbol: &Symbol| Some(feed?.symbols.get(&**symbol)?.border);
    let borders = |symbol: &Symbol| (border(Some(&handover.bars), symbol), border(handover.detail.as_ref(), symbol));
    let inputs = Inputs::new(from, &prepared.overrides, version, &handover.tables);
    let inputs =
        inputs.pinned_as(&handover.pin).with_keys(&symbols, &outcome.inputs, borders).ended_at(outcome.account);
    let facts = Facts { run_id: run_id.clone(), mode: "live", started, from, to, version, inputs };
    if !args.dry {
        keep(lake, prepared, &outcome, &facts).await?;
    }
    let unusable = unusable.load(Ordering::Relaxed);
    warnings
        .extend((unusable > 0).then(|| {
            format!("{unusable} records of the topic {} could not be used: see the log", handover.bars.topic)
        }));
    let run_id = (!args.dry).then_some(run_id);
    Ok(Report::new(prepared, "live", run_id, outcome, telling.finish(), warnings, clock.elapsed()))
}
