//! Choppiness index.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::volatility::TrueRange;
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest, Sum};

pub(super) const CHOP: Indicator = Indicator::new(
    "chop",
    Group::Volatility,
    "sum of true ranges over the range of all, on a scale of 0 to 100",
    |p| {
        let n = p[0] as usize;
        rows(Chop {
            scale: 100.0 / libm::log10(p[0]),
            range: TrueRange::new(0.0),
            sum: Sum::new(n),
            high: Highest::new(n),
            low: Lowest::new(n),
        })
    },
)
.source("Dreiss (1993); NULL where there is no range")
.inputs(&["high", "low", "close"])
.params(&[Param::period("timeperiod", 14, 2)])
.first(|p| p[0] as usize);

#[derive(Clone)]
struct Chop {
    scale: f64,
    range: TrueRange,
    sum: Sum,
    high: Highest,
    low: Lowest,
}

impl Step<3, 1> for Chop {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let range = self.range.push(high, low, close);
        let whole = self.high.push(high) - self.low.push(low);
        if range.is_nan() {
            return [f64::NAN];
        }
        let ratio = self.sum.push(range) / whole;
        [if ratio > 0.0 && ratio.is_finite() { libm::log10(ratio) * self.scale } else { f64::NAN }]
    }
}

impl State for Chop {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.range, &mut self.sum, &mut self.high, &mut self.low])
    }
}
