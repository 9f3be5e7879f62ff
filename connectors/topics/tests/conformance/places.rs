//! Where a reader begins, and what a partition says it holds.

use std::time::Duration;

use candleflow_topics::{Ends, Error, Fault, Outgoing, Record, Start};

use crate::support::{PATIENCE, T0, both, take, to, value};

#[tokio::test(flavor = "multi_thread")]
async fn readers_begin_where_they_are_told() {
    both(async |t| {
        let topic = t.topic("places", 2).await;
        assert_eq!(t.log.ends(&topic, 0).await.unwrap(), Ends { first: 0, end: 0 });
        let mut writer = t.log.writer(None).await.unwrap();
        let offsets = writer.append((0..100).map(|i| to(&topic, 0, format!("{i:02}"))).collect()).await.unwrap();
        assert_eq!(offsets, (0..100).collect::<Vec<i64>>(), "{}", t.name);
        assert_eq!(t.log.ends(&topic, 0).await.unwrap(), Ends { first: 0, end: 100 }, "{}", t.name);
        let mut reader = t.log.reader(&topic, &[(0, Start::Offset(42))]).await.unwrap();
        let read = take(&mut reader, 58).await;
        assert_eq!((read[0].offset, value(&read[0])), (42, "42".to_owned()), "{}", t.name);
        assert_eq!(value(&read[57]), "99");
        let positions = reader.positions();
        assert_eq!((positions[0].partition, positions[0].next, positions[0].at_end), (0, 100, true), "{}", t.name);
        // From the end, from behind the last record, and both partitions at once.
        let mut latest = t.log.reader(&topic, &[(0, Start::Latest), (1, Start::Earliest)]).await.unwrap();
        let mut behind = t.log.reader(&topic, &[(0, Start::Offset(100))]).await.unwrap();
        assert_eq!(latest.next_batch(10, Duration::from_millis(50)).await.unwrap(), []);
        writer.append(vec![to(&topic, 0, "new"), to(&topic, 1, "new")]).await.unwrap();
        assert_eq!(take(&mut latest, 2).await.len(), 2);
        assert_eq!(take(&mut behind, 1).await[0].offset, 100, "{}", t.name);
        let positions: Vec<_> = latest.positions().iter().map(|p| (p.partition, p.next)).collect();
        assert_eq!(positions, [(0, 101), (1, 1)], "{}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_from_its_positions() {
    both(async |t| {
        let topic = t.topic("resume", 3).await;
        let mut writer = t.log.writer(Some(&t.name("resume-writer"))).await.unwrap();
        for round in 0..10 {
            writer.append((0..30).map(|i| to(&topic, i % 3, format!("{round}-{i:02}"))).collect()).await.unwrap();
        }
        let mut starts: Vec<_> = (0..3).map(|p| (p, Start::Earliest)).collect();
        let mut seen = Vec::new();
        while seen.len() < 300 {
            let mut reader = t.log.reader(&topic, &starts).await.unwrap();
            let batch = reader.next_batch(37, PATIENCE).await.unwrap();
            seen.extend(batch.iter().map(value));
            starts = reader.positions().iter().map(|p| (p.partition, Start::Offset(p.next))).collect();
        }
        let mut reader = t.log.reader(&topic, &starts).await.unwrap();
        if reader.positions().iter().any(|p| !p.at_end) {
            assert_eq!(reader.next_batch(10, PATIENCE).await.unwrap(), [], "{}", t.name);
        }
        // Behind the last record there may be markers; the position of a reader at the end is the end.
        assert!(reader.positions().iter().all(|p| p.at_end), "{}", t.name);
        for position in reader.positions() {
            let ends = t.log.ends(&topic, position.partition).await.unwrap();
            assert_eq!(position.next, ends.end, "{}", t.name);
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 300, "{}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_beyond_the_end_is_an_error_with_the_range() {
    both(async |t| {
        let topic = t.topic("beyond", 2).await;
        let mut writer = t.log.writer(None).await.unwrap();
        writer.append(vec![Outgoing::to(&topic, 1, Record::new("k", "v", T0))]).await.unwrap();
        for asked in [2, 1_000_000, -1] {
            let error = t.log.reader(&topic, &[(0, Start::Earliest), (1, Start::Offset(asked))]).await.err().unwrap();
            let Error::OffsetOutOfRange { topic: named, partition: 1, asked: a, first: 0, end: 1 } = &error else {
                panic!("{}: {error}", t.name)
            };
            assert_eq!((&**named, *a), (&*topic, asked), "{}", t.name);
            assert_eq!((error.fault(), error.retryable()), (Fault::User, false));
        }
        for wrong in [&[][..], &[(0, Start::Earliest), (0, Start::Latest)]] {
            let error = t.log.reader(&topic, wrong).await.err().unwrap();
            assert!(matches!(error, Error::InvalidConfig { .. }), "{}: {error}", t.name);
        }
        let error = t.log.reader(&topic, &[(2, Start::Earliest)]).await.err().unwrap();
        assert!(matches!(error, Error::UnknownPartition { partition: 2, partitions: 2, .. }), "{}: {error}", t.name);
    })
    .await;
}
