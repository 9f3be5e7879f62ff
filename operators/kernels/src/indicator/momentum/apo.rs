//! Price oscillators: a fast against a slow moving average.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::overlap::{MA_TYPES, Ma};
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};

const PARAMS: &[Param] = &[
    Param::period("fastperiod", 12, 2),
    Param::period("slowperiod", 26, 2),
    Param::choice("matype", 1.0, MA_TYPES),
    COMPAT,
];

pub(super) const APO: Indicator =
    Indicator::new("apo", Group::Momentum, "fast minus slow moving average", |p| rows(Apo { pair: Pair::of(p) }))
        .source("TA-Lib 0.8: exponential averages by default; compat tulip: seeded with the first value")
        .params(PARAMS)
        .class(Class::Converging)
        .first(first)
        .settle(settle);

pub(super) const PPO: Indicator =
    Indicator::new("ppo", Group::Momentum, "fast minus slow moving average, in percent of the slow", |p| {
        rows(Ratio::new(p))
    })
    .source("TA-Lib 0.8: 0 where the slow average is 0; compat tulip: averages seeded with the first value")
    .params(PARAMS)
    .class(Class::Converging)
    .first(first)
    .settle(settle);

/// Rows before both averages have values.
pub(crate) fn first(p: &[f64]) -> usize {
    if seeded_first(p) { 0 } else { Ma::lookback(p[0], p[2]).max(Ma::lookback(p[1], p[2])) }
}

/// Whether the averages are exponential and begin with the first value.
fn seeded_first(p: &[f64]) -> bool {
    p[2] == 1.0 && p[3] != 0.0
}

/// Rows until both averages have settled.
pub(crate) fn settle(p: &[f64]) -> usize {
    Ma::settle(p[0].max(p[1]), p[2])
}

/// A fast and a slow average. Begun together, or so that their first values fall on one row: that tells where the
/// seed of the fast one is.
#[derive(Clone)]
pub(super) struct Pair {
    waits: [u64; 2],
    averages: [Ma; 2],
    row: u64,
}

impl Pair {
    /// Periods and types; the longer period is the slow one, whichever way they come.
    pub(super) fn new(fast: [f64; 2], slow: [f64; 2], aligned: bool) -> Self {
        let (fast, slow) = if slow[0] < fast[0] { (slow, fast) } else { (fast, slow) };
        let lookbacks = [fast, slow].map(|[n, kind]| Ma::lookback(n, kind) as u64);
        let first = lookbacks[0].max(lookbacks[1]);
        Self {
            waits: lookbacks.map(|lookback| if aligned { first - lookback } else { 0 }),
            averages: [fast, slow].map(|[n, kind]| Ma::new(n, kind)),
            row: 0,
        }
    }

    fn of(p: &[f64]) -> Self {
        let mut pair = Self::new([p[0], p[2]], [p[1], p[2]], false);
        if seeded_first(p) {
            pair.averages = [p[0].min(p[1]), p[0].max(p[1])].map(Ma::from_first);
        }
        pair
    }

    /// Fast and slow; NaN before there are both.
    #[inline(always)]
    pub(super) fn push(&mut self, x: f64) -> [f64; 2] {
        let mut y = [f64::NAN; 2];
        for ((y, average), &wait) in y.iter_mut().zip(&mut self.averages).zip(&self.waits) {
            if self.row >= wait {
                [*y] = average.step([x]);
            }
        }
        self.row += 1;
        if y[0].is_nan() || y[1].is_nan() { [f64::NAN; 2] } else { y }
    }

    /// `push` for each row; how many leading rows have no value.
    #[inline(always)]
    pub(super) fn column(&mut self, x: &[f64], fast: &mut [f64], slow: &mut [f64]) -> usize {
        let mut from = 0;
        let late = self.waits[0].max(self.waits[1]);
        while from < x.len() && self.row < late {
            [fast[from], slow[from]] = self.push(x[from]);
            from += 1;
        }
        if from < x.len() {
            self.row += (x.len() - from) as u64;
            self.averages[0].column([&x[from..]], [&mut fast[from..]]);
            self.averages[1].column([&x[from..]], [&mut slow[from..]]);
        }
        (0..x.len()).find(|&row| !(fast[row].is_nan() || slow[row].is_nan())).unwrap_or(x.len())
    }
}

impl State for Pair {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.averages, &mut self.row])
    }
}

#[derive(Clone)]
struct Apo {
    pair: Pair,
}

impl Step<1, 1> for Apo {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let [fast, slow] = self.pair.push(x);
        [fast - slow]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut slow = [0.0; BLOCK];
        let slow = &mut slow[..y.len()];
        self.pair.column(x, y, slow);
        for (y, slow) in y.iter_mut().zip(slow) {
            *y -= *slow;
        }
    }
}

impl State for Apo {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.pair.state(io)
    }
}

/// Fast minus slow in percent of the slow.
#[derive(Clone)]
pub(crate) struct Ratio {
    pair: Pair,
}

impl Ratio {
    pub(crate) fn new(p: &[f64]) -> Self {
        Self { pair: Pair::of(p) }
    }
}

#[inline]
fn percent(fast: f64, slow: f64) -> f64 {
    if slow == 0.0 { 0.0 } else { (fast - slow) / slow * 100.0 }
}

impl Step<1, 1> for Ratio {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let [fast, slow] = self.pair.push(x);
        [percent(fast, slow)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut slow = [0.0; BLOCK];
        let slow = &mut slow[..y.len()];
        self.pair.column(x, y, slow);
        for (y, slow) in y.iter_mut().zip(slow) {
            *y = percent(*y, *slow);
        }
    }
}

impl State for Ratio {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.pair.state(io)
    }
}
