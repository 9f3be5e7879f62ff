//! Momentum and rates of change: a value against the one timeperiod rows before.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, Kernel, State, StateError};
use crate::rolling::Lag;

const PERIOD: &[Param] = &[Param::period("timeperiod", 10, 1)];

pub(super) const MOM: Indicator =
    Indicator::new("mom", Group::Momentum, "x - before", |p| against(p[0], |x, before| x - before))
        .params(PERIOD)
        .class(Class::Exact)
        .first(|p| p[0] as usize);

pub(super) const ROC: Indicator =
    Indicator::new("roc", Group::Momentum, "(x / before - 1) * 100", |p| against(p[0], rate))
        .source("TA-Lib 0.8: 0 where the value before is 0")
        .params(PERIOD)
        .class(Class::Exact)
        .first(|p| p[0] as usize);

pub(super) const ROCP: Indicator = Indicator::new("rocp", Group::Momentum, "(x - before) / before", |p| {
    against(p[0], |x, before| if before == 0.0 { 0.0 } else { (x - before) / before })
})
.source("TA-Lib 0.8: 0 where the value before is 0")
.params(PERIOD)
.class(Class::Exact)
.first(|p| p[0] as usize);

pub(super) const ROCR: Indicator = Indicator::new("rocr", Group::Momentum, "x / before", |p| {
    against(p[0], |x, before| if before == 0.0 { 0.0 } else { x / before })
})
.source("TA-Lib 0.8: 0 where the value before is 0")
.params(PERIOD)
.class(Class::Exact)
.first(|p| p[0] as usize);

pub(super) const ROCR100: Indicator = Indicator::new("rocr100", Group::Momentum, "x / before * 100", |p| {
    against(p[0], |x, before| if before == 0.0 { 0.0 } else { x / before * 100.0 })
})
.source("TA-Lib 0.8: 0 where the value before is 0")
.params(PERIOD)
.class(Class::Exact)
.first(|p| p[0] as usize);

/// Rate of change in percent; 0 where the value before is 0.
#[inline]
pub(super) fn rate(x: f64, before: f64) -> f64 {
    if before == 0.0 { 0.0 } else { (x / before - 1.0) * 100.0 }
}

fn against(n: f64, made: impl Fn(f64, f64) -> f64 + Clone + Send + 'static) -> Box<dyn Kernel> {
    rows(Against { lag: Lag::new(n as usize), made })
}

/// A function of a value and the one some rows before.
#[derive(Clone)]
struct Against<F> {
    lag: Lag,
    made: F,
}

impl<F: Fn(f64, f64) -> f64 + Clone + Send + 'static> Step<1, 1> for Against<F> {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [(self.made)(x, self.lag.push(x))]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        self.lag.column(x, y);
        for (y, x) in y.iter_mut().zip(x) {
            *y = (self.made)(*x, *y);
        }
    }
}

impl<F> State for Against<F> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.lag.state(io)
    }
}
