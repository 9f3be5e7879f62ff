use crate::support::{DAY, Exchange, Got, MINUTE, close_of, minutes};
use candleflow_exchange::{AtEnd, ExchangeConfig, Limits, Market, Speed};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn kline(frame: &Value) -> (i64, i64, bool) {
    let k = &frame["k"];
    (frame["E"].as_i64().unwrap(), (k["t"].as_i64().unwrap() * 1_000 - DAY) / MINUTE, k["x"].as_bool().unwrap())
}

#[tokio::test]
async fn a_bar_unfolds_and_closes_to_the_byte() {
    let x = Exchange::max(minutes("BTCUSDT", 0..2), DAY).await;
    let mut client = x.connect("/ws/btcusdt@kline_1m").await;
    let frames = client.take(10).await;
    let row = |e: i64, t: i64, prices: [&str; 4], v: &str, closed: bool| {
        let [o, c, h, l] = prices;
        format!(
            r#"{{"e":"kline","E":{e},"s":"BTCUSDT","k":{{"t":{t},"T":{},"s":"BTCUSDT","i":"1m","f":null,"L":null,"o":"{o}.00000000","c":"{c}.00000000","h":"{h}.00000000","l":"{l}.00000000","v":"{v}.00000000","n":null,"x":{closed},"q":null,"V":null,"Q":null,"B":"0"}}}}"#,
            t + 59_999
        )
    };
    let t = DAY / 1_000;
    assert_eq!(
        frames[..5],
        [
            row(t + 2_000, t, ["100", "100", "100", "100"], "2", false),
            row(t + 22_000, t, ["100", "97", "100", "97"], "5", false),
            row(t + 38_000, t, ["100", "102", "102", "97"], "7", false),
            row(t + 54_000, t, ["100", "101", "102", "97"], "10", false),
            row(t + 60_001, t, ["100", "101", "102", "97"], "10", true),
        ]
    );
    assert!(frames[9].contains(r#""x":true"#) && frames[9].contains(&format!(r#""t":{}"#, t + 60_000)));
    x.stop().await;
}

#[tokio::test]
async fn combined_streams_are_wrapped_and_times_are_in_the_unit_asked_for() {
    let x = Exchange::max(minutes("BTCUSDT", 0..2).into_iter().chain(minutes("ETHUSDT", 0..2)).collect(), DAY).await;
    let mut client = x.connect("/stream?streams=ethusdt@kline_5m/btcusdt@aggTrade&timeUnit=MICROSECOND").await;
    let frames: Vec<Value> = client.take(5).await.iter().map(|t| serde_json::from_str(t).unwrap()).collect();
    assert_eq!(
        frames[0],
        json!({"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":DAY + 1_001_000,"s":"BTCUSDT","a":1,"p":"100.00000000","q":"2.00000000","f":1,"l":1,"T":DAY + 1_000_000,"m":false,"M":true}})
    );
    assert_eq!(frames[1]["stream"], "ethusdt@kline_5m");
    assert_eq!(frames[1]["data"]["E"], DAY + 2_000_000);
    assert_eq!(frames[1]["data"]["k"]["T"], DAY + 5 * MINUTE - 1);
    x.stop().await;
    let x = Exchange::max(minutes("BTCUSDT", 0..2), DAY).await;
    let mut raw = x.connect("/ws/btcusdt@aggTrade/btcusdt@kline_1m?timeUnit=MICROSECOND").await;
    assert_eq!(raw.next().await.json()["E"], DAY + 1_001_000);
    x.stop().await;
}

#[tokio::test]
async fn the_control_protocol_over_a_socket() {
    let x = Exchange::max(minutes("BTCUSDT", 0..3), DAY).await;
    let mut client = x.connect("/stream").await;
    assert_eq!(
        client.ask(r#"{"method":"GET_PROPERTY","params":["combined"],"id":1}"#).await,
        json!({"result":true,"id":1})
    );
    let subscribe = r#"{"method":"SUBSCRIBE","params":["BTCUSDT@kline_1m","nope@kline_1m","btcusdt@kline_1s"],"id":2}"#;
    assert_eq!(client.ask(subscribe).await, json!({"result":null,"id":2}));
    assert_eq!(
        client.within(Duration::from_millis(300)).await,
        None,
        "unknown streams are silent and do not move the clock"
    );
    assert_eq!(
        client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":"x1"}"#).await,
        json!({"result":["BTCUSDT@kline_1m","nope@kline_1m","btcusdt@kline_1s"],"id":"x1"})
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await; // five messages a second are allowed
    client.send(r#"{"method":"SET_PROPERTY","params":["combined",false],"id":3}"#).await;
    assert_eq!(client.next().await.json(), json!({"result":null,"id":3}));
    client.send(r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":null}"#).await;
    assert_eq!(client.next().await.json(), json!({"result":null,"id":null}), "the answer comes before the events");
    let frames = client.take(15).await;
    assert!(frames.iter().all(|f| f.starts_with(r#"{"e":"kline""#)));
    let error = client.ask(r#"{"method":"PLEASE","id":4}"#).await;
    assert_eq!(error["error"]["code"], 2);
    assert_eq!(error["id"], 4);
    assert_eq!(
        client.ask("nonsense").await,
        json!({"error":{"code":3,"msg":"Invalid JSON: expected ident at line 1 column 2"}})
    );
    x.stop().await;
}

#[tokio::test]
async fn too_many_streams_and_too_many_messages() {
    let x = Exchange::still(minutes("BTCUSDT", 0..3), DAY).await;
    let mut client = x.connect("/ws").await;
    let names: Vec<String> = (0..1_025).map(|i| format!("s{i}@kline_1m")).collect();
    let request = json!({"method":"SUBSCRIBE","params":names,"id":19}).to_string();
    assert_eq!(client.ask(&request).await, json!({"error":{"code":4,"msg":"Too many subscriptions"},"id":19}));
    assert_eq!(client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await["result"], json!([]));
    let request = json!({"method":"SUBSCRIBE","params":names[..1_024],"id":20}).to_string();
    assert_eq!(client.ask(&request).await, json!({"result":null,"id":20}));

    // The clock is a thousand times slower than the wall here, and so is the second in which five may be sent.
    let mut raw = x.raw("/ws").await;
    for i in 0..6 {
        raw.send(if i % 2 == 0 { 9 } else { 10 }, b"x").await;
    }
    let mut pongs = 0;
    let close = loop {
        match raw.next().await.unwrap() {
            (10, _) => pongs += 1,
            (8, payload) => break payload,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(close_of(&close), (1008, "Too many requests"));
    assert!(pongs <= 3);
    x.stop().await;
}

#[tokio::test]
async fn who_does_not_answer_pings_is_closed() {
    let limits = Limits { pong_at_least: Duration::ZERO, ..Limits::default() };
    // 20 s are 400 ms, 60 s are 1.2 s.
    let x = Exchange::scaled(minutes("BTCUSDT", 0..3), 50.0, limits).await;
    let start = Instant::now();
    let mut raw = x.raw("/ws/nobody@kline_1m").await;
    let mut pings = vec![];
    let close = loop {
        match raw.next().await.unwrap() {
            (9, payload) => pings.push(String::from_utf8(payload).unwrap()),
            (8, payload) => break payload,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(close_of(&close), (1008, "Pong timeout"));
    assert!(start.elapsed() >= Duration::from_millis(1_590), "{:?}", start.elapsed());
    assert!((1..=4).contains(&pings.len()), "{pings:?}");
    let stamp: i64 = pings[0].parse().unwrap();
    assert!((DAY / 1_000 + 20_000..DAY / 1_000 + 60_000).contains(&stamp), "the payload is the market's time");

    let mut answering = x.raw("/ws/nobody@kline_1m").await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        match answering.next().await.unwrap() {
            (9, payload) => answering.send(10, &payload).await,
            other => panic!("{other:?}"),
        }
    }
    answering.send(10, b"unsolicited").await;
    let mut deaf = x.raw("/ws").await;
    let close = loop {
        match deaf.next().await.unwrap() {
            (9, _) => deaf.send(10, b"not what was asked").await,
            (8, payload) => break payload,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(close_of(&close), (1008, "Pong timeout"));
    x.stop().await;
}

#[tokio::test]
async fn a_connection_lives_a_day_of_the_market() {
    let x = Exchange::scaled(minutes("BTCUSDT", 0..3), 86_400.0, Limits::default()).await;
    let start = Instant::now();
    let mut client = x.connect("/ws/nobody@kline_1m").await;
    assert_eq!(client.next().await, Got::Close(1001, "Connection is too old".into()));
    assert!(start.elapsed() >= Duration::from_millis(990));
    x.stop().await;
}

#[tokio::test]
async fn a_scaled_market_sends_events_when_the_clock_reaches_them() {
    // A minute takes 200 ms.
    let x = Exchange::scaled(minutes("BTCUSDT", 0..20), 300.0, Limits::default()).await;
    let mut client = x.connect("/ws/btcusdt@kline_1m").await;
    let mut closed = vec![];
    while closed.len() < 3 {
        let frame = client.next().await.json();
        let now = x.running.clock();
        let (time, minute, last) = kline(&frame);
        let late = candleflow_schema::Clock::now(&now) - time * 1_000;
        assert!(late >= 0, "an event came {late} µs before its time");
        if last {
            closed.push(minute);
        }
    }
    assert!(closed.windows(2).all(|w| w[1] == w[0] + 1), "{closed:?}");
    x.stop().await;
}

#[tokio::test]
async fn a_paced_market_waits_for_its_subscribers_and_loses_nothing() {
    let bars: Vec<_> = (0..8).flat_map(|s| minutes(&format!("S{s}USDT"), 0..50)).collect();
    let config = ExchangeConfig {
        speed: Speed::Max { wait_for_streams: 8 },
        start: Some(DAY),
        at_end: AtEnd::Stop,
        ..Default::default()
    };
    let x = Exchange::start(config, Market::replay(bars).unwrap()).await;
    assert_eq!(x.get("/control/clock").await.json(), json!({"now": DAY, "speed": null}));
    let streams =
        |range: std::ops::Range<i32>| range.map(|s| format!("s{s}usdt@kline_1m")).collect::<Vec<_>>().join("/");
    let mut first = x.connect(&format!("/stream?streams={}", streams(0..5))).await;
    assert_eq!(first.within(Duration::from_millis(100)).await, None, "three streams are still missing");
    let mut second = x.connect(&format!("/stream?streams={}", streams(5..8))).await;
    let ((a, end_a), (b, end_b)) = tokio::join!(first.rest(), second.rest());
    assert_eq!(
        (end_a, end_b),
        (Got::Close(1001, "Server shutting down".into()), Got::Close(1001, "Server shutting down".into()))
    );
    assert_eq!((a.len(), b.len()), (5 * 50 * 5 + 1, 3 * 50 * 5 + 1), "all events and the notice");
    assert!(a.last().unwrap().starts_with(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":"#));
    let times: Vec<i64> =
        a.iter().map(|f| serde_json::from_str::<Value>(f).unwrap()["data"]["E"].as_i64().unwrap()).collect();
    assert!(times.is_sorted());
    x.running.join().await.unwrap();
}

#[tokio::test]
async fn rest_follows_a_paced_clock() {
    let x = Exchange::max(minutes("BTCUSDT", 0..50), DAY + 10 * MINUTE).await;
    assert_eq!(x.get("/api/v3/klines?symbol=BTCUSDT&interval=1m").await.json().as_array().unwrap().len(), 10);
    let mut client = x.connect("/ws/btcusdt@kline_1m").await;
    for _ in 0..20 {
        let frame = client.next().await.json();
        let (_, minute, closed) = kline(&frame);
        let rows = x
            .get(&format!("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={}&limit=1", frame["k"]["t"]))
            .await
            .json();
        assert_eq!(rows.as_array().unwrap().len(), 1, "what was sent is there");
        if closed {
            assert_eq!(rows[0][4], frame["k"]["c"], "{minute}");
        }
    }
    x.stop().await;
}

#[tokio::test]
async fn commands_reach_every_connection() {
    let x = Exchange::still(minutes("BTCUSDT", 0..3), DAY).await;
    let (mut raw, mut combined) = (x.connect("/ws").await, x.connect("/stream").await);
    x.until("both are there", async |x| x.state().await["connections"] == 2).await;
    // A connection takes commands a moment after it counts as open: asking it anything makes sure.
    raw.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    combined.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    assert_eq!(x.send("POST", "/control/shutdown-notice", "").await.json(), json!({"connections": 2}));
    assert_eq!(raw.next().await.json()["e"], "serverShutdown");
    assert_eq!(combined.next().await.json()["stream"], "!serverShutdown");
    x.send("POST", "/control/disconnect", r#"{"code":1012,"reason":"restart"}"#).await;
    assert_eq!(raw.next().await, Got::Close(1012, "restart".into()));
    assert_eq!(combined.next().await, Got::Close(1012, "restart".into()));
    let mut cut = x.connect("/ws").await;
    cut.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    x.send("POST", "/control/disconnect", "").await;
    assert_eq!(cut.next().await, Got::Broken);
    assert_eq!(x.send("POST", "/control/disconnect", r#"{"code":1}"#).await.status, 400);
    x.until("all are gone", async |x| x.state().await["connections"] == 0).await;
    x.stop().await;
}

#[tokio::test]
async fn the_end_of_the_exchange_is_told() {
    let x = Exchange::still(minutes("BTCUSDT", 0..3), DAY).await;
    let mut client = x.connect("/ws").await;
    client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    let silent = x.raw("/ws").await;
    x.token.cancel();
    assert_eq!(client.next().await.json()["e"], "serverShutdown");
    assert_eq!(client.next().await, Got::Close(1001, "Server shutting down".into()));
    tokio::time::timeout(Duration::from_secs(8), x.running.join()).await.unwrap().unwrap();
    drop(silent);
}
