//! The pipeline file as typed values, each with its place. Field names are the file's keys.

use crate::diagnostics::Place;
use candleflow_schema::Interval;
use std::collections::BTreeMap;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// Where.
    pub place: Place,
    /// What.
    pub value: T,
}

/// An expression in SQL, not yet planned.
pub type Expr = Located<String>;

/// A number as it was written and as a double.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Decimal text, without a percent sign.
    pub text: String,
    /// Its nearest double.
    pub value: f64,
}

/// A whole pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it is called.
    pub name: Located<String>,
    /// Where its bars come from.
    pub source: Source,
    /// Values of `$name`.
    pub params: BTreeMap<String, Located<Number>>,
    /// Values that differ for a symbol.
    pub per_symbol: BTreeMap<String, BTreeMap<String, Located<Number>>>,
    /// Named expressions per bar, in the order of the file.
    pub columns: Vec<Column>,
    /// What is traded, if anything.
    pub strategy: Option<Strategy>,
    /// With what it is traded; present exactly when `strategy` is.
    pub account: Option<Account>,
    /// How orders are filled.
    pub fills: Fills,
    /// Which outputs are kept.
    pub sinks: Vec<Located<SinkDef>>,
}

/// `source`.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The exchange's name.
    pub exchange: Located<String>,
    /// Instruments; the order breaks ties.
    pub symbols: Vec<Located<String>>,
    /// Length of a bar.
    pub interval: Located<Interval>,
}

/// One of `columns`.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: Located<String>,
    /// The higher timeframe on which it is computed.
    pub every: Option<Located<Interval>>,
    /// Its expression.
    pub is: Expr,
}

/// `strategy`.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// Rules that buy first.
    pub long: Option<Side>,
    /// Rules that sell first.
    pub short: Option<Side>,
    /// How much.
    pub size: Located<Size>,
    /// What an opposite entry does to a position.
    pub on_opposite: OnOpposite,
}

/// `long` or `short`, with the strategy's own levels where the side gives none.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// Any of these enters.
    pub entry: Vec<Rule>,
    /// Any of these leaves.
    pub exit: Vec<Rule>,
    /// Where a loss is cut.
    pub stop_loss: Option<Located<Level>>,
    /// Where a profit is taken.
    pub take_profit: Option<Located<Level>>,
}

/// An entry or exit rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// True on a bar: the rule acts.
    pub when: Expr,
    /// A label that its orders and trades carry.
    pub tag: Option<String>,
}

/// A stop or a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    /// A fraction of the fill price.
    Percent(Number),
    /// A distance from the fill price.
    Distance(Expr),
    /// A price.
    Price(Expr),
}

/// How much an entry buys or sells.
#[derive(Debug, Clone, PartialEq)]
pub enum Size {
    /// A fraction of equity.
    Equity(Number),
    /// A fraction of free cash.
    Cash(Number),
    /// An amount of the quote asset, fees apart.
    Quote(Expr),
    /// An amount of the base asset, fees apart.
    Base(Expr),
}

/// `on_opposite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOpposite {
    /// Close and enter at the same price.
    Reverse,
    /// Not heard.
    Ignore,
    /// Close only.
    Close,
}

/// `account`.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Money at the beginning, for each symbol.
    pub balance: Located<Number>,
    /// Fee of orders that rested, a fraction.
    pub maker: Number,
    /// Fee of all others, a fraction.
    pub taker: Number,
    /// Fee of every order, in the quote asset.
    pub fixed: Number,
    /// How much worse market and stop fills are, a fraction.
    pub slippage: Number,
    /// Tick, step and minimums.
    pub filters: Filters,
}

/// `account.filters`.
#[derive(Debug, Clone, PartialEq)]
pub enum Filters {
    /// None.
    None,
    /// These.
    Given {
        /// Smallest step of a price.
        tick: Option<Number>,
        /// Smallest step of a quantity.
        step: Option<Number>,
        /// Smallest quantity of an order.
        min_qty: Option<Number>,
        /// Smallest notional of an order.
        min_notional: Option<Number>,
    },
}

/// `fills`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fills {
    /// When market orders fill.
    pub at: FillAt,
    /// In which order a bar's prices are believed to have come.
    pub path: Path,
    /// Whether stops and targets act in the bar of entry.
    pub entry_bar_stops: bool,
    /// Whether bars without volume fill orders.
    pub zero_volume: ZeroVolume,
    /// What becomes of open trades when the input ends.
    pub at_end: AtEnd,
}

/// `fills.at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillAt {
    /// At the open of the next bar that exists.
    NextOpen,
    /// At the close of the bar that decided: optimistic.
    Close,
}

/// `fills.path`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Whatever is worse.
    Pessimistic,
    /// Open, high, low, close.
    Ohlc,
    /// The nearer extreme first.
    Nearest,
}

/// `fills.zero_volume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroVolume {
    /// Nothing fills in them.
    Wait,
    /// They are like any other.
    Fill,
}

/// `fills.at_end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// Open trades stay open and are marked.
    Mark,
    /// A market exit at the last close.
    Close,
}

/// One of `sinks`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SinkDef {
    /// A table of the lake.
    Table(Table),
    /// A topic that a live run writes its signals to.
    Topic(String),
}

/// The tables that a run can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Every value of every column.
    Columns,
    /// Orders with fills and rejections.
    Orders,
    /// One row per round trip.
    Trades,
    /// One row per bar.
    Equity,
    /// One row per statistic.
    Metrics,
}

impl Table {
    /// Every table.
    pub const ALL: [Table; 5] = [Table::Columns, Table::Orders, Table::Trades, Table::Equity, Table::Metrics];

    /// Its name in files and in the lake.
    pub fn name(self) -> &'static str {
        match self {
            Table::Columns => "columns",
            Table::Orders => "orders",
            Table::Trades => "trades",
            Table::Equity => "equity",
            Table::Metrics => "metrics",
        }
    }
}

impl Document {
    /// Whether a table is among the sinks.
    pub fn keeps(&self, table: Table) -> bool {
        self.sinks.iter().any(|s| s.value == SinkDef::Table(table))
    }

    /// Whether the values of all columns are an output: they are kept, or there is nothing else.
    pub fn digests_columns(&self) -> bool {
        self.strategy.is_none() || self.keeps(Table::Columns)
    }

    /// The value of every parameter for a symbol.
    pub fn params_of(&self, symbol: &str) -> BTreeMap<String, f64> {
        let base = self.params.iter().map(|(k, v)| (k.clone(), v.value.value));
        let own = self.per_symbol.get(symbol).into_iter().flatten().map(|(k, v)| (k.clone(), v.value.value));
        base.chain(own).collect()
    }
}
