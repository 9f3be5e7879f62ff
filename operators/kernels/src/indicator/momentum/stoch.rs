//! Stochastic oscillators: where the close is in the range of the last bars.

use super::Rsi;
use crate::indicator::compose::{feed, feed_column};
use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::overlap::{MA_TYPES, Ma};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder, real};
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Highest, Lowest};

const BARS: &[&str] = &["high", "low", "close"];

pub(super) const STOCH: Indicator =
    Indicator::new("stoch", Group::Momentum, "close in percent of the range, smoothed once and twice", |p| {
        rows(Slow::new(p))
    })
    .source("Lane; TA-Lib 0.8: 0 where there is no range")
    .inputs(BARS)
    .params(&[
        Param::period("fastk_period", 5, 1),
        Param::period("slowk_period", 3, 1),
        Param::choice("slowk_matype", 0.0, MA_TYPES),
        Param::period("slowd_period", 3, 1),
        Param::choice("slowd_matype", 0.0, MA_TYPES),
    ])
    .outputs(&[real("slowk"), real("slowd")])
    .class(Class::Converging)
    .first(|p| p[0] as usize - 1 + Ma::lookback(p[1], p[2]) + Ma::lookback(p[3], p[4]))
    .settle(|p| Ma::settle(p[1], p[2]) + Ma::settle(p[3], p[4]));

pub(super) const KDJ: Indicator =
    Indicator::new("kdj", Group::Momentum, "slow stochastic k and d, and j = 3 k - 2 d", |p| {
        rows(Kdj { slow: Slow::new(p) })
    })
    .source("TA-Lib 0.8: Wilder's averages by default")
    .inputs(BARS)
    .params(&[
        Param::period("fastk_period", 9, 1),
        Param::period("slowk_period", 3, 1),
        Param::choice("slowk_matype", 13.0, MA_TYPES),
        Param::period("slowd_period", 3, 1),
        Param::choice("slowd_matype", 13.0, MA_TYPES),
    ])
    .outputs(&[real("k"), real("d"), real("j")])
    .class(Class::Converging)
    .first(|p| p[0] as usize - 1 + Ma::lookback(p[1], p[2]) + Ma::lookback(p[3], p[4]))
    .settle(|p| Ma::settle(p[1], p[2]) + Ma::settle(p[3], p[4]));

pub(super) const STOCHF: Indicator =
    Indicator::new("stochf", Group::Momentum, "close in percent of the range, plain and smoothed", |p| {
        rows(Fast { range: Range::new(p[0] as usize), average: Ma::new(p[1], p[2]) })
    })
    .source("Lane; TA-Lib 0.8: 0 where there is no range")
    .inputs(BARS)
    .params(&[
        Param::period("fastk_period", 5, 1),
        Param::period("fastd_period", 3, 1),
        Param::choice("fastd_matype", 0.0, MA_TYPES),
    ])
    .outputs(&[real("fastk"), real("fastd")])
    .class(Class::Converging)
    .first(|p| p[0] as usize - 1 + Ma::lookback(p[1], p[2]))
    .settle(|p| Ma::settle(p[1], p[2]));

pub(super) const STOCHRSI: Indicator =
    Indicator::new("stochrsi", Group::Momentum, "fast stochastic of the relative strength index", |p| {
        let fast = Fast { range: Range::new(p[1] as usize), average: Ma::new(p[2], p[3]) };
        rows(StochRsi { rsi: Rsi::new(p[0] as usize), fast })
    })
    .source("Chande and Kroll, The New Technical Trader (1994); TA-Lib 0.8")
    .params(&[
        Param::period("timeperiod", 14, 2),
        Param::period("fastk_period", 5, 1),
        Param::period("fastd_period", 3, 1),
        Param::choice("fastd_matype", 0.0, MA_TYPES),
    ])
    .outputs(&[real("fastk"), real("fastd")])
    .class(Class::Converging)
    .first(|p| p[0] as usize + p[1] as usize - 1 + Ma::lookback(p[2], p[3]))
    .settle(|p| forget_wilder(p[0]) + Ma::settle(p[2], p[3]));

/// Close in percent of the range of the last `n` bars.
#[derive(Clone)]
struct Range {
    high: Highest,
    low: Lowest,
}

impl Range {
    fn new(n: usize) -> Self {
        Self { high: Highest::new(n), low: Lowest::new(n) }
    }

    #[inline(always)]
    fn push(&mut self, high: f64, low: f64, close: f64) -> f64 {
        percent(self.high.push(high), self.low.push(low), close)
    }

    #[inline(always)]
    fn column(&mut self, high: &[f64], low: &[f64], close: &[f64], y: &mut [f64]) {
        let mut lows = [0.0; BLOCK];
        let lows = &mut lows[..y.len()];
        self.high.column(high, y);
        self.low.column(low, lows);
        for row in 0..y.len() {
            y[row] = percent(y[row], lows[row], close[row]);
        }
    }
}

#[inline]
fn percent(high: f64, low: f64, close: f64) -> f64 {
    let percent = (high - low) / 100.0;
    if percent == 0.0 { 0.0 } else { (close - low) / percent }
}

impl State for Range {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low])
    }
}

/// A value where its average has one too.
#[inline(always)]
fn with(value: f64, average: f64) -> f64 {
    if average.is_nan() { f64::NAN } else { value }
}

#[derive(Clone)]
struct Fast {
    range: Range,
    average: Ma,
}

impl Step<3, 2> for Fast {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let k = self.range.push(high, low, close);
        let d = feed(&mut self.average, k);
        [with(k, d), d]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [k, d]: [&mut [f64]; 2]) {
        self.range.column(high, low, close, k);
        feed_column(&mut self.average, k, d);
        for row in 0..k.len() {
            k[row] = with(k[row], d[row]);
        }
    }
}

impl State for Fast {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.range, &mut self.average])
    }
}

#[derive(Clone)]
struct Slow {
    range: Range,
    k: Ma,
    d: Ma,
}

impl Slow {
    fn new(p: &[f64]) -> Self {
        Self { range: Range::new(p[0] as usize), k: Ma::new(p[1], p[2]), d: Ma::new(p[3], p[4]) }
    }
}

impl Step<3, 2> for Slow {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let fast = self.range.push(high, low, close);
        let k = feed(&mut self.k, fast);
        let d = feed(&mut self.d, k);
        [with(k, d), d]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [k, d]: [&mut [f64]; 2]) {
        self.range.column(high, low, close, d);
        feed_column(&mut self.k, d, k);
        feed_column(&mut self.d, k, d);
        for row in 0..k.len() {
            k[row] = with(k[row], d[row]);
        }
    }
}

impl State for Slow {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.range, &mut self.k, &mut self.d])
    }
}

#[derive(Clone)]
struct Kdj {
    slow: Slow,
}

impl Step<3, 3> for Kdj {
    #[inline(always)]
    fn step(&mut self, x: [f64; 3]) -> [f64; 3] {
        let [k, d] = self.slow.step(x);
        [k, d, 3.0 * k - 2.0 * d]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 3], [k, d, j]: [&mut [f64]; 3]) {
        self.slow.column(x, [&mut *k, &mut *d]);
        for row in 0..j.len() {
            j[row] = 3.0 * k[row] - 2.0 * d[row];
        }
    }
}

impl State for Kdj {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.slow.state(io)
    }
}

#[derive(Clone)]
struct StochRsi {
    rsi: Rsi,
    fast: Fast,
}

impl Step<1, 2> for StochRsi {
    #[inline(always)]
    fn step(&mut self, x: [f64; 1]) -> [f64; 2] {
        let [rsi] = self.rsi.step(x);
        if rsi.is_nan() { [f64::NAN; 2] } else { self.fast.step([rsi; 3]) }
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 1], [k, d]: [&mut [f64]; 2]) {
        let rows = k.len();
        let mut rsi = [0.0; BLOCK];
        let rsi = &mut rsi[..rows];
        self.rsi.column(x, [rsi]);
        let from = rsi.iter().position(|rsi| !rsi.is_nan()).unwrap_or(rows);
        k[..from].fill(f64::NAN);
        d[..from].fill(f64::NAN);
        if from < rows {
            self.fast.column([&rsi[from..]; 3], [&mut k[from..], &mut d[from..]]);
        }
    }
}

impl State for StochRsi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.rsi, &mut self.fast])
    }
}
