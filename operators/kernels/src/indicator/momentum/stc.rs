//! Schaff trend cycle.

use super::apo::Pair;
use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget, forget_ema};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

pub(super) const STC: Indicator =
    Indicator::new("stc", Group::Momentum, "stochastic of the stochastic of macd, both smoothed by factor", |p| {
        let pair = Pair::new([p[0], 1.0], [p[1], 1.0], true);
        rows(Schaff { pair, stages: [Stage::new(p[2] as usize, p[3]), Stage::new(p[2] as usize, p[3])] })
    })
    .source("Schaff (1999); where there is no range the last place stays, begun at 0")
    .params(&[
        Param::period("fastperiod", 23, 2),
        Param::period("slowperiod", 50, 2),
        Param::period("cycleperiod", 10, 2),
        Param::float("factor", 0.5, 0.001, 1.0),
    ])
    .class(Class::Converging)
    .first(|p| p[0].max(p[1]) as usize - 1 + 2 * (p[2] as usize - 1))
    .settle(|p| forget_ema(p[0].max(p[1])) + 2 * (forget(p[3]) + p[2] as usize));

/// Place in the range, smoothed.
#[derive(Clone)]
struct Stage {
    factor: f64,
    high: Highest,
    low: Lowest,
    place: f64,
    /// The smoothed place; NaN before the first.
    y: f64,
}

impl Stage {
    fn new(n: usize, factor: f64) -> Self {
        Self { factor, high: Highest::new(n), low: Lowest::new(n), place: 0.0, y: f64::NAN }
    }

    #[inline(always)]
    fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let (high, low) = (self.high.push(x), self.low.push(x));
        if high.is_nan() {
            return f64::NAN;
        }
        if high > low {
            self.place = (x - low) / (high - low) * 100.0;
        }
        self.y = if self.y.is_nan() { self.place } else { self.y + self.factor * (self.place - self.y) };
        self.y
    }
}

#[derive(Clone)]
struct Schaff {
    pair: Pair,
    stages: [Stage; 2],
}

impl Step<1, 1> for Schaff {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let [fast, slow] = self.pair.push(x);
        let [one, two] = &mut self.stages;
        [two.push(one.push(fast - slow))]
    }
}

impl State for Stage {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.place, &mut self.y])
    }
}

impl State for Schaff {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.pair, &mut self.stages])
    }
}
