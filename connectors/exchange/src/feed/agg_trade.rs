//! The cursor of a stream of aggregate trades.

use super::Event;
use crate::{
    market::Market,
    path::{self, Part},
};
use candleflow_schema::Micros;
use std::collections::VecDeque;

/// How long after a trade its event is sent.
const SENDING: Micros = 1_000;

/// Where a stream of aggregate trades is on the tape.
#[derive(Debug)]
pub(crate) struct AggCursor {
    listing: usize,
    bar: usize,
    parts: VecDeque<(i64, (i64, i64), Part)>,
    after: Micros,
}

impl AggCursor {
    /// A cursor whose first event is the first after `after`.
    pub(crate) fn new(market: &Market, listing: usize, after: Micros) -> Self {
        let opens = market.listings()[listing].bars.open_times();
        // Two bars back is early enough for bars that overlap their successor.
        let bar = opens.partition_point(|o| *o <= after).saturating_sub(2);
        Self { listing, bar, parts: VecDeque::new(), after }
    }

    /// The next event; `None` at the end of the tape.
    pub(crate) fn next(&mut self, market: &Market) -> Option<(Micros, Event)> {
        loop {
            while let Some((id, ids, part)) = self.parts.pop_front() {
                let time = part.time + SENDING;
                if time > self.after {
                    return Some((time, Event::AggTrade { part, id, ids }));
                }
            }
            let listing = &market.listings()[self.listing];
            if self.bar >= listing.bars.len() {
                return None;
            }
            let ticks = listing.bars.ticks(self.bar, market.interval(), listing.instrument.step);
            let (mut trade, aggregate) = listing.bars.before(self.bar);
            for (part, id) in path::parts(&ticks).into_iter().zip(i64::from(aggregate) + 1..) {
                self.parts.push_back((id, (trade + 1, trade + part.trades), part));
                trade += part.trades;
            }
            self.bar += 1;
        }
    }
}
