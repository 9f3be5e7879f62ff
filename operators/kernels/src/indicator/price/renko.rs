//! Renko: the price in bricks of one size.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, OutputKind, real};
use crate::indicator::{Io, State, StateError};

pub(super) const RENKO: Indicator = Indicator::new(
    "renko",
    Group::Price,
    "close of the last brick, its direction, and bricks laid on this row, signed",
    |p| rows(Renko { size: p[0], level: 0.0, base: f64::NAN, direction: 0.0 }),
)
.source("a brick needs one size onwards, or two against the last one; begins at the first price")
.params(&[Param::float("size", 1.0, 1e-12, 1e18)])
.outputs(&[real("level"), real("direction").of(OutputKind::Integer), real("bricks").of(OutputKind::Integer)])
.class(Class::PathDependent);

#[derive(Clone)]
struct Renko {
    size: f64,
    /// Bricks above the base, a whole number, so that levels do not drift.
    level: f64,
    /// The first price; NaN before it.
    base: f64,
    direction: f64,
}

impl Step<1, 3> for Renko {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        if self.base.is_nan() {
            self.base = x;
        }
        let place = (x - self.base) / self.size - self.level;
        let mut bricks = place.trunc();
        // The first brick against the direction starts at the other end of the last one.
        if bricks != 0.0 && bricks.signum() == -self.direction {
            bricks = if bricks.abs() >= 2.0 { bricks } else { 0.0 };
        }
        if bricks != 0.0 {
            self.level += bricks;
            let turned = self.direction != 0.0 && bricks.signum() != self.direction;
            self.direction = bricks.signum();
            bricks -= if turned { self.direction } else { 0.0 };
        }
        [self.base + self.level * self.size, self.direction, bricks]
    }
}

impl State for Renko {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.level, &mut self.base, &mut self.direction])
    }
}
