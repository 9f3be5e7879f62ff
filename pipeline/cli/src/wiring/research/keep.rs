//! What a sweep leaves in the lake, each part once.
//!
//! | table | rows |
//! |---|---|
//! | `sweeps` | one, before any work: what the sweep set out to do |
//! | `return_blocks` | 16 a set: count, sum and squares of daily returns in equal blocks of time |
//! | `metrics` | two views a set, with `set`, `param_<name>` and the digest of the set's rows |
//! | `deflated` | one a set, when all are done |
//! | `runs` | one, last of all |

use super::study::Study;
use crate::wiring::run::{Prepared, run_id};
use anyhow::Context;
use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    compute::concat_batches,
    datatypes::{Field, Int64Type, Schema, TimestampMicrosecondType},
};
use candleflow_config::research::Sweep;
use candleflow_lake::{At, Lake};
use candleflow_runtime::sweep::Found;
use candleflow_schema::{Clock, Micros, SystemClock, digest::Digest};
use std::sync::Arc;

/// What a sweep set out to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) run_id: String,
    pub(super) name: String,
    pub(super) started: Micros,
    pub(super) canonical: String,
    pub(super) sweep: String,
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) sets: usize,
    /// Sets that are committed together.
    pub(super) chunk: usize,
    pub(super) version: Option<i64>,
    pub(super) engine: String,
}

pub(super) fn text(value: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

pub(super) fn at(value: Micros) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![value]).with_timezone("UTC"))
}

pub(super) fn int(value: Option<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

/// Columns by name as rows.
pub(super) fn rows(columns: Vec<(&str, ArrayRef)>) -> anyhow::Result<RecordBatch> {
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, a)| a).collect())?)
}

impl Header {
    /// Of what begins now, over bars of this version of `klines`.
    pub(super) fn new(study: &Study, (from, to): (Micros, Micros), chunk: usize, version: Option<i64>) -> Self {
        let (name, started) = (study.prepared.document.name.value.clone(), SystemClock.now());
        Self {
            run_id: run_id(&name, started),
            name,
            started,
            canonical: study.prepared.canonical.clone(),
            sweep: study.sweep.canonical(),
            from,
            to,
            sets: study.numbers.len(),
            chunk,
            version,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Writes it, before any work.
    pub(super) async fn write(&self, lake: &Lake) -> anyhow::Result<()> {
        let row = rows(vec![
            ("run_id", text(&self.run_id)),
            ("name", text(&self.name)),
            ("started", at(self.started)),
            ("canonical", text(&self.canonical)),
            ("sweep", text(&self.sweep)),
            ("from", int(Some(self.from))),
            ("to", int(Some(self.to))),
            ("sets", int(i64::try_from(self.sets).ok())),
            ("chunk", int(i64::try_from(self.chunk).ok())),
            ("klines_version", int(self.version)),
            ("engine", text(&self.engine)),
        ])?;
        lake.append_rows("sweeps", &[row], Some(&format!("{}/sweep", self.run_id))).await?;
        Ok(())
    }

    /// All that the lake has, oldest first.
    pub(super) async fn all(lake: &Lake) -> anyhow::Result<Vec<Header>> {
        if !lake.tables().await?.iter().any(|t| t == "sweeps") {
            return Ok(Vec::new());
        }
        let mut headers = Vec::new();
        for batch in lake.read_rows("sweeps", &At::Latest).await? {
            let column = |name: &str| batch.column_by_name(name).with_context(|| format!("sweeps lacks {name}"));
            let text = |name: &str, row: usize| anyhow::Ok(column(name)?.as_string::<i32>().value(row).to_owned());
            let int = |name: &str, row: usize| anyhow::Ok(column(name)?.as_primitive::<Int64Type>().value(row));
            for row in 0..batch.num_rows() {
                let version = column("klines_version")?.as_primitive::<Int64Type>();
                headers.push(Header {
                    run_id: text("run_id", row)?,
                    name: text("name", row)?,
                    started: column("started")?.as_primitive::<TimestampMicrosecondType>().value(row),
                    canonical: text("canonical", row)?,
                    sweep: text("sweep", row)?,
                    from: int("from", row)?,
                    to: int("to", row)?,
                    sets: usize::try_from(int("sets", row)?)?,
                    chunk: usize::try_from(int("chunk", row)?)?.max(1),
                    version: (!version.is_null(row)).then(|| version.value(row)),
                    engine: text("engine", row)?,
                });
            }
        }
        headers.sort_by(|a, b| (a.started, &a.run_id).cmp(&(b.started, &b.run_id)));
        Ok(headers)
    }
}

/// Writes the sets of a chunk, once.
pub(super) async fn chunk(
    lake: &Lake,
    run_id: &str,
    number: usize,
    sweep: &Sweep,
    found: &[Found],
) -> anyhow::Result<()> {
    let blocks = blocks(run_id, found)?;
    lake.append_rows("return_blocks", &[blocks], Some(&format!("{run_id}/blocks/{number}"))).await?;
    let metrics = metrics(run_id, sweep, found)?;
    lake.append_rows("metrics", &[metrics], Some(&format!("{run_id}/sets/{number}"))).await?;
    Ok(())
}

fn blocks(run_id: &str, found: &[Found]) -> anyhow::Result<RecordBatch> {
    let all =
        || found.iter().flat_map(|set| set.blocks.iter().enumerate().map(|(place, block)| (set.number, place, block)));
    let ints = |value: &dyn Fn(u64, usize, u64) -> u64| {
        Arc::new(
            all().map(|(set, place, block)| i64::try_from(value(set, place, block.count)).ok()).collect::<Int64Array>(),
        ) as ArrayRef
    };
    let run_ids = Arc::new(StringArray::from(vec![run_id; all().count()])) as ArrayRef;
    rows(vec![
        ("run_id", run_ids),
        ("set", ints(&|set, _, _| set)),
        ("block", ints(&|_, place, _| place as u64)),
        ("count", ints(&|_, _, count| count)),
        ("sum", Arc::new(all().map(|(_, _, b)| Some(b.sum)).collect::<Float64Array>())),
        ("squares", Arc::new(all().map(|(_, _, b)| Some(b.squares)).collect::<Float64Array>())),
    ])
}

fn metrics(run_id: &str, sweep: &Sweep, found: &[Found]) -> anyhow::Result<RecordBatch> {
    let first = found.first().context("a chunk has sets")?;
    let all = concat_batches(&first.metrics.schema(), found.iter().map(|set| &set.metrics))?;
    let per_row = || found.iter().flat_map(|set| std::iter::repeat_n(set, set.metrics.num_rows()));
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("run_id".into(), Arc::new(StringArray::from(vec![run_id; all.num_rows()]))),
        ("set".into(), Arc::new(per_row().map(|set| i64::try_from(set.number).ok()).collect::<Int64Array>())),
    ];
    for (place, axis) in sweep.axes.iter().enumerate() {
        let value = |set: &Found| Some(sweep.set(set.number)[place].value);
        columns.push((format!("param_{}", axis.name.value), Arc::new(per_row().map(value).collect::<Float64Array>())));
    }
    columns
        .push(("digest".into(), Arc::new(per_row().map(|set| Some(set.digest.to_string())).collect::<StringArray>())));
    let schema = all.schema();
    columns.extend(schema.fields().iter().zip(all.columns()).map(|(f, c)| (f.name().clone(), c.clone())));
    rows(columns.iter().map(|(name, column)| (name.as_str(), column.clone())).collect())
}

/// Writes the `runs` row: from now on the run is finished.
pub(super) async fn finish(
    lake: &Lake,
    prepared: &Prepared,
    header: &Header,
    mode: &str,
    digest: Digest,
    range: Option<(Micros, Micros)>,
    more: Vec<(&str, ArrayRef)>,
) -> anyhow::Result<()> {
    let symbols: Vec<String> = prepared.symbols().iter().map(ToString::to_string).collect();
    let params: serde_json::Map<_, _> =
        prepared.document.params.iter().map(|(k, v)| (k.clone(), v.value.value.into())).collect();
    let bound = |t: Micros, found: Option<Micros>| {
        let given = (t > Micros::MIN && t < Micros::MAX).then_some(t).or(found);
        Arc::new(TimestampMicrosecondArray::from(vec![given]).with_timezone("UTC")) as ArrayRef
    };
    let mut columns = vec![
        ("run_id", text(&header.run_id)),
        ("name", text(&header.name)),
        ("started", at(header.started)),
        ("finished", at(SystemClock.now())),
        ("status", text("finished")),
        ("mode", text(mode)),
        ("from", bound(header.from, range.map(|(first, _)| first))),
        ("to", bound(header.to, range.map(|(_, last)| last))),
        ("symbols", text(&symbols.join(","))),
        ("interval", text(prepared.interval().name())),
        ("pipeline", text(&prepared.text)),
        ("canonical", text(&prepared.canonical)),
        ("params", text(&serde_json::Value::Object(params).to_string())),
        ("digest", text(&digest.to_string())),
        ("engine", text(&header.engine)),
        ("platform", text(&format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH))),
        ("klines_version", int(header.version)),
        ("sets", int(i64::try_from(header.sets).ok())),
    ];
    columns.extend(more);
    lake.append_rows("runs", &[rows(columns)?], Some(&format!("{}/runs", header.run_id))).await?;
    Ok(())
}
