//! What rules, levels and sizes may see beside the columns: the position, the last trade and the account.
//!
//! The slots have one fixed order, which compiled row programs rely on. All are valued at the bar's close; NaN is
//! NULL (everything of a position while flat, except its side).

/// Slots of a [`PositionView`], in order.
pub mod slot {
    /// `position.side`: 1 long, -1 short, 0 flat.
    pub const POSITION_SIDE: usize = 0;
    /// `position.qty`: never negative.
    pub const POSITION_QTY: usize = 1;
    /// `position.entry_price`: the average, slippage included.
    pub const POSITION_ENTRY_PRICE: usize = 2;
    /// `position.bars`: 1 at the close of the entry bar.
    pub const POSITION_BARS: usize = 3;
    /// `position.pnl`: net of fees paid and funding, without the exit fee.
    pub const POSITION_PNL: usize = 4;
    /// `position.pnl_pct`: of the entry notional, as a fraction.
    pub const POSITION_PNL_PCT: usize = 5;
    /// `position.high`: the highest price while held.
    pub const POSITION_HIGH: usize = 6;
    /// `position.low`: the lowest price while held.
    pub const POSITION_LOW: usize = 7;
    /// `position.tag`: the index of the newest entry's tag.
    pub const POSITION_TAG: usize = 8;
    /// `last_trade.pnl`: net PnL of the last position that was closed.
    pub const LAST_TRADE_PNL: usize = 9;
    /// `last_trade.reason`: the code of [`Reason`](super::super::Reason).
    pub const LAST_TRADE_REASON: usize = 10;
    /// `last_trade.bars_ago`: 0 at the close of the bar in which it was closed.
    pub const LAST_TRADE_BARS_AGO: usize = 11;
    /// `account.equity`.
    pub const ACCOUNT_EQUITY: usize = 12;
    /// `account.cash`: free cash.
    pub const ACCOUNT_CASH: usize = 13;
    /// `account.drawdown`: from the highest equity, as a fraction.
    pub const ACCOUNT_DRAWDOWN: usize = 14;
    /// How many there are.
    pub const COUNT: usize = 15;
}

/// The names of the slots as expressions spell them, in slot order.
pub const SLOT_NAMES: [&str; slot::COUNT] = [
    "position.side",
    "position.qty",
    "position.entry_price",
    "position.bars",
    "position.pnl",
    "position.pnl_pct",
    "position.high",
    "position.low",
    "position.tag",
    "last_trade.pnl",
    "last_trade.reason",
    "last_trade.bars_ago",
    "account.equity",
    "account.cash",
    "account.drawdown",
];

/// The position, the last trade and the account at a bar's close.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PositionView(pub [f64; slot::COUNT]);

impl PositionView {
    /// Flat, no trade yet, all unknown.
    pub const UNKNOWN: PositionView = PositionView([f64::NAN; slot::COUNT]);
}

/// What evaluates expressions that depend on the position; the engine never calls it for precomputed columns.
pub trait Rules {
    /// The value of a row program on this row; NaN is NULL.
    fn eval(&mut self, program: u32, columns: &[f64], view: &PositionView) -> f64;

    /// What is asked next concerns this symbol of the account. Matters where symbols have programs of their own.
    fn of(&mut self, _symbol: usize) {}
}

/// For strategies whose expressions are all columns: every program is NULL.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPrograms;

impl Rules for NoPrograms {
    fn eval(&mut self, _: u32, _: &[f64], _: &PositionView) -> f64 {
        f64::NAN
    }
}

impl<F: FnMut(u32, &[f64], &PositionView) -> f64> Rules for F {
    fn eval(&mut self, program: u32, columns: &[f64], view: &PositionView) -> f64 {
        self(program, columns, view)
    }
}
