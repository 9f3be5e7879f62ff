//! A partitioned log behind one trait, with two implementations.
//!
//! ```text
//!   Writer ── append(batch) ──►  topic / partition / offset  ──► next_batch ── Reader
//!                                ├ embedded: one folder, one process (fjall)
//!                                └ kafka:    a cluster (librdkafka)
//! ```
//! Guarantees, the same for both and held by one conformance suite (`tests/conformance`):
//! * offsets of a partition rise; they need not be dense;
//! * a batch of an embedded or a transactional writer is visible as a whole or not at all, over partitions and topics,
//!   and is durable once `append` has returned;
//! * readers see committed records only; the end of a partition is the last stable offset;
//! * a transactional writer fences the one before it that has the same id;
//! * an offset that the topic no longer holds is an error that names the range; nothing is ever reset silently.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> candleflow_topics::Result<()> {
//! # let folder = tempfile::tempdir().map_err(|source| candleflow_topics::Error::Io { action: "".into(), source })?;
//! # let folder = folder.path();
//! use std::{sync::Arc, time::Duration};
//! use candleflow_topics::{Embedded, EmbeddedConfig, Log, Outgoing, Record, Start, TopicConfig};
//!
//! let log = Embedded::open(EmbeddedConfig::new(folder, Arc::new(|| 1_700_000_000_000))).await?;
//! log.create_topic("klines.1m", 4, &TopicConfig::default()).await?;
//! let topic: Arc<str> = "klines.1m".into();
//!
//! let mut writer = log.writer(Some("sync.klines.1m")).await?;
//! let bar = Record::new("BTCUSDT", r#"{"close":"42000.10"}"#, 1_700_000_000_000);
//! let offsets = writer.append(vec![Outgoing::keyed(&topic, bar)]).await?;
//!
//! let partition = candleflow_topics::partition_for(b"BTCUSDT", 4);
//! let mut reader = log.reader("klines.1m", &[(partition, Start::Earliest)]).await?;
//! let bars = reader.next_batch(100, Duration::from_secs(1)).await?;
//! assert_eq!((bars.len(), bars[0].offset), (1, offsets[0]));
//! # Ok(())
//! # }
//! ```
//!
//! The crate moves bytes. It knows neither rows nor JSON, takes the wall clock from its caller, and never subscribes:
//! who reads which partition is decided above it.

mod error;
pub mod limits;
mod log;
mod partitioner;
mod record;
pub mod telemetry;

pub mod embedded;
pub mod kafka;
pub mod klines;
mod read;

pub use embedded::{Embedded, EmbeddedConfig};
pub use error::{Error, Fault, Result};
pub use kafka::{Kafka, KafkaConfig};
pub use log::{Creation, Ends, GroupOffset, Log, Position, Reader, Start, TopicConfig, TopicInfo, Writer};
pub use partitioner::{murmur2, partition_for};
pub use read::{latest_by_key, latest_up_to_now, read_to_end};
pub use record::{Delivered, Outgoing, Record, Route};
