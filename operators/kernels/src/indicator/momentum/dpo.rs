//! Detrended price oscillator.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::overlap::Sma;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Lag;

pub(super) const DPO: Indicator =
    Indicator::new("dpo", Group::Momentum, "value timeperiod / 2 + 1 rows before, minus the mean now", |p| {
        let n = p[0] as usize;
        rows(Dpo { lag: Lag::new(n / 2 + 1), mean: Sma::new(n) })
    })
    .params(&[Param::period("timeperiod", 20, 2)])
    .first(|p| (p[0] as usize - 1).max(p[0] as usize / 2 + 1));

#[derive(Clone)]
struct Dpo {
    lag: Lag,
    mean: Sma,
}

impl Step<1, 1> for Dpo {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.lag.push(x) - self.mean.step([x])[0]]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut means = [0.0; BLOCK];
        let means = &mut means[..y.len()];
        self.mean.column([x], [means]);
        self.lag.column(x, y);
        for (y, mean) in y.iter_mut().zip(means) {
            *y -= *mean;
        }
    }
}

impl State for Dpo {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.lag, &mut self.mean])
    }
}
