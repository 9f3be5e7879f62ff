//! A value that fades: it jumps up with the input and falls by itself.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const DECAY: Indicator =
    Indicator::new("decay", Group::Math, "the value, or the last result less 1 / timeperiod, whichever is more", |p| {
        rows(Fading { last: f64::NEG_INFINITY, factor: 1.0, less: 1.0 / p[0] })
    })
    .source("Tulip Indicators")
    .params(&[Param::period("timeperiod", 5, 1)])
    .class(Class::PathDependent);

pub(super) const EDECAY: Indicator = Indicator::new(
    "edecay",
    Group::Math,
    "the value, or the last result times 1 - 1 / timeperiod, whichever is more",
    |p| rows(Fading { last: f64::NEG_INFINITY, factor: 1.0 - 1.0 / p[0], less: 0.0 }),
)
.source("Tulip Indicators")
.params(&[Param::period("timeperiod", 5, 1)])
.class(Class::PathDependent);

#[derive(Clone)]
struct Fading {
    last: f64,
    factor: f64,
    less: f64,
}

impl Step<1, 1> for Fading {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let faded = self.last * self.factor - self.less;
        self.last = if x > faded || faded.is_nan() { x } else { faded };
        [self.last]
    }
}

impl State for Fading {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.last.state(io)
    }
}
