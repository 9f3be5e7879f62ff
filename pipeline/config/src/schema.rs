//! The JSON Schema of the pipeline file, made from the [`grammar`](crate::grammar).

use crate::{
    document::Table,
    grammar::{Block, FILTERS, HIGHER, Holds, Key, LEVEL, PIPELINE, RULE},
};
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 2020-12) for editors.
pub fn json_schema() -> Value {
    let mut schema = block(&PIPELINE);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Candleflow pipeline");
    schema
}

fn block(block: &Block) -> Value {
    let properties: Map<String, Value> = block.keys.iter().map(|k| (k.name.to_owned(), key(k))).collect();
    let required: Vec<_> = block.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn key(key: &Key) -> Value {
    let mut value = holds(key.holds);
    value["description"] = json!(key.doc);
    value
}

fn holds(kind: Holds) -> Value {
    let expression = || json!({ "type": ["string", "number"] });
    match kind {
        Holds::Word | Holds::Expression => json!({ "type": "string" }),
        Holds::OneOf(words) => json!({ "enum": words }),
        Holds::Number => json!({ "type": "number" }),
        Holds::Percent => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?%$" }),
        Holds::Bool => json!({ "type": "boolean" }),
        Holds::Amount => expression(),
        Holds::Words => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true }),
        Holds::Rules => {
            let one = json!({ "anyOf": [{ "type": "string" }, block(&RULE)] });
            json!({ "anyOf": [{ "type": "string" }, block(&RULE), { "type": "array", "items": one, "minItems": 1 }] })
        }
        Holds::Level => json!({ "anyOf": [holds(Holds::Percent), block(&LEVEL)] }),
        Holds::Block(inner) => block(inner),
        Holds::Named("number") => {
            let numbers = json!({ "type": "object", "additionalProperties": { "type": "number" } });
            json!({
                "type": "object",
                "properties": { "per_symbol": { "type": "object", "additionalProperties": numbers } },
                "additionalProperties": { "type": "number" }
            })
        }
        Holds::Named(_) => {
            json!({ "type": "object", "additionalProperties": { "anyOf": [expression(), block(&HIGHER)] } })
        }
        Holds::Sinks => {
            let tables: Vec<_> = Table::ALL.iter().map(|t| t.name()).collect();
            let topic = json!({
                "type": "object", "additionalProperties": false, "required": ["topic"],
                "properties": { "topic": { "type": "string" } }
            });
            json!({ "type": "array", "items": { "anyOf": [{ "enum": tables }, topic] } })
        }
        Holds::Filters => json!({ "anyOf": [{ "enum": ["none"] }, block(&FILTERS)] }),
    }
}
