//! Fractal adaptive moving average.

use crate::indicator::kernel::{Step, rows};
use crate::indicator::params::{Param, ParamError};
use crate::indicator::price::median;
use crate::indicator::registry::{Class, Group, Indicator, forget};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lag, Lowest};

pub(super) const FRAMA: Indicator = Indicator::new(
    "frama",
    Group::Overlap,
    "exponential average of the median price, faster the straighter it moves",
    |p| rows(Frama::new(p[0] as usize)),
)
.source("Ehlers, FRAMA (2005): fractal dimension of the two halves of an even period; begins at the price")
.inputs(&["high", "low"])
.params(&[Param::int("timeperiod", 16, 2, 100_000)])
.class(Class::Converging)
.fits(even)
.first(|p| p[0] as usize - 1)
.settle(|_| forget(0.01));

/// The period is cut in halves.
fn even(p: &[f64]) -> Result<(), ParamError> {
    if p[0] % 2.0 == 0.0 {
        return Ok(());
    }
    let range = "an even whole number from 2 to 100000".to_owned();
    Err(ParamError::Range { indicator: "frama", argument: "timeperiod", range, value: p[0] })
}

#[derive(Clone)]
struct Frama {
    n: f64,
    /// Extremes of the newer half; the older half's are the same, half a period ago.
    high: Highest,
    low: Lowest,
    older: [Lag; 2],
    y: f64,
}

impl Frama {
    fn new(n: usize) -> Self {
        let half = n / 2;
        Self {
            n: n as f64,
            high: Highest::new(half),
            low: Lowest::new(half),
            older: [Lag::new(half), Lag::new(half)],
            y: f64::NAN,
        }
    }

    /// Smoothing factor for the ranges of the halves and of the whole.
    fn factor(&self, newer: f64, older: f64, whole: f64) -> f64 {
        let half = self.n / 2.0;
        let (n1, n2, n3) = (newer / half, older / half, whole / self.n);
        let dimension =
            if n1 > 0.0 && n2 > 0.0 && n3 > 0.0 { libm::log((n1 + n2) / n3) / std::f64::consts::LN_2 } else { 1.0 };
        libm::exp(-4.6 * (dimension - 1.0)).clamp(0.01, 1.0)
    }
}

impl Step<2, 1> for Frama {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        let (top, bottom) = (self.high.push(high), self.low.push(low));
        let (old_top, old_bottom) = (self.older[0].push(top), self.older[1].push(bottom));
        let price = median([high, low]);
        if old_top.is_nan() {
            self.y = price;
            return [f64::NAN];
        }
        let whole = top.max(old_top) - bottom.min(old_bottom);
        let factor = self.factor(top - bottom, old_top - old_bottom, whole);
        self.y += factor * (price - self.y);
        [self.y]
    }
}

impl State for Frama {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.older, &mut self.y])
    }
}
