//! Mean and variance of the last `n` values, free of cancellation.
//!
//! Blocks of `n` rows as in [`super::Sum`], with sums of `x - c` and `(x - c)^2` around a value `c` of the window
//! itself: a block's suffix sums around its last value, the next block's prefix sums around its first. The two shifts
//! are neighbours, and both are in the window, so the variance is taken from numbers of its own size. Constant input
//! gives exactly 0.

use crate::indicator::{Io, State, StateError};

/// Mean and population variance of a window; state is `2 n + 2` numbers.
#[derive(Clone, Debug)]
pub struct Moments {
    n: usize,
    /// Up to `pos` the values of this block, from `pos` on the suffix sums of the last one, around its last value.
    first: Vec<f64>,
    second: Vec<f64>,
    pos: usize,
    /// First value of this block, and the prefix sums around it.
    shift: f64,
    p1: f64,
    p2: f64,
    /// Last value of the block before.
    last: f64,
    full: bool,
}

impl Moments {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        let zeros = vec![0.0; n + 1];
        Self { n, first: zeros.clone(), second: zeros, pos: 0, shift: 0.0, p1: 0.0, p2: 0.0, last: 0.0, full: false }
    }

    /// Takes the next value; mean and population variance of the last `n`, or NaN before there are `n`.
    #[inline]
    pub fn push(&mut self, x: f64) -> (f64, f64) {
        if self.pos == 0 {
            self.shift = x;
        }
        let d = x - self.shift;
        self.p1 += d;
        self.p2 += d * d;
        let out = if self.full || self.pos + 1 == self.n { self.merged() } else { (f64::NAN, f64::NAN) };
        self.first[self.pos] = x;
        self.pos += 1;
        if self.pos == self.n {
            self.turn();
        }
        out
    }

    /// `push` for each value of `x`.
    pub fn column(&mut self, x: &[f64], means: &mut [f64], variances: &mut [f64]) {
        for ((x, mean), variance) in x.iter().zip(means).zip(variances) {
            (*mean, *variance) = self.push(*x);
        }
    }

    /// Suffix and prefix around one shift.
    #[inline(always)]
    fn merged(&self) -> (f64, f64) {
        let (s1, s2) = (self.first[self.pos + 1], self.second[self.pos + 1]);
        let rest = (self.n - 1 - self.pos) as f64;
        let n = self.n as f64;
        let d = self.last - self.shift;
        let sum = self.p1 + (s1 + rest * d);
        let squares = self.p2 + (s2 + d * (2.0 * s1 + rest * d));
        let mean = sum / n;
        let variance = squares / n - mean * mean;
        (self.shift + mean, if variance > 0.0 { variance } else { 0.0 })
    }

    /// The block is full: its values become suffix sums around its last value.
    fn turn(&mut self) {
        let last = self.first[self.n - 1];
        let (mut s1, mut s2) = (0.0, 0.0);
        for k in (0..self.n).rev() {
            let d = self.first[k] - last;
            s1 += d;
            s2 += d * d;
            self.first[k] = s1;
            self.second[k] = s2;
        }
        self.last = last;
        self.pos = 0;
        self.p1 = 0.0;
        self.p2 = 0.0;
        self.full = true;
    }
}

impl State for Moments {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.first, &mut self.second, &mut self.shift, &mut self.p1, &mut self.p2])?;
        io.all(&mut [&mut self.last, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
