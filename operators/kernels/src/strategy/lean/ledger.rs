//! The exact postings of a long account that is flat or holds one entry: what the engine posts, without its rows.

use super::super::Expr;
use super::super::spec::{Filters, Size};
use crate::money::{Divisor, Money, Overflow, Ratio};

/// What entries ask for and cost.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) wanted: Wanted,
    /// Fee rate, scaled by 1e8 too if it has no more decimals, and `1 + rate` as a divisor.
    pub(super) rate: Ratio,
    pub(super) short_rate: Option<u64>,
    pub(super) with_fee: Divisor,
    pub(super) fixed: Money,
    pub(super) filters: Filters,
    /// The step as a divisor, if it has one that fits.
    pub(super) step: Option<Divisor>,
    /// Whether an order that is short is rejected instead of cut.
    pub(super) reject: bool,
}

/// The size, as far as a flat account needs to know it: equity and cash are the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    /// All of the cash, fees included.
    All,
    /// A share of it below one.
    Share(Ratio),
    Notional(Money),
    Quantity(Money),
}

impl Wanted {
    pub(super) fn of(size: Size) -> Option<Wanted> {
        let amount = |expr: Expr| match expr {
            Expr::Constant(value) => Money::from_f64(value).filter(|amount| *amount > Money::ZERO),
            Expr::Column(_) | Expr::Program(_) => None,
        };
        match size {
            Size::Equity(Ratio::ONE) | Size::Cash(Ratio::ONE) => Some(Wanted::All),
            Size::Equity(share) | Size::Cash(share) => (share < Ratio::ONE).then_some(Wanted::Share(share)),
            Size::Quote(expr) => amount(expr).map(Wanted::Notional),
            Size::Base(expr) => amount(expr).map(Wanted::Quantity),
            _ => None,
        }
    }
}

/// Money between fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Account {
    /// Ledger cash: all there is while flat.
    pub(super) cash: Money,
    pub(super) held: Option<Held>,
}

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    pub(super) qty: Money,
    pub(super) cost: Money,
    pub(super) fee: Money,
    /// The bar of entry.
    pub(super) bar: usize,
}

/// An exit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Left {
    pub(super) held: Held,
    pub(super) proceeds: Money,
    pub(super) fee: Money,
    pub(super) net: Money,
}

impl Terms {
    /// Notional whose cost and fee take exactly `money`, rounded down.
    #[inline]
    fn notional_for(&self, money: Money) -> Result<Money, Overflow> {
        money.max(Money::ZERO).per_down(&self.with_fee)
    }

    #[inline]
    fn fee(&self, qty: Money, price: i64) -> Result<Money, Overflow> {
        let fee = match self.short_rate {
            Some(rate) => qty.short_fee_at(price, rate)?,
            None => qty.fee_at(price, self.rate)?,
        };
        if self.fixed.is_zero() { Ok(fee) } else { fee.plus(self.fixed) }
    }

    #[inline]
    fn on_step(&self, qty: Money) -> Money {
        match (&self.step, u128::try_from(qty.units())) {
            (Some(step), Ok(units)) => Money::from_units(qty.units() - i128::from(step.divide(units).1)),
            _ => qty.floor_to(self.filters.step),
        }
    }
}

impl Account {
    /// Enters at a price; `false` if the order is refused. The same decisions and postings, in the same order, as
    /// `Desk::open_sized` makes for a flat account without margin.
    #[inline]
    pub(super) fn enter(&mut self, terms: &Terms, price: i64, bar: usize) -> Result<bool, Overflow> {
        let cash = self.cash;
        let wanted = match terms.wanted {
            Wanted::All => terms.notional_for(cash.minus(terms.fixed)?)?.bought_at(price)?,
            Wanted::Share(share) => {
                let money = cash.max(Money::ZERO).share(share)?.minus(terms.fixed)?;
                terms.notional_for(money)?.bought_at(price)?
            }
            Wanted::Notional(notional) => notional.bought_at(price)?,
            Wanted::Quantity(qty) => qty,
        };
        let mut qty = match terms.wanted {
            Wanted::All | Wanted::Share(_) => wanted,
            _ => wanted.min(terms.notional_for(cash.minus(terms.fixed)?)?.bought_at(price)?),
        };
        qty = terms.on_step(qty);
        let (mut cost, mut fee) = (Money::ZERO, Money::ZERO);
        while qty > Money::ZERO {
            cost = qty.cost_at(price)?;
            fee = terms.fee(qty, price)?;
            let missing = cost.plus(fee)?.minus(cash)?;
            if missing <= Money::ZERO {
                break;
            }
            let less = missing.over(Money::from_price(price))?.plus(Money::UNIT)?;
            qty = qty.minus(less)?.floor_to(terms.filters.step);
        }
        let cut = match terms.wanted {
            Wanted::All | Wanted::Share(_) if qty > Money::ZERO => false,
            _ => {
                let grain = terms.filters.step.max(Money::from_units(1_000_000));
                wanted.floor_to(terms.filters.step).minus(qty.max(Money::ZERO))? > grain
            }
        };
        let small = qty <= Money::ZERO || qty < terms.filters.min_qty || cost < terms.filters.min_notional;
        if small || (cut && terms.reject) {
            return Ok(false);
        }
        self.cash = cash.minus(cost)?.minus(fee)?;
        self.held = Some(Held { qty, cost, fee, bar });
        Ok(true)
    }

    /// Leaves at a price.
    #[inline]
    pub(super) fn leave(&mut self, terms: &Terms, price: i64) -> Result<Option<Left>, Overflow> {
        let Some(held) = self.held.take() else { return Ok(None) };
        let proceeds = held.qty.cost_at(price)?;
        let fee = terms.fee(held.qty, price)?;
        self.cash = self.cash.plus(proceeds)?.minus(fee)?;
        let net = proceeds.minus(held.cost)?.minus(held.fee.plus(fee)?)?;
        Ok(Some(Left { held, proceeds, fee, net }))
    }
}
