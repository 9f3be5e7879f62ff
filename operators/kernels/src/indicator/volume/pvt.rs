//! Price volume trend.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Cumulative;

pub(super) const PVT: Indicator =
    Indicator::new("pvt", Group::Volume, "running total of volume times the relative change of close", |_| {
        rows(Pvt { last: f64::NAN, total: Cumulative::default() })
    })
    .source("TA-Lib 0.8: a close of 0 before adds nothing")
    .inputs(&["close", "volume"])
    .class(Class::PathDependent);

#[derive(Clone)]
struct Pvt {
    /// Close of the bar before; NaN before the first.
    last: f64,
    total: Cumulative,
}

#[inline]
fn part(close: f64, last: f64, volume: f64) -> f64 {
    if last == 0.0 || last.is_nan() { 0.0 } else { (close - last) / last * volume }
}

impl Step<2, 1> for Pvt {
    #[inline(always)]
    fn step(&mut self, [close, volume]: [f64; 2]) -> [f64; 1] {
        let last = std::mem::replace(&mut self.last, close);
        [self.total.push(part(close, last, volume))]
    }

    #[inline(always)]
    fn column(&mut self, [close, volume]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        y[0] = part(close[0], self.last, volume[0]);
        for row in 1..rows {
            y[row] = part(close[row], close[row - 1], volume[row]);
        }
        self.last = close[rows - 1];
        self.total.column(y);
    }
}

impl State for Pvt {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.total])
    }
}
