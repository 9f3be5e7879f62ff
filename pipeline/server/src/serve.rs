//! The server as a whole: a socket, the routes, and an orderly end.

use crate::{
    app::{State, app},
    telemetry,
};
use candleflow_engine::{Limits, QueryError, Sql};
use candleflow_lake::Lake;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long open requests may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(10);
/// How often the figures are tidied up, so that they do not grow when nobody reads them.
const UPKEEP: Duration = Duration::from_secs(5);

/// How much the server does at once, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Of one SQL query.
    pub query: Limits,
    /// SQL queries at the same time.
    pub queries: usize,
    /// Requests of the other routes that read the lake at the same time.
    pub reads: usize,
    /// How long a request waits for its turn before it is told to try again.
    pub wait: Duration,
    /// From the head of a request to its answer.
    pub request: Duration,
    /// Bytes of a request's body.
    pub body: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            query: Limits { rows: 100_000, bytes: 64 << 20, time: Duration::from_secs(30) },
            queries: 4,
            reads: 8,
            wait: Duration::from_secs(5),
            request: Duration::from_secs(60),
            body: 512 << 10,
        }
    }
}

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where to listen; port 0 is a free one.
    pub listen: SocketAddr,
    /// How much at once.
    pub limits: ServeLimits,
    /// The lake to show.
    pub lake: Lake,
}

impl ServeConfig {
    /// On this machine only, at port 8080.
    pub fn new(lake: Lake) -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 8080).into(), limits: ServeLimits::default(), lake }
    }
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be used.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The lake or its threads are not there.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It broke off.
    #[error("the server broke off: {0}")]
    Broken(String),
}

/// A server that runs until its token is cancelled.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    server: JoinHandle<io::Result<()>>,
    shutdown: CancellationToken,
}

impl Running {
    /// Waits until the server has ended: after the token, open requests have ten seconds.
    ///
    /// # Errors
    /// [`ServeError::Broken`] when it ended by itself.
    pub async fn ended(mut self) -> Result<(), ServeError> {
        let ended = tokio::select! {
            ended = &mut self.server => ended,
            () = self.shutdown.cancelled() => match timeout(GRACE, &mut self.server).await {
                Ok(ended) => ended,
                Err(_) => {
                    tracing::warn!("requests were still open when the server ended");
                    self.server.abort();
                    return Ok(());
                }
            },
        };
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ServeError::Broken(error.to_string())),
            Err(error) => Err(ServeError::Broken(error.to_string())),
        }
    }
}

/// Listens and answers until `shutdown` is cancelled.
///
/// # Errors
/// [`ServeError::Listen`] for an address in use, [`ServeError::Query`] when the lake cannot be read.
pub async fn serve(config: ServeConfig, shutdown: CancellationToken) -> Result<Running, ServeError> {
    let address = config.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let addr = listener.local_addr().map_err(|source| ServeError::Listen { address, source })?;
    let state = State::new(Sql::open(&config.lake).await?, config.limits);
    let figures = telemetry::recorder();
    let end = shutdown.clone();
    let server = tokio::spawn(async move {
        let served = axum::serve(listener, app(state)).with_graceful_shutdown(end.clone().cancelled_owned());
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP).await;
                figures.run_upkeep();
            }
        };
        tokio::select! {
            served = async { served.await } => served,
            () = upkeep => Ok(()),
        }
    });
    tracing::info!(%addr, "listening");
    Ok(Running { addr, server, shutdown })
}
