//! What an entry carries from its signal to its fill: levels and sizes, evaluated once and frozen.

use super::account::Effect;
use super::book::Desk;
use super::hear::Hearing;
use super::levels::{Frozen, LevelPlan};
use super::orders::{EntryPlan, FrozenSize, Order};
use super::position::{Position, sum};
use super::size::Terms;
use super::spec::{EntryRule, Expr, Level, OnOpposite, SideSpec, Size, Trailing};
use super::{EngineError, Reason};
use crate::money::{Money, Overflow, Ratio};

impl Desk<'_> {
    /// Evaluates sizes and levels; NULL, or what is no price, refuses the order rather than leave it unprotected.
    pub(super) fn freeze_plan(
        &self,
        rules: &SideSpec,
        rule: &EntryRule,
        hearing: &mut Hearing<'_>,
    ) -> Result<EntryPlan, Reason> {
        let size = rule.size.or(rules.size).ok_or(Reason::NullSize)?;
        let size = self.freeze_size(size, hearing)?;
        let stop = rules.stop_loss.map(|level| freeze_level(level, hearing)).transpose()?;
        let mut targets = Vec::with_capacity(rules.take_profit.len());
        for target in &rules.take_profit {
            targets.push((freeze_level(target.at, hearing)?, target.portion));
        }
        let trail = match rules.trailing_stop {
            Some(Trailing { by: Level::Price(expr), after }) => Some((self.freeze_trail(expr, hearing), after)),
            Some(Trailing { by, after }) => Some((Some(freeze_level(by, hearing)?), after)),
            None => None,
        };
        let levels = LevelPlan { stop, targets, trail, even: rules.break_even };
        Ok(EntryPlan { size, sized: None, levels })
    }

    /// The first level of a trailing `price`. NULL is none yet: the next closes give one. A program is about the
    /// position that this order is to open, and there is none; what it said now would be about the one before.
    fn freeze_trail(&self, expr: Expr, hearing: &mut Hearing<'_>) -> Option<Frozen> {
        match expr {
            Expr::Program(_) => None,
            Expr::Column(_) | Expr::Constant(_) => freeze_level(Level::Price(expr), hearing).ok(),
        }
    }

    fn freeze_size(&self, size: Size, hearing: &mut Hearing<'_>) -> Result<FrozenSize, Reason> {
        let mut positive = |expr: Expr| {
            let amount = Money::from_f64(hearing.value(expr)).filter(|amount| *amount > Money::ZERO);
            amount.ok_or(Reason::NullSize)
        };
        Ok(match size {
            Size::Equity(share) => FrozenSize::Equity(share),
            Size::Cash(share) => FrozenSize::Cash(share),
            Size::Quote(expr) => FrozenSize::Quote(positive(expr)?),
            Size::Base(expr) => FrozenSize::Base(positive(expr)?),
            Size::Risk(share) => FrozenSize::Risk(share),
            Size::Target(expr) => FrozenSize::Target(Ratio::from_f64(hearing.value(expr)).ok_or(Reason::NullSize)?),
            Size::Volatility { of, days } => {
                let deviation = self.book.days.deviation(usize::from(days)).ok_or(Reason::NullSize)?;
                FrozenSize::Notional(Ratio::from_f64(of.to_f64() / deviation).ok_or(Reason::NullSize)?)
            }
        })
    }

    /// `sized_at: signal`: the quantity at this close, as if the exits ordered here had filled at it.
    pub(super) fn size_at_signal(&self, order: &Order) -> Result<Result<Money, Reason>, EngineError> {
        let Some(plan) = &order.plan else { return Ok(Err(Reason::NullSize)) };
        if matches!(plan.size, FrozenSize::Target(_)) {
            return Ok(Err(Reason::NullSize)); // a target is a place to be brought to, decided at the fill
        }
        let (close, fees) = (self.book.bar.prices.close, self.spec.account.fees);
        let (mut after, mut fixed) = (self.account.assumed, fees.fixed);
        if let Some(position) = &self.book.position
            && position.side != order.side
            && self.spec.on_opposite == OnOpposite::Reverse
        {
            after = after.plus(self.exit_effect(position, position.qty()?)?)?.minus(self.waiting_exits()?)?;
            if !self.book.orders.iter().any(|order| !order.entry && order.is_market()) {
                fixed = Money::ZERO; // this order closes too, and that leg pays it
            }
        }
        let free = self.account.ledger.free()?.plus(after.free)?;
        let equity = self.account.exact_equity()?.plus(after.equity)?;
        let stop = plan.levels.stop.map(|stop| stop.stop(order.side, close, self.book.filters.tick)).transpose()?;
        let risk = stop.map(|stop| close.minus(stop).map(Money::abs)).transpose()?;
        let rate = if order.maker { fees.maker } else { fees.taker };
        let terms = Terms { price: close, rate, fixed, risk };
        Ok(self.wanted(plan.size, terms, equity, free)?)
    }

    /// What the market exits that wait would set free at this close.
    pub(super) fn waiting_exits(&self) -> Result<Effect, Overflow> {
        let Some(position) = &self.book.position else { return Ok(Effect::default()) };
        let (held, mut leaving) = (position.qty()?, Money::ZERO);
        for order in self.book.orders.iter().filter(|order| !order.entry && order.is_market()) {
            let part = match (order.group, order.portion) {
                (None, None) => held,
                (None, Some(portion)) => position.largest.share(portion)?.floor_to(self.book.filters.step),
                (Some(id), _) => match position.groups.iter().find(|group| group.id == id) {
                    Some(group) => group.qty()?,
                    None => Money::ZERO,
                },
            };
            leaving = leaving.plus(part)?.min(held);
        }
        if leaving.is_zero() { Ok(Effect::default()) } else { self.exit_effect(position, leaving) }
    }

    /// What a market exit of `qty` at this close would do.
    fn exit_effect(&self, position: &Position, qty: Money) -> Result<Effect, Overflow> {
        let (close, fees) = (self.book.bar.prices.close, self.spec.account.fees);
        let held = position.qty()?;
        let cost = position.cost()?.part(qty, held)?;
        let margin = sum(position.lots().map(|lot| lot.margin))?.part(qty, held)?;
        let fee = close.times_share(qty, fees.taker)?.plus(fees.fixed)?;
        let gross = position.side.signed(close.times(qty)?.minus(cost)?);
        Ok(Effect { free: margin.plus(gross)?.minus(fee)?, equity: fee.negated() })
    }
}

fn freeze_level(level: Level, hearing: &mut Hearing<'_>) -> Result<Frozen, Reason> {
    let mut positive = |expr: Expr| {
        let amount = Money::from_f64(hearing.value(expr)).filter(|amount| *amount > Money::ZERO);
        amount.ok_or(Reason::NullLevel)
    };
    Ok(match level {
        Level::Percent(share) => Frozen::Percent(share),
        Level::Distance(expr) => Frozen::Distance(positive(expr)?),
        Level::Price(expr) => Frozen::Price(positive(expr)?),
    })
}
