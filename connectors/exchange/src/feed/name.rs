//! Names of streams: `btcusdt@kline_1m`, `btcusdt@kline_1d@+08:00`, `btcusdt@aggTrade`.
//!
//! The symbol is in lower case, the interval's case matters. Anything else names no stream of this exchange: it is
//! acknowledged and stays silent, as the real one does it.

use crate::{
    grid::{Grid, interval},
    market::Market,
};

/// A stream of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamName {
    pub(crate) text: String,
    pub(crate) listing: usize,
    pub(crate) kind: Kind,
}

/// What it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Kline(Grid),
    AggTrade,
}

impl StreamName {
    pub(crate) fn parse(text: &str, market: &Market) -> Option<Self> {
        let (symbol, what) = text.split_once('@')?;
        let listing = market.find_stream(symbol)?;
        let kind = match what.strip_prefix("kline_") {
            Some(rest) => {
                let (name, shift) = match rest.strip_suffix("@+08:00") {
                    Some(name) => (name, 8 * 3_600_000_000),
                    None => (rest, 0),
                };
                Kind::Kline(Grid { interval: interval(name)?, shift })
            }
            None if what == "aggTrade" => Kind::AggTrade,
            None => return None,
        };
        Some(Self { text: text.to_owned(), listing, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::tests::minutes;

    #[test]
    fn names_are_read_to_the_letter() {
        let market = Market::replay(minutes("BTCUSDT", 0..2)).unwrap();
        let kind = |text: &str| StreamName::parse(text, &market).map(|s| s.kind);
        assert_eq!(kind("btcusdt@aggTrade"), Some(Kind::AggTrade));
        assert_eq!(kind("btcusdt@kline_1M"), Some(Kind::Kline(Grid::utc(interval("1M").unwrap()))));
        let eight = Grid { interval: interval("1d").unwrap(), shift: 28_800_000_000 };
        assert_eq!(kind("btcusdt@kline_1d@+08:00"), Some(Kind::Kline(eight)));
        for unknown in [
            "BTCUSDT@kline_1m",
            "btcusdt@kline_1mo",
            "btcusdt@kline_1D",
            "btcusdt@aggtrade",
            "btcusdt",
            "@kline_1m",
            "btcusdt@kline_1d@+09:00",
        ] {
            assert_eq!(kind(unknown), None, "{unknown}");
        }
    }
}
