//! Rounding to an exchange's grid: quantities down to the step, limits to the passive side, stops away.

use super::Money;

impl Money {
    /// The largest multiple of `step` that is not above this amount; a step of zero or below changes nothing.
    pub fn floor_to(self, step: Money) -> Money {
        if step.0 <= 0 { self } else { Money(self.0 - self.0.rem_euclid(step.0)) }
    }

    /// The smallest multiple of `step` that is not below this amount; `self` where that does not fit.
    pub fn ceil_to(self, step: Money) -> Money {
        let floor = self.floor_to(step);
        if floor == self { self } else { Money(floor.0.checked_add(step.0).unwrap_or(self.0)) }
    }
}
