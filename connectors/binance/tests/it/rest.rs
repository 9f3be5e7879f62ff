//! The REST client, and what builds on it, against a raw server that answers what the test says.

use candleflow_binance::{BinanceError, RestClient, RestConfig, Sequencer, SequencerConfig, klines::Range};
use candleflow_schema::{Clock, Fault, Interval, KlineRecord, Micros, ScaledClock, time};
use futures::StreamExt;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// What the server does with the next request.
#[derive(Clone)]
enum Answer {
    /// Status, headers, body.
    Say(u16, &'static str, String),
    /// Half of a body, then nothing.
    Cut,
    /// Nothing at all.
    Silence,
}

fn ok(body: impl Into<String>) -> Answer {
    Answer::Say(200, "X-MBX-USED-WEIGHT-1M: 1\r\n", body.into())
}

/// A server that gives `answers` in turn, the last of them for ever, and keeps the requests with their times.
struct Server {
    url: url::Url,
    seen: Arc<Mutex<Vec<(Instant, String)>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(answers: Vec<Answer>) -> Self {
        let mut answers = VecDeque::from(answers);
        Self::answering(move |_| if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() })
            .await
    }

    async fn answering(answer: impl FnMut(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(Mutex::new(answer)));
        let task = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    let mut buffer = [0; 4096];
                    loop {
                        let n = socket.read(&mut buffer).await.unwrap_or(0);
                        if n == 0 {
                            return;
                        }
                        head.extend_from_slice(&buffer[..n]);
                        if !head.ends_with(b"\r\n\r\n") {
                            continue;
                        }
                        let line = String::from_utf8_lossy(&head).lines().next().unwrap().to_owned();
                        head.clear();
                        let path = line.split(' ').nth(1).unwrap().to_owned();
                        log.lock().unwrap().push((Instant::now(), path.clone()));
                        let reply = (answer.lock().unwrap())(&path);
                        let text = match reply {
                            Answer::Say(status, headers, body) => {
                                format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
                            }
                            Answer::Cut => "HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\n[[1".to_owned(),
                            Answer::Silence => {
                                tokio::time::sleep(Duration::from_secs(3600)).await;
                                return;
                            }
                        };
                        let cut = text.ends_with("[[1");
                        if socket.write_all(text.as_bytes()).await.is_err() || cut {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, seen, task }
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, path)| path.clone()).collect()
    }
}

fn now() -> Micros {
    time::parse("2024-01-01T10:00:30").unwrap()
}

fn client_at(server: &Server, speed: f64) -> (RestClient, Arc<ScaledClock>, CancellationToken) {
    let clock = Arc::new(ScaledClock::new(now(), speed));
    let cancel = CancellationToken::new();
    let config = RestConfig { attempts: 3, ..RestConfig::new(server.url.clone()) };
    (RestClient::new(config, clock.clone(), cancel.clone()).unwrap(), clock, cancel)
}

fn row(open: Micros) -> String {
    let (open, close) = (open / 1000, open / 1000 + 59_999);
    format!(r#"[{open},"1.0","2.0","0.5","1.5","10",{close},"15",3,"5","7.5","0"]"#)
}

const MINUTE: Micros = 60_000_000;

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_a_lasting_one_is_told() {
    for bad in [
        Answer::Cut,
        Answer::Say(502, "", "<html>bad gateway".into()),
        Answer::Say(200, "", "{\"serverTime\":".into()),
        Answer::Say(400, "", r#"{"code":-1007,"msg":"Timeout"}"#.into()),
    ] {
        let server = Server::start(vec![bad, ok("[]")]).await;
        let (client, ..) = client_at(&server, 100.0);
        let range = Range { symbol: "BTCUSDT".into(), interval: Interval::M1, from: 0, to: now() };
        assert!(client.klines_page(&range).await.unwrap().bars.is_empty());
        assert_eq!(server.requests().len(), 2);
    }
    let server = Server::start(vec![Answer::Say(502, "", "<html>bad gateway".into())]).await;
    let (client, ..) = client_at(&server, 100.0);
    let error = client.prices(None).await.unwrap_err();
    assert!(
        error.to_string().contains("/api/v3/ticker/price was answered with HTTP 502: <html>bad gateway"),
        "{error}"
    );
    assert_eq!((error.fault(), error.retry(), server.requests().len()), (Fault::External, true, 3));
}

#[tokio::test]
async fn a_mistake_is_not_repeated() {
    let cases: [(Answer, &str); 3] = [
        (Answer::Say(400, "", r#"{"code":-1121,"msg":"Invalid symbol."}"#.into()), "code -1121: Invalid symbol."),
        (
            Answer::Say(451, "", r#"{"code":0,"msg":"Service unavailable from a restricted location"}"#.into()),
            "does not serve this location",
        ),
        (Answer::Say(404, "", "nothing here".into()), "HTTP 404: nothing here"),
    ];
    for (answer, expected) in cases {
        let server = Server::start(vec![answer]).await;
        let (client, ..) = client_at(&server, 100.0);
        let error = client.prices(Some(&"NOPE".into())).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!((error.fault(), error.retry(), server.requests().len()), (Fault::User, false, 1));
    }
}

#[tokio::test]
async fn retry_after_holds_for_every_task_of_the_process() {
    let limited =
        Answer::Say(429, "Retry-After: 20\r\n", r#"{"code":-1003,"msg":"Too much request weight used"}"#.into());
    let server = Server::start(vec![limited, ok("[]")]).await;
    // Two clients, as two tasks would make them: 20 s are 1 s on the wall.
    let (one, clock, _) = client_at(&server, 20.0);
    let (two, ..) = client_at(&server, 20.0);
    let began = clock.now();
    let first = tokio::spawn(async move { one.prices(None).await });
    while server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second = tokio::spawn(async move { two.prices(None).await });
    assert!(first.await.unwrap().unwrap().is_empty());
    assert!(second.await.unwrap().unwrap().is_empty());
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3);
    let waited = seen[1].0.min(seen[2].0) - seen[0].0;
    assert!(waited >= Duration::from_millis(990), "nothing was sent for {waited:?}");
    assert!(clock.now() - began >= 20_000_000);
}

#[tokio::test]
async fn a_ban_is_told_at_once_and_nothing_probes() {
    let body = r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 1704189600000. Please"}"#;
    let server = Server::start(vec![Answer::Say(418, "Retry-After: 7200\r\n", body.into())]).await;
    let (client, ..) = client_at(&server, 100.0);
    for _ in 0..3 {
        let error = client.prices(None).await.unwrap_err();
        assert!(
            matches!(error, BinanceError::Limited { banned: true, until } if until == 1_704_189_600_000_000),
            "{error}"
        );
        assert!(error.retry());
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_firewalls_page_pauses_for_minutes() {
    let server = Server::start(vec![Answer::Say(403, "", "<html>403 ERROR Request blocked".into())]).await;
    let clock = Arc::new(ScaledClock::new(now(), 1.0));
    let config = RestConfig { longest_wait: Duration::from_secs(60), ..RestConfig::new(server.url.clone()) };
    let client = RestClient::new(config, clock.clone(), CancellationToken::new()).unwrap();
    let error = client.prices(None).await.unwrap_err();
    let BinanceError::Limited { until, banned: false } = error else { panic!("{error}") };
    assert!(until - clock.now() > 290_000_000);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_weight_that_others_use_is_obeyed() {
    let heavy = Answer::Say(200, "X-MBX-USED-WEIGHT-1M: 4199\r\n", "[]".into());
    let server = Server::start(vec![heavy, ok("[]")]).await;
    // The clock stands at second 30 of the minute: the next one begins 30 s later, 1.5 s on the wall.
    let (client, clock, _) = client_at(&server, 20.0);
    client.prices(None).await.unwrap();
    client.prices(None).await.unwrap();
    let minute = |at: Micros| at.div_euclid(MINUTE);
    assert_eq!(minute(clock.now()), minute(now()) + 1);
    assert_eq!(client.budget().state().used(), 4);
}

#[tokio::test]
async fn cancelling_ends_a_request_and_a_wait() {
    let server = Server::start(vec![Answer::Silence]).await;
    let (client, _, cancel) = client_at(&server, 1.0);
    let call = tokio::spawn(async move { client.prices(None).await });
    while server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    assert!(matches!(call.await.unwrap(), Err(BinanceError::Cancelled)));
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let server = Server::start(vec![Answer::Silence]).await;
    let clock = Arc::new(ScaledClock::new(now(), 1000.0));
    let config = RestConfig { attempts: 1, ..RestConfig::new(server.url.clone()) };
    let client = RestClient::new(config, clock, CancellationToken::new()).unwrap();
    let error = client.prices(None).await.unwrap_err();
    assert!(error.to_string().ends_with("/api/v3/ticker/price was not answered within 12 s"), "{error}");
}

#[tokio::test]
async fn the_exchanges_clock_is_learnt() {
    let server = Server::answering(|_| ok(format!(r#"{{"serverTime":{}}}"#, (now() + 5_000_000_000) / 1000))).await;
    let (client, ..) = client_at(&server, 1.0);
    client.sync_time().await.unwrap();
    let offset = client.time().now() - now();
    assert!((offset - 5_000_000_000).abs() < 2_000_000, "{offset}");
    assert_eq!(server.requests(), vec!["/api/v3/time"; 5]);
    assert!(!client.time().is_stale());
}

#[tokio::test]
async fn a_range_is_read_in_chunks_and_the_open_bar_is_not_a_bar() {
    let first = now().div_euclid(MINUTE) * MINUTE - 3499 * MINUTE;
    let server = Server::answering(move |path| {
        let number = |name: &str| {
            let (_, rest) = path.split_once(name).unwrap();
            rest.split('&').next().unwrap().parse::<i64>().unwrap() * 1000
        };
        let (from, to) = (number("startTime=").max(first), number("endTime="));
        let opens = (0..).map(|i| from.div_euclid(MINUTE) * MINUTE + i * MINUTE).filter(|o| *o >= from);
        let rows: Vec<_> = opens.take_while(|o| *o <= to.min(now())).take(1000).map(row).collect();
        ok(format!("[{}]", rows.join(",")))
    })
    .await;
    let (client, ..) = client_at(&server, 1.0);
    let pages: Vec<_> = client
        .klines_range("BTCUSDT".into(), Interval::M1, 0, now() + MINUTE)
        .map(|page| page.unwrap())
        .collect()
        .await;
    let bars: Vec<_> = pages.concat();
    assert_eq!(bars.len(), 3499, "3500 rows, of which the last is still open");
    assert!(bars.windows(2).all(|w| w[1].open_time == w[0].time()));
    assert_eq!(bars[0].open_time, first);
    let requests = server.requests();
    assert_eq!(requests.len(), 4, "{requests:?}");
    assert!(
        requests[0].starts_with("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=0&endTime="),
        "{}",
        requests[0]
    );
    assert!(requests.iter().all(|r| r.ends_with("&limit=1000")));

    let page = client
        .klines_page(&Range { symbol: "BTCUSDT".into(), interval: Interval::M1, from: now() - 2 * MINUTE, to: now() })
        .await
        .unwrap();
    let open = now().div_euclid(MINUTE) * MINUTE;
    assert_eq!((page.later, page.bars.last().map(|b| b.open_time)), (Some(open), Some(open - MINUTE)));
    assert_eq!((page.from, page.to), (now() - 2 * MINUTE, open - 1000));
}

#[tokio::test]
async fn names_are_encoded_and_missing_ones_named() {
    let server = Server::start(vec![ok(r#"{"symbols":[]}"#)]).await;
    let (client, ..) = client_at(&server, 1.0);
    let info = client.exchange_info(&["BTCUSDT".into(), "币安人生USDT".into()]).await.unwrap();
    assert!(info.instruments.is_empty());
    let request = &server.requests()[0];
    assert!(request.contains("showPermissionSets=false&symbols=%5B%22BTCUSDT%22%2C%22%E5%B8%81"), "{request}");
}

#[tokio::test]
async fn a_symbol_that_the_exchange_forgets_holds_nobody_up() {
    let clock = Arc::new(ScaledClock::new(now(), 1000.0));
    let (first, gone_at) = (now().div_euclid(MINUTE) * MINUTE - 10 * MINUTE, now() + 5 * MINUTE);
    let told = clock.clone();
    let server = Server::answering(move |path| {
        let at = told.now();
        let known = at < gone_at;
        let unknown = Answer::Say(400, "", r#"{"code":-1121,"msg":"Invalid symbol."}"#.into());
        let listed = r#"{"symbol":"OLDUSDT","status":"TRADING","baseAsset":"OLD","quoteAsset":"USDT"}"#;
        if path.contains("/time") {
            return ok(format!(r#"{{"serverTime":{}}}"#, at / 1000));
        }
        if path.contains("/exchangeInfo") {
            return match (known, path.contains("symbols=")) {
                (true, _) => ok(format!(r#"{{"symbols":[{listed}]}}"#)),
                (false, true) => unknown,
                (false, false) => ok(r#"{"symbols":[]}"#),
            };
        }
        let rows = (0..).map(|i| first + i * MINUTE).take_while(|open| *open <= at).map(row);
        if known { ok(format!("[{}]", rows.collect::<Vec<_>>().join(","))) } else { unknown }
    })
    .await;
    // Nothing listens for streams there.
    let nowhere = "ws://127.0.0.1:1/".parse().unwrap();
    let config = SequencerConfig::new(server.url.clone(), nowhere, vec!["OLDUSDT".into()], Interval::M1, first);
    let (out, mut records) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let task = tokio::spawn(Sequencer::run(config, clock, BTreeMap::new(), out, cancel.clone()));
    let mut written = Vec::new();
    let until_promised = async {
        while let Some(record) = records.recv().await {
            let far = record.time() >= gone_at + 10 * MINUTE;
            written.push(record);
            if far {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), until_promised).await.expect("promises go on");
    cancel.cancel();
    let summary = task.await.unwrap().unwrap();
    assert!((10..=16).contains(&summary.bars), "{summary:?}");
    assert!(summary.completes >= 1 && summary.late == 0, "{summary:?}");
    let promises = written.iter().position(|r| matches!(r, KlineRecord::Complete { .. })).unwrap();
    assert!(written[promises..].iter().all(|r| matches!(r, KlineRecord::Complete { .. })));
}
