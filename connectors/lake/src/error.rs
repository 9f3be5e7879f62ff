//! What can go wrong in the lake, whose fault it is, and whether trying again can help.

use candleflow_schema::{ConnectorError, Fault, Micros, time};
use std::sync::Arc;

/// An error of the lake. Cheap to clone: a failed group commit tells all who took part.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("cannot use '{url}' as a lake: {reason}")]
    Location {
        /// As given.
        url: String,
        /// Why, and what to write instead.
        reason: String,
    },
    /// A table name that could be taken for a path.
    #[error("'{0}' cannot be a table name: use 1 to 64 of a to z, 0 to 9 and _, beginning with a letter")]
    Name(String),
    /// The lake has no such table.
    #[error("the lake has no table '{0}'")]
    NoTable(String),
    /// A version that the table does not have, or whose log has been trimmed.
    #[error("table {table} has no readable version {version}")]
    NoVersion {
        /// The table.
        table: String,
        /// The version asked for.
        version: u64,
    },
    /// Rows do not fit the table.
    #[error("table {table}: {reason}")]
    Schema {
        /// The table.
        table: String,
        /// What does not fit.
        reason: String,
    },
    /// Another owner of the same task has taken over.
    #[error("table {table}: '{app}' is at {found:?}, this owner expected {expected:?}: another owner has taken over")]
    Fenced {
        /// The table.
        table: String,
        /// The application id of the task.
        app: String,
        /// What this owner last committed.
        expected: Option<i64>,
        /// What the table says.
        found: Option<i64>,
    },
    /// Rows came with another ordinal than the sink wants next.
    #[error("sink '{app}' wants ordinal {wanted} next, got {got}")]
    Ordinal {
        /// The application id of the task.
        app: String,
        /// The next ordinal.
        wanted: u64,
        /// The batch's first.
        got: u64,
    },
    /// A file or a log entry that cannot be what this crate wrote.
    #[error("{place}: {reason}")]
    Corrupt {
        /// The file or table.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A key that is in the table twice.
    #[error("klines hold {symbol} {} more than once in version {version}", time::format(*.open_time))]
    Doubled {
        /// The symbol.
        symbol: String,
        /// Its open time.
        open_time: Micros,
        /// The version read.
        version: String,
    },
    /// The work was dropped before its outcome was known.
    #[error("the commit to table {0} was interrupted; its outcome is in the table")]
    Interrupted(String),
    /// The storage failed.
    #[error("storage: {0}")]
    Store(Arc<object_store::Error>),
    /// The table log failed.
    #[error("table log: {0}")]
    Delta(Arc<deltalake::DeltaTableError>),
    /// A file could not be written or read.
    #[error("parquet: {0}")]
    Parquet(Arc<parquet::errors::ParquetError>),
    /// Columns could not be computed.
    #[error("columns: {0}")]
    Arrow(Arc<arrow::error::ArrowError>),
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Location { .. } | Error::Name(_) | Error::NoTable(_) | Error::NoVersion { .. } => Fault::User,
            Error::Schema { .. } => Fault::User,
            Error::Ordinal { .. } | Error::Arrow(_) => Fault::Internal,
            _ => Fault::External,
        }
    }

    /// Whether the same call may succeed later.
    pub fn retry(&self) -> bool {
        matches!(self, Error::Store(_) | Error::Delta(_) | Error::Interrupted(_))
    }

    pub(crate) fn corrupt(place: impl Into<String>, reason: impl ToString) -> Self {
        Error::Corrupt { place: place.into(), reason: reason.to_string() }
    }
}

impl From<Error> for ConnectorError {
    fn from(error: Error) -> Self {
        ConnectorError::new(error.fault(), error.retry(), error)
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        Error::Store(Arc::new(error))
    }
}

impl From<deltalake::DeltaTableError> for Error {
    fn from(error: deltalake::DeltaTableError) -> Self {
        Error::Delta(Arc::new(error))
    }
}

impl From<parquet::errors::ParquetError> for Error {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Error::Parquet(Arc::new(error))
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Error::Arrow(Arc::new(error))
    }
}
