//! What is shown of the cycle.

use super::dominant::{Cycle, Dominant, Trendline};
use super::hilbert::Hilbert;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::registry::{Class, Group, Indicator, Output, OutputKind, real};
use crate::indicator::{Io, State, StateError};

const SOURCE: &str = "Ehlers, Rocket Science for Traders (2001); TA-Lib 0.8";

/// First row with a value, and bars on which nothing is measured: for the wave alone, and for the phase.
const WAVE: (usize, u64) = (32, 12);
const PHASE: (usize, u64) = (63, 37);

/// Rows until nothing is left of the start, measured; the measurement is not linear and has no formula.
const SETTLE: usize = 400;

pub(super) const HT_DCPERIOD: Indicator =
    Indicator::new("ht_dcperiod", Group::Cycle, "period of the dominant cycle in bars", |_| rows(Period::new()))
        .source(SOURCE)
        .class(Class::Converging)
        .first(|_| WAVE.0)
        .settle(|_| SETTLE);

pub(super) const HT_PHASOR: Indicator =
    Indicator::new("ht_phasor", Group::Cycle, "in-phase and quadrature part of the price", |_| rows(Phasor::new()))
        .source(SOURCE)
        .outputs(&[real("inphase"), real("quadrature")])
        .class(Class::Converging)
        .first(|_| WAVE.0)
        .settle(|_| SETTLE);

pub(super) const HT_DCPHASE: Indicator =
    Indicator::new("ht_dcphase", Group::Cycle, "phase of the dominant cycle in degrees", |_| rows(Phase::new()))
        .source(SOURCE)
        .class(Class::Converging)
        .first(|_| PHASE.0)
        .settle(|_| SETTLE);

pub(super) const HT_SINE: Indicator =
    Indicator::new("ht_sine", Group::Cycle, "sine of the phase, and of the phase 45 degrees ahead", |_| {
        rows(Sine { phase: Phase::new() })
    })
    .source(SOURCE)
    .outputs(&[real("sine"), real("leadsine")])
    .class(Class::Converging)
    .first(|_| PHASE.0)
    .settle(|_| SETTLE);

pub(super) const HT_TRENDLINE: Indicator =
    Indicator::new("ht_trendline", Group::Overlap, "mean price over the dominant cycle", |_| rows(Trend::new()))
        .source(SOURCE)
        .class(Class::Converging)
        .first(|_| PHASE.0)
        .settle(|_| SETTLE);

pub(super) const HT_TRENDMODE: Indicator =
    Indicator::new("ht_trendmode", Group::Cycle, "1 in a trend, 0 in a cycle", |_| rows(Mode::new()))
        .source(SOURCE)
        .outputs(&[MODE])
        .class(Class::Converging)
        .first(|_| PHASE.0)
        .settle(|_| SETTLE);

const MODE: Output = real("value").or("integer").of(OutputKind::Integer);

/// A value from row `first` on.
#[inline]
fn from_row<const O: usize>(row: &mut u64, first: usize, y: [f64; O]) -> [f64; O] {
    let early = *row < first as u64;
    *row += 1;
    if early { [f64::NAN; O] } else { y }
}

#[derive(Clone)]
struct Period {
    row: u64,
    hilbert: Hilbert,
    period: f64,
}

impl Period {
    fn new() -> Self {
        Self { row: 0, hilbert: Hilbert::new(WAVE.1), period: 0.0 }
    }
}

impl Step<1, 1> for Period {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        if let Some(wave) = self.hilbert.push(x) {
            self.period = 0.33 * wave.period + 0.67 * self.period;
        }
        from_row(&mut self.row, WAVE.0, [self.period])
    }
}

impl State for Period {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.row, &mut self.hilbert, &mut self.period])
    }
}

#[derive(Clone)]
struct Phasor {
    row: u64,
    hilbert: Hilbert,
}

impl Phasor {
    fn new() -> Self {
        Self { row: 0, hilbert: Hilbert::new(WAVE.1) }
    }
}

impl Step<1, 2> for Phasor {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        let y = self.hilbert.push(x).map_or([f64::NAN; 2], |wave| [wave.i1, wave.q1]);
        from_row(&mut self.row, WAVE.0, y)
    }
}

impl State for Phasor {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.row, &mut self.hilbert])
    }
}

#[derive(Clone)]
struct Phase {
    row: u64,
    dominant: Dominant,
}

impl Phase {
    fn new() -> Self {
        Self { row: 0, dominant: Dominant::new(PHASE.1) }
    }
}

impl Step<1, 1> for Phase {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let y = self.dominant.push(x).map_or(f64::NAN, |cycle| cycle.phase);
        from_row(&mut self.row, PHASE.0, [y])
    }
}

impl State for Phase {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.row, &mut self.dominant])
    }
}

#[derive(Clone)]
struct Sine {
    phase: Phase,
}

/// Sine of the phase, and 45 degrees ahead.
#[inline]
fn sines(phase: f64) -> [f64; 2] {
    [libm::sin(phase.to_radians()), libm::sin((phase + 45.0).to_radians())]
}

impl Step<1, 2> for Sine {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 2] {
        let [phase] = self.phase.step(x);
        if phase.is_nan() { [f64::NAN; 2] } else { sines(phase) }
    }
}

impl State for Sine {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.phase.state(io)
    }
}

#[derive(Clone)]
struct Trend {
    row: u64,
    hilbert: Hilbert,
    period: f64,
    line: Trendline,
}

impl Trend {
    fn new() -> Self {
        Self { row: 0, hilbert: Hilbert::new(PHASE.1), period: 0.0, line: Trendline::default() }
    }
}

impl Step<1, 1> for Trend {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        self.line.prime(x);
        let y = self.hilbert.push(x).map_or(f64::NAN, |wave| {
            self.period = 0.33 * wave.period + 0.67 * self.period;
            self.line.next(self.period)
        });
        from_row(&mut self.row, PHASE.0, [y])
    }
}

impl State for Trend {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.row, &mut self.hilbert, &mut self.period, &mut self.line])
    }
}

#[derive(Clone)]
struct Mode {
    row: u64,
    dominant: Dominant,
    line: Trendline,
    phase: f64,
    sines: [f64; 2],
    days: u64,
}

impl Mode {
    fn new() -> Self {
        let (dominant, line) = (Dominant::new(PHASE.1), Trendline::default());
        Self { row: 0, dominant, line, phase: 0.0, sines: [0.0; 2], days: 0 }
    }

    /// Trend unless the sines crossed lately or the phase turns as a cycle's does; trend far from the line.
    fn trend(&mut self, cycle: Cycle) -> bool {
        let line = self.line.next(cycle.period);
        let [was, was_ahead] = self.sines;
        self.sines = sines(cycle.phase);
        let [is, ahead] = self.sines;
        let mut trend = true;
        if (is > ahead && was <= was_ahead) || (is < ahead && was >= was_ahead) {
            self.days = 0;
            trend = false;
        }
        self.days += 1;
        if (self.days as f64) < 0.5 * cycle.period {
            trend = false;
        }
        let turned = cycle.phase - self.phase;
        self.phase = cycle.phase;
        if turned > 0.67 * 360.0 / cycle.period && turned < 1.5 * 360.0 / cycle.period {
            trend = false;
        }
        trend || (line != 0.0 && ((cycle.smooth - line) / line).abs() >= 0.015)
    }
}

impl Step<1, 1> for Mode {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        self.line.prime(x);
        let y = self.dominant.push(x).map_or(f64::NAN, |cycle| f64::from(u8::from(self.trend(cycle))));
        from_row(&mut self.row, PHASE.0, [y])
    }
}

impl State for Mode {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.row, &mut self.dominant, &mut self.line])?;
        io.all(&mut [&mut self.phase, &mut self.sines, &mut self.days])
    }
}
