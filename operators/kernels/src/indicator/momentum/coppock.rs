//! Coppock curve.

use super::roc::rate;
use crate::indicator::compose::feed;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::overlap::Wma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Lag;

pub(super) const COPPOCK: Indicator =
    Indicator::new("coppock", Group::Momentum, "weighted average of the sum of two rates of change", |p| {
        let lags = [Lag::new(p[1] as usize), Lag::new(p[2] as usize)];
        rows(Coppock { lags, average: Wma::new(p[0] as usize) })
    })
    .source("Coppock (1962); TA-Lib 0.8")
    .params(&[
        Param::period("wmaperiod", 10, 1),
        Param::period("roc1period", 11, 1),
        Param::period("roc2period", 14, 1),
    ])
    .first(|p| p[1].max(p[2]) as usize + p[0] as usize - 1);

#[derive(Clone)]
struct Coppock {
    lags: [Lag; 2],
    average: Wma,
}

impl Step<1, 1> for Coppock {
    #[inline]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let [one, two] = &mut self.lags;
        let sum = rate(x, one.push(x)) + rate(x, two.push(x));
        [feed(&mut self.average, sum)]
    }
}

impl State for Coppock {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.lags, &mut self.average])
    }
}
