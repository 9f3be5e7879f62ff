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
use candleflow_kernels::strategy::{Coded, Hearing, Lean, Rule, Signals, Stood};
use std::borrow::Cow;

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

/// A set that trades by signals alone: what its rules are made of.
pub struct LeanRules {
    /// The strategy.
    pub lean: Box<Lean>,
    /// Rules that are true where a column is neither zero nor NULL.
    columns: Vec<(Rule, Origin)>,
    pairs: Vec<Pair>,
}

/// Two columns that cross, and the rules that are true where they do.
struct Pair {
    first: Origin,
    second: Origin,
    stood: Stood,
    /// Where the first comes to be above the second.
    up: Vec<Rule>,
    down: Vec<Rule>,
}

impl LeanRules {
    /// A strategy whose rules are not known yet.
    pub fn new(lean: Lean) -> Self {
        Self { lean: Box::new(lean), columns: Vec::new(), pairs: Vec::new() }
    }

    /// A rule is true where a column is.
    pub fn column(&mut self, rule: Rule, column: Origin) {
        self.columns.push((rule, column));
    }

    /// A rule is true where the first column comes to be above the second.
    pub fn crosses(&mut self, rule: Rule, above: Origin, below: Origin) {
        for pair in &mut self.pairs {
            if (pair.first, pair.second) == (above, below) {
                return pair.up.push(rule);
            }
            if (pair.first, pair.second) == (below, above) {
                return pair.down.push(rule);
            }
        }
        let pair = Pair { first: above, second: below, stood: Stood::default(), up: vec![rule], down: Vec::new() };
        self.pairs.push(pair);
    }

    /// What the rules say on the next rows: those that `crossing` took, of which the first after its warm-up is bar
    /// `start` of the market.
    ///
    /// # Errors
    /// When a column holds neither numbers nor truths.
    pub fn hear(
        &mut self,
        shared: &[ArrayRef],
        own: &[ArrayRef],
        crossing: &Taken<'_>,
        start: usize,
    ) -> Result<Hearing, OperatorError> {
        let (mut hearing, skip) = (Hearing::default(), crossing.skip);
        hearing.begin(start, crossing.bars());
        for (rule, column) in &self.columns {
            let column = column.column(shared, own);
            let truths = truths(&column.slice(skip, column.len() - skip))?;
            hearing.words(*rule).iter_mut().zip(truths).for_each(|(word, more)| *word |= more);
        }
        for Pair { first, second, stood, up, down } in &mut self.pairs {
            let found = |place: usize, above: u64, below: u64| {
                up.iter().for_each(|rule| hearing.words(*rule)[place] |= above);
                down.iter().for_each(|rule| hearing.words(*rule)[place] |= below);
            };
            if let (Some((a, first)), Some((b, second))) = (crossing.of(*first), crossing.of(*second)) {
                stood.skip(&first[..skip], &second[..skip]);
                crossing.coded.cross((a, &first[skip..]), (b, &second[skip..]), stood, found);
            } else {
                let (first, second) = (first.column(shared, own), second.column(shared, own));
                let (first, second) = (values(NAME, first)?, values(NAME, second)?);
                stood.skip(&first[..skip], &second[..skip]);
                stood.cross(&first[skip..], &second[skip..], found);
            }
        }
        hearing.settle();
        Ok(hearing)
    }
}

/// Shared columns that cross each other in some set: they are coded once for all sets.
#[derive(Default)]
pub struct Crossing {
    columns: Vec<usize>,
    /// The place among `columns` of each shared column.
    places: Vec<Option<usize>>,
    coded: Coded,
}

/// The rows that all sets hear now.
pub struct Taken<'a> {
    rows: usize,
    /// Rows of warm-up.
    skip: usize,
    places: &'a [Option<usize>],
    values: Vec<Cow<'a, [f64]>>,
    coded: &'a Coded,
}

impl Crossing {
    /// Of the pairs that these sets compare.
    pub fn of<'s>(sets: impl Iterator<Item = &'s SetOfKey>) -> Self {
        let mut crossing = Crossing::default();
        for set in sets {
            let Trader::Lean(rules) = &set.trader else { continue };
            for pair in &rules.pairs {
                if let (Origin::Shared(first), Origin::Shared(second)) = (pair.first, pair.second) {
                    crossing.columns.extend([first, second]);
                }
            }
        }
        crossing.columns.sort_unstable();
        crossing.columns.dedup();
        crossing.places.resize(crossing.columns.last().map_or(0, |last| last + 1), None);
        for (place, column) in crossing.columns.iter().enumerate() {
            crossing.places[*column] = Some(place);
        }
        crossing
    }

    /// The next rows, of which the first `skip` are warm-up.
    ///
    /// # Errors
    /// When a column holds neither numbers nor truths.
    pub fn take<'a>(&'a mut self, shared: &'a [ArrayRef], skip: usize) -> Result<Taken<'a>, OperatorError> {
        let rows = shared.first().map_or(0, |column| column.len());
        let values = self.columns.iter().map(|column| values(NAME, &shared[*column])).collect::<Result<Vec<_>, _>>()?;
        self.coded.take(&values.iter().map(|column| &column[skip..]).collect::<Vec<_>>());
        Ok(Taken { rows, skip, places: &self.places, values, coded: &self.coded })
    }
}

impl Taken<'_> {
    /// Rows that are no warm-up.
    pub fn bars(&self) -> usize {
        self.rows - self.skip
    }

    fn of(&self, column: Origin) -> Option<(usize, &[f64])> {
        let Origin::Shared(column) = column else { return None };
        let place = (*self.places.get(column)?)?;
        Some((place, &self.values[place]))
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
    Lean(LeanRules),
    /// By the engine, bar by bar.
    Full {
        /// The strategy's operator.
        strategy: Box<dyn Operator>,
        /// The schema of its rows.
        schema: SchemaRef,
        /// Their columns.
        columns: Vec<Origin>,
    },
    /// In one account with the other keys, to which these rows go.
    Meets {
        /// The schema of the rows.
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
