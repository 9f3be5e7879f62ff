//! The contract of every operator.

use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use candleflow_kernels::strategy::{Engine, EquityRow, Finish, OrderRow, TradeRow};
use candleflow_schema::Micros;
use std::fmt;

/// A named output of a pipeline beside its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// What became of every order.
    Orders,
    /// One row per round trip.
    Trades,
    /// One row per bar.
    Equity,
    /// The rows themselves with all their columns.
    Columns,
}

impl Output {
    /// Every output.
    pub const ALL: [Output; 4] = [Output::Orders, Output::Trades, Output::Equity, Output::Columns];

    /// Its name in files, tables and digests.
    pub fn name(self) -> &'static str {
        match self {
            Output::Orders => "orders",
            Output::Trades => "trades",
            Output::Equity => "equity",
            Output::Columns => "columns",
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operator gives.
#[derive(Debug, Default)]
pub struct Emit {
    /// Rows for the next operator of the chain.
    pub rows: Vec<RecordBatch>,
    /// What leaves the chain.
    pub given: Given,
}

/// What leaves a chain.
#[derive(Debug, Default)]
pub struct Given {
    /// Rows of named outputs, in order.
    pub outputs: Vec<(Output, RecordBatch)>,
    /// The account, bar by bar, for the statistics of the whole run.
    pub steps: Vec<Step>,
    /// How the account stands at the end of the input.
    pub finish: Option<Finish>,
    /// Rows that meet those of other keys.
    pub rows: Vec<RecordBatch>,
    /// What a reader of the result should know, counted up to the end of the input.
    pub notes: Notes,
}

impl Given {
    /// Adds what came later.
    pub fn append(&mut self, mut later: Given) {
        self.outputs.append(&mut later.outputs);
        self.steps.append(&mut later.steps);
        self.finish = later.finish.or(self.finish.take());
        self.rows.append(&mut later.rows);
        self.notes.add(later.notes);
    }
}

/// Bars on which the engine had less than it was asked to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// Bars under `path: detail` that were run without finer bars.
    pub without_detail: u64,
    /// Bars before the first row of the exchange's filters, run with that row.
    pub before_filters: u64,
    /// Entries of a target that were added to the one before: its position had [`MOST_LOTS`].
    ///
    /// [`MOST_LOTS`]: candleflow_kernels::strategy::MOST_LOTS
    pub absorbed: u64,
}

impl Notes {
    pub(crate) fn of(engine: &Engine) -> Self {
        let (without_detail, before_filters, absorbed) = engine.notes();
        Self { without_detail, before_filters, absorbed }
    }

    /// Of each count, the larger one.
    #[must_use]
    pub fn most(self, other: Notes) -> Self {
        Self {
            without_detail: self.without_detail.max(other.without_detail),
            before_filters: self.before_filters.max(other.before_filters),
            absorbed: self.absorbed.max(other.absorbed),
        }
    }

    /// Adds those of another account.
    pub fn add(&mut self, other: Notes) {
        self.without_detail += other.without_detail;
        self.before_filters += other.before_filters;
        self.absorbed += other.absorbed;
    }
}

/// Closes of the symbols that had a bar.
#[derive(Debug, Clone, PartialEq)]
pub enum Closes {
    /// Of the account's only symbol.
    One(f64),
    /// Of some of its symbols, by their places.
    Some(Vec<(usize, f64)>),
}

/// One event time of an account: its equity, and what happened to orders and trades.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The account after the bar.
    pub equity: EquityRow,
    /// What the market did.
    pub closes: Closes,
    /// What became of orders.
    pub orders: Vec<OrderRow>,
    /// Round trips that ended.
    pub trades: Vec<TradeRow>,
}

/// What can go wrong in an operator; all of it stops the task.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Columns that do not fit each other: a mistake in planning.
    #[error("{operator}: {error}")]
    Columns {
        /// The operator.
        operator: &'static str,
        /// Arrow's own words.
        error: ArrowError,
    },
    /// A column that is missing or has another type than was planned.
    #[error("{operator}: input lacks the column '{column}' of type {expected}")]
    Missing {
        /// The operator.
        operator: &'static str,
        /// The column.
        column: String,
        /// Its type.
        expected: &'static str,
    },
    /// A snapshot that this operator did not write.
    #[error("{operator}: cannot restore: {reason}")]
    Restore {
        /// The operator.
        operator: &'static str,
        /// Why.
        reason: String,
    },
    /// A value that the mathematics refuses.
    #[error("{operator}: {reason}")]
    Value {
        /// The operator.
        operator: &'static str,
        /// Why, with the row.
        reason: String,
    },
}

/// One step of a chain: the five laws of [`laws`](crate::laws) hold for it.
///
/// Rows come in event time, one key a chain. `process` may be called with batches of any size; its results must not
/// depend on where they are cut.
pub trait Operator: Send {
    /// Its kind, for errors and graphs.
    fn name(&self) -> &'static str;

    /// What it computes, in one line for `explain`.
    fn describe(&self) -> String;

    /// The schema of the rows that it gives to the next operator.
    fn schema(&self) -> SchemaRef;

    /// Takes rows.
    ///
    /// # Errors
    /// See [`OperatorError`]; the operator must not be used afterwards.
    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError>;

    /// No row at or before `time` will follow, though none came.
    ///
    /// # Errors
    /// As [`process`](Operator::process).
    fn advance(&mut self, _time: Micros, _out: &mut Emit) -> Result<(), OperatorError> {
        Ok(())
    }

    /// The input has ended. What is emitted now exists only because of that.
    ///
    /// # Errors
    /// As [`process`](Operator::process).
    fn finish(&mut self, _out: &mut Emit) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Rows that it has left out because they came too late.
    fn dropped(&self) -> u64 {
        0
    }

    /// Appends all of its state.
    fn snapshot(&self, out: &mut Vec<u8>);

    /// Takes its state off the front of `bytes`, written by an operator that was made with the same parameters.
    ///
    /// # Errors
    /// When the bytes are not its own.
    fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), OperatorError>;

    /// No snapshot is ever larger than this.
    fn state_bound(&self) -> usize;
}

/// Little-endian integers off the front of a snapshot.
pub(crate) fn take<const N: usize>(operator: &'static str, bytes: &mut &[u8]) -> Result<[u8; N], OperatorError> {
    let (head, tail) = bytes
        .split_first_chunk::<N>()
        .ok_or_else(|| OperatorError::Restore { operator, reason: "the snapshot ends too early".into() })?;
    *bytes = tail;
    Ok(*head)
}
