//! What the caller knows of a file, or wants done with it.

use candleflow_schema::{Interval, Origin, Symbol};

/// What the caller knows of a file. Everything has a default: most files say who they are.
#[derive(Debug, Clone)]
pub struct Options {
    /// The symbol of all bars of the file (`--symbol`); without it the file's symbol column or its name decides.
    pub symbol: Option<Symbol>,
    /// The length of the bars (`--interval`); without it the file's name decides, else the content. In each case the
    /// content must agree.
    pub interval: Option<Interval>,
    /// Bars of futures are refused: under the name of the spot pair they would restate its history. With this they are
    /// read, and only under an explicit [`Options::symbol`].
    pub allow_futures: bool,
    /// What the bars say of where they came from.
    pub origin: Origin,
    /// A file whose rows are out of order is sorted in memory, about 250 bytes a row, when it has at most so many.
    pub sort_limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { symbol: None, interval: None, allow_futures: false, origin: Origin::File, sort_limit: 4_000_000 }
    }
}
