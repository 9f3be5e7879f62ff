//! The one total order in which rows of several keys meet: event time, then the order in which keys are listed.
//!
//! ```text
//!  key 0   10 ── 20 ──────── 40      complete 45
//!  key 1   10 ────── 30                               released: (10,0) (10,1) (20,0) (30,1)
//!                                                     held:     (40,0) until key 1 passes 39
//! ```
//! A row is released when no key can still bring one that belongs before it. What a key may still bring is known from
//! its *watermark*: the event time of its last row, or of a `complete` record. Time on the wall plays no part, so live
//! and history give the same order. Requires that each key's rows rise strictly in event time; holds at most what the
//! slowest key is behind.

use crate::time::Micros;
use std::collections::VecDeque;

struct Lane<T> {
    rows: VecDeque<(Micros, T)>,
    watermark: Micros,
}

/// Rows of several keys on their way into one order.
pub struct Merge<T> {
    lanes: Vec<Lane<T>>,
    held: usize,
}

/// A row that is not later than its key's watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row at {time} of key {key} is not later than the key's watermark {watermark}")]
pub struct NotLater {
    /// The key, by its place in the list.
    pub key: usize,
    /// The row's event time.
    pub time: Micros,
    /// Where the key already was.
    pub watermark: Micros,
}

impl<T> Merge<T> {
    /// A merge of `keys` keys, none of which has brought anything yet.
    pub fn new(keys: usize) -> Self {
        let lane = || Lane { rows: VecDeque::new(), watermark: Micros::MIN };
        Self { lanes: (0..keys).map(|_| lane()).collect(), held: 0 }
    }

    /// Takes a row of a key.
    ///
    /// # Errors
    /// When the row is not later than what the key already brought or declared complete; nothing changes then.
    pub fn push(&mut self, key: usize, time: Micros, row: T) -> Result<(), NotLater> {
        let lane = &mut self.lanes[key];
        if time <= lane.watermark {
            return Err(NotLater { key, time, watermark: lane.watermark });
        }
        lane.rows.push_back((time, row));
        lane.watermark = time;
        self.held += 1;
        Ok(())
    }

    /// No row of this key with event time at or before `time` will follow.
    pub fn complete(&mut self, key: usize, time: Micros) {
        let lane = &mut self.lanes[key];
        lane.watermark = lane.watermark.max(time);
    }

    /// The key brings nothing more.
    pub fn end(&mut self, key: usize) {
        self.lanes[key].watermark = Micros::MAX;
    }

    /// The next row in total order, if it is certain that none belongs before it.
    pub fn pop(&mut self) -> Option<(usize, Micros, T)> {
        let (time, key) = self.lanes.iter().enumerate().filter_map(|(k, l)| Some((l.rows.front()?.0, k))).min()?;
        let certain =
            self.lanes.iter().enumerate().all(|(other, lane)| {
                !lane.rows.is_empty() || lane.watermark >= if other < key { time } else { time - 1 }
            });
        if !certain {
            return None;
        }
        let (time, row) = self.lanes[key].rows.pop_front()?;
        self.held -= 1;
        Some((key, time, row))
    }

    /// How far all keys are known: every row at or before this time has been pushed.
    pub fn watermark(&self) -> Micros {
        self.lanes.iter().map(|l| l.watermark).min().unwrap_or(Micros::MAX)
    }

    /// How many rows of a key wait.
    pub fn waiting(&self, key: usize) -> usize {
        self.lanes[key].rows.len()
    }

    /// Per key, its watermark and the rows that wait, oldest first.
    pub fn lanes(&self) -> impl Iterator<Item = (Micros, impl ExactSizeIterator<Item = (Micros, &T)>)> {
        self.lanes.iter().map(|lane| (lane.watermark, lane.rows.iter().map(|(time, row)| (*time, row))))
    }

    /// How many rows wait.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The key that is furthest behind: the one to read next.
    pub fn slowest(&self) -> Option<usize> {
        self.lanes.iter().enumerate().min_by_key(|(k, l)| (l.watermark, *k)).map(|(k, _)| k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(merge: &mut Merge<()>) -> Vec<(Micros, usize)> {
        std::iter::from_fn(|| merge.pop()).map(|(key, time, ())| (time, key)).collect()
    }

    #[test]
    fn a_row_waits_until_no_key_can_bring_an_earlier_one() {
        let mut merge = Merge::new(2);
        for (key, time) in [(0, 10), (0, 20), (0, 40), (1, 10), (1, 30)] {
            merge.push(key, time, ()).unwrap();
        }
        assert_eq!(drain(&mut merge), [(10, 0), (10, 1), (20, 0), (30, 1)]);
        merge.complete(1, 38);
        assert_eq!(drain(&mut merge), []);
        merge.complete(1, 39);
        assert_eq!(drain(&mut merge), [(40, 0)]);
        assert_eq!(merge.push(1, 39, ()), Err(NotLater { key: 1, time: 39, watermark: 39 }));
    }

    #[test]
    fn a_tie_goes_to_the_key_listed_first_even_if_it_arrives_last() {
        let mut merge = Merge::new(2);
        merge.push(1, 10, ()).unwrap();
        merge.complete(0, 9);
        assert_eq!(drain(&mut merge), []);
        merge.push(0, 10, ()).unwrap();
        assert_eq!(drain(&mut merge), [(10, 0), (10, 1)]);
    }

    proptest! {
        #[test]
        fn the_order_does_not_depend_on_arrival(
            steps in proptest::collection::vec((0usize..4, 1i64..5), 1..200),
            seed in proptest::collection::vec(0usize..4, 1..400),
        ) {
            let mut rows: Vec<Vec<Micros>> = vec![vec![]; 4];
            for (key, step) in steps {
                let last = rows[key].last().copied().unwrap_or(0);
                rows[key].push(last + step);
            }
            let mut expected: Vec<_> = rows.iter().enumerate().flat_map(|(k, r)| r.iter().map(move |t| (*t, k))).collect();
            expected.sort_unstable();
            let mut merge = Merge::new(4);
            let mut next = [0; 4];
            let mut got = vec![];
            for key in seed.into_iter().chain((0..4).flat_map(|k| std::iter::repeat_n(k, 200))) {
                if let Some(time) = rows[key].get(next[key]) {
                    merge.push(key, *time, ()).unwrap();
                    next[key] += 1;
                    got.extend(drain(&mut merge));
                }
            }
            (0..4).for_each(|k| merge.end(k));
            got.extend(drain(&mut merge));
            prop_assert_eq!(got, expected);
            prop_assert_eq!(merge.held(), 0);
        }
    }
}
