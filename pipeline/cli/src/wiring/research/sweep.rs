//! A sweep from its first set to its `runs` row, or from where another process left it.

use super::{
    ask,
    bars::{Bars, Window},
    keep::{self, Header},
    passes::{Passes, said},
    study::Study,
    top::{Trials, trials},
};
use crate::{
    exit::usage,
    talk::{Work, say},
    wiring::run::{Tables, noted, pinned},
};
use arrow::{array::AsArray, datatypes::Int64Type};
use candleflow_lake::{FileRef, KLINES_TABLE, Lake};
use candleflow_runtime::RunError;
use candleflow_schema::{Micros, digest};
use candleflow_stream::Notes;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Bars times sets after which a chunk is committed: about a second of work, by the engine and on the fast path.
const CHUNK: u64 = 16_000_000;
const LEAN_CHUNK: u64 = 25 * CHUNK;
/// Fewest and most sets of a chunk; a sweep has at most some hundred chunks.
const LEAST: u64 = 16;
const MOST: u64 = 512;
const CHUNKS: usize = 200;

/// What is asked for.
pub(crate) struct Wish {
    pub(crate) from: Option<Micros>,
    pub(crate) to: Option<Micros>,
    /// Goes on with the last unfinished sweep of the file, or the one of this id.
    pub(crate) resume: Option<Option<String>>,
    pub(crate) threads: usize,
    pub(crate) memory: u64,
}

/// A finished sweep.
pub(crate) struct Swept {
    pub(crate) run_id: String,
    pub(crate) digest: digest::Digest,
    pub(crate) range: Option<(Micros, Micros)>,
    pub(crate) trials: Trials,
    /// Sets computed here and not by a process before.
    pub(crate) computed: usize,
    pub(crate) evaluations: u64,
    pub(crate) elapsed: Duration,
}

/// Runs the sets that are not in the lake yet, then everything that is said of all of them.
pub(crate) async fn sweep(study: &Study, lake: &Lake, wish: &Wish, cancel: CancellationToken) -> anyhow::Result<Swept> {
    let (header, files) = match &wish.resume {
        Some(id) => resumed(study, lake, wish, id.as_deref()).await?,
        None => begun(study, lake, wish).await?,
    };
    let window = Window { from: header.from, to: header.to };
    let bars = Bars::open(study, lake, &files, window.to).await?;
    bars.check(study, window)?;
    for symbol in bars.short(window, study.warmup) {
        say(&format!(
            "warning: {symbol}: less warm-up than wanted: early values still depend on where the data begins"
        ));
    }
    let tables = match &wish.resume {
        Some(_) => {
            let pinned = lake.pinned(&header.run_id).await?.unwrap_or_default();
            Tables::pinned(&study.prepared, lake, pinned).await?.0
        }
        None => Tables::now(&study.prepared, lake, None).await?,
    };
    let statics = said(study, lake, &tables).await?;
    let (choice, threads, memory) = (study.sweep.metrics, wish.threads, wish.memory);
    let passes = Passes { study, lake, bars: &bars, statics, choice, threads, memory, cancel };
    passes.fit(window)?;
    let header = match wish.resume {
        Some(_) => header,
        None => {
            let header = Header { chunk: chunk_of(study, bars.count(window, study.warmup)), ..header };
            let mut pinned = tables.files;
            pinned.insert(KLINES_TABLE.to_owned(), files.as_ref().clone());
            lake.pin(&header.run_id, &pinned).await?;
            header.write(lake).await?;
            header
        }
    };
    let done = done(lake, &header.run_id).await?;
    let started = Instant::now();
    let per_set = bars.count(window, study.warmup);
    let work = Work::new("sweep", per_set * study.numbers.len() as u64);
    let (mut computed, mut range, mut before, mut notes) = (0, None, 0u64, Notes::default());
    // A chunk is committed while the next one is computed.
    let mut committing: Option<tokio::task::JoinHandle<anyhow::Result<()>>> = None;
    for (number, sets) in study.numbers.chunks(header.chunk).enumerate() {
        if sets.first().is_some_and(|first| !done.contains(first)) {
            let base = before * per_set;
            let message = format!("{before} of {} sets", study.numbers.len());
            let ran = passes.run(sets, window, &|bars| work.at(base + bars, &message)).await;
            if let Some(committing) = committing.take() {
                committing.await??;
            }
            let results = match ran {
                Ok(results) => results,
                Err(error) => {
                    work.done();
                    if matches!(error.downcast_ref(), Some(RunError::Cancelled)) {
                        say(&format!(
                            "stopped: {} sets are in the lake; go on with 'candleflow sweep FILE --resume'",
                            done.len() + computed
                        ));
                    }
                    return Err(error);
                }
            };
            computed += results.found.len();
            range = results.range;
            results.found.iter().for_each(|set| notes = notes.most(set.notes));
            let (lake, run_id, sweep) = (lake.clone(), header.run_id.clone(), study.sweep.clone());
            let commit = async move { keep::chunk(&lake, &run_id, number, &sweep, &results.found).await };
            committing = Some(tokio::spawn(commit));
        }
        before += sets.len() as u64;
    }
    if let Some(committing) = committing {
        committing.await??;
    }
    work.done();
    noted(notes).iter().for_each(|note| say(&format!("warning: in a set, up to {note}")));
    let elapsed = started.elapsed();
    let trials = trials(lake, &header.run_id, study.view()).await?;
    trials.write(lake, &header.run_id).await?;
    let digest = trials.digest(&study.prepared.canonical, &study.sweep.canonical())?;
    let variance = Arc::new(arrow::array::Float64Array::from(vec![trials.variance])) as arrow::array::ArrayRef;
    keep::finish(lake, &study.prepared, &header, "sweep", digest, range, vec![("sharpe_variance", variance)]).await?;
    let evaluations = per_set * computed as u64;
    Ok(Swept { run_id: header.run_id, digest, range, trials, computed, evaluations, elapsed })
}

fn chunk_of(study: &Study, bars: u64) -> usize {
    let by_work = (if study.lean { LEAN_CHUNK } else { CHUNK } / bars.max(1)).clamp(LEAST, MOST) as usize;
    by_work.max(study.numbers.len().div_ceil(CHUNKS))
}

/// A sweep that begins now.
async fn begun(study: &Study, lake: &Lake, wish: &Wish) -> anyhow::Result<(Header, Arc<Vec<FileRef>>)> {
    let (from, to) = (wish.from.unwrap_or(Micros::MIN), wish.to.unwrap_or(Micros::MAX));
    if from >= to {
        return Err(usage("--from must be before --to"));
    }
    let (files, version) = pinned(lake).await?;
    Ok((Header::new(study, (from, to), 1, version), files))
}

/// The sweep that is gone on with, over the files that it began with.
async fn resumed(
    study: &Study,
    lake: &Lake,
    wish: &Wish,
    id: Option<&str>,
) -> anyhow::Result<(Header, Arc<Vec<FileRef>>)> {
    let finished = finished(lake).await?;
    let name = &study.prepared.document.name.value;
    let all = Header::all(lake).await?;
    let wanted = |header: &&Header| id.map_or(header.name == *name, |id| header.run_id == id);
    let Some(header) =
        all.iter().rfind(|header| wanted(header) && (id.is_some() || !finished.contains(&header.run_id)))
    else {
        let what = id.map_or(format!("{name} has no unfinished sweep"), |id| format!("there is no sweep {id}"));
        return Err(usage(format!("nothing to resume: {what} in this lake; start one without --resume")));
    };
    let id = &header.run_id;
    if finished.contains(id) {
        return Err(usage(format!("nothing to resume: the sweep {id} is finished")));
    }
    let differs = [
        (header.canonical != study.prepared.canonical, "the pipeline, its parameters or its symbols"),
        (header.sweep != study.sweep.canonical(), "its sweep block"),
        (wish.from.is_some_and(|from| from != header.from), "--from"),
        (wish.to.is_some_and(|to| to != header.to), "--to"),
        (header.sets != study.numbers.len(), "the number of its sets"),
        (header.engine != env!("CARGO_PKG_VERSION"), "the version of the engine"),
    ];
    if let Some((_, what)) = differs.iter().find(|(differs, _)| *differs) {
        return Err(usage(format!(
            "cannot resume {id}: {what} is not what it was when it began; put it back, or start anew without --resume"
        )));
    }
    let files = lake.pinned(id).await?.and_then(|mut pinned| pinned.remove(KLINES_TABLE));
    let Some(files) = files else {
        return Err(usage(format!(
            "cannot resume {id}: the files that it read are no longer pinned; start anew without --resume"
        )));
    };
    say(&format!("going on with {id}"));
    Ok((header.clone(), Arc::new(files)))
}

/// Runs that have their `runs` row.
pub(super) async fn finished(lake: &Lake) -> anyhow::Result<BTreeSet<String>> {
    let rows = ask(lake, "select run_id from runs where mode = 'sweep'").await?;
    let ids = rows.iter().flat_map(|batch| {
        let ids = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).ok();
        ids.map(|ids| ids.as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>())
            .unwrap_or_default()
    });
    Ok(ids.collect())
}

/// The sets of a run that are in the lake.
async fn done(lake: &Lake, run_id: &str) -> anyhow::Result<BTreeSet<u64>> {
    if !lake.tables().await?.iter().any(|t| t == "metrics")
        || !lake.schema("metrics").await?.fields().iter().any(|f| f.name() == "set")
    {
        return Ok(BTreeSet::new());
    }
    let sql = format!("select \"set\" from metrics where run_id = '{run_id}' and view = 'mark'");
    let rows = ask(lake, &sql).await?;
    let sets = rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().iter().flatten());
    Ok(sets.filter_map(|set| u64::try_from(set).ok()).collect())
}
