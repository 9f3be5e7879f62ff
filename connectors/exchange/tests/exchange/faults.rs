use crate::support::{DAY, Exchange, Got, MINUTE, close_of, minutes};
use candleflow_exchange::{AtEnd, ExchangeConfig, Faults, FrameFaults, Market};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// All frames of one connection to a paced market of 200 minutes with faults, and how it ended.
async fn run(frames: FrameFaults, seed: u64) -> (Vec<Value>, Got) {
    let config = ExchangeConfig {
        speed: crate::support::MAX,
        start: Some(DAY),
        at_end: AtEnd::Stop,
        faults: Faults { seed, frames, ..Default::default() },
        ..Default::default()
    };
    let x = Exchange::start(config, Market::replay(minutes("BTCUSDT", 0..200)).unwrap()).await;
    let mut client = x.connect("/ws/btcusdt@kline_1m").await;
    let (texts, end) = client.rest().await;
    x.stop().await;
    let frames = texts.iter().map(|t| serde_json::from_str(t).unwrap()).filter(|f: &Value| f["e"] == "kline").collect();
    (frames, end)
}

fn times(frames: &[Value]) -> Vec<i64> {
    frames.iter().map(|f| f["E"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn frames_are_dropped_doubled_swapped_and_late_and_a_seed_decides_which() {
    let (plain, end) = run(FrameFaults::default(), 1).await;
    assert_eq!((plain.len(), end), (1_000, Got::Close(1001, "Server shutting down".into())));
    assert!(times(&plain).windows(2).all(|w| w[0] < w[1]));

    let drop = FrameFaults { drop: 0.2, ..Default::default() };
    let (dropped, _) = run(drop.clone(), 1).await;
    assert!((700..900).contains(&dropped.len()));
    assert_eq!(run(drop.clone(), 1).await.0, dropped, "the same seed, the same faults");
    assert_ne!(run(drop, 2).await.0, dropped);

    let (doubled, _) = run(FrameFaults { duplicate: 0.2, ..Default::default() }, 1).await;
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    times(&doubled).into_iter().for_each(|t| *counts.entry(t).or_default() += 1);
    assert_eq!(counts.len(), 1_000);
    assert!(counts.values().filter(|n| **n == 2).count() > 100 && counts.values().all(|n| *n <= 2));

    let (swapped, _) = run(FrameFaults { reorder: 0.2, ..Default::default() }, 1).await;
    assert!(swapped.len() >= 999 && !times(&swapped).is_sorted());

    let (late, _) = run(FrameFaults { delay: 0.2, delay_ms: 30_000, ..Default::default() }, 1).await;
    assert!(!times(&late).is_sorted());
    assert_eq!(late.len(), 1_000, "late, not lost");

    let (open, _) = run(FrameFaults { skip_closed: 1.0, ..Default::default() }, 1).await;
    assert_eq!(open.len(), 800);
    assert!(open.iter().all(|f| f["k"]["x"] == false));

    let (revised, _) = run(FrameFaults { revise: 0.5, ..Default::default() }, 1).await;
    let volumes: Vec<&str> =
        revised.iter().filter(|f| f["k"]["x"] == true).map(|f| f["k"]["v"].as_str().unwrap()).collect();
    let (less, whole): (Vec<&str>, Vec<&str>) = volumes.iter().partition(|v| **v == "9.00000000");
    assert!(less.len() > 70 && whole.len() > 70 && whole.iter().all(|v| *v == "10.00000000"));
}

#[tokio::test]
async fn upgrades_are_refused() {
    let x = Exchange::still(minutes("BTCUSDT", 0..2), DAY).await;
    x.faults(r#"{"rest":{"refuse_upgrade":{"next":2}}}"#).await;
    for _ in 0..2 {
        let refused = tokio_tungstenite::connect_async(format!("{}/ws", x.running.ws_url)).await.unwrap_err();
        assert!(matches!(refused, tokio_tungstenite::tungstenite::Error::Http(r) if r.status() == 503));
    }
    assert_eq!(x.get("/api/v3/ping").await.status, 200, "requests are not meant");
    drop(x.connect("/ws").await);
    x.stop().await;
}

#[tokio::test]
async fn connections_are_cut_after_so_many_frames() {
    let (frames, end) = run(FrameFaults { cut_every: 7, ..Default::default() }, 1).await;
    assert_eq!((frames.len(), end), (7, Got::Broken));
}

#[tokio::test]
async fn a_silent_peer_says_nothing_at_all_and_stays() {
    let faults = Faults { frames: FrameFaults { silent_after: Some(3), ..Default::default() }, ..Default::default() };
    let config = ExchangeConfig {
        speed: candleflow_exchange::Speed::Scaled(600.0),
        start: Some(DAY),
        faults,
        ..Default::default()
    };
    let x = Exchange::start(config, Market::replay(minutes("BTCUSDT", 0..2_000)).unwrap()).await;
    let mut client = x.raw("/ws/btcusdt@kline_1m").await;
    let mut texts = 0;
    while texts < 3 {
        texts += usize::from(client.next().await.unwrap().0 == 1);
    }
    // Pings would come every 33 ms, and a pong to this ping at once.
    client.send(9, b"are you there").await;
    let quiet = tokio::time::timeout(Duration::from_millis(500), client.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(x.state().await["connections"], 1);
    x.faults("{}").await;
    let (opcode, _) = client.next().await.unwrap();
    assert!([1, 9, 10].contains(&opcode), "it speaks again");
    x.stop().await;
}

/// Event times in seconds since the start.
fn times_of(frames: &[String]) -> Vec<i64> {
    times(&frames.iter().map(|t| serde_json::from_str(t).unwrap()).collect::<Vec<_>>())
        .iter()
        .map(|t| (t - DAY / 1_000) / 1_000)
        .collect()
}

#[tokio::test]
async fn a_silent_connection_does_not_hold_a_paced_market() {
    let x = Exchange::max(minutes("BTCUSDT", 0..20), DAY).await;
    x.faults(r#"{"frames":{"silent_after":2}}"#).await;
    let mut mute = x.connect("/ws/btcusdt@kline_1m").await;
    assert_eq!(times_of(&mute.take(2).await), [2, 22]);
    let mut other = x.connect("/ws/btcusdt@kline_1m").await;
    assert_eq!(times_of(&other.take(2).await), [38, 54]);
    x.stop().await;
}

#[tokio::test]
async fn answers_go_wrong_as_asked() {
    let x = Exchange::still(minutes("BTCUSDT", 0..100), DAY + 50 * MINUTE).await;
    let path = "/api/v3/klines?symbol=BTCUSDT&interval=1m";
    let whole = x.get(path).await.text;
    for (fault, status, code) in [
        ("internal", 500, -1001),
        ("timeout", 504, -1007),
        ("restricted", 451, 0),
        ("too_many", 429, -1003),
        ("banned", 418, -1003),
    ] {
        x.faults(&format!(r#"{{"rest":{{"{fault}":{{"next":1}}}}}}"#)).await;
        let answer = x.get(path).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{fault}");
        assert!(answer.used() > 0);
        assert_eq!(answer.headers.contains_key("retry-after"), code == -1003, "{fault}");
        assert_eq!(x.get(path).await.text, whole, "only once");
    }
    for (fault, status) in [("server_error", 503), ("forbidden", 403)] {
        x.faults(&format!(r#"{{"rest":{{"{fault}":{{"next":1}}}}}}"#)).await;
        let answer = x.get(path).await;
        assert_eq!((answer.status, answer.headers["content-type"].as_str()), (status, "text/html"));
        assert!(answer.text.to_lowercase().starts_with("<html>"));
    }
    x.faults(r#"{"rest":{"garbage":{"next":1}}}"#).await;
    let garbage = x.get(path).await;
    assert_eq!((garbage.status, garbage.text.as_str()), (200, &whole[..whole.len() / 2]));
    assert!(serde_json::from_str::<Value>(&garbage.text).is_err());
    x.faults(r#"{"rest":{"hang_up":{"next":1}}}"#).await;
    let broken = x.http.get(format!("{}{path}", x.running.rest_url)).send().await.unwrap().text().await;
    assert!(broken.is_err(), "{broken:?}");
    assert_eq!(x.get(path).await.text, whole);
    x.faults(r#"{"rest":{"slow_body":{"chunk":2000,"pause_ms":20}}}"#).await;
    let start = Instant::now();
    assert_eq!(x.get(path).await.text, whole);
    assert!(start.elapsed() >= Duration::from_millis(20 * (whole.len() as u64 / 2_000)), "{:?}", start.elapsed());
    let run = async || {
        x.faults(r#"{"seed":3,"rest":{"internal":{"probability":0.5}}}"#).await;
        let mut statuses = vec![];
        for _ in 0..20 {
            statuses.push(x.get("/api/v3/ping").await.status);
        }
        statuses
    };
    let statuses = run().await;
    assert!(statuses.contains(&200) && statuses.contains(&500));
    assert_eq!(run().await, statuses);
    x.stop().await;
}

#[tokio::test]
async fn klines_lag_after_a_close() {
    let last = async |x: &Exchange| {
        let rows = x.get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=2").await.json();
        let row = rows[1].clone();
        ((row[0].as_i64().unwrap() * 1_000 - DAY) / MINUTE, row[5].as_str().unwrap().to_owned())
    };
    // Two seconds after the close of minute 9; minute 10 has its first trades.
    let x = Exchange::still(minutes("BTCUSDT", 0..100), DAY + 10 * MINUTE + 2_000_000).await;
    assert_eq!(last(&x).await, (10, "2.00000000".into()));
    x.faults(r#"{"rest":{"lag":{"seconds":4,"missing":true}}}"#).await;
    assert_eq!(last(&x).await, (8, "10.00000000".into()), "the bar just closed is not there");
    x.faults(r#"{"rest":{"lag":{"seconds":10,"missing":false}}}"#).await;
    assert_eq!(last(&x).await, (9, "7.00000000".into()), "the bar just closed is there as it was");
    x.faults(r#"{"rest":{"lag":{"seconds":1.5,"missing":true}}}"#).await;
    assert_eq!(last(&x).await, (10, "2.00000000".into()), "the lag is over");
    x.stop().await;
}

#[tokio::test]
async fn faults_are_read_back_and_wrong_ones_refused() {
    let x = Exchange::still(minutes("BTCUSDT", 0..2), DAY).await;
    x.faults(r#"{"seed":9,"frames":{"drop":0.5}}"#).await;
    let faults = x.get("/control/faults").await.json();
    assert_eq!((faults["seed"].clone(), faults["frames"]["drop"].clone()), (json!(9), json!(0.5)));
    for bad in ["", "{", r#"{"frames":{"dorp":1}}"#, r#"{"frames":{"drop":2}}"#] {
        let answer = x.send("PUT", "/control/faults", bad).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["error"].as_str().is_some());
    }
    assert_eq!(x.get("/control/faults").await.json()["seed"], 9, "a refused change changes nothing");
    let mut raw = x.raw("/ws").await;
    x.until("it is there", async |x| x.state().await["connections"] == 1).await;
    raw.send(1, br#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    assert_eq!(raw.next().await.unwrap().0, 1);
    x.send("POST", "/control/disconnect", r#"{"code":4000}"#).await;
    let (opcode, payload) = raw.next().await.unwrap();
    assert_eq!((opcode, close_of(&payload)), (8, (4000, "")));
    x.stop().await;
}
