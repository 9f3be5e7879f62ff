//! Short windows, put together from groups of 1, 2, 4 rows, all rows of a block side by side.
//!
//! A group is told by its means, around its newest row, and its sums around those means; of two groups comes the one of
//! both:
//! ```text
//!   d = mean of the older - mean of the newer     both around the newest row of the newer
//!   mean = mean of the newer + d * p / (p + q)    p rows in the older, q in the newer
//!   xx = xx + xx' + d * d * p q / (p + q)
//! ```

use super::{Joint, LANES, Lines, Sums, lanes, put, row_of};
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Scratch, Window};

/// Longest window that is put together from groups.
pub(super) const SHORT: usize = 8;
/// The rows before a block that a window reaches, the block, and what is taken beyond its end.
const LINE: usize = SHORT - 1 + BLOCK + LANES;

#[derive(Clone, Debug)]
pub(super) struct Groups {
    windows: [Window; 2],
    scratch: Scratch<Room>,
}

/// Values, groups, groups twice as large, and windows.
#[derive(Clone, Debug)]
struct Room {
    values: [[f64; LINE]; 2],
    groups: [Lines<LINE>; 2],
    windows: Lines<LINE>,
}

/// The group of `older` and `newer` rows, given how far the newest row of the one is above that of the other, and which
/// share of the rows is older and how much their distance counts.
#[inline(always)]
fn join(older: Sums, newer: Sums, apart: [f64; 2], [share, weight]: [f64; 2]) -> Sums {
    let (dx, dy) = (older[0] + apart[0] - newer[0], older[1] + apart[1] - newer[1]);
    let (wx, wy) = (dx * weight, dy * weight);
    [
        newer[0] + dx * share,
        newer[1] + dy * share,
        older[2] + newer[2] + wx * dx,
        older[3] + newer[3] + wy * dy,
        older[4] + newer[4] + wx * dy,
    ]
}

/// The last argument of [`join`].
#[inline(always)]
fn weights(older: usize, newer: usize) -> [f64; 2] {
    let (older, newer) = (older as f64, newer as f64);
    [older / (older + newer), older * newer / (older + newer)]
}

#[inline(always)]
fn joint([_, _, xx, yy, xy]: Sums) -> Joint {
    Joint { xx, yy, xy, scales: [0.0; 2] }
}

impl Groups {
    pub(super) fn new(n: usize) -> Self {
        Self { windows: [Window::new(n), Window::new(n)], scratch: Scratch::default() }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, x: f64, y: f64) -> Option<Joint> {
        let [xs, ys] = &mut self.windows;
        let (xs, ys) = (xs.push(x), ys.push(y));
        let (xs, ys) = (xs?, ys?);
        let n = xs.len();
        let (mut window, mut newer) = ([0.0; 5], 0);
        let mut size = 1;
        while size <= n {
            if n & size != 0 {
                let begin = n - newer - size;
                let older = group(&xs[begin..begin + size], &ys[begin..begin + size]);
                let apart = [xs[begin + size - 1] - xs[n - 1], ys[begin + size - 1] - ys[n - 1]];
                window = if newer == 0 { older } else { join(older, window, apart, weights(size, newer)) };
                newer += size;
            }
            size *= 2;
        }
        Some(joint(window))
    }

    /// `push` for each of at most [`BLOCK`] rows.
    #[inline(always)]
    pub(super) fn column(&mut self, x: &[f64], y: &[f64], out: &mut [f64], made: impl Fn(Joint) -> f64) {
        let (n, rows) = (self.windows[0].len(), out.len());
        let Room { values, groups: [groups, twice], windows } = self.scratch.lines(|| Room {
            values: [[0.0; LINE]; 2],
            groups: [[[0.0; LINE]; 5]; 2],
            windows: [[0.0; LINE]; 5],
        });
        let early = self.windows[0].line(x, 0.0, &mut values[0]);
        self.windows[1].line(y, 0.0, &mut values[1]);
        gather(n, rows, values, [groups, twice], windows);
        for (row, out) in out.iter_mut().enumerate() {
            *out = made(joint(row_of(windows, row)));
        }
        out[..early].fill(f64::NAN);
    }
}

/// The numbers about one group of 1, 2, 4 or 8 values.
#[inline(always)]
fn group(x: &[f64], y: &[f64]) -> Sums {
    let mut groups = [[0.0; 5]; SHORT];
    let mut size = 1;
    while size < x.len() {
        for begin in (0..x.len()).step_by(2 * size) {
            let (last, newest) = (begin + size - 1, begin + 2 * size - 1);
            let apart = [x[last] - x[newest], y[last] - y[newest]];
            groups[begin] = join(groups[begin], groups[begin + size], apart, weights(size, size));
        }
        size *= 2;
    }
    groups[0]
}

/// The numbers about the windows of `n` values that begin in the first `rows` rows.
#[inline(always)]
fn gather(
    n: usize,
    rows: usize,
    values: &[[f64; LINE]; 2],
    [mut groups, mut twice]: [&mut Lines<LINE>; 2],
    windows: &mut Lines<LINE>,
) {
    for line in groups.iter_mut() {
        line[..rows + n - 1].fill(0.0);
    }
    // Groups of `size` values begin in each row; the windows are the `newer` newest values so far.
    let (mut size, mut newer) = (1, 0);
    loop {
        if n & size != 0 {
            let begin = n - newer - size;
            if newer == 0 {
                for (window, group) in windows.iter_mut().zip(&*groups) {
                    window[..rows].copy_from_slice(&group[begin..begin + rows]);
                }
            } else {
                extend(rows, [begin, size, newer], values, groups, windows);
            }
            newer += size;
        }
        if 2 * size > n {
            return;
        }
        double(rows + n - 2 * size, size, values, groups, twice);
        std::mem::swap(&mut groups, &mut twice);
        size *= 2;
    }
}

/// Groups of `2 size` values, of groups of `size`.
#[inline(always)]
fn double(count: usize, size: usize, values: &[[f64; LINE]; 2], groups: &Lines<LINE>, twice: &mut Lines<LINE>) {
    let weights = weights(size, size);
    let mut row = 0;
    while row < count {
        let last = lanes(values, row + size - 1);
        let newest = lanes(values, row + 2 * size - 1);
        let sums = join_lanes(lanes(groups, row), lanes(groups, row + size), [last, newest], weights);
        put(twice, row, sums);
        row += LANES;
    }
}

/// Puts groups of `size` values in front of windows of `newer` values, which then begin with them, `begin` rows on.
#[inline(always)]
fn extend(
    rows: usize,
    [begin, size, newer]: [usize; 3],
    values: &[[f64; LINE]; 2],
    groups: &Lines<LINE>,
    windows: &mut Lines<LINE>,
) {
    let weights = weights(size, newer);
    let mut row = 0;
    while row < rows {
        let last = lanes(values, row + begin + size - 1);
        let newest = lanes(values, row + begin + size + newer - 1);
        let sums = join_lanes(lanes(groups, row + begin), lanes(windows, row), [last, newest], weights);
        put(windows, row, sums);
        row += LANES;
    }
}

/// [`join`] of rows side by side, given the values that the groups end with.
#[inline(always)]
fn join_lanes(
    older: [[f64; LANES]; 5],
    newer: [[f64; LANES]; 5],
    [last, newest]: [[[f64; LANES]; 2]; 2],
    weights: [f64; 2],
) -> [[f64; LANES]; 5] {
    let mut made = [[0.0; LANES]; 5];
    for lane in 0..LANES {
        let apart = [last[0][lane] - newest[0][lane], last[1][lane] - newest[1][lane]];
        let sums = join(row_of(&older, lane), row_of(&newer, lane), apart, weights);
        for k in 0..5 {
            made[k][lane] = sums[k];
        }
    }
    made
}

impl State for Groups {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.windows.state(io)
    }
}
