//! The cursor of a kline stream.

use super::{CLOSING, Event};
use crate::{
    aggregate::Row,
    config::EmptyBars,
    grid::{Fit, Grid},
    market::{Listing, Market},
    path::{self, Ticks},
};
use candleflow_schema::{Interval, Micros, time::SECOND};

/// Where a kline stream is on the tape: in a bucket, with the bars of it that have closed already summed.
#[derive(Debug)]
pub(crate) struct KlineCursor {
    listing: usize,
    grid: Grid,
    fit: Fit,
    period: Micros,
    /// Whether bars without trades are closed by an event.
    empty: bool,
    /// The bucket's bars are `first..past`; those before `current` are in `sum`.
    first: usize,
    past: usize,
    open: Micros,
    close: Micros,
    current: usize,
    sum: Option<Row>,
    bar: Option<(usize, Row, Ticks)>,
    last: Micros,
}

impl KlineCursor {
    /// A cursor whose first event is the first after `after`; `None` where the market has no such bars.
    pub(crate) fn new(market: &Market, listing: usize, grid: Grid, after: Micros, empty: EmptyBars) -> Option<Self> {
        let fit = grid.fit(market.interval());
        let second = grid.interval == Interval::Fixed(SECOND);
        let period = if second { SECOND } else { 2 * SECOND };
        let empty = match empty {
            EmptyBars::Seconds => second,
            EmptyBars::Always => true,
            EmptyBars::Never => false,
        };
        if fit == Fit::None {
            return None;
        }
        let mut cursor = Self {
            listing,
            grid,
            fit,
            period,
            empty,
            first: 0,
            past: 0,
            open: 0,
            close: 0,
            current: 0,
            sum: None,
            bar: None,
            last: after.div_euclid(period) * period,
        };
        let here = &market.listings()[listing];
        let opens = here.bars.open_times();
        // Two buckets back is early enough for bars that overlap their successor; what is over is then skipped.
        let mut start = opens.partition_point(|o| *o <= after);
        for _ in 0..2 {
            if let Some(before) = start.checked_sub(1) {
                start = match fit {
                    Fit::Same => before,
                    _ => opens.partition_point(|o| *o < grid.open_of(opens[before])),
                };
            }
        }
        cursor.enter(here, start);
        while cursor.first < here.bars.len() && cursor.done_at(market, here) <= after {
            cursor.enter(here, cursor.past);
        }
        Some(cursor)
    }

    /// The next event; `None` at the end of the tape.
    pub(crate) fn next(&mut self, market: &Market) -> Option<(Micros, Event)> {
        let listing = &market.listings()[self.listing];
        while self.first < listing.bars.len() {
            if let Some(push) = self.next_push(market, listing) {
                let row = self.state(market, listing, push)?;
                self.last = push;
                return Some((push, Event::Kline { row, closed: false }));
            }
            let done = self.done_at(market, listing).max(self.last);
            let row = self.state(market, listing, Micros::MAX)?;
            self.enter(listing, self.past);
            if row.volume > 0 || self.empty {
                self.last = done;
                return Some((done, Event::Kline { row, closed: true }));
            }
        }
        None
    }

    /// Begins the bucket whose first bar is `first`.
    fn enter(&mut self, listing: &Listing, first: usize) {
        let opens = listing.bars.open_times();
        (self.first, self.past, self.current, self.sum) = (first, first, first, None);
        let Some(open) = opens.get(first) else { return };
        if self.fit == Fit::Same {
            (self.open, self.close, self.past) = (*open, self.grid.interval.close_of(*open), first + 1);
        } else {
            self.open = self.grid.open_of(*open);
            self.close = self.grid.close_of(self.open);
            self.past = first + opens[first..].partition_point(|o| *o < self.close);
        }
    }

    /// When the bucket's closing event is sent: a bar off the grid may outlast its bucket.
    fn done_at(&self, market: &Market, listing: &Listing) -> Micros {
        let last = listing.bars.open_times()[self.past - 1];
        self.close.max(market.interval().close_of(last)) + CLOSING
    }

    /// The first push after the last event at which something has changed, if it comes before the close.
    fn next_push(&mut self, market: &Market, listing: &Listing) -> Option<Micros> {
        for i in self.current..self.past {
            let last = self.last;
            let (_, ticks) = self.look(market, listing, i);
            let tick = ticks.as_slice().iter().find(|t| t.time > last).map(|t| t.time);
            if let Some(tick) = tick {
                let push = (tick + self.period - 1).div_euclid(self.period) * self.period;
                return (push < self.done_at(market, listing) - CLOSING).then_some(push);
            }
        }
        None
    }

    /// The bucket as of `at`.
    fn state(&mut self, market: &Market, listing: &Listing, at: Micros) -> Option<Row> {
        while self.current < self.past {
            let (row, _) = self.look(market, listing, self.current);
            if row.close > at {
                break;
            }
            let row = row.clone();
            absorb(&mut self.sum, &row);
            self.current += 1;
        }
        let mut sum = self.sum.clone();
        for i in self.current..self.past {
            if listing.bars.open_times()[i] > at {
                break;
            }
            let (row, ticks) = self.look(market, listing, i);
            if let Some(part) = path::state(row, ticks, at) {
                absorb(&mut sum, &part);
            }
        }
        sum.map(|row| Row { open_time: self.open, close: self.close, ..row })
    }

    /// Bar `i` and how it comes about, computed once while it is looked at.
    fn look(&mut self, market: &Market, listing: &Listing, i: usize) -> (&Row, &Ticks) {
        if self.bar.as_ref().is_some_and(|(at, ..)| *at != i) {
            self.bar = None;
        }
        let (_, row, ticks) = self.bar.get_or_insert_with(|| {
            let row = listing.bars.row(i, market.interval());
            let ticks = path::ticks(&row, listing.instrument.step);
            (i, row, ticks)
        });
        (row, ticks)
    }
}

fn absorb(sum: &mut Option<Row>, row: &Row) {
    match sum {
        Some(sum) => sum.absorb(row),
        None => *sum = Some(row.clone()),
    }
}
