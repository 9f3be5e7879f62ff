//! Every precondition of the engine, in one place.

use super::{BreakEven, EntryRule, ExitRule, Expire, Expr, Level, MarginMode, PyramidExits, SideSpec, Size, Spec};
use crate::money::{Money, Ratio};
use crate::strategy::Side;

/// What is wrong with a strategy, each said so that its author can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// `account.balance`.
    #[error("the balance must be positive, found {0}")]
    Balance(Money),
    /// `account.leverage`.
    #[error("the leverage must be at least 1, found {0}")]
    Leverage(Ratio),
    /// A share outside its range.
    #[error("{key} must be at least {from} and below {below} (as fractions), found {found}")]
    Share {
        /// The key in the file.
        key: &'static str,
        /// The smallest value.
        from: Ratio,
        /// The first value that is too large.
        below: Ratio,
        /// What was found.
        found: Ratio,
    },
    /// A number that must be positive.
    #[error("{0} must be positive")]
    NotPositive(&'static str),
    /// No entry rule on either side.
    #[error("the strategy has no entry rule: add `long: {{ entry: .. }}` or `short: {{ entry: .. }}`")]
    NoEntry,
    /// An entry without a size.
    #[error("an entry rule of the {0:?} side has no size: add `size: {{ equity: 10% }}` or another")]
    NoSize(Side),
    /// `size: { risk }` without a stop.
    #[error("`size: {{ risk: .. }}` needs a `stop_loss` that says what an entry may lose")]
    RiskWithoutStop,
    /// Both target forms.
    #[error("`take_profit` takes targets or a `table`, not both")]
    TargetsAndTable,
    /// Portions above the whole.
    #[error("the portions of `take_profit` sum to {0}, which is more than 1")]
    Portions(Ratio),
    /// Table steps out of order.
    #[error("the steps of a `take_profit` table must be in rising order of time")]
    TableOrder,
    /// `break_even.at` beyond its trigger.
    #[error("`break_even` arms at {after} but would lie at {at}: `at` must not be above `after`")]
    BreakEven {
        /// The trigger.
        after: Ratio,
        /// The level.
        at: Ratio,
    },
    /// Maintenance that uses up the margin at the entry.
    #[error(
        "`maintenance: {maintenance}` is not below 1 / leverage ({leverage}): each entry would be liquidated at once; \
         lower one of them"
    )]
    Maintenance {
        /// The share kept.
        maintenance: Ratio,
        /// Notional by margin.
        leverage: Ratio,
    },
    /// A target of a short at or below zero.
    #[error("`take_profit` of the short side is {0}: a price cannot fall by all of it, take less than 100%")]
    ShortTarget(Ratio),
    /// Few days.
    #[error("`size: {{ volatility }}` needs at least 2 days for a deviation, found {0}")]
    Days(u16),
    /// `pyramiding` with a signed target size.
    #[error("`pyramiding` does not apply to `size: {{ target: .. }}`: remove one of them")]
    PyramidingWithTarget,
}

const PERCENT: i128 = 10_000_000_000_000_000;

impl Spec {
    /// Whether the engine can run this; the first thing that is wrong otherwise.
    pub fn validate(&self) -> Result<(), SpecError> {
        self.validate_account()?;
        self.validate_limits()?;
        if Side::BOTH.iter().all(|side| self.side(*side).is_none_or(|rules| rules.entry.is_empty())) {
            return Err(SpecError::NoEntry);
        }
        for side in Side::BOTH {
            if let Some(rules) = self.side(side) {
                self.validate_side(side, rules)?;
            }
        }
        Ok(())
    }

    fn validate_account(&self) -> Result<(), SpecError> {
        let account = &self.account;
        if account.balance <= Money::ZERO {
            return Err(SpecError::Balance(account.balance));
        }
        if account.leverage < Ratio::ONE || account.leverage > Ratio::from_units(1_000 * Ratio::ONE.units()) {
            return Err(SpecError::Leverage(account.leverage));
        }
        within("account.maintenance", account.maintenance, Ratio::ZERO, Ratio::ONE)?;
        let levered = account.leverage > Ratio::ONE && account.margin == MarginMode::Isolated;
        if levered
            && Money::from_units(account.leverage.units())
                .share(account.maintenance)
                .is_ok_and(|kept| kept >= Money::ONE)
        {
            let (maintenance, leverage) = (account.maintenance, account.leverage);
            return Err(SpecError::Maintenance { maintenance, leverage });
        }
        // A rebate as large as 1 / leverage would make an entry cost nothing, and its size infinite.
        let rebate = Ratio::from_units(-PERCENT);
        within("account.fees.maker", account.fees.maker, rebate, Ratio::from_units(50 * PERCENT))?;
        within("account.fees.taker", account.fees.taker, rebate, Ratio::from_units(50 * PERCENT))?;
        let cheapest = account.fees.maker.min(account.fees.taker).units();
        if cheapest < 0 && -cheapest * account.leverage.units() / PERCENT >= 100 * Ratio::ONE.units() {
            return Err(SpecError::NotPositive("the cost of an entry, 1 / leverage less the rebate,"));
        }
        if account.fees.fixed < Money::ZERO {
            return Err(SpecError::NotPositive("account.fees.fixed"));
        }
        within("account.slippage.pct", account.slippage.pct, Ratio::ZERO, Ratio::from_units(50 * PERCENT))
    }

    fn validate_limits(&self) -> Result<(), SpecError> {
        let positive =
            |found: Option<u32>, key| if found == Some(0) { Err(SpecError::NotPositive(key)) } else { Ok(()) };
        positive(self.limits.trades_per_day, "limits.trades_per_day")?;
        positive(self.limits.max_positions, "limits.max_positions")?;
        positive(self.cooldown.map(|cooldown| cooldown.bars), "cooldown.bars")?;
        positive(Some(self.pyramiding.max), "pyramiding.max")?;
        for (key, share) in [("limits.day_loss", self.limits.day_loss), ("limits.drawdown", self.limits.drawdown)] {
            share.map_or(Ok(()), |share| within(key, share, Ratio::from_units(1), Ratio::ONE))?;
        }
        Ok(())
    }

    fn validate_side(&self, side: Side, rules: &SideSpec) -> Result<(), SpecError> {
        for rule in &rules.entry {
            let size = rule.size.or(rules.size).ok_or(SpecError::NoSize(side))?;
            self.validate_size(size, rules)?;
            validate_entry(rule)?;
        }
        rules.exit.iter().try_for_each(validate_exit)?;
        if let Some(level) = rules.stop_loss {
            // A long stop at 100 % lies at zero and could never be reached.
            validate_level("stop_loss", level, Ratio::ONE)?;
        }
        if !rules.table.is_empty() && !rules.take_profit.is_empty() {
            return Err(SpecError::TargetsAndTable);
        }
        if rules.table.windows(2).any(|pair| pair[0].after >= pair[1].after)
            || rules.table.iter().any(|step| step.after < 0)
        {
            return Err(SpecError::TableOrder);
        }
        for target in &rules.take_profit {
            validate_level("take_profit", target.at, Ratio::from_units(1_000 * Ratio::ONE.units()))?;
            match target.at {
                Level::Percent(share) if side == Side::Short && share >= Ratio::ONE => {
                    return Err(SpecError::ShortTarget(share));
                }
                _ => {}
            }
        }
        let portions = rules.take_profit.iter().filter_map(|target| target.portion);
        validate_portions(portions)?;
        if let Some(trailing) = rules.trailing_stop {
            validate_level("trailing_stop", trailing.by, Ratio::ONE)?;
            let far = Ratio::from_units(1_000 * Ratio::ONE.units());
            trailing.after.map_or(Ok(()), |after| within("trailing_stop.after", after, Ratio::ZERO, far))?;
        }
        if let Some(BreakEven { after, at }) = rules.break_even {
            within("break_even.after", after, Ratio::from_units(1), Ratio::from_units(1_000 * Ratio::ONE.units()))?;
            if at > after {
                return Err(SpecError::BreakEven { after, at });
            }
            within(
                "break_even.at",
                at,
                Ratio::from_units(1 - Ratio::ONE.units()),
                Ratio::from_units(after.units() + 1),
            )?;
        }
        if rules.max_bars == Some(0) {
            return Err(SpecError::NotPositive("max_bars"));
        }
        Ok(())
    }

    fn validate_size(&self, size: Size, rules: &SideSpec) -> Result<(), SpecError> {
        let large = Ratio::from_units(1_000_001 * PERCENT);
        match size {
            Size::Equity(share) => within("size.equity", share, Ratio::from_units(1), large),
            Size::Cash(share) => within("size.cash", share, Ratio::from_units(1), large),
            Size::Risk(share) => {
                if rules.stop_loss.is_none() {
                    return Err(SpecError::RiskWithoutStop);
                }
                within("size.risk", share, Ratio::from_units(1), Ratio::ONE)
            }
            Size::Quote(Expr::Constant(value)) if value.is_nan() || value <= 0.0 => {
                Err(SpecError::NotPositive("size.quote"))
            }
            Size::Base(Expr::Constant(value)) if value.is_nan() || value <= 0.0 => {
                Err(SpecError::NotPositive("size.base"))
            }
            Size::Target(_) if self.pyramiding.max > 1 || self.pyramiding.exits == PyramidExits::PerEntry => {
                Err(SpecError::PyramidingWithTarget)
            }
            Size::Volatility { of, days } => {
                if days < 2 {
                    return Err(SpecError::Days(days));
                }
                within("size.volatility", of, Ratio::from_units(1), large)
            }
            Size::Quote(_) | Size::Base(_) | Size::Target(_) => Ok(()),
        }
    }
}

fn validate_entry(rule: &EntryRule) -> Result<(), SpecError> {
    if rule.expire == Expire::Bars(0) { Err(SpecError::NotPositive("entry.expire")) } else { Ok(()) }
}

fn validate_exit(rule: &ExitRule) -> Result<(), SpecError> {
    if rule.expire == Expire::Bars(0) {
        return Err(SpecError::NotPositive("exit.expire"));
    }
    let share = rule.portion.unwrap_or(Ratio::ONE);
    within("exit.portion", share, Ratio::from_units(1), Ratio::from_units(Ratio::ONE.units() + 1))
}

/// A level at the entry itself would close each trade as it opens.
fn validate_level(key: &'static str, level: Level, below: Ratio) -> Result<(), SpecError> {
    match level {
        Level::Percent(share) => within(key, share, Ratio::from_units(1), below),
        Level::Distance(Expr::Constant(value)) | Level::Price(Expr::Constant(value))
            if value.is_nan() || value <= 0.0 =>
        {
            Err(SpecError::NotPositive(key))
        }
        Level::Distance(_) | Level::Price(_) => Ok(()),
    }
}

fn validate_portions(portions: impl Iterator<Item = Ratio>) -> Result<(), SpecError> {
    let mut sum = Ratio::ZERO;
    for portion in portions {
        within("take_profit.portion", portion, Ratio::from_units(1), Ratio::from_units(Ratio::ONE.units() + 1))?;
        sum = sum.plus(portion).map_err(|_| SpecError::Portions(portion))?;
    }
    if sum > Ratio::ONE { Err(SpecError::Portions(sum)) } else { Ok(()) }
}

fn within(key: &'static str, found: Ratio, from: Ratio, below: Ratio) -> Result<(), SpecError> {
    if found < from || found >= below { Err(SpecError::Share { key, from, below, found }) } else { Ok(()) }
}
