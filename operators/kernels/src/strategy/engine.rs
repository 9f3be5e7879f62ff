//! The order of events: one account over its symbols, bar by bar.
//!
//! Each step is done for all symbols before the next. The engine is passive: it owns its state, is given rows in
//! event-time order and returns rows; everything it has not been told, it does not know.
//!
//! ```text
//! 1 open    market exits, passed stops and targets | market entries, passed resting entries
//! 2 inside  each symbol along its own path
//! 3 mark    equity at the close; ruin
//! 4 rules   expiry, cancel_if, exits, entries (fills: { at: close } fills them here)
//! ```

use super::account::{AccountState, Effect};
use super::bar::{BarInput, Row};
use super::book::{Book, Desk, Moment};
use super::enter::Fill;
use super::events::{EquityRow, Events};
use super::hear::Hearing;
use super::leave::Leave;
use super::ledger::Ledger;
use super::spec::{Expr, FillAt, SizedAt, Spec, SpecError, SymbolSpec};
use super::view::{PositionView, Rules};
use super::{OrderKind, Reason};
use crate::money::{Money, Overflow};

/// Why a bar could not be taken. The engine is then between two states and of no further use; a snapshot is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// A posting does not fit.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// Prices that no market has.
    #[error(
        "the bar opened at {open_time} has impossible prices {ohlc:?} (scaled by 1e8): they must be positive, with low and high around open and close"
    )]
    Prices {
        /// The bar.
        open_time: i64,
        /// Its prices.
        ohlc: [i64; 4],
    },
    /// Bars out of order.
    #[error("the bar opened at {open_time} is not later than the one before it, opened at {before}")]
    NotLater {
        /// The bar.
        open_time: i64,
        /// The one before.
        before: i64,
    },
    /// A step without any bar, or with another number of symbols.
    #[error("a step over {expected} symbols was given {found} rows, or none of them had a bar")]
    Rows {
        /// Symbols of the account.
        expected: usize,
        /// What came.
        found: usize,
    },
}

/// One account with the strategy that trades it.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) spec: Spec,
    pub(super) symbols: Vec<SymbolSpec>,
    pub(super) account: AccountState,
    pub(super) books: Vec<Book>,
    pub(super) programs: bool,
    /// The columns of all rules, where quiet bars can be told by them.
    pub(super) quiet: Option<Vec<u32>>,
}

impl Engine {
    /// A fresh account over `symbols`, in listed order; `scope: symbol` makes one engine per symbol.
    pub fn new(spec: Spec, symbols: Vec<SymbolSpec>) -> Result<Engine, SpecError> {
        spec.validate()?;
        let keep = spec.days_needed();
        let account = AccountState::new(spec.account.balance, symbols.len());
        let books = (0..symbols.len()).map(|symbol| Book::new(symbol as u32, keep)).collect();
        let programs = spec.exprs().any(|expr| matches!(expr, Expr::Program(_)));
        let quiet = spec.watched();
        Ok(Engine { spec, symbols, account, books, programs, quiet })
    }

    /// What it was made with.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The account's money.
    pub fn ledger(&self) -> &Ledger {
        &self.account.ledger
    }

    /// The signed quantity held of a symbol.
    pub fn held(&self, symbol: usize) -> Money {
        self.account.marks.get(symbol).map_or(Money::ZERO, |mark| mark.qty)
    }

    /// Whether ruin or a drawdown limit has ended the account's trading.
    pub fn is_ended(&self) -> bool {
        self.account.ended
    }

    /// Orders that wait, over all symbols.
    pub fn waiting(&self) -> usize {
        self.books.iter().map(|book| book.orders.len()).sum()
    }

    /// Bars under `path: detail` that were run without finer bars, bars before the first row of filters, and entries of a
    /// target that were added to the one before.
    pub fn notes(&self) -> (u64, u64, u64) {
        let sum = |count: fn(&Book) -> u64| self.books.iter().map(count).sum();
        (sum(|book| book.without_detail), sum(|book| book.before_filters), sum(|book| book.absorbed))
    }

    /// A bar before the run begins: it is known, and nothing else.
    pub fn warm(&mut self, symbol: usize, bar: &BarInput) -> Result<(), EngineError> {
        let book = &mut self.books[symbol];
        book.begin(bar, &self.spec, &self.symbols[symbol].filters)?;
        let mark = &mut self.account.marks[symbol];
        (mark.price, mark.close) = (book.bar.prices.close, book.bar.close);
        Ok(())
    }

    /// The next bar of an account of one symbol.
    pub fn bar(&mut self, row: &Row<'_>, rules: &mut dyn Rules, out: &mut Events) -> Result<EquityRow, EngineError> {
        if self.is_quiet(row)? {
            Ok(self.equity_row(row.bar.open_time, row.bar.time))
        } else {
            self.step(&[Some(*row)], rules, out)
        }
    }

    /// All bars of one event time, one place per symbol in listed order.
    pub fn step(
        &mut self,
        rows: &[Option<Row<'_>>],
        rules: &mut dyn Rules,
        out: &mut Events,
    ) -> Result<EquityRow, EngineError> {
        let wrong = EngineError::Rows { expected: self.books.len(), found: rows.len() };
        let Some(first) = rows.iter().flatten().next().filter(|_| rows.len() == self.books.len()) else {
            return Err(wrong);
        };
        let (open_time, time) = (first.bar.open_time, first.bar.time);
        self.begin(rows)?;
        self.account.begin_day(open_time);
        self.open(rows, out)?;
        self.account.spendable = Some(self.account.ledger.free()?);
        self.inside(rows, out)?;
        self.account.spendable = None;
        self.mark(rows, time, out)?;
        self.hear(rows, rules, out)?;
        if self.spec.fills.at == FillAt::Close {
            self.fill_at_close(rows, out)?;
        }
        let equity = self.equity_row(open_time, time);
        self.fund(rows)?;
        Ok(equity)
    }

    pub(super) fn desk<'a>(&'a mut self, symbol: usize, out: &'a mut Events) -> Desk<'a> {
        Desk { spec: &self.spec, account: &mut self.account, book: &mut self.books[symbol], out }
    }

    fn begin(&mut self, rows: &[Option<Row<'_>>]) -> Result<(), EngineError> {
        for (symbol, row) in rows.iter().enumerate() {
            if let Some(row) = row {
                let book = &mut self.books[symbol];
                book.begin(&row.bar, &self.spec, &self.symbols[symbol].filters)?;
                self.account.marks[symbol].price = book.bar.prices.open;
            } else {
                self.books[symbol].exposed = self.books[symbol].position.is_some();
            }
        }
        Ok(())
    }

    /// Step 1.
    fn open(&mut self, rows: &[Option<Row<'_>>], out: &mut Events) -> Result<(), EngineError> {
        let trades = |book: &Book, row: &Option<Row<'_>>| row.is_some() && !book.bar.waits;
        for (symbol, row) in rows.iter().enumerate() {
            if trades(&self.books[symbol], row) {
                self.desk(symbol, out).open_exits()?;
            }
        }
        if self.books.iter().all(|book| book.orders.is_empty()) {
            return Ok(());
        }
        if self.spec.fills.at == FillAt::NextOpen {
            let trading = (0..rows.len()).filter(|symbol| trades(&self.books[*symbol], &rows[*symbol])).collect();
            self.enter_market(trading, None, out)?;
        }
        let mut resting = Vec::new();
        for (symbol, row) in rows.iter().enumerate() {
            if trades(&self.books[symbol], row) {
                let open = self.books[symbol].bar.prices.open;
                let reached = self.desk(symbol, out).entries_reached(open);
                resting.extend(reached.into_iter().map(|(rank, id)| (rank, symbol, id)));
            }
        }
        resting.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, symbol, id) in resting {
            let bar = self.books[symbol].bar;
            self.desk(symbol, out).meet_entry(id, bar.prices.open, Moment::Open(bar.open_time))?;
        }
        Ok(())
    }

    /// Fills the waiting market entries of symbols that trade, by rank, then as listed: at the open, or at the close.
    fn enter_market(&mut self, trading: Vec<usize>, at: Option<Moment>, out: &mut Events) -> Result<(), EngineError> {
        let mut waiting = Vec::new();
        for symbol in trading {
            let market = self.books[symbol].orders.iter().filter(|order| order.entry && order.is_market());
            waiting.extend(market.map(|order| (order.rank, symbol, order.id)));
        }
        waiting.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, symbol, id) in waiting {
            let book = &mut self.books[symbol];
            let Some(place) = book.orders.iter().position(|order| order.id == id) else { continue };
            let order = book.orders.remove(place);
            let bar = book.bar;
            let moment = at.unwrap_or(Moment::Open(bar.open_time));
            let quote = if moment == Moment::Close { bar.prices.close } else { bar.prices.open };
            self.desk(symbol, out).enter(&order, Fill { quote, slips: true, maker: false, moment })?;
        }
        Ok(())
    }

    /// Step 2, in listed order, or by the best rank of what waits where positions are limited.
    fn inside(&mut self, rows: &[Option<Row<'_>>], out: &mut Events) -> Result<(), EngineError> {
        let mut order: Vec<usize> = Vec::new();
        if self.spec.limits.rank.is_some() {
            order.extend(0..self.books.len());
            let best = |symbol: &usize| {
                let ranks = self.books[*symbol].orders.iter().filter(|order| order.entry).map(|order| order.rank);
                ranks.fold(f64::INFINITY, f64::min)
            };
            order.sort_by(|a, b| best(a).total_cmp(&best(b)));
        }
        for place in 0..rows.len() {
            let symbol = order.get(place).copied().unwrap_or(place);
            if let Some(row) = rows[symbol].filter(|_| !self.books[symbol].bar.waits) {
                self.desk(symbol, out).inside(row.detail)?;
            }
        }
        Ok(())
    }

    /// Step 3.
    fn mark(&mut self, rows: &[Option<Row<'_>>], time: i64, out: &mut Events) -> Result<(), EngineError> {
        for (symbol, row) in rows.iter().enumerate() {
            if row.is_none() {
                continue;
            }
            let book = &mut self.books[symbol];
            let mark = &mut self.account.marks[symbol];
            (mark.price, mark.close) = (book.bar.prices.close, book.bar.close);
            if let Some(position) = &mut book.position {
                position.bars += 1;
                for group in &mut position.groups {
                    group.bars += 1;
                    group.lots.iter_mut().for_each(|lot| lot.bars += 1);
                }
            }
        }
        let equity = self.account.closing_equity();
        if equity <= 0.0 && !self.account.ended {
            return self.end_account(Reason::Ruin, time, out);
        }
        let limits = self.spec.limits;
        if let Some(most) = limits.day_loss {
            let lost = (self.account.day_base - equity) / self.account.day_base;
            self.account.day_blocked |= lost >= most.to_f64();
        }
        if limits.drawdown.is_some_and(|most| self.account.drawdown_of(equity) >= most.to_f64()) && !self.account.ended
        {
            return self.end_account(Reason::Drawdown, time, out);
        }
        Ok(())
    }

    /// No entries any more. Ruin closes everything at this close; a drawdown orders market exits. All of it happens at
    /// `time`, for symbols too that have no bar then.
    fn end_account(&mut self, reason: Reason, time: i64, out: &mut Events) -> Result<(), EngineError> {
        self.account.ended = true;
        for symbol in 0..self.books.len() {
            let mut desk = self.desk(symbol, out);
            let last_bar = std::mem::replace(&mut desk.book.bar.time, time);
            desk.cancel_where(Reason::AccountEnded, |order| order.entry);
            if reason == Reason::Ruin {
                desk.close_all(desk.book.bar.prices.close, Moment::Close, reason, false)?;
            } else if let Some(position) = &desk.book.position {
                let side = position.side;
                desk.place_exit_of(side, None, reason);
            }
            desk.book.bar.time = last_bar;
        }
        Ok(())
    }

    /// Step 4: exits of all symbols, then entries of all.
    fn hear(&mut self, rows: &[Option<Row<'_>>], rules: &mut dyn Rules, out: &mut Events) -> Result<(), EngineError> {
        for entries in [false, true] {
            if entries && self.spec.account.sized_at == SizedAt::Signal {
                self.assume_exits(out)?;
            }
            for (symbol, row) in rows.iter().enumerate() {
                let Some(row) = row else { continue };
                let programs = self.programs;
                rules.of(symbol);
                let mut desk = self.desk(symbol, out);
                let view = if programs { desk.view()? } else { PositionView::UNKNOWN };
                let mut hearing = Hearing { columns: row.columns, rules: &mut *rules, view };
                if entries {
                    desk.hear_entries(&mut hearing)?;
                } else {
                    desk.hear_exits(&mut hearing)?;
                }
            }
        }
        self.account.assumed = Effect::default();
        Ok(())
    }

    /// `sized_at: signal`: what the market exits that wait now would set free at these closes.
    fn assume_exits(&mut self, out: &mut Events) -> Result<(), EngineError> {
        let mut sum = Effect::default();
        for symbol in 0..self.books.len() {
            sum = sum.plus(self.desk(symbol, out).waiting_exits()?)?;
        }
        self.account.assumed = sum;
        Ok(())
    }

    /// `fills: { at: close }`: all exits, then all entries, of symbols that trade in this bar.
    fn fill_at_close(&mut self, rows: &[Option<Row<'_>>], out: &mut Events) -> Result<(), EngineError> {
        let trading: Vec<usize> =
            (0..rows.len()).filter(|symbol| rows[*symbol].is_some() && !self.books[*symbol].bar.waits).collect();
        for symbol in &trading {
            let close = self.books[*symbol].bar.prices.close;
            let mut desk = self.desk(*symbol, out);
            desk.market_exits(close, Moment::Close)?;
            if desk.book.bar.number < desk.book.cooldown_until {
                desk.cancel_where(Reason::Cooldown, |order| order.entry);
            }
        }
        self.enter_market(trading, Some(Moment::Close), out)
    }

    #[inline]
    pub(super) fn equity_row(&mut self, open_time: i64, time: i64) -> EquityRow {
        let exposed = self.books.iter().any(|book| book.exposed);
        let equity = self.account.closing_equity();
        let drawdown = self.account.drawdown_of(equity);
        self.account.peak = self.account.peak.max(equity);
        self.account.equity = equity;
        let (qty, price) = match (self.account.marks.as_slice(), self.books.as_slice()) {
            ([mark], [book]) => (mark.qty, book.bar.price),
            _ => (Money::ZERO, 0),
        };
        let cash = self.account.ledger.cash;
        EquityRow { open_time, time, cash, qty, price, equity, drawdown, exposed, is_final: false }
    }

    /// Funding up to this event time, on what is held after the bar.
    fn fund(&mut self, rows: &[Option<Row<'_>>]) -> Result<(), EngineError> {
        for (symbol, funding) in rows.iter().enumerate().flat_map(|(symbol, row)| {
            let due = row.map_or(&[][..], |row| row.funding);
            due.iter().map(move |funding| (symbol, funding))
        }) {
            let book = &mut self.books[symbol];
            let close = book.bar.prices.close;
            let Some(position) = book.position.as_mut() else { continue };
            let price = funding.mark.map_or(close, Money::from_price);
            let side = position.side;
            for lot in position.lots_mut() {
                let payment = side.signed(price.times_share(lot.qty, funding.rate)?);
                lot.funding = lot.funding.plus(payment)?;
                self.account.ledger.fund(payment)?;
            }
        }
        Ok(())
    }
}

impl Desk<'_> {
    /// Closes everything at a price, as a taker market fill.
    pub(super) fn close_all(
        &mut self,
        quote: Money,
        moment: Moment,
        reason: Reason,
        is_final: bool,
    ) -> Result<(), EngineError> {
        let Some(position) = &self.book.position else { return Ok(()) };
        let (qty, id) = (position.qty()?, position.groups[0].id);
        let fill = Fill { quote, slips: true, maker: false, moment };
        let leave = Leave { is_final, ..Leave::protective(id, 0, OrderKind::Market, fill, reason) };
        self.leave(None, qty, leave).map(|_| ())
    }
}
