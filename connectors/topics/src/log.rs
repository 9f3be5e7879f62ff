//! The traits: a log, its writers and its readers.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::limits;
use crate::record::{Delivered, Outgoing};

/// How a topic keeps its records.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// Records older than this may go; `None` keeps them for ever.
    pub retention_ms: Option<i64>,
    /// A partition larger than this may lose its oldest records; `None` is no bound.
    pub retention_bytes: Option<u64>,
    /// Keep the newest record of every key instead of a stretch of time; excludes both retentions.
    pub compacted: bool,
}

impl TopicConfig {
    /// A topic that keeps the newest record of every key.
    pub fn compacted() -> Self {
        Self { compacted: true, ..Self::default() }
    }

    /// The one check of what a topic may be called and how it may be kept.
    pub(crate) fn validate(&self, topic: &str, partitions: i32) -> Result<()> {
        let refuse = |reason: String| Err(Error::InvalidTopic { topic: topic.to_owned(), reason });
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if topic.is_empty() || topic.len() > limits::MAX_TOPIC_NAME {
            return refuse(format!("a name has 1 to {} characters", limits::MAX_TOPIC_NAME));
        }
        if topic == "." || topic == ".." || !topic.chars().all(allowed) {
            return refuse("a name has letters, digits, '.', '_' and '-' only".into());
        }
        if !(1..=limits::MAX_PARTITIONS).contains(&partitions) {
            return refuse(format!("{partitions} partitions are not within 1 to {}", limits::MAX_PARTITIONS));
        }
        if self.compacted && (self.retention_ms.is_some() || self.retention_bytes.is_some()) {
            return refuse("a compacted topic keeps the newest record of each key, so it has no retention".into());
        }
        if self.retention_ms.is_some_and(|ms| ms < 1) || self.retention_bytes == Some(0) {
            return refuse("a retention is above zero".into());
        }
        Ok(())
    }
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// How it keeps records.
    pub config: TopicConfig,
}

/// What `create_topic` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// It was not there and now is.
    Created,
    /// It was there, as described; whether that fits is the caller's to judge.
    Existed(TopicInfo),
}

/// Where a reader begins in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first record that is held.
    Earliest,
    /// Behind the last committed record.
    Latest,
    /// This offset, or the next that exists. It must be within what the partition holds, its end included.
    Offset(i64),
}

/// Refuses an assignment without partitions or with one twice.
pub(crate) fn validate_assignment(partitions: &[(i32, Start)]) -> Result<()> {
    if partitions.is_empty() {
        return Err(Error::InvalidConfig { reason: "a reader needs a partition to read".into() });
    }
    let mut seen = BTreeSet::new();
    match partitions.iter().find(|(partition, _)| !seen.insert(partition)) {
        None => Ok(()),
        Some((partition, _)) => {
            Err(Error::InvalidConfig { reason: format!("partition {partition} is given to a reader twice") })
        }
    }
}

/// What a partition holds: offsets from `first` to `end`, which is the last stable offset and exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The first offset held.
    pub first: i64,
    /// The first offset that no reader can have yet.
    pub end: i64,
}

/// How far a reader is in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// The offset from which to read on: give it to [`Start::Offset`].
    pub next: i64,
    /// Whether everything has been delivered that was committed when the reader was made.
    pub at_end: bool,
}

/// How far a consumer group has read: stored with the records of a transaction, for tools to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic that was read.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The offset to read next.
    pub next: i64,
}

/// One cluster, or one folder.
#[async_trait]
pub trait Log: Send + Sync + std::fmt::Debug {
    /// Creates a topic. An existing one is left as it is.
    async fn create_topic(&self, name: &str, partitions: i32, config: &TopicConfig) -> Result<Creation>;

    /// All topics by name, those that the log keeps for itself aside.
    async fn list_topics(&self) -> Result<Vec<TopicInfo>>;

    /// One topic.
    async fn topic(&self, name: &str) -> Result<Option<TopicInfo>>;

    /// Deletes a topic with its records; false if there was none.
    async fn delete_topic(&self, name: &str) -> Result<bool>;

    /// A writer. With a transactional id, every earlier writer with that id is fenced when this returns, and what it
    /// had left open is never visible.
    async fn writer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Writer>>;

    /// A reader over the named partitions of one topic, each from its start.
    async fn reader(&self, topic: &str, partitions: &[(i32, Start)]) -> Result<Box<dyn Reader>>;

    /// What a partition holds.
    async fn ends(&self, topic: &str, partition: i32) -> Result<Ends>;

    /// Finishes what is under way and stops; readers and writers then answer [`Error::Closed`]. A cluster goes on without
    /// us: there it does nothing.
    async fn close(&self) {}

    /// What a group last committed with [`Writer::append_with_progress`], by topic and partition.
    async fn group_offsets(&self, group: &str, topic: &str) -> Result<Vec<GroupOffset>>;
}

/// Appends batches. One batch at a time; dropping an `append` under way leaves its outcome open, as a crash would.
#[async_trait]
pub trait Writer: Send {
    /// Appends a batch and returns each record's offset, in the batch's order, once it is durable.
    ///
    /// Atomic over partitions and topics with the embedded log and with a transactional id. Without one, Kafka
    /// delivers each record once and in order per partition, but a failure may leave a part of the batch.
    ///
    /// When it returns, the embedded log shows the batch to every reader. Kafka shows a transaction some milliseconds
    /// later; a new writer with the same transactional id waits for that, so what it then reads is complete.
    async fn append(&mut self, batch: Vec<Outgoing>) -> Result<Vec<i64>> {
        self.append_with_progress(batch, None).await
    }

    /// The same, with a consumer group's offsets in the same transaction; these need a transactional id.
    async fn append_with_progress(
        &mut self,
        batch: Vec<Outgoing>,
        progress: Option<(&str, &[GroupOffset])>,
    ) -> Result<Vec<i64>>;
}

/// Reads committed records in the order of each partition.
#[async_trait]
pub trait Reader: Send {
    /// Up to `max_records` records, or what there is: at once if there is any, otherwise as soon as some are
    /// committed, and nothing after `max_wait`. It returns nothing earlier once, when all its partitions turn out to
    /// be at the end that they had when it was made. Also bounded by [`limits::MAX_READ_BYTES`].
    ///
    /// Cancelling it loses no record.
    async fn next_batch(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Delivered>>;

    /// Reads none of these partitions, and all the others, from the next call on. No record is lost or comes twice.
    fn pause(&mut self, partitions: &BTreeSet<i32>) -> Result<()>;

    /// How far it is, by partition as assigned.
    fn positions(&self) -> Vec<Position>;
}
