//! Parabolic stop and reverse.
//!
//! Both sides are one: a short is a long of prices below zero, so that `ahead` is the price that the side hopes for. The
//! stop is told by its gap behind the extreme: a row multiplies the gap, and nothing else waits for the row before.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use std::hint::select_unpredictable;

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
    /// As its side sees it, like the extreme.
    stop: f64,
    /// Extreme of the move so far, and the factor that it has reached.
    extreme: f64,
    factor: f64,
    /// From the stop to the extreme.
    gap: f64,
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
            stop: 0.0,
            extreme: 0.0,
            factor: 0.0,
            gap: 0.0,
        }
    }

    /// Side, stop and extreme of the second bar.
    fn begin(&mut self, high: f64, low: f64) {
        let (up, down) = (high - self.high, self.low - low);
        self.long = if self.start == 0.0 { !(down > 0.0 && up < down) } else { self.start > 0.0 };
        self.stop = match (self.start == 0.0, self.long) {
            (false, true) => self.start.abs(),
            (false, false) => -self.start.abs(),
            (true, true) => self.low,
            (true, false) => -self.high,
        };
        self.extreme = if self.long { high } else { -low };
        self.factor = self.sides[usize::from(self.long)].init;
        self.gap = self.extreme - self.stop;
        // The first step compares the bar with itself.
        self.high = high;
        self.low = low;
        self.begun = true;
    }

    /// What a row shows, if it does not touch the stop.
    #[inline(always)]
    fn ride<const LONG: bool>(&mut self, high: f64, low: f64) -> Option<f64> {
        let [ahead, behind] = seen::<LONG>(high, low);
        if behind <= self.stop {
            return None;
        }
        let shown = self.shown::<LONG>();
        let side = self.sides[usize::from(LONG)];
        let further = ahead > self.extreme;
        let extreme = select_unpredictable(further, ahead, self.extreme);
        self.factor = select_unpredictable(further, lower(self.factor + side.step, side.max), self.factor);
        self.gap += extreme - self.extreme;
        self.extreme = extreme;
        self.close_in::<LONG>(high, low);
        Some(shown)
    }

    /// What a row shows that touches the stop of the other side.
    #[inline(always)]
    fn turn<const LONG: bool>(&mut self, high: f64, low: f64) -> f64 {
        let [ahead, behind] = seen::<LONG>(high, low);
        let [_, before] = seen::<LONG>(self.high, self.low);
        self.long = LONG;
        self.stop = lower(-self.extreme, lower(before, behind));
        let moved = self.stop * self.offset;
        self.stop = if LONG { self.stop - moved } else { self.stop + moved };
        self.factor = self.sides[usize::from(LONG)].init;
        self.extreme = ahead;
        self.gap = self.extreme - self.stop;
        let shown = self.shown::<LONG>();
        self.close_in::<LONG>(high, low);
        shown
    }

    #[inline(always)]
    fn shown<const LONG: bool>(&self) -> f64 {
        if LONG || self.signed { self.stop } else { -self.stop }
    }

    /// The stop of the next row: not beyond the ranges of the last two.
    #[inline(always)]
    fn close_in<const LONG: bool>(&mut self, high: f64, low: f64) {
        let ([_, before], [_, behind]) = (seen::<LONG>(self.high, self.low), seen::<LONG>(high, low));
        let limit = lower(before, behind);
        let gap = self.gap * (1.0 - self.factor);
        self.stop = lower(self.extreme - gap, limit);
        self.gap = higher(gap, self.extreme - limit);
        self.high = high;
        self.low = low;
    }

    /// `ride` until a row touches the stop; the number of rows before it.
    #[inline(always)]
    fn ride_on<const LONG: bool>(&mut self, high: &[f64], low: &[f64], y: &mut [f64]) -> usize {
        let rows = y.len();
        let (high, low) = (&high[..rows], &low[..rows]);
        for row in 0..rows {
            match self.ride::<LONG>(high[row], low[row]) {
                Some(shown) => y[row] = shown,
                None => return row,
            }
        }
        rows
    }

    /// A row after the first two.
    #[inline(always)]
    fn next(&mut self, high: f64, low: f64) -> f64 {
        let shown = if self.long { self.ride::<true>(high, low) } else { self.ride::<false>(high, low) };
        shown.unwrap_or_else(|| self.turned(high, low))
    }

    #[inline(always)]
    fn turned(&mut self, high: f64, low: f64) -> f64 {
        if self.long { self.turn::<false>(high, low) } else { self.turn::<true>(high, low) }
    }
}

/// The price that a side hopes for, and the other.
#[inline(always)]
fn seen<const LONG: bool>(high: f64, low: f64) -> [f64; 2] {
    if LONG { [high, low] } else { [-low, -high] }
}

#[inline(always)]
fn lower(a: f64, b: f64) -> f64 {
    if a > b { b } else { a }
}

#[inline(always)]
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
        [self.next(high, low)]
    }

    #[inline(always)]
    fn column(&mut self, [high, low]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        // A copy that nothing else can see stays in registers.
        let mut sar = *self;
        let mut at = 0;
        while at < y.len() && !sar.begun {
            [y[at]] = sar.step([high[at], low[at]]);
            at += 1;
        }
        while at < y.len() {
            let rest = (&high[at..], &low[at..], &mut y[at..]);
            at += if sar.long {
                sar.ride_on::<true>(rest.0, rest.1, rest.2)
            } else {
                sar.ride_on::<false>(rest.0, rest.1, rest.2)
            };
            if at < y.len() {
                y[at] = sar.turned(high[at], low[at]);
                at += 1;
            }
        }
        *self = sar;
    }
}

impl State for Sar {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.begun, &mut self.long])?;
        io.all(&mut [&mut self.stop, &mut self.extreme, &mut self.factor, &mut self.gap])
    }
}
