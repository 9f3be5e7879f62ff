//! The folder: what is in it, and what this process knows of it in memory.
//!
//! State: the topics, and per partition its [`Stat`]. Only the committer changes either; readers look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use fjall::config::{BlockSizePolicy, FilterPolicy};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::keys;
use crate::error::{Error, Result};
use crate::limits;
use crate::log::{Ends, TopicConfig, TopicInfo};

/// The layout of `keys.rs`.
const FORMAT_VERSION: &[u8] = b"1";

/// What a partition holds. Stored with every commit that changes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stat {
    /// The first offset held.
    pub(super) first: i64,
    /// The next offset to be given.
    pub(super) end: i64,
    /// Bytes of its chunks.
    pub(super) bytes: u64,
    /// The newest time of the oldest chunk, if retention has looked; not stored.
    pub(super) oldest: Option<i64>,
}

impl Stat {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.end.to_be_bytes());
        out.extend_from_slice(&self.bytes.to_be_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok();
        let (first, end) = (i64::from_be_bytes(number(0)?), i64::from_be_bytes(number(8)?));
        Some(Self { first, end, bytes: u64::from_be_bytes(number(16)?), oldest: None })
    }
}

/// A topic as stored under its name.
#[derive(Debug, Serialize, Deserialize)]
struct TopicMeta {
    id: u64,
    partitions: i32,
    config: TopicConfig,
}

/// A topic that is open.
pub(super) struct Topic {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) config: TopicConfig,
    pub(super) keyspace: Keyspace,
    stats: Vec<Mutex<Stat>>,
    /// Counts commits, so that readers who wait at the end wake.
    pub(super) commits: watch::Sender<u64>,
    gone: AtomicBool,
    closed: Arc<AtomicBool>,
}

impl Topic {
    pub(super) fn partitions(&self) -> i32 {
        i32::try_from(self.stats.len()).unwrap_or(i32::MAX)
    }

    /// A partition's stat; the partition must exist.
    pub(super) fn stat(&self, partition: i32) -> Stat {
        *self.slot(partition).lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_stat(&self, partition: i32, stat: Stat) {
        *self.slot(partition).lock().unwrap_or_else(PoisonError::into_inner) = stat;
    }

    /// Refuses a partition that does not exist, and a topic that is gone.
    pub(super) fn check(&self, partition: i32) -> Result<()> {
        self.check_alive()?;
        if (0..self.partitions()).contains(&partition) {
            return Ok(());
        }
        Err(Error::UnknownPartition { topic: self.name.to_string(), partition, partitions: self.partitions() })
    }

    pub(super) fn check_alive(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        if self.gone.load(Ordering::Acquire) {
            return Err(Error::UnknownTopic { topic: self.name.to_string() });
        }
        Ok(())
    }

    pub(super) fn ends(&self, partition: i32) -> Ends {
        let stat = self.stat(partition);
        Ends { first: stat.first, end: stat.end }
    }

    pub(super) fn info(&self) -> TopicInfo {
        TopicInfo { name: self.name.to_string(), partitions: self.partitions(), config: self.config.clone() }
    }

    fn slot(&self, partition: i32) -> &Mutex<Stat> {
        &self.stats[usize::try_from(partition).unwrap_or(usize::MAX)]
    }
}

/// The open folder.
pub(super) struct Store {
    pub(super) db: Database,
    pub(super) meta: Keyspace,
    topics: RwLock<BTreeMap<Arc<str>, Arc<Topic>>>,
    closed: Arc<AtomicBool>,
}

impl Store {
    /// Opens or creates the folder and takes its lock.
    pub(super) fn open(folder: &Path, cache_bytes: u64) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|source| Error::Io {
            action: format!("create the folder {} of the embedded log", folder.display()),
            source,
        })?;
        let db = Database::builder(folder).cache_size(cache_bytes).open().map_err(|e| open_error(folder, e))?;
        let meta = db.keyspace(keys::META, KeyspaceCreateOptions::default).map_err(Error::storage("open"))?;
        match meta.get(keys::FORMAT).map_err(Error::storage("read the format of"))? {
            None => meta.insert(keys::FORMAT, FORMAT_VERSION).map_err(Error::storage("initialise"))?,
            Some(found) if &*found == FORMAT_VERSION => {}
            Some(_) => {
                let reason = format!("{} was written by another version of this program", folder.display());
                return Err(Error::InvalidConfig { reason });
            }
        }
        let store = Self { db, meta, topics: RwLock::default(), closed: Arc::default() };
        store.recover()?;
        Ok(store)
    }

    /// Opens every topic that is recorded, and removes what a crash left of others.
    fn recover(&self) -> Result<()> {
        let mut named = std::collections::BTreeSet::from([keys::META.to_owned()]);
        for entry in self.meta.prefix(keys::TOPIC) {
            let (key, value) = entry.into_inner().map_err(Error::storage("list the topics of"))?;
            let name = String::from_utf8_lossy(&key[keys::TOPIC.len()..]).into_owned();
            let meta: TopicMeta = serde_json::from_slice(&value).map_err(|_| Error::Corrupt {
                place: format!("topic {name}"),
                reason: "its description is not JSON",
            })?;
            let mut stats = Vec::new();
            for partition in 0..meta.partitions {
                let stat = self.meta.get(keys::stat(meta.id, partition)).map_err(Error::storage("read"))?;
                stats.push(match stat {
                    None => Stat::default(),
                    Some(bytes) => Stat::decode(&bytes).ok_or_else(|| Error::Corrupt {
                        place: format!("topic {name} partition {partition}"),
                        reason: "its stat has the wrong length",
                    })?,
                });
            }
            named.insert(keys::keyspace(meta.id));
            self.add(&name, meta, stats)?;
        }
        for left in self.db.list_keyspace_names() {
            let left: &str = &left;
            if !named.contains(left) {
                let keyspace =
                    self.db.keyspace(left, KeyspaceCreateOptions::default).map_err(Error::storage("open"))?;
                self.db.delete_keyspace(keyspace).map_err(Error::storage("tidy"))?;
            }
        }
        Ok(())
    }

    pub(super) fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn topics(&self) -> Vec<Arc<Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Creates a topic; by the committer only, and only if there is none of that name.
    pub(super) fn create(&self, name: &str, partitions: i32, config: &TopicConfig) -> Result<()> {
        let failed = || Error::storage("create a topic in");
        let id = match self.meta.get(keys::NEXT_ID).map_err(failed())? {
            None => 1,
            Some(bytes) => bytes
                .as_ref()
                .try_into()
                .map(u64::from_be_bytes)
                .map_err(|_| Error::Corrupt { place: "the next topic ID".into(), reason: "it has not eight bytes" })?,
        };
        let meta = TopicMeta { id, partitions, config: config.clone() };
        let described = serde_json::to_vec(&meta).map_err(|_| Error::InvalidTopic {
            topic: name.to_owned(),
            reason: "its settings have no JSON form".into(),
        })?;
        // The ID is taken before the keyspace exists: a crash in between leaves an ID unused, never one used twice.
        self.meta.insert(keys::NEXT_ID, (id + 1).to_be_bytes()).map_err(failed())?;
        self.db.persist(PersistMode::SyncData).map_err(failed())?;
        let stats = vec![Stat::default(); usize::try_from(partitions).unwrap_or(0)];
        self.add(name, meta, stats)?;
        self.meta.insert(keys::topic(name), described).map_err(failed())?;
        self.db.persist(PersistMode::SyncData).map_err(failed())
    }

    /// Deletes a topic; by the committer only.
    pub(super) fn delete(&self, name: &str) -> Result<bool> {
        let failed = || Error::storage("delete a topic in");
        let Some(topic) = self.topics.write().unwrap_or_else(PoisonError::into_inner).remove(name) else {
            return Ok(false);
        };
        topic.gone.store(true, Ordering::Release);
        topic.commits.send_modify(|n| *n += 1);
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        batch.remove(&self.meta, keys::topic(name));
        for partition in 0..topic.partitions() {
            batch.remove(&self.meta, keys::stat(topic.id, partition));
        }
        for entry in self.meta.prefix(keys::GROUP) {
            let key = entry.key().map_err(failed())?;
            if keys::is_group_of(&key, name) {
                batch.remove(&self.meta, key);
            }
        }
        batch.commit().map_err(failed())?;
        self.db.delete_keyspace(topic.keyspace.clone()).map_err(failed())?;
        Ok(true)
    }

    /// Tells everybody that the log is closed.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for topic in self.topics() {
            topic.commits.send_modify(|n| *n += 1);
        }
    }

    fn add(&self, name: &str, meta: TopicMeta, stats: Vec<Stat>) -> Result<()> {
        let compacted = meta.config.compacted;
        let keyspace = self
            .db
            .keyspace(&keys::keyspace(meta.id), || keyspace_options(compacted))
            .map_err(Error::storage("open a topic of"))?;
        let topic = Topic {
            id: meta.id,
            name: name.into(),
            config: meta.config,
            keyspace,
            stats: stats.into_iter().map(Mutex::new).collect(),
            commits: watch::Sender::new(0),
            gone: AtomicBool::new(false),
            closed: Arc::clone(&self.closed),
        };
        self.topics.write().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(&topic.name), Arc::new(topic));
        Ok(())
    }
}

/// Streams are only ever scanned: large blocks, no filters. A compacted topic is looked up by key, and a small
/// memtable keeps the trail of replaced records short that a scan has to step over.
fn keyspace_options(compacted: bool) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default();
    if compacted {
        return options.max_memtable_size(limits::MEMTABLE_BYTES / 8);
    }
    options
        .max_memtable_size(limits::MEMTABLE_BYTES)
        .data_block_size_policy(BlockSizePolicy::all(32 << 10))
        .filter_policy(FilterPolicy::disabled())
}

fn open_error(folder: &Path, error: fjall::Error) -> Error {
    match error {
        fjall::Error::Locked => Error::Locked { folder: PathBuf::from(folder) },
        source => Error::Storage { action: "open", source },
    }
}
