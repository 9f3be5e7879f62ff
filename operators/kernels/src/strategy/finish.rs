//! The end of the input: what is left open, and what it would be worth closed.
//!
//! Everything made here is final: it exists only because the input ended, and all other rows are a prefix of any
//! longer run. Finishing does not move the engine; it goes on as if it had not been asked.

use super::book::Moment;
use super::engine::{Engine, EngineError};
use super::events::{EquityRow, Events};
use super::spec::AtEnd;
use super::{OrderEvent, Reason};

/// Rows at the end of the input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finish {
    /// Under `mark`: open trades and cancelled orders. Under `close` and `last_open`: the fills that end them.
    pub rows: Events,
    /// The closed view: fills and trades as `close` (or `last_open`) would make them; the same as `rows` there.
    pub closed: Events,
    /// The account after the closed view; `None` before the first bar.
    pub equity: Option<EquityRow>,
}

impl Finish {
    /// Whether its rows leave nothing open: `at_end` is not `mark`, or there was nothing to close.
    pub fn closes(&self) -> bool {
        self.rows == self.closed
    }
}

impl Engine {
    /// The final rows by `fills.at_end`.
    pub fn finish(&self) -> Result<Finish, EngineError> {
        let mut ended = self.clone();
        let mut cancelled = Events::default();
        for symbol in 0..ended.books.len() {
            ended.desk(symbol, &mut cancelled).withdraw_where(OrderEvent::Cancelled, Reason::End, |_| true);
        }
        let mut rows = cancelled.clone();
        let mut closed = cancelled;
        let at_end = self.spec.fills.at_end;
        if at_end == AtEnd::Mark {
            self.mark_open(&mut rows)?;
        }
        for symbol in 0..ended.books.len() {
            let bar = ended.books[symbol].bar;
            let (quote, moment) = match at_end {
                AtEnd::LastOpen => (bar.prices.open, Moment::Open(bar.open_time)),
                AtEnd::Mark | AtEnd::Close => (bar.prices.close, Moment::Close),
            };
            ended.desk(symbol, &mut closed).close_all(quote, moment, Reason::End, true)?;
        }
        let equity = ended.final_equity();
        if at_end != AtEnd::Mark {
            rows = closed.clone();
        }
        Ok(Finish { rows, closed, equity })
    }

    /// Open trades at their last close.
    fn mark_open(&self, rows: &mut Events) -> Result<(), EngineError> {
        let mut marked = self.clone();
        let mut none = Events::default();
        for symbol in 0..self.books.len() {
            let Some(position) = self.books[symbol].position.clone() else { continue };
            let desk = marked.desk(symbol, &mut none);
            let (side, close) = (position.side, desk.book.bar.prices.close);
            for lot in position.lots() {
                let gross = side.signed(close.times(lot.qty)?.minus(lot.cost)?);
                let row = desk.trade_row(side, lot, close, gross, lot.fee)?;
                rows.trades.push(row);
            }
        }
        Ok(())
    }

    fn final_equity(&mut self) -> Option<EquityRow> {
        let last = self.books.iter().map(|book| book.bar).filter(|bar| bar.number > 0).max_by_key(|bar| bar.time)?;
        let equity = self.account.closing_equity();
        let single = self.books.len() == 1;
        Some(EquityRow {
            open_time: last.open_time,
            time: last.time,
            cash: self.account.ledger.cash,
            qty: crate::money::Money::ZERO,
            price: if single { last.price } else { 0 },
            equity,
            drawdown: self.account.drawdown_of(equity),
            exposed: self.books.iter().any(|book| book.exposed),
            is_final: true,
        })
    }
}
