//! A live run: the lake up to where the topic begins, then the topic.
//!
//! It is a job with a name, which is its run's id. What the job decided at its beginning is recorded under that name; given
//! again, it replays from there, and each sink takes only the rows that it does not have.

use super::{
    input::warmup,
    keep::{Facts, attach, finished, keep, run_id},
    prepare::{Prepared, optimistic},
};
use crate::{
    args::RunArgs,
    exit::usage,
    wiring::{
        handover::{Handover, Wanted},
        live_source::LakeThenTopic,
        report::Report,
        signals,
    },
};
use candleflow_config::document::SinkDef;
use candleflow_lake::Lake;
use candleflow_runtime::{Live, Outlets, live, outlets::schema_of};
use candleflow_schema::{Clock, Micros, Symbol, SystemClock, time};
use candleflow_stream::Output;
use candleflow_topics::{Log, klines};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
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
    let wants = |c: &candleflow_engine::Compiled| Ok((Symbol::from(c.symbol.as_str()), warmup(args, c)?));
    let wanted = Wanted {
        job,
        pipeline: &prepared.canonical,
        interval,
        symbols: prepared.compiled.iter().map(wants).collect::<anyhow::Result<_>>()?,
        from: args.from,
        dry: args.dry,
    };
    let handover = match Handover::recorded(lake, &log, &wanted).await? {
        Some(recorded) => recorded,
        None => Handover::decide(lake, &log, &wanted, &cancel).await?,
    };
    let from = handover.from;
    if args.to.is_some_and(|to| to <= from) {
        return Err(usage(format!("--to must be after {}", time::format(from))));
    }
    let run_id = job.to_owned();
    let unusable = Arc::new(AtomicU64::new(0));
    let count = unusable.clone();
    let bad: klines::OnBad = Box::new(move |bad| {
        count.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            source = bad.source,
            offset = bad.place,
            reason = bad.reason,
            "a record of the topic cannot be used"
        )
    });
    let source = LakeThenTopic::open(lake, &log, interval, &handover, &symbols, bad).await?;
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
    let version = i64::try_from(handover.klines_version).ok();
    let facts = Facts { run_id: run_id.clone(), mode: "live", started, from, to, version };
    if !args.dry {
        keep(lake, prepared, &outcome, &facts).await?;
    }
    let unusable = unusable.load(Ordering::Relaxed);
    let warnings = (unusable > 0)
        .then(|| format!("{unusable} records of the topic {} could not be used: see the log", handover.topic));
    Ok(Report {
        run_id: (!args.dry).then_some(run_id),
        outcome,
        warnings: warnings.into_iter().collect(),
        elapsed: clock.elapsed(),
        optimistic: optimistic(prepared),
    })
}
