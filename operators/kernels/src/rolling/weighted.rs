//! Mean and linearly weighted mean of the last `n` values, free of cancellation.
//!
//! Short windows are walked, see [`super::short`], around their newest value. Longer ones: blocks of `n` rows as in [`super::Sum`], with sums of `x - c` and `weight * (x - c)` around a value `c` of the
//! window, as in [`super::Moments`]. With weights 1, 2, .., n from the oldest to the newest value, the two means carry
//! the whole regression line: its slope is `6 (weighted - plain) / (n - 1)`. Constant input gives exactly that
//! constant and a slope of exactly 0.

use super::short::{SHORT, Short};
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};

/// Plain and weighted mean of a window; state is at most `2 n + 2` numbers.
#[derive(Clone, Debug)]
pub struct Weighted(Form);

#[derive(Clone, Debug)]
enum Form {
    Short([f64; 2], Short<1>),
    Long(Blocks),
}

/// Means of a window.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Plain mean.
    pub mean: f64,
    /// How far the weighted mean is above it.
    pub tilt: f64,
}

/// Sums of distances from the newest value, plain and weighted.
#[inline(always)]
fn add([plain, weighted]: [f64; 2], [x]: [f64; 1], weight: f64, [newest]: [f64; 1]) -> [f64; 2] {
    let d = x - newest;
    [plain + d, weighted + d * weight]
}

/// The means of a window by its sums; the shares are what a value and a unit of weight count.
#[inline(always)]
fn means([plain, weighted]: [f64; 2], newest: f64, shares: [f64; 2]) -> Means {
    let plain = plain * shares[0];
    Means { mean: newest + plain, tilt: weighted * shares[1] - plain }
}

impl Weighted {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        let count = n as f64;
        let weights = count * (count + 1.0) / 2.0;
        let shares = [1.0 / count, 1.0 / weights];
        Self(if n <= SHORT { Form::Short(shares, Short::new(n)) } else { Form::Long(Blocks::new(n, weights)) })
    }

    /// Takes the next value; the means of the last `n`, NaN before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> Means {
        match &mut self.0 {
            Form::Short(shares, short) => means(short.push([x], add).unwrap_or([f64::NAN; 2]), x, *shares),
            Form::Long(blocks) => blocks.push(x),
        }
    }

    /// `push` for each value of `x`.
    #[inline(always)]
    pub fn column(&mut self, x: &[f64], plain: &mut [f64], tilts: &mut [f64]) {
        let outputs = plain.chunks_mut(BLOCK).zip(tilts.chunks_mut(BLOCK));
        for (x, (plain, tilts)) in x.chunks(BLOCK).zip(outputs) {
            match &mut self.0 {
                Form::Short(shares, short) => {
                    let early = short.column([x], [&mut *plain, &mut *tilts], add);
                    for ((x, mean), tilt) in x.iter().zip(&mut *plain).zip(&mut *tilts) {
                        Means { mean: *mean, tilt: *tilt } = means([*mean, *tilt], *x, *shares);
                    }
                    plain[..early].fill(f64::NAN);
                    tilts[..early].fill(f64::NAN);
                }
                Form::Long(blocks) => {
                    for ((x, mean), tilt) in x.iter().zip(plain).zip(tilts) {
                        Means { mean: *mean, tilt: *tilt } = blocks.push(*x);
                    }
                }
            }
        }
    }
}

impl State for Weighted {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match &mut self.0 {
            Form::Short(_, short) => short.state(io),
            Form::Long(blocks) => blocks.state(io),
        }
    }
}

#[derive(Clone, Debug)]
struct Blocks {
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

impl Blocks {
    fn new(n: usize, weights: f64) -> Self {
        let zeros = vec![0.0; n + 1];
        let count = n as f64;
        Self {
            n,
            count,
            weights,
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
    #[inline(always)]
    fn push(&mut self, x: f64) -> Means {
        if self.pos == 0 {
            self.shift = x;
        }
        let d = x - self.shift;
        self.p0 += d;
        self.p1 += d * (self.pos + 1) as f64;
        let out =
            if self.full || self.pos + 1 == self.n { self.merged() } else { Means { mean: f64::NAN, tilt: f64::NAN } };
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
        let plain = plain / self.count;
        Means { mean: self.shift + plain, tilt: weighted / self.weights - plain }
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

impl State for Blocks {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.plain, &mut self.weighted, &mut self.shift, &mut self.p0, &mut self.p1])?;
        io.all(&mut [&mut self.last, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
