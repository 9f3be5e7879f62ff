//! Two columns, or a column and its own past: covariance, slope, autocorrelation.

use super::beta::{FLAT, slope};
use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{CoMoments, Joint, Lag};

pub(super) const COVAR: Indicator =
    Indicator::new("covar", Group::Statistic, "sample covariance of the last timeperiod pairs", |p| {
        let less = p[0] - 1.0;
        rows(Pair { moments: CoMoments::new(p[0] as usize), made: move |joint: Joint| joint.xy / less })
    })
    .source("as pandas' rolling cov")
    .inputs(&["real0", "real1"])
    .params(&[Param::period("timeperiod", 20, 2)])
    .first(|p| p[0] as usize - 1);

pub(super) const REGBETA: Indicator =
    Indicator::new("regbeta", Group::Statistic, "slope of real1 over real0, of the values themselves", |p| {
        rows(Pair { moments: CoMoments::new(p[0] as usize), made: slope })
    })
    .source("least squares; 0 where real0 does not vary; beta is the same of returns")
    .inputs(&["real0", "real1"])
    .params(&[Param::period("timeperiod", 20, 2)])
    .first(|p| p[0] as usize - 1);

pub(super) const AUTOCORR: Indicator = Indicator::new(
    "autocorr",
    Group::Statistic,
    "correlation of the last timeperiod values with those lag rows before",
    |p| rows(Auto { lag: Lag::new(p[1] as usize), moments: CoMoments::new(p[0] as usize) }),
)
.source("Pearson; 0 where nothing varies")
.params(&[Param::period("timeperiod", 20, 2), Param::period("lag", 1, 1)])
.first(|p| p[0] as usize + p[1] as usize - 1);

/// Correlation, 0 where a side does not vary.
#[inline(always)]
pub(super) fn correlation(joint: Joint) -> f64 {
    let varies = joint.xx > FLAT * joint.scales[0] && joint.yy > FLAT * joint.scales[1];
    if varies { (joint.xy / (joint.xx * joint.yy).sqrt()).clamp(-1.0, 1.0) } else { 0.0 }
}

#[derive(Clone)]
struct Pair<F> {
    moments: CoMoments,
    made: F,
}

impl<F: Fn(Joint) -> f64 + Clone + Send + 'static> Step<2, 1> for Pair<F> {
    #[inline(always)]
    fn step(&mut self, [x, y]: [f64; 2]) -> [f64; 1] {
        [self.moments.push(x, y).map_or(f64::NAN, &self.made)]
    }

    #[inline(always)]
    fn column(&mut self, [a, b]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        self.moments.column(a, b, y, &self.made);
    }
}

impl<F> State for Pair<F> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.moments.state(io)
    }
}

#[derive(Clone)]
struct Auto {
    lag: Lag,
    moments: CoMoments,
}

impl Step<1, 1> for Auto {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let before = self.lag.push(x);
        if before.is_nan() {
            return [f64::NAN];
        }
        [self.moments.push(x, before).map_or(f64::NAN, correlation)]
    }
}

impl State for Auto {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.lag, &mut self.moments])
    }
}
