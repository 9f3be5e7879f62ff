//! Chaikin's accumulation and distribution, and its oscillator.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Cumulative};

const BARS: &[&str] = &["high", "low", "close", "volume"];

pub(super) const AD: Indicator =
    Indicator::new("ad", Group::Volume, "running total of volume, by where the close is in the bar", |_| {
        rows(Line::default())
    })
    .source("Chaikin; TA-Lib 0.8")
    .inputs(BARS)
    .class(Class::PathDependent);

pub(super) const ADOSC: Indicator =
    Indicator::new("adosc", Group::Volume, "fast minus slow exponential average of ad", |p| {
        let average = |n: f64| Average::new(2.0 / (n + 1.0), 1);
        let first = p[0].max(p[1]) as u64 - 1;
        rows(Oscillator { line: Line::default(), fast: average(p[0]), slow: average(p[1]), first, row: 0 })
    })
    .source("Chaikin; TA-Lib 0.8: both averages begin with the first value of ad")
    .inputs(BARS)
    .params(&[Param::period("fastperiod", 3, 2), Param::period("slowperiod", 10, 2)])
    .class(Class::PathDependent)
    .first(|p| p[0].max(p[1]) as usize - 1);

/// Volume times where the close is in the bar, -1 to 1.
#[inline]
pub(super) fn flow([high, low, close, volume]: [f64; 4]) -> f64 {
    let range = high - low;
    if range > 0.0 { ((close - low) - (high - close)) / range * volume } else { 0.0 }
}

#[derive(Clone, Default)]
struct Line {
    total: Cumulative,
}

impl Step<4, 1> for Line {
    #[inline(always)]
    fn step(&mut self, bar: [f64; 4]) -> [f64; 1] {
        [self.total.push(flow(bar))]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close, volume]: [&[f64]; 4], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (high, low, close, volume) = (&high[..rows], &low[..rows], &close[..rows], &volume[..rows]);
        for row in 0..rows {
            y[row] = flow([high[row], low[row], close[row], volume[row]]);
        }
        self.total.column(y);
    }
}

impl State for Line {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.total.state(io)
    }
}

#[derive(Clone)]
struct Oscillator {
    line: Line,
    fast: Average,
    slow: Average,
    first: u64,
    row: u64,
}

impl Step<4, 1> for Oscillator {
    #[inline(always)]
    fn step(&mut self, bar: [f64; 4]) -> [f64; 1] {
        let [ad] = self.line.step(bar);
        let y = self.fast.push(ad) - self.slow.push(ad);
        self.row += 1;
        [if self.row <= self.first { f64::NAN } else { y }]
    }

    #[inline(always)]
    fn column(&mut self, bars: [&[f64]; 4], [y]: [&mut [f64]; 1]) {
        let rows = y.len();
        let (mut ad, mut slow) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (ad, slow) = (&mut ad[..rows], &mut slow[..rows]);
        self.line.column(bars, [&mut *ad]);
        self.fast.column(ad, y);
        self.slow.column(ad, slow);
        for row in 0..rows {
            y[row] -= slow[row];
        }
        let early = (self.first.saturating_sub(self.row) as usize).min(rows);
        y[..early].fill(f64::NAN);
        self.row += rows as u64;
    }
}

impl State for Oscillator {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.line, &mut self.fast, &mut self.slow, &mut self.row])
    }
}
