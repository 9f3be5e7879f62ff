//! The bars of one symbol, column by column: 72 bytes a bar, 56 more where the source says more than prices and volume.

use crate::{
    aggregate::{Prices, Row, Said},
    path::{self, Ticks},
};
use candleflow_schema::{Bar, Interval, Micros};

/// What a source does not say, in a column. No amount is negative.
const UNSAID: i128 = i128::MIN;
const UNSAID_COUNT: i64 = i64::MIN;

/// Bars of one symbol, rising strictly in open time.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    open_time: Vec<Micros>,
    prices: Vec<Prices>,
    volume: Vec<i128>,
    /// Empty until a bar says any of it, then as long as the others.
    quote: Vec<i128>,
    trades: Vec<i64>,
    taker: Vec<i128>,
    taker_quote: Vec<i128>,
    /// Trades and aggregate trades before each bar: what their ids are counted from.
    before: Vec<(i64, u32)>,
}

impl Columns {
    pub(crate) fn push(&mut self, bar: &Bar) {
        let said = Said {
            quote: bar.quote_volume,
            trades: bar.trades,
            taker: bar.taker_buy_volume,
            taker_quote: bar.taker_buy_quote_volume,
        };
        if self.quote.is_empty() && said != Said::default() {
            let n = self.open_time.len();
            self.quote.resize(n, UNSAID);
            self.trades.resize(n, UNSAID_COUNT);
            self.taker.resize(n, UNSAID);
            self.taker_quote.resize(n, UNSAID);
        }
        if !self.quote.is_empty() || said != Said::default() {
            self.quote.push(said.quote.unwrap_or(UNSAID));
            self.trades.push(said.trades.unwrap_or(UNSAID_COUNT));
            self.taker.push(said.taker.unwrap_or(UNSAID));
            self.taker_quote.push(said.taker_quote.unwrap_or(UNSAID));
        }
        self.open_time.push(bar.open_time);
        self.prices.push(Prices { open: bar.open, high: bar.high, low: bar.low, close: bar.close });
        self.volume.push(bar.volume);
    }

    /// Counts trades, once all bars and the lot are known.
    pub(crate) fn number(&mut self, interval: Interval, step: i64) {
        let (mut trades, mut aggregates) = (0i64, 0u32);
        self.before.clear();
        self.before.reserve_exact(self.len());
        for i in 0..self.len() {
            self.before.push((trades, aggregates));
            let parts = path::parts(&self.ticks(i, interval, step));
            aggregates = aggregates.saturating_add(parts.len() as u32);
            let counted: i64 = parts.iter().map(|p| p.trades).sum();
            trades += self.said(i).trades.unwrap_or(counted).max(counted);
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.open_time.shrink_to_fit();
        self.prices.shrink_to_fit();
        self.volume.shrink_to_fit();
        self.quote.shrink_to_fit();
        self.trades.shrink_to_fit();
        self.taker.shrink_to_fit();
        self.taker_quote.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> usize {
        self.open_time.len()
    }

    pub(crate) fn open_times(&self) -> &[Micros] {
        &self.open_time
    }

    /// Trades and aggregate trades before bar `i`.
    pub(crate) fn before(&self, i: usize) -> (i64, u32) {
        self.before[i]
    }

    /// The bar that the aggregate trade after `n` others belongs to.
    pub(crate) fn bar_of_aggregate(&self, n: u64) -> usize {
        self.before.partition_point(|(_, aggregates)| u64::from(*aggregates) <= n).saturating_sub(1)
    }

    fn said(&self, i: usize) -> Said {
        if self.quote.is_empty() {
            return Said::default();
        }
        let amount = |v: i128| (v != UNSAID).then_some(v);
        Said {
            quote: amount(self.quote[i]),
            trades: (self.trades[i] != UNSAID_COUNT).then_some(self.trades[i]),
            taker: amount(self.taker[i]),
            taker_quote: amount(self.taker_quote[i]),
        }
    }

    /// Bar `i` as it is when it has closed.
    pub(crate) fn row(&self, i: usize, interval: Interval) -> Row {
        let said = self.said(i);
        let first = self.before.get(i).map_or(0, |b| b.0);
        let ids = match said.trades {
            Some(n) if n > 0 => (first + 1, first + n),
            _ => (-1, -1),
        };
        let open_time = self.open_time[i];
        Row {
            open_time,
            close: interval.close_of(open_time),
            prices: self.prices[i],
            volume: self.volume[i],
            said,
            ids,
        }
    }

    /// How bar `i` comes about.
    pub(crate) fn ticks(&self, i: usize, interval: Interval, step: i64) -> Ticks {
        path::ticks(&self.row(i, interval), step)
    }
}
