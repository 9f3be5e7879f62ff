//! Orders that wait: placed by a rule at a close, filled from the next bar on.

use super::levels::LevelPlan;
use super::{OrderKind, Reason, Side};
use crate::money::{Money, Ratio};

/// How much an entry wants, with its expressions frozen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FrozenSize {
    /// Share of equity, fees included.
    Equity(Ratio),
    /// Share of free cash, fees included.
    Cash(Ratio),
    /// Notional, fees apart.
    Quote(Money),
    /// Quantity.
    Base(Money),
    /// Share of equity at risk to the initial stop.
    Risk(Ratio),
    /// Signed share of equity to hold.
    Target(Ratio),
    /// Share of equity as notional, fees apart.
    Notional(Ratio),
}

/// What an entry order carries to its fill.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EntryPlan {
    pub(super) size: FrozenSize,
    /// The quantity, where it was sized at the signal.
    pub(super) sized: Option<Money>,
    pub(super) levels: LevelPlan,
}

/// A waiting order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) id: u64,
    /// Of the trade it opens or closes.
    pub(super) side: Side,
    pub(super) entry: bool,
    /// Place in the side's list; `None` for exits that no rule placed.
    pub(super) rule: Option<u32>,
    pub(super) kind: OrderKind,
    pub(super) limit: Option<Money>,
    pub(super) stop: Option<Money>,
    /// A stop-limit whose stop was touched: it is a limit from bar `rests_from` on.
    pub(super) activated: bool,
    pub(super) rests_from: u64,
    /// Whether it was not marketable when it began to rest.
    pub(super) maker: bool,
    /// Bars left; `None` is no end.
    pub(super) expires_in: Option<u32>,
    /// Event time of the bar that placed it.
    pub(super) placed: i64,
    pub(super) rank: f64,
    pub(super) tag: Option<u32>,
    pub(super) reason: Reason,
    /// Exits: of the position's largest quantity.
    pub(super) portion: Option<Ratio>,
    /// Exits: only this group.
    pub(super) group: Option<u64>,
    /// Entries only.
    pub(super) plan: Option<EntryPlan>,
}

/// How a waiting order meets a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// A limit rests at this price.
    Limit(Money),
    /// A stop waits at this price; with a limit, beyond which it does not fill.
    Stop(Money, Option<Money>),
}

impl Order {
    /// Its stop was touched in bar `number`: it rests as a limit from the next one on.
    pub(super) fn activate(&mut self, number: u64, maker: bool) {
        (self.activated, self.maker, self.rests_from) = (true, maker, number + 1);
    }

    pub(super) fn is_market(&self) -> bool {
        self.kind == OrderKind::Market
    }

    /// Whether it buys: entries of long trades and exits of short ones.
    pub(super) fn buys(&self) -> bool {
        (self.side == Side::Long) == self.entry
    }

    /// The side that its direction would open: prices move against it where a limit fills.
    pub(super) fn direction(&self) -> Side {
        if self.buys() { Side::Long } else { Side::Short }
    }

    /// What it waits for in bar `number`; `None` for market orders and limits that rest from a later bar.
    pub(super) fn trigger(&self, number: u64) -> Option<Trigger> {
        match self.kind {
            OrderKind::Market => None,
            OrderKind::Limit => self.limit.map(Trigger::Limit),
            OrderKind::Stop => self.stop.map(|stop| Trigger::Stop(stop, None)),
            OrderKind::StopLimit if self.activated => {
                self.limit.filter(|_| number >= self.rests_from).map(Trigger::Limit)
            }
            OrderKind::StopLimit => self.stop.map(|stop| Trigger::Stop(stop, self.limit)),
        }
    }
}

impl Trigger {
    /// Whether `price` sets it off, for an order of this direction; `through` wants a limit passed.
    pub(super) fn reached(self, direction: Side, price: Money, through: bool) -> bool {
        match self {
            // A buy limit is met by falling prices, like the stop of a long trade.
            Trigger::Limit(limit) => direction.stop_reached(limit, price) && !(through && limit == price),
            Trigger::Stop(stop, _) => direction.target_reached(stop, price, false),
        }
    }

    pub(super) fn level(self) -> Money {
        match self {
            Trigger::Limit(level) | Trigger::Stop(level, _) => level,
        }
    }

    /// Whether falling prices set it off.
    pub(super) fn falls(self, direction: Side) -> bool {
        matches!(self, Trigger::Limit(_)) == (direction == Side::Long)
    }
}
