//! A live run: the lake up to where the topic begins, then the topic.

use super::{
    input::{first, times, warmup},
    keep::{Facts, attach, keep, run_id},
    prepare::{Prepared, optimistic},
};
use crate::{
    args::RunArgs,
    exit::usage,
    wiring::{handover, report::Report, signals},
};
use candleflow_config::document::SinkDef;
use candleflow_lake::{At, Lake};
use candleflow_runtime::{Live, Outlets, live, outlets::schema_of};
use candleflow_schema::{Clock, Micros, Symbol, SystemClock, time};
use candleflow_stream::Output;
use candleflow_topics::{Log, klines};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

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
