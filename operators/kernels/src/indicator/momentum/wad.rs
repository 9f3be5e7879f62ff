//! Williams' accumulation and distribution.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Cumulative;

pub(super) const WAD: Indicator =
    Indicator::new("wad", Group::Momentum, "running total of the close's distance from the true low or high", |_| {
        rows(Wad { last: f64::NAN, total: Cumulative::default() })
    })
    .source("Williams, as in Achelis, Technical Analysis from A to Z; TA-Lib 0.8")
    .inputs(&["high", "low", "close"])
    .class(Class::PathDependent);

#[derive(Clone)]
struct Wad {
    /// Close of the bar before; NaN before the first.
    last: f64,
    total: Cumulative,
}

#[inline]
fn part(high: f64, low: f64, close: f64, last: f64) -> f64 {
    if close > last {
        close - if last < low { last } else { low }
    } else if close < last {
        close - if last > high { last } else { high }
    } else {
        0.0
    }
}

impl Step<3, 1> for Wad {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let last = std::mem::replace(&mut self.last, close);
        [self.total.push(part(high, low, close, last))]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        y[0] = part(high[0], low[0], close[0], self.last);
        for row in 1..rows {
            y[row] = part(high[row], low[row], close[row], close[row - 1]);
        }
        self.last = close[rows - 1];
        self.total.column(y);
    }
}

impl State for Wad {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.total])
    }
}
