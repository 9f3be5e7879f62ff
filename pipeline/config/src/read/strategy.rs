//! The blocks `strategy`, `account` and `fills`.

use super::{Entries, Reader};
use crate::{
    document::{
        Account, AtEnd, FillAt, Fills, Filters, Level, Located, Number, OnOpposite, Path, Rule, Side, Size, Strategy,
        ZeroVolume,
    },
    grammar,
    node::{Kind, Node},
};

/// Fees and slippage above this are a mistake, not a market.
const RATE_LIMIT: f64 = 0.5;

impl Reader {
    pub(super) fn strategy(&mut self, node: &Node) -> Option<Strategy> {
        let entries = self.block(&grammar::STRATEGY, node)?;
        let stop_loss = entries.get("stop_loss").and_then(|n| self.level(n, "stop_loss"));
        let take_profit = entries.get("take_profit").and_then(|n| self.level(n, "take_profit"));
        let long = entries.get("long").map(|n| self.side(n, &stop_loss, &take_profit));
        let short = entries.get("short").map(|n| self.side(n, &stop_loss, &take_profit));
        if long.is_none() && short.is_none() {
            self.errors
                .add(node.place, "the strategy trades nothing: add long: { entry: ... } or short: { entry: ... }");
        }
        let size = entries.get("size").and_then(|n| self.size(n));
        let on_opposite = match entries.get("on_opposite").map(|n| self.one_of(n, "on_opposite", ON_OPPOSITE)) {
            Some(Some(Located { value: "ignore", .. })) => OnOpposite::Ignore,
            Some(Some(Located { value: "close", .. })) => OnOpposite::Close,
            _ => OnOpposite::Reverse,
        };
        Some(Strategy { long: long.flatten(), short: short.flatten(), size: size?, on_opposite })
    }

    fn side(
        &mut self,
        node: &Node,
        stop_loss: &Option<Located<Level>>,
        take_profit: &Option<Located<Level>>,
    ) -> Option<Side> {
        let entries = self.block(&grammar::SIDE, node)?;
        let own = |r: &mut Self, key: &str, shared: &Option<Located<Level>>| match entries.get(key) {
            Some(n) => r.level(n, key),
            None => shared.clone(),
        };
        let (stop_loss, take_profit) = (own(self, "stop_loss", stop_loss), own(self, "take_profit", take_profit));
        let entry = entries.get("entry").map(|n| self.rules(n, "entry")).unwrap_or_default();
        let exit = entries.get("exit").map(|n| self.rules(n, "exit")).unwrap_or_default();
        Some(Side { entry, exit, stop_loss, take_profit })
    }

    fn rules(&mut self, node: &Node, what: &str) -> Vec<Rule> {
        match &node.kind {
            Kind::Seq(items) if items.is_empty() => {
                self.errors.add(node.place, format!("{what}: the list of rules is empty"));
                Vec::new()
            }
            Kind::Seq(items) => items.iter().filter_map(|n| self.rule(n, what)).collect(),
            _ => self.rule(node, what).into_iter().collect(),
        }
    }

    fn rule(&mut self, node: &Node, what: &str) -> Option<Rule> {
        if let Kind::Map(_) = node.kind {
            let entries = self.block(&grammar::RULE, node)?;
            let tag = entries.get("tag").and_then(|n| self.word(n, "tag")).map(|t| t.value);
            let when = entries.get("when").and_then(|n| self.expression(n, what))?;
            return Some(Rule { when, tag });
        }
        Some(Rule { when: self.expression(node, what)?, tag: None })
    }

    fn level(&mut self, node: &Node, what: &str) -> Option<Located<Level>> {
        let place = node.place;
        if let Kind::Map(_) = node.kind {
            let entries = self.block(&grammar::LEVEL, node)?;
            let level = match self.exactly_one(&entries, what, &["distance", "price"])? {
                ("distance", n) => Level::Distance(self.expression(n, what)?),
                (_, n) => Level::Price(self.expression(n, what)?),
            };
            return Some(Located { place, value: level });
        }
        if let Kind::Scalar { text, .. } = &node.kind
            && !text.trim().ends_with('%')
            && super::value::number_of(text).is_none()
            && !text.trim().is_empty()
        {
            self.errors.add(
                place,
                format!("{what}: is \"{text}\" a distance or a price? write {{ distance: \"{text}\" }} or {{ price: \"{text}\" }}"),
            );
            return None;
        }
        let percent = self.percent(node, what)?;
        if percent.value.value <= 0.0 || percent.value.value >= 10.0 {
            self.errors.add(place, format!("{what}: expected more than 0% and less than 1000%"));
        }
        Some(Located { place, value: Level::Percent(percent.value) })
    }

    fn size(&mut self, node: &Node) -> Option<Located<Size>> {
        let entries = self.block(&grammar::SIZE, node)?;
        let place = node.place;
        let value = match self.exactly_one(&entries, "size", &["equity", "cash", "quote", "base"])? {
            (key @ ("equity" | "cash"), n) => {
                let part = self.percent(n, key)?;
                if part.value.value <= 0.0 || part.value.value > 1.0 {
                    self.errors.add(part.place, format!("{key}: expected more than 0% and at most 100%"));
                }
                if key == "equity" { Size::Equity(part.value) } else { Size::Cash(part.value) }
            }
            (key, n) => {
                let amount = self.expression(n, key)?;
                if super::value::number_of(&amount.value).is_some_and(|v| v.value <= 0.0) {
                    self.errors.add(amount.place, format!("{key}: expected more than 0"));
                }
                if key == "quote" { Size::Quote(amount) } else { Size::Base(amount) }
            }
        };
        Some(Located { place, value })
    }

    fn exactly_one<'n>(
        &mut self,
        entries: &Entries<'n>,
        what: &str,
        keys: &[&'static str],
    ) -> Option<(&'static str, &'n Node)> {
        let mut found = keys.iter().filter_map(|k| entries.get(k).map(|n| (*k, n)));
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            (one, _) => {
                let count = if one.is_none() { "none" } else { "several" };
                self.errors
                    .add(entries.place, format!("{what}: expected exactly one of {}, found {count}", keys.join(", ")));
                None
            }
        }
    }

    pub(super) fn account(&mut self, node: &Node) -> Option<Account> {
        let entries = self.block(&grammar::ACCOUNT, node)?;
        let balance = entries.get("balance").and_then(|n| self.number(n, "balance"));
        if let Some(balance) = balance.as_ref().filter(|b| b.value.value <= 0.0) {
            self.errors.add(balance.place, format!("balance: expected more than 0, found {}", balance.value.text));
        }
        if let Some(n) = entries.get("scope") {
            self.one_of(n, "scope", &["symbol"]);
        }
        let zero = || Number { text: "0".into(), value: 0.0 };
        let fees = entries.get("fees").and_then(|n| self.block(&grammar::FEES, n));
        let rate = |r: &mut Self, e: &Option<Entries<'_>>, key: &str| {
            let n = e.as_ref().and_then(|e| e.get(key))?;
            let rate = r.percent(n, key)?;
            if rate.value.value.abs() >= RATE_LIMIT {
                r.errors.add(rate.place, format!("{key}: expected less than 50% either way"));
            }
            Some(rate.value)
        };
        let (maker, taker) = (rate(self, &fees, "maker"), rate(self, &fees, "taker"));
        let fixed = fees.as_ref().and_then(|f| f.get("fixed")).and_then(|n| self.number(n, "fixed"));
        let slippage = entries.get("slippage").and_then(|n| self.block(&grammar::SLIPPAGE, n));
        let pct = rate(self, &slippage, "pct");
        if pct.as_ref().is_some_and(|p| p.value < 0.0) {
            self.errors.add(entries.get("slippage").map_or(node.place, |n| n.place), "slippage cannot be negative");
        }
        let filters = entries.get("filters").map_or(Some(Filters::None), |n| self.filters(n));
        Some(Account {
            balance: balance?,
            maker: maker?,
            taker: taker?,
            fixed: fixed.map_or_else(zero, |f| f.value),
            slippage: pct.unwrap_or_else(zero),
            filters: filters?,
        })
    }

    fn filters(&mut self, node: &Node) -> Option<Filters> {
        if !matches!(node.kind, Kind::Map(_)) {
            return self.one_of(node, "filters", &["none"]).map(|_| Filters::None);
        }
        let entries = self.block(&grammar::FILTERS, node)?;
        let mut positive = |key: &str| {
            let number = entries.get(key).and_then(|n| self.number(n, key))?;
            if number.value.value <= 0.0 {
                self.errors.add(number.place, format!("{key}: expected more than 0"));
            }
            Some(number.value)
        };
        let (tick, step) = (positive("tick"), positive("step"));
        Some(Filters::Given { tick, step, min_qty: positive("min_qty"), min_notional: positive("min_notional") })
    }

    pub(super) fn fills(&mut self, node: Option<&Node>) -> Fills {
        let mut fills = Fills {
            at: FillAt::NextOpen,
            path: Path::Pessimistic,
            entry_bar_stops: true,
            zero_volume: ZeroVolume::Wait,
            at_end: AtEnd::Mark,
        };
        let Some(entries) = node.and_then(|n| self.block(&grammar::FILLS, n)) else { return fills };
        let mut word = |key: &str, words| entries.get(key).and_then(|n| self.one_of(n, key, words)).map(|w| w.value);
        if word("at", &["next_open", "close"]) == Some("close") {
            fills.at = FillAt::Close;
        }
        fills.path = match word("path", &["pessimistic", "ohlc", "nearest"]) {
            Some("ohlc") => Path::Ohlc,
            Some("nearest") => Path::Nearest,
            _ => Path::Pessimistic,
        };
        if word("zero_volume", &["wait", "fill"]) == Some("fill") {
            fills.zero_volume = ZeroVolume::Fill;
        }
        if word("at_end", &["mark", "close"]) == Some("close") {
            fills.at_end = AtEnd::Close;
        }
        if let Some(stops) = entries.get("entry_bar_stops").and_then(|n| self.boolean(n, "entry_bar_stops")) {
            fills.entry_bar_stops = stops;
        }
        fills
    }
}

const ON_OPPOSITE: &[&str] = &["reverse", "ignore", "close"];
