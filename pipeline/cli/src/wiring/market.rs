//! A local exchange with a market: replayed from files or from the lake, or made up from a seed.

use crate::{args::MarketArgs, exit::usage, talk::say};
use candleflow_exchange::{AtEnd, ExchangeConfig, Faults, Market, MarketBuilder, Running, SeededMarket, Speed, serve};
use candleflow_files::Options;
use candleflow_lake::{Lake, Order, Read};
use candleflow_schema::{Bar, Input, Interval, Micros, Source, Symbol, tables::batch_to_bars, time};
use std::{cmp::Reverse, collections::BinaryHeap, net::SocketAddr, path::PathBuf};
use tokio_util::sync::CancellationToken;

/// When made-up markets begin.
pub(crate) const BEGIN: &str = "2024-01-01";

/// Where a market comes from.
pub(crate) enum From {
    /// Files of bars.
    Files(Vec<PathBuf>),
    /// The lake.
    Lake,
    /// A seed.
    Seed(u64),
}

impl From {
    /// `replay:FILE,FILE`, `replay:lake` or `seeded:SEED`; `None` for a web address.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Option<Self>> {
        if let Some(files) = text.strip_prefix("replay:") {
            return Ok(Some(if files == "lake" {
                From::Lake
            } else {
                From::Files(files.split(',').map(Into::into).collect())
            }));
        }
        match text.strip_prefix("seeded:") {
            Some(seed) => {
                Ok(Some(From::Seed(seed.parse().map_err(|_| usage(format!("seed '{seed}' is not a number")))?)))
            }
            None => Ok(None),
        }
    }
}

/// Which part of it.
pub(crate) struct Wanted {
    /// Symbols; all if empty.
    pub(crate) symbols: Vec<Symbol>,
    /// The length of bar.
    pub(crate) interval: Interval,
    /// Bars of a made-up market.
    pub(crate) bars: usize,
}

/// Loads the market.
pub(crate) async fn load(from: From, wanted: &Wanted, lake: &Lake) -> anyhow::Result<Market> {
    match from {
        From::Seed(seed) => {
            let mut symbols: Vec<String> = wanted.symbols.iter().map(ToString::to_string).collect();
            if symbols.is_empty() {
                symbols = ["BTCUSDT", "ETHUSDT"].map(str::to_owned).to_vec();
            }
            let start = time::parse(BEGIN).map_err(usage)?;
            Ok(Market::seeded(SeededMarket { seed, symbols, interval: wanted.interval, start, bars: wanted.bars })?)
        }
        From::Files(files) => {
            let symbols = wanted.symbols.clone();
            Ok(tokio::task::spawn_blocking(move || replay_files(&files, &symbols)).await??)
        }
        From::Lake => replay_lake(wanted, lake).await,
    }
}

/// Bars of several files in total order: time, then as the files are listed.
fn replay_files(files: &[PathBuf], symbols: &[Symbol]) -> anyhow::Result<Market> {
    let mut lists: Vec<std::vec::IntoIter<Bar>> = Vec::new();
    for file in files {
        let mut reader = candleflow_files::open_with(file, Options::default())?;
        let mut bars = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            bars.extend(chunk.bars.into_iter().filter(|b| symbols.is_empty() || symbols.contains(&b.symbol)));
        }
        lists.push(bars.into_iter());
    }
    let mut heads: Vec<Option<Bar>> = lists.iter_mut().map(Iterator::next).collect();
    let mut order: BinaryHeap<Reverse<(Micros, usize)>> =
        heads.iter().enumerate().filter_map(|(i, b)| Some(Reverse((b.as_ref()?.open_time, i)))).collect();
    let mut builder = MarketBuilder::new();
    while let Some(Reverse((_, i))) = order.pop() {
        if let Some(bar) = std::mem::replace(&mut heads[i], lists[i].next()) {
            builder.push(&bar)?;
        }
        if let Some(next) = &heads[i] {
            order.push(Reverse((next.open_time, i)));
        }
    }
    Ok(builder.finish()?)
}

async fn replay_lake(wanted: &Wanted, lake: &Lake) -> anyhow::Result<Market> {
    if wanted.symbols.is_empty() {
        return Err(usage("a replay of the lake needs --symbols"));
    }
    let read = Read::of(wanted.interval, &wanted.symbols, Micros::MIN, Micros::MAX);
    let mut source = lake.source(&read, Order::Total, None).await?;
    let mut builder = MarketBuilder::new();
    while let Some(input) = source.next().await? {
        if let Input::Rows(rows) = input {
            for bar in batch_to_bars(&rows, wanted.interval)? {
                builder.push(&bar)?;
            }
        }
    }
    Ok(builder.finish()?)
}

/// Starts the exchange.
pub(crate) async fn start(
    market: Market,
    args: &MarketArgs,
    listen: SocketAddr,
    stop_at_end: bool,
    cancel: CancellationToken,
) -> anyhow::Result<Running> {
    let faults = match args.faults.as_deref() {
        None => Faults::default(),
        Some("all") => all_faults(),
        Some(json) => serde_json::from_str(json).map_err(|e| usage(format!("--faults: {e}")))?,
    };
    let (first, last) = (market.start(), market.end());
    let start = args.start.unwrap_or(first + (last - first) / 10);
    let config = ExchangeConfig {
        listen,
        speed: Speed::Scaled(args.speed),
        start: Some(start),
        at_end: if stop_at_end { AtEnd::Stop } else { AtEnd::Continue },
        faults,
        ..ExchangeConfig::default()
    };
    let symbols: Vec<_> = market.symbols().map(|s| s.to_string()).collect();
    let bars = market.bars();
    let running = serve(config, market, cancel).await?;
    say(&format!(
        "simulated exchange at {} : {} with {bars} bars, {} to {}, now {} and {}x",
        running.rest_url,
        symbols.join(", "),
        time::format(first),
        time::format(last),
        time::format(start),
        args.speed
    ));
    Ok(running)
}

/// Every fault that a client has to live with, at once.
pub(crate) fn all_faults() -> Faults {
    let mut faults = Faults { seed: 1, ..Faults::default() };
    faults.frames.drop = 0.05;
    faults.frames.duplicate = 0.05;
    faults.frames.reorder = 0.05;
    faults.frames.delay = 0.05;
    faults.frames.delay_ms = 4_000;
    faults.frames.skip_closed = 0.05;
    faults.frames.cut_every = 400;
    faults.rest.server_error.probability = 0.05;
    faults.rest.internal.probability = 0.02;
    faults.rest.garbage.probability = 0.03;
    faults.rest.hang_up.probability = 0.02;
    faults
}
