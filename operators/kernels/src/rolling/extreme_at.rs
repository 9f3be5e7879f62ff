//! Where the highest or lowest of the last `n` values is, with TA-Lib's two rules for ties.
//!
//! A queue of the values that can still become the extreme, best first, equal ones kept: each row enters and leaves
//! it at most once. TA-Lib holds on to one position: a new value at least as good takes it over; when it leaves the
//! window, one of the best values left takes it, the earliest or the latest.

use crate::indicator::{Io, State, StateError};

/// Position of the extreme of a window; use [`HighestAt`] or [`LowestAt`].
#[derive(Clone, Debug)]
pub struct ExtremeAt<const HIGH: bool> {
    n: usize,
    heir: Heir,
    values: Vec<f64>,
    rows: Vec<u64>,
    front: usize,
    len: usize,
    row: u64,
    best: f64,
    at: u64,
}

/// Position of the highest of the last `n` values; state is `2 n` numbers.
pub type HighestAt = ExtremeAt<true>;
/// Position of the lowest of the last `n` values; state is `2 n` numbers.
pub type LowestAt = ExtremeAt<false>;

/// Which of equal values takes the position when it falls free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heir {
    /// The one longest in the window: `maxindex` and its like.
    Earliest,
    /// The newest one: `aroon`.
    Latest,
}

/// What is at the held position.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Row of the extreme, counted from the first.
    pub row: u64,
    /// Rows since then.
    pub age: u64,
}

impl<const HIGH: bool> ExtremeAt<HIGH> {
    /// A window of `n >= 1` values.
    pub fn new(n: usize, heir: Heir) -> Self {
        Self { n, heir, values: vec![0.0; n], rows: vec![0; n], front: 0, len: 0, row: 0, best: 0.0, at: 0 }
    }

    #[inline(always)]
    fn beats(new: f64, old: f64) -> bool {
        if HIGH { new > old } else { new < old }
    }

    /// Takes the next value; the held position, or `None` before there are `n` values.
    #[inline]
    pub fn push(&mut self, x: f64) -> Option<Held> {
        let row = self.row;
        self.row += 1;
        let n = self.n as u64;
        let slot = |at: usize| if at >= self.n { at - self.n } else { at };
        if self.len > 0 && self.rows[self.front] + n <= row {
            self.front = slot(self.front + 1);
            self.len -= 1;
        }
        while self.len > 0 {
            let back = self.values[slot(self.front + self.len - 1)];
            if Self::beats(back, x) || (self.heir == Heir::Earliest && back == x) {
                break;
            }
            self.len -= 1;
        }
        let back = slot(self.front + self.len);
        self.values[back] = x;
        self.rows[back] = row;
        self.len += 1;
        if row + 1 < n {
            return None;
        }
        if row + 1 == n || self.at + n <= row {
            self.at = self.rows[self.front];
            self.best = self.values[self.front];
        } else if !Self::beats(self.best, x) {
            self.at = row;
            self.best = x;
        }
        Some(Held { row: self.at, age: row - self.at })
    }
}

impl<const HIGH: bool> State for ExtremeAt<HIGH> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.values, &mut self.rows, &mut self.row, &mut self.best, &mut self.at])?;
        io.index(&mut self.front, self.n)?;
        io.index(&mut self.len, self.n + 1)
    }
}
