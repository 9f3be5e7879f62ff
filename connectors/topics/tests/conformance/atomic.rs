//! A batch is visible as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use candleflow_topics::{GroupOffset, Outgoing, Record, TopicConfig, limits};

use crate::support::{PATIENCE, T0, both, eventually, to, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_spans_partitions_and_topics_and_progress() {
    both(async |t| {
        let rows = t.topic("rows", 3).await;
        let other = t.topic("other", 1).await;
        let progress = t.topic_with("progress", 1, &TopicConfig::compacted()).await;
        let mut writer = t.log.writer(Some(&t.name("spans"))).await.unwrap();
        for ordinal in 1..=5 {
            let mut batch: Vec<_> = (0..3).map(|p| to(&rows, p, format!("{ordinal}"))).collect();
            batch.push(to(&other, 0, format!("{ordinal}")));
            batch.push(Outgoing::keyed(&progress, Record::new("sink", format!("{ordinal}"), T0)));
            let offsets = writer.append(batch).await.unwrap();
            assert_eq!(offsets.len(), 5);
            assert!(offsets.iter().all(|o| *o >= 0), "{}: {offsets:?}", t.name);
        }
        t.expect_count(&rows, 15).await;
        t.expect(&other, &["1", "2", "3", "4", "5"]).await;
        t.expect_latest(&progress, &BTreeMap::from([("sink".into(), "5".into())])).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_leaves_nothing_and_the_writer_goes_on() {
    both(async |t| {
        let topic = t.topic("refused", 2).await;
        let missing = t.name("nowhere");
        let mut writer = t.log.writer(Some(&t.name("refused-writer"))).await.unwrap();
        writer.append(vec![to(&topic, 0, "before")]).await.unwrap();
        let large = Record::new("k", vec![0; limits::MAX_RECORD_BYTES], T0);
        let untimed = Record::new("k", "v", 0);
        for bad in
            [to(&missing, 0, "x"), to(&topic, 9, "x"), Outgoing::to(&topic, 1, large), Outgoing::to(&topic, 1, untimed)]
        {
            let error = writer.append(vec![to(&topic, 0, "never"), to(&topic, 1, "never"), bad]).await.unwrap_err();
            assert_eq!(error.fault(), candleflow_topics::Fault::User, "{}: {error}", t.name);
        }
        writer.append(vec![to(&topic, 0, "after"), to(&topic, 1, "after")]).await.unwrap();
        t.expect(&topic, &["after", "after", "before"]).await;
        assert_eq!(writer.append(Vec::new()).await.unwrap(), Vec::<i64>::new());
    })
    .await;
}

/// While a writer commits pairs over two topics, whoever reads the second topic first never lacks the first's.
#[tokio::test(flavor = "multi_thread")]
async fn no_half_of_a_batch_is_ever_seen() {
    both(async |t| {
        let (left, right) = (t.topic("left", 1).await, t.topic("right", 1).await);
        let done = Arc::new(AtomicBool::new(false));
        let mut writer = t.log.writer(Some(&t.name("pairs"))).await.unwrap();
        let writing = {
            let (left, right, done) = (Arc::clone(&left), Arc::clone(&right), Arc::clone(&done));
            tokio::spawn(async move {
                for n in 0..60 {
                    writer.append(vec![to(&left, 0, format!("{n}")), to(&right, 0, format!("{n}"))]).await.unwrap();
                }
                done.store(true, Ordering::Release);
            })
        };
        let (mut checks, mut last) = (0, false);
        while !last {
            last = done.load(Ordering::Acquire);
            // What is acknowledged is in both. A batch under way may become visible between the two reads.
            let seen_right = t.all(&right).await.len();
            let seen_left = t.all(&left).await.len();
            assert!(seen_left >= seen_right, "{}: {seen_right} right, then {seen_left} left", t.name);
            checks += 1;
        }
        writing.await.unwrap();
        assert!(checks > 1, "{}", t.name);
        let values = async |topic| -> BTreeSet<String> { t.expect_count(topic, 60).await.iter().map(value).collect() };
        let (left, right) = (values(&left).await, values(&right).await);
        assert_eq!(left, right);
        assert_eq!(left.len(), 60);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_offsets_go_with_the_batch() {
    both(async |t| {
        let (input, output) = (t.topic("input", 3).await, t.topic("output", 1).await);
        let group = t.name("group");
        assert_eq!(t.log.group_offsets(&group, &input).await.unwrap(), []);
        let at = |partition, next| GroupOffset { topic: input.to_string(), partition, next };
        let mut writer = t.log.writer(Some(&t.name("job"))).await.unwrap();
        writer.append_with_progress(vec![to(&output, 0, "a")], Some((&group, &[at(0, 10), at(2, 30)]))).await.unwrap();
        writer.append_with_progress(vec![to(&output, 0, "b")], Some((&group, &[at(0, 11)]))).await.unwrap();
        // Neither a refused batch nor one without a transaction moves them.
        let refused = writer.append_with_progress(vec![to(&output, 7, "c")], Some((&group, &[at(0, 99)]))).await;
        assert!(refused.is_err(), "{}", t.name);
        let mut plain = t.log.writer(None).await.unwrap();
        let refused = plain.append_with_progress(vec![to(&output, 0, "d")], Some((&group, &[at(0, 99)]))).await;
        assert!(refused.is_err(), "{}", t.name);
        t.expect(&output, &["a", "b"]).await;
        eventually("the group's offsets show", async || {
            t.log.group_offsets(&group, &input).await.unwrap() == [at(0, 11), at(2, 30)]
        })
        .await;
    })
    .await;
}

/// An `append` that nobody waits for any more is still a whole batch, or none, and the writer stays usable.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_append_is_whole_or_nothing() {
    both(async |t| {
        let topic = t.topic("dropped", 2).await;
        let mut writer = t.log.writer(Some(&t.name("dropper"))).await.unwrap();
        for n in 0..20 {
            let append = writer.append(vec![to(&topic, 0, format!("{n}")), to(&topic, 1, format!("{n}"))]);
            let _ = tokio::time::timeout(Duration::from_micros(200 * n), append).await;
        }
        tokio::time::timeout(PATIENCE, writer.append(vec![to(&topic, 0, "last"), to(&topic, 1, "last")]))
            .await
            .unwrap()
            .unwrap();
        // A new writer with the id comes behind all that the old one did.
        drop(t.log.writer(Some(&t.name("dropper"))).await.unwrap());
        let all = t.all(&topic).await;
        let of = |partition| -> Vec<String> { all.iter().filter(|d| d.partition == partition).map(value).collect() };
        assert_eq!(of(0), of(1), "{}", t.name);
        assert_eq!(of(0).last().unwrap(), "last", "{}", t.name);
    })
    .await;
}
