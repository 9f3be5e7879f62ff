//! What a chain gave over some input, and where two such things differ.

use crate::{
    chain::Chain,
    operator::{Given, Output, Step},
};
use arrow::{array::RecordBatch, compute::concat_batches};
use candleflow_kernels::strategy::Finish;
use candleflow_schema::{Micros, tables::time_of};
use std::{collections::BTreeMap, fmt};

/// All rows of every output, and of it those that came from `finish`.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Rows that came with the input, by output.
    pub rows: BTreeMap<Output, RecordBatch>,
    /// Rows that came because it ended.
    pub last: BTreeMap<Output, RecordBatch>,
    /// The account, bar by bar.
    pub steps: Vec<Step>,
    /// The account at the end.
    pub finish: Option<Finish>,
}

/// Where two observations differ first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The output; `None` for the account, whose rows nobody asked for.
    pub output: Option<Output>,
    /// Whether it is among the rows that exist only because the input ended.
    pub last: bool,
    /// The first column of that output that differs; `None` where one has more rows.
    pub column: Option<String>,
    /// The first row that differs, and its event time where there is one.
    pub row: usize,
    /// Its event time.
    pub time: Option<Micros>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.output.map_or("the account", Output::name);
        let last = if self.last { ".final" } else { "" };
        match &self.column {
            Some(column) => write!(f, "column '{column}' of {of}{last} differs at row {}", self.row),
            None => write!(f, "{of}{last} differs from row {} on", self.row),
        }
    }
}

impl Observed {
    /// Where `other` differs from this, if it does. Columns come before what a strategy makes of them.
    pub fn difference(&self, other: &Observed) -> Option<Difference> {
        let rows = differs(&self.rows, &other.rows, false);
        let steps = || self.step_difference(other, self.steps.len().max(other.steps.len()));
        let end = || {
            let bars = self.steps.len();
            differ(&self.finish, &other.finish).then_some(Difference {
                output: None,
                last: true,
                column: None,
                row: bars,
                time: None,
            })
        };
        rows.or_else(steps).or_else(|| differs(&self.last, &other.last, true)).or_else(end)
    }

    /// Where this does not begin with `prefix`, if so. Rows that exist only because an input ended do not count.
    pub fn begins_with(&self, prefix: &Observed) -> Option<Difference> {
        for (output, part) in &prefix.rows {
            let whole = self.rows.get(output);
            let n = part.num_rows();
            let found = match whole {
                Some(whole) => rows_differ(*output, &whole.slice(0, n.min(whole.num_rows())), part, false),
                None => Some(Difference {
                    output: Some(*output),
                    last: false,
                    column: None,
                    row: 0,
                    time: time_of(part, 0),
                }),
            };
            if found.is_some() {
                return found;
            }
        }
        self.step_difference(prefix, prefix.steps.len())
    }

    fn step_difference(&self, other: &Observed, most: usize) -> Option<Difference> {
        let row = (0..most).find(|i| differ(&self.steps.get(*i), &other.steps.get(*i)))?;
        let time = self.steps.get(row).or(other.steps.get(row)).map(|s| s.equity.time);
        Some(Difference { output: None, last: false, column: None, row, time })
    }
}

/// Whether two values differ; NaN, which is NULL, is equal to itself. Doubles print as what they are.
fn differ<T: PartialEq + fmt::Debug>(a: &T, b: &T) -> bool {
    a != b && format!("{a:?}") != format!("{b:?}")
}

fn differs(a: &BTreeMap<Output, RecordBatch>, b: &BTreeMap<Output, RecordBatch>, last: bool) -> Option<Difference> {
    // The rows themselves first: what trades is made of them.
    let order = [Output::Columns, Output::Orders, Output::Trades, Output::Equity];
    order.into_iter().find_map(|output| match (a.get(&output), b.get(&output)) {
        (Some(x), Some(y)) => rows_differ(output, x, y, last),
        (None, None) => None,
        (Some(rows), None) | (None, Some(rows)) => {
            Some(Difference { output: Some(output), last, column: None, row: 0, time: time_of(rows, 0) })
        }
    })
}

/// The first column that differs over the rows that both have, else the first row that one lacks.
pub fn rows_differ(output: Output, a: &RecordBatch, b: &RecordBatch, last: bool) -> Option<Difference> {
    if a == b {
        return None;
    }
    let both = a.num_rows().min(b.num_rows());
    let of = |column: usize| (0..both).find(|i| a.column(column).slice(*i, 1) != b.column(column).slice(*i, 1));
    let differing = (0..a.num_columns().min(b.num_columns()))
        .filter(|c| a.column(*c).slice(0, both) != b.column(*c).slice(0, both))
        .find_map(|c| of(c).map(|row| (c, row)));
    Some(match differing {
        Some((column, row)) => {
            let name = a.schema().field(column).name().clone();
            Difference { output: Some(output), last, column: Some(name), row, time: time_of(a, row) }
        }
        None => {
            let time = time_of(a, both).or_else(|| time_of(b, both));
            Difference { output: Some(output), last, column: None, row: both, time }
        }
    })
}

/// Why a chain could not be observed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlawful {
    /// It cannot be made, or fails on its input.
    #[error("{0}")]
    Failed(String),
    /// Law 2: a snapshot is not taken back as it was.
    #[error("law 2: {0}")]
    Restored(String),
    /// Law 5: a snapshot is larger than was stated.
    #[error("law 5: {size} bytes of state, {bound} were stated")]
    TooLarge {
        /// What it has.
        size: usize,
        /// What was stated.
        bound: usize,
    },
}

impl From<Unlawful> for String {
    fn from(error: Unlawful) -> String {
        error.to_string()
    }
}

/// Gives `input` to a fresh chain in batches of these sizes, in turn, with a snapshot into another fresh chain at each of
/// `cuts` (rows from the start).
///
/// # Errors
/// When the chain fails, a snapshot is not taken back as it was (law 2) or is too large (law 5).
pub fn observe(
    make: &dyn Fn() -> Result<Chain, String>,
    input: &RecordBatch,
    sizes: &[usize],
    cuts: &[usize],
) -> Result<Observed, Unlawful> {
    let make = || make().map_err(Unlawful::Failed);
    let failed = |e: crate::operator::OperatorError| Unlawful::Failed(e.to_string());
    let mut chain = make()?;
    let mut rows = Given::default();
    let (mut at, mut sizes) = (0, sizes.iter().cycle());
    while at < input.num_rows() {
        let next_cut = cuts.iter().filter(|c| **c > at).min().copied().unwrap_or(usize::MAX);
        let size = (*sizes.next().unwrap_or(&1)).min(input.num_rows() - at).min(next_cut - at);
        rows.append(chain.process(input.slice(at, size)).map_err(failed)?);
        at += size;
        if cuts.contains(&at) {
            let bytes = chain.snapshot();
            chain = make()?;
            chain.restore(&bytes).map_err(|e| Unlawful::Restored(e.to_string()))?;
            if chain.snapshot() != bytes {
                return Err(Unlawful::Restored("a restored chain saves other bytes".into()));
            }
        }
        let (size, bound) = (chain.snapshot().len(), chain.state_bound());
        if size > bound {
            return Err(Unlawful::TooLarge { size, bound });
        }
    }
    let last = chain.finish().map_err(failed)?;
    let all = |outputs| gather(outputs).map_err(Unlawful::Failed);
    Ok(Observed { rows: all(rows.outputs)?, last: all(last.outputs)?, steps: rows.steps, finish: last.finish })
}

/// Rows by output, each as one batch.
pub(super) fn gather(rows: Vec<(Output, RecordBatch)>) -> Result<BTreeMap<Output, RecordBatch>, String> {
    let mut by_output: BTreeMap<Output, Vec<RecordBatch>> = BTreeMap::new();
    rows.into_iter().filter(|(_, b)| b.num_rows() > 0).for_each(|(o, b)| by_output.entry(o).or_default().push(b));
    let concat = |(output, batches): (Output, Vec<RecordBatch>)| {
        concat_batches(&batches[0].schema(), &batches).map(|b| (output, b)).map_err(|e| e.to_string())
    };
    by_output.into_iter().map(concat).collect()
}
