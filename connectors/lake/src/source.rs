//! Bars of the lake as a [`Source`] of the operator graph.
//!
//! *By symbol*: all rows of the first symbol, then of the second, and so on. *Total*: event time first, symbols as listed
//! on ties: the same order in which live input is merged. What is read is decided when the source is made; the position
//! is the last row given, so that a new source over the same files goes on behind it.

use crate::{
    cursor::{KlineCursor, TIME},
    error::Error,
    file::BATCH_ROWS,
    lake::Lake,
    read::{Read, Span},
};
use arrow::{
    array::{AsArray, RecordBatch},
    compute::interleave_record_batch,
    datatypes::TimestampMicrosecondType,
};
use async_trait::async_trait;
use candleflow_schema::{ConnectorError, Input, Micros, Source};
use std::{cmp::Reverse, collections::BinaryHeap};

/// In which order the rows of several symbols come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One symbol after another, as listed.
    BySymbol,
    /// By event time, then as listed.
    Total,
}

/// Bars of the lake, in a stated order. Holds at most one batch for each symbol and overlapping file.
pub struct LakeSource {
    order: Order,
    cursors: Vec<KlineCursor>,
    /// In total order: the rows that each cursor gave and that are not out yet.
    heads: Vec<Head>,
    /// Where `time` stands in the batches.
    time_at: usize,
    /// The symbol of the last row given, by its place in the list, and its time.
    last: Option<(usize, Micros)>,
}

#[derive(Default)]
struct Head {
    rows: Option<RecordBatch>,
    at: usize,
    done: bool,
}

impl Head {
    fn time(&self, time_at: usize) -> Option<Micros> {
        let rows = self.rows.as_ref().filter(|rows| self.at < rows.num_rows())?;
        Some(rows.column(time_at).as_primitive::<TimestampMicrosecondType>().value(self.at))
    }
}

impl Lake {
    /// A source of what `read` says. `resume` is the [`position`](Source::position) of an earlier source of the same
    /// read: this one goes on behind it.
    ///
    /// # Errors
    /// As [`Lake::read_klines`]; [`Error::Schema`] when the columns lack `time`; [`Error::Corrupt`] for a position that is
    /// not of this read.
    pub async fn source(&self, read: &Read, order: Order, resume: Option<&[u8]>) -> Result<LakeSource, Error> {
        let columns = read.columns.as_deref();
        let time_at = match columns {
            None => Some(2),
            Some(columns) => columns.iter().position(|c| c == TIME),
        };
        let lacks = || Error::Schema { table: "klines".into(), reason: "a source needs the column time".into() };
        let time_at = time_at.ok_or_else(lacks)?;
        let last = resume.map(|bytes| parse_position(bytes, read.spans.len())).transpose()?.flatten();
        let spans = read.spans.iter().enumerate().map(|(i, span)| rest(i, span, order, last)).collect();
        let cursors = self.read_klines(&Read { spans, ..read.clone() }).await?;
        let heads = cursors.iter().map(|_| Head::default()).collect();
        Ok(LakeSource { order, cursors, heads, time_at, last })
    }
}

/// What is left of a span behind the last row given.
fn rest(i: usize, span: &Span, order: Order, last: Option<(usize, Micros)>) -> Span {
    let Some((symbol, time)) = last else { return span.clone() };
    let from = match order {
        Order::BySymbol if i < symbol => Micros::MAX,
        Order::BySymbol if i == symbol => time,
        Order::BySymbol => span.from,
        Order::Total if i <= symbol => time,
        Order::Total => time - 1,
    };
    Span { from: span.from.max(from), ..span.clone() }
}

fn parse_position(bytes: &[u8], symbols: usize) -> Result<Option<(usize, Micros)>, Error> {
    let wrong = |e: &str| Error::corrupt("the position of a source", e);
    let last: Option<(usize, Micros)> = serde_json::from_slice(bytes).map_err(|e| wrong(&e.to_string()))?;
    match last {
        Some((symbol, _)) if symbol >= symbols => Err(wrong("it names a symbol that is not listed")),
        last => Ok(last),
    }
}

impl LakeSource {
    async fn next_by_symbol(&mut self) -> Result<Option<RecordBatch>, Error> {
        for i in 0..self.cursors.len() {
            if self.heads[i].done {
                continue;
            }
            if let Some(rows) = self.cursors[i].next().await? {
                let times = rows.column(self.time_at).as_primitive::<TimestampMicrosecondType>();
                self.last = Some((i, times.value(rows.num_rows() - 1)));
                return Ok(Some(rows));
            }
            self.heads[i].done = true;
        }
        Ok(None)
    }

    async fn next_in_total_order(&mut self) -> Result<Option<RecordBatch>, Error> {
        for i in 0..self.cursors.len() {
            let head = &self.heads[i];
            if !head.done && head.time(self.time_at).is_none() {
                let rows = self.cursors[i].next().await?;
                self.heads[i] = Head { done: rows.is_none(), rows, at: 0 };
            }
        }
        self.merge()
    }

    /// Rows in order until a symbol's batch is used up: what it brings next is not known yet.
    fn merge(&mut self) -> Result<Option<RecordBatch>, Error> {
        let time_at = self.time_at;
        let mut heap: BinaryHeap<_> =
            self.heads.iter().enumerate().filter_map(|(i, h)| Some(Reverse((h.time(time_at)?, i)))).collect();
        let mut picked: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
        while let Some(Reverse((time, i))) = heap.pop() {
            let head = &mut self.heads[i];
            picked.push((i, head.at));
            head.at += 1;
            self.last = Some((i, time));
            match head.time(time_at) {
                Some(next) if picked.len() < BATCH_ROWS => heap.push(Reverse((next, i))),
                _ => break,
            }
        }
        if picked.is_empty() {
            return Ok(None);
        }
        let empty = self.heads.iter().find_map(|h| h.rows.as_ref()).map(|rows| rows.slice(0, 0));
        let sources: Vec<&RecordBatch> = self.heads.iter().filter_map(|h| h.rows.as_ref().or(empty.as_ref())).collect();
        Ok(Some(interleave_record_batch(&sources, &picked)?))
    }
}

#[async_trait]
impl Source for LakeSource {
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError> {
        let rows = match self.order {
            Order::BySymbol => self.next_by_symbol().await?,
            Order::Total => self.next_in_total_order().await?,
        };
        Ok(rows.map(Input::Rows))
    }

    fn position(&self) -> Vec<u8> {
        serde_json::to_vec(&self.last).unwrap_or_default()
    }
}
