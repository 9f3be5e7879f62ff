//! Why a file cannot be used as a whole: its name, what was found, what was expected, what to do.

use candleflow_schema::{ConnectorError, Fault, Interval};
use std::io;

/// Why nothing of a file is used. A single bad row is no error: it is quarantined.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system refused.
    #[error("cannot read {file}: {error}")]
    Io {
        /// The file.
        file: String,
        /// What the file system said.
        #[source]
        error: io::Error,
    },
    /// Nothing in it.
    #[error("{file} holds no bars: {found}; export or download it again")]
    Empty {
        /// The file.
        file: String,
        /// What is there instead.
        found: String,
    },
    /// It ends too early or its check sum is wrong.
    #[error(
        "{file} is damaged: {found}, {}; nothing of it is used, because a part must not pass for the whole: download or export it again",
        after(*line, *byte)
    )]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        found: String,
        /// The last line that could be read; 0 if none.
        line: u64,
        /// How many bytes of (unpacked) text could be read.
        byte: u64,
    },
    /// A container or a text encoding that is not read.
    #[error("{file} is {found}, expected text (plain, gzip or zip) in UTF-8: {advice}")]
    Container {
        /// The file.
        file: String,
        /// What it is.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// Text, but no known layout of bars.
    #[error("{file} is not a file of bars: found {found}, expected {expected}; {advice}")]
    Layout {
        /// The file.
        file: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
        /// What to do.
        advice: String,
    },
    /// The rows have the right shape, but none (or too few) of them is a bar.
    #[error(
        "{file} has {bad} unusable rows among its first {probed}, expected bars; line {line}: {reason}; check that the columns are what their order or header says, then export it again"
    )]
    Unreadable {
        /// The file.
        file: String,
        /// How many of the probed rows are bad.
        bad: u64,
        /// How many rows were probed.
        probed: u64,
        /// The first bad row.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Times in exponent notation.
    #[error(
        "{file}, line {line}: the time '{text}' is in exponent notation, expected all its digits: a spreadsheet has rounded it and the bar's time is lost; export the file again with the time column formatted as text, or use the original download"
    )]
    MangledTime {
        /// The file.
        file: String,
        /// The row.
        line: u64,
        /// What stands there.
        text: String,
    },
    /// A futures file.
    #[error(
        "{file} holds bars of futures ({found}), expected spot: under the name of the spot pair they would overwrite its history; to import them, allow futures and give them a name of their own, such as --allow-futures --symbol {suggestion}"
    )]
    Futures {
        /// The file.
        file: String,
        /// How that is known.
        found: String,
        /// A name that is not the spot pair's.
        suggestion: String,
    },
    /// No symbol anywhere.
    #[error(
        "{file} does not say which symbol its bars are of: there is no symbol column, and {found}; give it with --symbol, such as --symbol BTCUSDT"
    )]
    NoSymbol {
        /// The file.
        file: String,
        /// What the file name says.
        found: String,
    },
    /// Two symbols for one bar.
    #[error("{file}, line {line}: the bars are of {found}, but {by} says {stated}; correct --symbol or the file name")]
    SymbolConflict {
        /// The file.
        file: String,
        /// The row.
        line: u64,
        /// What the row says.
        found: String,
        /// What was expected.
        stated: String,
        /// Who said so.
        by: &'static str,
    },
    /// More symbols than anybody has in a file.
    #[error("{file}, line {line}: more than {limit} symbols in one file; split it")]
    TooManySymbols {
        /// The file.
        file: String,
        /// The row.
        line: u64,
        /// The limit.
        limit: usize,
    },
    /// Nobody says how long the bars are.
    #[error("{file} does not say how long its bars are: {found}; give it with --interval, such as --interval 1m")]
    NoInterval {
        /// The file.
        file: String,
        /// What the content says.
        found: String,
    },
    /// The content contradicts what was said of it.
    #[error(
        "{file} holds bars of {found}, but {by} says {stated}; correct --interval or the file name, or import the file that was meant"
    )]
    IntervalConflict {
        /// The file.
        file: String,
        /// What the content says.
        found: String,
        /// What was expected.
        stated: Interval,
        /// Who said so.
        by: String,
    },
    /// Two time columns that do not agree.
    #[error(
        "{file}, line {line}: the columns '{first}' and '{second}' give different times ({a} and {b}), expected one time a row; remove or rename the one that is not the UTC time at which the bar opens"
    )]
    TwoTimes {
        /// The file.
        file: String,
        /// The row.
        line: u64,
        /// The column that is read.
        first: Box<str>,
        /// The other one.
        second: Box<str>,
        /// The time in the first.
        a: Box<str>,
        /// The time in the second.
        b: Box<str>,
    },
    /// Another header further down.
    #[error(
        "{file}, line {line}: another header ('{found}'), expected rows like the ones before: two files of different layouts were joined; split it there"
    )]
    SecondHeader {
        /// The file.
        file: String,
        /// The row.
        line: u64,
        /// The header.
        found: String,
    },
    /// Rows out of order in a file too long to be sorted in memory.
    #[error(
        "{file}: line {line} is older than a line before it, expected rising times in a file of {rows} rows (at most {limit} are sorted in memory); sort it by time or split it"
    )]
    Unsorted {
        /// The file.
        file: String,
        /// The first row that is out of order.
        line: u64,
        /// Its rows.
        rows: u64,
        /// The limit.
        limit: u64,
    },
    /// It changed between the two readings.
    #[error("{file} changed while it was read; import it again when whoever writes it has finished")]
    Changed {
        /// The file.
        file: String,
    },
}

fn after(line: u64, byte: u64) -> String {
    if line == 0 { "before its first line".to_owned() } else { format!("after line {line} (byte {byte} of its text)") }
}

impl FileError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            FileError::Io { .. } | FileError::Damaged { .. } | FileError::Changed { .. } => Fault::External,
            _ => Fault::User,
        }
    }

    /// Whether the same call may succeed later.
    pub fn retry(&self) -> bool {
        matches!(self, FileError::Changed { .. })
    }
}

impl From<FileError> for ConnectorError {
    fn from(error: FileError) -> Self {
        ConnectorError::new(error.fault(), error.retry(), error)
    }
}
