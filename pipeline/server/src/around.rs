//! Around every request: a limit of time, panics caught, errors dressed as problems, figures.

use crate::{
    app,
    problem::{Problem, dress},
    telemetry,
};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, time::Instant};
use tokio::time::timeout;

/// The label of paths that are no route.
const NOWHERE: &str = "none";

pub(crate) async fn around(State(state): State<app::State>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned());
    let limit = state.limits().request;
    let response = match timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::internal("a request panicked").into_response(),
        Err(_) => {
            let told = format!("the answer was not ready within {} s", limit.as_secs_f64());
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", told).into_response()
        }
    };
    let mut response = dress(response, &path);
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, took) = (response.status().as_u16(), started.elapsed());
    telemetry::request(route.as_deref().unwrap_or(NOWHERE), method.as_str(), status, took);
    tracing::debug!(%method, path, status, micros = took.as_micros() as u64, "request");
    response
}
