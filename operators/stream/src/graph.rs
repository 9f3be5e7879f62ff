//! Operators as a graph over the columns of one key: what several strategies use is computed once.
//!
//! ```text
//!  bars ─► columns of the intake ─► level 0: ema(close, 5), ema(close, 20) ─► level 1: crossover(..) ─► ...
//! ```
//! A [`Node`] is an operator that appends columns, over a batch of only its own inputs; so its values are those that it
//! would give inside a chain. The nodes of a level need nothing of each other. State: that of the operators.

use crate::{
    columns::values,
    operator::{Emit, Operator, OperatorError},
};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::SchemaRef,
};
use candleflow_kernels::strategy::{CrossUp, Lean, Signals};

const NAME: &str = "graph";

/// Where an input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A column that all have: the intake's, then those of shared nodes in order.
    Shared(usize),
    /// A column of one strategy's own nodes, in order.
    Own(usize),
}

/// An operator that appends columns to its inputs.
pub struct Node {
    operator: Box<dyn Operator>,
    inputs: Vec<Origin>,
    schema: SchemaRef,
}

impl Node {
    /// `operator`, made for rows of `schema`, whose columns are `inputs`.
    pub fn new(operator: Box<dyn Operator>, schema: SchemaRef, inputs: Vec<Origin>) -> Self {
        Self { operator, inputs, schema }
    }

    /// How many columns it appends.
    pub fn outputs(&self) -> usize {
        self.operator.schema().fields().len() - self.schema.fields().len()
    }

    /// No snapshot of it is larger, and its state is about as large.
    pub fn state_bound(&self) -> usize {
        self.operator.state_bound()
    }

    /// The columns that it appends for the next rows.
    ///
    /// # Errors
    /// The operator's, or when a column does not fit.
    pub fn process(&mut self, shared: &[ArrayRef], own: &[ArrayRef]) -> Result<Vec<ArrayRef>, OperatorError> {
        let batch = batch(&self.schema, self.inputs.iter().map(|from| from.column(shared, own)))?;
        let mut emit = Emit::default();
        self.operator.process(batch, &mut emit)?;
        let first = self.inputs.len();
        Ok(emit.rows.first().map_or_else(Vec::new, |rows| rows.columns()[first..].to_vec()))
    }
}

impl Origin {
    /// The column itself.
    pub fn column<'c>(&self, shared: &'c [ArrayRef], own: &'c [ArrayRef]) -> &'c ArrayRef {
        match *self {
            Origin::Shared(at) => &shared[at],
            Origin::Own(at) => &own[at],
        }
    }
}

/// One parameter set on one key.
pub struct SetOfKey {
    /// What it alone computes, in order.
    pub nodes: Vec<Node>,
    /// What it does with its columns.
    pub trader: Trader,
}

/// What is true on some bars.
pub enum Signal {
    /// A column that is neither zero nor NULL.
    Column(Origin),
    /// The first column crosses above the second.
    CrossUp(Origin, Origin, CrossUp),
}

impl Signal {
    /// Adds the bars after the first `skip` to words, 64 bars a word.
    ///
    /// # Errors
    /// When a column holds neither numbers nor truths.
    pub fn add(
        &mut self,
        shared: &[ArrayRef],
        own: &[ArrayRef],
        skip: usize,
        words: &mut [u64],
    ) -> Result<(), OperatorError> {
        match self {
            Signal::Column(column) => {
                let column = column.column(shared, own);
                let found = truths(&column.slice(skip, column.len() - skip))?;
                words.iter_mut().zip(found).for_each(|(word, more)| *word |= more);
            }
            Signal::CrossUp(a, b, crossing) => {
                let (a, b) = (values(NAME, a.column(shared, own))?, values(NAME, b.column(shared, own))?);
                crossing.skip(&a[..skip], &b[..skip]);
                crossing.add(&a[skip..], &b[skip..], words);
            }
        }
        Ok(())
    }
}

/// Where a column is true, as words.
fn truths(column: &ArrayRef) -> Result<Vec<u64>, OperatorError> {
    let Some(truths) = column.as_boolean_opt() else {
        return Ok(Signals::words(&values(NAME, column)?).collect());
    };
    let bits = match truths.nulls() {
        Some(nulls) => truths.values() & nulls.inner(),
        None => truths.values().clone(),
    };
    Ok(bits.bit_chunks().iter_padded().take(column.len().div_ceil(64)).collect())
}

/// How a set trades.
pub enum Trader {
    /// By signals alone: the fast path.
    Lean {
        /// The strategy.
        lean: Box<Lean>,
        /// What an entry is.
        entry: Vec<Signal>,
        /// What an exit is.
        exit: Vec<Signal>,
    },
    /// By the engine, bar by bar.
    Full {
        /// The strategy's operator.
        strategy: Box<dyn Operator>,
        /// The schema of its rows.
        schema: SchemaRef,
        /// Their columns.
        columns: Vec<Origin>,
    },
}

/// Columns as rows of a schema.
///
/// # Errors
/// When they do not fit it.
pub fn batch<'c>(
    schema: &SchemaRef,
    columns: impl Iterator<Item = &'c ArrayRef>,
) -> Result<RecordBatch, OperatorError> {
    RecordBatch::try_new(schema.clone(), columns.cloned().collect())
        .map_err(|error| OperatorError::Columns { operator: NAME, error })
}
