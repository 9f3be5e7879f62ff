//! The probability of backtest overfitting, from what every set left of its returns.

use super::ask;
use crate::exit::usage;
use arrow::{
    array::AsArray,
    datatypes::{Float64Type, Int64Type},
};
use candleflow_kernels::metrics::{BLOCKS, Overfitting, ReturnBlock, overfitting};
use candleflow_lake::Lake;
use std::collections::BTreeMap;

/// Sets that are compared: each costs 12,870 looks at 16 blocks. Of more, so many are taken, evenly.
const COMPARED: usize = 2_000;

/// What was found, and over how many sets of how many.
pub(crate) struct Overfit {
    pub(crate) found: Overfitting,
    pub(crate) compared: usize,
    pub(crate) sets: usize,
}

impl Overfit {
    /// Compares sets; `None` for fewer than two.
    pub(crate) fn of(sets: &[[ReturnBlock; BLOCKS]]) -> Option<Overfit> {
        let step = sets.len().div_ceil(COMPARED).max(1);
        let taken: Vec<_> = sets.iter().step_by(step).copied().collect();
        let found = overfitting(&taken)?;
        Some(Overfit { found, compared: taken.len(), sets: sets.len() })
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let of =
            if self.compared < self.sets { format!(" ({} of them, evenly)", self.compared) } else { String::new() };
        format!(
            "{:.3} probability of overfitting over {} sets{of}; the best of one half ranks {:.2} in the other (1 is best)",
            self.found.probability, self.sets, self.found.mean_rank
        )
    }
}

/// The sets of a sweep.
pub(crate) async fn of_sets(lake: &Lake, run_id: &str) -> anyhow::Result<Vec<[ReturnBlock; BLOCKS]>> {
    if !run_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err(usage(format!("'{run_id}' is not the id of a run")));
    }
    let mut sets: BTreeMap<i64, [ReturnBlock; BLOCKS]> = BTreeMap::new();
    if !lake.tables().await?.iter().any(|t| t == "return_blocks") {
        return Ok(Vec::new());
    }
    let sql =
        format!("select \"set\", block, \"count\", \"sum\", squares from return_blocks where run_id = '{run_id}'");
    for batch in ask(lake, &sql).await? {
        let int = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let float = |column: usize| batch.column(column).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let blocks = sets.entry(int(0).value(row)).or_default();
            if let Some(block) = usize::try_from(int(1).value(row)).ok().and_then(|place| blocks.get_mut(place)) {
                let count = u64::try_from(int(2).value(row)).unwrap_or(0);
                *block = ReturnBlock { count, sum: float(3).value(row), squares: float(4).value(row) };
            }
        }
    }
    Ok(sets.into_values().collect())
}
