//! `exchange`: a local exchange that speaks Binance's protocol.

use crate::{
    args::ExchangeArgs,
    exit::usage,
    settings::Settings,
    talk::print,
    wiring::{self, control, market},
};
use candleflow_schema::Symbol;
use std::process::ExitCode;

pub(super) async fn exchange(args: ExchangeArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    if settings.kafka.is_none() {
        control::refuse_beside_up(settings, "'exchange'").await?;
    }
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    let from = match (args.seed, args.replay.as_slice()) {
        (Some(seed), _) => market::From::Seed(seed),
        (None, []) => return Err(usage("say which market: --replay FILES, --replay lake, or --seed N")),
        (None, [one]) if one == "lake" => market::From::Lake,
        (None, files) => market::From::Files(files.iter().map(Into::into).collect()),
    };
    let wanted = market::Wanted {
        symbols: args.symbols.iter().map(|s| Symbol::from(s.as_str())).collect(),
        interval: args.interval.parse().map_err(usage)?,
        bars: args.bars,
    };
    let loaded = market::load(from, &wanted, &lake).await?;
    let running = market::start(loaded, &args.market, args.listen, args.stop_at_end, cancel).await?;
    print(&format!("CANDLEFLOW_EXCHANGE={}", running.rest_url))?;
    running.join().await?;
    Ok(ExitCode::SUCCESS)
}
