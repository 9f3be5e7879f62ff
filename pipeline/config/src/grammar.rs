//! Every block and key of the file in one table: the reader, the JSON Schema, the page of keys and the errors all use it.

mod account;
mod research;
mod strategy;

pub use account::{ACCOUNT, FEES, FILLS, FILTERS, FUNDING, SLIPPAGE};
pub use research::{MONTE_CARLO, RANDOM, RANGE, SWEEP, WALK_FORWARD};
pub use strategy::{
    BREAK_EVEN, COOLDOWN, ENTRY, EXIT, LEVEL, LIMITS, PYRAMIDING, SIDE, SIZE, STRATEGY, TABLE, TARGET, TRAILING,
    VOLATILITY,
};

use crate::words::{PROFILE, VARIANT, names};

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A word.
    Word,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A number.
    Number,
    /// A whole number above zero.
    Count,
    /// A percentage such as `0.1%`.
    Percent,
    /// `true` or `false`.
    Bool,
    /// A SQL expression.
    Expression,
    /// A number or a SQL expression.
    Amount,
    /// A list of words.
    Words,
    /// Another block.
    Block(&'static Block),
    /// Any of these.
    Either(&'static [Holds]),
    /// One or a list of them.
    OneOrMore(&'static Holds),
    /// A list.
    List(&'static Holds),
    /// A block whose keys the user names.
    Named(&'static str),
    /// A block whose keys are lengths of time, such as `2h`.
    ByTime(&'static Holds),
    /// A length of time such as `90d`.
    Span,
    /// Parameters, each with a list of values or a range.
    Grid,
    /// The list of sinks.
    Sinks,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Whether it must be there.
    pub required: bool,
    /// What holds without it, as the file would say it; empty where nothing does.
    pub default: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// A block of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where it stands, for errors: `strategy.long`.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Whether exactly one of its keys must be there.
    pub exactly_one: bool,
}

const fn must(name: &'static str, holds: Holds, doc: &'static str) -> Key {
    Key { name, holds, required: true, default: "", doc }
}

const fn may(name: &'static str, holds: Holds, doc: &'static str) -> Key {
    Key { name, holds, required: false, default: "", doc }
}

const fn or(name: &'static str, holds: Holds, default: &'static str, doc: &'static str) -> Key {
    Key { name, holds, required: false, default, doc }
}

const fn block(name: &'static str, keys: &'static [Key]) -> Block {
    Block { name, keys, exactly_one: false }
}

const fn choice(name: &'static str, keys: &'static [Key]) -> Block {
    Block { name, keys, exactly_one: true }
}

/// The whole file.
pub static PIPELINE: Block = block(
    "the pipeline",
    &[
        must("name", Holds::Word, "What the pipeline is called: letters, digits, '-', '_' and '.'."),
        must("source", Holds::Block(&SOURCE), "Where the bars come from."),
        may("params", Holds::Named("number"), "Values of `$name` in expressions; `per_symbol` overrides them."),
        may(
            "columns",
            Holds::Named("expression"),
            "Named expressions, one value per bar; later ones may use earlier ones.",
        ),
        may("strategy", Holds::Block(&STRATEGY), "What is traded."),
        may("account", Holds::Block(&ACCOUNT), "With what it is traded; required with `strategy`."),
        may("fills", Holds::Block(&FILLS), "How orders are filled."),
        may("metrics", Holds::Block(&METRICS), "How the statistics of a run are computed."),
        may("sweep", Holds::Block(&SWEEP), "Which parameter sets `candleflow sweep` runs; a plain run ignores it."),
        may(
            "walk_forward",
            Holds::Block(&WALK_FORWARD),
            "How `candleflow walk-forward` cuts time; it chooses among the sets of `sweep`.",
        ),
        may("monte_carlo", Holds::Block(&MONTE_CARLO), "What `candleflow monte-carlo` draws from a run."),
        may(
            "profile",
            Holds::OneOf(&names(&PROFILE)),
            "Sets keys of `strategy`, `account` and `fills` to what that engine does; keys in the file win.",
        ),
        may(
            "sinks",
            Holds::Sinks,
            "Which outputs are kept: columns, orders, trades, equity, metrics, { topic: NAME }. Without it trades, equity and metrics, or columns where there is no strategy.",
        ),
    ],
);

/// `metrics`.
pub static METRICS: Block = block(
    "metrics",
    &[must(
        "variant",
        Holds::OneOf(&names(&VARIANT)),
        "The library by whose formulas they are computed as well: one more row of the table `metrics`, whose `view` is its name.",
    )],
);

/// `source`.
pub static SOURCE: Block = block(
    "source",
    &[
        or("exchange", Holds::OneOf(&["binance"]), "binance", "The exchange."),
        must("symbols", Holds::Words, "Instruments, as the exchange names them; the order breaks ties."),
        must(
            "interval",
            Holds::Word,
            "Length of a bar: 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w, 1M.",
        ),
    ],
);

/// A column on a higher timeframe.
pub static HIGHER: Block = block(
    "a column",
    &[
        must("every", Holds::Word, "The higher timeframe; its value is seen only after its bar has closed."),
        must("is", Holds::Expression, "The expression over bars of that timeframe."),
    ],
);
