//! What was found in a file, once all of it has been read.

use crate::format::Layout;
use candleflow_schema::{Interval, Micros, Symbol};

/// How many gaps are listed; all are counted.
pub const GAPS_LISTED: usize = 10;

/// What a file held. `rows = bars + quarantined + duplicates + complete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How the file is laid out (of a zip: its first text).
    pub layout: Layout,
    /// The length of its bars.
    pub interval: Interval,
    /// Records in the file; header and blank lines are none.
    pub rows: u64,
    /// Bars that were given out.
    pub bars: u64,
    /// Rows that could not be used.
    pub quarantined: u64,
    /// Rows that say again what a row before said.
    pub duplicates: u64,
    /// `complete` records of a topic, which are no bars.
    pub complete: u64,
    /// Rows that stood after a later one; the file was sorted.
    pub out_of_order: u64,
    /// Bars that do not open on the regular grid; kept.
    pub off_grid: u64,
    /// Bars without a trade; kept.
    pub zero_volume: u64,
    /// Times that had been written as microseconds read as milliseconds (year 56971) and were put right.
    pub rescaled_times: u64,
    /// Where bars are missing.
    pub gaps: Gaps,
    /// Per symbol, in the order of the file.
    pub symbols: Vec<SymbolSummary>,
    /// What else a careful user would want to know, each a sentence.
    pub notes: Vec<String>,
}

impl Summary {
    /// The symbol of a file that has one, as nearly all do.
    pub fn symbol(&self) -> Option<&Symbol> {
        match self.symbols.as_slice() {
            [only] => Some(&only.symbol),
            _ => None,
        }
    }

    /// The earliest open time.
    pub fn first(&self) -> Option<Micros> {
        self.symbols.iter().map(|s| s.first).min()
    }

    /// The latest open time.
    pub fn last(&self) -> Option<Micros> {
        self.symbols.iter().map(|s| s.last).max()
    }
}

/// One symbol's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolSummary {
    /// The symbol.
    pub symbol: Symbol,
    /// Its bars.
    pub bars: u64,
    /// The open time of the first.
    pub first: Micros,
    /// The open time of the last.
    pub last: Micros,
}

/// Where bars are missing between two bars of a symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How many places.
    pub count: u64,
    /// How many bars.
    pub bars: u64,
    /// The first [`GAPS_LISTED`].
    pub listed: Vec<Gap>,
}

/// A place where at least one whole bar is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whose bars.
    pub symbol: Symbol,
    /// The open time of the first missing bar.
    pub from: Micros,
    /// The open time of the bar that comes next.
    pub to: Micros,
    /// How many bars are missing.
    pub bars: u64,
}
