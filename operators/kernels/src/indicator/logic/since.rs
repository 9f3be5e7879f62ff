//! What has been since a condition last held.
//!
//! A condition holds where it is neither 0 nor NULL.

use crate::indicator::kernel::{Raw, raw};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, Output, OutputKind, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Lag;

const COUNT: &[Output] = &[real("value").of(OutputKind::Integer)];

pub(super) const BARS_SINCE: Indicator =
    Indicator::new("bars_since", Group::Logic, "rows since the condition last held; 0 where it holds", |_| {
        raw(BarsSince { bars: f64::NAN })
    })
    .source("pine; NULL before it first held")
    .inputs(&["condition"])
    .outputs(COUNT)
    .class(Class::PathDependent);

pub(super) const VALUE_WHEN: Indicator = Indicator::new(
    "value_when",
    Group::Logic,
    "the value where the condition held, for the occurrence-th last time",
    |p| raw(ValueWhen { past: Lag::new(p[0] as usize), value: f64::NAN }),
)
.source("pine; occurrence 0 is the last; NULL before there are as many; the value may be NULL")
.inputs(&["condition", "real"])
.params(&[Param::int("occurrence", 0, 0, 10_000)])
.class(Class::PathDependent);

pub(super) const HIGHEST_SINCE: Indicator = Indicator::new(
    "highest_since",
    Group::Logic,
    "highest value since the condition last held, that row included",
    |_| raw(ExtremeSince { best: f64::NAN, open: false, beats: |new, old| new > old }),
)
.source("NULL before the condition first held; rows with NULL do not count")
.inputs(&["condition", "real"])
.class(Class::PathDependent);

pub(super) const LOWEST_SINCE: Indicator = Indicator::new(
    "lowest_since",
    Group::Logic,
    "lowest value since the condition last held, that row included",
    |_| raw(ExtremeSince { best: f64::NAN, open: false, beats: |new, old| new < old }),
)
.source("NULL before the condition first held; rows with NULL do not count")
.inputs(&["condition", "real"])
.class(Class::PathDependent);

#[inline]
fn holds(condition: f64) -> bool {
    condition != 0.0 && !condition.is_nan()
}

#[derive(Clone)]
struct BarsSince {
    /// NaN before the condition first held.
    bars: f64,
}

impl Raw for BarsSince {
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        for (&condition, y) in inputs[0].iter().zip(outputs[0].iter_mut()) {
            self.bars = if holds(condition) { 0.0 } else { self.bars + 1.0 };
            *y = self.bars;
        }
    }
}

impl State for BarsSince {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.bars.state(io)
    }
}

#[derive(Clone)]
struct ValueWhen {
    past: Lag,
    value: f64,
}

impl Raw for ValueWhen {
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        for ((&condition, &x), y) in inputs[0].iter().zip(inputs[1]).zip(outputs[0].iter_mut()) {
            if holds(condition) {
                self.value = self.past.push(x);
            }
            *y = self.value;
        }
    }
}

impl State for ValueWhen {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.past, &mut self.value])
    }
}

#[derive(Clone)]
struct ExtremeSince {
    best: f64,
    open: bool,
    beats: fn(f64, f64) -> bool,
}

impl Raw for ExtremeSince {
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        for ((&condition, &x), y) in inputs[0].iter().zip(inputs[1]).zip(outputs[0].iter_mut()) {
            if holds(condition) {
                self.open = true;
                self.best = f64::NAN;
            }
            if self.open && (self.best.is_nan() || (self.beats)(x, self.best)) && !x.is_nan() {
                self.best = x;
            }
            *y = self.best;
        }
    }
}

impl State for ExtremeSince {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.best, &mut self.open])
    }
}
