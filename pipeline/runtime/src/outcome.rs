//! What a run found.

use crate::{Outlets, RunError, last::Curve, tail::Tail};
use arrow::array::RecordBatch;
use candleflow_schema::{Micros, digest::Digest};
use candleflow_stream::Notes;
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
    /// Rows of bars that were left out because they were not later than those before them.
    pub dropped: u64,
    /// First and last event time after the warm-up, if there was a row.
    pub range: Option<(Micros, Micros)>,
    /// The statistics; empty without a strategy.
    pub metrics: Option<RecordBatch>,
    /// Equity over time.
    pub curve: Curve,
    /// What the engine had less of than it was asked to use.
    pub notes: Notes,
}

/// Counts of a run that is under way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) bars: u64,
    pub(crate) dropped: u64,
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

    /// A key has ended, whose chain left out so many rows.
    pub(crate) fn ended(&mut self, dropped: u64) {
        self.dropped += dropped;
        crate::telemetry::dropped(dropped);
    }

    /// Nothing after this event time was processed.
    pub(crate) fn until(&mut self, known: Micros) {
        self.range = self.range.filter(|(from, _)| *from <= known).map(|(from, to)| (from, to.min(known)));
    }

    /// Digests the metrics and puts everything together. The caller has committed the rows.
    pub(crate) fn outcome(self, tail: Tail, outlets: &mut Outlets, pipeline: &str) -> Result<Outcome, RunError> {
        let (mut metrics, mut curve) = (None, Curve::default());
        let notes = tail.notes();
        if let Some(mut last) = tail.into_last() {
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
            dropped: self.dropped,
            range: self.range,
            metrics,
            curve,
            notes,
        })
    }
}
