//! Exponential average with any smoothing factor and seed: EMA, Wilder's average and all that is built on them.
//!
//! `y = y' + alpha * (x - y')`, seeded with the mean of the first `seed` values. Written per row that is a chain of
//! dependent operations; here rows are taken in groups of eight after the seed, and each group is computed around its
//! reference `r`, the value just before it:
//! ```text
//!   e = y' - r                          how far the average is from the reference when the group starts
//!   u = beta * u + alpha * (x - r)      the group's own part, independent of the past
//!   y = r + (beta^k * e + u)            k-th row of the group
//! ```
//! Constant input gives exactly that constant. Both forms do these operations in this order.

use super::GROUP;
use crate::indicator::{Io, State, StateError};

/// Exponential average; state is a handful of numbers.
#[derive(Clone, Debug)]
pub struct Average {
    seed: usize,
    divisor: f64,
    alpha: f64,
    beta: f64,
    powers: [f64; GROUP],
    seen: usize,
    sum: f64,
    r: f64,
    e: f64,
    u: f64,
    k: usize,
}

impl Average {
    /// Smoothing factor `alpha`, seeded with the mean of the first `seed >= 1` values.
    pub fn new(alpha: f64, seed: usize) -> Self {
        Self::seeded(alpha, seed, seed as f64)
    }

    /// Smoothing factor `alpha`, seeded with the sum of the first `seed` values over `divisor`.
    pub fn seeded(alpha: f64, seed: usize, divisor: f64) -> Self {
        let beta = 1.0 - alpha;
        let mut powers = [beta; GROUP];
        for k in 1..GROUP {
            powers[k] = powers[k - 1] * beta;
        }
        Self { seed, divisor, alpha, beta, powers, seen: 0, sum: 0.0, r: 0.0, e: 0.0, u: 0.0, k: 0 }
    }

    /// The exponential average of `n` bars: factor `2 / (n + 1)`, seeded with the mean of the first `n`.
    pub fn ema(n: usize) -> Self {
        Self::new(2.0 / (n as f64 + 1.0), n)
    }

    /// Wilder's average of `n` bars: factor `1 / n`, seeded with the mean of the first `n`.
    pub fn wilder(n: usize) -> Self {
        Self::new(1.0 / n as f64, n)
    }

    /// Takes the next value; the average, or NaN before the seed is complete.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        if self.seen < self.seed {
            return self.sow(x);
        }
        if self.alpha == 1.0 {
            return x;
        }
        self.u = self.beta * self.u + self.alpha * (x - self.r);
        let t = self.powers[self.k] * self.e + self.u;
        let y = self.r + t;
        self.k += 1;
        if self.k == GROUP {
            self.e = t + (self.r - x);
            self.r = x;
            self.u = 0.0;
            self.k = 0;
        }
        y
    }

    /// Whether the seed is complete: every further `push` gives a value.
    pub fn ready(&self) -> bool {
        self.seen == self.seed
    }

    /// A value of the seed.
    fn sow(&mut self, x: f64) -> f64 {
        self.sum += x;
        self.seen += 1;
        if self.seen < self.seed {
            return f64::NAN;
        }
        let y = self.sum / self.divisor;
        self.r = x;
        self.e = y - x;
        y
    }

    /// `push` for each value of `x`.
    #[inline(always)]
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        let mut at = 0;
        while at < x.len() && (self.seen < self.seed || self.k != 0) {
            y[at] = self.push(x[at]);
            at += 1;
        }
        if self.alpha == 1.0 {
            y[at..].copy_from_slice(&x[at..]);
            return;
        }
        let whole = at + (x.len() - at) / GROUP * GROUP;
        self.groups(&x[at..whole], &mut y[at..whole]);
        for at in whole..x.len() {
            y[at] = self.push(x[at]);
        }
    }

    /// Whole groups. Not inlined: compiled for wide vectors, the chain within a group is torn into shuffles and takes
    /// twice as long.
    #[inline(never)]
    fn groups(&mut self, x: &[f64], y: &mut [f64]) {
        let (alpha, beta, powers) = (self.alpha, self.beta, self.powers);
        let (mut r, mut e) = (self.r, self.e);
        for (x, y) in x.chunks_exact(GROUP).zip(y.chunks_exact_mut(GROUP)) {
            let mut u = 0.0;
            let mut t = 0.0;
            for k in 0..GROUP {
                u = beta * u + alpha * (x[k] - r);
                t = powers[k] * e + u;
                y[k] = r + t;
            }
            e = t + (r - x[GROUP - 1]);
            r = x[GROUP - 1];
        }
        self.r = r;
        self.e = e;
    }
}

impl State for Average {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.sum, &mut self.r, &mut self.e, &mut self.u])?;
        io.index(&mut self.seen, self.seed + 1)?;
        io.index(&mut self.k, GROUP)
    }
}
