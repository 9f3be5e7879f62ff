//! Pivot points: levels of this session from the bars of the last one.
//!
//! The column `session` says which session a row belongs to, by any number that changes when a new one begins: the
//! day of the year, a running number. Levels stay the same through a session.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, real};
use crate::indicator::{Io, State, StateError};

/// Ways to lay the levels.
const KINDS: &[(&str, f64)] = &[("classic", 0.0), ("fibonacci", 1.0), ("camarilla", 2.0)];

pub(super) const PIVOTS: Indicator =
    Indicator::new("pivots", Group::Overlap, "pivot, supports and resistances from the session before", |p| {
        rows(Pivots::new(p[0]))
    })
    .source("floor traders' pivots; Fibonacci 0.382, 0.618, 1; Scott's Camarilla 1.1 / 12, / 6, / 4 of the range")
    .inputs(&["high", "low", "close", "session"])
    .params(&[Param::choice("kind", 0.0, KINDS)])
    .outputs(&[real("pivot"), real("r1"), real("r2"), real("r3"), real("s1"), real("s2"), real("s3")])
    .class(Class::PathDependent)
    .first(|_| 0);

#[derive(Clone)]
struct Pivots {
    kind: f64,
    /// The session of the row before; NaN before the first.
    session: f64,
    high: f64,
    low: f64,
    close: f64,
    levels: [f64; 7],
}

impl Pivots {
    fn new(kind: f64) -> Self {
        Self { kind, session: f64::NAN, high: f64::NAN, low: f64::NAN, close: f64::NAN, levels: [f64::NAN; 7] }
    }

    /// Levels of the session that ended.
    fn lay(&self) -> [f64; 7] {
        let (high, low, close) = (self.high, self.low, self.close);
        let range = high - low;
        let pivot = (high + low + close) / 3.0;
        let around = |centre: f64, steps: [f64; 3]| {
            let [a, b, c] = steps.map(|step| step * range);
            [pivot, centre + a, centre + b, centre + c, centre - a, centre - b, centre - c]
        };
        match self.kind as u8 {
            0 => {
                let (r1, s1) = (2.0 * pivot - low, 2.0 * pivot - high);
                let (r3, s3) = (high + 2.0 * (pivot - low), low - 2.0 * (high - pivot));
                [pivot, r1, pivot + range, r3, s1, pivot - range, s3]
            }
            1 => around(pivot, [0.382, 0.618, 1.0]),
            _ => around(close, [1.1 / 12.0, 1.1 / 6.0, 1.1 / 4.0]),
        }
    }
}

impl Step<4, 7> for Pivots {
    #[inline(always)]
    fn step(&mut self, [high, low, close, session]: [f64; 4]) -> [f64; 7] {
        if session == self.session {
            self.high = if high > self.high { high } else { self.high };
            self.low = if low < self.low { low } else { self.low };
        } else {
            if !self.session.is_nan() {
                self.levels = self.lay();
            }
            self.session = session;
            self.high = high;
            self.low = low;
        }
        self.close = close;
        self.levels
    }
}

impl State for Pivots {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.session, &mut self.high, &mut self.low, &mut self.close, &mut self.levels])
    }
}
