//! What the cluster says of its topics: partitions, settings, ends. One client for all such questions.
//!
//! Everything here blocks and is called on threads for blocking work. A thread of its own keeps serving the client's
//! log, so that an idle client does not pile it up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::config::KafkaConfig;
use super::context::Context;
use super::errors;
use crate::error::{Error, Result};
use crate::log::Ends;

/// How long the thread waits in the client before it looks whether to stop.
const SERVE: Duration = Duration::from_millis(500);

/// Between two questions to a cluster that is choosing a leader.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Metadata {
    consumer: Arc<BaseConsumer<Context>>,
    timeout: Duration,
    stop: Arc<AtomicBool>,
}

impl Metadata {
    pub(super) fn connect(config: &KafkaConfig) -> Result<Self> {
        let consumer: BaseConsumer<Context> = config
            .metadata()
            .create_with_context(Context::new("metadata"))
            .map_err(|e| errors::classify("create a client", &e))?;
        let (consumer, stop) = (Arc::new(consumer), Arc::new(AtomicBool::new(false)));
        let serving = (Arc::clone(&consumer), Arc::clone(&stop));
        let serve = move || {
            let (consumer, stop) = serving;
            while !stop.load(Ordering::Relaxed) {
                // Logs and errors go to the context; a client without an assignment gets no messages.
                drop(consumer.poll(SERVE));
            }
        };
        std::thread::Builder::new()
            .name("topics-kafka".into())
            .spawn(serve)
            .map_err(|source| Error::Io { action: "start the kafka client's thread".into(), source })?;
        Ok(Self { consumer, timeout: config.request_timeout, stop })
    }

    /// How many partitions a topic has; `None` if there is no such topic.
    pub(super) fn partitions(&self, topic: &str) -> Result<Option<i32>> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let metadata = self
                .consumer
                .fetch_metadata(Some(topic), left.max(Duration::from_millis(1)))
                .map_err(|e| errors::classify(format!("ask for topic {topic}"), &e))?;
            let found = metadata.topics().iter().find(|t| t.name() == topic);
            match found.and_then(|t| t.error()).map(Code::from) {
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(None),
                Some(code) if errors::is_transport(code) && Instant::now() < deadline => {
                    std::thread::park_timeout(PAUSE);
                    continue;
                }
                Some(code) => return Err(errors::classify_code(format!("ask for topic {topic}"), code)),
                None => {}
            }
            return Ok(found.map(|t| t.partitions().len()).filter(|n| *n > 0).and_then(|n| i32::try_from(n).ok()));
        }
    }

    /// All topics with their partitions, the cluster's own aside.
    pub(super) fn topics(&self) -> Result<BTreeMap<String, i32>> {
        let metadata =
            self.consumer.fetch_metadata(None, self.timeout).map_err(|e| errors::classify("list the topics", &e))?;
        let named = metadata.topics().iter().filter(|t| !t.name().starts_with("__"));
        Ok(named.map(|t| (t.name().to_owned(), i32::try_from(t.partitions().len()).unwrap_or(i32::MAX))).collect())
    }

    /// What the partitions hold, in the order asked.
    pub(super) fn ends(&self, topic: &str, partitions: &[i32]) -> Result<Vec<Ends>> {
        let firsts = self.offsets(topic, partitions, Offset::Beginning)?;
        let ends = self.offsets(topic, partitions, Offset::End)?;
        Ok(firsts.into_iter().zip(ends).map(|(first, end)| Ends { first, end }).collect())
    }

    /// Asks again while the cluster chooses leaders, as it does of a topic that has just been made.
    fn offsets(&self, topic: &str, partitions: &[i32], which: Offset) -> Result<Vec<i64>> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.ask_offsets(topic, partitions, which) {
                Err(error) if error.retryable() && Instant::now() < deadline => std::thread::park_timeout(PAUSE),
                answer => return answer,
            }
        }
    }

    fn ask_offsets(&self, topic: &str, partitions: &[i32], which: Offset) -> Result<Vec<i64>> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let action = || format!("ask what topic {topic} holds");
        let failed = |e: &KafkaError| errors::classify(action(), e);
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            asked.add_partition_offset(topic, *partition, which).map_err(|e| failed(&e))?;
        }
        let answered = self.consumer.offsets_for_times(asked, self.timeout).map_err(|e| failed(&e))?;
        let mut out = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let found = answered.find_partition(topic, *partition);
            let element = found.ok_or_else(|| errors::classify_code(action(), Code::UnknownPartition))?;
            element.error().map_err(|e| failed(&e))?;
            match element.offset() {
                Offset::Offset(offset) => out.push(offset),
                _ => return Err(errors::classify_code(action(), Code::LeaderNotAvailable)),
            }
        }
        Ok(out)
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
