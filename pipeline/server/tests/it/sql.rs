//! SQL over HTTP.

use crate::lakes::{Api, empty_lake, made_up};
use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{Decimal128Type, Float64Type},
    ipc::reader::StreamReader,
};
use candleflow_engine::Limits;
use candleflow_lake::Lake;
use candleflow_server::ServeLimits;
use serde_json::json;
use std::{
    io::Cursor,
    time::{Duration, Instant},
};

async fn hundred_bars(lake: &Lake) {
    let bars: Vec<_> = (0..100).map(|m| made_up("BTCUSDT", m, 5_673_876_000_000 + m)).collect();
    lake.upsert_bars(&bars).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_json_has_columns_and_rows() {
    let (_dir, lake) = empty_lake();
    hundred_bars(&lake).await;
    let api = Api::of(&lake).await;
    let answer = api
        .sql("SELECT e.symbol, e.time, e.close AS exact, k.close, e.trades, e.close > 1 AS high FROM klines_exact e JOIN klines k USING (symbol, open_time) ORDER BY e.time LIMIT 2")
        .await;
    assert_eq!((answer.status.as_u16(), answer.kind()), (200, "application/json"));
    assert_eq!(
        answer.json(),
        json!({
            "columns": [
                { "name": "symbol", "type": "text" }, { "name": "time", "type": "timestamp" },
                { "name": "exact", "type": "decimal(18,8)" }, { "name": "close", "type": "double" },
                { "name": "trades", "type": "bigint" }, { "name": "high", "type": "boolean" }
            ],
            "rows": [
                ["BTCUSDT", "2021-04-20T00:01:00Z", "56738.76", 56738.76, null, true],
                ["BTCUSDT", "2021-04-20T00:02:00Z", "56738.76000001", 56738.76000001, null, true]
            ]
        })
    );
    let empty = api.sql("SELECT symbol FROM trades").await.json();
    assert_eq!(empty, json!({ "columns": [{ "name": "symbol", "type": "text" }], "rows": [] }));
    let indicator =
        api.sql("SELECT sma(close, 3) OVER (ORDER BY time) AS s FROM klines ORDER BY time LIMIT 3").await.json();
    assert_eq!(indicator["rows"], json!([[null], [null], [56738.76000001]]));
    let shown = api.sql("SHOW TABLES").await.json();
    assert!(shown["rows"].as_array().unwrap().contains(&json!(["klines_exact"])), "{shown}");
    let days = api.sql("SELECT date_bin(INTERVAL '1 hour', open_time) AS hour, count(*) AS bars FROM klines GROUP BY hour ORDER BY hour").await.json();
    assert_eq!(days["rows"], json!([["2021-04-20T00:00:00Z", 60], ["2021-04-20T01:00:00Z", 40]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_arrow_is_a_stream_of_batches() {
    let (_dir, lake) = empty_lake();
    hundred_bars(&lake).await;
    let api = Api::of(&lake).await;
    let body = json!({ "sql": "SELECT open_time, close FROM klines_exact ORDER BY open_time", "format": "arrow" });
    let answer = api.post("/api/sql", body.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.kind()), (200, "application/vnd.apache.arrow.stream"));
    let batches: Vec<RecordBatch> =
        StreamReader::try_new(Cursor::new(answer.body), None).unwrap().map(|b| b.unwrap()).collect();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 100);
    assert_eq!(batches[0].column(1).as_primitive::<Decimal128Type>().value(0), 5_673_876_000_000);
    let body = json!({ "sql": "SELECT close FROM klines WHERE false", "format": "arrow" });
    let empty = api.post("/api/sql", body.to_string()).await;
    let reader = StreamReader::try_new(Cursor::new(empty.body), None).unwrap();
    assert_eq!(reader.schema().field(0).data_type(), &arrow::datatypes::DataType::Float64);
    assert_eq!(reader.map(|b| b.unwrap().column(0).as_primitive::<Float64Type>().len()).sum::<usize>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reading_only_tables() {
    let (dir, lake) = empty_lake();
    hundred_bars(&lake).await;
    let secret = dir.path().join("secret.csv");
    std::fs::write(&secret, "password\nhunter2\n").unwrap();
    let secret = secret.to_str().unwrap();
    let api = Api::of(&lake).await;
    for sql in [
        format!("SELECT * FROM '{secret}'"),
        format!("SELECT * FROM \"{secret}\""),
        format!("SELECT * FROM \"file://{secret}\""),
        format!("SELECT * FROM read_csv('{secret}')"),
        format!("SELECT * FROM read_text('{secret}')"),
        format!("WITH a AS (SELECT * FROM '{secret}') SELECT * FROM a"),
        format!("SELECT (SELECT count(*) FROM '{secret}')"),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{secret}'"),
        format!("COPY (SELECT 1) TO '{secret}'"),
        "INSERT INTO klines_exact SELECT * FROM klines_exact".into(),
        "DROP TABLE klines".into(),
        "SET datafusion.catalog.location = '/'".into(),
    ] {
        let answer = api.sql(&sql).await;
        let problem = answer.problem(403, "read-only");
        assert!(!problem.to_string().contains("hunter2"), "{sql}: {problem}");
    }
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "password\nhunter2\n");
    assert_eq!(api.sql("SELECT count(*) FROM klines").await.json()["rows"], json!([[100]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_the_readers_own() {
    let (_dir, lake) = empty_lake();
    hundred_bars(&lake).await;
    let api = Api::of(&lake).await;
    for (sql, said) in [
        ("SELEC 1", "cannot read the query"),
        ("SELECT price FROM klines", "No field named price"),
        ("SELECT * FROM candles", "the lake has no table 'candles', it has coverage, equity, instruments, klines"),
        ("SELECT 1; SELECT 2", "one statement is answered at a time, found 2"),
        ("", "one statement is answered at a time, found 0"),
        ("SELECT 1 / (count(*) - 100) FROM klines", "Divide by zero"),
    ] {
        let problem = api.sql(sql).await.problem(400, "sql");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{sql}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_named() {
    let (_dir, lake) = empty_lake();
    hundred_bars(&lake).await;
    let query = Limits { rows: 99, bytes: 1 << 20, time: Duration::from_millis(300) };
    let api = Api::with(&lake, ServeLimits { query, ..ServeLimits::default() }).await;
    let problem = api.sql("SELECT * FROM klines").await.problem(422, "limit");
    assert_eq!(problem["limit"], "rows");
    assert_eq!(problem["detail"], "limit of rows: the answer has more than 99 rows: aggregate, filter or add LIMIT");
    assert_eq!(api.sql("SELECT * FROM klines LIMIT 99").await.status.as_u16(), 200);
    let started = Instant::now();
    let cross =
        "SELECT count(*) FROM generate_series(1, 100000) a(v), generate_series(1, 100000) b(v) WHERE a.v * b.v < 0";
    assert_eq!(api.sql(cross).await.problem(422, "limit")["limit"], "time");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let query = Limits { rows: 1_000, bytes: 1_000, ..query };
    let api = Api::with(&lake, ServeLimits { query, ..ServeLimits::default() }).await;
    assert_eq!(api.sql("SELECT * FROM klines").await.problem(422, "limit")["limit"], "bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_slots_are_taken_the_next_one_is_told_to_come_again() {
    let (_dir, lake) = empty_lake();
    let query = Limits { time: Duration::from_secs(3), ..Limits::default() };
    let limits = ServeLimits { query, queries: 1, wait: Duration::from_millis(50), ..ServeLimits::default() };
    let api = Api::with(&lake, limits).await;
    let endless =
        "SELECT count(*) FROM generate_series(1, 100000) a(v), generate_series(1, 100000) b(v) WHERE a.v * b.v < 0";
    let slow = api.sql(endless);
    let quick = async {
        // Asked until the slot is taken: then it is refused, for as long as the slow one runs.
        loop {
            let answer = api.sql("SELECT 1").await;
            if answer.status.as_u16() != 200 {
                return answer;
            }
        }
    };
    let (slow, quick) = tokio::join!(slow, quick);
    quick.problem(429, "busy");
    assert_eq!(quick.headers["retry-after"], "1");
    slow.problem(422, "limit");
    assert_eq!(api.sql("SELECT 1").await.json()["rows"], json!([[1]]));
    assert_eq!(api.json("/api/runs").await["items"], json!([]), "other routes have slots of their own");
}
