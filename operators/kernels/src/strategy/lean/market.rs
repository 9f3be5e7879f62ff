//! The columns of one symbol that trading at opens needs, checked once.

use super::super::account::day_of;
use super::super::{BarInput, EngineError};

/// Bars of one symbol as columns.
#[derive(Debug, Clone, Default)]
pub struct Market {
    pub(super) open_time: Vec<i64>,
    pub(super) time: Vec<i64>,
    /// Scaled by 1e8.
    pub(super) open: Vec<i64>,
    pub(super) close: Vec<f64>,
    /// The place after the last bar of each UTC day.
    pub(super) day_ends: Vec<usize>,
    /// The last close, scaled by 1e8.
    pub(super) last_close: i64,
    /// Whether some bar has no volume.
    pub(super) no_volume: bool,
}

impl Market {
    /// The columns of these bars; the first impossible or unordered one is an error, as in the engine.
    pub fn new(bars: &[BarInput]) -> Result<Market, EngineError> {
        let mut market = Market::default();
        market.extend(bars)?;
        Ok(market)
    }

    /// Bars after those that are there, checked in the same way.
    pub fn extend(&mut self, bars: &[BarInput]) -> Result<(), EngineError> {
        for bar in bars {
            if let (Some(open_time), Some(time)) = (self.open_time.last(), self.time.last())
                && (bar.open_time <= *open_time || bar.time <= *time)
            {
                return Err(EngineError::NotLater { open_time: bar.open_time, before: *open_time });
            }
            let (top, bottom) = (bar.open.max(bar.close), bar.open.min(bar.close));
            if bar.low <= 0 || bar.low > bottom || bar.high < top {
                let ohlc = [bar.open, bar.high, bar.low, bar.close];
                return Err(EngineError::Prices { open_time: bar.open_time, ohlc });
            }
            self.end_day(bar.open_time);
            self.open_time.push(bar.open_time);
            self.time.push(bar.time);
            self.open.push(bar.open);
            self.close.push(bar.close_f64);
            self.last_close = bar.close;
            self.no_volume |= bar.no_volume;
        }
        Ok(())
    }

    /// How many bars.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The closes.
    pub fn close(&self) -> &[f64] {
        &self.close
    }

    /// The last of `day_ends` moves with the open day, or a bar of another day begins a new one.
    fn end_day(&mut self, open_time: i64) {
        let end = self.open_time.len() + 1;
        match (self.open_time.last(), self.day_ends.last_mut()) {
            (Some(before), Some(last)) if day_of(*before) == day_of(open_time) => *last = end,
            _ => self.day_ends.push(end),
        }
    }
}
