//! The first rows of a text, read completely: where none of them is a bar the file is not what it seems, and is refused
//! rather than quarantined row by row.

use crate::error::FileError;
use candleflow_schema::Defect;

/// How many rows of each text are probed.
pub(crate) const PROBE: u64 = 1_000;

/// What a row is, as far as the first reading can tell.
pub(crate) enum Glimpse {
    /// A bar.
    Bar,
    /// A bar whose mean price, by its volumes, was never paid in it.
    Unfair,
    /// A record that is no bar and need not be one.
    Other,
    /// To be quarantined.
    Bad(Defect),
}

/// What the first rows of a part look like.
#[derive(Default)]
pub(crate) struct Probe {
    seen: u64,
    good: u64,
    outside: u64,
    first_bad: Option<(u64, Defect)>,
    unfair: u64,
    first_unfair: u64,
    other: u64,
}

impl Probe {
    /// Whether more rows are wanted.
    pub(crate) fn open(&self) -> bool {
        self.seen < PROBE
    }

    /// Counts a row; the last one wanted is followed by the judgement.
    pub(crate) fn add(&mut self, file: &str, line: u64, glimpse: Glimpse) -> Result<(), FileError> {
        self.seen += 1;
        match glimpse {
            Glimpse::Bar => self.good += 1,
            Glimpse::Unfair => {
                self.first_unfair = if self.unfair == 0 { line } else { self.first_unfair };
                self.unfair += 1;
                self.good += 1;
            }
            Glimpse::Other => self.other += 1,
            Glimpse::Bad(defect) => {
                self.outside += u64::from(defect == Defect::OutsideRange);
                self.first_bad.get_or_insert((line, defect));
            }
        }
        if self.open() { Ok(()) } else { self.judge(file) }
    }

    /// A part of whose first rows none is a bar, or most cannot be what the columns say, is not what it seems.
    pub(crate) fn judge(&self, file: &str) -> Result<(), FileError> {
        let unreadable = |bad, line, reason: String| {
            Err(FileError::Unreadable { file: file.to_owned(), bad, probed: self.seen, line, reason })
        };
        if self.unfair * 2 > self.seen {
            let reason = "quote_volume / volume lies outside low and high: the volumes are in another unit (contracts of futures?) or in other columns";
            return unreadable(self.unfair, self.first_unfair, reason.into());
        }
        match &self.first_bad {
            Some((line, reason)) if self.good == 0 || self.outside * 2 > self.seen => {
                unreadable(self.seen - self.good - self.other, *line, reason.to_string())
            }
            _ => Ok(()),
        }
    }
}
