//! Which topic it is: a name may be given to another one tomorrow, with offsets that mean something else.
//!
//! The id lies in the log itself, beside the progress of `sync`, and goes with it. What is recorded elsewhere about places
//! in a topic (how far the lake has copied it, where a job began) names the id.

use super::sync::PROGRESS;
use candleflow_schema::{Clock, SystemClock};
use candleflow_topics::{Log, Outgoing, Record, TopicConfig, latest_by_key, latest_up_to_now};
use std::sync::Arc;

fn key(topic: &str) -> String {
    format!("id/{topic}")
}

/// The id of a topic; `None` when nobody has given it one.
pub(crate) async fn of(log: &dyn Log, topic: &str) -> anyhow::Result<Option<String>> {
    if log.topic(PROGRESS).await?.is_none() {
        return Ok(None);
    }
    let latest = latest_by_key(log, PROGRESS).await?;
    Ok(latest.get(key(topic).as_bytes()).map(|id| String::from_utf8_lossy(id).into_owned()))
}

/// The id of a topic that this process writes: given now if it has none. Fences other writers of the topic.
pub(crate) async fn of_own(log: &Arc<dyn Log>, topic: &str) -> anyhow::Result<String> {
    log.create_topic(PROGRESS, 1, &TopicConfig::compacted()).await?;
    let name = writer_of(topic);
    let mut writer = log.writer(Some(&name)).await?;
    let known = latest_up_to_now(&**log, &mut *writer, &PROGRESS.into(), &name).await?;
    if let Some(id) = known.get(key(topic).as_bytes()) {
        return Ok(String::from_utf8_lossy(id).into_owned());
    }
    let now = SystemClock.now();
    let id = blake3::hash(format!("{topic}/{now}/{}", std::process::id()).as_bytes()).to_hex()[..16].to_owned();
    let record = Record::new(key(topic), id.clone().into_bytes(), (now / 1_000).max(1));
    writer.append(vec![Outgoing::to(&PROGRESS.into(), 0, record)]).await?;
    Ok(id)
}

/// The transactional id of whoever writes a topic of bars.
pub(crate) fn writer_of(topic: &str) -> String {
    format!("sync.{topic}")
}

/// Forgets a topic that is to be deleted: its id, and how far its symbols were known.
pub(crate) async fn forget(log: &Arc<dyn Log>, topic: &str) -> anyhow::Result<()> {
    if log.topic(PROGRESS).await?.is_none() {
        return Ok(());
    }
    let name = writer_of(topic);
    let mut writer = log.writer(Some(&name)).await?;
    let symbols = format!("{topic}/");
    let timestamp = (SystemClock.now() / 1_000).max(1);
    let known = latest_up_to_now(&**log, &mut *writer, &PROGRESS.into(), &name).await?;
    let of_topic = |k: &bytes::Bytes| *k == key(topic).as_bytes() || k.starts_with(symbols.as_bytes());
    let gone: Vec<_> = known
        .into_keys()
        .filter(of_topic)
        .map(|key| Outgoing::to(&PROGRESS.into(), 0, Record::tombstone(key, timestamp)))
        .collect();
    if !gone.is_empty() {
        writer.append(gone).await?;
    }
    Ok(())
}
