//! Rate of change of a triple exponential average.

use super::roc::rate;
use crate::indicator::compose::{Change, Same, Then};
use crate::indicator::kernel::rows;
use crate::indicator::overlap::stage;
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_ema};

pub(super) const TRIX: Indicator =
    Indicator::new("trix", Group::Momentum, "one-bar rate of change of ema of ema of ema, in percent", |p| {
        let average = || stage(p[0], p[1]);
        let averages = Then(average(), Then(average(), average()));
        if p[1] == 0.0 {
            rows(Then(averages, Change::new(|[x]: [f64; 1], [before]: [f64; 1]| rate(x, before), Same)))
        } else {
            rows(Then(averages, Change::new(share_of, Same)))
        }
    })
    .source("Hutson (1983); TA-Lib 0.8; compat tulip: averages begin with one value, on the same rows, change over the new value")
    .params(&[Param::period("timeperiod", 30, 1), COMPAT])
    .class(Class::Converging)
    .first(|p| 3 * (p[0] as usize - 1) + 1)
    .settle(|p| 3 * forget_ema(p[0]));

fn share_of([x]: [f64; 1], [before]: [f64; 1]) -> f64 {
    if x == 0.0 { 0.0 } else { (x - before) / x * 100.0 }
}
