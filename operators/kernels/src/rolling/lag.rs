//! The value `n` rows before.

use crate::indicator::{Io, State, StateError};

/// Ring of the last `n` values.
#[derive(Clone, Debug)]
pub struct Lag {
    ring: Vec<f64>,
    pos: usize,
}

impl Lag {
    /// `n >= 0` rows back; NaN before there are that many.
    pub fn new(n: usize) -> Self {
        Self { ring: vec![f64::NAN; n], pos: 0 }
    }

    /// Takes the next value; the one `n` rows before it.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        if self.ring.is_empty() {
            return x;
        }
        let old = std::mem::replace(&mut self.ring[self.pos], x);
        self.pos += 1;
        if self.pos == self.ring.len() {
            self.pos = 0;
        }
        old
    }

    /// `push` for each value of `x`.
    #[inline(always)]
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        let (n, rows) = (self.ring.len(), x.len());
        let held = n.min(rows);
        let wrap = held.min(n - self.pos);
        y[..wrap].copy_from_slice(&self.ring[self.pos..self.pos + wrap]);
        y[wrap..held].copy_from_slice(&self.ring[..held - wrap]);
        y[held..].copy_from_slice(&x[..rows - held]);
        // The ring keeps the last `held` values, in the slots that the rows themselves would have taken.
        let mut slot = if n == 0 { 0 } else { (self.pos + rows - held) % n };
        let mut fresh = &x[rows - held..];
        while !fresh.is_empty() {
            let part = fresh.len().min(n - slot);
            self.ring[slot..slot + part].copy_from_slice(&fresh[..part]);
            fresh = &fresh[part..];
            slot = (slot + part) % n;
        }
        self.pos = slot;
    }
}

impl State for Lag {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.ring.state(io)?;
        let n = self.ring.len().max(1);
        io.index(&mut self.pos, n)
    }
}
