//! Drawdown: how far below the highest so far.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::registry::{Class, Group, Indicator, real};
use crate::indicator::{Io, State, StateError};

pub(super) const DRAWDOWN: Indicator = Indicator::new(
    "drawdown",
    Group::Volatility,
    "share lost since the highest so far, and the largest such loss",
    |_| rows(Drawdown { peak: f64::NEG_INFINITY, deepest: 0.0 }),
)
.source("1 - x / peak, 0 where the peak is not positive")
.outputs(&[real("drawdown"), real("maximum")])
.class(Class::PathDependent);

#[derive(Clone)]
struct Drawdown {
    peak: f64,
    deepest: f64,
}

impl Step<1, 2> for Drawdown {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        self.peak = if x > self.peak { x } else { self.peak };
        let lost = if self.peak > 0.0 { 1.0 - x / self.peak } else { 0.0 };
        self.deepest = if lost > self.deepest { lost } else { self.deepest };
        [lost, self.deepest]
    }
}

impl State for Drawdown {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.peak, &mut self.deepest])
    }
}
