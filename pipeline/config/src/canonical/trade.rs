//! `strategy`, `account` and `fills` as the settings that are in force, under the file's own keys.

use super::text;
use crate::{
    document::{Account, Document, Expr, Filters, Level, Located, Order, Side, Size, Strategy, Targets},
    read::percent_text,
    words::{self, word_of},
};
use candleflow_kernels::{
    money::Ratio,
    strategy::{Expire, Fills},
};
use serde_json::{Map, Value, json};

/// The blocks `strategy`, `account` and `fills` with every default and profile filled in; empty without a strategy.
pub fn settings(document: &Document) -> Vec<(&'static str, Value)> {
    let (Some(of), Some(account)) = (&document.strategy, &document.account) else { return Vec::new() };
    let mut fills = fills(&document.fills);
    fills["detail"] = json!(document.detail.as_ref().map(|d| d.value.name()));
    vec![("strategy", said(strategy(of))), ("account", said(self::account(account))), ("fills", said(fills))]
}

/// Without the keys that hold nothing.
fn said(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, said(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(said).collect()),
        other => other,
    }
}

fn strategy(s: &Strategy) -> Value {
    let limits = &s.limits;
    let rank =
        limits.rank.as_ref().map(|(by, down)| format!("{} {}", text(&by.value), if *down { "desc" } else { "asc" }));
    json!({
        "long": s.long.as_ref().map(side),
        "short": s.short.as_ref().map(side),
        "pyramiding": {
            "max": s.pyramiding.max,
            "exits": word_of(&words::PYRAMID_EXITS, &s.pyramiding.exits),
            "match": word_of(&words::MATCH, &s.pyramiding.matching),
        },
        "on_opposite": word_of(&words::ON_OPPOSITE, &s.on_opposite),
        "resting": word_of(&words::RESTING, &s.resting),
        "cooldown": s.cooldown.map(|c| json!({ "bars": c.bars, "after": word_of(&words::COOLDOWN_AFTER, &c.after) })),
        "limits": {
            "trades_per_day": limits.trades_per_day,
            "day_loss": limits.day_loss.map(percent_text),
            "drawdown": limits.drawdown.map(percent_text),
            "max_positions": limits.max_positions.as_ref().map(|m| m.value),
            "rank": rank,
        },
    })
}

fn side(side: &Side) -> Value {
    let entry = |rule: &crate::document::EntryRule| {
        let mut value = order(&rule.order);
        value.insert("size".into(), json!(rule.size.as_ref().or(side.size.as_ref()).map(size)));
        Value::Object(value)
    };
    let exit = |rule: &crate::document::ExitRule| {
        let mut value = order(&rule.order);
        value.insert("portion".into(), json!(rule.portion.map(percent_text)));
        value.insert("repeat".into(), json!(rule.repeat.then_some(true)));
        Value::Object(value)
    };
    json!({
        "entry": side.entry.iter().map(entry).collect::<Vec<_>>(),
        "exit": side.exit.iter().map(exit).collect::<Vec<_>>(),
        "stop_loss": side.stop_loss.as_ref().map(|l| level(&l.value)),
        "take_profit": side.take_profit.as_ref().map(targets),
        "trailing_stop": side.trailing_stop.as_ref().map(|t| json!({
            "by": level(&t.value.by),
            "after": t.value.after.map(percent_text),
        })),
        "break_even": side.break_even.map(|b| json!({ "after": percent_text(b.after), "at": percent_text(b.at) })),
        "max_bars": side.max_bars,
    })
}

fn order(order: &Order) -> Map<String, Value> {
    let priced = order.limit.is_some() || order.stop.is_some();
    let expire = match order.expire {
        Expire::Bars(bars) => json!(bars),
        Expire::Never => json!("none"),
    };
    let pairs = [
        ("when", json!(text(&order.when.value))),
        ("limit", optional(&order.limit)),
        ("stop", optional(&order.stop)),
        ("expire", if priced { expire } else { Value::Null }),
        ("cancel_if", optional(&order.cancel_if)),
        ("tag", json!(order.tag)),
    ];
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

fn optional(expr: &Option<Expr>) -> Value {
    json!(expr.as_ref().map(|e| text(&e.value)))
}

fn level(level: &Level) -> Value {
    match level {
        Level::Percent(share) => json!(percent_text(*share)),
        Level::Distance(e) => json!({ "distance": text(&e.value) }),
        Level::Price(e) => json!({ "price": text(&e.value) }),
    }
}

fn targets(targets: &Located<Targets>) -> Value {
    match &targets.value {
        Targets::At(list) => {
            let one =
                |t: &crate::document::Target| json!({ "at": level(&t.at), "portion": t.portion.map(percent_text) });
            json!(list.iter().map(one).collect::<Vec<_>>())
        }
        Targets::Table(steps) => {
            // A list, because the order of time is not that of text.
            let step = |s: &candleflow_kernels::strategy::TableStep| json!([seconds(s.after), percent_text(s.at)]);
            json!({ "table": steps.iter().map(step).collect::<Vec<_>>() })
        }
    }
}

fn seconds(micros: i64) -> String {
    format!("{}s", micros / 1_000_000)
}

fn size(size: &Located<Size>) -> Value {
    match &size.value {
        Size::Equity(share) => json!({ "equity": percent_text(*share) }),
        Size::Cash(share) => json!({ "cash": percent_text(*share) }),
        Size::Quote(e) => json!({ "quote": text(&e.value) }),
        Size::Base(e) => json!({ "base": text(&e.value) }),
        Size::Risk(share) => json!({ "risk": percent_text(*share) }),
        Size::Target(e) => json!({ "target": text(&e.value) }),
        Size::Volatility { of, days } => json!({ "volatility": { "of": percent_text(*of), "days": days } }),
    }
}

fn account(a: &Account) -> Value {
    let terms = &a.terms;
    let filters = match a.filters.value {
        Filters::Exchange => json!("exchange"),
        Filters::None => json!("none"),
        Filters::Given(f) => json!({
            "tick": f.tick.to_string(), "step": f.step.to_string(),
            "min_qty": f.min_qty.to_string(), "min_notional": f.min_notional.to_string(),
        }),
    };
    let percent = |share: Ratio| percent_text(share);
    json!({
        "balance": terms.balance.to_string(),
        "scope": word_of(&words::SCOPE, &terms.scope),
        "quote": a.quote.value,
        "leverage": terms.leverage.to_string(),
        "maintenance": percent(terms.maintenance),
        "margin": word_of(&words::MARGIN, &terms.margin),
        "filters": filters,
        "fees": {
            "maker": percent(terms.fees.maker), "taker": percent(terms.fees.taker), "fixed": terms.fees.fixed.to_string(),
        },
        "slippage": {
            "pct": percent(terms.slippage.pct),
            "clamp": word_of(&words::CLAMP, &terms.slippage.clamp),
            "legs": word_of(&words::LEGS, &terms.slippage.legs),
        },
        "sized_at": word_of(&words::SIZED_AT, &terms.sized_at),
        "on_insufficient": word_of(&words::ON_INSUFFICIENT, &terms.on_insufficient),
        "funding": a.funding.as_ref().map(|f| json!({ "table": f.value })),
    })
}

fn fills(f: &Fills) -> Value {
    json!({
        "at": word_of(&words::AT, &f.at),
        "path": word_of(&words::PATH, &f.path),
        "entry_bar_stops": word_of(&words::ENTRY_BAR_STOPS, &f.entry_bar_stops),
        "limit_fill": word_of(&words::LIMIT_FILL, &f.limit_fill),
        "zero_volume": word_of(&words::ZERO_VOLUME, &f.zero_volume),
        "levels_from": word_of(&words::LEVELS_FROM, &f.levels_from),
        "at_end": word_of(&words::AT_END, &f.at_end),
    })
}
