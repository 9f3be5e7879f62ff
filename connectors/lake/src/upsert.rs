//! Bars into `klines`: at most one row per key in any version, checked on the very version that is replaced.
//!
//! Per partition and symbol, rows of the version that overlap in time are read. What is new goes into a new file; where a
//! value changes, the files that hold the old one are written again, and the losers are staged as a file of `restated`
//! that the commit names (see `restated.rs`). Bars that are all there already make no commit.

use crate::{
    buffer::{self, Chunk, Partition},
    commit::{Base, Change, Plan},
    error::Error,
    file::{FileRows, Wanted},
    restated,
    row::{self, Row, Verdict},
    snapshot::{FileRef, Snapshot},
    spec::BUCKET,
    stage::{Staging, stage},
    table::Table,
    write::{Encoded, FileWriter},
};
use arrow::{array::RecordBatch, compute::concat_batches};
use async_trait::async_trait;
use candleflow_schema::{Micros, Symbol};
use deltalake::kernel::{Add, Remove};
use std::{collections::BTreeMap, sync::Arc};

/// What became of bars that were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bars that were not there.
    pub added: u64,
    /// Bars that were there with the same value.
    pub same: u64,
    /// Bars of which another value was there; that one is in `restated` now.
    pub restated: u64,
    /// Bars in which a NULL got its value.
    pub filled: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.same += other.same;
        self.restated += other.restated;
        self.filled += other.filled;
    }
}

/// How far a task has come that copies into `klines`: committed with its bars, and only by the owner that it expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyProgress {
    /// The application id of the task.
    pub app: String,
    /// What its owner last committed; `None` when nothing.
    pub expected: Option<i64>,
    /// Where it goes on after these bars.
    pub next: i64,
}

/// Bars to be put into `klines`.
pub(crate) struct Upsert {
    pub(crate) table: Arc<Table>,
    pub(crate) restated: Arc<Table>,
    pub(crate) bars: BTreeMap<Partition, BTreeMap<Symbol, Vec<Chunk>>>,
    pub(crate) progress: Vec<CopyProgress>,
    pub(crate) now: Micros,
    /// Of the plan that was made last: after success, of the commit.
    pub(crate) counts: Counts,
}

/// What the plan of one partition has gathered.
#[derive(Default)]
struct Work {
    /// Rows for a new file, sorted.
    new: Vec<RecordBatch>,
    /// Per file, the rows that replace those with the same key.
    changed: BTreeMap<String, BTreeMap<(Symbol, Micros), Row>>,
    losers: Vec<(Row, &'static str)>,
    counts: Counts,
}

#[async_trait]
impl Change for Upsert {
    fn alone(&self) -> bool {
        true
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        let mut plan = Plan::default();
        for CopyProgress { app, expected, next } in &self.progress {
            let found = base.txn(app).await?;
            if found != *expected {
                let (table, app) = (self.table.name().to_owned(), app.clone());
                return Err(Error::Fenced { table, app, expected: *expected, found });
            }
            plan.txns.push((app.clone(), *next));
        }
        let mut counts = Counts::default();
        let mut losers = vec![];
        for (partition, symbols) in &self.bars {
            let live = files_of(base.snapshot, partition);
            let mut work = Work::default();
            for (symbol, chunks) in symbols {
                self.meet(partition, symbol, chunks, &live, &mut work).await?;
            }
            counts += work.counts;
            losers.append(&mut work.losers);
            let Work { new, changed, .. } = work;
            plan.adds.extend(self.new_files(partition, new).await?);
            for (path, rows) in changed {
                let Some(file) = live.iter().find(|f| f.path == path) else { continue };
                plan.adds.extend(self.written_again(partition, file, &rows).await?);
                plan.removes.push(remove(file, self.now, true));
            }
        }
        if !losers.is_empty() {
            restated::announce(&mut plan, base, &self.restated, &losers, self.now).await?;
        }
        self.counts = counts;
        Ok(plan)
    }
}

impl Upsert {
    /// Compares a symbol's bars with what the version has.
    async fn meet(
        &self,
        partition: &Partition,
        symbol: &Symbol,
        chunks: &[Chunk],
        live: &[FileRef],
        work: &mut Work,
    ) -> Result<(), Error> {
        let settled = buffer::settle(chunks, partition.interval)?;
        work.counts.same += settled.same;
        work.counts.filled += settled.filled;
        work.counts.restated += settled.losers.len() as u64;
        work.losers.extend(settled.losers);
        let (Some(first), Some(last)) = (settled.chunks.first(), settled.chunks.last()) else { return Ok(()) };
        let (from, to) = (first.first, last.last);
        let mut there = vec![];
        for file in live.iter().filter(|f| f.may_hold(symbol) && f.may_overlap("open_time", from, to)) {
            let rows = self.rows_of(file, symbol, (from, to)).await?;
            if rows.num_rows() > 0 {
                there.push((file, rows));
            }
        }
        let count = |chunks: &[Chunk]| chunks.iter().map(|c| c.rows.num_rows() as u64).sum::<u64>();
        if there.is_empty() {
            work.counts.added += count(&settled.chunks);
            work.new.extend(settled.chunks.into_iter().map(|c| c.rows));
            return Ok(());
        }
        let new = concat_batches(&row::FILE, settled.chunks.iter().map(|c| &c.rows))?;
        if let [(_, old)] = there.as_slice()
            && says_the_same(old, &new)
        {
            work.counts.same += new.num_rows() as u64;
            return Ok(());
        }
        compare(partition, &there, &new, work)
    }

    /// All columns of a symbol's rows in a file, within a range of open times.
    async fn rows_of(&self, file: &FileRef, symbol: &Symbol, range: (Micros, Micros)) -> Result<RecordBatch, Error> {
        let times = Some(("open_time", range.0, range.1));
        let wanted = Wanted { symbol: Some(symbol.to_string()), times, columns: None };
        let mut rows = FileRows::open(&self.table, file, wanted).await?;
        let mut batches = vec![];
        while let Some(batch) = rows.next().await? {
            batches.push(batch.with_schema(row::FILE.clone())?);
        }
        Ok(concat_batches(&row::FILE, &batches)?)
    }

    async fn new_files(&self, partition: &Partition, rows: Vec<RecordBatch>) -> Result<Vec<Add>, Error> {
        let mut adds = vec![];
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let spec = self.table.spec.clone();
            let encode = move || -> Result<_, Error> {
                let mut writer = FileWriter::new(&spec)?;
                for batch in rows.by_ref() {
                    writer.write(&batch)?;
                    if writer.is_full() {
                        break;
                    }
                }
                Ok((writer.finish()?, rows))
            };
            let (file, rest) = off_thread(encode).await?;
            rows = rest;
            if let Some(file) = file {
                adds.push(self.stage(partition, file).await?);
            }
        }
        Ok(adds)
    }

    /// A file with some of its rows replaced; their keys, and so their order, stay.
    async fn written_again(
        &self,
        partition: &Partition,
        file: &FileRef,
        changed: &BTreeMap<(Symbol, Micros), Row>,
    ) -> Result<Vec<Add>, Error> {
        let mut rows = FileRows::open(&self.table, file, Wanted::default()).await?;
        let mut writer = FileWriter::new(&self.table.spec)?;
        let mut replaced = 0;
        while let Some(batch) = rows.next().await? {
            let batch = batch.with_schema(row::FILE.clone())?;
            let mut rows = row::batch_to_rows(&batch, partition.interval)?;
            let before = replaced;
            for row in &mut rows {
                if let Some(new) = changed.get(&row.key()) {
                    *row = new.clone();
                    replaced += 1;
                }
            }
            writer.write(&if replaced == before { batch } else { row::rows_to_batch(&rows)? })?;
        }
        if replaced != changed.len() {
            return Err(Error::corrupt(&file.path, "it does not hold the rows that were read from it"));
        }
        match writer.finish()? {
            Some(file) => Ok(vec![self.stage(partition, file).await?]),
            None => Ok(vec![]),
        }
    }

    async fn stage(&self, partition: &Partition, file: Encoded) -> Result<Add, Error> {
        let values = [("interval", partition.interval.name()), (BUCKET, partition.bucket.as_str())];
        let partition = values.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let at = Staging { partition, task: None, now: self.now, data_change: true };
        stage(self.table.name(), &self.table.store, file, at).await
    }
}

/// The live files of a partition.
pub(crate) fn files_of(snapshot: &Snapshot, partition: &Partition) -> Vec<FileRef> {
    let is = |f: &&FileRef, key: &str, value: &str| f.partition.get(key).is_some_and(|v| v == value);
    let of = |f: &&FileRef| is(f, "interval", partition.interval.name()) && is(f, BUCKET, &partition.bucket);
    snapshot.files().iter().filter(of).cloned().collect()
}

/// The entry of the log by which a file leaves the table.
pub(crate) fn remove(file: &FileRef, now: Micros, data_change: bool) -> Remove {
    Remove {
        path: file.path.clone(),
        data_change,
        deletion_timestamp: Some(now.div_euclid(1000)),
        extended_file_metadata: Some(true),
        partition_values: Some(file.partition.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect()),
        size: Some(file.size as i64),
        ..Remove::default()
    }
}

/// Whether columns say that all rows are equal, and none brings a place: the common case of a repeated import.
fn says_the_same(old: &RecordBatch, new: &RecordBatch) -> bool {
    let values = row::FILE.fields().len() - 3;
    old.num_rows() == new.num_rows()
        && (0..values).all(|i| old.column(i) == new.column(i))
        && new.column(values + 2).null_count() == new.num_rows()
}

/// Row by row, both sorted by time.
fn compare(
    partition: &Partition,
    there: &[(&FileRef, RecordBatch)],
    new: &RecordBatch,
    work: &mut Work,
) -> Result<(), Error> {
    let mut old: BTreeMap<Micros, (&FileRef, Row)> = BTreeMap::new();
    for (file, rows) in there {
        for row in row::batch_to_rows(rows, partition.interval)? {
            let (symbol, open_time) = row.key();
            if old.insert(open_time, (file, row)).is_some() {
                return Err(Error::Doubled { symbol: symbol.to_string(), open_time, version: "at hand".into() });
            }
        }
    }
    let mut added = vec![];
    for row in row::batch_to_rows(new, partition.interval)? {
        let Some((file, known)) = old.remove(&row.bar.open_time) else {
            added.push(row);
            continue;
        };
        let by = row.bar.origin.name();
        let stands = match known.meet(&row) {
            Verdict::Same => {
                work.counts.same += 1;
                continue;
            }
            Verdict::Filled(row) => {
                work.counts.filled += 1;
                row
            }
            Verdict::Restated(row) => {
                work.counts.restated += 1;
                work.losers.push((known, by));
                row
            }
        };
        work.changed.entry(file.path.clone()).or_default().insert(stands.key(), stands);
    }
    work.counts.added += added.len() as u64;
    work.new.extend(buffer::chunks_of(&added)?.into_iter().map(|c| c.rows));
    Ok(())
}

/// Runs what computes for long where it does not hold up others.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::Interrupted("while computing".into())))
}
