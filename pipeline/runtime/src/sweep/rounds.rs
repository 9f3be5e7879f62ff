//! Where sets have one account over all keys: rows wait, once for all sets, until every key is known up to their time.
//!
//! ```text
//!  key 0   ●──●──●──●            known to 40   ┐
//!  key 1   ●──●                  known to 20   ├─► a round: all rows up to 20, to every set
//!  key 2   ●──●──●               known to 30   ┘
//! ```
//! What an account finds does not depend on how rows are cut into rounds. State: at most two slices a key, as the key
//! that is furthest behind is read next.

use arrow::array::{Array, ArrayRef};
use candleflow_schema::Micros;
use std::collections::VecDeque;

/// Columns of a key, with the event times of their rows.
struct Part {
    times: Vec<Micros>,
    columns: Vec<ArrayRef>,
}

#[derive(Default)]
struct Lane {
    parts: VecDeque<Part>,
    known: Option<Micros>,
}

/// Rows of all keys on their way to the sets.
pub(super) struct Rounds {
    lanes: Vec<Lane>,
}

/// Rows that all sets take now.
pub(super) struct Round {
    /// Every key is known up to here.
    pub(super) known: Micros,
    /// Each key's shared columns, each key's rows in order.
    pub(super) rows: Vec<(usize, Vec<ArrayRef>)>,
}

impl Rounds {
    pub(super) fn new(keys: usize) -> Self {
        Self { lanes: (0..keys).map(|_| Lane::default()).collect() }
    }

    /// Takes rows of a key.
    pub(super) fn push(&mut self, key: usize, times: Vec<Micros>, columns: Vec<ArrayRef>) {
        self.lanes[key].parts.push_back(Part { times, columns });
    }

    /// No row of this key at or before `time` will follow.
    pub(super) fn known(&mut self, key: usize, time: Micros) {
        let lane = &mut self.lanes[key];
        lane.known = lane.known.max(Some(time));
    }

    /// The rows up to where all keys are known, if there are any.
    pub(super) fn take(&mut self) -> Option<Round> {
        let known = self.lanes.iter().map(|lane| lane.known).min()??;
        let mut rows = Vec::new();
        for (key, lane) in self.lanes.iter_mut().enumerate() {
            while let Some(part) = lane.parts.front_mut() {
                let (count, all) = (part.times.partition_point(|time| *time <= known), part.times.len());
                if count == 0 {
                    break;
                }
                rows.push((key, part.columns.iter().map(|column| column.slice(0, count)).collect()));
                if count < all {
                    part.times.drain(..count);
                    part.columns = part.columns.iter().map(|column| column.slice(count, all - count)).collect();
                    break;
                }
                lane.parts.pop_front();
            }
        }
        (!rows.is_empty()).then_some(Round { known, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    fn push(rounds: &mut Rounds, key: usize, times: &[Micros]) {
        rounds.push(key, times.to_vec(), vec![Arc::new(Int64Array::from(times.to_vec()))]);
        rounds.known(key, times[times.len() - 1]);
    }

    fn taken(rounds: &mut Rounds) -> Vec<(usize, Vec<Micros>)> {
        let round = rounds.take();
        let rows = round.into_iter().flat_map(|round| round.rows);
        rows.map(|(key, columns)| (key, columns[0].as_primitive::<Int64Type>().values().to_vec())).collect()
    }

    #[test]
    fn rows_go_when_every_key_is_known_up_to_them() {
        let mut rounds = Rounds::new(2);
        push(&mut rounds, 0, &[10, 20, 30]);
        push(&mut rounds, 0, &[40]);
        assert_eq!(taken(&mut rounds), [], "nothing is known of key 1");
        push(&mut rounds, 1, &[15, 20]);
        assert_eq!(taken(&mut rounds), [(0, vec![10, 20]), (1, vec![15, 20])]);
        rounds.known(1, 29);
        assert_eq!(taken(&mut rounds), []);
        rounds.known(1, Micros::MAX);
        assert_eq!(taken(&mut rounds), [(0, vec![30]), (0, vec![40])]);
    }
}
