//! Step 1: what the open decides. Exits first, then entries.

use super::book::{Desk, Moment};
use super::enter::{Entered, Fill};
use super::leave::Leave;
use super::levels::Basis;
use super::orders::{Order, Trigger};
use super::spec::{FillAt, LevelsFrom};
use super::{EngineError, OrderEvent, Reason};
use crate::money::{Money, Overflow};

/// What rounding leaves of a position is less than this; what anybody trades is more.
const CRUMB: Money = Money::from_units(1_000);

impl Desk<'_> {
    /// Market exits, then everything protective or resting that the open has already passed.
    pub(super) fn open_exits(&mut self) -> Result<(), EngineError> {
        if self.book.position.is_none() {
            return Ok(());
        }
        let (open, moment) = (self.book.bar.prices.open, Moment::Open(self.book.bar.open_time));
        self.step_tables(open, self.book.bar.open_time)?;
        if self.spec.fills.at == FillAt::NextOpen {
            self.market_exits(open, moment)?;
        }
        self.passed_exits(open, moment)
    }

    /// Fills the waiting market exits.
    pub(super) fn market_exits(&mut self, quote: Money, moment: Moment) -> Result<(), EngineError> {
        while let Some(place) = self.book.orders.iter().position(|order| !order.entry && order.is_market()) {
            let order = self.book.orders.remove(place);
            self.fill_exit(&order, Fill { quote, slips: true, maker: false, moment })?;
        }
        Ok(())
    }

    /// Liquidation, stops, targets and resting exits that a bar's (or finer bar's) open has passed.
    pub(super) fn passed_exits(&mut self, open: Money, moment: Moment) -> Result<(), EngineError> {
        let stop_fill = Fill { quote: open, slips: true, maker: false, moment };
        loop {
            let Some(position) = &mut self.book.position else { return Ok(()) };
            let side = position.side;
            position.touched(open);
            if self.liquidation()?.is_some_and(|level| side.stop_reached(level, open)) {
                return self.liquidate(stop_fill);
            }
            if let Some((group, reason)) = self.stop_reached(open) {
                self.leave_group(group, stop_fill, reason)?;
            } else if let Some((group, place, _, taker)) = self.target_reached(open) {
                let fill = Fill { quote: open, slips: false, maker: !taker, moment };
                self.take_target(group, place, fill, Reason::TakeProfit)?;
            } else if let Some(id) = self.resting_reached(open, |order| !order.entry) {
                self.meet_exit(id, open, moment)?;
            } else {
                return Ok(());
            }
        }
    }

    /// The first group whose tightest stop `price` has reached, with the stop's name.
    pub(super) fn stop_reached(&self, price: Money) -> Option<(u64, Reason)> {
        let position = self.book.position.as_ref()?;
        position.groups.iter().find_map(|group| {
            let (level, reason) = group.levels.tightest(position.side)?;
            let hit = self.stops_act(group.fresh) && position.side.stop_reached(level, price);
            hit.then_some((group.id, reason))
        })
    }

    /// The nearest target that `price` has reached: group, place, level, whether it is a taker.
    pub(super) fn target_reached(&self, price: Money) -> Option<(u64, usize, Money, bool)> {
        let position = self.book.position.as_ref()?;
        let side = position.side;
        let hit = position.groups.iter().filter_map(|group| {
            let (place, target) = group.levels.nearest_target(side)?;
            let hit = self.targets_act(group.fresh) && side.target_reached(target.price, price, self.through());
            hit.then_some((group.id, place, target.price, target.taker))
        });
        hit.reduce(|a, b| if side.worse(a.2, b.2) == a.2 { a } else { b })
    }

    /// The first waiting order of a kind that `price` sets off.
    fn resting_reached(&self, price: Money, kind: impl Fn(&Order) -> bool) -> Option<u64> {
        let (number, through) = (self.book.bar.number, self.through());
        let reached = |order: &&Order| {
            kind(order)
                && order.trigger(number).is_some_and(|trigger| trigger.reached(order.direction(), price, through))
        };
        self.book.orders.iter().find(reached).map(|order| order.id)
    }

    /// Waiting resting entries that a price sets off, with their ranks, as listed.
    pub(super) fn entries_reached(&self, price: Money) -> Vec<(f64, u64)> {
        let (number, through) = (self.book.bar.number, self.through());
        let reached = |order: &&Order| {
            order.entry
                && order.trigger(number).is_some_and(|trigger| trigger.reached(order.direction(), price, through))
        };
        self.book.orders.iter().filter(reached).map(|order| (order.rank, order.id)).collect()
    }

    /// A resting entry meets a price that has passed it; orders that may not fill now wait on.
    pub(super) fn meet_entry(&mut self, id: u64, price: Money, moment: Moment) -> Result<Entered, EngineError> {
        let Some(place) = self.book.orders.iter().position(|order| order.id == id) else { return Ok(Entered::No) };
        if !self.may_enter(&self.book.orders[place]) {
            return Ok(Entered::No);
        }
        match self.take_resting(place, price, moment) {
            Some((order, fill)) => self.enter(&order, fill),
            None => Ok(Entered::No),
        }
    }

    /// A resting exit meets a price that has passed it.
    pub(super) fn meet_exit(&mut self, id: u64, price: Money, moment: Moment) -> Result<(), EngineError> {
        let Some(place) = self.book.orders.iter().position(|order| order.id == id) else { return Ok(()) };
        match self.take_resting(place, price, moment) {
            Some((order, fill)) => self.fill_exit(&order, fill),
            None => Ok(()),
        }
    }

    /// Takes a resting order that fills at `price` out of the book, or turns a stop-limit into a limit.
    fn take_resting(&mut self, place: usize, price: Money, moment: Moment) -> Option<(Order, Fill)> {
        let number = self.book.bar.number;
        let order = &mut self.book.orders[place];
        let fill = match order.trigger(number)? {
            Trigger::Limit(_) => Fill { quote: price, slips: false, maker: order.maker, moment },
            Trigger::Stop(_, limit) => {
                if limit.is_some_and(|limit| order.direction().better(price, limit) != limit) {
                    order.activate(number, true);
                    return None;
                }
                Fill { quote: price, slips: true, maker: false, moment }
            }
        };
        Some((self.book.orders.remove(place), fill))
    }

    /// Fills an exit order that has left the book.
    pub(super) fn fill_exit(&mut self, order: &Order, fill: Fill) -> Result<(), EngineError> {
        let qty = self.exit_qty(order)?;
        let Some(position) = &mut self.book.position else {
            self.order_row(order, OrderEvent::Cancelled, Reason::PositionClosed);
            return Ok(());
        };
        let left = position.qty()?;
        if qty < left
            && order.group.is_none()
            && let Err(reason) = self.on_grid(qty, fill.quote, false)?
        {
            self.order_row(order, OrderEvent::Rejected, reason);
            return Ok(());
        }
        if let (Some(rule), Some(_), Some(position)) = (order.rule, order.portion, &mut self.book.position) {
            position.acted.push(rule);
        }
        if qty.is_zero() {
            self.order_row(order, OrderEvent::Cancelled, Reason::PositionClosed);
            return Ok(());
        }
        let leave = Leave {
            fill,
            reason: order.reason,
            tag: order.tag,
            order: Some(order.id),
            rule: order.rule,
            kind: order.kind,
            limit: order.limit,
            stop: order.stop,
            key: (order.id, 0),
            reverses: false,
            is_final: false,
        };
        self.leave(order.group, qty, leave).map(|_| ())
    }

    /// What an exit order takes off: its group, its portion of the largest quantity, or all that is left.
    fn exit_qty(&self, order: &Order) -> Result<Money, Overflow> {
        let Some(position) = &self.book.position else { return Ok(Money::ZERO) };
        if let Some(id) = order.group {
            let group = position.groups.iter().find(|group| group.id == id);
            return group.map_or(Ok(Money::ZERO), |group| group.qty());
        }
        let left = position.qty()?;
        match order.portion {
            Some(portion) => {
                let qty = position.largest.share(portion)?.floor_to(self.book.filters.step).min(left);
                // Two halves of an odd number of units would leave one of them open for ever.
                Ok(if left.minus(qty)? < CRUMB { left } else { qty })
            }
            None => Ok(left),
        }
    }

    /// Puts the steps of target tables in place that are in force at an open.
    pub(super) fn step_tables(&mut self, open: Money, open_time: i64) -> Result<(), Overflow> {
        let (tick, levels_from) = (self.book.filters.tick, self.spec.fills.levels_from);
        let Some(position) = &mut self.book.position else { return Ok(()) };
        let side = position.side;
        let table = self.spec.side(side).map_or(&[][..], |rules| rules.table.as_slice());
        if table.is_empty() {
            return Ok(());
        }
        for group in &mut position.groups {
            let fill = group.average(|lot| lot.price)?;
            let level = if levels_from == LevelsFrom::Fill { fill } else { group.average(|lot| lot.quote)? };
            let basis = Basis { level, fill, quote: open, tick };
            group.levels.step_table(side, table, open_time - group.held_from, basis, open)?;
        }
        Ok(())
    }
}
