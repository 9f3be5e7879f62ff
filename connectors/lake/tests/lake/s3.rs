//! The same on object storage: a real S3 server in a process of its own.
//!
//! `CANDLEFLOW_S3` names one that runs already; else `deploy/dev/s3` starts one for each test and stops it afterwards.

use crate::{
    crash::{child, killed},
    data::{HandClock, bar, bars, count, drain, skip, stored},
    proxy::Proxy,
};
use candleflow_lake::{At, CompactRule, Counts, Lake, Options, Order, Read};
use candleflow_schema::{Interval, time::SECOND};
use datafusion::prelude::SessionContext;
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// A server with an empty bucket.
struct Server {
    endpoint: String,
    bucket: String,
    /// The state of a server that this test started.
    own: Option<(PathBuf, tempfile::TempDir)>,
}

impl Server {
    fn start(bucket: &str) -> Option<Self> {
        let bucket = format!("{bucket}-{}", std::process::id());
        let (endpoint, own) = match std::env::var("CANDLEFLOW_S3") {
            Ok(endpoint) => (endpoint, None),
            Err(_) => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/dev/s3");
                let dir = tempfile::tempdir().unwrap();
                let output = Command::new(&script).arg("start").arg("--dir").arg(dir.path()).output();
                let output = output.ok().filter(|o| o.status.success());
                let Some(output) = output else {
                    skip("no S3 server: deploy/dev/s3 start failed (it needs python3 with venv and pip)");
                    return None;
                };
                let text = String::from_utf8(output.stdout).unwrap();
                let endpoint = text.trim().strip_prefix("CANDLEFLOW_S3=").unwrap().to_owned();
                (endpoint, Some((script, dir)))
            }
        };
        let server = Self { endpoint, bucket, own };
        server.make_bucket();
        Some(server)
    }

    fn make_bucket(&self) {
        let address = self.endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "PUT /{} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.bucket
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn url(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", self.bucket)
    }

    fn lake(&self, prefix: &str) -> Lake {
        lake(&self.endpoint, &self.url(prefix))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((script, dir)) = &self.own {
            let _ = Command::new(script).arg("stop").arg("--dir").arg(dir.path()).output();
        }
    }
}

fn lake(endpoint: &str, url: &str) -> Lake {
    let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let storage = vec![
        setting("aws_endpoint", endpoint),
        setting("aws_access_key_id", "key"),
        setting("aws_secret_access_key", "secret"),
        setting("aws_region", "us-east-1"),
    ];
    Lake::open(url, Options { storage, clock: Arc::new(HandClock::default()) }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_in_a_bucket_is_like_one_in_a_folder() {
    let Some(server) = Server::start("lake") else { return };
    let lake = server.lake("markets/eu");
    assert_eq!(lake.upsert_bars(&[bars("A", 0..20_000), bars("B", 0..10)].concat()).await.unwrap().added, 20_010);
    for i in 0..4 {
        let counts = lake.upsert_bars(&[bar("A", i, 500), bar("B", 10 + i, 11)]).await.unwrap();
        assert_eq!(counts, Counts { added: 1, restated: 1, ..Counts::default() });
    }
    let before = lake.files("klines", None).await.unwrap();
    assert_eq!(count(&lake.read_rows("restated", &At::Latest).await.unwrap()), 4);
    let rule = CompactRule { small: u64::MAX, least: 2, most: 100 };
    assert_eq!(before.len(), 6, "May is one file");
    assert_eq!(lake.compact("klines", &rule).await.unwrap().before, 5);
    assert_eq!(stored(&lake, &["B"]).await, bars("B", 0..14));

    let read = Read::of(Interval::M1, &["A".into(), "B".into()], 0, i64::MAX);
    let mut source = server.lake("markets/eu").source(&read, Order::Total, None).await.unwrap();
    assert_eq!(count(&drain(&mut source).await), 20_014);
    lake.pin("run", &BTreeMap::from([("klines".to_owned(), before.to_vec())])).await.unwrap();
    assert_eq!(lake.vacuum("klines", SECOND).await.unwrap().files, 0);
    assert_eq!(lake.pinned("run").await.unwrap().unwrap()["klines"], *before);
    assert_eq!(lake.tables().await.unwrap(), ["klines", "restated"]);

    let context = SessionContext::new();
    context.register_table("klines", lake.provider("klines", &At::Latest).await.unwrap()).unwrap();
    let frame = context.sql("select symbol from klines where close > 0.00000100 order by open_time").await.unwrap();
    assert_eq!(count(&frame.collect().await.unwrap()), 4);

    let held = lake.lease("upkeep", "one", 60 * SECOND).await.unwrap().unwrap();
    assert!(lake.lease("upkeep", "two", 60 * SECOND).await.unwrap().is_none());
    held.release().await.unwrap();
    assert!(lake.lease("upkeep", "two", 60 * SECOND).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_write_to_one_bucket() {
    let Some(server) = Server::start("writers") else { return };
    let tasks = (0..8).map(|i| {
        let lake = server.lake("lake");
        tokio::spawn(async move { lake.upsert_bars(&bars("A", i * 100..i * 100 + 200)).await.unwrap() })
    });
    let mut sum = Counts::default();
    for task in tasks.collect::<Vec<_>>() {
        sum += task.await.unwrap();
    }
    assert_eq!((sum.added, sum.same, sum.restated), (900, 700, 0));
    assert_eq!(stored(&server.lake("lake"), &["A"]).await, bars("A", 0..900));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_gets_lost_is_not_a_conflict() {
    let Some(server) = Server::start("lost") else { return };
    let proxy = Proxy::start(&server.endpoint, 2);
    let lake = lake(&proxy.endpoint, &server.url("lake"));
    for i in 0..6 {
        let counts = lake.upsert_bars(&bars("A", i * 10..i * 10 + 10)).await.unwrap();
        assert_eq!(counts, Counts { added: 10, ..Counts::default() }, "as if nothing had happened");
    }
    for i in 0..3 {
        let counts = lake.upsert_bars(&[bar("A", i, 500)]).await.unwrap();
        assert_eq!(counts, Counts { restated: 1, ..Counts::default() });
    }
    assert!(proxy.lost.load(Ordering::SeqCst) >= 4, "{:?}", proxy.lost);
    let direct = server.lake("lake");
    assert_eq!(stored(&direct, &["A"]).await.len(), 60);
    assert_eq!(count(&direct.read_rows("restated", &At::Latest).await.unwrap()), 3);
    assert_eq!(direct.version("klines").await.unwrap(), 9, "one version for each, and one that made the table");
}

#[test]
fn an_import_into_a_bucket_survives_kill_9() {
    const TEST: &str = "s3::an_import_into_a_bucket_survives_kill_9";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let work = async |lake: &Lake| {
        let mut import = lake.import("file").await.unwrap();
        import.push(&[bars("A", 0..500), bars("B", 0..500)].concat()).await.unwrap();
        import.push(&[bar("B", 7, 500)]).await.unwrap();
        import.finish().await.unwrap();
    };
    if let Some(place) = child(TEST) {
        println!("at work");
        let (endpoint, url) = place.to_str().unwrap().split_once(' ').unwrap();
        return runtime.block_on(work(&lake(endpoint, url)));
    }
    let Some(server) = Server::start("crash") else { return };
    let place = format!("{} {}", server.endpoint, server.url("lake"));
    let mut after = Duration::from_millis(20);
    let mut kills = 0;
    while !killed(TEST, Path::new(&place), after) {
        (after, kills) = (after * 4 / 3, kills + 1);
        assert!(after < Duration::from_secs(120), "the import never ends");
    }
    eprintln!("imported into a bucket after {kills} kills");
    runtime.block_on(async {
        let lake = server.lake("lake");
        let mut expected = [bars("A", 0..500), bars("B", 0..500)].concat();
        expected[507].close = 500;
        assert!(stored(&lake, &["A", "B"]).await == expected);
    });
}
