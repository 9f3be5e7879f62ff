//! Many parameter sets over the same bars at once: what they share is computed once per pass.
//!
//! ```text
//!  source per key ─► intake ─► shared nodes, level by level ─► every set: its own nodes, its trader ─► metrics
//!                              (side by side)                  (side by side)
//!  with one account over all keys             rows of all keys, as far as all are known ┘
//! ```
//! A pass goes through time once with as many sets as its caller gives it; its memory is that of one slice of rows, the
//! shared columns of that slice, and the state of those sets. The rows of `metrics` that a set gets are those of a run of
//! that set alone over the same input, for any number of threads.

mod pool;
mod rounds;
mod set;

use crate::{Last, RunError, outcome::Tally};
use arrow::array::{ArrayRef, RecordBatch};
use candleflow_kernels::{
    metrics::{BLOCKS, Choice, Metrics, ReturnBlock},
    money::Money,
    strategy::{BarInput, Market},
};
use candleflow_schema::{Input, Micros, Source, Symbol, digest::Digest};
use candleflow_stream::{
    Emit, Intake, Notes, Operator, OperatorError, Portfolio,
    columns::{find, floats, ints, times},
    graph::{Crossing, Node, SetOfKey},
    intake::EXACT,
};
use rounds::Rounds;
use set::SetState;
use std::{collections::BTreeSet, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Rows that go through all sets together: few, because every shared column of them is in memory.
pub const SLICE: usize = 2_048;
/// Rows of a key that go together where all keys meet in one account: rows of all of them are in memory then.
const FEWEST: usize = 64;

/// Rows of a key that go together, among so many keys that meet in one account.
pub const fn slice_of_many(keys: usize) -> usize {
    let slice = SLICE / if keys == 0 { 1 } else { keys };
    if slice < FEWEST { FEWEST } else { slice }
}

/// A key, its input, and the nodes that several sets use, by level.
pub struct PassKey {
    /// The key.
    pub key: Symbol,
    /// Its bounded input.
    pub source: Box<dyn Source>,
    /// The door of its bars.
    pub intake: Intake,
    /// Nodes that need nothing of each other, level by level.
    pub shared: Vec<Vec<Node>>,
}

/// One parameter set.
pub struct PassSet {
    /// Its number.
    pub number: u64,
    /// What it does on each key, in listed order.
    pub keys: Vec<SetOfKey>,
    /// Its account over all keys, if it has one; then `last` is made with [`Last::portfolio`]. All sets of a pass do, or none.
    pub account: Option<Portfolio>,
    /// Where its statistics begin.
    pub last: Last,
    /// Whether its end is wanted; the fast path has none.
    pub ends: bool,
}

/// What a pass is told, beside its keys and sets.
pub struct Pass<'r> {
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
    /// Sets that are computed at the same time.
    pub threads: usize,
    /// Hears how many bars have been read, after every slice.
    pub progress: &'r (dyn Fn(u64) + Sync),
    /// The metrics that are wanted of each set.
    pub choice: Choice,
    /// Ends the pass early.
    pub cancel: CancellationToken,
}

/// What a set came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its number.
    pub number: u64,
    /// Its rows of `metrics`.
    pub metrics: RecordBatch,
    /// The digest of these rows.
    pub digest: Digest,
    /// Moments of its daily returns in equal blocks of time.
    pub blocks: [ReturnBlock; BLOCKS],
    /// What the engine had less of than it was asked to use.
    pub notes: Notes,
    /// How it ended, where that is wanted.
    pub end: Option<End>,
}

/// How a set ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Its statistics with everything closed.
    pub metrics: Metrics,
    /// The cash of each account then; `None` of one that had no bar.
    pub cash: Vec<Option<Money>>,
}

/// The end of a pass.
#[derive(Debug)]
pub struct Passed {
    /// What sets came to, in order.
    pub found: Vec<Found>,
    /// Numbers of sets that the fast path left for the engine: they come to nothing here.
    pub to_engine: Vec<u64>,
    /// Bars read, warm-up included.
    pub bars: u64,
    /// First and last event time after the warm-up.
    pub range: Option<(Micros, Micros)>,
}

/// Runs sets over the input of keys.
///
/// # Errors
/// The first that happens, of the first set that it happens to.
pub async fn pass(keys: Vec<PassKey>, sets: Vec<PassSet>, run: &Pass<'_>) -> Result<Passed, RunError> {
    let count = keys.len();
    let mut sources = Vec::new();
    let mut states = Vec::new();
    for key in keys {
        sources.push(Some(key.source));
        states.push(KeyState {
            key: key.key,
            intake: key.intake,
            shared: key.shared,
            market: Market::default(),
            crossing: Crossing::default(),
        });
    }
    let sets: Vec<SetState> = sets.into_iter().map(|set| SetState::new(set, run.choice)).collect();
    for (place, key) in states.iter_mut().enumerate() {
        key.crossing = Crossing::of(sets.iter().filter_map(|set| set.on(place)));
    }
    let rounds = sets.first().is_some_and(SetState::has_account).then(|| Rounds::new(count));
    let most = if rounds.is_some() { slice_of_many(count) } else { SLICE };
    let mut state = State { keys: states, sets, rounds, from: run.from, threads: run.threads.max(1) };
    let mut idle: BTreeSet<(Micros, usize)> = (0..count).map(|key| (Micros::MIN, key)).collect();
    let mut tally = Tally::new(count);
    // The key that is furthest behind goes next, slice by slice, so that no set holds more than a slice per key.
    let mut waiting: Vec<Option<RecordBatch>> = vec![None; count];
    while let Some((_, key)) = idle.pop_first() {
        if run.cancel.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        let input = match waiting[key].take() {
            Some(rest) => Some(Input::Rows(rest)),
            None => match &mut sources[key] {
                Some(source) => source.next().await?,
                None => None,
            },
        };
        let (work, reached) = match input {
            Some(Input::Rows(rows)) => {
                let slice = rows.slice(0, rows.num_rows().min(most));
                waiting[key] = (rows.num_rows() > most).then(|| rows.slice(most, rows.num_rows() - most));
                let time = find("sweep", &slice.schema(), "time").map_err(|e| state.failed(key, e))?;
                let times = times("sweep", &slice, time).map_err(|e| state.failed(key, e))?.to_vec();
                tally.rows(key, &times, run.from);
                (Work::Rows(slice), times.last().copied())
            }
            Some(Input::Complete { time, .. }) => (Work::Complete(time), Some(time)),
            None => (Work::End, None),
        };
        state = blocking(move || {
            state.step(key, work)?;
            Ok(state)
        })
        .await?;
        if let Some(reached) = reached {
            idle.insert((reached, key));
        }
        (run.progress)(tally.bars);
    }
    let range = tally.range;
    let mut passed = Passed { found: Vec::new(), to_engine: Vec::new(), bars: tally.bars, range };
    for set in blocking(move || state.found(range)).await? {
        match set {
            Ok(found) => passed.found.push(found),
            Err(number) => passed.to_engine.push(number),
        }
    }
    Ok(passed)
}

/// Work that computes for long, off the threads that wait for input.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RunError> + Send + 'static,
) -> Result<T, RunError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| RunError::Internal(format!("a pass ended early: {e}")))?
}

enum Work {
    Rows(RecordBatch),
    Complete(Micros),
    End,
}

struct KeyState {
    key: Symbol,
    intake: Intake,
    shared: Vec<Vec<Node>>,
    /// Bars after the warm-up, where sets are on the fast path.
    market: Market<'static>,
    crossing: Crossing,
}

struct State {
    keys: Vec<KeyState>,
    sets: Vec<SetState>,
    /// Rows that wait for other keys, where sets have one account over all of them.
    rounds: Option<Rounds>,
    from: Micros,
    threads: usize,
}

impl State {
    fn failed(&self, key: usize, error: OperatorError) -> RunError {
        RunError::Operator { symbol: self.keys[key].key.to_string(), error }
    }

    fn step(&mut self, key: usize, work: Work) -> Result<(), RunError> {
        let rows = match work {
            Work::Rows(rows) => rows,
            Work::Complete(time) => {
                let advanced = self.keys[key].intake.advance(time, &mut Emit::default());
                advanced.map_err(|e| self.failed(key, e))?;
                return match &mut self.rounds {
                    Some(rounds) => {
                        rounds.known(key, time);
                        self.round()
                    }
                    None => pool::each(&mut self.sets, self.threads, |set| set.complete(key, time)).map(drop),
                };
            }
            Work::End => {
                return match &mut self.rounds {
                    Some(rounds) => {
                        rounds.known(key, Micros::MAX);
                        self.round()
                    }
                    None => pool::each(&mut self.sets, self.threads, |set| set.end(key)).map(drop),
                };
            }
        };
        let mut emit = Emit::default();
        self.keys[key].intake.process(rows, &mut emit).map_err(|e| self.failed(key, e))?;
        for rows in emit.rows {
            self.rows(key, &rows).map_err(|e| match e {
                Failed::Operator(error) => self.failed(key, error),
                Failed::Run(error) => error,
            })?;
        }
        self.round()
    }

    /// All sets take the rows up to where every key is known.
    fn round(&mut self) -> Result<(), RunError> {
        let Some(round) = self.rounds.as_mut().and_then(Rounds::take) else { return Ok(()) };
        pool::each(&mut self.sets, self.threads, |set| set.round(&round)).map(drop)
    }

    /// Rows of a key after its intake, through everything.
    fn rows(&mut self, key: usize, rows: &RecordBatch) -> Result<(), Failed> {
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        for level in &mut self.keys[key].shared {
            let made = pool::each(level, self.threads, |node| node.process(&columns, &[]).map_err(Failed::Operator))?;
            columns.extend(made.into_iter().flatten());
        }
        if let Some(rounds) = &mut self.rounds {
            let time = find("sweep", &rows.schema(), "time")?;
            let times = times("sweep", rows, time)?.to_vec();
            times.last().into_iter().for_each(|time| rounds.known(key, *time));
            rounds.push(key, times, columns);
            return Ok(());
        }
        let KeyState { market, crossing, .. } = &mut self.keys[key];
        if self.sets.first().is_some_and(SetState::is_lean) {
            let time = find("sweep", &rows.schema(), "time")?;
            let warm = times("sweep", rows, time)?.partition_point(|t| *t <= self.from);
            market.extend(&bars(rows, warm)?).map_err(|e| Failed::Run(RunError::Internal(e.to_string())))?;
            let crossing = crossing.take(&columns, warm)?;
            let lean = Some((&*market, &crossing));
            pool::each(&mut self.sets, self.threads, |set| set.rows(key, &columns, lean))?;
        } else {
            pool::each(&mut self.sets, self.threads, |set| set.rows(key, &columns, None))?;
        }
        Ok(())
    }

    fn found(mut self, range: Option<(Micros, Micros)>) -> Result<Vec<Result<Found, u64>>, RunError> {
        let market = Arc::new(std::mem::take(&mut self.keys[0].market));
        pool::each(&mut self.sets, self.threads, |set| set.found(&market, range.unwrap_or_default()))
    }
}

/// What went wrong with a key's rows.
enum Failed {
    Operator(OperatorError),
    Run(RunError),
}

impl From<OperatorError> for Failed {
    fn from(error: OperatorError) -> Self {
        Failed::Operator(error)
    }
}

/// The bars of rows after the intake, but the first `skip`.
fn bars(rows: &RecordBatch, skip: usize) -> Result<Vec<BarInput>, OperatorError> {
    let at = |name: &str| find("sweep", &rows.schema(), name);
    let (open_time, time) = (times("sweep", rows, at("open_time")?)?, times("sweep", rows, at("time")?)?);
    let volume = floats("sweep", rows, at("volume")?)?;
    let mut exact = [&[][..]; 4];
    for (prices, column) in exact.iter_mut().zip(EXACT) {
        *prices = ints("sweep", rows, at(column)?)?;
    }
    let bar = |row: usize| {
        let volume = (!volume[row].is_nan()).then_some(volume[row]);
        BarInput::new(open_time[row], time[row], exact.map(|p| p[row]), volume)
    };
    Ok((skip..rows.num_rows()).map(bar).collect())
}
