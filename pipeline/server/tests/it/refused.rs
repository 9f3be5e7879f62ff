//! Everything that goes wrong is a problem that says what to do.

use crate::lakes::{Api, empty_lake, made_up};
use axum::{
    body::Body,
    http::{Request, header},
};
use candleflow_server::ServeLimits;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_are_not_there() {
    let (_dir, lake) = empty_lake();
    let api = Api::of(&lake).await;
    for path in ["/", "/api", "/api/nothing", "/api/runs/a/b/c", "/favicon.ico", "/api/../etc/passwd"] {
        let problem = api.get(path).await.problem(404, "not-found");
        assert!(problem["detail"].as_str().unwrap().contains("/api/openapi.json"), "{problem}");
    }
    for (method, path, allow) in [
        ("POST", "/api/runs", "GET"),
        ("DELETE", "/api/runs/a", "GET"),
        ("PUT", "/api/klines", "GET"),
        ("GET", "/api/sql", "POST"),
        ("POST", "/health/live", "GET"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = api.ask(request).await;
        answer.problem(405, "method");
        assert!(
            answer.headers[header::ALLOW].to_str().unwrap().contains(allow),
            "{method} {path}: {:?}",
            answer.headers
        );
    }
    let answer = api.ask(Request::post("/api/nothing").body(Body::from("x")).unwrap()).await;
    answer.problem(404, "not-found");
    assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_cannot_be_used_are_named_with_what_can() {
    let (_dir, lake) = empty_lake();
    lake.upsert_bars(&[made_up("BTCUSDT", 0, 7)]).await.unwrap();
    let api = Api::of(&lake).await;
    for (path, parameter, expected) in [
        ("/api/klines?interval=1m", "symbol", "a symbol such as BTCUSDT"),
        ("/api/klines?symbol=BTCUSDT", "interval", "one of 1s, 1m, 3m, 5m"),
        ("/api/klines?symbol=BTCUSDT&interval=1x", "interval", "one of 1s, 1m, 3m, 5m"),
        ("/api/klines?symbol=BTCUSDT&interval=1m&from=yesterday", "from", "a UTC time: 2021-04-21"),
        ("/api/klines?symbol=BTCUSDT&interval=1m&to=2021-02-30", "to", "a UTC time: 2021-04-21"),
        ("/api/klines?symbol=BTCUSDT&interval=1m&limit=0", "limit", "a whole number from 1 to 10000"),
        ("/api/klines?symbol=BTCUSDT&interval=1m&limit=-1", "limit", "a whole number from 1 to 10000"),
        ("/api/klines?symbol=BTCUSDT&symbol=ETHUSDT&interval=1m", "symbol", "one value, not several"),
        (
            "/api/klines?symbol=BTCUSDT&interval=1m&start=1",
            "start",
            "one of the parameters symbol, interval, from, to, limit",
        ),
        ("/api/runs?limit=many", "limit", "a whole number from 1 to 1000"),
        ("/api/runs?cursor=xyz", "cursor", "the value of 'next' of an earlier page"),
        ("/api/runs?sort=name", "sort", "one of the parameters name, limit, cursor"),
    ] {
        let problem = api.get(path).await.problem(400, "parameter");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{path}: {problem}");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{path}");
        assert!(problem["errors"][0]["expected"].as_str().unwrap().starts_with(expected), "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(parameter), "{path}: {problem}");
    }
    let problem = api.get("/api/klines?interval=x&limit=y").await.problem(400, "parameter");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "all at once: {problem}");
    // What looks like SQL is a symbol that nobody has.
    let answer = api.get("/api/klines?symbol=%27%20OR%20%271%27%3D%271&interval=1m").await;
    answer.problem(404, "not-found");
    answer_is_not_text(&api.get("/api/runs/%FF").await);
}

fn answer_is_not_text(answer: &crate::lakes::Answer) {
    assert_eq!((answer.status.as_u16(), answer.kind()), (400, "application/problem+json"), "{:?}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_questions() {
    let (_dir, lake) = empty_lake();
    let api = Api::with(&lake, ServeLimits { body: 1_000, ..ServeLimits::default() }).await;
    for (body, said) in [
        ("", "EOF while parsing"),
        ("{", "EOF while parsing"),
        ("SELECT 1", "expected value at line 1 column 1"),
        ("{\"query\": \"SELECT 1\"}", "unknown field `query`, expected `sql` or `format`"),
        ("{\"format\": \"json\"}", "missing field `sql`"),
        ("{\"sql\": \"SELECT 1\", \"format\": \"csv\"}", "unknown variant `csv`, expected `json` or `arrow`"),
        ("{\"sql\": 1}", "invalid type: integer `1`, expected a string"),
    ] {
        let problem = api.post("/api/sql", body).await.problem(400, "body");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{body}: {problem}");
    }
    let large = format!("{{\"sql\": \"{}\"}}", "x".repeat(2_000));
    let problem = api.post("/api/sql", large).await.problem(413, "too-large");
    assert_eq!(problem["detail"], "the body is larger than 1000 bytes");
    let plain =
        Request::post("/api/sql").header(header::CONTENT_TYPE, "text/plain").body(Body::from("SELECT 1")).unwrap();
    api.ask(plain).await.problem(415, "media-type");
    let none = Request::post("/api/sql").body(Body::from("{\"sql\": \"SELECT 1\"}")).unwrap();
    api.ask(none).await.problem(415, "media-type");
    let charset = Request::post("/api/sql").header(header::CONTENT_TYPE, "application/json; charset=utf-8");
    let answer = api.ask(charset.body(Body::from("{\"sql\": \"SELECT 1\"}")).unwrap()).await;
    assert_eq!(answer.status.as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_cannot_be_read_is_not_described_to_strangers() {
    let (dir, lake) = empty_lake();
    lake.upsert_bars(&[made_up("BTCUSDT", 0, 7)]).await.unwrap();
    let api = Api::of(&lake).await;
    let parquet = walk(dir.path()).into_iter().find(|p| p.ends_with(".parquet")).unwrap();
    std::fs::write(&parquet, b"not parquet at all").unwrap();
    let answers =
        [api.sql("SELECT max(close) FROM klines").await, api.get("/api/klines?symbol=BTCUSDT&interval=1m").await];
    for answer in answers {
        let problem = answer.problem(503, "lake");
        let text = problem.to_string();
        assert!(!text.contains(dir.path().to_str().unwrap()) && !text.contains(".parquet"), "{text}");
    }
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path.to_str().unwrap().to_owned()) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_told_so() {
    let (_dir, lake) = empty_lake();
    let api = Api::with(&lake, ServeLimits { request: Duration::ZERO, ..ServeLimits::default() }).await;
    // A body that never comes, and no time to wait for it.
    let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let problem = api.post("/api/sql", body).await.problem(504, "timeout");
    assert!(problem["detail"].as_str().unwrap().starts_with("the answer was not ready within"), "{problem}");
}
