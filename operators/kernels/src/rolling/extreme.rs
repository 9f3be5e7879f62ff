//! Highest and lowest of the last `n` values, exact.
//!
//! Long windows: blocks of `n` rows as in [`super::Sum`]; the extreme of a window is that of one block's suffix and the
//! next one's prefix, two comparisons a row whatever the period (van Herk 1992, Gil and Werman 1993). Short windows over
//! columns: extremes of 4 rows from those of 1, of 16 from those of 4, and of the window from up to four of those, which may
//! overlap; all rows of a block side by side. Of equal values the later one is returned, which matters for the sign of zero only.

use super::{Scratch, Window};
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};

/// The later of two values unless the earlier is strictly better.
#[inline(always)]
pub(super) fn better<const HIGH: bool>(earlier: f64, later: f64) -> f64 {
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
pub struct Extreme<const HIGH: bool>(Form<HIGH>);

#[derive(Clone, Debug)]
enum Form<const HIGH: bool> {
    Short(Window, Scratch<[Line; 2]>),
    Long(Blocks<HIGH>),
}

#[derive(Clone, Debug)]
struct Blocks<const HIGH: bool> {
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

/// Values before a block that it reaches, and the block.
pub(super) type Line = [f64; LINE];

/// Longest window that is short.
pub(super) const SHORT: usize = 64;
/// The values before a block that a short window reaches, the block, and what is looked at beyond its end so that there
/// is no rest to go through one by one.
pub(super) const LINE: usize = SHORT - 1 + BLOCK + WHOLE;
/// Rows that passes over a line are rounded up to.
pub(super) const WHOLE: usize = 16;
/// Parts of a window that are looked through side by side.
const PARTS: usize = 8;

impl<const HIGH: bool> Extreme<HIGH> {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self(if n <= SHORT { Form::Short(Window::new(n), Scratch::default()) } else { Form::Long(Blocks::new(n)) })
    }

    /// Takes the next value; the extreme of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        match &mut self.0 {
            Form::Short(window, _) => window.push(x).map_or(f64::NAN, Self::of),
            Form::Long(blocks) => blocks.push(x),
        }
    }

    /// `push` for each value of `x`.
    #[inline(always)]
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        match &mut self.0 {
            Form::Short(window, scratch) => {
                let [one, other] = scratch.lines(|| [[0.0; LINE]; 2]);
                for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
                    let early = window.line(x, Blocks::<HIGH>::WORST, one);
                    Self::grow(window.len(), one, other, y);
                    y[..early].fill(f64::NAN);
                }
            }
            Form::Long(blocks) => blocks.column(x, y),
        }
    }

    /// The extreme of a window: of its parts, then of those.
    #[inline(always)]
    fn of(window: &[f64]) -> f64 {
        let part = window.len() / PARTS;
        let mut best = [Blocks::<HIGH>::WORST; PARTS];
        for at in 0..part {
            for (part_at, best) in best.iter_mut().enumerate() {
                *best = better::<HIGH>(*best, window[part_at * part + at]);
            }
        }
        let rest = &window[PARTS * part..];
        best.iter().chain(rest).fold(Blocks::<HIGH>::WORST, |best, &x| better::<HIGH>(best, x))
    }

    /// Extremes of the windows of `n` values that begin in the first rows of `here`. Overwrites both lines.
    #[inline(always)]
    fn grow<'a>(n: usize, mut here: &'a mut Line, mut next: &'a mut Line, y: &mut [f64]) {
        let rows = y.len();
        let mut size = 1;
        while 4 * size <= n {
            let groups = (n + rows - 4 * size).next_multiple_of(WHOLE);
            Self::fours(here, [size, 2 * size, 3 * size], &mut next[..groups]);
            std::mem::swap(&mut here, &mut next);
            size *= 4;
        }
        let last = n - size;
        if n <= 2 * size {
            Self::twos(here, last, y);
        } else {
            Self::fours(here, [size, last.min(2 * size), last], y);
        }
    }

    /// The better of two groups, the other `apart` rows from the one.
    #[inline(always)]
    fn twos(here: &Line, apart: usize, made: &mut [f64]) {
        let (older, newer) = (&here[..made.len()], &here[apart..][..made.len()]);
        for (row, made) in made.iter_mut().enumerate() {
            *made = better::<HIGH>(older[row], newer[row]);
        }
    }

    /// The best of four groups, the others so many rows from the first.
    #[inline(always)]
    fn fours(here: &Line, apart: [usize; 3], made: &mut [f64]) {
        let (a, b) = (&here[..made.len()], &here[apart[0]..][..made.len()]);
        let (c, d) = (&here[apart[1]..][..made.len()], &here[apart[2]..][..made.len()]);
        for (row, made) in made.iter_mut().enumerate() {
            *made = better::<HIGH>(better::<HIGH>(a[row], b[row]), better::<HIGH>(c[row], d[row]));
        }
    }
}

impl<const HIGH: bool> Blocks<HIGH> {
    const WORST: f64 = if HIGH { f64::NEG_INFINITY } else { f64::INFINITY };

    fn new(n: usize) -> Self {
        Self { n, block: vec![Self::WORST; n + 1], pos: 0, prefix: Self::WORST, full: false }
    }

    /// Takes the next value; the extreme of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    fn push(&mut self, x: f64) -> f64 {
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
    #[inline(always)]
    fn column(&mut self, x: &[f64], y: &mut [f64]) {
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

impl<const HIGH: bool> State for Blocks<HIGH> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.block, &mut self.prefix, &mut self.full])?;
        io.index(&mut self.pos, self.n)
    }
}

impl<const HIGH: bool> State for Extreme<HIGH> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match &mut self.0 {
            Form::Short(window, _) => window.state(io),
            Form::Long(blocks) => blocks.state(io),
        }
    }
}
