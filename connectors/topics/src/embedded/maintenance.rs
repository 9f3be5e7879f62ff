//! Retention and the end of tombstones, a bounded step at a time.
//!
//! A step looks at no more than [`limits::MAINTENANCE_CHUNKS`] chunks and goes on where the last one stopped, so a
//! commit never waits long behind it. A chunk goes when it is too old as a whole, or when the partition would still
//! hold as many bytes as it should without it: what a size promises is kept, at most one chunk more.

use std::sync::Arc;

use fjall::OwnedWriteBatch;

use super::chunk::Chunk;
use super::keys;
use super::store::{Store, Topic};
use crate::error::{Error, Result};
use crate::limits;
use crate::log::TopicConfig;
use crate::telemetry;

/// Where the next step begins.
#[derive(Debug, Default)]
pub(super) struct Maintenance {
    topic: Arc<str>,
    partition: i32,
    /// The last step ended because it had done enough, not because nothing was left.
    pub(super) more: bool,
}

impl Maintenance {
    /// One step at the time `now`; gives how many chunks it removed.
    pub(super) fn step(&mut self, store: &Store, now: i64) -> Result<usize> {
        let topics = store.topics();
        let total: usize = topics.iter().map(|t| t.partitions() as usize).sum();
        let (mut budget, mut removed) = (limits::MAINTENANCE_CHUNKS, 0);
        let mut at = topics.iter().position(|t| *t.name >= *self.topic).unwrap_or(0);
        if topics.get(at).is_none_or(|t| t.name != self.topic) {
            self.partition = 0;
        }
        self.more = false;
        for _ in 0..total {
            let Some(topic) = topics.get(at) else { break };
            if self.partition >= topic.partitions() {
                at = (at + 1) % topics.len();
                self.partition = 0;
            }
            let topic = &topics[at];
            self.topic = Arc::clone(&topic.name);
            let before = budget;
            removed += if topic.config.compacted {
                expire_tombstones(store, topic, self.partition, now, &mut budget)?
            } else {
                retire(store, topic, self.partition, now, &mut budget)?
            };
            if budget == 0 {
                self.more = true;
                // A partition that used up the whole step is looked at again first.
                self.partition += i32::from(before < limits::MAINTENANCE_CHUNKS);
                break;
            }
            self.partition += 1;
        }
        metrics::counter!(telemetry::RETIRED_CHUNKS, "log" => telemetry::EMBEDDED).increment(removed as u64);
        Ok(removed)
    }
}

/// Whether a partition has anything to look at, without touching the disk.
fn due(config: &TopicConfig, stat: &super::store::Stat, now: i64) -> bool {
    let large = config.retention_bytes.is_some_and(|limit| stat.bytes > limit);
    let old = config.retention_ms.is_some_and(|ms| stat.oldest.is_none_or(|t| t < now.saturating_sub(ms)));
    stat.first < stat.end && (large || old)
}

fn retire(store: &Store, topic: &Arc<Topic>, partition: i32, now: i64, budget: &mut usize) -> Result<usize> {
    let mut stat = topic.stat(partition);
    if !due(&topic.config, &stat, now) {
        return Ok(0);
    }
    let mut batch = store.db.batch();
    let mut removed = 0;
    let range = keys::data(partition, stat.first)..=keys::data(partition, i64::MAX);
    let mut chunks = topic.keyspace.range(range);
    loop {
        let Some(entry) = chunks.next() else {
            stat.oldest = None;
            break;
        };
        let (key, value) = entry.into_inner().map_err(Error::storage("read"))?;
        let size = value.len() as u64;
        let chunk = Chunk::open(value.into())?;
        *budget = budget.saturating_sub(1);
        let old = topic.config.retention_ms.is_some_and(|ms| chunk.newest_time() < now.saturating_sub(ms));
        let large = topic.config.retention_bytes.is_some_and(|limit| stat.bytes.saturating_sub(size) >= limit);
        stat.oldest = Some(chunk.newest_time());
        if !old && !large {
            break;
        }
        batch.remove(&topic.keyspace, &*key);
        stat.first = chunk.end();
        stat.bytes = stat.bytes.saturating_sub(size);
        removed += 1;
        if *budget == 0 {
            stat.oldest = None;
            break;
        }
    }
    drop(chunks);
    // Readers learn of the new first offset before its chunks go: they never mistake the gap for the topic's.
    topic.set_stat(partition, stat);
    if removed > 0 {
        finish(store, topic, partition, batch)?;
    }
    Ok(removed)
}

fn expire_tombstones(store: &Store, topic: &Arc<Topic>, partition: i32, now: i64, budget: &mut usize) -> Result<usize> {
    let mut stat = topic.stat(partition);
    let mut batch = store.db.batch();
    let mut removed = 0;
    let range = keys::tombstone(partition, 0)..=keys::tombstone(partition, i64::MAX);
    for entry in topic.keyspace.range(range) {
        if *budget == 0 {
            break;
        }
        *budget -= 1;
        let (mark, key) = entry.into_inner().map_err(Error::storage("read"))?;
        let offset = keys::offset_of(&mark)
            .ok_or_else(|| Error::Corrupt { place: format!("topic {}", topic.name), reason: "a tombstone's key" })?;
        let data = keys::data(partition, offset);
        let Some(chunk) = topic.keyspace.get(data).map_err(Error::storage("read"))? else {
            batch.remove(&topic.keyspace, &*mark);
            continue;
        };
        let size = chunk.len() as u64;
        if Chunk::open(chunk.into())?.newest_time() >= now.saturating_sub(limits::TOMBSTONE_RETENTION_MS) {
            break;
        }
        batch.remove(&topic.keyspace, data);
        batch.remove(&topic.keyspace, keys::index(partition, &key));
        batch.remove(&topic.keyspace, &*mark);
        stat.bytes = stat.bytes.saturating_sub(size);
        removed += 1;
    }
    if removed > 0 {
        topic.set_stat(partition, stat);
        finish(store, topic, partition, batch)?;
    }
    Ok(removed)
}

/// Writes a step without waiting for the disk: a removal that a crash undoes is done again.
fn finish(store: &Store, topic: &Arc<Topic>, partition: i32, mut batch: OwnedWriteBatch) -> Result<()> {
    batch.insert(&store.meta, keys::stat(topic.id, partition), topic.stat(partition).encode());
    batch.commit().map_err(Error::storage("retire records of"))
}
