//! Zero-lag exponential moving average.

use crate::indicator::compose::{feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Lag};

pub(super) const ZLEMA: Indicator = Indicator::new(
    "zlema",
    Group::Overlap,
    "exponential average of the price led by half a period of its change",
    |p| rows(Zlema::new(p[0] as usize)),
)
.source("Ehlers and Way (2010); TA-Lib 0.8")
.params(&[Param::period("timeperiod", 30, 1)])
.class(Class::Converging)
.first(|p| lookback(p[0] as usize))
.settle(|p| forget_ema(p[0]));

/// Rows before the first value.
pub(crate) fn lookback(n: usize) -> usize {
    (n - 1) / 2 + n - 1
}

/// `ema(2 x - x of (n - 1) / 2 rows before)`.
#[derive(Clone)]
pub(crate) struct Zlema {
    lag: Lag,
    average: Average,
}

impl Zlema {
    pub(crate) fn new(n: usize) -> Self {
        Self { lag: Lag::new((n - 1) / 2), average: Average::ema(n) }
    }
}

impl Step<1, 1> for Zlema {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let led = 2.0 * x - self.lag.push(x);
        [feed(&mut self.average, led)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut led = [0.0; BLOCK];
        let led = &mut led[..y.len()];
        self.lag.column(x, led);
        for (led, x) in led.iter_mut().zip(x) {
            *led = 2.0 * *x - *led;
        }
        feed_column(&mut self.average, led, y);
    }
}

impl State for Zlema {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.lag, &mut self.average])
    }
}
