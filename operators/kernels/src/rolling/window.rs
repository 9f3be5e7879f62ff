//! The last `n` values side by side, oldest first.
//!
//! Each value is written twice, `n` slots apart, so that a window is always one slice.

use crate::indicator::{Io, State, StateError};

/// A window as a slice; state is `n` numbers.
#[derive(Clone, Debug)]
pub struct Window {
    n: usize,
    twice: Vec<f64>,
    pos: usize,
    full: bool,
}

impl Window {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self { n, twice: vec![0.0; 2 * n], pos: 0, full: false }
    }

    /// Takes the next value; the last `n`, or `None` before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> Option<&[f64]> {
        self.twice[self.pos] = x;
        self.twice[self.pos + self.n] = x;
        self.pos += 1;
        if self.pos == self.n {
            self.pos = 0;
            self.full = true;
        }
        self.full.then(|| &self.twice[self.pos..self.pos + self.n])
    }

    /// The last `n` values, or as many as there are, oldest first.
    #[inline(always)]
    pub(crate) fn last(&self) -> &[f64] {
        if self.full { &self.twice[self.pos..self.pos + self.n] } else { &self.twice[..self.pos] }
    }

    /// Takes the values of a column. Before that, lays out in `line` the `n - 1` values before them, `absent` where
    /// there are fewer, and the column. The number of its rows before there are `n` values.
    #[inline(always)]
    pub(crate) fn line(&mut self, x: &[f64], absent: f64, line: &mut [f64]) -> usize {
        let (before, rows) = (self.n - 1, x.len());
        let last = self.last();
        let held = &last[last.len() - last.len().min(before)..];
        let missing = before - held.len();
        line[..missing].fill(absent);
        line[missing..before].copy_from_slice(held);
        line[before..before + rows].copy_from_slice(x);
        if rows >= self.n {
            self.twice[..self.n].copy_from_slice(&x[rows - self.n..]);
            self.twice[self.n..].copy_from_slice(&x[rows - self.n..]);
            (self.pos, self.full) = (0, true);
        } else {
            for &x in x {
                self.push(x);
            }
        }
        missing.min(rows)
    }

    /// The value that the next `push` drops; meaningful once the window is full.
    #[inline]
    pub fn oldest(&self) -> f64 {
        self.twice[self.pos]
    }

    /// `n`.
    pub(crate) fn len(&self) -> usize {
        self.n
    }

    /// Whether there are `n` values.
    pub fn full(&self) -> bool {
        self.full
    }
}

impl State for Window {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        let (once, again) = self.twice.split_at_mut(self.n);
        once.state(io)?;
        again.copy_from_slice(once);
        self.full.state(io)?;
        io.index(&mut self.pos, self.n)
    }
}
