//! Recorded markets through the exchange: what a client rebuilds is what was recorded.

use crate::support::{Exchange, Got, MINUTE};
use candleflow_exchange::{AtEnd, EmptyBars, ExchangeConfig, Market, Speed};
use candleflow_schema::{Bar, Interval, Micros, Origin, decimal, time};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

/// The folder of recorded data, if this machine has it.
fn shared() -> Option<PathBuf> {
    let has = |folder: &Path| folder.join("data/README.md").is_file();
    let named = env::var_os("CANDLEFLOW_SHARED").map(PathBuf::from).filter(|p| has(p));
    let near = || {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().flat_map(|a| [a.join("shared"), a.join("../shared")]).find(|p| has(p))
    };
    let found = named.or_else(near);
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "the recorded data are missing: set CANDLEFLOW_SHARED");
        eprintln!("skipped: no recorded data; set CANDLEFLOW_SHARED to their folder");
    }
    found
}

/// One-minute bars of a symbol from the recording of spring 2021.
fn recorded(shared: &Path, symbol: &str, from: Micros, to: Micros) -> Vec<Bar> {
    recorded_in(shared, symbol, "20210420-20210520", from, to)
}

fn recorded_in(shared: &Path, symbol: &str, days: &str, from: Micros, to: Micros) -> Vec<Bar> {
    let path = shared.join(format!("data/klines_1m/{symbol}-1m-{days}.csv.gz"));
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let bar = |line: String| {
        let f: Vec<&str> = line.split(',').collect();
        let price = |i: usize| decimal::parse_price(f[i]).unwrap();
        Bar {
            symbol: symbol.into(),
            interval: Interval::M1,
            open_time: f[0].parse::<i64>().unwrap() * 1_000,
            open: price(1),
            high: price(2),
            low: price(3),
            close: price(4),
            volume: decimal::parse_quantity(f[5]).unwrap(),
            quote_volume: None,
            trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
            origin: Origin::File,
        }
    };
    let wanted = |line: &String| (from..to).contains(&(line[..13].parse::<i64>().unwrap() * 1_000));
    lines.skip(1).map(|l| l.unwrap()).filter(wanted).map(bar).collect()
}

fn at(text: &str) -> Micros {
    time::parse(text).unwrap()
}

/// A row as REST has it and as a closing event has it.
type Row = (i64, [String; 5], i64);

fn row_of_rest(row: &Value) -> Row {
    let text = |i: usize| row[i].as_str().unwrap().to_owned();
    (row[0].as_i64().unwrap(), [text(1), text(2), text(3), text(4), text(5)], row[6].as_i64().unwrap())
}

fn row_of_event(k: &Value) -> Row {
    let text = |name: &str| k[name].as_str().unwrap().to_owned();
    (k["t"].as_i64().unwrap(), [text("o"), text("h"), text("l"), text("c"), text("v")], k["T"].as_i64().unwrap())
}

fn row_of_bar(bar: &Bar) -> Row {
    let price = |v: i64| decimal::to_text(i128::from(v), 8, 8);
    let texts =
        [price(bar.open), price(bar.high), price(bar.low), price(bar.close), decimal::to_text(bar.volume, 8, 8)];
    (bar.open_time / 1_000, texts, bar.time() / 1_000 - 1)
}

async fn klines(x: &Exchange, symbol: &str, interval: &str, from: Micros) -> Vec<Row> {
    let (mut from, mut rows) = (from / 1_000, vec![]);
    loop {
        let query = format!("symbol={symbol}&interval={interval}&startTime={from}&limit=1000");
        let page = x.get(&format!("/api/v3/klines?{query}")).await.json();
        let page: Vec<Row> = page.as_array().unwrap().iter().map(row_of_rest).collect();
        let Some(last) = page.last() else { return rows };
        from = last.0 + 1;
        rows.extend(page);
    }
}

#[tokio::test]
async fn the_outage_of_april_2021_is_absent_in_rest_and_streams() {
    let Some(shared) = shared() else { return };
    let (from, start, to) = (at("2021-04-24T12:00"), at("2021-04-25T03:00"), at("2021-04-25T11:00"));
    let symbols = ["BTCUSDT", "BTTUSDT", "XMRUSDT"];
    let bars: Vec<Vec<Bar>> = symbols.iter().map(|s| recorded(&shared, s, from, to)).collect();
    let config = ExchangeConfig {
        speed: Speed::Max { wait_for_streams: 1 },
        start: Some(start),
        empty_bars: EmptyBars::Always,
        ..Default::default()
    };
    let x = Exchange::start(config, Market::replay(bars.iter().flatten().cloned()).unwrap()).await;
    for (symbol, bars) in symbols.iter().zip(&bars) {
        let history = klines(&x, symbol, "1m", from).await;
        let expected: Vec<Row> = bars.iter().filter(|b| b.open_time < start).map(row_of_bar).collect();
        assert_eq!(history, expected, "{symbol}: what lies before the start is there at once");
    }

    let streams: Vec<String> =
        symbols.iter().flat_map(|s| ["1m", "15m", "1h"].map(|i| format!("{}@kline_{i}", s.to_lowercase()))).collect();
    let mut client = x.connect(&format!("/stream?streams={}", streams.join("/"))).await;
    let mut closed: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let ends = (to - MINUTE) / 1_000;
    while symbols
        .iter()
        .any(|s| closed.get(&format!("{}@kline_1m", s.to_lowercase())).is_none_or(|r| r.last().unwrap().0 < ends))
    {
        let frame = client.next().await.json();
        let (k, stream) = (&frame["data"]["k"], frame["stream"].as_str().unwrap());
        assert!(frame["data"]["E"].as_i64().unwrap() >= k["t"].as_i64().unwrap());
        if k["x"] == true {
            closed.entry(stream.to_owned()).or_default().push(row_of_event(k));
        }
    }
    for (symbol, bars) in symbols.iter().zip(&bars) {
        let name = |interval: &str| format!("{}@kline_{interval}", symbol.to_lowercase());
        let expected: Vec<Row> = bars.iter().filter(|b| b.open_time >= start - MINUTE).map(row_of_bar).collect();
        assert_eq!(closed[&name("1m")], expected, "{symbol}: every bar that was recorded, and no other");
        let hole = at("2021-04-25T04:02") / 1_000..at("2021-04-25T08:44") / 1_000;
        assert!(expected.iter().all(|r| !hole.contains(&r.0)), "{symbol}: the outage is in the recording");
        assert!(expected.len() > 150 && expected.len() < 8 * 60 - 280, "{symbol} {}", expected.len());
        for interval in ["1m", "15m", "1h"] {
            let rows = klines(&x, symbol, interval, start - 60 * MINUTE).await;
            let streamed = &closed[&name(interval)];
            let from = streamed.first().unwrap().0;
            let rows: Vec<Row> =
                rows.into_iter().filter(|r| r.0 >= from && r.0 <= streamed.last().unwrap().0).collect();
            assert_eq!(&rows, streamed, "{symbol} {interval}: rows rebuilt from closing events are the rows of REST");
            assert!(rows.iter().all(|r| !hole.contains(&r.0) || !hole.contains(&r.2)), "{symbol} {interval}");
        }
    }
    x.stop().await;
}

#[tokio::test]
async fn two_replays_send_the_same_bytes() {
    let Some(shared) = shared() else { return };
    let (from, to) = (at("2021-05-19T12:00"), at("2021-05-19T14:00"));
    let bars: Vec<Bar> = ["DOGEUSDT", "ETHUSDT"].iter().flat_map(|s| recorded(&shared, s, from, to)).collect();
    let run = async || {
        let config = ExchangeConfig {
            speed: Speed::Max { wait_for_streams: 1 },
            start: Some(from),
            at_end: AtEnd::Stop,
            ..Default::default()
        };
        let x = Exchange::start(config, Market::replay(bars.clone()).unwrap()).await;
        let streams = "ethusdt@kline_1m/ethusdt@aggTrade/dogeusdt@kline_5m/dogeusdt@aggTrade";
        let mut client = x.connect(&format!("/stream?streams={streams}")).await;
        let (mut frames, end) = client.rest().await;
        assert_eq!(end, Got::Close(1001, "Server shutting down".into()));
        x.running.join().await.unwrap();
        frames.pop();
        frames
    };
    let (first, second) = (run().await, run().await);
    assert_eq!(first.len(), 120 * 5 + 120 * 4 + 120 * 4 + 24 + 120 * 4);
    assert_eq!(first, second);
}

#[tokio::test]
async fn aggregate_trades_of_a_recorded_market_add_up_to_its_bars() {
    let Some(shared) = shared() else { return };
    let (from, to) = (at("2021-05-19T13:00"), at("2021-05-19T13:30"));
    let bars = recorded(&shared, "BTCUSDT", from, to);
    let config = ExchangeConfig {
        speed: Speed::Max { wait_for_streams: 1 },
        start: Some(from),
        at_end: AtEnd::Stop,
        ..Default::default()
    };
    let x = Exchange::start(config, Market::replay(bars.clone()).unwrap()).await;
    let mut client = x.connect("/ws/btcusdt@aggTrade").await;
    let (frames, _) = client.rest().await;
    let mut volume: BTreeMap<i64, i128> = BTreeMap::new();
    for (frame, id) in frames[..frames.len() - 1].iter().zip(1..) {
        let f: Value = serde_json::from_str(frame).unwrap();
        assert_eq!(f["a"], id);
        let minute = Interval::M1.open_of(f["T"].as_i64().unwrap() * 1_000);
        *volume.entry(minute).or_default() += decimal::parse_quantity(f["q"].as_str().unwrap()).unwrap();
    }
    let expected: BTreeMap<i64, i128> = bars.iter().map(|b| (b.open_time, b.volume)).collect();
    assert_eq!(volume, expected);
    x.running.join().await.unwrap();
}

#[tokio::test]
async fn resampled_bars_are_the_exchanges_own() {
    let Some(shared) = shared() else { return };
    for days in ["20230405-20230505", "20240726-20240825"] {
        let bars = recorded_in(&shared, "BTCUSDT", days, 0, Micros::MAX);
        let (first, last) = (bars[0].open_time, bars[bars.len() - 1].open_time);
        let config = ExchangeConfig { speed: Speed::Scaled(0.001), start: Some(last + MINUTE), ..Default::default() };
        let x = Exchange::start(config, Market::replay(bars).unwrap()).await;
        for (interval, expected) in [("1h", 719), ("4h", 179), ("1d", 29)] {
            let path = shared.join(format!("data/klines_rest_json/BTCUSDT-{interval}.json.gz"));
            let said: Vec<Value> = serde_json::from_reader(GzDecoder::new(File::open(path).unwrap())).unwrap();
            let whole = |row: &Row| row.0 * 1_000 >= first && row.2 * 1_000 < last;
            let said: Vec<Row> = said.iter().map(row_of_rest).filter(whole).collect();
            let made: Vec<Row> = klines(&x, "BTCUSDT", interval, first).await.into_iter().filter(whole).collect();
            assert_eq!(made.len(), expected, "{days} {interval}");
            assert_eq!(made, said, "{days} {interval}");
        }
        x.stop().await;
    }
}

#[tokio::test]
async fn every_recorded_symbol_has_its_own_outage_and_nothing_in_it() {
    let Some(shared) = shared() else { return };
    let (from, to) = (at("2021-04-25T03:00"), at("2021-04-25T10:00"));
    let mut symbols: Vec<String> = std::fs::read_dir(shared.join("data/klines_1m"))
        .unwrap()
        .filter_map(|f| {
            f.unwrap().file_name().to_str()?.strip_suffix("-1m-20210420-20210520.csv.gz").map(str::to_owned)
        })
        .collect();
    symbols.sort();
    assert_eq!(symbols.len(), 20);
    let bars: Vec<Vec<Bar>> = symbols.iter().map(|s| recorded(&shared, s, from, to)).collect();
    let config = ExchangeConfig { speed: Speed::Scaled(0.001), start: Some(to), ..Default::default() };
    let x = Exchange::start(config, Market::replay(bars.iter().flatten().cloned()).unwrap()).await;
    for (symbol, bars) in symbols.iter().zip(&bars) {
        let rows = klines(&x, symbol, "1m", from).await;
        assert_eq!(rows, bars.iter().map(row_of_bar).collect::<Vec<_>>(), "{symbol}");
        let missing = 7 * 60 - rows.len();
        assert!((283..=284).contains(&missing), "{symbol} lacks {missing}");
        let hole = format!("symbol={symbol}&interval=1m&startTime=1619323320000&endTime=1619340180000");
        assert_eq!(x.get(&format!("/api/v3/klines?{hole}")).await.text, "[]", "{symbol}");
        let info = x.get(&format!("/api/v3/exchangeInfo?symbol={symbol}")).await.json();
        assert_eq!(info["symbols"][0]["status"], "TRADING");
        let tick: f64 = info["symbols"][0]["filters"][0]["tickSize"].as_str().unwrap().parse().unwrap();
        assert!(tick * 100_000.0 > bars[0].close as f64 / 1e8 / 100.0, "{symbol}: {tick} is too fine a tick");
    }
    x.stop().await;
}
