//! Hikkake: a false break out of an inside bar, and its confirmation within three bars, shown as 200.

use super::candles::*;
use super::tape::{CHUNK, Tape};
use crate::indicator::registry::Indicator;
use crate::indicator::{Io, State, StateError};

pub(super) const CDLHIKKAKE: Indicator =
    cdl::<5>("cdlhikkake", "hikkake: a break out of an inside bar; 200 where the price turns back in time", |_| {
        remembering(2, 5, [], Confirmed(asked!(cdlhikkake), Pending::default()))
    });

#[inline(always)]
fn cdlhikkake<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let [down, up] = breaks(at);
    signal(all([inside(at, 1), any([down, up])]), if down { 100.0 } else { -100.0 })
}

pub(super) const CDLHIKKAKEMOD: Indicator =
    cdl::<10>("cdlhikkakemod", "modified hikkake: after two inside bars, the first closing near its end", |_| {
        remembering(7, 10, [NEAR.at(2)], Confirmed(asked!(cdlhikkakemod), Pending::default()))
    });

#[inline(always)]
fn cdlhikkakemod<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let [down, up] = breaks(at);
    let low = all([down, at.close(2) <= at.low(2) + at.usual(0)]);
    let high = all([up, at.close(2) >= at.high(2) - at.usual(0)]);
    signal(all([inside(at, 2), inside(at, 1), any([low, high])]), if down { 100.0 } else { -100.0 })
}

/// The candle is inside the one before it.
#[inline(always)]
fn inside<const N: usize>(at: &At<'_, N>, back: usize) -> bool {
    all([at.high(back) < at.high(back + 1), at.low(back) > at.low(back + 1)])
}

/// Whether the newest candle breaks down out of the one before, which is bullish, and whether up.
#[inline(always)]
fn breaks<const N: usize>(at: &At<'_, N>) -> [bool; 2] {
    [all([at.high(0) < at.high(1), at.low(0) < at.low(1)]), all([at.high(0) > at.high(1), at.low(0) > at.low(1)])]
}

/// A break, and what waits for its confirmation. Over columns all breaks are found first.
#[derive(Clone)]
struct Confirmed<L>(L, Pending);

impl<const N: usize, L: Look<N>> Look<N> for Confirmed<L> {
    #[inline(always)]
    fn look(&mut self, at: &At<'_, N>) -> f64 {
        let found = self.0.look(at);
        self.1.next(found, at.high(1), at.low(1), at.close(0))
    }

    #[inline(always)]
    fn column(&mut self, tape: &Tape, usual: &[[f64; CHUNK]; N], y: &mut [f64]) {
        self.0.column(tape, usual, y);
        for (row, y) in y.iter_mut().take(CHUNK).enumerate() {
            if *y != 0.0 || self.1.bars > 0 {
                let at = At { tape, usual, row };
                *y = self.1.next(*y, at.high(1), at.low(1), at.close(0));
            }
        }
    }
}

impl<L: State> State for Confirmed<L> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.1.state(io)
    }
}

/// A pattern that waits for its confirmation.
#[derive(Clone, Default)]
struct Pending {
    /// Bars left in which it can come.
    bars: u64,
    bullish: bool,
    high: f64,
    low: f64,
}

impl Pending {
    /// The value where the break is `found`, given high and low of the candle before and the close.
    #[inline(always)]
    fn next(&mut self, found: f64, high: f64, low: f64, close: f64) -> f64 {
        if found != 0.0 {
            *self = Self { bars: 3, bullish: found > 0.0, high, low };
            return found;
        }
        if self.bars == 0 {
            return 0.0;
        }
        self.bars -= 1;
        let confirmed = if self.bullish { close > self.high } else { close < self.low };
        if confirmed {
            self.bars = 0;
        }
        signal(confirmed, if self.bullish { 200.0 } else { -200.0 })
    }
}

impl State for Pending {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.bars, &mut self.bullish, &mut self.high, &mut self.low])
    }
}
