//! A run over the bars of the lake: each symbol on its own, at one pinned state of the table.

use super::{
    finer,
    input::{first, pinned, times, too_few, warmup},
    inputs::{Inputs, pin, unpin},
    keep::{Facts, attach, keep, run_id},
    prepare::Prepared,
    statics::{Tables, noted, statics},
};
use crate::{
    args::RunArgs,
    exit::usage,
    talk::Work,
    wiring::{report::Report, story::Telling},
};
use candleflow_engine::Binding;
use candleflow_lake::{At, FileRef, GapKind, Lake, Order, Range, Read, Span};
use candleflow_runtime::{HistoryRun, KeyTask, Outcome, Outlets, history, outlets::schema_of};
use candleflow_schema::{Clock, Micros, Source, Symbol, SystemClock, time};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs over the bars of the lake.
pub(crate) async fn over_history(
    prepared: &Prepared,
    lake: &Lake,
    args: &RunArgs,
    cancel: CancellationToken,
) -> anyhow::Result<Report> {
    let started = SystemClock.now();
    let (files, version) = pinned(lake).await?;
    let (from, to) = (args.from.unwrap_or(Micros::MIN), args.to.unwrap_or(Micros::MAX));
    if from >= to {
        return Err(usage("--from must be before --to"));
    }
    let telling = Telling::new(prepared, args.report.is_some());
    let tables = Tables::now(prepared, lake, None).await?;
    let mut plan = plan(prepared, lake, args, (&files, &tables), &telling).await?;
    let run_id = run_id(&prepared.document.name.value, started);
    if !args.dry {
        pin(lake, &run_id, &files, &prepared.intervals(), &prepared.symbols(), &tables).await?;
    }
    let clock = std::time::Instant::now();
    let done = async {
        let mut outlets = Outlets::new(prepared.keys());
        if !args.dry {
            for output in prepared.tables() {
                for (task, key) in
                    plan.work.tasks.iter().enumerate().take(prepared.tasks(output, plan.work.tasks.len()))
                {
                    let schema = schema_of(output).or_else(|| key.chain.columns_schema());
                    attach(lake, &mut outlets, output, task, schema, &run_id).await?;
                }
            }
        }
        let outcome = compute(prepared, plan.work, &telling, &mut outlets, from, args.threads, cancel).await?;
        let inputs = Inputs::new(from, &prepared.overrides, version, &tables.versions);
        let inputs = inputs.with_keys(&prepared.symbols(), &outcome.inputs, |_| (None, None));
        let facts = Facts { run_id: run_id.clone(), mode: "history", started, from, to, version, inputs };
        if !args.dry {
            keep(lake, prepared, &outcome, &facts).await?;
        }
        anyhow::Ok(outcome)
    };
    let outcome = match done.await {
        Ok(outcome) => outcome,
        Err(error) => {
            if !args.dry {
                unpin(lake, &run_id).await;
            }
            return Err(error);
        }
    };
    plan.warnings.extend(noted(outcome.notes));
    let run_id = (!args.dry).then_some(run_id);
    let elapsed = clock.elapsed();
    Ok(Report::new(prepared, "history", run_id, outcome, telling.finish(), plan.warnings, elapsed))
}

/// What is to be read, and what is to be said about it.
struct Plan {
    work: Planned,
    warnings: Vec<String>,
}

/// Chains with their inputs, and what they lead to.
pub(super) struct Planned {
    pub(super) tasks: Vec<KeyTask>,
    /// Bars in all.
    pub(super) total: u64,
    pub(super) binding: Binding,
    /// Where the account over all symbols ends, if not with its input.
    pub(super) until: Option<Micros>,
}

async fn plan(
    prepared: &Prepared,
    lake: &Lake,
    args: &RunArgs,
    (files, tables): (&Arc<Vec<FileRef>>, &Tables),
    telling: &Telling,
) -> anyhow::Result<Plan> {
    let (at, interval) = (At::Files(files.clone()), prepared.interval());
    let (from, to) = (args.from.unwrap_or(Micros::MIN), args.to.unwrap_or(Micros::MAX));
    let (statics, mut warnings) = statics(prepared, lake, tables).await?;
    let binding = prepared.binding(from, &statics);
    let (mut tasks, mut total) = (Vec::new(), 0);
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
        warnings.extend(too_few(&symbol, warm, compiled.warmup));
        let there = all.len() - before + warm;
        let (column, needs) = &compiled.lookback;
        if *needs >= there {
            let name = column.as_ref().map_or("a rule".to_owned(), |name| format!("the column '{name}'"));
            return Err(usage(format!(
                "a window is longer than the data: {name} has its first value after {needs} bars, and {symbol} has {there}: shorten it, or bring more bars"
            )));
        }
        total += there as u64;
        let holes = lake.gaps(&symbol, interval, Range { from: begins, to }, &at).await?;
        let unknown: Vec<_> = holes.iter().filter(|g| g.kind == GapKind::Unknown).collect();
        if let Some(gap) = unknown.first() {
            let holes = if unknown.len() == 1 { "hole" } else { "holes" };
            warnings.push(format!(
                "{symbol}: {} {holes} that nobody has shown to be the exchange's, the first {} to {}: see 'candleflow data gaps --symbol {symbol}'",
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
        let source = finer::over_history(prepared, lake, &symbol, (from, to), &at, source).await?;
        let source = telling.tapped(source, from);
        tasks.push(KeyTask { key: symbol, source, chain: prepared.chain(compiled, &binding)? });
    }
    Ok(Plan { work: Planned { tasks, total, binding, until: None }, warnings })
}

/// Computes all symbols, with progress on the terminal.
pub(super) async fn compute(
    prepared: &Prepared,
    planned: Planned,
    telling: &Telling,
    outlets: &mut Outlets,
    from: Micros,
    threads: Option<usize>,
    cancel: CancellationToken,
) -> anyhow::Result<Outcome> {
    let Planned { tasks, total, binding, until } = planned;
    let tail = prepared.tail(&tasks.iter().map(|task| &task.chain).collect::<Vec<_>>(), &binding)?.until(until);
    let work = Work::new("bars", total);
    let outcome = history(
        tasks,
        telling.watched(tail),
        outlets,
        &HistoryRun {
            pipeline: &prepared.canonical,
            from,
            parallel: threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            progress: &|p| work.at(p.bars, &time::format(p.time)),
            cancel,
        },
    )
    .await;
    work.done();
    Ok(outcome?)
}

fn range_text(args: &RunArgs) -> String {
    match (args.from, args.to) {
        (None, None) => "at all".into(),
        (Some(from), None) => format!("after {}", time::format(from)),
        (None, Some(to)) => format!("up to {}", time::format(to)),
        (Some(from), Some(to)) => format!("between {} and {}", time::format(from), time::format(to)),
    }
}
