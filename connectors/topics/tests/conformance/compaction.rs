//! Compacted topics: the newest value of every key.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use candleflow_topics::{Error, Fault, Outgoing, Record, Start, TopicConfig, latest_by_key, latest_up_to_now, limits};

use crate::support::{T0, both, embedded, value};

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_value_of_every_key_is_found() {
    both(async |t| {
        let topic = t.topic_with("latest", 3, &TopicConfig::compacted()).await;
        assert_eq!(latest_by_key(&*t.log, &topic).await.unwrap(), BTreeMap::new(), "{}", t.name);
        let mut writer = t.log.writer(Some(&t.name("latest-writer"))).await.unwrap();
        let mut expected = BTreeMap::new();
        for n in 0..300u32 {
            // Several keys per batch, one of them twice.
            let keys = [n % 7, n % 11, 100, n % 7];
            let batch = keys.iter().enumerate().map(|(i, k)| {
                let value = format!("{n}-{i}");
                expected.insert(Bytes::from(format!("k{k}")), Bytes::from(value.clone()));
                Outgoing::keyed(&topic, Record::new(format!("k{k}"), value, T0))
            });
            let batch = batch.collect();
            writer.append(batch).await.unwrap();
        }
        for removed in ["k3", "k100", "never-there"] {
            writer.append(vec![Outgoing::keyed(&topic, Record::tombstone(removed, T0))]).await.unwrap();
            expected.remove(removed.as_bytes());
        }
        writer.append(vec![Outgoing::keyed(&topic, Record::new("empty", "", T0))]).await.unwrap();
        expected.insert("empty".into(), Bytes::new());
        t.expect_latest(&topic, &expected).await;
        let keyless = Record { key: None, value: Some("x".into()), headers: Vec::new(), timestamp: T0 };
        let error = writer.append(vec![Outgoing::to(&topic, 0, keyless)]).await.unwrap_err();
        assert_eq!((error.fault(), error.retryable()), (Fault::User, false), "{}: {error}", t.name);
        assert_eq!(latest_by_key(&*t.log, &topic).await.unwrap(), expected, "{}", t.name);
        let missing = latest_by_key(&*t.log, &t.name("nowhere")).await.unwrap_err();
        assert!(matches!(missing, Error::UnknownTopic { .. }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_a_mark_is_found() {
    both(async |t| {
        let topic = t.topic_with("marked", 1, &TopicConfig::compacted()).await;
        let mut writer = t.log.writer(Some(&t.name("marking"))).await.unwrap();
        for n in 0..20 {
            writer.append(vec![Outgoing::to(&topic, 0, Record::new("k", format!("{n}"), T0))]).await.unwrap();
            let found = latest_up_to_now(&*t.log, &mut *writer, &topic, "marking").await.unwrap();
            assert_eq!(found[&b"k"[..]], format!("{n}"), "{}", t.name);
            assert_eq!(found.len(), 2, "{}: one mark", t.name);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_log_holds_one_record_per_key() {
    let t = embedded().await;
    let topic = t.topic_with("one", 1, &TopicConfig::compacted()).await;
    let mut writer = t.log.writer(None).await.unwrap();
    for n in 0..100 {
        let batch = (0..3).map(|k| Outgoing::keyed(&topic, Record::new(format!("k{k}"), format!("{n}"), T0))).collect();
        writer.append(batch).await.unwrap();
    }
    let all = t.all(&topic).await;
    assert_eq!(all.iter().map(|d| d.offset).collect::<Vec<_>>(), [297, 298, 299]);
    // Offsets that compaction took are not an error: reading goes on with the next that exists.
    let mut reader = t.log.reader(&topic, &[(0, Start::Offset(12))]).await.unwrap();
    assert_eq!(reader.next_batch(10, crate::support::PATIENCE).await.unwrap()[0].offset, 297);
    assert_eq!(t.log.ends(&topic, 0).await.unwrap().end, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn tombstones_of_the_embedded_log_end_after_a_day() {
    let t = embedded().await;
    let log = t.embedded.as_ref().unwrap();
    let topic = t.topic_with("tombs", 1, &TopicConfig::compacted()).await;
    let mut writer = t.log.writer(None).await.unwrap();
    let put = |key: &'static str, at| Outgoing::keyed(&topic, Record::new(key, "v", at));
    let del = |key: &'static str, at| Outgoing::keyed(&topic, Record::tombstone(key, at));
    writer.append(vec![put("a", T0), put("b", T0), put("c", T0)]).await.unwrap();
    writer.append(vec![del("a", T0), del("b", T0 + 5_000), del("c", T0)]).await.unwrap();
    writer.append(vec![put("c", T0)]).await.unwrap();
    assert_eq!(log.maintain().await.unwrap(), 0);
    let texts = async || t.all(&topic).await.iter().map(|d| (d.offset, value(d))).collect::<Vec<_>>();
    assert_eq!(texts().await, [(3, String::new()), (4, String::new()), (6, "v".into())]);
    t.clock.store(T0 + limits::TOMBSTONE_RETENTION_MS + 1, Ordering::Relaxed);
    assert_eq!(log.maintain().await.unwrap(), 1, "a's has expired, b's is five seconds younger, c lives again");
    assert_eq!(texts().await, [(4, String::new()), (6, "v".into())]);
    t.clock.store(T0 + limits::TOMBSTONE_RETENTION_MS + 6_000, Ordering::Relaxed);
    assert_eq!(log.maintain().await.unwrap(), 1);
    assert_eq!(log.maintain().await.unwrap(), 0);
    // The last record of all goes, too; the end stays and readers still reach it.
    writer.append(vec![del("c", T0)]).await.unwrap();
    assert_eq!(log.maintain().await.unwrap(), 1);
    assert_eq!(texts().await, []);
    assert_eq!(t.log.ends(&topic, 0).await.unwrap().end, 8);
    writer.append(vec![put("a", T0)]).await.unwrap();
    assert_eq!(texts().await, [(8, "v".into())]);
}
