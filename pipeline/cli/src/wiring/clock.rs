//! The clock of the exchange that a client talks to: the machine's own, or that of a local exchange, which may run faster.

use candleflow_schema::{Clock, Micros, SystemClock};
use serde::Deserialize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// How often a clock without a fixed speed is asked again.
const FOLLOW: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
struct Told {
    now: Micros,
    speed: Option<f64>,
}

/// What a local exchange said of its time, a moment ago.
struct Followed {
    started: Instant,
    origin: AtomicI64,
    speed: Option<f64>,
}

impl Clock for Followed {
    fn now(&self) -> Micros {
        let origin = self.origin.load(Ordering::Relaxed);
        match self.speed {
            Some(speed) => origin + (self.started.elapsed().as_secs_f64() * speed * 1e6) as Micros,
            None => origin,
        }
    }

    fn wall(&self, span: Duration) -> Duration {
        self.speed.map_or(span, |speed| span.div_f64(speed))
    }
}

/// Asks whether `exchange` is a local one, and gives its clock; the machine's own for any other.
pub(crate) async fn of(exchange: &Url, cancel: &CancellationToken) -> Arc<dyn Clock> {
    let local = exchange.host_str().is_some_and(|h| h == "localhost" || h.starts_with("127.") || h == "[::1]");
    let Some(url) = exchange.join("/control/clock").ok().filter(|_| local) else { return Arc::new(SystemClock) };
    let client = reqwest::Client::new();
    let Some(told) = ask(&client, &url).await else { return Arc::new(SystemClock) };
    let clock = Arc::new(Followed { started: Instant::now(), origin: AtomicI64::new(told.now), speed: told.speed });
    if told.speed.is_none() {
        let (followed, cancel) = (clock.clone(), cancel.clone());
        tokio::spawn(async move {
            while !cancel.is_cancelled() {
                tokio::time::sleep(FOLLOW).await;
                if let Some(told) = ask(&client, &url).await {
                    followed.origin.fetch_max(told.now, Ordering::Relaxed);
                }
            }
        });
    }
    clock
}

async fn ask(client: &reqwest::Client, url: &Url) -> Option<Told> {
    let answer = client.get(url.clone()).timeout(Duration::from_secs(2)).send().await.ok()?;
    answer.error_for_status().ok()?.json().await.ok()
}

/// The stream address that belongs to a REST address.
pub(crate) fn stream_of(exchange: &Url) -> anyhow::Result<Url> {
    let mut url = exchange.clone();
    if exchange.host_str() == Some("api.binance.com") {
        return Ok("wss://stream.binance.com:9443".parse()?);
    }
    let scheme = if exchange.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).map_err(|()| crate::exit::usage(format!("{exchange} is not a web address")))?;
    Ok(url)
}
