//! What the exchange says of its instruments, into the table `instruments`: a row only where something has changed.

use candleflow_binance::RestClient;
use candleflow_lake::Lake;
use candleflow_schema::{Symbol, time::DAY};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the exchange is asked again, on its clock.
const AGAIN: Duration = Duration::from_micros(DAY as u64);

/// Asks once and writes what is new.
pub(crate) async fn refresh(rest: &RestClient, lake: &Lake, symbols: &[Symbol]) -> anyhow::Result<usize> {
    let info = rest.exchange_info(symbols).await?;
    let now = info.server_time.unwrap_or_else(|| rest.time().now());
    let stated: Vec<_> = symbols.iter().filter_map(|s| Some(info.instruments.get(s)?.stated(now))).collect();
    Ok(lake.put_instruments(&stated).await?)
}

/// Asks now and once a day, until cancelled. An answer that does not come is no reason to stop a sync.
pub(crate) async fn keep(rest: RestClient, lake: Lake, symbols: Vec<Symbol>, again: bool, cancel: CancellationToken) {
    loop {
        match refresh(&rest, &lake, &symbols).await {
            Ok(0) => {}
            Ok(new) => tracing::info!(new, "instruments have new filters"),
            Err(error) if !cancel.is_cancelled() => {
                tracing::warn!(%error, "what the exchange says of its instruments could not be kept");
            }
            Err(_) => {}
        }
        if !again {
            return;
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(rest.time().clock().wall(AGAIN)) => {}
        }
    }
}
