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
        self.close = mean([open, high, low, close]);
        let [top, bottom] = ends(self.open, high, low, self.close);
        [self.open, top, bottom, self.close]
    }

    #[inline(always)]
    fn column(&mut self, [open, high, low, close]: [&[f64]; 4], [first, top, bottom, last]: [&mut [f64]; 4]) {
        let rows = last.len();
        let (open, high, low, close) = (&open[..rows], &high[..rows], &low[..rows], &close[..rows]);
        let (first, top, bottom) = (&mut first[..rows], &mut top[..rows], &mut bottom[..rows]);
        for row in 0..rows {
            last[row] = mean([open[row], high[row], low[row], close[row]]);
        }
        let mut now = if self.open.is_nan() { (open[0] + close[0]) / 2.0 } else { (self.open + self.close) / 2.0 };
        first[0] = now;
        for row in 1..rows {
            now = (now + last[row - 1]) / 2.0;
            first[row] = now;
        }
        for row in 0..rows {
            [top[row], bottom[row]] = ends(first[row], high[row], low[row], last[row]);
        }
        (self.open, self.close) = (now, last[rows - 1]);
    }
}

#[inline(always)]
fn mean([open, high, low, close]: [f64; 4]) -> f64 {
    (open + high + low + close) / 4.0
}

/// Upper and lower end of a bar that opens at `first` and closes at `last`.
#[inline(always)]
fn ends(first: f64, high: f64, low: f64, last: f64) -> [f64; 2] {
    let top = if first > high { first } else { high };
    let bottom = if first < low { first } else { low };
    [if last > top { last } else { top }, if last < bottom { last } else { bottom }]
}

impl State for HeikinAshi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.open, &mut self.close])
    }
}
