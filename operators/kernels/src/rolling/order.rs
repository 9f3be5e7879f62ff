//! The last `n` values in order of size.
//!
//! A sorted array beside the window: a value comes in and one goes out by two binary searches and one move of the
//! values between them.

use super::Window;
use crate::indicator::{Io, State, StateError};

/// Order statistics of a window; state is `2 n` numbers.
#[derive(Clone, Debug)]
pub struct Order {
    window: Window,
    sorted: Vec<f64>,
    held: usize,
}

impl Order {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self { window: Window::new(n), sorted: vec![0.0; n], held: 0 }
    }

    /// Takes the next value; the last `n` from the smallest to the largest, or `None` before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> Option<&[f64]> {
        if self.window.full() {
            let old = self.window.oldest();
            let from = self.sorted.partition_point(|&value| value < old);
            let to = self.sorted.partition_point(|&value| value <= x);
            if to > from {
                self.sorted.copy_within(from + 1..to, from);
                self.sorted[to - 1] = x;
            } else {
                self.sorted.copy_within(to..from, to + 1);
                self.sorted[to] = x;
            }
        } else {
            let to = self.sorted[..self.held].partition_point(|&value| value <= x);
            self.sorted.copy_within(to..self.held, to + 1);
            self.sorted[to] = x;
            self.held += 1;
        }
        self.window.push(x);
        self.sorted()
    }

    /// The last `n` from the smallest to the largest, or `None` before there are `n`.
    #[inline]
    pub fn sorted(&self) -> Option<&[f64]> {
        self.window.full().then_some(&self.sorted)
    }

    /// How many of the last `n` are smaller than `x`.
    #[inline]
    pub fn below(&self, x: f64) -> usize {
        self.sorted[..self.held].partition_point(|&value| value < x)
    }
}

impl State for Order {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.window, &mut self.sorted])?;
        let n = self.sorted.len();
        io.index(&mut self.held, n + 1)
    }
}
