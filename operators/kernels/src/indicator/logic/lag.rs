//! The value some rows before.

use crate::indicator::kernel::{Raw, raw};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::rolling::Lag;

pub(super) const LAG: Indicator =
    Indicator::new("lag", Group::Logic, "the value n rows before, NULL included", |p| raw(Lag::new(p[0] as usize)))
        .source("SQL's lag; Tulip Indicators")
        .params(&[Param::period("n", 1, 1)])
        .class(Class::Exact)
        .first(|p| p[0] as usize);

impl Raw for Lag {
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        self.column(inputs[0], outputs[0]);
    }
}
