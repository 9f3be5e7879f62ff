//! Heikin-Ashi bars.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::registry::{Class, Group, Indicator, real};
use crate::indicator::{Io, State, StateError};

pub(super) const HA: Indicator = Indicator::new(
    "ha",
    Group::Price,
    "bars that open in the middle of the one before and close at their mean",
    |_| rows(HeikinAshi { open: f64::NAN, close: 0.0 }),
)
.source("Valcu (2004); TA-Lib 0.8: the first opens in the middle of its own open and close")
.inputs(&["open", "high", "low", "close"])
.outputs(&[real("open").or("haopen"), real("high").or("hahigh"), real("low").or("halow"), real("close").or("haclose")])
.class(Class::Converging)
.settle(|_| 27);

#[derive(Clone)]
struct HeikinAshi {
    /// The bar before; NaN before the first.
    open: f64,
    close: f64,
}

impl Step<4, 4> for HeikinAshi {
    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [f64; 4]) -> [f64; 4] {
        self.open = if self.open.is_nan() { (open + close) / 2.0 } else { (self.open + self.close) / 2.0 };
        self.close = (open + high + low + close) / 4.0;
        let (first, last) = (self.open, self.close);
        let mut top = if first > high { first } else { high };
        top = if last > top { last } else { top };
        let mut bottom = if first < low { first } else { low };
        bottom = if last < bottom { last } else { bottom };
        [first, top, bottom, last]
    }
}

impl State for HeikinAshi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.open, &mut self.close])
    }
}
