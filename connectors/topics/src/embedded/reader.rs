//! Reads chunks ahead from the store, hands out their records, and sleeps on the topic's commit counter at its end.
//!
//! State: per partition the next offset and the chunks read ahead, together at most [`limits::MAX_READ_BYTES`] and a
//! chunk. The store is only touched on a thread for blocking work.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use super::chunk::Chunk;
use super::keys;
use super::store::Topic;
use crate::error::{Error, Result};
use crate::limits;
use crate::log::{Position, Reader, Start, validate_assignment};
use crate::record::Delivered;
use crate::telemetry;

struct Cursor {
    partition: i32,
    next: i64,
    /// The end when the reader was made.
    goal: i64,
    chunks: VecDeque<Chunk>,
}

pub(super) struct EmbeddedReader {
    topic: Arc<Topic>,
    cursors: Vec<Cursor>,
    commits: watch::Receiver<u64>,
    /// Partitions that are not read.
    paused: BTreeSet<i32>,
    /// Which partition goes first, so that a busy one does not starve the others.
    turn: usize,
}

impl EmbeddedReader {
    pub(super) fn new(topic: Arc<Topic>, partitions: &[(i32, Start)]) -> Result<Self> {
        validate_assignment(partitions)?;
        let mut cursors = Vec::with_capacity(partitions.len());
        for (partition, start) in partitions {
            topic.check(*partition)?;
            let ends = topic.ends(*partition);
            let next = match start {
                Start::Earliest => ends.first,
                Start::Latest => ends.end,
                Start::Offset(asked) if (ends.first..=ends.end).contains(asked) => *asked,
                Start::Offset(asked) => return Err(out_of_range(&topic, *partition, *asked)),
            };
            cursors.push(Cursor { partition: *partition, next, goal: ends.end, chunks: VecDeque::new() });
        }
        let commits = topic.commits.subscribe();
        Ok(Self { topic, cursors, commits, paused: BTreeSet::new(), turn: 0 })
    }

    /// Reads ahead for every partition that has committed records and none in memory.
    async fn fill(&mut self) -> Result<()> {
        let count = self.cursors.len();
        let wanted: Vec<Want> = (0..count)
            .map(|i| (self.turn + i) % count)
            .filter(|i| self.cursors[*i].chunks.is_empty() && !self.paused.contains(&self.cursors[*i].partition))
            .map(|i| Want { cursor: i, partition: self.cursors[i].partition, next: self.cursors[i].next })
            .filter(|w| w.next < self.topic.stat(w.partition).end)
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let topic = Arc::clone(&self.topic);
        let read = tokio::task::spawn_blocking(move || read(&topic, wanted)).await.map_err(|_| Error::Closed)??;
        for (cursor, found) in read {
            let cursor = &mut self.cursors[cursor];
            match found {
                Found::Chunks(chunks) => cursor.chunks.extend(chunks),
                // Only compaction leaves nothing before the end.
                Found::NothingBefore(end) => cursor.next = end,
            }
        }
        Ok(())
    }

    fn at_end(&self) -> bool {
        self.cursors.iter().all(|c| c.next >= c.goal)
    }

    fn take(&mut self, max_records: usize) -> Result<Vec<Delivered>> {
        let (mut out, mut bytes) = (Vec::new(), 0);
        let count = self.cursors.len();
        for i in 0..count {
            let cursor = &mut self.cursors[(self.turn + i) % count];
            if self.paused.contains(&cursor.partition) {
                continue;
            }
            while let Some(chunk) = cursor.chunks.front_mut() {
                chunk.skip_to(cursor.next)?;
                let Some((offset, record)) = chunk.read()? else {
                    cursor.chunks.pop_front();
                    continue;
                };
                bytes += record.size();
                cursor.next = offset + 1;
                if chunk.next() == chunk.end() {
                    cursor.chunks.pop_front();
                }
                out.push(Delivered {
                    topic: Arc::clone(&self.topic.name),
                    partition: cursor.partition,
                    offset,
                    record,
                });
                if bytes >= limits::MAX_READ_BYTES {
                    metrics::counter!(telemetry::READ_LIMITED, "log" => telemetry::EMBEDDED).increment(1);
                }
                if out.len() >= max_records || bytes >= limits::MAX_READ_BYTES {
                    self.turn = (self.turn + 1) % count;
                    return Ok(out);
                }
            }
        }
        Ok(out)
    }
}

#[async_trait]
impl Reader for EmbeddedReader {
    async fn next_batch(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Delivered>> {
        let deadline = Instant::now() + max_wait;
        let max_records = max_records.min(limits::MAX_READ_RECORDS);
        loop {
            self.commits.borrow_and_update();
            self.topic.check_alive()?;
            let before = self.at_end();
            self.fill().await?;
            let out = self.take(max_records)?;
            let news = !before && self.at_end();
            if !out.is_empty() || max_records == 0 || news {
                metrics::counter!(telemetry::READ_RECORDS, "log" => telemetry::EMBEDDED).increment(out.len() as u64);
                return Ok(out);
            }
            match tokio::time::timeout_at(deadline, self.commits.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::Closed),
                Err(_) => return Ok(out),
            }
        }
    }

    fn pause(&mut self, partitions: &BTreeSet<i32>) -> Result<()> {
        self.paused.clone_from(partitions);
        Ok(())
    }

    fn positions(&self) -> Vec<Position> {
        let position = |c: &Cursor| Position { partition: c.partition, next: c.next, at_end: c.next >= c.goal };
        self.cursors.iter().map(position).collect()
    }
}

struct Want {
    cursor: usize,
    partition: i32,
    next: i64,
}

enum Found {
    Chunks(Vec<Chunk>),
    NothingBefore(i64),
}

/// Blocking: chunks from `next` on for every partition that wants some.
fn read(topic: &Topic, wanted: Vec<Want>) -> Result<Vec<(usize, Found)>> {
    let mut out = Vec::with_capacity(wanted.len());
    let mut total = 0;
    for Want { cursor, partition, next } in wanted {
        if total >= limits::MAX_READ_BYTES {
            break;
        }
        // The end is taken first: what is read up to it was committed as a whole.
        let end = topic.stat(partition).end;
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        for entry in topic.keyspace.range(keys::data(partition, next)..keys::data(partition, end)) {
            let value = entry.value().map_err(Error::storage("read"))?;
            bytes += value.len();
            chunks.push(Chunk::open(value.into())?);
            if bytes >= limits::READ_AHEAD_BYTES {
                break;
            }
        }
        total += bytes;
        // Retention moves the first offset before it removes anything, so this sees every gap that it made.
        let gap = chunks.first().is_none_or(|c| c.next() > next);
        if gap && topic.stat(partition).first > next {
            return Err(out_of_range(topic, partition, next));
        }
        out.push((cursor, if chunks.is_empty() { Found::NothingBefore(end) } else { Found::Chunks(chunks) }));
    }
    Ok(out)
}

fn out_of_range(topic: &Topic, partition: i32, asked: i64) -> Error {
    metrics::counter!(telemetry::OUT_OF_RANGE, "log" => telemetry::EMBEDDED).increment(1);
    let ends = topic.ends(partition);
    Error::OffsetOutOfRange { topic: topic.name.to_string(), partition, asked, first: ends.first, end: ends.end }
}
