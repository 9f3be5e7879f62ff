//! A run over the bars of the lake: each symbol on its own, at one pinned state of the table.

use super::{
    input::{first, pinned, times, warmup},
    keep::{Facts, attach, keep, run_id},
    prepare::{Prepared, optimistic},
};
use crate::{args::RunArgs, exit::usage, talk::Work, wiring::report::Report};
use candleflow_lake::{GapKind, Lake, Order, Range, Read, Span};
use candleflow_runtime::{HistoryRun, KeyTask, Outlets, history, outlets::schema_of};
use candleflow_schema::{Clock, Micros, Source, Symbol, SystemClock, time};
use tokio_util::sync::CancellationToken;

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
