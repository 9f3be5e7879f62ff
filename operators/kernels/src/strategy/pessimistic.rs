//! The pessimistic path: of all orders of a bar's prices, whatever is worst for the trade.
//!
//! First the trade that is open after the open: its stop, else its target. Then, if nothing was closed inside this
//! bar, one resting entry that may fill, of several the one worst at this close. A trade entered inside has its stop
//! hit when the adverse extreme reaches it; its target when, after a stop entry, the favourable extreme does, after
//! a limit entry, the close does.

use super::bar::Prices;
use super::book::{Desk, Moment};
use super::enter::{Entered, Fill};
use super::orders::Trigger;
use super::{EngineError, Reason, Side};
use crate::money::{Money, Overflow};

/// What the adverse extreme can set off on a trade.
#[derive(Debug, Clone, Copy)]
enum Adverse {
    Liquidation,
    Stop(u64, Reason),
    Resting(u64),
}

impl Desk<'_> {
    pub(super) fn pessimistic(&mut self, prices: &Prices) -> Result<(), EngineError> {
        self.book.closed_inside = false;
        if let Some(position) = &self.book.position {
            let side = position.side;
            let (best, worst) = (side.better(prices.high, prices.low), side.worse(prices.high, prices.low));
            self.adverse_exits(side, prices.open, worst)?;
            self.favourable_exits(side, worst, best, true)?;
            self.follow(side, prices.close, best, worst)?;
        }
        if self.book.closed_inside { Ok(()) } else { self.worst_entry(prices) }
    }

    /// Stops of every kind that the adverse extreme reaches, nearest first; the trade was open at the price `from`.
    fn adverse_exits(&mut self, side: Side, from: Money, worst: Money) -> Result<(), EngineError> {
        while let Some((level, exit)) = self.nearest_adverse(side, from, worst)? {
            let fill = Fill { quote: level, slips: true, maker: false, moment: Moment::Inside };
            match exit {
                Adverse::Liquidation => self.liquidate(fill)?,
                Adverse::Stop(group, reason) => self.leave_group(group, fill, reason)?,
                Adverse::Resting(id) => self.meet_exit(id, level, Moment::Inside)?,
            }
        }
        Ok(())
    }

    fn nearest_adverse(&self, side: Side, from: Money, worst: Money) -> Result<Option<(Money, Adverse)>, Overflow> {
        let Some(position) = &self.book.position else { return Ok(None) };
        // Losses of other symbols in this bar, or the entry's own fee, may put it where the market is not any more.
        let liquidation = self.liquidation()?.map(|level| (side.worse(level, from), Adverse::Liquidation));
        let stops = position.groups.iter().filter(|group| self.stops_act(group.fresh)).filter_map(|group| {
            let (level, reason) = group.levels.tightest(side)?;
            Some((level, Adverse::Stop(group.id, reason)))
        });
        let resting = self.book.orders.iter().filter(|order| !order.entry).filter_map(|order| {
            let trigger = order.trigger(self.book.bar.number)?;
            matches!(trigger, Trigger::Stop(..)).then_some((trigger.level(), Adverse::Resting(order.id)))
        });
        let reached =
            liquidation.into_iter().chain(stops).chain(resting).filter(|(at, _)| side.stop_reached(*at, worst));
        Ok(reached.reduce(|a, b| if side.better(a.0, b.0) == a.0 { a } else { b }))
    }

    /// Targets and resting limits that `best` reaches, nearest first; any path may have passed `worst` before.
    fn favourable_exits(&mut self, side: Side, worst: Money, best: Money, resting: bool) -> Result<(), EngineError> {
        loop {
            let target = self.target_reached(best);
            let limit = if resting { self.nearest_limit_exit(side, best) } else { None };
            if target.is_none() && limit.is_none() {
                return Ok(());
            }
            if let Some(position) = &mut self.book.position {
                position.touched(worst);
            }
            match (target, limit) {
                (Some((group, place, level, taker)), limit)
                    if limit.is_none_or(|(_, other)| side.worse(level, other) == level) =>
                {
                    let fill = Fill { quote: level, slips: false, maker: !taker, moment: Moment::Inside };
                    self.take_target(group, place, fill, Reason::TakeProfit)?;
                }
                (_, Some((id, level))) => self.meet_exit(id, level, Moment::Inside)?,
                _ => return Ok(()),
            }
        }
    }

    fn nearest_limit_exit(&self, side: Side, best: Money) -> Option<(u64, Money)> {
        self.book.position.as_ref()?;
        let (number, through) = (self.book.bar.number, self.through());
        let reached =
            self.book.orders.iter().filter(|order| !order.entry).filter_map(|order| match order.trigger(number)? {
                Trigger::Limit(limit) if side.target_reached(limit, best, through) => Some((order.id, limit)),
                _ => None,
            });
        reached.reduce(|a, b| if side.worse(a.1, b.1) == a.1 { a } else { b })
    }

    /// Moves what follows the best price by `best`, and closes at a moved level that the close lies beyond. A level that
    /// woke above all that the bar traded (the `price` form, with `after`) was passed as it woke: that closes at the
    /// close, which every path still reaches.
    fn follow(&mut self, side: Side, close: Money, best: Money, worst: Money) -> Result<(), EngineError> {
        let tick = self.book.filters.tick;
        let Some(position) = &mut self.book.position else { return Ok(()) };
        position.touched(worst);
        position.touched(best);
        for group in &mut position.groups {
            group.levels.advance(side, best, tick)?;
        }
        while let Some((group, reason)) = self.stop_reached(close) {
            let Some(level) = self.stop_level(group) else { break };
            let quote = if side.stop_reached(level, best) { close } else { level };
            let fill = Fill { quote, slips: true, maker: false, moment: Moment::Inside };
            self.leave_group(group, fill, reason)?;
        }
        Ok(())
    }

    fn stop_level(&self, group: u64) -> Option<Money> {
        let position = self.book.position.as_ref()?;
        let held = position.groups.iter().find(|held| held.id == group)?;
        held.levels.tightest(position.side).map(|(level, _)| level)
    }

    /// One resting entry, the worst at the close of those that may fill.
    fn worst_entry(&mut self, prices: &Prices) -> Result<(), EngineError> {
        let (number, through) = (self.book.bar.number, self.through());
        let mut touched = Vec::new();
        for order in self.book.orders.iter().filter(|order| order.entry) {
            let direction = order.direction();
            let Some(trigger) = order.trigger(number).filter(|_| self.may_enter(order)) else { continue };
            let extreme = if trigger.falls(direction) { prices.low } else { prices.high };
            if trigger.reached(direction, extreme, through) {
                let gain = direction.signed(prices.close.minus(trigger.level())?);
                touched.push((gain, order.id, trigger));
            }
        }
        touched.sort_by_key(|(gain, _, _)| *gain);
        for (_, id, trigger) in touched {
            if self.meet_entry(id, trigger.level(), Moment::Inside)? == Entered::Yes {
                return self.after_entry(id, trigger, prices);
            }
        }
        Ok(())
    }

    /// What the rest of the bar does to a trade entered inside it.
    fn after_entry(&mut self, order: u64, trigger: Trigger, prices: &Prices) -> Result<(), EngineError> {
        let Some(position) = &self.book.position else { return Ok(()) };
        if position.lots().all(|lot| lot.order != order) {
            return Ok(()); // it closed on entry
        }
        let side = position.side;
        let (best, worst) = (side.better(prices.high, prices.low), side.worse(prices.high, prices.low));
        let certain = if matches!(trigger, Trigger::Limit(_)) { prices.close } else { best };
        self.adverse_exits(side, trigger.level(), worst)?;
        self.favourable_exits(side, worst, certain, false)?;
        self.follow(side, prices.close, certain, worst)
    }
}
