//! One pass from the located tree to the [`Document`], which finds all errors of the file, not only the first.
//!
//! Keys are checked against the [`grammar`](crate::grammar). A value that cannot be used is reported and left out; the
//! document is given only when nothing was reported.

mod account;
mod levels;
mod meet;
mod profile;
mod research;
mod strategy;
mod value;

pub(crate) use levels::percent_text;

use crate::{
    diagnostics::{Diagnostics, Place, nearest},
    document::{Column, Document, Located, Number, SinkDef, Source, Table},
    grammar::{self, Block},
    node::{self, Key, Kind, Node},
    words,
};
use candleflow_kernels::metrics::Variant;
use candleflow_schema::Interval;
use std::collections::BTreeMap;

/// Values given on the command line instead of those in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--set name=value`, in order.
    pub params: Vec<(String, String)>,
    /// `--symbols A,B` instead of `source.symbols`.
    pub symbols: Vec<String>,
}

/// Reads a pipeline file.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn read(file: &str, text: &str, overrides: &Overrides) -> Result<Document, Diagnostics> {
    let mut reader = Reader { errors: Diagnostics::new(file) };
    let document = node::parse(text, &mut reader.errors).and_then(|root| reader.document(&root, overrides));
    match document {
        Some(document) if reader.errors.is_empty() => Ok(document),
        _ => Err(reader.errors),
    }
}

struct Reader {
    errors: Diagnostics,
}

/// The entries of a block by key.
struct Entries<'n> {
    place: Place,
    map: BTreeMap<&'n str, (&'n Key, &'n Node)>,
}

impl<'n> Entries<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        self.map.get(key).map(|(_, node)| *node)
    }
}

impl Reader {
    /// The entries of a block; unknown and missing keys are reported.
    fn block<'n>(&mut self, block: &Block, node: &'n Node) -> Option<Entries<'n>> {
        let Kind::Map(list) = &node.kind else {
            let keys: Vec<_> = block.keys.iter().map(|k| k.name).collect();
            self.errors.add(
                node.place,
                format!("{}: expected a block with {}, found {}", block.name, keys.join(", "), node.describe()),
            );
            return None;
        };
        for (key, _) in list {
            if !block.keys.iter().any(|k| k.name == key.text) {
                let hint = nearest(&key.text, block.keys.iter().map(|k| k.name));
                self.errors.add(key.place, format!("unknown key '{}' in {}{hint}", key.text, block.name));
            }
        }
        for key in block.keys.iter().filter(|k| k.required) {
            if !list.iter().any(|(k, _)| k.text == key.name) {
                self.errors.add(node.place, format!("{} lacks the key '{}': {}", block.name, key.name, key.doc));
            }
        }
        let map = list.iter().map(|(k, n)| (k.text.as_str(), (k, n))).collect();
        Some(Entries { place: node.place, map })
    }

    /// The only key of a block that has exactly one.
    fn exactly_one<'n>(&mut self, block: &Block, node: &'n Node, what: &str) -> Option<(&'static str, &'n Node)> {
        let entries = self.block(block, node)?;
        let keys: Vec<_> = block.keys.iter().map(|k| k.name).collect();
        self.one_among(&entries, what, &keys)
    }

    fn one_among<'n>(
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

    fn document(&mut self, root: &Node, overrides: &Overrides) -> Option<Document> {
        let profile = root.get("profile").and_then(|n| {
            let value = self.choice(n, "profile", &words::PROFILE)?;
            Some(Located { place: n.place, value })
        });
        let root = &profile.as_ref().map_or_else(|| root.clone(), |p| profile::applied(root, p));
        let top = self.block(&grammar::PIPELINE, root)?;
        let name = top.get("name").and_then(|n| self.name(n));
        let source = top.get("source").and_then(|n| self.source(n, &overrides.symbols));
        let (mut params, per_symbol) = top.get("params").map(|n| self.params(n)).unwrap_or_default();
        self.override_params(&mut params, overrides, top.place);
        let columns = top.get("columns").map(|n| self.columns(n)).unwrap_or_default();
        let strategy = top.get("strategy").map(|n| self.strategy(n));
        let account = top.get("account").map(|n| self.account(n));
        let (fills, detail) = self.fills(top.get("fills"));
        let sinks = self.sinks(top.get("sinks"), strategy.is_some());
        let variant = top.get("metrics").and_then(|n| self.variant(n, strategy.is_some()));
        let research = self.research(&top, &params, strategy.is_some());
        if strategy.is_some() && account.is_none() {
            let place = top.map.get("strategy").map_or(top.place, |(k, _)| k.place);
            self.errors.add(
                place,
                "a strategy needs an account: add account: { balance: 10000, fees: { maker: 0.1%, taker: 0.1% } }",
            );
        }
        if strategy.is_none() && columns.is_empty() {
            self.errors.add(top.place, "the pipeline computes nothing: add columns or a strategy");
        }
        if strategy.is_none() && account.is_some() {
            let place = top.map.get("account").map_or(top.place, |(k, _)| k.place);
            self.errors.add(place, "an account without a strategy does nothing: remove it or add a strategy");
        }
        if let (Some(node), Some(Some(strategy))) = (top.get("strategy"), &strategy) {
            self.contradictions(strategy, node);
        }
        if let Some(source) = &source {
            self.meet(source, strategy.as_ref().and_then(Option::as_ref), account.as_ref().and_then(Option::as_ref));
            self.finer(source, detail.as_ref());
            let known: Vec<&str> = source.symbols.iter().map(|s| s.value.as_str()).collect();
            for (symbol, own) in &per_symbol {
                let place = own.values().next().map_or(top.place, |v| v.place);
                if !known.contains(&symbol.as_str()) && overrides.symbols.is_empty() {
                    self.errors.add(place, format!("params.per_symbol names {symbol}, which source.symbols lacks"));
                }
            }
        }
        for (symbol, own) in &per_symbol {
            for (name, value) in own.iter().filter(|(name, _)| !params.contains_key(*name)) {
                let hint = nearest(name, params.keys().map(String::as_str));
                self.errors.add(value.place, format!("per_symbol.{symbol} sets '{name}', which params lacks{hint}"));
            }
        }
        Some(Document {
            name: name?,
            source: source?,
            params,
            per_symbol,
            columns,
            strategy: strategy.flatten(),
            account: account.flatten(),
            fills,
            detail,
            profile,
            variant,
            sinks,
            research,
        })
    }

    fn name(&mut self, node: &Node) -> Option<Located<String>> {
        let name = self.word(node, "name")?;
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.value.is_empty() || name.value.len() > 100 || !name.value.chars().all(fine) {
            self.errors
                .add(name.place, format!("name '{}': use 1 to 100 letters, digits, '-', '_' and '.'", name.value));
            return None;
        }
        Some(name)
    }

    fn source(&mut self, node: &Node, symbols: &[String]) -> Option<Source> {
        let entries = self.block(&grammar::SOURCE, node)?;
        let exchange = match entries.get("exchange") {
            Some(n) => Located { place: n.place, value: self.choice(n, "exchange", &[("binance", "binance")])? },
            None => Located { place: node.place, value: "binance" },
        };
        let interval = entries.get("interval").and_then(|n| self.interval(n));
        let mut listed = entries.get("symbols").and_then(|n| self.words(n, "symbols"))?;
        if !symbols.is_empty() {
            let place = entries.get("symbols").map_or(node.place, |n| n.place);
            listed = symbols.iter().map(|s| Located { place, value: s.clone() }).collect();
        }
        let mut seen = std::collections::BTreeSet::new();
        for symbol in &listed {
            if symbol.value.is_empty() || symbol.value.chars().any(|c| c.is_whitespace() || c.is_ascii_lowercase()) {
                let upper = symbol.value.to_uppercase().replace(char::is_whitespace, "");
                self.errors.add(
                    symbol.place,
                    format!("symbol '{}': write it as the exchange does, such as {upper}", symbol.value),
                );
            }
            if !seen.insert(&symbol.value) {
                self.errors.add(symbol.place, format!("symbol {} is listed twice", symbol.value));
            }
        }
        let exchange = Located { place: exchange.place, value: exchange.value.to_owned() };
        Some(Source { exchange, symbols: listed, interval: interval? })
    }

    fn interval(&mut self, node: &Node) -> Option<Located<Interval>> {
        let word = self.word(node, "interval")?;
        match word.value.parse() {
            Ok(value) => Some(Located { place: word.place, value }),
            Err(message) => {
                self.errors.add(word.place, message);
                None
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "the two maps of the document, together only here")]
    fn params(
        &mut self,
        node: &Node,
    ) -> (BTreeMap<String, Located<Number>>, BTreeMap<String, BTreeMap<String, Located<Number>>>) {
        let mut own = BTreeMap::new();
        let Kind::Map(list) = &node.kind else {
            self.errors.add(node.place, format!("params: expected names and numbers, found {}", node.describe()));
            return Default::default();
        };
        for (key, value) in list.iter().filter(|(k, _)| k.text == "per_symbol") {
            let Kind::Map(symbols) = &value.kind else {
                self.errors.add(key.place, "per_symbol: expected symbols, each with a block of names and numbers");
                continue;
            };
            for (symbol, block) in symbols {
                let Kind::Map(entries) = &block.kind else {
                    self.errors.add(block.place, format!("per_symbol.{}: expected names and numbers", symbol.text));
                    continue;
                };
                own.insert(symbol.text.clone(), self.numbers(entries.iter().map(|(k, n)| (k, n))));
            }
        }
        (self.numbers(list.iter().filter(|(k, _)| k.text != "per_symbol").map(|(k, n)| (k, n))), own)
    }

    fn numbers<'n>(&mut self, list: impl Iterator<Item = (&'n Key, &'n Node)>) -> BTreeMap<String, Located<Number>> {
        list.filter_map(|(key, node)| {
            self.identifier(key, "parameter");
            let number = self.number(node, &key.text)?;
            Some((key.text.clone(), number))
        })
        .collect()
    }

    fn override_params(&mut self, params: &mut BTreeMap<String, Located<Number>>, overrides: &Overrides, top: Place) {
        for (name, text) in &overrides.params {
            let Some(slot) = params.get_mut(name) else {
                let hint = nearest(name, params.keys().map(String::as_str));
                self.errors.add(top, format!("--set {name}: the pipeline has no such parameter{hint}"));
                continue;
            };
            match value::number_of(text) {
                Some(number) => slot.value = number,
                None => self.errors.add(top, format!("--set {name}={text}: expected a number")),
            }
        }
    }

    /// A name that expressions can use.
    fn identifier(&mut self, key: &Key, what: &str) {
        let mut chars = key.text.chars();
        let first = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
        if !first
            || key.text.starts_with("__")
            || !chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            let text = &key.text;
            let advice = if text.contains(['(', ')']) {
                "is a part of an expression: put the whole expression in quotes, because inside { } a comma ends a value"
            } else {
                "use lower-case letters, digits and '_', not '__' first"
            };
            let colon = if text.contains(['(', ')']) { "" } else { ":" };
            self.errors.add(key.place, format!("{what} '{text}'{colon} {advice}"));
        }
    }

    fn columns(&mut self, node: &Node) -> Vec<Column> {
        let Kind::Map(list) = &node.kind else {
            self.errors.add(node.place, format!("columns: expected names and expressions, found {}", node.describe()));
            return Vec::new();
        };
        let mut columns = Vec::new();
        for (key, value) in list {
            self.identifier(key, "column");
            let name = Located { place: key.place, value: key.text.clone() };
            if let Kind::Map(_) = value.kind {
                let Some(entries) = self.block(&grammar::HIGHER, value) else { continue };
                let every = entries.get("every").and_then(|n| self.interval(n));
                let is = entries.get("is").and_then(|n| self.expression(n, &key.text));
                if let (Some(every), Some(is)) = (every, is) {
                    columns.push(Column { name, every: Some(every), is });
                }
            } else if let Some(is) = self.expression(value, &key.text) {
                columns.push(Column { name, every: None, is });
            }
        }
        columns
    }

    fn variant(&mut self, node: &Node, strategy: bool) -> Option<Variant> {
        let entries = self.block(&grammar::METRICS, node)?;
        if !strategy {
            self.errors.add(node.place, "metrics are of a strategy, and there is none: remove them, or add one");
        }
        self.choice(entries.get("variant")?, "variant", &words::VARIANT)
    }

    fn sinks(&mut self, node: Option<&Node>, strategy: bool) -> Vec<Located<SinkDef>> {
        let default = if strategy { &[Table::Trades, Table::Equity, Table::Metrics][..] } else { &[Table::Columns] };
        let Some(node) = node else {
            let at = |t: &Table| Located { place: Place { line: 1, column: 1 }, value: SinkDef::Table(*t) };
            return default.iter().map(at).collect();
        };
        let Kind::Seq(items) = &node.kind else {
            self.errors.add(node.place, format!("sinks: expected a list, found {}", node.describe()));
            return Vec::new();
        };
        let mut sinks: Vec<Located<SinkDef>> = Vec::new();
        for item in items {
            let Some(sink) = self.sink(item, strategy) else { continue };
            if sinks.iter().any(|s| s.value == sink.value) {
                self.errors.add(item.place, "this sink is listed twice");
            }
            sinks.push(sink);
        }
        sinks
    }

    fn sink(&mut self, node: &Node, strategy: bool) -> Option<Located<SinkDef>> {
        let place = node.place;
        if let Kind::Map(list) = &node.kind {
            return match list.as_slice() {
                [(key, value)] if key.text == "topic" => {
                    if !strategy {
                        self.errors
                            .add(key.place, "a topic sink carries a strategy's signals, but there is no strategy");
                    }
                    let topic = self.word(value, "topic")?;
                    Some(Located { place, value: SinkDef::Topic(topic.value) })
                }
                _ => {
                    self.errors.add(place, "a sink is the name of a table or { topic: NAME }");
                    None
                }
            };
        }
        let word = self.word(node, "a sink")?;
        let Some(table) = Table::ALL.into_iter().find(|t| t.name() == word.value) else {
            let hint = nearest(&word.value, Table::ALL.iter().map(|t| t.name()));
            self.errors.add(place, format!("unknown sink '{}'{hint}", word.value));
            return None;
        };
        if table != Table::Columns && !strategy {
            self.errors.add(place, format!("the sink {} needs a strategy", word.value));
        }
        Some(Located { place, value: SinkDef::Table(table) })
    }
}

#[cfg(test)]
mod tests;
