//! The exact postings of an account that is flat or holds one entry: what the engine posts, without its rows.

use super::super::size::ROUNDING;
use super::super::spec::{Filters, Size};
use super::super::{Expr, Side};
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
    /// Slippage of entries and of exits; `None` where a fill gets the open.
    pub(super) slips: [Option<Ratio>; 2],
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
    pub(super) side: Side,
    pub(super) qty: Money,
    /// With its side's sign.
    pub(super) qty_f64: f64,
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

/// The bar at whose open an entry fills, and whether its fixed fee went with the trade that it closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) bar: usize,
    pub(super) charged: bool,
}

/// What a fill gets: an open, scaled by 1e8, or what slippage made of it.
#[derive(Debug, Clone, Copy)]
enum Price {
    Open(i64),
    Slipped(Money),
}

impl Price {
    #[inline]
    fn cost(self, qty: Money) -> Result<Money, Overflow> {
        match self {
            Price::Open(price) => qty.cost_at(price),
            Price::Slipped(price) => price.times(qty),
        }
    }

    #[inline]
    fn bought_for(self, notional: Money) -> Result<Money, Overflow> {
        match self {
            Price::Open(price) => notional.bought_at(price),
            Price::Slipped(price) => notional.over_down(price),
        }
    }

    fn money(self) -> Money {
        match self {
            Price::Open(price) => Money::from_price(price),
            Price::Slipped(price) => price,
        }
    }
}

impl Terms {
    /// What who buys or sells gets at an open.
    #[inline]
    fn price(&self, open: i64, buys: bool, entry: bool) -> Result<Price, Overflow> {
        let Some(by) = self.slips[usize::from(!entry)] else { return Ok(Price::Open(open)) };
        let direction = if buys { Side::Long } else { Side::Short };
        direction.favoured(Money::from_price(open), by).map(Price::Slipped)
    }

    /// Notional whose cost and fee take exactly `money`, rounded down.
    #[inline]
    fn notional_for(&self, money: Money) -> Result<Money, Overflow> {
        money.max(Money::ZERO).per_down(&self.with_fee)
    }

    /// What a quantity costs, and its fee.
    #[inline]
    fn cost_and_fee(&self, qty: Money, price: Price, fixed: Money) -> Result<(Money, Money), Overflow> {
        let (cost, fee) = match (price, self.short_rate) {
            (Price::Open(price), Some(rate)) => qty.cost_and_short_fee_at(price, rate)?,
            (Price::Open(at), None) => (price.cost(qty)?, qty.fee_at(at, self.rate)?),
            (Price::Slipped(at), _) => (price.cost(qty)?, at.times_share(qty, self.rate)?),
        };
        Ok((cost, if fixed.is_zero() { fee } else { fee.plus(fixed)? }))
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
    /// Enters at an open; `false` if the order is refused. The same decisions and postings, in the same order, as
    /// `Desk::open_sized` makes for a flat account without margin.
    #[inline]
    pub(super) fn enter(&mut self, terms: &Terms, side: Side, open: i64, when: When) -> Result<bool, Overflow> {
        let (cash, fixed) = (self.cash, if when.charged { Money::ZERO } else { terms.fixed });
        let price = terms.price(open, side == Side::Long, true)?;
        let wanted = match terms.wanted {
            Wanted::All => price.bought_for(terms.notional_for(cash.minus(fixed)?)?)?,
            Wanted::Share(share) => {
                let money = cash.max(Money::ZERO).share(share)?.minus(fixed)?;
                price.bought_for(terms.notional_for(money)?)?
            }
            Wanted::Notional(notional) => price.bought_for(notional)?,
            Wanted::Quantity(qty) => qty,
        };
        let most = match terms.wanted {
            Wanted::All | Wanted::Share(_) => wanted,
            _ => price.bought_for(terms.notional_for(cash.minus(fixed)?)?)?,
        };
        let mut qty = terms.on_step(wanted.min(most));
        let (mut cost, mut fee) = (Money::ZERO, Money::ZERO);
        while qty > Money::ZERO {
            (cost, fee) = terms.cost_and_fee(qty, price, fixed)?;
            let missing = cost.plus(fee)?.minus(cash)?;
            if missing <= Money::ZERO {
                break;
            }
            let less = missing.over(price.money())?.plus(Money::UNIT)?;
            qty = qty.minus(less)?.floor_to(terms.filters.step);
        }
        let cut = wanted.minus(most)? > ROUNDING && wanted.floor_to(terms.filters.step) > qty;
        let small = qty <= Money::ZERO || qty < terms.filters.min_qty || cost < terms.filters.min_notional;
        if small || (cut && terms.reject) {
            return Ok(false);
        }
        self.cash = cash.minus(side.signed(cost))?.minus(fee)?;
        let qty_f64 = side.signed(qty).to_f64();
        self.held = Some(Held { side, qty, qty_f64, cost, fee, bar: when.bar });
        Ok(true)
    }

    /// Leaves at an open, or at a price that fills like one.
    #[inline]
    pub(super) fn leave(&mut self, terms: &Terms, open: i64) -> Result<Option<Left>, Overflow> {
        let Some(held) = self.held.take() else { return Ok(None) };
        let price = terms.price(open, held.side == Side::Short, false)?;
        let (proceeds, fee) = terms.cost_and_fee(held.qty, price, terms.fixed)?;
        self.cash = self.cash.plus(held.side.signed(proceeds))?.minus(fee)?;
        let gross = held.side.signed(proceeds.minus(held.cost)?);
        let net = gross.minus(held.fee.plus(fee)?)?;
        Ok(Some(Left { held, proceeds, fee, net }))
    }
}
