//! A running exchange, and clients of it that see everything: status, headers, frames, close codes.

use candleflow_exchange::{ExchangeConfig, Limits, Market, Running, Speed, serve};
use candleflow_schema::{Bar, Interval, Micros, Origin};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use tokio_util::sync::CancellationToken;

pub(crate) const MINUTE: Micros = 60_000_000;
/// 2021-04-21T00:00Z.
pub(crate) const DAY: Micros = 1_618_963_200_000_000;
/// Nothing in these tests takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// A clock that practically stands.
pub(crate) const STILL: Speed = Speed::Scaled(0.001);
pub(crate) const MAX: Speed = Speed::Max { wait_for_streams: 1 };

/// Minute bars at the given minutes of [`DAY`], each with prices of its own.
pub(crate) fn minutes(symbol: &str, at: impl IntoIterator<Item = i64>) -> Vec<Bar> {
    at.into_iter()
        .map(|m| {
            let open = 10_000_000_000 + m.rem_euclid(7) * 100_000_000;
            Bar {
                symbol: symbol.into(),
                interval: Interval::M1,
                open_time: DAY + m * MINUTE,
                open,
                high: open + 200_000_000,
                low: open - 300_000_000,
                close: open + 100_000_000,
                volume: 1_000_000_000,
                quote_volume: None,
                trades: None,
                taker_buy_volume: None,
                taker_buy_quote_volume: None,
                origin: Origin::File,
            }
        })
        .collect()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    pub(crate) fn used(&self) -> u64 {
        assert_eq!(self.headers["x-mbx-used-weight"], self.headers["x-mbx-used-weight-1m"]);
        self.headers["x-mbx-used-weight"].parse().unwrap()
    }
}

pub(crate) struct Exchange {
    pub(crate) running: Running,
    pub(crate) token: CancellationToken,
    pub(crate) http: reqwest::Client,
}

impl Exchange {
    pub(crate) async fn start(config: ExchangeConfig, market: Market) -> Self {
        let token = CancellationToken::new();
        let running = serve(config, market, token.clone()).await.unwrap();
        let http = reqwest::Client::builder().timeout(DEADLINE).build().unwrap();
        Self { running, token, http }
    }

    /// A market of `bars` whose clock practically stands at `at`.
    pub(crate) async fn still(bars: Vec<Bar>, at: Micros) -> Self {
        let config = ExchangeConfig { speed: STILL, start: Some(at), ..Default::default() };
        Self::start(config, Market::replay(bars).unwrap()).await
    }

    /// A market of `bars` that runs as fast as it is read.
    pub(crate) async fn max(bars: Vec<Bar>, at: Micros) -> Self {
        let config = ExchangeConfig { speed: MAX, start: Some(at), ..Default::default() };
        Self::start(config, Market::replay(bars).unwrap()).await
    }

    /// A market of `bars` from their beginning on, `speed` times as fast as the wall, with limits.
    pub(crate) async fn scaled(bars: Vec<Bar>, speed: f64, limits: Limits) -> Self {
        let config = ExchangeConfig { speed: Speed::Scaled(speed), limits, ..Default::default() };
        Self::start(config, Market::replay(bars).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.http.get(format!("{}{path}", self.running.rest_url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        read(self.http.request(method, format!("{}{path}", self.running.rest_url)).body(body.to_owned())).await
    }

    pub(crate) async fn faults(&self, faults: &str) {
        let answer = self.send("PUT", "/control/faults", faults).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }

    pub(crate) async fn connect(&self, path: &str) -> Client {
        let (socket, _) = connect_async(format!("{}{path}", self.running.ws_url)).await.unwrap();
        Client { socket }
    }

    pub(crate) async fn raw(&self, path: &str) -> RawClient {
        RawClient::connect(self.running.addr, path).await
    }

    pub(crate) async fn stop(self) {
        self.token.cancel();
        tokio::time::timeout(DEADLINE, self.running.join()).await.unwrap().unwrap();
    }

    /// Polls until `done` says so.
    pub(crate) async fn until(&self, what: &str, mut done: impl AsyncFnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self).await {
            assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn state(&self) -> Value {
        self.get("/control/state").await.json()
    }
}

async fn read(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers: HashMap<String, String> =
        response.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
    assert_eq!(headers["x-candleflow-simulated"], "true");
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// What a client gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got {
    Text(String),
    Close(u16, String),
    /// The connection broke off.
    Broken,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        match self {
            Got::Text(text) => serde_json::from_str(text).unwrap(),
            other => panic!("expected a frame, got {other:?}"),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Got::Text(text) => text,
            other => panic!("expected a frame, got {other:?}"),
        }
    }
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next frame that is not a ping.
    pub(crate) async fn next(&mut self) -> Got {
        tokio::time::timeout(DEADLINE, self.frame()).await.expect("nothing came")
    }

    /// What comes within `span` on the wall.
    pub(crate) async fn within(&mut self, span: Duration) -> Option<Got> {
        tokio::time::timeout(span, self.frame()).await.ok()
    }

    async fn frame(&mut self) -> Got {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Got::Text(text.to_string()),
                Some(Ok(Message::Close(Some(close)))) => {
                    return Got::Close(close.code.into(), close.reason.to_string());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("unexpected {other:?}"),
                Some(Err(_)) | None => return Got::Broken,
            }
        }
    }

    /// Sends a request and waits for its answer, past any events.
    pub(crate) async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        loop {
            let frame = self.next().await.json();
            if frame.get("e").is_none() && frame.get("stream").is_none() {
                return frame;
            }
        }
    }

    /// All texts until the end of the connection, and that end.
    pub(crate) async fn rest(&mut self) -> (Vec<String>, Got) {
        let mut texts = vec![];
        loop {
            match self.next().await {
                Got::Text(text) => texts.push(text),
                end => return (texts, end),
            }
        }
    }

    pub(crate) async fn take(&mut self, n: usize) -> Vec<String> {
        let mut texts = vec![];
        while texts.len() < n {
            texts.push(self.next().await.text().to_owned());
        }
        texts
    }
}

/// A client that does nothing by itself: it answers no ping.
pub(crate) struct RawClient {
    socket: TcpStream,
}

impl RawClient {
    async fn connect(addr: std::net::SocketAddr, path: &str) -> Self {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains("x-candleflow-simulated: true"), "{head}");
        Self { socket }
    }

    /// The next frame: opcode and payload; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let frame = async {
            let first = self.socket.read_u8().await.ok()?;
            let second = self.socket.read_u8().await.ok()?;
            let length = match second {
                126 => usize::from(self.socket.read_u16().await.ok()?),
                127 => self.socket.read_u64().await.ok()? as usize,
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.socket.read_exact(&mut payload).await.ok()?;
            Some((first & 0x0f, payload))
        };
        tokio::time::timeout(DEADLINE, frame).await.expect("nothing came")
    }

    /// Sends a frame, masked with zeros.
    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
        frame.extend(payload);
        self.socket.write_all(&frame).await.unwrap();
    }
}

/// Code and reason of a close frame.
pub(crate) fn close_of(payload: &[u8]) -> (u16, &str) {
    (u16::from_be_bytes([payload[0], payload[1]]), std::str::from_utf8(&payload[2..]).unwrap())
}
