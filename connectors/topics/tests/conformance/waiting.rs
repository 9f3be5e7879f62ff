//! Readers at the end sleep until there is something, and no longer than they are told.

use std::time::{Duration, Instant};

use candleflow_topics::Start;

use crate::support::{PATIENCE, both, to, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_reader_wakes_on_new_data() {
    both(async |t| {
        let topic = t.topic("wake", 4).await;
        let mut writer = t.log.writer(Some(&t.name("waker"))).await.unwrap();
        let starts: Vec<_> = (0..4).map(|p| (p, Start::Latest)).collect();
        let mut reader = t.log.reader(&topic, &starts).await.unwrap();
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 50 {
                let batch = reader.next_batch(100, PATIENCE).await.unwrap();
                seen.extend(batch.iter().map(value));
            }
            seen
        });
        let started = Instant::now();
        for n in 0..50 {
            writer.append(vec![to(&topic, n % 4, format!("{n:02}"))]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut seen = tokio::time::timeout(PATIENCE, reading).await.unwrap().unwrap();
        assert!(started.elapsed() < PATIENCE / 2, "{}: woke by its deadline only", t.name);
        seen.sort();
        assert_eq!(seen, (0..50).map(|n| format!("{n:02}")).collect::<Vec<_>>(), "{}", t.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_told() {
    both(async |t| {
        let topic = t.topic("idle", 1).await;
        let mut reader = t.log.reader(&topic, &[(0, Start::Latest)]).await.unwrap();
        for wait in [0, 120] {
            let (wait, started) = (Duration::from_millis(wait), Instant::now());
            assert_eq!(reader.next_batch(10, wait).await.unwrap(), []);
            let took = started.elapsed();
            assert!(took >= wait && took < wait + PATIENCE / 4, "{}: {took:?}", t.name);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_wait_loses_no_record() {
    both(async |t| {
        let topic = t.topic("cancelled", 2).await;
        let mut reader = t.reader(&topic, 2).await;
        let mut writer = t.log.writer(None).await.unwrap();
        let writing = tokio::spawn(async move {
            for n in 0..200 {
                writer.append(vec![to(&topic, n % 2, format!("{n:03}"))]).await.unwrap();
            }
        });
        let (mut seen, deadline) = (Vec::new(), Instant::now() + PATIENCE);
        while seen.len() < 200 {
            assert!(Instant::now() < deadline, "{}: {} came", t.name, seen.len());
            // Dropped in the middle, again and again.
            let read = reader.next_batch(3, PATIENCE);
            if let Ok(batch) = tokio::time::timeout(Duration::from_micros(300), read).await {
                seen.extend(batch.unwrap().iter().map(value));
            }
        }
        writing.await.unwrap();
        seen.sort();
        assert_eq!(seen, (0..200).map(|n| format!("{n:03}")).collect::<Vec<_>>(), "{}", t.name);
    })
    .await;
}
