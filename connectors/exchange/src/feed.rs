//! What a connection's streams send, in order: a heap of cursors over the tape.
//!
//! ```text
//!  kline_1m   ticks  1s   21s   37s   53s │          aggTrade: each tick at once
//!  pushes           2s   22s  38s   54s   │ +1ms x:true
//! ```
//! A kline stream pushes at whole multiples of two seconds (one second for `1s`), and only where something changed since
//! the push before; the closing event comes a millisecond after the bar. A longer stream does the same for its bucket,
//! from the same ticks. A bar that does not exist has no events.
//!
//! The state is one cursor per stream and is made from the tape alone: a subscription that begins at some moment gives
//! from then on the same events, whoever subscribes.

mod agg_trade;
mod kline;
pub(crate) mod name;

use crate::{aggregate::Row, config::EmptyBars, market::Market, path::Part};
use agg_trade::AggCursor;
use candleflow_schema::Micros;
use kline::KlineCursor;
use name::{Kind, StreamName};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// How long after a bar its closing event is sent.
pub(crate) const CLOSING: Micros = 1_000;

/// Something that a stream sends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A row of klines.
    Kline {
        /// As of the moment of the event.
        row: Row,
        /// Whether it is final.
        closed: bool,
    },
    /// An aggregate trade.
    AggTrade {
        /// What was traded.
        part: Part,
        /// Its id.
        id: i64,
        /// The first and the last trade in it.
        ids: (i64, i64),
    },
}

impl Event {
    /// The event with one lot less of volume: what an exchange said before it revised the bar.
    pub(crate) fn less(&self, step: i64) -> Event {
        let mut event = self.clone();
        if let Event::Kline { row, .. } = &mut event {
            row.volume = (row.volume - i128::from(step)).max(0);
        }
        event
    }
}

/// A stream that somebody subscribed.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) stream: StreamName,
    cursor: Cursor,
    next: (Micros, Event),
}

#[derive(Debug)]
enum Cursor {
    Kline(Box<KlineCursor>),
    Agg(AggCursor),
}

impl Cursor {
    fn next(&mut self, market: &Market) -> Option<(Micros, Event)> {
        match self {
            Cursor::Kline(cursor) => cursor.next(market),
            Cursor::Agg(cursor) => cursor.next(market),
        }
    }
}

/// The streams of one connection that the market has.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    slots: BTreeMap<u64, Slot>,
    heap: BinaryHeap<Reverse<(Micros, u64)>>,
    by_name: BTreeMap<String, u64>,
    subscribed: u64,
}

impl Feed {
    /// Subscribes a stream from `after` on. Streams that the market does not have stay silent.
    pub(crate) fn subscribe(&mut self, market: &Market, name: &str, after: Micros, empty: EmptyBars) {
        if self.by_name.contains_key(name) {
            return;
        }
        let Some(stream) = StreamName::parse(name, market) else { return };
        let mut cursor = match stream.kind {
            Kind::AggTrade => Cursor::Agg(AggCursor::new(market, stream.listing, after)),
            Kind::Kline(grid) => match KlineCursor::new(market, stream.listing, grid, after, empty) {
                Some(cursor) => Cursor::Kline(Box::new(cursor)),
                None => return,
            },
        };
        self.subscribed += 1;
        let id = self.subscribed;
        self.by_name.insert(name.to_owned(), id);
        if let Some(next) = cursor.next(market) {
            self.heap.push(Reverse((next.0, id)));
            self.slots.insert(id, Slot { stream, cursor, next });
        }
    }

    /// Ends a stream.
    pub(crate) fn unsubscribe(&mut self, name: &str) {
        if let Some(id) = self.by_name.remove(name) {
            self.slots.remove(&id);
        }
    }

    /// How many streams the market has of those subscribed.
    pub(crate) fn streams(&self) -> usize {
        self.by_name.len()
    }

    /// When the next event is due; `None` when nothing is left.
    pub(crate) fn due(&mut self) -> Option<Micros> {
        while let Some(Reverse((time, id))) = self.heap.peek() {
            if self.slots.contains_key(id) {
                return Some(*time);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the next event: at one moment, in the order in which the streams were subscribed.
    pub(crate) fn pop(&mut self, market: &Market, take: impl FnOnce(&StreamName, Micros, &Event)) {
        self.due();
        let Some(Reverse((time, id))) = self.heap.pop() else { return };
        let Some(slot) = self.slots.get_mut(&id) else { return };
        take(&slot.stream, time, &slot.next.1);
        match slot.cursor.next(market) {
            Some(next) => {
                self.heap.push(Reverse((next.0, id)));
                slot.next = next;
            }
            None => drop(self.slots.remove(&id)),
        }
    }
}

#[cfg(test)]
mod tests;
