//! How much an entry buys or sells: from its frozen size to a quantity on the grid that the account can pay.

use super::Reason;
use super::book::Desk;
use super::orders::FrozenSize;
use super::spec::Insufficient;
use crate::money::{Money, Overflow, Ratio, SCALE, mul_div};

/// A quantity that rounding may take off what is affordable.
pub(super) const ROUNDING: Money = Money::from_units(1_000_000);

/// What a quantity costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Fill price, slippage included.
    pub(super) price: Money,
    /// Fee rate of the fill.
    pub(super) rate: Ratio,
    /// Fee per order.
    pub(super) fixed: Money,
    /// Distance to the initial stop, for sizes by risk.
    pub(super) risk: Option<Money>,
}

/// A quantity that may be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantity {
    pub(super) qty: Money,
    /// It was cut to what is affordable.
    pub(super) partial: bool,
}

/// Notional whose margin and fee take exactly `money`: `money / (1 / leverage + rate)`, rounded down.
fn notional_for(money: Money, leverage: Ratio, rate: Ratio) -> Result<Money, Overflow> {
    let cost = SCALE.checked_add(mul_div(leverage.units(), rate.units(), SCALE)?).ok_or(Overflow)?;
    money.max(Money::ZERO).scaled_down(leverage.units(), cost)
}

impl Desk<'_> {
    /// The quantity that the size asks for, before what can be paid and before the grid.
    pub(super) fn wanted(
        &self,
        size: FrozenSize,
        terms: Terms,
        equity: Money,
        free: Money,
    ) -> Result<Result<Money, Reason>, Overflow> {
        let leverage = self.spec.account.leverage;
        let fees_included = |base: Money, share: Ratio| {
            let money = base.max(Money::ZERO).share(share)?.minus(terms.fixed)?;
            notional_for(money, leverage, terms.rate)
        };
        let notional = match size {
            FrozenSize::Equity(share) => fees_included(equity, share)?,
            FrozenSize::Cash(share) => fees_included(free, share)?,
            FrozenSize::Quote(notional) => notional,
            FrozenSize::Notional(share) => equity.max(Money::ZERO).share(share)?,
            FrozenSize::Base(qty) => return Ok(Ok(qty)),
            FrozenSize::Target(share) => equity.max(Money::ZERO).share(share)?.abs(),
            FrozenSize::Risk(share) => {
                return match terms.risk {
                    Some(risk) if risk > Money::ZERO => {
                        Ok(Ok(equity.max(Money::ZERO).share(share)?.over_down(risk)?))
                    }
                    _ => Ok(Err(Reason::NullLevel)),
                };
            }
        };
        Ok(Ok(notional.over_down(terms.price)?))
    }

    /// Cuts to what is affordable, puts it on the grid and checks the minimums.
    pub(super) fn affordable(&self, wanted: Money, terms: Terms) -> Result<Result<Quantity, Reason>, Overflow> {
        let (filters, leverage) = (self.book.filters, self.spec.account.leverage);
        let spendable = self.account.spendable()?;
        let most = notional_for(spendable.minus(terms.fixed)?, leverage, terms.rate)?.over_down(terms.price)?;
        let mut qty = wanted.min(most).floor_to(filters.step);
        // Postings are rounded one by one, so that the last unit may still be missing.
        while qty > Money::ZERO {
            let missing = self.entry_cost(qty, terms)?.minus(spendable)?;
            if missing <= Money::ZERO {
                break;
            }
            let less = missing.over(terms.price)?.share(leverage)?.plus(Money::UNIT)?;
            qty = qty.minus(less)?.floor_to(filters.step);
        }
        let qty = qty.max(Money::ZERO);
        // Short by rounding alone is not short, nor is what the grid takes off.
        let partial = wanted.minus(most)? > ROUNDING && wanted.floor_to(filters.step) > qty;
        if partial && self.spec.account.on_insufficient == Insufficient::Reject {
            return Ok(Err(Reason::Insufficient));
        }
        Ok(self.on_grid(qty, terms.price, partial)?.map(|()| Quantity { qty, partial }))
    }

    /// Whether the exchange takes an order of this quantity.
    pub(super) fn on_grid(&self, qty: Money, price: Money, cut: bool) -> Result<Result<(), Reason>, Overflow> {
        let filters = self.book.filters;
        Ok(if qty <= Money::ZERO {
            Err(if cut { Reason::Insufficient } else { Reason::TooSmall })
        } else if qty < filters.min_qty {
            Err(Reason::MinQty)
        } else if filters.min_notional > Money::ZERO && price.times(qty)? < filters.min_notional {
            Err(Reason::MinNotional)
        } else {
            Ok(())
        })
    }

    /// Margin and fee of an entry, as they would be posted.
    fn entry_cost(&self, qty: Money, terms: Terms) -> Result<Money, Overflow> {
        let margin = terms.price.times(qty)?.per(self.spec.account.leverage)?;
        margin.plus(terms.price.times_share(qty, terms.rate)?)?.plus(terms.fixed)
    }
}
