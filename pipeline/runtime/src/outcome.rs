//! What a run found.

use crate::{Last, Outlets, RunError, last::Curve};
use arrow::array::RecordBatch;
use candleflow_schema::{Micros, digest::Digest};
use std::collections::BTreeMap;

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Equal digests are the proof of equal outputs.
    pub digest: Digest,
    /// Rows per output.
    pub rows: BTreeMap<&'static str, u64>,
    /// Rows and chain of every output and key.
    pub chains: Vec<(String, String, u64, Digest)>,
    /// Rows of bars that went in, warm-up included.
    pub bars: u64,
    /// First and last event time after the warm-up, if there was a row.
    pub range: Option<(Micros, Micros)>,
    /// The statistics; empty without a strategy.
    pub metrics: Option<RecordBatch>,
    /// Equity over time.
    pub curve: Curve,
}

/// Counts of a run that is under way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) bars: u64,
    pub(crate) range: Option<(Micros, Micros)>,
}

impl Tally {
    /// Counts rows whose event times are `times`.
    pub(crate) fn rows(&mut self, times: &[Micros], from: Micros) {
        self.bars += times.len() as u64;
        let shown = times.partition_point(|t| *t <= from);
        if let (Some(first), Some(last)) = (times.get(shown), times[shown..].last()) {
            let (a, b) = self.range.unwrap_or((*first, *last));
            self.range = Some((a.min(*first), b.max(*last)));
        }
    }

    /// Digests the metrics and puts everything together. The caller has committed the rows.
    pub(crate) fn outcome(
        self,
        last: Option<Last>,
        outlets: &mut Outlets,
        pipeline: &str,
    ) -> Result<Outcome, RunError> {
        let (mut metrics, mut curve) = (None, Curve::default());
        if let Some(mut last) = last {
            let rows = last.rows()?;
            outlets.digest("metrics", usize::MAX, &rows, true)?;
            curve = last.curve();
            metrics = Some(rows);
        }
        Ok(Outcome {
            digest: outlets.value(pipeline),
            rows: outlets.rows(),
            chains: outlets.chains(),
            bars: self.bars,
            range: self.range,
            metrics,
            curve,
        })
    }
}
