//! Variance and standard deviation of a window.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Moments;

pub(super) const STDDEV: Indicator =
    Indicator::new("stddev", Group::Statistic, "population standard deviation, times nbdev", |p| {
        rows(Deviation { times: p[1], moments: Moments::new(p[0] as usize) })
    })
    .params(&[Param::period("timeperiod", 5, 2), Param::float("nbdev", 1.0, -3e37, 3e37)])
    .first(|p| p[0] as usize - 1);

pub(super) const VAR: Indicator =
    Indicator::new("var", Group::Statistic, "population variance; nbdev changes nothing, as in TA-Lib", |p| {
        rows(Variance { moments: Moments::new(p[0] as usize) })
    })
    .params(&[Param::period("timeperiod", 5, 1), Param::float("nbdev", 1.0, -3e37, 3e37)])
    .first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Variance {
    moments: Moments,
}

impl Step<1, 1> for Variance {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.moments.push(x).1]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut means = [0.0; BLOCK];
        self.moments.column(x, &mut means[..x.len()], y);
    }
}

impl State for Variance {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.moments.state(io)
    }
}

#[derive(Clone)]
struct Deviation {
    times: f64,
    moments: Moments,
}

impl Step<1, 1> for Deviation {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.moments.push(x).1.sqrt() * self.times]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut means = [0.0; BLOCK];
        self.moments.column(x, &mut means[..x.len()], y);
        for y in y {
            *y = y.sqrt() * self.times;
        }
    }
}

impl State for Deviation {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.moments.state(io)
    }
}
