//! Rows of a run's outputs, page by page, in a stated order.
//!
//! A page's place is the number of rows before it. What a finished run has put out never changes, so pages fit together;
//! those of an unfinished run may show a row twice when earlier rows come late.

use crate::{app::State, cursor, params::Params, problem::Problem, rows, runs};
use axum::{Json, extract, extract::RawQuery};
use candleflow_engine::Limits;
use candleflow_lake::RUN_ID;
use datafusion::prelude::{col, ident, lit};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Rows on a page, unless asked otherwise, and at most.
const PAGE: (usize, usize) = (1_000, 10_000);

/// A page of a run's rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rows {
    /// The run.
    run_id: String,
    /// `finished`, or `unfinished` when rows may still come.
    #[schema(example = "finished")]
    status: String,
    /// The rows, with the columns of the table.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Box<RawValue>>,
    /// Give it as `cursor` for the next page; null on the last one.
    next: Option<String>,
}

/// The round trips of a run, in order of their ends.
#[utoipa::path(get, path = "/api/runs/{id}/trades", tag = "runs", operation_id = "run_trades",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("symbol" = Option<String>, Query, description = "Only of this symbol"),
        ("limit" = Option<usize>, Query, description = "Rows on the page, 1 to 10000", example = 1000),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses(
        (status = 200, body = Rows),
        (status = 400, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn trades(
    extract::State(state): extract::State<State>,
    extract::Path(id): extract::Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Rows>, Problem> {
    page(&state, "trades", id, query, &["time", "symbol", "entry_order", "exit_order", "entry_time", "qty"]).await
}

/// What became of every order of a run, in order of time.
#[utoipa::path(get, path = "/api/runs/{id}/orders", tag = "runs", operation_id = "run_orders",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("symbol" = Option<String>, Query, description = "Only of this symbol"),
        ("limit" = Option<usize>, Query, description = "Rows on the page, 1 to 10000", example = 1000),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses(
        (status = 200, body = Rows),
        (status = 400, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn orders(
    extract::State(state): extract::State<State>,
    extract::Path(id): extract::Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Rows>, Problem> {
    page(&state, "orders", id, query, &["time", "symbol", "order", "fill_time", "event", "qty"]).await
}

/// The statistics of a run: one row per view (`mark`: as marked, `closed`: as if all had been closed).
#[utoipa::path(get, path = "/api/runs/{id}/metrics", tag = "runs", operation_id = "run_metrics",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("limit" = Option<usize>, Query, description = "Rows on the page, 1 to 10000", example = 1000),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses(
        (status = 200, body = Rows),
        (status = 400, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn metrics(
    extract::State(state): extract::State<State>,
    extract::Path(id): extract::Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Rows>, Problem> {
    page(&state, "metrics", id, query, &["view"]).await
}

async fn page(
    state: &State,
    table: &str,
    id: String,
    query: Option<String>,
    order: &[&str],
) -> Result<Json<Rows>, Problem> {
    let by_symbol = order.contains(&"symbol");
    let known: &[&str] = if by_symbol { &["symbol", "limit", "cursor"] } else { &["limit", "cursor"] };
    let mut params = Params::read(query.as_deref(), known);
    let symbol = params.text("symbol");
    let limit = params.number("limit", 1..=PAGE.1, PAGE.0);
    let before = params.cursor("cursor", cursor::read::<usize>).unwrap_or(0);
    params.done()?;
    let run = runs::find(state, &id).await?;
    let _slot = state.read_slot().await?;
    let mut frame = state.sql().table(table).await?.filter(col(RUN_ID).eq(lit(&id)))?;
    if let Some(symbol) = symbol {
        frame = frame.filter(col("symbol").eq(lit(symbol)))?;
    }
    let frame =
        frame.sort(order.iter().map(|c| ident(*c).sort(true, true)).collect())?.limit(before, Some(limit + 1))?;
    let limits = Limits { time: state.limits().request, ..state.limits().query };
    let batches = state.sql().run(frame, limits).await?.collect().await?;
    let mut items = rows::objects(&batches, &[RUN_ID])?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = more.then(|| cursor::write(&(before + limit)));
    Ok(Json(Rows { run_id: id, status: run.status.unwrap_or_default(), items, next }))
}
