//! Chaikin's volatility.

use crate::indicator::compose::{Over, Then};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Lag};

pub(super) const CVI: Indicator =
    Indicator::new("cvi", Group::Volatility, "change of the exponential average of high - low, in percent", |p| {
        let change = Growth { lag: Lag::new(p[1] as usize) };
        rows(Over::new(|[high, low]: [f64; 2]| high - low, Then(Average::ema(p[0] as usize), change)))
    })
    .source("Chaikin; TA-Lib 0.8: 0 where the average before is 0")
    .inputs(&["high", "low"])
    .params(&[Param::period("timeperiod", 10, 2), Param::period("rocperiod", 10, 1)])
    .class(Class::Converging)
    .first(|p| p[0] as usize - 1 + p[1] as usize)
    .settle(|p| forget_ema(p[0]));

/// Change against some rows before, in percent of it.
#[derive(Clone)]
struct Growth {
    lag: Lag,
}

#[inline]
fn growth(x: f64, before: f64) -> f64 {
    if before == 0.0 { 0.0 } else { 100.0 * ((x - before) / before) }
}

impl Step<1, 1> for Growth {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [growth(x, self.lag.push(x))]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut before = [0.0; BLOCK];
        let before = &mut before[..y.len()];
        self.lag.column(x, before);
        for row in 0..x.len() {
            y[row] = growth(x[row], before[row]);
        }
    }
}

impl State for Growth {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.lag.state(io)
    }
}
