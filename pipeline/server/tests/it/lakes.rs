//! Lakes to ask: of made-up bars and runs.

use arrow::{
    array::{
        ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
        new_null_array,
    },
    datatypes::{DataType, Field, Schema},
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use candleflow_engine::{Sql, catalog::schema_of};
use candleflow_lake::{Lake, Options};
use candleflow_schema::{Bar, Interval, Origin, tables::MONEY, time};
use candleflow_server::{ServeLimits, State, app};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt;

pub(crate) const MINUTE: i64 = 60_000_000;

pub(crate) fn empty_lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path().to_str().unwrap(), Options::default()).unwrap();
    (dir, lake)
}

/// A bar some minutes after 2021-04-20.
pub(crate) fn made_up(symbol: &str, minute: i64, close: i64) -> Bar {
    Bar {
        symbol: symbol.into(),
        interval: Interval::M1,
        open_time: time::parse("2021-04-20").unwrap() + minute * MINUTE,
        open: close,
        high: close,
        low: close,
        close,
        volume: 100,
        quote_volume: None,
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::File,
    }
}

/// A value of a made-up row.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    Time(&'a str),
    Int(i64),
    Double(f64),
    /// In units of 10^-18.
    Money(i128),
}

pub(crate) type Cells<'a> = Vec<(&'a str, Cell<'a>)>;

fn find<'a>(row: &Cells<'a>, name: &str) -> Option<Cell<'a>> {
    row.iter().find(|(n, _)| *n == name).map(|(_, cell)| *cell)
}

/// Rows of a run into a table that the engine knows; what is not given is NULL.
pub(crate) async fn put(lake: &Lake, table: &str, run: &str, rows: &[Cells<'_>]) {
    let known = schema_of(table).unwrap();
    let column = |field: &Arc<Field>| -> ArrayRef {
        let name = field.name().as_str();
        if name == "run_id" {
            return Arc::new(StringArray::from_iter_values(rows.iter().map(|_| run)));
        }
        let cells: Vec<_> = rows.iter().map(|row| find(row, name)).collect();
        if cells.iter().all(Option::is_none) {
            return new_null_array(field.data_type(), rows.len());
        }
        match field.data_type() {
            DataType::Utf8 => {
                let text =
                    |c: &Option<Cell>| c.map(|c| if let Cell::Text(t) = c { t.to_owned() } else { panic!("{name}") });
                Arc::new(cells.iter().map(text).collect::<StringArray>())
            }
            DataType::Timestamp(..) => {
                let at = |c: &Option<Cell>| {
                    c.map(|c| if let Cell::Time(t) = c { time::parse(t).unwrap() } else { panic!("{name}") })
                };
                Arc::new(cells.iter().map(at).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            DataType::Int64 => {
                let int = |c: &Option<Cell>| c.map(|c| if let Cell::Int(i) = c { i } else { panic!("{name}") });
                Arc::new(cells.iter().map(int).collect::<Int64Array>())
            }
            DataType::Float64 => {
                let double = |c: &Option<Cell>| c.map(|c| if let Cell::Double(d) = c { d } else { panic!("{name}") });
                Arc::new(cells.iter().map(double).collect::<Float64Array>())
            }
            kind => {
                assert_eq!(kind, &MONEY, "{name}");
                let money = |c: &Option<Cell>| c.map(|c| if let Cell::Money(m) = c { m } else { panic!("{name}") });
                Arc::new(cells.iter().map(money).collect::<Decimal128Array>().with_data_type(MONEY))
            }
        }
    };
    let columns: Vec<ArrayRef> = known.fields().iter().map(column).collect();
    let fields: Vec<Field> = known.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    lake.append_rows(table, &[rows], None).await.unwrap();
}

/// The row that says that a run has finished.
pub(crate) async fn finish(lake: &Lake, run: &str, name: &str, started: &str) {
    let row = vec![
        ("name", Cell::Text(name)),
        ("started", Cell::Time(started)),
        ("finished", Cell::Time("2021-06-01T00:00:10.5")),
        ("status", Cell::Text("finished")),
        ("mode", Cell::Text("history")),
        ("from", Cell::Time("2021-04-20")),
        ("to", Cell::Time("2021-04-21")),
        ("symbols", Cell::Text("BTCUSDT,ETHUSDT")),
        ("interval", Cell::Text("1m")),
        ("pipeline", Cell::Text("name: ema-cross\n")),
        ("canonical", Cell::Text("{}")),
        ("params", Cell::Text("{\"fast\": 12, \"slow\": 26}")),
        ("digest", Cell::Text("b3:0123")),
        ("bars", Cell::Int(2_880)),
        ("engine", Cell::Text("0.1.0")),
        ("platform", Cell::Text("x86_64-linux")),
        ("klines_version", Cell::Int(3)),
    ];
    put(lake, "runs", run, &[row]).await;
}

/// What an API says.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn kind(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The problem that it is, checked for what every problem has.
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        let json = self.json();
        assert_eq!((self.status.as_u16(), self.kind()), (status, "application/problem+json"), "{json}");
        assert_eq!(json["type"], format!("urn:candleflow:problem:{kind}"), "{json}");
        assert_eq!(json["status"], status, "{json}");
        assert!(json["instance"].as_str().is_some_and(|i| i.starts_with('/')), "{json}");
        assert!(!json["title"].as_str().unwrap().is_empty() && !json["detail"].as_str().unwrap().is_empty(), "{json}");
        json
    }
}

/// An API over a lake, to be asked without a socket.
pub(crate) struct Api(Router);

impl Api {
    pub(crate) async fn of(lake: &Lake) -> Self {
        Self::with(lake, ServeLimits::default()).await
    }

    pub(crate) async fn with(lake: &Lake, limits: ServeLimits) -> Self {
        Self(app(State::new(Sql::open(lake).await.unwrap(), limits)))
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.0.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The JSON at a path that must be there.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        let json = answer.json();
        assert_eq!((answer.status, answer.kind()), (StatusCode::OK, "application/json"), "{path}: {json}");
        json
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn sql(&self, sql: &str) -> Answer {
        self.post("/api/sql", serde_json::json!({ "sql": sql }).to_string()).await
    }
}
