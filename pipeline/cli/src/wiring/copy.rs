//! The job that copies closed bars of a topic into `klines`, with their places, and what is complete into `coverage`.
//!
//! ```text
//!  topic   ──┬────────────┬───────────┬──────►
//!            │ claimed    │ copied    │ read
//!            state.json   txn         now
//! ```
//! How far it has copied is committed with the bars, per partition; how far it has claimed coverage is kept beside the lake,
//! after the coverage. Started again it reads from there: what was copied only counts as known, the rest is copied. So each
//! record is copied once, though a restated bar follows the value that it corrects. Bars are committed before the coverage
//! that speaks of them. A second job for the same topic takes over, and this one ends as fenced.

use candleflow_lake::{BUFFERED_ROWS, CopyProgress, KlinesWriter, Lake, Place, QUARANTINE_TABLE, quarantine_rows};
use candleflow_schema::{Clock, Interval, KlineRecord, Micros, Quarantined, Symbol, SystemClock, quarantine::Coverage};
use candleflow_topics::{Delivered, Log, Reader, Start, klines};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// Bars wait at most so long for their commit.
const COMMIT_EVERY: Duration = Duration::from_secs(10);
/// So many waiting bars are committed at once.
const COMMIT_ROWS: usize = 200_000;
/// Records of one read; never so many that the writer commits by itself.
const READ: usize = 50_000;
const _: () = assert!(COMMIT_ROWS + READ < BUFFERED_ROWS);
/// How long one read waits.
const WAIT: Duration = Duration::from_millis(200);
/// The name of what it keeps to go on from.
const STATE: &str = "state";

/// A copy job that runs.
pub(crate) struct Copy {
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    done: watch::Receiver<BTreeMap<Symbol, Micros>>,
    hurry: watch::Sender<bool>,
}

impl Copy {
    /// Starts to copy the topic of this id; ends when cancelled, with everything committed that it had read.
    pub(crate) fn start(
        log: Arc<dyn Log>,
        lake: Lake,
        interval: Interval,
        topic_id: &str,
        cancel: CancellationToken,
    ) -> Self {
        let (tell, done) = watch::channel(BTreeMap::new());
        let (hurry, hurried) = watch::channel(false);
        let topic = klines::topic_of(interval);
        let name = format!("copy.{topic}.{topic_id}");
        let task = tokio::spawn(async move {
            let mut job = Job::open(&*log, lake, interval, name, tell, hurried).await?;
            let reader = log.reader(&topic, &job.starts()).await?;
            job.run(reader, cancel).await
        });
        Self { task, done, hurry }
    }

    /// Waits until these symbols are in the lake up to these event times.
    pub(crate) async fn reach(&mut self, wanted: &BTreeMap<Symbol, Micros>) -> anyhow::Result<()> {
        let reached = |have: &BTreeMap<Symbol, Micros>| wanted.iter().all(|(s, t)| have.get(s).is_some_and(|h| h >= t));
        self.hurry.send_replace(true);
        let waited = self.done.wait_for(reached).await.map(|_| ());
        self.hurry.send_replace(false);
        waited.map_err(|_| anyhow::anyhow!("the job that copies bars into the lake has ended"))
    }

    /// Whether it has ended.
    pub(crate) fn ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for its end.
    pub(crate) async fn join(self) -> anyhow::Result<()> {
        self.task.await?
    }
}

/// What is known of a symbol: a range of event time whose bars are all in the lake, or waiting for it.
type Known = (Micros, Micros);

/// What is kept, after coverage has been claimed: from where to read on, and what was known there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    offsets: BTreeMap<i32, i64>,
    known: BTreeMap<String, Known>,
}

struct Partition {
    /// The first offset that has not been read.
    read: i64,
    /// Records before it are in the lake; `None`: none are.
    copied: Option<i64>,
}

struct Job {
    name: String,
    lake: Lake,
    interval: Interval,
    writer: KlinesWriter,
    waiting: usize,
    bad: Vec<Quarantined>,
    partitions: BTreeMap<i32, Partition>,
    known: BTreeMap<Symbol, Known>,
    /// Ranges that ended at a record that could not be used, and are not claimed yet.
    cut: Vec<(Symbol, Known)>,
    /// How far each symbol was claimed last.
    claimed: BTreeMap<Symbol, Micros>,
    tell: watch::Sender<BTreeMap<Symbol, Micros>>,
    hurried: watch::Receiver<bool>,
}

impl Job {
    async fn open(
        log: &dyn Log,
        lake: Lake,
        interval: Interval,
        name: String,
        tell: watch::Sender<BTreeMap<Symbol, Micros>>,
        hurried: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let writer = lake.klines_writer().await?;
        let topic = klines::topic_of(interval);
        let state: State = lake.job_record(&name, STATE).await?.unwrap_or_default();
        let count = log.topic(&topic).await?.map_or(0, |info| info.partitions);
        let mut partitions = BTreeMap::new();
        for partition in 0..count {
            let copied = lake.copy_progress(&app(&name, partition)).await?;
            let read = match state.offsets.get(&partition) {
                Some(offset) => *offset,
                None => log.ends(&topic, partition).await?.first,
            };
            partitions.insert(partition, Partition { read, copied });
        }
        let known: BTreeMap<_, _> = state.known.into_iter().map(|(s, k)| (Symbol::from(s), k)).collect();
        let claimed: BTreeMap<_, _> = known.iter().map(|(s, (_, to))| (s.clone(), *to)).collect();
        tell.send_replace(claimed.clone());
        let (bad, cut) = (Vec::new(), Vec::new());
        Ok(Self { name, lake, interval, writer, waiting: 0, bad, partitions, known, cut, claimed, tell, hurried })
    }

    fn starts(&self) -> Vec<(i32, Start)> {
        self.partitions.iter().map(|(partition, p)| (*partition, Start::Offset(p.read))).collect()
    }

    async fn run(&mut self, mut reader: Box<dyn Reader>, cancel: CancellationToken) -> anyhow::Result<()> {
        let mut last = Instant::now();
        loop {
            let delivered = tokio::select! {
                () = cancel.cancelled() => break,
                delivered = reader.next_batch(READ, WAIT) => delivered?,
            };
            self.take(&delivered).await?;
            let pressed = *self.hurried.borrow();
            if self.waiting > COMMIT_ROWS || last.elapsed() > COMMIT_EVERY || pressed {
                self.commit().await?;
                last = Instant::now();
            }
        }
        self.commit().await
    }

    async fn take(&mut self, delivered: &[Delivered]) -> anyhow::Result<()> {
        let (mut bars, mut places) = (Vec::new(), Vec::new());
        for one in delivered {
            let Some(partition) = self.partitions.get_mut(&one.partition) else { continue };
            partition.read = one.offset + 1;
            let copied = partition.copied.is_some_and(|next| one.offset < next);
            match klines::decode(one) {
                Ok(record) => {
                    self.learn(&record);
                    let (bar, place) = match record {
                        KlineRecord::Bar(bar) => (bar, Some(Place { partition: one.partition, offset: one.offset })),
                        // The place belongs to the value that runs have used.
                        KlineRecord::Restated(bar) => (bar, None),
                        KlineRecord::Complete { .. } => continue,
                    };
                    if !copied {
                        bars.push(bar);
                        places.push(place);
                    }
                }
                Err(bad) => {
                    // A bar may be missing here: what is known of the symbol begins anew behind it.
                    let key = one.record.key.as_deref().unwrap_or_default();
                    let symbol = Symbol::from(String::from_utf8_lossy(key).as_ref());
                    self.cut.extend(self.known.remove(&symbol).map(|known| (symbol, known)));
                    // Once by the id under which it is kept, however often it is read.
                    self.bad.push(bad);
                }
            }
        }
        if !bars.is_empty() {
            self.waiting += bars.len();
            self.writer.push_placed(&bars, &places).await?;
        }
        Ok(())
    }

    fn learn(&mut self, record: &KlineRecord) {
        let begins = match record {
            KlineRecord::Bar(bar) => bar.open_time,
            KlineRecord::Complete { time, .. } => *time,
            KlineRecord::Restated(_) => return,
        };
        let known = self.known.entry(record.symbol().clone()).or_insert((begins, begins));
        known.1 = known.1.max(record.time());
    }

    /// Bars with progress, then bad input, then coverage, then the state to go on from.
    async fn commit(&mut self) -> anyhow::Result<()> {
        if self.waiting > 0 {
            let ahead = |p: &Partition| p.copied.is_none_or(|copied| p.read > copied);
            let progress = self.partitions.iter().filter(|(_, p)| ahead(p));
            let progress = progress.map(|(partition, p)| CopyProgress {
                app: app(&self.name, *partition),
                expected: p.copied,
                next: p.read,
            });
            self.writer.commit_with(progress.collect()).await?;
            for partition in self.partitions.values_mut().filter(|p| ahead(p)) {
                partition.copied = Some(partition.read);
            }
            self.waiting = 0;
        }
        for bad in std::mem::take(&mut self.bad) {
            let id = format!("{}/{}/{}", self.name, bad.source, bad.place);
            let rows = quarantine_rows(&[bad], SystemClock.now())?;
            self.lake.append_rows(QUARANTINE_TABLE, &[rows], Some(&id)).await?;
        }
        let reached: BTreeMap<Symbol, Micros> = self.known.iter().map(|(s, (_, to))| (s.clone(), *to)).collect();
        if reached == self.claimed && self.cut.is_empty() {
            return Ok(());
        }
        let grown = self.known.iter().filter(|(s, (_, to))| self.claimed.get(*s) != Some(to));
        let cut = std::mem::take(&mut self.cut);
        let claims = grown.chain(cut.iter().map(|(symbol, known)| (symbol, known)));
        let claim = |(symbol, (from, to)): (&Symbol, &Known)| Coverage {
            symbol: symbol.to_string(),
            interval: self.interval,
            from: *from,
            to: *to,
            evidence: "topic",
        };
        self.lake.cover(&claims.map(claim).collect::<Vec<_>>()).await?;
        let state = State {
            offsets: self.partitions.iter().map(|(partition, p)| (*partition, p.read)).collect(),
            known: self.known.iter().map(|(s, k)| (s.to_string(), *k)).collect(),
        };
        self.lake.keep_record(&self.name, STATE, &state).await?;
        self.claimed.clone_from(&reached);
        self.tell.send_replace(reached);
        Ok(())
    }
}

fn app(name: &str, partition: i32) -> String {
    format!("{name}/{partition}")
}
