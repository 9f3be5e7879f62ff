//! Signals for a topic: each order that a rule places, as JSON.
//!
//! ```json
//! {"symbol":"BTCUSDT","time":"2021-04-21T10:00:00Z","side":"long","action":"entry","kind":"market","tag":null,"order":17}
//! ```

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::Int64Type,
};
use candleflow_schema::{tables::time_of, time};
use serde_json::json;

/// The record of a row of `orders`, if it is an order that was placed: its key and its value.
pub(crate) fn record(rows: &RecordBatch, row: usize) -> Option<(String, Vec<u8>)> {
    let word = |name: &str| {
        let column = rows.column_by_name(name)?.as_string_opt::<i32>()?;
        (!column.is_null(row)).then(|| column.value(row).to_owned())
    };
    if word("event")? != "placed" {
        return None;
    }
    let entry = rows.column_by_name("entry")?.as_boolean_opt()?.value(row);
    let order = rows.column_by_name("order")?.as_primitive_opt::<Int64Type>()?.value(row);
    let symbol = word("symbol")?;
    let value = json!({
        "symbol": symbol,
        "time": time::format(time_of(rows, row)?),
        "side": word("side"),
        "action": if entry { "entry" } else { "exit" },
        "kind": word("kind"),
        "tag": word("tag"),
        "order": order,
    });
    Some((symbol, value.to_string().into_bytes()))
}
