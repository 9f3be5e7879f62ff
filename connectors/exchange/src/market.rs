//! The market: every bar of every symbol, known from the start and never changed.
//!
//! Bars are read once, checked, and held in columns. Requires that each symbol's bars rise strictly in open time and
//! that all bars have one length; the order across symbols does not matter. Holds at most [`MarketBuilder::max_bars`].
//! Absent bars stay absent. A symbol trades from its first bar's open to the end of the market, or, if its bars end
//! before those of others, to the close of its last bar.

use crate::{
    columns::Columns,
    error::MarketError,
    instrument::{CommonStep, Instrument},
    seeded::SeededMarket,
};
use candleflow_schema::{Bar, Interval, Micros, Symbol};
use std::collections::BTreeMap;

/// A market to be served.
#[derive(Debug)]
pub struct Market {
    interval: Interval,
    listings: Vec<Listing>,
    by_name: BTreeMap<Symbol, usize>,
    by_stream: BTreeMap<String, usize>,
    start: Micros,
    end: Micros,
}

/// One symbol of a market.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) instrument: Instrument,
    pub(crate) bars: Columns,
    /// Open time of the first bar.
    pub(crate) begins: Micros,
    /// Close time of the last bar.
    pub(crate) ends: Micros,
}

impl Market {
    /// A market of recorded bars; steps of price and quantity are read off the bars.
    ///
    /// # Errors
    /// See [`MarketError`].
    pub fn replay(bars: impl IntoIterator<Item = Bar>) -> Result<Self, MarketError> {
        let mut builder = MarketBuilder::new();
        for bar in bars {
            builder.push(&bar)?;
        }
        builder.finish()
    }

    /// As [`Market::replay`], from a source that may fail.
    ///
    /// # Errors
    /// See [`MarketError`]; the source's own error is [`MarketError::Source`].
    pub fn try_replay<E>(bars: impl IntoIterator<Item = Result<Bar, E>>) -> Result<Self, MarketError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut builder = MarketBuilder::new();
        for bar in bars {
            builder.push(&bar.map_err(|e| MarketError::Source(e.into()))?)?;
        }
        builder.finish()
    }

    /// A made-up market, with the steps that its symbols have.
    ///
    /// # Errors
    /// See [`MarketError`].
    pub fn seeded(seeded: SeededMarket) -> Result<Self, MarketError> {
        let mut builder = MarketBuilder::new();
        for instrument in seeded.instruments() {
            builder.instrument(instrument);
        }
        for bar in seeded.bars() {
            builder.push(&bar)?;
        }
        builder.finish()
    }

    /// The length of its bars.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// Its symbols, in the order in which they first came.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.listings.iter().map(|l| &l.instrument.symbol)
    }

    /// How many bars it has.
    pub fn bars(&self) -> usize {
        self.listings.iter().map(|l| l.bars.len()).sum()
    }

    /// Open time of the first bar.
    pub fn start(&self) -> Micros {
        self.start
    }

    /// Close time of the last bar.
    pub fn end(&self) -> Micros {
        self.end
    }

    pub(crate) fn listings(&self) -> &[Listing] {
        &self.listings
    }

    pub(crate) fn find(&self, symbol: &str) -> Option<usize> {
        self.by_name.get(symbol).copied()
    }

    /// The listing that a stream's lower-case symbol names.
    pub(crate) fn find_stream(&self, symbol: &str) -> Option<usize> {
        self.by_stream.get(symbol).copied()
    }

    /// Whether a symbol trades at a moment.
    pub(crate) fn trades_at(&self, listing: &Listing, at: Micros) -> bool {
        at >= listing.begins && (at < listing.ends || listing.ends == self.end)
    }
}

/// Collects bars into a [`Market`].
#[derive(Debug)]
pub struct MarketBuilder {
    interval: Option<Interval>,
    drafts: Vec<Draft>,
    by_name: BTreeMap<Symbol, usize>,
    stated: BTreeMap<Symbol, Instrument>,
    bars: usize,
    max_bars: usize,
}

#[derive(Debug)]
struct Draft {
    symbol: Symbol,
    bars: Columns,
    tick: CommonStep,
    step: CommonStep,
}

impl Default for MarketBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl MarketBuilder {
    /// The most bars that a market holds unless told otherwise: about 4 GB where every bar says all it can.
    pub const MAX_BARS: usize = 32_000_000;

    /// An empty market.
    pub fn new() -> Self {
        Self {
            interval: None,
            drafts: vec![],
            by_name: BTreeMap::new(),
            stated: BTreeMap::new(),
            bars: 0,
            max_bars: Self::MAX_BARS,
        }
    }

    /// Another limit on the number of bars.
    pub fn max_bars(&mut self, most: usize) -> &mut Self {
        self.max_bars = most;
        self
    }

    /// States what an instrument is, instead of reading it off its name and bars.
    pub fn instrument(&mut self, instrument: Instrument) -> &mut Self {
        self.stated.insert(instrument.symbol.clone(), instrument);
        self
    }

    /// Takes the next bar.
    ///
    /// # Errors
    /// See [`MarketError`].
    pub fn push(&mut self, bar: &Bar) -> Result<(), MarketError> {
        let name = || bar.to_string();
        let expected = *self.interval.get_or_insert(bar.interval);
        if bar.interval != expected {
            return Err(MarketError::Interval { bar: name(), found: bar.interval, expected });
        }
        bar.validate().map_err(|defect| MarketError::Defect { bar: name(), defect })?;
        if self.bars == self.max_bars {
            return Err(MarketError::TooMany(self.max_bars));
        }
        let draft = match self.by_name.get(&bar.symbol) {
            Some(at) => &mut self.drafts[*at],
            None => self.list(&bar.symbol)?,
        };
        if draft.bars.open_times().last().is_some_and(|last| *last >= bar.open_time) {
            return Err(MarketError::Order { bar: name() });
        }
        [bar.open, bar.high, bar.low, bar.close].into_iter().for_each(|p| draft.tick.see(i128::from(p)));
        draft.step.see(bar.volume);
        draft.bars.push(bar);
        self.bars += 1;
        Ok(())
    }

    fn list(&mut self, symbol: &Symbol) -> Result<&mut Draft, MarketError> {
        if !is_symbol(symbol) {
            return Err(MarketError::Symbol(symbol.clone()));
        }
        let at = self.drafts.len();
        self.by_name.insert(symbol.clone(), at);
        self.drafts.push(Draft {
            symbol: symbol.clone(),
            bars: Columns::default(),
            tick: CommonStep::new(),
            step: CommonStep::new(),
        });
        Ok(&mut self.drafts[at])
    }

    /// The market of all bars taken.
    ///
    /// # Errors
    /// [`MarketError::Empty`].
    pub fn finish(mut self) -> Result<Market, MarketError> {
        let interval = self.interval.ok_or(MarketError::Empty)?;
        let mut listings = Vec::with_capacity(self.drafts.len());
        for mut draft in self.drafts {
            let read_off = || Instrument::new(draft.symbol.clone(), draft.tick.get(), draft.step.get());
            let instrument = self.stated.remove(&draft.symbol).unwrap_or_else(read_off);
            draft.bars.number(interval, instrument.step);
            draft.bars.shrink();
            let times = draft.bars.open_times();
            let begins = times.first().copied().unwrap_or(0);
            let ends = times.last().map_or(0, |t| interval.close_of(*t));
            listings.push(Listing { instrument, bars: draft.bars, begins, ends });
        }
        let start = listings.iter().map(|l| l.begins).min().ok_or(MarketError::Empty)?;
        let end = listings.iter().map(|l| l.ends).max().ok_or(MarketError::Empty)?;
        let by_stream = listings.iter().enumerate().map(|(i, l)| (l.instrument.symbol.to_lowercase(), i)).collect();
        Ok(Market { interval, listings, by_name: self.by_name, by_stream, start, end })
    }
}

/// Whether a text can name an instrument: what the real exchange's pattern allows, non-ASCII letters included.
pub(crate) fn is_symbol(text: &str) -> bool {
    let allowed = |c: char| !c.is_ascii_lowercase() && (c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    (1..=50).contains(&text.chars().count()) && text.chars().all(allowed)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use candleflow_schema::Origin;

    /// Minute bars at the given minutes, each with a volume of 10 and its own price.
    pub(crate) fn minutes(symbol: &str, at: impl IntoIterator<Item = i64>) -> Vec<Bar> {
        at.into_iter()
            .map(|m| {
                let price = 10_000_000_000 + (m % 7) * 100_000_000;
                Bar {
                    symbol: symbol.into(),
                    interval: Interval::M1,
                    open_time: m * 60_000_000,
                    open: price,
                    high: price + 200_000_000,
                    low: price - 300_000_000,
                    close: price + 100_000_000,
                    volume: 1_000_000_000,
                    quote_volume: None,
                    trades: None,
                    taker_buy_volume: None,
                    taker_buy_quote_volume: None,
                    origin: Origin::File,
                }
            })
            .collect()
    }

    #[test]
    fn a_symbol_that_ends_before_the_others_stops_trading() {
        let bars = minutes("AUSDT", 0..10).into_iter().chain(minutes("BUSDT", 2..5));
        let market = Market::replay(bars).unwrap();
        let trading = |symbol: &str, minute: i64| {
            market.trades_at(&market.listings()[market.find(symbol).unwrap()], minute * 60_000_000)
        };
        assert!(!trading("BUSDT", 1) && trading("BUSDT", 2) && trading("BUSDT", 4) && !trading("BUSDT", 5));
        assert!(trading("AUSDT", 9) && trading("AUSDT", 10) && trading("AUSDT", 1_000));
        assert_eq!((market.bars(), market.start(), market.end()), (13, 0, 600_000_000));
    }

    #[test]
    fn what_is_no_market_is_refused() {
        assert!(matches!(Market::replay([]), Err(MarketError::Empty)));
        let mut bars = minutes("AUSDT", [3, 3]);
        assert!(matches!(Market::replay(bars.clone()), Err(MarketError::Order { .. })));
        bars[1].interval = "5m".parse().unwrap();
        assert!(matches!(Market::replay(bars.clone()), Err(MarketError::Interval { .. })));
        bars[0].low = 0;
        assert!(matches!(Market::replay(bars), Err(MarketError::Defect { .. })));
        for name in ["", "btcusdt", "A/B", "A\"B", "A@B", "A B"] {
            assert!(matches!(Market::replay(minutes(name, [0])), Err(MarketError::Symbol(_))), "{name}");
        }
        let mut builder = MarketBuilder::new();
        builder.max_bars(1);
        let bars = minutes("AUSDT", 0..2);
        builder.push(&bars[0]).unwrap();
        assert!(matches!(builder.push(&bars[1]), Err(MarketError::TooMany(1))));
        let failing: [Result<Bar, &str>; 1] = [Err("disk gone")];
        assert_eq!(Market::try_replay(failing).unwrap_err().to_string(), "reading the bars of the market: disk gone");
    }

    #[test]
    fn names_are_found_as_the_exchange_writes_them() {
        let market = Market::replay(minutes("AUSDT", 0..2).into_iter().chain(minutes("币安USDT", 0..2))).unwrap();
        assert_eq!(market.find("AUSDT"), Some(0));
        assert_eq!(market.find("ausdt"), None);
        assert_eq!(market.find_stream("ausdt"), Some(0));
        assert_eq!(market.find_stream("AUSDT"), None);
        assert_eq!(market.find_stream("币安usdt"), Some(1));
    }
}
