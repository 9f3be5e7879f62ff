//! Sum of everything so far, without drift.
//!
//! Values are added up in groups of eight; a full group goes into a sum of two numbers (high and low part, Knuth's
//! exact addition). The error stays a few units in the last place however many rows there are.

use super::GROUP;
use crate::indicator::{Io, State, StateError};

/// Running total; state is four numbers.
#[derive(Clone, Debug, Default)]
pub struct Cumulative {
    high: f64,
    low: f64,
    part: f64,
    k: usize,
}

impl Cumulative {
    /// Takes the next value; the total so far.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        self.part += x;
        let total = (self.high + self.low) + self.part;
        self.k += 1;
        if self.k == GROUP {
            self.carry();
        }
        total
    }

    /// `push` for each value, in place.
    #[inline(always)]
    pub fn column(&mut self, values: &mut [f64]) {
        let mut at = 0;
        while at < values.len() && self.k != 0 {
            values[at] = self.push(values[at]);
            at += 1;
        }
        let mut groups = values[at..].chunks_exact_mut(GROUP);
        for group in groups.by_ref() {
            let base = self.high + self.low;
            let mut part = 0.0;
            for value in group {
                part += *value;
                *value = base + part;
            }
            self.part = part;
            self.carry();
        }
        for value in groups.into_remainder() {
            *value = self.push(*value);
        }
    }

    /// A full group goes into the exact pair.
    #[inline]
    fn carry(&mut self) {
        let (a, b) = (self.high, self.part);
        let sum = a + b;
        let of_b = sum - a;
        self.low += (a - (sum - of_b)) + (b - of_b);
        self.high = sum;
        self.part = 0.0;
        self.k = 0;
    }
}

impl State for Cumulative {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.part])?;
        io.index(&mut self.k, GROUP)
    }
}
