//! A bounded run: each key is read and computed on its own, several at a time, never merged by time.
//!
//! The key that is furthest behind in event time goes next, so the last task never holds more than a batch per key, and
//! what it computes does not depend on which thread was faster. Where keys meet, a key whose rows wait for another is not
//! read on, so at most one batch a key waits.

use crate::{Outcome, Outlets, RunError, Tail, outcome::Tally, telemetry};
use candleflow_schema::{Input, Micros, Source, Symbol};
use candleflow_stream::{Chain, Given, columns};
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A key with its input and its operators.
pub struct KeyTask {
    /// The key.
    pub key: Symbol,
    /// Its bounded input.
    pub source: Box<dyn Source>,
    /// Its operators.
    pub chain: Chain,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bars read.
    pub bars: u64,
    /// Event time that every key has reached.
    pub time: Micros,
}

/// What one step of a key gave.
struct Stepped {
    at: usize,
    task: KeyTask,
    given: Given,
    times: Vec<Micros>,
    complete: Option<Micros>,
    ended: bool,
}

/// Runs all keys to the end of their inputs. `from`: the rows at or before it are warm-up.
///
/// # Errors
/// The first that happens; what was committed before stays.
pub async fn history(
    tasks: Vec<KeyTask>,
    tail: impl Into<Tail>,
    outlets: &mut Outlets,
    run: &HistoryRun<'_>,
) -> Result<Outcome, RunError> {
    let mut tail = tail.into();
    let mut waiting: Vec<Option<KeyTask>> = tasks.into_iter().map(Some).collect();
    let mut idle: BTreeSet<(Micros, usize)> = (0..waiting.len()).map(|i| (Micros::MIN, i)).collect();
    let mut running: JoinSet<Result<Stepped, RunError>> = JoinSet::new();
    let mut tally = Tally::new(waiting.len());
    loop {
        while running.len() < run.parallel.max(1) {
            let Some(next) = idle.iter().copied().find(|(_, at)| !tail.waits(*at)) else { break };
            idle.remove(&next);
            let at = next.1;
            if let Some(task) = waiting[at].take() {
                running.spawn(step(at, task));
            }
        }
        let joined = tokio::select! {
            () = run.cancel.cancelled() => return Err(RunError::Cancelled),
            joined = running.join_next() => joined,
        };
        let Some(joined) = joined else { break };
        let done = joined.map_err(|e| RunError::Internal(format!("a task ended early: {e}")))??;
        tally.rows(done.at, &done.times, run.from);
        tail.give(outlets, done.at, done.at, done.given, done.ended).await?;
        if let Some(time) = done.complete {
            tail.complete(outlets, done.at, time).await?;
        }
        if done.ended {
            tail.end(outlets, done.at).await?;
        }
        if done.ended {
            tally.ended(done.task.chain.dropped());
        } else {
            let reached = done.times.last().copied().or(done.complete).unwrap_or(Micros::MIN);
            waiting[done.at] = Some(done.task);
            idle.insert((reached, done.at));
            (run.progress)(Progress { bars: tally.bars, time: idle.first().map_or(reached, |(t, _)| *t) });
        }
    }
    tail.finish(outlets).await?;
    outlets.commit().await?;
    tally.outcome(tail, outlets, run.pipeline)
}

/// What a bounded run is told, beside its tasks.
pub struct HistoryRun<'r> {
    /// The canonical form of the pipeline.
    pub pipeline: &'r str,
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
    /// Keys that are computed at the same time.
    pub parallel: usize,
    /// Hears how far the run is, after every batch.
    pub progress: &'r (dyn Fn(Progress) + Sync),
    /// Ends the run early.
    pub cancel: CancellationToken,
}

async fn step(at: usize, mut task: KeyTask) -> Result<Stepped, RunError> {
    let input = task.source.next().await?;
    let symbol = task.key.clone();
    let failed = |error| RunError::Operator { symbol: symbol.to_string(), error };
    let mut stepped = Stepped { at, given: Given::default(), times: Vec::new(), complete: None, ended: false, task };
    match input {
        Some(Input::Rows(rows)) => {
            telemetry::rows_in(rows.num_rows());
            let time = columns::find("history", &rows.schema(), "time").map_err(&failed)?;
            stepped.times = columns::times("history", &rows, time).map_err(&failed)?.to_vec();
            stepped.given = stepped.task.chain.process(rows).map_err(failed)?;
        }
        Some(Input::Complete { time, .. }) => {
            stepped.complete = Some(time);
            stepped.given = stepped.task.chain.advance(time).map_err(failed)?;
        }
        None => {
            stepped.ended = true;
            stepped.given = stepped.task.chain.finish().map_err(failed)?;
        }
    }
    Ok(stepped)
}
