//! The job that copies closed bars of a topic into `klines`, with their places, and what is complete into `coverage`.
//!
//! It reads the topic from its first record: a bar that is in the table already is dropped there, so starting again adds
//! nothing. Bars are committed before the coverage that speaks of them.

use candleflow_lake::{KlinesWriter, Lake, Place, QUARANTINE_TABLE, quarantine_rows};
use candleflow_schema::{
    Bar, Clock, Interval, KlineRecord, Micros, Quarantined, Symbol, SystemClock, quarantine::Coverage,
};
use candleflow_topics::{Log, klines};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// Bars wait at most so long for their commit.
const COMMIT_EVERY: Duration = Duration::from_secs(10);
/// So many waiting bars are committed at once.
const COMMIT_ROWS: usize = 200_000;
/// How long one read waits.
const WAIT: Duration = Duration::from_millis(200);

/// A copy job that runs.
pub(crate) struct Copy {
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    done: watch::Receiver<BTreeMap<Symbol, Micros>>,
    hurry: watch::Sender<bool>,
}

impl Copy {
    /// Starts to copy; ends when cancelled, with everything committed that it had read.
    pub(crate) fn start(log: Arc<dyn Log>, lake: Lake, interval: Interval, cancel: CancellationToken) -> Self {
        let (tell, done) = watch::channel(BTreeMap::new());
        let (hurry, hurried) = watch::channel(false);
        let task = tokio::spawn(async move { Job::new(log, lake, interval, tell, hurried).await?.run(cancel).await });
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

    /// Waits for its end.
    pub(crate) async fn join(self) -> anyhow::Result<()> {
        self.task.await?
    }
}

struct Job {
    log: Arc<dyn Log>,
    lake: Lake,
    interval: Interval,
    topic: String,
    writer: KlinesWriter,
    waiting: usize,
    bad: Vec<Quarantined>,
    /// From the open time of a symbol's first bar, to what is known.
    ranges: BTreeMap<Symbol, (Micros, Micros)>,
    /// Symbols with a record that could not be used: no completeness is claimed for them.
    broken: BTreeSet<Symbol>,
    tell: watch::Sender<BTreeMap<Symbol, Micros>>,
    hurried: watch::Receiver<bool>,
}

impl Job {
    async fn new(
        log: Arc<dyn Log>,
        lake: Lake,
        interval: Interval,
        tell: watch::Sender<BTreeMap<Symbol, Micros>>,
        hurried: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let writer = lake.klines_writer().await?;
        let topic = klines::topic_of(interval);
        let ranges = BTreeMap::new();
        let (bad, broken) = (Vec::new(), BTreeSet::new());
        Ok(Self { log, lake, interval, topic, writer, waiting: 0, bad, ranges, broken, tell, hurried })
    }

    async fn run(mut self, cancel: CancellationToken) -> anyhow::Result<()> {
        let mut reader = klines::reader_from_start(&*self.log, &self.topic).await?;
        let mut last = Instant::now();
        loop {
            let delivered = tokio::select! {
                () = cancel.cancelled() => break,
                delivered = reader.next_batch(50_000, WAIT) => delivered?,
            };
            let (mut bars, mut places) = (Vec::new(), Vec::new());
            for one in &delivered {
                match klines::decode(one) {
                    Ok(record) => {
                        self.known(&record);
                        if let KlineRecord::Bar(bar) = record {
                            bars.push(bar);
                            places.push(Some(Place { partition: one.partition, offset: one.offset }));
                        }
                    }
                    Err(bad) => {
                        // A bar may be missing now: what follows is no longer known to be complete.
                        let key = one.record.key.as_deref().unwrap_or_default();
                        self.broken.insert(String::from_utf8_lossy(key).as_ref().into());
                        self.bad.push(bad);
                    }
                }
            }
            self.push(&bars, &places).await?;
            let pressed = *self.hurried.borrow();
            if self.waiting > COMMIT_ROWS || last.elapsed() > COMMIT_EVERY || pressed {
                self.commit().await?;
                last = Instant::now();
            }
        }
        self.commit().await
    }

    fn known(&mut self, record: &KlineRecord) {
        let begins = match record {
            KlineRecord::Bar(bar) => bar.open_time,
            KlineRecord::Complete { time, .. } => *time,
        };
        let range = self.ranges.entry(record.symbol().clone()).or_insert((begins, begins));
        range.1 = range.1.max(record.time());
    }

    async fn push(&mut self, bars: &[Bar], places: &[Option<Place>]) -> anyhow::Result<()> {
        if !bars.is_empty() {
            self.waiting += bars.len();
            self.writer.push_placed(bars, places).await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> anyhow::Result<()> {
        if self.waiting > 0 {
            self.writer.commit().await?;
            self.waiting = 0;
        }
        if !self.bad.is_empty() {
            let rows = quarantine_rows(&std::mem::take(&mut self.bad), SystemClock.now())?;
            self.lake.append_rows(QUARANTINE_TABLE, &[rows], None).await?;
        }
        let known: BTreeMap<Symbol, Micros> = self.ranges.iter().map(|(s, (_, to))| (s.clone(), *to)).collect();
        if *self.tell.borrow() == known {
            return Ok(());
        }
        let claim = |(symbol, (from, to)): (&Symbol, &(Micros, Micros))| Coverage {
            symbol: symbol.to_string(),
            interval: self.interval,
            from: *from,
            to: *to,
            evidence: "topic",
        };
        let whole = self.ranges.iter().filter(|(s, _)| !self.broken.contains(*s));
        self.lake.cover(&whole.map(claim).collect::<Vec<_>>()).await?;
        self.tell.send_replace(known);
        Ok(())
    }
}
