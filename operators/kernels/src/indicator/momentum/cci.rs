//! Commodity channel index.

use crate::indicator::compose::Over;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::price::{Deviation, typical};
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const CCI: Indicator =
    Indicator::new("cci", Group::Momentum, "distance of the typical price from its mean, in mean deviations", |p| {
        rows(Over::new(typical, Channel { deviation: Deviation::new(p[0] as usize) }))
    })
    .source("Lambert (1980); TA-Lib 0.8: 0 where the deviation is 0")
    .inputs(&["high", "low", "close"])
    .params(&[Param::period("timeperiod", 14, 2)])
    .first(|p| p[0] as usize - 1);

/// Distance from the mean in units of 0.015 mean deviations.
#[derive(Clone)]
struct Channel {
    deviation: Deviation,
}

#[inline]
fn scaled(distance: f64, deviation: f64) -> f64 {
    if distance == 0.0 || deviation == 0.0 { 0.0 } else { distance / (0.015 * deviation) }
}

impl Step<1, 1> for Channel {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let (mean, deviation) = self.deviation.push(x);
        [scaled(x - mean, deviation)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut means = [0.0; BLOCK];
        let means = &mut means[..y.len()];
        self.deviation.column(x, means, y);
        for row in 0..x.len() {
            y[row] = scaled(x[row] - means[row], y[row]);
        }
    }
}

impl State for Channel {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.deviation.state(io)
    }
}
