//! The parameters of a strategy, its fills and its account: plain data, every expression already compiled.
//!
//! Whoever reads a pipeline turns its text into these types; [`Spec::validate`] then holds every precondition of
//! the engine in one place. A key that a side overrides arrives here resolved, per side.

use crate::money::{Money, Ratio};

mod account;
mod exprs;
mod fills;
mod validate;

pub use account::{
    Account, Clamp, DatedFilters, Fees, Filters, Insufficient, Legs, MarginMode, Scope, SizedAt, Slippage, SymbolSpec,
};
pub use fills::{AtEnd, EntryBarStops, FillAt, Fills, LevelsFrom, LimitFill, Path, ZeroVolume};
pub use validate::SpecError;

/// A number that a rule, level or size needs at a bar's close. NaN stands for NULL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expr {
    /// A hidden column of the row: does not depend on the position.
    Column(u32),
    /// A row program, asked of the caller's [`Rules`](super::Rules) with the position in view.
    Program(u32),
    /// The same number on every bar.
    Constant(f64),
}

/// The whole strategy block with `fills` and `account`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Rules of long trades; `None` where the strategy has no such side.
    pub long: Option<SideSpec>,
    /// Rules of short trades.
    pub short: Option<SideSpec>,
    /// How entries may add to a position.
    pub pyramiding: Pyramiding,
    /// What an entry does while the other side is held.
    pub on_opposite: OnOpposite,
    /// What a resting order's rule does when it is true again.
    pub resting: Resting,
    /// A pause after trades.
    pub cooldown: Option<Cooldown>,
    /// What stops entries.
    pub limits: Limits,
    /// When and where orders fill.
    pub fills: Fills,
    /// Money, fees, margin.
    pub account: Account,
}

/// The rules of one side.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SideSpec {
    /// Entry rules as listed.
    pub entry: Vec<EntryRule>,
    /// Exit rules as listed.
    pub exit: Vec<ExitRule>,
    /// The size of entries whose rule has none of its own.
    pub size: Option<Size>,
    /// Where a loss ends.
    pub stop_loss: Option<Level>,
    /// Where gains are taken, as listed; one without a portion closes all that is left.
    pub take_profit: Vec<Target>,
    /// A target that moves with the time held, steps in rising order of time. Excludes `take_profit`.
    pub table: Vec<TableStep>,
    /// A stop that follows the best price.
    pub trailing_stop: Option<Trailing>,
    /// A stop that jumps to the entry.
    pub break_even: Option<BreakEven>,
    /// Bars after which the trade ends; the entry bar is bar 1.
    pub max_bars: Option<u32>,
}

/// When to enter, how, and how much.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRule {
    /// The condition: true where the value is neither NaN nor zero.
    pub when: Expr,
    /// The limit price; with `stop` too, the order is a stop-limit.
    pub limit: Option<Expr>,
    /// The stop price.
    pub stop: Option<Expr>,
    /// How long a resting order waits.
    pub expire: Expire,
    /// Cancels the waiting order; while true the rule places nothing.
    pub cancel_if: Option<Expr>,
    /// An index into the caller's tags.
    pub tag: Option<u32>,
    /// The size, where not the side's.
    pub size: Option<Size>,
}

impl EntryRule {
    /// A market entry of the side's size.
    pub fn market(when: Expr) -> EntryRule {
        EntryRule { when, limit: None, stop: None, expire: Expire::default(), cancel_if: None, tag: None, size: None }
    }
}

/// When to leave, how, and how much of the position.
#[derive(Debug, Clone, PartialEq)]
pub struct ExitRule {
    /// The condition.
    pub when: Expr,
    /// Of the position's largest quantity; all that is left if `None`.
    pub portion: Option<Ratio>,
    /// The limit price.
    pub limit: Option<Expr>,
    /// The stop price.
    pub stop: Option<Expr>,
    /// How long a resting order waits.
    pub expire: Expire,
    /// Cancels the waiting order; while true the rule places nothing.
    pub cancel_if: Option<Expr>,
    /// An index into the caller's tags.
    pub tag: Option<u32>,
    /// Whether a portion rule may act at each bar instead of once per position.
    pub repeat: bool,
}

impl ExitRule {
    /// A market exit of all that is left.
    pub fn market(when: Expr) -> ExitRule {
        ExitRule {
            when,
            portion: None,
            limit: None,
            stop: None,
            expire: Expire::default(),
            cancel_if: None,
            tag: None,
            repeat: false,
        }
    }
}

/// How many of its symbol's bars a resting order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expire {
    /// So many bars after the one that placed it.
    Bars(u32),
    /// No end.
    Never,
}

impl Default for Expire {
    fn default() -> Expire {
        Expire::Bars(1)
    }
}

/// A protective level relative to an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    /// A share of the entry price.
    Percent(Ratio),
    /// A distance from the entry price.
    Distance(Expr),
    /// The price itself.
    Price(Expr),
}

/// One of the take-profit targets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Where.
    pub at: Level,
    /// Of the position's largest quantity; all that is left if `None`.
    pub portion: Option<Ratio>,
}

/// From `after` on, the target lies `at` above the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStep {
    /// Microseconds held.
    pub after: i64,
    /// Share of the entry price.
    pub at: Ratio,
}

/// A stop that follows the best price since the entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trailing {
    /// How far behind; a `Price` is evaluated at each close and only tightens.
    pub by: Level,
    /// The gain from the fill price that wakes it; awake from the entry if `None`.
    pub after: Option<Ratio>,
}

/// A stop at the entry once the trade has earned something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakEven {
    /// The gain from the fill price that arms it.
    pub after: Ratio,
    /// Where the stop then lies, from the fill price.
    pub at: Ratio,
}

/// How much to enter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// A share of equity, fees included.
    Equity(Ratio),
    /// A share of free cash, fees included.
    Cash(Ratio),
    /// A notional in the quote asset, fees apart.
    Quote(Expr),
    /// A quantity.
    Base(Expr),
    /// The share of equity that the initial stop may lose, fees apart.
    Risk(Ratio),
    /// A signed share of equity to which the position is brought while an entry rule is true.
    Target(Expr),
    /// A share of equity divided by the annualised deviation of the last `days` daily returns.
    Volatility {
        /// The deviation to hold.
        of: Ratio,
        /// How many completed days are looked at.
        days: u16,
    },
}

/// How entries may add to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pyramiding {
    /// Entries at a time.
    pub max: u32,
    /// Whose levels hold.
    pub exits: PyramidExits,
    /// Which entry a portion comes off first.
    pub matching: Matching,
}

impl Default for Pyramiding {
    fn default() -> Pyramiding {
        Pyramiding { max: 1, exits: PyramidExits::Position, matching: Matching::Fifo }
    }
}

/// Whose levels hold where entries add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PyramidExits {
    /// One set, from the average entry price, set again at each add.
    Position,
    /// Every entry keeps its own.
    PerEntry,
}

/// Which entry a portion comes off first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// The oldest.
    Fifo,
    /// The newest.
    Lifo,
}

/// What an entry does while the other side is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOpposite {
    /// Close, and enter at the same price.
    #[default]
    Reverse,
    /// Nothing.
    Ignore,
    /// Close only.
    Close,
    /// Reduce by its size; what is left opens the other side.
    Net,
}

/// What a resting order's rule does when it is true again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resting {
    /// The new order replaces the old one.
    #[default]
    Replace,
    /// The old one stays.
    Keep,
}

/// Entry rules are not heard for some closes after a position became flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooldown {
    /// How many closes, that of the bar of the exit included.
    pub bars: u32,
    /// After which trades.
    pub after: CooldownAfter,
}

/// Which trades a cooldown follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CooldownAfter {
    /// Every one.
    Any,
    /// Those with a net loss.
    Loss,
    /// Those that a stop, break-even, trailing stop or liquidation ended.
    Stop,
}

/// What stops entries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Entry fills per UTC day.
    pub trades_per_day: Option<u32>,
    /// Loss against the previous day's last equity.
    pub day_loss: Option<Ratio>,
    /// Drawdown that ends the account's trading.
    pub drawdown: Option<Ratio>,
    /// Symbols held at once.
    pub max_positions: Option<u32>,
    /// Which entries go first where `max_positions` is short.
    pub rank: Option<Rank>,
}

/// A number that orders competing entries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rank {
    /// Evaluated on the bar that placed the order; NaN goes last.
    pub by: Expr,
    /// Whether the largest goes first.
    pub descending: bool,
}

impl Spec {
    /// The rules of one side, if the strategy has it.
    pub fn side(&self, side: super::Side) -> Option<&SideSpec> {
        match side {
            super::Side::Long => self.long.as_ref(),
            super::Side::Short => self.short.as_ref(),
        }
    }

    /// An account of `balance` with all defaults and no rules; the fee rates must always be said.
    pub fn new(balance: Money, fees: Fees) -> Spec {
        Spec {
            long: None,
            short: None,
            pyramiding: Pyramiding::default(),
            on_opposite: OnOpposite::default(),
            resting: Resting::default(),
            cooldown: None,
            limits: Limits::default(),
            fills: Fills::default(),
            account: Account::new(balance, fees),
        }
    }
}
