//! What survives: closing, a second opener, and `kill -9` of the process in the middle of appends.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use candleflow_topics::{
    Delivered, Embedded, Error, Fault, GroupOffset, Log, Outgoing, Record, TopicConfig, latest_by_key, read_to_end,
};

use crate::support::{T0, open, to, try_open, value};

/// Set for the child that is to be killed: the folder that it writes to.
const CHILD: &str = "CANDLEFLOW_TOPICS_CHILD";

/// Partitions of the child's topic; each of its batches has a record for each.
const WIDTH: i32 = 3;

fn clock() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(T0))
}

async fn all(log: &Embedded, topic: &str) -> Vec<Delivered> {
    let mut out = Vec::new();
    read_to_end(log, topic, |d| {
        out.push(d);
        Ok(())
    })
    .await
    .unwrap();
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_closing_and_opening() {
    let folder = tempfile::tempdir().unwrap();
    let config = TopicConfig { retention_bytes: Some(1 << 30), ..TopicConfig::default() };
    for round in 0..4i64 {
        let log = open(folder.path(), &clock()).await;
        log.create_topic("rows", 2, &config).await.unwrap();
        log.create_topic("gone", 1, &TopicConfig::default()).await.unwrap();
        log.create_topic("progress", 1, &TopicConfig::compacted()).await.unwrap();
        assert_eq!(log.topic("rows").await.unwrap().unwrap().config, config);
        assert_eq!(all(&log, "rows").await.len() as i64, 20 * round);
        assert_eq!(all(&log, "gone").await, []);
        let (rows, progress) = (Arc::from("rows"), Arc::from("progress"));
        let mut writer = log.writer(Some("job")).await.unwrap();
        for n in 0..10 {
            let at = GroupOffset { topic: "rows".into(), partition: 1, next: n };
            let batch = vec![
                to(&rows, 0, format!("{round}-{n}")),
                to(&rows, 1, format!("{round}-{n}")),
                Outgoing::keyed(&progress, Record::new("sink", format!("{round}-{n}"), T0)),
            ];
            let offsets = writer.append_with_progress(batch, Some(("group", &[at]))).await.unwrap();
            assert_eq!(offsets[0], 10 * round + n, "offsets go on where they were");
        }
        writer.append(vec![to(&Arc::from("gone"), 0, "x")]).await.unwrap();
        assert!(log.delete_topic("gone").await.unwrap());
        assert_eq!(latest_by_key(&log, "progress").await.unwrap()[&b"sink"[..]], format!("{round}-9"));
        assert_eq!(log.group_offsets("group", "rows").await.unwrap()[0].next, 9);
        drop(writer);
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opener_is_told_who_owns_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &clock()).await;
    let error = try_open(folder.path(), &clock()).await.err().unwrap();
    assert!(matches!(&error, Error::Locked { folder: f } if f == folder.path()), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    assert_eq!(error.fault(), Fault::User);
    log.close().await;
    drop(log);
    open(folder.path(), &clock()).await.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &clock()).await;
    log.create_topic("t", 1, &TopicConfig::default()).await.unwrap();
    let mut writer = log.writer(None).await.unwrap();
    let mut reader = log.reader("t", &[(0, candleflow_topics::Start::Latest)]).await.unwrap();
    let waiting = tokio::spawn(async move { reader.next_batch(1, crate::support::PATIENCE).await });
    log.close().await;
    assert!(matches!(writer.append(vec![to(&Arc::from("t"), 0, "x")]).await, Err(Error::Closed)));
    let woken = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("the reader wakes").unwrap();
    assert!(matches!(woken, Err(Error::Closed)));
}

/// A process that appends for ever and says what was acknowledged; only when told to by the environment.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(append_for_ever(Path::new(&folder)));
}

async fn append_for_ever(folder: &Path) {
    let log = Arc::new(open(folder, &clock()).await);
    log.create_topic("rows", WIDTH, &TopicConfig::default()).await.unwrap();
    log.create_topic("progress", 1, &TopicConfig::compacted()).await.unwrap();
    let (rows, progress): (Arc<str>, Arc<str>) = (Arc::from("rows"), Arc::from("progress"));
    let mut tasks = Vec::new();
    for task in 0..3 {
        let (log, rows, progress) = (Arc::clone(&log), rows.clone(), progress.clone());
        tasks.push(tokio::spawn(async move {
            let id = format!("task-{task}");
            let latest = latest_by_key(&*log, "progress").await.unwrap();
            let mut n: u64 = latest.get(id.as_bytes()).map_or(0, |v| std::str::from_utf8(v).unwrap().parse().unwrap());
            let mut writer = log.writer(Some(&id)).await.unwrap();
            loop {
                n += 1;
                // Batches of all sizes, some larger than a chunk.
                let filler = vec![b'x'; (n as usize * 7_919) % 60_000];
                let mut batch: Vec<_> = (0..WIDTH)
                    .map(|p| {
                        let record = Record::new(format!("{task}"), format!("{task}:{n}"), T0);
                        Outgoing::to(&rows, p, record.with_header("filler", filler.clone()))
                    })
                    .collect();
                batch.push(Outgoing::keyed(&progress, Record::new(id.clone(), format!("{n}"), T0)));
                writer.append(batch).await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "acknowledged {task} {n}").unwrap();
                out.flush().unwrap();
            }
        }));
    }
    futures::future::join_all(tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_of_appends_keeps_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = [0u64; 3];
    for round in 0..8u64 {
        let lines = run_and_kill(folder.path(), 40 + 37 * round);
        assert!(!lines.is_empty(), "round {round}");
        for line in lines {
            let mut words = line.split(' ').skip(1).map(|w| w.parse::<u64>().unwrap());
            let (task, n) = (words.next().unwrap() as usize, words.next().unwrap());
            assert!(n > acknowledged[task], "numbers go on after a crash");
            acknowledged[task] = n;
        }
        let log = open(folder.path(), &clock()).await;
        let rows = all(&log, "rows").await;
        let progress = latest_by_key(&log, "progress").await.unwrap();
        for (task, acknowledged) in acknowledged.iter().enumerate() {
            let committed: u64 = progress
                .get(format!("task-{task}").as_bytes())
                .map_or(0, |v| std::str::from_utf8(v).unwrap().parse().unwrap());
            assert!(committed >= *acknowledged, "round {round}: {acknowledged} acknowledged, {committed} there");
            for partition in 0..WIDTH {
                let own: Vec<_> = rows
                    .iter()
                    .filter(|d| d.partition == partition && value(d).starts_with(&format!("{task}:")))
                    .collect();
                let expected: Vec<_> = (1..=committed).map(|n| format!("{task}:{n}")).collect();
                let found: Vec<_> = own.iter().map(|d| value(d)).collect();
                assert_eq!(found, expected, "round {round}: partition {partition} of task {task}");
                for (d, n) in own.iter().zip(1u64..) {
                    assert_eq!(d.record.headers[0].1.len(), (n as usize * 7_919) % 60_000);
                }
            }
        }
        let mut per_partition = vec![0; WIDTH as usize];
        for d in &rows {
            assert_eq!(d.offset, per_partition[d.partition as usize], "offsets are dense");
            per_partition[d.partition as usize] += 1;
        }
        log.close().await;
    }
}

/// Starts the child, kills it after so many acknowledgements, and gives them all.
fn run_and_kill(folder: &Path, after: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_appends_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        // The first may follow what the test harness prints on the same line.
        if let Some(at) = line.find("acknowledged ") {
            acknowledged.push(line[at..].to_owned());
        }
        if acknowledged.len() as u64 >= after {
            break;
        }
    }
    child.kill().unwrap();
    // What it still said before it died was acknowledged, too; a torn last line was not read by anybody.
    for line in lines.map_while(Result::ok) {
        if line.starts_with("acknowledged ") && line.split(' ').count() == 3 {
            acknowledged.push(line);
        }
    }
    assert!(!child.wait().unwrap().success());
    acknowledged
}
