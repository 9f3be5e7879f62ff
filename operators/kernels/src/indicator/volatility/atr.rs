//! Average true range.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const ATR: Indicator = Indicator::new("atr", Group::Volatility, "Wilder's average of the true range", |p| {
    rows(Atr { range: TrueRange::new(p[1]), average: Average::wilder(p[0] as usize) })
})
.source("Wilder (1978); TA-Lib 0.8: true ranges from the second bar on; compat tulip: from the first, high - low")
.inputs(&["high", "low", "close"])
.params(&[Param::period("timeperiod", 14, 1), COMPAT])
.class(Class::Converging)
.first(|p| if p[1] == 0.0 { p[0] as usize } else { p[0] as usize - 1 })
.settle(|p| forget_wilder(p[0]));

/// Largest distance between today's high, today's low and yesterday's close.
#[derive(Clone)]
pub(crate) struct TrueRange {
    /// Yesterday's close; NaN before the second bar.
    close: f64,
    /// Whether the first bar has one, high - low.
    early: bool,
}

impl TrueRange {
    pub(crate) fn new(compat: f64) -> Self {
        Self { close: f64::NAN, early: compat != 0.0 }
    }

    /// The true range of the next bar.
    #[inline(always)]
    pub(crate) fn push(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let before = self.close;
        self.close = close;
        if before.is_nan() {
            return if self.early { high - low } else { f64::NAN };
        }
        true_range(high, low, before)
    }

    /// `push` for each bar.
    #[inline(always)]
    pub(crate) fn column(&mut self, high: &[f64], low: &[f64], close: &[f64], y: &mut [f64]) {
        let rows = y.len();
        y[0] = self.push(high[0], low[0], close[0]);
        let (high, low, close) = (&high[..rows], &low[..rows], &close[..rows]);
        for row in 1..rows {
            y[row] = true_range(high[row], low[row], close[row - 1]);
        }
        self.close = close[rows - 1];
    }
}

#[inline]
pub(crate) fn true_range(high: f64, low: f64, before: f64) -> f64 {
    let mut range = high - low;
    let up = (before - high).abs();
    let down = (before - low).abs();
    range = if up > range { up } else { range };
    if down > range { down } else { range }
}

impl State for TrueRange {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.close.state(io)
    }
}

/// Wilder's average of the true range.
#[derive(Clone)]
pub(crate) struct Atr {
    range: TrueRange,
    average: Average,
}

impl Atr {
    pub(crate) fn new(n: f64, compat: f64) -> Self {
        Self { range: TrueRange::new(compat), average: Average::wilder(n as usize) }
    }
}

impl Step<3, 1> for Atr {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let range = self.range.push(high, low, close);
        [if range.is_nan() { f64::NAN } else { self.average.push(range) }]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let mut ranges = [0.0; BLOCK];
        let ranges = &mut ranges[..y.len()];
        self.range.column(high, low, close, ranges);
        let from = usize::from(ranges[0].is_nan());
        y[..from].fill(f64::NAN);
        self.average.column(&ranges[from..], &mut y[from..]);
    }
}

impl State for Atr {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.range, &mut self.average])
    }
}

pub(super) const NATR: Indicator =
    Indicator::new("natr", Group::Volatility, "average true range in percent of the close", |p| {
        rows(Natr { plain: p[0] == 1.0, atr: Atr::new(p[0], p[1]) })
    })
    .source("Forman (2006); TA-Lib 0.8: of one bar it is the true range itself; compat tulip as for atr")
    .inputs(&["high", "low", "close"])
    .params(&[Param::period("timeperiod", 14, 1), COMPAT])
    .class(Class::Converging)
    .first(|p| if p[1] == 0.0 { p[0] as usize } else { p[0] as usize - 1 })
    .settle(|p| forget_wilder(p[0]));

pub(super) const TRANGE: Indicator =
    Indicator::new("trange", Group::Volatility, "largest of high - low and the distances from the last close", |_| {
        rows(TrueRange::new(0.0))
    })
    .source("Wilder (1978); TA-Lib 0.8")
    .inputs(&["high", "low", "close"])
    .class(Class::Exact)
    .first(|_| 1);

impl Step<3, 1> for TrueRange {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        [self.push(high, low, close)]
    }

    #[inline(always)]
    fn column(&mut self, [high, low, close]: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        TrueRange::column(self, high, low, close, y);
    }
}

#[derive(Clone)]
struct Natr {
    plain: bool,
    atr: Atr,
}

#[inline(always)]
fn percent(range: f64, close: f64) -> f64 {
    let percent = range / close * 100.0;
    if close == 0.0 { 0.0 } else { percent }
}

impl Step<3, 1> for Natr {
    #[inline(always)]
    fn step(&mut self, x: [f64; 3]) -> [f64; 1] {
        let [range] = self.atr.step(x);
        [if self.plain { range } else { percent(range, x[2]) }]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        self.atr.column(x, [&mut *y]);
        if !self.plain {
            for (y, close) in y.iter_mut().zip(x[2]) {
                *y = percent(*y, *close);
            }
        }
    }
}

impl State for Natr {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.atr.state(io)
    }
}
