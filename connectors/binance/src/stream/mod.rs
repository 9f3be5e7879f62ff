//! Kline streams that stay alive: connections, their renewal and their loss, until cancelled.
//!
//! ```text
//! names ─► connections of at most 800 streams ─► connect ─► SUBSCRIBE, acknowledged by id ─► read
//!                    ▲                                                                       │
//!                    ├── backoff with full jitter ◄── closed with any code, no frame, no ack ┤
//!                    └── new one first, then the old one ends ◄── 23 h old, serverShutdown ──┘
//! ```
//!
//! Guarantees: nothing about completeness. The exchange never repeats what was missed, frames that the reader is too
//! slow for are dropped (and counted) so that pings are always answered, and two connections may tell the same twice.
//! The [`sequencer`](crate::sequencer) makes order and completeness out of this.

mod connection;
mod tls;

use crate::{
    backoff::Backoff,
    config::StreamConfig,
    error::BinanceError,
    parse::{Frame, KlineUpdate},
    telemetry,
};
use candleflow_schema::{Clock, Interval, Quarantined, Symbol};
use connection::Connection;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// What a reader of streams is told.
#[derive(Debug)]
pub enum StreamEvent {
    /// Connection number `shard` is up and every subscription acknowledged.
    Connected {
        /// Which of the connections.
        shard: usize,
    },
    /// Connection number `shard` is gone; what is sent meanwhile is missed.
    Disconnected {
        /// Which of the connections.
        shard: usize,
        /// Why.
        reason: String,
    },
    /// A bar, as it stands.
    Kline(KlineUpdate),
    /// A kline event that cannot be used.
    Bad(Quarantined),
}

/// The names of the kline streams of `symbols`.
pub fn kline_streams(symbols: &[Symbol], interval: Interval) -> Vec<String> {
    symbols.iter().map(|s| format!("{}@kline_{}", s.to_lowercase(), interval.name())).collect()
}

/// Reads `streams` until cancelled, over as many connections as they need.
///
/// # Errors
/// [`BinanceError::Url`]; everything else is tried again for ever.
pub async fn run(
    config: StreamConfig,
    clock: Arc<dyn Clock>,
    streams: Vec<String>,
    out: mpsc::Sender<StreamEvent>,
    cancel: CancellationToken,
) -> Result<(), BinanceError> {
    config.check()?;
    let config = Arc::new(config);
    let mut shards = JoinSet::new();
    for (number, streams) in streams.chunks(config.streams_per_connection.max(1)).enumerate() {
        let backoff =
            Backoff::new(config.backoff.0, config.backoff.1, config.seed.wrapping_add(number as u64).wrapping_mul(31));
        let shard = Shard {
            number,
            streams: streams.into(),
            config: config.clone(),
            clock: clock.clone(),
            out: out.clone(),
            backoff,
            cancel: cancel.clone(),
        };
        shards.spawn(shard.run());
    }
    while shards.join_next().await.is_some() {}
    Ok(())
}

/// Why a connection is no longer read.
enum End {
    Cancelled,
    Lost(String),
}

/// One connection's worth of streams.
struct Shard {
    number: usize,
    streams: Arc<[String]>,
    config: Arc<StreamConfig>,
    clock: Arc<dyn Clock>,
    out: mpsc::Sender<StreamEvent>,
    backoff: Backoff,
    cancel: CancellationToken,
}

type Opening = Pin<Box<dyn Future<Output = Result<Connection, connection::OpenError>> + Send>>;

impl Shard {
    async fn run(mut self) {
        let mut why = "first";
        loop {
            metrics::counter!(telemetry::CONNECTIONS, "why" => why).increment(1);
            why = "lost";
            let opened = tokio::select! {
                () = self.cancel.cancelled() => return,
                opened = self.open() => opened,
            };
            let mut pause = Duration::ZERO;
            let reason = match opened {
                Err(error) => {
                    pause = error.retry_after.unwrap_or_default();
                    error.cause
                }
                Ok(connection) => match self.read(connection).await {
                    End::Cancelled => return,
                    End::Lost(reason) => reason,
                },
            };
            tracing::warn!(shard = self.number, reason, "the stream is down");
            self.tell(StreamEvent::Disconnected { shard: self.number, reason });
            let pause = pause.max(self.backoff.full());
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = tokio::time::sleep(self.clock.wall(pause)) => {}
            }
        }
    }

    fn open(&self) -> Opening {
        Box::pin(Connection::open(self.config.clone(), self.clock.clone(), self.streams.clone(), self.out.clone()))
    }

    /// Reads a connection, and the one that replaces it, until one of them is lost.
    async fn read(&mut self, mut current: Connection) -> End {
        self.tell(StreamEvent::Connected { shard: self.number });
        let mut renew_at = self.renewal();
        let healthy_at = Instant::now() + self.clock.wall(Duration::from_secs(60));
        let mut opening: Option<Opening> = None;
        let mut old: Option<(Connection, Instant)> = None;
        loop {
            let frame = tokio::select! {
                () = self.cancel.cancelled() => {
                    current.close().await;
                    return End::Cancelled;
                }
                frame = current.next() => frame,
                frame = next_of(&mut old) => {
                    match frame {
                        Some(frame) => self.forward(&frame).await,
                        None => old = None,
                    }
                    continue;
                }
                opened = ready(&mut opening) => {
                    opening = None;
                    match opened {
                        Ok(connection) => {
                            metrics::counter!(telemetry::CONNECTIONS, "why" => "renewed").increment(1);
                            let replaced = std::mem::replace(&mut current, connection);
                            old = Some((replaced, Instant::now() + self.clock.wall(self.config.overlap)));
                            renew_at = self.renewal();
                            self.tell(StreamEvent::Connected { shard: self.number });
                        }
                        Err(error) => {
                            tracing::warn!(shard = self.number, cause = error.cause, "the stream could not be renewed");
                            renew_at = Instant::now() + self.clock.wall(self.backoff.added());
                        }
                    }
                    continue;
                }
                () = tokio::time::sleep_until(renew_at), if opening.is_none() => {
                    opening = Some(self.open());
                    continue;
                }
            };
            if Instant::now() >= healthy_at {
                self.backoff.reset();
            }
            match frame {
                Err(reason) => return End::Lost(reason),
                Ok(Frame::Shutdown) if opening.is_none() => {
                    tracing::info!(shard = self.number, "the server announces its end");
                    opening = Some(self.open());
                }
                Ok(frame) => self.forward(&frame).await,
            }
        }
    }

    /// When a connection that is young now is to be replaced: a little before the set age, so that shards differ.
    fn renewal(&mut self) -> Instant {
        let age = self.config.renew_after;
        Instant::now() + self.clock.wall(self.backoff.jitter().between(age.mul_f64(0.97), age))
    }

    async fn forward(&self, frame: &Frame) {
        connection::forward(frame, &self.out, self.config.wait_for_reader).await;
    }

    /// Whoever reads learns of it when there is room; nothing is decided by it.
    fn tell(&self, event: StreamEvent) {
        if self.out.try_send(event).is_err() {
            metrics::counter!(telemetry::DROPPED).increment(1);
        }
    }
}

/// The next frame of a connection that is being replaced; `None` at its end.
async fn next_of(old: &mut Option<(Connection, Instant)>) -> Option<Frame> {
    let Some((connection, until)) = old else { return std::future::pending().await };
    let until = *until;
    match tokio::time::timeout_at(until, connection.next()).await {
        Ok(Ok(frame)) => Some(frame),
        Ok(Err(_)) => None,
        Err(_) => {
            connection.close().await;
            None
        }
    }
}

async fn ready(opening: &mut Option<Opening>) -> Result<Connection, connection::OpenError> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}
