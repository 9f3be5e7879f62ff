//! Every block and key of the file in one table: the reader, the JSON Schema and the errors all use it.

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A word.
    Word,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A number.
    Number,
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
    /// One rule or a list of them.
    Rules,
    /// `2%`, `{ distance: ... }` or `{ price: ... }`.
    Level,
    /// Another block.
    Block(&'static Block),
    /// A block whose keys the user names.
    Named(&'static str),
    /// The list of sinks.
    Sinks,
    /// `none` or a block.
    Filters,
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
    /// What it means, with its default.
    pub doc: &'static str,
}

/// A block of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where it stands, for errors: `strategy.long`.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

const fn must(name: &'static str, holds: Holds, doc: &'static str) -> Key {
    Key { name, holds, required: true, doc }
}

const fn may(name: &'static str, holds: Holds, doc: &'static str) -> Key {
    Key { name, holds, required: false, doc }
}

/// The whole file.
pub static PIPELINE: Block = Block {
    name: "the pipeline",
    keys: &[
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
        may(
            "sinks",
            Holds::Sinks,
            "Which outputs are kept: columns, orders, trades, equity, metrics, { topic: NAME }. Default: trades, equity, metrics.",
        ),
    ],
};

/// `source`.
pub static SOURCE: Block = Block {
    name: "source",
    keys: &[
        may("exchange", Holds::OneOf(&["binance"]), "The exchange. Default: binance."),
        must("symbols", Holds::Words, "Instruments, as the exchange names them; the order breaks ties."),
        must(
            "interval",
            Holds::Word,
            "Length of a bar: 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w, 1M.",
        ),
    ],
};

/// A column on a higher timeframe.
pub static HIGHER: Block = Block {
    name: "a column",
    keys: &[
        must("every", Holds::Word, "The higher timeframe; its value is seen only after its bar has closed."),
        must("is", Holds::Expression, "The expression over bars of that timeframe."),
    ],
};

/// `strategy`.
pub static STRATEGY: Block = Block {
    name: "strategy",
    keys: &[
        may("long", Holds::Block(&SIDE), "Rules that buy first."),
        may("short", Holds::Block(&SIDE), "Rules that sell first."),
        must("size", Holds::Block(&SIZE), "How much an entry buys or sells."),
        may("stop_loss", Holds::Level, "Where a loss is cut, for both sides."),
        may("take_profit", Holds::Level, "Where a profit is taken, for both sides."),
        may(
            "on_opposite",
            Holds::OneOf(&["reverse", "ignore", "close"]),
            "What an entry of the other side does to a position. Default: reverse.",
        ),
    ],
};

/// `strategy.long` and `strategy.short`.
pub static SIDE: Block = Block {
    name: "long or short",
    keys: &[
        must("entry", Holds::Rules, "Enters at the next open when true."),
        may("exit", Holds::Rules, "Leaves at the next open when true."),
        may("stop_loss", Holds::Level, "Replaces the strategy's stop_loss for this side."),
        may("take_profit", Holds::Level, "Replaces the strategy's take_profit for this side."),
    ],
};

/// A rule as a block.
pub static RULE: Block = Block {
    name: "a rule",
    keys: &[
        must("when", Holds::Expression, "True on a bar: the rule acts."),
        may("tag", Holds::Word, "A label that its orders and trades carry."),
    ],
};

/// A level as a block.
pub static LEVEL: Block = Block {
    name: "a stop or target",
    keys: &[
        may("distance", Holds::Expression, "Distance from the fill price."),
        may("price", Holds::Expression, "The price itself."),
    ],
};

/// `strategy.size`.
pub static SIZE: Block = Block {
    name: "size",
    keys: &[
        may("equity", Holds::Percent, "A percentage of equity."),
        may("cash", Holds::Percent, "A percentage of free cash."),
        may("quote", Holds::Amount, "An amount of the quote asset, fees apart."),
        may("base", Holds::Amount, "An amount of the base asset, fees apart."),
    ],
};

/// `account`.
pub static ACCOUNT: Block = Block {
    name: "account",
    keys: &[
        must("balance", Holds::Number, "Money at the beginning, for each symbol."),
        may("scope", Holds::OneOf(&["symbol"]), "One account per symbol. Default: symbol."),
        must("fees", Holds::Block(&FEES), "What an order costs."),
        may("slippage", Holds::Block(&SLIPPAGE), "How much worse market and stop fills are."),
        may("filters", Holds::Filters, "Tick, step and minimums: `none`, or a block. Default: none."),
    ],
};

/// `account.fees`.
pub static FEES: Block = Block {
    name: "fees",
    keys: &[
        must("maker", Holds::Percent, "Fee of an order that rested."),
        must("taker", Holds::Percent, "Fee of every other order."),
        may("fixed", Holds::Number, "Fee of every order, in the quote asset. Default: 0."),
    ],
};

/// `account.slippage`.
pub static SLIPPAGE: Block = Block {
    name: "slippage",
    keys: &[must("pct", Holds::Percent, "Worsens market and stop fills by this part of the price.")],
};

/// `account.filters` as a block.
pub static FILTERS: Block = Block {
    name: "filters",
    keys: &[
        may("tick", Holds::Number, "Smallest step of a price."),
        may("step", Holds::Number, "Smallest step of a quantity."),
        may("min_qty", Holds::Number, "Smallest quantity of an order."),
        may("min_notional", Holds::Number, "Smallest notional of an order."),
    ],
};

/// `fills`.
pub static FILLS: Block = Block {
    name: "fills",
    keys: &[
        may(
            "at",
            Holds::OneOf(&["next_open", "close"]),
            "When market orders fill. Default: next_open. `close` is optimistic.",
        ),
        may(
            "path",
            Holds::OneOf(&["pessimistic", "ohlc", "nearest"]),
            "In which order a bar's prices are believed to have come. Default: pessimistic.",
        ),
        may("entry_bar_stops", Holds::Bool, "Whether stops and targets act in the bar of entry. Default: true."),
        may("zero_volume", Holds::OneOf(&["wait", "fill"]), "Whether bars without volume fill orders. Default: wait."),
        may(
            "at_end",
            Holds::OneOf(&["mark", "close"]),
            "What becomes of open trades when the input ends. Default: mark.",
        ),
    ],
};
