//! The line through the last values that fits best: its end, slope, angle, start and next value.

use crate::indicator::compose::Then;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::math::degrees;
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, Kernel, State, StateError};
use crate::rolling::{Means, Weighted};

const PERIOD: &[Param] = &[Param::period("timeperiod", 14, 2)];

pub(super) const LINEARREG: Indicator =
    Indicator::new("linearreg", Group::Statistic, "value of the line on this row", |p| of_line(p[0], Line::end))
        .params(PERIOD)
        .first(|p| p[0] as usize - 1);

pub(super) const LINEARREG_SLOPE: Indicator =
    Indicator::new("linearreg_slope", Group::Statistic, "rise of the line per row", |p| of_line(p[0], Line::slope))
        .params(PERIOD)
        .first(|p| p[0] as usize - 1);

pub(super) const LINEARREG_ANGLE: Indicator =
    Indicator::new("linearreg_angle", Group::Statistic, "angle of the line in degrees", |p| {
        rows(Then(OfLine { line: Regression::new(p[0] as usize), made: Line::slope }, degrees()))
    })
    .params(PERIOD)
    .first(|p| p[0] as usize - 1);

pub(super) const LINEARREG_INTERCEPT: Indicator =
    Indicator::new("linearreg_intercept", Group::Statistic, "value of the line on the first row of the window", |p| {
        of_line(p[0], Line::start)
    })
    .params(PERIOD)
    .first(|p| p[0] as usize - 1);

pub(super) const TSF: Indicator =
    Indicator::new("tsf", Group::Statistic, "value of the line on the next row", |p| of_line(p[0], Line::forecast))
        .params(PERIOD)
        .first(|p| p[0] as usize - 1);

/// Regression over a window.
#[derive(Clone)]
pub(crate) struct Regression {
    steps: f64,
    means: Weighted,
}

/// A line by its two means.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    steps: f64,
    means: Means,
}

impl Regression {
    pub(crate) fn new(n: usize) -> Self {
        Self { steps: n as f64 - 1.0, means: Weighted::new(n) }
    }

    /// Takes the next value; the line through the last `n`, all NaN before there are `n`.
    #[inline(always)]
    pub(crate) fn push(&mut self, x: f64) -> Line {
        Line { steps: self.steps, means: self.means.push(x) }
    }

    /// What `made` says of the line at each of at most [`BLOCK`] values.
    #[inline(always)]
    pub(crate) fn column(&mut self, x: &[f64], y: &mut [f64], made: impl Fn(&Line) -> f64) {
        let mut tilts = [0.0; BLOCK];
        let tilts = &mut tilts[..x.len()];
        self.means.column(x, y, tilts);
        let steps = self.steps;
        for (y, tilt) in y.iter_mut().zip(tilts) {
            *y = made(&Line { steps, means: Means { mean: *y, tilt: *tilt } });
        }
    }
}

impl Line {
    #[inline(always)]
    pub(crate) fn slope(&self) -> f64 {
        6.0 * self.means.tilt / self.steps
    }

    #[inline(always)]
    pub(crate) fn end(&self) -> f64 {
        self.means.mean + 3.0 * self.means.tilt
    }

    #[inline(always)]
    pub(crate) fn start(&self) -> f64 {
        self.means.mean - 3.0 * self.means.tilt
    }

    #[inline(always)]
    pub(crate) fn forecast(&self) -> f64 {
        self.end() + self.slope()
    }
}

fn of_line(n: f64, made: impl Fn(&Line) -> f64 + Clone + Send + 'static) -> Box<dyn Kernel> {
    rows(OfLine { line: Regression::new(n as usize), made })
}

#[derive(Clone)]
struct OfLine<F> {
    line: Regression,
    made: F,
}

impl<F: Fn(&Line) -> f64 + Clone + Send + 'static> Step<1, 1> for OfLine<F> {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [(self.made)(&self.line.push(x))]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        self.line.column(x, y, &self.made);
    }
}

impl<F> State for OfLine<F> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.line.state(io)
    }
}

impl State for Regression {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.means.state(io)
    }
}
