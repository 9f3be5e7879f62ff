//! Wave trend.

use crate::indicator::compose::feed;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::price::typical;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const WAVETREND: Indicator = Indicator::new(
    "wavetrend",
    Group::Momentum,
    "distance from the average in average distances, smoothed, and its mean",
    |p| rows(WaveTrend::new(p)),
)
.source("LazyBear (2014): 0 where there is no distance")
.inputs(&["high", "low", "close"])
.params(&[
    Param::period("channelperiod", 10, 1),
    Param::period("averageperiod", 21, 1),
    Param::period("signalperiod", 4, 1),
])
.outputs(&[real("wt1"), real("wt2")])
.class(Class::Converging)
.first(|p| 2 * (p[0] as usize - 1) + p[1] as usize + p[2] as usize - 2)
.settle(|p| 2 * forget_ema(p[0]) + forget_ema(p[1]));

#[derive(Clone)]
struct WaveTrend {
    middle: Average,
    distance: Average,
    wave: Average,
    signal: Sma,
}

impl WaveTrend {
    fn new(p: &[f64]) -> Self {
        let channel = Average::ema(p[0] as usize);
        let (wave, signal) = (Average::ema(p[1] as usize), Sma::new(p[2] as usize));
        Self { middle: channel.clone(), distance: channel, wave, signal }
    }
}

impl Step<3, 2> for WaveTrend {
    #[inline(always)]
    fn step(&mut self, bar: [f64; 3]) -> [f64; 2] {
        let price = typical(bar);
        let away = price - self.middle.push(price);
        let distance = feed(&mut self.distance, away.abs());
        let scaled = if distance == 0.0 { 0.0 } else { away / (0.015 * distance) };
        let wave = feed(&mut self.wave, scaled);
        let signal = feed(&mut self.signal, wave);
        [if signal.is_nan() { f64::NAN } else { wave }, signal]
    }
}

impl State for WaveTrend {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.middle, &mut self.distance, &mut self.wave, &mut self.signal])
    }
}
