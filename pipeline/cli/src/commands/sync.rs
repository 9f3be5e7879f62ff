//! `sync`: the exchange's bars into topics and the lake.

use crate::{
    args::SyncArgs,
    exit::usage,
    settings::Settings,
    talk::{Work, print},
    wiring::{
        self, clock,
        control::{self, Place},
        copy::Copy,
        sync, upkeep,
    },
};
use candleflow_schema::{
    Interval,
    time::{self, DAY, SECOND},
};
use candleflow_topics::{Log, klines};
use std::{
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

pub(super) async fn sync(args: SyncArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let exchange: url::Url = args.exchange.parse().map_err(|e| usage(format!("--exchange {}: {e}", args.exchange)))?;
    let stream = match &args.stream {
        Some(text) => text.parse().map_err(|e| usage(format!("--stream {text}: {e}")))?,
        None => clock::stream_of(&exchange)?,
    };
    let interval: Interval = args.interval.parse().map_err(usage)?;
    let lake = wiring::lake(settings)?;
    let log = match (&settings.kafka, args.follow) {
        (None, false) => own_topic(settings, interval).await?,
        _ => Some(wiring::kafka(settings, "sync --follow")?),
    };
    let cancel = wiring::interrupt();
    let market = clock::of(&exchange, &cancel).await;
    let wanted = sync::Sync {
        exchange,
        stream,
        symbols: args.symbols.iter().map(|s| s.as_str().into()).collect(),
        interval,
        since: args.since.unwrap_or_else(|| interval.open_of(market.now() - 30 * DAY)),
        follow: args.follow,
        to: args.to,
    };
    let ending = cancel.child_token();
    if args.follow {
        upkeep::keep(lake.clone(), ending.clone());
    }
    let copy = match &log {
        Some(log) if !args.no_copy => {
            let topic_id = sync::topic(log, interval).await?;
            Some(Copy::start(log.clone(), lake.clone(), interval, &topic_id, ending.clone()))
        }
        _ => None,
    };
    let seen = Arc::new(sync::Seen::default());
    let work = Work::new("sync", 0);
    let task = sync::sync(wanted, lake, log, market.clone(), seen.clone(), cancel.clone());
    tokio::pin!(task);
    let mut alone = false;
    let synced = loop {
        if !alone && !cancel.is_cancelled() && copy.as_ref().is_some_and(Copy::ended) {
            // What goes into the topic is for the lake, too: without its copy nothing more goes there.
            alone = true;
            cancel.cancel();
        }
        tokio::select! {
            done = &mut task => break done,
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                work.at(seen.records.load(Ordering::Relaxed), &time::format(market.now() / SECOND * SECOND));
            }
        }
    };
    work.done();
    let synced = synced?;
    if let Some(mut copy) = copy {
        if synced.to_topic > 0 {
            tokio::select! {
                () = cancel.cancelled() => {}
                reached = copy.reach(&synced.in_topic) => reached?,
            }
        }
        ending.cancel();
        copy.join().await?;
    }
    print(&synced.text())?;
    Ok(ExitCode::SUCCESS)
}

/// The embedded log, if it has a topic of these bars: from its first bar on everything goes through it.
async fn own_topic(settings: &Settings, interval: Interval) -> anyhow::Result<Option<Arc<dyn Log>>> {
    match control::find(settings).await? {
        Place::Nowhere => Ok(None),
        Place::Up(_) => {
            control::refuse_beside_up(settings, "'sync'").await?;
            Ok(None)
        }
        Place::Here(log) if log.topic(&klines::topic_of(interval)).await?.is_some() => Ok(Some(log)),
        Place::Here(log) => {
            log.close().await;
            Ok(None)
        }
    }
}
