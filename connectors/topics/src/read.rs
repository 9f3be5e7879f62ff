//! Reading a topic to its end: what restart needs of a compacted topic. Written once, in terms of the traits.
//!
//! The end that a reader sees lies before the first open transaction, whoever has it. Who must not miss what it wrote before
//! reads up to a mark of its own: [`latest_up_to_now`]. Keeps no state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::limits;
use crate::log::{Log, Start, Writer};
use crate::record::{Delivered, Outgoing, Record};

/// How long nothing may come before reading to the end is given up.
const STALL: Duration = Duration::from_secs(30);

/// How long somebody else's transaction may hide a mark: brokers end one whose client has died after a minute, and look
/// for such every ten seconds.
const HIDDEN: Duration = Duration::from_secs(120);
/// How long one read waits for the mark.
const WAIT: Duration = Duration::from_secs(1);

/// Calls `each` with every record that was committed in `topic` when this was called, partition by partition in order.
///
/// # Errors
/// [`Error::UnknownTopic`], [`Error::Timeout`] after 30 s without a record, and what `each` gives.
pub async fn read_to_end(log: &dyn Log, topic: &str, mut each: impl FnMut(Delivered) -> Result<()>) -> Result<()> {
    let info = log.topic(topic).await?.ok_or_else(|| Error::UnknownTopic { topic: topic.to_owned() })?;
    let starts: Vec<_> = (0..info.partitions).map(|p| (p, Start::Earliest)).collect();
    let mut reader = log.reader(topic, &starts).await?;
    let mut last_record = Instant::now();
    while reader.positions().iter().any(|p| !p.at_end) {
        let records = reader.next_batch(limits::MAX_READ_RECORDS, STALL).await?;
        if !records.is_empty() {
            last_record = Instant::now();
        } else if last_record.elapsed() >= STALL {
            let millis = u64::try_from(STALL.as_millis()).unwrap_or(u64::MAX);
            return Err(Error::Timeout { action: format!("reading topic {topic} to its end"), millis });
        }
        records.into_iter().try_for_each(&mut each)?;
    }
    Ok(())
}

/// The newest value of every key of a topic, removed keys and records without a key aside.
///
/// Meant for compacted topics, whose size is that of the map.
///
/// # Errors
/// As [`read_to_end`].
pub async fn latest_by_key(log: &dyn Log, topic: &str) -> Result<BTreeMap<Bytes, Bytes>> {
    let mut latest = BTreeMap::new();
    read_to_end(log, topic, |delivered| {
        keep(&mut latest, delivered);
        Ok(())
    })
    .await?;
    Ok(latest)
}

/// The same for a topic of one partition, with all that was committed before: what lies behind the beginning of somebody
/// else's open transaction is hidden until that ends, and the end of the topic with it. So `writer`, whose name is `id`,
/// leaves a mark, and this reads up to it.
///
/// # Errors
/// Of the writer and the reader; [`Error::Timeout`] when the mark stays hidden.
pub async fn latest_up_to_now(
    log: &dyn Log,
    writer: &mut dyn Writer,
    topic: &Arc<str>,
    id: &str,
) -> Result<BTreeMap<Bytes, Bytes>> {
    let mark = Record::new(format!("mark/{id}"), "", 1);
    let mark = writer.append(vec![Outgoing::to(topic, 0, mark)]).await?.first().copied().unwrap_or_default();
    let mut reader = log.reader(topic, &[(0, Start::Earliest)]).await?;
    let (mut latest, mut reached, started) = (BTreeMap::new(), false, Instant::now());
    while !reached {
        if started.elapsed() >= HIDDEN {
            let millis = u64::try_from(HIDDEN.as_millis()).unwrap_or(u64::MAX);
            return Err(Error::Timeout {
                action: format!("waiting for an open transaction in {topic} to end"),
                millis,
            });
        }
        for delivered in reader.next_batch(limits::MAX_READ_RECORDS, WAIT).await? {
            reached |= delivered.offset >= mark;
            keep(&mut latest, delivered);
        }
    }
    Ok(latest)
}

fn keep(latest: &mut BTreeMap<Bytes, Bytes>, delivered: Delivered) {
    match (delivered.record.key, delivered.record.value) {
        (Some(key), Some(value)) => {
            // Copied: a value handed out may share memory with its whole batch.
            latest.insert(Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value));
        }
        (Some(key), None) => {
            latest.remove(&key);
        }
        (None, _) => {}
    }
}
