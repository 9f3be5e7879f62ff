//! Bad input is data: it goes to the table `quarantine`, with where it stood, why it cannot be used, and its raw text.

use crate::time::Micros;

/// The longest raw text that is kept; the rest of a longer one is cut off.
pub const RAW_LIMIT: usize = 4096;

/// A record that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// A file name, a URL or a topic.
    pub source: String,
    /// Line, row or offset in it, from 1 for files; 0 where the whole source is meant.
    pub place: i64,
    /// Why.
    pub reason: String,
    /// What stood there, at most [`RAW_LIMIT`] bytes of it, bytes that are not UTF-8 replaced.
    pub raw: String,
}

impl Quarantined {
    /// A record of `source` at `place`; `raw` is cut to [`RAW_LIMIT`].
    pub fn new(source: &str, place: i64, reason: impl ToString, raw: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(&raw[..raw.len().min(RAW_LIMIT)]).into_owned();
        Self { source: source.to_owned(), place, reason: reason.to_string(), raw }
    }
}

/// A claim that all bars that exist between two instants are in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The symbol.
    pub symbol: String,
    /// The length of bar.
    pub interval: crate::Interval,
    /// From this event time, exclusive.
    pub from: Micros,
    /// To this event time, inclusive.
    pub to: Micros,
    /// How it is known: `archive`, `rest`, `topic` or `stated`.
    pub evidence: &'static str,
}
