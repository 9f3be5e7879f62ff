//! The embedded log: one folder, owned by one process, with the promises of Kafka's transactions.
//!
//! ```text
//! writers ──► queue ──► committer (one thread) ──► fjall: journal + fsync ──► stats, commit counter ──► readers
//! ```
//! Guarantees: a batch is on disk as a whole or not at all when the process or the machine dies, and is on disk when
//! `append` returns. Offsets are dense, gaps of compaction aside. Readers wait without polling. Retention and the end
//! of tombstones run in small steps beside the commits. It does not replicate, and no second process can open it.

mod chunk;
mod committer;
mod keys;
mod maintenance;
mod queue;
mod reader;
mod staging;
mod store;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::oneshot;

use self::committer::{Command, Committer, Epoch};
use self::queue::Queue;
use self::reader::EmbeddedReader;
use self::store::Store;
use self::writer::EmbeddedWriter;
use crate::error::{Error, Result};
use crate::log::{Creation, Ends, GroupOffset, Log, Reader, Start, TopicConfig, TopicInfo, Writer};

/// Gives the wall clock in milliseconds since 1970; retention asks it.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The machine's end: every commit waits for the disk.
    #[default]
    Disk,
    /// The process's end, `kill -9` included: commits are handed to the operating system. For tests and replays.
    Process,
}

/// How to open an embedded log.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// The folder; created if missing.
    pub folder: PathBuf,
    /// What a commit survives.
    pub durability: Durability,
    /// Bytes of blocks kept in memory for readers that are behind.
    pub cache_bytes: u64,
    /// The wall clock.
    pub clock: Clock,
}

impl EmbeddedConfig {
    /// A log in `folder` with an fsync per commit and 64 MiB of cache.
    pub fn new(folder: impl Into<PathBuf>, clock: Clock) -> Self {
        Self { folder: folder.into(), durability: Durability::Disk, cache_bytes: 64 << 20, clock }
    }
}

impl std::fmt::Debug for EmbeddedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedConfig")
            .field("folder", &self.folder)
            .field("durability", &self.durability)
            .field("cache_bytes", &self.cache_bytes)
            .finish_non_exhaustive()
    }
}

/// An open folder. Dropping it stops the committer; the folder's lock goes with the last reader and writer.
pub struct Embedded {
    folder: PathBuf,
    store: Arc<Store>,
    queue: Queue,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens or creates the folder.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process owns it.
    pub async fn open(config: EmbeddedConfig) -> Result<Self> {
        let opening = move || {
            let store = Arc::new(Store::open(&config.folder, config.cache_bytes)?);
            let (sender, commands) = std::sync::mpsc::channel();
            let committer = Committer::new(Arc::clone(&store), commands, config.durability, config.clock);
            let thread = std::thread::Builder::new()
                .name("topics-commit".into())
                .spawn(move || committer.run())
                .map_err(|source| Error::Io { action: "start the committer of the embedded log".into(), source })?;
            let thread = Mutex::new(Some(thread));
            Ok(Self { folder: config.folder, store, queue: Queue::new(sender), thread })
        };
        tokio::task::spawn_blocking(opening).await.map_err(|_| Error::Closed)?
    }

    /// Runs one bounded step of retention now and gives how many chunks went; for tests and for whoever needs room.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn maintain(&self) -> Result<usize> {
        self.ask(|reply| Command::Maintain { reply }).await?
    }

    fn stop(&self) {
        // An error means that it has stopped already.
        let _ = self.queue.send(Command::Stop);
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(command(reply))?;
        answer.await.map_err(|_| Error::Closed)
    }

    fn find(&self, topic: &str) -> Result<Arc<store::Topic>> {
        self.store.topic(topic).ok_or_else(|| Error::UnknownTopic { topic: topic.to_owned() })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[async_trait]
impl Log for Embedded {
    async fn create_topic(&self, name: &str, partitions: i32, config: &TopicConfig) -> Result<Creation> {
        config.validate(name, partitions)?;
        let (name, config) = (name.to_owned(), config.clone());
        self.ask(|reply| Command::Create { name, partitions, config, reply }).await?
    }

    async fn list_topics(&self) -> Result<Vec<TopicInfo>> {
        Ok(self.store.topics().iter().map(|t| t.info()).collect())
    }

    async fn topic(&self, name: &str) -> Result<Option<TopicInfo>> {
        Ok(self.store.topic(name).map(|t| t.info()))
    }

    async fn delete_topic(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.ask(|reply| Command::Delete { name, reply }).await?
    }

    async fn writer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Writer>> {
        let epoch = match transactional_id {
            None => None,
            Some(id) => {
                let id: Arc<str> = id.into();
                let number = self.ask(|reply| Command::Fence { id: Arc::clone(&id), reply }).await?;
                Some(Epoch { id, number })
            }
        };
        Ok(Box::new(EmbeddedWriter { store: Arc::clone(&self.store), queue: self.queue.clone(), epoch }))
    }

    async fn reader(&self, topic: &str, partitions: &[(i32, Start)]) -> Result<Box<dyn Reader>> {
        Ok(Box::new(EmbeddedReader::new(self.find(topic)?, partitions)?))
    }

    async fn ends(&self, topic: &str, partition: i32) -> Result<Ends> {
        let topic = self.find(topic)?;
        topic.check(partition)?;
        Ok(topic.ends(partition))
    }

    /// Commits what waits and stops. The folder is free once the log, its readers and its writers are dropped.
    async fn close(&self) {
        self.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Joined off the runtime: the last commit may still wait for the disk. A committer that panicked has said so.
        let _ = tokio::task::spawn_blocking(move || thread.map(JoinHandle::join)).await;
    }

    async fn group_offsets(&self, group: &str, topic: &str) -> Result<Vec<GroupOffset>> {
        let mut out = Vec::new();
        let prefix = keys::groups(group, topic);
        for entry in self.store.meta.prefix(&prefix) {
            let (key, value) = entry.into_inner().map_err(Error::storage("read a group's offsets in"))?;
            let partition = key[prefix.len()..].try_into().map(i32::from_be_bytes);
            let next = value.as_ref().try_into().map(i64::from_be_bytes);
            let (Ok(partition), Ok(next)) = (partition, next) else {
                let place = format!("group {group} topic {topic}");
                return Err(Error::Corrupt { place, reason: "an offset of the wrong length" });
            };
            out.push(GroupOffset { topic: topic.to_owned(), partition, next });
        }
        Ok(out)
    }
}
