//! Pring's know sure thing.

use super::roc::rate;
use crate::indicator::compose::feed;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Lag;

pub(super) const KST: Indicator = Indicator::new(
    "kst",
    Group::Momentum,
    "sum of four smoothed rates of change with weights 1 to 4, and its mean",
    |p| rows(Kst::new(p)),
)
.source("Pring (1992)")
.params(&[
    Param::period("roc1", 10, 1),
    Param::period("roc2", 15, 1),
    Param::period("roc3", 20, 1),
    Param::period("roc4", 30, 1),
    Param::period("sma1", 10, 1),
    Param::period("sma2", 10, 1),
    Param::period("sma3", 10, 1),
    Param::period("sma4", 15, 1),
    Param::period("signalperiod", 9, 1),
])
.outputs(&[real("kst"), real("signal")])
.first(|p| (0..4).map(|k| (p[k] + p[k + 4]) as usize - 1).max().unwrap_or(0) + p[8] as usize - 1);

#[derive(Clone)]
struct Kst {
    lags: [Lag; 4],
    means: [Sma; 4],
    signal: Sma,
}

impl Kst {
    fn new(p: &[f64]) -> Self {
        Self {
            lags: std::array::from_fn(|k| Lag::new(p[k] as usize)),
            means: std::array::from_fn(|k| Sma::new(p[k + 4] as usize)),
            signal: Sma::new(p[8] as usize),
        }
    }
}

impl Step<1, 2> for Kst {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        let mut kst = 0.0;
        for (k, (lag, mean)) in self.lags.iter_mut().zip(&mut self.means).enumerate() {
            kst += (k + 1) as f64 * feed(mean, rate(x, lag.push(x)));
        }
        let signal = feed(&mut self.signal, kst);
        [if signal.is_nan() { f64::NAN } else { kst }, signal]
    }
}

impl State for Kst {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.lags, &mut self.means, &mut self.signal])
    }
}
