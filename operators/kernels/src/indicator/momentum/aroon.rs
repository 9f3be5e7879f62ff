//! Aroon: how long ago the extremes were.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Heir, HighestAt, LowestAt};

pub(super) const AROON: Indicator =
    Indicator::new("aroon", Group::Momentum, "100 where the extreme is now, 0 where it is timeperiod bars ago", |p| {
        rows(Aroon::new(p[0]))
    })
    .source("Chande (1995); TA-Lib 0.8")
    .inputs(&["high", "low"])
    .params(&[Param::period("timeperiod", 14, 2)])
    .outputs(&[real("down").or("aroondown"), real("up").or("aroonup")])
    .class(Class::Exact)
    .first(|p| p[0] as usize);

pub(super) const AROONOSC: Indicator = Indicator::new("aroonosc", Group::Momentum, "aroon up minus aroon down", |p| {
    rows(Oscillator { aroon: Aroon::new(p[0]) })
})
.source("Chande (1995); TA-Lib 0.8")
.inputs(&["high", "low"])
.params(&[Param::period("timeperiod", 14, 2)])
.class(Class::Exact)
.first(|p| p[0] as usize);

#[derive(Clone)]
struct Aroon {
    n: f64,
    factor: f64,
    high: HighestAt,
    low: LowestAt,
}

impl Aroon {
    fn new(n: f64) -> Self {
        let bars = n as usize + 1;
        Self { n, factor: 100.0 / n, high: HighestAt::new(bars, Heir::Latest), low: LowestAt::new(bars, Heir::Latest) }
    }

    /// Rows since the low and since the high.
    #[inline]
    fn ages(&mut self, high: f64, low: f64) -> Option<[f64; 2]> {
        let high = self.high.push(high);
        let low = self.low.push(low);
        Some([low?.age as f64, high?.age as f64])
    }
}

impl Step<2, 2> for Aroon {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 2] {
        let ages = self.ages(high, low);
        ages.map_or([f64::NAN; 2], |ages| ages.map(|age| self.factor * (self.n - age)))
    }

    #[inline(always)]
    fn column(&mut self, [high, low]: [&[f64]; 2], [down, up]: [&mut [f64]; 2]) {
        self.low.ages(low, down);
        self.high.ages(high, up);
        for (down, up) in down.iter_mut().zip(up) {
            *down = self.factor * (self.n - *down);
            *up = self.factor * (self.n - *up);
        }
    }
}

impl State for Aroon {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low])
    }
}

#[derive(Clone)]
struct Oscillator {
    aroon: Aroon,
}

impl Step<2, 1> for Oscillator {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        let ages = self.aroon.ages(high, low);
        [ages.map_or(f64::NAN, |[low, high]| self.aroon.factor * (low - high))]
    }

    #[inline(always)]
    fn column(&mut self, [high, low]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let mut highs = [0.0; BLOCK];
        let highs = &mut highs[..y.len()];
        self.aroon.low.ages(low, y);
        self.aroon.high.ages(high, highs);
        for (y, high) in y.iter_mut().zip(highs) {
            *y = self.aroon.factor * (*y - *high);
        }
    }
}

impl State for Oscillator {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.aroon.state(io)
    }
}
