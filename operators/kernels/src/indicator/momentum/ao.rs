//! Awesome oscillator, and how fast it changes.

use crate::indicator::compose::{Over, Then};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::price::median;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const AO: Indicator =
    Indicator::new("ao", Group::Momentum, "fast minus slow mean of the median price", |p| {
        rows(Over::new(median, Spread::new(p[0], p[1])))
    })
    .source("Williams, New Trading Dimensions (1998); TA-Lib 0.8")
    .inputs(&["high", "low"])
    .params(&[Param::period("fastperiod", 5, 2), Param::period("slowperiod", 34, 2)])
    .first(|p| p[0].max(p[1]) as usize - 1);

pub(super) const AC: Indicator = Indicator::new("ac", Group::Momentum, "awesome oscillator minus its mean", |p| {
    rows(Over::new(median, Then(Spread::new(p[0], p[1]), Excess { mean: Sma::new(p[2] as usize) })))
})
.source("Williams, New Trading Dimensions (1998); TA-Lib 0.8")
.inputs(&["high", "low"])
.params(&[Param::period("fastperiod", 5, 2), Param::period("slowperiod", 34, 2), Param::period("signalperiod", 5, 2)])
.first(|p| p[0].max(p[1]) as usize + p[2] as usize - 2);

/// Fast minus slow mean.
#[derive(Clone)]
struct Spread {
    fast: Sma,
    slow: Sma,
}

impl Spread {
    fn new(a: f64, b: f64) -> Self {
        Self { fast: Sma::new(a as usize), slow: Sma::new(b as usize) }
    }
}

impl Step<1, 1> for Spread {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        [self.fast.step(x)[0] - self.slow.step(x)[0]]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut slow = [0.0; BLOCK];
        let slow = &mut slow[..y.len()];
        self.slow.column(x, [slow]);
        self.fast.column(x, [y]);
        for (y, slow) in y.iter_mut().zip(slow) {
            *y -= *slow;
        }
    }
}

impl State for Spread {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.fast, &mut self.slow])
    }
}

/// A value minus the mean of the last ones.
#[derive(Clone)]
struct Excess {
    mean: Sma,
}

impl Step<1, 1> for Excess {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [x - self.mean.step([x])[0]]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        self.mean.column([x], [y]);
        for (y, x) in y.iter_mut().zip(x) {
            *y = *x - *y;
        }
    }
}

impl State for Excess {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.mean.state(io)
    }
}
