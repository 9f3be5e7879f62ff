//! Supertrend: a band of true ranges that only moves with the trend, until the close breaks it.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, OutputKind, real};
use crate::indicator::volatility::Atr;
use crate::indicator::{Io, State, StateError};

pub(super) const SUPERTREND: Indicator =
    Indicator::new("supertrend", Group::Overlap, "stop at true ranges from the middle, and the trend, 1 or -1", |p| {
        rows(Supertrend::new(p[0], p[1]))
    })
    .source("Seban; TA-Lib 0.8: begins long, a touched band does not turn the trend")
    .inputs(&["high", "low", "close"])
    .params(&[Param::period("timeperiod", 10, 2), Param::float("multiplier", 3.0, 0.0, 3e37)])
    .outputs(&[real("supertrend"), real("trend").of(OutputKind::Integer)])
    .class(Class::PathDependent)
    .first(|p| p[0] as usize);

#[derive(Clone)]
struct Supertrend {
    range: Atr,
    bands: Bands,
}

/// The two bands and the side that the price is on.
#[derive(Clone, Copy)]
struct Bands {
    width: f64,
    /// Last close; NaN before the first value.
    close: f64,
    upper: f64,
    lower: f64,
    up: bool,
}

impl Supertrend {
    fn new(n: f64, width: f64) -> Self {
        let bands = Bands { width, close: f64::NAN, upper: 0.0, lower: 0.0, up: true };
        Self { range: Atr::new(n, 0.0), bands }
    }
}

impl Bands {
    #[inline(always)]
    fn turn(&mut self, high: f64, low: f64, close: f64, range: f64) -> [f64; 2] {
        if range.is_nan() {
            return [f64::NAN; 2];
        }
        let middle = (high + low) / 2.0;
        let band = self.width * range;
        let (upper, lower) = (middle + band, middle - band);
        let before = self.close;
        self.close = close;
        if before.is_nan() {
            self.upper = upper;
            self.lower = lower;
            return [lower, 1.0];
        }
        if upper < self.upper || before > self.upper {
            self.upper = upper;
        }
        if lower > self.lower || before < self.lower {
            self.lower = lower;
        }
        self.up = if self.up { close >= self.lower } else { close > self.upper };
        if self.up { [self.lower, 1.0] } else { [self.upper, -1.0] }
    }
}

impl Step<3, 2> for Supertrend {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let [range] = self.range.step([high, low, close]);
        self.bands.turn(high, low, close, range)
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [stop, trend]: [&mut [f64]; 2]) {
        let rows = close.len();
        let mut ranges = [0.0; BLOCK];
        let ranges = &mut ranges[..rows];
        self.range.column([high, low, close], [ranges]);
        // A copy that nothing else can see stays in registers.
        let mut bands = self.bands;
        for row in 0..rows {
            [stop[row], trend[row]] = bands.turn(high[row], low[row], close[row], ranges[row]);
        }
        self.bands = bands;
    }
}

impl State for Supertrend {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        let Bands { close, upper, lower, up, .. } = &mut self.bands;
        io.all(&mut [&mut self.range, close, upper, lower, up])
    }
}
