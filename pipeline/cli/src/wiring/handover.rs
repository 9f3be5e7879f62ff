//! Live input: the lake, then the topic, with one border that is decided once and recorded with the job.
//!
//! ```text
//!  lake    ───────── bars ─────────┐ border, per symbol
//!  topic                           └ first bar ───────── bars, complete ────────►
//! ```
//! The border of a symbol is the event time before the first record that the topic holds of it; an empty topic is waited
//! for. A jump at the border that no coverage explains is a hole: the run stops and names it. What is decided lies in
//! `_jobs/<job>/handover.json` before the job's first row, put there if absent, and the files of `klines`, and of the other
//! tables that it reads, are pinned. Every replay of the job uses it: all rows of the lake first, in total order, then the topic. Symbols of one
//! partition are one task, with progress of its own: only within a partition does a replay repeat the order of rows. Finer
//! bars of `path: detail` have a topic and borders of their own, decided at the same time.

use super::{run::Tables, topic_id};
use crate::exit::usage;
use anyhow::Context;
use candleflow_lake::{At, KLINES_TABLE, Lake, Pinned};
use candleflow_schema::{Interval, KlineRecord, Micros, Symbol, time};
use candleflow_topics::{Log, Start, klines};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long one read waits.
const WAIT: Duration = Duration::from_millis(500);
/// How often a run that waits says so.
const SAY: Duration = Duration::from_secs(10);
/// The name of the record.
const RECORD: &str = "handover";

/// Where a symbol's rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sides {
    /// Its input begins after this event time.
    pub(crate) begins: Micros,
    /// Up to this event time it comes from the lake, then from the topic.
    pub(crate) border: Micros,
    /// The event time of the last bar from the lake; `None` when it gives none.
    pub(crate) last: Option<Micros>,
    /// The partition of the topic that it is in.
    pub(crate) partition: i32,
    /// How many of its rows are warm-up; `None` for finer bars, which have none.
    #[serde(default)]
    pub(crate) warm: Option<usize>,
}

/// What is decided once for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handover {
    /// Tells the job from others of its name, in this log or another's lake: its progress in topics goes by it.
    pub(crate) id: String,
    /// Names the pipeline: the hash of its canonical form.
    pub(crate) pipeline: String,
    /// First event time of the outputs, exclusive.
    pub(crate) from: Micros,
    /// The version of `klines`.
    pub(crate) klines_version: u64,
    /// The versions of the other tables that it reads.
    pub(crate) tables: BTreeMap<String, i64>,
    /// The name of the pin that keeps the files of these versions.
    pub(crate) pin: String,
    /// The pipeline's bars.
    pub(crate) bars: Feed,
    /// The finer bars inside them, if it wants them.
    pub(crate) detail: Option<Feed>,
    /// The files that are pinned, at hand where they have just been.
    #[serde(skip)]
    files: Option<Arc<Pinned>>,
}

/// Where bars of one length come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    /// The topic, and which one of that name.
    pub(crate) topic: String,
    pub(crate) topic_id: Option<String>,
    /// Per partition the first offset.
    pub(crate) offsets: BTreeMap<i32, i64>,
    /// Per symbol what comes from where.
    pub(crate) symbols: BTreeMap<String, Sides>,
}

/// What a job asks for.
pub(crate) struct Wanted<'w> {
    pub(crate) job: &'w str,
    /// The pipeline in its canonical form.
    pub(crate) pipeline: &'w str,
    pub(crate) interval: Interval,
    /// The length of finer bars that it wants beside them.
    pub(crate) detail: Option<Interval>,
    /// Each symbol, and how many bars before `from` it wants; `None`: all.
    pub(crate) symbols: Vec<(Symbol, Option<usize>)>,
    pub(crate) from: Option<Micros>,
    /// Whether to leave no trace: nothing is recorded, and there is no going on.
    pub(crate) dry: bool,
}

impl Handover {
    /// What the job decided before; `None` for a new one.
    pub(crate) async fn recorded(lake: &Lake, log: &Arc<dyn Log>, wanted: &Wanted<'_>) -> anyhow::Result<Option<Self>> {
        let job = wanted.job;
        let Some(found) = lake.job_record::<Self>(job, RECORD).await? else { return Ok(None) };
        let other = |what: &str| usage(format!("the job {job} was begun with another {what}: choose another --job"));
        if found.pipeline != hash(wanted.pipeline) {
            return Err(other("pipeline"));
        }
        if wanted.from.is_some_and(|from| from != found.from) {
            return Err(other(&format!("--from, {}", time::format(found.from))));
        }
        for feed in std::iter::once(&found.bars).chain(&found.detail) {
            feed.is_there(log, job).await?;
        }
        Ok(Some(found))
    }

    /// Decides, and records it: what another process of this job has recorded first holds.
    pub(crate) async fn decide(
        lake: &Lake,
        log: &Arc<dyn Log>,
        wanted: &Wanted<'_>,
        tables: Tables,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let held = scan(log, wanted, wanted.interval, cancel).await?;
        let finer = match wanted.detail {
            Some(detail) => Some((detail, scan(log, wanted, detail, cancel).await?)),
            None => None,
        };
        if !lake.tables().await?.iter().any(|t| t == KLINES_TABLE) {
            // A writer makes the table: a version without bars is a version, too.
            lake.klines_writer().await?;
        }
        // What lies before the first record of a topic is in the lake when that record is there: this version holds it.
        let snapshot = lake.snapshot(KLINES_TABLE, None).await?;
        let at = At::Files(snapshot.files().clone());
        let from = wanted.from.unwrap_or_else(|| held.border.values().copied().max().unwrap_or(Micros::MIN));
        let mut symbols = BTreeMap::new();
        for (symbol, warmup) in &wanted.symbols {
            let border = held.border.get(symbol).copied().unwrap_or(from);
            let mut times = super::run::times(lake, wanted.interval, symbol, Micros::MIN, border, &at).await?;
            let last = times.last().copied();
            no_hole(lake, wanted.interval, symbol, last, border).await?;
            times.extend(held.early.get(symbol).into_iter().flatten());
            let before = &times[..times.partition_point(|t| *t <= from)];
            let begins = super::run::first(before, *warmup);
            let last = last.filter(|last| *last > begins);
            let partition = held.partition.get(symbol).copied().unwrap_or(0);
            let warm = Some(before.iter().filter(|t| **t > begins).count());
            symbols.insert(symbol.to_string(), Sides { begins, border, last, partition, warm });
        }
        let detail = match finer {
            Some((detail, held)) => Some(finer_feed(lake, log, wanted, detail, held, from, &at).await?),
            None => None,
        };
        let mut files = tables.files;
        files.insert(KLINES_TABLE.to_owned(), snapshot.files().to_vec());
        let decided = Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
            pipeline: hash(wanted.pipeline),
            from,
            klines_version: snapshot.version(),
            tables: tables.versions,
            pin: format!("handover.{}.{}", wanted.job, snapshot.version()),
            bars: Feed::of(log, wanted.interval, held.offsets, symbols).await?,
            detail,
            files: Some(Arc::new(files)),
        };
        if wanted.dry {
            return Ok(decided);
        }
        lake.pin(&decided.pin, &*decided.pinned(lake).await?).await?;
        if lake.record_once(wanted.job, RECORD, &decided).await? {
            return Ok(decided);
        }
        Self::recorded(lake, log, wanted).await?.context("the record of the hand-over has gone")
    }

    /// The files that the job reads, by table.
    pub(crate) async fn pinned(&self, lake: &Lake) -> anyhow::Result<Arc<Pinned>> {
        if let Some(files) = &self.files {
            return Ok(files.clone());
        }
        Ok(Arc::new(lake.pinned(&self.pin).await?.with_context(|| format!("the pin {} is gone", self.pin))?))
    }

    /// The state of `klines` that the job reads.
    pub(crate) async fn at(&self, lake: &Lake) -> anyhow::Result<At> {
        let pinned = self.pinned(lake).await?;
        Ok(At::Files(Arc::new(pinned.get(KLINES_TABLE).cloned().unwrap_or_default())))
    }
}

impl Feed {
    async fn of(
        log: &Arc<dyn Log>,
        interval: Interval,
        offsets: BTreeMap<i32, i64>,
        symbols: BTreeMap<String, Sides>,
    ) -> anyhow::Result<Self> {
        let topic = klines::topic_of(interval);
        Ok(Self { topic_id: topic_id::of(&**log, &topic).await?, topic, offsets, symbols })
    }

    /// Whether its topic is the one that it was, and still holds the first record.
    async fn is_there(&self, log: &Arc<dyn Log>, job: &str) -> anyhow::Result<()> {
        if topic_id::of(&**log, &self.topic).await? != self.topic_id {
            return Err(usage(format!(
                "the job {job} read another topic {}, which is gone: choose another --job",
                self.topic
            )));
        }
        let (had, has) = (self.offsets.len(), log.topic(&self.topic).await?.map_or(0, |info| info.partitions));
        if i32::try_from(had) != Ok(has) {
            return Err(usage(format!(
                "the topic {} had {had} partitions when the job {job} began, and has {has}: its symbols have moved; choose another --job",
                self.topic
            )));
        }
        for (partition, offset) in &self.offsets {
            let ends = log.ends(&self.topic, *partition).await?;
            if *offset < ends.first {
                return Err(usage(format!(
                    "the job {job} began at offset {offset} of partition {partition} of {}, which holds {} to {} by now: choose another --job, which takes from the lake what the topic has lost",
                    self.topic, ends.first, ends.end
                )));
            }
        }
        Ok(())
    }

    /// Where the job begins in each partition; `only`: in that one.
    pub(crate) fn starts(&self, only: Option<i32>) -> Vec<(i32, Start)> {
        let wanted = self.offsets.iter().filter(|(partition, _)| only.is_none_or(|only| only == **partition));
        wanted.map(|(partition, offset)| (*partition, Start::Offset(*offset))).collect()
    }
}

/// Where the finer bars come from: there is no warm-up of them. Where the lake has none, a bar goes without.
async fn finer_feed(
    lake: &Lake,
    log: &Arc<dyn Log>,
    wanted: &Wanted<'_>,
    detail: Interval,
    held: Held,
    from: Micros,
    at: &At,
) -> anyhow::Result<Feed> {
    let begins = super::run::finer::begins(wanted.interval, from);
    let mut symbols = BTreeMap::new();
    for (symbol, _) in &wanted.symbols {
        let border = held.border.get(symbol).copied().unwrap_or(from);
        let times = super::run::times(lake, detail, symbol, begins.min(border), border, at).await?;
        let last = times.last().copied();
        no_hole(lake, detail, symbol, last, border).await?;
        let partition = held.partition.get(symbol).copied().unwrap_or(0);
        symbols.insert(symbol.to_string(), Sides { begins, border, last, partition, warm: None });
    }
    Feed::of(log, detail, held.offsets, symbols).await
}

fn hash(pipeline: &str) -> String {
    blake3::hash(pipeline.as_bytes()).to_hex().to_string()
}

/// What the topic holds.
#[derive(Default)]
struct Held {
    offsets: BTreeMap<i32, i64>,
    /// Per symbol the event time before its first record.
    border: BTreeMap<Symbol, Micros>,
    /// The partition that each symbol is in.
    partition: BTreeMap<Symbol, i32>,
    /// Event times of bars at or before `from`, per symbol: part of the warm-up.
    early: BTreeMap<Symbol, Vec<Micros>>,
}

/// Reads the topic until it holds something of every symbol, and all that lies before `from`.
async fn scan(
    log: &Arc<dyn Log>,
    wanted: &Wanted<'_>,
    interval: Interval,
    cancel: &CancellationToken,
) -> anyhow::Result<Held> {
    let topic = klines::topic_of(interval);
    let from = wanted.from.unwrap_or(Micros::MIN);
    let mut said = Instant::now();
    let partitions = loop {
        match log.topic(&topic).await? {
            Some(info) => break info.partitions,
            None => wait(&mut said, &format!("waiting for the topic {topic}"), cancel).await?,
        }
    };
    let mut held = Held::default();
    for partition in 0..partitions {
        held.offsets.insert(partition, log.ends(&topic, partition).await?.first);
    }
    let starts: Vec<_> = held.offsets.iter().map(|(p, first)| (*p, Start::Offset(*first))).collect();
    let mut reader = log.reader(&topic, &starts).await?;
    let mut open: BTreeSet<Symbol> = wanted.symbols.iter().map(|(s, _)| s.clone()).collect();
    let known = open.clone();
    while !open.is_empty() {
        let batch = tokio::select! {
            () = cancel.cancelled() => return Err(candleflow_runtime::RunError::Cancelled.into()),
            batch = reader.next_batch(50_000, WAIT) => batch?,
        };
        let records = batch.iter().filter_map(|d| Some((d.partition, klines::decode(d).ok()?)));
        for (partition, record) in records.filter(|(_, r)| known.contains(r.symbol())) {
            let before = match &record {
                KlineRecord::Bar(bar) => bar.open_time,
                KlineRecord::Complete { time, .. } => time - 1,
                // It speaks of a bar that the topic has given before, or no longer holds.
                KlineRecord::Restated(_) => continue,
            };
            held.border.entry(record.symbol().clone()).or_insert(before);
            let first = *held.partition.entry(record.symbol().clone()).or_insert(partition);
            if first != partition {
                return Err(usage(format!(
                    "{} is in the partitions {first} and {partition} of {topic}, whose number was changed: nobody knows their order; delete the topic, and sync anew",
                    record.symbol()
                )));
            }
            if record.time() > from {
                open.remove(record.symbol());
            }
            if let KlineRecord::Bar(bar) = &record
                && bar.time() <= from
            {
                held.early.entry(bar.symbol.clone()).or_default().push(bar.time());
            }
        }
        if batch.is_empty() && said.elapsed() > SAY {
            let missing: Vec<&str> = open.iter().map(|s| &**s).collect();
            let after = if from > Micros::MIN { format!(" after {}", time::format(from)) } else { String::new() };
            crate::talk::say(&format!("waiting for bars of {}{after} in {topic}", missing.join(", ")));
            said = Instant::now();
        }
    }
    Ok(held)
}

async fn wait(said: &mut Instant, what: &str, cancel: &CancellationToken) -> anyhow::Result<()> {
    if said.elapsed() > SAY {
        crate::talk::say(what);
        *said = Instant::now();
    }
    tokio::select! {
        () = cancel.cancelled() => Err(candleflow_runtime::RunError::Cancelled.into()),
        () = tokio::time::sleep(WAIT) => Ok(()),
    }
}

/// Stops where the lake ends before the topic begins and nobody says that the bars between do not exist.
async fn no_hole(
    lake: &Lake,
    interval: Interval,
    symbol: &Symbol,
    last: Option<Micros>,
    border: Micros,
) -> anyhow::Result<()> {
    let Some(last) = last.filter(|last| *last < border) else { return Ok(()) };
    let covered = lake.coverage(symbol, interval).await?.iter().any(|r| r.from <= last && border <= r.to);
    if covered {
        return Ok(());
    }
    Err(usage(format!(
        "{symbol}: the lake ends at {} and the topic begins after {}: sync or import the bars between, or state with 'import --complete' that there are none",
        time::format(last),
        time::format(border)
    )))
}
