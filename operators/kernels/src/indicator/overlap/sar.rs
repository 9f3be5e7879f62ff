//! Parabolic stop and reverse.

use crate::indicator::kernel::{Step, each_row, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};

pub(super) const SAR: Indicator =
    Indicator::new("sar", Group::Overlap, "stop that closes in on the price and turns when touched", |p| {
        let side = Side::new(p[0], p[0], p[1]);
        rows(Sar::new(0.0, 0.0, side, side, false))
    })
    .source("Wilder (1978); TA-Lib 0.8: the first two bars decide the side, long in doubt")
    .inputs(&["high", "low"])
    .params(&[Param::float("acceleration", 0.02, 0.0, 3e37), Param::float("maximum", 0.2, 0.0, 3e37)])
    .class(Class::PathDependent)
    .first(|_| 1);

pub(super) const SAREXT: Indicator =
    Indicator::new("sarext", Group::Overlap, "parabolic stop with all its dials, negative when short", |p| {
        rows(Sar::new(p[0], p[1], Side::new(p[2], p[3], p[4]), Side::new(p[5], p[6], p[7]), true))
    })
    .source("Wilder (1978); TA-Lib 0.8: startvalue above 0 begins long there, below 0 short")
    .inputs(&["high", "low"])
    .params(&[
        Param::float("startvalue", 0.0, -3e37, 3e37),
        Param::float("offsetonreverse", 0.0, 0.0, 3e37),
        Param::float("accelerationinitlong", 0.02, 0.0, 3e37),
        Param::float("accelerationlong", 0.02, 0.0, 3e37),
        Param::float("accelerationmaxlong", 0.2, 0.0, 3e37),
        Param::float("accelerationinitshort", 0.02, 0.0, 3e37),
        Param::float("accelerationshort", 0.02, 0.0, 3e37),
        Param::float("accelerationmaxshort", 0.2, 0.0, 3e37),
    ])
    .class(Class::PathDependent)
    .first(|_| 1);

/// How fast the stop closes in on one side.
#[derive(Clone, Copy)]
struct Side {
    init: f64,
    step: f64,
    max: f64,
}

impl Side {
    fn new(init: f64, step: f64, max: f64) -> Self {
        Self { init: init.min(max), step: step.min(max), max }
    }
}

#[derive(Clone, Copy)]
struct Sar {
    start: f64,
    offset: f64,
    sides: [Side; 2],
    signed: bool,
    /// High and low of the row before; NaN before the first.
    high: f64,
    low: f64,
    begun: bool,
    long: bool,
    sar: f64,
    /// Extreme of the move so far, and the factor that it has reached.
    extreme: f64,
    factor: f64,
}

impl Sar {
    fn new(start: f64, offset: f64, long: Side, short: Side, signed: bool) -> Self {
        Self {
            start,
            offset,
            sides: [short, long],
            signed,
            high: f64::NAN,
            low: f64::NAN,
            begun: false,
            long: false,
            sar: 0.0,
            extreme: 0.0,
            factor: 0.0,
        }
    }

    /// Side, stop and extreme of the second bar.
    fn begin(&mut self, high: f64, low: f64) {
        let (up, down) = (high - self.high, self.low - low);
        self.long = if self.start == 0.0 { !(down > 0.0 && up < down) } else { self.start > 0.0 };
        self.sar = match (self.start == 0.0, self.long) {
            (false, _) => self.start.abs(),
            (true, true) => self.low,
            (true, false) => self.high,
        };
        self.extreme = if self.long { high } else { low };
        self.factor = self.sides[usize::from(self.long)].init;
        // The first step compares the bar with itself.
        self.high = high;
        self.low = low;
        self.begun = true;
    }

    /// Not beyond the ranges of the last two bars.
    #[inline]
    fn outside(&self, sar: f64, high: f64, low: f64) -> f64 {
        if self.long { lower(lower(sar, self.low), low) } else { higher(higher(sar, self.high), high) }
    }
}

#[inline]
fn lower(a: f64, b: f64) -> f64 {
    if a > b { b } else { a }
}

#[inline]
fn higher(a: f64, b: f64) -> f64 {
    if a < b { b } else { a }
}

impl Step<2, 1> for Sar {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        if self.high.is_nan() {
            self.high = high;
            self.low = low;
            return [f64::NAN];
        }
        if !self.begun {
            self.begin(high, low);
        }
        let touched = if self.long { low <= self.sar } else { high >= self.sar };
        if touched {
            self.long = !self.long;
            self.sar = self.outside(self.extreme, high, low);
            if self.offset != 0.0 {
                let moved = self.sar * self.offset;
                self.sar = if self.long { self.sar - moved } else { self.sar + moved };
            }
        }
        let side = self.sides[usize::from(self.long)];
        let shown = if self.long || !self.signed { self.sar } else { -self.sar };
        if touched {
            self.factor = side.init;
            self.extreme = if self.long { high } else { low };
        } else if if self.long { high > self.extreme } else { low < self.extreme } {
            self.extreme = if self.long { high } else { low };
            self.factor = lower(self.factor + side.step, side.max);
        }
        let next = self.sar + self.factor * (self.extreme - self.sar);
        self.sar = self.outside(next, high, low);
        self.high = high;
        self.low = low;
        [shown]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 2], y: [&mut [f64]; 1]) {
        // A copy that nothing else can see stays in registers.
        let mut sar = *self;
        each_row(&mut sar, x, y);
        *self = sar;
    }
}

impl State for Sar {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.begun, &mut self.long])?;
        io.all(&mut [&mut self.sar, &mut self.extreme, &mut self.factor])
    }
}
