//! A reader: assigned partitions, explicit offsets, committed records only, awake as soon as the client has some.
//!
//! State: per partition the offset behind the last record handed out. What the client has fetched ahead is bounded by
//! [`limits::KAFKA_FETCH_AHEAD_KIB`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::time::Instant;

use super::config::KafkaConfig;
use super::context::Context;
use super::errors;
use super::metadata::Metadata;
use crate::error::{Error, Result};
use crate::limits;
use crate::log::{Ends, Position, Reader, Start};
use crate::record::{Delivered, Record};
use crate::telemetry;

struct Cursor {
    next: i64,
    /// The end when the reader was made.
    goal: i64,
    at_end: bool,
}

pub(super) struct KafkaReader {
    consumer: StreamConsumer<Context>,
    metadata: Arc<Metadata>,
    topic: Arc<str>,
    order: Vec<i32>,
    cursors: BTreeMap<i32, Cursor>,
    paused: BTreeSet<i32>,
}

impl KafkaReader {
    /// Assigns the partitions, whose ends have just been asked.
    pub(super) fn assign(
        config: &KafkaConfig,
        metadata: Arc<Metadata>,
        topic: &str,
        partitions: &[(i32, Start)],
        ends: &[Ends],
    ) -> Result<Self> {
        let mut cursors = BTreeMap::new();
        let mut assignment = TopicPartitionList::with_capacity(partitions.len());
        let action = || format!("assign partitions of topic {topic}");
        for ((partition, start), ends) in partitions.iter().zip(ends) {
            let next = match start {
                Start::Earliest => ends.first,
                Start::Latest => ends.end,
                Start::Offset(asked) if (ends.first..=ends.end).contains(asked) => *asked,
                Start::Offset(asked) => return Err(out_of_range(topic, *partition, *asked, *ends)),
            };
            assignment
                .add_partition_offset(topic, *partition, Offset::Offset(next))
                .map_err(|e| errors::classify(action(), &e))?;
            cursors.insert(*partition, Cursor { next, goal: ends.end, at_end: next >= ends.end });
        }
        let consumer: StreamConsumer<Context> = config
            .reader()
            .create_with_context(Context::new("reader"))
            .map_err(|e| errors::classify("create a client", &e))?;
        consumer.assign(&assignment).map_err(|e| errors::classify(action(), &e))?;
        let order = partitions.iter().map(|(partition, _)| *partition).collect();
        Ok(Self { consumer, metadata, topic: topic.into(), order, cursors, paused: BTreeSet::new() })
    }

    /// Finds out which partition no longer holds the offset that the client asked for.
    async fn lost_place(&self) -> Error {
        let (metadata, topic, order) = (Arc::clone(&self.metadata), Arc::clone(&self.topic), self.order.clone());
        let asked = tokio::task::spawn_blocking(move || metadata.ends(&topic, &order)).await;
        match asked {
            Ok(Ok(ends)) => {
                for (partition, ends) in self.order.iter().zip(ends) {
                    let next = self.cursors.get(partition).map_or(0, |c| c.next);
                    if !(ends.first..=ends.end).contains(&next) {
                        return out_of_range(&self.topic, *partition, next, ends);
                    }
                }
                errors::classify_code(format!("read topic {}", self.topic), Code::OffsetOutOfRange)
            }
            Ok(Err(error)) => error,
            Err(_) => Error::Closed,
        }
    }

    /// What an error of the client means: nothing, a partition's end, or the end of this reader.
    async fn judge(&mut self, error: KafkaError) -> Result<bool> {
        if let KafkaError::PartitionEOF(partition) = error {
            return Ok(self.at_end(partition));
        }
        match errors::code(&error) {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Err(self.lost_place().await),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                Err(Error::UnknownTopic { topic: self.topic.to_string() })
            }
            // The client has told its context, which counts and logs, and connects again by itself.
            Some(code) if errors::is_transport(code) => Ok(false),
            _ => Err(errors::classify(format!("read topic {}", self.topic), &error)),
        }
    }

    fn all_at_end(&self) -> bool {
        self.cursors.values().all(|c| c.at_end)
    }

    /// Notes that a partition's end was reached; true if that is news.
    fn at_end(&mut self, partition: i32) -> bool {
        let Some(cursor) = self.cursors.get_mut(&partition) else { return false };
        // Behind the last record there may be markers of transactions: all up to the first end has been read.
        cursor.next = cursor.next.max(cursor.goal);
        !std::mem::replace(&mut cursor.at_end, true)
    }
}

#[async_trait]
impl Reader for KafkaReader {
    async fn next_batch(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Delivered>> {
        let deadline = Instant::now() + max_wait;
        let max_records = max_records.min(limits::MAX_READ_RECORDS);
        let mut batch = Batch { topic: Arc::clone(&self.topic), out: Vec::new(), arena: BytesMut::new(), bytes: 0 };
        let mut news = false;
        while !(batch.full(max_records) || news && self.all_at_end()) {
            let Some(error) = collect(&self.consumer, &mut self.cursors, &mut batch, max_records, deadline).await
            else {
                break;
            };
            news |= self.judge(error).await?;
        }
        if batch.bytes >= limits::MAX_READ_BYTES {
            metrics::counter!(telemetry::READ_LIMITED, "log" => telemetry::KAFKA).increment(1);
        }
        metrics::counter!(telemetry::READ_RECORDS, "log" => telemetry::KAFKA).increment(batch.out.len() as u64);
        Ok(batch.out)
    }

    fn pause(&mut self, partitions: &BTreeSet<i32>) -> Result<()> {
        let list = |chosen: &dyn Fn(&i32) -> bool| {
            let mut list = TopicPartitionList::new();
            for partition in self.order.iter().filter(|p| chosen(p)) {
                list.add_partition(&self.topic, *partition);
            }
            list
        };
        let pause = list(&|p| partitions.contains(p) && !self.paused.contains(p));
        let resume = list(&|p| self.paused.contains(p) && !partitions.contains(p));
        let failed = |e: KafkaError| errors::classify(format!("pause partitions of topic {}", self.topic), &e);
        if pause.count() > 0 {
            self.consumer.pause(&pause).map_err(failed)?;
        }
        if resume.count() > 0 {
            self.consumer.resume(&resume).map_err(failed)?;
        }
        self.paused.clone_from(partitions);
        Ok(())
    }

    fn positions(&self) -> Vec<Position> {
        let position =
            |p: &i32| self.cursors.get(p).map(|c| Position { partition: *p, next: c.next, at_end: c.at_end });
        self.order.iter().filter_map(position).collect()
    }
}

/// Collects what the client has, waiting until the deadline for the first record; stops at an error, which may be news
/// only.
async fn collect(
    consumer: &StreamConsumer<Context>,
    cursors: &mut BTreeMap<i32, Cursor>,
    batch: &mut Batch,
    max_records: usize,
    deadline: Instant,
) -> Option<KafkaError> {
    let mut stream = consumer.stream();
    while !batch.full(max_records) {
        let event = match stream.next().now_or_never() {
            Some(event) => event,
            None if !batch.out.is_empty() => return None,
            None => tokio::time::timeout_at(deadline, stream.next()).await.ok()?,
        };
        match event? {
            Ok(message) => {
                batch.push(&message);
                if let Some(cursor) = cursors.get_mut(&message.partition()) {
                    cursor.next = message.offset() + 1;
                    cursor.at_end |= cursor.next >= cursor.goal;
                }
            }
            Err(error) => return Some(error),
        }
    }
    None
}

/// Records copied out of the client's memory, many to one allocation.
struct Batch {
    topic: Arc<str>,
    out: Vec<Delivered>,
    arena: BytesMut,
    bytes: usize,
}

/// How much the arena grows by.
const ARENA: usize = 64 << 10;

impl Batch {
    fn full(&self, max_records: usize) -> bool {
        self.out.len() >= max_records || self.bytes >= limits::MAX_READ_BYTES
    }

    fn push(&mut self, message: &BorrowedMessage<'_>) {
        let key = message.key().map(|k| self.copy(k));
        let value = message.payload().map(|v| self.copy(v));
        let mut headers = Vec::new();
        if let Some(found) = message.headers() {
            for header in found.iter() {
                headers.push((header.key.to_owned(), self.copy(header.value.unwrap_or_default())));
            }
        }
        let timestamp = message.timestamp().to_millis().unwrap_or(0);
        let record = Record { key, value, headers, timestamp };
        self.bytes += record.size();
        let (partition, offset) = (message.partition(), message.offset());
        self.out.push(Delivered { topic: Arc::clone(&self.topic), partition, offset, record });
    }

    fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.is_empty() {
            return Bytes::new();
        }
        if self.arena.capacity() < bytes.len() {
            self.arena = BytesMut::with_capacity(bytes.len().max(ARENA));
        }
        self.arena.extend_from_slice(bytes);
        self.arena.split().freeze()
    }
}

pub(super) fn out_of_range(topic: &str, partition: i32, asked: i64, ends: Ends) -> Error {
    metrics::counter!(telemetry::OUT_OF_RANGE, "log" => telemetry::KAFKA).increment(1);
    Error::OffsetOutOfRange { topic: topic.to_owned(), partition, asked, first: ends.first, end: ends.end }
}
