//! Many small records, many writers and readers at once.

use std::collections::BTreeMap;
use std::time::Instant;

use candleflow_topics::{Outgoing, Record};

use crate::support::{T0, both, take, to, value};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_small_records() {
    both(async |t| {
        let topic = t.topic("small", 4).await;
        let mut writer = t.log.writer(Some(&t.name("small-writer"))).await.unwrap();
        let started = Instant::now();
        for batch in 0..20u32 {
            let records = (0..10_000).map(|i| {
                let n = batch * 10_000 + i;
                let key = format!("SYM{}", n % 400);
                Outgoing::keyed(&topic, Record::new(key, n.to_be_bytes().to_vec(), T0 + i64::from(n)))
            });
            writer.append(records.collect()).await.unwrap();
        }
        let written = started.elapsed();
        let mut reader = t.reader(&topic, 4).await;
        let started = Instant::now();
        let all = take(&mut reader, 200_000).await;
        eprintln!("{}: 200,000 records written in {written:?}, read in {:?}", t.name, started.elapsed());
        let mut last: BTreeMap<i32, u32> = BTreeMap::new();
        let mut seen = vec![false; 200_000];
        for d in &all {
            let n = u32::from_be_bytes(d.record.value.as_deref().unwrap().try_into().unwrap());
            assert_eq!(d.record.timestamp, T0 + i64::from(n));
            assert!(last.insert(d.partition, n).is_none_or(|before| before < n), "{}: order", t.name);
            assert!(!std::mem::replace(&mut seen[n as usize], true), "{}: twice", t.name);
        }
        assert!(seen.iter().all(|s| *s), "{}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_and_readers_see_one_order() {
    both(async |t| {
        let topic = t.topic("crowd", 3).await;
        let mut tasks = Vec::new();
        for writer in 0..4 {
            let (topic, id) = (topic.clone(), t.name(&format!("crowd-{writer}")));
            // Two with transactions, two without.
            let mut log = t.log.writer((writer % 2 == 0).then_some(&*id)).await.unwrap();
            tasks.push(tokio::spawn(async move {
                for n in 0..50 {
                    let batch = (0..6).map(|i| to(&topic, i % 3, format!("{writer}-{n:03}-{i}"))).collect();
                    log.append(batch).await.unwrap();
                }
            }));
        }
        let mut readers = Vec::new();
        for _ in 0..3 {
            let mut reader = t.reader(&topic, 3).await;
            readers.push(tokio::spawn(async move { take(&mut reader, 1_200).await }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let mut orders = Vec::new();
        for reader in readers {
            let mut per_partition: BTreeMap<i32, Vec<(i64, String)>> = BTreeMap::new();
            for d in reader.await.unwrap() {
                per_partition.entry(d.partition).or_default().push((d.offset, value(&d)));
            }
            orders.push(per_partition);
        }
        assert!(orders.windows(2).all(|w| w[0] == w[1]), "{}: readers disagree", t.name);
        for read in orders[0].values() {
            assert_eq!(read.len(), 400, "{}", t.name);
            assert!(read.is_sorted_by(|a, b| a.0 < b.0));
            // Each writer's own order holds within what all wrote.
            for writer in 0..4 {
                let own: Vec<_> = read.iter().filter(|(_, v)| v.starts_with(&format!("{writer}-"))).collect();
                assert!(own.is_sorted_by(|a, b| a.1 < b.1), "{}", t.name);
            }
        }
    })
    .await;
}
