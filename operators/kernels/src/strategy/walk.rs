//! A known path: three legs between four prices, orders taken as it meets them.

use super::book::{Desk, Moment};
use super::enter::Fill;
use super::{EngineError, Reason};
use crate::money::{Money, Overflow};

/// What a leg can meet. The order is that of ties at one price.
#[derive(Debug, Clone, Copy)]
enum Met {
    Liquidation,
    Stop(u64, Reason),
    Target(u64, usize, bool),
    Exit(u64),
    Entry(u64),
}

impl Desk<'_> {
    pub(super) fn walk(&mut self, points: [Money; 4]) -> Result<(), EngineError> {
        self.reach(points[0])?;
        for leg in points.windows(2) {
            self.leg(leg[0], leg[1])?;
        }
        Ok(())
    }

    fn leg(&mut self, from: Money, to: Money) -> Result<(), EngineError> {
        let mut at = from;
        while let Some((price, met)) = self.next_met(at, to)? {
            at = price;
            self.reach(at)?;
            let taker = Fill { quote: at, slips: true, maker: false, moment: Moment::Inside };
            match met {
                Met::Liquidation => self.liquidate(taker)?,
                Met::Stop(group, reason) => self.leave_group(group, taker, reason)?,
                Met::Target(group, place, is_taker) => {
                    let fill = Fill { slips: false, maker: !is_taker, ..taker };
                    self.take_target(group, place, fill, Reason::TakeProfit)?;
                }
                Met::Exit(id) => self.meet_exit(id, at, Moment::Inside)?,
                Met::Entry(id) => {
                    self.meet_entry(id, at, Moment::Inside)?;
                }
            }
        }
        Ok(self.reach(to)?)
    }

    /// A price is passed while held: extremes and what follows them move.
    fn reach(&mut self, price: Money) -> Result<(), Overflow> {
        let tick = self.book.filters.tick;
        let Some(position) = &mut self.book.position else { return Ok(()) };
        position.touched(price);
        let side = position.side;
        position.groups.iter_mut().try_for_each(|group| group.levels.advance(side, price, tick))
    }

    /// The first thing between `at` and `to`; what `at` has already passed is met at once.
    fn next_met(&self, at: Money, to: Money) -> Result<Option<(Money, Met)>, Overflow> {
        let falling = to < at;
        let mut first: Option<(Money, Met)> = None;
        let mut offer = |level: Money, met: Met| {
            let nearer = first.is_none_or(|(best, _)| if falling { level > best } else { level < best });
            if nearer {
                first = Some((level, met));
            }
        };
        let through = self.through();
        if let Some(position) = &self.book.position {
            let side = position.side;
            let mut stop = |level: Money, met: Met| {
                if side.stop_reached(level, at) {
                    offer(at, met);
                } else if side.stop_reached(level, to) {
                    offer(level, met);
                }
            };
            if let Some(level) = self.liquidation()? {
                stop(level, Met::Liquidation);
            }
            for group in position.groups.iter().filter(|group| self.stops_act(group.fresh)) {
                if let Some((level, reason)) = group.levels.tightest(side) {
                    stop(level, Met::Stop(group.id, reason));
                }
            }
            for group in position.groups.iter().filter(|group| self.targets_act(group.fresh)) {
                let Some((place, target)) = group.levels.nearest_target(side) else { continue };
                let met = Met::Target(group.id, place, target.taker);
                if side.target_reached(target.price, at, through) {
                    offer(at, met);
                } else if side.target_reached(target.price, to, through) {
                    offer(target.price, met);
                }
            }
        }
        for order in self.book.orders.iter() {
            let Some(trigger) = order.trigger(self.book.bar.number) else { continue };
            if order.entry && !self.may_enter(order) {
                continue;
            }
            let met = if order.entry { Met::Entry(order.id) } else { Met::Exit(order.id) };
            let direction = order.direction();
            if trigger.reached(direction, at, through) {
                offer(at, met);
            } else if trigger.falls(direction) == falling && trigger.reached(direction, to, through) {
                offer(trigger.level(), met);
            }
        }
        Ok(first)
    }
}
