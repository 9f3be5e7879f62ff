//! One bar of one symbol, as the engine takes it.

use super::EngineError;
use crate::money::{Money, price_to_f64};

/// A bar with exact prices; times in microseconds UTC, prices scaled by 1e8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarInput {
    /// When it opened.
    pub open_time: i64,
    /// When it was known: its event time.
    pub time: i64,
    /// The first price.
    pub open: i64,
    /// The highest price.
    pub high: i64,
    /// The lowest price.
    pub low: i64,
    /// The last price.
    pub close: i64,
    /// The last price as the float that expressions see.
    pub close_f64: f64,
    /// Whether the volume is known and exactly zero.
    pub no_volume: bool,
}

impl BarInput {
    /// A bar of `[open, high, low, close]` scaled by 1e8; `volume` is NULL where the data have none.
    pub fn new(open_time: i64, time: i64, ohlc: [i64; 4], volume: Option<f64>) -> BarInput {
        let [open, high, low, close] = ohlc;
        let no_volume = volume == Some(0.0);
        BarInput { open_time, time, open, high, low, close, close_f64: price_to_f64(close), no_volume }
    }
}

/// A funding payment at a bar's event time, on the position held after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Funding {
    /// Share of notional that longs pay to shorts.
    pub rate: crate::money::Ratio,
    /// The mark price scaled by 1e8; the bar's close if the table has none.
    pub mark: Option<i64>,
}

/// What a symbol's strategy gets for one bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// The bar.
    pub bar: BarInput,
    /// The hidden columns of this row, NaN for NULL.
    pub columns: &'a [f64],
    /// The finer bars inside it, in order; `None` where they are missing.
    pub detail: Option<&'a [BarInput]>,
    /// Funding due since the bar before, up to its event time, in order of time.
    pub funding: &'a [Funding],
}

impl<'a> Row<'a> {
    /// A bar with its columns and nothing else.
    pub fn new(bar: BarInput, columns: &'a [f64]) -> Row<'a> {
        Row { bar, columns, detail: None, funding: &[] }
    }
}

/// The four prices of a bar or of a finer bar inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Prices {
    pub(super) open: Money,
    pub(super) high: Money,
    pub(super) low: Money,
    pub(super) close: Money,
}

impl Prices {
    /// Checked: all positive, low and high around open and close.
    pub(super) fn checked(bar: &BarInput) -> Result<Prices, EngineError> {
        let (top, bottom) = (bar.open.max(bar.close), bar.open.min(bar.close));
        if bar.low <= 0 || bar.low > bottom || bar.high < top {
            return Err(EngineError::Prices {
                open_time: bar.open_time,
                ohlc: [bar.open, bar.high, bar.low, bar.close],
            });
        }
        Ok(Prices {
            open: Money::from_price(bar.open),
            high: Money::from_price(bar.high),
            low: Money::from_price(bar.low),
            close: Money::from_price(bar.close),
        })
    }

    /// The price pushed back between low and high.
    pub(super) fn clamp(&self, price: Money) -> Money {
        price.clamp(self.low, self.high)
    }
}
