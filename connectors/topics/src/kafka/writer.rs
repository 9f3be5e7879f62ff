//! A writer: one client, one thread, one batch at a time.
//!
//! ```text
//! append ──► thread: [begin] ─ produce all ─ wait for the last delivery ─ [offsets] ─ [commit] ──► offsets
//!                         any failure ──► drain, abort ──► the writer goes on, unless it is fenced or its end is unknown
//! ```
//! Records are drained before the commit, because the client's own flush waits in steps of 100 ms. The thread finishes
//! a batch even when the caller has given up waiting, so the client's state is always known.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use super::config::KafkaConfig;
use super::context::Context;
use super::errors;
use super::metadata::Metadata;
use crate::error::{Error, Fault, Result};
use crate::log::{GroupOffset, Writer};
use crate::record::{Outgoing, validate_batch};
use crate::telemetry;

/// How long the last delivery may take to leave the client's books after its callback; then the commit flushes.
const SETTLE: Duration = Duration::from_millis(5);

/// What is left after an abort or a purge must be reported within this.
const DRAIN: Duration = Duration::from_secs(10);

/// Between two calls of what the client says may be called again.
const PAUSE: Duration = Duration::from_millis(5);

type Progress = Option<(String, Vec<GroupOffset>)>;

struct Job {
    batch: Vec<Outgoing>,
    progress: Progress,
    reply: oneshot::Sender<Result<Vec<i64>>>,
}

pub(super) struct KafkaWriter {
    jobs: Sender<Job>,
    transactional: bool,
}

impl KafkaWriter {
    /// Connects; with a transactional id, fences the writer before it and waits until its transaction has ended.
    pub(super) async fn connect(config: KafkaConfig, metadata: Arc<Metadata>, id: Option<String>) -> Result<Self> {
        let (jobs, receiver) = channel();
        let (reply, ready) = oneshot::channel();
        let transactional = id.is_some();
        let run = move || match Session::connect(config, metadata, id) {
            Ok(session) => {
                if reply.send(Ok(())).is_ok() {
                    session.run(receiver);
                }
            }
            Err(error) => drop(reply.send(Err(error))),
        };
        std::thread::Builder::new()
            .name("topics-writer".into())
            .spawn(run)
            .map_err(|source| Error::Io { action: "start the kafka writer's thread".into(), source })?;
        ready.await.map_err(|_| Error::Closed)??;
        Ok(Self { jobs, transactional })
    }

    async fn send(&self, batch: Vec<Outgoing>, progress: Progress) -> Result<Vec<i64>> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { batch, progress, reply }).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

#[async_trait]
impl Writer for KafkaWriter {
    async fn append_with_progress(
        &mut self,
        batch: Vec<Outgoing>,
        progress: Option<(&str, &[GroupOffset])>,
    ) -> Result<Vec<i64>> {
        let started = Instant::now();
        let (records, bytes) = (batch.len(), validate_batch(&batch)?);
        if progress.is_some() && !self.transactional {
            return Err(Error::InvalidConfig { reason: "a group's offsets need a transactional id".into() });
        }
        let progress = progress.map(|(group, offsets)| (group.to_owned(), offsets.to_vec()));
        let result = self.send(batch, progress).await;
        telemetry::appended(telemetry::KAFKA, records, bytes, started, &result);
        result
    }
}

/// Why a writer can do no more.
enum Dead {
    Fenced,
    /// The outcome of its last commit is unknown; only a new writer settles it.
    Unknown,
}

struct Session {
    config: KafkaConfig,
    metadata: Arc<Metadata>,
    producer: ThreadedProducer<Context>,
    id: Option<String>,
    /// Partitions per topic, asked once: a key stays where it is for as long as the writer lives.
    partitions: HashMap<Arc<str>, i32>,
    groups: HashMap<String, ConsumerGroupMetadata>,
    dead: Option<Dead>,
}

impl Session {
    fn connect(config: KafkaConfig, metadata: Arc<Metadata>, id: Option<String>) -> Result<Self> {
        let producer: ThreadedProducer<Context> = config
            .writer(id.as_deref())
            .create_with_context(Context::new("writer"))
            .map_err(|e| errors::classify("create a client", &e))?;
        let (partitions, groups) = (HashMap::new(), HashMap::new());
        let session = Self { config, metadata, producer, id, partitions, groups, dead: None };
        if session.id.is_some() {
            let deadline = Instant::now() + session.config.request_timeout;
            session
                .retry(deadline, |left| session.producer.init_transactions(left))
                .map_err(|e| session.error("take over a transactional id", &e))?;
        }
        Ok(session)
    }

    fn run(mut self, jobs: Receiver<Job>) {
        while let Ok(Job { batch, progress, reply }) = jobs.recv() {
            // A receiver that is gone has given up waiting; the batch stands as it is.
            let _ = reply.send(self.append(&batch, &progress));
        }
    }

    fn append(&mut self, batch: &[Outgoing], progress: &Progress) -> Result<Vec<i64>> {
        match &self.dead {
            Some(Dead::Fenced) => return Err(self.fenced()),
            Some(Dead::Unknown) => return Err(unknown_outcome()),
            None => {}
        }
        let targets = self.resolve(batch)?;
        let result = match self.id {
            None => self.deliver(batch, &targets),
            Some(_) => self.transact(batch, &targets, progress),
        };
        if let Err(Error::Fenced { .. }) = result {
            self.dead = Some(Dead::Fenced);
        }
        result
    }

    fn resolve(&mut self, batch: &[Outgoing]) -> Result<Vec<i32>> {
        let mut targets = Vec::with_capacity(batch.len());
        for outgoing in batch {
            let partitions = match self.partitions.get(&outgoing.topic) {
                Some(partitions) => *partitions,
                None => {
                    let partitions = self.meet(&outgoing.topic)?;
                    self.partitions.insert(Arc::clone(&outgoing.topic), partitions);
                    partitions
                }
            };
            targets.push(outgoing.partition(partitions)?);
        }
        Ok(targets)
    }

    /// Asks for a topic's partitions. The producer asks, too, once the topic is known to exist: a record for a topic
    /// that it has not heard of waits for its next look around, up to a second. Its question alone might create one.
    fn meet(&self, topic: &str) -> Result<i32> {
        let found = self.metadata.partitions(topic)?;
        let partitions = found.ok_or_else(|| Error::UnknownTopic { topic: topic.to_owned() })?;
        self.producer
            .client()
            .fetch_metadata(Some(topic), self.config.request_timeout)
            .map_err(|e| self.error(&format!("ask for topic {topic}"), &e))?;
        Ok(partitions)
    }

    fn transact(&mut self, batch: &[Outgoing], targets: &[i32], progress: &Progress) -> Result<Vec<i64>> {
        if batch.is_empty() && progress.is_none() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + self.config.transaction_timeout;
        self.producer.begin_transaction().map_err(|e| self.error("begin a transaction", &e))?;
        let prepared = self.deliver(batch, targets).and_then(|offsets| {
            self.add_progress(progress, deadline)?;
            Ok(offsets)
        });
        match prepared {
            Ok(offsets) => self.commit(deadline).map(|()| offsets),
            Err(error) => {
                self.abort(&error);
                Err(error)
            }
        }
    }

    /// Hands all records to the client and waits for the last to be delivered.
    fn deliver(&self, batch: &[Outgoing], targets: &[i32]) -> Result<Vec<i64>> {
        let deliveries = &self.producer.context().deliveries;
        deliveries.begin(batch.len());
        let mut failure = None;
        for (index, (outgoing, partition)) in batch.iter().zip(targets).enumerate() {
            if let Err(error) = self.produce(index, outgoing, *partition) {
                failure = Some(self.error(&format!("send to topic {}", outgoing.topic), &error));
                break;
            }
        }
        let patience = if self.id.is_some() { self.config.transaction_timeout } else { self.config.request_timeout };
        let drained = deliveries.wait(0, if failure.is_some() { Duration::ZERO } else { patience + DRAIN });
        if !drained {
            self.producer.purge(PurgeConfig::default().queue().inflight());
            deliveries.wait(0, DRAIN);
        }
        let delivered = deliveries.take();
        match failure {
            Some(error) => Err(error),
            None => delivered.map_err(|e| self.error("deliver a batch", &e)),
        }
    }

    /// Hands one record to the client, waiting for room in its queue.
    fn produce(&self, index: usize, outgoing: &Outgoing, partition: i32) -> std::result::Result<(), KafkaError> {
        let record = &outgoing.record;
        let mut message: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&outgoing.topic, index).partition(partition).timestamp(record.timestamp);
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        if !record.headers.is_empty() {
            let empty = OwnedHeaders::new_with_capacity(record.headers.len());
            message.headers =
                Some(record.headers.iter().fold(empty, |headers, (name, value)| {
                    headers.insert(Header { key: name, value: Some(&value[..]) })
                }));
        }
        let deliveries = &self.producer.context().deliveries;
        loop {
            deliveries.sent();
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), back)) => {
                    deliveries.unsent();
                    message = back;
                    let half = deliveries.outstanding() / 2;
                    if !deliveries.wait(half, self.config.request_timeout) {
                        return Err(KafkaError::MessageProduction(Code::QueueFull));
                    }
                }
                Err((error, _)) => {
                    deliveries.unsent();
                    return Err(error);
                }
            }
        }
    }

    fn add_progress(&mut self, progress: &Progress, deadline: Instant) -> Result<()> {
        let Some((group, offsets)) = progress else { return Ok(()) };
        if !self.groups.contains_key(group) {
            let consumer: BaseConsumer = self
                .config
                .group(group)
                .create()
                .map_err(|e| errors::classify(format!("name the group {group}"), &e))?;
            let found = consumer.group_metadata();
            let found = found.ok_or_else(|| errors::classify_code(format!("name the group {group}"), Code::State))?;
            self.groups.insert(group.clone(), found);
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for o in offsets {
            list.add_partition_offset(&o.topic, o.partition, Offset::Offset(o.next))
                .map_err(|e| errors::classify("name an offset", &e))?;
        }
        let members = &self.groups[group];
        self.retry(deadline, |left| self.producer.send_offsets_to_transaction(&list, members, left))
            .map_err(|e| self.error("add a group's offsets", &e))
    }

    fn commit(&mut self, deadline: Instant) -> Result<()> {
        // The last callback runs just before the client takes its record off the books; a flush would wait 100 ms.
        let settled = Instant::now() + SETTLE;
        while self.producer.in_flight_count() > 0 && Instant::now() < settled {
            std::thread::yield_now();
        }
        match self.retry(deadline, |left| self.producer.commit_transaction(left)) {
            Ok(()) => Ok(()),
            Err(KafkaError::Transaction(e)) if e.txn_requires_abort() => {
                let error = self.error("commit a transaction", &KafkaError::Transaction(e));
                self.abort(&error);
                Err(error)
            }
            Err(error) => {
                let error = self.error("commit a transaction", &error);
                if !matches!(error, Error::Fenced { .. }) {
                    tracing::error!(%error, "the outcome of a transaction is unknown until a new writer asks");
                    self.dead = Some(Dead::Unknown);
                    return Err(unknown_outcome());
                }
                Err(error)
            }
        }
    }

    fn abort(&mut self, why: &Error) {
        if matches!(why, Error::Fenced { .. }) {
            return;
        }
        metrics::counter!(telemetry::ABORTS, "log" => telemetry::KAFKA).increment(1);
        let deadline = Instant::now() + self.config.request_timeout;
        if let Err(error) = self.retry(deadline, |left| self.producer.abort_transaction(left)) {
            // The broker aborts it by itself after the timeout, and a new writer does at once.
            tracing::warn!(%error, %why, "a transaction could not be aborted");
            self.dead = Some(match self.error("abort a transaction", &error) {
                Error::Fenced { .. } => Dead::Fenced,
                _ => Dead::Unknown,
            });
        }
    }

    /// Calls again what the client says may be called again, until the deadline.
    fn retry(
        &self,
        deadline: Instant,
        mut call: impl FnMut(Duration) -> std::result::Result<(), KafkaError>,
    ) -> std::result::Result<(), KafkaError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match call(left) {
                Err(KafkaError::Transaction(e)) if e.is_retriable() && Instant::now() < deadline => {
                    std::thread::park_timeout(PAUSE);
                }
                done => return done,
            }
        }
    }

    /// What an error means to this writer; a fatal one of the client is behind many others.
    fn error(&self, action: &str, error: &KafkaError) -> Error {
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        if self.id.is_some() && [fatal, errors::code(error)].into_iter().flatten().any(errors::is_fenced) {
            return self.fenced();
        }
        errors::classify(action, error)
    }

    fn fenced(&self) -> Error {
        Error::Fenced { transactional_id: self.id.clone().unwrap_or_default() }
    }
}

fn unknown_outcome() -> Error {
    Error::Kafka {
        action: "learn whether the last transaction was committed".into(),
        reason: "make a new writer with the same transactional id, which settles it, and read what was committed"
            .into(),
        fault: Fault::External,
        retryable: false,
    }
}
