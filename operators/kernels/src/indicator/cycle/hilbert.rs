//! Ehlers' measurement of the cycle: in-phase and quadrature parts of the price, and the period they imply.
//!
//! Price is smoothed over four bars; each Hilbert transform takes every second of the last seven values and is scaled
//! by the period found on the bar before. Nothing is measured on the first bars, as many as the indicator says.

use crate::indicator::{Io, State, StateError};
use std::f64::consts::TAU;

/// Lengths of the histories, powers of two.
const PAST: usize = 16;

/// The parts of the wave at one bar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wave {
    /// Price smoothed over four bars.
    pub(crate) smooth: f64,
    /// In-phase part.
    pub(crate) i1: f64,
    /// Quadrature part.
    pub(crate) q1: f64,
    /// Period after this bar, smoothed, 6 to 50 bars.
    pub(crate) period: f64,
}

/// State of the measurement.
#[derive(Clone, Debug)]
pub(crate) struct Hilbert {
    skip: u64,
    row: u64,
    prices: [f64; 3],
    smooth: Past,
    detrended: Past,
    quadrature: Past,
    i2: f64,
    q2: f64,
    re: f64,
    im: f64,
    period: f64,
}

impl Hilbert {
    /// Nothing is measured on the first `skip` bars.
    pub(crate) fn new(skip: u64) -> Self {
        Self {
            skip,
            row: 0,
            prices: [0.0; 3],
            smooth: Past::default(),
            detrended: Past::default(),
            quadrature: Past::default(),
            i2: 0.0,
            q2: 0.0,
            re: 0.0,
            im: 0.0,
            period: 0.0,
        }
    }

    /// Takes the next price.
    #[inline(always)]
    pub(crate) fn push(&mut self, price: f64) -> Option<Wave> {
        let [one, two, three] = self.prices;
        let smooth = (4.0 * price + 3.0 * one + 2.0 * two + three) * 0.1;
        self.prices = [price, one, two];
        let row = self.row;
        self.row += 1;
        if row < self.skip {
            return None;
        }
        let scale = 0.075 * self.period + 0.54;
        self.smooth.push(smooth);
        let detrended = self.smooth.transform(0) * scale;
        self.detrended.push(detrended);
        let q1 = self.detrended.transform(0) * scale;
        self.quadrature.push(q1);
        let i1 = self.detrended.at(3);
        let ji = self.detrended.transform(3) * scale;
        let jq = self.quadrature.transform(0) * scale;
        let q2 = 0.2 * (q1 + ji) + 0.8 * self.q2;
        let i2 = 0.2 * (i1 - jq) + 0.8 * self.i2;
        self.re = 0.2 * (i2 * self.i2 + q2 * self.q2) + 0.8 * self.re;
        self.im = 0.2 * (i2 * self.q2 - q2 * self.i2) + 0.8 * self.im;
        self.i2 = i2;
        self.q2 = q2;
        self.period = self.next_period();
        Some(Wave { smooth, i1, q1, period: self.period })
    }

    /// The angle between two bars as a period, not too far from the last one.
    #[inline]
    fn next_period(&self) -> f64 {
        let before = self.period;
        let mut period = before;
        if self.im != 0.0 && self.re != 0.0 {
            period = TAU / libm::atan(self.im / self.re);
        }
        let (least, most) = ((0.67 * before).max(6.0), (1.5 * before).min(50.0));
        period = if period > most { most } else { period };
        period = if period < least { least } else { period };
        0.2 * period + 0.8 * before
    }
}

impl State for Hilbert {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.row, &mut self.prices])?;
        io.all(&mut [&mut self.smooth, &mut self.detrended, &mut self.quadrature])?;
        io.all(&mut [&mut self.i2, &mut self.q2, &mut self.re, &mut self.im, &mut self.period])
    }
}

/// The last [`PAST`] values of a series; zeros before its first.
#[derive(Clone, Debug, Default)]
struct Past {
    values: [f64; PAST],
    newest: usize,
}

impl Past {
    #[inline(always)]
    fn push(&mut self, x: f64) {
        self.newest = (self.newest + 1) % PAST;
        self.values[self.newest] = x;
    }

    /// The value `back` bars ago.
    #[inline]
    fn at(&self, back: usize) -> f64 {
        self.values[(self.newest + PAST - back) % PAST]
    }

    /// Hilbert transform as of `back` bars ago, before scaling.
    #[inline]
    fn transform(&self, back: usize) -> f64 {
        const A: f64 = 0.0962;
        const B: f64 = 0.5769;
        // The newest value last: the others are known before it.
        A * self.at(back) + ((B * self.at(back + 2) - B * self.at(back + 4)) - A * self.at(back + 6))
    }
}

impl State for Past {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.values.state(io)?;
        io.index(&mut self.newest, PAST)
    }
}
