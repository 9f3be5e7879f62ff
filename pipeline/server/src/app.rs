//! The routes, and what they share.

use crate::{
    around::around,
    equity, health, indicators, klines, outputs,
    problem::{BadParameter, Problem},
    runs,
    serve::ServeLimits,
    sql, telemetry,
};
use axum::{Router, extract::DefaultBodyLimit, http::Uri, middleware::from_fn_with_state};
use candleflow_engine::Sql;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    sql: Sql,
    limits: ServeLimits,
    metrics: PrometheusHandle,
    /// Slots of queries that people write.
    queries: Arc<Semaphore>,
    /// Slots of queries behind the other routes.
    reads: Arc<Semaphore>,
}

impl State {
    /// For the lake of `sql`.
    pub fn new(sql: Sql, limits: ServeLimits) -> Self {
        let (queries, reads) = (Semaphore::new(limits.queries), Semaphore::new(limits.reads));
        telemetry::slots_free(limits.queries);
        let (queries, reads) = (Arc::new(queries), Arc::new(reads));
        Self { inner: Arc::new(Inner { sql, limits, metrics: telemetry::recorder(), queries, reads }) }
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.inner.sql
    }

    pub(crate) fn limits(&self) -> &ServeLimits {
        &self.inner.limits
    }

    pub(crate) fn metrics(&self) -> &PrometheusHandle {
        &self.inner.metrics
    }

    /// Room for a query that somebody wrote.
    pub(crate) async fn query_slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let slot = self.slot(&self.inner.queries).await;
        self.show_slots();
        slot
    }

    /// Says how many queries could start now.
    pub(crate) fn show_slots(&self) {
        telemetry::slots_free(self.inner.queries.available_permits());
    }

    /// Room for a query of a route.
    pub(crate) async fn read_slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.slot(&self.inner.reads).await
    }

    async fn slot(&self, slots: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
        match timeout(self.inner.limits.wait, slots.clone().acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) => Err(Problem::internal("the slots of queries are gone")),
            Err(_) => Err(Problem::busy()),
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Candleflow",
        description = "Runs, their outputs, bars, and SQL over the lake. Read-only. Decimals are strings, times are RFC \
                       3339 in UTC, errors are problem+json."
    ),
    tags(
        (name = "runs", description = "What runs have done"),
        (name = "market", description = "Bars as they are stored"),
        (name = "indicators", description = "What can be computed over bars"),
        (name = "sql", description = "Questions of any kind"),
        (name = "service", description = "The server itself")
    ),
    components(schemas(Problem, BadParameter))
)]
struct Document;

fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(health::document))
        .routes(routes!(runs::all_runs))
        .routes(routes!(runs::one))
        .routes(routes!(outputs::trades))
        .routes(routes!(outputs::orders))
        .routes(routes!(outputs::metrics))
        .routes(routes!(equity::equity))
        .routes(routes!(klines::klines))
        .routes(routes!(indicators::all))
        .routes(routes!(indicators::one))
        .routes(routes!(sql::query))
}

/// The OpenAPI document: every route of [`app`] is in it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// All routes, ready for requests.
pub fn app(state: State) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(state.limits().body))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}, /api/openapi.json says what there is", uri.path()))
}
