//! What a symbol's account holds: entries (lots), in groups that share their levels.
//!
//! `exits: position` keeps all lots in one group; `exits: per_entry` gives each its own. A lot keeps its cost,
//! margin and fee as posted money; an exit takes its rounded share, and the last one takes the remainder.

use super::levels::{LevelPlan, Levels};
use super::{Reason, Side};
use crate::money::{Money, Overflow};

/// One entry fill, as far as it is still held.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lot {
    pub(super) order: u64,
    pub(super) rule: u32,
    pub(super) tag: Option<u32>,
    pub(super) reason: Reason,
    pub(super) time: i64,
    pub(super) fill_time: Option<i64>,
    /// Fill price, slippage included.
    pub(super) price: Money,
    /// Fill price before slippage.
    pub(super) quote: Money,
    pub(super) qty: Money,
    pub(super) cost: Money,
    pub(super) margin: Money,
    pub(super) fee: Money,
    pub(super) funding: Money,
    pub(super) bars: u32,
    /// Extremes while held.
    pub(super) high: Money,
    pub(super) low: Money,
    pub(super) ambiguous: bool,
    pub(super) partial: bool,
    pub(super) gap: bool,
}

/// Entries of one position of `size: target` that are kept apart, at most: without an end to adding, its state would have
/// none. An entry beyond is added to the newest, and counted.
pub const MOST_LOTS: usize = 256;

/// When in the current bar a group was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// In an earlier bar.
    No,
    /// At this bar's open.
    Open,
    /// Inside this bar.
    Inside,
}

/// Lots that share their levels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// The order of the first entry.
    pub(super) id: u64,
    pub(super) lots: Vec<Lot>,
    pub(super) levels: Levels,
    pub(super) plan: LevelPlan,
    /// Largest quantity so far.
    pub(super) largest: Money,
    pub(super) bars: u32,
    /// Open time of the bar of entry (entered at a close: its event time).
    pub(super) held_from: i64,
    pub(super) fresh: Fresh,
}

/// A position: at least one group of at least one lot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    pub(super) side: Side,
    /// The side whose rule opened it: a target below zero makes a short of a long rule.
    pub(super) by: Side,
    pub(super) groups: Vec<Group>,
    /// Largest quantity so far.
    pub(super) largest: Money,
    pub(super) bars: u32,
    /// Extremes while held.
    pub(super) high: Money,
    pub(super) low: Money,
    /// Net PnL of what was closed already.
    pub(super) closed_net: Money,
    /// Exit rules with a portion that have acted.
    pub(super) acted: Vec<u32>,
}

impl Lot {
    /// Adds a later entry: what was posted sums exactly, prices become averages by quantity, times stay the first.
    pub(super) fn absorb(&mut self, later: Lot) -> Result<(), Overflow> {
        let qty = self.qty.plus(later.qty)?;
        let mean = |a: Money, b: Money| a.times(self.qty)?.plus(b.times(later.qty)?)?.over(qty);
        (self.price, self.quote) = (mean(self.price, later.price)?, mean(self.quote, later.quote)?);
        self.qty = qty;
        self.cost = self.cost.plus(later.cost)?;
        self.margin = self.margin.plus(later.margin)?;
        self.fee = self.fee.plus(later.fee)?;
        self.funding = self.funding.plus(later.funding)?;
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.ambiguous |= later.ambiguous;
        self.partial |= later.partial;
        self.gap |= later.gap;
        Ok(())
    }
}

impl Group {
    pub(super) fn qty(&self) -> Result<Money, Overflow> {
        sum(self.lots.iter().map(|lot| lot.qty))
    }

    /// Average of the lots by quantity: of fill prices, or of prices before slippage.
    pub(super) fn average(&self, price: impl Fn(&Lot) -> Money) -> Result<Money, Overflow> {
        if let [lot] = self.lots.as_slice() {
            return Ok(price(lot));
        }
        let cost = self.lots.iter().try_fold(Money::ZERO, |cost, lot| cost.plus(price(lot).times(lot.qty)?))?;
        cost.over(self.qty()?)
    }
}

impl Position {
    pub(super) fn lots(&self) -> impl Iterator<Item = &Lot> {
        self.groups.iter().flat_map(|group| &group.lots)
    }

    pub(super) fn lots_mut(&mut self) -> impl Iterator<Item = &mut Lot> {
        self.groups.iter_mut().flat_map(|group| &mut group.lots)
    }

    pub(super) fn qty(&self) -> Result<Money, Overflow> {
        sum(self.lots().map(|lot| lot.qty))
    }

    pub(super) fn cost(&self) -> Result<Money, Overflow> {
        sum(self.lots().map(|lot| lot.cost))
    }

    /// Average entry price: cost by quantity.
    pub(super) fn entry_price(&self) -> Result<Money, Overflow> {
        match self.groups.as_slice() {
            [group] if group.lots.len() == 1 => Ok(group.lots[0].price),
            _ => self.cost()?.over(self.qty()?),
        }
    }

    /// Prices that were reached while all of it was held.
    pub(super) fn reached(&mut self, high: Money, low: Money) {
        self.high = self.high.max(high);
        self.low = self.low.min(low);
        for lot in self.lots_mut() {
            lot.high = lot.high.max(high);
            lot.low = lot.low.min(low);
        }
    }

    /// A single price that was reached.
    pub(super) fn touched(&mut self, price: Money) {
        self.reached(price, price);
    }

    /// Net PnL of what is held at `price`, without the exit fee.
    pub(super) fn pnl(&self, price: Money) -> Result<Money, Overflow> {
        let value = price.times(self.qty()?)?;
        let gross = self.side.signed(value.minus(self.cost()?)?);
        let paid = sum(self.lots().map(|lot| lot.fee))?.plus(sum(self.lots().map(|lot| lot.funding))?)?;
        gross.minus(paid)
    }
}

pub(super) fn sum(mut amounts: impl Iterator<Item = Money>) -> Result<Money, Overflow> {
    amounts.try_fold(Money::ZERO, Money::plus)
}
