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
        let mut market = Market {
            open_time: Vec::with_capacity(bars.len()),
            time: Vec::with_capacity(bars.len()),
            open: Vec::with_capacity(bars.len()),
            close: Vec::with_capacity(bars.len()),
            ..Market::default()
        };
        let mut before: Option<&BarInput> = None;
        for bar in bars {
            let late = before.filter(|before| bar.open_time <= before.open_time || bar.time <= before.time);
            if let Some(before) = late {
                return Err(EngineError::NotLater { open_time: bar.open_time, before: before.open_time });
            }
            let (top, bottom) = (bar.open.max(bar.close), bar.open.min(bar.close));
            if bar.low <= 0 || bar.low > bottom || bar.high < top {
                let ohlc = [bar.open, bar.high, bar.low, bar.close];
                return Err(EngineError::Prices { open_time: bar.open_time, ohlc });
            }
            market.open_time.push(bar.open_time);
            market.time.push(bar.time);
            market.open.push(bar.open);
            market.close.push(bar.close_f64);
            market.last_close = bar.close;
            market.no_volume |= bar.no_volume;
            before = Some(bar);
        }
        market.find_days();
        Ok(market)
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

    fn find_days(&mut self) {
        let Some(first) = self.open_time.first() else { return };
        let mut day = day_of(*first);
        for (place, open_time) in self.open_time.iter().enumerate() {
            if day_of(*open_time) != day {
                day = day_of(*open_time);
                self.day_ends.push(place);
            }
        }
        self.day_ends.push(self.open_time.len());
    }
}
