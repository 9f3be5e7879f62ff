//! Hurst exponent and fractional differences: how much a series remembers.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::overlap::weighted;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Lag, Sum};

pub(super) const HURST: Indicator =
    Indicator::new("hurst", Group::Statistic, "0.5 for a random walk, more for trends, less for reversion", |p| {
        rows(Hurst::new(p[0] as usize))
    })
    .source("generalised Hurst exponent, q = 2 (Di Matteo 2007), over lags 1, 2, 4, 8, 16; NULL where nothing moved")
    .params(&[Param::period("timeperiod", 100, 2)])
    .first(|p| LAGS[COUNT - 1] + p[0] as usize - 1);

pub(super) const FRACDIFF: Indicator =
    Indicator::new("fracdiff", Group::Statistic, "difference of the fractional order d, over a fixed window", |p| {
        weighted(difference(p[0], p[1] as usize))
    })
    .source("Lopez de Prado, Advances in Financial Machine Learning (2018), fixed width")
    .params(&[Param::float("d", 0.4, 0.0, 2.0), Param::int("timeperiod", 100, 1, 5000)])
    .first(|p| p[1] as usize - 1);

/// Weights of the fractional difference, oldest first.
fn difference(d: f64, n: usize) -> Vec<f64> {
    let mut weights = vec![1.0; n];
    for k in 1..n {
        weights[k] = -weights[k - 1] * (d - k as f64 + 1.0) / k as f64;
    }
    weights.reverse();
    weights
}

const COUNT: usize = 5;
const LAGS: [usize; COUNT] = [1, 2, 4, 8, 16];

#[derive(Clone)]
struct Hurst {
    lags: [Lag; COUNT],
    squares: [Sum; COUNT],
}

impl Hurst {
    fn new(n: usize) -> Self {
        Self { lags: LAGS.map(Lag::new), squares: LAGS.map(|_| Sum::new(n)) }
    }
}

impl Step<1, 1> for Hurst {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        // Half the slope of log2 of the mean square over log2 of the lag: 0, 1, 2, 3, 4, with weights -2 to 2.
        let mut slope = 0.0;
        for (k, (lag, squares)) in self.lags.iter_mut().zip(&mut self.squares).enumerate() {
            let step = x - lag.push(x);
            let square = if step.is_nan() { f64::NAN } else { squares.push(step * step) };
            slope += (k as f64 - 2.0) * libm::log2(square);
        }
        let exponent = slope / 10.0 / 2.0;
        [if exponent.is_finite() { exponent } else { f64::NAN }]
    }
}

impl State for Hurst {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.lags, &mut self.squares])
    }
}
