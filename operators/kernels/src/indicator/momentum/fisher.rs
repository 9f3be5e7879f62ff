//! Fisher transform of the place in the range.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

pub(super) const FISHER: Indicator =
    Indicator::new("fisher", Group::Momentum, "place of the median price in its range, stretched at the ends", |p| {
        let n = p[0] as usize;
        rows(Fisher { high: Highest::new(n), low: Lowest::new(n), place: 0.0, fisher: 0.0 })
    })
    .source("Ehlers (2002); Tulip Indicators")
    .inputs(&["high", "low"])
    .params(&[Param::period("timeperiod", 10, 1)])
    .outputs(&[real("fisher"), real("signal").or("fisher_signal")])
    .class(Class::Converging)
    .first(|p| p[0] as usize - 1)
    .settle(|_| forget(0.33) + forget(0.5));

#[derive(Clone)]
struct Fisher {
    high: Highest,
    low: Lowest,
    place: f64,
    fisher: f64,
}

impl Step<2, 2> for Fisher {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 2] {
        let price = 0.5 * (high + low);
        let (top, bottom) = (self.high.push(price), self.low.push(price));
        if top.is_nan() {
            return [f64::NAN; 2];
        }
        let range = if top == bottom { 0.001 } else { top - bottom };
        let place = 0.33 * 2.0 * ((price - bottom) / range - 0.5) + 0.67 * self.place;
        self.place = if place > 0.99 {
            0.999
        } else if place < -0.99 {
            -0.999
        } else {
            place
        };
        let signal = self.fisher;
        self.fisher = 0.5 * libm::log((1.0 + self.place) / (1.0 - self.place)) + 0.5 * self.fisher;
        [self.fisher, signal]
    }
}

impl State for Fisher {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.place, &mut self.fisher])
    }
}
