//! The stream client against a raw WebSocket server that misbehaves.

use candleflow_binance::{
    StreamConfig,
    stream::{self, StreamEvent},
};
use candleflow_schema::{Clock, Interval, ScaledClock, Symbol};
use futures::{SinkExt, StreamExt};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, protocol::CloseFrame},
};
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes longer on the wall, however busy the machine.
const DEADLINE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<TcpStream>;

/// What a connection of the server does after its subscriptions are acknowledged.
#[derive(Clone, Debug)]
enum Then {
    Close(u16),
    Drop,
    Silence,
    Stay,
    Shutdown,
}

#[derive(Default, Debug)]
struct Seen {
    connections: usize,
    /// When each control frame came, and how many streams it named.
    controls: Vec<(usize, Instant, usize)>,
    closed: usize,
}

struct Server {
    url: url::Url,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// The n-th connection does the n-th of `script`, the last of them for ever. `frames` SUBSCRIBEs are expected.
    async fn start(script: Vec<Then>, frames: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let log = seen.clone();
        let task = tokio::spawn(async move {
            for number in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                let then = script[number.min(script.len() - 1)].clone();
                log.lock().unwrap().connections += 1;
                tokio::spawn(serve(socket, number, then, frames, log.clone()));
            }
        });
        Self { url, seen, task }
    }
}

async fn serve(socket: TcpStream, number: usize, then: Then, frames: usize, log: Arc<Mutex<Seen>>) {
    let Ok(mut socket) = accept_async(socket).await else { return };
    for _ in 0..frames {
        let Some(Ok(Message::Text(text))) = socket.next().await else { return };
        let request: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(request["method"], "SUBSCRIBE");
        log.lock().unwrap().controls.push((number, Instant::now(), request["params"].as_array().unwrap().len()));
        // Data may come before the acknowledgement.
        send(&mut socket, &kline(number as i64, true)).await;
        send(&mut socket, &format!(r#"{{"result":null,"id":{}}}"#, request["id"])).await;
    }
    match then {
        Then::Close(code) => {
            let frame = CloseFrame { code: code.into(), reason: "test".into() };
            let _ = socket.close(Some(frame)).await;
        }
        Then::Drop => drop(socket),
        Then::Silence => tokio::time::sleep(Duration::from_secs(3600)).await,
        Then::Shutdown => {
            send(&mut socket, r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#).await;
            stay(socket, log).await;
        }
        Then::Stay => stay(socket, log).await,
    }
}

async fn stay(mut socket: Socket, log: Arc<Mutex<Seen>>) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            break;
        }
    }
    log.lock().unwrap().closed += 1;
}

async fn send(socket: &mut Socket, text: &str) {
    let _ = socket.send(Message::text(text)).await;
}

fn kline(n: i64, closed: bool) -> String {
    let open = 1_704_067_200_000 + n * 60_000;
    format!(
        r#"{{"stream":"btcusdt@kline_1m","data":{{"e":"kline","E":{},"s":"BTCUSDT","k":{{"t":{open},"T":{},"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1","c":"2","h":"3","l":"1","v":"5","n":2,"x":{closed},"q":"6","V":"1","Q":"2"}}}}}}"#,
        open + 60_100,
        open + 59_999
    )
}

struct Run {
    events: mpsc::Receiver<StreamEvent>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    clock: Arc<ScaledClock>,
}

fn run(server: &Server, streams: usize, speed: f64, change: impl FnOnce(&mut StreamConfig)) -> Run {
    let mut config = StreamConfig::new(server.url.clone());
    // These servers do not ping, and on a fast clock a busy machine is soon silent for too long.
    config.heartbeat = Duration::from_secs(1 << 20);
    change(&mut config);
    let clock = Arc::new(ScaledClock::new(1_704_067_200_000_000, speed));
    let (out, events) = mpsc::channel(config.buffer);
    let cancel = CancellationToken::new();
    let names = (0..streams).map(|i| format!("s{i}@kline_1m")).collect();
    let work = stream::run(config, clock.clone(), names, out, cancel.clone());
    let task = tokio::spawn(async move { work.await.unwrap() });
    Run { events, cancel, task, clock }
}

impl Run {
    /// The next events, klines as their number, until `count` connections are up.
    async fn until_connected(&mut self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        let mut up = 0;
        let collect = async {
            while up < count {
                match self.events.recv().await.unwrap() {
                    StreamEvent::Connected { .. } => {
                        up += 1;
                        told.push("up".to_owned());
                    }
                    StreamEvent::Disconnected { reason, .. } => told.push(reason),
                    StreamEvent::Kline(update) => {
                        told.push(format!("bar {}", (update.bar.open_time - 1_704_067_200_000_000) / 60_000_000))
                    }
                    StreamEvent::Bad(bad) => panic!("{bad:?}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, collect).await.expect("connections come up");
        told
    }

    async fn end(self) {
        self.cancel.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("it ends").unwrap();
    }
}

#[tokio::test]
async fn it_comes_back_after_every_close_code() {
    let codes = [1000, 1001, 1008, 1011, 1012];
    let mut script: Vec<_> = codes.map(Then::Close).to_vec();
    script.extend([Then::Drop, Then::Stay]);
    let server = Server::start(script, 1).await;
    let mut run = run(&server, 3, 1000.0, |_| {});
    let told = run.until_connected(7).await;
    for code in codes {
        assert!(told.contains(&format!("closed with code {code} test")), "{told:?}");
    }
    assert_eq!(told.iter().filter(|t| *t == "up").count(), 7);
    assert_eq!(told.iter().filter(|t| t.starts_with("bar")).count(), 7, "each connection's data came: {told:?}");
    run.end().await;
}

#[tokio::test]
async fn subscriptions_are_paced_and_chunked() {
    let server = Server::start(vec![Then::Stay], 5).await;
    let mut run = run(&server, 950, 2.0, |c| c.streams_per_connection = 1000);
    run.until_connected(1).await;
    let controls = server.seen.lock().unwrap().controls.clone();
    assert_eq!(controls.iter().map(|c| c.2).collect::<Vec<_>>(), [200, 200, 200, 200, 150]);
    for pair in controls.windows(2) {
        let pause = (pair[1].1 - pair[0].1) * 2;
        assert!(pause >= Duration::from_millis(250), "at most 4 a second on the exchange's clock: {pause:?}");
    }
    run.end().await;
}

#[tokio::test]
async fn many_streams_take_several_connections() {
    let server = Server::start(vec![Then::Stay], 1).await;
    let mut run = run(&server, 25, 100.0, |c| c.streams_per_connection = 10);
    run.until_connected(3).await;
    let mut sizes: Vec<_> = server.seen.lock().unwrap().controls.iter().map(|c| c.2).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 10, 10]);
    run.end().await;
}

#[tokio::test]
async fn a_silent_peer_is_left() {
    let server = Server::start(vec![Then::Silence, Then::Stay], 1).await;
    let mut run = run(&server, 1, 30.0, |c| c.heartbeat = Duration::from_secs(60));
    let began = run.clock.now();
    let told = run.until_connected(2).await;
    assert!(told.contains(&"no frame at all, not even a ping".to_owned()), "{told:?}");
    assert!(run.clock.now() - began >= 60_000_000);
    run.end().await;
}

#[tokio::test]
async fn a_missing_acknowledgement_is_a_failure() {
    // The server waits for a second control frame that never comes, so the first alone is acknowledged.
    let server = Server::start(vec![Then::Stay], 1).await;
    let mut run = run(&server, 20, 100.0, |c| {
        c.streams_per_frame = 10;
        c.backoff = (Duration::from_secs(3600), Duration::from_secs(3600));
    });
    let event = loop {
        match tokio::time::timeout(DEADLINE, run.events.recv()).await.unwrap().unwrap() {
            StreamEvent::Disconnected { reason, .. } => break reason,
            StreamEvent::Connected { .. } => panic!("not every subscription was acknowledged"),
            _ => {}
        }
    };
    assert_eq!(event, "no acknowledgement of control frame 2");
    run.end().await;
}

#[tokio::test]
async fn a_new_connection_is_up_before_the_old_one_goes() {
    for (then, renew) in [(Then::Shutdown, 23 * 3600), (Then::Stay, 300)] {
        let server = Server::start(vec![then, Then::Stay], 1).await;
        let mut run = run(&server, 2, 300.0, |c| c.renew_after = Duration::from_secs(renew));
        let told = run.until_connected(2).await;
        assert_eq!(told, ["bar 0", "up", "bar 1", "up"], "nothing was lost in between");
        let deadline = Instant::now() + DEADLINE;
        while server.seen.lock().unwrap().closed == 0 {
            assert!(Instant::now() < deadline, "the old connection ends");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        run.end().await;
    }
}

#[tokio::test]
async fn a_slow_reader_loses_frames_but_not_the_connection() {
    let server = Server::start(vec![Then::Stay], 1).await;
    let mut run = run(&server, 1, 100.0, |c| c.buffer = 1);
    // The bar takes the only place; that the connection is up cannot be told, and is not waited for.
    let first = tokio::time::timeout(DEADLINE, run.events.recv()).await.unwrap().unwrap();
    assert!(matches!(first, StreamEvent::Kline(_)));
    assert_eq!(server.seen.lock().unwrap().connections, 1);
    run.end().await;
}

#[tokio::test]
async fn a_wss_address_begins_with_a_tls_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let (out, mut events) = mpsc::channel(8);
    let cancel = CancellationToken::new();
    let clock = Arc::new(ScaledClock::new(0, 100.0));
    let task = tokio::spawn(stream::run(StreamConfig::new(url), clock, vec!["x@kline_1m".into()], out, cancel.clone()));
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut hello = [0; 6];
    socket.read_exact(&mut hello).await.unwrap();
    assert_eq!((hello[0], hello[5]), (22, 1), "a handshake record with a ClientHello");
    socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let event = tokio::time::timeout(DEADLINE, events.recv()).await.unwrap().unwrap();
    assert!(matches!(&event, StreamEvent::Disconnected { reason, .. } if !reason.is_empty()), "{event:?}");
    cancel.cancel();
    task.await.unwrap().unwrap();
}

#[test]
fn names_of_streams_are_lower_case_but_not_their_interval() {
    let symbols: [Symbol; 2] = ["BTCUSDT".into(), "币USDT".into()];
    assert_eq!(stream::kline_streams(&symbols, Interval::Mo1), ["btcusdt@kline_1M", "币usdt@kline_1M"]);
}
