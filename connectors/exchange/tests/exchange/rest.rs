use crate::support::{DAY, Exchange, MINUTE, minutes};
use candleflow_exchange::{ExchangeConfig, Market, SeededMarket, Speed};
use candleflow_schema::Interval;
use serde_json::{Value, json};

fn opens(rows: &Value) -> Vec<i64> {
    rows.as_array().unwrap().iter().map(|r| (r[0].as_i64().unwrap() * 1_000 - DAY) / MINUTE).collect()
}

fn ms(minute: i64) -> i64 {
    (DAY + minute * MINUTE) / 1_000
}

#[tokio::test]
async fn ping_and_time() {
    let x = Exchange::still(minutes("BTCUSDT", 0..3), DAY + 2 * MINUTE).await;
    let ping = x.get("/api/v3/ping").await;
    assert_eq!((ping.status, ping.text.as_str()), (200, "{}"));
    assert_eq!(ping.headers["content-type"], "application/json;charset=UTF-8");
    let time = x.get("/api/v3/time").await;
    let now = time.json()["serverTime"].as_i64().unwrap();
    assert!((ms(2)..ms(2) + 100).contains(&now), "{now}");
    for unit in ["MICROSECOND", "microsecond"] {
        let micros =
            x.get_with("/api/v3/time", &[("X-MBX-TIME-UNIT", unit)]).await.json()["serverTime"].as_i64().unwrap();
        assert!((DAY + 2 * MINUTE..DAY + 2 * MINUTE + 100_000).contains(&micros));
    }
    let bad = x.get_with("/api/v3/time", &[("X-MBX-TIME-UNIT", "SECOND")]).await;
    assert_eq!((bad.status, bad.code()), (400, -1194));
    let clock = x.get("/control/clock").await.json();
    assert!((DAY + 2 * MINUTE..DAY + 2 * MINUTE + 100_000).contains(&clock["now"].as_i64().unwrap()));
    assert_eq!(clock["speed"], json!(0.001));
    x.stop().await;
}

#[tokio::test]
async fn a_row_has_the_exact_form_and_null_for_what_the_bar_does_not_say() {
    let mut bars = minutes("BTCUSDT", 0..3);
    bars[1].quote_volume = Some(100_012_345_678);
    bars[1].trades = Some(308);
    bars[1].taker_buy_volume = Some(400_000_000);
    bars[1].taker_buy_quote_volume = Some(40_000_000_000);
    let x = Exchange::still(bars, DAY + 10 * MINUTE).await;
    let rows = x.get("/api/v3/klines?symbol=BTCUSDT&interval=1m").await;
    assert_eq!(
        rows.text,
        concat!(
            r#"[[1618963200000,"100.00000000","102.00000000","97.00000000","101.00000000","10.00000000",1618963259999,null,null,null,null,"0"],"#,
            r#"[1618963260000,"101.00000000","103.00000000","98.00000000","102.00000000","10.00000000",1618963319999,"1000.12345678",308,"4.00000000","400.00000000","0"],"#,
            r#"[1618963320000,"102.00000000","104.00000000","99.00000000","103.00000000","10.00000000",1618963379999,null,null,null,null,"0"]]"#
        )
    );
    let micros = x.get_with("/api/v3/klines?symbol=BTCUSDT&interval=5m", &[("x-mbx-time-unit", "MICROSECOND")]).await;
    assert_eq!(
        micros.text,
        r#"[[1618963200000000,"100.00000000","104.00000000","97.00000000","103.00000000","30.00000000",1618963499999999,null,null,null,null,"0"]]"#
    );
    x.stop().await;
}

#[tokio::test]
async fn the_range_table_of_the_protocol() {
    let x = Exchange::still(minutes("BTCUSDT", (0..10).chain(20..1_600)), DAY + 1_500 * MINUTE + 30_000_000).await;
    let get =
        async |query: &str| opens(&x.get(&format!("/api/v3/klines?symbol=BTCUSDT&interval=1m{query}")).await.json());
    assert_eq!(get("").await, (1_001..=1_500).collect::<Vec<_>>(), "500 by default, the last in progress");
    assert_eq!(get("&limit=5000").await, (501..=1_500).collect::<Vec<_>>(), "1000 at most, without an error");
    assert_eq!(get("&limit=2").await, [1_499, 1_500]);
    assert_eq!(get(&format!("&startTime={}&limit=3", ms(8))).await, [8, 9, 20]);
    assert_eq!(get(&format!("&endTime={}&limit=3", ms(20))).await, [8, 9, 20]);
    assert_eq!(get(&format!("&startTime={}&endTime={}", ms(8), ms(21))).await, [8, 9, 20, 21]);
    assert_eq!(get(&format!("&startTime={0}&endTime={0}", ms(8))).await, [8]);
    assert_eq!(get(&format!("&startTime={}&limit=1", ms(8) + 1)).await, [9], "rounded up");
    assert_eq!(get(&format!("&endTime={}&limit=1", ms(9) - 1)).await, [8]);
    assert_eq!(get(&format!("&startTime={}&endTime={}", ms(10), ms(19))).await, [0i64; 0], "a hole is a hole");
    assert_eq!(get(&format!("&startTime={}", ms(2_000))).await, [0i64; 0]);
    assert_eq!(get(&format!("&endTime={}&limit=1", ms(9_000))).await, [1_500], "the future is cut to now");
    assert_eq!(get("&startTime=1618963200&limit=1").await, [0], "seconds become 2017-01-01");
    assert_eq!(get(&format!("&startTime={}&limit=1", ms(8) * 1_000)).await, [8], "microseconds are told by their size");
    let empty = x.get(&format!("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={}", ms(2_000))).await;
    assert_eq!((empty.status, empty.text.as_str()), (200, "[]"));
    x.stop().await;
}

#[tokio::test]
async fn paging_forward_gives_every_bar_once() {
    let x = Exchange::still(minutes("BTCUSDT", (0..700).chain(800..2_500)), DAY + 3_000 * MINUTE).await;
    let (mut from, mut all): (i64, Vec<i64>) = (ms(0), vec![]);
    loop {
        let rows =
            x.get(&format!("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1000&startTime={from}")).await.json();
        let page = opens(&rows);
        all.extend(&page);
        if page.len() < 1_000 {
            break;
        }
        from = rows[999][0].as_i64().unwrap() + 1;
    }
    assert_eq!(all, (0..700).chain(800..2_500).collect::<Vec<_>>());
    x.stop().await;
}

#[tokio::test]
async fn longer_intervals_are_resampled_and_others_have_no_data() {
    let x = Exchange::still(minutes("BTCUSDT", 0..3_000), DAY + 2_000 * MINUTE + 30_000_000).await;
    let get = async |query: &str| x.get(&format!("/api/v3/klines?symbol=BTCUSDT&{query}")).await.json();
    let hour = get("interval=1h&limit=2").await;
    assert_eq!(opens(&hour), [1_920, 1_980]);
    assert_eq!(hour[0][5], "600.00000000");
    assert_eq!(hour[1][5], "205.00000000", "twenty bars and half of one");
    assert_eq!(hour[1][6], ms(2_040) - 1);
    assert_eq!(opens(&get("interval=1d").await), [0, 1_440]);
    assert_eq!(get("interval=1w").await[0][0], 1_618_790_400_000i64);
    assert_eq!(get("interval=1M").await[0][0], 1_617_235_200_000i64);
    assert_eq!(get("interval=1M").await[0][6], 1_619_827_199_999i64);
    assert_eq!(get("interval=1s").await, json!([]));
    let zone = get("interval=1d&timeZone=8").await;
    assert_eq!(opens(&zone), [-480, 960]);
    assert_eq!(opens(&x.get("/api/v3/uiKlines?symbol=BTCUSDT&interval=1d").await.json()), [0, 1_440]);
    x.stop().await;
}

#[tokio::test]
async fn errors_come_in_the_documented_order() {
    let x = Exchange::still(minutes("BTCUSDT", 0..3), DAY + 10 * MINUTE).await;
    let range = r"^[\w\-._&&[^a-z]]{1,50}$";
    for (query, code, text) in [
        ("", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.".to_owned()),
        ("symbol=btcusdt", -1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.".into()),
        (
            "symbol=btcusdt&interval=7m",
            -1100,
            format!("Illegal characters found in parameter 'symbol'; legal range is '{range}'."),
        ),
        (
            "symbol=BTC/USDT&interval=7m",
            -1100,
            format!("Illegal characters found in parameter 'symbol'; legal range is '{range}'."),
        ),
        ("symbol=NOPE&interval=7m", -1121, "Invalid symbol.".into()),
        ("symbol=BTCUSDT&interval=7m&limit=x", -1120, "Invalid interval.".into()),
        ("symbol=BTCUSDT&interval=1mo", -1120, "Invalid interval.".into()),
        (
            "symbol=BTCUSDT&interval=1m&limit=x",
            -1100,
            "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.".into(),
        ),
        ("symbol=BTCUSDT&interval=1m&limit=0", -1130, "Data sent for parameter 'limit' is not valid.".into()),
        ("symbol=BTCUSDT&interval=1m&timeZone=15", -1130, "Data sent for parameter 'timeZone' is not valid.".into()),
        (
            "symbol=BTCUSDT&interval=1m&foo=1",
            -1104,
            "Not all sent parameters were read; read '2' parameter(s) but was sent '3'.".into(),
        ),
        ("symbol=BTCUSDT&symbol=BTCUSDT&interval=1m", -1101, "Duplicate values for a parameter detected.".into()),
    ] {
        let answer = x.get(&format!("/api/v3/klines?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json(), json!({"code": code, "msg": text}), "{query}");
        assert!(answer.text.starts_with("{\"code\":"), "{}", answer.text);
    }
    for (path, code) in [
        ("exchangeInfo?symbol=NOPE", -1121),
        ("exchangeInfo?symbol=BTCUSDT&symbols=[%22BTCUSDT%22]", -1128),
        ("exchangeInfo?symbolStatus=OTHER", -1122),
        ("exchangeInfo?symbol=BTCUSDT&symbolStatus=BREAK", -1220),
        ("ticker/price?symbols=[%22BTCUSDT%22,%22BTCUSDT%22]", -1151),
        ("ticker/price?symbol=BTCUSDT&symbols=[%22BTCUSDT%22]", -1128),
        ("ping?x=1", -1104),
        ("time?x=1", -1104),
    ] {
        let answer = x.get(&format!("/api/v3/{path}")).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{path}");
    }
    x.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_weight_used() {
    let x = Exchange::still(minutes("BTCUSDT", 0..3), DAY + 10 * MINUTE).await;
    for (path, status, used) in [
        ("/api/v3/ping", 200, 1),
        ("/api/v3/time", 200, 2),
        ("/api/v3/exchangeInfo", 200, 22),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1m", 200, 24),
        ("/api/v3/klines", 400, 26),
        ("/api/v3/ticker/price", 200, 30),
        ("/api/v3/ticker/price?symbol=BTCUSDT", 200, 32),
        ("/api/v3/ticker/price?symbols=[%22BTCUSDT%22]", 200, 36),
        ("/api/v3/nothing", 404, 36),
        ("/api/v1/ping", 404, 36),
        ("/", 404, 36),
    ] {
        let answer = x.get(path).await;
        assert_eq!((answer.status, answer.used()), (status, used), "{path}");
    }
    assert_eq!(x.get("/control/state").await.headers.get("x-mbx-used-weight"), None);
    let plain = x.get("/api/v3/nothing").await;
    assert_eq!(plain.text, "");
    let html = x.get_with("/api/v3/nothing", &[("accept", "text/html")]).await;
    assert_eq!((html.status, html.headers["content-type"].as_str()), (404, "text/html"));
    assert_eq!(x.send("POST", "/api/v3/ping", "").await.status, 404);
    assert_eq!(x.send("POST", "/ws", "").await.status, 405, "marked as simulated too");
    assert_eq!(x.get("/ws").await.status, 400);
    x.stop().await;
}

#[tokio::test]
async fn exchange_info_describes_and_a_symbol_that_stopped_is_in_a_break() {
    let bars = minutes("BTCUSDT", 0..20).into_iter().chain(minutes("OLDUSDT", 0..5)).collect();
    let x = Exchange::still(bars, DAY + 10 * MINUTE).await;
    let info = x.get("/api/v3/exchangeInfo").await;
    let json = info.json();
    assert_eq!(json["timezone"], "UTC");
    assert_eq!(
        json["rateLimits"],
        json!([{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000},
               {"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300000}])
    );
    assert_eq!(json["exchangeFilters"], json!([]));
    let symbols = json["symbols"].as_array().unwrap();
    let state: Vec<_> =
        symbols.iter().map(|s| (s["symbol"].as_str().unwrap(), s["status"].as_str().unwrap())).collect();
    assert_eq!(state, [("BTCUSDT", "TRADING"), ("OLDUSDT", "BREAK")]);
    let btc = &symbols[0];
    assert_eq!((btc["baseAsset"].as_str(), btc["quoteAsset"].as_str()), (Some("BTC"), Some("USDT")));
    assert_eq!(
        btc["filters"],
        json!([
            {"filterType":"PRICE_FILTER","minPrice":"1.00000000","maxPrice":"1000000000.00000000","tickSize":"1.00000000"},
            {"filterType":"LOT_SIZE","minQty":"1.00000000","maxQty":"9000000000.00000000","stepSize":"1.00000000"},
            {"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}
        ])
    );
    assert_eq!((btc["permissions"].clone(), btc["permissionSets"].clone()), (json!([]), json!([["SPOT"]])));
    let one = x.get("/api/v3/exchangeInfo?symbol=OLDUSDT&showPermissionSets=false").await.json();
    assert_eq!(one["symbols"].as_array().unwrap().len(), 1);
    assert_eq!(one["symbols"][0].get("permissionSets"), None);
    let named = |json: Value| -> Vec<String> {
        json["symbols"].as_array().unwrap().iter().map(|s| s["symbol"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named(x.get("/api/v3/exchangeInfo?symbolStatus=TRADING").await.json()), ["BTCUSDT"]);
    assert_eq!(
        named(x.get("/api/v3/exchangeInfo?symbols=[%22OLDUSDT%22,%22BTCUSDT%22]").await.json()),
        ["OLDUSDT", "BTCUSDT"]
    );
    assert_eq!(named(x.get("/api/v3/exchangeInfo?permissions=SPOT").await.json()).len(), 2);
    assert_eq!(named(x.get("/api/v3/exchangeInfo?permissions=MARGIN").await.json()).len(), 0);
    assert_eq!(
        opens(&x.get("/api/v3/klines?symbol=OLDUSDT&interval=1m&limit=1").await.json()),
        [4],
        "it stays queryable"
    );
    x.stop().await;

    let bars = minutes("BTCUSDT", 0..20).into_iter().chain(minutes("OLDUSDT", 0..5)).collect();
    let early = Exchange::still(bars, DAY + 4 * MINUTE).await;
    assert_eq!(early.get("/api/v3/exchangeInfo?symbol=OLDUSDT").await.json()["symbols"][0]["status"], "TRADING");
    early.stop().await;
    let over = Exchange::still(minutes("BTCUSDT", 0..5), DAY + 99 * MINUTE).await;
    assert_eq!(
        over.get("/api/v3/exchangeInfo").await.json()["symbols"][0]["status"],
        "TRADING",
        "the market just has no more bars"
    );
    assert_eq!(opens(&over.get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1").await.json()), [4]);
    over.stop().await;
}

#[tokio::test]
async fn the_price_is_that_of_the_moment() {
    let bars = minutes("BTCUSDT", 0..20).into_iter().chain(minutes("NEWUSDT", 15..20)).collect();
    let x = Exchange::still(bars, DAY + 10 * MINUTE + 25_000_000).await;
    assert_eq!(
        x.get("/api/v3/ticker/price?symbol=BTCUSDT").await.text,
        r#"{"symbol":"BTCUSDT","price":"100.00000000"}"#
    );
    assert_eq!(
        x.get("/api/v3/ticker/price").await.text,
        r#"[{"symbol":"BTCUSDT","price":"100.00000000"},{"symbol":"NEWUSDT","price":null}]"#
    );
    assert_eq!(
        x.get("/api/v3/ticker/price?symbols=[%22BTCUSDT%22]&symbolStatus=TRADING").await.text,
        r#"[{"symbol":"BTCUSDT","price":"100.00000000"}]"#
    );
    x.stop().await;
}

#[tokio::test]
async fn a_seeded_market_says_everything_about_a_bar() {
    let market = SeededMarket {
        seed: 1,
        symbols: vec!["BTCUSDT".into(), "ETHUSDT".into()],
        interval: Interval::M1,
        start: DAY,
        bars: 2_000,
    };
    let serve = async || {
        let config =
            ExchangeConfig { speed: Speed::Scaled(0.001), start: Some(DAY + 1_999 * MINUTE), ..Default::default() };
        let x = Exchange::start(config, Market::seeded(market.clone()).unwrap()).await;
        let rows = x.get("/api/v3/klines?symbol=ETHUSDT&interval=1m&limit=1000").await.text;
        let hours = x.get("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1000").await.text;
        let info = x.get("/api/v3/exchangeInfo?symbol=BTCUSDT").await.json();
        x.stop().await;
        (rows, hours, info)
    };
    let (rows, hours, info) = serve().await;
    let (rows_again, hours_again, _) = serve().await;
    assert_eq!((&rows, &hours), (&rows_again, &hours_again), "the same seed, the same bytes");
    assert_eq!(info["symbols"][0]["filters"][0]["tickSize"], "0.01000000");
    assert_eq!(info["symbols"][0]["filters"][1]["stepSize"], "0.00001000");
    let rows: Value = serde_json::from_str(&rows).unwrap();
    for row in rows.as_array().unwrap() {
        let number = |i: usize| row[i].as_str().unwrap().parse::<f64>().unwrap();
        assert!(row[8].as_i64().unwrap() >= 8);
        assert!(number(9) <= number(5) && number(10) <= number(7));
        assert!(number(3) <= number(1).min(number(4)) && number(2) >= number(1).max(number(4)));
    }
}

#[tokio::test]
async fn aggregate_trades_are_paged_by_id_and_by_time() {
    let mut bars = minutes("BTCUSDT", (0..100).chain(200..400));
    for bar in &mut bars[50..60] {
        (bar.high, bar.low, bar.close, bar.volume) = (bar.open, bar.open, bar.open, 0);
    }
    let x = Exchange::still(bars, DAY + 300 * MINUTE + 30_000_000).await;
    let get = async |query: &str| {
        let trades = x.get(&format!("/api/v3/aggTrades?symbol=BTCUSDT{query}")).await.json();
        let ids: Vec<i64> = trades.as_array().unwrap().iter().map(|t| t["a"].as_i64().unwrap()).collect();
        assert!(ids.windows(2).all(|w| w[1] == w[0] + 1), "{ids:?}");
        (ids.first().copied().unwrap_or(0), ids.last().copied().unwrap_or(0), ids.len())
    };
    // Four a minute: 90 minutes with trades, 100 after the hole, and two of the minute in progress.
    assert_eq!(get("").await, (263, 762, 500));
    assert_eq!(get("&limit=3").await, (760, 762, 3));
    assert_eq!(get("&limit=5000").await, (1, 762, 762));
    assert_eq!(get("&fromId=0&limit=2").await, (1, 2, 2));
    assert_eq!(get("&fromId=200&limit=4").await, (200, 203, 4), "past the minutes without trades");
    assert_eq!(get("&fromId=760").await, (760, 762, 3));
    assert_eq!(get("&fromId=99999").await, (0, 0, 0));
    assert_eq!(get(&format!("&startTime={}&limit=2", ms(1))).await, (5, 6, 2));
    assert_eq!(get(&format!("&startTime={}&limit=1", ms(1) + 1_001)).await, (6, 6, 1));
    assert_eq!(get(&format!("&startTime={}&endTime={}", ms(1) + 1_000, ms(1) + 37_000)).await, (5, 7, 3));
    assert_eq!(get(&format!("&endTime={}&limit=2", ms(2))).await, (7, 8, 2));
    assert_eq!(get(&format!("&startTime={}&limit=1", ms(150))).await, (361, 361, 1), "behind the hole");
    let first = x.get("/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&limit=1").await;
    assert_eq!(
        first.text,
        r#"[{"a":1,"p":"100.00000000","q":"2.00000000","f":1,"l":1,"T":1618963201000,"m":false,"M":true}]"#
    );
    let both = x.get("/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1").await;
    assert_eq!((both.status, both.code()), (400, -1128));
    x.stop().await;
}
