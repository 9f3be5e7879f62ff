//! Bar files of every layout that users have, recognised by content, never by file name alone.
//!
//! ```text
//!  path ─► container ─► window ─► lines | elements ─► format ─► cells ─► record ─► tracks ─► Chunk ... Summary
//!          gzip, zip    bounded   one record each     layout    text     a bar     order, duplicates, gaps
//! ```
//!
//! A file is read twice. [`open`] reads it through once: it checks the container to its last byte, recognises the
//! layout, finds symbol and interval and whether the rows are in order. **Whatever makes a file unusable as a whole is
//! an error of `open`**, so nothing of such a file is ever imported: a download that was cut off, text in another
//! encoding, times that lost digits, an interval that the content contradicts. The second reading gives [`Chunk`]s of
//! at most [`CHUNK_ROWS`] bars and then a [`Summary`].
//!
//! Guarantees: a value of a bar stands literally in the file; bars of a symbol come in order of their open time, each
//! once; each row of the file is a bar, a dropped duplicate, a quarantined row or a `complete` record, and is counted
//! as that. Memory is bounded by [`TEXT_KEPT`] and, for files whose rows are out of order, by [`Options::sort_limit`].
//!
//! Times are UTC. A time column is when a bar *opens*, whatever it is called (`open_time`, `timestamp`, `date`, `time`);
//! where there is an `open_time`, other times are passed over. Futures cannot be told from spot by their rows: the
//! header of the archive's futures files, words like `perp` in the name, `BTC/USDT:USDT` in a symbol column and volumes
//! counted in contracts are recognised and refused; a headerless file of USD-M futures is not.
//!
//! What the exchange itself published (bars off the grid, bars of zero volume, bars cut short by a halt) is kept and
//! counted. Not done here: writing to the lake, coverage, comparing with bars that are already known.

mod cells;
mod columns;
mod container;
mod cursor;
mod elements;
mod error;
mod evidence;
mod format;
mod funding;
mod glance;
mod inspect;
mod keep;
mod lines;
mod name;
mod options;
mod probe;
mod reader;
mod record;
mod records;
mod rows;
mod summary;
mod symbols;
mod times;
mod tracks;
mod window;

pub use error::FileError;
pub use format::Layout;
pub use funding::funding;
pub use inspect::TEXT_KEPT;
pub use lines::LINE_LIMIT;
pub use options::Options;
pub use reader::{CHUNK_ROWS, Chunk, FileReader};
pub use summary::{GAPS_LISTED, Gap, Gaps, Summary, SymbolSummary};

use std::path::Path;

/// The whole text of a small file, plain or in gzip.
///
/// # Errors
/// The system's, and text that is not UTF-8.
pub fn text(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text)?;
    } else {
        text = String::from_utf8(bytes).map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e))?;
    }
    Ok(text)
}

/// Opens a file with the default [`Options`].
///
/// # Errors
/// Everything that makes the file unusable as a whole; see [`FileError`].
pub fn open(path: impl AsRef<Path>) -> Result<FileReader, FileError> {
    open_with(path, Options::default())
}

/// Opens a file: recognises it and reads it through once.
///
/// # Errors
/// Everything that makes the file unusable as a whole; see [`FileError`].
pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<FileReader, FileError> {
    FileReader::open(path.as_ref(), options)
}
