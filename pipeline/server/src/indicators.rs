//! The registry of indicators: what each takes, gives and remembers.

use crate::problem::Problem;
use axum::{Json, extract};
use candleflow_engine::Description;
use serde::Serialize;
use utoipa::ToSchema;

/// An indicator. Figures are those of its defaults.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Indicator {
    /// Name in pipelines and in SQL.
    #[schema(example = "ema")]
    name: String,
    /// Family.
    #[schema(example = "overlap")]
    group: String,
    /// One line.
    doc: String,
    /// The columns it takes, in order; `real` is any column of numbers.
    inputs: Vec<String>,
    /// Parameters, in order, behind the columns.
    params: Vec<Parameter>,
    /// What it computes, in order.
    outputs: Vec<Output>,
    /// The first row with a value, counted from 1.
    first_row: usize,
    /// `exact`, `epsilon`, `converging` or `path-dependent`.
    class: String,
    /// Rows until a value is within 1e-8 of what a longer history gives; null if it never is.
    settled: Option<usize>,
    /// Bytes of a saved state.
    state_bytes: usize,
    /// Where the formula comes from.
    source: String,
    /// How it is called, with its defaults.
    #[schema(example = "ema(real, timeperiod = 30, compat = talib)")]
    usage: String,
    /// A column of a pipeline.
    pipeline: String,
    /// A query.
    sql: String,
}

/// A parameter of an indicator.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Parameter {
    /// Its name.
    name: String,
    /// What it takes, in words.
    #[schema(example = "a whole number from 1 to 100000")]
    range: String,
    /// What it is when nobody gives it.
    default: String,
    /// The words that it takes, if it takes words.
    words: Vec<String>,
}

/// A column that an indicator computes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Output {
    /// Its name; `value` where there is one only.
    name: String,
    /// Another name for it.
    alias: Option<String>,
    /// `number`, `whole number` or `truth`.
    kind: String,
}

impl From<Description> for Indicator {
    fn from(d: Description) -> Self {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let params = d.params.into_iter().map(|p| Parameter {
            name: p.name.to_owned(),
            range: p.range,
            default: p.default,
            words: text(&p.words),
        });
        let outputs = d.outputs.into_iter().map(|o| Output {
            name: o.name.to_owned(),
            alias: o.alias.map(str::to_owned),
            kind: o.kind.to_owned(),
        });
        Self {
            name: d.name.to_owned(),
            group: d.group,
            doc: d.doc.to_owned(),
            inputs: text(d.inputs),
            params: params.collect(),
            outputs: outputs.collect(),
            first_row: d.first_row,
            class: d.class,
            settled: d.settled,
            state_bytes: d.state_bytes,
            source: d.source.to_owned(),
            usage: d.usage,
            pipeline: d.pipeline,
            sql: d.sql,
        }
    }
}

/// All indicators, by group.
#[utoipa::path(get, path = "/api/indicators", tag = "indicators", operation_id = "all_indicators",
    responses((status = 200, body = Vec<Indicator>))
)]
pub(crate) async fn all() -> Json<Vec<Indicator>> {
    Json(candleflow_engine::indicators::all().map(Indicator::from).collect())
}

/// One indicator.
#[utoipa::path(get, path = "/api/indicators/{name}", tag = "indicators", operation_id = "one_indicator",
    params(("name" = String, Path, description = "Its name", example = "ema")),
    responses(
        (status = 200, body = Indicator),
        (status = 404, description = "No such indicator", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn one(extract::Path(name): extract::Path<String>) -> Result<Json<Indicator>, Problem> {
    let found = candleflow_engine::indicators::one(&name);
    let found = found.map(|description| Json(Indicator::from(description)));
    found.ok_or_else(|| Problem::not_found(format!("there is no indicator '{name}', /api/indicators lists them")))
}
