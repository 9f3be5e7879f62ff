//! Every key of `strategy`, `account` and `fills` with some of its values, and files made of any choice among them.
//!
//! Also used by the tests of `sql/engine`, which compile such files.

use std::collections::BTreeMap;

/// A key and values that it may have; the empty one leaves it out.
pub(crate) struct Slot {
    /// Where it stands.
    pub(crate) path: &'static str,
    /// Its values as YAML.
    pub(crate) values: &'static [&'static str],
    /// What else must be there for it to be allowed.
    pub(crate) with: &'static [(&'static str, &'static str)],
}

const fn slot(path: &'static str, values: &'static [&'static str]) -> Slot {
    Slot { path, values, with: &[] }
}

const fn slot_with(
    path: &'static str,
    values: &'static [&'static str],
    with: &'static [(&'static str, &'static str)],
) -> Slot {
    Slot { path, values, with }
}

const LIMIT: &[(&str, &str)] = &[("strategy.long.entry.limit", "\"close * 0.99\"")];
const EXIT_LIMIT: &[(&str, &str)] = &[("strategy.long.exit.limit", "\"close * 1.01\"")];
const PORTFOLIO: &[(&str, &str)] = &[("account.scope", "portfolio")];

/// All of them.
pub(crate) const SLOTS: &[Slot] = &[
    slot("strategy.long.entry.when", &["up", "NOT up", "up AND position.side = 'flat'"]),
    slot("strategy.long.entry.limit", &["", "\"close * 0.99\"", "50000"]),
    slot("strategy.long.entry.stop", &["", "\"high * 1.01\"", "high"]),
    slot_with("strategy.long.entry.expire", &["", "1", "3", "none"], LIMIT),
    slot("strategy.long.entry.cancel_if", &["", "NOT up"]),
    slot("strategy.long.entry.tag", &["", "breakout", "'two words'"]),
    slot("strategy.long.entry.size", &["", "{ base: 2 }", "{ equity: 10% }"]),
    slot("strategy.long.exit.when", &["NOT up", "position.bars > 7"]),
    slot("strategy.long.exit.portion", &["", "50%", "100%"]),
    slot("strategy.long.exit.limit", &["", "\"close * 1.01\""]),
    slot("strategy.long.exit.stop", &["", "\"low * 0.99\""]),
    slot_with("strategy.long.exit.expire", &["", "2", "none"], EXIT_LIMIT),
    slot("strategy.long.exit.cancel_if", &["", "position.pnl > 0"]),
    slot("strategy.long.exit.tag", &["", "trim"]),
    slot_with("strategy.long.exit.repeat", &["", "true", "false"], &[("strategy.long.exit.portion", "50%")]),
    slot("strategy.long.stop_loss", &["", "1%", "{ price: \"low - range\" }"]),
    slot("strategy.long.take_profit", &["", "2%"]),
    slot("strategy.long.trailing_stop", &["", "2%"]),
    slot("strategy.long.break_even", &["", "{ after: 1% }"]),
    slot("strategy.long.size", &["", "{ cash: 3% }"]),
    slot(
        "strategy.short",
        &["", "{ entry: NOT up }", "{ entry: [NOT up, { when: up, tag: other }], exit: [up], max_bars: 9 }"],
    ),
    slot("strategy.stop_loss", &["", "2%", "2.5%", "{ distance: \"2 * range\" }", "{ price: \"close * 0.9\" }"]),
    slot(
        "strategy.take_profit",
        &[
            "",
            "4%",
            "{ distance: \"3 * range\" }",
            "{ price: \"close * 1.2\" }",
            "[{ at: 2%, portion: 50% }, { at: 4% }]",
            "[{ at: { distance: range } }, { at: { price: \"close * 1.3\" }, portion: 25% }]",
            "{ table: { 0m: 10%, 2h: 1%, 1d: 0% } }",
            "{ table: { 30s: 10% } }",
        ],
    ),
    slot(
        "strategy.trailing_stop",
        &[
            "",
            "3%",
            "{ by: 3%, after: 5% }",
            "{ distance: \"2 * range\" }",
            "{ price: \"position.high * 0.98\", after: 1% }",
        ],
    ),
    slot("strategy.break_even", &["", "{ after: 2% }", "{ after: 2%, at: 0.1% }", "{ after: 3%, at: -1% }"]),
    slot("strategy.max_bars", &["", "5", "500"]),
    slot("strategy.pyramiding.max", &["", "1", "3"]),
    slot("strategy.pyramiding.exits", &["", "position", "per_entry"]),
    slot("strategy.pyramiding.match", &["", "fifo", "lifo"]),
    slot("strategy.on_opposite", &["", "reverse", "ignore", "close", "net"]),
    slot("strategy.resting", &["", "replace", "keep"]),
    slot("strategy.cooldown", &["", "5", "{ bars: 5 }", "{ bars: 5, after: loss }", "{ bars: 4, after: stop }"]),
    slot("strategy.limits.trades_per_day", &["", "3"]),
    slot("strategy.limits.day_loss", &["", "2%"]),
    slot("strategy.limits.drawdown", &["", "20%"]),
    slot_with("strategy.limits.max_positions", &["", "1", "5"], PORTFOLIO),
    slot_with(
        "strategy.limits.rank",
        &["", "range", "range desc", "range * 2 desc"],
        &[("account.scope", "portfolio"), ("strategy.limits.max_positions", "1")],
    ),
    slot(
        "strategy.size",
        &[
            "{ equity: 10% }",
            "{ equity: 12.5% }",
            "{ cash: 10% }",
            "{ quote: 1000 }",
            "{ quote: \"10 * range\" }",
            "{ base: 0.5 }",
            "{ volatility: 20% }",
            "{ volatility: { of: 20%, days: 10 } }",
        ],
    ),
    slot_with("strategy.size", &["{ risk: 1% }", "{ risk: 2% }"], &[("strategy.stop_loss", "2%")]),
    slot_with(
        "strategy.size",
        &["{ target: 50% }", "{ target: \"range / close\" }"],
        &[
            ("strategy.pyramiding.max", ""),
            ("strategy.pyramiding.exits", ""),
            ("strategy.pyramiding.match", ""),
            ("strategy.long.entry.limit", ""),
            ("strategy.long.entry.stop", ""),
            ("strategy.long.entry.expire", ""),
        ],
    ),
    slot("account.balance", &["10000", "10000.5", "0.000000000000000001"]),
    slot("account.scope", &["", "symbol", "portfolio"]),
    slot("account.quote", &["", "USDT", "T"]),
    slot("account.leverage", &["", "1", "3", "2.5"]),
    slot("account.maintenance", &["", "0.5%", "1%"]),
    slot("account.margin", &["", "isolated", "cross", "none"]),
    slot(
        "account.filters",
        &["", "none", "exchange", "{ tick: 0.01, step: 0.001 }", "{ min_qty: 0.01, min_notional: 10 }"],
    ),
    slot("account.fees.maker", &["0.1%", "-0.01%"]),
    slot("account.fees.taker", &["0.1%", "0.075%"]),
    slot("account.fees.fixed", &["", "0", "1"]),
    slot("account.slippage.pct", &["", "0%", "0.05%"]),
    slot("account.slippage.clamp", &["", "none", "bar"]),
    slot("account.slippage.legs", &["", "both", "entry"]),
    slot("account.sized_at", &["", "fill", "signal"]),
    slot("account.on_insufficient", &["", "cut", "reject"]),
    slot("account.funding.table", &["", "funding", "funding2"]),
    slot("fills.at", &["", "next_open", "close"]),
    slot("fills.path", &["", "pessimistic", "ohlc", "nearest"]),
    slot_with("fills.path", &["detail"], &[("fills.detail", "1s")]),
    slot_with("fills.detail", &["1s", "1m"], &[("fills.path", "detail")]),
    slot("fills.entry_bar_stops", &["", "true", "false", "open"]),
    slot("fills.limit_fill", &["", "touch", "through"]),
    slot("fills.zero_volume", &["", "wait", "fill"]),
    slot("fills.levels_from", &["", "fill", "quote"]),
    slot("fills.at_end", &["", "mark", "close", "last_open"]),
];

/// Settings by path.
pub(crate) type Settings = BTreeMap<&'static str, &'static str>;

/// A small file that is in order.
pub(crate) fn base() -> Settings {
    BTreeMap::from([
        ("strategy.long.entry.when", "up"),
        ("strategy.long.exit.when", "NOT up"),
        ("strategy.size", "{ equity: 10% }"),
        ("account.balance", "10000"),
        ("account.fees.maker", "0.1%"),
        ("account.fees.taker", "0.1%"),
    ])
}

/// Sets a slot to one of its values, and what it needs.
pub(crate) fn set(settings: &mut Settings, slot: &Slot, value: usize) {
    settings.insert(slot.path, slot.values[value % slot.values.len()]);
    settings.extend(slot.with.iter().copied());
}

/// The file; `reversed` turns the order of keys around.
pub(crate) fn text(settings: &Settings, reversed: bool) -> String {
    let mut tree = Tree::default();
    for (path, value) in settings.iter().filter(|(_, value)| !value.is_empty()) {
        path.split('.').fold(&mut tree, |tree, key| tree.under.entry(key).or_default()).value = value;
    }
    let mut lines = vec![
        "name: a".to_owned(),
        "source: { symbols: [BTCUSDT], interval: 5m }".to_owned(),
        "columns: { up: close > open, range: 'atr(high, low, close, 3)' }".to_owned(),
    ];
    for (key, block) in &tree.under {
        lines.push(format!("{key}: {}", block.text(reversed)));
    }
    if reversed {
        lines.reverse();
    }
    lines.join("\n") + "\n"
}

#[derive(Default)]
struct Tree {
    value: &'static str,
    under: BTreeMap<&'static str, Tree>,
}

impl Tree {
    fn text(&self, reversed: bool) -> String {
        if self.under.is_empty() {
            return self.value.to_owned();
        }
        let mut keys: Vec<_> =
            self.under.iter().map(|(key, inner)| format!("{key}: {}", inner.text(reversed))).collect();
        if reversed {
            keys.reverse();
        }
        format!("{{ {} }}", keys.join(", "))
    }
}
