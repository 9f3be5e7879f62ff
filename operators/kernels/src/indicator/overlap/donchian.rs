//! Donchian channel.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, Output, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

/// The outputs of every band.
pub(super) const BANDS: &[Output] =
    &[real("upper").or("upperband"), real("middle").or("middleband"), real("lower").or("lowerband")];

pub(super) const DONCHIAN: Indicator =
    Indicator::new("donchian", Group::Overlap, "highest high, lowest low and their middle", |p| {
        rows(Donchian { high: Highest::new(p[0] as usize), low: Lowest::new(p[0] as usize) })
    })
    .source("Donchian; TA-Lib 0.8")
    .inputs(&["high", "low"])
    .params(&[Param::period("timeperiod", 20, 2)])
    .outputs(BANDS)
    .class(Class::Exact)
    .first(|p| p[0] as usize - 1);

#[derive(Clone)]
struct Donchian {
    high: Highest,
    low: Lowest,
}

impl Step<2, 3> for Donchian {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 3] {
        let (upper, lower) = (self.high.push(high), self.low.push(low));
        [upper, (upper + lower) / 2.0, lower]
    }

    #[inline(always)]
    fn column(&mut self, [high, low]: [&[f64]; 2], [upper, middle, lower]: [&mut [f64]; 3]) {
        self.high.column(high, upper);
        self.low.column(low, lower);
        for ((middle, upper), lower) in middle.iter_mut().zip(upper).zip(lower) {
            *middle = (*upper + *lower) / 2.0;
        }
    }
}

impl State for Donchian {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low])
    }
}
