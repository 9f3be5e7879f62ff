//! An exit meets its price: which lots it takes, what is posted, the rows, and what a flat position means.

use super::book::{Desk, FillRecord, LastTrade, Moment};
use super::enter::Fill;
use super::events::TradeRow;
use super::position::{Lot, Position};
use super::spec::{Clamp, CooldownAfter, Legs, MarginMode, Matching};
use super::{EngineError, OrderEvent, OrderKind, OrderRow, Reason, Side};
use crate::money::{Money, Overflow, Ratio};

/// An exit that is about to happen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leave {
    pub(super) fill: Fill,
    pub(super) reason: Reason,
    pub(super) tag: Option<u32>,
    /// The waiting order that fills; protective exits get a number now.
    pub(super) order: Option<u64>,
    pub(super) rule: Option<u32>,
    pub(super) kind: OrderKind,
    pub(super) limit: Option<Money>,
    pub(super) stop: Option<Money>,
    /// The same exit on another path has the same key.
    pub(super) key: (u64, u32),
    /// The other side may be entered by the same order: whether a cooldown begins is seen after it.
    pub(super) reverses: bool,
    pub(super) is_final: bool,
}

impl Leave {
    /// A protective exit of a group.
    pub(super) fn protective(group: u64, part: u32, kind: OrderKind, fill: Fill, reason: Reason) -> Leave {
        Leave {
            fill,
            reason,
            tag: None,
            order: None,
            rule: None,
            kind,
            limit: None,
            stop: None,
            key: (group, part),
            reverses: false,
            is_final: false,
        }
    }
}

/// Keys of a group's protective exits; targets count up from the last.
const STOP_PART: u32 = 2;
const LIQUIDATION_PART: u32 = 3;
const TARGET_PART: u32 = 4;

impl Desk<'_> {
    /// The price that a fill gets: worse by the slippage, inside the bar if it is clamped, never past a limit.
    pub(super) fn slipped(&self, buys: bool, fill: Fill, entry: bool, limit: Option<Money>) -> Result<Money, Overflow> {
        let slippage = self.spec.account.slippage;
        if !fill.slips || slippage.pct.is_zero() || (!entry && slippage.legs == Legs::Entry) {
            return Ok(fill.quote);
        }
        let direction = if buys { Side::Long } else { Side::Short };
        let mut price = direction.favoured(fill.quote, slippage.pct)?;
        if slippage.clamp == Clamp::Bar {
            price = self.book.bar.prices.clamp(price);
        }
        Ok(limit.map_or(price, |limit| direction.worse(price, limit)))
    }

    /// Closes a whole group at once.
    pub(super) fn leave_group(&mut self, group: u64, fill: Fill, reason: Reason) -> Result<(), EngineError> {
        let held =
            self.book.position.as_ref().and_then(|position| position.groups.iter().find(|held| held.id == group));
        let Some(held) = held else { return Ok(()) };
        let (qty, kind) =
            (held.qty()?, if reason == Reason::StopOnEntry { OrderKind::Market } else { OrderKind::Stop });
        self.leave(Some(group), qty, Leave::protective(group, STOP_PART, kind, fill, reason)).map(|_| ())
    }

    /// Takes one target of a group: its portion of the largest quantity, or all that is left.
    pub(super) fn take_target(
        &mut self,
        group: u64,
        place: usize,
        fill: Fill,
        reason: Reason,
    ) -> Result<(), EngineError> {
        let step = self.book.filters.step;
        let Some(position) = &mut self.book.position else { return Ok(()) };
        let Some(held) = position.groups.iter_mut().find(|held| held.id == group) else { return Ok(()) };
        let left = held.qty()?;
        held.levels.targets[place].taken = true;
        let price = held.levels.targets[place].price;
        let portions = held.levels.targets.iter().filter_map(|target| target.portion);
        let whole = portions.map(Ratio::units).sum::<i128>() >= Ratio::ONE.units();
        let last = whole && held.levels.targets.iter().all(|target| target.taken);
        let qty = match held.levels.targets[place].portion {
            Some(portion) if !last => held.largest.share(portion)?.floor_to(step).min(left),
            _ => left,
        };
        if qty.is_zero() {
            return Ok(());
        }
        let kind = if reason == Reason::TargetOnEntry { OrderKind::Market } else { OrderKind::Limit };
        let mut leave = Leave::protective(group, TARGET_PART + place as u32, kind, fill, reason);
        leave.limit = (kind == OrderKind::Limit).then_some(price);
        self.leave(Some(group), qty, leave).map(|_| ())
    }

    /// Closes everything at the liquidation price or worse.
    pub(super) fn liquidate(&mut self, fill: Fill) -> Result<(), EngineError> {
        let Some(position) = &self.book.position else { return Ok(()) };
        let (qty, group) = (position.qty()?, position.groups[0].id);
        let leave = Leave::protective(group, LIQUIDATION_PART, OrderKind::Market, fill, Reason::Liquidation);
        self.leave(None, qty, leave).map(|_| ())
    }

    /// Takes `qty` off the position (off one group if named) and posts it; gives what it set free.
    pub(super) fn leave(&mut self, group: Option<u64>, qty: Money, leave: Leave) -> Result<Money, EngineError> {
        let Some(mut position) = self.book.position.take() else { return Ok(Money::ZERO) };
        let free_before = self.account.ledger.free()?;
        let side = position.side;
        let price = self.slipped(side == Side::Short, leave.fill, false, leave.limit)?;
        if leave.fill.moment != Moment::Close {
            position.touched(leave.fill.quote);
        }
        let id = leave.order.unwrap_or_else(|| self.account.order_id());
        let first_trade = self.out.trades.len();
        let (mut left, mut fees) = (qty, Money::ZERO);
        let mut fixed = self.spec.account.fees.fixed;
        while left > Money::ZERO {
            let Some((at, lot)) = next_lot(&mut position, group, self.spec.pyramiding.matching) else { break };
            let taken = split(lot, left)?;
            left = left.minus(taken.qty)?;
            if lot.qty.is_zero() {
                position.groups[at.0].lots.remove(at.1);
            }
            let row = self.settle(side, &taken, price, fixed, id, &leave)?;
            fixed = Money::ZERO;
            fees = fees.plus(row.fees.minus(taken.fee)?)?;
            self.out.trades.push(row);
        }
        if leave.reason == Reason::Liquidation && self.spec.account.margin == MarginMode::Isolated {
            self.cover(first_trade, fees)?;
        }
        for row in &self.out.trades[first_trade..] {
            position.closed_net = position.closed_net.plus(row.net)?;
        }
        position.groups.retain(|group| !group.lots.is_empty());
        let filled = qty.minus(left)?;
        let mark = &mut self.account.marks[self.book.symbol as usize];
        mark.set_qty(mark.qty.minus(side.signed(filled))?);
        self.exit_row(id, side, &leave, price, filled, fees);
        self.book.fills.push(FillRecord {
            key: leave.key,
            quote: leave.fill.quote,
            qty: filled,
            order_row: self.out.orders.len() - 1,
            trade_rows: (first_trade, self.out.trades.len()),
            entry: false,
        });
        self.book.closed_inside |= leave.fill.moment == Moment::Inside;
        let freed = self.account.ledger.free()?.minus(free_before)?;
        if position.groups.is_empty() {
            self.flat(&position, &leave);
        } else {
            self.book.position = Some(position);
        }
        Ok(freed)
    }

    /// Posts the exit of one lot's portion and makes its row.
    fn settle(
        &mut self,
        side: Side,
        lot: &Lot,
        price: Money,
        fixed: Money,
        order: u64,
        leave: &Leave,
    ) -> Result<TradeRow, Overflow> {
        let fees = self.spec.account.fees;
        let rate = if leave.fill.maker { fees.maker } else { fees.taker };
        let proceeds = price.times(lot.qty)?;
        let fee = price.times_share(lot.qty, rate)?.plus(fixed)?;
        let (cost, value) = (side.signed(lot.cost), side.signed(proceeds));
        let gross = value.minus(cost)?;
        self.account.ledger.leave(cost, value, lot.margin, fee)?;
        let row = self.trade_row(side, lot, price, gross, lot.fee.plus(fee)?)?;
        Ok(TradeRow {
            fill_time: self.fill_time(leave.fill.moment),
            open: false,
            exit_order: Some(order),
            bars: lot.bars + u32::from(leave.fill.moment == Moment::Inside),
            exit_reason: leave.reason,
            exit_tag: leave.tag,
            gap: lot.gap || (self.book.bar.gap && matches!(leave.fill.moment, Moment::Open(_))),
            is_final: leave.is_final,
            ..row
        })
    }

    /// What an isolated position lost beyond its margin, of all its entries together: one of them may have gained what
    /// another lost. The rows get shares by quantity, the last one the remainder.
    fn cover(&mut self, first_trade: usize, fees: Money) -> Result<(), Overflow> {
        let rows = &mut self.out.trades[first_trade..];
        let (mut lost, mut qty) = (fees, Money::ZERO);
        for row in rows.iter() {
            lost = lost.minus(row.gross)?.minus(row.margin)?;
            qty = qty.plus(row.qty)?;
        }
        let mut left = lost.max(Money::ZERO);
        if left.is_zero() {
            return Ok(());
        }
        self.account.ledger.take_cover(left)?;
        for row in rows {
            row.cover = left.part(row.qty, qty)?;
            (left, qty) = (left.minus(row.cover)?, qty.minus(row.qty)?);
            row.net = row.net.plus(row.cover)?;
            row.return_pct = row.net.to_f64() / row.cost.to_f64();
            row.return_on_margin = row.net.to_f64() / row.margin.to_f64();
        }
        Ok(())
    }

    /// A lot valued at a price, as a trade that is still open.
    pub(super) fn trade_row(
        &self,
        side: Side,
        lot: &Lot,
        price: Money,
        gross: Money,
        fees: Money,
    ) -> Result<TradeRow, Overflow> {
        let net = gross.minus(fees)?.minus(lot.funding)?;
        let (best, worst) = (side.better(lot.high, lot.low), side.worse(lot.high, lot.low));
        let excursion = |extreme: Money| side.signed(extreme.minus(lot.price)?).times(lot.qty);
        Ok(TradeRow {
            symbol: self.book.symbol,
            time: self.book.bar.time,
            fill_time: None,
            open: true,
            side,
            entry_order: lot.order,
            exit_order: None,
            entry_time: lot.time,
            entry_fill_time: lot.fill_time,
            entry_price: lot.price,
            exit_price: price,
            qty: lot.qty,
            cost: lot.cost,
            margin: lot.margin,
            gross,
            fees,
            funding: lot.funding,
            cover: Money::ZERO,
            net,
            return_pct: net.to_f64() / lot.cost.to_f64(),
            return_on_margin: net.to_f64() / lot.margin.to_f64(),
            bars: lot.bars,
            mae: excursion(worst)?.min(Money::ZERO),
            mfe: excursion(best)?.max(Money::ZERO),
            entry_reason: lot.reason,
            exit_reason: Reason::End,
            entry_rule: lot.rule,
            entry_tag: lot.tag,
            exit_tag: None,
            ambiguous: lot.ambiguous,
            partial: lot.partial,
            gap: lot.gap,
            is_final: true,
        })
    }

    fn exit_row(&mut self, id: u64, side: Side, leave: &Leave, price: Money, qty: Money, fee: Money) {
        self.out.orders.push(OrderRow {
            symbol: self.book.symbol,
            time: self.book.bar.time,
            fill_time: self.fill_time(leave.fill.moment),
            order: id,
            event: OrderEvent::Filled,
            kind: leave.kind,
            side,
            entry: false,
            rule: leave.rule,
            tag: leave.tag,
            limit: leave.limit,
            stop: leave.stop,
            qty: Some(qty),
            price: Some(price),
            quote: Some(leave.fill.quote),
            fee: Some(fee),
            reason: leave.reason,
            ambiguous: false,
            gap: self.book.bar.gap && matches!(leave.fill.moment, Moment::Open(_)),
            is_final: leave.is_final,
        });
    }

    /// The position is closed: remember it, withdraw its exits, begin a cooldown unless the same order goes on.
    fn flat(&mut self, position: &Position, leave: &Leave) {
        let number = self.book.bar.number;
        self.book.last = Some(LastTrade { net: position.closed_net, reason: leave.reason, number });
        self.cancel_where(Reason::PositionClosed, |order| !order.entry);
        if !leave.reverses {
            self.cool_down();
        }
    }

    /// Begins a cooldown, if there is one after the trade that has just left the position flat.
    pub(super) fn cool_down(&mut self) {
        let (Some(cooldown), Some(last)) = (self.spec.cooldown, self.book.last) else { return };
        let starts = match cooldown.after {
            CooldownAfter::Any => true,
            CooldownAfter::Loss => last.net < Money::ZERO,
            CooldownAfter::Stop => last.reason.is_stop(),
        };
        if starts {
            self.book.cooldown_until = last.number + u64::from(cooldown.bars);
            self.cancel_where(Reason::Cooldown, |order| order.entry && !order.is_market());
        }
    }
}

/// The lot that a portion comes off next, with its place.
fn next_lot(position: &mut Position, group: Option<u64>, matching: Matching) -> Option<((usize, usize), &mut Lot)> {
    let places = position.groups.iter().enumerate().filter(|(_, held)| group.is_none_or(|id| held.id == id));
    let mut lots = places.flat_map(|(at, held)| (0..held.lots.len()).map(move |lot| (at, lot)));
    let at = match matching {
        Matching::Fifo => lots.next(),
        Matching::Lifo => lots.last(),
    }?;
    Some((at, &mut position.groups[at.0].lots[at.1]))
}

/// Takes up to `qty` off a lot: a rounded share of what was posted, the remainder with the last of it.
fn split(lot: &mut Lot, qty: Money) -> Result<Lot, Overflow> {
    let mut taken = lot.clone();
    if qty < lot.qty {
        let share = |amount: Money| amount.part(qty, lot.qty);
        (taken.cost, taken.margin) = (share(lot.cost)?, share(lot.margin)?);
        (taken.fee, taken.funding) = (share(lot.fee)?, share(lot.funding)?);
        taken.qty = qty;
    }
    lot.qty = lot.qty.minus(taken.qty)?;
    lot.cost = lot.cost.minus(taken.cost)?;
    lot.margin = lot.margin.minus(taken.margin)?;
    lot.fee = lot.fee.minus(taken.fee)?;
    lot.funding = lot.funding.minus(taken.funding)?;
    Ok(taken)
}
