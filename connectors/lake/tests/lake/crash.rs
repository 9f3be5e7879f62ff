//! kill -9 at any point, then again: nothing lost, nothing twice.
//!
//! The test binary runs itself as a child that does the work again and again; the parent kills it after a while that
//! differs from round to round, and looks.

use crate::data::{bar, bars, count, open, stored};
use candleflow_lake::{At, CommitRule, CompactRule, Error, Lake, Output};
use candleflow_schema::{Bar, Interval, OrdinalBatch, Quarantined, Sink, quarantine::Coverage};
use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const CHILD: &str = "CANDLEFLOW_LAKE_CRASH_CHILD";
const FOLDER: &str = "CANDLEFLOW_LAKE_CRASH_FOLDER";

/// Runs a test of this binary as a child, kills it `after` its first word, and says whether it had ended by itself.
pub(crate) fn killed(test: &str, folder: &Path, after: Duration) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads", "1"])
        .env(CHILD, test)
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 256];
    while !seen.contains("at work") {
        let n = output.read(&mut bytes).unwrap();
        assert!(n > 0, "the child ended before its work: {seen}");
        seen += &String::from_utf8_lossy(&bytes[..n]);
    }
    let started = Instant::now();
    let drained = std::thread::spawn(move || output.read_to_end(&mut vec![]));
    let mut ended = false;
    while !ended && started.elapsed() < after {
        ended = child.try_wait().unwrap().is_some_and(|status| {
            assert!(status.success(), "the child failed: {status}");
            true
        });
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drained.join().unwrap().unwrap();
    ended
}

/// In the child: the folder to work in.
pub(crate) fn child(test: &str) -> Option<PathBuf> {
    (std::env::var(CHILD).ok()? == test).then(|| std::env::var_os(FOLDER).unwrap().into())
}

/// Kills the work at ever later moments, until it has come to its end undisturbed.
fn rounds(test: &str, folder: &Path) -> usize {
    let mut after = Duration::from_millis(1);
    for round in 0.. {
        if killed(test, folder, after) {
            return round;
        }
        after = after * 5 / 4 + Duration::from_millis(3);
        assert!(after < Duration::from_secs(120), "the work never ends");
    }
    unreachable!("the loop ends by itself")
}

fn history() -> Vec<Bar> {
    ["A", "B", "C"].iter().flat_map(|s| bars(s, 0..3_000)).collect()
}

fn restatements() -> Vec<Bar> {
    (0..3_000).step_by(300).map(|m| bar("B", m, 500)).collect()
}

async fn import(lake: &Lake, id: &str, bars: &[Bar]) {
    let mut import = lake.import(id).await.unwrap();
    for chunk in bars.chunks(1_000) {
        import.push(chunk).await.unwrap();
    }
    import.cover(Coverage { symbol: "A".into(), interval: Interval::M1, from: 0, to: 1, evidence: "archive" });
    import.quarantine(Quarantined::new(id, 7, "not a number", b"x"));
    import.finish().await.unwrap();
}

async fn rows_of(lake: &Lake, table: &str) -> usize {
    match lake.read_rows(table, &At::Latest).await {
        Err(Error::NoTable(_)) => 0,
        rows => count(&rows.unwrap()),
    }
}

#[test]
fn an_import_survives_kill_9_at_any_point() {
    const TEST: &str = "crash::an_import_survives_kill_9_at_any_point";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(folder) = child(TEST) {
        println!("at work");
        return runtime.block_on(import(&open(&folder), "history", &history()));
    }
    let dir = tempfile::tempdir().unwrap();
    let kills = rounds(TEST, dir.path());
    eprintln!("imported after {kills} kills");
    runtime.block_on(async {
        let lake = open(dir.path());
        assert!(stored(&lake, &["A", "B", "C"]).await == history());
        for (table, rows) in [("restated", 0), ("quarantine", 1), ("coverage", 1)] {
            assert_eq!(rows_of(&lake, table).await, rows, "{table}");
        }
    });
}

#[test]
fn a_restatement_survives_kill_9_at_any_point() {
    const TEST: &str = "crash::a_restatement_survives_kill_9_at_any_point";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(folder) = child(TEST) {
        println!("at work");
        return runtime.block_on(import(&open(&folder), "restatements", &restatements()));
    }
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(import(&open(dir.path()), "history", &history()));
    let kills = rounds(TEST, dir.path());
    eprintln!("restated after {kills} kills");
    runtime.block_on(async {
        let lake = open(dir.path());
        let changed: Vec<i64> = restatements().iter().map(|b| b.open_time).collect();
        let mut expected = history();
        let is_changed = |b: &&mut Bar| &*b.symbol == "B" && changed.contains(&b.open_time);
        expected.iter_mut().filter(is_changed).for_each(|b| b.close = 500);
        assert!(stored(&lake, &["A", "B", "C"]).await == expected);
        for (table, rows) in [("restated", 10), ("quarantine", 2), ("coverage", 1)] {
            assert_eq!(rows_of(&lake, table).await, rows, "{table}");
        }
    });
}

#[test]
fn compaction_survives_kill_9_at_any_point() {
    const TEST: &str = "crash::compaction_survives_kill_9_at_any_point";
    let rule = CompactRule { small: u64::MAX, least: 2, most: 3 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(folder) = child(TEST) {
        println!("at work");
        return runtime.block_on(async {
            let lake = open(&folder);
            while lake.compact("klines", &rule).await.unwrap().before > 0 {}
        });
    }
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let lake = open(dir.path());
        for i in 0..12 {
            lake.upsert_bars(&[bars("A", i * 100..i * 100 + 100), bars("B", i * 100..i * 100 + 100)].concat())
                .await
                .unwrap();
        }
    });
    let kills = rounds(TEST, dir.path());
    eprintln!("compacted after {kills} kills");
    runtime.block_on(async {
        let lake = open(dir.path());
        assert_eq!(lake.files("klines", None).await.unwrap().len(), 1);
        assert!(stored(&lake, &["A", "B"]).await == [bars("A", 0..1_200), bars("B", 0..1_200)].concat());
    });
}

#[test]
fn a_sink_survives_kill_9_at_any_point() {
    const TEST: &str = "crash::a_sink_survives_kill_9_at_any_point";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let rows = |first: u64, n: u64| {
        let n: arrow::array::ArrayRef =
            Arc::new(arrow::array::Int64Array::from_iter_values(first as i64..(first + n) as i64));
        arrow::array::RecordBatch::try_from_iter(vec![("n", n)]).unwrap()
    };
    if let Some(folder) = child(TEST) {
        println!("at work");
        return runtime.block_on(async {
            let output = Output {
                table: "equity".into(),
                schema: rows(0, 0).schema(),
                run_id: "run".into(),
                job: "job".into(),
                sink: "equity".into(),
                task: 0,
                rule: CommitRule::default(),
            };
            let mut sink = open(&folder).sink(output).await.unwrap();
            // A replay from the start, as after a crash without any snapshot.
            let have = sink.progress().await.unwrap();
            for first in (0..5_000).step_by(100) {
                let batch = OrdinalBatch { first, rows: rows(first, 100) };
                let Some(batch) = batch.after(have) else { continue };
                sink.write(batch).await.unwrap();
                sink.commit().await.unwrap();
            }
        });
    }
    let dir = tempfile::tempdir().unwrap();
    let kills = rounds(TEST, dir.path());
    eprintln!("written after {kills} kills");
    runtime.block_on(async {
        let all = open(dir.path()).read_rows("equity", &At::Latest).await.unwrap();
        let got: Vec<i64> = all
            .iter()
            .flat_map(|b| {
                arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(b.column_by_name("n").unwrap())
                    .values()
                    .to_vec()
            })
            .collect();
        assert!(got == (0..5_000).collect::<Vec<i64>>(), "{} rows", got.len());
    });
}
