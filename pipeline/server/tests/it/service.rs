//! The server itself: health, figures, its description, a real socket, its end.

use crate::lakes::{Api, empty_lake, finish, made_up};
use axum::{body::Body, http::Request};
use candleflow_engine::Limits;
use candleflow_lake::{Lake, Options};
use candleflow_server::{ServeConfig, ServeError, ServeLimits, openapi, serve};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_apart() {
    let (_dir, lake) = empty_lake();
    let api = Api::of(&lake).await;
    assert_eq!(api.json("/health/live").await, json!({ "status": "live" }));
    assert_eq!(api.json("/health/ready").await, json!({ "status": "ready" }));
    // Nobody listens at this address.
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let setting = |name: &str, value: String| (name.to_owned(), value);
    let storage = vec![
        setting("aws_endpoint", format!("http://{nobody}")),
        setting("aws_allow_http", "true".into()),
        setting("aws_region", "us-east-1".into()),
        setting("aws_access_key_id", "hunter2".into()),
        setting("aws_secret_access_key", "hunter2".into()),
    ];
    let away = Lake::open("s3://bucket/lake", Options { storage, ..Options::default() }).unwrap();
    let api = Api::of(&away).await;
    assert_eq!(api.json("/health/live").await, json!({ "status": "live" }));
    let problem = api.get("/health/ready").await.problem(503, "lake").to_string();
    assert!(!problem.contains("hunter2") && !problem.contains("bucket"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_for_prometheus() {
    let (_dir, lake) = empty_lake();
    let api = Api::of(&lake).await;
    api.sql("SELECT 1 AS one").await;
    api.sql("DROP TABLE klines").await;
    api.get("/api/runs/nobody").await;
    let answer = api.get("/metrics").await;
    assert_eq!(answer.kind(), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "# TYPE candleflow_http_requests_total counter",
        "candleflow_http_requests_total{route=\"/api/runs/{id}\",method=\"GET\",status=\"404\"}",
        "candleflow_http_request_seconds_bucket{route=\"/api/sql\",le=\"0.001\"}",
        "candleflow_sql_queries_total{outcome=\"ok\"}",
        "candleflow_sql_queries_total{outcome=\"refused\"}",
        "candleflow_sql_rows_total",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("nobody"), "a path that anybody can make up is no label");
}

/// Values for the parameters of any route, such that it answers.
fn path_of(path: &str, operation: &Value) -> String {
    let mut path = path.replace("{id}", "r1").replace("{name}", "ema");
    let wanted = operation["parameters"].as_array().into_iter().flatten();
    let required = wanted.filter(|p| p["in"] == "query" && p["required"] == true);
    for (i, parameter) in required.enumerate() {
        let name = parameter["name"].as_str().unwrap();
        let example = parameter["example"].as_str().unwrap_or_else(|| panic!("{name} of {path} has no example"));
        path += &format!("{}{name}={example}", if i == 0 { '?' } else { '&' });
    }
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_answers() {
    let (_dir, lake) = empty_lake();
    finish(&lake, "r1", "ema-cross", "2021-06-01").await;
    lake.upsert_bars(&[made_up("BTCUSDT", 0, 7)]).await.unwrap();
    let api = Api::of(&lake).await;
    let document = api.json("/api/openapi.json").await;
    assert_eq!(document, serde_json::to_value(openapi()).unwrap());
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let mut asked = vec![];
    let mut operations_seen = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let uri = path_of(path, operation);
            let answer = match method.as_str() {
                "get" => api.get(&uri).await,
                "post" => {
                    let example = &document["components"]["schemas"]["Question"]["properties"]["sql"]["example"];
                    api.post(&uri, json!({ "sql": example }).to_string()).await
                }
                other => panic!("{other} {path}"),
            };
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status.as_u16(), 200, "{method} {uri}: {said}");
            let promised = operation["responses"]["200"]["content"].as_object().unwrap();
            let kind = answer.kind().split(';').next().unwrap();
            assert!(promised.contains_key(kind), "{method} {uri}: {kind} is not among {promised:?}");
            if let Some(schema) = promised[kind]["schema"]["$ref"].as_str() {
                agrees(&document, schema, &answer.json(), &uri);
            }
            assert!(
                operations_seen.insert(operation["operationId"].to_string()),
                "{path}: {}",
                operation["operationId"]
            );
            assert!(operation["tags"][0].is_string(), "{path} has no tag");
            assert!(
                operation["summary"].is_string() || operation["description"].is_string(),
                "{path} is not described"
            );
            asked.push(path.clone());
        }
    }
    asked.sort();
    assert_eq!(
        asked,
        [
            "/api/indicators",
            "/api/indicators/{name}",
            "/api/klines",
            "/api/openapi.json",
            "/api/runs",
            "/api/runs/{id}",
            "/api/runs/{id}/equity",
            "/api/runs/{id}/metrics",
            "/api/runs/{id}/orders",
            "/api/runs/{id}/trades",
            "/api/sql",
            "/health/live",
            "/health/ready",
            "/metrics",
        ]
    );
}

/// An object has the fields that its schema demands, and no others.
fn agrees(document: &Value, schema: &str, value: &Value, uri: &str) {
    let name = schema.rsplit('/').next().unwrap();
    let schema = &document["components"]["schemas"][name];
    assert!(schema.is_object(), "{uri}: the document has no schema {name}");
    let fields = schema["properties"].as_object().unwrap();
    for demanded in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(demanded.as_str().unwrap()).is_some(), "{uri}: {name} lacks {demanded}: {value}");
    }
    for field in value.as_object().unwrap().keys() {
        assert!(fields.contains_key(field), "{uri}: {name} has no {field}");
    }
}

fn at_a_free_port(lake: &Lake) -> ServeConfig {
    let query = Limits { time: Duration::from_secs(30), ..Limits::default() };
    let limits = ServeLimits { query, queries: 1, wait: Duration::from_millis(20), ..ServeLimits::default() };
    ServeConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), limits, lake: lake.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_answers_and_ends_in_order() {
    let (_dir, lake) = empty_lake();
    lake.upsert_bars(&[made_up("BTCUSDT", 0, 7)]).await.unwrap();
    let end = CancellationToken::new();
    let running = serve(at_a_free_port(&lake), end.clone()).await.unwrap();
    let addr = running.addr;
    assert!(addr.ip().is_loopback() && addr.port() != 0);
    let taken = ServeConfig { listen: addr, ..ServeConfig::new(lake.clone()) };
    let refused = serve(taken, CancellationToken::new()).await;
    assert!(matches!(refused, Err(ServeError::Listen { .. })));
    let client = reqwest::Client::new();
    let ready: Value = client.get(format!("http://{addr}/health/ready")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ready, json!({ "status": "ready" }));
    let answer = client
        .post(format!("http://{addr}/api/sql"))
        .json(&json!({ "sql": "SELECT symbol, close FROM klines" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["rows"], json!([["BTCUSDT", 7e-8]]));
    let problem = client.get(format!("http://{addr}/nothing")).send().await.unwrap();
    assert_eq!(problem.headers()["content-type"], "application/problem+json");
    // What is being answered when the end comes is answered: the only slot is taken, so the query runs.
    let ask = |sql: &str| client.post(format!("http://{addr}/api/sql")).json(&json!({ "sql": sql })).send();
    let slow =
        "SELECT count(*) AS n FROM generate_series(1, 5000) a(v), generate_series(1, 5000) b(v) WHERE a.v + b.v > 0";
    let last = tokio::spawn(ask(slow));
    let taken = async { while ask("SELECT 1").await.unwrap().status() != 429 {} };
    timeout(Duration::from_secs(20), taken).await.unwrap();
    end.cancel();
    timeout(Duration::from_secs(15), running.ended()).await.unwrap().unwrap();
    let answer: Value = last.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(answer["rows"], json!([[25_000_000]]));
    assert!(client.get(format!("http://{addr}/health/live")).send().await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_query_parts_are_understood_as_http_says() {
    let (_dir, lake) = empty_lake();
    let api = Api::of(&lake).await;
    let head = api.ask(Request::head("/health/live").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(api.get("/api/runs?").await.status.as_u16(), 200);
    assert_eq!(api.get("/api/runs?name=").await.status.as_u16(), 200);
}
