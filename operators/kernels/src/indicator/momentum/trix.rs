//! Rate of change of a triple exponential average.

use super::roc::rate;
use crate::indicator::compose::{Change, Same, Then};
use crate::indicator::kernel::rows;
use crate::indicator::overlap::stage;
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};

pub(super) const TRIX: Indicator =
    Indicator::new("trix", Group::Momentum, "one-bar rate of change of ema of ema of ema, in percent", |p| {
        let change = Change::new(if p[1] == 0.0 { rate_of as Rate } else { share_of }, Same);
        let average = || stage(p[0], p[1]);
        rows(Then(average(), Then(average(), Then(average(), change))))
    })
    .source("Hutson (1983); TA-Lib 0.8; compat tulip: averages begin with one value, on the same rows, change over the new value")
    .params(&[Param::period("timeperiod", 30, 1), COMPAT])
    .class(Class::Converging)
    .first(|p| 3 * (p[0] as usize - 1) + 1)
    .settle(|p| 3 * forget_ema(p[0]));

type Rate = fn([f64; 1], [f64; 1]) -> f64;

fn rate_of([x]: [f64; 1], [before]: [f64; 1]) -> f64 {
    rate(x, before)
}

fn share_of([x]: [f64; 1], [before]: [f64; 1]) -> f64 {
    if x == 0.0 { 0.0 } else { (x - before) / x * 100.0 }
}
