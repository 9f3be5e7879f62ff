//! Columns of the tables that this engine knows before anybody has written them.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use candleflow_kernels::metrics::CATALOGUE;
use candleflow_lake::{COVERAGE_TABLE, INSTRUMENTS_TABLE, KLINES_TABLE, QUARANTINE_TABLE, RESTATED_TABLE, RUN_ID};
use candleflow_schema::{
    instrument::INSTRUMENTS,
    tables::{COVERAGE, KLINES, QUARANTINE, RESTATED, timestamp},
};
use candleflow_stream::strategy::{EQUITY, ORDERS, TRADES};
use std::sync::{Arc, LazyLock};

/// Names that answer in every lake.
pub(super) const NAMES: [&str; 11] = [
    "coverage",
    "equity",
    "instruments",
    "klines",
    super::KLINES_EXACT,
    "metrics",
    "orders",
    "quarantine",
    "restated",
    "runs",
    "trades",
];

/// `runs`: one row per finished run, written after all of its outputs.
pub static RUNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |(name, kind): (&str, DataType)| Field::new(name, kind, true);
    let columns = [
        (RUN_ID, DataType::Utf8),
        ("name", DataType::Utf8),
        ("started", timestamp()),
        ("finished", timestamp()),
        ("status", DataType::Utf8),
        ("mode", DataType::Utf8),
        ("from", timestamp()),
        ("to", timestamp()),
        ("symbols", DataType::Utf8),
        ("interval", DataType::Utf8),
        ("pipeline", DataType::Utf8),
        ("canonical", DataType::Utf8),
        ("params", DataType::Utf8),
        ("digest", DataType::Utf8),
        ("bars", DataType::Int64),
        ("engine", DataType::Utf8),
        ("platform", DataType::Utf8),
        ("klines_version", DataType::Int64),
    ];
    Arc::new(Schema::new(columns.map(field).to_vec()))
});

/// `metrics`: one row per run and view.
static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new("view", DataType::Utf8, true)];
    fields.extend(CATALOGUE.iter().map(|m| Field::new(m.name, DataType::Float64, true)));
    Arc::new(Schema::new(fields))
});

/// The columns of a table of the lake, where they are known without asking it.
pub fn schema_of(table: &str) -> Option<SchemaRef> {
    Some(match table {
        KLINES_TABLE => KLINES.clone(),
        COVERAGE_TABLE => COVERAGE.clone(),
        INSTRUMENTS_TABLE => INSTRUMENTS.clone(),
        QUARANTINE_TABLE => QUARANTINE.clone(),
        RESTATED_TABLE => RESTATED.clone(),
        "runs" => RUNS.clone(),
        "orders" => of_run(&ORDERS),
        "trades" => of_run(&TRADES),
        "equity" => of_run(&EQUITY),
        "metrics" => of_run(&METRICS),
        _ => return None,
    })
}

/// Rows of a run: their columns as they are stored, after the run's id.
fn of_run(rows: &Schema) -> SchemaRef {
    let mut fields = vec![Arc::new(Field::new(RUN_ID, DataType::Utf8, true))];
    fields.extend(rows.fields().iter().map(|f| Arc::new(f.as_ref().clone().with_nullable(true))));
    Arc::new(Schema::new(fields))
}
