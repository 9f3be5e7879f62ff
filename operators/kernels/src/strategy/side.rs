//! The side of a trade, and every comparison that turns around with it.
//!
//! For a long trade a stop lies below the market and a target above; for a short one the other way round. These
//! few methods are the only place that knows it; the rest of the engine is written once.

use crate::money::{Money, Overflow, Ratio};

/// Which way a trade earns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Bought first: earns when the price rises.
    Long,
    /// Sold first: earns when the price falls.
    Short,
}

impl Side {
    /// Both, in the order in which rules are heard.
    pub const BOTH: [Side; 2] = [Side::Long, Side::Short];

    /// The other one.
    pub const fn opposite(self) -> Side {
        match self {
            Side::Long => Side::Short,
            Side::Short => Side::Long,
        }
    }

    /// `1` for long, `-1` for short.
    pub const fn sign(self) -> i8 {
        match self {
            Side::Long => 1,
            Side::Short => -1,
        }
    }

    /// An amount with this side's sign: what a gain of `amount` per unit of rising price is to the holder.
    pub const fn signed(self, amount: Money) -> Money {
        match self {
            Side::Long => amount,
            Side::Short => amount.negated(),
        }
    }

    /// The better of two prices for a holder.
    pub fn better(self, a: Money, b: Money) -> Money {
        match self {
            Side::Long => a.max(b),
            Side::Short => a.min(b),
        }
    }

    /// The worse of two prices for a holder.
    pub fn worse(self, a: Money, b: Money) -> Money {
        self.opposite().better(a, b)
    }

    /// Whether a price that moves against the holder has come to `level`: a stop's touch.
    pub fn stop_reached(self, level: Money, price: Money) -> bool {
        self.worse(level, price) == price
    }

    /// Whether a price that moves for the holder has come to `level`, or beyond it where a touch is not enough.
    pub fn target_reached(self, level: Money, price: Money, through: bool) -> bool {
        self.better(level, price) == price && !(through && level == price)
    }

    /// `price` moved in the holder's favour by the share `by`, rounded once.
    pub fn favoured(self, price: Money, by: Ratio) -> Result<Money, Overflow> {
        let factor = match self {
            Side::Long => Ratio::ONE.plus(by)?,
            Side::Short => Ratio::ONE.minus(by)?,
        };
        price.share(factor)
    }

    /// `price` moved against the holder by the share `by`, rounded once.
    pub fn hurt(self, price: Money, by: Ratio) -> Result<Money, Overflow> {
        self.opposite().favoured(price, by)
    }

    /// A stop level on the grid: away from the market, so never nearer than asked.
    pub fn stop_on_grid(self, level: Money, tick: Money) -> Money {
        match self {
            Side::Long => level.floor_to(tick),
            Side::Short => level.ceil_to(tick),
        }
    }

    /// A target level on the grid: the passive side of an exit limit.
    pub fn target_on_grid(self, level: Money, tick: Money) -> Money {
        match self {
            Side::Long => level.ceil_to(tick),
            Side::Short => level.floor_to(tick),
        }
    }
}
