//! Kaufman's adaptive moving average.
//!
//! `y = y' + g * (x - y')` with the factor `g` of the moment, told by how far it lags behind, `z = x - y`:
//! ```text
//!   a = 1 - g, b = a * (x - x')      what a row keeps of the lag, and what it adds
//!   a2 = a * a', b2 = b + a * b'     two rows
//!   a4, b4                           four, of the two and the two before them
//!   z = b4 + a4 * z[4 before]
//! ```
//! So rows are computed side by side. Constant input gives exactly that constant.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::momentum::Efficiency;
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget};
use crate::indicator::{Io, State, StateError};

/// Smoothing factors of the slowest average (30 bars), and from it to the fastest (2 bars).
const SLOW: f64 = 2.0 / 31.0;
const SPAN: f64 = 2.0 / 3.0 - SLOW;

pub(super) const KAMA: Indicator =
    Indicator::new("kama", Group::Overlap, "exponential average, faster the straighter the price moves", |p| {
        rows(Kama::new(p[0] as usize))
    })
    .source("Kaufman, Smarter Trading (1995); TA-Lib 0.8: starts from the price before the first value")
    .params(&[Param::period("timeperiod", 30, 1)])
    .class(Class::Converging)
    .first(|p| lookback(p[0] as usize))
    .settle(|_| forget(SLOW * SLOW));

/// Rows before the first value.
pub(crate) fn lookback(n: usize) -> usize {
    if n == 1 { 0 } else { n }
}

/// Rows that are taken together.
const REACH: usize = 4;
/// The rows before a block that it reaches, and the block.
const LINE: usize = REACH - 1 + BLOCK;

/// An average with the factor of the moment.
#[derive(Clone)]
pub(crate) struct Kama {
    n: usize,
    efficiency: Efficiency,
    last: f64,
    /// What the rows before keep of the lag and what they add, oldest first; nothing before the first value.
    kept: [f64; REACH - 1],
    added: [f64; REACH - 1],
    lags: [f64; REACH],
}

impl Kama {
    pub(crate) fn new(n: usize) -> Self {
        let (past, lags) = ([0.0; REACH - 1], [0.0; REACH]);
        Self { n, efficiency: Efficiency::new(n), last: f64::NAN, kept: past, added: past, lags }
    }

    /// The lag of a row.
    #[inline(always)]
    fn lag(&mut self, efficiency: f64, change: f64) -> f64 {
        let keep = keep(efficiency);
        let ([k3, k2, k1], [a3, a2, a1]) = (self.kept, self.added);
        let add = change * keep;
        let newer = [keep * k1, add + keep * a1];
        let older = [k2 * k3, a2 + k2 * a3];
        let [l4, l3, l2, l1] = self.lags;
        let lag = (newer[1] + newer[0] * older[1]) + newer[0] * older[0] * l4;
        (self.kept, self.added, self.lags) = ([k2, k1, keep], [a2, a1, add], [l3, l2, l1, lag]);
        lag
    }

    /// The averages of some rows, given their efficiencies in place.
    #[inline(always)]
    fn follow(&mut self, x: &[f64], y: &mut [f64]) {
        let rows = x.len();
        let y = &mut y[..rows];
        let (mut kept, mut added) = ([0.0; LINE], [0.0; LINE]);
        kept[..REACH - 1].copy_from_slice(&self.kept);
        added[..REACH - 1].copy_from_slice(&self.added);
        let (keep_, add) = (&mut kept[REACH - 1..][..rows], &mut added[REACH - 1..][..rows]);
        add[0] = x[0] - self.last;
        for row in 1..rows {
            add[row] = x[row] - x[row - 1];
        }
        for row in 0..rows {
            keep_[row] = keep(y[row]);
            add[row] *= keep_[row];
        }
        self.last = x[rows - 1];
        self.kept.copy_from_slice(&kept[rows..rows + REACH - 1]);
        self.added.copy_from_slice(&added[rows..rows + REACH - 1]);
        let (mut kept_twice, mut added_twice) = ([0.0; LINE], [0.0; LINE]);
        twice::<1>([&kept, &added], [&mut kept_twice, &mut added_twice], rows + 2);
        twice::<2>([&kept_twice, &added_twice], [&mut kept, &mut added], rows);
        let mut lags = [0.0; REACH + BLOCK];
        lags[..REACH].copy_from_slice(&self.lags);
        for row in 0..rows {
            lags[REACH + row] = added[row] + kept[row] * lags[row];
        }
        self.lags.copy_from_slice(&lags[rows..rows + REACH]);
        for row in 0..rows {
            y[row] = x[row] - lags[REACH + row];
        }
    }
}

/// What a row keeps of the lag.
#[inline(always)]
fn keep(efficiency: f64) -> f64 {
    let factor = efficiency * SPAN + SLOW;
    1.0 - factor * factor
}

/// What groups of `2 SIZE` rows keep and add, of groups of `SIZE`.
#[inline(always)]
fn twice<const SIZE: usize>([kept, added]: [&[f64; LINE]; 2], [keep, add]: [&mut [f64; LINE]; 2], groups: usize) {
    for group in 0..groups {
        let newer = group + SIZE;
        keep[group] = kept[newer] * kept[group];
        add[group] = added[newer] + kept[newer] * added[group];
    }
}

impl Step<1, 1> for Kama {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        if self.n == 1 {
            return [x];
        }
        let [efficiency] = self.efficiency.step([x]);
        let change = x - std::mem::replace(&mut self.last, x);
        [if efficiency.is_nan() { f64::NAN } else { x - self.lag(efficiency, change) }]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        if self.n == 1 {
            return y.copy_from_slice(x);
        }
        self.efficiency.column([x], [&mut *y]);
        let early = if y[0].is_nan() { y.iter().take_while(|y| y.is_nan()).count() } else { 0 };
        if early > 0 {
            self.last = x[early - 1];
        }
        if early < x.len() {
            self.follow(&x[early..], &mut y[early..]);
        }
    }
}

impl State for Kama {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.efficiency, &mut self.last, &mut self.kept, &mut self.added, &mut self.lags])
    }
}
