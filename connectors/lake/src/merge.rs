//! Rows of several sorted files in one order: by symbol, then by open time.
//!
//! Holds one batch for each file.

use crate::{
    error::Error,
    file::{BATCH_ROWS, FileRows, Wanted},
    snapshot::FileRef,
    table::Table,
};
use arrow::{
    array::{AsArray, RecordBatch},
    compute::interleave_record_batch,
    datatypes::TimestampMicrosecondType,
};
use candleflow_schema::{Micros, Symbol};
use std::{cmp::Reverse, collections::BinaryHeap};

/// A file and its next row.
struct Lane {
    file: FileRows,
    rows: Option<RecordBatch>,
    at: usize,
    symbol: Symbol,
}

/// Rows of several files, merged.
pub(crate) struct Merged {
    lanes: Vec<Lane>,
    last: Option<(Symbol, Micros)>,
}

impl Merged {
    /// Opens files that are sorted by symbol and open time.
    pub(crate) async fn open(table: &Table, files: &[FileRef]) -> Result<Self, Error> {
        let mut lanes = vec![];
        for file in files {
            let file = FileRows::open(table, file, Wanted::default()).await?;
            lanes.push(Lane { file, rows: None, at: 0, symbol: Symbol::from("") });
        }
        Ok(Self { lanes, last: None })
    }

    /// The next rows, in order.
    ///
    /// # Errors
    /// [`Error::Doubled`] when two rows have one key.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        let mut open = vec![];
        for mut lane in self.lanes.drain(..) {
            if lane.rows.is_none() {
                lane.rows = lane.file.next().await?;
                lane.at = 0;
            }
            if lane.rows.is_some() {
                open.push(lane);
            }
        }
        self.lanes = open;
        self.merge()
    }

    /// Rows until a file's batch is used up.
    fn merge(&mut self) -> Result<Option<RecordBatch>, Error> {
        let mut heap = BinaryHeap::with_capacity(self.lanes.len());
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            heap.extend(lane.key().map(|(symbol, time)| Reverse((symbol, time, i))));
        }
        let mut picked: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
        let mut used_up = None;
        while let Some(Reverse((symbol, time, i))) = heap.pop() {
            let key = (symbol, time);
            if self.last.as_ref() >= Some(&key) {
                let (symbol, open_time) = (key.0.to_string(), key.1);
                return Err(Error::Doubled { symbol, open_time, version: "being compacted".into() });
            }
            self.last = Some(key);
            let lane = &mut self.lanes[i];
            picked.push((i, lane.at));
            lane.at += 1;
            match lane.key() {
                Some(_) if picked.len() == BATCH_ROWS => break,
                Some((symbol, time)) => heap.push(Reverse((symbol, time, i))),
                None => {
                    used_up = Some(i);
                    break;
                }
            }
        }
        if picked.is_empty() {
            return Ok(None);
        }
        let sources: Vec<&RecordBatch> = self.lanes.iter().filter_map(|lane| lane.rows.as_ref()).collect();
        let rows = interleave_record_batch(&sources, &picked)?;
        if let Some(i) = used_up {
            self.lanes[i].rows = None;
        }
        Ok(Some(rows))
    }
}

impl Lane {
    /// Symbol and open time of the next row.
    fn key(&mut self) -> Option<(Symbol, Micros)> {
        let rows = self.rows.as_ref().filter(|rows| self.at < rows.num_rows())?;
        let symbol = rows.column(0).as_string::<i32>().value(self.at);
        if *self.symbol != *symbol {
            self.symbol = symbol.into();
        }
        let times = rows.column_by_name("open_time")?.as_primitive::<TimestampMicrosecondType>();
        Some((self.symbol.clone(), times.value(self.at)))
    }
}
