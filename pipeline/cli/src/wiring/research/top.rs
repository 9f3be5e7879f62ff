//! What is said of all sets together: the best by a metric, and how much of it is luck.

use super::{ask, keep::rows};
use crate::exit::usage;
use anyhow::Context;
use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type},
};
use candleflow_config::nearest;
use candleflow_kernels::metrics::{CATALOGUE, deflated_sharpe, metric_index};
use candleflow_lake::Lake;
use candleflow_schema::digest::{self, Chain, Digest};
use std::{cmp::Ordering, sync::Arc};

/// Refuses a metric that does not exist.
pub(crate) fn check_metric(flag: &str, name: &str) -> anyhow::Result<()> {
    match metric_index(name) {
        Some(_) => Ok(()),
        None => {
            let hint = nearest(name, CATALOGUE.iter().map(|m| m.name));
            Err(usage(format!("{flag} {name}: there is no such metric{hint}")))
        }
    }
}

/// Whether the first of two values is the better one; no value is the worst.
pub(super) fn better(metric: &str, a: Option<f64>, b: Option<f64>) -> Ordering {
    let less = metric_index(metric).is_some_and(|place| CATALOGUE[place].less_is_better);
    match (a, b) {
        (Some(a), Some(b)) if less => a.total_cmp(&b),
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// What is needed of each set to compare them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trials {
    /// The view of `metrics` that counts.
    view: &'static str,
    /// Rising.
    numbers: Vec<u64>,
    digests: Vec<String>,
    /// By set.
    pub(crate) deflated: Vec<Option<f64>>,
    /// Variance (ddof 1) of their annual Sharpe ratios; `None` for fewer than two.
    pub(crate) variance: Option<f64>,
}

/// Reads all sets of a sweep, in the view that counts.
pub(super) async fn trials(lake: &Lake, run_id: &str, view: &'static str) -> anyhow::Result<Trials> {
    let sql = format!(
        "select \"set\", sharpe, days, skew, kurtosis, digest from metrics where run_id = '{run_id}' and view = '{view}' order by 1"
    );
    let (mut numbers, mut digests, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for batch in ask(lake, &sql).await? {
        let sets = batch.column(0).as_primitive::<Int64Type>();
        let texts = cast(batch.column(5), &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        for row in 0..batch.num_rows() {
            let value = |column: usize| {
                let column = batch.column(column).as_primitive::<Float64Type>();
                (!column.is_null(row)).then(|| column.value(row))
            };
            numbers.push(u64::try_from(sets.value(row))?);
            digests.push(texts.value(row).to_owned());
            moments.push([1, 2, 3, 4].map(value));
        }
    }
    let sharpes: Vec<f64> = moments.iter().filter_map(|[sharpe, ..]| *sharpe).collect();
    let variance = variance(&sharpes);
    let count = numbers.len() as u64;
    // One set was not chosen among others; of several whose Sharpe ratios are not known nothing can be said.
    let spread = if count == 1 { Some(0.0) } else { variance };
    let deflated = |[sharpe, days, skew, kurtosis]: &[Option<f64>; 4]| {
        deflated_sharpe((*sharpe)?, (*days)? as usize, (*skew)?, (*kurtosis)? + 3.0, count, spread?)
    };
    let deflated = moments.iter().map(deflated).collect();
    Ok(Trials { view, numbers, digests, deflated, variance })
}

/// Summed in the order of the sets.
fn variance(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = values.iter().fold(0.0, |sum, value| sum + value) / count;
    let squares = values.iter().fold(0.0, |sum, value| sum + (value - mean) * (value - mean));
    (values.len() > 1).then(|| squares / (count - 1.0))
}

impl Trials {
    /// How many sets.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Writes what each set's Sharpe ratio is worth among all of them, once.
    pub(super) async fn write(&self, lake: &Lake, run_id: &str) -> anyhow::Result<()> {
        let trials = self.numbers.len();
        let batch = rows(vec![
            ("run_id", Arc::new(StringArray::from(vec![run_id; trials])) as ArrayRef),
            ("set", Arc::new(self.numbers.iter().map(|n| i64::try_from(*n).ok()).collect::<Int64Array>())),
            ("deflated_sharpe", Arc::new(self.deflated.iter().copied().collect::<Float64Array>())),
            ("trials", Arc::new(Int64Array::from(vec![i64::try_from(trials).ok(); trials]))),
            ("sharpe_variance", Arc::new(Float64Array::from(vec![self.variance; trials]))),
        ])?;
        lake.append_rows("deflated", &[batch], Some(&format!("{run_id}/deflated"))).await?;
        Ok(())
    }

    /// The digest of a sweep: that of its pipeline, its sets and their digests, in order.
    pub(super) fn digest(&self, canonical: &str, sweep: &str) -> anyhow::Result<Digest> {
        let batch = rows(vec![
            ("set", Arc::new(self.numbers.iter().map(|n| i64::try_from(*n).ok()).collect::<Int64Array>()) as ArrayRef),
            ("digest", Arc::new(self.digests.iter().map(|d| Some(d.as_str())).collect::<StringArray>())),
        ])?;
        let mut chain = Chain::new("sets", "", &batch.schema());
        chain.update(&batch)?;
        Ok(digest::of_run(&format!("{canonical}\n{sweep}"), [("sets", "", &chain)]))
    }

    /// The best sets by a metric as rows for people: ties by number, sets without a value last.
    pub(crate) async fn top(
        &self,
        lake: &Lake,
        run_id: &str,
        by: &str,
        count: usize,
        params: &[String],
    ) -> anyhow::Result<RecordBatch> {
        let mut shown: Vec<&str> = vec![by];
        let more = ["sharpe", "total_return", "max_drawdown_pct", "trades"];
        shown.extend(more.iter().filter(|m| **m != by));
        let columns: Vec<String> = shown.iter().map(|m| format!("\"{m}\"")).collect();
        let params_sql: Vec<String> = params.iter().map(|p| format!("\"param_{p}\"")).collect();
        let sql = format!(
            "select \"set\", {}, {} from metrics where run_id = '{run_id}' and view = '{}' order by 1",
            params_sql.join(", "),
            columns.join(", "),
            self.view
        );
        let batches = ask(lake, &sql).await?;
        let schema = batches.first().map(RecordBatch::schema).context("the sweep has sets")?;
        let all = arrow::compute::concat_batches(&schema, &batches)?;
        let values = all.column(1 + params.len()).as_primitive::<Float64Type>();
        let value = |row: usize| (!values.is_null(row)).then(|| values.value(row));
        let mut order: Vec<usize> = (0..all.num_rows()).collect();
        // The sort is stable, and rows come by number.
        order.sort_by(|a, b| better(by, value(*a), value(*b)));
        order.truncate(count);
        let places = Int64Array::from_iter_values(order.iter().map(|row| *row as i64));
        let mut best: Vec<(String, ArrayRef)> = Vec::new();
        for (field, column) in schema.fields().iter().zip(all.columns()) {
            let name = field.name().strip_prefix("param_").unwrap_or(field.name());
            best.push((name.to_owned(), arrow::compute::take(column, &places, None)?));
        }
        let deflated: Float64Array = order.iter().map(|row| self.deflated[*row]).collect();
        best.push(("deflated_sharpe".into(), Arc::new(deflated)));
        rows(best.iter().map(|(name, column)| (name.as_str(), column.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_the_worst_whichever_way_is_better() {
        for metric in CATALOGUE {
            let first = if metric.less_is_better { Ordering::Greater } else { Ordering::Less };
            assert_eq!(better(metric.name, Some(2.0), Some(1.0)), first, "{}", metric.name);
            assert_eq!(better(metric.name, Some(1.0), None), Ordering::Less);
            assert_eq!(better(metric.name, None, None), Ordering::Equal);
        }
        assert_eq!(better("sharpe", Some(2.0), Some(1.0)), Ordering::Less);
        assert_eq!(better("avg_drawdown", Some(2.0), Some(1.0)), Ordering::Greater);
    }

    #[test]
    fn the_variance_is_that_of_a_sample() {
        assert_eq!(variance(&[1.0, 3.0, 5.0]), Some(4.0), "(4 + 0 + 4) / 2");
        assert_eq!(variance(&[1.0]), None);
    }
}
