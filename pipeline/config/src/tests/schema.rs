//! The JSON Schema takes what the reader takes. Checked by a validator of just the keywords that it uses.

use super::blocks::{self, SLOTS, base, set};
use crate::{
    Diagnostics, json_schema,
    node::{self, Kind, Node},
};
use serde_json::{Map, Value};

/// What an editor's YAML reader makes of the file.
fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { text, plain: true } if !text.is_empty() => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        Kind::Scalar { text, .. } => Value::String(text.clone()),
        Kind::Seq(items) => items.iter().map(json).collect(),
        Kind::Map(list) => Value::Object(list.iter().map(|(k, n)| (k.text.clone(), json(n))).collect::<Map<_, _>>()),
    }
}

pub(super) fn accepts(text: &str) -> Result<(), String> {
    let tree = node::parse(text, &mut Diagnostics::new("p")).ok_or("no tree")?;
    check(&json_schema(&[]), &json(&tree), "")
}

fn check(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let no = |what: &str| Err(format!("{at}: {value} is not {what}"));
    for (keyword, rule) in schema.as_object().ok_or("a schema is an object")? {
        let fine = match (keyword.as_str(), value) {
            ("$schema" | "$defs" | "title" | "description" | "default" | "properties" | "patternProperties", _) => true,
            // The one thing that is defined once is an expression.
            ("$ref", _) => rule == "#/$defs/expression" && value.is_string(),
            ("type", _) => one_or_more(rule).any(|kind| is(value, kind.as_str().unwrap_or_default())),
            ("enum", _) => one_or_more(rule).any(|one| one == value),
            ("anyOf", _) => one_or_more(rule).any(|one| check(one, value, at).is_ok()),
            ("required", Value::Object(map)) => {
                one_or_more(rule).all(|k| map.contains_key(k.as_str().unwrap_or_default()))
            }
            ("minProperties", Value::Object(map)) => map.len() as u64 >= rule.as_u64().unwrap_or(0),
            ("maxProperties", Value::Object(map)) => map.len() as u64 <= rule.as_u64().unwrap_or(0),
            ("minItems", Value::Array(items)) => items.len() as u64 >= rule.as_u64().unwrap_or(0),
            ("uniqueItems", Value::Array(items)) => items.iter().enumerate().all(|(i, v)| !items[..i].contains(v)),
            ("minimum", Value::Number(n)) => n.as_f64() >= rule.as_f64(),
            // The one pattern of values is that of percentages.
            ("pattern", Value::String(text)) => text.strip_suffix('%').is_some_and(|n| n.parse::<f64>().is_ok()),
            ("items", Value::Array(items)) => {
                items.iter().try_for_each(|item| check(rule, item, at))?;
                true
            }
            ("additionalProperties", Value::Object(map)) => {
                for (key, inner) in map {
                    let at = format!("{at}.{key}");
                    let named = schema["properties"].get(key);
                    // The one pattern of keys is that of times.
                    let time = key.trim_end_matches(['s', 'm', 'h', 'd', 'w']);
                    let time = time.len() + 1 == key.len() && time.parse::<u32>().is_ok();
                    let pattern =
                        schema["patternProperties"].as_object().and_then(|p| p.values().next()).filter(|_| time);
                    match (named.or(pattern), rule) {
                        (Some(known), _) => check(known, inner, &at)?,
                        (None, Value::Bool(false)) => return Err(format!("{at} is unknown")),
                        (None, rule) => check(rule, inner, &at)?,
                    }
                }
                true
            }
            (known, _) => [
                "required",
                "minProperties",
                "maxProperties",
                "minItems",
                "uniqueItems",
                "minimum",
                "pattern",
                "items",
                "additionalProperties",
            ]
            .contains(&known),
        };
        if !fine {
            return no(&format!("{keyword} {rule}"));
        }
    }
    Ok(())
}

fn one_or_more(rule: &Value) -> impl Iterator<Item = &Value> {
    rule.as_array().map_or(std::slice::from_ref(rule), Vec::as_slice).iter()
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}

#[test]
fn what_the_reader_takes_the_schema_takes() {
    for slot in SLOTS {
        for value in 0..slot.values.len() {
            let mut settings = base();
            set(&mut settings, slot, value);
            let text = blocks::text(&settings, false);
            accepts(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        }
    }
}

#[test]
fn what_is_plainly_wrong_the_schema_refuses() {
    for (path, value) in [
        ("strategy.stop_loss", "0.02"),
        ("strategy.stop_loss", "{ distance: a, price: b }"),
        ("strategy.take_profit", "{ table: { soon: 1% } }"),
        ("strategy.size", "{ equity: 10%, cash: 10% }"),
        ("strategy.max_bars", "0"),
        ("strategy.long.exits", "up"),
        ("strategy.cooldown", "{ after: any }"),
        ("fills.at", "nextopen"),
        ("fills.entry_bar_stops", "yes"),
        ("account.fees.taker", "0.001"),
    ] {
        assert!(accepts(&blocks::text(&super::with(&[(path, value)]), false)).is_err(), "{path}: {value}");
    }
}
