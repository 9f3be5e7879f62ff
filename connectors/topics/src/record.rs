//! What a topic holds: key, value, headers and time, all of them bytes to this crate.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::limits;

/// One record. A value of `None` is a tombstone: in a compacted topic it removes the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The key; records of one key share a partition when routed by [`Route::Key`].
    pub key: Option<Bytes>,
    /// The value; `Some` of nothing and `None` are two different things.
    pub value: Option<Bytes>,
    /// Headers in order; names may repeat.
    pub headers: Vec<(String, Bytes)>,
    /// Milliseconds since 1970, above zero.
    pub timestamp: i64,
}

impl Record {
    /// A record with key and value and no headers.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>, timestamp: i64) -> Self {
        Self { key: Some(key.into()), value: Some(value.into()), headers: Vec::new(), timestamp }
    }

    /// A record that removes `key` from a compacted topic.
    pub fn tombstone(key: impl Into<Bytes>, timestamp: i64) -> Self {
        Self { key: Some(key.into()), value: None, headers: Vec::new(), timestamp }
    }

    /// The same record with one header more.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Bytes of key, value and headers.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, Bytes::len) + self.value.as_ref().map_or(0, Bytes::len) + headers
    }

    /// Every precondition on a record, checked before any of its batch is written.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.timestamp <= 0 {
            return Err(Error::InvalidRecord { reason: format!("timestamp {} is not above zero", self.timestamp) });
        }
        let key = self.key.as_ref().map_or(0, Bytes::len);
        if key > limits::MAX_KEY_BYTES {
            return Err(Error::TooLarge { what: "bytes in a key", limit: limits::MAX_KEY_BYTES, got: key });
        }
        if self.headers.len() > limits::MAX_HEADERS {
            let got = self.headers.len();
            return Err(Error::TooLarge { what: "headers in a record", limit: limits::MAX_HEADERS, got });
        }
        if self.headers.iter().any(|(name, _)| name.contains('\0')) {
            return Err(Error::InvalidRecord { reason: "a header's name contains a zero byte".into() });
        }
        let size = self.size();
        if size > limits::MAX_RECORD_BYTES {
            return Err(Error::TooLarge { what: "bytes in a record", limit: limits::MAX_RECORD_BYTES, got: size });
        }
        Ok(())
    }
}

/// Where in a topic a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To the partition that the key's hash names; the record must have a key.
    Key,
    /// To this partition.
    Partition(i32),
}

/// One record on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic; share one `Arc` among the records of a batch.
    pub topic: Arc<str>,
    /// How the partition is chosen.
    pub route: Route,
    /// The record.
    pub record: Record,
}

impl Outgoing {
    /// A record routed by its key.
    pub fn keyed(topic: &Arc<str>, record: Record) -> Self {
        Self { topic: Arc::clone(topic), route: Route::Key, record }
    }

    /// A record for a given partition.
    pub fn to(topic: &Arc<str>, partition: i32, record: Record) -> Self {
        Self { topic: Arc::clone(topic), route: Route::Partition(partition), record }
    }

    /// The partition of this record in a topic of `partitions`.
    pub(crate) fn partition(&self, partitions: i32) -> Result<i32> {
        match (self.route, &self.record.key) {
            (Route::Key, Some(key)) => Ok(crate::partition_for(key, partitions)),
            (Route::Key, None) => Err(Error::InvalidRecord {
                reason: format!("a record for topic {} routed by key has none", self.topic),
            }),
            (Route::Partition(p), _) if (0..partitions).contains(&p) => Ok(p),
            (Route::Partition(partition), _) => {
                Err(Error::UnknownPartition { topic: self.topic.to_string(), partition, partitions })
            }
        }
    }
}

/// Checks a whole batch before any of it is written; gives its bytes.
pub(crate) fn validate_batch(batch: &[Outgoing]) -> Result<usize> {
    if batch.len() > limits::MAX_BATCH_RECORDS {
        let (limit, got) = (limits::MAX_BATCH_RECORDS, batch.len());
        return Err(Error::TooLarge { what: "records in a batch", limit, got });
    }
    let mut bytes = 0;
    for outgoing in batch {
        outgoing.record.validate()?;
        bytes += outgoing.record.size();
    }
    if bytes > limits::MAX_BATCH_BYTES {
        return Err(Error::TooLarge { what: "bytes in a batch", limit: limits::MAX_BATCH_BYTES, got: bytes });
    }
    Ok(bytes)
}

/// One record as a reader hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The place in the partition.
    pub offset: i64,
    /// The record.
    pub record: Record,
}
