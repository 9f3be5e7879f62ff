//! Where a live run ended, recorded once with its job before anything is written that exists only because it ended.
//!
//! ```text
//!  the input ends ─► _jobs/<job>/end.json ─► final rows ─► metrics ─► `runs` row
//! ```
//! Rows at the end of the input have ordinals like any other. A job that was killed between them and its `runs` row, and
//! went on beyond its end, would take them for rows that its sinks have, and drop as many others: so it ends where it had.

use crate::talk::say;
use candleflow_lake::Lake;
use candleflow_schema::{ConnectorError, Fault, Micros, Symbol, time};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::OnceLock};

/// The name of the record.
const RECORD: &str = "end";

/// Where a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// `--to`, where every symbol had come to it; `None`: the run was stopped.
    pub(super) to: Option<Micros>,
    /// By symbol, the event time up to which its input goes.
    symbols: BTreeMap<String, Micros>,
}

/// The end of a job: the one that it is to have, and the one that it came to.
pub(super) struct End<'j> {
    lake: &'j Lake,
    job: &'j str,
    symbols: &'j [Symbol],
    /// What an earlier process of the job recorded.
    recorded: Option<Ended>,
    /// The event time that was asked for.
    to: Option<Micros>,
    found: OnceLock<Ended>,
}

impl<'j> End<'j> {
    /// That of a job of these symbols which is asked to end at `to`. An end that it had come to before holds.
    pub(super) async fn of(
        lake: &'j Lake,
        job: &'j str,
        symbols: &'j [Symbol],
        to: Option<Micros>,
    ) -> anyhow::Result<Self> {
        let recorded: Option<Ended> = lake.job_record(job, RECORD).await?;
        if let Some(ended) = &recorded {
            let last = ended.to.or(ended.symbols.values().copied().max()).unwrap_or(Micros::MIN);
            let asked = to.filter(|to| Some(*to) != ended.to);
            let asked = asked.map_or(String::new(), |to| format!(", and not at --to {}", time::format(to)));
            say(&format!(
                "the job {job} had ended before its run was recorded: it ends at {}{asked}",
                time::format(last)
            ));
        }
        let to = recorded.as_ref().map_or(to, |ended| ended.to);
        Ok(Self { lake, job, symbols, recorded, to, found: OnceLock::new() })
    }

    /// `--to`, or what it was when the job ended.
    pub(super) fn to(&self) -> Option<Micros> {
        self.found.get().map_or(self.to, |ended| ended.to)
    }

    /// Whether the job has ended before.
    pub(super) fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// Up to where each symbol goes; `None`: until it is stopped.
    pub(super) fn limits(&self) -> Option<Vec<Micros>> {
        match &self.recorded {
            Some(ended) => {
                let of = |symbol: &Symbol| ended.symbols.get(&**symbol).copied().unwrap_or(Micros::MIN);
                Some(self.symbols.iter().map(of).collect())
            }
            None => self.to.map(|to| vec![to; self.symbols.len()]),
        }
    }

    /// Records that the symbols' inputs end there; `dry`: nothing is recorded.
    pub(super) async fn come(&self, times: Vec<Micros>, dry: bool) -> Result<(), ConnectorError> {
        let to = self.to.filter(|to| self.is_recorded() || times.iter().all(|time| time >= to));
        let ended = Ended { to, symbols: self.symbols.iter().map(ToString::to_string).zip(times).collect() };
        if !dry && !self.lake.record_once(self.job, RECORD, &ended).await? {
            let first: Option<Ended> = self.lake.job_record(self.job, RECORD).await?;
            if first.as_ref() != Some(&ended) {
                let text = match self.is_recorded() {
                    true => "was stopped on the way to where it had ended",
                    false => "was ended elsewhere by another process",
                };
                let text = format!("the job {} {text}: start it again", self.job);
                return Err(ConnectorError::new(Fault::External, !self.is_recorded(), text));
            }
        }
        // Set once: a run ends once.
        let _ = self.found.set(ended);
        Ok(())
    }
}
