//! The second reading: chunks of bars, then the summary.

use crate::{
    cursor::{Cursor, quarantined},
    error::FileError,
    format::Layout,
    inspect::{self, Plan},
    options::Options,
    rows::RowReader,
    summary::Summary,
    tracks::{Outcome, Tracks},
};
use candleflow_schema::{Bar, Defect, Interval, Quarantined, Symbol};
use std::path::{Path, PathBuf};

/// The most bars and quarantined rows, together, in a chunk.
pub const CHUNK_ROWS: usize = 8_192;

/// Some rows of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Bars, per symbol in the order of their open time.
    pub bars: Vec<Bar>,
    /// Rows that could not be used.
    pub quarantined: Vec<Quarantined>,
}

/// An opened file: an iterator of chunks, with a summary behind the last one.
///
/// An error of the iterator means that the file changed or could not be read any more; the import must be undone.
pub struct FileReader {
    path: PathBuf,
    options: Options,
    plan: Plan,
    tracks: Tracks,
    counts: Counts,
    state: State,
}

#[derive(Default)]
struct Counts {
    rows: u64,
    quarantined: u64,
    complete: u64,
    rescaled: u64,
}

enum State {
    /// Giving out what is read.
    Reading(Cursor),
    /// Giving out what was sorted, of a file whose rows were out of order.
    Sorted {
        bars: Vec<Bar>,
        order: std::vec::IntoIter<usize>,
        quarantined: std::vec::IntoIter<Quarantined>,
    },
    Done(Box<Summary>),
    Failed,
}

impl FileReader {
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, FileError> {
        let plan = inspect::inspect(path, &options)?;
        let state = State::Reading(Cursor::default());
        let (path, tracks) = (path.to_owned(), Tracks::new(plan.repeats));
        Ok(Self { path, options, plan, tracks, counts: Counts::default(), state })
    }

    /// How the file is laid out (of a zip: its first text).
    pub fn layout(&self) -> Layout {
        self.plan.parts[0].format.layout
    }

    /// The length of the bars.
    pub fn interval(&self) -> Interval {
        self.plan.interval
    }

    /// The symbols of the file.
    pub fn symbols(&self) -> &[Symbol] {
        self.plan.symbols.all()
    }

    /// How many records the file has: what a progress bar counts to.
    pub fn rows(&self) -> u64 {
        self.plan.rows
    }

    /// What the file held, once its last chunk has been given out.
    pub fn summary(&self) -> Option<&Summary> {
        match &self.state {
            State::Done(summary) => Some(summary),
            _ => None,
        }
    }

    /// Reads on, dropping what is left, and gives the summary.
    ///
    /// # Errors
    /// As [`FileReader::next_chunk`]; [`FileError::Changed`] also when that failed before.
    pub fn finish(mut self) -> Result<Summary, FileError> {
        while self.next_chunk()?.is_some() {}
        match self.state {
            State::Done(summary) => Ok(*summary),
            _ => Err(FileError::Changed { file: self.path.display().to_string() }),
        }
    }

    /// The next chunk; `None` when all have been given out, and after an error.
    ///
    /// # Errors
    /// [`FileError::Changed`], [`FileError::Damaged`] or [`FileError::Io`] when the file is no longer what it was.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, FileError> {
        let chunk = self.advance();
        if chunk.is_err() {
            self.state = State::Failed;
        }
        chunk
    }

    fn advance(&mut self) -> Result<Option<Chunk>, FileError> {
        if self.plan.out_of_order > 0 && matches!(self.state, State::Reading(_)) {
            self.state = self.sort()?;
        }
        let chunk = match &mut self.state {
            State::Reading(_) => self.read()?,
            State::Sorted { bars, order, quarantined } => {
                let quarantined: Vec<_> = quarantined.take(CHUNK_ROWS).collect();
                let next = order.take(CHUNK_ROWS - quarantined.len());
                Chunk { bars: next.map(|i| bars[i].clone()).collect(), quarantined }
            }
            State::Done(_) | State::Failed => return Ok(None),
        };
        if chunk.bars.is_empty() && chunk.quarantined.is_empty() {
            self.state = State::Done(Box::new(self.summarise()));
            return Ok(None);
        }
        Ok(Some(chunk))
    }

    /// Reads rows into a chunk, which is empty only at the end of the file.
    fn read(&mut self) -> Result<Chunk, FileError> {
        let mut chunk = Chunk { bars: Vec::with_capacity(CHUNK_ROWS), quarantined: Vec::new() };
        let State::Reading(cursor) = &mut self.state else { return Ok(chunk) };
        let Plan { parts, symbols, interval, .. } = &mut self.plan;
        let (options, rescaled) = (&self.options, &mut self.counts.rescaled);
        let mut reader = RowReader { options, symbols, interval: *interval, rescaled };
        while chunk.bars.len() + chunk.quarantined.len() < CHUNK_ROWS && cursor.advance(&self.path, parts)? {
            let Some((part, line)) = cursor.record(parts) else { break };
            self.counts.rows += 1;
            let defect = match reader.row(part, line, &mut chunk.bars) {
                Ok(None) => {
                    self.counts.complete += 1;
                    continue;
                }
                Err(defect) => defect,
                Ok(Some(symbol)) => {
                    let Some(bar) = chunk.bars.last() else { continue };
                    let outcome = self.tracks.offer(symbol, bar);
                    if outcome == Outcome::New {
                        continue;
                    }
                    chunk.bars.pop();
                    match outcome {
                        Outcome::New | Outcome::Duplicate => continue,
                        Outcome::Conflict => Defect::Conflict,
                        Outcome::Late => Defect::Order,
                    }
                }
            };
            self.counts.quarantined += 1;
            chunk.quarantined.push(quarantined(part, line, &defect));
        }
        Ok(chunk)
    }

    /// Reads everything and sorts it by time, rows of one time in the order of the file.
    fn sort(&mut self) -> Result<State, FileError> {
        let Plan { parts, symbols, interval, rows: expected, .. } = &mut self.plan;
        let (options, rescaled) = (&self.options, &mut self.counts.rescaled);
        let mut reader = RowReader { options, symbols, interval: *interval, rescaled };
        let mut bars = Vec::with_capacity(*expected as usize);
        // Of each bar, the number of its symbol and of its record.
        let mut places = Vec::with_capacity(*expected as usize);
        let mut bad = Vec::new();
        let mut cursor = Cursor::default();
        while cursor.advance(&self.path, parts)? {
            let Some((part, line)) = cursor.record(parts) else { break };
            self.counts.rows += 1;
            match reader.row(part, line, &mut bars) {
                Ok(None) => self.counts.complete += 1,
                Err(defect) => bad.push(quarantined(part, line, &defect)),
                Ok(Some(symbol)) => places.push((symbol, self.counts.rows)),
            }
        }
        let mut order: Vec<usize> = (0..bars.len()).collect();
        order.sort_by_key(|i| bars[*i].open_time);
        let mut conflicts = Vec::new();
        order.retain(|i| match self.tracks.offer(places[*i].0, &bars[*i]) {
            Outcome::New => true,
            Outcome::Duplicate => false,
            Outcome::Conflict | Outcome::Late => {
                conflicts.push(places[*i].1);
                false
            }
        });
        conflicts.sort_unstable();
        self.quote(&conflicts, &mut bad)?;
        self.counts.quarantined = bad.len() as u64;
        Ok(State::Sorted { bars, order: order.into_iter(), quarantined: bad.into_iter() })
    }

    /// Reads the file again for the raw text of rows that turned out to be in conflict.
    fn quote(&self, rows: &[u64], bad: &mut Vec<Quarantined>) -> Result<(), FileError> {
        let mut wanted = rows.iter().copied().peekable();
        let mut cursor = Cursor::default();
        let mut row = 0;
        while wanted.peek().is_some() && cursor.advance(&self.path, &self.plan.parts)? {
            row += 1;
            if wanted.next_if_eq(&row).is_some()
                && let Some((part, line)) = cursor.record(&self.plan.parts)
            {
                bad.push(quarantined(part, line, &Defect::Conflict));
            }
        }
        Ok(())
    }

    fn summarise(&mut self) -> Summary {
        Summary {
            layout: self.layout(),
            interval: self.plan.interval,
            rows: self.counts.rows,
            bars: self.tracks.bars,
            quarantined: self.counts.quarantined,
            duplicates: self.tracks.duplicates,
            complete: self.counts.complete,
            out_of_order: self.plan.out_of_order,
            off_grid: self.tracks.off_grid,
            zero_volume: self.tracks.zero_volume,
            rescaled_times: self.counts.rescaled,
            gaps: std::mem::take(&mut self.tracks.gaps),
            symbols: self.tracks.symbols(),
            notes: std::mem::take(&mut self.plan.notes),
        }
    }
}

impl Iterator for FileReader {
    type Item = Result<Chunk, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_chunk().transpose()
    }
}
