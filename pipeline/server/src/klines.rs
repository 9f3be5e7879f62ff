//! Bars of one market, as they are stored.

use crate::{app::State, params::Params, problem::Problem, rows};
use axum::{Json, extract, extract::RawQuery};
use candleflow_engine::{Limits, catalog::KLINES_EXACT};
use candleflow_schema::Micros;
use datafusion::{
    common::ScalarValue,
    dataframe::DataFrame,
    prelude::{Expr, col, ident, lit},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bars of an answer, unless asked otherwise, and at most.
const BARS: (usize, usize) = (500, 10_000);
/// The columns of an answer.
const COLUMNS: [&str; 12] = [
    "open_time",
    "time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "origin",
];

/// Bars of one market.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Klines {
    /// The market.
    #[schema(example = "BTCUSDT")]
    symbol: String,
    /// The length of bar.
    #[schema(example = "1m")]
    interval: String,
    /// The bars, oldest first.
    items: Vec<Kline>,
    /// Give it as `from` for the bars after these; null when `from` was not given or there are none.
    next: Option<String>,
}

/// One closed bar. Prices and amounts are exact.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Kline {
    /// Its first instant.
    #[schema(example = "2021-04-21T10:00:00Z")]
    open_time: String,
    /// When it is known: its open time and its length.
    #[schema(example = "2021-04-21T10:01:00Z")]
    time: String,
    #[schema(example = "56738.76")]
    open: String,
    #[schema(example = "56840.3")]
    high: String,
    #[schema(example = "56733.23")]
    low: String,
    #[schema(example = "56813.98")]
    close: String,
    /// In the base asset.
    #[schema(example = "50.9752")]
    volume: String,
    /// In the quote asset; null when its source did not say.
    quote_volume: Option<String>,
    /// How many trades; null when its source did not say.
    trades: Option<i64>,
    taker_buy_volume: Option<String>,
    taker_buy_quote_volume: Option<String>,
    /// `archive`, `rest`, `stream` or `file`.
    #[schema(example = "archive")]
    origin: String,
}

/// Bars with `from < time <= to`, where `time` is the end of a bar: with times on the grid, those that open from `from`
/// until before `to`. With `from`, the first ones after it; without, the last ones up to `to`.
#[utoipa::path(get, path = "/api/klines", tag = "market", operation_id = "list_klines",
    params(
        ("symbol" = String, Query, description = "The market", example = "BTCUSDT"),
        ("interval" = String, Query, description = "The length of bar: 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w, 1M", example = "1m"),
        ("from" = Option<String>, Query, description = "UTC: 2021-04-21, 2021-04-21T10:00:00Z or an epoch in milliseconds"),
        ("to" = Option<String>, Query, description = "As `from`"),
        ("limit" = Option<usize>, Query, description = "Bars at most, 1 to 10000", example = 500)
    ),
    responses(
        (status = 200, body = Klines),
        (status = 400, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No bars of this market and length", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn klines(
    extract::State(state): extract::State<State>,
    RawQuery(query): RawQuery,
) -> Result<Json<Klines>, Problem> {
    let mut params = Params::read(query.as_deref(), &["symbol", "interval", "from", "to", "limit"]);
    let symbol = params.required("symbol", "a symbol such as BTCUSDT");
    let interval = params.interval("interval").name();
    let (from, to) = (params.time("from"), params.time("to"));
    let limit = params.number("limit", 1..=BARS.1, BARS.0);
    params.done()?;
    let _slot = state.read_slot().await?;
    let market = state.sql().table(KLINES_EXACT).await?;
    let market = market.filter(col("interval").eq(lit(interval)).and(col("symbol").eq(lit(&symbol))))?;
    let mut frame = market.clone();
    if let Some(from) = from {
        frame = frame.filter(col("time").gt(instant(from)))?;
    }
    if let Some(to) = to {
        frame = frame.filter(col("time").lt_eq(instant(to)))?;
    }
    let order = vec![col("open_time").sort(from.is_some(), false)];
    let frame = frame.sort(order)?.limit(0, Some(limit + 1))?.select(COLUMNS.map(ident).to_vec())?;
    let mut items = bars(&state, frame).await?;
    if items.is_empty()
        && bars(&state, market.limit(0, Some(1))?.select(COLUMNS.map(ident).to_vec())?).await?.is_empty()
    {
        let told = format!("the lake has no bars of '{symbol}' with the interval {interval}");
        return Err(Problem::not_found(told));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    if from.is_none() {
        items.reverse();
    }
    let next = items.last().filter(|_| more && from.is_some()).map(|bar| bar.time.clone());
    Ok(Json(Klines { symbol, interval: interval.to_owned(), items, next }))
}

fn instant(at: Micros) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())))
}

async fn bars(state: &State, frame: DataFrame) -> Result<Vec<Kline>, Problem> {
    let limits = Limits { time: state.limits().request, ..state.limits().query };
    let batches = state.sql().run(frame, limits).await?.collect().await?;
    let bar = |row: Box<serde_json::value::RawValue>| {
        serde_json::from_str(row.get()).map_err(|e| Problem::internal(&format!("a row of klines: {e}")))
    };
    rows::objects(&batches, &[])?.into_iter().map(bar).collect()
}
