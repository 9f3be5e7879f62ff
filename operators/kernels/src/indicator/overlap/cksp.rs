//! Chande Kroll stop.

use crate::indicator::compose::feed;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder, real};
use crate::indicator::volatility::Atr;
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

pub(super) const CKSP: Indicator =
    Indicator::new("cksp", Group::Overlap, "stops at true ranges from the extremes, at their own extremes", |p| {
        rows(Stops::new(p))
    })
    .source("Chande and Kroll, The New Technical Trader (1994); Wilder's average true range")
    .inputs(&["high", "low", "close"])
    .params(&[
        Param::period("timeperiod", 10, 1),
        Param::float("multiplier", 1.0, 0.0, 3e37),
        Param::period("stopperiod", 9, 1),
    ])
    .outputs(&[real("long"), real("short")])
    .class(Class::Converging)
    .first(|p| p[0] as usize + p[2] as usize - 1)
    .settle(|p| forget_wilder(p[0]));

#[derive(Clone)]
struct Stops {
    width: f64,
    range: Atr,
    high: Highest,
    low: Lowest,
    long: Highest,
    short: Lowest,
}

impl Stops {
    fn new(p: &[f64]) -> Self {
        let (n, q) = (p[0] as usize, p[2] as usize);
        Self {
            width: p[1],
            range: Atr::new(p[0], 0.0),
            high: Highest::new(n),
            low: Lowest::new(n),
            long: Highest::new(q),
            short: Lowest::new(q),
        }
    }
}

impl Step<3, 2> for Stops {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let [range] = self.range.step([high, low, close]);
        let (top, bottom) = (self.high.push(high), self.low.push(low));
        let long = feed(&mut self.long, top - self.width * range);
        [long, feed(&mut self.short, bottom + self.width * range)]
    }
}

impl State for Stops {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.range, &mut self.high, &mut self.low, &mut self.long, &mut self.short])
    }
}
