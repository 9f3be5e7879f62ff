//! A writer: checks a batch, finds its partitions, and waits for the committer.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::committer::{Append, Command, Epoch};
use super::keys;
use super::queue::Queue;
use super::store::{Store, Topic};
use crate::error::{Error, Result};
use crate::log::{GroupOffset, Writer};
use crate::record::{Outgoing, Record, validate_batch};
use crate::telemetry;

pub(super) struct EmbeddedWriter {
    pub(super) store: Arc<Store>,
    pub(super) queue: Queue,
    pub(super) epoch: Option<Epoch>,
}

impl EmbeddedWriter {
    fn resolve(&self, batch: Vec<Outgoing>) -> Result<Vec<(Arc<Topic>, i32, Record)>> {
        let mut known: Option<Arc<Topic>> = None;
        let mut records = Vec::with_capacity(batch.len());
        for outgoing in batch {
            let topic = match known.take() {
                Some(topic) if *topic.name == *outgoing.topic => topic,
                _ => self
                    .store
                    .topic(&outgoing.topic)
                    .ok_or_else(|| Error::UnknownTopic { topic: outgoing.topic.to_string() })?,
            };
            let partition = outgoing.partition(topic.partitions())?;
            if topic.config.compacted && outgoing.record.key.is_none() {
                let reason = format!("topic {} is compacted, so its records need a key", topic.name);
                return Err(Error::InvalidRecord { reason });
            }
            known = Some(Arc::clone(&topic));
            records.push((topic, partition, outgoing.record));
        }
        Ok(records)
    }

    async fn send(&self, batch: Vec<Outgoing>, progress: Vec<(Vec<u8>, i64)>, bytes: usize) -> Result<Vec<i64>> {
        let records = self.resolve(batch)?;
        let room = self.queue.room(bytes).await?;
        let (reply, answer) = oneshot::channel();
        let writer = self.epoch.clone();
        self.queue.send(Command::Append(Append { records, progress, writer, bytes, reply, room }))?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

#[async_trait]
impl Writer for EmbeddedWriter {
    async fn append_with_progress(
        &mut self,
        batch: Vec<Outgoing>,
        progress: Option<(&str, &[GroupOffset])>,
    ) -> Result<Vec<i64>> {
        let started = Instant::now();
        let (records, bytes) = (batch.len(), validate_batch(&batch)?);
        if progress.is_some() && self.epoch.is_none() {
            return Err(Error::InvalidConfig { reason: "a group's offsets need a transactional id".into() });
        }
        let progress = progress.map_or_else(Vec::new, |(group, offsets)| {
            offsets.iter().map(|o| (keys::group(group, &o.topic, o.partition), o.next)).collect()
        });
        let result = self.send(batch, progress, bytes).await;
        telemetry::appended(telemetry::EMBEDDED, records, bytes, started, &result);
        result
    }
}
