//! Ichimoku cloud, without the line that is the price displaced back.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::price::median;
use crate::indicator::registry::{Class, Group, Indicator, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lag, Lowest};

pub(super) const ICHIMOKU: Indicator = Indicator::new(
    "ichimoku",
    Group::Overlap,
    "middles of three ranges; the cloud is the one of displacement rows ago",
    |p| rows(Ichimoku::new(p)),
)
.source("Hosoda (1969); span_a and span_b are what was known displacement rows before")
.inputs(&["high", "low"])
.params(&[
    Param::period("conversionperiod", 9, 1),
    Param::period("baseperiod", 26, 1),
    Param::period("spanperiod", 52, 1),
    Param::period("displacement", 26, 1),
])
.outputs(&[real("conversion"), real("base"), real("span_a"), real("span_b")])
.class(Class::Exact)
.first(|p| p[0].max(p[1]).max(p[2]) as usize - 1 + p[3] as usize);

/// Middle of the range of some bars.
#[derive(Clone)]
struct Middle {
    high: Highest,
    low: Lowest,
}

impl Middle {
    fn new(n: f64) -> Self {
        Self { high: Highest::new(n as usize), low: Lowest::new(n as usize) }
    }

    #[inline(always)]
    fn push(&mut self, high: f64, low: f64) -> f64 {
        median([self.high.push(high), self.low.push(low)])
    }
}

#[derive(Clone)]
struct Ichimoku {
    middles: [Middle; 3],
    ahead: [Lag; 2],
}

impl Ichimoku {
    fn new(p: &[f64]) -> Self {
        let middles = [Middle::new(p[0]), Middle::new(p[1]), Middle::new(p[2])];
        Self { middles, ahead: [Lag::new(p[3] as usize), Lag::new(p[3] as usize)] }
    }
}

impl Step<2, 4> for Ichimoku {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 4] {
        let [conversion, base, span] = self.middles.each_mut().map(|middle| middle.push(high, low));
        let [a, b] = &mut self.ahead;
        let (span_a, span_b) = (a.push((conversion + base) / 2.0), b.push(span));
        if span_a.is_nan() || span_b.is_nan() { [f64::NAN; 4] } else { [conversion, base, span_a, span_b] }
    }
}

impl State for Middle {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low])
    }
}

impl State for Ichimoku {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.middles, &mut self.ahead])
    }
}
