//! An entry order meets its price: the other side first, then limits, size, posting, levels.

use super::book::{Desk, FillRecord, Moment};
use super::leave::Leave;
use super::levels::{Basis, Levels};
use super::orders::{EntryPlan, FrozenSize, Order};
use super::position::{Fresh, Group, Lot, MOST_LOTS, Position};
use super::size::{Quantity, Terms};
use super::spec::{LevelsFrom, OnOpposite, PyramidExits};
use super::{EngineError, OrderEvent, Reason, Side};
use crate::money::{Money, Overflow, Ratio};

/// How an order fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    /// Price before slippage.
    pub(super) quote: Money,
    /// Market and stop fills slip, limits do not.
    pub(super) slips: bool,
    pub(super) maker: bool,
    pub(super) moment: Moment,
}

/// What became of an entry order that met its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    /// A trade was opened.
    Yes,
    /// The order is gone without one.
    No,
}

impl Desk<'_> {
    /// Whether an entry may fill as things are; those that may not wait on.
    pub(super) fn may_enter(&self, order: &Order) -> bool {
        match &self.book.position {
            None => true,
            Some(position) if position.by == order.side && is_target(order) => true,
            Some(position) if position.side == order.side => self.may_add(order, position),
            Some(_) => self.spec.on_opposite != OnOpposite::Ignore,
        }
    }

    fn may_add(&self, order: &Order, position: &Position) -> bool {
        is_target(order) || (position.lots().count() as u64) < u64::from(self.spec.pyramiding.max)
    }

    /// Fills an entry order that has left the book.
    pub(super) fn enter(&mut self, order: &Order, fill: Fill) -> Result<Entered, EngineError> {
        let Some(plan) = &order.plan else { return Ok(Entered::No) };
        if self.account.ended {
            self.order_row(order, OrderEvent::Cancelled, Reason::AccountEnded);
            return Ok(Entered::No);
        }
        if !self.may_enter(order) {
            self.order_row(order, OrderEvent::Cancelled, Reason::Holding);
            return Ok(Entered::No);
        }
        let held = self.book.position.is_some();
        if !held && fill.moment == Moment::Close && self.book.bar.number < self.book.cooldown_until {
            self.order_row(order, OrderEvent::Cancelled, Reason::Cooldown);
            return Ok(Entered::No);
        }
        let entered = self.meet(order, plan, fill)?;
        if held && self.book.position.is_none() {
            self.cool_down();
        }
        Ok(entered)
    }

    /// What an entry does to what is held: opens, adds, reverses, reduces or closes.
    fn meet(&mut self, order: &Order, plan: &EntryPlan, fill: Fill) -> Result<Entered, EngineError> {
        if let FrozenSize::Target(share) = plan.size {
            return self.bring_to_target(order, plan, share, fill);
        }
        let holds_other = self.book.position.as_ref().is_some_and(|position| position.side != order.side);
        if !holds_other {
            return self.open_sized(order, plan, order.side, fill, None, false);
        }
        match self.spec.on_opposite {
            OnOpposite::Ignore => Ok(Entered::No),
            OnOpposite::Close => {
                self.close_for(order, fill, Reason::Opposite, None)?;
                Ok(Entered::No)
            }
            OnOpposite::Reverse => {
                self.close_for(order, fill, Reason::Reverse, None)?;
                self.open_sized(order, plan, order.side, fill, None, true)
            }
            OnOpposite::Net => self.net(order, plan, fill),
        }
    }

    /// Reduces the other side by the order's size; what is left opens its own.
    fn net(&mut self, order: &Order, plan: &EntryPlan, fill: Fill) -> Result<Entered, EngineError> {
        let held = self.held_qty()?;
        let terms = self.terms(order.side, order, plan, fill, false)?;
        let wanted = match plan.sized {
            Some(qty) => Ok(qty),
            None => self.wanted(plan.size, terms, self.account.exact_equity()?, self.account.spendable()?)?,
        };
        let qty = match wanted {
            Ok(qty) => qty.floor_to(self.book.filters.step),
            Err(reason) => return self.reject(order, reason),
        };
        if qty < held {
            if let Err(reason) = self.on_grid(qty, terms.price, false)? {
                return self.reject(order, reason);
            }
            self.close_for(order, fill, Reason::Net, Some(qty))?;
            return Ok(Entered::No);
        }
        self.close_for(order, fill, Reason::Net, None)?;
        let rest = qty.minus(held)?;
        if rest.is_zero() { Ok(Entered::No) } else { self.open_sized(order, plan, order.side, fill, Some(rest), true) }
    }

    /// Brings the position to a signed share of equity.
    fn bring_to_target(
        &mut self,
        order: &Order,
        plan: &EntryPlan,
        share: Ratio,
        fill: Fill,
    ) -> Result<Entered, EngineError> {
        let side = if share < Ratio::ZERO { Side::Short } else { Side::Long };
        let turns = self.book.position.as_ref().is_some_and(|position| position.side != side);
        if turns {
            // What is on the other side costs money to close, which the share of equity does not have any more.
            self.close_for(order, fill, Reason::Target, None)?;
        }
        let held_qty = self.held_qty()?;
        let terms = self.terms(side, order, plan, fill, turns)?;
        let wanted = match self.wanted(plan.size, terms, self.account.exact_equity()?, self.account.spendable()?)? {
            Ok(qty) => qty.floor_to(self.book.filters.step),
            Err(reason) => return self.reject(order, reason),
        };
        if wanted.is_zero() && (turns || !held_qty.is_zero()) {
            self.close_for(order, fill, Reason::Target, None)?;
            return Ok(Entered::No);
        }
        if wanted > held_qty {
            return self.open_sized(order, plan, side, fill, Some(wanted.minus(held_qty)?), turns);
        }
        let less = held_qty.minus(wanted)?;
        if self.on_grid(less, terms.price, false)?.is_err() {
            self.order_row(order, OrderEvent::Cancelled, Reason::NothingToDo);
        } else {
            self.close_for(order, fill, Reason::Target, Some(less))?;
        }
        Ok(Entered::No)
    }

    fn held_qty(&self) -> Result<Money, Overflow> {
        self.book.position.as_ref().map_or(Ok(Money::ZERO), Position::qty)
    }

    /// Closes (part of) the other side at this order's price.
    fn close_for(&mut self, order: &Order, fill: Fill, reason: Reason, qty: Option<Money>) -> Result<(), EngineError> {
        let qty = qty.map_or_else(|| self.held_qty(), Ok)?;
        let leave = Leave {
            fill,
            reason,
            tag: order.tag,
            order: Some(order.id),
            rule: order.rule,
            kind: order.kind,
            limit: order.limit,
            stop: order.stop,
            key: (order.id, 1),
            reverses: reason != Reason::Opposite,
            is_final: false,
        };
        let freed = self.leave(None, qty, leave)?;
        // What a reversal frees inside a bar is its own to spend.
        if reason != Reason::Opposite
            && let Some(spendable) = self.account.spendable
        {
            self.account.spendable = Some(spendable.plus(freed)?);
        }
        Ok(())
    }

    fn reject(&mut self, order: &Order, reason: Reason) -> Result<Entered, EngineError> {
        self.order_row(order, OrderEvent::Rejected, reason);
        Ok(Entered::No)
    }

    /// Price, fee rate and risk of an entry. `charged`: the order's fixed fee went with the leg that it closed.
    fn terms(&self, side: Side, order: &Order, plan: &EntryPlan, fill: Fill, charged: bool) -> Result<Terms, Overflow> {
        let fees = self.spec.account.fees;
        let price = self.slipped(side == Side::Long, fill, true, order.limit)?;
        let base = if self.spec.fills.levels_from == LevelsFrom::Fill { price } else { fill.quote };
        let stop = plan.levels.stop.map(|stop| stop.stop(side, base, self.book.filters.tick)).transpose()?;
        Ok(Terms {
            price,
            rate: if fill.maker { fees.maker } else { fees.taker },
            fixed: if charged { Money::ZERO } else { fees.fixed },
            risk: stop.map(|stop| price.minus(stop).map(Money::abs)).transpose()?,
        })
    }

    /// Whether the account lets this symbol enter now.
    fn limit_reached(&self) -> Option<Reason> {
        let limits = &self.spec.limits;
        let flat = self.book.position.is_none();
        if self.account.day_blocked {
            Some(Reason::DayLoss)
        } else if limits.trades_per_day.is_some_and(|most| self.account.entries_today >= most) {
            Some(Reason::TradesPerDay)
        } else if flat && limits.max_positions.is_some_and(|most| self.account.held() as u64 >= u64::from(most)) {
            Some(Reason::MaxPositions)
        } else {
            None
        }
    }

    /// Sizes and opens; `exactly` is a quantity that was decided already.
    fn open_sized(
        &mut self,
        order: &Order,
        plan: &EntryPlan,
        side: Side,
        fill: Fill,
        exactly: Option<Money>,
        charged: bool,
    ) -> Result<Entered, EngineError> {
        if let Some(reason) = self.limit_reached() {
            return self.reject(order, reason);
        }
        let terms = self.terms(side, order, plan, fill, charged)?;
        let wanted = match exactly.or(plan.sized) {
            Some(qty) => Ok(qty),
            None => self.wanted(plan.size, terms, self.account.exact_equity()?, self.account.spendable()?)?,
        };
        let quantity = match wanted {
            Ok(wanted) => self.affordable(wanted, terms)?,
            Err(reason) => Err(reason),
        };
        match quantity {
            Ok(quantity) => self.open(order, plan, side, fill, terms, quantity)?,
            Err(reason) => return self.reject(order, reason),
        }
        Ok(Entered::Yes)
    }

    /// Posts an entry and gives it its levels.
    fn open(
        &mut self,
        order: &Order,
        plan: &EntryPlan,
        side: Side,
        fill: Fill,
        terms: Terms,
        quantity: Quantity,
    ) -> Result<(), EngineError> {
        let Quantity { qty, partial } = quantity;
        let cost = terms.price.times(qty)?;
        let margin = cost.per(self.spec.account.leverage)?;
        let fee = terms.price.times_share(qty, terms.rate)?.plus(terms.fixed)?;
        self.account.ledger.enter(side.signed(cost), margin, fee)?;
        if let Some(spendable) = self.account.spendable {
            self.account.spendable = Some(spendable.minus(margin)?.minus(fee)?);
        }
        let mark = &mut self.account.marks[self.book.symbol as usize];
        mark.set_qty(mark.qty.plus(side.signed(qty))?);
        self.account.entries_today += 1;
        let gap = self.book.bar.gap && matches!(fill.moment, Moment::Open(_));
        let lot = Lot {
            order: order.id,
            rule: order.rule.unwrap_or(0),
            tag: order.tag,
            reason: order.reason,
            time: self.book.bar.time,
            fill_time: self.fill_time(fill.moment),
            price: terms.price,
            quote: fill.quote,
            qty,
            cost,
            margin,
            fee,
            funding: Money::ZERO,
            bars: 0,
            high: fill.quote,
            low: fill.quote,
            ambiguous: false,
            partial,
            gap,
        };
        let group = self.hold(lot, order, plan, side, fill)?;
        let event = if partial { OrderEvent::PartlyFilled } else { OrderEvent::Filled };
        self.filled_row(order, event, fill, terms.price, qty, fee);
        self.book.fills.push(FillRecord {
            key: (order.id, 0),
            quote: fill.quote,
            qty,
            order_row: self.out.orders.len() - 1,
            trade_rows: (0, 0),
            entry: true,
        });
        self.cancel_where(Reason::OppositeFilled, |other| other.entry && !other.is_market() && other.side != side);
        if fill.moment != Moment::Close {
            self.book.exposed = true;
            self.passed_on_entry(group, fill)?;
        }
        Ok(())
    }

    /// Puts a lot into the position; gives the group it is in.
    fn hold(&mut self, lot: Lot, order: &Order, plan: &EntryPlan, side: Side, fill: Fill) -> Result<u64, EngineError> {
        let (tick, quote, id) = (self.book.filters.tick, lot.quote, lot.order);
        let own_group = self.spec.pyramiding.exits == PyramidExits::PerEntry;
        let held_from = if fill.moment == Moment::Close { self.book.bar.time } else { self.book.bar.open_time };
        let fresh = match fill.moment {
            Moment::Open(_) => Fresh::Open,
            Moment::Inside => Fresh::Inside,
            Moment::Close => Fresh::No,
        };
        let levels_from = self.spec.fills.levels_from;
        let basis_of = |group: &Group| -> Result<Basis, Overflow> {
            let fill = group.average(|lot| lot.price)?;
            let level = if levels_from == LevelsFrom::Fill { fill } else { group.average(|lot| lot.quote)? };
            Ok(Basis { level, fill, quote, tick })
        };
        let position = self.book.position.get_or_insert_with(|| Position {
            side,
            by: order.side,
            groups: Vec::new(),
            largest: Money::ZERO,
            bars: 0,
            high: quote,
            low: quote,
            closed_net: Money::ZERO,
            acted: Vec::new(),
        });
        if position.groups.is_empty() || own_group {
            let mut group = Group {
                id,
                largest: lot.qty,
                lots: vec![lot],
                levels: Levels::default(),
                plan: plan.levels.clone(),
                bars: 0,
                held_from,
                fresh,
            };
            group.levels = Levels::new(side, &group.plan, basis_of(&group)?)?;
            position.groups.push(group);
        } else {
            let group = &mut position.groups[0];
            let full = matches!(plan.size, FrozenSize::Target(_)) && group.lots.len() >= MOST_LOTS;
            match group.lots.last_mut().filter(|_| full) {
                Some(newest) => {
                    newest.absorb(lot)?;
                    self.book.absorbed += 1;
                }
                None => group.lots.push(lot),
            }
            group.plan = plan.levels.clone();
            group.levels.table_steps = 0;
            group.largest = group.largest.max(group.qty()?);
            let basis = basis_of(group)?;
            group.levels.set(side, &group.plan, basis)?;
            group.levels.advance(side, quote, tick)?;
        }
        position.largest = position.largest.max(position.qty()?);
        position.touched(quote);
        let group = position.groups.last().map_or(id, |group| group.id);
        self.step_tables(quote, self.book.bar.open_time)?;
        Ok(group)
    }

    /// A stop or target that the entry has already passed closes at once, at the price before slippage.
    fn passed_on_entry(&mut self, group: u64, fill: Fill) -> Result<(), EngineError> {
        let found = |desk: &Desk<'_>| {
            let position = desk.book.position.as_ref()?;
            let held = position.groups.iter().find(|held| held.id == group)?;
            Some((
                position.side,
                held.fresh,
                held.levels.tightest(position.side),
                held.levels.nearest_target(position.side),
            ))
        };
        let taker = Fill { slips: true, maker: false, ..fill };
        let Some((side, fresh, stop, _)) = found(self) else { return Ok(()) };
        if self.stops_act(fresh) && stop.is_some_and(|(level, _)| side.stop_reached(level, fill.quote)) {
            return self.leave_group(group, taker, Reason::StopOnEntry);
        }
        while let Some((side, fresh, _, Some((place, target)))) = found(self) {
            if !self.targets_act(fresh) || !side.target_reached(target.price, fill.quote, self.through()) {
                break;
            }
            self.take_target(group, place, taker, Reason::TargetOnEntry)?;
        }
        Ok(())
    }
}

/// Whether an entry brings the position to a share of equity.
fn is_target(order: &Order) -> bool {
    order.plan.as_ref().is_some_and(|plan| matches!(plan.size, FrozenSize::Target(_)))
}
