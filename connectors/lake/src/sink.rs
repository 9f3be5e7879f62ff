//! A run's outputs into a table, exactly once.
//!
//! Progress is the transaction version of the application `job/sink/task`: how many rows are committed. The application
//! `job/sink/task#owner` counts owners: [`progress`](candleflow_schema::Sink::progress) raises it, and a commit whose owner is not the newest one fails.
//! Both are read from the very version that a commit replaces. Rows wait in memory until 64 MB or 10 s are reached, or
//! until `commit`; a crash before that loses nothing that the runtime would not replay.

use crate::{
    append::{Shape, grown},
    commit::{Base, Change, Plan},
    error::Error,
    lake::Lake,
    spec::{RUN_ID, Spec},
    stage::{Staging, stage},
    table::Table,
};
use arrow::{
    array::RecordBatch,
    datatypes::{Schema, SchemaRef},
};
use async_trait::async_trait;
use candleflow_schema::{Clock, ConnectorError, Micros, OrdinalBatch, Sink, time::SECOND};
use deltalake::kernel::Add;
use std::sync::Arc;

/// When a sink commits by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitRule {
    /// Once so many bytes of columns wait.
    pub bytes: usize,
    /// Once the oldest waiting row is this old, when more rows come.
    pub micros: Micros,
}

impl Default for CommitRule {
    fn default() -> Self {
        Self { bytes: 64 << 20, micros: 10 * SECOND }
    }
}

/// Who writes what to where.
#[derive(Debug, Clone)]
pub struct Output {
    /// The table.
    pub table: String,
    /// The columns of the rows, without `run_id`.
    pub schema: Arc<Schema>,
    /// The run: the table's partition.
    pub run_id: String,
    /// The job; with `sink` and `task` it names the writer for good.
    pub job: String,
    /// The sink within the job.
    pub sink: String,
    /// The task within the sink.
    pub task: u32,
    /// When to commit unasked.
    pub rule: CommitRule,
}

/// A sink of one task into one table.
pub struct OutputSink {
    table: Arc<Table>,
    clock: Arc<dyn Clock>,
    output: Output,
    app: String,
    /// This owner's number; `None` before `progress`.
    owner: Option<i64>,
    /// How many rows are committed.
    committed: u64,
    waiting: Vec<RecordBatch>,
    rows: u64,
    bytes: usize,
    since: Micros,
}

impl Lake {
    /// A sink for the rows of one task; makes the table when it is not there.
    ///
    /// # Errors
    /// [`Error::Schema`] when a column cannot be stored or is of another type than the table's.
    pub async fn sink(&self, output: Output) -> Result<OutputSink, Error> {
        let spec = Spec::output(&output.table, &output.schema)?;
        let table = self.table_or_new(&spec).await?;
        if table.spec.partition != [RUN_ID] {
            let reason = "it is not partitioned by run, so it takes no outputs of runs".to_owned();
            return Err(Error::Schema { table: output.table, reason });
        }
        Shape::of(&table, &output.schema).await?;
        let app = format!("{}/{}/{}", output.job, output.sink, output.task);
        Ok(OutputSink {
            table,
            clock: self.clock(),
            output,
            app,
            owner: None,
            committed: 0,
            waiting: vec![],
            rows: 0,
            bytes: 0,
            since: 0,
        })
    }
}

impl OutputSink {
    /// The next ordinal that it takes.
    fn next(&self) -> u64 {
        self.committed + self.rows
    }

    fn owner_app(&self) -> String {
        format!("{}#owner", self.app)
    }

    async fn own(&mut self) -> Result<u64, Error> {
        let change = Own { app: self.owner_app(), number: 0, rows_app: self.app.clone(), committed: 0 };
        let (change, _) = self.table.committer.submit(change).await?;
        self.owner = Some(change.number);
        self.committed = change.committed;
        (self.rows, self.bytes) = (0, 0);
        self.waiting.clear();
        Ok(self.committed)
    }

    async fn flush(&mut self) -> Result<(), Error> {
        if self.rows == 0 {
            return Ok(());
        }
        let shape = Shape::of(&self.table, &self.output.schema).await?;
        let files = shape.encode(self.waiting.clone()).await?;
        let mut adds = vec![];
        let mut first = self.committed;
        for file in files {
            let partition = vec![(RUN_ID.to_owned(), self.output.run_id.clone())];
            let task = Some((self.app.as_str(), first));
            first += file.rows;
            let at = Staging { partition, task, now: self.clock.now(), data_change: true };
            adds.push(stage(self.table.name(), &self.table.store, file, at).await?);
        }
        let change = Rows {
            table: self.table.name().to_owned(),
            adds,
            columns: shape.new_columns(),
            app: self.app.clone(),
            from: self.committed,
            to: self.committed + self.rows,
            owner: (self.owner_app(), self.owner),
        };
        self.table.committer.submit(change).await?;
        self.committed += self.rows;
        (self.rows, self.bytes) = (0, 0);
        self.waiting.clear();
        Ok(())
    }

    async fn take(&mut self, batch: OrdinalBatch) -> Result<(), Error> {
        if self.owner.is_none() {
            self.own().await?;
        }
        if batch.rows.num_rows() == 0 {
            return Ok(());
        }
        if batch.first != self.next() {
            return Err(Error::Ordinal { app: self.app.clone(), wanted: self.next(), got: batch.first });
        }
        if self.waiting.is_empty() {
            self.since = self.clock.now();
        }
        self.rows += batch.rows.num_rows() as u64;
        self.bytes += batch.rows.get_array_memory_size();
        self.waiting.push(batch.rows);
        let rule = self.output.rule;
        if self.bytes >= rule.bytes || self.clock.now() - self.since >= rule.micros {
            self.flush().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for OutputSink {
    async fn progress(&mut self) -> Result<u64, ConnectorError> {
        Ok(self.own().await?)
    }

    async fn write(&mut self, batch: OrdinalBatch) -> Result<(), ConnectorError> {
        Ok(self.take(batch).await?)
    }

    async fn commit(&mut self) -> Result<(), ConnectorError> {
        Ok(self.flush().await?)
    }
}

/// A new owner takes over.
struct Own {
    app: String,
    rows_app: String,
    number: i64,
    committed: u64,
}

#[async_trait]
impl Change for Own {
    fn alone(&self) -> bool {
        false
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        self.number = base.txn(&self.app).await?.unwrap_or(0) + 1;
        self.committed = base.txn(&self.rows_app).await?.unwrap_or(0).unsigned_abs();
        Ok(Plan { txns: vec![(self.app.clone(), self.number)], ..Plan::default() })
    }
}

/// Rows of a task, with its progress.
struct Rows {
    table: String,
    adds: Vec<Add>,
    columns: Option<SchemaRef>,
    app: String,
    from: u64,
    to: u64,
    owner: (String, Option<i64>),
}

#[async_trait]
impl Change for Rows {
    fn alone(&self) -> bool {
        false
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        let fenced = |app: &str, expected, found| {
            Err(Error::Fenced { table: self.table.clone(), app: app.to_owned(), expected, found })
        };
        let owner = base.txn(&self.owner.0).await?;
        if owner != self.owner.1 {
            return fenced(&self.owner.0, self.owner.1, owner);
        }
        let found = base.txn(&self.app).await?;
        if found.unwrap_or(0) != self.from as i64 {
            return fenced(&self.app, Some(self.from as i64), found);
        }
        let metadata = self.columns.as_ref().map(|columns| grown(base, columns)).transpose()?.flatten();
        let txns = vec![(self.app.clone(), self.to as i64)];
        Ok(Plan { adds: self.adds.clone(), txns, metadata, ..Plan::default() })
    }
}
