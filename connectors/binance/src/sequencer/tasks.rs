//! The questions that the driver asks beside its loop. Each ends by telling the loop its answer.

use super::core::Event;
use crate::{
    error::BinanceError,
    klines::{KlinePage, Range},
    parse::{ExchangeInfo, SymbolStatus},
    rest::RestClient,
};
use candleflow_schema::{Quarantined, Symbol};
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc};

/// Pause between attempts to begin a run that follows.
const START_PAUSE: Duration = Duration::from_secs(10);

/// What tasks tell the loop.
pub(super) enum Told {
    Event(Event, Vec<Quarantined>),
    FetchFailed(Symbol, BinanceError),
    StatusFailed(BinanceError),
    Synced,
}

/// Reads a range and tells its pages one by one, the last marked as such.
pub(super) async fn fetch(rest: RestClient, range: Range, all: bool, slots: Arc<Semaphore>, tell: mpsc::Sender<Told>) {
    // The semaphore is never closed; without a permit there would be nobody to answer.
    let Ok(_slot) = slots.acquire_owned().await else { return };
    let (symbol, from, to) = (range.symbol.clone(), range.from, range.to);
    let asked_at = rest.time().surely();
    let mut pages = if all {
        rest.klines_pages(range)
    } else {
        let rest = rest.clone();
        futures::stream::once(async move { rest.klines_page(&range).await }).boxed()
    };
    let mut page = pages.next().await;
    while let Some(current) = page {
        let told = match current {
            Err(BinanceError::Api { code: -1121, .. }) => {
                // It was known when the run began. What has gone has no bars any more, and must not end the others.
                tracing::warn!(%symbol, "the exchange no longer knows the symbol");
                page = None;
                let none = KlinePage { from, to, bars: Vec::new(), later: None, asked_at, quarantined: Vec::new() };
                Told::Event(Event::Page { symbol: symbol.clone(), page: none, last: true }, Vec::new())
            }
            Err(error) => {
                // Whoever listened has ended when this fails.
                let _ = tell.send(Told::FetchFailed(symbol, error)).await;
                return;
            }
            Ok(mut current) => {
                page = pages.next().await;
                let quarantined = std::mem::take(&mut current.quarantined);
                let event = Event::Page { symbol: symbol.clone(), page: current, last: page.is_none() };
                Told::Event(event, quarantined)
            }
        };
        if tell.send(told).await.is_err() {
            return;
        }
    }
}

/// Asks whether `symbols` trade. One that the exchange no longer knows does not.
pub(super) async fn status(rest: RestClient, symbols: Vec<Symbol>, tell: mpsc::Sender<Told>) {
    let at = rest.time().surely();
    let told = match instruments(&rest, &symbols).await {
        Err(error) => Told::StatusFailed(error),
        Ok(info) => {
            let trades = |s: &Symbol| info.instruments.get(s).is_some_and(|i| i.status == SymbolStatus::Trading);
            let trades = symbols.iter().map(|s| (s.clone(), trades(s))).collect();
            Told::Event(Event::Status { trades, at }, Vec::new())
        }
    };
    // Whoever listened has ended when this fails.
    let _ = tell.send(told).await;
}

/// What the exchange says of `symbols`, or of all where it does not know one of them: it does not say which.
async fn instruments(rest: &RestClient, symbols: &[Symbol]) -> Result<ExchangeInfo, BinanceError> {
    match rest.exchange_info(symbols).await {
        Err(BinanceError::Api { code: -1121 | -1100, .. }) => rest.exchange_info(&[]).await,
        info => info,
    }
}

/// Asks once, or, for a run without an end, until an answer comes or none ever will.
pub(super) async fn persist<T, F: Future<Output = Result<T, BinanceError>>>(
    rest: &RestClient,
    forever: bool,
    ask: impl Fn() -> F,
) -> Result<T, BinanceError> {
    loop {
        match ask().await {
            Err(error) if forever && error.retry() => {
                tracing::warn!(%error, "the exchange cannot be reached yet");
                rest.sleep(START_PAUSE).await?;
            }
            answer => return answer,
        }
    }
}

/// Whether each symbol trades.
///
/// # Errors
/// The names that the exchange does not know.
pub(super) async fn check_symbols(rest: &RestClient, symbols: &[Symbol]) -> Result<Vec<(Symbol, bool)>, BinanceError> {
    let info = instruments(rest, symbols).await?;
    let names: Vec<_> =
        symbols.iter().filter(|s| !info.instruments.contains_key(*s)).map(ToString::to_string).collect();
    if !names.is_empty() {
        return Err(BinanceError::UnknownSymbols { names });
    }
    Ok(symbols.iter().map(|s| (s.clone(), info.instruments[s].status == SymbolStatus::Trading)).collect())
}
