//! What topics there are and what they hold, from a log that is at hand.

use crate::exit::usage;
use candleflow_topics::{Log, Start};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Records of one answer, at most.
const MOST: usize = 10_000;
/// How long a read waits for records that are there.
const WAIT: Duration = Duration::from_secs(2);

/// What a partition of a topic holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TopicPart {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) first: i64,
    pub(crate) end: i64,
}

/// A record for people: key and value as text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeekedRecord {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
}

/// All topics with their partitions.
pub(crate) async fn list(log: &Arc<dyn Log>) -> anyhow::Result<Vec<TopicPart>> {
    let mut parts = Vec::new();
    for info in log.list_topics().await? {
        for partition in 0..info.partitions {
            let ends = log.ends(&info.name, partition).await?;
            parts.push(TopicPart { topic: info.name.clone(), partition, first: ends.first, end: ends.end });
        }
    }
    Ok(parts)
}

/// Some records of each partition: the last, or the first.
pub(crate) async fn peek(
    log: &Arc<dyn Log>,
    topic: &str,
    count: usize,
    first: bool,
) -> anyhow::Result<Vec<PeekedRecord>> {
    let known = log.topic(topic).await?.ok_or_else(|| usage(format!("there is no topic {topic}")))?;
    let count = count.min(MOST);
    let mut records = Vec::new();
    for partition in 0..known.partitions {
        let ends = log.ends(topic, partition).await?;
        let mut back = count as i64;
        loop {
            // Markers of transactions take offsets, too: the last records may begin further back than their number.
            let start = if first { ends.first } else { (ends.end - back).max(ends.first) };
            let mut found = read(log, topic, partition, start, if first { count } else { MOST }).await?;
            if found.len() >= count || start == ends.first || back >= MOST as i64 {
                let before = if first { 0 } else { found.len().saturating_sub(count) };
                records.extend(found.drain(before..).take(count));
                break;
            }
            back = (back * 4).min(MOST as i64);
        }
    }
    Ok(records)
}

/// Records of a partition from an offset to its end, at most so many.
async fn read(
    log: &Arc<dyn Log>,
    topic: &str,
    partition: i32,
    start: i64,
    most: usize,
) -> anyhow::Result<Vec<PeekedRecord>> {
    let text = |b: Option<bytes::Bytes>| b.map(|b| String::from_utf8_lossy(&b).into_owned());
    let mut reader = log.reader(topic, &[(partition, Start::Offset(start))]).await?;
    let mut records = Vec::new();
    while records.len() < most && !reader.positions().iter().all(|p| p.at_end) {
        for one in reader.next_batch(most - records.len(), WAIT).await? {
            let (key, value) = (text(one.record.key), text(one.record.value));
            records.push(PeekedRecord { partition, offset: one.offset, key, value });
        }
    }
    Ok(records)
}
