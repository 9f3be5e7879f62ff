//! A pipeline in one form, whatever the order of its keys, its comments and its spaces: what a digest is taken over.

mod trade;

pub use trade::settings;

use crate::document::{Document, Located, Number};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The canonical form: JSON with every default filled in, exact amounts as decimal text, parameters as their shortest
/// double, expressions with single spaces. Two files with the same form find the same, to the last bit. Sinks and research
/// blocks are not part of it, because what is kept does not change what is found; only whether the values of columns enter the digest is.
pub fn canonical(document: &Document) -> String {
    let d = document;
    let params = |p: &BTreeMap<String, Located<Number>>| {
        p.iter().map(|(k, v)| (k.clone(), json!(v.value.value))).collect::<Map<_, _>>()
    };
    let columns: Vec<_> = d
        .columns
        .iter()
        .map(|c| json!([c.name.value, c.every.as_ref().map(|e| e.value.name()), text(&c.is.value)]))
        .collect();
    let per_symbol: Map<_, _> = d.per_symbol.iter().map(|(s, p)| (s.clone(), Value::Object(params(p)))).collect();
    let mut value = json!({
        "name": d.name.value,
        "source": [d.source.exchange.value, d.source.interval.value.name()],
        "symbols": d.source.symbols.iter().map(|s| s.value.as_str()).collect::<Vec<_>>(),
        "params": params(&d.params),
        "per_symbol": per_symbol,
        "columns": columns,
        "columns_digested": d.digests_columns(),
    });
    for (block, settings) in settings(d) {
        value[block] = settings;
    }
    value.to_string()
}

/// An expression with single spaces; inside quotes, and where a comment would swallow the next line, as it stands.
pub(crate) fn text(expression: &str) -> String {
    if expression.contains("--") {
        return expression.trim().to_owned();
    }
    let (mut out, mut quote, mut gap) = (String::new(), None, false);
    for c in expression.trim().chars() {
        if quote.is_none() && c.is_whitespace() {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
        }
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        out.push(c);
    }
    out
}
