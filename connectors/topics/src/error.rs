//! What can go wrong, whose fault it is, and whether a retry is worth it.

use std::path::PathBuf;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller's or the configuration's: asking again gives the same answer.
    User,
    /// Something outside: disk, network, broker, another process.
    External,
    /// This program's.
    Internal,
}

/// An error of a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The topic does not exist.
    #[error("topic {topic} does not exist; create it first")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// The topic has fewer partitions.
    #[error("topic {topic} has {partitions} partitions, there is no partition {partition}")]
    UnknownPartition {
        /// Its name.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// How many there are.
        partitions: i32,
    },
    /// The topic does not hold this offset (any more).
    #[error("topic {topic} partition {partition} does not hold offset {asked}, it holds {first} to {end} (exclusive)")]
    OffsetOutOfRange {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset asked for.
        asked: i64,
        /// The first offset that is held.
        first: i64,
        /// The last stable offset: the first that a reader cannot have yet.
        end: i64,
    },
    /// A newer writer has taken over the transactional id. This writer is finished; its open batch is not visible.
    #[error("a newer writer has taken over the transactional id {transactional_id}")]
    Fenced {
        /// The id.
        transactional_id: String,
    },
    /// A limit of [`crate::limits`].
    #[error("{got} {what} exceed the limit of {limit}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
        /// How much there was.
        got: usize,
    },
    /// A topic's name or configuration that no log accepts.
    #[error("topic {topic:?} cannot be created: {reason}")]
    InvalidTopic {
        /// The name.
        topic: String,
        /// Why.
        reason: String,
    },
    /// A setting that does not fit.
    #[error("invalid setting of the log: {reason}")]
    InvalidConfig {
        /// Why.
        reason: String,
    },
    /// A record that no log accepts.
    #[error("invalid record: {reason}")]
    InvalidRecord {
        /// Why.
        reason: String,
    },
    /// Another process owns the folder of the embedded log.
    #[error(
        "the embedded log in {} is in use by another process; one process at a time owns it, so stop that one or work through it",
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The log was closed while in use.
    #[error("the log is closed")]
    Closed,
    /// The store behind the embedded log failed.
    #[error("could not {action} the embedded log")]
    Storage {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        source: fjall::Error,
    },
    /// The disk failed outside the store.
    #[error("could not {action}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The embedded log holds bytes that it did not write.
    #[error("the embedded log is corrupt at {place}: {reason}")]
    Corrupt {
        /// Where.
        place: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Kafka or its client refused.
    #[error("kafka: could not {action}: {reason}")]
    Kafka {
        /// What was attempted.
        action: String,
        /// The client's words, with its code.
        reason: String,
        /// Whose fault.
        fault: Fault,
        /// Whether to try again.
        retryable: bool,
    },
    /// Nothing happened for too long.
    #[error("{action} did not finish within {millis} ms")]
    Timeout {
        /// What was attempted.
        action: String,
        /// How long.
        millis: u64,
    },
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::UnknownTopic { .. }
            | Self::UnknownPartition { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::TooLarge { .. }
            | Self::InvalidTopic { .. }
            | Self::InvalidConfig { .. }
            | Self::InvalidRecord { .. }
            | Self::Locked { .. } => Fault::User,
            Self::Fenced { .. } | Self::Storage { .. } | Self::Io { .. } | Self::Timeout { .. } => Fault::External,
            Self::Closed | Self::Corrupt { .. } => Fault::Internal,
            Self::Kafka { fault, .. } => *fault,
        }
    }

    /// Whether the same call may succeed later. After a failed transactional `append` that is retryable, nothing of
    /// the batch is visible and the writer can be used again.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Kafka { retryable, .. } => *retryable,
            _ => false,
        }
    }

    pub(crate) fn storage(action: &'static str) -> impl FnOnce(fjall::Error) -> Self {
        move |source| Self::Storage { action, source }
    }
}
