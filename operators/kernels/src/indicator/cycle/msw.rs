//! MESA sine wave.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Window;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI, TAU};

pub(super) const MSW: Indicator = Indicator::new(
    "msw",
    Group::Cycle,
    "sine of the phase of the cycle of timeperiod bars, and 45 degrees ahead",
    |p| rows(SineWave::new(p[0] as usize)),
)
.source("Ehlers; Tulip Indicators, which writes pi with 8 digits")
.params(&[Param::int("timeperiod", 5, 1, 5000)])
.outputs(&[real("sine").or("msw_sine"), real("lead").or("msw_lead")])
.first(|p| p[0] as usize);

#[derive(Clone)]
struct SineWave {
    /// Cosine and sine of each bar of the cycle, oldest first.
    waves: Vec<[f64; 2]>,
    window: Window,
    begun: bool,
}

impl SineWave {
    fn new(n: usize) -> Self {
        let angle = |k: usize| TAU * k as f64 / n as f64;
        let waves = (0..n).rev().map(|k| [libm::cos(angle(k)), libm::sin(angle(k))]).collect();
        Self { waves, window: Window::new(n), begun: false }
    }
}

impl Step<1, 2> for SineWave {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        let Some(values) = self.window.push(x) else { return [f64::NAN; 2] };
        // The first full window has no value, as in Tulip.
        if !std::mem::replace(&mut self.begun, true) {
            return [f64::NAN; 2];
        }
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (value, [cosine, sine]) in values.iter().zip(&self.waves) {
            real += cosine * value;
            imaginary += sine * value;
        }
        let mut phase = if real.abs() > 0.001 {
            libm::atan(imaginary / real)
        } else {
            PI * if imaginary < 0.0 { -1.0 } else { 1.0 }
        };
        phase += if real < 0.0 { PI } else { 0.0 };
        phase += FRAC_PI_2;
        phase += if phase < 0.0 { TAU } else { 0.0 };
        phase -= if phase > TAU { TAU } else { 0.0 };
        [libm::sin(phase), libm::sin(phase + FRAC_PI_4)]
    }
}

impl State for SineWave {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.window, &mut self.begun])
    }
}
