//! Long windows: the blocks and shifts of [`crate::rolling::Moments`], for a pair of values.
//!
//! Sums of `x`, `y`, `x x`, `y y` and `x y` around values of the window itself. Over columns only these sums are one after
//! the other; the suffixes of one block and the prefixes of the next are put together side by side.

use super::{Joint, LANES, Lines, Sums, lanes, put, row_of};
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};
use crate::rolling::Scratch;
use std::array;

/// A chunk, and what is merged beyond its end.
const PADDED: usize = BLOCK + LANES;

#[derive(Clone, Debug)]
pub(super) struct Blocks {
    n: usize,
    block: [Vec<f64>; 2],
    /// Sums of the last block from a row to its end; nothing at its end and beyond.
    suffix: [Vec<f64>; 5],
    pos: usize,
    shift: [f64; 2],
    prefix: Sums,
    last: [f64; 2],
    full: bool,
    scratch: Scratch<Work>,
}

/// Prefixes of a part of a block, and the moments of a chunk.
#[derive(Clone, Debug)]
struct Work {
    prefixes: Lines<PADDED>,
    joints: Lines<PADDED>,
}

impl Blocks {
    pub(super) fn new(n: usize) -> Self {
        Self {
            n,
            block: array::from_fn(|_| vec![0.0; n]),
            suffix: array::from_fn(|_| vec![0.0; n + LANES]),
            pos: 0,
            shift: [0.0; 2],
            prefix: [0.0; 5],
            last: [0.0; 2],
            full: false,
            scratch: Scratch::default(),
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, x: f64, y: f64) -> Option<Joint> {
        if self.pos == 0 {
            self.shift = [x, y];
        }
        add(&mut self.prefix, x - self.shift[0], y - self.shift[1]);
        let out = (self.full || self.pos + 1 == self.n).then(|| {
            let [x, y, xx, yy, xy] = &self.suffix;
            let next = self.pos + 1;
            merged(
                [x[next], y[next], xx[next], yy[next], xy[next]],
                self.prefix,
                self.apart(),
                (self.n - 1 - self.pos) as f64,
                1.0 / self.n as f64,
            )
        });
        self.block[0][self.pos] = x;
        self.block[1][self.pos] = y;
        self.pos += 1;
        if self.pos == self.n {
            self.turn();
        }
        out
    }

    /// `push` for each of at most [`BLOCK`] rows.
    #[inline(always)]
    pub(super) fn column(&mut self, x: &[f64], y: &[f64], out: &mut [f64], made: impl Fn(Joint) -> f64) {
        let mut early = 0;
        while early < x.len() && !self.full {
            out[early] = self.push(x[early], y[early]).map_or(f64::NAN, &made);
            early += 1;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let Work { prefixes, joints } =
            scratch.lines(|| Work { prefixes: [[0.0; PADDED]; 5], joints: [[0.0; PADDED]; 5] });
        let mut at = early;
        while at < x.len() {
            let rows = (self.n - self.pos).min(x.len() - at);
            self.part(&x[at..at + rows], &y[at..at + rows], prefixes, joints, at);
            at += rows;
        }
        for (row, out) in out.iter_mut().enumerate().skip(early) {
            let [xx, yy, xy, scale_x, scale_y] = row_of(joints, row);
            *out = made(Joint { xx, yy, xy, scales: [scale_x, scale_y] });
        }
        self.scratch = scratch;
    }

    /// Rows of one block, the first in row `at` of the chunk. Overwrites some results after them.
    #[inline(always)]
    fn part(&mut self, x: &[f64], y: &[f64], prefixes: &mut Lines<PADDED>, joints: &mut Lines<PADDED>, at: usize) {
        let (rows, pos) = (x.len(), self.pos);
        if pos == 0 {
            self.shift = [x[0], y[0]];
        }
        let (shift, mut sums) = (self.shift, self.prefix);
        let [xs, ys] = self.block.each_mut().map(|line| &mut line[pos..pos + rows]);
        prefix(x, y, shift, &mut sums, prefixes);
        xs.copy_from_slice(x);
        ys.copy_from_slice(y);
        self.prefix = sums;
        let suffix = self.suffix.each_ref().map(|line| &line[pos + 1..]);
        let rest = (self.n - 1 - pos) as f64;
        merge_all(rows, suffix, prefixes, self.apart(), [rest, 1.0 / self.n as f64], joints, at);
        self.pos += rows;
        if self.pos == self.n {
            self.turn();
        }
    }

    /// How far what the suffix is around is above what the prefix is around.
    #[inline(always)]
    fn apart(&self) -> [f64; 2] {
        [self.last[0] - self.shift[0], self.last[1] - self.shift[1]]
    }

    /// The block is full: its values become suffix sums around its last one.
    #[inline(always)]
    fn turn(&mut self) {
        let n = self.n;
        let [xs, ys] = self.block.each_ref().map(|line| &line[..n]);
        let last = [xs[n - 1], ys[n - 1]];
        let [of_x, of_y, of_xx, of_yy, of_xy] = self.suffix.each_mut().map(|line| &mut line[..n]);
        let mut sums = [0.0; 5];
        for row in (0..n).rev() {
            add(&mut sums, xs[row] - last[0], ys[row] - last[1]);
            [of_x[row], of_y[row], of_xx[row], of_yy[row], of_xy[row]] = sums;
        }
        self.last = last;
        self.pos = 0;
        self.prefix = [0.0; 5];
        self.full = true;
    }
}

/// Prefix sums around `shift` from `sums` on.
#[inline(always)]
fn prefix(x: &[f64], y: &[f64], shift: [f64; 2], sums: &mut Sums, lines: &mut Lines<PADDED>) {
    let (rows, mut sum) = (x.len().min(PADDED), *sums);
    let y = &y[..rows];
    for row in 0..rows {
        add(&mut sum, x[row] - shift[0], y[row] - shift[1]);
        for (line, sum) in lines.iter_mut().zip(sum) {
            line[row] = sum;
        }
    }
    *sums = sum;
}

/// [`merged`] for some rows side by side, whole lanes at a time; `rest` and the share are those of the first row.
#[inline(always)]
fn merge_all(
    rows: usize,
    suffix: [&[f64]; 5],
    prefixes: &Lines<PADDED>,
    apart: [f64; 2],
    [rest, share]: [f64; 2],
    joints: &mut Lines<PADDED>,
    at: usize,
) {
    let mut row = 0;
    while row < rows {
        let prefix = lanes(prefixes, row);
        let mut sums = [[0.0; LANES]; 5];
        for (sums, line) in sums.iter_mut().zip(suffix) {
            sums.copy_from_slice(&line[row..row + LANES]);
        }
        let rest = rest - f64::from(row as i32);
        let mut made = [[0.0; LANES]; 5];
        let [xx, yy, xy, scale_x, scale_y] = &mut made;
        for lane in 0..LANES {
            let rest = rest - f64::from(lane as i32);
            let joint = merged(row_of(&sums, lane), row_of(&prefix, lane), apart, rest, share);
            (xx[lane], yy[lane], xy[lane]) = (joint.xx, joint.yy, joint.xy);
            [scale_x[lane], scale_y[lane]] = joint.scales;
        }
        put(joints, at + row, made);
        row += LANES;
    }
}

#[inline(always)]
fn add(sums: &mut Sums, x: f64, y: f64) {
    sums[0] += x;
    sums[1] += y;
    sums[2] += x * x;
    sums[3] += y * y;
    sums[4] += x * y;
}

/// Suffix and prefix around one shift; `rest` rows are in the suffix, `share` is 1 / n.
#[inline(always)]
fn merged([s0, s1, s2, s3, s4]: Sums, [p0, p1, p2, p3, p4]: Sums, [dx, dy]: [f64; 2], rest: f64, share: f64) -> Joint {
    let x = p0 + (s0 + rest * dx);
    let y = p1 + (s1 + rest * dy);
    let xx = p2 + (s2 + dx * (2.0 * s0 + rest * dx));
    let yy = p3 + (s3 + dy * (2.0 * s1 + rest * dy));
    let xy = p4 + (s4 + (dx * s1 + dy * (s0 + rest * dx)));
    let (mean_x, mean_y) = (x * share, y * share);
    Joint { xx: xx - x * mean_x, yy: yy - y * mean_y, xy: xy - x * mean_y, scales: [xx, yy] }
}

impl State for Blocks {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        let n = self.n;
        self.block.state(io)?;
        self.suffix.iter_mut().try_for_each(|line| line[..n].state(io))?;
        io.all(&mut [&mut self.shift, &mut self.prefix, &mut self.last, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
