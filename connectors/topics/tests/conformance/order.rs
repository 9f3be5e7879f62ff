//! Order within a partition, and which partition a key has.

use std::collections::BTreeMap;

use candleflow_topics::{Outgoing, Record, partition_for};

use crate::support::{T0, both, take, to, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_keeps_the_order_of_its_appends() {
    both(async |t| {
        let topic = t.topic("order", 4).await;
        let mut writer = t.log.writer(None).await.unwrap();
        let mut given: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for round in 0..20 {
            let batch: Vec<_> = (0..52).map(|i| to(&topic, i % 4, format!("{round:02}-{i:02}"))).collect();
            let offsets = writer.append(batch).await.unwrap();
            assert_eq!(offsets.len(), 52);
            offsets.iter().enumerate().for_each(|(i, o)| given.entry(i as i32 % 4).or_default().push(*o));
        }
        let mut reader = t.reader(&topic, 4).await;
        let mut read: BTreeMap<i32, Vec<(i64, String)>> = BTreeMap::new();
        for delivered in take(&mut reader, 1_040).await {
            assert_eq!(*delivered.topic, *topic);
            read.entry(delivered.partition).or_default().push((delivered.offset, value(&delivered)));
        }
        for partition in 0..4 {
            let read = &read[&partition];
            assert_eq!(read.len(), 260, "{}", t.name);
            assert!(read.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{} {partition}", t.name);
            assert_eq!(read.iter().map(|(o, _)| *o).collect::<Vec<_>>(), given[&partition], "{}", t.name);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_choose_their_partition_by_murmur2() {
    both(async |t| {
        let topic = t.topic("keyed", 8).await;
        let mut writer = t.log.writer(None).await.unwrap();
        let keys: Vec<String> = (0..200).map(|i| format!("SYM{i}USDT")).collect();
        let batch = keys.iter().map(|k| Outgoing::keyed(&topic, Record::new(k.clone(), "x", T0))).collect();
        writer.append(batch).await.unwrap();
        let all = t.all(&topic).await;
        assert_eq!(all.len(), 200);
        for delivered in &all {
            let key = delivered.record.key.clone().unwrap();
            assert_eq!(delivered.partition, partition_for(&key, 8), "{}", t.name);
        }
        let used: std::collections::BTreeSet<_> = all.iter().map(|d| d.partition).collect();
        assert_eq!(used.len(), 8, "{}", t.name);
        let keyless = Record { key: None, value: None, headers: Vec::new(), timestamp: T0 };
        let error = writer.append(vec![Outgoing::keyed(&topic, keyless)]).await.unwrap_err();
        assert_eq!(error.fault(), candleflow_topics::Fault::User, "{}: {error}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_partitions_are_read_by_one_reader() {
    both(async |t| {
        let topic = t.topic("wide", 200).await;
        let mut writer = t.log.writer(Some(&t.name("wide-writer"))).await.unwrap();
        for round in 0..3 {
            let batch = (0..200).map(|p| to(&topic, p, format!("{round}-{p}"))).collect();
            writer.append(batch).await.unwrap();
        }
        let mut reader = t.reader(&topic, 200).await;
        // Small batches: no partition starves.
        let mut per_partition = vec![Vec::new(); 200];
        let mut seen = 0;
        while seen < 600 {
            let batch = reader.next_batch(7, crate::support::PATIENCE).await.unwrap();
            assert!((1..=7).contains(&batch.len()), "{}: {}", t.name, batch.len());
            seen += batch.len();
            batch.iter().for_each(|d| per_partition[d.partition as usize].push(value(d)));
        }
        for (partition, values) in per_partition.iter().enumerate() {
            let expected: Vec<_> = (0..3).map(|round| format!("{round}-{partition}")).collect();
            assert_eq!(*values, expected, "{}", t.name);
        }
        assert!(reader.positions().len() == 200);
    })
    .await;
}
