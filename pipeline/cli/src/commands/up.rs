//! `up`: everything on one machine, in one process: exchange, sync, jobs, HTTP API, with the embedded log.

use crate::{
    args::{RunArgs, UpArgs},
    exit::usage,
    settings::Settings,
    talk::{print, say},
    wiring::{
        self, run,
        stack::{Stack, Wanted},
    },
};
use candleflow_schema::{Interval, Symbol, time};
use candleflow_server::{ServeConfig, serve};
use std::{collections::BTreeSet, process::ExitCode, time::Duration};

/// Bars of a made-up market.
const SEEDED_BARS: usize = 200_000;

pub(super) async fn up(args: UpArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    if args.pipelines.is_empty() {
        return Err(usage("name at least one pipeline file: candleflow up examples/ema-cross.yaml"));
    }
    let prepared = args.pipelines.iter().map(|f| run::prepare(f, &[], &[])).collect::<Result<Vec<_>, _>>()?;
    let intervals: BTreeSet<Interval> = prepared.iter().map(run::Prepared::interval).collect();
    let interval = match intervals.iter().collect::<Vec<_>>().as_slice() {
        [one] => **one,
        _ => {
            return Err(usage(
                "all pipelines of one 'up' must have the same source interval: higher ones are columns with 'every'",
            ));
        }
    };
    let mut symbols: Vec<Symbol> = Vec::new();
    for symbol in prepared.iter().flat_map(run::Prepared::symbols) {
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    let cancel = wiring::interrupt();
    let wanted = Wanted {
        exchange: &args.exchange,
        market: &args.market,
        bars: SEEDED_BARS,
        symbols: symbols.clone(),
        interval,
        since: args.since,
        to: None,
    };
    let stack = Stack::start(settings, wanted, &cancel).await?;
    let serving = cancel.child_token();
    let api =
        serve(ServeConfig { listen: args.listen, ..ServeConfig::new(stack.lake.clone()) }, serving.clone()).await?;
    say(&format!("HTTP API at http://{}", api.addr));
    let mut running = Vec::new();
    for (file, prepared) in args.pipelines.iter().zip(prepared) {
        let wants = RunArgs {
            file: file.clone(),
            from: args.from,
            to: args.to,
            live: true,
            set: Vec::new(),
            symbols: Vec::new(),
            sweep_set: None,
            warmup: None,
            threads: None,
            dry: false,
            chains: false,
            json: false,
        };
        run::announce(&prepared);
        let (lake, log, cancel) = (stack.lake.clone(), stack.log.clone(), cancel.clone());
        running
            .push(tokio::spawn(async move { run::on_topic(&prepared, &lake, log, &wants, &|_, _| {}, cancel).await }));
    }
    while !running.iter().all(tokio::task::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if stack.sync_ended() && !cancel.is_cancelled() {
            cancel.cancel();
            let error = stack.stop().await.err();
            return Err(error.unwrap_or_else(|| anyhow::anyhow!("the sync ended by itself")));
        }
    }
    for (file, job) in args.pipelines.iter().zip(running) {
        print(&format!("{}", file.display()))?;
        job.await??.show(false)?;
    }
    let now = stack.clock.now();
    let synced = stack.stop().await?;
    serving.cancel();
    api.ended().await?;
    say(&format!("stopped at {}: {}", time::format(now), synced.text()));
    Ok(ExitCode::SUCCESS)
}
