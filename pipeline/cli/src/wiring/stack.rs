//! Everything that live runs need, in one process: a local exchange if wanted, the embedded log, sync, the copy job.

use super::{clock, copy::Copy, embedded, lake, market, sync, upkeep};
use crate::{args::MarketArgs, exit::usage, settings::Settings};
use candleflow_exchange::Running;
use candleflow_lake::Lake;
use candleflow_schema::{Clock, Interval, Micros, Symbol, time::DAY};
use candleflow_topics::Log;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
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
    pub(crate) since: Option<Micros>,
    pub(crate) to: Option<Micros>,
}

/// What runs.
pub(crate) struct Stack {
    pub(crate) lake: Lake,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) copy: Copy,
    sync: JoinHandle<anyhow::Result<sync::Synced>>,
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
                let part =
                    market::Wanted { symbols: wanted.symbols.clone(), interval: wanted.interval, bars: wanted.bars };
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
        let interval = wanted.interval;
        upkeep::keep(lake.clone(), ending.clone());
        let topic_id = sync::topic(&log, interval).await?;
        let copy = Copy::start(log.clone(), lake.clone(), interval, &topic_id, copying.clone());
        let plan = sync::Sync {
            exchange: url,
            stream,
            symbols: wanted.symbols,
            interval,
            since: wanted.since.unwrap_or_else(|| interval.open_of(clock.now() - 30 * DAY)),
            follow: true,
            to: wanted.to,
        };
        let task = sync::sync(plan, lake.clone(), Some(log.clone()), clock.clone(), Arc::default(), ending.clone());
        Ok(Self { lake, log, clock, copy, sync: tokio::spawn(task), exchange, ending, copying })
    }

    /// Waits until the lake has everything up to an event time.
    pub(crate) async fn reach(&mut self, symbols: &[Symbol], to: Micros) -> anyhow::Result<()> {
        let wanted: BTreeMap<Symbol, Micros> = symbols.iter().map(|s| (s.clone(), to)).collect();
        self.copy.reach(&wanted).await
    }

    /// Whether the sync or the copy job has ended, which they do only by an error or when they are told to.
    pub(crate) fn part_ended(&self) -> bool {
        self.sync.is_finished() || self.copy.ended()
    }

    /// Ends all of it, the exchange last; gives what the sync did.
    pub(crate) async fn stop(self) -> anyhow::Result<sync::Synced> {
        self.ending.cancel();
        let synced = self.sync.await?;
        self.copying.cancel();
        self.copy.join().await?;
        if let Some(exchange) = self.exchange {
            exchange.stop();
            exchange.join().await?;
        }
        synced
    }
}
