//! The archive: a server in the test that serves zips made of the exchange's own files.

use crate::shared;
use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use candleflow_binance::{
    Archive, ArchiveConfig,
    archive::{ArchiveItem, FileReport, FileState, Verified},
};
use candleflow_schema::{Bar, Clock, Interval, Micros, Quarantined, ScaledClock, quarantine::Coverage, time};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex},
};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct Files {
    /// Path to bytes.
    files: BTreeMap<String, Vec<u8>>,
    /// Requests, with whether they were answered 304.
    seen: Vec<(String, u16)>,
    /// Answers 503 so many times.
    failures: usize,
}

type Shared = Arc<Mutex<Files>>;

async fn answer(State(files): State<Shared>, headers: HeaderMap, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let mut files = files.lock().unwrap();
    let body = files.files.get(&path).cloned();
    let etag = body.as_ref().map(|b| format!("\"{}\"", hex(b)));
    let unchanged =
        etag.is_some() && headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) == etag.as_deref();
    let status = if files.failures > 0 {
        files.failures -= 1;
        StatusCode::SERVICE_UNAVAILABLE
    } else if unchanged {
        StatusCode::NOT_MODIFIED
    } else if body.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    files.seen.push((path, status.as_u16()));
    match (status, body, etag) {
        (StatusCode::OK, Some(body), Some(etag)) => (status, [(header::ETAG, etag)], Bytes::from(body)).into_response(),
        (StatusCode::NOT_FOUND, ..) => (status, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
        _ => status.into_response(),
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

struct Server {
    files: Shared,
    url: url::Url,
    cache: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start() -> Self {
        let files = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let app = Router::new().fallback(answer).with_state(files.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { files, url, cache: tempfile::tempdir().unwrap(), task }
    }

    /// Puts a zip of `csv` and its CHECKSUM.
    fn put(&self, folder: &str, name: &str, csv: &str) {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file(format!("{name}.csv"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(csv.as_bytes()).unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        let path = format!("/data/spot/{folder}/{name}.zip");
        let sum = format!("{}  {name}.zip\n", hex(&bytes));
        let mut files = self.files.lock().unwrap();
        files.files.insert(format!("{path}.CHECKSUM"), sum.into_bytes());
        files.files.insert(path, bytes);
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.files.lock().unwrap().files.get_mut(path).unwrap());
    }

    async fn read(&self, interval: &str, from: &str, to: &str, now: &str) -> Read {
        let clock: Arc<dyn Clock> = Arc::new(ScaledClock::new(at(now), 1000.0));
        let config = ArchiveConfig::new(self.url.clone(), self.cache.path().into());
        let archive = Archive::new(config, clock, CancellationToken::new()).unwrap();
        let interval: Interval = interval.parse().unwrap();
        let mut items = archive.read(&"BTCUSDT".into(), interval, at(from), at(to));
        let mut read = Read::default();
        while let Some(item) = items.recv().await {
            match item.unwrap() {
                ArchiveItem::Bars(mut bars) => read.bars.append(&mut bars),
                ArchiveItem::Quarantined(mut bad) => read.bad.append(&mut bad),
                ArchiveItem::File(report) => read.files.push(report),
            }
        }
        read
    }

    fn requests(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut self.files.lock().unwrap().seen)
    }
}

#[derive(Default)]
struct Read {
    bars: Vec<Bar>,
    bad: Vec<Quarantined>,
    files: Vec<FileReport>,
}

impl Read {
    fn states(&self) -> Vec<(String, FileState)> {
        self.files.iter().map(|f| (f.file.name(), f.state.clone())).collect()
    }

    fn coverage(&self) -> Vec<(String, String)> {
        let text = |c: &Coverage| (time::format(c.from), time::format(c.to));
        self.files.iter().flat_map(|f| f.coverage.iter().map(text)).collect()
    }
}

fn at(text: &str) -> Micros {
    time::parse(text).unwrap()
}

/// A whole day of hours in the archive's columns, without the hours in `without`; times in `unit` of a microsecond.
fn day(date: &str, unit: i64, without: &[i64]) -> String {
    let mut csv = String::new();
    for hour in (0..24).filter(|h| !without.contains(h)) {
        let open = at(date) + hour * 3_600_000_000;
        let (open, close) = (open / unit, (open + 3_600_000_000) / unit - 1);
        csv += &format!("{open},1.5,2.5,1.0,2.0,10.00000000,{close},20.0,{},5.0,10.0,0\n", hour + 1);
    }
    csv
}

const DAILY: &str = "daily/klines/BTCUSDT/1h";
const READ: FileState = FileState::Read(Verified::Checksum);

#[tokio::test]
async fn recorded_months_across_the_change_to_microseconds() {
    let server = Server::start().await;
    let mut rows = 0;
    for month in ["2024-11", "2024-12", "2025-01", "2025-02"] {
        let name = format!("BTCUSDT-1h-{month}");
        let Some(csv) = shared::text(&format!("klines_archive_csv/{name}.csv")) else { return };
        rows += csv.lines().count();
        server.put("monthly/klines/BTCUSDT/1h", &name, &csv);
    }
    server.files.lock().unwrap().failures = 2;
    let read = server.read("1h", "2024-10-15", "2025-03-01", "2025-03-20").await;
    assert_eq!((read.bars.len(), read.bad.len()), (rows, 0));
    assert!(read.bars.windows(2).all(|w| w[1].open_time == w[0].time()), "one hour follows the other");
    let first = &read.bars[0];
    assert_eq!(
        (time::format(first.open_time).as_str(), first.interval),
        ("2024-11-01T00:00:00Z", Interval::Fixed(3_600_000_000))
    );
    let december = read.bars.iter().find(|b| b.open_time == at("2024-12-01")).unwrap();
    assert_eq!((december.open, december.close), (9_640_799_000_000, 9_634_060_000_000));
    assert_eq!((december.trades, december.quote_volume), (Some(154_693), Some(5_141_064_879_613_400)));
    assert!(read.bars.iter().all(|b| b.validate().is_ok()));

    let states = read.states();
    assert_eq!(
        states[0],
        ("BTCUSDT-1h-2024-10-15".into(), FileState::NotListed),
        "the days of a month that is not there"
    );
    assert_eq!(states.iter().filter(|(_, s)| *s == FileState::NotListed).count(), 17);
    assert_eq!(
        states[17..].iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
        ["BTCUSDT-1h-2024-11", "BTCUSDT-1h-2024-12", "BTCUSDT-1h-2025-01", "BTCUSDT-1h-2025-02"]
    );
    assert!(states[17..].iter().all(|(_, s)| *s == READ));
    let coverage = read.coverage();
    assert_eq!(coverage.first().map(|c| c.0.as_str()), Some("2024-11-01T00:00:00Z"));
    assert_eq!(coverage.last().map(|c| c.1.as_str()), Some("2025-03-01T00:00:00Z"));
    assert!(coverage.windows(2).all(|w| w[0].1 == w[1].0), "{coverage:?}");
    assert!(read.files[17].contents.days.iter().all(|d| d.is_full()));

    // A part of it, from the cache: old months are not asked for again, the young one only whether it has changed.
    server.requests();
    let part = server.read("1h", "2024-11-15T12:00", "2025-02-10T06:00", "2025-03-20").await;
    assert_eq!(
        (part.bars[0].open_time, part.bars.last().unwrap().time()),
        (at("2024-11-15T12:00"), at("2025-02-10T06:00"))
    );
    assert_eq!(part.coverage().first().map(|c| c.0.as_str()), Some("2024-11-15T12:00:00Z"));
    assert_eq!(part.coverage().last().map(|c| c.1.as_str()), Some("2025-02-10T06:00:00Z"));
    let asked = server.requests();
    assert!(asked.iter().all(|(path, _)| path.contains("2025-02")), "{asked:?}");
    assert!(asked.iter().any(|(path, status)| path.ends_with(".zip") && *status == 304), "{asked:?}");
    let left: Vec<_> = walk(server.cache.path()).into_iter().filter(|p| p.ends_with(".part")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(walk(&path)) } else { out.push(path.display().to_string()) }
    }
    out
}

#[tokio::test]
async fn days_for_the_tail_with_what_is_missing_named() {
    let server = Server::start().await;
    for (date, without) in
        [("2025-03-02", &[][..]), ("2025-03-03", &[3, 4]), ("2025-03-05", &[20, 21, 22, 23]), ("2025-03-06", &[])]
    {
        server.put(DAILY, &format!("BTCUSDT-1h-{date}"), &day(date, 1, without));
    }
    let read = server.read("1h", "2025-03-01", "2025-03-09", "2025-03-08T04:00").await;
    let name = |day: u32| format!("BTCUSDT-1h-2025-03-{day:02}");
    assert_eq!(
        read.states(),
        [
            (name(1), FileState::NotListed),
            (name(2), READ),
            (name(3), READ),
            (name(4), FileState::Missing),
            (name(5), READ),
            (name(6), READ),
        ],
        "the seventh is too young to be there for sure"
    );
    assert_eq!(read.bars.len(), 24 + 22 + 20 + 24);
    let covered: Vec<_> = read.coverage();
    let text = |from: &str, to: &str| (format!("2025-03-{from}:00:00Z"), format!("2025-03-{to}:00:00Z"));
    assert_eq!(
        covered,
        [text("02T00", "03T00"), text("03T00", "04T00"), text("05T00", "05T20"), text("06T00", "07T00")],
        "an hour missing in the middle is the exchange's, at the end it may be the file's"
    );
    let full: Vec<_> =
        read.files.iter().flat_map(|f| &f.contents.days).map(|d| (d.rows, d.is_full(), d.reaches_end())).collect();
    assert_eq!(full, [(24, true, true), (22, false, true), (20, false, false), (24, true, true)]);
}

#[tokio::test]
async fn a_stale_checksum_is_forgiven_when_nothing_is_missing() {
    let server = Server::start().await;
    for (date, without) in [("2025-03-02", &[][..]), ("2025-03-03", &[3])] {
        server.put(DAILY, &format!("BTCUSDT-1h-{date}"), &day(date, 1, without));
        let path = format!("/data/spot/{DAILY}/BTCUSDT-1h-{date}.zip.CHECKSUM");
        server.change(&path, |sum| sum[0] = if sum[0] == b'0' { b'1' } else { b'0' });
    }
    server.put(DAILY, "BTCUSDT-1h-2025-03-04", &day("2025-03-04", 1000, &[]));
    server.files.lock().unwrap().files.remove(&format!("/data/spot/{DAILY}/BTCUSDT-1h-2025-03-04.zip.CHECKSUM"));
    let read = server.read("1h", "2025-03-02", "2025-03-05", "2025-03-08").await;
    let states: Vec<_> = read.states().into_iter().map(|(_, s)| s).collect();
    assert_eq!(states[0], FileState::Read(Verified::Mismatch));
    assert!(matches!(&states[1], FileState::Rejected(why) if why.contains("CHECKSUM")), "{states:?}");
    assert_eq!(states[2], FileState::Read(Verified::Absent));
    assert_eq!((read.bars.len(), read.bad.len()), (48, 1));
    assert_eq!((read.bad[0].source.as_str(), read.bad[0].place), ("BTCUSDT-1h-2025-03-03.zip", 0));
    assert_eq!(read.coverage().len(), 2);
    let fetched = server.requests().into_iter().filter(|(p, _)| p.ends_with("03-02.zip")).count();
    assert_eq!(fetched, 2, "tried once more");
}

#[tokio::test]
async fn bad_rows_and_files_are_quarantined_with_their_place() {
    let server = Server::start().await;
    let good = day("2025-03-02", 1, &[]);
    let mut lines: Vec<_> = good.lines().map(str::to_owned).collect();
    let repeated = lines[4].clone();
    lines.insert(5, repeated);
    lines.insert(0, "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore".into());
    lines[3] = lines[3].replace("1.5,2.5", "1.5,zwei");
    lines.push(lines[10].replace("2.0,10.0", "2.1,10.0"));
    lines.push("1740873600000000,1".into());
    lines.push("1740787200000000,1,1,1,1,1,1740787200000000,1,1,1,1,0".into());
    server.put(DAILY, "BTCUSDT-1h-2025-03-02", &lines.join("\n"));
    server.put(DAILY, "BTCUSDT-1h-2025-03-03", &day("2025-03-03", 1, &[]));
    server.change(&format!("/data/spot/{DAILY}/BTCUSDT-1h-2025-03-03.zip"), |zip| zip.truncate(300));
    let read = server.read("1h", "2025-03-02", "2025-03-04", "2025-03-08").await;
    assert_eq!(read.bars.len(), 23);
    let bad: Vec<_> = read.bad.iter().map(|b| (b.place, b.reason.as_str())).collect();
    assert_eq!(
        bad[..4],
        [
            (4, "column high: 'zwei' is not a decimal number"),
            (27, "the bar is older than the one before it"),
            (28, "2 columns, expected 12"),
            (29, "a bar that opened 2025-03-01T00:00:00Z does not belong into BTCUSDT-1h-2025-03-02"),
        ]
    );
    assert_eq!(bad.len(), 5);
    assert!(bad[4].0 == 0 && bad[4].1.starts_with("the file cannot be read"), "{bad:?}");
    let contents = &read.files[0].contents;
    assert_eq!((contents.rows, contents.repeated, contents.bad), (23, 1, 4));
    assert!(matches!(read.files[1].state, FileState::Rejected(_)));
}

#[tokio::test]
async fn a_young_file_that_was_replaced_is_read_again() {
    let server = Server::start().await;
    let name = "BTCUSDT-1h-2025-03-02";
    server.put(DAILY, name, &day("2025-03-02", 1, &[20, 21, 22, 23]));
    let read = |now| server.read("1h", "2025-03-02", "2025-03-03", now);
    assert_eq!(read("2025-03-05").await.bars.len(), 20);
    server.put(DAILY, name, &day("2025-03-02", 1, &[]));
    let again = read("2025-03-06").await;
    assert_eq!(
        (again.bars.len(), again.coverage()),
        (24, vec![("2025-03-02T00:00:00Z".into(), "2025-03-03T00:00:00Z".into())])
    );
    server.requests();
    server.put(DAILY, name, &day("2025-03-02", 1, &[5]));
    let late = server.read("1h", "2025-03-02", "2025-03-02T10:00", "2025-04-20").await;
    let asked = server.requests();
    assert_eq!(late.bars.len(), 10, "after 45 days it is what it is");
    assert_eq!(asked.len(), 1, "only whether the month is there by now: {asked:?}");
    assert!(asked[0].0.ends_with("monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-03.zip"));
}

#[tokio::test]
async fn a_server_that_fails_for_good_ends_the_reading() {
    let server = Server::start().await;
    server.files.lock().unwrap().failures = 100;
    let clock: Arc<dyn Clock> = Arc::new(ScaledClock::new(at("2025-03-08"), 1000.0));
    let config = ArchiveConfig {
        attempts: 3,
        parallel: 1,
        ..ArchiveConfig::new(server.url.clone(), server.cache.path().into())
    };
    let archive = Archive::new(config, clock, CancellationToken::new()).unwrap();
    let mut items = archive.read(&"BTCUSDT".into(), Interval::M1, at("2025-03-02"), at("2025-03-03"));
    let error = items.recv().await.unwrap().unwrap_err();
    assert!(error.retry() && error.to_string().contains("HTTP 503"), "{error}");
    assert!(items.recv().await.is_none());
    assert_eq!(server.requests().len(), 3);
}
