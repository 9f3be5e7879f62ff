//! Money flow index.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::price::typical;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Sum;

pub(super) const MFI: Indicator =
    Indicator::new("mfi", Group::Momentum, "share of money traded at rising typical prices, 0 to 100", |p| {
        rows(Mfi { last: f64::NAN, up: Sum::new(p[0] as usize), down: Sum::new(p[0] as usize) })
    })
    .source("Quong and Soudack (1989); TA-Lib 0.8: 0 where no money moved")
    .inputs(&["high", "low", "close", "volume"])
    .params(&[Param::period("timeperiod", 14, 2)])
    .first(|p| p[0] as usize);

/// A move smaller than this share of the two prices is rounding.
const STILL: f64 = 1e-14;

#[derive(Clone)]
struct Mfi {
    /// Typical price before; NaN before the first.
    last: f64,
    up: Sum,
    down: Sum,
}

/// Money that went up and down.
#[inline]
fn flows(price: f64, last: f64, volume: f64) -> [f64; 2] {
    let moved = price - last;
    let still = moved.abs() < STILL * (price.abs() + last.abs());
    let money = if still || moved == 0.0 { 0.0 } else { price * volume };
    if moved < 0.0 { [0.0, money] } else { [money, 0.0] }
}

#[inline]
fn percent(up: f64, down: f64) -> f64 {
    let total = up + down;
    if total <= 0.0 { 0.0 } else { 100.0 * (up / total) }
}

impl Step<4, 1> for Mfi {
    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 1] {
        let price = typical([high, low, close]);
        let last = std::mem::replace(&mut self.last, price);
        if last.is_nan() {
            return [f64::NAN];
        }
        let [up, down] = flows(price, last, volume);
        [percent(self.up.push(up), self.down.push(down))]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close, volume]: [&[f64]; 4], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut ups, mut downs, mut sums) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (ups, downs, sums) = (&mut ups[..rows], &mut downs[..rows], &mut sums[..rows]);
        let from = usize::from(self.last.is_nan());
        let mut last = self.last;
        for row in 0..rows {
            let price = typical([high[row], low[row], close[row]]);
            [ups[row], downs[row]] = flows(price, last, volume[row]);
            last = price;
        }
        self.last = last;
        y[..from].fill(f64::NAN);
        self.up.column(&ups[from..], &mut sums[from..]);
        self.down.column(&downs[from..], &mut y[from..]);
        for row in from..rows {
            y[row] = percent(sums[row], y[row]);
        }
    }
}

impl State for Mfi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.up, &mut self.down])
    }
}
