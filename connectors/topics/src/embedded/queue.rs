//! The way to the committer: unbounded in commands, bounded in the bytes that wait.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::committer::Command;
use crate::error::{Error, Result};
use crate::limits;
use crate::telemetry;

/// Bytes that one permit stands for.
const UNIT: usize = 1 << 10;

#[derive(Clone)]
pub(super) struct Queue {
    commands: Sender<Command>,
    room: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new(commands: Sender<Command>) -> Self {
        Self { commands, room: Arc::new(Semaphore::new(limits::QUEUE_BYTES / UNIT)) }
    }

    /// Waits until a batch of `bytes` fits; the permit is given back when it is dropped.
    pub(super) async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let units = (bytes / UNIT + 1).min(limits::QUEUE_BYTES / UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(units) {
            return Ok(permit);
        }
        metrics::counter!(telemetry::QUEUE_WAITS, "log" => telemetry::EMBEDDED).increment(1);
        Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| Error::Closed)
    }

    pub(super) fn send(&self, command: Command) -> Result<()> {
        self.commands.send(command).map_err(|_| Error::Closed)
    }
}
