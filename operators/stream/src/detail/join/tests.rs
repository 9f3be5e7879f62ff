//! What leaves is what a reader of both whole inputs would attach, however they come.

use super::*;
use crate::laws::{Seeded, market};
use arrow::{array::AsArray, compute::concat_batches};
use proptest::prelude::*;

const MINUTE: Micros = 60_000_000;

/// Finer bars of a market's bars, a fifth of a minute each: some are missing, some lie where no bar is.
fn finer(bars: &RecordBatch, seed: u64) -> Vec<BarInput> {
    let mut seeded = Seeded::new(seed);
    let bars = super::super::bars(bars).unwrap();
    let mut all = Vec::new();
    for (i, bar) in bars.iter().enumerate() {
        let end = bars.get(i + 1).map_or(bar.time + MINUTE, |next| next.open_time);
        for open in (bar.open_time..end.min(bar.time + 2 * MINUTE)).step_by(12_000_000) {
            if seeded.below(7) > 0 {
                all.push(BarInput::new(open, open + 12_000_000, [bar.open; 4], None));
            }
        }
    }
    all
}

/// What each bar takes, bar by bar.
fn naive(bars: &RecordBatch, finer: &[BarInput], from: Micros) -> RecordBatch {
    let inside = |bar: &BarInput| {
        let within = |f: &&BarInput| bar.time > from && f.time > bar.open_time && f.time <= bar.time;
        finer.iter().filter(within).copied().collect::<Vec<_>>()
    };
    attach(bars, &super::super::bars(bars).unwrap().iter().map(inside).collect::<Vec<_>>()).unwrap()
}

struct Fed {
    bars: RecordBatch,
    finer: Vec<BarInput>,
    at: (usize, usize),
}

proptest! {
    #[test]
    fn what_leaves_does_not_depend_on_who_comes_first(seed: u64, lanes in proptest::collection::vec(0usize..2, 3)) {
        let mut seeded = Seeded::new(seed);
        let mut fed: Vec<Fed> = (0..lanes.len() as u64)
            .map(|key| {
                let bars = market(&key.to_string(), seed ^ key, 30);
                let finer = finer(&bars, seed ^ key);
                Fed { bars, finer, at: (0, 0) }
            })
            .collect();
        let from = if seeded.below(2) == 0 { Micros::MIN } else { super::super::bars(&fed[0].bars).unwrap()[10].time };
        let mut join = Join::new(&lanes, from);
        let mut left: Vec<Vec<RecordBatch>> = vec![Vec::new(); lanes.len()];
        let mut came: Vec<Vec<usize>> = vec![Vec::new(); 2];
        let mut went: Vec<Vec<usize>> = vec![Vec::new(); 2];
        while fed.iter().any(|f| f.at != (f.bars.num_rows(), f.finer.len())) {
            let key = seeded.below(lanes.len() as u64) as usize;
            let Fed { bars, finer, at } = &mut fed[key];
            let n = 1 + seeded.below(7) as usize;
            if seeded.below(3) == 0 {
                let n = n.min(bars.num_rows() - at.0);
                join.rows(key, bars.slice(at.0, n));
                at.0 += n;
                came[lanes[key]].extend(std::iter::repeat_n(key, n));
            } else {
                let n = n.min(finer.len() - at.1);
                join.finer(key, finer[at.1..at.1 + n].iter().copied()).unwrap();
                at.1 += n;
                if at.1 == finer.len() {
                    join.finer_complete(key, Micros::MAX);
                }
            }
            while let Some(joined) = join.pop().unwrap() {
                let Joined::Rows(rows) = joined else { panic!("nobody was complete") };
                let key: usize = rows.column(0).as_string::<i32>().value(0).parse().unwrap();
                went[lanes[key]].extend(std::iter::repeat_n(key, rows.num_rows()));
                left[key].push(rows);
            }
        }
        prop_assert!(join.is_empty() && join.bars() == 0);
        prop_assert_eq!(came, went, "each lane in its order");
        for (fed, left) in fed.iter().zip(&left) {
            let whole = naive(&fed.bars, &fed.finer, from);
            prop_assert_eq!(&concat_batches(&whole.schema(), left).unwrap(), &whole);
        }
    }
}

#[test]
fn a_bar_waits_until_its_finer_bars_are_known_and_holds_up_its_lane_alone() {
    let bars = market("X", 1, 2);
    let of = super::super::bars(&bars).unwrap();
    let mut join = Join::new(&[0, 0, 1], Micros::MIN);
    join.rows(0, bars.slice(0, 1));
    join.complete(1, 5);
    join.complete(2, 7);
    assert_eq!(join.pop().unwrap(), Some(Joined::Complete { key: 2, time: 7 }));
    assert_eq!(join.pop().unwrap(), None);
    assert_eq!(join.wants().collect::<Vec<_>>(), [0]);
    join.finer_complete(0, of[0].time - 1);
    assert_eq!(join.pop().unwrap(), None);
    join.finer_complete(0, of[0].time);
    assert!(matches!(join.pop().unwrap(), Some(Joined::Rows(rows)) if rows.num_rows() == 1));
    assert_eq!(join.pop().unwrap(), Some(Joined::Complete { key: 1, time: 5 }));
    assert!(join.is_empty());
}

#[test]
fn finer_bars_that_no_bar_comes_for_end_in_an_error_with_the_key() {
    let mut join = Join::new(&[0, 1], Micros::MIN);
    let bar = |t: i64| BarInput::new(t, t + 1, [1; 4], None);
    assert_eq!(join.finer(1, (0..MOST_FINER as i64).map(bar)), Ok(()));
    assert_eq!(join.finer(0, [bar(0)]), Err(TooMany { key: 1, passed: Micros::MIN }));
}
