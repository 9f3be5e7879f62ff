//! On balance volume.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::COMPAT;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Cumulative;

pub(super) const OBV: Indicator =
    Indicator::new("obv", Group::Volume, "running total of volume, minus on bars that fall", |p| {
        rows(Obv { last: f64::NAN, start: p[0] == 0.0, total: Cumulative::default() })
    })
    .source("Granville (1963); TA-Lib 0.8: starts at the first volume; compat tulip: at 0")
    .inputs(&["real", "volume"])
    .params(&[COMPAT])
    .class(Class::PathDependent);

#[derive(Clone)]
struct Obv {
    /// The price before; NaN before the first.
    last: f64,
    /// Whether the first volume counts.
    start: bool,
    total: Cumulative,
}

impl Obv {
    #[inline]
    fn signed(&self, price: f64, last: f64, volume: f64) -> f64 {
        if price > last {
            volume
        } else if price < last {
            -volume
        } else if last.is_nan() && self.start {
            volume
        } else {
            0.0
        }
    }
}

impl Step<2, 1> for Obv {
    #[inline(always)]
    fn step(&mut self, [price, volume]: [f64; 2]) -> [f64; 1] {
        let signed = self.signed(price, self.last, volume);
        self.last = price;
        [self.total.push(signed)]
    }

    #[inline(always)]
    fn column(&mut self, [price, volume]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let mut last = self.last;
        for row in 0..y.len() {
            y[row] = self.signed(price[row], last, volume[row]);
            last = price[row];
        }
        self.last = last;
        self.total.column(y);
    }
}

impl State for Obv {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.total])
    }
}
