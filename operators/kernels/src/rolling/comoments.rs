//! Joint moments of two columns over the last `n` rows, free of cancellation.
//!
//! The blocks and shifts of [`super::Moments`], for a pair of values: sums of `x`, `y`, `x x`, `y y` and `x y` around
//! values of the window itself.

use crate::indicator::{Io, State, StateError};

/// Sums around a point of the window: `x`, `y`, `x x`, `y y`, `x y`.
type Sums = [f64; 5];

/// Joint moments of a window; state is `5 n` numbers and a few.
#[derive(Clone, Debug)]
pub struct CoMoments {
    n: usize,
    block: Vec<[f64; 2]>,
    suffix: Vec<Sums>,
    pos: usize,
    shift: [f64; 2],
    prefix: Sums,
    last: [f64; 2],
    full: bool,
}

/// Central sums of a window, and the scale of the numbers that they come from.
#[derive(Clone, Copy, Debug)]
pub struct Joint {
    /// Mean of `x` and of `y`.
    pub means: [f64; 2],
    /// Sum of squared distances of `x` from its mean.
    pub xx: f64,
    /// The same for `y`.
    pub yy: f64,
    /// Sum of products of distances.
    pub xy: f64,
    /// Sums of squares around the shift: distances far below them are rounding.
    pub scales: [f64; 2],
}

impl CoMoments {
    /// A window of `n >= 1` rows.
    pub fn new(n: usize) -> Self {
        Self {
            n,
            block: vec![[0.0; 2]; n],
            suffix: vec![[0.0; 5]; n + 1],
            pos: 0,
            shift: [0.0; 2],
            prefix: [0.0; 5],
            last: [0.0; 2],
            full: false,
        }
    }

    /// Takes the next row; the moments of the last `n`, or `None` before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64, y: f64) -> Option<Joint> {
        if self.pos == 0 {
            self.shift = [x, y];
        }
        add(&mut self.prefix, x - self.shift[0], y - self.shift[1]);
        let out = (self.full || self.pos + 1 == self.n).then(|| self.merged());
        self.block[self.pos] = [x, y];
        self.pos += 1;
        if self.pos == self.n {
            self.turn();
        }
        out
    }

    /// Suffix and prefix around one shift.
    #[inline(always)]
    fn merged(&self) -> Joint {
        let [s0, s1, s2, s3, s4] = self.suffix[self.pos + 1];
        let [p0, p1, p2, p3, p4] = self.prefix;
        let rest = (self.n - 1 - self.pos) as f64;
        let n = self.n as f64;
        let (dx, dy) = (self.last[0] - self.shift[0], self.last[1] - self.shift[1]);
        let x = p0 + (s0 + rest * dx);
        let y = p1 + (s1 + rest * dy);
        let xx = p2 + (s2 + dx * (2.0 * s0 + rest * dx));
        let yy = p3 + (s3 + dy * (2.0 * s1 + rest * dy));
        let xy = p4 + (s4 + (dx * s1 + dy * (s0 + rest * dx)));
        Joint {
            means: [self.shift[0] + x / n, self.shift[1] + y / n],
            xx: xx - x * x / n,
            yy: yy - y * y / n,
            xy: xy - x * y / n,
            scales: [xx, yy],
        }
    }

    /// The block is full: its values become suffix sums around its last one.
    fn turn(&mut self) {
        let last = self.block[self.n - 1];
        let mut sums = [0.0; 5];
        for (slot, [x, y]) in self.suffix[..self.n].iter_mut().zip(&self.block).rev() {
            add(&mut sums, x - last[0], y - last[1]);
            *slot = sums;
        }
        self.last = last;
        self.pos = 0;
        self.prefix = [0.0; 5];
        self.full = true;
    }
}

#[inline(always)]
fn add(sums: &mut Sums, x: f64, y: f64) {
    sums[0] += x;
    sums[1] += y;
    sums[2] += x * x;
    sums[3] += y * y;
    sums[4] += x * y;
}

impl State for CoMoments {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.block, &mut self.suffix, &mut self.shift, &mut self.prefix])?;
        io.all(&mut [&mut self.last, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
