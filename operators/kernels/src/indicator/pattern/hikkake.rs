//! Hikkake: a false break out of an inside bar, and its confirmation within three bars, shown as 200.

use super::candles::*;
use crate::indicator::registry::Indicator;
use crate::indicator::{Io, State, StateError};

pub(super) const CDLHIKKAKE: Indicator =
    cdl::<5>("cdlhikkake", "hikkake: a break out of an inside bar; 200 where the price turns back in time", |_| {
        remembering(2, 5, [], Pending::default(), |at, pending| {
            let inside = at.high(1) < at.high(2) && at.low(1) > at.low(2);
            pending.next(inside && breaks(at).is_some(), at)
        })
    });

pub(super) const CDLHIKKAKEMOD: Indicator =
    cdl::<10>("cdlhikkakemod", "modified hikkake: after two inside bars, the first closing near its end", |_| {
        remembering(7, 10, [NEAR.at(2)], Pending::default(), |at, pending| {
            let inside =
                at.high(2) < at.high(3) && at.low(2) > at.low(3) && at.high(1) < at.high(2) && at.low(1) > at.low(2);
            let near = match breaks(at) {
                Some(true) => at.close(2) <= at.low(2) + at.usual(0),
                Some(false) => at.close(2) >= at.high(2) - at.usual(0),
                None => false,
            };
            pending.next(inside && near, at)
        })
    });

/// Whether the newest candle breaks down out of the one before, which is bullish, or up.
fn breaks<const N: usize>(at: &At<'_, N>) -> Option<bool> {
    if at.high(0) < at.high(1) && at.low(0) < at.low(1) {
        Some(true)
    } else if at.high(0) > at.high(1) && at.low(0) > at.low(1) {
        Some(false)
    } else {
        None
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
    fn next<const N: usize>(&mut self, found: bool, at: &At<'_, N>) -> f64 {
        let sign = |bullish: bool| if bullish { 1.0 } else { -1.0 };
        if found {
            let bullish = at.high(0) < at.high(1);
            *self = Self { bars: 3, bullish, high: at.high(1), low: at.low(1) };
            return 100.0 * sign(bullish);
        }
        if self.bars == 0 {
            return 0.0;
        }
        self.bars -= 1;
        let confirmed = if self.bullish { at.close(0) > self.high } else { at.close(0) < self.low };
        if confirmed {
            self.bars = 0;
        }
        signal(confirmed, 200.0 * sign(self.bullish))
    }
}

impl State for Pending {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.bars, &mut self.bullish, &mut self.high, &mut self.low])
    }
}
