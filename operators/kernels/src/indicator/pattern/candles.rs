//! What the patterns are told in: candles, their parts, and how large those parts usually are.
//!
//! "Long", "short", "near" are relative: a part of a candle is compared with the mean of some range over the candles
//! before it. These means come from totals that run as TA-Lib's do, add the new and subtract the old, begun on the
//! same row: prices come in ticks, so that a part often equals the mean exactly, and only the same rounding lets every
//! such tie fall the same way. A total spans at most ten candles, and only comparisons are made with it.

use crate::indicator::kernel::{BLOCK, Kernel, Step, rows};
use crate::indicator::registry::{Class, Group, Indicator, Output, OutputKind, real};
use crate::indicator::{Io, State, StateError};

/// Candles before a block that a pattern and its totals can reach.
const PAST: usize = 16;

const SIGNAL: &[Output] = &[real("value").or("integer").of(OutputKind::Integer)];

/// A pattern with values from row `FIRST` on.
pub(super) const fn cdl<const FIRST: usize>(
    name: &'static str,
    doc: &'static str,
    build: fn(&[f64]) -> Box<dyn Kernel>,
) -> Indicator {
    Indicator::new(name, Group::Pattern, doc, build)
        .inputs(&["open", "high", "low", "close"])
        .outputs(SIGNAL)
        .class(Class::Exact)
        .first(|_| FIRST)
}

/// What is measured of a candle.
#[derive(Clone, Copy)]
enum Range {
    Body,
    HighLow,
    Shadows,
}

/// A size in words: a multiple of the mean range of some candles before, or of the candle itself.
#[derive(Clone, Copy)]
pub(super) struct Size {
    range: Range,
    candles: usize,
    factor: f64,
}

const fn size(range: Range, candles: usize, factor: f64) -> Size {
    Size { range, candles, factor }
}

pub(super) const BODY_LONG: Size = size(Range::Body, 10, 1.0);
pub(super) const BODY_SHORT: Size = size(Range::Body, 10, 1.0);
pub(super) const BODY_DOJI: Size = size(Range::HighLow, 10, 0.1);
pub(super) const SHADOW_LONG: Size = size(Range::Body, 0, 1.0);
pub(super) const SHADOW_VERY_LONG: Size = size(Range::Body, 0, 2.0);
pub(super) const SHADOW_SHORT: Size = size(Range::Shadows, 10, 1.0);
pub(super) const SHADOW_VERY_SHORT: Size = size(Range::HighLow, 10, 0.1);
pub(super) const NEAR: Size = size(Range::HighLow, 5, 0.2);
pub(super) const FAR: Size = size(Range::HighLow, 5, 0.6);
pub(super) const EQUAL: Size = size(Range::HighLow, 5, 0.05);

impl Size {
    /// As seen from the candle `back` bars ago.
    pub(super) const fn at(self, back: usize) -> Seen {
        Seen { size: self, back }
    }
}

/// A size, and the candle that is compared with it.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    size: Size,
    back: usize,
}

/// The candles of a block and those before it.
pub(super) struct Candles {
    open: [f64; PAST + BLOCK],
    high: [f64; PAST + BLOCK],
    low: [f64; PAST + BLOCK],
    close: [f64; PAST + BLOCK],
}

impl Candles {
    fn range(&self, range: Range, at: usize) -> f64 {
        match range {
            Range::Body => (self.close[at] - self.open[at]).abs(),
            Range::HighLow => self.high[at] - self.low[at],
            Range::Shadows => self.upper(at) + self.lower(at),
        }
    }

    #[inline(always)]
    fn upper(&self, at: usize) -> f64 {
        self.high[at] - if self.close[at] >= self.open[at] { self.close[at] } else { self.open[at] }
    }

    #[inline(always)]
    fn lower(&self, at: usize) -> f64 {
        (if self.close[at] >= self.open[at] { self.open[at] } else { self.close[at] }) - self.low[at]
    }
}

/// The candles around one row, counted back from it.
pub(super) struct At<'a, const N: usize> {
    candles: &'a Candles,
    row: usize,
    seen: &'a [Seen; N],
    totals: &'a [f64; N],
}

impl<const N: usize> At<'_, N> {
    #[inline(always)]
    pub(super) fn open(&self, back: usize) -> f64 {
        self.candles.open[self.row - back]
    }

    #[inline(always)]
    pub(super) fn high(&self, back: usize) -> f64 {
        self.candles.high[self.row - back]
    }

    #[inline(always)]
    pub(super) fn low(&self, back: usize) -> f64 {
        self.candles.low[self.row - back]
    }

    #[inline(always)]
    pub(super) fn close(&self, back: usize) -> f64 {
        self.candles.close[self.row - back]
    }

    /// Size of the body.
    #[inline(always)]
    pub(super) fn body(&self, back: usize) -> f64 {
        (self.close(back) - self.open(back)).abs()
    }

    /// Upper end of the body.
    #[inline(always)]
    pub(super) fn top(&self, back: usize) -> f64 {
        let (open, close) = (self.open(back), self.close(back));
        if open > close { open } else { close }
    }

    /// Lower end of the body.
    #[inline(always)]
    pub(super) fn bottom(&self, back: usize) -> f64 {
        let (open, close) = (self.open(back), self.close(back));
        if open < close { open } else { close }
    }

    /// Upper shadow.
    #[inline(always)]
    pub(super) fn upper(&self, back: usize) -> f64 {
        self.candles.upper(self.row - back)
    }

    /// Lower shadow.
    #[inline(always)]
    pub(super) fn lower(&self, back: usize) -> f64 {
        self.candles.lower(self.row - back)
    }

    /// Does not fall.
    #[inline(always)]
    pub(super) fn white(&self, back: usize) -> bool {
        self.close(back) >= self.open(back)
    }

    /// Falls.
    #[inline(always)]
    pub(super) fn black(&self, back: usize) -> bool {
        !self.white(back)
    }

    /// 1 for white, -1 for black.
    #[inline(always)]
    pub(super) fn color(&self, back: usize) -> f64 {
        if self.white(back) { 1.0 } else { -1.0 }
    }

    /// The body is above the body of the other.
    #[inline(always)]
    pub(super) fn gap_up(&self, back: usize, other: usize) -> bool {
        self.bottom(back) > self.top(other)
    }

    /// The body is below the body of the other.
    #[inline(always)]
    pub(super) fn gap_down(&self, back: usize, other: usize) -> bool {
        self.top(back) < self.bottom(other)
    }

    /// The whole candle is above the whole other.
    #[inline(always)]
    pub(super) fn jump_up(&self, back: usize, other: usize) -> bool {
        self.low(back) > self.high(other)
    }

    /// The whole candle is below the whole other.
    #[inline(always)]
    pub(super) fn jump_down(&self, back: usize, other: usize) -> bool {
        self.high(back) < self.low(other)
    }

    /// The `n`-th size that the pattern declared, in the price's unit.
    #[inline(always)]
    pub(super) fn usual(&self, n: usize) -> f64 {
        let Seen { size, back } = self.seen[n];
        let mean = if size.candles == 0 {
            self.candles.range(size.range, self.row - back)
        } else {
            self.totals[n] / size.candles as f64
        };
        let sides = if matches!(size.range, Range::Shadows) { 2.0 } else { 1.0 };
        size.factor * mean / sides
    }
}

/// `value` if so, else 0.
#[inline(always)]
pub(super) fn signal(so: bool, value: f64) -> f64 {
    if so { value } else { 0.0 }
}

/// A kernel that looks for a pattern from row `first` on.
pub(super) fn candles<const N: usize, F>(first: usize, seen: [Seen; N], look: F) -> Box<dyn Kernel>
where
    F: Fn(&At<'_, N>) -> f64 + Clone + Send + 'static,
{
    remembering(first, first, seen, (), move |at, ()| look(at))
}

/// The same for a pattern with a memory of its own, which is kept from row `begin` on.
pub(super) fn remembering<const N: usize, M, F>(
    begin: usize,
    first: usize,
    seen: [Seen; N],
    memory: M,
    look: F,
) -> Box<dyn Kernel>
where
    M: State + Clone + Send + 'static,
    F: Fn(&At<'_, N>, &mut M) -> f64 + Clone + Send + 'static,
{
    rows(Pattern { begin, first, seen, look, memory, totals: [0.0; N], past: [[0.0; PAST]; 4], row: 0 })
}

#[derive(Clone)]
struct Pattern<const N: usize, M, F> {
    begin: usize,
    first: usize,
    seen: [Seen; N],
    look: F,
    memory: M,
    totals: [f64; N],
    /// Open, high, low and close of the last candles, oldest first.
    past: [[f64; PAST]; 4],
    /// Rows so far, not counted beyond the first value.
    row: usize,
}

impl State for () {
    fn state(&mut self, _: &mut Io<'_, '_>) -> Result<(), StateError> {
        Ok(())
    }
}

impl<const N: usize, M, F> Pattern<N, M, F>
where
    F: Fn(&At<'_, N>, &mut M) -> f64,
{
    /// The totals of row `at`, afresh.
    fn begin(&mut self, candles: &Candles, at: usize) {
        for (total, seen) in self.totals.iter_mut().zip(&self.seen) {
            let end = at - seen.back;
            *total = (end - seen.size.candles..end).fold(0.0, |sum, at| sum + candles.range(seen.size.range, at));
        }
    }

    /// The totals of the row after `at`.
    #[inline(always)]
    fn advance(&mut self, candles: &Candles, at: usize) {
        for (total, seen) in self.totals.iter_mut().zip(&self.seen) {
            if seen.size.candles > 0 {
                let newest = at - seen.back;
                let range = seen.size.range;
                *total += candles.range(range, newest) - candles.range(range, newest - seen.size.candles);
            }
        }
    }
}

impl<const N: usize, M, F> Step<4, 1> for Pattern<N, M, F>
where
    M: State + Clone + Send + 'static,
    F: Fn(&At<'_, N>, &mut M) -> f64 + Clone + Send + 'static,
{
    fn step(&mut self, x: [f64; 4]) -> [f64; 1] {
        let mut y = 0.0;
        self.column(x.each_ref().map(std::slice::from_ref), [std::slice::from_mut(&mut y)]);
        [y]
    }

    fn column(&mut self, x: [&[f64]; 4], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let mut columns = [[0.0; PAST + BLOCK]; 4];
        for ((column, past), x) in columns.iter_mut().zip(&mut self.past).zip(x) {
            column[..PAST].copy_from_slice(past);
            column[PAST..PAST + rows].copy_from_slice(x);
            past.copy_from_slice(&column[rows..rows + PAST]);
        }
        let [open, high, low, close] = columns;
        let candles = Candles { open, high, low, close };
        for (row, y) in y.iter_mut().enumerate() {
            let at = PAST + row;
            let early = self.row < self.first;
            if self.row < self.begin {
                *y = f64::NAN;
                self.row += 1;
                continue;
            }
            if self.row == self.begin {
                self.begin(&candles, at);
            }
            let around = At { candles: &candles, row: at, seen: &self.seen, totals: &self.totals };
            let found = (self.look)(&around, &mut self.memory);
            *y = if early { f64::NAN } else { found };
            self.row = (self.row + 1).min(self.first + 1);
            self.advance(&candles, at);
        }
    }
}

impl<const N: usize, M: State, F> State for Pattern<N, M, F> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.memory, &mut self.totals, &mut self.past])?;
        io.index(&mut self.row, self.first + 2)
    }
}
