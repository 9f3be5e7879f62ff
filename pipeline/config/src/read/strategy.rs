//! The block `strategy`: sides, rules, and what bounds them.

use super::{Entries, Reader};
use crate::{
    document::{EntryRule, ExitRule, Expr, Limits, Located, Order, Side, Size, Strategy},
    grammar,
    node::{Kind, Node},
    words,
};
use candleflow_kernels::{
    money::Ratio,
    strategy::{Cooldown, CooldownAfter, Expire, Pyramiding},
};

/// More entries of one position than this are a mistake; each costs state.
const ENTRIES: u32 = 1_000;

impl Reader {
    pub(super) fn strategy(&mut self, node: &Node) -> Option<Strategy> {
        let entries = self.block(&grammar::STRATEGY, node)?;
        let shared = self.protection(&entries, &Side::default());
        let long = entries.get("long").map(|n| self.side(n, &shared));
        let short = entries.get("short").map(|n| self.side(n, &shared));
        if long.is_none() && short.is_none() {
            self.errors
                .add(node.place, "the strategy trades nothing: add long: { entry: ... } or short: { entry: ... }");
        }
        Some(Strategy {
            place: node.place,
            long: long.flatten(),
            short: short.flatten(),
            pyramiding: entries.get("pyramiding").map(|n| self.pyramiding(n)).unwrap_or_default(),
            on_opposite: self.choose(&entries, "on_opposite", &words::ON_OPPOSITE),
            resting: self.choose(&entries, "resting", &words::RESTING),
            cooldown: entries.get("cooldown").and_then(|n| self.cooldown(n)),
            limits: entries.get("limits").map(|n| self.limits(n)).unwrap_or_default(),
        })
    }

    fn side(&mut self, node: &Node, shared: &Side) -> Option<Side> {
        let entries = self.block(&grammar::SIDE, node)?;
        let mut side = self.protection(&entries, shared);
        side.entry = entries.get("entry").map(|n| self.rules(n, "entry", Self::entry)).unwrap_or_default();
        side.exit = entries.get("exit").map(|n| self.rules(n, "exit", Self::exit)).unwrap_or_default();
        Some(side)
    }

    /// Size, stops and targets: those of this block, else those of the strategy.
    fn protection(&mut self, entries: &Entries<'_>, shared: &Side) -> Side {
        let mut side = shared.clone();
        for key in ["size", "stop_loss", "take_profit", "trailing_stop", "break_even", "max_bars"] {
            let Some(node) = entries.get(key) else { continue };
            match key {
                "size" => side.size = self.size(node),
                "stop_loss" => side.stop_loss = self.stop_loss(node),
                "take_profit" => side.take_profit = self.take_profit(node),
                "trailing_stop" => side.trailing_stop = self.trailing_stop(node),
                "break_even" => side.break_even = self.break_even(node),
                _ => side.max_bars = self.count(node, key),
            }
        }
        side
    }

    fn rules<T>(&mut self, node: &Node, what: &str, read: fn(&mut Self, &Node) -> Option<T>) -> Vec<T> {
        match &node.kind {
            Kind::Seq(items) if items.is_empty() => {
                self.errors.add(node.place, format!("{what}: the list of rules is empty"));
                Vec::new()
            }
            Kind::Seq(items) => items.iter().filter_map(|n| read(self, n)).collect(),
            _ => read(self, node).into_iter().collect(),
        }
    }

    fn entry(&mut self, node: &Node) -> Option<EntryRule> {
        let Kind::Map(_) = node.kind else {
            return Some(EntryRule { order: market(self.expression(node, "entry")?), size: None });
        };
        let entries = self.block(&grammar::ENTRY, node)?;
        let size = entries.get("size").and_then(|n| self.size(n));
        Some(EntryRule { order: self.order(&entries, "entry")?, size })
    }

    fn exit(&mut self, node: &Node) -> Option<ExitRule> {
        let Kind::Map(_) = node.kind else {
            return Some(ExitRule { order: market(self.expression(node, "exit")?), portion: None, repeat: false });
        };
        let entries = self.block(&grammar::EXIT, node)?;
        let portion = entries.get("portion").and_then(|n| self.portion(n));
        let repeat = entries.get("repeat").and_then(|n| Some((n.place, self.boolean(n, "repeat")?)));
        if let (Some((place, true)), None) = (repeat, entries.get("portion")) {
            self.errors.add(place, "repeat: only a rule with a portion can act more than once: add portion: 50%");
        }
        Some(ExitRule { order: self.order(&entries, "exit")?, portion, repeat: repeat.is_some_and(|(_, yes)| yes) })
    }

    fn order(&mut self, entries: &Entries<'_>, what: &str) -> Option<Order> {
        let mut expression = |key: &str, what: &str| {
            let node = entries.get(key)?;
            self.expression(node, what)
        };
        let (when, cancel_if) = (expression("when", what), expression("cancel_if", "cancel_if"));
        let mut price = |key: &str| entries.get(key).and_then(|n| self.amount(n, key));
        let (limit, stop) = (price("limit"), price("stop"));
        let tag = entries.get("tag").and_then(|n| self.word(n, "tag")).map(|t| t.value);
        let expire = entries.get("expire").and_then(|n| {
            if entries.get("limit").is_none() && entries.get("stop").is_none() {
                self.errors
                    .add(n.place, "expire: a market order never expires: add a limit or a stop, or remove expire");
            }
            self.expire(n)
        });
        Some(Order { when: when?, limit, stop, expire: expire.unwrap_or_default(), cancel_if, tag })
    }

    fn expire(&mut self, node: &Node) -> Option<Expire> {
        if matches!(&node.kind, Kind::Scalar { text, .. } if text == "none") {
            return Some(Expire::Never);
        }
        self.count(node, "expire (or none)").map(Expire::Bars)
    }

    fn pyramiding(&mut self, node: &Node) -> Pyramiding {
        let mut pyramiding = Pyramiding::default();
        let Some(entries) = self.block(&grammar::PYRAMIDING, node) else { return pyramiding };
        if let Some((n, max)) = entries.get("max").and_then(|n| Some((n, self.count(n, "max")?))) {
            if max > ENTRIES {
                self.errors.add(n.place, format!("max: expected 1 to {ENTRIES} entries, found {max}"));
            }
            pyramiding.max = max;
        }
        pyramiding.exits = self.choose(&entries, "exits", &words::PYRAMID_EXITS);
        pyramiding.matching = self.choose(&entries, "match", &words::MATCH);
        pyramiding
    }

    fn cooldown(&mut self, node: &Node) -> Option<Cooldown> {
        if !matches!(node.kind, Kind::Map(_)) {
            return self.count(node, "cooldown").map(|bars| Cooldown { bars, after: CooldownAfter::Any });
        }
        let entries = self.block(&grammar::COOLDOWN, node)?;
        let after = self.choose(&entries, "after", &words::COOLDOWN_AFTER);
        Some(Cooldown { bars: entries.get("bars").and_then(|n| self.count(n, "bars"))?, after })
    }

    fn limits(&mut self, node: &Node) -> Limits {
        let Some(entries) = self.block(&grammar::LIMITS, node) else { return Limits::default() };
        let mut share = |key: &str| {
            let node = entries.get(key)?;
            self.percent_where(node, key, |p| p > Ratio::ZERO && p < Ratio::ONE, "more than 0% and less than 100%")
        };
        let (day_loss, drawdown) = (share("day_loss"), share("drawdown"));
        let mut count = |key: &str| entries.get(key).and_then(|n| self.count(n, key));
        let (trades_per_day, max_positions) = (count("trades_per_day"), count("max_positions"));
        let max_positions =
            entries.get("max_positions").zip(max_positions).map(|(n, value)| Located { place: n.place, value });
        let rank = entries.get("rank").and_then(|n| self.expression(n, "rank")).and_then(|e| self.rank(e));
        if let (Some(n), None) = (entries.get("rank"), entries.get("max_positions")) {
            self.errors.add(n.place, "rank: it orders entries that compete for max_positions: add max_positions");
        }
        Limits { trades_per_day, day_loss, drawdown, max_positions, rank }
    }

    /// `rsi14 desc`: an expression and a direction, rising without one.
    fn rank(&mut self, text: Expr) -> Option<(Expr, bool)> {
        let whole = text.value.trim_end();
        let (head, last) = whole.rsplit_once(char::is_whitespace).unwrap_or(("", whole));
        let (by, descending) = match last.to_lowercase().as_str() {
            "desc" => (head, true),
            "asc" => (head, false),
            _ => (whole, false),
        };
        if by.trim().is_empty() {
            self.errors.add(text.place, "rank: expected an expression before the direction, such as rsi14 desc");
            return None;
        }
        Some((Located { place: text.place, value: by.to_owned() }, descending))
    }

    /// What no block can see alone.
    pub(super) fn contradictions(&mut self, strategy: &Strategy, node: &Node) {
        for (name, side) in [("long", &strategy.long), ("short", &strategy.short)] {
            let Some(side) = side else { continue };
            for rule in &side.entry {
                self.entry_contradictions((name, side), rule, strategy, node);
            }
        }
    }

    fn entry_contradictions(
        &mut self,
        (name, side): (&str, &Side),
        rule: &EntryRule,
        strategy: &Strategy,
        node: &Node,
    ) {
        let Some(size) = rule.size.as_ref().or(side.size.as_ref()) else {
            if !said(node, name, "size") {
                let place = rule.order.when.place;
                self.errors
                    .add(place, format!("this {name} entry has no size: add size: {{ equity: 10% }} or another"));
            }
            return;
        };
        match size.value {
            Size::Risk(_) if !said(node, name, "stop_loss") => {
                self.errors.add(size.place, "size: risk needs a stop_loss that says what an entry may lose");
            }
            Size::Target(_) if strategy.pyramiding != Pyramiding::default() => {
                self.errors.add(size.place, "size: target excludes pyramiding, which does not apply to it: remove one");
            }
            Size::Target(_) if rule.order.limit.is_some() || rule.order.stop.is_some() => {
                self.errors.add(
                    rule.order.when.place,
                    "size: target is reached by market orders: remove the entry's limit and stop, or take another size",
                );
            }
            _ => {}
        }
    }
}

/// A market order.
fn market(when: Expr) -> Order {
    Order { when, limit: None, stop: None, expire: Expire::default(), cancel_if: None, tag: None }
}

/// Whether a key stands in the file for a side, whether or not its value could be read.
fn said(strategy: &Node, side: &str, key: &str) -> bool {
    strategy.get(key).is_some() || strategy.get(side).is_some_and(|n| n.get(key).is_some())
}
