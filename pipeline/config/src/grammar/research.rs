//! `sweep`, `walk_forward` and `monte_carlo`.

use super::{Block, Holds, block, may, must, or};

/// `sweep`.
pub static SWEEP: Block = block(
    "sweep",
    &[
        must("grid", Holds::Grid, "Parameters, each with a list of values or { from, to, step }."),
        may("where", Holds::Expression, "Which sets are run, over parameters: `$fast < $slow`; without it all."),
        may("random", Holds::Block(&RANDOM), "Draws some of these sets instead of running all."),
        may(
            "metrics",
            Holds::Words,
            "The metrics that are computed of each set; without it all. Fewer are faster: [total_return, sharpe, max_drawdown_pct, trades].",
        ),
    ],
);

/// A range of values.
pub static RANGE: Block = block(
    "a range",
    &[
        must("from", Holds::Number, "The first value."),
        must("to", Holds::Number, "The last value; steps from `from` must reach it."),
        must("step", Holds::Number, "From one value to the next: values are from + i * step, in decimal."),
    ],
);

/// `sweep.random`.
pub static RANDOM: Block = block(
    "random",
    &[
        must("sets", Holds::Count, "How many sets are drawn, none twice."),
        must("seed", Holds::Number, "A whole number: the same seed draws the same sets."),
    ],
);

/// `walk_forward`.
pub static WALK_FORWARD: Block = block(
    "walk_forward",
    &[
        must("train", Holds::Span, "Length of a window in which a set is chosen, such as 90d."),
        must("test", Holds::Span, "Length of the window after it, in which the chosen set trades."),
        may("step", Holds::Span, "From one window to the next, at least as long as `test`, and that long without it."),
        must("choose", Holds::Word, "The metric by which the best set is chosen, such as sharpe."),
        or("anchored", Holds::Bool, "false", "Whether every train window begins where the first does."),
    ],
);

/// `monte_carlo`.
pub static MONTE_CARLO: Block = block(
    "monte_carlo",
    &[
        must("sims", Holds::Count, "How many histories are drawn."),
        must("seed", Holds::Number, "A whole number: the same seed draws the same histories."),
        or("of", Holds::OneOf(&["trades", "returns"]), "trades", "What is drawn: closed trades or daily returns."),
        or("block", Holds::Count, "1", "Days that are drawn together, for returns."),
    ],
);
