//! The one thread that changes the folder.
//!
//! ```text
//! append, append, fence, append, ...  ──►  groups of appends, one atomic batch and one fsync each  ──►  readers wake
//! ```
//! What waits while the disk works shares the next fsync. Everything that changes anything goes through this queue, so
//! a fence that has been answered is behind every batch that was committed before it, and offsets need no lock.
//! State: the current epoch of every transactional id (in memory: one process owns the folder).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use fjall::PersistMode;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::maintenance::Maintenance;
use super::staging::Staging;
use super::store::{Store, Topic};
use super::{Clock, Durability};
use crate::error::{Error, Result};
use crate::limits;
use crate::log::{Creation, TopicConfig};
use crate::record::Record;
use crate::telemetry;

/// What the thread is asked to do.
pub(super) enum Command {
    Append(Append),
    Fence { id: Arc<str>, reply: oneshot::Sender<u64> },
    Create { name: String, partitions: i32, config: TopicConfig, reply: oneshot::Sender<Result<Creation>> },
    Delete { name: String, reply: oneshot::Sender<Result<bool>> },
    Maintain { reply: oneshot::Sender<Result<usize>> },
    Stop,
}

/// One batch, checked, with its partitions known.
pub(super) struct Append {
    pub(super) records: Vec<(Arc<Topic>, i32, Record)>,
    /// Offsets of a consumer group, as keys of the store.
    pub(super) progress: Vec<(Vec<u8>, i64)>,
    pub(super) writer: Option<Epoch>,
    pub(super) bytes: usize,
    pub(super) reply: oneshot::Sender<Result<Vec<i64>>>,
    /// Held until the batch is committed: the bound on what waits.
    pub(super) room: OwnedSemaphorePermit,
}

/// A transactional writer's claim to its id.
#[derive(Debug, Clone)]
pub(super) struct Epoch {
    pub(super) id: Arc<str>,
    pub(super) number: u64,
}

pub(super) struct Committer {
    store: Arc<Store>,
    commands: Receiver<Command>,
    durability: Durability,
    clock: Clock,
    epochs: HashMap<Arc<str>, u64>,
    maintenance: Maintenance,
    maintained: Instant,
}

impl Committer {
    pub(super) fn new(store: Arc<Store>, commands: Receiver<Command>, durability: Durability, clock: Clock) -> Self {
        let (epochs, maintenance) = (HashMap::new(), Maintenance::default());
        Self { store, commands, durability, clock, epochs, maintenance, maintained: Instant::now() }
    }

    /// Runs until told to stop or until nobody can ask any more.
    pub(super) fn run(mut self) {
        loop {
            let wait = match self.maintenance.more {
                true => Duration::ZERO,
                false => limits::MAINTENANCE_EVERY.saturating_sub(self.maintained.elapsed()),
            };
            match self.commands.recv_timeout(wait) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Command::Append(first)) => {
                    if !self.appends(first) {
                        break;
                    }
                }
                Ok(other) => self.handle(other),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // A step that left something over is followed by another, one after each commit: retention keeps up with
            // whoever appends.
            if self.maintenance.more || self.maintained.elapsed() >= limits::MAINTENANCE_EVERY {
                if let Err(error) = self.maintain() {
                    tracing::error!(%error, "retention of the embedded log failed");
                    self.maintenance.more = false;
                }
                self.maintained = Instant::now();
            }
        }
        self.store.close();
    }

    /// Commits `first` with what else waits; false if told to stop.
    fn appends(&mut self, first: Append) -> bool {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        let mut then = None;
        while bytes < limits::GROUP_BYTES {
            match self.commands.try_recv() {
                Ok(Command::Append(next)) => {
                    bytes += next.bytes;
                    group.push(next);
                }
                Ok(other) => {
                    then = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        self.commit(group);
        match then {
            Some(Command::Stop) => return false,
            Some(other) => self.handle(other),
            None => {}
        }
        true
    }

    fn handle(&mut self, command: Command) {
        // A receiver that is gone has given up waiting: what was done stands, as after a crash of the caller.
        match command {
            Command::Fence { id, reply } => {
                let epoch = self.epochs.entry(id).or_default();
                *epoch += 1;
                let _ = reply.send(*epoch);
            }
            Command::Create { name, partitions, config, reply } => {
                let created = match self.store.topic(&name) {
                    Some(topic) => Ok(Creation::Existed(topic.info())),
                    None => self.store.create(&name, partitions, &config).map(|()| Creation::Created),
                };
                let _ = reply.send(created);
            }
            Command::Delete { name, reply } => {
                let _ = reply.send(self.store.delete(&name));
            }
            Command::Maintain { reply } => {
                let _ = reply.send(self.maintain());
            }
            Command::Append(append) => self.commit(vec![append]),
            Command::Stop => {}
        }
    }

    fn maintain(&mut self) -> Result<usize> {
        self.maintenance.step(&self.store, (self.clock)())
    }

    /// Writes a group of batches as one; each is refused alone, and all fail together if the disk does.
    fn commit(&mut self, group: Vec<Append>) {
        let mut staging = Staging::new(&self.store);
        let mut waiting = Vec::with_capacity(group.len());
        for append in group {
            match self.admit(&append) {
                Ok(()) => {
                    let offsets = staging.add(append.records, append.progress);
                    waiting.push((append.reply, offsets, append.room));
                }
                Err(error) => drop(append.reply.send(Err(error))),
            }
        }
        if waiting.is_empty() {
            return;
        }
        let started = Instant::now();
        let mode = match self.durability {
            Durability::Disk => PersistMode::SyncData,
            Durability::Process => PersistMode::Buffer,
        };
        let committed = staging.commit(mode);
        metrics::counter!(telemetry::COMMITS, "log" => telemetry::EMBEDDED).increment(1);
        metrics::histogram!(telemetry::COMMIT_SECONDS, "log" => telemetry::EMBEDDED)
            .record(started.elapsed().as_secs_f64());
        match committed {
            Ok(()) => waiting.into_iter().for_each(|(reply, offsets, _room)| drop(reply.send(Ok(offsets)))),
            Err(error) => {
                tracing::error!(%error, batches = waiting.len(), "a commit to the embedded log failed");
                let reason = error.to_string();
                for (reply, ..) in waiting {
                    let source = std::io::Error::other(reason.clone());
                    drop(reply.send(Err(Error::Io { action: "commit to the embedded log".into(), source })));
                }
            }
        }
    }

    fn admit(&self, append: &Append) -> Result<()> {
        if let Some(epoch) = &append.writer
            && self.epochs.get(&epoch.id) != Some(&epoch.number)
        {
            return Err(Error::Fenced { transactional_id: epoch.id.to_string() });
        }
        append.records.iter().try_for_each(|(topic, ..)| topic.check_alive())
    }
}
