//! Standard error, z-score, skewness and excess kurtosis of a window.

use crate::indicator::kernel::{Kernel, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Moments, Window};

pub(super) const STDERR: Indicator =
    Indicator::new("stderr", Group::Statistic, "population standard deviation over the root of timeperiod", |p| {
        let root = p[0].sqrt();
        scored(p[0], move |_, _, variance| variance.sqrt() / root)
    })
    .source("Tulip Indicators")
    .params(&[Param::period("timeperiod", 5, 1)])
    .first(|p| p[0] as usize - 1);

pub(super) const ZSCORE: Indicator =
    Indicator::new("zscore", Group::Statistic, "distance from the mean in sample standard deviations", |p| {
        let sample = p[0] / (p[0] - 1.0);
        scored(p[0], move |x, mean, variance| {
            if variance > 0.0 {
                (x - mean) / (variance * sample).sqrt()
            } else if variance == 0.0 {
                0.0
            } else {
                f64::NAN
            }
        })
    })
    .source("standard score; 0 where nothing varies")
    .params(&[Param::period("timeperiod", 20, 2)])
    .first(|p| p[0] as usize - 1);

pub(super) const SKEW: Indicator =
    Indicator::new("skew", Group::Statistic, "sample skewness; 0 where nothing varies", |p| {
        shaped(p[0], |n, [_, m2, m3, _]| {
            let bias = (n * (n - 1.0)).sqrt() / (n - 2.0);
            bias * m3 / (m2 * m2.sqrt())
        })
    })
    .source("Fisher-Pearson, adjusted: as pandas' rolling skew")
    .params(&[Param::period("timeperiod", 20, 3)])
    .first(|p| p[0] as usize - 1);

pub(super) const KURTOSIS: Indicator =
    Indicator::new("kurtosis", Group::Statistic, "sample excess kurtosis; 0 where nothing varies", |p| {
        shaped(p[0], |n, [_, m2, _, m4]| {
            let excess = m4 / (m2 * m2) - 3.0;
            (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0)
        })
    })
    .source("Fisher, adjusted: as pandas' rolling kurt")
    .params(&[Param::period("timeperiod", 20, 4)])
    .first(|p| p[0] as usize - 1);

fn scored(n: f64, made: impl Fn(f64, f64, f64) -> f64 + Clone + Send + 'static) -> Box<dyn Kernel> {
    rows(Scored { moments: Moments::new(n as usize), made })
}

/// A function of the value, the mean and the population variance.
#[derive(Clone)]
struct Scored<F> {
    moments: Moments,
    made: F,
}

impl<F: Fn(f64, f64, f64) -> f64 + Clone + Send + 'static> Step<1, 1> for Scored<F> {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let (mean, variance) = self.moments.push(x);
        [(self.made)(x, mean, variance)]
    }
}

impl<F> State for Scored<F> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.moments.state(io)
    }
}

fn shaped(n: f64, made: impl Fn(f64, [f64; 4]) -> f64 + Clone + Send + 'static) -> Box<dyn Kernel> {
    rows(Shaped { window: Window::new(n as usize), made })
}

/// A function of the central moments, computed afresh on each row: powers of running sums would lose their digits.
#[derive(Clone)]
struct Shaped<F> {
    window: Window,
    made: F,
}

/// The first four central moments; the first is 0.
fn central(values: &[f64]) -> [f64; 4] {
    let n = values.len() as f64;
    let base = values[0];
    let mean = base + values.iter().map(|value| value - base).sum::<f64>() / n;
    let mut sums = [0.0; 4];
    for value in values {
        let d = value - mean;
        let square = d * d;
        sums[1] += square;
        sums[2] += square * d;
        sums[3] += square * square;
    }
    sums.map(|sum| sum / n)
}

impl<F: Fn(f64, [f64; 4]) -> f64 + Clone + Send + 'static> Step<1, 1> for Shaped<F> {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let Some(values) = self.window.push(x) else { return [f64::NAN] };
        let moments = central(values);
        [if moments[1] > 0.0 { (self.made)(values.len() as f64, moments) } else { 0.0 }]
    }
}

impl<F> State for Shaped<F> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.window.state(io)
    }
}
