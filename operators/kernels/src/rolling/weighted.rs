//! Mean and linearly weighted mean of the last `n` values, free of cancellation.
//!
//! Blocks of `n` rows as in [`super::Sum`], with sums of `x - c` and `weight * (x - c)` around a value `c` of the
//! window, as in [`super::Moments`]. With weights 1, 2, .., n from the oldest to the newest value, the two means carry
//! the whole regression line: its slope is `6 (weighted - plain) / (n - 1)`. Constant input gives exactly that
//! constant and a slope of exactly 0.

use crate::indicator::{Io, State, StateError};

/// Plain and weighted mean of a window; state is `2 n + 2` numbers.
#[derive(Clone, Debug)]
pub struct Weighted {
    n: usize,
    count: f64,
    weights: f64,
    /// Up to `pos` the values of this block, from `pos` on the suffix sums of the last one, around its last value.
    plain: Vec<f64>,
    weighted: Vec<f64>,
    pos: usize,
    /// First value of this block, and the prefix sums around it.
    shift: f64,
    p0: f64,
    p1: f64,
    /// Last value of the block before.
    last: f64,
    full: bool,
}

/// Means of a window: `base + plain` and `base + weighted`.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// A value of the window.
    pub base: f64,
    /// Mean distance from it.
    pub plain: f64,
    /// Weighted mean distance from it.
    pub weighted: f64,
}

impl Weighted {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        let zeros = vec![0.0; n + 1];
        let count = n as f64;
        Self {
            n,
            count,
            weights: count * (count + 1.0) / 2.0,
            plain: zeros.clone(),
            weighted: zeros,
            pos: 0,
            shift: 0.0,
            p0: 0.0,
            p1: 0.0,
            last: 0.0,
            full: false,
        }
    }

    /// Takes the next value; the means of the last `n`, NaN before there are `n`.
    #[inline]
    pub fn push(&mut self, x: f64) -> Means {
        if self.pos == 0 {
            self.shift = x;
        }
        let d = x - self.shift;
        self.p0 += d;
        self.p1 += d * (self.pos + 1) as f64;
        let out = if self.full || self.pos + 1 == self.n {
            self.merged()
        } else {
            Means { base: f64::NAN, plain: f64::NAN, weighted: f64::NAN }
        };
        self.plain[self.pos] = x;
        self.pos += 1;
        if self.pos == self.n {
            self.turn();
        }
        out
    }

    /// Suffix and prefix around one shift.
    #[inline(always)]
    fn merged(&self) -> Means {
        let (s0, s1) = (self.plain[self.pos + 1], self.weighted[self.pos + 1]);
        let rest = (self.n - 1 - self.pos) as f64;
        let d = self.last - self.shift;
        let plain = self.p0 + (s0 + rest * d);
        let weighted = (self.p1 + rest * self.p0) + (s1 + d * (rest * (rest + 1.0) * 0.5));
        Means { base: self.shift, plain: plain / self.count, weighted: weighted / self.weights }
    }

    /// The block is full: its values become suffix sums around its last value.
    fn turn(&mut self) {
        let last = self.plain[self.n - 1];
        let (mut s0, mut s1) = (0.0, 0.0);
        for k in (0..self.n).rev() {
            s0 += self.plain[k] - last;
            s1 += s0;
            self.plain[k] = s0;
            self.weighted[k] = s1;
        }
        self.last = last;
        self.pos = 0;
        self.p0 = 0.0;
        self.p1 = 0.0;
        self.full = true;
    }
}

impl State for Weighted {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.plain, &mut self.weighted, &mut self.shift, &mut self.p0, &mut self.p1])?;
        io.all(&mut [&mut self.last, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
