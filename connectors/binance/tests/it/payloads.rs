//! Recorded payloads of the exchange through the parsers.

use crate::shared;
use candleflow_binance::parse::{self, Frame, SymbolStatus};
use candleflow_schema::{Bar, Interval, Symbol, json, tables, time};

fn kline_frames(text: &str) -> (Vec<parse::KlineUpdate>, usize) {
    let (mut klines, mut others) = (Vec::new(), 0);
    for line in text.lines() {
        let Some(start) = line.find('{') else { continue };
        match parse::frame(&line[start..]) {
            Frame::Kline(update) => klines.push(update),
            Frame::Other(_) => others += 1,
            other => panic!("{other:?} from {line}"),
        }
    }
    (klines, others)
}

#[test]
fn every_recorded_frame_is_understood() {
    let Some(text) = shared::text("ws/BINANCE.ws.1.0") else { return };
    let (klines, others) = kline_frames(&text);
    assert_eq!(klines.len(), text.matches(r#""e":"kline""#).count());
    assert_eq!(klines.len() + others, text.matches(r#"{"stream":"#).count());
    let first = &klines[0];
    assert_eq!((first.bar.symbol.as_ref(), first.closed), ("NKNUSDT", false));
    assert_eq!(
        (first.bar.open, first.bar.high, first.bar.low, first.bar.close),
        (35_270_000, 35_280_000, 35_220_000, 35_280_000)
    );
    assert_eq!(first.bar.quote_volume, Some(911_604_600_000));
    assert_eq!((first.bar.trades, first.bar.taker_buy_volume), (Some(30), Some(5_800_000_000)));
    assert_eq!(first.bar.taker_buy_quote_volume, Some(2_046_240_000));

    let Some(text) = shared::text("ws/crypto-msg-parser_raw_msgs.jsonl") else { return };
    let mut kinds = std::collections::BTreeMap::new();
    for line in text.lines() {
        let kind = match parse::frame(line) {
            Frame::Kline(update) => format!("kline {} {}", update.bar.symbol, update.bar.interval),
            Frame::Other(kind) => kind,
            // Coin futures count volume in contracts: taker volume is in another unit, and may be above it.
            Frame::Bad(bad) => panic!("{bad:?}"),
            other => panic!("{other:?} from {line}"),
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(kinds.iter().filter(|(k, _)| k.starts_with("kline")).map(|(_, n)| n).sum::<i32>(), 5, "{kinds:?}");
    assert_eq!(kinds["kline BTCUSDT 1M"], 1, "a month is not a minute: {kinds:?}");
    assert_eq!((kinds["aggTrade"], kinds["depthUpdate"]), (5, 10));

    for day in ["ws/btcusdt_20240808.gz", "ws/btcusdt_20240809.gz"] {
        let Some(text) = shared::text(day) else { return };
        let (klines, others) = kline_frames(&text);
        assert_eq!((klines.len(), others), (0, text.lines().count()), "{day}");
    }
}

#[test]
fn every_recorded_bar_is_understood_and_survives_its_forms() {
    for (name, rows, gaps) in
        [("15m", 46_673, 0), ("1h", 37_923, 1), ("4h", 19_052, 8), ("1d", 3_178, 0), ("3d", 1_059, 0), ("1w", 454, 0)]
    {
        let Some(body) = shared::bytes(&format!("klines_rest_json/BTCUSDT-{name}.json.gz")) else { return };
        let interval: Interval = name.parse().unwrap();
        let read = parse::klines(&body, name, &Symbol::from("BTCUSDT"), interval).unwrap();
        assert!(read.quarantined.is_empty(), "{name}: {:?}", read.quarantined);
        assert_eq!((read.rows.len(), read.count), (rows, rows), "{name}");
        assert_eq!(read.rows.windows(2).filter(|w| w[1].bar.open_time != w[0].bar.time()).count(), gaps, "{name}");
        assert!(read.rows.iter().all(|r| interval.on_grid(r.bar.open_time) && r.over == r.bar.time()), "{name}");
        let bars: Vec<Bar> = read.rows.iter().take(2000).map(|r| r.bar.clone()).collect();
        for bar in &bars {
            let record = candleflow_schema::KlineRecord::Bar(bar.clone());
            assert_eq!(json::decode(&json::encode(&record)).unwrap(), record);
        }
        let back = tables::batch_to_bars(&tables::bars_to_batch(&bars).unwrap(), interval).unwrap();
        assert!(bars.iter().zip(&back).all(|(a, b)| a.same_value(b) && a.open_time == b.open_time), "{name}");
    }
}

#[test]
fn the_exchanges_instruments_of_2021_and_later() {
    let Some(body) = shared::bytes("rest/exchangeInfo-spot-2021-10.json.gz") else { return };
    let info = parse::exchange_info(&body).unwrap();
    assert_eq!(info.instruments.len(), 1_695);
    assert_eq!(info.weight_limit, Some(1200));
    assert_eq!(info.server_time, time::epoch(1_633_998_511_098));
    let eth = &info.instruments["ETHBTC"];
    assert_eq!((eth.status.clone(), eth.base.as_str(), eth.quote.as_str()), (SymbolStatus::Trading, "ETH", "BTC"));
    let f = &eth.filters;
    assert_eq!((f.tick, f.min_price, f.max_price), (Some(100), Some(100), Some(92_232_700_000_000)));
    assert_eq!((f.step, f.min_quantity, f.max_quantity), (Some(10_000), Some(10_000), Some(10_000_000_000_000)));
    assert_eq!((f.min_notional, f.min_notional_for_market), (Some(10_000), true));
    assert_eq!((f.market_max_quantity, f.market_step), (Some(87_390_727_776), Some(0)));
    assert!(info.instruments.values().any(|i| i.status == SymbolStatus::Break), "delisted ones stay");
    assert!(info.instruments.values().all(|i| i.filters.tick.is_some() && i.filters.step.is_some()));

    let Some(body) = shared::bytes("rest/nautilus/http_spot_market_exchange_info.json") else { return };
    assert!(parse::exchange_info(&body).unwrap().instruments.contains_key("BTCUSDT"));
    let Some(text) = shared::text("rest/minitrade_wsapi_exchangeInfo_ETHUSDT_2024-06-02.json") else { return };
    let (_, inner) = text.split_once("\"result\":").unwrap();
    let result: serde_json::Value = serde_json::Deserializer::from_str(inner).into_iter().next().unwrap().unwrap();
    let info = parse::exchange_info(result.to_string().as_bytes()).unwrap();
    let f = &info.instruments["ETHUSDT"].filters;
    assert_eq!(info.weight_limit, Some(6000));
    assert_eq!((f.min_notional, f.min_notional_for_market), (Some(500_000_000), true), "NOTIONAL");
    assert!(f.max_notional.is_some() && !f.max_notional_for_market);
}

#[test]
fn small_recorded_answers() {
    let Some(body) = shared::bytes("rest/nautilus/http_spot_market_klines.json") else { return };
    let read = parse::klines(&body, "x", &"BTCUSDT".into(), Interval::M1).unwrap();
    assert_eq!((read.rows.len(), read.quarantined.len()), (10, 0));
    let Some(body) = shared::bytes("rest/nautilus/http_spot_market_time.json") else { return };
    assert_eq!(parse::server_time(&body), Ok(1_633_835_466_289_000));
    let Some(body) = shared::bytes("rest/nautilus/http_spot_market_ticker_price.json") else { return };
    assert_eq!(parse::prices(&body).unwrap()["BTCUSDT"], 6_074_000_000_000);
}

#[test]
fn real_bans_say_when_they_end() {
    let Some(text) = shared::text("rest/real_418_bodies.jsonl") else { return };
    let mut ends = Vec::new();
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let error = parse::error_body(entry["body"].to_string().as_bytes()).unwrap();
        assert_eq!(error.code, -1003);
        ends.push(time::format(parse::banned_until(&error.msg).unwrap()));
    }
    assert_eq!(ends.len(), 5);
    assert_eq!((ends[0].as_str(), ends[4].as_str()), ("2022-08-10T00:13:43.228Z", "2018-01-14T11:35:38.237Z"));
}
