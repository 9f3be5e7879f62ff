//! Partitions that are not read for a while, and bars of symbols that are spread unevenly over partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use candleflow_schema::{Bar, Input, Interval, KlineRecord, Merge, Micros, Origin, Source, Symbol};
use candleflow_topics::{Outgoing, Start, klines};

use crate::support::{PATIENCE, Under, both, take, to, value};

#[tokio::test(flavor = "multi_thread")]
async fn paused_partitions_go_on_where_they_were() {
    both(async |t| {
        let topic = t.topic("paused", 3).await;
        let mut writer = t.log.writer(None).await.unwrap();
        for round in 0..5 {
            let batch = (0..600).map(|i| to(&topic, i % 3, format!("{round}-{i:03}"))).collect();
            writer.append(batch).await.unwrap();
        }
        let mut reader = t.reader(&topic, 3).await;
        let mut read: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        let mut keep = |batch: Vec<candleflow_topics::Delivered>| {
            for one in batch {
                read.entry(one.partition).or_default().push(value(&one));
            }
        };
        // Paused before anything, in the middle, and with what has been fetched ahead.
        for paused in [&[0, 1][..], &[1], &[0, 2], &[], &[1, 2]] {
            let paused: BTreeSet<i32> = paused.iter().copied().collect();
            reader.pause(&paused).unwrap();
            let batch = take(&mut reader, 100).await;
            assert!(batch.iter().all(|one| !paused.contains(&one.partition)), "{}: {paused:?}", t.name);
            keep(batch);
        }
        reader.pause(&BTreeSet::from([0, 1, 2])).unwrap();
        assert_eq!(reader.next_batch(100, Duration::from_millis(300)).await.unwrap(), [], "{}", t.name);
        reader.pause(&BTreeSet::new()).unwrap();
        keep(take(&mut reader, 2_500).await);
        for (partition, values) in &read {
            let all = (0..5).flat_map(|round| (0..600).map(move |i| (round, i)));
            let expected: Vec<String> =
                all.filter(|(_, i)| i % 3 == *partition).map(|(round, i)| format!("{round}-{i:03}")).collect();
            assert_eq!(*values, expected, "{}: partition {partition}", t.name);
        }
    })
    .await;
}

const MINUTE: Micros = 60_000_000;

fn bar(symbol: &Symbol, minute: i64) -> KlineRecord {
    let price = 100_000_000;
    KlineRecord::Bar(Bar {
        symbol: symbol.clone(),
        interval: Interval::M1,
        open_time: minute * MINUTE,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: 1,
        quote_volume: None,
        trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
        origin: Origin::Rest,
    })
}

/// Reads all bars of a topic as an account over its symbols would, and gives how many rows waited at most.
async fn most_waiting(t: &Under, topic: &str, symbols: &[(Symbol, i32)], minutes: i64, may: Option<usize>) -> usize {
    let starts: Vec<_> = (0..3).map(|p| (p, Start::Earliest)).collect();
    let reader = t.log.reader(topic, &starts).await.unwrap();
    let names: Vec<Symbol> = symbols.iter().map(|(symbol, _)| symbol.clone()).collect();
    let pace = may.map(|may| klines::Pace::new(symbols.iter().map(|(s, p)| (s.clone(), *p, 0)), MINUTE, may));
    let bad: klines::OnBad = Box::new(|bad| panic!("{bad:?}"));
    let mut source = klines::TopicSource::new(reader, &names, BTreeMap::new(), bad).paced(pace);
    let (mut merge, mut most, mut came) = (Merge::new(names.len()), 0, 0);
    while came < minutes as usize * names.len() {
        let input = tokio::time::timeout(PATIENCE, source.next()).await.expect("bars come").unwrap().unwrap();
        let Input::Rows(rows) = input else { panic!("only bars were written") };
        for bar in candleflow_schema::tables::batch_to_bars(&rows, Interval::M1).unwrap() {
            let key = names.iter().position(|name| *name == bar.symbol).unwrap();
            merge.push(key, bar.time(), ()).unwrap();
            came += 1;
        }
        while merge.pop().is_some() {}
        most = most.max(merge.held());
    }
    assert_eq!(merge.held(), 0, "{}: every bar came once", t.name);
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn symbols_that_share_a_partition_do_not_run_away_from_one_that_has_its_own() {
    both(async |t| {
        let topic = t.topic("uneven", 3).await;
        let of = |name: &str, partition| (Symbol::from(name), partition);
        let mut symbols: Vec<(Symbol, i32)> = (0..8).map(|i| of(&format!("S{i}"), 0)).collect();
        symbols.extend([of("LATE", 1), of("LAST", 2)]);
        let minutes = 40_000;
        let mut writer = t.log.writer(None).await.unwrap();
        // What a partition holds of a stretch lies together, and that of the first one comes first.
        for (partition, part) in [(0, 0..8), (1, 8..9), (2, 9..10)] {
            for from in (0..minutes).step_by(5_000) {
                let minutes = (from..from + 5_000).flat_map(|minute| part.clone().map(move |s| (minute, s)));
                let record = |(minute, s): (i64, usize)| {
                    let Outgoing { record, .. } = klines::outgoing(&topic, &bar(&symbols[s].0, minute));
                    Outgoing::to(&topic, partition, record)
                };
                writer.append(minutes.map(record).collect()).await.unwrap();
            }
        }
        let may = 40_000;
        let paced = most_waiting(t, &topic, &symbols, minutes, Some(may)).await;
        assert!(paced <= may, "{}: {paced}", t.name);
        if t.embedded.is_some() {
            // It gives what it has of the first partition first; so this test can fail.
            let free = most_waiting(t, &topic, &symbols, minutes, None).await;
            assert!(free > may, "{free}");
        }
    })
    .await;
}
