//! Where a position is liquidated: the price at which its margin, or the whole account, is used up.

use super::Side;
use super::book::Desk;
use super::spec::MarginMode;
use crate::money::{Money, Overflow, Ratio};

impl Desk<'_> {
    /// The price at which a position is liquidated, where it can be.
    pub(super) fn liquidation(&self) -> Result<Option<Money>, Overflow> {
        let Some(position) = &self.book.position else { return Ok(None) };
        let account = &self.spec.account;
        let (side, one) = (position.side, Ratio::ONE);
        match account.margin {
            MarginMode::None => Ok(None),
            MarginMode::Isolated => {
                if side == Side::Long && account.leverage == one {
                    return Ok(None);
                }
                let entry = position.entry_price()?;
                let bankrupt = match side {
                    Side::Long => entry.minus(entry.per(account.leverage)?)?,
                    Side::Short => entry.plus(entry.per(account.leverage)?)?,
                };
                bankrupt.per(self.kept(side)?).map(Some)
            }
            MarginMode::Cross => {
                // Equity at price p equals the sum of maintenance: cash + others + qty p = m (others + |qty| p).
                let symbol = self.book.symbol as usize;
                let (mut value, mut needed) = (self.account.ledger.cash, Money::ZERO);
                for (place, mark) in self.account.marks.iter().enumerate() {
                    if place != symbol && !mark.qty.is_zero() {
                        let notional = mark.price.times(mark.qty)?;
                        value = value.plus(notional)?;
                        needed = needed.plus(notional.abs().share(account.maintenance)?)?;
                    }
                }
                // A quantity too small to matter has its price beyond every number: it cannot be what ruins the account.
                let spare = side.signed(needed.minus(value)?);
                let Ok(level) = spare.over(position.qty()?).and_then(|level| level.per(self.kept(side)?)) else {
                    return Ok(None);
                };
                Ok((level > Money::ZERO).then_some(level))
            }
        }
    }

    /// `1 - maintenance` for longs, `1 + maintenance` for shorts.
    fn kept(&self, side: Side) -> Result<Ratio, Overflow> {
        let maintenance = self.spec.account.maintenance;
        match side {
            Side::Long => Ratio::ONE.minus(maintenance),
            Side::Short => Ratio::ONE.plus(maintenance),
        }
    }
}
