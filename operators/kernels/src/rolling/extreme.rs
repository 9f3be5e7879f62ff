//! Highest and lowest of the last `n` values, exact.
//!
//! Long windows: blocks of `n` rows as in [`super::Sum`]; the extreme of a window is that of one block's suffix and the
//! next one's prefix, two comparisons a row whatever the period (van Herk 1992, Gil and Werman 1993). Short windows over
//! columns: extremes of 2 rows from those of 1, of 4 from those of 2, and so on, all rows of a block side by side; the last
//! two groups may overlap. Of equal values the later one is returned, which matters for the sign of zero only.

use super::Window;
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};

/// The later of two values unless the earlier is strictly better.
#[inline(always)]
fn better<const HIGH: bool>(earlier: f64, later: f64) -> f64 {
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
    Short(Window),
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

/// Longest window that is short.
pub(super) const SHORT: usize = 64;
/// The values before a block that a short window reaches, and the block.
pub(super) const LINE: usize = SHORT - 1 + BLOCK;
/// Parts of a window that are looked through side by side.
const PARTS: usize = 8;

impl<const HIGH: bool> Extreme<HIGH> {
    /// A window of `n >= 1` values.
    pub fn new(n: usize) -> Self {
        Self(if n <= SHORT { Form::Short(Window::new(n)) } else { Form::Long(Blocks::new(n)) })
    }

    /// Takes the next value; the extreme of the last `n`, or NaN before there are `n`.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        match &mut self.0 {
            Form::Short(window) => window.push(x).map_or(f64::NAN, Self::of),
            Form::Long(blocks) => blocks.push(x),
        }
    }

    /// `push` for each value of `x`.
    #[inline(always)]
    pub fn column(&mut self, x: &[f64], y: &mut [f64]) {
        match &mut self.0 {
            Form::Short(window) => {
                for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
                    Self::block(window, x, y);
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

    /// Up to [`BLOCK`] values, by doubling.
    #[inline(always)]
    fn block(window: &mut Window, x: &[f64], y: &mut [f64]) {
        let (mut one, mut other) = ([0.0; LINE], [0.0; LINE]);
        let early = window.line(x, Blocks::<HIGH>::WORST, &mut one);
        Self::double(window.len(), &mut one, &mut other, y);
        y[..early].fill(f64::NAN);
    }

    /// Extremes of the windows of `n` values that end in the last rows of `here`. Overwrites both lines.
    #[inline(always)]
    pub(super) fn double<'a>(n: usize, mut here: &'a mut [f64; LINE], mut next: &'a mut [f64; LINE], y: &mut [f64]) {
        let rows = y.len();
        let mut size = 1;
        while 2 * size <= n {
            let groups = n + rows - 2 * size;
            let (older, newer, next_groups) = (&here[..groups], &here[size..size + groups], &mut next[..groups]);
            for row in 0..groups {
                next_groups[row] = better::<HIGH>(older[row], newer[row]);
            }
            std::mem::swap(&mut here, &mut next);
            size *= 2;
        }
        let (older, newer) = (&here[..rows], &here[n - size..n - size + rows]);
        for row in 0..rows {
            y[row] = better::<HIGH>(older[row], newer[row]);
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
            Form::Short(window) => window.state(io),
            Form::Long(blocks) => blocks.state(io),
        }
    }
}
