//! Runs: those with a row in `runs`, and those that have only outputs so far.
//!
//! The `runs` row is written last, so outputs without one are those of a run that still works, or of one that was cut
//! off: `unfinished`. How many rows an output has is known from the table's files, without reading them.

use crate::{app::State, cursor, params::Params, problem::Problem, rows};
use axum::{Json, extract, extract::RawQuery};
use candleflow_engine::{Limits, catalog::KLINES_EXACT};
use candleflow_lake::{Lake, RUN_ID};
use datafusion::prelude::{col, lit};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Runs on a page, unless asked otherwise, and at most.
const PAGE: (usize, usize) = (50, 1_000);
/// Tables of the lake that are asked at the same time.
const AT_ONCE: usize = 8;
/// Columns that only the page of one run has.
const LONG: [&str; 2] = ["pipeline", "canonical"];

/// One execution of a pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Run {
    /// Its id.
    #[schema(example = "01J9ZC7T5Q")]
    pub(crate) run_id: String,
    /// `finished`, or `unfinished` when there are only outputs.
    #[schema(example = "finished")]
    pub(crate) status: Option<String>,
    /// The pipeline's name.
    name: Option<String>,
    /// When it began, on the wall clock.
    started: Option<String>,
    /// When it ended.
    finished: Option<String>,
    /// `history` or `live`.
    mode: Option<String>,
    /// The range of event time, exclusive.
    from: Option<String>,
    /// The range of event time, inclusive.
    to: Option<String>,
    /// The symbols it read.
    #[serde(deserialize_with = "list")]
    symbols: Option<Vec<String>>,
    /// The length of bar.
    interval: Option<String>,
    /// The parameters, as given.
    #[serde(deserialize_with = "json")]
    #[schema(value_type = Option<Object>)]
    params: Option<serde_json::Value>,
    /// Proof of its outputs: equal digests mean equal outputs.
    digest: Option<String>,
    /// How many bars it read.
    bars: Option<i64>,
    /// The version of the engine.
    engine: Option<String>,
    /// The machine's kind.
    platform: Option<String>,
    /// The version of `klines` that it read.
    klines_version: Option<i64>,
    /// The pipeline as it was given; only on the page of one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<String>,
    /// The pipeline in its canonical form; only on the page of one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical: Option<String>,
    /// Rows in each table of outputs.
    #[schema(example = json!({"trades": 42, "equity": 1440}))]
    outputs: BTreeMap<String, u64>,
}

/// Symbols separated by commas.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|t| t.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()))
}

/// JSON within a text; what is not JSON stays a text.
fn json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|t| serde_json::from_str(&t).or_else(|_| serde_json::to_value(&t)).map_err(D::Error::custom)).transpose()
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Runs {
    /// Unfinished runs, then the others, newest first.
    items: Vec<Run>,
    /// Give it as `cursor` for the next page; null on the last one.
    next: Option<String>,
}

/// Where a run stands in the list: unfinished ones first, then the latest.
type Place = (Option<String>, String);

fn place(run: &Run) -> Place {
    (run.started.clone(), run.run_id.clone())
}

/// Whether `a` comes after `b`.
fn order(a: &Place, b: &Place) -> std::cmp::Ordering {
    let unfinished = |p: &Place| p.0.is_none();
    unfinished(b).cmp(&unfinished(a)).then_with(|| b.cmp(a))
}

/// Runs, unfinished ones first, then the newest.
#[utoipa::path(get, path = "/api/runs", tag = "runs", operation_id = "list_runs",
    params(
        ("name" = Option<String>, Query, description = "Only runs of the pipeline with this name; unfinished runs have none yet"),
        ("limit" = Option<usize>, Query, description = "Runs on the page, 1 to 1000", example = 50),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses(
        (status = 200, body = Runs),
        (status = 400, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn all_runs(
    extract::State(state): extract::State<State>,
    RawQuery(query): RawQuery,
) -> Result<Json<Runs>, Problem> {
    let mut params = Params::read(query.as_deref(), &["name", "limit", "cursor"]);
    let name = params.text("name");
    let limit = params.number("limit", 1..=PAGE.1, PAGE.0);
    let after = params.cursor("cursor", cursor::read::<Place>);
    params.done()?;
    let mut runs = all(&state, None).await?;
    runs.retain(|run| name.is_none() || run.name == name);
    runs.sort_by(|a, b| order(&place(a), &place(b)));
    if let Some(after) = after {
        runs.retain(|run| order(&place(run), &after).is_gt());
    }
    let more = runs.len() > limit;
    runs.truncate(limit);
    let next = runs.last().filter(|_| more).map(|run| cursor::write(&place(run)));
    Ok(Json(Runs { items: runs, next }))
}

/// One run, with its pipeline.
#[utoipa::path(get, path = "/api/runs/{id}", tag = "runs", operation_id = "get_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, body = Run),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn one(
    extract::State(state): extract::State<State>,
    extract::Path(id): extract::Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Run>, Problem> {
    Params::read(query.as_deref(), &[]).done()?;
    Ok(Json(find(&state, &id).await?))
}

/// A run that is there.
pub(crate) async fn find(state: &State, id: &str) -> Result<Run, Problem> {
    let found = all(state, Some(id)).await?.pop();
    found.ok_or_else(|| Problem::not_found(format!("there is no run '{id}', /api/runs lists those that there are")))
}

/// All runs, or the one with this id with all that is known of it.
async fn all(state: &State, id: Option<&str>) -> Result<Vec<Run>, Problem> {
    let _slot = state.read_slot().await?;
    let mut outputs = outputs(state.sql().lake(), id).await?;
    let mut frame = state.sql().table("runs").await?;
    match id {
        Some(id) => frame = frame.filter(col(RUN_ID).eq(lit(id)))?,
        None => frame = frame.drop_columns(&LONG)?,
    }
    let limits = Limits { time: state.limits().request, ..state.limits().query };
    let batches = state.sql().run(frame, limits).await?.collect().await?;
    let mut runs = vec![];
    for row in rows::objects(&batches, &[])? {
        let run: Run =
            serde_json::from_str(row.get()).map_err(|e| Problem::internal(&format!("a row of runs: {e}")))?;
        let outputs = outputs.remove(&run.run_id).unwrap_or_default();
        let status = run.status.clone().or_else(|| Some("finished".to_owned()));
        runs.push(Run { outputs, status, ..run });
    }
    let unfinished = |(run_id, outputs)| Run { run_id, outputs, status: Some("unfinished".into()), ..Run::default() };
    runs.extend(outputs.into_iter().map(unfinished));
    Ok(runs)
}

/// Rows per run and table of outputs, from the lists of files.
async fn outputs(lake: &Lake, id: Option<&str>) -> Result<BTreeMap<String, BTreeMap<String, u64>>, Problem> {
    let tables = lake.tables().await?.into_iter().filter(|t| !["runs", "klines", KLINES_EXACT].contains(&t.as_str()));
    let files = tables.map(|table| async move {
        let files = lake.files(&table, None).await?;
        Ok::<_, Problem>((table, files))
    });
    let files: Vec<_> = stream::iter(files).buffered(AT_ONCE).try_collect().await?;
    let mut outputs: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (table, files) in files {
        for file in files.iter() {
            let run = file.partition.get(RUN_ID).filter(|run| id.is_none_or(|id| id == run.as_str()));
            if let Some(run) = run {
                *outputs.entry(run.clone()).or_default().entry(table.clone()).or_default() += file.rows;
            }
        }
    }
    Ok(outputs)
}
