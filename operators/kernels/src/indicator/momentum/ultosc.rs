//! Ultimate oscillator.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Sum;

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
    pressures: [Sum; 3],
    ranges: [Sum; 3],
}

impl Ultimate {
    fn new(p: &[f64]) -> Self {
        let mut spans = [p[0] as usize, p[1] as usize, p[2] as usize];
        spans.sort_unstable();
        Self { last: f64::NAN, pressures: spans.map(Sum::new), ranges: spans.map(Sum::new) }
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
        let ratios = [0, 1, 2].map(|at| ratio(self.pressures[at].push(pressure), self.ranges[at].push(range)));
        [mixed(ratios)]
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
        let mut sums = [0.0; BLOCK];
        let mut ratios = [[0.0; BLOCK]; 3];
        for at in 0..3 {
            let (sums, ratios) = (&mut sums[..rows], &mut ratios[at][..rows]);
            self.pressures[at].column(pressures, ratios);
            self.ranges[at].column(ranges, sums);
            for row in 0..rows {
                ratios[row] = ratio(ratios[row], sums[row]);
            }
        }
        for (row, y) in y.iter_mut().enumerate() {
            *y = mixed([ratios[0][row], ratios[1][row], ratios[2][row]]);
        }
    }
}

impl State for Ultimate {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.pressures, &mut self.ranges])
    }
}
