//! Sum of a window, and of everything so far.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::rolling::{Cumulative, Sum};

pub(super) const SUM: Indicator =
    Indicator::new("sum", Group::Math, "sum of the last timeperiod values", |p| rows(Sum::new(p[0] as usize)))
        .params(&[Param::period("timeperiod", 30, 2)])
        .first(|p| p[0] as usize - 1);

pub(super) const CUMSUM: Indicator =
    Indicator::new("cumsum", Group::Math, "sum of all values so far", |_| rows(Cumulative::default()))
        .class(Class::PathDependent);

impl Step<1, 1> for Sum {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.push(x)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        Sum::column(self, x, y);
    }
}

impl Step<1, 1> for Cumulative {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.push(x)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        y.copy_from_slice(x);
        Cumulative::column(self, y);
    }
}
