//! Whether the server lives, whether it can answer, its figures, and its own description.

use crate::{
    app::{State, openapi},
    problem::Problem,
};
use axum::{
    extract,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::{sync::LazyLock, time::Duration};
use tokio::time::timeout;
use utoipa::ToSchema;

/// How long the lake may take to say which tables it has before it counts as not there.
const READY: Duration = Duration::from_secs(5);

/// The document never changes while a process lives.
static DOCUMENT: LazyLock<Result<String, String>> =
    LazyLock::new(|| openapi().to_pretty_json().map_err(|e| e.to_string()));

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    status: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "service", operation_id = "health_live", responses((status = 200, body = Health)))]
pub(crate) async fn live() -> axum::Json<Health> {
    axum::Json(Health { status: "live" })
}

/// The lake answers.
#[utoipa::path(get, path = "/health/ready", tag = "service", operation_id = "health_ready", responses(
    (status = 200, body = Health),
    (status = 503, description = "The lake does not answer", body = Problem, content_type = "application/problem+json")
))]
pub(crate) async fn ready(extract::State(state): extract::State<State>) -> Result<axum::Json<Health>, Problem> {
    match timeout(READY, state.sql().lake().tables()).await {
        Ok(Ok(_)) => Ok(axum::Json(Health { status: "ready" })),
        Ok(Err(error)) => Err(Problem::lake(&error.to_string())),
        Err(_) => Err(Problem::lake("it did not answer in time")),
    }
}

/// The figures of the process, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "service", operation_id = "metrics", responses(
    (status = 200, body = String, content_type = "text/plain")
))]
pub(crate) async fn metrics(extract::State(state): extract::State<State>) -> Response {
    typed("text/plain; version=0.0.4; charset=utf-8", state.metrics().render())
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "service", operation_id = "openapi", responses(
    (status = 200, body = Object, content_type = "application/json")
))]
pub(crate) async fn document() -> Result<Response, Problem> {
    let document = DOCUMENT.as_ref().map_err(|e| Problem::internal(e))?;
    Ok(typed("application/json", document.clone()))
}

fn typed(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}
