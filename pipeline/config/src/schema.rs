//! The JSON Schema of the pipeline file, made from the [`grammar`](crate::grammar).

use crate::{
    document::Table,
    grammar::{Block, HIGHER, Holds, Key, PIPELINE, RANGE},
};
use serde_json::{Map, Value, json};

/// A function that expressions may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// How it is called: `ema(real, timeperiod = 30)`.
    pub usage: String,
    /// The shortest call: `ema(real)`.
    pub call: String,
    /// One line.
    pub doc: String,
}

/// The JSON Schema (draft 2020-12) for editors. Expressions say which functions there are, as far as a schema can: in
/// words, as examples, and as snippets that the YAML language server offers.
pub fn json_schema(functions: &[Function]) -> Value {
    let mut schema = block(&PIPELINE);
    schema["$defs"] = json!({ "expression": expression(functions) });
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Candleflow pipeline");
    schema
}

fn expression(functions: &[Function]) -> Value {
    let names: Vec<&str> = functions.iter().map(|f| f.name.as_str()).collect();
    let usages: Vec<&str> = functions.iter().map(|f| f.usage.as_str()).collect();
    let snippets =
        functions.iter().map(|f| json!({ "label": f.usage, "description": f.doc, "body": f.call })).collect();
    let mut value = json!({
        "type": "string",
        "description": format!(
            "A SQL expression over open, high, low, close, volume, earlier columns and $parameters. Indicators: {}.",
            names.join(", ")
        ),
        "examples": usages,
    });
    value["defaultSnippets"] = snippets;
    value
}

fn block(block: &Block) -> Value {
    let properties: Map<String, Value> = block.keys.iter().map(|k| (k.name.to_owned(), key(k))).collect();
    let required: Vec<_> = block.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    let mut value =
        json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required });
    if block.exactly_one {
        value["minProperties"] = json!(1);
        value["maxProperties"] = json!(1);
    }
    value
}

fn key(key: &Key) -> Value {
    let mut value = holds(key.holds);
    value["description"] = json!(key.doc);
    if !key.default.is_empty() {
        value["default"] = default(key);
    }
    value
}

/// The default as the kind of value that a file would hold.
fn default(key: &Key) -> Value {
    let (text, words) = (key.default, matches!(key.holds, Holds::OneOf(_) | Holds::Word | Holds::Percent));
    match serde_json::from_str(text) {
        Ok(value) if !words => value,
        _ => json!(text),
    }
}

fn holds(kind: Holds) -> Value {
    let number = || json!({ "type": "number" });
    match kind {
        Holds::Word => json!({ "type": "string" }),
        Holds::Expression => json!({ "$ref": "#/$defs/expression" }),
        Holds::OneOf(words) => json!({ "enum": words }),
        Holds::Number => number(),
        Holds::Count => json!({ "type": "integer", "minimum": 1 }),
        Holds::Percent => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?%$" }),
        Holds::Bool => json!({ "type": "boolean" }),
        Holds::Amount => json!({ "anyOf": [number(), holds(Holds::Expression)] }),
        Holds::Words => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true }),
        Holds::Block(inner) => block(inner),
        Holds::Either(kinds) => json!({ "anyOf": kinds.iter().map(|k| holds(*k)).collect::<Vec<_>>() }),
        Holds::OneOrMore(one) => {
            let one = holds(*one);
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        Holds::List(one) => json!({ "type": "array", "items": holds(*one), "minItems": 1 }),
        Holds::Named("number") => {
            let numbers = json!({ "type": "object", "additionalProperties": number() });
            json!({
                "type": "object",
                "properties": { "per_symbol": { "type": "object", "additionalProperties": numbers } },
                "additionalProperties": number()
            })
        }
        Holds::Named(_) => {
            json!({ "type": "object", "additionalProperties": { "anyOf": [holds(Holds::Amount), block(&HIGHER)] } })
        }
        Holds::ByTime(one) => json!({
            "type": "object",
            "patternProperties": { "^[0-9]+[smhdw]$": holds(*one) },
            "additionalProperties": false,
            "minProperties": 1
        }),
        Holds::Span => json!({ "type": "string", "pattern": "^[0-9]+[smhdw]$" }),
        Holds::Grid => {
            let list = json!({ "type": "array", "items": number(), "minItems": 1, "uniqueItems": true });
            let values = json!({ "anyOf": [list, block(&RANGE)] });
            json!({ "type": "object", "minProperties": 1, "additionalProperties": values })
        }
        Holds::Sinks => {
            let tables: Vec<_> = Table::ALL.iter().map(|t| t.name()).collect();
            let topic = json!({
                "type": "object", "additionalProperties": false, "required": ["topic"],
                "properties": { "topic": { "type": "string" } }
            });
            json!({ "type": "array", "items": { "anyOf": [{ "enum": tables }, topic] } })
        }
    }
}
