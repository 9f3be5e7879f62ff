//! Many small files of a partition into few: no row is added, lost or moved out of order.
//!
//! The files are read and written without holding up anyone; the swap is then one commit that is made only on a version
//! in which every file that it replaces is live. Where one is not (somebody else compacted or restated meanwhile) the work
//! is thrown away: its files are orphans, and the next round looks anew. So two compactions at once cannot double rows.

use crate::{
    commit::{Base, Change, Plan},
    error::Error,
    file::{FileRows, Wanted},
    lake::Lake,
    merge::Merged,
    snapshot::FileRef,
    spec::Layout,
    stage::{Staging, stage},
    table::Table,
    telemetry,
    upsert::remove,
    write::{FILE_BYTES, FileWriter},
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use candleflow_schema::Micros;
use deltalake::kernel::Add;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// What is worth compacting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactRule {
    /// Files below this many bytes are small.
    pub small: u64,
    /// So many small files of one partition are worth the work.
    pub least: usize,
    /// So many files are merged at once; the rest waits for the next round.
    pub most: usize,
}

impl Default for CompactRule {
    fn default() -> Self {
        Self { small: FILE_BYTES as u64 / 4, least: 4, most: 512 }
    }
}

/// What compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files that are no longer in the table.
    pub before: u64,
    /// Files that hold their rows now.
    pub after: u64,
    /// How many rows they hold.
    pub rows: u64,
    /// Groups of files that somebody else changed meanwhile.
    pub dropped: u64,
}

impl Lake {
    /// Merges small files of each partition of a table, one commit for each.
    ///
    /// # Errors
    /// [`Error::NoTable`], or the storage's; what is compacted stays compacted.
    pub async fn compact(&self, table: &str, rule: &CompactRule) -> Result<Compacted, Error> {
        let table = self.table(table).await?;
        let snapshot = table.snapshot(None).await?;
        let schema = table.schema().await?;
        let mut done = Compacted::default();
        for files in groups(snapshot.files(), rule) {
            let adds = rewrite(&table, &schema, &files, self.now()).await?;
            let rows: u64 = files.iter().map(|f| f.rows).sum();
            let (before, after) = (files.len() as u64, adds.len() as u64);
            let change = Swap { files, adds, now: self.now(), done: false };
            let (change, _) = table.committer.submit(change).await?;
            match change.done {
                true => {
                    telemetry::compacted(table.name(), before);
                    done.before += before;
                    done.after += after;
                    done.rows += rows;
                }
                false => done.dropped += 1,
            }
        }
        Ok(done)
    }
}

/// Small files that belong together, in their order: of one partition and, where known, of one task.
fn groups(files: &[FileRef], rule: &CompactRule) -> Vec<Vec<FileRef>> {
    let mut groups: BTreeMap<_, Vec<FileRef>> = BTreeMap::new();
    for file in files.iter().filter(|f| f.size < rule.small) {
        let task = file.task.as_ref().map(|(task, _)| task);
        groups.entry((&file.partition, task)).or_default().push(file.clone());
    }
    let mut groups: Vec<_> = groups.into_values().filter(|files| files.len() >= rule.least.max(2)).collect();
    groups.iter_mut().for_each(|files| files.truncate(rule.most.max(2)));
    groups
}

/// The same rows in fewer files, staged.
async fn rewrite(table: &Table, schema: &SchemaRef, files: &[FileRef], now: Micros) -> Result<Vec<Add>, Error> {
    let mut spec = table.spec.clone();
    spec.schema = schema.clone();
    let columns = spec.file_schema();
    let mut input = Input::open(table, files).await?;
    let mut adds = vec![];
    let mut written = 0;
    let mut writer = FileWriter::new(&spec)?;
    loop {
        let rows = input.next(table).await?;
        if let Some(rows) = &rows {
            writer.write(&padded(rows, &columns)?)?;
        }
        if rows.is_some() && !writer.is_full() {
            continue;
        }
        let full = std::mem::replace(&mut writer, FileWriter::new(&spec)?);
        if let Some(file) = full.finish()? {
            let first = files.first().and_then(|f| f.task.as_ref());
            let task = first.map(|(task, first)| (task.as_str(), first + written));
            written += file.rows;
            let partition =
                spec.partition.iter().filter_map(|c| Some((c.clone(), files.first()?.partition.get(c)?.clone())));
            let at = Staging { partition: partition.collect(), task, now, data_change: false };
            adds.push(stage(table.name(), &table.store, file, at).await?);
        }
        if rows.is_none() {
            break;
        }
    }
    match files.iter().map(|f| f.rows).sum::<u64>() == written {
        true => Ok(adds),
        false => Err(Error::corrupt(table.name(), format!("compaction read {written} rows, the log says otherwise"))),
    }
}

/// Rows of several files: merged by key, or one file after another.
enum Input {
    Merged(Merged),
    InTurn(VecDeque<FileRef>, Option<Box<FileRows>>),
}

impl Input {
    async fn open(table: &Table, files: &[FileRef]) -> Result<Self, Error> {
        Ok(match table.spec.layout {
            Layout::Klines => Self::Merged(Merged::open(table, files).await?),
            Layout::AsGiven => Self::InTurn(files.iter().cloned().collect(), None),
        })
    }

    async fn next(&mut self, table: &Table) -> Result<Option<RecordBatch>, Error> {
        match self {
            Self::Merged(merged) => merged.next().await,
            Self::InTurn(files, open) => loop {
                if let Some(rows) = open
                    && let Some(batch) = rows.next().await?
                {
                    return Ok(Some(batch));
                }
                let Some(file) = files.pop_front() else { return Ok(None) };
                *open = Some(Box::new(FileRows::open(table, &file, Wanted::default()).await?));
            },
        }
    }
}

/// Rows with all columns that the table has now.
fn padded(rows: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch, Error> {
    if rows.num_columns() == columns.fields().len() {
        return Ok(rows.clone().with_schema(columns.clone())?);
    }
    let column = |f: &Arc<arrow::datatypes::Field>| match rows.column_by_name(f.name()) {
        Some(column) => column.clone(),
        None => arrow::array::new_null_array(f.data_type(), rows.num_rows()),
    };
    Ok(RecordBatch::try_new(columns.clone(), columns.fields().iter().map(column).collect())?)
}

/// Files for files, with the same rows.
struct Swap {
    files: Vec<FileRef>,
    adds: Vec<Add>,
    now: Micros,
    done: bool,
}

#[async_trait]
impl Change for Swap {
    fn alone(&self) -> bool {
        true
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        let live: BTreeSet<&str> = base.snapshot.files().iter().map(|f| f.path.as_str()).collect();
        self.done = self.files.iter().all(|f| live.contains(f.path.as_str()));
        if !self.done {
            return Ok(Plan::default());
        }
        let removes = self.files.iter().map(|f| remove(f, self.now, false)).collect();
        Ok(Plan { adds: self.adds.clone(), removes, ..Plan::default() })
    }
}
