//! Ultimate oscillator.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Lag, Sum};

pub(super) const ULTOSC: Indicator =
    Indicator::new("ultosc", Group::Momentum, "buying pressure over true range on three spans, 4 : 2 : 1", |p| {
        rows(Ultimate::new(p))
    })
    .source("Williams (1985); TA-Lib 0.8: the shortest span weighs most, a span without range counts 0")
    .inputs(&["high", "low", "close"])
    .params(&[
        Param::period("timeperiod1", 7, 1),
        Param::period("timeperiod2", 14, 1),
        Param::period("timeperiod3", 28, 1),
    ])
    .first(|p| p[0].max(p[1]).max(p[2]) as usize);

#[derive(Clone)]
struct Ultimate {
    /// Close of the bar before; NaN before the first.
    last: f64,
    pressures: Spans,
    ranges: Spans,
}

/// Sums of three spans, the shortest first.
#[derive(Clone)]
struct Spans {
    shortest: Sum,
    longer: [Longer; 2],
}

/// The sum of a span by that of a shorter one and of what came before it.
#[derive(Clone)]
enum Longer {
    /// The spans are the same.
    Same,
    /// Twice the shorter span: the same sum, some rows before.
    Twice(Lag),
    /// Any other length.
    More(Sum, Lag),
}

impl Spans {
    fn new([short, middle, long]: [usize; 3]) -> Self {
        Self { shortest: Sum::new(short), longer: [Longer::new(short, middle), Longer::new(middle, long)] }
    }

    #[inline(always)]
    fn push(&mut self, x: f64) -> [f64; 3] {
        let short = self.shortest.push(x);
        let middle = self.longer[0].push(x, short);
        [short, middle, self.longer[1].push(x, middle)]
    }

    #[inline(always)]
    fn column(&mut self, x: &[f64], [short, middle, long]: [&mut [f64]; 3]) {
        self.shortest.column(x, short);
        self.longer[0].column(x, short, middle);
        self.longer[1].column(x, middle, long);
    }
}

impl Longer {
    fn new(shorter: usize, n: usize) -> Self {
        match n - shorter {
            0 => Self::Same,
            more if more == shorter => Self::Twice(Lag::new(shorter)),
            more => Self::More(Sum::new(more), Lag::new(shorter)),
        }
    }

    #[inline(always)]
    fn push(&mut self, x: f64, shorter: f64) -> f64 {
        match self {
            Self::Same => shorter,
            Self::Twice(lag) => shorter + lag.push(shorter),
            Self::More(sum, lag) => shorter + lag.push(sum.push(x)),
        }
    }

    /// `push` for each of at most [`BLOCK`] values.
    #[inline(always)]
    fn column(&mut self, x: &[f64], shorter: &[f64], y: &mut [f64]) {
        match self {
            Self::Same => return y.copy_from_slice(shorter),
            Self::Twice(lag) => lag.column(shorter, y),
            Self::More(sum, lag) => {
                let mut sums = [0.0; BLOCK];
                let sums = &mut sums[..x.len()];
                sum.column(x, sums);
                lag.column(sums, y);
            }
        }
        for (y, shorter) in y.iter_mut().zip(shorter) {
            *y += *shorter;
        }
    }
}

impl State for Spans {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.shortest.state(io)?;
        self.longer.iter_mut().try_for_each(|longer| match longer {
            Longer::Same => Ok(()),
            Longer::Twice(lag) => lag.state(io),
            Longer::More(sum, lag) => io.all(&mut [sum, lag]),
        })
    }
}

impl Ultimate {
    fn new(p: &[f64]) -> Self {
        let mut spans = [p[0] as usize, p[1] as usize, p[2] as usize];
        spans.sort_unstable();
        Self { last: f64::NAN, pressures: Spans::new(spans), ranges: Spans::new(spans) }
    }
}

/// Buying pressure and true range.
#[inline]
fn parts(high: f64, low: f64, close: f64, last: f64) -> [f64; 2] {
    let bottom = if low < last { low } else { last };
    let top = if high > last { high } else { last };
    [close - bottom, top - bottom]
}

#[inline]
fn ratio(pressure: f64, range: f64) -> f64 {
    let ratio = pressure / range;
    if range == 0.0 { 0.0 } else { ratio }
}

#[inline]
fn mixed([short, middle, long]: [f64; 3]) -> f64 {
    (4.0 * short + 2.0 * middle + long) * (100.0 / 7.0)
}

impl Step<3, 1> for Ultimate {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let last = std::mem::replace(&mut self.last, close);
        if last.is_nan() {
            return [f64::NAN];
        }
        let [pressure, range] = parts(high, low, close, last);
        let (pressures, ranges) = (self.pressures.push(pressure), self.ranges.push(range));
        [mixed([0, 1, 2].map(|at| ratio(pressures[at], ranges[at])))]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let mut from = 0;
        if self.last.is_nan() {
            [y[0]] = self.step([high[0], low[0], close[0]]);
            from = 1;
        }
        let rows = y.len() - from;
        let (high, low, close, y) = (&high[from..], &low[from..], &close[from..], &mut y[from..]);
        if rows == 0 {
            return;
        }
        let (mut pressures, mut ranges) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (pressures, ranges) = (&mut pressures[..rows], &mut ranges[..rows]);
        [pressures[0], ranges[0]] = parts(high[0], low[0], close[0], self.last);
        for row in 1..rows {
            [pressures[row], ranges[row]] = parts(high[row], low[row], close[row], close[row - 1]);
        }
        self.last = close[rows - 1];
        let (mut over, mut under) = ([[0.0; BLOCK]; 3], [[0.0; BLOCK]; 3]);
        self.pressures.column(pressures, over.each_mut().map(|sums| &mut sums[..rows]));
        self.ranges.column(ranges, under.each_mut().map(|sums| &mut sums[..rows]));
        for (row, y) in y.iter_mut().enumerate() {
            *y = mixed([0, 1, 2].map(|at| ratio(over[at][row], under[at][row])));
        }
    }
}

impl State for Ultimate {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.pressures, &mut self.ranges])
    }
}
