//! The pipeline file as typed values, with their places where something may still be wrong with them. Field names are the
//! file's keys; every default is filled in.

mod account;
mod strategy;

pub use account::{Account, Filters};
pub use strategy::{EntryRule, ExitRule, Level, Limits, Order, Side, Size, Strategy, Target, Targets, Trailing};

use crate::{diagnostics::Place, research::Research};
use candleflow_kernels::{
    metrics::Variant,
    strategy::{Fills, Profile},
};
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
    /// Length of the finer bars; present exactly when `fills.path` is `detail`.
    pub detail: Option<Located<Interval>>,
    /// Whose habits were the defaults.
    pub profile: Option<Located<Profile>>,
    /// The library by whose formulas the metrics are computed as well.
    pub variant: Option<Variant>,
    /// Which outputs are kept.
    pub sinks: Vec<Located<SinkDef>>,
    /// Which runs there are beside a plain one.
    pub research: Research,
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
