//! The dominant cycle: its smoothed period, its phase, and the trend that is left without it.
//!
//! Phase is the angle of one Fourier component of the smoothed price, over as many bars as the period has. Sines and
//! cosines of all periods are computed once.

use super::hilbert::Hilbert;
use crate::indicator::{Io, State, StateError};
use std::f64::consts::TAU;
use std::sync::LazyLock;

/// Longest period in whole bars.
const LONGEST: usize = 50;

/// The cycle at one bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    /// Price smoothed over four bars.
    pub(super) smooth: f64,
    /// Smoothed period.
    pub(super) period: f64,
    /// Phase in degrees.
    pub(super) phase: f64,
}

/// Measures period and phase.
#[derive(Clone, Debug)]
pub(super) struct Dominant {
    hilbert: Hilbert,
    period: f64,
    phase: f64,
    smooth: Newest,
}

impl Dominant {
    /// Nothing is measured on the first `skip` bars.
    pub(super) fn new(skip: u64) -> Self {
        Self { hilbert: Hilbert::new(skip), period: 0.0, phase: 0.0, smooth: Newest::default() }
    }

    /// Takes the next price.
    #[inline(always)]
    pub(super) fn push(&mut self, price: f64) -> Option<Cycle> {
        let wave = self.hilbert.push(price)?;
        self.period = 0.33 * wave.period + 0.67 * self.period;
        self.smooth.push(wave.smooth);
        self.phase = self.next_phase();
        Some(Cycle { smooth: wave.smooth, period: self.period, phase: self.phase })
    }

    fn next_phase(&self) -> f64 {
        let (real, imaginary) = self.component();
        let mut phase = self.phase;
        if imaginary.abs() > 0.0 {
            phase = libm::atan(real / imaginary).to_degrees();
        } else if real < 0.0 {
            phase -= 90.0;
        } else if real > 0.0 {
            phase += 90.0;
        }
        // A quarter turn, and the lag of one bar that the smoothing has.
        phase += 90.0;
        phase += 360.0 / self.period;
        if imaginary < 0.0 {
            phase += 180.0;
        }
        if phase > 315.0 { phase - 360.0 } else { phase }
    }

    /// Fourier component of the period, newest bar first.
    fn component(&self) -> (f64, f64) {
        let bars = whole(self.period);
        let waves = &WAVES[bars];
        let (mut real, mut imaginary) = ([0.0; 4], [0.0; 4]);
        for (k, ([sine, cosine], price)) in waves.iter().zip(self.smooth.newest_first(bars)).enumerate() {
            real[k % 4] += sine * price;
            imaginary[k % 4] += cosine * price;
        }
        let sum = |lanes: [f64; 4]| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        (sum(real), sum(imaginary))
    }
}

impl State for Dominant {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.hilbert, &mut self.period, &mut self.phase, &mut self.smooth])
    }
}

/// A period in whole bars.
#[inline]
fn whole(period: f64) -> usize {
    ((period + 0.5) as usize).min(LONGEST)
}

/// Sine and cosine of each bar of each whole period.
static WAVES: LazyLock<Vec<Vec<[f64; 2]>>> = LazyLock::new(|| {
    let wave = |bars: usize| {
        let angle = move |k: usize| k as f64 * TAU / bars as f64;
        (0..bars).map(|k| [libm::sin(angle(k)), libm::cos(angle(k))]).collect()
    };
    (0..=LONGEST).map(wave).collect()
});

/// Mean price over one period, smoothed over four bars.
#[derive(Clone, Debug, Default)]
pub(super) struct Trendline {
    prices: Newest,
    means: [f64; 3],
}

impl Trendline {
    /// Takes the next price, before anything is measured.
    pub(super) fn prime(&mut self, price: f64) {
        self.prices.push(price);
    }

    /// The line at a bar whose price has been taken.
    pub(super) fn next(&mut self, period: f64) -> f64 {
        let bars = whole(period);
        let (fours, rest) = self.prices.newest_first(bars).as_chunks::<4>();
        let mut lanes = [0.0; 4];
        for four in fours {
            for (lane, price) in lanes.iter_mut().zip(four) {
                *lane += price;
            }
        }
        let sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        let sum = rest.iter().fold(sum, |sum, price| sum + price);
        let mean = if bars > 0 { sum / bars as f64 } else { 0.0 };
        let [one, two, three] = self.means;
        self.means = [mean, one, two];
        (4.0 * mean + 3.0 * one + 2.0 * two + three) / 10.0
    }
}

impl State for Trendline {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.prices, &mut self.means])
    }
}

/// The last [`LONGEST`] values, written twice so that they are always one slice; zeros before the first.
#[derive(Clone, Debug)]
struct Newest {
    twice: [f64; 2 * LONGEST],
    pos: usize,
}

impl Default for Newest {
    fn default() -> Self {
        Self { twice: [0.0; 2 * LONGEST], pos: 0 }
    }
}

impl Newest {
    #[inline(always)]
    fn push(&mut self, x: f64) {
        // Positions fall, so that the newest value comes first.
        self.pos = if self.pos == 0 { LONGEST - 1 } else { self.pos - 1 };
        self.twice[self.pos] = x;
        self.twice[self.pos + LONGEST] = x;
    }

    #[inline]
    fn newest_first(&self, bars: usize) -> &[f64] {
        &self.twice[self.pos..self.pos + bars]
    }
}

impl State for Newest {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.twice.state(io)?;
        io.index(&mut self.pos, LONGEST)
    }
}
