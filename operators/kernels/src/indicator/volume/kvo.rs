//! Klinger volume oscillator.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const KVO: Indicator = Indicator::new(
    "kvo",
    Group::Volume,
    "fast minus slow exponential average of volume by the trend of the bars",
    |p| rows(Klinger::new(p)),
)
.source("Klinger (1997); Tulip Indicators: averages begin with the first force, the trend with falling")
.inputs(&["high", "low", "close", "volume"])
.params(&[Param::period("shortperiod", 34, 1), Param::period("longperiod", 55, 1)])
.class(Class::PathDependent)
.first(|_| 1);

#[derive(Clone)]
struct Klinger {
    /// High, low and sum of prices of the bar before; NaN before the first.
    high: f64,
    low: f64,
    sum: f64,
    /// 1 rising, 0 falling, -1 not yet known.
    trend: f64,
    cumulated: f64,
    fast: Average,
    slow: Average,
}

impl Klinger {
    fn new(p: &[f64]) -> Self {
        let average = |n: f64| Average::new(2.0 / (n + 1.0), 1);
        let (fast, slow) = (average(p[0]), average(p[1]));
        Self { high: f64::NAN, low: f64::NAN, sum: f64::NAN, trend: -1.0, cumulated: 0.0, fast, slow }
    }
}

impl Step<4, 1> for Klinger {
    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 1] {
        let sum = high + low + close;
        let before = std::mem::replace(&mut self.sum, sum);
        let range_before = self.high - self.low;
        self.high = high;
        self.low = low;
        if before.is_nan() {
            return [f64::NAN];
        }
        let turned = if sum > before {
            1.0
        } else if sum < before {
            0.0
        } else {
            self.trend
        };
        if turned != self.trend {
            self.trend = turned;
            self.cumulated = range_before;
        }
        let range = high - low;
        self.cumulated += range;
        let share = if self.cumulated == 0.0 { 0.0 } else { range / self.cumulated };
        let sign = if self.trend != 0.0 { 1.0 } else { -1.0 };
        let force = volume * (share * 2.0 - 1.0).abs() * 100.0 * sign;
        [self.fast.push(force) - self.slow.push(force)]
    }
}

impl State for Klinger {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.sum, &mut self.trend, &mut self.cumulated])?;
        io.all(&mut [&mut self.fast, &mut self.slow])
    }
}
