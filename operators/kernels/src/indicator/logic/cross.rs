//! One column crosses another.

use crate::indicator::kernel::{Raw, raw};
use crate::indicator::registry::{Class, Group, Indicator, Output, OutputKind, real};
use crate::indicator::{Io, State, StateError};

const CROSSED: &[Output] = &[real("value").of(OutputKind::Flag)];

pub(super) const CROSSOVER: Indicator =
    Indicator::new("crossover", Group::Logic, "a is above b and was not on the row before", |_| {
        raw(Cross::new(|was, is| was <= 0.0 && is > 0.0))
    })
    .source("pine; a NULL on either row is false")
    .inputs(&["a", "b"])
    .outputs(CROSSED)
    .class(Class::Exact);

pub(super) const CROSSUNDER: Indicator =
    Indicator::new("crossunder", Group::Logic, "a is below b and was not on the row before", |_| {
        raw(Cross::new(|was, is| was >= 0.0 && is < 0.0))
    })
    .source("pine; a NULL on either row is false")
    .inputs(&["a", "b"])
    .outputs(CROSSED)
    .class(Class::Exact);

pub(super) const CROSSANY: Indicator =
    Indicator::new("crossany", Group::Logic, "a crosses b in either direction", |_| {
        raw(Cross::new(|was, is| (was <= 0.0 && is > 0.0) || (was >= 0.0 && is < 0.0)))
    })
    .source("Tulip Indicators; a NULL on either row is false")
    .inputs(&["a", "b"])
    .outputs(CROSSED)
    .class(Class::Exact);

/// Where `a` stood to `b` on the row before: -1, 0, 1, NaN for a NULL.
#[derive(Clone)]
struct Cross {
    was: f64,
    crossed: fn(f64, f64) -> bool,
}

impl Cross {
    fn new(crossed: fn(f64, f64) -> bool) -> Self {
        Self { was: f64::NAN, crossed }
    }
}

/// Sign of `a - b` without the subtraction, which could overflow.
fn side(a: f64, b: f64) -> f64 {
    match a.partial_cmp(&b) {
        Some(order) => f64::from(order as i8),
        None => f64::NAN,
    }
}

impl Raw for Cross {
    fn run(&mut self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        for ((&a, &b), y) in inputs[0].iter().zip(inputs[1]).zip(outputs[0].iter_mut()) {
            let is = side(a, b);
            *y = f64::from(u8::from((self.crossed)(self.was, is)));
            self.was = is;
        }
    }
}

impl State for Cross {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.was.state(io)
    }
}
