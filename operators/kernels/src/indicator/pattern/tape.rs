//! How a pattern walks over candles: chunk by chunk, with the candles before a chunk in front of it.
//!
//! ```text
//!   [ 16 candles before ][ up to 128 candles of the chunk ]      one line each for open, high, low, close,
//!                                                                body, range and shadows
//! ```
//! Bar by bar, each candle is written behind the last, and when the chunk is full its end moves to the front. Over
//! columns a chunk is filled in one go, and every pass over it is a loop without branches. Only the totals are one
//! addition after the other in both forms, so their bits are the same.

use super::candles::{At, Look, Range, Seen, lower, upper};
use crate::indicator::kernel::Step;
use crate::indicator::{Io, State, StateError};
use std::array;

/// Candles before a chunk that a pattern and its totals can reach.
pub(super) const PAST: usize = 16;
/// Candles of a chunk.
pub(super) const CHUNK: usize = 128;

type Line = [f64; PAST + CHUNK];

/// Candles in order of time, by their parts. Lines begin where vectors do.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Tape {
    pub(super) open: Line,
    pub(super) high: Line,
    pub(super) low: Line,
    pub(super) close: Line,
    /// By [`Range`], where somebody asks for it.
    ranges: [Line; 3],
    asked: [bool; 3],
}

impl Tape {
    fn new(seen: &[Seen]) -> Self {
        let line = [0.0; PAST + CHUNK];
        let mut asked = [false; 3];
        for seen in seen {
            asked[seen.size.range as usize] = true;
        }
        Self { open: line, high: line, low: line, close: line, ranges: [line; 3], asked }
    }

    /// Writes candles from row `at` on, and measures them.
    #[inline(always)]
    fn put(&mut self, at: usize, [open, high, low, close]: [&[f64]; 4]) {
        let rows = at..at + open.len();
        self.open[rows.clone()].copy_from_slice(open);
        self.high[rows.clone()].copy_from_slice(high);
        self.low[rows.clone()].copy_from_slice(low);
        self.close[rows.clone()].copy_from_slice(close);
        let [body, span, shadows] = self.ranges.each_mut().map(|line| &mut line[rows.clone()]);
        let [of_body, of_span, of_shadows] = self.asked;
        for k in 0..if of_body { rows.len() } else { 0 } {
            body[k] = (close[k] - open[k]).abs();
        }
        for k in 0..if of_span { rows.len() } else { 0 } {
            span[k] = high[k] - low[k];
        }
        for k in 0..if of_shadows { rows.len() } else { 0 } {
            let candle = [open[k], high[k], low[k], close[k]];
            shadows[k] = upper(candle) + lower(candle);
        }
    }

    /// Moves the last candles to the front, given how many the chunk has.
    #[inline(always)]
    fn turn(&mut self, rows: usize) {
        for line in [&mut self.open, &mut self.high, &mut self.low, &mut self.close] {
            line.copy_within(rows..rows + PAST, 0);
        }
        for (line, _) in self.ranges.iter_mut().zip(self.asked).filter(|(_, asked)| *asked) {
            line.copy_within(rows..rows + PAST, 0);
        }
    }

    #[inline(always)]
    fn ranges(&self, range: Range) -> &Line {
        &self.ranges[range as usize]
    }
}

/// A pattern at work.
#[derive(Clone)]
pub(super) struct Pattern<const N: usize, L> {
    begin: usize,
    first: usize,
    seen: [Seen; N],
    look: L,
    totals: [f64; N],
    /// Rows so far, not counted beyond the first value.
    row: usize,
    tape: Box<Tape>,
    usual: Box<[[f64; CHUNK]; N]>,
    /// Rows of the chunk that are written.
    filled: usize,
}

impl<const N: usize, L: Look<N>> Pattern<N, L> {
    /// Looks from row `begin` on, and has values from row `first` on.
    pub(super) fn new(begin: usize, first: usize, seen: [Seen; N], look: L) -> Self {
        let (tape, usual) = (Box::new(Tape::new(&seen)), Box::new([[0.0; CHUNK]; N]));
        Self { begin, first, seen, look, totals: [0.0; N], row: 0, tape, usual, filled: 0 }
    }

    /// The totals of a row of the tape, afresh.
    fn begin(&mut self, at: usize) {
        for (total, seen) in self.totals.iter_mut().zip(&self.seen) {
            let end = at - seen.back;
            let ranges = self.tape.ranges(seen.size.range);
            *total = ranges[end - seen.size.candles..end].iter().fold(0.0, |sum, range| sum + range);
        }
    }

    /// The sizes of the first `rows` rows of the chunk, and the totals of the row after them.
    #[inline(always)]
    fn measure(&mut self, from: usize, rows: usize) {
        let past = |back: usize| PAST + from - back..PAST + from - back + rows;
        let chunk = from..from + rows;
        for (usual, seen) in self.usual.iter_mut().zip(&self.seen) {
            let ranges = self.tape.ranges(seen.size.range);
            let (newest, oldest) = (&ranges[past(seen.back)], &ranges[past(seen.back + seen.size.candles)]);
            for ((usual, newest), oldest) in usual[chunk.clone()].iter_mut().zip(newest).zip(oldest) {
                *usual = newest - oldest;
            }
        }
        let mut totals = self.totals;
        let usual = &mut *self.usual;
        for row in chunk.clone() {
            for n in 0..N {
                let change = std::mem::replace(&mut usual[n][row], totals[n]);
                totals[n] += change;
            }
        }
        self.totals = totals;
        for (usual, seen) in self.usual.iter_mut().zip(&self.seen) {
            let usual = usual[chunk.clone()].iter_mut();
            if seen.size.candles > 0 {
                usual.for_each(|usual| *usual = seen.size.of_total(*usual));
            } else {
                let ranges = &self.tape.ranges(seen.size.range)[past(seen.back)];
                usual.zip(ranges).for_each(|(usual, range)| *usual = seen.size.of_range(*range));
            }
        }
    }
}

impl<const N: usize, L: Look<N>> Step<4, 1> for Pattern<N, L> {
    #[inline(always)]
    fn step(&mut self, x: [f64; 4]) -> [f64; 1] {
        if self.filled == CHUNK {
            self.tape.turn(CHUNK);
            self.filled = 0;
        }
        let row = self.filled;
        self.tape.put(PAST + row, x.each_ref().map(array::from_ref).map(<[f64; 1]>::as_slice));
        self.filled += 1;
        if self.row < self.begin {
            self.row += 1;
            return [f64::NAN];
        }
        if self.row == self.begin {
            self.begin(PAST + row);
        }
        self.measure(row, 1);
        let found = self.look.look(&At { tape: &self.tape, usual: &self.usual, row });
        let early = self.row < self.first;
        self.row = (self.row + 1).min(self.first + 1);
        [if early { f64::NAN } else { found }]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 4], [y]: [&mut [f64]; 1]) {
        let mut at = 0;
        while at < y.len() && self.row <= self.first {
            [y[at]] = self.step(x.map(|column| column[at]));
            at += 1;
        }
        while at < y.len() {
            self.tape.turn(self.filled);
            let rows = CHUNK.min(y.len() - at);
            self.tape.put(PAST, x.map(|column| &column[at..at + rows]));
            self.measure(0, rows);
            let mut look = self.look.clone();
            look.column(&self.tape, &self.usual, &mut y[at..at + rows]);
            self.look = look;
            self.filled = rows;
            at += rows;
        }
    }
}

impl<const N: usize, L: State> State for Pattern<N, L> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.tape.turn(self.filled);
        self.filled = 0;
        io.all(&mut [&mut self.look, &mut self.totals])?;
        let mut past: [[f64; PAST]; 4] = [&self.tape.open, &self.tape.high, &self.tape.low, &self.tape.close]
            .map(|line| array::from_fn(|row| line[row]));
        past.state(io)?;
        self.tape.put(0, past.each_ref().map(<[f64; PAST]>::as_slice));
        io.index(&mut self.row, self.first + 2)
    }
}
