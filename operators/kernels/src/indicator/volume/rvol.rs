//! Relative volume.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const RVOL: Indicator =
    Indicator::new("rvol", Group::Volume, "volume over the mean of the timeperiod bars before", |p| {
        rows(Rvol { mean: Sma::new(p[0] as usize), last: f64::NAN })
    })
    .source("TA-Lib 0.8: infinite, or NULL for 0 over 0, where nothing was traded before")
    .inputs(&["volume"])
    .params(&[Param::period("timeperiod", 20, 1)])
    .first(|p| p[0] as usize);

#[derive(Clone)]
struct Rvol {
    mean: Sma,
    /// The mean up to the row before; NaN before there are enough rows.
    last: f64,
}

impl Step<1, 1> for Rvol {
    #[inline(always)]
    fn step(&mut self, [volume]: [f64; 1]) -> [f64; 1] {
        let [mean] = self.mean.step([volume]);
        [volume / std::mem::replace(&mut self.last, mean)]
    }

    #[inline(always)]
    fn column(&mut self, [volume]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let mut means = [0.0; BLOCK];
        let means = &mut means[..rows];
        self.mean.column([volume], [&mut *means]);
        y[0] = volume[0] / self.last;
        for row in 1..rows {
            y[row] = volume[row] / means[row - 1];
        }
        self.last = means[rows - 1];
    }
}

impl State for Rvol {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.mean, &mut self.last])
    }
}
