//! Mean and variance of the last `n` values, free of cancellation.
//!
//! Short windows are put together from parts around the newest one, see [`super::short`]. Longer ones: blocks of `n` rows
//! as in [`super::Sum`], with sums of `x - c` and `(x - c)^2` around a value `c` of the window itself: a block's suffix
//! sums around its last value, the next block's prefix sums around its first. The two shifts are neighbours, and both are
//! in the window, so the variance is taken from numbers of its own size. Constant input gives exactly 0.

use super::short::{self, Line, SHORT, Second, Short};
use crate::indicator::{Io, State, StateError};
use crate::wide::wide;

/// Mean and population variance of a window; state is at most `2 n + 2` numbers.
#[derive(Clone, Debug)]
pub struct Moments(Form);

#[derive(Clone, Debug)]
enum Form {
    Short(Short),
    Long(Blocks),
}

impl Moments {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self(if n <= SHORT { Form::Short(Short::new(n)) } else { Form::Long(Blocks::new(n)) })
    }

    /// Takes the next value; mean and population variance of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> (f64, f64) {
        match &mut self.0 {
            Form::Short(short) => short.push(x).map_or([f64::NAN; 2], short::window::<Spread>).into(),
            Form::Long(blocks) => blocks.push(x),
        }
    }

    /// `push` for each value of `x`.
    pub fn column(&mut self, x: &[f64], means: &mut [f64], variances: &mut [f64]) {
        match &mut self.0 {
            Form::Short(short) => short.columns2(x, means, variances, all_moments),
            Form::Long(blocks) => blocks.column(x, means, variances),
        }
    }
}

/// Of a part: the sum of squared distances from its mean.
struct Spread;

impl Second for Spread {
    #[inline(always)]
    fn of_two([older, newer]: [f64; 2]) -> f64 {
        let d = newer - older;
        d * d * 0.5
    }

    #[inline(always)]
    fn of_parts(size: f64, older: [f64; 2], newer: [f64; 2]) -> f64 {
        let d = newer[0] - older[0];
        (older[1] + newer[1]) + d * d * (0.5 / size)
    }

    #[inline(always)]
    fn of_windows<const L: usize>(
        [n, size]: [usize; 2],
        part: impl Fn(usize) -> [[f64; L]; 2],
        row: impl Fn(usize) -> [f64; L],
    ) -> [[f64; L]; 2] {
        let rest = n % size;
        let [newest, mut inner] = part(n - size);
        let middle = newest.map(|newest| newest * (1.0 / size as f64));
        let (mut apart, mut squares) = ([0.0; L], [0.0; L]);
        let mut at = rest;
        while at < n - size {
            let [sum, spread] = part(at);
            for lane in 0..L {
                let d = sum[lane] - newest[lane];
                apart[lane] += d;
                squares[lane] += d * d;
                inner[lane] += spread[lane];
            }
            at += size;
        }
        for at in 0..rest {
            let row = row(at);
            for lane in 0..L {
                let d = row[lane] - middle[lane];
                apart[lane] += d;
                inner[lane] += d * d;
            }
        }
        let (share, whole) = (1.0 / n as f64, 1.0 / size as f64);
        let (mut mean, mut variance) = (middle, squares);
        for lane in 0..L {
            let d = apart[lane] * share;
            let rest = (inner[lane] + squares[lane] * whole) * share - d * d;
            mean[lane] += d;
            variance[lane] = if rest > 0.0 { rest } else { 0.0 };
        }
        [mean, variance]
    }
}

wide! {
    /// Moments of the windows of `n` rows that begin on each row of a line.
    fn all_moments(line: &Line, made: &mut [Line; 2], n: usize, means: &mut [f64], variances: &mut [f64]) {
        short::windows::<Spread>(line, made, n, means, variances);
    }
}

impl State for Moments {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match &mut self.0 {
            Form::Short(short) => short.state(io),
            Form::Long(blocks) => blocks.state(io),
        }
    }
}

#[derive(Clone, Debug)]
struct Blocks {
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

impl Blocks {
    fn new(n: usize) -> Self {
        let zeros = vec![0.0; n + 1];
        Self { n, first: zeros.clone(), second: zeros, pos: 0, shift: 0.0, p1: 0.0, p2: 0.0, last: 0.0, full: false }
    }

    /// Takes the next value; mean and population variance of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    fn push(&mut self, x: f64) -> (f64, f64) {
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
    #[inline(always)]
    fn column(&mut self, x: &[f64], means: &mut [f64], variances: &mut [f64]) {
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

impl State for Blocks {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.first, &mut self.second, &mut self.shift, &mut self.p1, &mut self.p2])?;
        io.all(&mut [&mut self.last, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
