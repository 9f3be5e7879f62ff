//! Kafka behind the trait.
//!
//! Requires brokers of 2.5 or newer for transactions. One [`Kafka`] has one client for questions; every reader and every
//! writer has a client of its own, because a transactional id and a fetch position belong to one.

mod admin;
mod config;
mod context;
mod errors;
mod metadata;
mod reader;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use self::admin::Admin;
pub use self::config::KafkaConfig;
use self::metadata::Metadata;
use self::reader::KafkaReader;
use self::writer::KafkaWriter;
use crate::error::{Error, Result};
use crate::log::{
    Creation, Ends, GroupOffset, Log, Reader, Start, TopicConfig, TopicInfo, Writer, validate_assignment,
};

/// How long the cluster may take to show a topic that it has created or deleted.
const PROPAGATION: Duration = Duration::from_secs(15);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A cluster.
pub struct Kafka {
    config: KafkaConfig,
    metadata: Arc<Metadata>,
}

impl Kafka {
    /// Connects lazily: a broker that is away shows in the first call, not here.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`].
    pub fn connect(config: KafkaConfig) -> Result<Self> {
        config.validate()?;
        let metadata = Arc::new(Metadata::connect(&config)?);
        Ok(Self { config, metadata })
    }

    /// Runs a question that blocks on a thread for such work.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Metadata) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let metadata = Arc::clone(&self.metadata);
        tokio::task::spawn_blocking(move || question(&metadata)).await.map_err(|_| Error::Closed)?
    }

    async fn partitions(&self, topic: &str) -> Result<Option<i32>> {
        let topic = topic.to_owned();
        self.ask(move |metadata| metadata.partitions(&topic)).await
    }

    async fn must_have(&self, topic: &str, partitions: &[i32]) -> Result<()> {
        let found = self.partitions(topic).await?.ok_or_else(|| Error::UnknownTopic { topic: topic.to_owned() })?;
        match partitions.iter().find(|p| !(0..found).contains(*p)) {
            None => Ok(()),
            Some(p) => Err(Error::UnknownPartition { topic: topic.to_owned(), partition: *p, partitions: found }),
        }
    }

    /// Waits until the cluster shows a change of its topics, which it has already accepted.
    async fn shown(&self, topic: &str, partitions: Option<i32>) -> Result<()> {
        let deadline = Instant::now() + PROPAGATION;
        while self.partitions(topic).await? != partitions {
            if Instant::now() >= deadline {
                let millis = u64::try_from(PROPAGATION.as_millis()).unwrap_or(u64::MAX);
                return Err(Error::Timeout { action: format!("the change of topic {topic}"), millis });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// A topic that is there, as soon as the cluster shows it: another process may have made it a moment ago.
    async fn visible(&self, topic: &str) -> Result<TopicInfo> {
        let deadline = Instant::now() + PROPAGATION;
        loop {
            if let Some(info) = self.topic(topic).await? {
                return Ok(info);
            }
            if Instant::now() >= deadline {
                return Err(Error::UnknownTopic { topic: topic.to_owned() });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn describe(&self, topics: Vec<(String, i32)>) -> Result<Vec<TopicInfo>> {
        let names: Vec<&str> = topics.iter().map(|(name, _)| name.as_str()).collect();
        let configs = Admin::connect(&self.config)?.describe(&names).await?;
        let described = topics.iter().zip(configs).filter_map(|((name, partitions), config)| {
            Some(TopicInfo { name: name.clone(), partitions: *partitions, config: config? })
        });
        Ok(described.collect())
    }
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kafka").field("config", &self.config).finish_non_exhaustive()
    }
}

#[async_trait]
impl Log for Kafka {
    async fn create_topic(&self, name: &str, partitions: i32, config: &TopicConfig) -> Result<Creation> {
        config.validate(name, partitions)?;
        if !Admin::connect(&self.config)?.create(name, partitions, config).await? {
            return self.visible(name).await.map(Creation::Existed);
        }
        self.shown(name, Some(partitions)).await?;
        Ok(Creation::Created)
    }

    async fn list_topics(&self) -> Result<Vec<TopicInfo>> {
        let topics = self.ask(Metadata::topics).await?;
        self.describe(topics.into_iter().collect()).await
    }

    async fn topic(&self, name: &str) -> Result<Option<TopicInfo>> {
        match self.partitions(name).await? {
            None => Ok(None),
            Some(partitions) => Ok(self.describe(vec![(name.to_owned(), partitions)]).await?.pop()),
        }
    }

    async fn delete_topic(&self, name: &str) -> Result<bool> {
        if !Admin::connect(&self.config)?.delete(name).await? {
            return Ok(false);
        }
        self.shown(name, None).await?;
        Ok(true)
    }

    async fn writer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Writer>> {
        let id = transactional_id.map(str::to_owned);
        let writer = KafkaWriter::connect(self.config.clone(), Arc::clone(&self.metadata), id).await?;
        Ok(Box::new(writer))
    }

    async fn reader(&self, topic: &str, partitions: &[(i32, Start)]) -> Result<Box<dyn Reader>> {
        validate_assignment(partitions)?;
        let numbers: Vec<i32> = partitions.iter().map(|(p, _)| *p).collect();
        self.must_have(topic, &numbers).await?;
        let name = topic.to_owned();
        let ends = self.ask(move |metadata| metadata.ends(&name, &numbers)).await?;
        let reader = KafkaReader::assign(&self.config, Arc::clone(&self.metadata), topic, partitions, &ends)?;
        Ok(Box::new(reader))
    }

    async fn ends(&self, topic: &str, partition: i32) -> Result<Ends> {
        self.must_have(topic, &[partition]).await?;
        let name = topic.to_owned();
        let ends = self.ask(move |metadata| metadata.ends(&name, &[partition])).await?;
        ends.first().copied().ok_or_else(|| Error::UnknownTopic { topic: topic.to_owned() })
    }

    async fn group_offsets(&self, group: &str, topic: &str) -> Result<Vec<GroupOffset>> {
        let Some(partitions) = self.partitions(topic).await? else { return Ok(Vec::new()) };
        let (config, timeout) = (self.config.group(group), self.config.request_timeout);
        let (group, topic) = (group.to_owned(), topic.to_owned());
        self.ask(move |_| {
            let failed = |e| errors::classify(format!("ask for the offsets of group {group}"), &e);
            let consumer: BaseConsumer = config.create().map_err(failed)?;
            let mut asked = TopicPartitionList::new();
            asked.add_partition_range(&topic, 0, partitions - 1);
            let committed = consumer.committed_offsets(asked, timeout).map_err(failed)?;
            let known = committed.elements().into_iter().filter_map(|e| match e.offset() {
                Offset::Offset(next) => Some(GroupOffset { topic: topic.clone(), partition: e.partition(), next }),
                _ => None,
            });
            Ok(known.collect())
        })
        .await
    }
}
