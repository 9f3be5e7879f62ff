//! Squeeze: Bollinger bands inside a Keltner channel, and the momentum meanwhile.

use crate::indicator::compose::feed;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator, OutputKind, real};
use crate::indicator::statistic::Regression;
use crate::indicator::volatility::TrueRange;
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest, Moments};

pub(super) const SQUEEZE: Indicator =
    Indicator::new("squeeze", Group::Momentum, "momentum, and 1 while the bands are inside the channel", |p| {
        rows(Squeeze::new(p))
    })
    .source("Carter (2005), LazyBear (2014): both around the simple mean, mean true range, regression of the rest")
    .inputs(&["high", "low", "close"])
    .params(&[
        Param::period("timeperiod", 20, 2),
        Param::float("bbmultiplier", 2.0, 0.0, 3e37),
        Param::float("kcmultiplier", 1.5, 0.0, 3e37),
    ])
    .outputs(&[real("momentum"), real("on").of(OutputKind::Integer)])
    .first(|p| 2 * (p[0] as usize - 1));

#[derive(Clone)]
struct Squeeze {
    bands: f64,
    channel: f64,
    moments: Moments,
    range: TrueRange,
    ranges: Sma,
    high: Highest,
    low: Lowest,
    line: Regression,
}

impl Squeeze {
    fn new(p: &[f64]) -> Self {
        let n = p[0] as usize;
        Self {
            bands: p[1],
            channel: p[2],
            moments: Moments::new(n),
            range: TrueRange::new(1.0),
            ranges: Sma::new(n),
            high: Highest::new(n),
            low: Lowest::new(n),
            line: Regression::new(n),
        }
    }
}

impl Step<3, 2> for Squeeze {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let (mean, variance) = self.moments.push(close);
        let range = feed(&mut self.ranges, self.range.push(high, low, close));
        let middle = (self.high.push(high) + self.low.push(low)) / 2.0;
        if mean.is_nan() {
            return [f64::NAN; 2];
        }
        let momentum = self.line.push(close - (middle + mean) / 2.0).end();
        if momentum.is_nan() {
            return [f64::NAN; 2];
        }
        let on = self.bands * variance.sqrt() < self.channel * range;
        [momentum, f64::from(u8::from(on))]
    }
}

impl State for Squeeze {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.moments, &mut self.range, &mut self.ranges])?;
        io.all(&mut [&mut self.high, &mut self.low, &mut self.line])
    }
}
