//! Relative strength index.

use crate::indicator::kernel::{BLOCK, Step, rows};
use crate::indicator::params::Param;
use crate::indicator::registry::{Class, Group, Indicator, forget_wilder};
use crate::indicator::{Io, State, StateError};
use crate::rolling::Average;

pub(super) const RSI: Indicator =
    Indicator::new("rsi", Group::Momentum, "share of gains in all moves, 0 to 100, by Wilder's averages", |p| {
        rows(Rsi::new(p[0] as usize))
    })
    .source("Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib 0.8: 50 where nothing moved")
    .params(&[Param::period("timeperiod", 14, 2)])
    .class(Class::Converging)
    .first(|p| p[0] as usize)
    .settle(|p| forget_wilder(p[0]));

/// Gains and losses averaged as Wilder does.
#[derive(Clone)]
pub(crate) struct Rsi {
    /// The value before; NaN before the first.
    last: f64,
    /// The index on the row before; NaN before the first.
    index: f64,
    gain: Average,
    loss: Average,
}

impl Rsi {
    pub(crate) fn new(n: usize) -> Self {
        Self { last: f64::NAN, index: f64::NAN, gain: Average::wilder(n), loss: Average::wilder(n) }
    }
}

/// 100 times the share of gains; 50 where there is neither gain nor loss.
#[inline]
pub(crate) fn share(gain: f64, loss: f64) -> f64 {
    let total = gain + loss;
    if total == 0.0 { 50.0 } else { 100.0 * (gain / total) }
}

impl Rsi {
    /// The index at a row; where nothing moved it stays as it was, to the last bit.
    #[inline(always)]
    fn index(&mut self, moved: bool, gain: f64, loss: f64) -> f64 {
        if moved || self.index.is_nan() {
            self.index = share(gain, loss);
        }
        self.index
    }
}

impl Step<1, 1> for Rsi {
    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let move_ = x - self.last;
        self.last = x;
        if move_.is_nan() {
            return [f64::NAN];
        }
        let gain = if move_ > 0.0 { move_ } else { 0.0 };
        let (up, down) = (self.gain.push(gain), self.loss.push(gain - move_));
        [self.index(move_ != 0.0, up, down)]
    }

    #[inline(always)]
    fn column(&mut self, [x]: [&[f64]; 1], [y]: [&mut [f64]; 1]) {
        let mut from = 0;
        if self.last.is_nan() {
            y[0] = self.step([x[0]])[0];
            from = 1;
        }
        let (x, y) = (&x[from..], &mut y[from..]);
        let rows = x.len();
        let (mut gains, mut losses, mut averages) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let (gains, losses, averages) = (&mut gains[..rows], &mut losses[..rows], &mut averages[..rows]);
        let mut last = self.last;
        let mut still = 0;
        for row in 0..rows {
            let move_ = x[row] - last;
            last = x[row];
            let gain = if move_ > 0.0 { move_ } else { 0.0 };
            gains[row] = gain;
            losses[row] = gain - move_;
            still += usize::from(move_ == 0.0);
        }
        self.last = last;
        self.gain.column(gains, averages);
        self.loss.column(losses, y);
        if still == 0 {
            for row in 0..rows {
                y[row] = share(averages[row], y[row]);
            }
            self.index = y.last().copied().unwrap_or(self.index);
            return;
        }
        for row in 0..rows {
            y[row] = self.index(gains[row] + losses[row] != 0.0, averages[row], y[row]);
        }
    }
}

impl State for Rsi {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.last, &mut self.index, &mut self.gain, &mut self.loss])
    }
}
