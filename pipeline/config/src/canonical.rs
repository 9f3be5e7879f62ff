//! A pipeline in one form, whatever the order of its keys, its comments and its spaces: what a digest is taken over.

use crate::document::{Document, Level, Located, Number, Rule, Side, Size};
use serde_json::{Value, json};

/// The canonical form: JSON with sorted keys, numbers as their shortest double, expressions with single spaces.
/// Sinks are not part of it, because what is kept does not change what is found; only whether the values of columns enter
/// the digest is.
pub fn canonical(document: &Document) -> String {
    let d = document;
    let params = |p: &std::collections::BTreeMap<String, Located<Number>>| {
        p.iter().map(|(k, v)| (k.clone(), json!(v.value.value))).collect::<serde_json::Map<_, _>>()
    };
    let columns: Vec<_> = d
        .columns
        .iter()
        .map(|c| json!([c.name.value, c.every.as_ref().map(|e| e.value.name()), text(&c.is.value)]))
        .collect();
    let strategy = d.strategy.as_ref().map(|s| {
        let size = match &s.size.value {
            Size::Equity(n) => json!(["equity", n.value]),
            Size::Cash(n) => json!(["cash", n.value]),
            Size::Quote(e) => json!(["quote", text(&e.value)]),
            Size::Base(e) => json!(["base", text(&e.value)]),
        };
        let on_opposite = format!("{:?}", s.on_opposite);
        json!({ "long": s.long.as_ref().map(side), "short": s.short.as_ref().map(side), "size": size, "on_opposite": on_opposite })
    });
    let account = d.account.as_ref().map(|a| {
        let rates = [&a.maker, &a.taker, &a.fixed, &a.slippage].map(|n| n.value);
        json!({ "balance": a.balance.value.value, "rates": rates, "filters": format!("{:?}", a.filters) })
    });
    let per_symbol: serde_json::Map<_, _> =
        d.per_symbol.iter().map(|(s, p)| (s.clone(), Value::Object(params(p)))).collect();
    let value = json!({
        "name": d.name.value,
        "source": [d.source.exchange.value, d.source.interval.value.name()],
        "symbols": d.source.symbols.iter().map(|s| s.value.as_str()).collect::<Vec<_>>(),
        "params": params(&d.params),
        "per_symbol": per_symbol,
        "columns": columns,
        "strategy": strategy,
        "account": account,
        "fills": d.strategy.as_ref().map(|_| format!("{:?}", d.fills)),
        "columns_digested": d.digests_columns(),
    });
    value.to_string()
}

fn side(side: &Side) -> Value {
    let rules = |r: &[Rule]| r.iter().map(|r| json!([text(&r.when.value), r.tag])).collect::<Vec<_>>();
    let level = |l: &Option<Located<Level>>| {
        l.as_ref().map(|l| match &l.value {
            Level::Percent(n) => json!(["percent", n.value]),
            Level::Distance(e) => json!(["distance", text(&e.value)]),
            Level::Price(e) => json!(["price", text(&e.value)]),
        })
    };
    json!([rules(&side.entry), rules(&side.exit), level(&side.stop_loss), level(&side.take_profit)])
}

fn text(expression: &str) -> String {
    expression.split_whitespace().collect::<Vec<_>>().join(" ")
}
