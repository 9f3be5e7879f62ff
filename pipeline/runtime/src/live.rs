//! A run over an input that does not end: one source brings all keys, each has its chain.
//!
//! Rows are computed as they come; chains of different keys do not wait for each other, unless they meet in a portfolio.
//! The run ends when every key is known up to its limit, or when it is stopped. Where each key ends is told before
//! anything is written that exists only because of it, so that whoever runs the job again can end it there. Ordinals count the rows of a task: only keys of one task come in an order that a replay repeats.

use crate::{Outcome, Outlets, RunError, Tail, outcome::Tally, telemetry};
use arrow::array::{AsArray, RecordBatch};
use candleflow_schema::{ConnectorError, Input, Micros, Source, Symbol};
use candleflow_stream::{Chain, Given, columns};
use futures::future::BoxFuture;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often sinks that are not eager commit.
pub const COMMIT_EVERY: Duration = Duration::from_secs(10);

/// Is told the event time up to which each key goes, in listed order.
pub type Ending<'r> = dyn Fn(Vec<Micros>) -> BoxFuture<'r, Result<(), ConnectorError>> + Sync + 'r;

/// What a live run is made of.
pub struct Live<'r> {
    /// The keys with their operators, in listed order.
    pub keys: Vec<(Symbol, Chain)>,
    /// The task of each key: keys of one task come in an order that every replay repeats, those of different tasks do not.
    pub tasks: Vec<usize>,
    /// Brings the rows of all keys, in order per task.
    pub source: Box<dyn Source>,
    /// The canonical form of the pipeline.
    pub pipeline: &'r str,
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
    /// The event time up to which each key goes, in listed order; the run ends when every key is known up to its own.
    /// `None`: until it is stopped.
    pub limits: Option<Vec<Micros>>,
    /// Hears where the run ends, before its last rows are written.
    pub ending: &'r Ending<'r>,
    /// Hears of every row that came in: the key's place and the event time.
    pub progress: &'r (dyn Fn(usize, Micros) + Sync),
    /// Ends the run as if its input had ended.
    pub stop: CancellationToken,
}

struct Driver<'r, 'o> {
    run: Live<'r>,
    places: BTreeMap<Symbol, usize>,
    known: Vec<Micros>,
    tail: Tail,
    outlets: &'o mut Outlets,
    tally: Tally,
}

/// Runs until its limits, a stop, or the end of the source.
///
/// # Errors
/// The first that happens; what was committed before stays.
pub async fn live(run: Live<'_>, tail: impl Into<Tail>, outlets: &mut Outlets) -> Result<Outcome, RunError> {
    let places = run.keys.iter().enumerate().map(|(i, (s, _))| (s.clone(), i)).collect();
    let known = vec![Micros::MIN; run.keys.len()];
    let tally = Tally::new(run.keys.len());
    let mut driver = Driver { run, places, known, tail: tail.into(), outlets, tally };
    let mut commits = every(COMMIT_EVERY);
    while !driver.arrived() {
        let stop = driver.run.stop.clone();
        let input = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = commits.tick() => {
                driver.outlets.commit().await?;
                continue;
            }
            input = driver.run.source.next() => input?,
        };
        match input {
            Some(Input::Rows(rows)) => driver.rows(&rows).await?,
            Some(Input::Complete { symbol, time }) => driver.complete(&symbol, time).await?,
            None => break,
        }
    }
    driver.finish().await
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

impl Driver<'_, '_> {
    fn arrived(&self) -> bool {
        self.run
            .limits
            .as_ref()
            .is_some_and(|limits| self.known.iter().zip(limits).all(|(known, limit)| known >= limit))
    }

    fn limit(&self, place: usize) -> Micros {
        self.run.limits.as_ref().map_or(Micros::MAX, |limits| limits[place])
    }

    /// Rows of several keys: each run of rows of one key goes to its chain.
    async fn rows(&mut self, rows: &RecordBatch) -> Result<(), RunError> {
        let failed = |error| RunError::Operator { symbol: "source".into(), error };
        let schema = rows.schema();
        let symbol = rows.column(columns::find("live", &schema, "symbol").map_err(failed)?).as_string::<i32>();
        let time = columns::find("live", &schema, "time").map_err(failed)?;
        let mut start = 0;
        while start < rows.num_rows() {
            let name = symbol.value(start);
            let end = (start..rows.num_rows()).find(|i| symbol.value(*i) != name).unwrap_or(rows.num_rows());
            if let Some(place) = self.places.get(name).copied() {
                let part = rows.slice(start, end - start);
                let times = columns::times("live", &part, time).map_err(failed)?;
                let limit = self.limit(place);
                let within = times.partition_point(|t| *t <= limit);
                let reached = times.last().copied().unwrap_or(Micros::MIN);
                self.key(place, part.slice(0, within), &times[..within]).await?;
                self.known[place] = self.known[place].max(reached);
                (self.run.progress)(place, reached);
            }
            start = end;
        }
        Ok(())
    }

    async fn key(&mut self, place: usize, rows: RecordBatch, times: &[Micros]) -> Result<(), RunError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        telemetry::rows_in(rows.num_rows());
        self.tally.rows(place, times, self.run.from);
        let given = self.chain(place, |chain| chain.process(rows))?;
        self.give(place, given, false).await
    }

    async fn complete(&mut self, symbol: &Symbol, time: Micros) -> Result<(), RunError> {
        let Some(place) = self.places.get(symbol).copied() else { return Ok(()) };
        self.known[place] = self.known[place].max(time);
        let time = time.min(self.limit(place));
        let given = self.chain(place, |chain| chain.advance(time))?;
        self.give(place, given, false).await?;
        (self.run.progress)(place, time);
        self.tail.complete(self.outlets, place, time).await
    }

    fn chain(
        &mut self,
        place: usize,
        call: impl FnOnce(&mut Chain) -> Result<Given, candleflow_stream::OperatorError>,
    ) -> Result<Given, RunError> {
        let (symbol, chain) = &mut self.run.keys[place];
        call(chain).map_err(|error| RunError::Operator { symbol: symbol.to_string(), error })
    }

    async fn give(&mut self, place: usize, given: Given, ended: bool) -> Result<(), RunError> {
        self.tail.give(self.outlets, place, self.run.tasks[place], given, ended).await
    }

    async fn finish(mut self) -> Result<Outcome, RunError> {
        let ends = self.known.iter().enumerate().map(|(place, known)| (*known).min(self.limit(place))).collect();
        (self.run.ending)(ends).await?;
        for place in 0..self.run.keys.len() {
            let given = self.chain(place, Chain::finish)?;
            self.tally.ended(self.run.keys[place].1.dropped());
            self.give(place, given, true).await?;
        }
        if let Some(known) = self.tail.finish(self.outlets).await? {
            self.tally.until(known);
        }
        self.outlets.commit().await?;
        self.tally.outcome(self.tail, self.outlets, self.run.pipeline)
    }
}
