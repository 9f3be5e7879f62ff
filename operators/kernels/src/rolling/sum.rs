//! Sum of the last `n` values.
//!
//! ```text
//!   block k-1            block k
//!   x x x x[s s s s s s] [p p p p]x x x      window = suffix of block k-1 + prefix of block k
//! ```
//! Short windows are walked, see [`super::short`]. For longer ones rows are cut into blocks of `n`, counted from the first row. Within a block a prefix sum grows; when the block is
//! full it is turned, in place, into its suffix sums. A window is one suffix plus one prefix: only values inside the
//! window contribute, so nothing drifts. Both sums are taken in groups of eight.

use super::GROUP;
use super::short::{SHORT, Short};
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};

/// Sum of the last `n` values; state is at most `n + 1` numbers.
#[derive(Clone, Debug)]
pub struct Sum(Form);

#[derive(Clone, Debug)]
enum Form {
    Short(Short<1>),
    Long(Blocks),
}

#[inline(always)]
fn add([sum]: [f64; 1], [x]: [f64; 1], _: f64, _: [f64; 1]) -> [f64; 1] {
    [sum + x]
}

impl Sum {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self(if n <= SHORT { Form::Short(Short::new(n)) } else { Form::Long(Blocks::new(n)) })
    }

    /// Takes the next value; the sum of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        match &mut self.0 {
            Form::Short(short) => short.push([x], add).map_or(f64::NAN, |[sum]| sum),
            Form::Long(blocks) => blocks.push(x),
        }
    }

    /// `push` for each value of `x`.
    #[inline(always)]
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        match &mut self.0 {
            Form::Short(short) => {
                for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
                    let early = short.column([x], [&mut *y], add);
                    y[..early].fill(f64::NAN);
                }
            }
            Form::Long(blocks) => blocks.column(x, y),
        }
    }
}

impl State for Sum {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match &mut self.0 {
            Form::Short(short) => short.state(io),
            Form::Long(blocks) => blocks.state(io),
        }
    }
}

#[derive(Clone, Debug)]
struct Blocks {
    n: usize,
    /// Up to `pos` the values of this block, from `pos` on the suffix sums of the last one; the last slot stays 0.
    block: Vec<f64>,
    pos: usize,
    base: f64,
    part: f64,
    full: bool,
}

impl Blocks {
    fn new(n: usize) -> Self {
        Self { n, block: vec![0.0; n + 1], pos: 0, base: 0.0, part: 0.0, full: false }
    }

    /// Takes the next value; the sum of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    fn push(&mut self, x: f64) -> f64 {
        self.part += x;
        let prefix = self.base + self.part;
        let sum = if self.full || self.pos + 1 == self.n { self.block[self.pos + 1] + prefix } else { f64::NAN };
        self.block[self.pos] = x;
        self.pos += 1;
        if self.pos.is_multiple_of(GROUP) {
            self.base = prefix;
            self.part = 0.0;
        }
        if self.pos == self.n {
            self.turn();
        }
        sum
    }

    /// `push` for each value of `x`.
    #[inline(always)]
    fn column(&mut self, x: &[f64], y: &mut [f64]) {
        let mut at = 0;
        while at < x.len() {
            if !self.full || !self.pos.is_multiple_of(GROUP) || x.len() - at < GROUP || self.n - self.pos < GROUP {
                y[at] = self.push(x[at]);
                at += 1;
                continue;
            }
            let groups = ((self.n - self.pos) / GROUP).min((x.len() - at) / GROUP);
            let (end, len) = (at + groups * GROUP, groups * GROUP);
            self.groups(&x[at..end], &mut y[at..end]);
            self.pos += len;
            at = end;
            if self.pos == self.n {
                self.turn();
            }
        }
    }

    /// Whole groups inside one block.
    #[inline(always)]
    fn groups(&mut self, x: &[f64], y: &mut [f64]) {
        let mut base = self.base;
        let held = &mut self.block[self.pos..];
        for (group, (x, y)) in x.chunks_exact(GROUP).zip(y.chunks_exact_mut(GROUP)).enumerate() {
            let held = &mut held[group * GROUP..][..GROUP + 1];
            let mut part = 0.0;
            let mut prefix = base;
            for i in 0..GROUP {
                part += x[i];
                prefix = base + part;
                y[i] = held[i + 1] + prefix;
                held[i] = x[i];
            }
            base = prefix;
        }
        self.base = base;
        self.part = 0.0;
    }

    /// The block is full: its values become suffix sums.
    fn turn(&mut self) {
        let mut base = 0.0;
        for group in self.block[..self.n].rchunks_mut(GROUP) {
            let mut part = 0.0;
            let mut suffix = base;
            for slot in group.iter_mut().rev() {
                part += *slot;
                suffix = base + part;
                *slot = suffix;
            }
            base = suffix;
        }
        self.pos = 0;
        self.base = 0.0;
        self.part = 0.0;
        self.full = true;
    }
}

impl State for Blocks {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.block, &mut self.base, &mut self.part, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}
