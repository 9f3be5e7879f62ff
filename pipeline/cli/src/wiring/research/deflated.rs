//! What a set's Sharpe ratio is worth among all of its sweep, for a run of that set alone.

use super::{ask, keep::Header, study::Study, sweep::finished};
use crate::wiring::run::pinned;
use arrow::{
    array::{Array, AsArray},
    datatypes::{Float64Type, Int64Type},
};
use candleflow_lake::Lake;
use candleflow_schema::Micros;

/// The sets among which one was found.
pub(crate) struct Among {
    /// The sweep's id.
    pub(crate) sweep: String,
    /// How many sets it ran.
    pub(crate) trials: u64,
    /// Variance of their Sharpe ratios a year; 0 of a single set.
    pub(crate) variance: f64,
    /// Whether the bars have changed since it read them.
    pub(crate) is_stale: bool,
}

/// The sets of the last finished sweep of this study by this engine over the same time; `None` without one, and where it
/// does not know their Sharpe ratios.
pub(crate) async fn among(
    study: &Study,
    lake: &Lake,
    (from, to): (Option<Micros>, Option<Micros>),
) -> anyhow::Result<Option<Among>> {
    let time = (from.unwrap_or(Micros::MIN), to.unwrap_or(Micros::MAX));
    let (pipeline, sweep) = (&study.prepared.canonical, study.sweep.canonical());
    let same = |header: &Header| {
        header.canonical == *pipeline
            && header.sweep == sweep
            && (header.from, header.to) == time
            && header.engine == env!("CARGO_PKG_VERSION")
    };
    let all = Header::all(lake).await?;
    if !all.iter().any(same) {
        return Ok(None);
    }
    let finished = finished(lake).await?;
    let Some(header) = all.into_iter().rfind(|header| same(header) && finished.contains(&header.run_id)) else {
        return Ok(None);
    };
    let sql = format!("select trials, sharpe_variance from deflated where run_id = '{}' limit 1", header.run_id);
    let batches = ask(lake, &sql).await?;
    let Some(row) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let variance = row.column(1).as_primitive::<Float64Type>();
    let trials = u64::try_from(row.column(0).as_primitive::<Int64Type>().value(0))?;
    let variance = match variance.is_null(0) {
        true if trials > 1 => return Ok(None),
        true => 0.0,
        false => variance.value(0),
    };
    let is_stale = header.version != pinned(lake).await?.1;
    Ok(Some(Among { sweep: header.run_id, trials, variance, is_stale }))
}
