//! `demo`: the whole path in a minute, without a network: a made-up market, live and over history, with equal digests.

use crate::{
    args::{DemoArgs, MarketArgs, RunArgs},
    exit::{DIFFERENT, coded},
    settings::Settings,
    talk::{Work, print, say},
    wiring::{
        self, market, run,
        stack::{Stack, Wanted},
    },
};
use candleflow_schema::{Interval, Micros, Symbol, time};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
};

const PIPELINE: &str = include_str!("../../../../examples/ema-cross.yaml");
/// Minutes of history before it goes live.
const HISTORY: i64 = 4 * 24 * 60;
const MINUTE: Micros = 60_000_000;

pub(super) async fn demo(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let temporary;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => {
            temporary = tempfile::Builder::new().prefix("candleflow-demo-").tempdir()?;
            temporary.path().to_owned()
        }
    };
    std::fs::create_dir_all(&dir)?;
    let settings = Settings {
        lake: dir.join("lake").display().to_string(),
        kafka: None,
        log: dir.join("log"),
        storage: Vec::new(),
        kafka_client: BTreeMap::new(),
    };
    let result = show(&args, &dir, &settings).await;
    if args.dir.is_none() && result.is_ok() {
        say("the data of this demo is gone; 'candleflow demo --dir demo' keeps it, for the SQL above");
    }
    result
}

async fn show(args: &DemoArgs, dir: &Path, settings: &Settings) -> anyhow::Result<ExitCode> {
    let cancel = wiring::interrupt();
    let begin = time::parse(market::BEGIN).map_err(anyhow::Error::msg)?;
    let live_from = begin + HISTORY * MINUTE;
    let to = live_from + args.minutes * MINUTE;
    let symbols: Vec<Symbol> = ["BTCUSDT", "ETHUSDT"].map(Into::into).to_vec();
    let file = dir.join("ema-cross.yaml");
    std::fs::write(&file, PIPELINE)?;
    say(&format!("1. a made-up market (seed {}): 4 days of history, then {} minutes live", args.seed, args.minutes));
    let market = MarketArgs { speed: args.speed, start: Some(live_from), faults: None };
    let wanted = Wanted {
        exchange: &format!("seeded:{}", args.seed),
        market: &market,
        bars: (HISTORY + args.minutes + 120) as usize,
        symbols: symbols.clone(),
        interval: Interval::M1,
        details: BTreeSet::new(),
        since: Some(begin),
        to: None,
    };
    let mut stack = Stack::start(settings, wanted, &cancel).await?;
    say("2. history over REST into the lake, then live over WebSocket into the embedded log");
    let prepared = run::prepare(&file, &[], &[])?;
    say(&format!("3. the pipeline runs live on the log, up to {}", time::format(to)));
    let wants = |live| RunArgs { file: file.clone(), from: Some(live_from), to: Some(to), live, ..RunArgs::default() };
    let work = Work::new("live", (args.minutes * symbols.len() as i64) as u64);
    let progress = |place: usize, at: Micros| {
        if at > live_from {
            let done = (at - live_from) / MINUTE * symbols.len() as i64 + place as i64;
            work.at(done as u64, &time::format(at));
        }
    };
    let job = run::job_name(&prepared, &wants(true))?;
    let log = stack.log.clone();
    let live = run::on_topic(&prepared, &stack.lake, log, &job, &wants(true), &progress, cancel.clone()).await;
    work.done();
    let live = live?;
    say("4. the same pipeline over the same bars, now history");
    stack.reach(&symbols, to).await?;
    let history = run::over_history(&prepared, &stack.lake, &wants(false), cancel.clone()).await?;
    let synced = stack.stop().await?;
    for (_, synced) in &synced {
        say(&format!("   {}", synced.text().lines().next().unwrap_or_default()));
    }
    history.show(false)?;
    print(&format!("\nlive    {}\nhistory {}", live.outcome.digest, history.outcome.digest))?;
    if live.outcome.digest != history.outcome.digest {
        return Err(coded(DIFFERENT, "the digests differ: that is a defect, please report it with the seed"));
    }
    print("equal: every order, trade and equity row is the same to the last bit\n")?;
    print("SQL to try next (after 'candleflow demo --dir demo', with --lake demo/lake):")?;
    for sql in [
        "select symbol, count(*), min(time), max(time) from klines group by 1",
        "select symbol, side, count(*) as trades, sum(net_pnl) as net from trades group by 1, 2 order by 1, 2",
        "select time, close, ema(close, 12) over (partition by symbol order by time) as fast from klines where symbol = 'BTCUSDT' limit 5",
    ] {
        print(&format!("  candleflow sql \"{sql}\""))?;
    }
    Ok(ExitCode::SUCCESS)
}
