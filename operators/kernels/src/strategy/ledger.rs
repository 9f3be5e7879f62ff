//! The account's money: every posting, and the identity that they keep.
//!
//! Ledger cash is moved by what fills pay and receive; free cash is derived from the other columns. That the two
//! tell the same story is [`Ledger::identity_holds`], which property tests check to the last digit.

use crate::money::{Money, Overflow};

/// Two kinds of cash and what they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// What the account began with.
    pub balance: Money,
    /// Ledger cash: the balance and all that fills, fees and funding moved.
    pub cash: Money,
    /// Realised PnL before fees.
    pub gross: Money,
    /// Fees paid.
    pub fees: Money,
    /// Funding paid.
    pub funding: Money,
    /// Losses beyond isolated margins that the account did not bear.
    pub cover: Money,
    /// Entry cost of open trades, negative for shorts.
    pub cost: Money,
    /// Margin of open trades.
    pub margin: Money,
}

impl Ledger {
    /// An account that has not traded.
    pub fn new(balance: Money) -> Ledger {
        Ledger { balance, cash: balance, ..Ledger::default() }
    }

    /// What may be spent: realised money less margin; unrealised PnL is not in it.
    pub fn free(&self) -> Result<Money, Overflow> {
        let paid = self.fees.plus(self.funding)?.plus(self.margin)?;
        self.balance.plus(self.gross)?.plus(self.cover)?.minus(paid)
    }

    /// Whether cash, cost, fees, funding, cover and realised PnL still add up to the balance, exactly.
    pub fn identity_holds(&self) -> bool {
        let sum = || {
            let held = self.cash.plus(self.cost)?.plus(self.fees)?.plus(self.funding)?;
            held.minus(self.cover)?.minus(self.gross)
        };
        sum() == Ok(self.balance)
    }

    /// An entry: `cost` is signed, a short's is received.
    pub(super) fn enter(&mut self, cost: Money, margin: Money, fee: Money) -> Result<(), Overflow> {
        self.cash = self.cash.minus(cost)?.minus(fee)?;
        self.cost = self.cost.plus(cost)?;
        self.margin = self.margin.plus(margin)?;
        self.fees = self.fees.plus(fee)?;
        Ok(())
    }

    /// An exit: `cost` and `proceeds` are signed like the entry's cost.
    pub(super) fn leave(&mut self, cost: Money, proceeds: Money, margin: Money, fee: Money) -> Result<(), Overflow> {
        self.cash = self.cash.plus(proceeds)?.minus(fee)?;
        self.cost = self.cost.minus(cost)?;
        self.gross = self.gross.plus(proceeds.minus(cost)?)?;
        self.margin = self.margin.minus(margin)?;
        self.fees = self.fees.plus(fee)?;
        Ok(())
    }

    /// Funding paid, received if negative.
    pub(super) fn fund(&mut self, payment: Money) -> Result<(), Overflow> {
        self.cash = self.cash.minus(payment)?;
        self.funding = self.funding.plus(payment)?;
        Ok(())
    }

    /// A loss that the account does not bear.
    pub(super) fn take_cover(&mut self, amount: Money) -> Result<(), Overflow> {
        self.cash = self.cash.plus(amount)?;
        self.cover = self.cover.plus(amount)?;
        Ok(())
    }
}
