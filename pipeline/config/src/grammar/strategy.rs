//! `strategy` and everything inside it.

use super::{Block, Holds, Key, block, choice, may, must, or};
use crate::words::{COOLDOWN_AFTER, MATCH, ON_OPPOSITE, PYRAMID_EXITS, RESTING, names};

const STOP: Holds = Holds::Either(&[Holds::Percent, Holds::Block(&LEVEL)]);
const TARGETS: Holds =
    Holds::Either(&[Holds::Percent, Holds::Block(&LEVEL), Holds::List(&Holds::Block(&TARGET)), Holds::Block(&TABLE)]);
const TRAIL: Holds = Holds::Either(&[Holds::Percent, Holds::Block(&TRAILING)]);
const EXPIRE: Holds = Holds::Either(&[Holds::Count, Holds::OneOf(&["none"])]);

const SIZE_KEY: Key = may("size", Holds::Block(&SIZE), "How much an entry buys or sells.");
const STOP_LOSS: Key = may("stop_loss", STOP, "Where a loss is cut. A percentage counts from the fill price.");
const TAKE_PROFIT: Key = may(
    "take_profit",
    TARGETS,
    "Where a profit is taken: at one place, at several with a portion each, or by the time held.",
);
const TRAILING_STOP: Key =
    may("trailing_stop", TRAIL, "A stop that follows the best price since the entry and never goes back.");
const BREAK_EVEN_KEY: Key = may("break_even", Holds::Block(&BREAK_EVEN), "A stop at the entry once something is won.");
const MAX_BARS: Key =
    may("max_bars", Holds::Count, "Leaves at the open after this many bars; the bar of the entry is bar 1.");

/// `strategy`.
pub static STRATEGY: Block = block(
    "strategy",
    &[
        may("long", Holds::Block(&SIDE), "Rules that buy first."),
        may("short", Holds::Block(&SIDE), "Rules that sell first."),
        SIZE_KEY,
        STOP_LOSS,
        TAKE_PROFIT,
        TRAILING_STOP,
        BREAK_EVEN_KEY,
        MAX_BARS,
        may("pyramiding", Holds::Block(&PYRAMIDING), "Whether entries may add to a position. Without it they may not."),
        or(
            "on_opposite",
            Holds::OneOf(&names(&ON_OPPOSITE)),
            "reverse",
            "What an entry of the other side does to a position: `reverse` closes it and enters at the same price, `close` only closes, `ignore` does nothing, `net` reduces it first.",
        ),
        or(
            "resting",
            Holds::OneOf(&names(&RESTING)),
            "replace",
            "What a rule that is true again does to its order that still rests.",
        ),
        may(
            "cooldown",
            Holds::Either(&[Holds::Count, Holds::Block(&COOLDOWN)]),
            "Closes at which entry rules are not heard after a position was closed.",
        ),
        may("limits", Holds::Block(&LIMITS), "What stops entries."),
    ],
);

/// `strategy.long` and `strategy.short`.
pub static SIDE: Block = block(
    "long or short",
    &[
        must(
            "entry",
            Holds::OneOrMore(&Holds::Either(&[Holds::Expression, Holds::Block(&ENTRY)])),
            "When to enter, and how. A text is short for `{ when: ... }`.",
        ),
        may(
            "exit",
            Holds::OneOrMore(&Holds::Either(&[Holds::Expression, Holds::Block(&EXIT)])),
            "When to leave, and how. A text is short for `{ when: ... }`.",
        ),
        SIZE_KEY,
        STOP_LOSS,
        TAKE_PROFIT,
        TRAILING_STOP,
        BREAK_EVEN_KEY,
        MAX_BARS,
    ],
);

const WHEN: Key = must("when", Holds::Expression, "True at a bar's close: the rule places its order.");
const LIMIT: Key =
    may("limit", Holds::Amount, "The limit price, evaluated on the bar that places the order. Without it: any price.");
const STOP_PRICE: Key = may("stop", Holds::Amount, "The stop price. With `limit` too it is a stop-limit order.");
const EXPIRE_KEY: Key =
    or("expire", EXPIRE, "1", "For how many bars a limit or stop order rests; `none`: until it is filled or replaced.");
const CANCEL_IF: Key =
    may("cancel_if", Holds::Expression, "Withdraws the waiting order; while true the rule places nothing.");
const TAG: Key = may("tag", Holds::Word, "A label that its orders and trades carry.");

/// An entry rule as a block.
pub static ENTRY: Block = block(
    "an entry rule",
    &[
        WHEN,
        LIMIT,
        STOP_PRICE,
        EXPIRE_KEY,
        CANCEL_IF,
        TAG,
        may("size", Holds::Block(&SIZE), "The size of this rule's entries instead of the side's."),
    ],
);

/// An exit rule as a block.
pub static EXIT: Block = block(
    "an exit rule",
    &[
        WHEN,
        may("portion", Holds::Percent, "How much of the position's largest quantity. Without it: all that is left."),
        LIMIT,
        STOP_PRICE,
        EXPIRE_KEY,
        CANCEL_IF,
        TAG,
        or("repeat", Holds::Bool, "false", "Whether a rule with a portion may act more than once per position."),
    ],
);

/// A level as a block.
pub static LEVEL: Block = choice(
    "a stop or target",
    &[
        may("distance", Holds::Amount, "Distance from the fill price."),
        may("price", Holds::Amount, "The price itself."),
    ],
);

/// One of several targets.
pub static TARGET: Block = block(
    "a target",
    &[
        must("at", STOP, "Where: a percentage from the fill price, a distance or a price."),
        may("portion", Holds::Percent, "How much of the position's largest quantity. Without it: all that is left."),
    ],
);

/// A target by the time held.
pub static TABLE: Block = block(
    "a target by time held",
    &[must(
        "table",
        Holds::ByTime(&Holds::Percent),
        "Times held and the percentage from the fill price that is enough from then on: `{ 0m: 10%, 2h: 1% }`.",
    )],
);

/// `trailing_stop` as a block.
pub static TRAILING: Block = block(
    "trailing_stop",
    &[
        may("by", Holds::Percent, "How far below the best price it follows (above, for a short)."),
        may("distance", Holds::Amount, "The same as a distance, evaluated on the bar that placed the entry."),
        may("price", Holds::Amount, "The price itself, evaluated at each close; it only tightens."),
        may("after", Holds::Percent, "The gain from the fill price that wakes it. Without it: from the entry on."),
    ],
);

/// `break_even`.
pub static BREAK_EVEN: Block = block(
    "break_even",
    &[
        must("after", Holds::Percent, "The gain from the fill price that arms it."),
        or("at", Holds::Percent, "0%", "Where the stop then lies, as a gain from the fill price."),
    ],
);

/// `size`.
pub static SIZE: Block = choice(
    "size",
    &[
        may("equity", Holds::Percent, "A percentage of equity, fees included."),
        may("cash", Holds::Percent, "A percentage of free cash, fees included."),
        may("quote", Holds::Amount, "An amount of the quote asset, fees apart."),
        may("base", Holds::Amount, "A quantity of the base asset, fees apart."),
        may("risk", Holds::Percent, "The percentage of equity that the stop loss may lose, fees apart."),
        may(
            "target",
            Holds::Either(&[Holds::Percent, Holds::Amount]),
            "A signed share of equity to which the position is brought while an entry rule is true.",
        ),
        may(
            "volatility",
            Holds::Either(&[Holds::Percent, Holds::Block(&VOLATILITY)]),
            "A percentage of equity divided by the annualised deviation of the last daily returns.",
        ),
    ],
);

/// `size.volatility` as a block.
pub static VOLATILITY: Block = block(
    "volatility",
    &[
        must("of", Holds::Percent, "The yearly deviation to hold."),
        or("days", Holds::Count, "30", "How many completed days are looked at, at least 2."),
    ],
);

/// `strategy.pyramiding`.
pub static PYRAMIDING: Block = block(
    "pyramiding",
    &[
        or("max", Holds::Count, "1", "How many entries a position may have."),
        or(
            "exits",
            Holds::OneOf(&names(&PYRAMID_EXITS)),
            "position",
            "`position`: one set of stops and targets, from the average price; `per_entry`: each entry keeps its own.",
        ),
        or("match", Holds::OneOf(&names(&MATCH)), "fifo", "Which entry a portion comes off first."),
    ],
);

/// `strategy.cooldown`.
pub static COOLDOWN: Block = block(
    "cooldown",
    &[
        must("bars", Holds::Count, "How many closes, that of the bar of the exit included."),
        or(
            "after",
            Holds::OneOf(&names(&COOLDOWN_AFTER)),
            "any",
            "After which trades: every one, those with a net loss, or those that a stop or liquidation ended.",
        ),
    ],
);

/// `strategy.limits`.
pub static LIMITS: Block = block(
    "limits",
    &[
        may("trades_per_day", Holds::Count, "Entry fills per UTC day."),
        may("day_loss", Holds::Percent, "Loss against the previous day's last equity that stops entries for the day."),
        may("drawdown", Holds::Percent, "Drawdown that closes everything and ends trading."),
        may("max_positions", Holds::Count, "Symbols held at once; needs `account.scope: portfolio`."),
        may(
            "rank",
            Holds::Expression,
            "Which of the competing entries go first, such as `rsi14 desc`; needs `max_positions`.",
        ),
    ],
);
