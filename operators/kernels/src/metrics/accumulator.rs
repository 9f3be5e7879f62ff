//! The accumulator: rows in, in total order; every metric out at any time.

use super::catalogue::Settled;
use super::choice::{Choice, Needs};
use super::curve::Curve;
use super::days::{DayRow, Days, change};
use super::trades::Trades;
use super::{BLOCKS, CATALOGUE, Group, MetricInfo, ReturnBlock};
use crate::money::{Money, Overflow};
use crate::strategy::codec::{Codec, Coded, SnapshotError};
use crate::strategy::{EquityRow, Finish, OrderRow, Side, TradeRow};

const VERSION: u8 = 4;

/// The last event time: other accounts may report theirs, and a closed view puts another equity in its place.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pending {
    open_time: i64,
    time: i64,
    exposed: bool,
}

/// First and last close of a symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Market {
    first: f64,
    last: f64,
}

/// Consecutive bars as columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    /// The place of the first bar.
    pub(crate) first: usize,
    pub(crate) open_time: &'a [i64],
    /// Event times, less `offset`.
    pub(crate) time: &'a [i64],
    pub(crate) offset: i64,
    pub(crate) close: &'a [f64],
    /// Places after the last bars of days, from the first that is after the first bar.
    pub(crate) day_ends: &'a [usize],
}

/// A round trip's exit, and what it came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundTrip {
    pub(crate) side: Side,
    pub(crate) net: Money,
    /// Notional of the entry.
    pub(crate) cost: Money,
    pub(crate) bars: u32,
    /// Microseconds from entry to exit.
    pub(crate) held: i64,
    pub(crate) proceeds: Money,
    /// Of the exit.
    pub(crate) fee: Money,
}

/// Statistics of one run over one or several accounts.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Last equity per account, in listed order.
    marks: Vec<f64>,
    markets: Vec<Market>,
    pending: Option<Pending>,
    pub(super) curve: Curve,
    pub(super) days: Days,
    pub(super) trades: Trades,
    /// The same per symbol, where there are several.
    by_symbol: Vec<Trades>,
    /// What is read in the end.
    choice: Choice,
    needs: Needs,
}

impl Metrics {
    /// For accounts with these starting balances, over this many symbols.
    pub fn new(balances: &[Money], symbols: usize) -> Metrics {
        let marks: Vec<f64> = balances.iter().map(|balance| balance.to_f64()).collect();
        let start = total(&marks);
        Metrics {
            marks,
            markets: vec![Market { first: f64::NAN, last: f64::NAN }; symbols],
            pending: None,
            curve: Curve::new(start, Needs::EVERYTHING),
            days: Days::new(start, true),
            trades: Trades::default(),
            by_symbol: if symbols > 1 { vec![Trades::default(); symbols] } else { Vec::new() },
            choice: Choice::ALL,
            needs: Needs::EVERYTHING,
        }
    }

    /// Before the first row, for one account and symbol: only these metrics are read in the end, so that bars and trades
    /// that come as columns leave the others out.
    pub(crate) fn choosing(balance: Money, choice: Choice) -> Metrics {
        let (metrics, needs) = (Metrics::new(&[balance], 1), choice.needs());
        let start = metrics.curve.start;
        Metrics { curve: Curve::new(start, needs), days: Days::new(start, needs.market), choice, needs, ..metrics }
    }

    /// An account's row; rows come by time, then by account.
    #[inline]
    pub fn equity(&mut self, account: usize, row: &EquityRow) {
        match &mut self.pending {
            Some(pending) if pending.time == row.time => pending.exposed |= row.exposed,
            _ => {
                self.flush();
                if self.days.ends_before(row.open_time) {
                    self.close_day();
                }
                let EquityRow { open_time, time, exposed, .. } = *row;
                self.pending = Some(Pending { open_time, time, exposed });
            }
        }
        self.marks[account] = row.equity;
    }

    /// A symbol's close at the bar whose equity came last.
    #[inline]
    pub fn market(&mut self, symbol: usize, close: f64) {
        let market = &mut self.markets[symbol];
        if market.first.is_nan() {
            market.first = close;
        }
        market.last = close;
    }

    /// A round trip; open ones do not count.
    pub fn trade(&mut self, row: &TradeRow) -> Result<(), Overflow> {
        self.trade_of(row.symbol as usize, row)
    }

    /// The same where the account has one symbol only, which is this one of the run's.
    pub fn trade_of(&mut self, symbol: usize, row: &TradeRow) -> Result<(), Overflow> {
        if let Some(trades) = self.by_symbol.get_mut(symbol) {
            trades.trade(row)?;
        }
        self.trades.trade(row)
    }

    /// What became of an order: fees, turnover, ambiguous fills, rejections.
    pub fn order(&mut self, row: &OrderRow) -> Result<(), Overflow> {
        self.order_of(row.symbol as usize, row)
    }

    /// The same where the account has one symbol only, which is this one of the run's.
    pub fn order_of(&mut self, symbol: usize, row: &OrderRow) -> Result<(), Overflow> {
        if let Some(trades) = self.by_symbol.get_mut(symbol) {
            trades.order(row)?;
        }
        self.trades.order(row)
    }

    /// Bars of the only account and symbol, whose equity is `cash + qty * close` (`cash` alone where `qty` is zero), and
    /// how many of them were exposed: as [`equity`](Self::equity) and [`market`](Self::market) would take them.
    pub(crate) fn span(&mut self, span: &Span<'_>, cash: f64, qty: f64, exposed: u64) {
        let Span { first, open_time, time, offset, close, day_ends } = *span;
        let mut from = 0;
        for end in day_ends {
            let to = close.len().min(end - first);
            if self.days.ends_before(open_time[from]) {
                self.close_day();
            }
            let last = if qty == 0.0 { cash } else { cash + qty * close[to - 1] };
            self.days.observe(open_time[from], last);
            if self.needs.market {
                self.market(0, close[from]);
                self.market(0, close[to - 1]);
            }
            from = to;
            if from == close.len() {
                break;
            }
        }
        if qty == 0.0 {
            self.curve.observe_flat(open_time, time, offset, cash, exposed);
        } else {
            self.curve.observe_held((open_time, time, offset), close, cash, qty);
        }
    }

    /// A closed round trip and its two fills.
    pub(crate) fn round_trip(&mut self, trip: &RoundTrip) -> Result<(), Overflow> {
        self.trades.count(trip.side);
        if self.needs.trades {
            self.trades.came_to(trip.net, trip.net.to_f64() / trip.cost.to_f64(), trip.bars, trip.held)?;
        }
        if self.needs.fills { self.trades.filled(trip.proceeds, trip.fee) } else { Ok(()) }
    }

    /// The fill of an entry.
    pub(crate) fn entered(&mut self, cost: Money, fee: Money) -> Result<(), Overflow> {
        if self.needs.fills { self.trades.filled(cost, fee) } else { Ok(()) }
    }

    /// An order that was refused.
    pub(crate) fn refused(&mut self) {
        self.trades.rejected += 1;
    }

    /// The market's value goes with the open day, which may end here.
    fn close_day(&mut self) {
        if self.needs.market {
            let value = self.market_value();
            self.days.observe_market(value);
        }
    }

    /// What one unit of money, spread evenly over the symbols, is worth: a share is money until its symbol's first
    /// close. NaN before the first close of all.
    fn market_value(&self) -> f64 {
        let worth = |market: &Market| if market.first > 0.0 { market.last / market.first } else { 1.0 };
        let sum = self.markets.iter().fold(0.0, |sum, market| sum + worth(market));
        let any = self.markets.iter().any(|market| market.first > 0.0);
        if any { sum / self.markets.len() as f64 } else { f64::NAN }
    }

    /// The bar in hand goes into curve and days.
    #[inline]
    fn flush(&mut self) {
        if let Some(Pending { open_time, time, exposed }) = self.pending.take() {
            let equity = total(&self.marks);
            self.curve.observe(open_time, time, equity, exposed);
            self.days.observe(open_time, equity);
        }
    }

    /// The accounts closed: the trades that `close` would make count, and the last bar has the equity that they leave.
    pub fn closed_view(&self, finishes: &[Finish]) -> Result<Metrics, Overflow> {
        let mut closed = self.clone();
        // Of several accounts each has one symbol, and does not know which of the run's that is.
        let several = finishes.len() > 1;
        for (account, finish) in finishes.iter().enumerate() {
            let symbol = |of: u32| if several { account } else { of as usize };
            finish.closed.orders.iter().try_for_each(|row| closed.order_of(symbol(row.symbol), row))?;
            finish.closed.trades.iter().try_for_each(|row| closed.trade_of(symbol(row.symbol), row))?;
            if let Some(row) = finish.equity {
                closed.marks[account] = row.equity;
            }
        }
        closed.flush();
        Ok(closed)
    }

    /// Days since the epoch with the last equity of each, for tables.
    pub fn daily(&self) -> Vec<(i64, f64)> {
        let mut settled = self.clone();
        settled.flush();
        settled.days.series().collect()
    }

    /// Moments of the daily returns in 16 equal blocks of the time `from..to` (microseconds), for
    /// [`overfitting`](super::overfitting).
    pub fn return_blocks(&self, from: i64, to: i64) -> [ReturnBlock; BLOCKS] {
        let mut blocks = [ReturnBlock::default(); BLOCKS];
        let mut before = self.curve.start;
        for (day, equity) in self.daily() {
            let past = i128::from(day) * 86_400_000_000 - i128::from(from);
            let place = (past.max(0) * BLOCKS as i128 / i128::from((to - from).max(1))).min(BLOCKS as i128 - 1);
            blocks[place as usize].add(change(before, equity));
            before = equity;
        }
        blocks
    }

    /// The same values of one symbol's trades and fills alone; `None` for what is not in the groups `trades` and
    /// `fills`. Shares of the balance are of the whole account's.
    pub fn symbol_values(&self, symbol: usize) -> Vec<Option<f64>> {
        let settled = self.settled();
        let trades = if self.by_symbol.is_empty() { &settled.trades } else { &settled.by_symbol[symbol] };
        let values = Settled::new(&settled.curve, &settled.days, trades, f64::NAN, self.needs);
        let known = |metric: &MetricInfo| matches!(metric.group, Group::Trades | Group::Fills);
        self.chosen(&values).map(|(metric, value)| value.filter(|_| known(metric))).collect()
    }

    /// A row for each day with a bar.
    pub fn day_rows(&self) -> Vec<DayRow> {
        self.settled().days.rows()
    }

    /// Returns from day to day, the starting balance first.
    pub fn daily_returns(&self) -> Vec<f64> {
        self.settled().days.returns_in_order()
    }

    /// The value of every entry of [`CATALOGUE`](super::CATALOGUE), in its order.
    pub fn values(&self) -> Vec<Option<f64>> {
        let run = self.settled();
        let settled = Settled::new(&run.curve, &run.days, &run.trades, run.market_value(), self.needs);
        self.chosen(&settled).map(|(_, value)| value).collect()
    }

    fn chosen<'s>(&'s self, values: &'s Settled<'s>) -> impl Iterator<Item = (&'static MetricInfo, Option<f64>)> + 's {
        let metrics = CATALOGUE.iter().enumerate();
        metrics.map(|(place, metric)| (metric, if self.choice.has(place) { (metric.value)(values) } else { None }))
    }

    /// With the bar in hand, and the market of the open day.
    pub(super) fn settled(&self) -> Metrics {
        let mut settled = self.clone();
        settled.flush();
        settled.close_day();
        settled
    }

    /// The state as canonical bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut state = self.clone();
        let mut codec = Codec::Write(Vec::new());
        let written = state.fields(&mut codec).and_then(|()| codec.finish());
        debug_assert!(written.is_ok());
        written.unwrap_or_default()
    }

    /// Puts back what an accumulator over as many accounts and symbols saved.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let mut state = self.clone();
        let mut codec = Codec::Read(bytes, 0);
        state.fields(&mut codec)?;
        codec.finish()?;
        *self = state;
        Ok(())
    }

    fn fields(&mut self, codec: &mut Codec<'_>) -> Coded {
        let mut version = VERSION;
        codec.u8(&mut version)?;
        if version != VERSION {
            return Err(SnapshotError::Unknown { what: "metrics version 4", found: u64::from(version) });
        }
        codec.list(&mut self.marks, || 0.0, |codec, mark| codec.f64(mark))?;
        let blank = || Market { first: f64::NAN, last: f64::NAN };
        codec.list(&mut self.markets, blank, |codec, market| {
            codec.f64(&mut market.first)?;
            codec.f64(&mut market.last)
        })?;
        codec.option(&mut self.pending, Pending::default, |codec, pending| {
            codec.i64(&mut pending.open_time)?;
            codec.i64(&mut pending.time)?;
            codec.bool(&mut pending.exposed)
        })?;
        self.curve.fields(codec)?;
        self.days.fields(codec)?;
        self.trades.fields(codec)?;
        codec.list(&mut self.by_symbol, Trades::default, |codec, trades| trades.fields(codec))
    }
}

/// The sum in listed order.
fn total(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}
