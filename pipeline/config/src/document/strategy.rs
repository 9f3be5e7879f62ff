//! The block `strategy` as values. What a side does not say itself has been filled in from the strategy.

use super::{Expr, Located};
use crate::diagnostics::Place;
use candleflow_kernels::{
    money::Ratio,
    strategy::{BreakEven, Cooldown, Expire, OnOpposite, Pyramiding, Resting, TableStep},
};

/// `strategy`.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// Where it stands.
    pub place: Place,
    /// Rules that buy first.
    pub long: Option<Side>,
    /// Rules that sell first.
    pub short: Option<Side>,
    /// Whether entries add to a position.
    pub pyramiding: Pyramiding,
    /// What an opposite entry does to a position.
    pub on_opposite: OnOpposite,
    /// What a rule that is true again does to its order.
    pub resting: Resting,
    /// A pause after trades.
    pub cooldown: Option<Cooldown>,
    /// What stops entries.
    pub limits: Limits,
}

/// `long` or `short`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Side {
    /// Any of these enters.
    pub entry: Vec<EntryRule>,
    /// Any of these leaves.
    pub exit: Vec<ExitRule>,
    /// How much, where a rule does not say; every entry rule has one or the other.
    pub size: Option<Located<Size>>,
    /// Where a loss is cut.
    pub stop_loss: Option<Located<Level>>,
    /// Where a profit is taken.
    pub take_profit: Option<Located<Targets>>,
    /// A stop that follows the best price.
    pub trailing_stop: Option<Located<Trailing>>,
    /// A stop at the entry.
    pub break_even: Option<BreakEven>,
    /// Bars after which a trade ends.
    pub max_bars: Option<u32>,
}

/// An entry rule.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRule {
    /// When and at which price.
    pub order: Order,
    /// How much, where not the side's.
    pub size: Option<Located<Size>>,
}

/// An exit rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ExitRule {
    /// When and at which price.
    pub order: Order,
    /// Of the position's largest quantity; all that is left if `None`.
    pub portion: Option<Ratio>,
    /// Whether a portion may be taken more than once.
    pub repeat: bool,
}

/// What entry and exit rules share.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// True on a bar: the rule acts.
    pub when: Expr,
    /// The limit price.
    pub limit: Option<Expr>,
    /// The stop price.
    pub stop: Option<Expr>,
    /// How long it rests.
    pub expire: Expire,
    /// Withdraws it.
    pub cancel_if: Option<Expr>,
    /// A label that its orders and trades carry.
    pub tag: Option<String>,
}

/// A stop or a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    /// A share of the fill price.
    Percent(Ratio),
    /// A distance from the fill price.
    Distance(Expr),
    /// A price.
    Price(Expr),
}

/// `take_profit`.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Where, and how much of the position.
    At(Vec<Target>),
    /// By the time held, in rising order.
    Table(Vec<TableStep>),
}

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Where.
    pub at: Level,
    /// Of the position's largest quantity; all that is left if `None`.
    pub portion: Option<Ratio>,
}

/// `trailing_stop`.
#[derive(Debug, Clone, PartialEq)]
pub struct Trailing {
    /// How far behind, or where.
    pub by: Level,
    /// The gain that wakes it.
    pub after: Option<Ratio>,
}

/// How much an entry buys or sells.
#[derive(Debug, Clone, PartialEq)]
pub enum Size {
    /// A share of equity.
    Equity(Ratio),
    /// A share of free cash.
    Cash(Ratio),
    /// An amount of the quote asset, fees apart.
    Quote(Expr),
    /// An amount of the base asset, fees apart.
    Base(Expr),
    /// The share of equity that the stop may lose.
    Risk(Ratio),
    /// A signed share of equity to be brought to.
    Target(Expr),
    /// A share of equity by the deviation of daily returns.
    Volatility {
        /// The deviation to hold.
        of: Ratio,
        /// How many days are looked at.
        days: u16,
    },
}

/// `limits`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// Entry fills per day.
    pub trades_per_day: Option<u32>,
    /// Loss of a day that stops entries.
    pub day_loss: Option<Ratio>,
    /// Drawdown that ends trading.
    pub drawdown: Option<Ratio>,
    /// Symbols held at once.
    pub max_positions: Option<Located<u32>>,
    /// Which entries go first, and whether the largest does.
    pub rank: Option<(Expr, bool)>,
}
