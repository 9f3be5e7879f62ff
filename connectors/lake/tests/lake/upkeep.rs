//! Compaction, vacuum, pins, leases and the log, while others write.

use crate::data::{HandClock, bar, bars, count, lake, open, stored};
use candleflow_lake::{
    At, CommitRule, CompactRule, Compacted, Counts, Lake, ORPHANED, Options, Order, Output, Read, UpkeepRule,
};
use candleflow_schema::{Interval, OrdinalBatch, Sink, time::SECOND};
use std::{collections::BTreeMap, sync::Arc};

const ALL: CompactRule = CompactRule { small: u64::MAX, least: 2, most: 512 };

/// Ten minutes of three symbols in each of `n` commits, as a live copy makes them.
async fn live(lake: &Lake, n: i64) {
    for i in 0..n {
        let range = i * 10..i * 10 + 10;
        lake.upsert_bars(&[bars("A", range.clone()), bars("B", range.clone()), bars("C", range)].concat())
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_keeps_every_row_and_the_order() {
    let (_dir, lake) = lake();
    live(&lake, 12).await;
    let before = lake.version("klines").await.unwrap();
    let done = lake.compact("klines", &ALL).await.unwrap();
    assert_eq!(done, Compacted { before: 12, after: 1, rows: 360, dropped: 0 });
    assert_eq!(lake.files("klines", None).await.unwrap().len(), 1);
    for symbol in ["A", "B", "C"] {
        assert_eq!(stored(&lake, &[symbol]).await, bars(symbol, 0..120));
    }
    let read = Read::of(Interval::M1, &["B".into()], 0, i64::MAX).at(At::Version(before));
    let mut old = lake.source(&read, Order::Total, None).await.unwrap();
    assert_eq!(count(&crate::data::drain(&mut old).await), 120, "the version before is still there");
    assert_eq!(lake.compact("klines", &ALL).await.unwrap(), Compacted::default(), "nothing left to do");
    assert_eq!(lake.upsert_bars(&bars("A", 0..120)).await.unwrap().same, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_compactions_at_once_do_not_double_rows() {
    let (dir, one) = lake();
    live(&one, 10).await;
    // Another process, which saw the same version.
    let two = open(dir.path());
    two.files("klines", None).await.unwrap();
    let (a, b) = tokio::join!(one.compact("klines", &ALL), two.compact("klines", &ALL));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.before + b.before, 10, "one of them did it: {a:?} {b:?}");
    assert_eq!(stored(&one, &["A", "B", "C"]).await.len(), 300);
    assert_eq!(one.files("klines", None).await.unwrap().iter().map(|f| f.rows).sum::<u64>(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_restatement_and_live_bars_at_once() {
    let (dir, one) = lake();
    live(&one, 10).await;
    let two = open(dir.path());
    let compacting = tokio::spawn({
        let two = two.clone();
        async move {
            // Each round that lost a file to a restatement throws its work away.
            let mut rounds = 0;
            while two.compact("klines", &ALL).await.unwrap().before == 0 {
                rounds += 1;
                assert!(rounds < 1_000, "compaction never gets through");
            }
        }
    });
    for i in 0..20 {
        let counts = one.upsert_bars(&[bar("B", i, 500 + i), bar("C", 100 + i, 11)]).await.unwrap();
        assert_eq!(counts, Counts { added: 1, restated: 1, ..Counts::default() });
    }
    compacting.await.unwrap();
    let closes: Vec<i64> = stored(&two, &["B"]).await.iter().map(|b| b.close).collect();
    assert_eq!(closes, (0..100).map(|i| if i < 20 { 500 + i } else { 11 }).collect::<Vec<_>>());
    assert_eq!(stored(&two, &["C"]).await, bars("C", 0..120));
    assert_eq!(stored(&two, &["A"]).await, bars("A", 0..100));
    assert_eq!(count(&two.read_rows("restated", &At::Latest).await.unwrap()), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_processes_put_in_the_same_bars() {
    let (dir, _) = lake();
    let tasks = (0..16).map(|i| {
        let lake = open(dir.path());
        // Each brings 200 bars, of which its neighbours bring half as well.
        tokio::spawn(async move { lake.upsert_bars(&bars("A", i * 100..i * 100 + 200)).await.unwrap() })
    });
    let mut sum = Counts::default();
    for task in tasks.collect::<Vec<_>>() {
        sum += task.await.unwrap();
    }
    assert_eq!((sum.added, sum.same, sum.restated), (1_700, 1_500, 0));
    assert_eq!(stored(&open(dir.path()), &["A"]).await, bars("A", 0..1_700));
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_keep_the_order_of_their_task() {
    let (_dir, lake) = lake();
    for task in [1, 0] {
        let mut sink = lake.sink(output(task)).await.unwrap();
        let mut next = sink.progress().await.unwrap();
        for _ in 0..5 {
            sink.write(OrdinalBatch { first: next, rows: numbers(i64::from(task) * 100 + next as i64, 3) })
                .await
                .unwrap();
            sink.commit().await.unwrap();
            next += 3;
        }
    }
    let done = lake.compact("signals", &ALL).await.unwrap();
    assert_eq!((done.before, done.after), (10, 2));
    let files = lake.files("signals", None).await.unwrap();
    let tasks: Vec<_> = files.iter().map(|f| f.task.clone().unwrap()).collect();
    assert_eq!(tasks, [("job/signals/0".to_owned(), 0), ("job/signals/1".to_owned(), 0)]);
    let rows = lake.read_rows("signals", &At::Latest).await.unwrap();
    let got: Vec<i64> = rows
        .iter()
        .flat_map(|b| {
            arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(b.column_by_name("n").unwrap())
                .values()
                .to_vec()
        })
        .collect();
    assert_eq!(got, (0..15).chain(100..115).collect::<Vec<_>>());
    let mut sink = lake.sink(output(1)).await.unwrap();
    assert_eq!(sink.progress().await.unwrap(), 15, "progress does not depend on files");
}

fn numbers(first: i64, n: i64) -> arrow::array::RecordBatch {
    let n: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(first..first + n));
    arrow::array::RecordBatch::try_from_iter(vec![("n", n)]).unwrap()
}

fn output(task: u32) -> Output {
    Output {
        table: "signals".into(),
        schema: numbers(0, 0).schema(),
        run_id: "run-1".into(),
        job: "job".into(),
        sink: "signals".into(),
        task,
        rule: CommitRule::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_spares_what_is_live_pinned_or_young() {
    let dir = tempfile::tempdir().unwrap();
    // Files have the machine's times, so this lake has, too.
    let lake = Lake::open(dir.path().to_str().unwrap(), Options::default()).unwrap();
    live(&lake, 6).await;
    let first = lake.files("klines", None).await.unwrap();
    let pinned = first[..2].to_vec();
    lake.pin("run-1", &BTreeMap::from([("klines".to_owned(), pinned.clone())])).await.unwrap();
    assert_eq!(lake.compact("klines", &ALL).await.unwrap().before, 6);
    std::fs::write(dir.path().join("klines/part-orphan.parquet"), b"left by a crash").unwrap();
    let young = lake.vacuum("klines", 60 * SECOND).await.unwrap();
    assert_eq!(young.files, 0, "all are young");
    let done = lake.vacuum("klines", -SECOND).await.unwrap();
    assert_eq!(done.files, 4 + 1, "four that were merged and the orphan");
    let read = Read::of(Interval::M1, &["A".into()], 0, i64::MAX);
    let mut source = lake.source(&read.clone().at(At::Files(Arc::new(pinned))), Order::Total, None).await.unwrap();
    assert_eq!(count(&crate::data::drain(&mut source).await), 20, "pinned files are still there");
    assert_eq!(stored(&lake, &["A", "B", "C"]).await.len(), 180);
    assert_eq!(lake.pins().await.unwrap(), ["run-1"]);
    assert_eq!(lake.pinned("run-1").await.unwrap().unwrap()["klines"].len(), 2);
    lake.unpin("run-1").await.unwrap();
    assert_eq!(lake.pinned("run-1").await.unwrap(), None);
    assert_eq!(lake.vacuum("klines", -SECOND).await.unwrap().files, 2);
    assert!(lake.pin("../x", &BTreeMap::new()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_cut_behind_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path().to_str().unwrap(), Options::default()).unwrap();
    live(&lake, 3).await;
    let idle = Lake::open(dir.path().to_str().unwrap(), Options::default()).unwrap();
    idle.upsert_bars(&bars("D", 0..5)).await.unwrap();
    live(&lake, 30).await;
    lake.upsert_bars(&[bar("A", 5, 500)]).await.unwrap();
    let newest = lake.version("klines").await.unwrap();
    assert_eq!(lake.trim_log("klines", 3_600 * SECOND).await.unwrap(), 0, "all entries are young");
    let deleted = lake.trim_log("klines", -SECOND).await.unwrap();
    assert!(deleted >= newest, "{deleted} of {newest}");
    let again = Lake::open(dir.path().to_str().unwrap(), Options::default()).unwrap();
    assert_eq!(again.version("klines").await.unwrap(), newest);
    assert!(again.snapshot("klines", Some(2)).await.is_err(), "old versions are gone");
    assert_eq!(stored(&again, &["A"]).await.len(), 300);
    // Both the one that was open and a new one go on.
    assert_eq!(lake.upsert_bars(&bars("A", 300..310)).await.unwrap().added, 10);
    assert_eq!(again.upsert_bars(&[bar("A", 6, 500)]).await.unwrap().restated, 1);
    assert_eq!(count(&again.read_rows("restated", &At::Latest).await.unwrap()), 2);
    // And one that has slept since before the cut.
    assert_eq!(stored(&idle, &["A"]).await.len(), 310);
    assert_eq!(idle.upsert_bars(&bars("D", 3..8)).await.unwrap(), Counts { added: 3, same: 2, ..Counts::default() });
    let report = again.upkeep(&UpkeepRule { compact: ALL, ..UpkeepRule::default() }).await.unwrap();
    assert_eq!(report.keys().collect::<Vec<_>>(), ["klines", "restated"]);
    assert!(report["klines"].compacted.before >= 30, "{report:?}");
    assert_eq!(stored(&lake, &["A"]).await.len(), 310);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandClock::default());
    let options = || Options { clock: clock.clone(), ..Options::default() };
    let one = Lake::open(dir.path().to_str().unwrap(), options()).unwrap();
    let two = Lake::open(dir.path().to_str().unwrap(), options()).unwrap();
    let held = one.lease("upkeep", "one", 60 * SECOND).await.unwrap().unwrap();
    assert!(two.lease("upkeep", "two", 60 * SECOND).await.unwrap().is_none());
    clock.advance(50 * SECOND);
    let held = held.renew(60 * SECOND).await.unwrap().unwrap();
    clock.advance(50 * SECOND);
    assert!(two.lease("upkeep", "two", 60 * SECOND).await.unwrap().is_none(), "renewed");
    clock.advance(20 * SECOND);
    let taken = two.lease("upkeep", "two", 60 * SECOND).await.unwrap().unwrap();
    assert!(held.renew(60 * SECOND).await.unwrap().is_none(), "run out and taken");
    taken.release().await.unwrap();
    let at_once = (0..8).map(|i| {
        let lake = one.clone();
        tokio::spawn(async move { lake.lease("upkeep", &i.to_string(), SECOND).await.unwrap().is_some() })
    });
    let mut holders = 0;
    for task in at_once.collect::<Vec<_>>() {
        holders += usize::from(task.await.unwrap());
    }
    assert_eq!(holders, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lake_knows_its_bars() {
    let (_dir, lake) = lake();
    assert_eq!(lake.extents(Interval::M1, &At::Latest).await.unwrap(), []);
    lake.upsert_bars(&[bars("A", 0..40_000), bars("B", 7..9)].concat()).await.unwrap();
    let extents = lake.extents(Interval::M1, &At::Latest).await.unwrap();
    let time = |minute: i64| bar("A", minute, 11).time();
    let shape: Vec<_> = extents.iter().map(|e| (&*e.symbol, e.first, e.last, e.bars)).collect();
    assert_eq!(shape, [("A", time(0), time(39_999), 40_000), ("B", time(7), time(8), 2)]);
    for (n, first, bars) in
        [(1, 30_000, 1), (100, 29_901, 100), (20_000, 10_001, 20_000), (30_001, 0, 30_001), (90_000, 0, 30_001)]
    {
        let before = lake.bars_before(&"A".into(), Interval::M1, time(30_000), n, &At::Latest).await.unwrap();
        assert_eq!((before.first, before.bars), (Some(time(first)), bars), "{n}");
        let read = Read::of(Interval::M1, &["A".into()], before.from, time(30_000));
        let mut source = lake.source(&read, Order::Total, None).await.unwrap();
        assert_eq!(count(&crate::data::drain(&mut source).await) as u64, bars);
    }
    let none = lake.bars_before(&"A".into(), Interval::M1, 0, 10, &At::Latest).await.unwrap();
    assert_eq!((none.first, none.bars), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_of_which_nothing_speaks_is_let_go_when_it_is_old() {
    let (dir, young) = lake();
    live(&young, 1).await;
    let files = young.files("klines", None).await.unwrap();
    for pin in ["ended", "sweeping", "died", "handover.job.1", "handover.lost.1", "job"] {
        young.pin(pin, &BTreeMap::from([("klines".to_owned(), files.to_vec())])).await.unwrap();
    }
    let ids = |id: &str| {
        let ids = std::sync::Arc::new(arrow::array::StringArray::from(vec![id])) as arrow::array::ArrayRef;
        arrow::array::RecordBatch::try_from_iter(vec![("run_id", ids.clone()), ("name", ids)]).unwrap()
    };
    young.append_rows("runs", &[ids("ended")], None).await.unwrap();
    young.append_rows("sweeps", &[ids("sweeping")], None).await.unwrap();
    let record = BTreeMap::from([("pin", "handover.job.1")]);
    assert!(young.record_once("job", "handover", &record).await.unwrap());
    assert!(young.unpin_orphans(ORPHANED).await.unwrap().is_empty(), "a run may be under way");
    let later = Arc::new(HandClock::default());
    later.advance(2_000 * ORPHANED);
    let old = Lake::open(dir.path().to_str().unwrap(), Options { clock: later, ..Options::default() }).unwrap();
    assert_eq!(old.unpin_orphans(ORPHANED).await.unwrap(), ["died", "handover.lost.1"]);
    assert_eq!(old.pins().await.unwrap(), ["ended", "handover.job.1", "job", "sweeping"]);
}
