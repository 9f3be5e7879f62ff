//! Highest and lowest value of a window.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

const PERIOD: &[Param] = &[Param::period("timeperiod", 30, 2)];

pub(super) const MAX: Indicator =
    Indicator::new("max", Group::Math, "highest of the last timeperiod values", |p| rows(Highest::new(p[0] as usize)))
        .params(PERIOD)
        .class(Class::Exact)
        .first(|p| p[0] as usize - 1);

pub(super) const MIN: Indicator =
    Indicator::new("min", Group::Math, "lowest of the last timeperiod values", |p| rows(Lowest::new(p[0] as usize)))
        .params(PERIOD)
        .class(Class::Exact)
        .first(|p| p[0] as usize - 1);

pub(super) const MINMAX: Indicator =
    Indicator::new("minmax", Group::Math, "lowest and highest of the last timeperiod values", |p| {
        rows(MinMax { min: Lowest::new(p[0] as usize), max: Highest::new(p[0] as usize) })
    })
    .params(PERIOD)
    .outputs(&[real("min"), real("max")])
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

impl<const HIGH: bool> Step<1, 1> for crate::rolling::Extreme<HIGH> {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.push(x)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        crate::rolling::Extreme::column(self, x, y);
    }
}

#[derive(Clone)]
struct MinMax {
    min: Lowest,
    max: Highest,
}

impl Step<1, 2> for MinMax {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        [self.min.push(x), self.max.push(x)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [min, max]: [&mut [f64]; 2]) {
        self.min.column(x, min);
        self.max.column(x, max);
    }
}

impl State for MinMax {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.min, &mut self.max])
    }
}
