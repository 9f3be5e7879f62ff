//! What REST shows at a moment: rows of klines and the last price, as pure functions of the tape.
//!
//! | asked | rows, always ascending |
//! |---|---|
//! | neither bound | the newest `limit` |
//! | from | the oldest from there on |
//! | to | the newest up to there |
//! | both | the oldest from there on, none past `to` |
//!
//! Bounds speak of open times and are inclusive. The last row is normally the one in progress.

use crate::{
    aggregate::Row,
    grid::{Fit, Grid},
    market::{Listing, Market},
    path,
};
use candleflow_schema::Micros;

/// Which rows are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) from: Option<Micros>,
    pub(crate) to: Option<Micros>,
    pub(crate) limit: usize,
}

impl Market {
    /// The rows of a listing as of `at`; none where the grid does not fit the market's bars.
    pub(crate) fn rows(&self, listing: &Listing, grid: Grid, range: Range, at: Micros) -> Vec<Row> {
        let opens = listing.bars.open_times();
        let until = |bound: Micros| opens.partition_point(|o| *o < bound);
        let fit = grid.fit(self.interval());
        let from = match (fit, range.from) {
            (_, None) => 0,
            (Fit::Resample, Some(from)) => {
                let open = grid.open_of(from);
                until(if open < from { grid.close_of(open) } else { open })
            }
            (_, Some(from)) => until(from),
        };
        let mut to = self.visible(listing, at);
        if let Some(bound) = range.to {
            to = to.min(match fit {
                Fit::Resample => until(grid.close_of(grid.open_of(bound))),
                _ => until(bound.saturating_add(1)),
            });
        }
        match fit {
            Fit::None => vec![],
            _ if from >= to => vec![],
            Fit::Same => {
                let (from, to) = match range.from {
                    Some(_) => (from, to.min(from + range.limit)),
                    None => (to.saturating_sub(range.limit).max(from), to),
                };
                (from..to).filter_map(|i| self.state(listing, i, at)).collect()
            }
            Fit::Resample => self.resampled(listing, grid, range, from, to, at),
        }
    }

    fn resampled(&self, listing: &Listing, grid: Grid, range: Range, from: usize, to: usize, at: Micros) -> Vec<Row> {
        let opens = listing.bars.open_times();
        let mut start = from;
        if range.from.is_none() {
            start = to;
            for _ in 0..range.limit {
                if start <= from {
                    break;
                }
                let open = grid.open_of(opens[start - 1]);
                start = opens[..start].partition_point(|o| *o < open).max(from);
            }
        }
        let mut rows = Vec::new();
        while start < to && rows.len() < range.limit {
            let open = grid.open_of(opens[start]);
            let close = grid.close_of(open);
            let next = start + opens[start..to].partition_point(|o| *o < close);
            let mut sum: Option<Row> = None;
            for row in (start..next).filter_map(|i| self.state(listing, i, at)) {
                match &mut sum {
                    Some(sum) => sum.absorb(&row),
                    None => sum = Some(Row { open_time: open, close, ..row }),
                }
            }
            rows.extend(sum);
            start = next.max(start + 1);
        }
        rows
    }

    /// How many bars of a listing can be seen at `at`, the one in progress included.
    fn visible(&self, listing: &Listing, at: Micros) -> usize {
        let mut n = listing.bars.open_times().partition_point(|o| *o <= at);
        while n > 0 && self.state(listing, n - 1, at).is_none() {
            n -= 1;
        }
        n
    }

    /// Bar `i` of a listing as of `at`.
    pub(crate) fn state(&self, listing: &Listing, i: usize, at: Micros) -> Option<Row> {
        let row = listing.bars.row(i, self.interval());
        if at >= row.close {
            return Some(row);
        }
        let ticks = path::ticks(&row, listing.instrument.step);
        path::state(&row, &ticks, at)
    }

    /// The last price at `at`; none before the first trade.
    pub(crate) fn price(&self, listing: &Listing, at: Micros) -> Option<i64> {
        let last = self.visible(listing, at).checked_sub(1)?;
        self.state(listing, last, at).map(|row| row.prices.close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{grid::interval, market::tests::minutes};
    use proptest::prelude::*;

    const MINUTE: Micros = 60_000_000;

    fn market(at: impl IntoIterator<Item = i64>) -> Market {
        Market::replay(minutes("AUSDT", at)).unwrap()
    }

    fn opens(market: &Market, of: &str, from: Option<i64>, to: Option<i64>, limit: usize, at: Micros) -> Vec<i64> {
        let grid = Grid::utc(interval(of).unwrap());
        let rows = market.rows(&market.listings()[0], grid, Range { from, to, limit }, at);
        rows.iter().map(|r| r.open_time / MINUTE).collect()
    }

    #[test]
    fn the_range_table_holds() {
        let m = market((0..10).chain(20..30));
        let s = |minute: i64| Some(minute * MINUTE);
        let late = 100 * MINUTE;
        for (from, to, limit, expected) in [
            (None, None, 3, vec![27, 28, 29]),
            (s(3), None, 3, vec![3, 4, 5]),
            (None, s(5), 3, vec![3, 4, 5]),
            (s(3), s(5), 10, vec![3, 4, 5]),
            (s(3), s(9), 2, vec![3, 4]),
            (s(5), s(5), 10, vec![5]),
            (s(5).map(|t| t + 1), None, 2, vec![6, 7]),
            (None, s(5).map(|t| t - 1), 2, vec![3, 4]),
            (None, s(5).map(|t| t + 1), 2, vec![4, 5]),
            (s(10), s(19), 10, vec![]),
            (s(8), None, 4, vec![8, 9, 20, 21]),
            (None, s(20), 3, vec![8, 9, 20]),
            (s(40), None, 5, vec![]),
            (s(6), s(5), 5, vec![]),
        ] {
            assert_eq!(opens(&m, "1m", from, to, limit, late), expected, "{from:?} {to:?} {limit}");
        }
        for (from, to, limit, expected) in [
            (None, None, 2, vec![20, 25]),
            (s(3), None, 2, vec![5, 20]),
            (None, s(9), 9, vec![0, 5]),
            (None, s(5), 9, vec![0, 5]),
            (None, s(5).map(|t| t - 1), 9, vec![0]),
            (s(5), s(24), 9, vec![5, 20]),
        ] {
            assert_eq!(opens(&m, "5m", from, to, limit, late), expected, "5m {from:?} {to:?} {limit}");
        }
    }

    #[test]
    fn the_last_row_is_in_progress_and_the_future_is_not_shown() {
        let m = market(0..10);
        let at = 4 * MINUTE + 30_000_000;
        assert_eq!(opens(&m, "1m", None, None, 2, at), [3, 4]);
        assert_eq!(opens(&m, "1m", None, None, 2, 4 * MINUTE), [2, 3], "nothing was traded in it yet");
        assert_eq!(opens(&m, "1s", None, None, 2, at), [0i64; 0]);
        let rows =
            m.rows(&m.listings()[0], Grid::utc(interval("5m").unwrap()), Range { from: None, to: None, limit: 9 }, at);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].open_time, rows[0].close), (0, 5 * MINUTE));
        assert_eq!(rows[0].volume, 4 * 1_000_000_000 + 500_000_000);
        assert_eq!(m.price(&m.listings()[0], at), Some(10_100_000_000));
        assert_eq!(m.price(&m.listings()[0], -1), None);
    }

    proptest! {
        #[test]
        fn rows_of_any_range_are_those_of_a_plain_filter(
            skip in proptest::collection::vec(1i64..9, 1..60),
            from in proptest::option::of(-5i64..200), to in proptest::option::of(-5i64..200),
            limit in 1usize..12, at in 0i64..400, of in 0usize..3,
        ) {
            let minutes: Vec<i64> = skip.iter().scan(0, |m, s| { *m += s; Some(*m) }).collect();
            let m = market(minutes.iter().copied());
            let (name, length) = [("1m", 1), ("5m", 5), ("1h", 60)][of];
            let at_time = at * MINUTE / 2;
            let half = |v: i64| v * MINUTE / 2;
            let mut expected: Vec<i64> = minutes.iter()
                .filter(|t| **t * MINUTE + 1_000_000 <= at_time)
                .map(|t| t / length * length)
                .filter(|o| from.is_none_or(|f| o * MINUTE >= half(f)) && to.is_none_or(|t| o * MINUTE <= half(t)))
                .collect();
            expected.dedup();
            if from.is_some() { expected.truncate(limit) } else { expected.drain(..expected.len().saturating_sub(limit)); }
            prop_assert_eq!(opens(&m, name, from.map(half), to.map(half), limit, at_time), expected);
        }
    }
}
