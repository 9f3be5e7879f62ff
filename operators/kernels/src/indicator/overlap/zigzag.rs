//! Confirmed zigzag: turning points, each shown on the bar that confirms it and never changed after.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, OutputKind, real};
use crate::indicator::{Io, State, StateError};

pub(super) const ZIGZAG: Indicator = Indicator::new(
    "zigzag",
    Group::Overlap,
    "last confirmed turning point: price, side, rows since it; 1 where it is new",
    |p| rows(Zigzag::new(p[0])),
)
.source("a high counts once the low is percent below it, a low once the high is percent above it")
.inputs(&["high", "low"])
.params(&[Param::float("percent", 5.0, 0.0001, 1e6)])
.outputs(&[
    real("price"),
    real("side").of(OutputKind::Integer),
    real("age").of(OutputKind::Integer),
    real("confirmed").of(OutputKind::Integer),
])
.class(Class::PathDependent);

#[derive(Clone)]
struct Zigzag {
    turn: f64,
    /// Extremes since the last turning point, and rows since each; NaN before the first row.
    high: f64,
    low: f64,
    since_high: u64,
    since_low: u64,
    /// 1 while a high is looked for, -1 for a low, 0 for either.
    seeks: f64,
    /// The last turning point; NaN before the first.
    price: f64,
    side: f64,
    age: u64,
}

impl Zigzag {
    fn new(percent: f64) -> Self {
        Self {
            turn: percent / 100.0,
            high: f64::NAN,
            low: f64::NAN,
            since_high: 0,
            since_low: 0,
            seeks: 0.0,
            price: f64::NAN,
            side: 0.0,
            age: 0,
        }
    }

    /// A turning point is certain: the search turns.
    fn confirm(&mut self, side: f64, high: f64, low: f64) {
        self.side = side;
        self.seeks = -side;
        (self.price, self.age) = if side > 0.0 { (self.high, self.since_high) } else { (self.low, self.since_low) };
        if side > 0.0 {
            (self.low, self.since_low) = (low, 0);
        } else {
            (self.high, self.since_high) = (high, 0);
        }
    }
}

impl Step<2, 4> for Zigzag {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 4] {
        self.age += 1;
        self.since_high += 1;
        self.since_low += 1;
        let newer_high = self.high.is_nan() || (self.seeks >= 0.0 && high > self.high);
        let newer_low = self.low.is_nan() || (self.seeks <= 0.0 && low < self.low);
        if newer_high {
            (self.high, self.since_high) = (high, 0);
        }
        if newer_low {
            (self.low, self.since_low) = (low, 0);
        }
        // A bar that moves an extreme does not confirm it: within a bar the order is not known.
        let mut confirmed = 0.0;
        if self.seeks >= 0.0 && !newer_high && low <= self.high * (1.0 - self.turn) {
            self.confirm(1.0, high, low);
            confirmed = 1.0;
        } else if self.seeks <= 0.0 && !newer_low && high >= self.low * (1.0 + self.turn) {
            self.confirm(-1.0, high, low);
            confirmed = 1.0;
        }
        if self.price.is_nan() {
            return [f64::NAN; 4];
        }
        [self.price, self.side, self.age as f64, confirmed]
    }
}

impl State for Zigzag {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.since_high, &mut self.since_low])?;
        io.all(&mut [&mut self.seeks, &mut self.price, &mut self.side, &mut self.age])
    }
}
