//! How rows enter and leave the runtime: [`Source`] and [`Sink`], and the ordinal that makes delivery exact.
//!
//! Every row that leaves has an *ordinal*: its number, from 0, per sink and task. A sink commits the ordinal of its last
//! row together with the rows themselves, and says on restart how far it got; the runtime replays and drops what the
//! sink already has. There is no other way to write.

use crate::{bar::Symbol, error::ConnectorError, time::Micros};
use arrow::array::RecordBatch;
use async_trait::async_trait;

/// One step of input.
#[derive(Debug, Clone)]
pub enum Input {
    /// Rows in the source's schema, in order per key.
    Rows(RecordBatch),
    /// No row of this key at or before `time` will follow, though none came.
    Complete {
        /// The key.
        symbol: Symbol,
        /// This instant included.
        time: Micros,
    },
}

/// Where rows come from: a topic, the lake, or one after the other.
#[async_trait]
pub trait Source: Send {
    /// The next step; `None` at the end of a bounded input. Cancel-safe: a dropped call loses nothing.
    async fn next(&mut self) -> Result<Option<Input>, ConnectorError>;

    /// Where to go on after everything that [`next`](Source::next) has returned, as bytes for a snapshot.
    fn position(&self) -> Vec<u8>;
}

/// Rows with the ordinal of the first.
#[derive(Debug, Clone)]
pub struct OrdinalBatch {
    /// The ordinal of the batch's first row.
    pub first: u64,
    /// The rows.
    pub rows: RecordBatch,
}

impl OrdinalBatch {
    /// The ordinal that follows the batch's last row.
    pub fn end(&self) -> u64 {
        self.first + self.rows.num_rows() as u64
    }

    /// Without the rows before ordinal `have`; `None` when all are.
    pub fn after(self, have: u64) -> Option<Self> {
        if self.end() <= have {
            return None;
        }
        let skip = have.saturating_sub(self.first);
        let rows = self.rows.slice(skip as usize, self.rows.num_rows() - skip as usize);
        Some(Self { first: self.first + skip, rows })
    }
}

/// Where rows go: a table of the lake or a topic.
#[async_trait]
pub trait Sink: Send {
    /// How many rows are committed: the next ordinal that it wants. Fences any earlier owner first.
    async fn progress(&mut self) -> Result<u64, ConnectorError>;

    /// Takes rows; they need not be durable before [`commit`](Sink::commit).
    async fn write(&mut self, batch: OrdinalBatch) -> Result<(), ConnectorError>;

    /// Makes everything written durable, with its progress, at once.
    async fn commit(&mut self) -> Result<(), ConnectorError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use std::sync::Arc;

    #[test]
    fn rows_that_a_sink_has_are_dropped_once() {
        let rows =
            RecordBatch::try_from_iter(vec![("x", Arc::new(Int64Array::from(vec![5, 6, 7])) as ArrayRef)]).unwrap();
        let batch = OrdinalBatch { first: 10, rows };
        assert_eq!(batch.clone().after(9).map(|b| (b.first, b.rows.num_rows())), Some((10, 3)));
        assert_eq!(batch.clone().after(12).map(|b| (b.first, b.rows.num_rows())), Some((12, 1)));
        assert!(batch.after(13).is_none());
    }
}
