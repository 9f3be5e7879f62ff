//! Step 4: what the rules say at the close. Expiry, `cancel_if`, exit rules, entry rules; they only place orders.

use super::book::Desk;
use super::orders::Order;
use super::spec::{EntryRule, Expire, Expr, OnOpposite, Resting, SideSpec, Size};
use super::view::{PositionView, Rules, slot};
use super::{EngineError, OrderEvent, OrderKind, Reason, Side};
use crate::money::{Money, Overflow};

/// One row's columns and programs, and what position they see.
pub(super) struct Hearing<'a> {
    pub(super) columns: &'a [f64],
    pub(super) rules: &'a mut dyn Rules,
    pub(super) view: PositionView,
}

impl Hearing<'_> {
    /// The value of an expression; a column that is not there is NULL.
    pub(super) fn value(&mut self, expr: Expr) -> f64 {
        match expr {
            Expr::Column(slot) => self.columns.get(slot as usize).copied().unwrap_or(f64::NAN),
            Expr::Constant(value) => value,
            Expr::Program(program) => self.rules.eval(program, self.columns, &self.view),
        }
    }

    /// NULL is false.
    pub(super) fn is_true(&mut self, expr: Expr) -> bool {
        let value = self.value(expr);
        value != 0.0 && !value.is_nan()
    }
}

impl Desk<'_> {
    /// Expiry, `cancel_if`, levels that are evaluated at each close, then exit rules.
    pub(super) fn hear_exits(&mut self, hearing: &mut Hearing<'_>) -> Result<(), EngineError> {
        if !self.book.orders.is_empty() {
            self.expire();
            self.hear_cancels(hearing);
        }
        if self.book.position.is_some() {
            self.tighten_trails(hearing);
            self.max_bars();
        }
        for side in Side::BOTH {
            let held = self.book.position.as_ref().is_some_and(|position| position.side == side);
            let waiting = |order: &Order| order.entry && order.is_market() && order.side == side;
            if held {
                self.hear_side_exits(side, hearing)?;
            } else if self.book.position.is_none()
                && self.book.orders.iter().any(waiting)
                && self.exit_is_true(side, hearing)
            {
                self.cancel_where(Reason::ExitRule, waiting);
            }
        }
        Ok(())
    }

    fn expire(&mut self) {
        for order in &mut self.book.orders {
            order.expires_in = order.expires_in.map(|bars| bars - 1);
        }
        self.withdraw_where(OrderEvent::Expired, Reason::Expired, |order| order.expires_in == Some(0));
    }

    fn hear_cancels(&mut self, hearing: &mut Hearing<'_>) {
        let spec = self.spec;
        let cancel_if = |order: &Order| {
            let (rules, rule) = (spec.side(order.side)?, order.rule? as usize);
            if order.entry { rules.entry.get(rule)?.cancel_if } else { rules.exit.get(rule)?.cancel_if }
        };
        let mut cancelled = Vec::new();
        for order in &self.book.orders {
            if cancel_if(order).is_some_and(|expr| hearing.is_true(expr)) {
                cancelled.push(order.id);
            }
        }
        if !cancelled.is_empty() {
            self.cancel_where(Reason::CancelIf, |order| cancelled.contains(&order.id));
        }
    }

    /// `price` forms of a trailing stop.
    fn tighten_trails(&mut self, hearing: &mut Hearing<'_>) {
        use super::spec::Level;
        let tick = self.book.filters.tick;
        let Some(position) = &mut self.book.position else { return };
        let side = position.side;
        let trailing = self.spec.side(side).and_then(|rules| rules.trailing_stop);
        let Some(Level::Price(expr)) = trailing.map(|trailing| trailing.by) else { return };
        let Some(price) = Money::from_f64(hearing.value(expr)).filter(|price| *price > Money::ZERO) else { return };
        for group in &mut position.groups {
            group.levels.tighten_trail(side, price, tick);
        }
    }

    /// Time exits: after bar `n` of a group.
    fn max_bars(&mut self) {
        let Some(position) = &self.book.position else { return };
        let side = position.side;
        let Some(most) = self.spec.side(side).and_then(|rules| rules.max_bars) else { return };
        let due: Vec<u64> = position.groups.iter().filter(|group| group.bars >= most).map(|group| group.id).collect();
        for id in due {
            let waits = |order: &Order| order.group == Some(id) && order.reason == Reason::MaxBars;
            if !self.book.orders.iter().any(waits) {
                self.place_exit_of(side, Some(id), Reason::MaxBars);
            }
        }
    }

    /// A market exit that no rule placed.
    pub(super) fn place_exit_of(&mut self, side: Side, group: Option<u64>, reason: Reason) {
        let order = Order { side, group, reason, ..self.blank(side, false) };
        self.place(order);
    }

    fn exit_is_true(&mut self, side: Side, hearing: &mut Hearing<'_>) -> bool {
        let rules = self.spec.side(side);
        rules.is_some_and(|rules| rules.exit.iter().any(|rule| hearing.is_true(rule.when)))
    }

    fn hear_side_exits(&mut self, side: Side, hearing: &mut Hearing<'_>) -> Result<(), EngineError> {
        let Some(rules) = self.spec.side(side) else { return Ok(()) };
        for (place, rule) in rules.exit.iter().enumerate() {
            let place = place as u32;
            if !hearing.is_true(rule.when) || rule.cancel_if.is_some_and(|expr| hearing.is_true(expr)) {
                continue;
            }
            let acted = |desk: &Desk<'_>| desk.book.position.as_ref().is_some_and(|held| held.acted.contains(&place));
            if rule.portion.is_some() && !rule.repeat && acted(self) {
                continue;
            }
            let market = rule.limit.is_none() && rule.stop.is_none();
            if self.still_waits(market, |order| !order.entry && order.rule == Some(place)) {
                continue;
            }
            let blank = self.blank(side, false);
            let mut order = Order {
                rule: Some(place),
                tag: rule.tag,
                portion: rule.portion,
                expires_in: if market { None } else { bars_of(rule.expire) },
                ..blank
            };
            match self.freeze_prices(&mut order, rule.limit, rule.stop, hearing) {
                Ok(()) => self.place(order),
                Err(reason) => self.order_row(&order, OrderEvent::Rejected, reason),
            }
        }
        Ok(())
    }

    /// Whether the rule's order of before stays: market orders do, resting ones by `resting`.
    fn still_waits(&mut self, market: bool, same: impl Fn(&Order) -> bool) -> bool {
        if !self.book.orders.iter().any(&same) {
            return false;
        }
        if market || self.spec.resting == Resting::Keep {
            return true;
        }
        self.cancel_where(Reason::Replaced, same);
        false
    }

    /// Entry rules of both sides.
    pub(super) fn hear_entries(&mut self, hearing: &mut Hearing<'_>) -> Result<(), EngineError> {
        if self.account.ended || self.book.bar.number < self.book.cooldown_until {
            return Ok(());
        }
        let (mut heard, mut market) = (Vec::new(), [false, false]);
        for side in Side::BOTH {
            let Some(rules) = self.spec.side(side) else { continue };
            for (place, rule) in rules.entry.iter().enumerate() {
                if hearing.is_true(rule.when) {
                    market[usize::from(side == Side::Short)] |= rule.limit.is_none() && rule.stop.is_none();
                    heard.push((side, place as u32, rules, rule));
                }
            }
        }
        if heard.is_empty() {
            return Ok(());
        }
        let neither = market == [true, true];
        let exits =
            Side::BOTH.map(|side| heard.iter().any(|entry| entry.0 == side) && self.exit_is_true(side, hearing));
        for (side, place, rules, rule) in heard {
            let is_market = rule.limit.is_none() && rule.stop.is_none();
            if exits[usize::from(side == Side::Short)] || (neither && is_market) {
                continue;
            }
            if rule.cancel_if.is_some_and(|expr| hearing.is_true(expr)) || !self.hears(side, rules, rule) {
                continue;
            }
            if self.still_waits(is_market, |order| order.entry && order.side == side && order.rule == Some(place)) {
                continue;
            }
            self.place_entry(side, place, rules, rule, hearing)?;
        }
        Ok(())
    }

    /// Whether the position lets an entry rule speak at all.
    fn hears(&self, side: Side, rules: &SideSpec, rule: &EntryRule) -> bool {
        let Some(position) = &self.book.position else { return true };
        let target = matches!(rule.size.or(rules.size), Some(Size::Target(_)));
        if target && position.by == side {
            return true;
        }
        if position.side == side {
            return target || (position.lots().count() as u64) < u64::from(self.spec.pyramiding.max);
        }
        let leaving =
            |order: &Order| !order.entry && order.is_market() && order.portion.is_none() && order.group.is_none();
        self.spec.on_opposite != OnOpposite::Ignore || self.book.orders.iter().any(leaving)
    }

    fn place_entry(
        &mut self,
        side: Side,
        place: u32,
        rules: &SideSpec,
        rule: &EntryRule,
        hearing: &mut Hearing<'_>,
    ) -> Result<(), EngineError> {
        let market = rule.limit.is_none() && rule.stop.is_none();
        let rank = self.spec.limits.rank.map_or(0.0, |rank| {
            let value = hearing.value(rank.by);
            if value.is_nan() {
                f64::INFINITY
            } else if rank.descending {
                -value
            } else {
                value
            }
        });
        let blank = self.blank(side, true);
        let mut order = Order {
            rule: Some(place),
            tag: rule.tag,
            rank,
            expires_in: if market { None } else { bars_of(rule.expire) },
            ..blank
        };
        let frozen = self.freeze_prices(&mut order, rule.limit, rule.stop, hearing);
        let plan = frozen.and_then(|()| self.freeze_plan(rules, rule, hearing));
        match plan {
            Ok(plan) => order.plan = Some(plan),
            Err(reason) => {
                self.order_row(&order, OrderEvent::Rejected, reason);
                return Ok(());
            }
        }
        if self.spec.account.sized_at == super::spec::SizedAt::Signal {
            match self.size_at_signal(&order)? {
                Ok(qty) => order.plan.iter_mut().for_each(|plan| plan.sized = Some(qty)),
                Err(reason) => {
                    self.order_row(&order, OrderEvent::Rejected, reason);
                    return Ok(());
                }
            }
        }
        self.place(order);
        Ok(())
    }

    /// Limit and stop prices on the grid, and whether the limit is marketable.
    fn freeze_prices(
        &self,
        order: &mut Order,
        limit: Option<Expr>,
        stop: Option<Expr>,
        hearing: &mut Hearing<'_>,
    ) -> Result<(), Reason> {
        let (tick, direction) = (self.book.filters.tick, order.direction());
        let mut price = |expr: Option<Expr>| match expr {
            None => Ok(None),
            Some(expr) => match Money::from_f64(hearing.value(expr)) {
                Some(price) if price > Money::ZERO => Ok(Some(price)),
                _ => Err(Reason::NullPrice),
            },
        };
        // A buy limit goes down to the tick and a buy stop up, like stop and target of a long trade.
        order.limit = price(limit)?.map(|limit| direction.stop_on_grid(limit, tick));
        order.stop = price(stop)?.map(|stop| direction.target_on_grid(stop, tick));
        order.kind = match (order.limit, order.stop) {
            (None, None) => OrderKind::Market,
            (Some(_), None) => OrderKind::Limit,
            (None, Some(_)) => OrderKind::Stop,
            (Some(_), Some(_)) => OrderKind::StopLimit,
        };
        if let (Some(limit), None) = (order.limit, order.stop) {
            order.maker = !direction.stop_reached(limit, self.book.bar.prices.close);
        }
        Ok(())
    }

    /// An order with nothing decided but its number and when it was placed.
    fn blank(&mut self, side: Side, entry: bool) -> Order {
        Order {
            id: self.account.order_id(),
            side,
            entry,
            rule: None,
            kind: OrderKind::Market,
            limit: None,
            stop: None,
            activated: false,
            rests_from: 0,
            maker: false,
            expires_in: None,
            placed: self.book.bar.time,
            rank: 0.0,
            tag: None,
            reason: Reason::Signal,
            portion: None,
            group: None,
            plan: None,
        }
    }

    /// Puts an order where it is listed.
    fn place(&mut self, order: Order) {
        self.order_row(&order, OrderEvent::Placed, order.reason);
        let key = |order: &Order| (!order.entry, order.side, order.rule.unwrap_or(u32::MAX));
        let at = self.book.orders.partition_point(|other| key(other) <= key(&order));
        self.book.orders.insert(at, order);
    }

    /// What rules see of position, last trade and account at this close.
    pub(super) fn view(&mut self) -> Result<PositionView, Overflow> {
        let mut view = PositionView::UNKNOWN;
        let values = &mut view.0;
        values[slot::POSITION_SIDE] = 0.0;
        if let Some(position) = &self.book.position {
            let (close, cost) = (self.book.bar.prices.close, position.cost()?);
            let pnl = position.pnl(close)?.to_f64();
            values[slot::POSITION_SIDE] = f64::from(position.side.sign());
            values[slot::POSITION_QTY] = position.qty()?.to_f64();
            values[slot::POSITION_ENTRY_PRICE] = position.entry_price()?.to_f64();
            values[slot::POSITION_BARS] = f64::from(position.bars);
            values[slot::POSITION_PNL] = pnl;
            values[slot::POSITION_PNL_PCT] = pnl / cost.to_f64();
            values[slot::POSITION_HIGH] = position.high.to_f64();
            values[slot::POSITION_LOW] = position.low.to_f64();
            let tag = position.lots().last().and_then(|lot| lot.tag);
            values[slot::POSITION_TAG] = tag.map_or(f64::NAN, f64::from);
        }
        if let Some(last) = self.book.last {
            values[slot::LAST_TRADE_PNL] = last.net.to_f64();
            values[slot::LAST_TRADE_REASON] = f64::from(last.reason.code());
            values[slot::LAST_TRADE_BARS_AGO] = (self.book.bar.number - last.number) as f64;
        }
        let equity = self.account.closing_equity();
        values[slot::ACCOUNT_EQUITY] = equity;
        values[slot::ACCOUNT_CASH] = self.account.ledger.free()?.to_f64();
        values[slot::ACCOUNT_DRAWDOWN] = self.account.drawdown_of(equity);
        Ok(view)
    }
}

fn bars_of(expire: Expire) -> Option<u32> {
    match expire {
        Expire::Bars(bars) => Some(bars),
        Expire::Never => None,
    }
}
