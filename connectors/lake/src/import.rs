//! Bars into the lake with all that is said about them: bars first, then coverage and quarantine.
//!
//! Run again after a crash at any point, an import loses nothing and doubles nothing: bars that are there are dropped,
//! coverage that is known is dropped, quarantine is appended once per import's id.

use crate::{
    buffer::Buffer,
    error::Error,
    lake::Lake,
    restated,
    row::Place,
    spec::{KLINES_TABLE, QUARANTINE_TABLE, RESTATED_TABLE},
    table::Table,
    upsert::{CopyProgress, Counts, Upsert},
};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use candleflow_schema::{Bar, Quarantined, quarantine::Coverage, tables::QUARANTINE};
use std::sync::Arc;

/// So many bars wait in memory (about 150 bytes each) before they are committed.
pub const BUFFERED_ROWS: usize = 1 << 20;
/// So many records of bad input are kept of one import; the rest is counted.
pub const QUARANTINE_LIMIT: usize = 100_000;

/// Bars on their way into `klines`.
pub struct KlinesWriter {
    lake: Lake,
    klines: Arc<Table>,
    restated: Arc<Table>,
    buffer: Buffer,
    counts: Counts,
}

impl Lake {
    /// A writer of bars; finishes first what a crash may have left half done.
    ///
    /// # Errors
    /// The storage's.
    pub async fn klines_writer(&self) -> Result<KlinesWriter, Error> {
        let klines = self.own(KLINES_TABLE).await?;
        let restated = self.own(RESTATED_TABLE).await?;
        restated::catch_up(self).await?;
        Ok(KlinesWriter { lake: self.clone(), klines, restated, buffer: Buffer::default(), counts: Counts::default() })
    }

    /// Puts bars into `klines`, in one commit when they are not too many.
    ///
    /// # Errors
    /// The storage's. Bars that are in stay in; calling again puts in the rest.
    pub async fn upsert_bars(&self, bars: &[Bar]) -> Result<Counts, Error> {
        let mut writer = self.klines_writer().await?;
        writer.push(bars).await?;
        writer.finish().await
    }

    /// How far a task has come that copies into `klines`; see [`KlinesWriter::commit_with`].
    ///
    /// # Errors
    /// The storage's.
    pub async fn copy_progress(&self, app: &str) -> Result<Option<i64>, Error> {
        self.own(KLINES_TABLE).await?.committer.txn(app).await
    }

    /// An import under an id that says what is imported and how: the same id again adds nothing.
    ///
    /// # Errors
    /// The storage's.
    pub async fn import(&self, id: &str) -> Result<Import, Error> {
        let writer = self.klines_writer().await?;
        Ok(Import { id: id.to_owned(), writer, coverage: vec![], quarantine: vec![], left_out: 0 })
    }
}

impl KlinesWriter {
    /// Adds bars, in any order; of two with the same key the later one stands. Commits when too many wait
    /// ([`BUFFERED_ROWS`]): who commits progress with its bars commits before that.
    ///
    /// # Errors
    /// The storage's.
    pub async fn push(&mut self, bars: &[Bar]) -> Result<(), Error> {
        self.push_placed(bars, &[]).await
    }

    /// The same of bars copied from a topic: `places` is as long as `bars`, or empty.
    ///
    /// # Errors
    /// The storage's.
    pub async fn push_placed(&mut self, bars: &[Bar], places: &[Option<Place>]) -> Result<(), Error> {
        for start in (0..bars.len()).step_by(BUFFERED_ROWS) {
            let end = (start + BUFFERED_ROWS).min(bars.len());
            self.buffer.push(&bars[start..end], if places.is_empty() { &[] } else { &places[start..end] })?;
            if self.buffer.rows() >= BUFFERED_ROWS {
                self.commit().await?;
            }
        }
        Ok(())
    }

    /// Commits what waits.
    ///
    /// # Errors
    /// The storage's; what waited is lost then and must be pushed again.
    pub async fn commit(&mut self) -> Result<Counts, Error> {
        self.commit_with(Vec::new()).await
    }

    /// Commits what waits, and with it how far the tasks have come that gave it. Without bars nothing is committed.
    ///
    /// # Errors
    /// [`Error::Fenced`] when another owner of a task has gone on; the storage's.
    pub async fn commit_with(&mut self, progress: Vec<CopyProgress>) -> Result<Counts, Error> {
        let bars = self.buffer.take();
        if !bars.is_empty() {
            let (table, restated) = (self.klines.clone(), self.restated.clone());
            let (now, counts) = (self.lake.now(), Counts::default());
            let change = Upsert { table, restated, bars, progress, now, counts };
            let (change, _) = self.klines.committer.submit(change).await?;
            self.counts += change.counts;
            if change.counts.restated > 0 {
                restated::catch_up(&self.lake).await?;
            }
        }
        Ok(self.counts)
    }

    /// Commits what waits and says what became of all bars.
    ///
    /// # Errors
    /// As [`KlinesWriter::commit`].
    pub async fn finish(mut self) -> Result<Counts, Error> {
        self.commit().await
    }
}

/// One import: bars, what they prove, and what was wrong.
pub struct Import {
    id: String,
    writer: KlinesWriter,
    coverage: Vec<Coverage>,
    quarantine: Vec<Quarantined>,
    left_out: u64,
}

/// What became of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Of the bars.
    pub bars: Counts,
    /// Records of bad input that are in `quarantine` now; 0 when this id has been imported before.
    pub quarantined: u64,
    /// Records of bad input beyond [`QUARANTINE_LIMIT`].
    pub left_out: u64,
}

impl Import {
    /// Adds bars; see [`KlinesWriter::push`].
    ///
    /// # Errors
    /// The storage's.
    pub async fn push(&mut self, bars: &[Bar]) -> Result<(), Error> {
        self.writer.push(bars).await
    }

    /// States that all bars of a range are among those pushed.
    pub fn cover(&mut self, coverage: Coverage) {
        self.coverage.push(coverage);
    }

    /// Keeps bad input.
    pub fn quarantine(&mut self, record: Quarantined) {
        match self.quarantine.len() < QUARANTINE_LIMIT {
            true => self.quarantine.push(record),
            false => self.left_out += 1,
        }
    }

    /// Makes everything visible: bars, then coverage, then quarantine.
    ///
    /// # Errors
    /// The storage's; the same import may be run again.
    pub async fn finish(self) -> Result<Imported, Error> {
        let lake = self.writer.lake.clone();
        let bars = self.writer.finish().await?;
        lake.cover(&self.coverage).await?;
        let mut imported = Imported { bars, quarantined: 0, left_out: self.left_out };
        if !self.quarantine.is_empty() {
            let rows = quarantine_rows(&self.quarantine, lake.now())?;
            let id = format!("import/{}", self.id);
            if lake.append_rows(QUARANTINE_TABLE, &[rows], Some(&id)).await? {
                imported.quarantined = self.quarantine.len() as u64;
            }
        }
        Ok(imported)
    }
}

/// Bad input in the columns of `quarantine`.
///
/// # Errors
/// Never for records made by [`Quarantined::new`].
pub fn quarantine_rows(records: &[Quarantined], seen: i64) -> Result<RecordBatch, Error> {
    let text = |f: &dyn Fn(&Quarantined) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(records.iter().map(f)))
    };
    let seen = TimestampMicrosecondArray::from_value(seen, records.len()).with_timezone("UTC");
    let places = Int64Array::from_iter_values(records.iter().map(|r| r.place));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(seen), text(&|r| &r.source), Arc::new(places), text(&|r| &r.reason), text(&|r| &r.raw)];
    Ok(RecordBatch::try_new(QUARANTINE.clone(), columns)?)
}
