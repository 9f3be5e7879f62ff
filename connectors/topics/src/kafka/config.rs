//! How to reach a cluster, and the settings of the C client that the promises rest on.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::error::{Error, Result};
use crate::limits;

/// Settings that `extra` must not touch, because a promise of this crate rests on them.
const FIXED: [&str; 11] = [
    "bootstrap.servers",
    "client.id",
    "enable.idempotence",
    "transactional.id",
    "transaction.timeout.ms",
    "isolation.level",
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "group.id",
];

/// How to reach a Kafka cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `host:port`, separated by commas.
    pub bootstrap: String,
    /// Shown in the broker's log and metrics.
    pub client_id: String,
    /// Replicas of topics that are created; `None` leaves it to the broker.
    pub replication: Option<i32>,
    /// How long one request, or one batch without a transaction, may take before it is an error.
    pub request_timeout: Duration,
    /// How long one transaction may take, a restart of the broker included. The broker aborts it afterwards.
    pub transaction_timeout: Duration,
    /// Further settings of librdkafka, such as `security.protocol` or `sasl.password`. Never shown.
    pub extra: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// A cluster without authentication, with 30 s for a request and 60 s for a transaction.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            client_id: "candleflow".into(),
            replication: None,
            request_timeout: Duration::from_secs(30),
            transaction_timeout: Duration::from_secs(60),
            extra: BTreeMap::new(),
        }
    }

    /// The one check of these settings.
    pub(super) fn validate(&self) -> Result<()> {
        if let Some(fixed) = FIXED.iter().find(|f| self.extra.contains_key(**f)) {
            let reason = format!("the kafka setting {fixed} is fixed and cannot be given");
            return Err(Error::InvalidConfig { reason });
        }
        if self.bootstrap.trim().is_empty() {
            return Err(Error::InvalidConfig { reason: "no kafka broker is given (host:port)".into() });
        }
        let timeouts = [self.request_timeout, self.transaction_timeout];
        if timeouts.iter().any(|t| *t < Duration::from_secs(1) || *t > Duration::from_secs(900)) {
            return Err(Error::InvalidConfig { reason: "kafka timeouts are from 1 to 900 s".into() });
        }
        if self.replication.is_some_and(|n| n < 1) {
            return Err(Error::InvalidConfig { reason: "a topic has at least one replica".into() });
        }
        Ok(())
    }

    /// What all clients share.
    fn common(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", &self.client_id)
            .set("allow.auto.create.topics", "false")
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            // The broker says «not yet» while it ends the last transaction: ask again at once, then ever later.
            .set("retry.backoff.ms", "1")
            .set("retry.backoff.max.ms", "1000")
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }

    fn with_extra(&self, mut config: ClientConfig) -> ClientConfig {
        for (key, value) in &self.extra {
            config.set(key, value);
        }
        config
    }

    /// For metadata and admin calls; sees the last stable offset as the end.
    pub(super) fn metadata(&self) -> ClientConfig {
        let mut config = self.common();
        config.set("isolation.level", "read_committed");
        self.with_extra(config)
    }

    /// For asking about, or committing for, a consumer group without joining it.
    pub(super) fn group(&self, group: &str) -> ClientConfig {
        let mut config = self.common();
        config.set("group.id", group).set("enable.auto.commit", "false");
        self.with_extra(config)
    }

    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.common();
        config
            // `assign` needs some group; it is never joined and nothing is committed to it.
            .set("group.id", format!("{}-reader", self.client_id))
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            // The default of 1 s stalls a reader that keeps up.
            .set("fetch.queue.backoff.ms", "10")
            // How soon a reader learns that it is at the end. New records do not wait for it.
            .set("fetch.wait.max.ms", "50")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.message.max.bytes", (4usize << 20).to_string())
            .set("receive.message.max.bytes", (limits::MAX_RECORD_BYTES + (128 << 20)).to_string())
            .set("queued.max.messages.kbytes", limits::KAFKA_FETCH_AHEAD_KIB.to_string());
        self.with_extra(config)
    }

    pub(super) fn writer(&self, transactional_id: Option<&str>) -> ClientConfig {
        let mut config = self.common();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .set("queue.buffering.max.messages", limits::KAFKA_QUEUE_RECORDS.to_string())
            .set("queue.buffering.max.kbytes", (4 * limits::MAX_BATCH_BYTES / 1024).to_string())
            .set("message.max.bytes", (limits::MAX_RECORD_BYTES + limits::RECORD_OVERHEAD_BYTES).to_string());
        match transactional_id {
            None => config.set("message.timeout.ms", self.request_timeout.as_millis().to_string()),
            Some(id) => config
                .set("transactional.id", id)
                .set("message.timeout.ms", self.transaction_timeout.as_millis().to_string())
                .set("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string()),
        };
        self.with_extra(config)
    }
}

impl fmt::Debug for KafkaConfig {
    /// Shows which extra settings there are, never their values: any of them may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap", &self.bootstrap)
            .field("client_id", &self.client_id)
            .field("replication", &self.replication)
            .field("request_timeout", &self.request_timeout)
            .field("transaction_timeout", &self.transaction_timeout)
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut config = KafkaConfig::new("broker:9092");
        config.extra.insert("sasl.password".into(), "hunter2".into());
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_promises_rest_on_cannot_be_changed() {
        for key in FIXED {
            let mut config = KafkaConfig::new("broker:9092");
            config.extra.insert(key.into(), "x".into());
            let error = config.validate().unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
        assert!(KafkaConfig::new(" ").validate().is_err());
        let mut config = KafkaConfig::new("broker:9092");
        config.transaction_timeout = Duration::ZERO;
        assert!(config.validate().is_err());
    }
}
