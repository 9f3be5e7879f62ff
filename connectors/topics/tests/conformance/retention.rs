//! Old records go, and whoever asks for them is told what there is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use candleflow_topics::{Ends, Error, Outgoing, Record, Start, TopicConfig, limits};

use crate::support::{T0, both, embedded, eventually, take, to, value};

/// Now, for a broker, whose clock is not ours.
fn now() -> i64 {
    let output = std::process::Command::new("date").arg("+%s").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse::<i64>().unwrap() * 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_by_age() {
    both(async |t| {
        let hour = 3_600_000;
        let topic = t.topic_with("aged", 2, &TopicConfig { retention_ms: Some(hour), ..TopicConfig::default() }).await;
        let now = now();
        t.clock.store(now, Ordering::Relaxed);
        // Not a transaction: its marker would carry the broker's time and keep the segment.
        let mut writer = t.log.writer(None).await.unwrap();
        let aged = |text: &str, at| Outgoing::to(&topic, 0, Record::new("k", text.to_owned(), at));
        for n in 0..10 {
            writer.append(vec![aged(&format!("old {n}"), now - 2 * hour)]).await.unwrap();
        }
        writer.append(vec![to(&topic, 1, "elsewhere")]).await.unwrap();
        eventually("old records go", async || t.log.ends(&topic, 0).await.unwrap().first >= 10).await;
        writer.append(vec![aged("young", now)]).await.unwrap();
        assert_eq!(t.values(&topic).await.last().map(String::as_str), Some("young"), "{}", t.name);
        let ends = t.log.ends(&topic, 0).await.unwrap();
        assert!(ends.first >= 10 && ends.end > ends.first, "{}: {ends:?}", t.name);
        let error = t.log.reader(&topic, &[(0, Start::Offset(3))]).await.err().unwrap();
        let Error::OffsetOutOfRange { partition: 0, asked: 3, first, end, .. } = error else {
            panic!("{}: {error}", t.name)
        };
        assert_eq!(Ends { first, end }, ends, "{}", t.name);
        assert!(error.to_string().contains(&*topic), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_by_size() {
    both(async |t| {
        let keep = 20u64 << 20;
        let topic =
            t.topic_with("sized", 1, &TopicConfig { retention_bytes: Some(keep), ..TopicConfig::default() }).await;
        let mut writer = t.log.writer(None).await.unwrap();
        // A reader that is at the beginning when the beginning goes.
        let mut slow = t.log.reader(&topic, &[(0, Start::Earliest)]).await.unwrap();
        writer.append(vec![to(&topic, 0, "first")]).await.unwrap();
        assert_eq!(value(&take(&mut slow, 1).await[0]), "first");
        let noise: Vec<u8> = (0..1_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for _ in 0..60 {
            writer.append(vec![Outgoing::to(&topic, 0, Record::new("k", noise.clone(), T0))]).await.unwrap();
        }
        eventually("large partitions shrink", async || t.log.ends(&topic, 0).await.unwrap().first > 1).await;
        let ends = t.log.ends(&topic, 0).await.unwrap();
        assert_eq!(ends.end, 61, "{}", t.name);
        let left = t.all(&topic).await;
        let bytes: usize = left.iter().map(|d| d.record.size()).sum();
        assert!(bytes as u64 > keep - (2 << 20), "{}: {bytes} bytes are left", t.name);
        assert!(left.len() < 61 && left.last().unwrap().offset == 60, "{}", t.name);
        drop(slow);
        let error = t.log.reader(&topic, &[(0, Start::Offset(1))]).await.err().unwrap();
        assert!(matches!(error, Error::OffsetOutOfRange { asked: 1, .. }), "{}: {error}", t.name);
    })
    .await;
}

/// A reader that is overtaken by retention learns it, in the embedded log at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_overtaken_reader_learns_what_is_left() {
    let t = embedded().await;
    let log = t.embedded.as_ref().unwrap();
    let topic =
        t.topic_with("overtaken", 1, &TopicConfig { retention_ms: Some(1_000), ..TopicConfig::default() }).await;
    let mut writer = t.log.writer(None).await.unwrap();
    let mut reader = t.reader(&topic, 1).await;
    for n in 0..10 {
        writer.append(vec![Outgoing::to(&topic, 0, Record::new("k", format!("{n}"), T0 + n * 1_000))]).await.unwrap();
    }
    t.clock.store(T0 + 5_500, Ordering::Relaxed);
    assert_eq!(log.maintain().await.unwrap(), 5);
    let error = reader.next_batch(10, Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(error, Error::OffsetOutOfRange { asked: 0, first: 5, end: 10, .. }), "{error}");
    // One that has read is not concerned.
    let mut reader = t.log.reader(&topic, &[(0, Start::Offset(5))]).await.unwrap();
    assert_eq!(take(&mut reader, 5).await.len(), 5);
    t.clock.store(T0 + 60_000, Ordering::Relaxed);
    assert_eq!(log.maintain().await.unwrap(), 5);
    assert_eq!(t.log.ends(&topic, 0).await.unwrap(), Ends { first: 10, end: 10 });
    assert_eq!(reader.next_batch(10, Duration::from_millis(10)).await.unwrap(), []);
    assert_eq!(t.all(&topic).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_retention_is_bounded() {
    let t = embedded().await;
    let log = t.embedded.as_ref().unwrap();
    let config = TopicConfig { retention_ms: Some(1_000), ..TopicConfig::default() };
    let (one, two) = (t.topic_with("one", 2, &config).await, t.topic_with("two", 1, &config).await);
    let mut writers = Vec::new();
    for topic in [&one, &two] {
        for partition in 0..t.log.topic(topic).await.unwrap().unwrap().partitions {
            let (topic, mut writer) = (topic.clone(), t.log.writer(None).await.unwrap());
            writers.push(tokio::spawn(async move {
                for n in 0..400 {
                    writer.append(vec![to(&topic, partition, format!("{n}"))]).await.unwrap();
                }
            }));
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    t.clock.store(T0 + 10_000, Ordering::Relaxed);
    let (mut removed, first) = (0, async |topic: &str, partition| t.log.ends(topic, partition).await.unwrap().first);
    // The committer's own steps take some, too: it goes on by itself while something is left.
    while first(&one, 0).await + first(&one, 1).await + first(&two, 0).await < 1_200 {
        let step = log.maintain().await.unwrap();
        assert!(step <= limits::MAINTENANCE_CHUNKS, "{step}");
        removed += step;
    }
    assert!(removed <= 1_200);
    for (topic, partition) in [(&one, 0), (&one, 1), (&two, 0)] {
        assert_eq!(t.log.ends(topic, partition).await.unwrap(), Ends { first: 400, end: 400 });
    }
}
