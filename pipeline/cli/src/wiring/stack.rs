//! Everything that live runs need, in one process: a local exchange if wanted, the embedded log, sync, the copy job.

use super::{clock, copy::Copy, embedded, lake, market, sync, upkeep};
use crate::{args::MarketArgs, exit::usage, settings::Settings};
use candleflow_exchange::Running;
use candleflow_lake::Lake;
use candleflow_schema::{Clock, Interval, Micros, Symbol, time::DAY};
use candleflow_topics::Log;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Which exchange, and which part of it.
pub(crate) struct Wanted<'w> {
    /// A web address, `replay:...` or `seeded:...`.
    pub(crate) exchange: &'w str,
    pub(crate) market: &'w MarketArgs,
    /// Bars of a made-up market.
    pub(crate) bars: usize,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) interval: Interval,
    /// Lengths of finer bars that pipelines want beside them.
    pub(crate) details: BTreeSet<Interval>,
    pub(crate) since: Option<Micros>,
    pub(crate) to: Option<Micros>,
}

/// The way of the bars of one length: from the exchange into lake and topic, and from there into the lake.
struct Line {
    interval: Interval,
    sync: JoinHandle<anyhow::Result<sync::Synced>>,
    copy: Copy,
}

/// What runs.
pub(crate) struct Stack {
    pub(crate) lake: Lake,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    lines: Vec<Line>,
    exchange: Option<Running>,
    ending: CancellationToken,
    copying: CancellationToken,
}

impl Stack {
    /// Starts all of it.
    pub(crate) async fn start(
        settings: &Settings,
        wanted: Wanted<'_>,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let lake = lake(settings)?;
        let log = embedded(settings).await?;
        let ending = cancel.child_token();
        let copying = CancellationToken::new();
        let (exchange, url, clock) = match market::From::parse(wanted.exchange)? {
            Some(from) => {
                // The exchange makes longer bars of its own.
                let interval = wanted.details.iter().copied().chain([wanted.interval]).min();
                let interval = interval.unwrap_or(wanted.interval);
                let part = market::Wanted { symbols: wanted.symbols.clone(), interval, bars: wanted.bars };
                let loaded = market::load(from, &part, &lake).await?;
                let listen = SocketAddr::from(([127, 0, 0, 1], 0));
                let running = market::start(loaded, wanted.market, listen, false, ending.clone()).await?;
                let url: url::Url = running.rest_url.parse()?;
                let clock: Arc<dyn Clock> = Arc::new(running.clock());
                (Some(running), url, clock)
            }
            None => {
                let text = wanted.exchange;
                let url: url::Url = text.parse().map_err(|e| usage(format!("--exchange {text}: {e}")))?;
                let clock = clock::of(&url, &ending).await;
                (None, url, clock)
            }
        };
        let stream = match &exchange {
            Some(running) => running.ws_url.parse()?,
            None => clock::stream_of(&url)?,
        };
        let since = wanted.since.unwrap_or_else(|| wanted.interval.open_of(clock.now() - 30 * DAY));
        upkeep::keep(lake.clone(), ending.clone());
        let mut lines = Vec::new();
        for interval in std::iter::once(wanted.interval).chain(wanted.details) {
            let topic_id = sync::topic(&log, interval).await?;
            let copy = Copy::start(log.clone(), lake.clone(), interval, &topic_id, copying.clone());
            let plan = sync::Sync {
                exchange: url.clone(),
                stream: stream.clone(),
                symbols: wanted.symbols.clone(),
                interval,
                since,
                follow: true,
                to: wanted.to,
            };
            let task = sync::sync(plan, lake.clone(), Some(log.clone()), clock.clone(), Arc::default(), ending.clone());
            lines.push(Line { interval, sync: tokio::spawn(task), copy });
        }
        Ok(Self { lake, log, clock, lines, exchange, ending, copying })
    }

    /// Waits until the lake has everything up to an event time.
    pub(crate) async fn reach(&mut self, symbols: &[Symbol], to: Micros) -> anyhow::Result<()> {
        let wanted: BTreeMap<Symbol, Micros> = symbols.iter().map(|s| (s.clone(), to)).collect();
        for line in &mut self.lines {
            line.copy.reach(&wanted).await?;
        }
        Ok(())
    }

    /// Whether a sync or a copy job has ended, which they do only by an error or when they are told to.
    pub(crate) fn part_ended(&self) -> bool {
        self.lines.iter().any(|line| line.sync.is_finished() || line.copy.ended())
    }

    /// Ends all of it, the exchange last; gives what the syncs did, that of the main length of bar first.
    pub(crate) async fn stop(self) -> anyhow::Result<Vec<(Interval, sync::Synced)>> {
        self.ending.cancel();
        let mut synced = Vec::new();
        let mut copies = Vec::new();
        for line in self.lines {
            synced.push((line.interval, line.sync.await?));
            copies.push(line.copy);
        }
        self.copying.cancel();
        for copy in copies {
            copy.join().await?;
        }
        if let Some(exchange) = self.exchange {
            exchange.stop();
            exchange.join().await?;
        }
        synced.into_iter().map(|(interval, synced)| Ok((interval, synced?))).collect()
    }
}
