//! `up`: everything on one machine, in one process: exchange, sync, jobs, HTTP API, with the embedded log.
//!
//! It ends on Ctrl-C, and with `--to` when the pipelines that it was given have ended. After a kill the same command goes on
//! with their jobs. Other processes reach its topics and jobs through `up.json` in the log's folder.

use crate::{
    args::{RunArgs, UpArgs},
    exit::usage,
    settings::Settings,
    talk::{Work, print, say},
    wiring::{
        self,
        control::{self, Jobs},
        run,
        stack::{Stack, Wanted},
    },
};
use candleflow_schema::{Interval, Symbol, time};
use candleflow_server::{ServeConfig, serve};
use std::{collections::BTreeSet, process::ExitCode, time::Duration};
use tokio_util::sync::CancellationToken;

/// Bars of a made-up market.
const SEEDED_BARS: usize = 200_000;
/// How often it looks after its parts.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn up(args: UpArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let prepared = args.pipelines.iter().map(|f| run::prepare(f, &[], &[])).collect::<Result<Vec<_>, _>>()?;
    let interval = interval(&args, &prepared)?;
    let details = details(&args, interval, &prepared)?;
    let symbols = symbols(&args, &prepared)?;
    let cancel = wiring::interrupt();
    let wanted = Wanted {
        exchange: &args.exchange,
        market: &args.market,
        bars: SEEDED_BARS,
        symbols: symbols.clone(),
        interval,
        details: details.clone(),
        since: args.since,
        to: None,
    };
    let stack = Stack::start(settings, wanted, &cancel).await?;
    let serving = cancel.child_token();
    let api =
        serve(ServeConfig { listen: args.listen, ..ServeConfig::new(stack.lake.clone()) }, serving.clone()).await?;
    say(&format!("HTTP API at http://{}", api.addr));
    let jobs = Jobs::new(stack.lake.clone(), stack.log.clone(), (interval, details), symbols, cancel.clone());
    let control = control::serve(stack.log.clone(), jobs.clone(), &settings.log).await?;
    let mut names = Vec::new();
    for (file, prepared) in args.pipelines.iter().zip(prepared) {
        let wants = RunArgs { file: file.clone(), from: args.from, to: args.to, live: true, ..RunArgs::default() };
        run::announce(&prepared);
        names.push(jobs.submit(prepared, wants).await?);
    }
    if names.is_empty() {
        say("no pipeline yet: 'candleflow jobs submit FILE' starts one");
    }
    let failure = watch(&args, &jobs, &names, &stack, &cancel).await;
    cancel.cancel();
    control.stop().await?;
    while !jobs.idle() {
        tokio::time::sleep(LOOK).await;
    }
    for (file, name) in args.pipelines.iter().zip(&names) {
        print(&format!("{}", file.display()))?;
        jobs.show(name)?;
    }
    let now = stack.clock.now();
    let synced = stack.stop().await?;
    serving.cancel();
    api.ended().await?;
    say(&format!("stopped at {}", time::format(now)));
    for (interval, synced) in &synced {
        say(&format!("bars of {interval}: {}", synced.text()));
    }
    failure.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Waits for the end; gives the error that ended it, if one did.
async fn watch(
    args: &UpArgs,
    jobs: &Jobs,
    names: &[String],
    stack: &Stack,
    cancel: &CancellationToken,
) -> Option<anyhow::Error> {
    let work = Work::new("live", 0);
    let ended = loop {
        tokio::time::sleep(LOOK).await;
        let idle = jobs.idle();
        if let Some(at) = jobs.reached() {
            work.note(&time::format(at));
        }
        if cancel.is_cancelled() || (idle && args.to.is_some() && !names.is_empty()) {
            break None;
        }
        if idle && names.iter().any(|name| jobs.failed(name)) {
            break None;
        }
        if stack.part_ended() {
            break Some(anyhow::anyhow!("a part of it ended by itself"));
        }
    };
    work.done();
    ended
}

fn interval(args: &UpArgs, prepared: &[run::Prepared]) -> anyhow::Result<Interval> {
    let intervals: BTreeSet<Interval> = prepared.iter().map(run::Prepared::interval).collect();
    match intervals.iter().collect::<Vec<_>>().as_slice() {
        [] => args.interval.parse().map_err(usage),
        [one] => Ok(**one),
        _ => Err(usage(
            "all pipelines of one 'up' must have the same source interval: higher ones are columns with 'every'",
        )),
    }
}

/// Finer bars that pipelines want, and those that are asked for.
fn details(args: &UpArgs, interval: Interval, prepared: &[run::Prepared]) -> anyhow::Result<BTreeSet<Interval>> {
    let mut details: BTreeSet<Interval> = prepared.iter().filter_map(run::Prepared::detail).collect();
    for text in &args.detail {
        let detail: Interval = text.parse().map_err(usage)?;
        if detail >= interval {
            return Err(usage(format!("--detail {detail}: it is not finer than the bars of {interval}")));
        }
        details.insert(detail);
    }
    Ok(details)
}

fn symbols(args: &UpArgs, prepared: &[run::Prepared]) -> anyhow::Result<Vec<Symbol>> {
    let mut symbols: Vec<Symbol> = Vec::new();
    let given = args.symbols.iter().map(|s| Symbol::from(s.as_str()));
    for symbol in prepared.iter().flat_map(run::Prepared::symbols).chain(given) {
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    if symbols.is_empty() {
        return Err(usage(
            "name a pipeline file, such as 'candleflow up examples/ema-cross.yaml', or --symbols to follow",
        ));
    }
    Ok(symbols)
}
