//! `account` and `fills`.

use super::{Block, Holds, block, may, must, or};
use crate::words::{
    AT, AT_END, CLAMP, LEGS, LEVELS_FROM, LIMIT_FILL, MARGIN, ON_INSUFFICIENT, PATH, SCOPE, SIZED_AT, ZERO_VOLUME,
    names,
};

/// `account`.
pub static ACCOUNT: Block = block(
    "account",
    &[
        must("balance", Holds::Number, "Money at the beginning; with `scope: symbol`, for each symbol."),
        must("fees", Holds::Block(&FEES), "What an order costs."),
        or(
            "scope",
            Holds::OneOf(&names(&SCOPE)),
            "symbol",
            "`symbol`: an account for each symbol; `portfolio`: one account over all symbols.",
        ),
        or(
            "quote",
            Holds::Word,
            "USDT",
            "The asset in which the account is kept; with `portfolio`, that of all symbols.",
        ),
        or("leverage", Holds::Number, "1", "Notional per margin, 1 to 1000."),
        or("maintenance", Holds::Percent, "0.5%", "The share of notional below which a position is liquidated."),
        or(
            "margin",
            Holds::OneOf(&names(&MARGIN)),
            "isolated",
            "What a position may lose: `isolated` its own margin, `cross` the account, `none`: nothing is ever liquidated.",
        ),
        or(
            "filters",
            Holds::Either(&[Holds::OneOf(&["exchange", "none"]), Holds::Block(&FILTERS)]),
            "none",
            "Tick, step and minimums: `exchange` takes them from the table `instruments`, as of the bar's date.",
        ),
        may("slippage", Holds::Block(&SLIPPAGE), "How much worse market and stop fills are. Without it: not at all."),
        or(
            "sized_at",
            Holds::OneOf(&names(&SIZED_AT)),
            "fill",
            "When sizes are computed: at the fill, or at the close that placed the order.",
        ),
        or(
            "on_insufficient",
            Holds::OneOf(&names(&ON_INSUFFICIENT)),
            "cut",
            "What happens when money is short: the order is cut to what is affordable, or rejected.",
        ),
        may("funding", Holds::Block(&FUNDING), "Funding payments on what is held. Without it there are none."),
    ],
);

/// `account.fees`.
pub static FEES: Block = block(
    "fees",
    &[
        must("maker", Holds::Percent, "Fee of an order that rested. Negative is a rebate."),
        must("taker", Holds::Percent, "Fee of every other order. Negative is a rebate."),
        or("fixed", Holds::Number, "0", "Fee of every order, in the quote asset."),
    ],
);

/// `account.slippage`.
pub static SLIPPAGE: Block = block(
    "slippage",
    &[
        or("pct", Holds::Percent, "0%", "Worsens market and stop fills by this part of the price."),
        or("clamp", Holds::OneOf(&names(&CLAMP)), "none", "`bar`: the slipped price stays inside the bar."),
        or("legs", Holds::OneOf(&names(&LEGS)), "both", "Which fills slip: both, or those of entries only."),
    ],
);

/// `account.filters` as a block.
pub static FILTERS: Block = block(
    "filters",
    &[
        may("tick", Holds::Number, "Smallest step of a price."),
        may("step", Holds::Number, "Smallest step of a quantity."),
        may("min_qty", Holds::Number, "Smallest quantity of an order."),
        may("min_notional", Holds::Number, "Smallest notional of an order."),
    ],
);

/// `account.funding`.
pub static FUNDING: Block = block(
    "funding",
    &[must("table", Holds::Word, "A table with the columns symbol, time and rate, and mark_price where it is known.")],
);

/// `fills`.
pub static FILLS: Block = block(
    "fills",
    &[
        or(
            "at",
            Holds::OneOf(&names(&AT)),
            "next_open",
            "When market orders fill: at the open of the next bar that exists, or at the close that placed them, which is optimistic.",
        ),
        or(
            "path",
            Holds::OneOf(&names(&PATH)),
            "pessimistic",
            "In which order a bar's prices are believed to have come: whatever is worse, open-high-low-close, the nearer extreme first, or as finer bars show.",
        ),
        may(
            "detail",
            Holds::Word,
            "Length of the finer bars of `path: detail`, such as 1m: it divides the source's interval. They come from the lake, live from the topic `klines.<detail>` too.",
        ),
        or(
            "entry_bar_stops",
            Holds::Either(&[Holds::Bool, Holds::OneOf(&["open"])]),
            "true",
            "Whether stops and targets act in the bar of entry; `open`: after an entry inside the bar stops begin with the next.",
        ),
        or(
            "limit_fill",
            Holds::OneOf(&names(&LIMIT_FILL)),
            "touch",
            "What fills a limit: a price at it, or only one beyond it.",
        ),
        or(
            "zero_volume",
            Holds::OneOf(&names(&ZERO_VOLUME)),
            "wait",
            "What a bar without volume does: nothing fills in it, or it is a bar like any other.",
        ),
        or(
            "levels_from",
            Holds::OneOf(&names(&LEVELS_FROM)),
            "fill",
            "What percentages and distances of stops and targets count from: the fill price, or that before slippage.",
        ),
        or(
            "at_end",
            Holds::OneOf(&names(&AT_END)),
            "mark",
            "What becomes of open trades when the input ends: they stay open and are marked, or are closed at the last close or at the last bar's open.",
        ),
    ],
);
