//! Coppock curve.

use super::roc::rate;
use crate::indicator::compose::{feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
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
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let [one, two] = &mut self.lags;
        let sum = rate(x, one.push(x)) + rate(x, two.push(x));
        [feed(&mut self.average, sum)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let (mut one, mut two) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (one, two) = (&mut one[..y.len()], &mut two[..y.len()]);
        self.lags[0].column(x, one);
        self.lags[1].column(x, two);
        for ((x, one), two) in x.iter().zip(&mut *one).zip(two) {
            *one = rate(*x, *one) + rate(*x, *two);
        }
        feed_column(&mut self.average, one, y);
    }
}

impl State for Coppock {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.lags, &mut self.average])
    }
}
