//! Wilder's directional movement: +DM, -DM, +DI, -DI, DX, ADX and ADXR.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::{COMPAT, Param};
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder};
use crate::indicator::volatility::TrueRange;
use crate::indicator::{Io, State, StateError};
use crate::rolling::{Average, Lag};

const BARS: &[&str] = &["high", "low", "close"];
const PERIOD: &[Param] = &[Param::period("timeperiod", 14, 1)];
const SIDES: &[Param] = &[Param::period("timeperiod", 14, 1), COMPAT];
const LONGER: &[Param] = &[Param::period("timeperiod", 14, 2), COMPAT];
const SOURCE: &str = "Wilder (1978); TA-Lib 0.8: the first timeperiod - 1 movements begin the sum";
const SIDE_SOURCE: &str = "Wilder (1978); TA-Lib 0.8: from the row after the sum began; compat tulip: from that row, equal movements both count";
const HELD_SOURCE: &str = "Wilder (1978); TA-Lib 0.8: stays where there is no movement; compat tulip: as plus_di";

pub(super) const PLUS_DM: Indicator =
    Indicator::new("plus_dm", Group::Momentum, "Wilder's sum of the upward movement", |p| {
        rows(Movement { up: true, n: p[0], side: Moves::new(false), sum: wilder(p[0]) })
    })
    .source(SOURCE)
    .inputs(&["high", "low"])
    .params(PERIOD)
    .class(Class::Converging)
    .first(|p| (p[0] as usize - 1).max(1))
    .settle(|p| forget_wilder(p[0]));

pub(super) const MINUS_DM: Indicator =
    Indicator::new("minus_dm", Group::Momentum, "Wilder's sum of the downward movement", |p| {
        rows(Movement { up: false, n: p[0], side: Moves::new(false), sum: wilder(p[0]) })
    })
    .source(SOURCE)
    .inputs(&["high", "low"])
    .params(PERIOD)
    .class(Class::Converging)
    .first(|p| (p[0] as usize - 1).max(1))
    .settle(|p| forget_wilder(p[0]));

pub(super) const PLUS_DI: Indicator =
    Indicator::new("plus_di", Group::Momentum, "upward movement in percent of the true range", |p| {
        rows(Side { up: true, index: Index::new(p[0], p[1]) })
    })
    .source(SIDE_SOURCE)
    .inputs(BARS)
    .params(SIDES)
    .class(Class::Converging)
    .first(begins)
    .settle(|p| forget_wilder(p[0]));

pub(super) const MINUS_DI: Indicator =
    Indicator::new("minus_di", Group::Momentum, "downward movement in percent of the true range", |p| {
        rows(Side { up: false, index: Index::new(p[0], p[1]) })
    })
    .source(SIDE_SOURCE)
    .inputs(BARS)
    .params(SIDES)
    .class(Class::Converging)
    .first(begins)
    .settle(|p| forget_wilder(p[0]));

pub(super) const DX: Indicator =
    Indicator::new("dx", Group::Momentum, "difference of +DI and -DI in percent of their sum", |p| {
        rows(Dx { index: Index::new(p[0], p[1]), last: 0.0 })
    })
    .source(HELD_SOURCE)
    .inputs(BARS)
    .params(LONGER)
    .class(Class::Converging)
    .first(begins)
    .settle(|p| forget_wilder(p[0]));

pub(super) const ADX: Indicator =
    Indicator::new("adx", Group::Momentum, "Wilder's average of DX", |p| rows(Adx::new(p[0], p[1])))
        .source(HELD_SOURCE)
        .inputs(BARS)
        .params(LONGER)
        .class(Class::Converging)
        .first(|p| begins(p) + p[0] as usize - 1)
        .settle(|p| 2 * forget_wilder(p[0]));

pub(super) const ADXR: Indicator =
    Indicator::new("adxr", Group::Momentum, "mean of ADX now and timeperiod - 1 bars ago", |p| {
        rows(Adxr { adx: Adx::new(p[0], p[1]), lag: Lag::new(p[0] as usize - 1) })
    })
    .source(HELD_SOURCE)
    .inputs(BARS)
    .params(LONGER)
    .class(Class::Converging)
    .first(|p| begins(p) + 2 * (p[0] as usize - 1))
    .settle(|p| 2 * forget_wilder(p[0]));

/// Row of the first +DI and -DI.
fn begins(p: &[f64]) -> usize {
    if p[1] == 0.0 { p[0] as usize } else { (p[0] as usize - 1).max(1) }
}

/// Wilder's sum over `n`, begun with `n - 1` values.
fn wilder(n: f64) -> Average {
    Average::seeded(1.0 / n, n as usize - 1, n)
}

/// Movement up and down from one bar to the next; only the larger counts. Of equal ones neither, or, as in Tulip, both.
#[derive(Clone)]
struct Moves {
    ties: bool,
    /// High and low of the bar before; NaN before the second.
    high: f64,
    low: f64,
}

impl Moves {
    fn new(ties: bool) -> Self {
        Self { ties, high: f64::NAN, low: f64::NAN }
    }

    /// Movement up and down; NaN on the first bar.
    #[inline(always)]
    fn push(&mut self, high: f64, low: f64) -> [f64; 2] {
        let (up, down) = (high - self.high, self.low - low);
        self.high = high;
        self.low = low;
        if up.is_nan() {
            return [f64::NAN; 2];
        }
        self.counted(up, down)
    }

    #[inline(always)]
    fn counted(&self, up: f64, down: f64) -> [f64; 2] {
        let tied = self.ties & (up == down);
        let counts = |this: f64, other: f64| (this > 0.0) & ((this > other) | tied);
        [if counts(up, down) { up } else { 0.0 }, if counts(down, up) { down } else { 0.0 }]
    }

    /// `push` for each row but the first of a series.
    #[inline(always)]
    fn column(&mut self, high: &[f64], low: &[f64], ups: &mut [f64], downs: &mut [f64]) {
        let rows = high.len();
        let (low, ups, downs) = (&low[..rows], &mut ups[..rows], &mut downs[..rows]);
        [ups[0], downs[0]] = self.counted(high[0] - self.high, self.low - low[0]);
        for row in 1..rows {
            [ups[row], downs[row]] = self.counted(high[row] - high[row - 1], low[row - 1] - low[row]);
        }
        (self.high, self.low) = (high[rows - 1], low[rows - 1]);
    }
}

impl State for Moves {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.high, &mut self.low])
    }
}

#[derive(Clone)]
struct Movement {
    up: bool,
    n: f64,
    side: Moves,
    sum: Average,
}

impl Step<2, 1> for Movement {
    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        let [up, down] = self.side.push(high, low);
        if up.is_nan() {
            return [f64::NAN];
        }
        [self.sum.push(if self.up { up } else { down }) * self.n]
    }

    #[inline(always)]
    fn column(&mut self, [high, low]: [&[f64]; 2], [y]: [&mut [f64]; 1]) {
        let from = usize::from(self.side.high.is_nan());
        if from == 1 {
            [y[0]] = self.step([high[0], low[0]]);
        }
        let rows = y.len() - from;
        if rows == 0 {
            return;
        }
        let (mut ups, mut downs) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (ups, downs) = (&mut ups[..rows], &mut downs[..rows]);
        self.side.column(&high[from..], &low[from..], ups, downs);
        self.sum.column(if self.up { ups } else { downs }, &mut y[from..]);
        for y in &mut y[from..] {
            *y *= self.n;
        }
    }
}

impl State for Movement {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.side, &mut self.sum])
    }
}

/// +DI and -DI.
#[derive(Clone)]
struct Index {
    /// Whether the row on which the sums begin has a value.
    early: bool,
    moves: Moves,
    range: TrueRange,
    sums: [Average; 3],
}

impl Index {
    fn new(n: f64, compat: f64) -> Self {
        let sums = [wilder(n), wilder(n), wilder(n)];
        Self { early: compat != 0.0, moves: Moves::new(compat != 0.0), range: TrueRange::new(0.0), sums }
    }

    /// Up and down in percent of the range, and whether there was a range; `None` before the first value.
    #[inline(always)]
    fn push(&mut self, high: f64, low: f64, close: f64) -> Option<([f64; 2], bool)> {
        let [up, down] = self.moves.push(high, low);
        let range = self.range.push(high, low, close);
        if range.is_nan() {
            return None;
        }
        let begun = self.sums[0].ready();
        let [up, down, range] = [0, 1, 2].map(|at| self.sums[at].push([up, down, range][at]));
        if !(begun || self.early && self.sums[0].ready()) {
            return None;
        }
        let moved = range > 0.0;
        Some((percents(moved, up, down, range), moved))
    }

    /// Rows at the start of a column until every row has a value.
    #[inline(always)]
    fn unready(&self) -> bool {
        self.moves.high.is_nan() || !self.sums[0].ready()
    }

    /// Sums of up, down and range of each row; every row has a value.
    #[inline(always)]
    fn sums(&mut self, [high, low, close]: [&[f64]; 3], [ups, downs, ranges]: [&mut [f64]; 3]) {
        let mut raw = [0.0; BLOCK];
        let mut other = [0.0; BLOCK];
        let (raw, other) = (&mut raw[..high.len()], &mut other[..high.len()]);
        self.moves.column(high, low, raw, other);
        self.sums[0].column(raw, ups);
        self.sums[1].column(other, downs);
        self.range.column(high, low, close, raw);
        self.sums[2].column(raw, ranges);
    }

    /// DX of each row, and whether each row has one; every row has a value.
    #[inline(always)]
    fn dxs(&mut self, x: [&[f64]; 3], y: &mut [f64]) -> bool {
        let (mut downs, mut ranges) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (downs, ranges) = (&mut downs[..y.len()], &mut ranges[..y.len()]);
        self.sums(x, [&mut *y, &mut *downs, &mut *ranges]);
        let mut still = 0;
        for ((y, down), range) in y.iter_mut().zip(downs).zip(ranges) {
            let [up, down] = percents(*range > 0.0, *y, *down, *range);
            let sum = up + down;
            still |= u64::from(sum <= 0.0);
            *y = if sum > 0.0 { 100.0 * ((down - up).abs() / sum) } else { f64::NAN };
        }
        still == 0
    }

    /// DX; `Some(None)` where there is no movement.
    #[inline]
    fn dx(&mut self, high: f64, low: f64, close: f64) -> Option<Option<f64>> {
        let ([up, down], moved) = self.push(high, low, close)?;
        let sum = up + down;
        Some((moved && sum > 0.0).then(|| 100.0 * ((down - up).abs() / sum)))
    }
}

/// Up and down in percent of the range; 0 where there is no range.
#[inline(always)]
fn percents(moved: bool, up: f64, down: f64, range: f64) -> [f64; 2] {
    [up, down].map(|side| if moved { 100.0 * (side / range) } else { 0.0 })
}

impl State for Index {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.moves, &mut self.range, &mut self.sums])
    }
}

#[derive(Clone)]
struct Side {
    up: bool,
    index: Index,
}

impl Step<3, 1> for Side {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let sides = self.index.push(high, low, close);
        [sides.map_or(f64::NAN, |(sides, _)| sides[usize::from(!self.up)])]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let mut at = 0;
        while at < y.len() && self.index.unready() {
            [y[at]] = self.step(x.map(|column| column[at]));
            at += 1;
        }
        let y = &mut y[at..];
        if y.is_empty() {
            return;
        }
        let (mut downs, mut ranges) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (downs, ranges) = (&mut downs[..y.len()], &mut ranges[..y.len()]);
        self.index.sums(x.map(|column| &column[at..]), [&mut *y, &mut *downs, &mut *ranges]);
        let up = self.up;
        for ((y, down), range) in y.iter_mut().zip(downs).zip(ranges) {
            let side = if up { *y } else { *down };
            *y = percents(*range > 0.0, side, side, *range)[0];
        }
    }
}

impl State for Side {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.index.state(io)
    }
}

#[derive(Clone)]
struct Dx {
    index: Index,
    last: f64,
}

impl Step<3, 1> for Dx {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let Some(dx) = self.index.dx(high, low, close) else { return [f64::NAN] };
        self.last = dx.unwrap_or(self.last);
        [self.last]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let mut at = 0;
        while at < y.len() && self.index.unready() {
            [y[at]] = self.step(x.map(|column| column[at]));
            at += 1;
        }
        let y = &mut y[at..];
        if y.is_empty() {
            return;
        }
        let whole = self.index.dxs(x.map(|column| &column[at..]), y);
        for y in if whole { &mut [] } else { &mut *y } {
            self.last = if y.is_nan() { self.last } else { *y };
            *y = self.last;
        }
        self.last = y[y.len() - 1];
    }
}

impl State for Dx {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.index, &mut self.last])
    }
}

/// Wilder's average of DX.
#[derive(Clone)]
struct Adx {
    index: Index,
    average: Average,
    last: f64,
}

impl Adx {
    fn new(n: f64, compat: f64) -> Self {
        Self { index: Index::new(n, compat), average: Average::wilder(n as usize), last: f64::NAN }
    }
}

impl Step<3, 1> for Adx {
    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let Some(dx) = self.index.dx(high, low, close) else { return [f64::NAN] };
        match dx {
            Some(dx) => self.last = self.average.push(dx),
            None if self.average.ready() => {}
            None => self.last = self.average.push(0.0),
        }
        [self.last]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let mut at = 0;
        while at < y.len() && (self.index.unready() || !self.average.ready()) {
            [y[at]] = self.step(x.map(|column| column[at]));
            at += 1;
        }
        let y = &mut y[at..];
        if y.is_empty() {
            return;
        }
        let mut dxs = [0.0; BLOCK];
        let dxs = &mut dxs[..y.len()];
        if self.index.dxs(x.map(|column| &column[at..]), dxs) {
            self.average.column(dxs, y);
        } else {
            for (dx, y) in dxs.iter().zip(&mut *y) {
                self.last = if dx.is_nan() { self.last } else { self.average.push(*dx) };
                *y = self.last;
            }
        }
        self.last = y[y.len() - 1];
    }
}

impl State for Adx {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.index, &mut self.average, &mut self.last])
    }
}

#[derive(Clone)]
struct Adxr {
    adx: Adx,
    lag: Lag,
}

impl Step<3, 1> for Adxr {
    #[inline(always)]
    fn step(&mut self, x: [f64; 3]) -> [f64; 1] {
        let [adx] = self.adx.step(x);
        [(adx + self.lag.push(adx)) / 2.0]
    }

    #[inline(always)]
    fn column(&mut self, x: [&[f64]; 3], [y]: [&mut [f64]; 1]) {
        let mut adx = [0.0; BLOCK];
        let adx = &mut adx[..y.len()];
        self.adx.column(x, [&mut *adx]);
        self.lag.column(adx, y);
        for (y, adx) in y.iter_mut().zip(adx) {
            *y = (*adx + *y) / 2.0;
        }
    }
}

impl State for Adxr {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.adx, &mut self.lag])
    }
}
