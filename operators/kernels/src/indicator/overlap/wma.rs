//! Weighted moving average.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Weighted;

pub(super) const WMA: Indicator =
    Indicator::new("wma", Group::Overlap, "mean of the last timeperiod values with weights 1 to timeperiod", |p| {
        rows(Wma::new(p[0] as usize))
    })
    .params(&[Param::period("timeperiod", 30, 1)])
    .first(|p| p[0] as usize - 1);

/// Mean with weights that grow by one a row.
#[derive(Clone)]
pub(crate) struct Wma {
    means: Weighted,
}

impl Wma {
    pub(crate) fn new(n: usize) -> Self {
        Self { means: Weighted::new(n) }
    }
}

impl Step<1, 1> for Wma {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let means = self.means.push(x);
        [means.mean + means.tilt]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut tilts = [0.0; BLOCK];
        let tilts = &mut tilts[..x.len()];
        self.means.column(x, y, tilts);
        for (y, tilt) in y.iter_mut().zip(tilts) {
            *y += *tilt;
        }
    }
}

impl State for Wma {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.means.state(io)
    }
}
