//! Hull moving average.

use super::Wma;
use crate::indicator::compose::{feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const HMA: Indicator =
    Indicator::new("hma", Group::Overlap, "weighted average of 2 short - 1 long weighted average", |p| {
        rows(Hma::new(p[0] as usize))
    })
    .source("Hull (2005); TA-Lib 0.8: half and root of the period are cut to whole numbers")
    .params(&[Param::period("timeperiod", 20, 1)])
    .first(|p| lookback(p[0] as usize));

/// Rows before the first value.
pub(crate) fn lookback(n: usize) -> usize {
    n - 1 + n.isqrt() - 1
}

/// `wma(2 wma(n / 2) - wma(n), sqrt n)`.
#[derive(Clone)]
pub(crate) struct Hma {
    half: Wma,
    full: Wma,
    root: Wma,
}

impl Hma {
    pub(crate) fn new(n: usize) -> Self {
        Self { half: Wma::new((n / 2).max(1)), full: Wma::new(n), root: Wma::new(n.isqrt()) }
    }
}

impl Step<1, 1> for Hma {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 1] {
        let ahead = 2.0 * self.half.step(x)[0] - self.full.step(x)[0];
        [feed(&mut self.root, ahead)]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut half, mut full) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (half, full) = (&mut half[..rows], &mut full[..rows]);
        self.half.column(x, [half]);
        self.full.column(x, [full]);
        for (half, full) in half.iter_mut().zip(full) {
            *half = 2.0 * *half - *full;
        }
        feed_column(&mut self.root, half, y);
    }
}

impl State for Hma {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.half, &mut self.full, &mut self.root])
    }
}
