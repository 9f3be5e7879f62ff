//! Every limit of this crate, with what happens when it is hit.
//!
//! A limit that a caller can hit gives [`crate::Error::TooLarge`] and leaves nothing written. A limit on memory makes
//! the caller wait or ends a batch early; both are counted (`telemetry`).

use std::time::Duration;

/// Records in one `append`. More is an error: split the batch.
pub const MAX_BATCH_RECORDS: usize = 250_000;

/// Bytes of keys, values and headers in one `append`. More is an error: split the batch.
pub const MAX_BATCH_BYTES: usize = 64 << 20;

/// Bytes of one record. More is an error. Topics are created with room for it.
pub const MAX_RECORD_BYTES: usize = 8 << 20;

/// What a record may grow by in Kafka's format (lengths, batch header); room left above [`MAX_RECORD_BYTES`].
pub const RECORD_OVERHEAD_BYTES: usize = 64 << 10;

/// Bytes of one key. More is an error (the store behind the embedded log ends at 64 KiB).
pub const MAX_KEY_BYTES: usize = 32 << 10;

/// Headers of one record. More is an error.
pub const MAX_HEADERS: usize = 256;

/// Partitions of one topic. More is an error.
pub const MAX_PARTITIONS: i32 = 4_096;

/// Characters in a topic's name, as Kafka has it. More is an error.
pub const MAX_TOPIC_NAME: usize = 249;

/// Records that one `next_batch` returns at most, whatever is asked.
pub const MAX_READ_RECORDS: usize = 250_000;

/// Bytes that one `next_batch` returns before it stops collecting; one record above it is still delivered alone.
pub const MAX_READ_BYTES: usize = 32 << 20;

/// Embedded: bytes of one stored chunk of records. A larger record is a chunk of its own.
pub const CHUNK_BYTES: usize = 128 << 10;

/// Embedded: records of one stored chunk.
pub const CHUNK_RECORDS: usize = 4_096;

/// Embedded: bytes that one read takes from the store per partition before it hands them out.
pub const READ_AHEAD_BYTES: usize = 1 << 20;

/// Embedded: bytes of appends that wait for the disk. A further `append` waits.
pub const QUEUE_BYTES: usize = 128 << 20;

/// Embedded: bytes of appends that share one fsync. What waits longer goes with the next.
pub const GROUP_BYTES: usize = 16 << 20;

/// Embedded: chunks that one step of retention or compaction looks at, so that a commit never waits long behind it.
pub const MAINTENANCE_CHUNKS: usize = 256;

/// Embedded: how often retention looks at the topics when nothing else happens.
pub const MAINTENANCE_EVERY: Duration = Duration::from_secs(1);

/// Embedded: how long a compacted topic keeps a tombstone, so that a slow reader learns of the removal.
pub const TOMBSTONE_RETENTION_MS: i64 = 24 * 60 * 60 * 1_000;

/// Embedded: bytes of one topic's memtable before it is written out.
pub const MEMTABLE_BYTES: u64 = 16 << 20;

/// Kafka: records that the client queues at most; a batch larger than the room waits for deliveries.
pub const KAFKA_QUEUE_RECORDS: usize = 500_000;

/// Kafka: KiB that one reader's client fetches ahead.
pub const KAFKA_FETCH_AHEAD_KIB: usize = 64 << 10;

/// Kafka: lines of the C client's log passed on per client in [`LOG_WINDOW`]; the rest is counted.
pub const LOG_LINES: u32 = 5;

/// Kafka: the window of [`LOG_LINES`].
pub const LOG_WINDOW: Duration = Duration::from_secs(10);
