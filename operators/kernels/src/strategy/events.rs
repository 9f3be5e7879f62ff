//! The rows a strategy writes: what became of orders, round trips, and the account at each bar.

use super::Side;
use crate::money::Money;

/// Why an order came, filled or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "each name is the word that tables show")]
pub enum Reason {
    Signal = 0,
    StopLoss = 1,
    TakeProfit = 2,
    TrailingStop = 3,
    BreakEven = 4,
    MaxBars = 5,
    Liquidation = 6,
    Reverse = 7,
    Opposite = 8,
    Net = 9,
    Target = 10,
    StopOnEntry = 11,
    TargetOnEntry = 12,
    Drawdown = 13,
    Ruin = 14,
    End = 15,
    Expired = 16,
    CancelIf = 17,
    Replaced = 18,
    ExitRule = 19,
    OppositeFilled = 20,
    PositionClosed = 21,
    Holding = 22,
    Cooldown = 23,
    TradesPerDay = 24,
    DayLoss = 25,
    MaxPositions = 26,
    Insufficient = 27,
    MinQty = 28,
    MinNotional = 29,
    TooSmall = 30,
    NullPrice = 31,
    NullLevel = 32,
    NullSize = 33,
    AccountEnded = 34,
    NothingToDo = 35,
}

impl Reason {
    /// All of them, by code.
    pub const ALL: [Reason; 36] = {
        use Reason::*;
        [
            Signal,
            StopLoss,
            TakeProfit,
            TrailingStop,
            BreakEven,
            MaxBars,
            Liquidation,
            Reverse,
            Opposite,
            Net,
            Target,
            StopOnEntry,
            TargetOnEntry,
            Drawdown,
            Ruin,
            End,
            Expired,
            CancelIf,
            Replaced,
            ExitRule,
            OppositeFilled,
            PositionClosed,
            Holding,
            Cooldown,
            TradesPerDay,
            DayLoss,
            MaxPositions,
            Insufficient,
            MinQty,
            MinNotional,
            TooSmall,
            NullPrice,
            NullLevel,
            NullSize,
            AccountEnded,
            NothingToDo,
        ]
    };

    /// The number that `last_trade.reason` compares with.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The word in tables and expressions.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Signal => "signal",
            Reason::StopLoss => "stop_loss",
            Reason::TakeProfit => "take_profit",
            Reason::TrailingStop => "trailing_stop",
            Reason::BreakEven => "break_even",
            Reason::MaxBars => "max_bars",
            Reason::Liquidation => "liquidation",
            Reason::Reverse => "reverse",
            Reason::Opposite => "opposite",
            Reason::Net => "net",
            Reason::Target => "target",
            Reason::StopOnEntry => "stop_on_entry",
            Reason::TargetOnEntry => "target_on_entry",
            Reason::Drawdown => "drawdown",
            Reason::Ruin => "ruin",
            Reason::End => "end",
            Reason::Expired => "expired",
            Reason::CancelIf => "cancel_if",
            Reason::Replaced => "replaced",
            Reason::ExitRule => "exit_rule",
            Reason::OppositeFilled => "opposite_filled",
            Reason::PositionClosed => "position_closed",
            Reason::Holding => "holding",
            Reason::Cooldown => "cooldown",
            Reason::TradesPerDay => "trades_per_day",
            Reason::DayLoss => "day_loss",
            Reason::MaxPositions => "max_positions",
            Reason::Insufficient => "insufficient",
            Reason::MinQty => "min_qty",
            Reason::MinNotional => "min_notional",
            Reason::TooSmall => "too_small",
            Reason::NullPrice => "null_price",
            Reason::NullLevel => "null_level",
            Reason::NullSize => "null_size",
            Reason::AccountEnded => "account_ended",
            Reason::NothingToDo => "nothing_to_do",
        }
    }

    /// Whether `cooldown: { after: stop }` follows it.
    pub(super) const fn is_stop(self) -> bool {
        matches!(
            self,
            Reason::StopLoss | Reason::TrailingStop | Reason::BreakEven | Reason::StopOnEntry | Reason::Liquidation
        )
    }
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// It waits for the next bar.
    Placed,
    /// All of it was done.
    Filled,
    /// It was cut to what was affordable.
    PartlyFilled,
    /// Its bars are over.
    Expired,
    /// A rule, a fill or the end withdrew it.
    Cancelled,
    /// The account or the exchange's filters refused it.
    Rejected,
}

impl OrderEvent {
    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            OrderEvent::Placed => "placed",
            OrderEvent::Filled => "filled",
            OrderEvent::PartlyFilled => "partly_filled",
            OrderEvent::Expired => "expired",
            OrderEvent::Cancelled => "cancelled",
            OrderEvent::Rejected => "rejected",
        }
    }
}

/// How an order fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderKind {
    /// At once.
    Market,
    /// At its limit or better.
    Limit,
    /// At its stop or worse.
    Stop,
    /// As a limit once the stop was touched.
    StopLimit,
}

impl OrderKind {
    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            OrderKind::Market => "market",
            OrderKind::Limit => "limit",
            OrderKind::Stop => "stop",
            OrderKind::StopLimit => "stop_limit",
        }
    }
}

/// A row of `orders`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderRow {
    /// The symbol's place in the account.
    pub symbol: u32,
    /// Event time of the bar that revealed the row.
    pub time: i64,
    /// When it filled: the open time for fills at the open, the event time for fills at the close, else unknown.
    pub fill_time: Option<i64>,
    /// Unique and rising in an account; protective exits get theirs when they fill.
    pub order: u64,
    /// What became of it.
    pub event: OrderEvent,
    /// How it fills.
    pub kind: OrderKind,
    /// The side of the trade it opens or closes.
    pub side: Side,
    /// Whether it opens (`true`) or closes.
    pub entry: bool,
    /// The place of its rule in the side's list; `None` for protective exits.
    pub rule: Option<u32>,
    /// The rule's tag.
    pub tag: Option<u32>,
    /// Limit price on the grid.
    pub limit: Option<Money>,
    /// Stop price on the grid.
    pub stop: Option<Money>,
    /// Filled quantity.
    pub qty: Option<Money>,
    /// Fill price, slippage included.
    pub price: Option<Money>,
    /// Fill price before slippage.
    pub quote: Option<Money>,
    /// Fee of the fill.
    pub fee: Option<Money>,
    /// Why.
    pub reason: Reason,
    /// Whether both orders of the bar's extremes give this fill.
    pub ambiguous: bool,
    /// Filled at the open after missing bars.
    pub gap: bool,
    /// Exists only because the input ended.
    pub is_final: bool,
}

/// A row of `trades`: one round trip, per entry and exit portion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TradeRow {
    /// The symbol's place in the account.
    pub symbol: u32,
    /// Event time of the bar that revealed the exit (of the last bar, while open).
    pub time: i64,
    /// As in [`OrderRow`], of the exit.
    pub fill_time: Option<i64>,
    /// Still held when the input ended; exit fields are then marks.
    pub open: bool,
    /// The side.
    pub side: Side,
    /// The order that entered.
    pub entry_order: u64,
    /// The order that left.
    pub exit_order: Option<u64>,
    /// Event time of the bar of entry.
    pub entry_time: i64,
    /// As in [`OrderRow`], of the entry.
    pub entry_fill_time: Option<i64>,
    /// Entry price, slippage included.
    pub entry_price: Money,
    /// Exit price, slippage included.
    pub exit_price: Money,
    /// Quantity of this portion.
    pub qty: Money,
    /// Entry notional of this portion, as posted.
    pub cost: Money,
    /// Margin of this portion, as posted.
    pub margin: Money,
    /// Gross PnL.
    pub gross: Money,
    /// Fees of both legs.
    pub fees: Money,
    /// Funding paid (received if negative).
    pub funding: Money,
    /// Loss beyond the margin that the account did not bear.
    pub cover: Money,
    /// `gross - fees - funding + cover`.
    pub net: Money,
    /// Net PnL by entry notional.
    pub return_pct: f64,
    /// Net PnL by margin.
    pub return_on_margin: f64,
    /// Bars held, the entry bar is 1.
    pub bars: u32,
    /// Worst gross PnL of this portion while held: never positive.
    pub mae: Money,
    /// Best gross PnL of this portion while held: never negative.
    pub mfe: Money,
    /// Why it was entered.
    pub entry_reason: Reason,
    /// Why it was left.
    pub exit_reason: Reason,
    /// The entry rule's place.
    pub entry_rule: u32,
    /// The entry rule's tag.
    pub entry_tag: Option<u32>,
    /// The exit rule's tag.
    pub exit_tag: Option<u32>,
    /// Whether either fill was ambiguous.
    pub ambiguous: bool,
    /// Whether the entry was cut.
    pub partial: bool,
    /// Whether either market fill came after missing bars.
    pub gap: bool,
    /// Exists only because the input ended.
    pub is_final: bool,
}

/// A row of `equity`: the account after a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EquityRow {
    /// When the bar opened: the day it belongs to.
    pub open_time: i64,
    /// Event time.
    pub time: i64,
    /// Ledger cash.
    pub cash: Money,
    /// Signed quantity; of an account over several symbols, zero.
    pub qty: Money,
    /// The close, scaled by 1e8; of an account over several symbols, zero.
    pub price: i64,
    /// `f64(cash)` plus, per symbol in listed order, `f64(qty) * f64(close)`.
    pub equity: f64,
    /// From the highest equity so far, as a fraction.
    pub drawdown: f64,
    /// Whether anything was held during the bar.
    pub exposed: bool,
    /// Exists only because the input ended.
    pub is_final: bool,
}

/// Where the rows of orders and trades go; equity rows are returned, one per bar.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Events {
    /// Rows of `orders`, in order.
    pub orders: Vec<OrderRow>,
    /// Rows of `trades`, in order.
    pub trades: Vec<TradeRow>,
}

impl Events {
    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.orders.clear();
        self.trades.clear();
    }
}
