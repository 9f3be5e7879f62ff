//! What a run leaves in the lake: its outputs with ordinals, its metrics, and last of all its `runs` row.

use super::{inputs::Inputs, prepare::Prepared};
use anyhow::Context;
use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    compute::concat_batches,
    datatypes::{Field, Schema},
};
use candleflow_config::document::Table;
use candleflow_lake::{CommitRule, Lake, Output as LakeOutput, RUN_ID};
use candleflow_runtime::{Outcome, Outlets};
use candleflow_schema::{Clock, Micros, SystemClock, time};
use candleflow_stream::Output;
use futures::future::try_join_all;
use std::{collections::BTreeSet, sync::Arc};

pub(super) async fn attach(
    lake: &Lake,
    outlets: &mut Outlets,
    output: Output,
    task: usize,
    schema: Option<Arc<Schema>>,
    run_id: &str,
) -> anyhow::Result<()> {
    let schema = schema.with_context(|| format!("the output {output} has no schema"))?;
    let sink = lake
        .sink(LakeOutput {
            table: output.name().into(),
            schema,
            run_id: run_id.to_owned(),
            job: run_id.to_owned(),
            sink: output.name().into(),
            task: task as u32,
            rule: CommitRule::default(),
        })
        .await?;
    outlets.attach(output, task, Box::new(sink), false).await?;
    Ok(())
}

/// What a `runs` row says beside the outcome.
pub(super) struct Facts {
    pub(super) run_id: String,
    pub(super) mode: &'static str,
    pub(super) started: Micros,
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) version: Option<i64>,
    pub(super) inputs: Inputs,
}

/// The metrics, and last of all the `runs` row: rows of a run without it are unfinished.
pub(super) async fn keep(lake: &Lake, prepared: &Prepared, outcome: &Outcome, facts: &Facts) -> anyhow::Result<()> {
    if let Some(metrics) = outcome.metrics.as_ref().filter(|_| prepared.document.keeps(Table::Metrics)) {
        let metrics = concat_batches(&metrics.schema(), [metrics].into_iter().chain(&outcome.library))?;
        let tables = outcome.apart.iter().map(|(table, rows)| (*table, rows)).chain([("metrics", &metrics)]);
        try_join_all(tables.map(|(table, rows)| async move {
            let rows = with_run_id(rows, &facts.run_id)?;
            anyhow::Ok(lake.append_rows(table, &[rows], Some(&format!("{}/{table}", facts.run_id))).await?)
        }))
        .await?;
    }
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let at =
        |value: Option<Micros>| Arc::new(TimestampMicrosecondArray::from(vec![value]).with_timezone("UTC")) as ArrayRef;
    let int = |value: Option<i64>| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let symbols: Vec<String> = prepared.symbols().iter().map(ToString::to_string).collect();
    let params: serde_json::Map<_, _> =
        prepared.document.params.iter().map(|(k, v)| (k.clone(), v.value.value.into())).collect();
    let chains: Vec<_> = outcome.chains.iter().map(|(o, key, rows, chain)| (o, key, rows, chain.to_string())).collect();
    let bound = |t: Micros| (t > Micros::MIN && t < Micros::MAX).then_some(t);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run_id", text(&facts.run_id)),
        ("name", text(&prepared.document.name.value)),
        ("started", at(Some(facts.started))),
        ("finished", at(Some(SystemClock.now()))),
        ("status", text("finished")),
        ("mode", text(facts.mode)),
        ("from", at(bound(facts.from).or(outcome.range.map(|(a, _)| a)))),
        ("to", at(bound(facts.to).or(outcome.range.map(|(_, b)| b)))),
        ("symbols", text(&symbols.join(","))),
        ("interval", text(prepared.interval().name())),
        ("pipeline", text(&prepared.text)),
        ("canonical", text(&prepared.canonical)),
        ("params", text(&serde_json::Value::Object(params).to_string())),
        ("digest", text(&outcome.digest.to_string())),
        ("bars", int(i64::try_from(outcome.bars).ok())),
        ("engine", text(env!("CARGO_PKG_VERSION"))),
        ("platform", text(&format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH))),
        ("klines_version", int(facts.version)),
        ("inputs", text(&serde_json::to_string(&facts.inputs)?)),
        ("chains", text(&serde_json::to_string(&chains)?)),
    ];
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, a)| a).collect())?;
    lake.append_rows("runs", &[rows], Some(&format!("{}/runs", facts.run_id))).await?;
    Ok(())
}

/// Whether a run has ended: its `runs` row is there.
pub(super) async fn finished(lake: &Lake, run_id: &str) -> anyhow::Result<bool> {
    Ok(all_finished(lake).await?.contains(run_id))
}

/// The ids of all runs that have ended.
pub(super) async fn all_finished(lake: &Lake) -> anyhow::Result<BTreeSet<String>> {
    if !lake.tables().await?.iter().any(|t| t == "runs") {
        return Ok(BTreeSet::new());
    }
    let files = lake.files("runs", None).await?;
    Ok(files.iter().filter_map(|f| f.partition.get(RUN_ID).cloned()).collect())
}

fn with_run_id(rows: &RecordBatch, run_id: &str) -> anyhow::Result<RecordBatch> {
    let mut fields = vec![Field::new("run_id", arrow::datatypes::DataType::Utf8, false)];
    fields.extend(rows.schema().fields().iter().map(|f| f.as_ref().clone()));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![run_id; rows.num_rows()]))];
    columns.extend(rows.columns().iter().cloned());
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// A name that no other run has: the pipeline's, the moment, and a few digits of the process.
pub(crate) fn run_id(name: &str, started: Micros) -> String {
    let stamp: String = time::format(started).chars().filter(char::is_ascii_digit).take(17).collect();
    let tail = blake3::hash(format!("{started}/{}", std::process::id()).as_bytes()).to_hex();
    format!("{name}-{stamp}-{}", &tail[..4])
}
