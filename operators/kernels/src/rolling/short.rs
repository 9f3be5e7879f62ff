//! Short windows, put together from parts of 1, 2, 4 or 8 rows.
//!
//! ```text
//!   oldest                                newest
//!   [x x][x x x x][x x x x][x x x x][x x x x]      18 rows: two by themselves, four parts of four
//! ```
//! Over columns the parts of all rows of a block are made first, side by side, each part once for all the windows that it
//! is in; then windows of neighbouring rows, side by side. A window is told by its own values alone, so chunks do not show,
//! and nothing is ever subtracted. Both forms do the same operations in the same order.

use super::Window;
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};
use std::array;
use std::cell::RefCell;

/// Longest window that is put together.
pub(super) const SHORT: usize = 64;
/// Windows that are put together side by side.
pub(super) const LANES: usize = 16;
/// Parts are made so many at a time.
const STRIDE: usize = 32;
/// The values before a block that its windows reach, the block, and what parts made in strides read beyond it.
const LINE: usize = SHORT + BLOCK + STRIDE + 8;

/// Values that windows reach, oldest first, or their parts.
pub(super) type Line = [f64; LINE];

/// What a block needs while it is computed: its values, and what is made of them. Kept per thread, because clearing it for
/// every block would take as long as the sums. What was not written for the block at hand is read up to the end of a stride
/// at most, and makes no part that a window has.
#[repr(align(64))]
struct Scratch {
    line: Line,
    made: [Line; 2],
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { line: [0.0; LINE], made: [[0.0; LINE]; 2] }) };
}

/// The last `n <= SHORT` values.
#[derive(Clone, Debug)]
pub(super) struct Short {
    window: Window,
}

impl Short {
    pub(super) fn new(n: usize) -> Self {
        Self { window: Window::new(n) }
    }

    /// Takes the next value; the window, or `None` before there are `n`.
    #[inline(always)]
    pub(super) fn push(&mut self, x: f64) -> Option<&[f64]> {
        self.window.push(x)
    }

    /// `push` for each value of `x`: `made` of a line of values, the length of a window, and where to put what comes of
    /// every window in the line; NaN before there are `n` values.
    #[inline]
    pub(super) fn columns(&mut self, x: &[f64], y: &mut [f64], made: fn(&Line, &mut [Line; 2], usize, &mut [f64])) {
        let n = self.window.len();
        for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
            SCRATCH.with_borrow_mut(|scratch| {
                let early = self.window.line(x, 0.0, &mut scratch.line);
                made(&scratch.line, &mut scratch.made, n, y);
                y[..early].fill(f64::NAN);
            });
        }
    }

    /// The same with two results of each window.
    #[inline]
    pub(super) fn columns2(
        &mut self,
        x: &[f64],
        y: &mut [f64],
        z: &mut [f64],
        made: fn(&Line, &mut [Line; 2], usize, &mut [f64], &mut [f64]),
    ) {
        let n = self.window.len();
        for (x, (y, z)) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK).zip(z.chunks_mut(BLOCK))) {
            SCRATCH.with_borrow_mut(|scratch| {
                let early = self.window.line(x, 0.0, &mut scratch.line);
                made(&scratch.line, &mut scratch.made, n, y, z);
                y[..early].fill(f64::NAN);
                z[..early].fill(f64::NAN);
            });
        }
    }
}

impl State for Short {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.window.state(io)
    }
}

/// Rows of a part in a window of `n`: few parts, few rows by themselves, parts cheap to make.
#[inline(always)]
pub(super) fn part(n: usize) -> usize {
    match n {
        0..10 => 1,
        10..16 => 2,
        16..48 => 4,
        _ => 8,
    }
}

/// Neighbours in a line.
#[inline(always)]
pub(super) fn lanes<const L: usize>(line: &Line, from: usize) -> [f64; L] {
    let part = &line[from..from + L];
    array::from_fn(|lane| part[lane])
}

/// How many parts of `size` rows the windows of `n` rows that end on `rows` rows have, in whole strides.
#[inline(always)]
fn count(n: usize, size: usize, rows: usize) -> usize {
    (n + rows - size).next_multiple_of(STRIDE)
}

#[inline(always)]
fn four([a, b, c, d]: [f64; 4]) -> f64 {
    (a + b) + (c + d)
}

/// Sum of one part.
#[inline(always)]
pub(super) fn sum(part: &[f64]) -> f64 {
    match *part {
        [a] => a,
        [a, b] => a + b,
        [a, b, c, d] => four([a, b, c, d]),
        [a, b, c, d, e, f, g, h] => four([a, b, c, d]) + four([e, f, g, h]),
        _ => unreachable!("parts have 1, 2, 4 or 8 rows"),
    }
}

/// Sums of the parts of `size` rows, of windows of `n` rows that end on the next `rows` rows.
#[inline(always)]
pub(super) fn sums(line: &Line, [n, size]: [usize; 2], rows: usize, made: &mut Line) {
    let count = count(n, size, rows);
    match size {
        1 => {}
        2 => {
            for (sum, [a, b]) in made[..count].iter_mut().zip(line.array_windows()) {
                *sum = a + b;
            }
        }
        _ => {
            for (sum, part) in made[..count + size - 4].iter_mut().zip(line.array_windows()) {
                *sum = four(*part);
            }
        }
    }
    if size == 8 {
        for row in 0..count {
            made[row] += made[row + 4];
        }
    }
}

/// What comes of windows by the sums of their parts and a second number of each: how much it rises, or how much it varies.
pub(super) trait Second {
    /// Of two values.
    fn of_two(pair: [f64; 2]) -> f64;
    /// Of two parts of `size` rows each, by what there is of them.
    fn of_parts(size: f64, older: [f64; 2], newer: [f64; 2]) -> f64;
    /// Both results of windows of `n` rows, several beside each other: `part`, of `size` rows, and `row` give what begins
    /// at a place in the window.
    fn of_windows<const L: usize>(
        sizes: [usize; 2],
        part: impl Fn(usize) -> [[f64; L]; 2],
        row: impl Fn(usize) -> [f64; L],
    ) -> [[f64; L]; 2];
}

/// Both results of one window.
#[inline(always)]
pub(super) fn window<S: Second>(window: &[f64]) -> [f64; 2] {
    let size = part(window.len());
    let part = |at| both::<S>(&window[at..at + size]).map(|one| [one]);
    let [[y], [z]] = S::of_windows([window.len(), size], part, |at| [window[at]]);
    [y, z]
}

/// Both results of the windows of `n` rows that begin on each row of a line. To be called from a loop that is [`wide`].
///
/// [`wide`]: crate::wide::wide
#[inline(always)]
pub(super) fn windows<S: Second>(line: &Line, made: &mut [Line; 2], n: usize, y: &mut [f64], z: &mut [f64]) {
    match part(n) {
        1 => windows_of::<S>(line, made, [n, 1], y, z),
        2 => windows_of::<S>(line, made, [n, 2], y, z),
        4 => windows_of::<S>(line, made, [n, 4], y, z),
        _ => windows_of::<S>(line, made, [n, 8], y, z),
    }
}

/// [`windows`] of parts whose size the compiler knows.
#[inline(always)]
fn windows_of<S: Second>(line: &Line, made: &mut [Line; 2], [n, size]: [usize; 2], y: &mut [f64], z: &mut [f64]) {
    let [sums, seconds] = made;
    boths::<S>(line, [n, size], y.len(), [sums, seconds]);
    let (sums, seconds) = (&*sums, &*seconds);
    let (tiles, left) = y.as_chunks_mut::<LANES>();
    let (more_tiles, more_left) = z.as_chunks_mut::<LANES>();
    let mut row = 0;
    for (y, z) in tiles.iter_mut().zip(more_tiles) {
        [*y, *z] = S::of_windows(
            [n, size],
            #[inline(always)]
            |at| {
                if size == 1 {
                    [lanes(line, row + at), [0.0; LANES]]
                } else {
                    [lanes(sums, row + at), lanes(seconds, row + at)]
                }
            },
            #[inline(always)]
            |at| lanes(line, row + at),
        );
        row += LANES;
    }
    for (k, (y, z)) in left.iter_mut().zip(more_left).enumerate() {
        [*y, *z] = window::<S>(&line[row + k..][..n]);
    }
}

#[inline(always)]
fn two_both<S: Second>([a, b]: [f64; 2]) -> [f64; 2] {
    [a + b, S::of_two([a, b])]
}

#[inline(always)]
fn four_both<S: Second>([a, b, c, d]: [f64; 4]) -> [f64; 2] {
    joined::<S>(2.0, two_both::<S>([a, b]), two_both::<S>([c, d]))
}

#[inline(always)]
fn joined<S: Second>(size: f64, older: [f64; 2], newer: [f64; 2]) -> [f64; 2] {
    [older[0] + newer[0], S::of_parts(size, older, newer)]
}

/// Both numbers of one part.
#[inline(always)]
fn both<S: Second>(part: &[f64]) -> [f64; 2] {
    match *part {
        [a] => [a, 0.0],
        [a, b] => two_both::<S>([a, b]),
        [a, b, c, d] => four_both::<S>([a, b, c, d]),
        [a, b, c, d, e, f, g, h] => joined::<S>(4.0, four_both::<S>([a, b, c, d]), four_both::<S>([e, f, g, h])),
        _ => unreachable!("parts have 1, 2, 4 or 8 rows"),
    }
}

/// Both numbers of the parts of `size` rows, as [`sums`]; of single rows nothing is made.
#[inline(always)]
fn boths<S: Second>(line: &Line, [n, size]: [usize; 2], rows: usize, made: [&mut Line; 2]) {
    let count = count(n, size, rows);
    let [sums, seconds] = made;
    match size {
        1 => {}
        2 => {
            for ((sum, second), part) in sums[..count].iter_mut().zip(seconds).zip(line.array_windows()) {
                [*sum, *second] = two_both::<S>(*part);
            }
        }
        4 => {
            for ((sum, second), part) in sums[..count].iter_mut().zip(seconds).zip(line.array_windows()) {
                [*sum, *second] = four_both::<S>(*part);
            }
        }
        _ => {
            for ((sum, second), part) in sums[..count + 4].iter_mut().zip(&mut *seconds).zip(line.array_windows()) {
                [*sum, *second] = four_both::<S>(*part);
            }
            for row in 0..count {
                [sums[row], seconds[row]] =
                    joined::<S>(4.0, [sums[row], seconds[row]], [sums[row + 4], seconds[row + 4]]);
            }
        }
    }
}
