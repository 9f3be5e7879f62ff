//! Kaufman's adaptive moving average.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::momentum::Efficiency;
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget};
use crate::indicator::{Io, State, StateError};

/// Smoothing factors of the slowest average (30 bars), and from it to the fastest (2 bars).
const SLOW: f64 = 2.0 / 31.0;
const SPAN: f64 = 2.0 / 3.0 - SLOW;

pub(super) const KAMA: Indicator =
    Indicator::new("kama", Group::Overlap, "exponential average, faster the straighter the price moves", |p| {
        rows(Kama::new(p[0] as usize))
    })
    .source("Kaufman, Smarter Trading (1995); TA-Lib 0.8: starts from the price before the first value")
    .params(&[Param::period("timeperiod", 30, 1)])
    .class(Class::Converging)
    .first(|p| lookback(p[0] as usize))
    .settle(|_| forget(SLOW * SLOW));

/// Rows before the first value.
pub(crate) fn lookback(n: usize) -> usize {
    if n == 1 { 0 } else { n }
}

/// An average with the factor of the moment.
#[derive(Clone)]
pub(crate) struct Kama {
    n: usize,
    efficiency: Efficiency,
    /// The average; the price itself until the efficiency has a value.
    y: f64,
}

impl Kama {
    pub(crate) fn new(n: usize) -> Self {
        Self { n, efficiency: Efficiency::new(n), y: f64::NAN }
    }
}

impl Step<1, 1> for Kama {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        if self.n == 1 {
            return [x];
        }
        let [efficiency] = self.efficiency.step([x]);
        if efficiency.is_nan() {
            self.y = x;
            return [f64::NAN];
        }
        let factor = efficiency * SPAN + SLOW;
        self.y += (x - self.y) * (factor * factor);
        [self.y]
    }
}

impl State for Kama {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.efficiency, &mut self.y])
    }
}
