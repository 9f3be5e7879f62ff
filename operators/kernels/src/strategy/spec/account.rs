//! Money, fees, margin, and the exchange's grid.

use crate::money::{Money, Ratio};

/// The `account` block.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// What the account begins with.
    pub balance: Money,
    /// One account per symbol, or one over all.
    pub scope: Scope,
    /// Notional per margin.
    pub leverage: Ratio,
    /// The share of notional below which a position is liquidated.
    pub maintenance: Ratio,
    /// Which losses a position may cause.
    pub margin: MarginMode,
    /// What fills cost.
    pub fees: Fees,
    /// What market and stop fills lose.
    pub slippage: Slippage,
    /// When sizes are computed.
    pub sized_at: SizedAt,
    /// What happens when money is short.
    pub on_insufficient: Insufficient,
}

impl Account {
    /// The documented defaults around the two keys that have none.
    pub fn new(balance: Money, fees: Fees) -> Account {
        Account {
            balance,
            scope: Scope::Symbol,
            leverage: Ratio::ONE,
            maintenance: Ratio::from_units(5_000_000_000_000_000),
            margin: MarginMode::Isolated,
            fees,
            slippage: Slippage::default(),
            sized_at: SizedAt::Fill,
            on_insufficient: Insufficient::Cut,
        }
    }
}

/// One account per symbol, or one over all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// As many accounts as symbols.
    #[default]
    Symbol,
    /// One account over all symbols.
    Portfolio,
}

/// Which losses a position may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MarginMode {
    /// At most its own margin.
    #[default]
    Isolated,
    /// The account stands for all positions.
    Cross,
    /// Nothing is ever liquidated; only the profiles of engines without margin use it.
    None,
}

/// What fills cost, in the quote asset, on both legs. Negative rates are rebates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fees {
    /// Of a fill of an order that was not marketable when it began to rest.
    pub maker: Ratio,
    /// Of all other fills.
    pub taker: Ratio,
    /// Per order.
    pub fixed: Money,
}

/// What market and stop fills lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slippage {
    /// Share of the price.
    pub pct: Ratio,
    /// Whether the slipped price stays inside the bar.
    pub clamp: Clamp,
    /// Which legs slip.
    pub legs: Legs,
}

/// Whether the slipped price stays inside the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clamp {
    /// It may leave it.
    #[default]
    None,
    /// It stays inside.
    Bar,
}

/// Which legs slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Legs {
    /// Entries and exits.
    #[default]
    Both,
    /// Entries only.
    Entry,
}

/// When sizes are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SizedAt {
    /// At the fill, after exits of the same moment.
    #[default]
    Fill,
    /// At the signal's close, as if the exits ordered there had filled at it.
    Signal,
}

/// What happens when money is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Insufficient {
    /// The order is cut to what is affordable.
    #[default]
    Cut,
    /// The order is rejected.
    Reject,
}

/// The exchange's grid and minimums; zero means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filters {
    /// Prices of orders are multiples of it.
    pub tick: Money,
    /// Quantities are multiples of it.
    pub step: Money,
    /// The smallest quantity.
    pub min_qty: Money,
    /// The smallest price times quantity.
    pub min_notional: Money,
}

/// Filters from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedFilters {
    /// The first open time (microseconds) they hold for.
    pub valid_from: i64,
    /// The filters.
    pub filters: Filters,
}

/// A symbol of an account, in listed order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SymbolSpec {
    /// Filters by rising date; none at all means no grid. Before the first row, that row holds.
    pub filters: Vec<DatedFilters>,
}
