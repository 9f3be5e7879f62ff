//! What can go wrong with a query, and whose fault it is.

use arrow::error::ArrowError;
use candleflow_schema::Fault;
use datafusion::{
    common::{DataFusionError, DataFusionError as E, SchemaError, TableReference},
    sql::sqlparser::parser::ParserError,
};
use std::{fmt, time::Duration};

/// A limit that a query has hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Rows of the answer.
    Rows(usize),
    /// Bytes of the answer.
    Bytes(usize),
    /// Time from asking to the last row.
    Time(Duration),
    /// Memory that joins, sorts and aggregates share.
    Memory,
    /// Characters of the text.
    Length(usize),
    /// Words and signs of the text.
    Tokens(usize),
    /// Operators of the text.
    Operators(usize),
}

impl Limit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Rows(_) => "rows",
            Limit::Bytes(_) => "bytes",
            Limit::Time(_) => "time",
            Limit::Memory => "memory",
            Limit::Length(_) => "length",
            Limit::Tokens(_) => "tokens",
            Limit::Operators(_) => "operators",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Rows(n) => write!(f, "the answer has more than {n} rows: aggregate, filter or add LIMIT"),
            Limit::Bytes(n) => write!(f, "the answer has more than {n} bytes: ask for fewer columns or rows"),
            Limit::Time(t) => write!(f, "the query took longer than {} s: filter by symbol and time", t.as_secs_f64()),
            Limit::Memory => write!(f, "the query needs more memory than queries may use: filter or aggregate first"),
            Limit::Length(n) => write!(f, "the text of the query is longer than {n} bytes"),
            Limit::Tokens(n) => write!(f, "the query has more than {n} words and signs"),
            Limit::Operators(n) => write!(f, "the query has more than {n} operators"),
        }
    }
}

/// Why a query has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// Not SQL.
    #[error("cannot read the query: {0}")]
    Syntax(String),
    /// None, or several statements.
    #[error("one statement is answered at a time, found {0}")]
    Statements(usize),
    /// A statement that is not a query.
    #[error("{0} is refused: this SQL only reads, use SELECT, EXPLAIN, SHOW TABLES or DESCRIBE")]
    Refused(String),
    /// A file, a URL or a function in the place of a table.
    #[error("'{0}' is refused: only tables of the lake can be read, never files, URLs or table functions")]
    Outside(String),
    /// No such table.
    #[error("the lake has no table '{name}', it has {}", known.join(", "))]
    NoTable {
        /// As asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A column, function or type that does not fit.
    #[error("cannot plan the query: {0}")]
    Plan(String),
    /// A value that cannot be computed.
    #[error("the query failed: {0}")]
    Execution(String),
    /// A limit was hit.
    #[error("limit of {name}: {limit}", name = .0.name(), limit = .0)]
    Limit(Limit),
    /// The lake cannot be read.
    #[error("cannot read the lake: {0}")]
    Lake(String),
    /// The engine has a mistake.
    #[error("internal error: {0}")]
    Internal(String),
    /// The query was ended before its answer was.
    #[error("the query was stopped")]
    Stopped,
}

impl QueryError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            QueryError::Lake(_) => Fault::External,
            QueryError::Internal(_) | QueryError::Stopped => Fault::Internal,
            _ => Fault::User,
        }
    }

    /// Whether it says that this table is not there.
    pub(super) fn speaks_of(&self, table: &TableReference) -> bool {
        let QueryError::Plan(text) = self else { return false };
        let named = [format!(".{}' not found", table.table()), format!("'{}' not found", table.table())];
        text.contains("table '") && named.iter().any(|n| text.contains(n))
    }
}

impl From<Limit> for QueryError {
    fn from(limit: Limit) -> Self {
        QueryError::Limit(limit)
    }
}

impl From<candleflow_functions::NameError> for QueryError {
    fn from(error: candleflow_functions::NameError) -> Self {
        QueryError::Plan(error.to_string())
    }
}

impl From<candleflow_lake::Error> for QueryError {
    fn from(error: candleflow_lake::Error) -> Self {
        QueryError::Lake(error.to_string())
    }
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        let text = plain(&error);
        match error.find_root() {
            E::SQL(inner, _) => QueryError::Syntax(match inner.as_ref() {
                ParserError::TokenizerError(said) | ParserError::ParserError(said) => said.clone(),
                ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
            }),
            E::ResourcesExhausted(_) => Limit::Memory.into(),
            E::SchemaError(inner, _) => QueryError::Plan(schema_error(inner)),
            E::Plan(_) | E::NotImplemented(_) | E::Configuration(_) => QueryError::Plan(text),
            E::ArrowError(inner, _) if is_of_storage(inner) => QueryError::Lake(text),
            E::ArrowError(..) | E::Execution(_) => QueryError::Execution(text),
            E::External(_) | E::ObjectStore(_) | E::ParquetError(_) | E::IoError(_) => QueryError::Lake(text),
            _ => QueryError::Internal(text),
        }
    }
}

/// Whether rows could not be read, rather than computed.
fn is_of_storage(error: &ArrowError) -> bool {
    matches!(
        error,
        ArrowError::ExternalError(_) | ArrowError::IoError(..) | ArrowError::ParquetError(_) | ArrowError::IpcError(_)
    )
}

/// The innermost message, without DataFusion's words before it.
fn plain(error: &DataFusionError) -> String {
    let text = error.find_root().strip_backtrace();
    let words = ["Error during planning: ", "Execution error: ", "External error: ", "Arrow error: "];
    let mut rest = text.as_str();
    while let Some(shorter) = words.iter().find_map(|w| rest.strip_prefix(w)) {
        rest = shorter;
    }
    rest.trim_end().to_owned()
}

fn schema_error(error: &SchemaError) -> String {
    error.to_string().trim_start_matches("Schema error: ").trim_end_matches('.').to_owned()
}
