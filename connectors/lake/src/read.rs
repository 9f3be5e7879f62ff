//! Which bars to read, and from which version or files.

use crate::{cursor::KlineCursor, error::Error, lake::Lake, snapshot::FileRef, spec::KLINES_TABLE};
use candleflow_schema::{Interval, Micros, Symbol, tables::BARS};
use std::sync::Arc;

/// Bars of one symbol with `from < time <= to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The symbol.
    pub symbol: Symbol,
    /// Event time, exclusive.
    pub from: Micros,
    /// Event time, inclusive.
    pub to: Micros,
}

/// A state of the table.
#[derive(Debug, Clone, Default)]
pub enum At {
    /// The newest version.
    #[default]
    Latest,
    /// A version whose log is still there.
    Version(u64),
    /// Exactly these files, as [`Lake::files`] gave them.
    Files(Arc<Vec<FileRef>>),
}

/// What to read of `klines`.
#[derive(Debug, Clone)]
pub struct Read {
    /// The length of bar.
    pub interval: Interval,
    /// The symbols, as listed: their order is that of ties.
    pub spans: Vec<Span>,
    /// The state to read.
    pub at: At,
    /// Columns of [`BARS`] in the order wanted; all if `None`.
    pub columns: Option<Vec<String>>,
}

impl Read {
    /// All columns of some symbols over one range of time, from the newest version.
    pub fn of(interval: Interval, symbols: &[Symbol], from: Micros, to: Micros) -> Self {
        let spans = symbols.iter().map(|symbol| Span { symbol: symbol.clone(), from, to }).collect();
        Self { interval, spans, at: At::Latest, columns: None }
    }

    /// The same of another state.
    pub fn at(self, at: At) -> Self {
        Self { at, ..self }
    }
}

impl Lake {
    /// A cursor per span, in the order of the spans, each in time order.
    ///
    /// # Errors
    /// [`Error::NoTable`] before anything was written, [`Error::NoVersion`], [`Error::Schema`] for an unknown column.
    pub async fn read_klines(&self, read: &Read) -> Result<Vec<KlineCursor>, Error> {
        let table = self.table(KLINES_TABLE).await?;
        let (files, version) = match &read.at {
            At::Files(files) => (files.clone(), "of the pinned files".to_owned()),
            at => {
                let version = if let At::Version(v) = at { Some(*v) } else { None };
                let snapshot = table.snapshot(version).await?;
                (snapshot.files().clone(), snapshot.version().to_string())
            }
        };
        let columns = match &read.columns {
            None => BARS.fields().iter().map(|f| f.name().clone()).collect(),
            Some(columns) => {
                if let Some(unknown) = columns.iter().find(|c| BARS.column_with_name(c).is_none()) {
                    let reason = format!("bars have no column '{unknown}'");
                    return Err(Error::Schema { table: KLINES_TABLE.into(), reason });
                }
                columns.clone()
            }
        };
        let of_interval = |f: &&FileRef| f.partition.get("interval").is_some_and(|i| i == read.interval.name());
        let files: Vec<&FileRef> = files.iter().filter(of_interval).collect();
        let cursor = |span: &Span| {
            let files = files.iter().map(|f| (*f).clone());
            let range = (span.from, span.to);
            KlineCursor::new(table.clone(), span.symbol.clone(), range, columns.clone(), files, version.clone())
        };
        Ok(read.spans.iter().map(cursor).collect())
    }
}
