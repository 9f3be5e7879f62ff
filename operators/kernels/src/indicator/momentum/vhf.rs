//! Vertical horizontal filter.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest, Sum};

pub(super) const VHF: Indicator =
    Indicator::new("vhf", Group::Momentum, "range of the values over the sum of the sizes of their steps", |p| {
        let n = p[0] as usize;
        rows(Vhf { last: f64::NAN, high: Highest::new(n), low: Lowest::new(n), path: Sum::new(n) })
    })
    .source("White (1991); TA-Lib 0.8: 0 where nothing moved")
    .params(&[Param::period("timeperiod", 28, 2)])
    .first(|p| p[0] as usize);

#[derive(Clone)]
struct Vhf {
    /// The value before; NaN before the first.
    last: f64,
    high: Highest,
    low: Lowest,
    path: Sum,
}

#[inline]
fn ratio(range: f64, path: f64) -> f64 {
    if path <= 0.0 { 0.0 } else { range / path }
}

impl Step<1, 1> for Vhf {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let range = self.high.push(x) - self.low.push(x);
        let step = (x - std::mem::replace(&mut self.last, x)).abs();
        [if step.is_nan() { f64::NAN } else { ratio(range, self.path.push(step)) }]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut highs, mut lows, mut steps) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (highs, lows, steps) = (&mut highs[..rows], &mut lows[..rows], &mut steps[..rows]);
        self.high.column(x, highs);
        self.low.column(x, lows);
        steps[0] = (x[0] - self.last).abs();
        for row in 1..rows {
            steps[row] = (x[row] - x[row - 1]).abs();
        }
        self.last = x[rows - 1];
        let from = usize::from(steps[0].is_nan());
        y[..from].fill(f64::NAN);
        self.path.column(&steps[from..], &mut y[from..]);
        for row in from..rows {
            y[row] = ratio(highs[row] - lows[row], y[row]);
        }
    }
}

impl State for Vhf {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.high, &mut self.low, &mut self.path])
    }
}
