//! Sum and mean of the last `n` values.
//!
//! ```text
//!   block k-1            block k
//!   x x x x[s s s s s s] [p p p p]x x x      window = suffix of block k-1 + prefix of block k
//! ```
//! Short windows are put together from parts, see [`super::short`]. For longer ones rows are cut into blocks of `n`,
//! counted from the first row. Within a block a prefix sum grows; when the block is full it is turned, in place, into its
//! suffix sums. A window is one suffix plus one prefix: only values inside the window contribute, so nothing drifts. Both
//! sums are taken in groups of eight.

use super::GROUP;
use super::short::{self, LANES, Line, SHORT, Short, lanes};
use crate::indicator::{Io, State, StateError};
use crate::wide::wide;

/// Sum of the last `n` values; state is at most `n + 1` numbers.
#[derive(Clone, Debug)]
pub struct Sum(Form);

#[derive(Clone, Debug)]
enum Form {
    Short(Short),
    Long(Blocks),
}

impl Sum {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self(Form::new(n))
    }

    /// Takes the next value; the sum of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        match &mut self.0 {
            Form::Short(short) => short.push(x).map_or(f64::NAN, of_one::<false>),
            Form::Long(blocks) => blocks.push(x),
        }
    }

    /// `push` for each value of `x`.
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        match &mut self.0 {
            Form::Short(short) => short.columns(x, y, sums),
            Form::Long(blocks) => blocks_column(blocks, x, y),
        }
    }
}

/// Mean of the last `n` values; state is at most `n + 1` numbers.
///
/// Short windows are summed up around their newest part, so that constant input gives exactly that constant, and a mean
/// is a value of the window and a small rest: there is no need to divide.
#[derive(Clone, Debug)]
pub struct Mean {
    n: f64,
    form: Form,
}

impl Mean {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self { n: n as f64, form: Form::new(n) }
    }

    /// Takes the next value; the mean of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        match &mut self.form {
            Form::Short(short) => short.push(x).map_or(f64::NAN, of_one::<true>),
            Form::Long(blocks) => blocks.push(x) / self.n,
        }
    }

    /// `push` for each value of `x`.
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        match &mut self.form {
            Form::Short(short) => short.columns(x, y, means),
            Form::Long(blocks) => {
                blocks_column(blocks, x, y);
                for y in y {
                    *y /= self.n;
                }
            }
        }
    }
}

impl Form {
    fn new(n: usize) -> Self {
        if n <= SHORT { Form::Short(Short::new(n)) } else { Form::Long(Blocks::new(n)) }
    }
}

/// Sums of windows of `n` rows, several beside each other: `part` and `row` give what begins at a place in the window.
#[inline(always)]
fn added<const L: usize>(
    [n, size]: [usize; 2],
    part: impl Fn(usize) -> [f64; L],
    row: impl Fn(usize) -> [f64; L],
) -> [f64; L] {
    let rest = n % size;
    let mut sum = part(rest);
    let mut at = rest + size;
    while at < n {
        let part = part(at);
        for lane in 0..L {
            sum[lane] += part[lane];
        }
        at += size;
    }
    for at in 0..rest {
        let row = row(at);
        for lane in 0..L {
            sum[lane] += row[lane];
        }
    }
    sum
}

/// Means of windows, as [`added`].
#[inline(always)]
fn meant<const L: usize>(
    [n, size]: [usize; 2],
    part: impl Fn(usize) -> [f64; L],
    row: impl Fn(usize) -> [f64; L],
) -> [f64; L] {
    let rest = n % size;
    let newest = part(n - size);
    let middle = newest.map(|newest| newest * (1.0 / size as f64));
    let mut apart = [0.0; L];
    let mut at = rest;
    while at < n - size {
        let part = part(at);
        for lane in 0..L {
            apart[lane] += part[lane] - newest[lane];
        }
        at += size;
    }
    for at in 0..rest {
        let row = row(at);
        for lane in 0..L {
            apart[lane] += row[lane] - middle[lane];
        }
    }
    let share = 1.0 / n as f64;
    let mut mean = middle;
    for lane in 0..L {
        mean[lane] += apart[lane] * share;
    }
    mean
}

/// [`meant`] or [`added`].
#[inline(always)]
fn of_lanes<const MEAN: bool, const L: usize>(
    sizes: [usize; 2],
    part: impl Fn(usize) -> [f64; L],
    row: impl Fn(usize) -> [f64; L],
) -> [f64; L] {
    if MEAN { meant(sizes, part, row) } else { added(sizes, part, row) }
}

/// Sum or mean of one short window.
#[inline(always)]
fn of_one<const MEAN: bool>(window: &[f64]) -> f64 {
    let size = short::part(window.len());
    let part = |at| [short::sum(&window[at..at + size])];
    let [made] = of_lanes::<MEAN, 1>([window.len(), size], part, |at| [window[at]]);
    made
}

wide! {
    /// Sums of the windows of `n` rows that begin on each row of a line.
    fn sums(line: &Line, made: &mut [Line; 2], n: usize, y: &mut [f64]) {
        match short::part(n) {
            1 => all_of::<false>(line, &mut made[0], [n, 1], y),
            2 => all_of::<false>(line, &mut made[0], [n, 2], y),
            4 => all_of::<false>(line, &mut made[0], [n, 4], y),
            _ => all_of::<false>(line, &mut made[0], [n, 8], y),
        }
    }
}

wide! {
    /// Means of the windows of `n` rows that begin on each row of a line.
    fn means(line: &Line, made: &mut [Line; 2], n: usize, y: &mut [f64]) {
        match short::part(n) {
            1 => all_of::<true>(line, &mut made[0], [n, 1], y),
            2 => all_of::<true>(line, &mut made[0], [n, 2], y),
            4 => all_of::<true>(line, &mut made[0], [n, 4], y),
            _ => all_of::<true>(line, &mut made[0], [n, 8], y),
        }
    }
}

/// [`sums`] or [`means`], for parts whose size the compiler knows.
#[inline(always)]
fn all_of<const MEAN: bool>(line: &Line, made: &mut Line, [n, size]: [usize; 2], y: &mut [f64]) {
    let parts = if size == 1 {
        line
    } else {
        short::sums(line, [n, size], y.len(), made);
        &*made
    };
    let (tiles, tail) = y.as_chunks_mut::<LANES>();
    let mut row = 0;
    for y in tiles {
        *y = of_lanes::<MEAN, LANES>(
            [n, size],
            #[inline(always)]
            |at| lanes(parts, row + at),
            #[inline(always)]
            |at| lanes(line, row + at),
        );
        row += LANES;
    }
    for (k, y) in tail.iter_mut().enumerate() {
        *y = of_one::<MEAN>(&line[row + k..][..n]);
    }
}

wide! {
    /// [`Blocks::push`] for each value of `x`.
    fn blocks_column(blocks: &mut Blocks, x: &[f64], y: &mut [f64]) {
        blocks.column(x, y);
    }
}

impl State for Sum {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.0.state(io)
    }
}

impl State for Mean {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.form.state(io)
    }
}

impl State for Form {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match self {
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
