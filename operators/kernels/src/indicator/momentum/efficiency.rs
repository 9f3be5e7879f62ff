//! Kaufman's efficiency ratio: the way made good over the way travelled.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Lag, Sum};

pub(super) const ER: Indicator =
    Indicator::new("er", Group::Momentum, "size of the change over the sum of the sizes of its steps, 0 to 1", |p| {
        rows(Efficiency::new(p[0] as usize))
    })
    .source("Kaufman, Smarter Trading (1995); TA-Lib 0.8: 1 where nothing moved")
    .params(&[Param::period("timeperiod", 10, 2)])
    .first(|p| p[0] as usize);

/// Change over `n` rows against the sum of the steps.
#[derive(Clone)]
pub(crate) struct Efficiency {
    /// The value before; NaN before the first.
    last: f64,
    lag: Lag,
    path: Sum,
}

impl Efficiency {
    pub(crate) fn new(n: usize) -> Self {
        Self { last: f64::NAN, lag: Lag::new(n), path: Sum::new(n) }
    }
}

/// Both may be infinite where neither a value nor a step is; NaN is only what has no path yet.
#[inline]
fn ratio(change: f64, path: f64) -> f64 {
    if path <= change || change == f64::NEG_INFINITY { 1.0 } else { (change / path).abs() }
}

impl Step<1, 1> for Efficiency {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let change = x - self.lag.push(x);
        let step = (x - self.last).abs();
        self.last = x;
        [if step.is_nan() { f64::NAN } else { ratio(change, self.path.push(step)) }]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let mut before = [0.0; BLOCK];
        let before = &mut before[..rows];
        self.lag.column(x, before);
        let mut steps = [0.0; BLOCK];
        let steps = &mut steps[..rows];
        steps[0] = (x[0] - self.last).abs();
        for row in 1..rows {
            steps[row] = (x[row] - x[row - 1]).abs();
        }
        self.last = x[rows - 1];
        let from = usize::from(steps[0].is_nan());
        y[..from].fill(f64::NAN);
        self.path.column(&steps[from..], &mut y[from..]);
        for row in from..rows {
            y[row] = ratio(x[row] - before[row], y[row]);
        }
    }
}

impl State for Efficiency {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.lag, &mut self.path])
    }
}
