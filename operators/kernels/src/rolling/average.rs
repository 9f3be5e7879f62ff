//! Exponential average with any smoothing factor and seed: EMA, Wilder's average and all that is built on them.
//!
//! `y = y' + alpha * (x - y')`, seeded with the mean of the first `seed` values. Written so it is a chain of dependent
//! operations. Here it is told by how far the average lags behind, `x - y = beta * z`, and the lag by the moves of 16 rows:
//! ```text
//!   e = x - x[1 before]                       a move
//!   p = e + beta * e[1 before]                moves of two rows, beta = 1 - alpha
//!   q = p + beta^2 * p[2 before]              of four
//!   u = q + beta^4 * q[4 before]              of eight
//!   z = u + beta^8 * u[8 before] + beta^16 * z[16 before]
//!   y = x - beta * z
//! ```
//! Each line is a loop over many rows at once; the one dependence is 16 rows long. A row is told by the rows before it
//! alone, so chunks do not show, and constant input gives exactly that constant. Both forms do these operations in this
//! order, each product fused with its sum. The last row of the seed counts as a move that leaves its lag, after rows that did not move.

use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};
use crate::wide::wide;

/// Rows that are computed side by side.
const GROUP: usize = 16;

/// Exponential average; state is 35 numbers.
#[derive(Clone, Debug)]
pub struct Average {
    seed: usize,
    divisor: f64,
    powers: Powers,
    seen: usize,
    sum: f64,
    past: Past,
}

/// `beta` and its powers 2, 4, 8 and 16.
#[derive(Clone, Copy, Debug)]
struct Powers {
    one: f64,
    two: f64,
    four: f64,
    eight: f64,
    sixteen: f64,
}

/// What the next rows follow from: rings, in each of which the next row takes the place of row number `at`.
#[derive(Clone, Debug, Default)]
struct Past {
    at: usize,
    values: [f64; 4],
    /// Moves of four rows, and of eight.
    fours: [f64; 4],
    eights: [f64; 8],
    lags: [f64; GROUP],
}

/// Eight values before a block, and the block.
#[repr(align(64))]
struct Line([f64; 8 + BLOCK]);

impl Average {
    /// Smoothing factor `alpha`, seeded with the mean of the first `seed >= 1` values.
    pub fn new(alpha: f64, seed: usize) -> Self {
        Self::seeded(alpha, seed, seed as f64)
    }

    /// Smoothing factor `alpha`, seeded with the sum of the first `seed` values over `divisor`.
    pub fn seeded(alpha: f64, seed: usize, divisor: f64) -> Self {
        let beta = 1.0 - alpha;
        let (two, four) = (beta * beta, (beta * beta) * (beta * beta));
        let eight = four * four;
        let powers = Powers { one: beta, two, four, eight, sixteen: eight * eight };
        Self { seed, divisor, powers, seen: 0, sum: 0.0, past: Past::default() }
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
        if self.seen < self.seed { self.sow(x) } else { self.grow(x) }
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
        // The move that leaves the lag x - y; a factor of 1 leaves none.
        let beta = self.powers.one;
        let move_ = if beta == 0.0 { 0.0 } else { (x - y) / beta };
        let before = x - move_;
        self.past.values = [before, before, before, x];
        self.past.fours[3] = move_;
        self.past.eights[7] = move_;
        self.past.lags[GROUP - 1] = move_;
        y
    }

    /// A row after the seed.
    #[inline]
    fn grow(&mut self, x: f64) -> f64 {
        let mut y = 0.0;
        grow_one(x, &mut y, &self.powers, &mut self.past);
        y
    }

    /// `push` for each value of `x`.
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        let sown = (self.seed - self.seen).min(x.len());
        for (x, y) in x[..sown].iter().zip(&mut *y) {
            *y = self.sow(*x);
        }
        for (x, y) in x[sown..].chunks(BLOCK).zip(y[sown..].chunks_mut(BLOCK)) {
            let whole = x.len() - x.len() % GROUP;
            if whole > 0 {
                self.past.turn();
                grow_all(&x[..whole], &mut y[..whole], &self.powers, &mut self.past);
            }
            for (x, y) in x[whole..].iter().zip(&mut y[whole..]) {
                *y = self.grow(*x);
            }
        }
    }
}

wide! {
    /// One row after the seed.
    fn grow_one(x: f64, y: &mut f64, powers: &Powers, past: &mut Past) {
        let at = past.at;
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| past.values[(at + k) % 4]);
        let q = powers.of_four([a, b, c, d, x]);
        let u = powers.four.mul_add(past.fours[at % 4], q);
        let v = powers.eight.mul_add(past.eights[at % 8], u);
        let z = powers.sixteen.mul_add(past.lags[at % GROUP], v);
        past.values[at % 4] = x;
        past.fours[at % 4] = q;
        past.eights[at % 8] = u;
        past.lags[at % GROUP] = z;
        past.at = (at + 1) % GROUP;
        *y = powers.one.mul_add(-z, x);
    }
}

impl Past {
    /// Turns the rings so that each begins with its oldest number.
    fn turn(&mut self) {
        let at = std::mem::take(&mut self.at);
        if at > 0 {
            self.values.rotate_left(at % 4);
            self.fours.rotate_left(at % 4);
            self.eights.rotate_left(at % 8);
            self.lags.rotate_left(at);
        }
    }
}

impl Powers {
    /// Moves of four rows, by five values.
    #[inline(always)]
    fn of_four(&self, [a, b, c, d, e]: [f64; 5]) -> f64 {
        let newer = self.one.mul_add(d - c, e - d);
        let older = self.one.mul_add(b - a, c - b);
        self.two.mul_add(older, newer)
    }
}

wide! {
    /// At most [`BLOCK`] rows after the seed, a multiple of 16 and not none, from rings that begin with their
    /// oldest numbers.
    fn grow_all(x: &[f64], y: &mut [f64], powers: &Powers, past: &mut Past) {
        let rows = y.len().min(BLOCK);
        let (x, y) = (&x[..rows], &mut y[..rows]);
        let powers = *powers;
        let (mut fours, mut eights) = (Line([0.0; _]), Line([0.0; _]));
        let (fours, eights) = (&mut fours.0, &mut eights.0);
        fours[4..8].copy_from_slice(&past.fours);
        eights[..8].copy_from_slice(&past.eights);
        let mut begin = [0.0; 4 + GROUP];
        begin[..4].copy_from_slice(&past.values);
        begin[4..].copy_from_slice(&x[..GROUP]);
        for (q, values) in fours[8..8 + GROUP].iter_mut().zip(begin.array_windows()) {
            *q = powers.of_four(*values);
        }
        for (q, values) in fours[8 + GROUP..].iter_mut().zip(x[GROUP - 4..].array_windows()) {
            *q = powers.of_four(*values);
        }
        for (u, [before, _, _, _, q]) in eights[8..].iter_mut().zip(fours[4..rows + 8].array_windows()) {
            *u = powers.four.mul_add(*before, *q);
        }
        let mut lags = past.lags;
        let (groups, _) = x.as_chunks::<GROUP>();
        let (made, _) = y.as_chunks_mut::<GROUP>();
        for (group, (x, y)) in groups.iter().zip(made).enumerate() {
            let u = &eights[group * GROUP..][..GROUP + 8];
            for k in 0..GROUP {
                let v = powers.eight.mul_add(u[k], u[k + 8]);
                lags[k] = powers.sixteen.mul_add(lags[k], v);
                y[k] = powers.one.mul_add(-lags[k], x[k]);
            }
        }
        past.values.copy_from_slice(&x[rows - 4..]);
        past.fours.copy_from_slice(&fours[rows + 4..rows + 8]);
        past.eights.copy_from_slice(&eights[rows..rows + 8]);
        past.lags = lags;
    }
}

impl State for Average {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        let Past { at, values, fours, eights, lags } = &mut self.past;
        io.all(&mut [&mut self.sum, values, fours, eights, lags])?;
        io.index(at, GROUP)?;
        io.index(&mut self.seen, self.seed + 1)
    }
}
