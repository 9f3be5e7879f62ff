//! Exponential moving average.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};
use crate::rolling::Average;

pub(super) const EMA: Indicator =
    Indicator::new("ema", Group::Overlap, "exponential average with factor 2 / (timeperiod + 1)", |p| {
        rows(seeded(p[0], p[1]))
    })
    .source("TA-Lib 0.8: seeded with the mean of the first timeperiod values; compat tulip: with the first value")
    .params(&[Param::period("timeperiod", 30, 1), COMPAT])
    .class(Class::Converging)
    .first(|p| if p[1] == 0.0 { p[0] as usize - 1 } else { 0 })
    .settle(|p| forget_ema(p[0]));

/// An exponential average of `n` bars, seeded as `compat` says.
pub(crate) fn seeded(n: f64, compat: f64) -> Average {
    Average::new(2.0 / (n + 1.0), if compat == 0.0 { n as usize } else { 1 })
}

impl Step<1, 1> for Average {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.push(x)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        Average::column(self, x, y);
    }
}
