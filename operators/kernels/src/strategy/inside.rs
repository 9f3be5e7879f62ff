//! Step 2: what happens inside a bar, along the path that the strategy chose.
//!
//! A fill is ambiguous when open-high-low-close and open-low-high-close give this order another fill, or none:
//! both are walked from the state before the bar's inside, and only the flags are taken from them.

use super::account::AccountState;
use super::bar::{BarInput, Prices};
use super::book::{Book, Desk, FillRecord, Moment};
use super::events::Events;
use super::orders::Trigger;
use super::spec::{Path, ZeroVolume};
use super::{EngineError, Side};
use crate::money::Overflow;

impl Desk<'_> {
    /// Runs the inside of the current bar.
    pub(super) fn inside(&mut self, detail: Option<&[BarInput]>) -> Result<(), EngineError> {
        self.book.fills.clear();
        self.book.closed_inside = false;
        if self.book.position.is_none() && self.book.orders.iter().all(|order| order.is_market()) {
            return Ok(());
        }
        let path = self.spec.fills.path;
        match detail {
            Some(bars) if path == Path::Detail && !bars.is_empty() => self.inside_detail(bars),
            _ => {
                self.book.without_detail += u64::from(path == Path::Detail);
                self.flagged(path, self.book.bar.prices)
            }
        }
    }

    /// Finer bars, each with its own open and inside; market orders wait for the pipeline's bar.
    fn inside_detail(&mut self, bars: &[BarInput]) -> Result<(), EngineError> {
        for (place, bar) in bars.iter().enumerate() {
            if bar.no_volume && self.spec.fills.zero_volume == ZeroVolume::Wait {
                continue;
            }
            let prices = Prices::checked(bar)?;
            if place > 0 {
                self.book.settle();
                let moment = Moment::Open(bar.open_time);
                self.step_tables(prices.open, bar.open_time)?;
                self.passed_exits(prices.open, moment)?;
                for (_, id) in self.entries_reached(prices.open) {
                    self.meet_entry(id, prices.open, moment)?;
                }
            }
            self.flagged(Path::Detail, prices)?;
        }
        Ok(())
    }

    /// One path over four prices, with the flags of its fills.
    fn flagged(&mut self, path: Path, prices: Prices) -> Result<(), EngineError> {
        self.book.fills.clear();
        let before = self.may_fill(&prices)?.then(|| (self.book.clone(), self.account.clone()));
        self.run(path, &prices)?;
        if let Some((book, account)) = before
            && !self.book.fills.is_empty()
        {
            self.flag_ambiguous(&book, &account, &prices)?;
        }
        self.book.fills.clear();
        Ok(())
    }

    fn run(&mut self, path: Path, prices: &Prices) -> Result<(), EngineError> {
        let Prices { open, high, low, close } = *prices;
        match path {
            Path::Pessimistic | Path::Detail => self.pessimistic(prices)?,
            Path::Ohlc => self.walk([open, high, low, close])?,
            Path::Nearest => {
                let side = self.book.position.as_ref().map_or(Side::Long, |position| position.side);
                let (up, down) = (high.minus(open)?, open.minus(low)?);
                let high_first = up < down || (up == down && side == Side::Short);
                self.walk(if high_first { [open, high, low, close] } else { [open, low, high, close] })?;
            }
        }
        self.activate(prices);
        Ok(())
    }

    /// Stop-limit entries that still wait though their stop was touched: an exit or another entry of this bar came
    /// first, or what is held keeps them out. To activate is not to fill: they are limits from the next bar on.
    fn activate(&mut self, prices: &Prices) {
        let (number, through) = (self.book.bar.number, self.through());
        for order in self.book.orders.iter_mut().filter(|order| order.entry) {
            let (Some(trigger), direction) = (order.trigger(number), order.direction()) else { continue };
            let Trigger::Stop(stop, Some(limit)) = trigger else { continue };
            if trigger.reached(direction, direction.better(prices.high, prices.low), through) {
                let touched = direction.better(stop, prices.open);
                order.activate(number, direction.better(touched, limit) == touched && touched != limit);
            }
        }
    }

    /// Whether any fill is possible between these prices; false only where none is.
    fn may_fill(&self, prices: &Prices) -> Result<bool, Overflow> {
        let (number, through) = (self.book.bar.number, self.through());
        let resting = self.book.orders.iter().any(|order| {
            order.trigger(number).is_some_and(|trigger| {
                let direction = order.direction();
                trigger.reached(direction, prices.high, through) || trigger.reached(direction, prices.low, through)
            })
        });
        let Some(position) = &self.book.position else { return Ok(resting) };
        let side = position.side;
        let (best, worst) = (side.better(prices.high, prices.low), side.worse(prices.high, prices.low));
        if resting || self.target_reached(best).is_some() || self.stop_reached(worst).is_some() {
            return Ok(true);
        }
        if self.liquidation()?.is_some_and(|level| side.stop_reached(level, worst)) {
            return Ok(true);
        }
        for group in &position.groups {
            if group.levels.trail.is_some() || group.levels.even.is_some() {
                let mut levels = group.levels.clone();
                levels.advance(side, best, self.book.filters.tick)?;
                if levels.tightest(side).is_some_and(|(level, _)| side.stop_reached(level, worst)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Walks both orders of the extremes from the state before, and flags the fills that they do not share.
    fn flag_ambiguous(&mut self, book: &Book, account: &AccountState, prices: &Prices) -> Result<(), EngineError> {
        let Prices { open, high, low, close } = *prices;
        let mut walks = Vec::with_capacity(2);
        for points in [[open, high, low, close], [open, low, high, close]] {
            let (mut book, mut account, mut out) = (book.clone(), account.clone(), Events::default());
            let mut desk = Desk { spec: self.spec, account: &mut account, book: &mut book, out: &mut out };
            desk.walk(points)?;
            walks.push(book.fills);
        }
        let same = |a: &FillRecord, b: &FillRecord| a.key == b.key && a.quote == b.quote && a.qty == b.qty;
        let fills = std::mem::take(&mut self.book.fills);
        for fill in &fills {
            if walks.iter().all(|walk| walk.iter().any(|other| same(fill, other))) {
                continue;
            }
            self.out.orders[fill.order_row].ambiguous = true;
            self.out.trades[fill.trade_rows.0..fill.trade_rows.1].iter_mut().for_each(|row| row.ambiguous = true);
            if fill.entry {
                self.flag_entry(fill.key.0, &fills);
            }
        }
        self.book.fills = fills;
        Ok(())
    }

    /// The trades of an ambiguous entry are ambiguous, those already closed in this bar too.
    fn flag_entry(&mut self, order: u64, fills: &[FillRecord]) {
        for lot in self.book.position.iter_mut().flat_map(|position| position.lots_mut()) {
            lot.ambiguous |= lot.order == order;
        }
        for fill in fills {
            for row in &mut self.out.trades[fill.trade_rows.0..fill.trade_rows.1] {
                row.ambiguous |= row.entry_order == order;
            }
        }
    }
}
