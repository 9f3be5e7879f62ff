//! Moving average convergence divergence.

use super::apo::Pair;
use crate::indicator::compose::{feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::overlap::{MA_TYPES, Ma};
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, Output, forget, forget_ema, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

const OUTPUTS: &[Output] = &[real("macd"), real("signal").or("macdsignal"), real("hist").or("macdhist")];

pub(super) const MACD: Indicator =
    Indicator::new("macd", Group::Momentum, "fast minus slow exponential average, its own average, the rest", |p| {
        let average = |n: f64| Smooth { alpha: 2.0 / (n + 1.0), seed: if p[3] == 0.0 { n as usize } else { 1 } };
        rows(Macd::new(average(p[0].min(p[1])), average(p[0].max(p[1])), average(p[2])))
    })
    .source("Appel; TA-Lib 0.8: both averages start on one bar; compat tulip: seeded with the first value")
    .params(&[
        Param::period("fastperiod", 12, 2),
        Param::period("slowperiod", 26, 2),
        Param::period("signalperiod", 9, 1),
        COMPAT,
    ])
    .outputs(OUTPUTS)
    .class(Class::Converging)
    .first(|p| if p[3] == 0.0 { p[0].max(p[1]) as usize + p[2] as usize - 2 } else { 0 })
    .settle(|p| forget_ema(p[0].max(p[1])) + forget_ema(p[2]));

pub(super) const MACDFIX: Indicator =
    Indicator::new("macdfix", Group::Momentum, "macd with the factors 0.15 and 0.075 of 12 and 26 bars", |p| {
        let signal = Smooth { alpha: 2.0 / (p[0] + 1.0), seed: p[0] as usize };
        rows(Macd::new(Smooth { alpha: 0.15, seed: 12 }, Smooth { alpha: 0.075, seed: 26 }, signal))
    })
    .source("Appel; TA-Lib 0.8")
    .params(&[Param::period("signalperiod", 9, 1)])
    .outputs(OUTPUTS)
    .class(Class::Converging)
    .first(|p| 24 + p[0] as usize)
    .settle(|p| forget(0.075) + forget_ema(p[0]));

pub(super) const MACDEXT: Indicator =
    Indicator::new("macdext", Group::Momentum, "macd of moving averages of any types", |p| {
        rows(Ext { pair: Pair::new([p[0], p[1]], [p[2], p[3]], true), signal: Ma::new(p[4], p[5]) })
    })
    .source("TA-Lib 0.8: both averages start on one bar")
    .params(&[
        Param::period("fastperiod", 12, 2),
        Param::choice("fastmatype", 0.0, MA_TYPES),
        Param::period("slowperiod", 26, 2),
        Param::choice("slowmatype", 0.0, MA_TYPES),
        Param::period("signalperiod", 9, 1),
        Param::choice("signalmatype", 0.0, MA_TYPES),
    ])
    .outputs(OUTPUTS)
    .class(Class::Converging)
    .first(|p| Ma::lookback(p[0], p[1]).max(Ma::lookback(p[2], p[3])) + Ma::lookback(p[4], p[5]))
    .settle(|p| Ma::settle(p[0], p[1]).max(Ma::settle(p[2], p[3])) + Ma::settle(p[4], p[5]));

/// Factor and seed of an average.
#[derive(Clone, Copy)]
struct Smooth {
    alpha: f64,
    seed: usize,
}

impl Smooth {
    fn average(self) -> Average {
        Average::new(self.alpha, self.seed)
    }
}

/// Two exponential averages that start on one bar, and the average of their difference.
#[derive(Clone)]
struct Macd {
    /// Rows that the fast average still lets pass, so that its seed ends where the slow one's does.
    wait: u64,
    fast: Average,
    slow: Average,
    signal: Average,
}

impl Macd {
    fn new(fast: Smooth, slow: Smooth, signal: Smooth) -> Self {
        let wait = (slow.seed - fast.seed) as u64;
        Self { wait, fast: fast.average(), slow: slow.average(), signal: signal.average() }
    }

    /// Fast and slow in lock step; NaN before both are there.
    #[inline]
    fn line(&mut self, x: f64) -> f64 {
        let slow = self.slow.push(x);
        if self.wait > 0 {
            self.wait -= 1;
            return f64::NAN;
        }
        self.fast.push(x) - slow
    }
}

/// Line, signal and what is between them; NaN before there is a signal.
#[inline(always)]
fn outputs(line: f64, signal: f64) -> [f64; 3] {
    [if signal.is_nan() { f64::NAN } else { line }, signal, line - signal]
}

impl Step<1, 3> for Macd {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        let line = self.line(x);
        outputs(line, feed(&mut self.signal, line))
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [line, signal, hist]: [&mut [f64]; 3]) {
        let mut from = 0;
        while from < x.len() && (!self.signal.ready() || self.wait > 0) {
            [line[from], signal[from], hist[from]] = self.step([x[from]]);
            from += 1;
        }
        let rows = x.len() - from;
        let mut fast = [0.0; BLOCK];
        let fast = &mut fast[..rows];
        let (x, line, signal, hist) = (&x[from..], &mut line[from..], &mut signal[from..], &mut hist[from..]);
        self.fast.column(x, fast);
        self.slow.column(x, line);
        for row in 0..rows {
            line[row] = fast[row] - line[row];
        }
        self.signal.column(line, signal);
        for row in 0..rows {
            hist[row] = line[row] - signal[row];
        }
    }
}

impl State for Macd {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.wait, &mut self.fast, &mut self.slow, &mut self.signal])
    }
}

#[derive(Clone)]
struct Ext {
    pair: Pair,
    signal: Ma,
}

impl Step<1, 3> for Ext {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        let [fast, slow] = self.pair.push(x);
        let line = fast - slow;
        outputs(line, feed(&mut self.signal, line))
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [line, signal, hist]: [&mut [f64]; 3]) {
        self.pair.column(x, line, hist);
        for row in 0..x.len() {
            line[row] -= hist[row];
        }
        feed_column(&mut self.signal, line, signal);
        for row in 0..x.len() {
            [line[row], signal[row], hist[row]] = outputs(line[row], signal[row]);
        }
    }
}

impl State for Ext {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.pair, &mut self.signal])
    }
}
