//! Stochastic momentum index.

use crate::indicator::compose::{Then, feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_ema, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Highest, Lowest};

pub(super) const SMI: Indicator =
    Indicator::new("smi", Group::Momentum, "close against the middle of its range, both smoothed twice", |p| {
        rows(Smi::new(p))
    })
    .source("Blau, Momentum, Direction and Divergence (1995); TA-Lib 0.8: 0 where there is no range")
    .inputs(&["high", "low", "close"])
    .params(&[
        Param::period("timeperiod", 13, 2),
        Param::period("fastperiod", 2, 2),
        Param::period("slowperiod", 25, 2),
        Param::period("signalperiod", 9, 2),
    ])
    .outputs(&[real("smi"), real("signal").or("smisignal")])
    .class(Class::Converging)
    .first(|p| (p[0] + p[1] + p[2] + p[3]) as usize - 4)
    .settle(|p| forget_ema(p[1]) + forget_ema(p[2]) + forget_ema(p[3]));

#[derive(Clone)]
struct Smi {
    high: Highest,
    low: Lowest,
    distance: Then<Average, Average>,
    range: Then<Average, Average>,
    signal: Average,
}

impl Smi {
    fn new(p: &[f64]) -> Self {
        let n = p[0] as usize;
        let twice = || Then(Average::ema(p[2] as usize), Average::ema(p[1] as usize));
        Self {
            high: Highest::new(n),
            low: Lowest::new(n),
            distance: twice(),
            range: twice(),
            signal: Average::ema(p[3] as usize),
        }
    }
}

#[inline]
fn percent(distance: f64, range: f64) -> f64 {
    let half = 0.5 * range;
    if half <= 0.0 { 0.0 } else { 100.0 * distance / half }
}

impl Step<3, 2> for Smi {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let (high, low) = (self.high.push(high), self.low.push(low));
        let distance = feed(&mut self.distance, close - (high + low) * 0.5);
        let range = feed(&mut self.range, high - low);
        let smi = percent(distance, range);
        let signal = feed(&mut self.signal, smi);
        [if signal.is_nan() { f64::NAN } else { smi }, signal]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [smi, signal]: [&mut [f64]; 2]) {
        let rows = close.len();
        let (mut highs, mut lows) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (highs, lows) = (&mut highs[..rows], &mut lows[..rows]);
        self.high.column(high, highs);
        self.low.column(low, lows);
        for row in 0..rows {
            signal[row] = close[row] - (highs[row] + lows[row]) * 0.5;
            highs[row] -= lows[row];
        }
        feed_column(&mut self.distance, signal, smi);
        feed_column(&mut self.range, highs, lows);
        for row in 0..rows {
            smi[row] = percent(smi[row], lows[row]);
        }
        feed_column(&mut self.signal, smi, signal);
        for row in 0..rows {
            smi[row] = if signal[row].is_nan() { f64::NAN } else { smi[row] };
        }
    }
}

impl State for Smi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low, &mut self.distance, &mut self.range, &mut self.signal])
    }
}
