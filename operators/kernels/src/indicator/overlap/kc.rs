//! Keltner channel.

use super::donchian::BANDS;
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::price::typical;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema, forget_wilder};
use crate::indicator::volatility::Atr;
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const KC: Indicator =
    Indicator::new("kc", Group::Overlap, "exponential average of the typical price plus and minus true ranges", |p| {
        rows(Channel::new(p))
    })
    .source("Keltner, Raschke; TA-Lib 0.8: average and range begin so that their first values fall on one row")
    .inputs(&["high", "low", "close"])
    .params(&[
        Param::period("timeperiod", 20, 2),
        Param::period("atrperiod", 10, 1),
        Param::float("nbdev", 2.0, -3e37, 3e37),
    ])
    .outputs(BANDS)
    .class(Class::Converging)
    .first(|p| (p[0] as usize - 1).max(p[1] as usize))
    .settle(|p| forget_ema(p[0]).max(forget_wilder(p[1])));

#[derive(Clone)]
struct Channel {
    width: f64,
    /// Rows that the average and the range still let pass.
    waits: [u64; 2],
    middle: Average,
    range: Atr,
}

impl Channel {
    fn new(p: &[f64]) -> Self {
        let lookbacks = [p[0] as u64 - 1, p[1] as u64];
        let first = lookbacks[0].max(lookbacks[1]);
        Self {
            width: p[2],
            waits: lookbacks.map(|lookback| first - lookback),
            middle: Average::ema(p[0] as usize),
            range: Atr::new(p[1], 0.0),
        }
    }

    /// Whether this row is one to let pass, for the average and for the range.
    fn passes(&mut self) -> [bool; 2] {
        self.waits.each_mut().map(|wait| {
            let pass = *wait > 0;
            *wait -= u64::from(pass);
            pass
        })
    }

    #[inline(always)]
    fn around(&self, middle: f64, range: f64) -> [f64; 3] {
        let width = range * self.width;
        [middle + width, if range.is_nan() { f64::NAN } else { middle }, middle - width]
    }
}

impl Step<3, 3> for Channel {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 3] {
        let [no_middle, no_range] = self.passes();
        let middle = if no_middle { f64::NAN } else { self.middle.push(typical([high, low, close])) };
        let range = if no_range { f64::NAN } else { self.range.step([high, low, close])[0] };
        self.around(middle, if middle.is_nan() { f64::NAN } else { range })
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [upper, middle, lower]: [&mut [f64]; 3]) {
        let mut from = 0;
        while from < close.len() && self.waits != [0; 2] {
            [upper[from], middle[from], lower[from]] = self.step([high[from], low[from], close[from]]);
            from += 1;
        }
        let rows = close.len() - from;
        let (high, low, close) = (&high[from..], &low[from..], &close[from..]);
        let (upper, middle, lower) = (&mut upper[from..], &mut middle[from..], &mut lower[from..]);
        if rows == 0 {
            return;
        }
        let (mut prices, mut ranges) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (prices, ranges) = (&mut prices[..rows], &mut ranges[..rows]);
        for row in 0..rows {
            prices[row] = typical([high[row], low[row], close[row]]);
        }
        self.middle.column(prices, middle);
        self.range.column([high, low, close], [ranges]);
        for row in 0..rows {
            let range = if middle[row].is_nan() { f64::NAN } else { ranges[row] };
            [upper[row], middle[row], lower[row]] = self.around(middle[row], range);
        }
    }
}

impl State for Channel {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.waits, &mut self.middle, &mut self.range])
    }
}
