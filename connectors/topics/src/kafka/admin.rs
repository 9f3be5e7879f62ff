//! Creating, describing and deleting topics.

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::config::KafkaConfig;
use super::context::Context;
use super::errors;
use crate::error::{Error, Result};
use crate::limits;
use crate::log::TopicConfig;

pub(super) struct Admin {
    client: AdminClient<Context>,
    options: AdminOptions,
    replication: i32,
}

impl Admin {
    pub(super) fn connect(config: &KafkaConfig) -> Result<Self> {
        let client = config
            .metadata()
            .create_with_context(Context::new("admin"))
            .map_err(|e| errors::classify("create a client", &e))?;
        let timeout = Some(config.request_timeout);
        let options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
        Ok(Self { client, options, replication: config.replication.unwrap_or(-1) })
    }

    /// Creates a topic; false if it is there already.
    pub(super) async fn create(&self, name: &str, partitions: i32, config: &TopicConfig) -> Result<bool> {
        let settings = settings(config);
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(self.replication));
        for (key, value) in &settings {
            topic = topic.set(key, value);
        }
        let action = || format!("create topic {name}");
        let answer = self.client.create_topics([&topic], &self.options).await;
        match answer.map_err(|e| errors::classify(action(), &e))?.pop() {
            Some(Ok(_)) => Ok(true),
            Some(Err((_, Code::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => Err(errors::classify_code(action(), code)),
            None => Err(Error::Timeout { action: action(), millis: 0 }),
        }
    }

    /// Deletes a topic; false if there is none.
    pub(super) async fn delete(&self, name: &str) -> Result<bool> {
        let action = || format!("delete topic {name}");
        let answer = self.client.delete_topics(&[name], &self.options).await;
        match answer.map_err(|e| errors::classify(action(), &e))?.pop() {
            Some(Ok(_)) => Ok(true),
            Some(Err((_, Code::UnknownTopicOrPartition | Code::UnknownTopic))) => Ok(false),
            Some(Err((_, code))) => Err(errors::classify_code(action(), code)),
            None => Err(Error::Timeout { action: action(), millis: 0 }),
        }
    }

    /// How each topic keeps its records; `None` for one that is gone.
    pub(super) async fn describe(&self, names: &[&str]) -> Result<Vec<Option<TopicConfig>>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<_> = names.iter().map(|n| ResourceSpecifier::Topic(n)).collect();
        let answers = self
            .client
            .describe_configs(&asked, &self.options)
            .await
            .map_err(|e| errors::classify("describe topics", &e))?;
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(resource) => Ok(Some(config_of(&resource))),
                Err(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
                Err(code) => Err(errors::classify_code("describe topics", code)),
            })
            .collect()
    }
}

/// A segment holds one batch of the largest size at least; a broker refuses a batch that does not fit.
const MIN_SEGMENT_BYTES: u64 = 9 << 20;

/// The broker's default.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// Segments are what the broker deletes and compacts, never the one it writes to: a quarter of the retention is lost at
/// once, and a compacted topic is read whole at a restart, so it is rolled early.
fn settings(config: &TopicConfig) -> Vec<(&'static str, String)> {
    let unlimited = || "-1".to_owned();
    let mut settings = vec![
        ("cleanup.policy", if config.compacted { "compact" } else { "delete" }.to_owned()),
        ("retention.ms", config.retention_ms.map_or_else(unlimited, |ms| ms.to_string())),
        ("retention.bytes", config.retention_bytes.map_or_else(unlimited, |bytes| bytes.to_string())),
        ("max.message.bytes", (limits::MAX_RECORD_BYTES + limits::RECORD_OVERHEAD_BYTES).to_string()),
    ];
    if let Some(bytes) = config.retention_bytes {
        settings.push(("segment.bytes", (bytes / 4).clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES).to_string()));
    }
    if let Some(ms) = config.retention_ms {
        settings.push(("segment.ms", (ms / 4).clamp(60_000, 7 * 86_400_000).to_string()));
    }
    if config.compacted {
        settings.push(("segment.bytes", (16u64 << 20).to_string()));
        settings.push(("segment.ms", "3600000".to_owned()));
    }
    settings
}

fn config_of(resource: &ConfigResource) -> TopicConfig {
    let value = |name: &str| resource.get(name).and_then(|entry| entry.value.as_deref());
    let compacted = value("cleanup.policy").is_some_and(|policy| policy.split(',').any(|p| p.trim() == "compact"));
    let deleting = value("cleanup.policy").is_none_or(|policy| policy.split(',').any(|p| p.trim() == "delete"));
    let number = |name: &str| value(name).filter(|_| deleting).and_then(|v| v.parse::<i64>().ok()).filter(|n| *n >= 0);
    TopicConfig {
        retention_ms: number("retention.ms"),
        retention_bytes: number("retention.bytes").and_then(|n| u64::try_from(n).ok()),
        compacted,
    }
}
