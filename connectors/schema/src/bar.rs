//! A bar, what can be wrong with one, and the record that a topic carries.

use crate::{
    decimal::{self, DecimalError},
    interval::Interval,
    time::Micros,
};
use std::{fmt, sync::Arc};

/// The exchange's name of an instrument, such as `BTCUSDT`: the key of everything.
pub type Symbol = Arc<str>;

/// Where the value of a bar came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file of the exchange's bulk archive.
    Archive,
    /// The exchange's REST endpoint.
    Rest,
    /// The exchange's WebSocket stream.
    Stream,
    /// A file of the user's own.
    File,
}

impl Origin {
    /// Its name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Archive => "archive",
            Origin::Rest => "rest",
            Origin::Stream => "stream",
            Origin::File => "file",
        }
    }

    /// The inverse of [`Origin::name`].
    pub fn parse(text: &str) -> Option<Self> {
        [Origin::Archive, Origin::Rest, Origin::Stream, Origin::File].into_iter().find(|o| o.name() == text)
    }
}

/// One closed bar (Binance: kline). Prices and quantities are integers scaled by 10^8; `None` is what the source does
/// not say, never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Its instrument.
    pub symbol: Symbol,
    /// Its length.
    pub interval: Interval,
    /// Its first instant; not always on the grid (2018-02-09).
    pub open_time: Micros,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Traded amount of the base asset.
    pub volume: i128,
    /// Traded amount of the quote asset.
    pub quote_volume: Option<i128>,
    /// Number of trades.
    pub trades: Option<i64>,
    /// Part of `volume` in which the taker bought.
    pub taker_buy_volume: Option<i128>,
    /// Part of `quote_volume` in which the taker bought.
    pub taker_buy_quote_volume: Option<i128>,
    /// Where it came from.
    pub origin: Origin,
}

impl Bar {
    /// When the bar is known: the event time of everything that follows from it.
    pub fn time(&self) -> Micros {
        self.interval.close_of(self.open_time)
    }

    /// Whether both say the same of the market. What one of them does not say is not a difference.
    pub fn same_value(&self, other: &Bar) -> bool {
        fn agrees<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        (self.open, self.high, self.low, self.close, self.volume)
            == (other.open, other.high, other.low, other.close, other.volume)
            && agrees(&self.quote_volume, &other.quote_volume)
            && agrees(&self.trades, &other.trades)
            && agrees(&self.taker_buy_volume, &other.taker_buy_volume)
            && agrees(&self.taker_buy_quote_volume, &other.taker_buy_quote_volume)
    }

    /// Checks what must hold of every bar.
    ///
    /// # Errors
    /// The first defect found. What the exchange itself published (off the grid, zero volume) is no defect.
    pub fn validate(&self) -> Result<(), Defect> {
        if [self.open, self.high, self.low, self.close].iter().any(|p| *p <= 0) {
            return Err(Defect::PriceNotPositive);
        }
        if self.low > self.open.min(self.close) || self.high < self.open.max(self.close) {
            return Err(Defect::OutsideRange);
        }
        let amounts = [Some(self.volume), self.quote_volume, self.taker_buy_volume, self.taker_buy_quote_volume];
        if amounts.iter().flatten().any(|a| *a < 0) || self.trades.is_some_and(|n| n < 0) {
            return Err(Defect::Negative);
        }
        if self.taker_buy_volume.is_some_and(|t| t > self.volume) {
            return Err(Defect::TakerAboveVolume);
        }
        Ok(())
    }
}

/// Why a record of a bar cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// A price is zero or negative.
    #[error("a price is not positive")]
    PriceNotPositive,
    /// Open or close lie outside low and high.
    #[error("open or close lie outside low and high")]
    OutsideRange,
    /// An amount or a count is negative.
    #[error("an amount is negative")]
    Negative,
    /// More was bought by takers than was traded.
    #[error("taker_buy_volume is larger than volume")]
    TakerAboveVolume,
    /// A number cannot be read.
    #[error("column {column}: {error}")]
    Number {
        /// The column.
        column: &'static str,
        /// What is wrong.
        error: DecimalError,
    },
    /// A time cannot be read.
    #[error("{0}")]
    Time(String),
    /// The record has too few or too many columns, or is not a record at all.
    #[error("{0}")]
    Shape(String),
    /// The same bar came before with another value.
    #[error("a bar with the same open time came before with other values")]
    Conflict,
    /// The bar is older than the one before it.
    #[error("the bar is older than the one before it")]
    Order,
}

impl Defect {
    /// Reads a price and names its column when that fails.
    ///
    /// # Errors
    /// [`Defect::Number`].
    pub fn price(column: &'static str, text: &str) -> Result<i64, Defect> {
        decimal::parse_price(text).map_err(|error| Defect::Number { column, error })
    }

    /// Reads a quantity and names its column when that fails.
    ///
    /// # Errors
    /// [`Defect::Number`].
    pub fn quantity(column: &'static str, text: &str) -> Result<i128, Defect> {
        decimal::parse_quantity(text).map_err(|error| Defect::Number { column, error })
    }
}

/// A record of the topic `klines.<interval>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KlineRecord {
    /// A closed bar.
    Bar(Bar),
    /// What the exchange says by now of a bar that has been given before: for the lake. Whoever computes has used the
    /// first value, and passes this over.
    Restated(Bar),
    /// No row of this symbol with event time at or before `time` will follow.
    Complete {
        /// The key.
        symbol: Symbol,
        /// The length of the bars that this speaks of.
        interval: Interval,
        /// The promise reaches this far, this instant included.
        time: Micros,
    },
}

impl KlineRecord {
    /// The key.
    pub fn symbol(&self) -> &Symbol {
        match self {
            KlineRecord::Bar(bar) | KlineRecord::Restated(bar) => &bar.symbol,
            KlineRecord::Complete { symbol, .. } => symbol,
        }
    }

    /// The event time up to which the symbol is known by this record.
    pub fn time(&self) -> Micros {
        match self {
            KlineRecord::Bar(bar) | KlineRecord::Restated(bar) => bar.time(),
            KlineRecord::Complete { time, .. } => *time,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.symbol, self.interval, crate::time::format(self.open_time))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn bar(open_time: Micros, prices: [i64; 4]) -> Bar {
        Bar {
            symbol: "BTCUSDT".into(),
            interval: Interval::M1,
            open_time,
            open: prices[0],
            high: prices[1],
            low: prices[2],
            close: prices[3],
            volume: 100,
            quote_volume: Some(200),
            trades: Some(3),
            taker_buy_volume: Some(50),
            taker_buy_quote_volume: None,
            origin: Origin::Rest,
        }
    }

    #[test]
    fn a_bar_must_be_possible() {
        assert_eq!(bar(0, [10, 12, 9, 11]).validate(), Ok(()));
        assert_eq!(bar(0, [10, 12, 9, 13]).validate(), Err(Defect::OutsideRange));
        assert_eq!(bar(0, [8, 12, 9, 11]).validate(), Err(Defect::OutsideRange));
        assert_eq!(bar(0, [10, 12, 0, 11]).validate(), Err(Defect::PriceNotPositive));
        assert_eq!(Bar { volume: -1, ..bar(0, [10, 12, 9, 11]) }.validate(), Err(Defect::Negative));
        assert_eq!(
            Bar { taker_buy_volume: Some(101), ..bar(0, [10, 12, 9, 11]) }.validate(),
            Err(Defect::TakerAboveVolume)
        );
    }

    #[test]
    fn what_is_not_said_is_no_difference() {
        let full = bar(0, [10, 12, 9, 11]);
        let poor = Bar { quote_volume: None, trades: None, taker_buy_volume: None, ..full.clone() };
        assert!(full.same_value(&poor) && poor.same_value(&full));
        assert!(!full.same_value(&Bar { trades: Some(4), ..full.clone() }));
        assert!(!full.same_value(&Bar { close: 12, ..full.clone() }));
    }
}
