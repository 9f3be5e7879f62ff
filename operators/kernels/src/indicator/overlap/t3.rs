//! Tillson's T3 moving average.

use crate::indicator::compose::{feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const T3: Indicator =
    Indicator::new("t3", Group::Overlap, "six exponential averages in a row, mixed by vfactor", |p| {
        rows(T3Average::new(p[0] as usize, p[1]))
    })
    .source("Tillson (1998); TA-Lib 0.8")
    .params(&[Param::period("timeperiod", 5, 1), Param::float("vfactor", 0.7, 0.0, 1.0)])
    .class(Class::Converging)
    .first(|p| 6 * (p[0] as usize - 1))
    .settle(|p| 6 * forget_ema(p[0]));

/// Six averages in a row; the last four are mixed.
#[derive(Clone)]
pub(crate) struct T3Average {
    stages: [Average; 6],
    mix: [f64; 4],
}

impl T3Average {
    pub(crate) fn new(n: usize, v: f64) -> Self {
        let square = v * v;
        let c1 = -(square * v);
        let mix = [1.0 + 3.0 * v - c1 + 3.0 * square, -6.0 * square - 3.0 * (v - c1), 3.0 * (square - c1), c1];
        // A period of 1 smooths nothing, whatever the mix would make of rounding.
        let mix = if n == 1 { [1.0, 0.0, 0.0, 0.0] } else { mix };
        Self { stages: std::array::from_fn(|_| Average::ema(n)), mix }
    }

    #[inline(always)]
    fn mixed(&self, e3: f64, e4: f64, e5: f64, e6: f64) -> f64 {
        self.mix[3] * e6 + self.mix[2] * e5 + self.mix[1] * e4 + self.mix[0] * e3
    }
}

impl Step<1, 1> for T3Average {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let mut y = [x; 6];
        let mut last = x;
        for (stage, y) in self.stages.iter_mut().zip(&mut y) {
            last = feed(stage, last);
            *y = last;
        }
        [self.mixed(y[2], y[3], y[4], y[5])]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let mut e = [[0.0; BLOCK]; 6];
        self.stages[0].column(x, &mut e[0][..rows]);
        for k in 1..6 {
            let (before, after) = e.split_at_mut(k);
            feed_column(&mut self.stages[k], &before[k - 1][..rows], &mut after[0][..rows]);
        }
        for (row, y) in y.iter_mut().enumerate() {
            *y = self.mixed(e[2][row], e[3][row], e[4][row], e[5][row]);
        }
    }
}

impl State for T3Average {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.stages.state(io)
    }
}
