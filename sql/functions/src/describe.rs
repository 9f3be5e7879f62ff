//! What there is to know about an indicator, for people and programs: the command, the API, the page and the JSON Schema
//! show this and nothing else.

use crate::{call, call::Called, names::PREFIX};
use candleflow_kernels::indicator::{Indicator, OutputKind, Param, ParamKind, lookup, registry};
use datafusion::{functions, functions_aggregate, functions_window};
use serde::Serialize;
use std::{collections::BTreeSet, sync::LazyLock};

/// An indicator with everything that is known of it. Figures are those of its defaults.
#[derive(Debug, Clone, Serialize)]
pub struct Description {
    /// Name in pipelines and in SQL.
    pub name: &'static str,
    /// Family.
    pub group: String,
    /// One line.
    pub doc: &'static str,
    /// The columns it takes, in order; `real` is any column of numbers.
    pub inputs: &'static [&'static str],
    /// Parameters, in order, behind the columns.
    pub params: Vec<Parameter>,
    /// What it computes, in order.
    pub outputs: Vec<Column>,
    /// The first row with a value, counted from 1.
    pub first_row: usize,
    /// How close its values are to a direct computation, and how much of the past they depend on.
    pub class: String,
    /// Rows until a value is within 1e-8 of what a longer history gives; none if it never is.
    pub settled: Option<usize>,
    /// Bytes of a saved state.
    pub state_bytes: usize,
    /// Where the formula comes from.
    pub source: &'static str,
    /// How it is called, with its defaults.
    pub usage: String,
    /// A column of a pipeline.
    pub pipeline: String,
    /// A query.
    pub sql: String,
}

/// A parameter.
#[derive(Debug, Clone, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it takes, in words.
    pub range: String,
    /// What it is when nobody gives it.
    pub default: String,
    /// The words that it takes, if it takes words.
    pub words: Vec<&'static str>,
}

/// A column that an indicator computes.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// Its name; `value` where there is one only.
    pub name: &'static str,
    /// Another name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<&'static str>,
    /// `number`, `whole number` or `truth`.
    pub kind: &'static str,
}

/// How SQL knows the name of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InSql {
    /// As the indicator.
    Own,
    /// As an aggregate or window function of its own, too.
    Shared,
    /// As a function of one row with the same values, without a window.
    Plain,
}

static SCALARS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| functions::all_default_functions().iter().map(|f| f.name().to_owned()).collect());
static OTHERS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let aggregates = functions_aggregate::all_default_aggregate_functions();
    let windows = functions_window::all_default_window_functions();
    let names =
        |name: &str, more: &[String]| std::iter::once(name.to_owned()).chain(more.iter().cloned()).collect::<Vec<_>>();
    let aggregates = aggregates.iter().flat_map(|f| names(f.name(), f.aliases()));
    aggregates.chain(windows.iter().flat_map(|f| names(f.name(), f.aliases()))).collect()
});

/// How SQL knows the name of an indicator.
pub fn in_sql(indicator: &Indicator) -> InSql {
    if SCALARS.contains(indicator.name) {
        InSql::Plain
    } else if OTHERS.contains(indicator.name) {
        InSql::Shared
    } else {
        InSql::Own
    }
}

/// Everything that is known of an indicator.
pub fn describe(indicator: &'static Indicator) -> Description {
    let defaults: Vec<f64> = indicator.params.iter().map(|p| p.default).collect();
    Description {
        name: indicator.name,
        group: indicator.group.to_string(),
        doc: indicator.doc,
        inputs: indicator.inputs,
        params: indicator.params.iter().map(parameter).collect(),
        outputs: indicator.outputs.iter().map(column).collect(),
        first_row: indicator.lookback(&defaults) + 1,
        class: indicator.class.to_string(),
        settled: indicator.warmup(&defaults).map(|rows| rows + 1),
        // Defaults are within their ranges.
        state_bytes: indicator.state_bytes(&defaults).unwrap_or_default(),
        source: indicator.source,
        usage: Called::from(indicator).usage(),
        pipeline: pipeline(indicator),
        sql: sql(indicator),
    }
}

/// All indicators, by group.
pub fn all() -> impl Iterator<Item = Description> {
    registry().iter().map(describe)
}

/// The indicator of this name, upper or lower case.
pub fn one(name: &str) -> Option<Description> {
    lookup(name).map(describe)
}

fn parameter(param: &Param) -> Parameter {
    let words = match param.kind {
        ParamKind::Choice(words) => words.iter().map(|(word, _)| *word).collect(),
        _ => Vec::new(),
    };
    Parameter { name: param.name, range: param.range(), default: call::shown(param, param.default), words }
}

fn column(output: &candleflow_kernels::indicator::Output) -> Column {
    let kind = match output.kind {
        OutputKind::Real => "number",
        OutputKind::Integer => "whole number",
        OutputKind::Flag => "truth",
    };
    Column { name: output.name, alias: Some(output.alias).filter(|alias| *alias != output.name), kind }
}

/// A call over the columns of bars, its numbers written out.
fn example(indicator: &Indicator) -> String {
    let inputs = indicator.inputs.iter().map(|input| match *input {
        "open" | "high" | "low" | "volume" => (*input).to_owned(),
        "real0" => "high".to_owned(),
        "real1" | "b" => "low".to_owned(),
        "condition" => "close > open".to_owned(),
        "anchor" => "date_part('hour', time) = 0 AND date_part('minute', time) = 1".to_owned(),
        "session" => "date_part('doy', open_time)".to_owned(),
        "periods" => "trades".to_owned(),
        _ => "close".to_owned(),
    });
    let numbers = indicator.params.iter().filter(|p| !matches!(p.kind, ParamKind::Choice(_)));
    // A word in the middle ends what can be given by position.
    let leading = indicator.params.iter().take_while(|p| !matches!(p.kind, ParamKind::Choice(_))).count();
    let numbers = numbers.enumerate().map(|(place, p)| match place < leading {
        true => p.default.to_string(),
        false => format!("{} => {}", p.name, p.default),
    });
    format!("{}({})", indicator.name, inputs.chain(numbers).collect::<Vec<_>>().join(", "))
}

fn pipeline(indicator: &Indicator) -> String {
    let name = format!("{}1", indicator.name);
    let text = example(indicator);
    let text = if text.contains(['>', '\'']) { format!("\"{text}\"") } else { text };
    match indicator.outputs {
        [_] => format!("{name}: {text}"),
        several => {
            let outputs = several.iter().map(|o| format!("{name}.{}", o.name));
            format!("{name}: {text}  # {}", outputs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn sql(indicator: &Indicator) -> String {
    let call = example(indicator);
    if in_sql(indicator) == InSql::Plain {
        return format!("SELECT time, {call} FROM klines");
    }
    let call = format!("{call} OVER (PARTITION BY symbol ORDER BY time)");
    match indicator.outputs {
        [_] => format!("SELECT symbol, time, {call} FROM klines"),
        several => format!("SELECT symbol, time, ({call})['{}'] FROM klines", several[0].name),
    }
}

/// Names that SQL has too, and how the indicator is called there.
pub(crate) fn shared_names() -> String {
    let shared = registry().iter().filter(|i| in_sql(i) == InSql::Shared);
    shared.map(|i| format!("`{PREFIX}{}`", i.name)).collect::<Vec<_>>().join(", ")
}
