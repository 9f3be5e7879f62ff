//! The task that brings the exchange's bars in: history into the lake, what closes from now on into the topic.
//!
//! Per symbol there is one border: bars up to the moment at which it was first synced go straight to the lake, all later
//! ones through the topic, however long this task was away. Bars, `complete` records and the progress of each symbol go in
//! one batch; one transactional id per topic fences a second sync, which ends with an exit code of its own.

use super::{instruments, topic_id};
use candleflow_binance::{Mode, Notice, RestClient, RestConfig, Sequencer, SequencerConfig};
use candleflow_lake::{KlinesWriter, Lake, QUARANTINE_TABLE, quarantine_rows};
use candleflow_schema::{Bar, Clock, Interval, KlineRecord, Micros, Quarantined, Symbol, quarantine::Coverage, time};
use candleflow_topics::{Log, Outgoing, Record, TopicConfig, Writer, klines, latest_up_to_now};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Partitions of a klines topic that this task makes.
const PARTITIONS: i32 = 4;
/// The compacted topic in which syncs keep how far they are.
pub(crate) const PROGRESS: &str = "candleflow.sync";
/// Records between the sequencer and this task.
const BUFFER: usize = 8_192;

/// So much bad input waits before it is written.
const BAD: usize = 64;

/// What to bring in.
#[derive(Clone)]
pub(crate) struct Sync {
    pub(crate) exchange: Url,
    pub(crate) stream: Url,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) interval: Interval,
    /// Where history begins that is not known yet; event time, exclusive.
    pub(crate) since: Micros,
    pub(crate) follow: bool,
    /// Ends when every symbol is known up to here.
    pub(crate) to: Option<Micros>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Synced {
    pub(crate) to_lake: u64,
    pub(crate) to_topic: u64,
    pub(crate) completes: u64,
    pub(crate) revisions: u64,
    pub(crate) gone: u64,
    pub(crate) late: u64,
    pub(crate) quarantined: u64,
    pub(crate) from_stream: u64,
    pub(crate) disconnects: u64,
    pub(crate) known: BTreeMap<Symbol, Micros>,
    /// The same of those that the topic speaks of.
    pub(crate) in_topic: BTreeMap<Symbol, Micros>,
}

/// Where a symbol stands in the topic.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Progress {
    /// Bars at or before this event time are in the lake, later ones in the topic.
    border: Micros,
    /// Known up to here.
    time: Micros,
}

/// Counts for whoever watches.
#[derive(Default)]
pub(crate) struct Seen {
    /// Records so far.
    pub(crate) records: AtomicU64,
}

/// Makes the topic of an interval if it is not there, and gives its id; fences other writers.
pub(crate) async fn topic(log: &Arc<dyn Log>, interval: Interval) -> anyhow::Result<String> {
    let topic = klines::topic_of(interval);
    log.create_topic(&topic, PARTITIONS, &TopicConfig::default()).await?;
    topic_id::of_own(log, &topic).await
}

/// Runs until done or cancelled.
pub(crate) async fn sync(
    sync: Sync,
    lake: Lake,
    log: Option<Arc<dyn Log>>,
    clock: Arc<dyn Clock>,
    seen: Arc<Seen>,
    cancel: CancellationToken,
) -> anyhow::Result<Synced> {
    let rest = RestClient::new(RestConfig::new(sync.exchange.clone()), clock.clone(), cancel.clone())?;
    rest.sync_time().await?;
    let now = rest.time().now();
    let topic = klines::topic_of(sync.interval);
    let asking = cancel.child_token();
    let _asked = asking.clone().drop_guard();
    let instruments = instruments::keep(rest.clone(), lake.clone(), sync.symbols.clone(), sync.follow, asking.clone());
    let instruments = tokio::spawn(instruments);
    let mut state = State::open(&sync, lake, log, topic, now).await?;
    let mode = if sync.follow { Mode::Follow } else { Mode::Once(sync.to.unwrap_or(now)) };
    let (out, mut records) = mpsc::channel(BUFFER);
    let (notices, mut heard) = mpsc::channel(BUFFER);
    let config = SequencerConfig {
        mode,
        notices: Some(notices),
        ..SequencerConfig::new(
            sync.exchange.clone(),
            sync.stream.clone(),
            sync.symbols.clone(),
            sync.interval,
            sync.since,
        )
    };
    let cancel = cancel.child_token();
    let sequencer = tokio::spawn(Sequencer::run(config, clock, state.resume(&sync), out, cancel.clone()));
    let mut batch = Vec::with_capacity(BUFFER);
    while records.recv_many(&mut batch, BUFFER).await > 0 {
        seen.records.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let written = state.write(&batch).await;
        batch.clear();
        while let Ok(notice) = heard.try_recv() {
            state.hear(notice);
        }
        if let Err(error) = written {
            cancel.cancel();
            return Err(error);
        }
        if state.arrived(&sync) {
            cancel.cancel();
        }
    }
    let summary = sequencer.await??;
    if sync.follow {
        asking.cancel();
    }
    instruments.await?;
    while let Ok(notice) = heard.try_recv() {
        state.hear(notice);
    }
    state.finish().await?;
    Ok(Synced {
        revisions: summary.revisions,
        gone: summary.gone,
        late: summary.late,
        from_stream: summary.from_stream,
        disconnects: summary.disconnects,
        known: state.progress.iter().map(|(s, p)| (s.clone(), p.time)).collect(),
        in_topic: state.progress.iter().filter(|(_, p)| p.time > p.border).map(|(s, p)| (s.clone(), p.time)).collect(),
        ..state.counts
    })
}

struct State {
    interval: Interval,
    since: Micros,
    lake: Lake,
    bars: KlinesWriter,
    /// Bars in `bars` that are not committed.
    uncommitted: u64,
    /// Ranges that are in the lake once `bars` is committed.
    claims: BTreeMap<Symbol, (Micros, Micros)>,
    writer: Option<Box<dyn Writer>>,
    topic: Arc<str>,
    progress_topic: Arc<str>,
    progress: BTreeMap<Symbol, Progress>,
    bad: Vec<Quarantined>,
    counts: Synced,
}

impl State {
    async fn open(
        sync: &Sync,
        lake: Lake,
        log: Option<Arc<dyn Log>>,
        topic: String,
        now: Micros,
    ) -> anyhow::Result<Self> {
        let mut progress = BTreeMap::new();
        let mut writer = None;
        if let Some(log) = &log {
            log.create_topic(&topic, PARTITIONS, &TopicConfig::default()).await?;
            log.create_topic(PROGRESS, 1, &TopicConfig::compacted()).await?;
            // Fence first: only then is what the topic says of its progress final.
            let id = topic_id::writer_of(&topic);
            let mut own = log.writer(Some(&id)).await?;
            let known = latest_up_to_now(&**log, &mut *own, &PROGRESS.into(), &id).await?;
            writer = Some(own);
            for (key, value) in known {
                let key = String::from_utf8_lossy(&key).into_owned();
                if let Some(symbol) = key.strip_prefix(&format!("{topic}/")) {
                    progress.insert(Symbol::from(symbol), serde_json::from_slice::<Progress>(&value)?);
                }
            }
        }
        let mut claims = BTreeMap::new();
        for symbol in &sync.symbols {
            if !progress.contains_key(symbol) {
                // What the lake already has without a hole from the beginning on need not be asked again.
                let covered = lake.coverage(symbol, sync.interval).await?;
                let known =
                    covered.iter().find(|r| r.from <= sync.since && sync.since < r.to).map_or(sync.since, |r| r.to);
                let known = known.min(now);
                claims.insert(symbol.clone(), (known, known));
                // Without a topic everything goes to the lake.
                let border = if sync.follow || log.is_some() { now } else { Micros::MAX };
                progress.insert(symbol.clone(), Progress { border, time: known });
            }
        }
        let bars = lake.klines_writer().await?;
        Ok(Self {
            interval: sync.interval,
            since: sync.since,
            lake,
            bars,
            uncommitted: 0,
            claims,
            writer,
            topic: topic.into(),
            progress_topic: PROGRESS.into(),
            progress,
            bad: Vec::new(),
            counts: Synced::default(),
        })
    }

    fn resume(&self, sync: &Sync) -> BTreeMap<Symbol, Micros> {
        sync.symbols.iter().filter_map(|s| Some((s.clone(), self.progress.get(s)?.time))).collect()
    }

    fn arrived(&self, sync: &Sync) -> bool {
        sync.to.is_some_and(|to| sync.symbols.iter().all(|s| self.progress.get(s).is_some_and(|p| p.time >= to)))
    }

    fn hear(&mut self, notice: Notice) {
        match notice {
            Notice::Quarantined(bad) => {
                self.counts.quarantined += 1;
                self.bad.push(bad);
            }
            Notice::Gone(bar) => self.doubt(&bar, "the stream closed this bar, and REST does not have it: it stays"),
            Notice::Late(bar) => self.doubt(&bar, "it came after the promise that it would not: it is not written"),
        }
    }

    /// A bar on which the exchange contradicts itself, for people to look at.
    fn doubt(&mut self, bar: &Bar, reason: &str) {
        let raw = candleflow_schema::json::encode(&KlineRecord::Bar(bar.clone()));
        self.bad.push(Quarantined::new(&self.topic, bar.open_time, reason, &raw));
    }

    async fn write(&mut self, records: &[KlineRecord]) -> anyhow::Result<()> {
        let mut outgoing: Vec<Outgoing> = Vec::new();
        let mut touched: BTreeMap<Symbol, Micros> = BTreeMap::new();
        let mut to_lake = Vec::new();
        for record in records {
            let symbol = record.symbol().clone();
            let Some(progress) = self.progress.get_mut(&symbol) else { continue };
            let first = progress.time <= progress.border;
            progress.time = progress.time.max(record.time());
            if record.time() > progress.border && first && matches!(record, KlineRecord::Complete { .. }) {
                // The topic begins behind what it says: that there is nothing from the border to here is the lake's to know.
                let claim = self.claims.entry(symbol.clone()).or_insert((self.since, self.since));
                claim.1 = claim.1.max(record.time());
            }
            if record.time() <= progress.border {
                let claim = self.claims.entry(symbol).or_insert((self.since, self.since));
                claim.1 = claim.1.max(record.time());
                if let KlineRecord::Bar(bar) | KlineRecord::Restated(bar) = record {
                    to_lake.push(bar.clone());
                }
                continue;
            }
            match record {
                KlineRecord::Bar(_) => self.counts.to_topic += 1,
                KlineRecord::Complete { .. } => self.counts.completes += 1,
                // Those who compute pass it over; the copy into the lake replaces the value and keeps the one before.
                KlineRecord::Restated(bar) => {
                    tracing::warn!(%bar, "the exchange restated a bar after the stream had closed it");
                }
            }
            touched.insert(symbol, record.time());
            outgoing.push(klines::outgoing(&self.topic, record));
        }
        self.keep_bad(BAD).await?;
        self.uncommitted += to_lake.len() as u64;
        self.counts.to_lake += to_lake.len() as u64;
        self.bars.push(&to_lake).await?;
        if outgoing.is_empty() {
            return Ok(());
        }
        // The lake's part is there before the topic begins: who reads both finds no hole between them.
        self.commit_lake().await?;
        for (symbol, event_time) in touched {
            let progress = self.progress[&symbol];
            let key = format!("{}/{symbol}", self.topic);
            let record = Record::new(key, serde_json::to_vec(&progress)?, (event_time / 1_000).max(1));
            outgoing.push(Outgoing::to(&self.progress_topic, 0, record));
        }
        match &mut self.writer {
            Some(writer) => writer.append(outgoing).await.map(|_| ())?,
            None => anyhow::bail!("bars beyond the border without a topic"),
        }
        Ok(())
    }

    async fn commit_lake(&mut self) -> anyhow::Result<()> {
        if self.uncommitted > 0 {
            self.bars.commit().await?;
            self.uncommitted = 0;
        }
        let claims: Vec<_> = std::mem::take(&mut self.claims)
            .into_iter()
            .filter(|(_, (from, to))| from < to)
            .map(|(symbol, (from, to))| Coverage {
                symbol: symbol.to_string(),
                interval: self.interval,
                from,
                to,
                evidence: "rest",
            })
            .collect();
        self.lake.cover(&claims).await?;
        Ok(())
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        self.commit_lake().await?;
        self.keep_bad(1).await
    }

    /// Writes the bad input that has gathered, if there is enough of it.
    async fn keep_bad(&mut self, enough: usize) -> anyhow::Result<()> {
        if self.bad.len() >= enough {
            let rows = quarantine_rows(&std::mem::take(&mut self.bad), candleflow_schema::SystemClock.now())?;
            self.lake.append_rows(QUARANTINE_TABLE, &[rows], None).await?;
        }
        Ok(())
    }
}

impl Synced {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{} bars into the lake, {} bars and {} complete records into the topic ({} from the stream)",
            self.to_lake, self.to_topic, self.completes, self.from_stream
        );
        for (what, count) in [
            ("restated by the exchange", self.revisions),
            ("told by the stream alone", self.gone),
            ("too late", self.late),
            ("quarantined", self.quarantined),
            ("connections lost", self.disconnects),
        ] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        for (symbol, known) in &self.known {
            text += &format!("\n  {symbol:<12} known up to {}", time::format(*known));
        }
        text
    }
}
