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
    #[inline]
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

    /// The value that the next `push` drops; meaningful once the window is full.
    #[inline]
    pub fn oldest(&self) -> f64 {
        self.twice[self.pos]
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
