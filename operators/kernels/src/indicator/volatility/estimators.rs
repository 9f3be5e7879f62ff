//! Estimators of volatility: the standard deviation of a bar's return, from more and more of the bar.
//!
//! Each is the root of a mean over the last bars, times the root of `annual`, the number of bars in a year (1 leaves
//! it per bar).

use crate::indicator::compose::{Change, Over};
use crate::indicator::kernel::{Kernel, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Moments, Sum};
use std::f64::consts::LN_2;

const fn params(annual: f64) -> [Param; 2] {
    [Param::period("timeperiod", 20, 2), Param::float("annual", annual, 0.0, 1e12)]
}

const BARS: &[&str] = &["open", "high", "low", "close"];

pub(super) const VOLATILITY: Indicator = Indicator::new(
    "volatility",
    Group::Volatility,
    "population standard deviation of simple returns, of 252 bars",
    |p| {
        let returns = |[x]: [f64; 1], [before]: [f64; 1]| x / before - 1.0;
        rows(Change::new(returns, Deviation::new(p, 1.0)))
    },
)
.source("Tulip Indicators")
.params(&params(252.0))
.first(|p| p[0] as usize);

pub(super) const VOLATILITY_CLOSE: Indicator =
    Indicator::new("volatility_close", Group::Volatility, "sample standard deviation of log returns", |p| {
        let returns = |[x]: [f64; 1], [before]: [f64; 1]| libm::log(x / before);
        rows(Change::new(returns, Deviation::new(p, p[0] / (p[0] - 1.0))))
    })
    .source("close to close")
    .params(&params(1.0))
    .first(|p| p[0] as usize);

pub(super) const VOLATILITY_PARKINSON: Indicator =
    Indicator::new("volatility_parkinson", Group::Volatility, "from high and low", |p| {
        root_mean(p, |[high, low]: [f64; 2]| square(libm::log(high / low)) / (4.0 * LN_2))
    })
    .source("Parkinson (1980)")
    .inputs(&["high", "low"])
    .params(&params(1.0))
    .first(|p| p[0] as usize - 1);

pub(super) const VOLATILITY_GARMAN_KLASS: Indicator =
    Indicator::new("volatility_garman_klass", Group::Volatility, "from high, low, open and close", |p| {
        root_mean(p, |[open, high, low, close]: [f64; 4]| {
            0.5 * square(libm::log(high / low)) - (2.0 * LN_2 - 1.0) * square(libm::log(close / open))
        })
    })
    .source("Garman and Klass (1980)")
    .inputs(BARS)
    .params(&params(1.0))
    .first(|p| p[0] as usize - 1);

pub(super) const VOLATILITY_ROGERS_SATCHELL: Indicator =
    Indicator::new("volatility_rogers_satchell", Group::Volatility, "from the whole bar, free of its drift", |p| {
        root_mean(p, rogers_satchell)
    })
    .source("Rogers and Satchell (1991)")
    .inputs(BARS)
    .params(&params(1.0))
    .first(|p| p[0] as usize - 1);

pub(super) const VOLATILITY_YANG_ZHANG: Indicator =
    Indicator::new("volatility_yang_zhang", Group::Volatility, "from bars and the gaps between them", |p| {
        rows(YangZhang::new(p))
    })
    .source("Yang and Zhang (2000): k = 0.34 / (1.34 + (n + 1) / (n - 1))")
    .inputs(BARS)
    .params(&params(1.0))
    .first(|p| p[0] as usize);

#[inline]
fn square(x: f64) -> f64 {
    x * x
}

fn rogers_satchell([open, high, low, close]: [f64; 4]) -> f64 {
    libm::log(high / close) * libm::log(high / open) + libm::log(low / close) * libm::log(low / open)
}

fn root_mean<const I: usize>(p: &[f64], made: impl Fn([f64; I]) -> f64 + Clone + Send + 'static) -> Box<dyn Kernel> {
    rows(Over::new(made, RootMean { factor: p[1] / p[0], sum: Sum::new(p[0] as usize) }))
}

/// Root of a scaled sum; rounding below 0 is 0.
#[derive(Clone)]
struct RootMean {
    factor: f64,
    sum: Sum,
}

impl Step<1, 1> for RootMean {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let mean = self.sum.push(x) * self.factor;
        [if mean < 0.0 { 0.0 } else { mean.sqrt() }]
    }
}

impl State for RootMean {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.sum.state(io)
    }
}

/// Root of a scaled variance.
#[derive(Clone)]
struct Deviation {
    factor: f64,
    moments: Moments,
}

impl Deviation {
    fn new(p: &[f64], sample: f64) -> Self {
        Self { factor: p[1] * sample, moments: Moments::new(p[0] as usize) }
    }
}

impl Step<1, 1> for Deviation {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [(self.moments.push(x).1 * self.factor).sqrt()]
    }
}

impl State for Deviation {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.moments.state(io)
    }
}

/// Variance of the gaps, of the bodies, and Rogers and Satchell's mean, mixed.
#[derive(Clone)]
struct YangZhang {
    n: f64,
    annual: f64,
    k: f64,
    /// Close of the bar before; NaN before the first.
    close: f64,
    gaps: Moments,
    bodies: Moments,
    inner: Sum,
}

impl YangZhang {
    fn new(p: &[f64]) -> Self {
        let (n, bars) = (p[0], p[0] as usize);
        Self {
            n,
            annual: p[1],
            k: 0.34 / (1.34 + (n + 1.0) / (n - 1.0)),
            close: f64::NAN,
            gaps: Moments::new(bars),
            bodies: Moments::new(bars),
            inner: Sum::new(bars),
        }
    }
}

impl Step<4, 1> for YangZhang {
    #[inline(always)]
    fn step(&mut self, bar: [f64; 4]) -> [f64; 1] {
        let [open, _, _, close] = bar;
        let before = std::mem::replace(&mut self.close, close);
        if before.is_nan() {
            return [f64::NAN];
        }
        let sample = self.n / (self.n - 1.0);
        let gaps = self.gaps.push(libm::log(open / before)).1 * sample;
        let bodies = self.bodies.push(libm::log(close / open)).1 * sample;
        let inner = self.inner.push(rogers_satchell(bar)) / self.n;
        let variance = gaps + self.k * bodies + (1.0 - self.k) * inner;
        [if variance < 0.0 { 0.0 } else { (variance * self.annual).sqrt() }]
    }
}

impl State for YangZhang {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.close, &mut self.gaps, &mut self.bodies, &mut self.inner])
    }
}
