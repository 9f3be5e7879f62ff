//! One connection: opened, subscribed in paced frames, acknowledged, then read frame by frame.
//!
//! Pings are answered by the WebSocket library as long as somebody reads, so nothing here waits for a reader.

use super::{StreamEvent, tls};
use crate::{
    config::StreamConfig,
    parse::{self, Frame},
    rest::LEAST_WALL,
    telemetry,
};
use candleflow_schema::Clock;
use futures::{SinkExt, StreamExt};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{net::TcpStream, sync::mpsc, time::Instant};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};

/// Longest message that is read; a kline event has 400 bytes.
const MESSAGE_LIMIT: usize = 4 << 20;

/// Why a connection did not come about.
pub(super) struct OpenError {
    pub(super) cause: String,
    /// How long the exchange wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl From<String> for OpenError {
    fn from(cause: String) -> Self {
        Self { cause, retry_after: None }
    }
}

/// An open connection, every subscription acknowledged.
pub(super) struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Longest time without any frame.
    heartbeat: Duration,
    /// Longest time without data.
    silence: Duration,
    last_data: Instant,
}

impl Connection {
    /// Connects and subscribes; data that comes before the last acknowledgement goes to `out` already.
    pub(super) async fn open(
        config: Arc<StreamConfig>,
        clock: Arc<dyn Clock>,
        streams: Arc<[String]>,
        out: mpsc::Sender<StreamEvent>,
    ) -> Result<Self, OpenError> {
        let wall = |span: Duration| clock.wall(span).max(LEAST_WALL);
        let mut url = config.url.clone();
        url.set_path(&format!("{}/stream", config.url.path().trim_end_matches('/')));
        let limits =
            WebSocketConfig::default().max_message_size(Some(MESSAGE_LIMIT)).max_frame_size(Some(MESSAGE_LIMIT));
        let connecting = connect_async_tls_with_config(url.as_str(), Some(limits), true, Some(tls::connector()?));
        let (socket, _) = tokio::time::timeout(wall(config.ack_timeout), connecting)
            .await
            .map_err(|_| format!("no connection within {} s", config.ack_timeout.as_secs()))?
            .map_err(|error| refused(&error))?;
        let mut connection = Self {
            socket,
            heartbeat: wall(config.heartbeat),
            silence: wall(config.silence),
            last_data: Instant::now(),
        };
        let pause = clock.wall(config.control_pause);
        connection.subscribe(&streams, &config, pause, wall(config.ack_timeout), &out).await?;
        connection.last_data = Instant::now();
        Ok(connection)
    }

    async fn subscribe(
        &mut self,
        streams: &[String],
        config: &StreamConfig,
        pause: Duration,
        patience: Duration,
        out: &mpsc::Sender<StreamEvent>,
    ) -> Result<(), String> {
        let mut to_send = streams.chunks(config.streams_per_frame.max(1)).zip(1i64..).peekable();
        let mut awaited = BTreeSet::new();
        let mut send_at = Instant::now();
        let mut deadline = Instant::now() + patience;
        while to_send.peek().is_some() || !awaited.is_empty() {
            tokio::select! {
                () = tokio::time::sleep_until(send_at), if to_send.peek().is_some() => {
                    let Some((names, id)) = to_send.next() else { continue };
                    let request = serde_json::json!({"method": "SUBSCRIBE", "params": names, "id": id});
                    self.socket.send(Message::text(request.to_string())).await.map_err(|e| e.to_string())?;
                    awaited.insert(id);
                    send_at = Instant::now() + pause;
                    deadline = send_at + patience;
                }
                () = tokio::time::sleep_until(deadline) => {
                    let ids: Vec<_> = awaited.iter().map(i64::to_string).collect();
                    return Err(format!("no acknowledgement of control frame {}", ids.join(", ")));
                }
                frame = self.next() => match frame? {
                    Frame::Ack(id) => _ = awaited.remove(&id),
                    Frame::Refused { code, msg, .. } => return Err(format!("subscription refused with code {code}: {msg}")),
                    frame => forward(&frame, out, config.wait_for_reader).await,
                },
            }
        }
        Ok(())
    }

    /// The next frame that says something. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Frame, String> {
        loop {
            let message = match tokio::time::timeout(self.heartbeat, self.socket.next()).await {
                Err(_) => return Err("no frame at all, not even a ping".into()),
                Ok(None) => return Err("closed without a close frame".into()),
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(Some(Ok(message))) => message,
            };
            match message {
                Message::Text(text) => {
                    let frame = parse::frame(&text);
                    metrics::counter!(telemetry::FRAMES, "kind" => kind(&frame)).increment(1);
                    self.last_data = Instant::now();
                    return Ok(frame);
                }
                Message::Close(close) => {
                    return Err(close.map_or_else(
                        || "closed without a code".into(),
                        |c| format!("closed with code {} {}", u16::from(c.code), c.reason),
                    ));
                }
                _ if self.last_data.elapsed() > self.silence => return Err("pings but no data".into()),
                _ => {}
            }
        }
    }

    /// Says goodbye; an answer is not waited for.
    pub(super) async fn close(&mut self) {
        // The peer may be gone already, and then there is nobody to say it to.
        let _ = tokio::time::timeout(LEAST_WALL, self.socket.close(None)).await;
    }
}

/// Hands a frame on that the reader wants; a reader that is too slow misses it, and REST fills it, or is waited for.
pub(super) async fn forward(frame: &Frame, out: &mpsc::Sender<StreamEvent>, wait: bool) {
    let event = match frame {
        Frame::Kline(update) => StreamEvent::Kline(update.clone()),
        Frame::Bad(bad) => StreamEvent::Bad(bad.clone()),
        Frame::Refused { code, msg, .. } => {
            tracing::warn!(code, msg, "the stream endpoint refused a control frame");
            return;
        }
        Frame::Ack(_) | Frame::Shutdown | Frame::Other(_) => return,
    };
    if wait {
        // A reader that has gone cancels the stream too.
        let _ = out.send(event).await;
    } else if out.try_send(event).is_err() {
        metrics::counter!(telemetry::DROPPED).increment(1);
    }
}

fn kind(frame: &Frame) -> &'static str {
    match frame {
        Frame::Kline(_) => "kline",
        Frame::Bad(_) => "bad",
        Frame::Ack(_) => "ack",
        Frame::Refused { .. } => "refused",
        Frame::Shutdown => "shutdown",
        Frame::Other(_) => "other",
    }
}

fn refused(error: &tungstenite::Error) -> OpenError {
    let tungstenite::Error::Http(answer) = error else { return error.to_string().into() };
    let status = answer.status().as_u16();
    let stated = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let default = match status {
        429 => Some(60),
        418 => Some(120),
        403 => Some(300),
        _ => None,
    };
    OpenError {
        cause: format!("the upgrade was answered with HTTP {status}"),
        retry_after: stated.or(default).map(Duration::from_secs),
    }
}
