//! Runs, their outputs, and bars.

use crate::lakes::{Api, Cell, Cells, MINUTE, empty_lake, finish, made_up, put};
use candleflow_schema::time;
use serde_json::{Value, json};

fn trade<'a>(symbol: &'a str, exit: &'a str, order: i64, qty: i128) -> Cells<'a> {
    vec![
        ("symbol", Cell::Text(symbol)),
        ("side", Cell::Text("long")),
        ("entry_time", Cell::Time("2021-04-20T00:01")),
        ("time", Cell::Time(exit)),
        ("entry_order", Cell::Int(order)),
        ("qty", Cell::Money(qty)),
        ("return_pct", Cell::Double(0.25)),
    ]
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_lake_has_no_runs_and_says_so() {
    let (_dir, lake) = empty_lake();
    let api = Api::of(&lake).await;
    assert_eq!(api.json("/api/runs").await, json!({ "items": [], "next": null }));
    let problem = api.get("/api/runs/none").await.problem(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().contains("there is no run 'none'"), "{problem}");
    assert_eq!(problem["instance"], "/api/runs/none");
    for output in ["trades", "orders", "metrics", "equity"] {
        api.get(&format!("/api/runs/none/{output}")).await.problem(404, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_come_newest_first_page_by_page() {
    let (_dir, lake) = empty_lake();
    for (run, name, started) in [
        ("a", "ema-cross", "2021-06-01T00:00:00"),
        ("b", "breakout", "2021-06-03T00:00:00"),
        ("c", "ema-cross", "2021-06-02T00:00:00.000001"),
        ("d", "ema-cross", "2021-06-02T00:00:00.000001"),
    ] {
        finish(&lake, run, name, started).await;
    }
    put(&lake, "trades", "b", &[trade("BTCUSDT", "2021-04-20T01:00", 1, 5)]).await;
    put(&lake, "trades", "cut off", &[trade("BTCUSDT", "2021-04-20T01:00", 1, 5)]).await;
    let api = Api::of(&lake).await;
    let all = api.json("/api/runs").await;
    assert_eq!((ids(&all), &all["next"]), (vec!["cut off", "b", "d", "c", "a"], &Value::Null));
    assert_eq!(all["items"][0]["status"], "unfinished");
    assert_eq!(all["items"][0]["outputs"], json!({ "trades": 1 }));
    let mut seen: Vec<String> = vec![];
    let mut path = "/api/runs?limit=2".to_owned();
    loop {
        let page = api.json(&path).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        // A run that is added while somebody reads on moves nothing.
        if seen.len() == 2 {
            finish(&lake, "z", "late", "2021-07-01T00:00:00").await;
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/api/runs?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["cut off", "b", "d", "c", "a"]);
    assert_eq!(ids(&api.json("/api/runs?name=ema-cross").await), ["d", "c", "a"]);
    assert_eq!(ids(&api.json("/api/runs?name=nothing").await), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reads_as_a_person_would_write_it() {
    let (_dir, lake) = empty_lake();
    finish(&lake, "r1", "ema-cross", "2021-06-01T00:00:00").await;
    put(
        &lake,
        "trades",
        "r1",
        &[trade("BTCUSDT", "2021-04-20T01:00", 1, 5), trade("BTCUSDT", "2021-04-20T02:00", 2, 5)],
    )
    .await;
    let api = Api::of(&lake).await;
    let run = json!({
        "run_id": "r1", "status": "finished", "name": "ema-cross", "started": "2021-06-01T00:00:00Z",
        "finished": "2021-06-01T00:00:10.500Z", "mode": "history", "from": "2021-04-20T00:00:00Z",
        "to": "2021-04-21T00:00:00Z", "symbols": ["BTCUSDT", "ETHUSDT"], "interval": "1m",
        "params": { "fast": 12, "slow": 26 }, "digest": "b3:0123", "bars": 2880, "engine": "0.1.0",
        "platform": "x86_64-linux", "klines_version": 3, "outputs": { "trades": 2 }
    });
    assert_eq!(api.json("/api/runs").await["items"][0], run);
    let mut whole = run;
    whole["pipeline"] = "name: ema-cross\n".into();
    whole["canonical"] = "{}".into();
    assert_eq!(api.json("/api/runs/r1").await, whole);
    api.get("/api/runs/r1?x=1").await.problem(400, "parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn trades_come_in_order_exact_and_in_pages() {
    let (_dir, lake) = empty_lake();
    let one = 10i128.pow(18);
    put(
        &lake,
        "trades",
        "r 1/ü",
        &[
            trade("ETHUSDT", "2021-04-20T03:00", 3, one / 3),
            trade("BTCUSDT", "2021-04-20T01:00", 1, 12_345 * one + 1),
            trade("BTCUSDT", "2021-04-20T03:00", 2, 2 * one),
        ],
    )
    .await;
    put(&lake, "trades", "other", &[trade("BTCUSDT", "2021-04-20T01:00", 9, one)]).await;
    let api = Api::of(&lake).await;
    let path = "/api/runs/r%201%2F%C3%BC/trades";
    let all = api.json(path).await;
    assert_eq!((&all["run_id"], &all["status"], &all["next"]), (&json!("r 1/ü"), &json!("unfinished"), &Value::Null));
    let quantities: Vec<_> = all["items"].as_array().unwrap().iter().map(|t| t["qty"].as_str().unwrap()).collect();
    assert_eq!(quantities, ["12345.000000000000000001", "2", "0.333333333333333333"]);
    let first = &all["items"][0];
    assert_eq!(first["time"], "2021-04-20T01:00:00Z");
    assert_eq!(
        (&first["return_pct"], &first["exit_price"], &first["entry_order"]),
        (&json!(0.25), &Value::Null, &json!(1))
    );
    assert!(first.get("run_id").is_none() && first.as_object().unwrap().len() == 32, "{first}");
    let page = api.json(&format!("{path}?limit=2")).await;
    assert_eq!(page["items"], json!([all["items"][0], all["items"][1]]));
    let rest = api.json(&format!("{path}?limit=2&cursor={}", page["next"].as_str().unwrap())).await;
    assert_eq!((&rest["items"], &rest["next"]), (&json!([all["items"][2]]), &Value::Null));
    let of_one = api.json(&format!("{path}?symbol=ETHUSDT")).await;
    assert_eq!(of_one["items"], json!([all["items"][2]]));
    assert_eq!(api.json("/api/runs/other/orders").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_one_row_per_view() {
    let (_dir, lake) = empty_lake();
    let view = |name, trades| vec![("view", Cell::Text(name)), ("total_return", Cell::Double(trades))];
    put(&lake, "metrics", "r1", &[view("mark", 0.5), view("closed", f64::NAN)]).await;
    let api = Api::of(&lake).await;
    let metrics = api.json("/api/runs/r1/metrics").await;
    let items = metrics["items"].as_array().unwrap();
    assert_eq!((&items[0]["view"], &items[0]["total_return"]), (&json!("closed"), &Value::Null));
    assert_eq!((&items[1]["view"], &items[1]["total_return"]), (&json!("mark"), &json!(0.5)));
    api.get("/api/runs/r1/metrics?symbol=BTCUSDT").await.problem(400, "parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thinned_curve_keeps_its_lows_and_highs() {
    let (_dir, lake) = empty_lake();
    let start = time::parse("2021-04-20").unwrap();
    let times: Vec<String> = (0..3_000).map(|i| time::format(start + i * MINUTE)).collect();
    let row = |i: usize, symbol, equity| {
        vec![
            ("symbol", Cell::Text(symbol)),
            ("time", Cell::Time(&times[i])),
            ("equity", Cell::Double(equity)),
            ("drawdown", Cell::Double(0.125)),
        ]
    };
    let wave = |i: usize| match i {
        1_234 => 1.0,
        2_345 => 99_999.0,
        i => 10_000.0 + (i % 60) as f64,
    };
    let mut rows: Vec<Cells> = (0..3_000).map(|i| row(i, "BTCUSDT", wave(i))).collect();
    rows.extend((0..5).map(|i| row(i, "ETHUSDT", 10_000.0)));
    put(&lake, "equity", "r1", &rows).await;
    let api = Api::of(&lake).await;
    let thin = api.json("/api/runs/r1/equity?points=20").await;
    assert_eq!((&thin["run_id"], &thin["status"]), (&json!("r1"), &json!("unfinished")));
    let (btc, eth) = (&thin["series"][0], &thin["series"][1]);
    assert_eq!(
        (&btc["symbol"], &btc["rows"], &eth["symbol"], &eth["rows"]),
        (&json!("BTCUSDT"), &json!(3_000), &json!("ETHUSDT"), &json!(5))
    );
    let points = btc["points"].as_array().unwrap();
    assert!(points.len() <= 20, "{}", points.len());
    let at = |i: usize, equity: f64| json!({ "time": times[i], "equity": equity, "drawdown": 0.125 });
    assert!(points.contains(&at(1_234, 1.0)) && points.contains(&at(2_345, 99_999.0)), "{points:?}");
    assert_eq!((&points[0], points.last().unwrap()), (&at(0, wave(0)), &at(2_999, wave(2_999))));
    assert_eq!(eth["points"].as_array().unwrap().len(), 5);
    let whole = api.json("/api/runs/r1/equity?points=10000&symbol=BTCUSDT").await;
    assert_eq!(whole["series"].as_array().unwrap().len(), 1);
    assert_eq!(whole["series"][0]["points"].as_array().unwrap().len(), 3_000);
    let problem = api.get("/api/runs/r1/equity?points=3").await.problem(400, "parameter");
    assert_eq!(
        problem["errors"],
        json!([{ "parameter": "points", "found": "3", "expected": "a whole number from 4 to 10000" }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_come_exact_and_in_order() {
    let (_dir, lake) = empty_lake();
    let bars: Vec<_> = (0..100).map(|m| made_up("BTCUSDT", m, 5_673_876_000_001 + m)).collect();
    lake.upsert_bars(&bars).await.unwrap();
    let api = Api::of(&lake).await;
    let base = "/api/klines?symbol=BTCUSDT&interval=1m";
    let times = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|b| b["time"].as_str().unwrap()[11..16].to_owned()).collect()
    };
    let page = api.json(&format!("{base}&from=2021-04-20T00:10&to=2021-04-20T00:15")).await;
    assert_eq!(times(&page), ["00:11", "00:12", "00:13", "00:14", "00:15"]);
    assert_eq!(
        page["items"][0],
        json!({
            "open_time": "2021-04-20T00:10:00Z", "time": "2021-04-20T00:11:00Z", "open": "56738.76000011",
            "high": "56738.76000011", "low": "56738.76000011", "close": "56738.76000011", "volume": "0.000001",
            "quote_volume": null, "trades": null, "taker_buy_volume": null, "taker_buy_quote_volume": null, "origin": "file"
        })
    );
    assert_eq!((&page["symbol"], &page["interval"], &page["next"]), (&json!("BTCUSDT"), &json!("1m"), &Value::Null));
    // From a time on, page by page, everything once.
    let mut seen = vec![];
    let mut from = "1970-01-01".to_owned();
    loop {
        let page = api.json(&format!("{base}&from={from}&limit=30")).await;
        seen.extend(times(&page));
        match page["next"].as_str() {
            Some(next) => from = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen[0].as_str(), seen[99].as_str()), (100, "00:01", "01:40"));
    assert!(seen.is_sorted());
    // Without one, the newest.
    assert_eq!(times(&api.json(&format!("{base}&limit=2")).await), ["01:39", "01:40"]);
    assert_eq!(times(&api.json(&format!("{base}&limit=2&to=2021-04-20T00:05:00Z")).await), ["00:04", "00:05"]);
    // A range without bars is empty, a market without bars is not there.
    assert_eq!(times(&api.json(&format!("{base}&from=2022-01-01")).await), Vec::<String>::new());
    for path in ["/api/klines?symbol=BTCUSD&interval=1m", "/api/klines?symbol=BTCUSDT&interval=5m"] {
        let problem = api.get(path).await.problem(404, "not-found");
        assert!(problem["detail"].as_str().unwrap().starts_with("the lake has no bars of 'BTCUSD"), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indicators_say_what_they_take_and_give() {
    let (_dir, lake) = empty_lake();
    let api = Api::of(&lake).await;
    let all = api.json("/api/indicators").await;
    let all = all.as_array().unwrap();
    assert!(all.len() > 250, "{}", all.len());
    for indicator in all {
        let name = indicator["name"].as_str().unwrap();
        assert_eq!(&api.json(&format!("/api/indicators/{name}")).await, indicator);
    }
    let macd = api.json("/api/indicators/MACD").await;
    assert_eq!(macd["usage"], "macd(real, fastperiod = 12, slowperiod = 26, signalperiod = 9, compat = talib)");
    assert_eq!(
        macd["params"][0],
        json!({ "name": "fastperiod", "range": "a whole number from 2 to 100000", "default": "12", "words": [] })
    );
    assert_eq!(macd["outputs"][2]["name"], "hist");
    // Index 33 in TA-Lib.
    assert_eq!((&macd["first_row"], &macd["class"]), (&json!(34), &json!("converging")));
    assert_eq!(api.json("/api/indicators/obv").await["settled"], Value::Null);
    let problem = api.get("/api/indicators/nothing").await.problem(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().contains("there is no indicator 'nothing'"), "{problem}");
}
