//! Simple moving average.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Mean;

pub(super) const SMA: Indicator =
    Indicator::new("sma", Group::Overlap, "mean of the last timeperiod values", |p| rows(Sma::new(p[0] as usize)))
        .params(&[Param::period("timeperiod", 30, 1)])
        .first(|p| p[0] as usize - 1);

/// Mean of the last `n` values.
#[derive(Clone, Debug)]
pub(crate) struct Sma(Mean);

impl Sma {
    pub(crate) fn new(n: usize) -> Self {
        Self(Mean::new(n))
    }
}

impl Step<1, 1> for Sma {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.0.push(x)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        self.0.column(x, y);
    }
}

impl State for Sma {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.0.state(io)
    }
}
