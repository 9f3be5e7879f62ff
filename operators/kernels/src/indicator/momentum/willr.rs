//! Williams' %R.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

pub(super) const WILLR: Indicator =
    Indicator::new("willr", Group::Momentum, "distance of the close from the highest high, 0 to -100", |p| {
        rows(Willr { high: Highest::new(p[0] as usize), low: Lowest::new(p[0] as usize) })
    })
    .source("Williams (1973); TA-Lib 0.8: 0 where there is no range")
    .inputs(&["high", "low", "close"])
    .params(&[Param::period("timeperiod", 14, 2)])
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Willr {
    high: Highest,
    low: Lowest,
}

#[inline]
fn percent(high: f64, low: f64, close: f64) -> f64 {
    let range = high - low;
    if range == 0.0 { 0.0 } else { (high - close) / range * -100.0 }
}

impl Step<3, 1> for Willr {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        [percent(self.high.push(high), self.low.push(low), close)]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let mut lows = [0.0; BLOCK];
        let lows = &mut lows[..y.len()];
        self.high.column(high, y);
        self.low.column(low, lows);
        for row in 0..y.len() {
            y[row] = percent(y[row], lows[row], close[row]);
        }
    }
}

impl State for Willr {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low])
    }
}
