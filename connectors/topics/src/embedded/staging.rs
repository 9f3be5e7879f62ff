//! A group of batches on its way to the disk: gives offsets, packs chunks, then writes everything at once.
//!
//! In a compacted topic every record is a chunk of its own, and the record that it replaces goes in the same commit:
//! such a topic never holds two records of a key, at the price of one lookup per record.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use fjall::{OwnedWriteBatch, PersistMode};

use super::chunk::ChunkWriter;
use super::keys;
use super::store::{Stat, Store, Topic};
use crate::error::{Error, Result};
use crate::limits;
use crate::record::Record;
use crate::telemetry;

/// A partition that the group touches.
struct Touched {
    topic: Arc<Topic>,
    partition: i32,
    stat: Stat,
    chunk: Option<ChunkWriter>,
    /// Compacted topics: the records that are still the newest of their keys.
    newest: BTreeMap<i64, Record>,
    by_key: HashMap<Bytes, i64>,
}

pub(super) struct Staging<'a> {
    store: &'a Store,
    batch: OwnedWriteBatch,
    touched: BTreeMap<(u64, i32), Touched>,
}

impl<'a> Staging<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, batch: store.db.batch(), touched: BTreeMap::new() }
    }

    /// Adds one batch and gives its offsets.
    pub(super) fn add(&mut self, records: Vec<(Arc<Topic>, i32, Record)>, progress: Vec<(Vec<u8>, i64)>) -> Vec<i64> {
        let mut offsets = Vec::with_capacity(records.len());
        for (topic, partition, record) in records {
            let touched = self.touched.entry((topic.id, partition)).or_insert_with(|| Touched {
                stat: topic.stat(partition),
                topic,
                partition,
                chunk: None,
                newest: BTreeMap::new(),
                by_key: HashMap::new(),
            });
            let offset = touched.stat.end;
            touched.stat.end += 1;
            offsets.push(offset);
            if touched.topic.config.compacted {
                touched.replace(offset, record);
            } else {
                touched.pack(offset, &record, &mut self.batch);
            }
        }
        for (key, next) in progress {
            self.batch.insert(&self.store.meta, key, next.to_be_bytes());
        }
        offsets
    }

    /// Writes everything, then shows it to readers.
    pub(super) fn commit(mut self, mode: PersistMode) -> Result<()> {
        for touched in self.touched.values_mut() {
            touched.close(&mut self.batch);
            touched.compact(&mut self.batch)?;
            let key = keys::stat(touched.topic.id, touched.partition);
            self.batch.insert(&self.store.meta, key, touched.stat.encode());
        }
        self.batch.durability(Some(mode)).commit().map_err(Error::storage("commit to"))?;
        let mut topics: BTreeMap<u64, Arc<Topic>> = BTreeMap::new();
        for touched in self.touched.into_values() {
            touched.topic.set_stat(touched.partition, touched.stat);
            topics.insert(touched.topic.id, touched.topic);
        }
        for topic in topics.into_values() {
            topic.commits.send_modify(|n| *n += 1);
        }
        Ok(())
    }
}

impl Touched {
    fn pack(&mut self, offset: i64, record: &Record, batch: &mut OwnedWriteBatch) {
        let chunk = self.chunk.get_or_insert_with(|| ChunkWriter::new(offset));
        let full = chunk.count() >= limits::CHUNK_RECORDS || chunk.bytes() + record.size() > limits::CHUNK_BYTES;
        if full && chunk.count() > 0 {
            self.close(batch);
        }
        self.chunk.get_or_insert_with(|| ChunkWriter::new(offset)).push(record);
    }

    fn close(&mut self, batch: &mut OwnedWriteBatch) {
        if let Some(chunk) = self.chunk.take() {
            let last = chunk.last();
            self.insert(last, chunk.finish(), batch);
        }
    }

    fn insert(&mut self, last: i64, chunk: Bytes, batch: &mut OwnedWriteBatch) {
        self.stat.bytes += chunk.len() as u64;
        batch.insert(&self.topic.keyspace, keys::data(self.partition, last), chunk);
    }

    fn replace(&mut self, offset: i64, record: Record) {
        // Writers refuse a record without a key for a compacted topic.
        let key = record.key.clone().unwrap_or_default();
        if let Some(older) = self.by_key.insert(key, offset) {
            self.newest.remove(&older);
        }
        self.newest.insert(offset, record);
    }

    /// Writes the newest records of a compacted topic and removes those that they replace.
    fn compact(&mut self, batch: &mut OwnedWriteBatch) -> Result<()> {
        let mut removed = 0;
        for (offset, record) in std::mem::take(&mut self.newest) {
            let key = record.key.clone().unwrap_or_default();
            let index = keys::index(self.partition, &key);
            let older = self.topic.keyspace.get(&index).map_err(Error::storage("look up a key of"))?;
            if let Some(older) = older.as_deref().and_then(decode_index) {
                removed += 1;
                self.remove(older, batch)?;
            }
            let tombstone = record.value.is_none();
            if tombstone {
                batch.insert(&self.topic.keyspace, keys::tombstone(self.partition, offset), key);
            }
            batch.insert(&self.topic.keyspace, index, encode_index(offset, tombstone));
            let mut chunk = ChunkWriter::new(offset);
            chunk.push(&record);
            self.insert(offset, chunk.finish(), batch);
        }
        metrics::counter!(telemetry::COMPACTED_RECORDS, "log" => telemetry::EMBEDDED).increment(removed);
        Ok(())
    }

    fn remove(&mut self, older: Indexed, batch: &mut OwnedWriteBatch) -> Result<()> {
        let key = keys::data(self.partition, older.offset);
        let size = self.topic.keyspace.size_of(key).map_err(Error::storage("look up a record of"))?;
        self.stat.bytes = self.stat.bytes.saturating_sub(u64::from(size.unwrap_or(0)));
        batch.remove(&self.topic.keyspace, key);
        if older.tombstone {
            batch.remove(&self.topic.keyspace, keys::tombstone(self.partition, older.offset));
        }
        Ok(())
    }
}

/// Where the newest record of a key is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexed {
    pub(super) offset: i64,
    pub(super) tombstone: bool,
}

fn encode_index(offset: i64, tombstone: bool) -> Vec<u8> {
    let mut out = offset.to_be_bytes().to_vec();
    out.push(u8::from(tombstone));
    out
}

pub(super) fn decode_index(bytes: &[u8]) -> Option<Indexed> {
    let offset = i64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
    Some(Indexed { offset, tombstone: bytes.get(8) == Some(&1) })
}
