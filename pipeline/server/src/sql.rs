//! SQL over HTTP: one read-only query, its answer as JSON or as an Arrow IPC stream.
//!
//! The answer is gathered before it is sent, up to the limit of bytes: so a limit that is hit, or a division by zero in
//! the last row, is a problem with a status and not a body that breaks off.

use crate::{app::State, problem::Problem, rows, telemetry};
use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError, ipc::writer::StreamWriter};
use axum::{
    body::Bytes,
    extract,
    extract::rejection::BytesRejection,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use utoipa::ToSchema;

/// The media type of an Arrow IPC stream.
const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// One query: SELECT, EXPLAIN, SHOW TABLES or DESCRIBE.
    #[schema(example = "SELECT symbol, count(*) AS bars, max(time) AS last FROM klines GROUP BY symbol")]
    sql: String,
    /// How the answer comes.
    #[serde(default)]
    format: Format,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Columns and rows.
    #[default]
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

/// An answer in JSON.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Table {
    /// The columns, in order.
    columns: Vec<Column>,
    /// The rows, each an array with a value per column.
    #[schema(value_type = Vec<Vec<Object>>)]
    rows: Vec<Vec<serde_json::Value>>,
}

/// A column of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Column {
    /// Its name.
    #[schema(example = "last")]
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "timestamp")]
    kind: String,
}

/// One read-only query over the lake's tables. `klines` has prices as doubles, `klines_exact` as decimals; every indicator
/// is a window function: `ema(close, 12) OVER (PARTITION BY symbol ORDER BY time)`.
#[utoipa::path(post, path = "/api/sql", tag = "sql", operation_id = "query_sql",
    request_body = Question,
    responses(
        (status = 200, content((Table = "application/json"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 400, description = "Not a query that can be planned", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not a query that only reads tables", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A limit was hit; `limit` names it", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many queries at once", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn query(
    extract::State(state): extract::State<State>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let question = read(&state, &headers, body)?;
    let slot = state.query_slot().await.inspect_err(|_| telemetry::query("busy", 0, std::time::Duration::ZERO))?;
    let started = Instant::now();
    let answered = answer(&state, &question).await;
    drop(slot);
    state.show_slots();
    let rows = answered.as_ref().map_or(0, |(_, batches)| batches.iter().map(|b| b.num_rows() as u64).sum());
    telemetry::query(outcome(&answered), rows, started.elapsed());
    let (schema, batches) = answered?;
    match question.format {
        Format::Json => json(&schema, &batches),
        Format::Arrow => {
            let bytes = arrow_stream(&schema, &batches).map_err(|e| Problem::internal(&e.to_string()))?;
            Ok(typed(ARROW_STREAM, bytes))
        }
    }
}

async fn answer(state: &State, question: &Question) -> Result<(SchemaRef, Vec<RecordBatch>), Problem> {
    let answer = state.sql().query(&question.sql, state.limits().query).await?;
    Ok((answer.schema().clone(), answer.collect().await?))
}

fn outcome(answered: &Result<(SchemaRef, Vec<RecordBatch>), Problem>) -> &'static str {
    match answered.as_ref().map_err(|p| p.status) {
        Ok(_) => "ok",
        Err(400) => "user",
        Err(403) => "refused",
        Err(422) => "limit",
        Err(_) => "failed",
    }
}

fn read(state: &State, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Question, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let told = "send the query as JSON with the header 'Content-Type: application/json'";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", told));
    }
    let body = body.map_err(|rejected| match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let told = format!("the body is larger than {} bytes", state.limits().body);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", told)
        }
        status => Problem::new(status, "body", "the body could not be read"),
    })?;
    serde_json::from_slice(&body).map_err(|e| {
        let told = format!("the body is not {{\"sql\": \"..\", \"format\": \"json\" or \"arrow\"}}: {e}");
        Problem::new(StatusCode::BAD_REQUEST, "body", told)
    })
}

fn json(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Response, Problem> {
    let mut out = b"{\"columns\":".to_vec();
    rows::columns(&mut out, schema)?;
    out.extend(b",\"rows\":");
    rows::arrays(&mut out, batches)?;
    out.push(b'}');
    Ok(typed("application/json", out))
}

fn arrow_stream(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.into_inner()
}

fn typed(kind: &'static str, body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}
