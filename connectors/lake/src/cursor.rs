//! Bars of one symbol in time order, merged over the files that hold them.
//!
//! ```text
//!  2021-04 a  ──────────────            open from the start
//!  2021-04 b          ─────             opened when the rows before it are out: a hole that was filled later
//!  2021-05                  ─────────   opened last
//! ```
//! A file is opened only when no row before its first one is left, so a cursor holds one batch for each file that
//! overlaps. Rows leave as slices of what was decoded; batches are not copied. Two rows with one time are an error.

use crate::{
    error::Error,
    file::{FileRows, Wanted},
    snapshot::FileRef,
    table::Table,
};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::TimestampMicrosecondType,
};
use candleflow_schema::{Micros, Symbol};
use std::{collections::VecDeque, sync::Arc};

/// The column that orders the bars of a symbol.
pub(crate) const TIME: &str = "time";

/// Bars of one symbol, in time order.
pub struct KlineCursor {
    table: Arc<Table>,
    symbol: Symbol,
    wanted: Wanted,
    /// Positions of the columns to give, in the batches that files give.
    columns: Vec<String>,
    pending: VecDeque<FileRef>,
    open: Vec<Lane>,
    last: Option<Micros>,
    version: String,
}

/// An open file and its next rows.
struct Lane {
    rows: FileRows,
    head: Option<RecordBatch>,
}

impl KlineCursor {
    /// `files` may hold the symbol; `columns` are given in this order; `from < time <= to`.
    pub(crate) fn new(
        table: Arc<Table>,
        symbol: Symbol,
        (from, to): (Micros, Micros),
        columns: Vec<String>,
        files: impl IntoIterator<Item = FileRef>,
        version: String,
    ) -> Self {
        let times = (TIME, from.saturating_add(1), to);
        let holds = |f: &FileRef| f.may_hold(&symbol) && f.may_overlap(TIME, times.1, times.2);
        let mut pending: Vec<_> = files.into_iter().filter(holds).collect();
        pending.sort_by(|a, b| (first_time(a), &a.path).cmp(&(first_time(b), &b.path)));
        let mut read = columns.clone();
        if !read.iter().any(|c| c == TIME) {
            read.push(TIME.to_owned());
        }
        let wanted = Wanted { symbol: Some(symbol.to_string()), times: Some(times), columns: Some(read) };
        Self { table, symbol, wanted, columns, pending: pending.into(), open: vec![], last: None, version }
    }

    /// The symbol.
    pub fn symbol(&self) -> &Symbol {
        &self.symbol
    }

    /// The next bars, at most [`BATCH_ROWS`](crate::BATCH_ROWS). Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Doubled`] when a bar is there twice; the storage's.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            self.fill().await?;
            let earliest = self.earliest();
            let due = |file: &&FileRef| earliest.is_none_or(|(time, _)| first_time(file) <= time);
            if let Some(file) = self.pending.front().filter(due).cloned() {
                // Taken off the list only when it is open: a dropped call loses nothing.
                self.open(file).await?;
                self.pending.pop_front();
                continue;
            }
            let Some((_, lane)) = earliest else { return Ok(None) };
            return self.take(lane).map(Some);
        }
    }

    async fn open(&mut self, file: FileRef) -> Result<(), Error> {
        let rows = FileRows::open(&self.table, &file, self.wanted.clone()).await?;
        self.open.push(Lane { rows, head: None });
        Ok(())
    }

    /// Gives every open file its next rows and closes those that have none.
    async fn fill(&mut self) -> Result<(), Error> {
        let mut i = 0;
        while i < self.open.len() {
            if self.open[i].head.is_none() {
                match self.open[i].rows.next().await? {
                    Some(batch) => self.open[i].head = Some(batch),
                    None => {
                        self.open.swap_remove(i);
                        continue;
                    }
                }
            }
            i += 1;
        }
        Ok(())
    }

    /// The earliest time at the head of an open file, and which file that is.
    fn earliest(&self) -> Option<(Micros, usize)> {
        let head = |(i, lane): (usize, &Lane)| Some((times(lane.head.as_ref()?).ok()?.value(0), i));
        self.open.iter().enumerate().filter_map(head).min()
    }

    /// Takes from a file's head the rows that come before any other file's.
    fn take(&mut self, lane: usize) -> Result<RecordBatch, Error> {
        let others = self.open.iter().enumerate().filter(|(i, _)| *i != lane);
        let mut bound = self.pending.front().map_or(Micros::MAX, first_time);
        for (_, other) in others {
            if let Some(head) = &other.head {
                bound = bound.min(times(head)?.value(0));
            }
        }
        let Some(head) = self.open[lane].head.take() else {
            return Err(Error::corrupt(self.table.name(), "a file's rows ran out while they were read"));
        };
        let column = times(&head)?;
        let n = column.values().partition_point(|t| *t < bound);
        if n == 0 || self.last.is_some_and(|last| column.value(0) <= last) {
            return Err(self.doubled(column.value(0)));
        }
        if let Some(i) = (1..n).find(|i| column.value(*i) <= column.value(*i - 1)) {
            return Err(self.doubled(column.value(i)));
        }
        self.last = Some(column.value(n - 1));
        let out = head.slice(0, n);
        if n < head.num_rows() {
            self.open[lane].head = Some(head.slice(n, head.num_rows() - n));
        }
        self.project(&out)
    }

    fn project(&self, rows: &RecordBatch) -> Result<RecordBatch, Error> {
        let schema = rows.schema();
        let positions = self.columns.iter().map(|c| schema.index_of(c)).collect::<Result<Vec<_>, _>>()?;
        Ok(rows.project(&positions)?)
    }

    fn doubled(&self, time: Micros) -> Error {
        Error::Doubled { symbol: self.symbol.to_string(), open_time: time, version: self.version.clone() }
    }
}

fn first_time(file: &FileRef) -> Micros {
    file.times.get(TIME).map_or(Micros::MIN, |(min, _)| *min)
}

fn times(rows: &RecordBatch) -> Result<&arrow::array::TimestampMicrosecondArray, Error> {
    rows.column_by_name(TIME)
        .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
        .filter(|c| c.null_count() == 0)
        .ok_or_else(|| Error::corrupt("klines", "a file has no usable column time"))
}
