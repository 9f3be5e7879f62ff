//! Read-only SQL over a lake for people who are not trusted: one query, limited, and stoppable whatever it does.
//!
//! ```text
//!  text ─► guard ─► tables pinned ─► plan ─► task on a runtime of its own ─► batches, counted ─► whoever asked
//!                                              ▲ aborted when the time is up, a limit is hit, or nobody listens
//! ```
//! Planning and execution never run on the caller's runtime: a join can compute for minutes between two awaits. Joins
//! are made to yield (`stop`), so that a query that has ended leaves its threads within a batch. A query sees each table
//! at one version. Dropping the [`Answer`] ends the query.

mod error;
mod guard;
mod headers;
mod stop;
mod words;

pub use error::{Limit, QueryError};
pub use guard::{MAX_SQL, MAX_TOKENS};

use crate::catalog;
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use candleflow_lake::Lake;
use datafusion::{
    common::TableReference, dataframe::DataFrame, execution::SessionState, logical_expr::LogicalPlan,
    physical_plan::execute_stream, prelude::SessionContext, sql::parser::Statement,
};
use futures::{Stream, StreamExt, TryStreamExt};
use std::{
    future::Future,
    num::NonZeroUsize,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use stop::Stop;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, Sleep, sleep_until, timeout_at},
};

/// Batches that wait for whoever asked; the query waits then.
const WAITING: usize = 2;
/// Stack of the threads that plan and execute: plans are recursive.
const STACK: usize = 16 << 20;

/// How much one query may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows of the answer.
    pub rows: usize,
    /// Bytes of the answer's columns in memory.
    pub bytes: usize,
    /// From asking to the last row.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 1_000_000, bytes: 256 << 20, time: Duration::from_secs(30) }
    }
}

/// Answers queries over a lake. Cheap to clone.
#[derive(Clone)]
pub struct Sql {
    inner: Arc<Inner>,
}

struct Inner {
    lake: Lake,
    session: SessionContext,
    threads: Threads,
}

/// The threads of all queries, let go without waiting: a runtime must not be waited for inside another one.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Sql {
    /// For one lake, with a session of its own and a thread per core. The lake is not asked for anything yet.
    ///
    /// # Errors
    /// When threads cannot be had.
    pub async fn open(lake: &Lake) -> Result<Self, QueryError> {
        let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores.max(2))
            .thread_name("candleflow-sql")
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(|e| QueryError::Internal(format!("cannot start threads for queries: {e}")))?;
        let session = catalog::session_with(lake, vec![])?;
        Ok(Self { inner: Arc::new(Inner { lake: lake.clone(), session, threads: Threads(Some(runtime)) }) })
    }

    /// The lake.
    pub fn lake(&self) -> &Lake {
        &self.inner.lake
    }

    /// Plans and starts one query; text that is not one read-only query is refused.
    ///
    /// # Errors
    /// What is wrong with the text, or the limit that planning has hit.
    pub async fn query(&self, sql: &str, limits: Limits) -> Result<Answer, QueryError> {
        let mut statement = guard::check(sql)?;
        let inner = Arc::clone(&self.inner);
        let plan = async move {
            if let Some(statement) = guard::sql_of_mut(&mut statement) {
                headers::name(statement);
                candleflow_functions::complete(statement, &inner.session.state())?;
            }
            let state = inner.pinned(&statement).await?;
            let plan = inner.plan(&state, statement).await?;
            Ok((state, plan))
        };
        self.start(plan, limits).await
    }

    /// One table at its newest version, to build a query from in code.
    ///
    /// # Errors
    /// [`QueryError::NoTable`], or the storage's.
    pub async fn table(&self, name: &str) -> Result<DataFrame, QueryError> {
        let mut state = self.inner.session.state();
        state.register_catalog_list(catalog::pin(self.lake(), [name.to_owned()]).await?);
        let context = SessionContext::new_with_state(state);
        if !context.table_exist(TableReference::bare(name))? {
            return Err(QueryError::NoTable { name: name.to_owned(), known: catalog::names(self.lake()).await? });
        }
        Ok(context.table(TableReference::bare(name)).await?)
    }

    /// Starts a query that was built in code.
    ///
    /// # Errors
    /// As [`Sql::query`].
    pub async fn run(&self, frame: DataFrame, limits: Limits) -> Result<Answer, QueryError> {
        let (state, plan) = frame.into_parts();
        self.start(async move { Ok((state, plan)) }, limits).await
    }

    async fn start(
        &self,
        plan: impl Future<Output = Result<(SessionState, LogicalPlan), QueryError>> + Send + 'static,
        limits: Limits,
    ) -> Result<Answer, QueryError> {
        let deadline = Instant::now() + limits.time;
        let stop = Stop::default();
        let (rows_in, rows) = mpsc::channel(WAITING);
        let (schema_in, schema) = tokio::sync::oneshot::channel();
        let threads = self.inner.threads.0.as_ref().ok_or(QueryError::Stopped)?;
        let execution = execute(plan, stop.clone(), schema_in, rows_in);
        let handle = threads.spawn(execution).abort_handle();
        let guard = Ending { stop: stop.clone(), handle, watchdog: watch(stop, deadline) };
        let answered = timeout_at(deadline, schema).await.map_err(|_| Limit::Time(limits.time))?;
        let schema = answered.map_err(|_| QueryError::Stopped)??;
        let deadline = Box::pin(sleep_until(deadline));
        Ok(Answer { schema, rows, deadline, limits, seen: (0, 0), guard: Some(guard), _sql: self.clone() })
    }
}

impl Inner {
    /// A session in which every table that the statement names stands still.
    async fn pinned(&self, statement: &Statement) -> Result<SessionState, QueryError> {
        let mut state = self.session.state();
        let references = state.resolve_table_references(statement)?;
        let about_tables = references.iter().any(|r| r.schema() == Some("information_schema"));
        let names = match about_tables {
            true => catalog::names(&self.lake).await?,
            false => references.iter().map(|r| r.table().to_owned()).collect(),
        };
        state.register_catalog_list(catalog::pin(&self.lake, names).await?);
        Ok(state)
    }

    async fn plan(&self, state: &SessionState, statement: Statement) -> Result<LogicalPlan, QueryError> {
        let references = state.resolve_table_references(&statement)?;
        match state.statement_to_plan(statement).await {
            Ok(plan) => {
                guard::verify(&plan)?;
                Ok(plan)
            }
            Err(error) => {
                let error = QueryError::from(error);
                let unknown = references.iter().find(|r| error.speaks_of(r));
                match unknown {
                    None => Err(error),
                    Some(unknown) => {
                        let known = catalog::names(&self.lake).await?;
                        Err(QueryError::NoTable { name: unknown.table().to_owned(), known })
                    }
                }
            }
        }
    }
}

/// The whole query: says the columns first, then sends batch after batch. Errors of planning go with the columns.
async fn execute(
    plan: impl Future<Output = Result<(SessionState, LogicalPlan), QueryError>> + Send,
    stop: Stop,
    schema: tokio::sync::oneshot::Sender<Result<SchemaRef, QueryError>>,
    rows: mpsc::Sender<Result<RecordBatch, QueryError>>,
) {
    let started = async {
        let (state, plan) = plan.await?;
        let physical = state.create_physical_plan(&plan).await?;
        let physical = stop.applied_to(physical)?;
        Ok::<_, QueryError>(execute_stream(physical, state.task_ctx())?)
    };
    let mut stream = match started.await {
        Ok(stream) => stream,
        Err(error) => {
            let _nobody_asks = schema.send(Err(error));
            return;
        }
    };
    if schema.send(Ok(stream.schema())).is_err() {
        return;
    }
    while let Some(batch) = stream.next().await {
        let failed = batch.is_err();
        if rows.send(batch.map_err(QueryError::from)).await.is_err() || failed {
            return;
        }
    }
}

/// Ends the query at its deadline even if nobody asks for its rows.
fn watch(stop: Stop, deadline: Instant) -> AbortHandle {
    tokio::spawn(async move {
        sleep_until(deadline).await;
        stop.now();
    })
    .abort_handle()
}

/// Ends the query when it is dropped.
struct Ending {
    stop: Stop,
    handle: AbortHandle,
    watchdog: AbortHandle,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.stop.now();
        self.handle.abort();
        self.watchdog.abort();
    }
}

/// The rows of a query as they come: a stream that ends after its first error. Dropping it ends the query.
pub struct Answer {
    schema: SchemaRef,
    rows: mpsc::Receiver<Result<RecordBatch, QueryError>>,
    deadline: Pin<Box<Sleep>>,
    limits: Limits,
    /// Rows and bytes so far.
    seen: (usize, usize),
    /// Gone once the query has ended.
    guard: Option<Ending>,
    /// Keeps the threads alive.
    _sql: Sql,
}

impl Answer {
    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// All rows.
    ///
    /// # Errors
    /// The first one of the stream.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, QueryError> {
        self.try_collect().await
    }

    fn within(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        self.seen.0 += batch.num_rows();
        self.seen.1 += bytes_of(batch);
        if self.seen.0 > self.limits.rows {
            return Err(Limit::Rows(self.limits.rows).into());
        }
        if self.seen.1 > self.limits.bytes {
            return Err(Limit::Bytes(self.limits.bytes).into());
        }
        Ok(())
    }
}

impl Stream for Answer {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.guard.is_none() {
            return Poll::Ready(None);
        }
        let next = match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Some(Err(Limit::Time(self.limits.time).into())),
            Poll::Pending => match self.rows.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(batch))) => Some(self.within(&batch).map(|()| batch)),
                Poll::Ready(other) => other,
            },
        };
        if !matches!(next, Some(Ok(_))) {
            self.guard = None;
        }
        Poll::Ready(next)
    }
}

/// What the rows take, and not what the buffers that they are cut from take.
fn bytes_of(batch: &RecordBatch) -> usize {
    let size = |column: &arrow::array::ArrayRef| column.to_data().get_slice_memory_size();
    batch.columns().iter().map(|column| size(column).unwrap_or_else(|_| column.get_array_memory_size())).sum()
}
