//! Highest and lowest of the last `n` values, exact.
//!
//! Blocks of `n` rows as in [`super::Sum`]: the extreme of a window is that of one block's suffix and the next one's
//! prefix, two comparisons a row whatever the period (van Herk 1992, Gil and Werman 1993). Of equal values the later
//! one is returned, which matters for the sign of zero only.

use crate::indicator::{Io, State, StateError};

/// The later of two values unless the earlier is strictly better.
#[inline(always)]
fn better<const HIGH: bool>(earlier: f64, later: f64) -> f64 {
    if HIGH {
        if earlier > later { earlier } else { later }
    } else if earlier < later {
        earlier
    } else {
        later
    }
}

/// Extreme of a window; use [`Highest`] or [`Lowest`].
#[derive(Clone, Debug)]
pub struct Extreme<const HIGH: bool> {
    n: usize,
    /// Up to `pos` the values of this block, from `pos` on the suffix extremes of the last one; the last slot is the
    /// worst value there is.
    block: Vec<f64>,
    pos: usize,
    prefix: f64,
    full: bool,
}

/// Highest of the last `n` values; state is `n + 1` numbers.
pub type Highest = Extreme<true>;
/// Lowest of the last `n` values; state is `n + 1` numbers.
pub type Lowest = Extreme<false>;

impl<const HIGH: bool> Extreme<HIGH> {
    const WORST: f64 = if HIGH { f64::NEG_INFINITY } else { f64::INFINITY };

    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self { n, block: vec![Self::WORST; n + 1], pos: 0, prefix: Self::WORST, full: false }
    }

    /// Takes the next value; the extreme of the last `n`, or NaN before there are `n`.
    #[inline]
    pub fn push(&mut self, x: f64) -> f64 {
        self.prefix = better::<HIGH>(self.prefix, x);
        let ready = self.full || self.pos + 1 == self.n;
        let extreme = if ready { better::<HIGH>(self.block[self.pos + 1], self.prefix) } else { f64::NAN };
        self.block[self.pos] = x;
        self.pos += 1;
        if self.pos == self.n {
            self.turn();
        }
        extreme
    }

    /// `push` for each value of `x`.
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        let mut at = 0;
        while at < x.len() {
            if !self.full {
                y[at] = self.push(x[at]);
                at += 1;
                continue;
            }
            let len = (self.n - self.pos).min(x.len() - at);
            let (x, y) = (&x[at..at + len], &mut y[at..at + len]);
            let held = &mut self.block[self.pos..self.pos + len + 1];
            let mut prefix = self.prefix;
            for i in 0..len {
                prefix = better::<HIGH>(prefix, x[i]);
                y[i] = better::<HIGH>(held[i + 1], prefix);
            }
            held[..len].copy_from_slice(x);
            self.prefix = prefix;
            self.pos += len;
            at += len;
            if self.pos == self.n {
                self.turn();
            }
        }
    }

    /// The block is full: its values become suffix extremes.
    fn turn(&mut self) {
        let mut suffix = Self::WORST;
        for slot in self.block[..self.n].iter_mut().rev() {
            suffix = better::<HIGH>(*slot, suffix);
            *slot = suffix;
        }
        self.pos = 0;
        self.prefix = Self::WORST;
        self.full = true;
    }
}

impl<const HIGH: bool> State for Extreme<HIGH> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.block, &mut self.prefix, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
