//! Vortex indicator.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator, real};
use crate::indicator::volatility::true_range;
use crate::indicator::{Io, State, StateError};
use crate::rolling::Sum;

pub(super) const VORTEX: Indicator =
    Indicator::new("vortex", Group::Momentum, "distances from low to high and high to low over true ranges", |p| {
        rows(Vortex { last: [f64::NAN; 3], sums: std::array::from_fn(|_| Sum::new(p[0] as usize)) })
    })
    .source("Botes and Siepman (2010); TA-Lib 0.8: 0 where there is no range")
    .inputs(&["high", "low", "close"])
    .params(&[Param::period("timeperiod", 14, 1)])
    .outputs(&[real("plus").or("plusvi"), real("minus").or("minusvi")])
    .first(|p| p[0] as usize);

#[derive(Clone)]
struct Vortex {
    /// The bar before; NaN before the first.
    last: [f64; 3],
    sums: [Sum; 3],
}

/// Movement up, movement down, true range.
#[inline]
fn parts([high, low, _]: [f64; 3], [last_high, last_low, last_close]: [f64; 3]) -> [f64; 3] {
    [(high - last_low).abs(), (low - last_high).abs(), true_range(high, low, last_close)]
}

/// Both movements over the range: one division.
#[inline]
fn ratios(up: f64, down: f64, range: f64) -> [f64; 2] {
    let share = if range <= 0.0 { 0.0 } else { 1.0 / range };
    [up * share, down * share]
}

impl Step<3, 2> for Vortex {
    #[inline(always)]
    fn step(&mut self, bar: [f64; 3]) -> [f64; 2] {
        let last = std::mem::replace(&mut self.last, bar);
        if last[0].is_nan() {
            return [f64::NAN; 2];
        }
        let parts = parts(bar, last);
        let [up, down, range] = [0, 1, 2].map(|at| self.sums[at].push(parts[at]));
        ratios(up, down, range)
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 3], [plus, minus]: [&mut [f64]; 2]) {
        let rows = plus.len();
        let bar = |row: usize| [x[0][row], x[1][row], x[2][row]];
        let (mut ups, mut downs, mut ranges) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (ups, downs, ranges) = (&mut ups[..rows], &mut downs[..rows], &mut ranges[..rows]);
        [ups[0], downs[0], ranges[0]] = parts(bar(0), self.last);
        for row in 1..rows {
            [ups[row], downs[row], ranges[row]] = parts(bar(row), bar(row - 1));
        }
        let from = usize::from(self.last[0].is_nan());
        self.last = bar(rows - 1);
        plus[..from].fill(f64::NAN);
        minus[..from].fill(f64::NAN);
        self.sums[0].column(&ups[from..], &mut plus[from..]);
        self.sums[1].column(&downs[from..], &mut minus[from..]);
        self.sums[2].column(&ranges[from..], &mut ups[from..]);
        for row in from..rows {
            [plus[row], minus[row]] = ratios(plus[row], minus[row], ups[row]);
        }
    }
}

impl State for Vortex {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.sums])
    }
}
