//! Short windows, each walked from its oldest row to its newest.
//!
//! The work of a row grows with the length, but only up to [`SHORT`]; and over columns several windows are walked at
//! once, row beside row, which is faster than what saves work. Every window is walked in the same order in both forms.

use super::Window;
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};
use std::array;

/// Longest window that is walked.
pub(super) const SHORT: usize = 20;
/// Windows that are walked at once.
const LANES: usize = 16;
/// The values before a block that its windows reach, the block, and what a group of windows may read beyond it.
const LINE: usize = SHORT - 1 + BLOCK + LANES;

/// The last `n <= SHORT` rows of `I` columns.
#[derive(Clone, Debug)]
pub(super) struct Short<const I: usize> {
    n: usize,
    windows: [Window; I],
}

impl<const I: usize> Short<I> {
    pub(super) fn new(n: usize) -> Self {
        Self { n, windows: array::from_fn(|_| Window::new(n)) }
    }

    /// Takes the next row and walks the window: `W` numbers that begin with 0, of which `add` makes the next, given a
    /// row, its place from 1 to `n`, and the newest row. `None` before there are `n`.
    #[inline(always)]
    pub(super) fn push<const W: usize>(
        &mut self,
        x: [f64; I],
        add: impl Fn([f64; W], [f64; I], f64, [f64; I]) -> [f64; W],
    ) -> Option<[f64; W]> {
        for (window, x) in self.windows.iter_mut().zip(x) {
            window.push(x);
        }
        if !self.windows[0].full() {
            return None;
        }
        let windows = self.windows.each_ref().map(Window::last);
        let row = |at: usize| array::from_fn(|i| windows[i][at]);
        Some((0..self.n).fold([0.0; W], |made, at| add(made, row(at), (at + 1) as f64, x)))
    }

    /// `push` for each of at most [`BLOCK`] rows; the number of rows before there are `n`.
    #[inline(always)]
    pub(super) fn column<const W: usize>(
        &mut self,
        x: [&[f64]; I],
        y: [&mut [f64]; W],
        add: impl Fn([f64; W], [f64; I], f64, [f64; I]) -> [f64; W],
    ) -> usize {
        let (n, rows) = (self.n, x[0].len());
        let mut lines = [[0.0; LINE]; I];
        let mut early = 0;
        for i in 0..I {
            early = self.windows[i].line(x[i], 0.0, &mut lines[i]);
        }
        let mut found = [[0.0; BLOCK + LANES]; W];
        let mut row = 0;
        while row < rows {
            let mut made = [[0.0; LANES]; W];
            let newest: [[f64; LANES]; I] = lines.each_ref().map(|line| lanes(line, row + n - 1));
            for at in 0..n {
                let values: [[f64; LANES]; I] = lines.each_ref().map(|line| lanes(line, row + at));
                let place = (at + 1) as f64;
                for lane in 0..LANES {
                    let next = add(
                        array::from_fn(|w| made[w][lane]),
                        array::from_fn(|i| values[i][lane]),
                        place,
                        array::from_fn(|i| newest[i][lane]),
                    );
                    for w in 0..W {
                        made[w][lane] = next[w];
                    }
                }
            }
            for w in 0..W {
                found[w][row..row + LANES].copy_from_slice(&made[w]);
            }
            row += LANES;
        }
        for (y, found) in y.into_iter().zip(&found) {
            y.copy_from_slice(&found[..rows]);
        }
        early
    }
}

#[inline(always)]
fn lanes(line: &[f64; LINE], from: usize) -> [f64; LANES] {
    let part = &line[from..from + LANES];
    array::from_fn(|lane| part[lane])
}

impl<const I: usize> State for Short<I> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.windows.state(io)
    }
}
