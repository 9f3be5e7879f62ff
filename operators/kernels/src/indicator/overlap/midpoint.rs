//! Middle of the range of a window.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

pub(super) const MIDPOINT: Indicator =
    Indicator::new("midpoint", Group::Overlap, "half way between the lowest and the highest value", |p| {
        rows::<1, 1, _>(Middle::new(p[0] as usize))
    })
    .params(&[Param::period("timeperiod", 14, 2)])
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

pub(super) const MIDPRICE: Indicator =
    Indicator::new("midprice", Group::Overlap, "half way between the lowest low and the highest high", |p| {
        rows::<2, 1, _>(Middle::new(p[0] as usize))
    })
    .inputs(&["high", "low"])
    .params(&[Param::period("timeperiod", 14, 2)])
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

/// Highest of one column and lowest of another.
#[derive(Clone)]
struct Middle {
    high: Highest,
    low: Lowest,
}

impl Middle {
    fn new(n: usize) -> Self {
        Self { high: Highest::new(n), low: Lowest::new(n) }
    }
}

impl Step<2, 1> for Middle {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        [(self.high.push(high) + self.low.push(low)) / 2.0]
    }

    #[inline(always)]
    fn column(&mut self, [high, low]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let mut lows = [0.0; BLOCK];
        let lows = &mut lows[..y.len()];
        self.high.column(high, y);
        self.low.column(low, lows);
        for (y, low) in y.iter_mut().zip(lows) {
            *y = (*y + *low) / 2.0;
        }
    }
}

impl Step<1, 1> for Middle {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        Step::<2, 1>::step(self, [x, x])
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], y: [&mut [f64]; 1]) {
        Step::<2, 1>::column(self, [x, x], y);
    }
}

impl State for Middle {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low])
    }
}
