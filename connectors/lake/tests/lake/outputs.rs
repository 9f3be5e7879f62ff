//! Outputs of runs: exactly once, one owner, in groups.

use crate::data::{HandClock, count, lake};
use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use candleflow_lake::{At, CommitRule, Error, Lake, Options, Output};
use candleflow_schema::{Fault, OrdinalBatch, Sink, time::SECOND};
use std::sync::Arc;

fn rows(first: i64, n: i64) -> RecordBatch {
    let n_column: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + n));
    let symbol: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|_| "BTCUSDT")));
    RecordBatch::try_from_iter(vec![("symbol", symbol), ("n", n_column)]).unwrap()
}

fn output(task: u32) -> Output {
    Output {
        table: "equity".into(),
        schema: rows(0, 0).schema(),
        run_id: "run-1".into(),
        job: "job".into(),
        sink: "equity".into(),
        task,
        rule: CommitRule::default(),
    }
}

async fn numbers(lake: &Lake) -> Vec<i64> {
    let mut all = vec![];
    for batch in lake.read_rows("equity", &At::Latest).await.unwrap() {
        all.extend(batch.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().iter().copied());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_what_is_committed() {
    let (_dir, lake) = lake();
    let mut sink = lake.sink(output(0)).await.unwrap();
    assert_eq!(sink.progress().await.unwrap(), 0);
    sink.write(OrdinalBatch { first: 0, rows: rows(0, 10) }).await.unwrap();
    sink.commit().await.unwrap();
    sink.write(OrdinalBatch { first: 10, rows: rows(10, 5) }).await.unwrap();
    drop(sink); // as a crash would: the last five were never committed

    let mut sink = lake.sink(output(0)).await.unwrap();
    let have = sink.progress().await.unwrap();
    assert_eq!(have, 10);
    let replay = OrdinalBatch { first: 0, rows: rows(0, 20) };
    sink.write(replay.after(have).unwrap()).await.unwrap();
    sink.commit().await.unwrap();
    sink.commit().await.unwrap();
    assert_eq!(numbers(&lake).await, (0..20).collect::<Vec<_>>());
    let wrong = sink.write(OrdinalBatch { first: 21, rows: rows(21, 1) }).await.unwrap_err();
    assert!(wrong.to_string().contains("wants ordinal 20 next, got 21"), "{wrong}");
    let files = lake.files("equity", None).await.unwrap();
    assert_eq!(
        files.iter().map(|f| f.task.clone().unwrap()).collect::<Vec<_>>(),
        [("job/equity/0".to_owned(), 0), ("job/equity/0".to_owned(), 10)]
    );
    assert!(files.iter().all(|f| f.partition["run_id"] == "run-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_replaced_can_write_no_more() {
    let (_dir, lake) = lake();
    let mut zombie = lake.sink(output(0)).await.unwrap();
    zombie.progress().await.unwrap();
    zombie.write(OrdinalBatch { first: 0, rows: rows(0, 10) }).await.unwrap();
    let mut owner = lake.sink(output(0)).await.unwrap();
    assert_eq!(owner.progress().await.unwrap(), 0);
    let error = zombie.commit().await.unwrap_err();
    assert!(error.to_string().contains("another owner has taken over"), "{error}");
    assert!(!error.retry && error.fault == Fault::External);
    owner.write(OrdinalBatch { first: 0, rows: rows(0, 10) }).await.unwrap();
    owner.commit().await.unwrap();
    assert!(zombie.commit().await.is_err(), "still");
    assert_eq!(numbers(&lake).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_writers_lose_nothing_and_wait_for_nobody_long() {
    let (dir, _) = lake();
    // Four processes' worth of lakes, four tasks in each.
    let lakes: Vec<Lake> = (0..4).map(|_| crate::data::open(dir.path())).collect();
    let tasks = (0..16u32).map(|task| {
        let lake = lakes[task as usize % 4].clone();
        tokio::spawn(async move {
            let mut sink = lake.sink(output(task)).await.unwrap();
            let mut next = sink.progress().await.unwrap();
            for _ in 0..10 {
                let first = i64::from(task) * 1_000 + next as i64;
                sink.write(OrdinalBatch { first: next, rows: rows(first, 7) }).await.unwrap();
                sink.commit().await.unwrap();
                next += 7;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut got = numbers(&lakes[0]).await;
    got.sort_unstable();
    let expected: Vec<i64> = (0..16).flat_map(|task| (0..70).map(move |n| task * 1_000 + n)).collect();
    assert_eq!(got, expected);
    let version = lakes[0].version("equity").await.unwrap();
    assert!(version <= 16 + 160, "one commit for each at most: {version}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_commits_by_size_and_by_age() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandClock::default());
    let options = Options { clock: clock.clone(), ..Options::default() };
    let lake = Lake::open(dir.path().to_str().unwrap(), options).unwrap();
    let rule = CommitRule { bytes: 10_000, micros: 10 * SECOND };
    let mut sink = lake.sink(Output { rule, ..output(0) }).await.unwrap();
    sink.progress().await.unwrap();
    sink.write(OrdinalBatch { first: 0, rows: rows(0, 1) }).await.unwrap();
    assert!(numbers(&lake).await.is_empty());
    clock.advance(11 * SECOND);
    sink.write(OrdinalBatch { first: 1, rows: rows(1, 1) }).await.unwrap();
    assert_eq!(numbers(&lake).await, [0, 1], "by age");
    sink.write(OrdinalBatch { first: 2, rows: rows(2, 2_000) }).await.unwrap();
    assert_eq!(numbers(&lake).await.len(), 2_002, "by size");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_may_be_added_but_not_changed() {
    let (_dir, lake) = lake();
    assert!(lake.append_rows("runs", &[rows(0, 3)], Some("a")).await.unwrap());
    assert!(!lake.append_rows("runs", &[rows(0, 3)], Some("a")).await.unwrap(), "once per id");
    let sharpe: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    let n: ArrayRef = Arc::new(Int64Array::from(vec![9]));
    let wider = RecordBatch::try_from_iter(vec![("n", n), ("sharpe", sharpe)]).unwrap();
    assert!(lake.append_rows("runs", &[wider], None).await.unwrap());
    assert!(lake.append_rows("runs", &[rows(3, 1)], None).await.unwrap(), "rows of before still fit");
    let all = lake.read_rows("runs", &At::Latest).await.unwrap();
    assert_eq!(count(&all), 5);
    assert!(all.iter().all(|b| b.num_columns() == 3));
    let nulls: usize = all.iter().map(|b| b.column_by_name("sharpe").unwrap().null_count()).sum();
    assert_eq!(nulls, 4);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let other = RecordBatch::try_from_iter(vec![("n", text)]).unwrap();
    let error = lake.append_rows("runs", &[other], None).await.unwrap_err();
    assert!(matches!(error, Error::Schema { .. }) && error.to_string().contains("column n is Int64"), "{error}");
    assert_eq!(lake.tables().await.unwrap(), ["runs"]);
    assert!(matches!(lake.version("nothing").await, Err(Error::NoTable(_))));
    assert!(matches!(lake.snapshot("runs", Some(99)).await, Err(Error::NoVersion { .. })));
}
