//! What the exchange says of an instrument beside its bars: assets, tick, lot, least order.

use candleflow_schema::Symbol;

/// Quote assets that names of instruments end in, longest first.
const QUOTES: [&str; 22] = [
    "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDP", "BIDR", "DAI", "BTC", "ETH", "BNB", "XRP", "TRX", "EUR", "GBP",
    "AUD", "BRL", "TRY", "JPY", "RUB", "USD", "SOL",
];

/// An instrument, as `exchangeInfo` describes it. Amounts are scaled by 10^8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    /// Its name.
    pub symbol: Symbol,
    /// What is traded.
    pub base: String,
    /// What it is paid with.
    pub quote: String,
    /// The step of prices (`PRICE_FILTER.tickSize`).
    pub tick: i64,
    /// The step of quantities (`LOT_SIZE.stepSize`).
    pub step: i64,
    /// The least value of an order (`NOTIONAL.minNotional`).
    pub min_notional: i128,
}

impl Instrument {
    /// An instrument with the given steps, its assets read from its name.
    pub fn new(symbol: impl Into<Symbol>, tick: i64, step: i64) -> Self {
        let symbol = symbol.into();
        let (base, quote) = assets(&symbol);
        let dollars = quote.contains("USD") || matches!(quote.as_str(), "DAI" | "EUR" | "GBP" | "AUD");
        let min_notional = if dollars { 500_000_000 } else { 10_000 };
        Self { symbol, base, quote, tick: tick.max(1), step: step.max(1), min_notional }
    }
}

fn assets(symbol: &str) -> (String, String) {
    let known = QUOTES.iter().find(|q| symbol.len() > q.len() && symbol.ends_with(**q));
    match known {
        Some(quote) => (symbol[..symbol.len() - quote.len()].to_owned(), (*quote).to_owned()),
        None => {
            let middle = symbol.char_indices().nth(symbol.chars().count().div_ceil(2)).map_or(symbol.len(), |(i, _)| i);
            (symbol[..middle].to_owned(), symbol[middle..].to_owned())
        }
    }
}

/// The largest power of ten that divides every value seen: how steps are found in bars that do not state them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommonStep(i64);

impl CommonStep {
    /// No instrument has a step above one.
    pub(crate) const LARGEST: i64 = 100_000_000;

    pub(crate) fn new() -> Self {
        Self(Self::LARGEST)
    }

    pub(crate) fn see(&mut self, value: i128) {
        while value % i128::from(self.0) != 0 {
            self.0 /= 10;
        }
    }

    pub(crate) fn get(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_assets_where_the_quote_is_known() {
        for (symbol, base, quote) in
            [("BTCUSDT", "BTC", "USDT"), ("ETHBTC", "ETH", "BTC"), ("BTCFDUSD", "BTC", "FDUSD"), ("ABXY", "AB", "XY")]
        {
            let i = Instrument::new(symbol, 1, 1);
            assert_eq!((i.base.as_str(), i.quote.as_str()), (base, quote));
        }
        assert_eq!(Instrument::new("BTCUSDT", 1, 1).min_notional, 500_000_000);
        assert_eq!(Instrument::new("ETHBTC", 1, 1).min_notional, 10_000);
        assert_eq!(Instrument::new("币安人生USDT", 0, 0).base, "币安人生");
    }

    #[test]
    fn the_step_is_the_finest_place_used() {
        let mut step = CommonStep::new();
        step.see(5_673_876_000_000);
        assert_eq!(step.get(), 1_000_000);
        step.see(5_684_030_000_000);
        assert_eq!(step.get(), 1_000_000);
        step.see(1);
        assert_eq!(step.get(), 1);
        let mut whole = CommonStep::new();
        whole.see(2_647_709_400_000_000);
        assert_eq!(whole.get(), CommonStep::LARGEST);
    }
}
