//! Chaikin's money flow.

use super::ad::flow;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Sum;

pub(super) const CMF: Indicator = Indicator::new(
    "cmf",
    Group::Volume,
    "sum of volume by where the close is in the bar, over the sum of volume",
    |p| rows(Cmf { flow: Sum::new(p[0] as usize), volume: Sum::new(p[0] as usize) }),
)
.source("Chaikin; TA-Lib 0.8: 0 where nothing was traded")
.inputs(&["high", "low", "close", "volume"])
.params(&[Param::period("timeperiod", 20, 2)])
.first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Cmf {
    flow: Sum,
    volume: Sum,
}

#[inline]
fn ratio(flow: f64, volume: f64) -> f64 {
    if volume <= 0.0 { 0.0 } else { flow / volume }
}

impl Step<4, 1> for Cmf {
    #[inline(always)]
    fn step(&mut self, bar: [f64; 4]) -> [f64; 1] {
        let (flow, volume) = (self.flow.push(flow(bar)), self.volume.push(bar[3]));
        [if flow.is_nan() { f64::NAN } else { ratio(flow, volume) }]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close, volume]: [&[f64]; 4], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut flows, mut volumes) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (flows, volumes) = (&mut flows[..rows], &mut volumes[..rows]);
        for row in 0..rows {
            flows[row] = flow([high[row], low[row], close[row], volume[row]]);
        }
        self.flow.column(flows, y);
        self.volume.column(volume, volumes);
        for row in 0..rows {
            y[row] = if y[row].is_nan() { f64::NAN } else { ratio(y[row], volumes[row]) };
        }
    }
}

impl State for Cmf {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.flow, &mut self.volume])
    }
}
