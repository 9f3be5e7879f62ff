//! Pearson's correlation of two columns.

use super::pairs::correlation;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::CoMoments;

pub(super) const CORREL: Indicator =
    Indicator::new("correl", Group::Statistic, "correlation of the last timeperiod pairs, -1 to 1", |p| {
        rows(Correlation { moments: CoMoments::new(p[0] as usize) })
    })
    .source("Pearson; TA-Lib 0.8: 0 where a column does not vary")
    .inputs(&["real0", "real1"])
    .params(&[Param::period("timeperiod", 30, 1)])
    .first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Correlation {
    moments: CoMoments,
}

impl Step<2, 1> for Correlation {
    #[inline(always)]
    fn step(&mut self, [x, y]: [f64; 2]) -> [f64; 1] {
        [self.moments.push(x, y).map_or(f64::NAN, correlation)]
    }

    #[inline(always)]
    fn column(&mut self, [a, b]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        self.moments.column(a, b, y, correlation);
    }
}

impl State for Correlation {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.moments.state(io)
    }
}
