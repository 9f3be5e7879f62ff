//! The probability of backtest overfitting, from what every set left of its returns.

use super::{ask, study::shuffled};
use crate::exit::usage;
use arrow::{
    array::AsArray,
    datatypes::{Float64Type, Int64Type},
};
use candleflow_kernels::metrics::{BLOCKS, Overfitting, ReturnBlock, overfitting};
use candleflow_lake::Lake;
use std::collections::BTreeMap;

/// Sets that are compared: each costs 12,870 looks at 16 blocks. Of more, so many are drawn.
const COMPARED: usize = 2_000;
/// They are drawn alike each time.
const SEED: u64 = 1;

/// What was found, and over how many sets of how many.
pub(crate) struct Overfit {
    pub(crate) found: Overfitting,
    pub(crate) compared: usize,
    pub(crate) sets: usize,
}

impl Overfit {
    /// Compares sets; `None` for fewer than two.
    pub(crate) fn of(sets: &[[ReturnBlock; BLOCKS]]) -> Option<Overfit> {
        let taken: Vec<_> = drawn(sets.len()).into_iter().map(|place| sets[place]).collect();
        let found = overfitting(&taken)?;
        Some(Overfit { found, compared: taken.len(), sets: sets.len() })
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let of = if self.compared < self.sets { format!(" ({} of them, drawn)", self.compared) } else { String::new() };
        format!(
            "{:.3} probability of overfitting over {} sets{of}; the best of one half ranks {:.2} in the other (1 is best)",
            self.found.probability, self.sets, self.found.mean_rank
        )
    }
}

/// Places that are compared, rising: all where they are few. No step through a grid decides which values are seen.
fn drawn(sets: usize) -> Vec<usize> {
    if sets <= COMPARED {
        return (0..sets).collect();
    }
    let mut places: Vec<usize> =
        (0..COMPARED as u64).map(|place| shuffled(SEED, sets as u64, place) as usize).collect();
    places.sort_unstable();
    places
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_a_parameter_is_among_the_sets_that_are_drawn() {
        // A grid of 2,000 times 5: every fifth set has the same last parameter.
        let mut places = drawn(10_000);
        for value in 0..5 {
            let share = places.iter().filter(|place| *place % 5 == value).count();
            assert!((300..500).contains(&share), "value {value}: {share} of {COMPARED}");
        }
        places.dedup();
        assert_eq!(places.len(), COMPARED);
        assert_eq!(drawn(3), [0, 1, 2]);
    }
}
