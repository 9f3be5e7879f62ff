//! The side of `up`: a small HTTP service on loopback, for whoever can read `up.json`.

use super::{Jobs, Refusal, Submission, file::UpFile, topics};
use crate::{args::RunArgs, exit, wiring::run};
use axum::{
    Json, Router,
    extract::{Path as UrlPath, Query, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use candleflow_topics::Log;
use serde::{Deserialize, Serialize};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Shared {
    log: Arc<dyn Log>,
    jobs: Jobs,
    token: blake3::Hash,
}

/// The running service; `up.json` goes with it.
pub(crate) struct Control {
    task: JoinHandle<std::io::Result<()>>,
    folder: PathBuf,
    cancel: CancellationToken,
}

impl Control {
    /// Ends it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        UpFile::remove(&self.folder);
        self.cancel.cancel();
        self.task.await??;
        Ok(())
    }
}

/// Listens on a free port of loopback, and says so in `up.json` of the log's folder.
pub(crate) async fn serve(log: Arc<dyn Log>, jobs: Jobs, folder: &Path) -> anyhow::Result<Control> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let file = UpFile { port: listener.local_addr()?.port(), token, pid: std::process::id() };
    let shared = Shared { log, jobs, token: blake3::hash(file.token.as_bytes()) };
    let app = Router::new()
        .route("/topics", get(list_topics))
        .route("/topics/{topic}", get(peek_topic))
        .route("/jobs", get(list_jobs).post(submit_job))
        .route("/jobs/{job}/stop", post(stop_job))
        .layer(middleware::from_fn_with_state(shared.clone(), only_with_token))
        .with_state(shared);
    let cancel = CancellationToken::new();
    let stopped = cancel.clone().cancelled_owned();
    let task = tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stopped).into_future());
    file.write(folder)?;
    Ok(Control { task, folder: folder.to_owned(), cancel })
}

async fn only_with_token(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    // Hashes are compared in constant time.
    let fits =
        given.and_then(|v| v.strip_prefix("Bearer ")).is_some_and(|t| blake3::hash(t.as_bytes()) == shared.token);
    if !fits {
        let refusal = Refusal { error: "the token of up.json is wanted".into(), code: exit::USAGE };
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    next.run(request).await
}

/// An answer, or an error with its exit code.
fn answer<T: Serialize>(result: anyhow::Result<T>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => {
            let refusal = Refusal { error: exit::text(&error), code: exit::code_of(&error) };
            (StatusCode::BAD_REQUEST, Json(refusal)).into_response()
        }
    }
}

async fn list_topics(State(shared): State<Shared>) -> Response {
    answer(topics::list(&shared.log).await)
}

#[derive(Deserialize)]
struct Peek {
    count: usize,
    first: bool,
}

async fn peek_topic(
    State(shared): State<Shared>,
    UrlPath(topic): UrlPath<String>,
    Query(wanted): Query<Peek>,
) -> Response {
    answer(topics::peek(&shared.log, &topic, wanted.count, wanted.first).await)
}

async fn list_jobs(State(shared): State<Shared>) -> Response {
    answer(Ok(shared.jobs.list()))
}

async fn submit_job(State(shared): State<Shared>, Json(given): Json<Submission>) -> Response {
    answer(submit(&shared.jobs, given).await)
}

async fn submit(jobs: &Jobs, given: Submission) -> anyhow::Result<String> {
    let prepared = run::prepare_text(&given.file, given.text, &given.set, &given.symbols)?;
    let args = RunArgs {
        file: given.file.into(),
        from: given.from,
        to: given.to,
        warmup: given.warmup,
        job: given.job,
        live: true,
        ..RunArgs::default()
    };
    jobs.submit(prepared, args).await
}

async fn stop_job(State(shared): State<Shared>, UrlPath(job): UrlPath<String>) -> Response {
    answer(shared.jobs.stop(&job).await)
}
