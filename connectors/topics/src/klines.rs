//! Bars in topics: records of `klines.<interval>` as a [`Source`] of rows, and rows of signals as a [`Sink`].
//!
//! The key of a record is its symbol, its value the JSON of `candleflow_schema::json`. Rows of one delivery come in one
//! batch, in the order of the partition; a `complete` record ends the batch before it, so that nothing overtakes it. A
//! value that cannot be read is handed to `bad` with its place and passed over: bad input is not an error of a pipeline.

mod pace;

pub use pace::Pace;

use crate::{Delivered, Log, Outgoing, Reader, Record, Result, Start, TopicConfig, Writer, latest_up_to_now};
use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use candleflow_schema::{
    Bar, ConnectorError, Input, Interval, KlineRecord, Micros, OrdinalBatch, Quarantined, Sink, Source, Symbol, json,
    tables::bars_to_batch,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

/// How long one read waits for records.
const WAIT: Duration = Duration::from_secs(1);
/// Rows of one batch, at most.
const ROWS: usize = 8_192;
/// Records of one read, at most.
const MOST: usize = 4 * ROWS;

/// The topic of closed bars of a length. `1M` is written `1mo`: names of topics may differ only in case nowhere.
pub fn topic_of(interval: Interval) -> String {
    let name = if interval == Interval::Mo1 { "1mo" } else { interval.name() };
    format!("klines.{name}")
}

/// A record of a klines topic, with the event time as its timestamp.
pub fn outgoing(topic: &Arc<str>, record: &KlineRecord) -> Outgoing {
    let key = Bytes::copy_from_slice(record.symbol().as_bytes());
    Outgoing::keyed(topic, Record::new(key, json::encode(record), record.time() / 1_000))
}

/// What a delivery says; bad input comes back as such.
///
/// # Errors
/// The record for the quarantine.
pub fn decode(delivered: &Delivered) -> std::result::Result<KlineRecord, Quarantined> {
    let value = delivered.record.value.as_deref().unwrap_or_default();
    let bad = |reason: String| {
        let source = format!("{}/{}", delivered.topic, delivered.partition);
        Quarantined::new(&source, delivered.offset, reason, value)
    };
    let record = json::decode(value).map_err(|e| bad(e.to_string()))?;
    if let KlineRecord::Bar(bar) | KlineRecord::Restated(bar) = &record {
        bar.validate().map_err(|e| bad(e.to_string()))?;
    }
    Ok(record)
}

/// What to do with a record that cannot be used.
pub type OnBad = Box<dyn FnMut(Quarantined) + Send>;

/// Rows of a klines topic.
pub struct TopicSource {
    reader: Box<dyn Reader>,
    wanted: BTreeSet<Symbol>,
    /// Per symbol, rows at or before this event time have come from elsewhere.
    after: BTreeMap<Symbol, Micros>,
    ready: VecDeque<Input>,
    bad: OnBad,
    /// Which partitions wait for others, where symbols meet.
    pace: Option<Pace>,
}

impl TopicSource {
    /// The rows of `wanted` that `reader` brings, those at or before `after` left out.
    pub fn new(reader: Box<dyn Reader>, wanted: &[Symbol], after: BTreeMap<Symbol, Micros>, bad: OnBad) -> Self {
        Self { reader, wanted: wanted.iter().cloned().collect(), after, ready: VecDeque::new(), bad, pace: None }
    }

    /// The same, in which partitions wait for those that are behind.
    #[must_use]
    pub fn paced(self, pace: Option<Pace>) -> Self {
        Self { pace, ..self }
    }

    /// Pauses the partitions that are ahead, and reads on those that are not any more.
    fn turn(&mut self) -> Result<()> {
        let Some(pace) = &mut self.pace else { return Ok(()) };
        let positions = self.reader.positions();
        let at_end = |partition: i32| positions.iter().any(|p| p.partition == partition && p.at_end);
        match pace.turn(at_end) {
            Some(paused) => self.reader.pause(paused),
            None => Ok(()),
        }
    }

    fn take(&mut self, delivered: &[Delivered]) -> std::result::Result<(), ConnectorError> {
        let mut bars: Vec<Bar> = Vec::new();
        for one in delivered {
            let record = match decode(one) {
                Ok(record) => record,
                Err(bad) => {
                    (self.bad)(bad);
                    continue;
                }
            };
            if !self.wanted.contains(record.symbol())
                || self.after.get(record.symbol()).is_some_and(|after| record.time() <= *after)
            {
                continue;
            }
            if let Some(pace) = &mut self.pace {
                pace.heard(record.symbol(), record.time());
            }
            match record {
                KlineRecord::Bar(bar) => bars.push(bar),
                // A run has used the first value: its rerun finds it by its place in the topic.
                KlineRecord::Restated(_) => {}
                KlineRecord::Complete { symbol, time, .. } => {
                    self.rows(&mut bars)?;
                    self.ready.push_back(Input::Complete { symbol, time });
                }
            }
            if bars.len() == ROWS {
                self.rows(&mut bars)?;
            }
        }
        self.rows(&mut bars)
    }

    fn rows(&mut self, bars: &mut Vec<Bar>) -> std::result::Result<(), ConnectorError> {
        if !bars.is_empty() {
            let rows = bars_to_batch(bars).map_err(ConnectorError::internal)?;
            bars.clear();
            self.ready.push_back(Input::Rows(rows));
        }
        Ok(())
    }
}

#[async_trait]
impl Source for TopicSource {
    async fn next(&mut self) -> std::result::Result<Option<Input>, ConnectorError> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Ok(Some(input));
            }
            let most = self.pace.as_ref().map_or(MOST, |pace| pace.delivery().min(MOST));
            let delivered = self.reader.next_batch(most, WAIT).await?;
            self.take(&delivered)?;
            self.turn()?;
        }
    }

    fn position(&self) -> Vec<u8> {
        let positions: Vec<_> = self.reader.positions().iter().map(|p| (p.partition, p.next)).collect();
        // Pairs of integers always serialise.
        serde_json::to_vec(&positions).unwrap_or_default()
    }
}

impl From<crate::Error> for ConnectorError {
    fn from(error: crate::Error) -> Self {
        let fault = match error.fault() {
            crate::Fault::User => candleflow_schema::Fault::User,
            crate::Fault::External => candleflow_schema::Fault::External,
            crate::Fault::Internal => candleflow_schema::Fault::Internal,
        };
        ConnectorError::new(fault, error.retryable(), error)
    }
}

/// The compacted topic in which sinks of topics keep how far they are.
pub const PROGRESS: &str = "candleflow.progress";

/// How a row becomes a record: its key and its value, or nothing where the row is not to be published.
pub type ToRecord = Box<dyn Fn(&RecordBatch, usize) -> Option<(String, Vec<u8>)> + Send + Sync>;

/// Rows of an output into a topic, each with its ordinal as a header, with the progress in the same batch.
pub struct TopicSink {
    log: Arc<dyn Log>,
    topic: Arc<str>,
    progress: Arc<str>,
    id: String,
    writer: Option<Box<dyn Writer>>,
    to_record: ToRecord,
    waiting: Vec<Outgoing>,
    next: u64,
}

impl TopicSink {
    /// A sink into `topic`, which is made with this many partitions if it is not there. `id` names job, sink and task.
    ///
    /// # Errors
    /// Of the log.
    pub async fn new(log: Arc<dyn Log>, topic: &str, partitions: i32, id: &str, to_record: ToRecord) -> Result<Self> {
        log.create_topic(topic, partitions, &TopicConfig::default()).await?;
        log.create_topic(PROGRESS, 1, &TopicConfig::compacted()).await?;
        Ok(Self {
            log,
            topic: topic.into(),
            progress: PROGRESS.into(),
            id: id.to_owned(),
            writer: None,
            to_record,
            waiting: Vec::new(),
            next: 0,
        })
    }
}

#[async_trait]
impl Sink for TopicSink {
    async fn progress(&mut self) -> std::result::Result<u64, ConnectorError> {
        // The writer comes first: what an earlier owner had open is settled before the progress is read.
        let mut writer = self.log.writer(Some(&self.id)).await?;
        let latest = latest_up_to_now(&*self.log, &mut *writer, &self.progress, &self.id).await?;
        self.writer = Some(writer);
        let value = latest.get(self.id.as_bytes()).and_then(|v| std::str::from_utf8(v).ok()?.parse().ok());
        self.next = value.unwrap_or(0);
        Ok(self.next)
    }

    async fn write(&mut self, batch: OrdinalBatch) -> std::result::Result<(), ConnectorError> {
        for row in 0..batch.rows.num_rows() {
            let ordinal = batch.first + row as u64;
            let Some((key, value)) = (self.to_record)(&batch.rows, row) else { continue };
            let time = candleflow_schema::tables::time_of(&batch.rows, row).unwrap_or(1_000);
            let record = Record::new(key.into_bytes(), value, (time / 1_000).max(1));
            let record = record.with_header("ordinal", ordinal.to_string().into_bytes());
            self.waiting.push(Outgoing::keyed(&self.topic, record));
        }
        self.next = batch.end();
        Ok(())
    }

    async fn commit(&mut self) -> std::result::Result<(), ConnectorError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let Some(writer) = &mut self.writer else {
            return Err(ConnectorError::internal("a topic sink was written before its progress was read"));
        };
        let mut batch = std::mem::take(&mut self.waiting);
        let timestamp = batch.last().map_or(1, |o| o.record.timestamp);
        let progress = Record::new(self.id.clone().into_bytes(), self.next.to_string().into_bytes(), timestamp);
        batch.push(Outgoing::to(&self.progress, 0, progress));
        writer.append(batch).await?;
        Ok(())
    }
}

/// A reader over all partitions of a topic, from its first records.
///
/// # Errors
/// Of the log; the topic must be there.
pub async fn reader_from_start(log: &dyn Log, topic: &str) -> Result<Box<dyn Reader>> {
    let info = log.topic(topic).await?.ok_or_else(|| crate::Error::UnknownTopic { topic: topic.to_owned() })?;
    let starts: Vec<_> = (0..info.partitions).map(|p| (p, Start::Earliest)).collect();
    log.reader(topic, &starts).await
}
