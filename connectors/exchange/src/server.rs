//! The running exchange: one listener, the state that every request and connection shares, and an orderly end.
//!
//! Guarantees that `join` returns after the token is cancelled: connections are told (`serverShutdown`, close 1001) and
//! given [`PATIENCE`] on the wall to end.

use crate::{
    archive,
    clock::MarketClock,
    config::{AtEnd, EmptyBars, ExchangeConfig, Limits},
    control,
    error::ExchangeError,
    faults::{Faults, requests::RequestMangler},
    feed::CLOSING,
    limiter::Limiter,
    market::Market,
    rest, ws,
};
use axum::{
    Router,
    extract::connect_info::{Connected, IntoMakeServiceWithConnectInfo},
    middleware::map_response,
    response::Response,
    routing::get,
    serve::{IncomingStream, Listener, ListenerExt},
};
use candleflow_schema::time;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long on the wall an ending exchange waits for its connections.
const PATIENCE: Duration = Duration::from_secs(5);
/// Commands that a busy connection may have unread.
const COMMANDS: usize = 64;

/// What requests and connections share.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) market: Market,
    pub(crate) clock: MarketClock,
    pub(crate) limits: Limits,
    pub(crate) empty_bars: EmptyBars,
    /// Requests draw their faults here; connections watch for changes.
    pub(crate) faults: watch::Sender<Arc<Faults>>,
    pub(crate) commands: broadcast::Sender<Command>,
    /// Cancelled when the exchange ends, by the caller or by itself.
    pub(crate) ending: CancellationToken,
    /// Whether it ends because the market is over: then connections first send what is due.
    pub(crate) over: AtomicBool,
    pub(crate) tasks: TaskTracker,
    /// Connections opened so far: the number of the next one.
    pub(crate) opened: AtomicU64,
    /// Connections open now.
    pub(crate) open: AtomicUsize,
    /// Requests to `/api/` so far.
    pub(crate) requests: AtomicU64,
    limiter: Mutex<Limiter>,
    request_faults: Mutex<RequestMangler>,
}

/// What all connections are told to do.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Close with a code and a reason; without, cut without a close frame.
    Disconnect(Option<(u16, String)>),
    /// Send `serverShutdown`.
    Notice,
}

impl Exchange {
    pub(crate) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request_faults(&self) -> MutexGuard<'_, RequestMangler> {
        self.request_faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts other faults in place, for connections that are open too.
    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.request_faults() = RequestMangler::new(faults.seed, &faults.rest);
        self.faults.send_replace(Arc::new(faults));
    }
}

/// An exchange that is being served.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The base of REST: `http://127.0.0.1:4711`; paths begin with `/api/v3/`.
    pub rest_url: String,
    /// The base of streams: `ws://127.0.0.1:4711`; paths are `/ws` and `/stream`.
    pub ws_url: String,
    clock: MarketClock,
    ending: CancellationToken,
    server: JoinHandle<Result<(), ExchangeError>>,
}

impl Running {
    /// The market's clock.
    pub fn clock(&self) -> MarketClock {
        self.clock.clone()
    }

    /// Ends the exchange; `join` waits for it.
    pub fn stop(&self) {
        self.ending.cancel();
    }

    /// Waits until the exchange has ended: because its token was cancelled, or at the end of the market.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn join(self) -> Result<(), ExchangeError> {
        self.server.await.map_err(|e| ExchangeError::Task(e.to_string()))?
    }
}

/// Starts an exchange. It listens when this returns, and ends when `shutdown` is cancelled.
///
/// # Errors
/// See [`ExchangeError`].
pub async fn serve(
    config: ExchangeConfig,
    market: Market,
    shutdown: CancellationToken,
) -> Result<Running, ExchangeError> {
    config.validate()?;
    let addr = config.listen;
    let listener = TcpListener::bind(addr).await.map_err(|cause| ExchangeError::Listen { addr, cause })?;
    let addr = listener.local_addr().map_err(|cause| ExchangeError::Listen { addr, cause })?;
    // Small frames must not wait for each other. A socket that cannot be told so is merely slower.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let start = config.start.unwrap_or(market.start());
    tracing::info!(
        simulated = true,
        %addr,
        symbols = market.symbols().count(),
        bars = market.bars(),
        from = time::format(market.start()),
        to = time::format(market.end()),
        now = time::format(start),
        speed = ?config.speed,
        "a simulated exchange listens; its data are not the exchange's"
    );
    let clock = MarketClock::new(config.speed, start, market.end());
    let ending = shutdown.child_token();
    let exchange = Arc::new(Exchange {
        clock: clock.clone(),
        limiter: Mutex::new(Limiter::new(config.limits.clone())),
        request_faults: Mutex::new(RequestMangler::new(config.faults.seed, &config.faults.rest)),
        limits: config.limits,
        empty_bars: config.empty_bars,
        faults: watch::Sender::new(Arc::new(config.faults)),
        commands: broadcast::Sender::new(COMMANDS),
        ending: ending.clone(),
        over: AtomicBool::new(false),
        tasks: TaskTracker::new(),
        opened: AtomicU64::new(0),
        open: AtomicUsize::new(0),
        requests: AtomicU64::new(0),
        market,
    });
    if config.at_end == AtEnd::Stop {
        exchange.tasks.spawn(stop_at_end(exchange.clone()));
    }
    let mut router = Router::new().merge(ws::routes()).route(archive::ROUTE, get(archive::answer));
    if config.control {
        router = router.nest("/control", control::routes());
    }
    let service = router
        .fallback(rest::answer)
        .layer(map_response(async |response: Response| rest::simulated(response)))
        .with_state(exchange.clone())
        .into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(run(listener, service, exchange));
    let (rest_url, ws_url) = (format!("http://{addr}"), format!("ws://{addr}"));
    Ok(Running { addr, rest_url, ws_url, clock, ending, server })
}

type Service = IntoMakeServiceWithConnectInfo<Router, SocketAddr>;

async fn run<L>(listener: L, service: Service, exchange: Arc<Exchange>) -> Result<(), ExchangeError>
where
    L: Listener<Addr = SocketAddr>,
    SocketAddr: for<'a> Connected<IncomingStream<'a, L>>,
{
    let ending = exchange.ending.clone();
    let graceful = ending.clone();
    let served = axum::serve(listener, service).with_graceful_shutdown(async move { graceful.cancelled().await });
    let served = tokio::spawn(async move { served.await });
    let abort = served.abort_handle();
    ending.cancelled().await;
    exchange.tasks.close();
    let orderly = async {
        exchange.tasks.wait().await;
        served.await
    };
    match tokio::time::timeout(PATIENCE, orderly).await {
        Ok(Ok(result)) => result.map_err(ExchangeError::Serve),
        Ok(Err(join)) => Err(ExchangeError::Task(join.to_string())),
        Err(_) => {
            abort.abort();
            tracing::warn!(open = exchange.tasks.len(), "connections did not end in time and were dropped");
            Ok(())
        }
    }
}

/// Ends the exchange after the last bar.
async fn stop_at_end(exchange: Arc<Exchange>) {
    let over = exchange.market.end() + CLOSING;
    tokio::select! {
        () = exchange.ending.cancelled() => {}
        () = exchange.clock.reached(over) => {
            tracing::info!("the market is over");
            exchange.over.store(true, Ordering::Relaxed);
            exchange.ending.cancel();
        }
    }
}
