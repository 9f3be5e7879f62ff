//! A row of klines, and how two rows become one.
//!
//! A row in which nothing was traded carries the old price and adds nothing: beside a row with trades its prices do not
//! count. (Hours made so from real five-minute bars differ from the exchange's own in 2 of 78,303; made otherwise, in
//! 61.) What one of two rows with trades does not say, their sum does not say.

use candleflow_schema::Micros;

/// A row of klines as of some moment; `close` is the first instant after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) open_time: Micros,
    pub(crate) close: Micros,
    pub(crate) prices: Prices,
    pub(crate) volume: i128,
    pub(crate) said: Said,
    /// First and last trade, -1 where there is none; meaningful where the number of trades is said.
    pub(crate) ids: (i64, i64),
}

/// The four prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
}

/// What not every source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Said {
    pub(crate) quote: Option<i128>,
    pub(crate) trades: Option<i64>,
    pub(crate) taker: Option<i128>,
    pub(crate) taker_quote: Option<i128>,
}

impl Said {
    fn plus(self, other: Said) -> Said {
        fn add<T: std::ops::Add<Output = T>>(a: Option<T>, b: Option<T>) -> Option<T> {
            Some(a? + b?)
        }
        Said {
            quote: add(self.quote, other.quote),
            trades: add(self.trades, other.trades),
            taker: add(self.taker, other.taker),
            taker_quote: add(self.taker_quote, other.taker_quote),
        }
    }
}

impl Row {
    /// Takes in the next row in time. Times stay as they are: the caller knows the bucket.
    pub(crate) fn absorb(&mut self, next: &Row) {
        match (self.volume, next.volume) {
            (0, 0) => {}
            (_, 0) => return,
            (0, _) => {
                (self.prices, self.volume, self.said, self.ids) = (next.prices, next.volume, next.said, next.ids);
                return;
            }
            _ => {}
        }
        self.prices.high = self.prices.high.max(next.prices.high);
        self.prices.low = self.prices.low.min(next.prices.low);
        self.prices.close = next.prices.close;
        self.volume += next.volume;
        self.said = self.said.plus(next.said);
        self.ids = match (self.ids, next.ids) {
            ((-1, -1), ids) | (ids, (-1, -1)) => ids,
            ((first, _), (_, last)) => (first, last),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(prices: [i64; 4], volume: i128, trades: Option<i64>, ids: (i64, i64)) -> Row {
        let [open, high, low, close] = prices;
        let said = Said { trades, quote: Some(volume * 2), ..Said::default() };
        Row { open_time: 0, close: 60, prices: Prices { open, high, low, close }, volume, said, ids }
    }

    #[test]
    fn two_rows_make_one() {
        let mut sum = row([10, 12, 9, 11], 5, Some(2), (1, 2));
        sum.absorb(&row([11, 15, 10, 14], 7, Some(3), (3, 5)));
        assert_eq!(sum, row([10, 15, 9, 14], 12, Some(5), (1, 5)));
    }

    #[test]
    fn what_one_does_not_say_the_sum_does_not_say() {
        let mut sum = row([10, 12, 9, 11], 5, Some(2), (1, 2));
        sum.absorb(&row([11, 15, 10, 14], 7, None, (3, 6)));
        assert_eq!(sum.said.trades, None);
        assert_eq!(sum.said.quote, Some(24));
    }

    #[test]
    fn a_row_without_trades_lends_no_price() {
        let traded = row([11, 15, 10, 14], 7, Some(3), (1, 3));
        let idle = row([20, 20, 20, 20], 0, Some(0), (-1, -1));
        let mut sum = idle.clone();
        sum.absorb(&traded);
        assert_eq!(sum, traded);
        sum.absorb(&idle);
        assert_eq!(sum, traded);
        let mut still = idle.clone();
        still.absorb(&idle);
        assert_eq!(still, idle);
    }
}
