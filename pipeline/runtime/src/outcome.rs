//! What a run found.

use crate::{Outlets, RunError, tail::Tail};
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
    /// What each key read, in listed order: with the same rows, a run finds the same.
    pub inputs: Vec<KeyInput>,
    /// The event time up to which an account over all keys went, where it stopped before its keys ended.
    pub account: Option<Micros>,
    /// The statistics; empty without a strategy.
    pub metrics: Option<RecordBatch>,
    /// The same by the formulas of the library that was asked for; not part of the digest, which is of what happened.
    pub library: Option<RecordBatch>,
    /// The same day by day and symbol by symbol, under the names of their tables. They are not part of the digest:
    /// whatever they say is in equity and trades.
    pub apart: Vec<(&'static str, RecordBatch)>,
    /// What the engine had less of than it was asked to use.
    pub notes: Notes,
}

/// The bars that went into a key's chain, warm-up included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyInput {
    /// How many.
    pub bars: u64,
    /// Event time of the first and of the last.
    pub times: Option<(Micros, Micros)>,
}

/// Counts of a run that is under way.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) bars: u64,
    pub(crate) dropped: u64,
    pub(crate) range: Option<(Micros, Micros)>,
    inputs: Vec<KeyInput>,
    account: Option<Micros>,
}

impl Tally {
    /// For so many keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self { bars: 0, dropped: 0, range: None, inputs: vec![KeyInput::default(); keys], account: None }
    }

    /// Counts rows of a key whose event times are `times`.
    pub(crate) fn rows(&mut self, key: usize, times: &[Micros], from: Micros) {
        self.bars += times.len() as u64;
        if let (Some(first), Some(last)) = (times.first(), times.last()) {
            let input = &mut self.inputs[key];
            input.bars += times.len() as u64;
            input.times = Some((input.times.map_or(*first, |(a, _)| a), *last));
        }
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
        self.account = Some(known);
        self.range = self.range.filter(|(from, _)| *from <= known).map(|(from, to)| (from, to.min(known)));
    }

    /// Digests the metrics and puts everything together. The caller has committed the rows.
    pub(crate) fn outcome(self, tail: Tail, outlets: &mut Outlets, pipeline: &str) -> Result<Outcome, RunError> {
        let (mut metrics, mut library, mut apart, notes) = (None, None, Vec::new(), tail.notes());
        if let Some(last) = tail.into_last() {
            let rows = last.rows()?;
            outlets.digest("metrics", usize::MAX, &rows, true)?;
            metrics = Some(rows);
            library = last.library()?;
            apart.push(("metrics_by_day", last.days()?));
            apart.push(("metrics_by_symbol", last.symbols(&outlets.symbols())?));
        }
        Ok(Outcome {
            digest: outlets.value(pipeline),
            rows: outlets.rows(),
            chains: outlets.chains(),
            bars: self.bars,
            dropped: self.dropped,
            range: self.range,
            inputs: self.inputs,
            account: self.account,
            metrics,
            library,
            apart,
            notes,
        })
    }
}
