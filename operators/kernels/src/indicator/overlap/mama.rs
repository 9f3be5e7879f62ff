//! MESA adaptive moving average, and the one that follows it.

use crate::indicator::cycle::Hilbert;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget, real};
use crate::indicator::{Io, State, StateError};

pub(super) const MAMA: Indicator = Indicator::new(
    "mama",
    Group::Overlap,
    "exponential averages whose speed is the rate of change of the phase",
    |p| rows(Mama::new(p[0], p[1])),
)
.source("Ehlers, Rocket Science for Traders (2001); TA-Lib 0.8")
.params(&[Param::float("fastlimit", 0.5, 0.01, 0.99), Param::float("slowlimit", 0.05, 0.01, 0.99)])
.outputs(&[real("mama"), real("fama")])
.class(Class::Converging)
.first(|_| LOOKBACK)
.settle(|p| forget(p[1] / 2.0));

/// Rows before the first value.
pub(crate) const LOOKBACK: usize = 32;

/// Averages that follow the price by the phase's rate of change.
#[derive(Clone)]
pub(crate) struct Mama {
    fast: f64,
    slow: f64,
    hilbert: Hilbert,
    row: u64,
    phase: f64,
    mama: f64,
    fama: f64,
}

impl Mama {
    pub(crate) fn new(fast: f64, slow: f64) -> Self {
        Self { fast, slow, hilbert: Hilbert::new(12), row: 0, phase: 0.0, mama: 0.0, fama: 0.0 }
    }
}

impl Step<1, 2> for Mama {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        let row = self.row;
        self.row += 1;
        let Some(wave) = self.hilbert.push(x) else { return [f64::NAN; 2] };
        let phase = if wave.i1 != 0.0 { libm::atan(wave.q1 / wave.i1).to_degrees() } else { 0.0 };
        let turned = self.phase - phase;
        self.phase = phase;
        let turned = if turned < 1.0 { 1.0 } else { turned };
        let alpha = if turned > 1.0 { (self.fast / turned).max(self.slow) } else { self.fast };
        self.mama = alpha * x + (1.0 - alpha) * self.mama;
        let half = alpha * 0.5;
        self.fama = half * self.mama + (1.0 - half) * self.fama;
        if row < LOOKBACK as u64 { [f64::NAN; 2] } else { [self.mama, self.fama] }
    }
}

impl State for Mama {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.hilbert, &mut self.row, &mut self.phase, &mut self.mama, &mut self.fama])
    }
}
